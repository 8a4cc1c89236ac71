//! How fast a channel's calls may come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::in_u64;
use crate::guest::limits::Limits;

/// The rate, as the generic cell rate algorithm has it: one number, the time at which the channel has used up what it may.
#[derive(Debug)]
pub(super) struct Rate {
    born: Instant,
    /// Nanoseconds after `born`.
    used_until: AtomicU64,
    /// Nanoseconds that one call takes of the rate.
    each: AtomicU64,
    /// Nanoseconds by which `used_until` may be ahead of the clock.
    ahead: AtomicU64,
}

impl Rate {
    /// Lets nothing through so far.
    pub(super) fn new() -> Self {
        let (used_until, each, ahead) = Default::default();
        Self { born: Instant::now(), used_until, each, ahead }
    }

    pub(super) fn set(&self, limits: &Limits) {
        let each = 1_000_000_000 / u64::from(limits.rate.max(1));
        self.each.store(each, Ordering::Relaxed);
        self.ahead.store(each.saturating_mul(u64::from(limits.burst.max(1))), Ordering::Relaxed);
    }

    /// Takes one call's time of the rate, or says how long it is until it may.
    pub(super) fn count(&self, now: Instant) -> Result<(), Duration> {
        let (each, ahead) = (self.each.load(Ordering::Relaxed), self.ahead.load(Ordering::Relaxed));
        let now = in_u64(now.saturating_duration_since(self.born).as_nanos());
        let next = |used_until: u64| {
            let next = used_until.max(now) + each;
            (next <= now.saturating_add(ahead)).then_some(next)
        };
        match self.used_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(_) => Ok(()),
            Err(used_until) => Err(Duration::from_nanos((used_until + each).saturating_sub(now + ahead))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_lets_a_burst_through_and_then_one_at_a_time() {
        let rate = Rate::new();
        rate.each.store(100_000_000, Ordering::Relaxed);
        rate.ahead.store(300_000_000, Ordering::Relaxed);
        let count = |ms| rate.count(rate.born + Duration::from_millis(ms));
        assert_eq!((0..5).filter(|_| count(0).is_ok()).count(), 3);
        assert_eq!(count(50), Err(Duration::from_millis(50)));
        assert_eq!(count(100), Ok(()));
        assert_eq!(count(100), Err(Duration::from_millis(100)));
        assert_eq!((0..20).filter(|_| count(5000).is_ok()).count(), 3);
    }
}
