//! What one input may cost. Time is the thread's own CPU time, so that a busy machine fails nobody.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const TIME: Duration = Duration::from_secs(1);
const MEMORY_KIB: u64 = 256 * 1024;

/// Set by `cargo xtask fuzz`, which runs one target in a process of its own: only there the process's memory is the target's.
pub const MEMORY_VARIABLE: &str = "WHARF_FUZZ_MEMORY";

/// Runs a target on one input.
///
/// # Panics
/// It took more than a second of CPU time, or the process has come to hold more than 256 MiB.
pub fn within_limits<R>(run: impl FnOnce() -> R) -> R {
    let began = cpu_time();
    let result = run();
    let took = cpu_time().saturating_sub(began);
    assert!(took <= TIME, "the input took {took:?} of CPU time; {TIME:?} are allowed");
    if std::env::var_os(MEMORY_VARIABLE).is_some()
        && let Some(peak) = peak_kib()
    {
        assert!(peak <= MEMORY_KIB, "the process held {peak} KiB at its peak; {MEMORY_KIB} are allowed");
    }
    result
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "of CPU time")]
    fn an_input_that_burns_is_a_failure() {
        within_limits(|| while cpu_time() < TIME * 2 {});
    }

    #[test]
    fn what_the_target_gives_comes_back() {
        assert_eq!(within_limits(|| 7), 7);
        assert!(peak_kib().is_none_or(|peak| peak > 100));
    }
}
