//! The clocks of guests. Whoever can measure nanoseconds can watch through the processor's caches what its neighbours compute, so they
//! go in steps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use super::pace::nanos;

/// The step.
const STEP: Duration = Duration::from_millis(1);

fn in_steps(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// `wasi:clocks/wall-clock`: the system's, which may be set.
pub(super) struct Wall;

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        STEP
    }

    fn now(&self) -> Duration {
        in_steps(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// `wasi:clocks/monotonic-clock`: the time since it was made, at a guest's first look at anything of WASI's.
pub(super) struct Monotonic(Instant);

impl Monotonic {
    /// A clock that begins now.
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }
}

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        nanos(STEP)
    }

    fn now(&self) -> u64 {
        nanos(in_steps(self.0.elapsed()))
    }
}
