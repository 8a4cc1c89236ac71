//! What becomes of a notification after an attempt, and how that is written down.

use std::time::Duration;

use crate::config::Queue;
use crate::guest::Fault;
use crate::store::{Leased, Store, StoreError, Timestamp};

/// What becomes of a notification after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    Again(Duration, String),
    /// The attempt was broken off by a swap: it stays in the history, and does not count.
    Interrupted(Duration, String),
    /// Nobody was asked, so that the attempt does not count.
    Later(Duration),
    Dead(String),
}

/// A notification for which there is no place, or whose component was just replaced, waits this long for the next try.
const BUSY: Duration = Duration::from_secs(1);

/// One whose release is not there although it should be waits this long.
const ABSENT: Duration = Duration::from_secs(5);

/// Whether there were more attempts than the schedule has, so that nobody is asked any more.
pub(super) fn worn_out(queue: &Queue, leased: &Leased) -> Option<Fate> {
    // Attempts that nobody lived to record: it may well be what brings the node down.
    let most = queue.schedule.len();
    let worn_out = usize::try_from(leased.attempts).unwrap_or(usize::MAX) > most;
    worn_out.then(|| Fate::Dead("its last attempt did not end, and the schedule has no other".to_owned()))
}

/// When an attempt failed: again on the schedule, or never.
pub(super) fn of(queue: &Queue, leased: &Leased, fault: &Fault) -> Fate {
    let reason = fault.to_string();
    match fault {
        Fault::Refused(_) | Fault::NotImplemented(_) => return Fate::Dead(reason),
        Fault::Resting(seconds) => return Fate::Later(Duration::from_secs(u64::from(*seconds))),
        Fault::Busy(_) | Fault::Rate(_) => return Fate::Later(BUSY),
        Fault::NoRelease => return Fate::Later(ABSENT),
        Fault::Replaced(_) => return Fate::Interrupted(BUSY, reason),
        _ => {}
    }
    // The schedule has the pause before each attempt; the first one is done.
    let next = usize::try_from(leased.attempts).unwrap_or(usize::MAX);
    match queue.schedule.get(next) {
        None => Fate::Dead(reason),
        Some(pause) => {
            let pause = match fault {
                Fault::RetryLater(Some(seconds)) => {
                    let wish = Duration::from_secs(u64::from(*seconds));
                    wish.clamp(queue.shortest_wish, queue.longest_wish)
                }
                _ => jittered(*pause, queue.jitter),
            };
            Fate::Again(pause, reason)
        }
    }
}

impl Fate {
    /// Writes it down, as of `now`. Fails with `NotLeased` when the lease was lost: whoever has it now decides.
    pub(super) async fn settle(&self, store: &Store, leased: &Leased, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Done => store.finish(leased, now).await,
            Self::Again(after, reason) => store.retry(leased, now, now.after(*after), reason).await,
            Self::Interrupted(after, reason) => store.interrupt(leased, now, now.after(*after), reason).await,
            Self::Later(after) => store.postpone(leased, now.after(*after)).await,
            Self::Dead(reason) => store.bury(leased, now, reason).await,
        }
    }
}

/// Varies a pause by up to this share, so that what failed together does not come back together.
pub(in crate::edge) fn jittered(pause: Duration, share: f64) -> Duration {
    let mut bytes = [0_u8; 4];
    let _ = getrandom::fill(&mut bytes);
    let swing = 2.0 * f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX) - 1.0;
    pause.mul_f64((1.0 + swing * share).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_pause_varies_within_its_share() {
        for _ in 0..200 {
            let pause = jittered(Duration::from_secs(100), 0.2);
            assert!((80.0..=120.0).contains(&pause.as_secs_f64()), "{pause:?}");
        }
        assert_eq!(jittered(Duration::ZERO, 0.2), Duration::ZERO);
    }

    fn leased(attempts: u32) -> Leased {
        Leased {
            id: "01".into(),
            channel: "acme".into(),
            event_type: "document.cancellation".into(),
            entity_type_id: None,
            entity_id: None,
            body: String::new(),
            attempts,
            number: attempts,
        }
    }

    #[test]
    fn a_component_may_wish_for_a_pause_within_what_is_configured() {
        let queue = Config::default().queue;
        for (wish, pause) in [(0, 1), (1, 1), (7, 7), (86_400, 86_400), (86_401, 86_400), (u32::MAX, 86_400)] {
            let fate = of(&queue, &leased(1), &Fault::RetryLater(Some(wish)));
            let Fate::Again(found, _) = fate else { panic!("{fate:?}") };
            assert_eq!(found, Duration::from_secs(pause), "a wish for {wish} s");
        }
        let last = leased(u32::try_from(queue.schedule.len()).unwrap());
        assert!(
            matches!(of(&queue, &last, &Fault::RetryLater(Some(1))), Fate::Dead(_)),
            "a wish is no way around the end"
        );
    }

    #[test]
    fn what_is_no_ones_failure_does_not_count() {
        let (queue, last) = (Config::default().queue, leased(10));
        for fault in [Fault::Busy("call.queue"), Fault::NoRelease, Fault::Resting(300), Fault::Rate(1)] {
            assert!(matches!(of(&queue, &last, &fault), Fate::Later(_)), "{fault:?}");
        }
        assert!(matches!(of(&queue, &last, &Fault::Replaced(Duration::ZERO)), Fate::Interrupted(..)));
        assert!(matches!(of(&queue, &last, &Fault::Trap("x".into())), Fate::Dead(_)));
        assert_eq!(worn_out(&queue, &last), None);
        assert!(matches!(worn_out(&queue, &leased(11)), Some(Fate::Dead(_))));
    }
}
