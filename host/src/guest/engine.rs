//! The engine: one per process, with the settings that make a fresh instance cheap and a bad guest harmless.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config as EngineConfig, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::imports;
use super::outbound::{Outbound, OutboundError};
use super::state::CallState;
use crate::config::Config;
use crate::store::Store;

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Its settings contradict this machine.
    #[error("failed to start the engine: {0:#}")]
    Engine(wasmtime::Error),
    /// Guests could send nothing.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

impl From<wasmtime::Error> for EngineError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Engine(error)
    }
}

/// The engine, what guests may import from it, and what those imports need.
pub struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<CallState>,
    pub(super) config: Arc<Config>,
    pub(super) store: Store,
    pub(super) outbound: Arc<Outbound>,
    pub(super) slots: tokio::sync::Semaphore,
}

impl Runtime {
    /// Starts the engine and its ticker.
    ///
    /// # Errors
    /// The pool's address space cannot be reserved, or the settings contradict this machine.
    pub fn new(config: Arc<Config>, store: Store) -> Result<Self, EngineError> {
        let slots = config.guest.slots();
        let mut settings = settings(&config);
        settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(&config, slots)));
        let engine = Engine::new(&settings)?;
        let linker = imports::linker(&engine)?;
        start_ticker(&engine, config.guest.tick);
        let outbound = Arc::new(Outbound::new(&config.outbound)?);
        Ok(Self { engine, linker, store, outbound, slots: tokio::sync::Semaphore::new(slots as usize), config })
    }

    /// Says where this node listens, so that no guest connects to it.
    pub fn own_listeners(&self, own: Vec<SocketAddr>) {
        self.outbound.own_listeners(own);
    }

    /// A name for everything that decides whether compiled code fits this engine: its version and its settings.
    pub fn compatibility(&self) -> String {
        compatibility(&self.engine)
    }
}

/// Loads compiled code.
///
/// # Errors
/// The code does not fit this engine.
#[expect(unsafe_code, reason = "wasmtime trusts the bytes of compiled code; the caller has checked their MAC")]
pub(super) fn load(engine: &Engine, compiled: &super::cache::Authenticated) -> wasmtime::Result<Component> {
    // SAFETY: `Authenticated` exists only for a file whose MAC, made with this node's key, was right. The file was
    // written by our own compiler, and lies in a folder that only our user can write.
    unsafe { Component::deserialize_file(engine, compiled.path()) }
}

/// An engine without a pool, which fits into little memory: for compiling, and for trying a component out.
pub(super) fn compiler(config: &Config) -> wasmtime::Result<Engine> {
    Engine::new(&settings(config))
}

pub(super) fn compatibility(engine: &Engine) -> String {
    use std::hash::{Hash, Hasher};
    #[expect(deprecated, reason = "the one hasher of std whose result does not differ from process to process")]
    let mut hasher = std::hash::SipHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The settings that compiled code depends on, and the limits that it carries.
fn settings(config: &Config) -> EngineConfig {
    let mut settings = EngineConfig::new();
    settings
        .epoch_interruption(true)
        .max_wasm_stack(config.guest.stack.len())
        // What is left beside the guest's own stack is for host functions, whose overflow would end the process.
        .async_stack_size(config.guest.stack.len() + 1536 * 1024)
        // The pool reuses stacks: without this a guest could read what an earlier one left there.
        .async_stack_zeroing(true)
        // Proposals that no channel needs; half of the engine's past advisories were about them.
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_tail_call(false)
        .relaxed_simd_deterministic(true);
    settings
}

/// The pool. Measured: without `pagemap_scan` and both `keep_resident`s a fresh instance costs three times as much, since
/// each call then makes several `madvise` calls and page faults; with them it makes one `ioctl`.
fn pool(config: &Config, slots: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        // A std guest has three to four core instances (itself, shims) and two tables.
        .total_core_instances(slots * 4)
        .total_memories(slots)
        .total_tables(slots * 2)
        .total_stacks(slots)
        .max_memory_size(config.guest.memory.len())
        .table_elements(config.guest.table_elements)
        .max_memories_per_component(4)
        .max_tables_per_component(16)
        .max_core_instances_per_component(32)
        // At least the number of hot components, so that their memory images stay mapped.
        .max_unused_warm_slots(slots)
        .linear_memory_keep_resident(512 * 1024)
        .table_keep_resident(64 * 1024)
        .async_stack_keep_resident(64 * 1024)
        // Linux 6.7 has it; `Auto` asks the kernel.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// One thread moves the epoch, until the engine is gone.
fn start_ticker(engine: &Engine, tick: Duration) {
    let engine = engine.weak();
    let ticker = std::thread::Builder::new().name("ticker".to_owned());
    let started = ticker.spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            #[expect(clippy::disallowed_methods, reason = "this thread does nothing but wait")]
            std::thread::sleep(tick);
        }
    });
    if let Err(error) = started {
        tracing::error!(%error, "no ticker thread: deadlines hold only where guests wait");
    }
}
