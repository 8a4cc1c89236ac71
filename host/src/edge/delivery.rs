//! Notifications that nobody waits for: taken from the queue, tried on a schedule, buried when the schedule ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wharf_protocol::notification::EventKind;

use super::origin::Arrival;
use super::problem::Problem;
use super::{Edge, Outcome, Ticket};
use crate::call::{self, Failed};
use crate::guest::{Abandoned, Body, Fault, Pace};
use crate::store::{Leased, Timestamp};
use crate::table::Work;

/// The workers of one node.
pub struct Delivery {
    edge: Arc<Edge>,
    places: Arc<Semaphore>,
    workers: usize,
}

/// What becomes of a notification after an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Done,
    Again(Duration, String),
    /// Nobody was asked, so that the attempt does not count.
    Later(Duration),
    Dead(String),
}

/// A node that finds nothing due looks again after this long, should a wake-up have been missed.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A channel that has its share of the workers is looked at again after this long.
const TURN: Duration = Duration::from_millis(200);

/// A notification for which there is no place waits this long for the next try.
const BUSY: Duration = Duration::from_secs(1);

impl Delivery {
    /// Workers over an edge.
    pub fn new(edge: Arc<Edge>) -> Self {
        let workers = edge.config.queue.workers;
        Self { edge, places: Arc::new(Semaphore::new(workers)), workers }
    }

    /// Delivers until `stop`, then waits for the attempts under way.
    pub async fn run(self, stop: CancellationToken) {
        let mut arrivals = self.edge.store.watch_queue();
        while !stop.is_cancelled() {
            let taken = match self.take().await {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::error!(%error, "the queue cannot be read");
                    0
                }
            };
            if taken > 0 {
                continue;
            }
            tokio::select! {
                _ = arrivals.changed() => {}
                () = tokio::time::sleep(self.pause()) => {}
                () = stop.cancelled() => {}
            }
        }
        let all = u32::try_from(self.workers).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(self.edge.config.call.drain, self.places.acquire_many(all)).await;
    }

    /// Leases what is due and there are workers for; how many that were.
    async fn take(&self) -> Result<usize, crate::store::StoreError> {
        // At least one worker must be free before anything is leased.
        let Ok(first) = Arc::clone(&self.places).acquire_owned().await else { return Ok(0) };
        drop(first);
        let free = self.places.available_permits();
        let lease = self.edge.config.call.async_deadline + Duration::from_secs(30);
        let share = self.edge.config.queue.workers_per_channel;
        let due = self.edge.store.lease(Timestamp::now(), free, share, lease).await?;
        let count = due.len();
        for leased in due {
            let Ok(worker) = Arc::clone(&self.places).acquire_owned().await else { break };
            let edge = Arc::clone(&self.edge);
            let pace = Arc::<Pace>::default();
            let (runtime, watched) = (Arc::clone(&edge.runtime), Arc::clone(&pace));
            let id = leased.id.clone();
            let attempt =
                runtime.carry(async move { attempt(&edge, &leased, watched).await }, pace, Abandoned::Finished);
            tokio::spawn(async move {
                if let Err(panicked) = attempt.await {
                    // The lease runs out, and the schedule decides.
                    tracing::error!(id, %panicked, "an attempt at a notification met a bug of this host");
                }
                drop(worker);
            });
        }
        Ok(count)
    }

    fn pause(&self) -> Duration {
        let due = self.edge.store.next_due().ok().flatten();
        let wait =
            due.map_or(LOOK_AGAIN, |due| Duration::from_millis(u64::try_from(due.0 - Timestamp::now().0).unwrap_or(0)));
        // What is due and was not taken waits for its channel's turn.
        if wait.is_zero() { TURN } else { wait.clamp(Duration::from_millis(20), LOOK_AGAIN) }
    }
}

async fn attempt(edge: &Edge, leased: &Leased, pace: Arc<Pace>) {
    let most = edge.config.queue.schedule.len();
    let fate = if usize::try_from(leased.attempts).unwrap_or(usize::MAX) > most {
        // Attempts that nobody lived to record: it may well be what brings the node down.
        Fate::Dead("its last attempt did not end, and the schedule has no other".to_owned())
    } else {
        match try_once(edge, leased, pace).await {
            Ok(()) => Fate::Done,
            Err(fault) if nobody_answers(edge, leased, &fault) => Fate::Dead(fault.to_string()),
            Err(fault) => fate(edge, leased, &fault),
        }
    };
    let settled = match &fate {
        Fate::Done => edge.store.finish(leased).await,
        Fate::Again(after, reason) => edge.store.retry(leased, Timestamp::now().after(*after), reason).await,
        Fate::Later(after) => edge.store.postpone(leased, Timestamp::now().after(*after)).await,
        Fate::Dead(reason) => {
            tracing::error!(
                channel = leased.channel,
                id = leased.id,
                event = leased.event_type,
                reason,
                "a notification died; it can be replayed"
            );
            edge.store.bury(leased, reason).await
        }
    };
    // The lease runs out then, and the notification is tried again: at least once, never lost.
    if let Err(error) = settled {
        tracing::error!(id = leased.id, %error, "an attempt could not be recorded");
    }
}

