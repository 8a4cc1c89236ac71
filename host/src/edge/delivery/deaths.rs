//! The lines of the log that tell of dead notifications: one at once, and for those that follow one in a while, so that a burst of
//! deaths is no burst of lines.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Leased;

/// Between two lines about one channel.
const PAUSE: Duration = Duration::from_secs(10);

/// What was said of each channel, and what was not yet. One that is quiet for a pause is forgotten.
#[derive(Debug, Default)]
pub(super) struct Deaths(Mutex<HashMap<String, Untold>>);

#[derive(Debug)]
struct Untold {
    since: Instant,
    deaths: u64,
}

impl Deaths {
    /// Tells of a death that is written down, or keeps it for a later line.
    pub(super) fn tell(&self, leased: &Leased, reason: &str) {
        if self.is_first(&leased.channel, Instant::now()) {
            tracing::error!(
                channel = leased.channel,
                id = leased.id,
                event = leased.event_type,
                entity = leased.entity_id,
                attempts = leased.attempts,
                reason,
                "a notification died; it can be replayed"
            );
        }
    }

    /// Tells of those that were kept for long enough.
    pub(super) fn tell_rest(&self) {
        self.tell_kept(PAUSE);
    }

    /// Tells of all that were kept.
    pub(super) fn tell_all(&self) {
        self.tell_kept(Duration::ZERO);
    }

    fn tell_kept(&self, pause: Duration) {
        for (channel, deaths) in self.rest(Instant::now(), pause) {
            tracing::error!(channel, deaths, "more notifications died; they can be replayed");
        }
    }

    fn is_first(&self, channel: &str, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(untold) = told.get_mut(channel) {
            untold.deaths += 1;
            return false;
        }
        told.insert(channel.to_owned(), Untold { since: now, deaths: 0 });
        true
    }

    fn rest(&self, now: Instant, pause: Duration) -> Vec<(String, u64)> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |untold: &Untold| now.saturating_duration_since(untold.since) >= pause;
        told.retain(|_, untold| untold.deaths > 0 || !is_over(untold));
        let over = told.iter_mut().filter(|(_, untold)| is_over(untold));
        over.map(|(channel, untold)| {
            untold.since = now;
            (channel.clone(), std::mem::take(&mut untold.deaths))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_line_and_then_one_in_a_while_and_none_is_left_out() {
        let (deaths, began) = (Deaths::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        assert!(deaths.is_first("acme", at(0)));
        assert!((0..500).all(|_| !deaths.is_first("acme", at(1))));
        assert!(deaths.is_first("bolt", at(1)), "another channel has its own");
        assert_eq!(deaths.rest(at(9), PAUSE), []);
        assert_eq!(deaths.rest(at(10), PAUSE), [("acme".to_owned(), 500)]);
        assert!(!deaths.is_first("acme", at(12)));
        assert_eq!(deaths.rest(at(19), PAUSE), []);
        assert_eq!(deaths.rest(at(20), PAUSE), [("acme".to_owned(), 1)]);
        assert_eq!(deaths.rest(at(30), PAUSE), []);
        assert!(deaths.is_first("acme", at(31)), "after a quiet while the next is told at once");
        assert_eq!(deaths.0.lock().unwrap().len(), 1, "and nobody is kept in mind for ever");
    }
}
