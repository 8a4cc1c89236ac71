//! The queue's clock: it follows the system's, but when that is set, it neither jumps nor turns back.
//!
//! Leases, pauses and windows are promises of a length of time. A system clock that is put forward by an hour would end all of
//! them at once, and one that is put back would hold them up; here both are made up for little by little.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Timestamp;

/// It goes faster or slower by one part in so many to catch up: half of what the pauses vary by anyway. An hour is made up for
/// within ten.
const PART: i64 = 10;

/// Nanoseconds since 1970 (UTC), and when that was so.
pub(super) struct Clock(Mutex<(Instant, i64)>);

impl Clock {
    /// The system's time, from now on at its own pace.
    pub(super) fn start() -> Self {
        Self(Mutex::new((Instant::now(), system())))
    }

    pub(super) fn now(&self) -> Timestamp {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        *shown = (now, next(shown.1, now.saturating_duration_since(shown.0), system()));
        Timestamp(shown.1 / 1_000_000)
    }
}

/// What is shown after `elapsed` beyond `shown`, while the system's clock says `system`.
fn next(shown: i64, elapsed: Duration, system: i64) -> i64 {
    let elapsed = nanos(elapsed);
    let straight = shown.saturating_add(elapsed);
    let most = elapsed / PART;
    straight.saturating_add(system.saturating_sub(straight).clamp(-most, most))
}

fn system() -> i64 {
    nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000_000_000;
    const MINUTE: Duration = Duration::from_mins(1);

    /// What is shown each minute for so many minutes, while the system's clock is off by `offset` of it.
    fn minutes(count: u32, offset: i64) -> Vec<i64> {
        let mut shown = START;
        let each = |minute| {
            shown = next(shown, MINUTE, START + nanos(MINUTE * minute) + offset);
            shown
        };
        (1..=count).map(each).collect()
    }

    #[test]
    fn it_follows_a_clock_that_goes_right() {
        assert_eq!(minutes(3, 0), [1, 2, 3].map(|minute| START + nanos(MINUTE * minute)));
        let late = Duration::from_millis(40);
        assert_eq!(minutes(1, nanos(late)), [START + nanos(MINUTE + late)], "a small difference is gone at once");
    }

    #[test]
    fn an_hour_forward_or_back_makes_no_minute_longer_or_shorter_than_a_tenth() {
        for offset in [nanos(MINUTE * 60), -nanos(MINUTE * 60)] {
            let shown = minutes(800, offset);
            for pair in shown.windows(2) {
                let minute = pair[1] - pair[0];
                assert!((54_000_000_000..=66_000_000_000).contains(&minute), "{minute} ns with {offset}");
            }
            assert_eq!(*shown.last().unwrap(), START + nanos(MINUTE * 800) + offset, "and in the end it has caught up");
        }
    }

    #[test]
    fn it_never_turns_back() {
        let clock = Clock::start();
        let times: Vec<_> = (0..1000).map(|_| clock.now()).collect();
        assert!(times.is_sorted());
        assert!(Timestamp::now().0.abs_diff(clock.now().0) < 1000);
    }
}