/// Whether there is nobody whom another attempt could find, until an administrator changes that: it is parked at once, where
/// it is seen and can be replayed. A release that could not be loaded may still be.
fn nobody_answers(edge: &Edge, leased: &Leased, fault: &Fault) -> bool {
    match fault {
        Fault::NotImplemented(_) => true,
        Fault::NoRelease => {
            matches!(edge.store.channel(&leased.channel), Ok(Some(channel)) if channel.active.is_none())
        }
        _ => false,
    }
}

/// When an attempt failed: again on the schedule, or never.
fn fate(edge: &Edge, leased: &Leased, fault: &Fault) -> Fate {
    let reason = fault.to_string();
    match fault {
        Fault::Refused(_) => return Fate::Dead(reason),
        Fault::Resting(seconds) => return Fate::Later(Duration::from_secs(u64::from(*seconds))),
        Fault::Busy(_) => return Fate::Later(BUSY),
        _ => {}
    }
    let queue = &edge.config.queue;
    // The schedule has the pause before each attempt; the first one is done.
    let next = usize::try_from(leased.attempts).unwrap_or(usize::MAX);
    match queue.schedule.get(next) {
        None => Fate::Dead(reason),
        Some(pause) => {
            let pause = match fault {
                Fault::RetryLater(Some(seconds)) => Duration::from_secs(u64::from(*seconds)),
                _ => jittered(*pause, queue.jitter),
            };
            Fate::Again(pause, reason)
        }
    }
}

/// Varies a pause by up to this share, so that what failed together does not come back together.
pub(super) fn jittered(pause: Duration, share: f64) -> Duration {
    let mut byte = [0_u8; 1];
    let _ = getrandom::fill(&mut byte);
    let swing = f64::from(byte[0]) / 127.5 - 1.0;
    pause.mul_f64((1.0 + swing * share).max(0.0))
}

/// One attempt. The notification's id is the call's id, the same for every attempt, so that a guest can tell a repetition.
async fn try_once(edge: &Edge, leased: &Leased, pace: Arc<Pace>) -> Result<(), Fault> {
    // Not the table, which would keep what is replaced on all other channels until this attempt ends.
    let channel = edge.tables.load().channel(&leased.channel).cloned().ok_or(Fault::NoRelease)?;
    let kind = EventKind::of(&leased.event_type).unwrap_or(EventKind::Workflow);
    let work = Work::notification(kind);
    let mut ticket = Ticket::new(channel, work, leased.event_type.as_str(), Arrival::of_ours());
    leased.id.clone_into(&mut ticket.id);
    ticket.pace = pace;
    let (result, outcome) = match deliver(edge, &ticket, leased).await {
        Ok(()) => (Ok(()), Outcome::WELL),
        Err((fault, sent)) => {
            let problem = Problem::of_fault(&fault, sent && !ticket.is_read());
            let status = problem.status();
            (Err(fault), problem.into_outcome(status))
        }
    };
    // Attempts of one notification are calls of their own in the journal. One that did not take place is none.
    if !matches!(result, Err(Fault::Resting(_) | Fault::Busy(_))) {
        ticket.id = format!("{}.{}", leased.id, leased.attempts);
        edge.record(ticket, outcome);
    }
    result
}

async fn deliver(edge: &Edge, ticket: &Ticket, leased: &Leased) -> Result<(), (Fault, bool)> {
    let unreadable = || (Fault::Host("a queued notification cannot be read".to_owned()), false);
    let parsed = call::notification::parse(&leased.body).map_err(|_| unreadable())?;
    let raw = Body::Whole(leased.body.clone().into());
    call::notification::deliver(&edge.runner(ticket), ticket.ids(), &parsed, raw).await.map_err(|failed| match failed {
        Failed::Guest { fault, sent, .. } => (fault, sent),
        Failed::Request(_) | Failed::Missing(_) => unreadable(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_varies_within_its_share() {
        for _ in 0..200 {
            let pause = jittered(Duration::from_secs(100), 0.2);
            assert!((80.0..=120.0).contains(&pause.as_secs_f64()), "{pause:?}");
        }
        assert_eq!(jittered(Duration::ZERO, 0.2), Duration::ZERO);
    }
}
