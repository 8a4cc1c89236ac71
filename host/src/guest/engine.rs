//! The engine: one per process, with the settings that make a fresh instance cheap and a bad guest harmless.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config as EngineConfig, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures,
};

use super::idle::{Abandoned, Carried, IdleLane};
use super::imports;
use super::limits::Limits;
use super::outbound::{Outbound, OutboundError};
use super::pace::Pace;
use super::state::CallState;
use crate::config::Config;
use crate::store::{LimitOverrides, Store};

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

/// Processors that this process may use. They are counted once: to ask takes some system calls.
pub(super) static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// So much less than a tick, which bounds what a guest computes in one go, may be a piece of work that nothing interrupts. Measured
/// beside 250 answers of 256 KiB a second, on one processor: the p99 of a neighbour was 2.8 times that in quiet with whole ticks and
/// whole answers, and 1.3 to 1.6 times with this and with answers in pieces.
const PIECES: u32 = 8;

/// The engine, what guests may import from it, and what those imports need.
pub struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<CallState>,
    pub(super) config: Arc<Config>,
    pub(super) store: Store,
    pub(super) outbound: Arc<Outbound>,
    pub(super) slots: tokio::sync::Semaphore,
    /// How many there are when none is taken.
    size: u32,
    pub(super) idle: Arc<IdleLane>,
    /// What a call may compute and then go on with what nothing interrupts.
    pub(super) piece: Duration,
    /// What a channel may use of the edge's threads before the others have their turn: a piece of each, one for each processor.
    pub(super) turn: Duration,
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
        let idle = Arc::new(IdleLane::start(config.guest.idle_threads).map_err(wasmtime::Error::from)?);
        let places = tokio::sync::Semaphore::new(slots as usize);
        let piece = config.guest.tick / PIECES;
        let turn = piece * u32::try_from(*PROCESSORS).unwrap_or(u32::MAX);
        Ok(Self { engine, linker, store, outbound, slots: places, size: slots, idle, piece, turn, config })
    }

    /// What a release may use, with what its operator gave the channel and what the release asks for.
    pub fn limits(&self, channel: &LimitOverrides, release: &LimitOverrides) -> Limits {
        Limits::of(&self.config, self.size, channel, release)
    }

    /// Waits until no guest runs, or until `patience` is over; whether none runs.
    pub async fn is_done_within(&self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.slots.acquire_many(self.size)).await.is_ok()
    }

    /// Instances that may live at the same time.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Work of a call that goes on with idle priority once the call has used up its first slice.
    pub fn carry<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        pace: Arc<Pace>,
        abandoned: Abandoned,
    ) -> Carried<T> {
        Carried::new(work, &self.idle, pace, abandoned)
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

/// Proposals that no channel needs; half of the engine's past advisories were about them. Some of them are not even compiled in.
const UNWANTED: WasmFeatures = WasmFeatures::THREADS
    .union(WasmFeatures::SHARED_EVERYTHING_THREADS)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::STACK_SWITCHING)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::CM_ASYNC)
    .union(WasmFeatures::CM_ASYNC_STACKFUL)
    .union(WasmFeatures::CM_MORE_ASYNC_BUILTINS)
    .union(WasmFeatures::CM_THREADING)
    .union(WasmFeatures::CM_ERROR_CONTEXT)
    .union(WasmFeatures::CM_GC)
    .union(WasmFeatures::CM_FIXED_LENGTH_LISTS)
    .union(WasmFeatures::CM64);

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
        // Frames for the author of a component; a caller never sees one.
        .wasm_backtrace_max_frames(NonZeroUsize::new(20))
        .wasm_features(UNWANTED, false)
        .relaxed_simd_deterministic(true);
    settings
}

/// The pool. Measured: without `pagemap_scan` and both `keep_resident`s a fresh instance costs three times as much, since
/// each call then makes several `madvise` calls and page faults; with them it makes one `ioctl`.
fn pool(config: &Config, slots: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let guest = &config.guest;
    // As many of each as all instances together may have: else a component with many of them would leave its neighbours none.
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(guest.core_instances))
        .total_memories(slots.saturating_mul(guest.memories))
        .total_tables(slots.saturating_mul(guest.tables))
        .total_stacks(slots)
        .max_memory_size(guest.largest_memory.max(guest.memory).len())
        .table_elements(guest.table_elements)
        .max_memories_per_component(guest.memories)
        .max_tables_per_component(guest.tables)
        // Whichever of its modules has them: the engine's default is one of each.
        .max_memories_per_module(guest.memories)
        .max_tables_per_module(guest.tables)
        .max_core_instances_per_component(guest.core_instances)
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
