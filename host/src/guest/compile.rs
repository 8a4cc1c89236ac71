//! Compiling, in a process of its own.
//!
//! Cranelift can be made to use unbounded time and memory by a component written for it; its authors do not count that as
//! a vulnerability. So the serving process never compiles: it starts itself as `wharf compile`, which limits itself first and
//! gives way to traffic. It has one thread: the engine is built without parallel compilation, which would take every core.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use rustix::process::{Resource, Rlimit, nice, setrlimit};

use super::cause::one_line;
use super::engine;
use crate::config::Config;
use crate::process;

/// The standard streams, the component, its code, and what the program itself opens for a moment.
const OPEN_FILES: u64 = 32;

/// How the child ended that did not break down: one line on its stdout.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Compiled, by an engine of this compatibility.
    Compiled(String),
    /// The compiler says no, in its own words.
    Refused(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compiled(compatibility) => write!(f, "compiled {compatibility}"),
            Self::Refused(cause) => write!(f, "refused {cause}"),
        }
    }
}

impl FromStr for Verdict {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().split_once(' ') {
            Some(("compiled", compatibility)) => Ok(Self::Compiled(compatibility.to_owned())),
            Some(("refused", cause)) => Ok(Self::Refused(cause.to_owned())),
            _ => Err(format!("the compiler gave no verdict but {text:?}")),
        }
    }
}

/// What the child does.
///
/// # Errors
/// The limits cannot be set, or a file cannot be read or written: not the component's fault.
pub fn run(config: &Config, component: &Path, compiled: &Path) -> anyhow::Result<Verdict> {
    limit_self(config)?;
    let engine = engine::compiler(config)?;
    let bytes = std::fs::read(component)?;
    let code = match engine.precompile_component(&bytes) {
        Ok(code) => code,
        Err(error) => return Ok(Verdict::Refused(one_line(&format!("{error:#}")))),
    };
    std::fs::write(compiled, code)?;
    Ok(Verdict::Compiled(engine::compatibility(&engine)))
}

/// Takes away everything that compiling does not need. `Data` counts what is written to, not address space that is only reserved.
fn limit_self(config: &Config) -> anyhow::Result<()> {
    // Measured with calls that fill both of two cores: beside it 9 % fewer of them are answered, with the same median time;
    // at the usual priority it is 25 % fewer, a third slower. On an idle core it has all of it either way.
    nice(19)?;
    // A server that is killed cannot kill its child.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let seconds = config.compile.time.as_secs().max(1);
    let to = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::Data, to(config.compile.memory.0))?;
    setrlimit(Resource::Cpu, to(seconds))?;
    // What it writes is one file of code, which is smaller than the memory that it was made in.
    setrlimit(Resource::Fsize, to(config.compile.memory.0))?;
    setrlimit(Resource::Nofile, to(OPEN_FILES))?;
    process::forbid_dumps()?;
    process::forbid_privileges()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_as_it_was_written() {
        for verdict in [Verdict::Compiled("0af3".to_owned()), Verdict::Refused("no: such type".to_owned())] {
            assert_eq!(verdict.to_string().parse(), Ok(verdict));
        }
        assert!("".parse::<Verdict>().is_err() && "0af3".parse::<Verdict>().is_err());
    }
}
