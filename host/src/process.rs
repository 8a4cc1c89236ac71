//! What the operating system lets this process do: no core dumps, no new privileges, and as many files as its connections need.
//!
//! A panic in a host import ends its call and not the node, which wants unwinding: a build that aborts instead is refused.

#[cfg(panic = "abort")]
compile_error!("wharf contains the panics of a call by unwinding: build it with panic = \"unwind\"");

pub mod memory;

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open beside the edge's connections: the store, the engine, the admin API, and what guests reach.
const BESIDE: u64 = 512;

/// Why the process could not be restricted.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing}: {source}")]
pub struct ProcessError {
    doing: &'static str,
    source: io::Error,
}

/// A restricted process, which is not sealed yet.
#[must_use = "a process is sealed once its engine runs"]
#[derive(Debug)]
pub struct Restricted {
    dumpable: bool,
}

/// Restricts this process, and says in the log what holds now. Called before any thread is started, because privileges are
/// a thread's, and threads inherit them. `connections` is how many the edge takes.
///
/// # Errors
/// The system refuses.
pub fn restrict(dumpable: bool, connections: usize) -> Result<Restricted, ProcessError> {
    forbid_privileges()?;
    forbid_huge_pages();
    if !dumpable {
        forbid_core_files()?;
    }
    let needed = connections as u64 + BESIDE;
    let files = raise_open_files(needed)?;
    if files < needed {
        tracing::warn!(
            open_files = files,
            needed,
            "the limit of open files is too low for edge.connections: raise it (ulimit -Hn, LimitNOFILE) or lower the key"
        );
    }
    tracing::info!(dumpable, open_files = files, no_new_privileges = cfg!(target_os = "linux"), "process limits");
    Ok(Restricted { dumpable })
}

impl Restricted {
    /// Closes the process's memory to dumps and to other processes of its user, unless it is to be dumpable. The engine must
    /// run by now: it opens `/proc/self/pagemap`, which belongs to root from here on, and without it each call costs thrice as much.
    ///
    /// # Errors
    /// The system refuses.
    pub fn seal(self) -> Result<(), ProcessError> {
        if self.dumpable { Ok(()) } else { forbid_tracing() }
    }
}

/// No core file, and no dump by a handler that the system pipes dumps to, which asks for the one flag and not for the limit.
///
/// # Errors
/// The system refuses.
pub fn forbid_dumps() -> Result<(), ProcessError> {
    forbid_core_files()?;
    forbid_tracing()
}

/// Programs that this thread starts, and threads, never have more privileges than it.
///
/// # Errors
/// The system refuses.
pub fn forbid_privileges() -> Result<(), ProcessError> {
    #[cfg(target_os = "linux")]
    rustix::thread::set_no_new_privs(true).map_err(failed("give up new privileges"))?;
    Ok(())
}

/// The allocator asks for pages of 2 MiB, and the kernel clears one at its first touch, in which nothing interrupts it. Measured
/// beside 500 answers of 1 MiB that nobody reads: the p99 of another channel is 35 ms with them, 25 ms without; beside 2,500
/// connections that send slowly, 3.8 ms and 2.2 ms.
fn forbid_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::warn!(%error, "cannot do without huge pages: the slowest calls may be slower");
    }
}

fn forbid_core_files() -> Result<(), ProcessError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(failed("forbid core dumps"))
}

fn forbid_tracing() -> Result<(), ProcessError> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(failed("make the process not dumpable"))?;
    Ok(())
}

/// Raises the soft limit of open files to `needed`, if the hard one allows; gives what it is then.
fn raise_open_files(needed: u64) -> Result<u64, ProcessError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (current, most) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    if current >= needed {
        return Ok(current);
    }
    let raised = needed.min(most);
    setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum })
        .map_err(failed("raise the limit of open files"))?;
    Ok(raised)
}

fn failed(doing: &'static str) -> impl FnOnce(rustix::io::Errno) -> ProcessError {
    move |source| ProcessError { doing, source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_raised_as_far_as_the_hard_limit_and_never_lowered() {
        let before = getrlimit(Resource::Nofile);
        let (soft, hard) = (before.current.unwrap(), before.maximum.unwrap_or(u64::MAX));
        assert_eq!(raise_open_files(1).unwrap(), soft);
        let wanted = (soft + 1).min(hard);
        assert_eq!(raise_open_files(wanted).unwrap(), wanted);
        assert_eq!(getrlimit(Resource::Nofile).current, Some(wanted));
    }

    #[test]
    fn every_profile_of_the_program_unwinds() {
        let text = include_str!("../../Cargo.toml");
        let manifest: toml::Table = text.parse().unwrap();
        let profile = |name: &str| manifest["profile"].get(name).and_then(|profile| profile.get("panic")).cloned();
        assert_eq!(profile("release").and_then(|panic| panic.as_str().map(str::to_owned)).as_deref(), Some("unwind"));
        // Unwinding is what cargo does unless it is told otherwise; `dist` inherits from `release`.
        assert_eq!((profile("dev"), profile("dist"), profile("test")), (None, None, None));
    }
}
