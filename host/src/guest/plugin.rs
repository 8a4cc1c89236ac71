//! Loaded components, shared by all channels that run the same one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};

use super::cache::{Authenticated, Cache, CompileError};
use super::cause::{Cause, one_line};
use super::engine::{self, Runtime};
use super::exports::{ContractError, Exports};
use super::imports;
use super::state::CallState;
use crate::config::Config;
use crate::store::{Digest, Store, StoreError, random};

/// A component, ready to be instantiated: linked, its functions found and their types checked.
pub struct Plugin {
    /// Which component it is.
    pub digest: Digest,
    pub(super) pre: InstancePre<CallState>,
    pub(super) exports: Exports,
}

impl Plugin {
    fn load(
        engine: &Engine,
        linker: &Linker<CallState>,
        digest: Digest,
        compiled: &Authenticated,
    ) -> Result<Self, LoadError> {
        let component = engine::load(engine, compiled).map_err(|error| not_taken(digest, &format!("{error:#}")))?;
        let pre = linker.instantiate_pre(&component).map_err(|error| unlinked(digest, &format!("{error:#}")))?;
        let exports = Exports::resolve(&pre)?;
        Ok(Self { digest, pre, exports })
    }
}

/// Compiles and loads a component as a node would, and keeps nothing of it but what it leaves in the folder `scratch`.
///
/// # Errors
/// What a node would say to it.
pub async fn try_out(
    config: &Config,
    config_file: Option<&Path>,
    digest: Digest,
    component: &Path,
    scratch: &Path,
) -> Result<(), LoadError> {
    let refused = |error: wasmtime::Error| not_taken(digest, &format!("{error:#}"));
    let engine = engine::compiler(config).map_err(refused)?;
    let linker = imports::linker(&engine).map_err(refused)?;
    let cache = Cache::open(scratch.to_owned(), random()?, engine::compatibility(&engine))?;
    let compiled = cache.compile(config_file, config, &digest, component).await?;
    Plugin::load(&engine, &linker, digest, &compiled).map(|_| ())
}

/// Why a component cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It is not what the contract says.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// Its bytes are gone or spoilt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine does not take it.
    #[error("the engine does not take the component: {0}")]
    Engine(&'static str),
}

/// All loaded components by digest. A component that no release uses any more is dropped with its last user.
pub struct Plugins {
    runtime: Arc<Runtime>,
    cache: Cache,
    config_file: Option<PathBuf>,
    loaded: Mutex<HashMap<Digest, Weak<Plugin>>>,
}

impl Plugins {
    /// Opens the compile cache in `folder`. `config_file` is what the compiling child reads its limits from.
    ///
    /// # Errors
    /// The cache cannot be opened.
    pub fn open(runtime: Arc<Runtime>, folder: PathBuf, config_file: Option<PathBuf>) -> Result<Self, CompileError> {
        let cache = Cache::open(folder, runtime.store.key_for("compiled code"), runtime.compatibility())?;
        Ok(Self { runtime, cache, config_file, loaded: Mutex::new(HashMap::new()) })
    }

    /// The component with this digest: loaded already, or from the cache, or compiled now.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn get(&self, store: &Store, digest: &Digest) -> Result<Arc<Plugin>, LoadError> {
        if let Some(plugin) = self.loaded().get(digest).and_then(Weak::upgrade) {
            return Ok(plugin);
        }
        let compiled = if let Some(compiled) = self.cache.find(digest) {
            compiled
        } else {
            // Reading verifies the digest: what is compiled is what was admitted.
            store.component(*digest)?;
            let component = store.component_path(*digest);
            self.cache.compile(self.config_file.as_deref(), &self.runtime.config, digest, &component).await?
        };
        let plugin = Arc::new(Plugin::load(&self.runtime.engine, &self.runtime.linker, *digest, &compiled)?);
        let mut loaded = self.loaded();
        // Another deploy of the same component may have been faster; its code must not lie in memory twice.
        if let Some(first) = loaded.get(digest).and_then(Weak::upgrade) {
            return Ok(first);
        }
        loaded.retain(|_, plugin| plugin.strong_count() > 0);
        loaded.insert(*digest, Arc::downgrade(&plugin));
        Ok(plugin)
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Weak<Plugin>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The linker says "component imports instance `NAME`, but" and goes on about itself; only the name is for people.
fn unlinked(digest: Digest, error: &str) -> LoadError {
    match error.strip_prefix("component imports").and_then(|rest| rest.split('`').nth(1)) {
        Some(name) => {
            tracing::info!(%digest, cause = %one_line(error), "a component does not link");
            ContractError::Import(name.to_owned()).into()
        }
        None => not_taken(digest, error),
    }
}

fn not_taken(digest: Digest, error: &str) -> LoadError {
    tracing::info!(%digest, cause = %one_line(error), "a component does not load");
    LoadError::Engine(Cause::of(error).of_loading())
}
