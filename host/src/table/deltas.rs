//! How the looking at a channel's list of notifications goes: what the poller leaves here, and administrators are shown.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::store::Timestamp;

/// A channel's list of notifications, as far as it is looked at.
#[derive(Debug, Default)]
pub struct Deltas {
    /// Between two looks; `None` = nobody looks.
    pub pause: Option<Duration>,
    /// How they go.
    pub polling: Arc<Polling>,
}

/// The looks at one channel's list. Outlives its releases, as its lane does.
#[derive(Debug, Default)]
pub struct Polling {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether somebody looks now.
    running: bool,
    /// When to look next; `None` = nobody has thought of it yet.
    due: Option<Instant>,
    /// Failures since the last success.
    failures: u32,
    /// When the last look began that came to the list's end.
    reached: Option<Timestamp>,
    polled: Polled,
}

/// What came of the looks since the node's start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Polled {
    /// When the last one ended.
    pub polled: Option<Timestamp>,
    /// Why the last one failed.
    pub error: Option<String>,
    /// How many there were.
    pub polls: u64,
    /// How many of them failed.
    pub errors: u64,
    /// Notifications that no webhook had brought, and were queued.
    pub taken: u64,
    /// Notifications that were known.
    pub duplicates: u64,
    /// Items that are none that nobody waits for, or cannot be read.
    pub skipped: u64,
}

/// How a look ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// At the list's end.
    Whole,
    /// With more to come.
    Part,
    /// There is no list to look at, for this reason.
    Nothing(&'static str),
    /// It failed.
    Failed(String),
}

impl Polling {
    /// Since when it has been time for a look; `None` when it is not time, or somebody looks. The first one is due after `first`.
    pub fn due(&self, now: Instant, first: impl FnOnce() -> Duration) -> Option<Instant> {
        let mut state = self.state();
        let due = *state.due.get_or_insert_with(|| now + first());
        (due <= now && !state.running).then_some(due)
    }

    /// Begins a look.
    pub fn begin(self: &Arc<Self>) -> Turn {
        self.state().running = true;
        Turn { polling: Arc::clone(self) }
    }

    /// What came of the looks so far.
    pub fn polled(&self) -> Polled {
        self.state().polled.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look that is under way. It ends when this is dropped.
pub struct Turn {
    polling: Arc<Polling>,
}

impl Turn {
    /// When the last look began that came to the list's end.
    pub fn reached(&self) -> Option<Timestamp> {
        self.polling.state().reached
    }

    /// Counts what was taken.
    pub fn took(&self, taken: u64, duplicates: u64, skipped: u64) {
        let polled = &mut self.polling.state().polled;
        polled.taken += taken;
        polled.duplicates += duplicates;
        polled.skipped += skipped;
    }

    /// Says how the look ended that began at `began`; `pause` gives the time to the next one for a number of failures in a row.
    pub fn end(self, began: Timestamp, look: Look, pause: impl FnOnce(u32) -> Duration) {
        let mut state = self.polling.state();
        state.polled.polled = Some(Timestamp::now());
        state.polled.polls += u64::from(!matches!(look, Look::Nothing(_)));
        state.failures = if matches!(look, Look::Failed(_)) { state.failures.saturating_add(1) } else { 0 };
        if look == Look::Whole {
            state.reached = Some(began);
        }
        state.polled.error = match look {
            Look::Whole | Look::Part => None,
            Look::Nothing(why) => Some(why.to_owned()),
            Look::Failed(why) => {
                state.polled.errors += 1;
                Some(why)
            }
        };
        state.due = Some(Instant::now() + pause(state.failures));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.polling.state().running = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_look_at_a_time_and_each_in_its_time() {
        let (polling, now) = (Arc::<Polling>::default(), Instant::now());
        assert_eq!(polling.due(now, || SECOND), None);
        assert_eq!(polling.due(now + SECOND, || Duration::ZERO), Some(now + SECOND), "as it was planned at first");
        let turn = polling.begin();
        assert_eq!(polling.due(now + SECOND, || SECOND), None, "somebody looks");
        drop(turn);
        assert!(polling.due(now + SECOND, || SECOND).is_some(), "one that was broken off is due again");
        polling.begin().end(Timestamp(5), Look::Whole, |failures| SECOND * (60 + failures));
        assert_eq!(polling.due(now + SECOND, || SECOND), None);
        assert!(polling.due(Instant::now() + 61 * SECOND, || SECOND).is_some());
        assert_eq!(polling.begin().reached(), Some(Timestamp(5)));
    }

    #[test]
    fn failures_are_counted_in_a_row_and_told_until_one_goes_well() {
        let polling = Arc::<Polling>::default();
        let end = |look| {
            let mut seen = 0;
            polling.begin().end(Timestamp(9), look, |failures| {
                seen = failures;
                SECOND
            });
            seen
        };
        let failed = || Look::Failed("no".to_owned());
        assert_eq!([end(failed()), end(failed()), end(Look::Part), end(failed())], [1, 2, 0, 1]);
        assert_eq!((polling.polled().error.as_deref(), polling.polled().errors), (Some("no"), 3));
        assert_eq!(end(Look::Nothing("there is none")), 0);
        let polled = polling.polled();
        assert_eq!((polled.error.as_deref(), polled.polls, polled.errors), (Some("there is none"), 4, 3));
        polling.begin().took(2, 3, 4);
        assert_eq!((end(Look::Whole), polling.polled().error, polling.polled().taken), (0, None, 2));
        assert_eq!(polling.begin().reached(), Some(Timestamp(9)));
    }
}
