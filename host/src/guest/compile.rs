//! Compiling, in a process of its own.
//!
//! Cranelift can be made to use unbounded time and memory by a component written for it; its authors do not count that as
//! a vulnerability. So the serving process never compiles: it starts itself as `wharf compile`, which limits itself first.

use std::path::Path;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::engine;
use crate::config::Config;

/// What the child prints: the compatibility of the engine that compiled.
///
/// # Errors
/// The limits cannot be set, the file cannot be read or written, or it does not compile.
pub fn run(config: &Config, component: &Path, compiled: &Path) -> anyhow::Result<String> {
    limit_self(config)?;
    let engine = engine::compiler(config)?;
    let bytes = std::fs::read(component)?;
    let code = engine.precompile_component(&bytes)?;
    std::fs::write(compiled, code)?;
    Ok(engine::compatibility(&engine))
}

/// Takes away everything that compiling does not need. `Data` counts what is written to, not address space that is only reserved.
fn limit_self(config: &Config) -> anyhow::Result<()> {
    let seconds = config.compile.time.as_secs().max(1);
    let to = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::Data, to(config.compile.memory.0))?;
    setrlimit(Resource::Cpu, to(seconds))?;
    setrlimit(Resource::Core, to(0))?;
    Ok(())
}
