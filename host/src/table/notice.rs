//! One line of the log for many calls that were turned away: a flood of calls must not become a flood of lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two lines of one channel.
const PAUSE: Duration = Duration::from_secs(10);

/// When a channel's calls were last told of, and how many by then. Outlives its releases, as its lane does.
#[derive(Debug)]
pub struct Notice {
    since: Instant,
    /// Milliseconds since `since`.
    next: AtomicU64,
    told: AtomicU64,
}

impl Default for Notice {
    fn default() -> Self {
        Self { since: Instant::now(), next: AtomicU64::new(0), told: AtomicU64::new(0) }
    }
}

impl Notice {
    /// Of `count` calls that were turned away so far, how many are to be told of now; `None` while that has to wait.
    pub fn due(&self, count: u64) -> Option<u64> {
        self.due_at(self.since.elapsed(), count)
    }

    fn due_at(&self, now: Duration, count: u64) -> Option<u64> {
        let in_ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (now, next) = (in_ms(now), self.next.load(Ordering::Relaxed));
        let later = now.saturating_add(in_ms(PAUSE));
        let mine = now >= next && self.next.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let new = if mine { count.saturating_sub(self.told.fetch_max(count, Ordering::Relaxed)) } else { 0 };
        (new > 0).then_some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_of_at_most_every_ten_seconds_and_in_whole() {
        let (notice, at) = (Notice::default(), Duration::from_secs);
        assert_eq!(notice.due_at(at(0), 1), Some(1));
        assert_eq!([notice.due_at(at(0), 2), notice.due_at(at(9), 500)], [None, None]);
        assert_eq!(notice.due_at(at(10), 501), Some(500));
        assert_eq!(notice.due_at(at(30), 501), None, "nothing new");
    }
}
