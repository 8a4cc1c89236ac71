//! Notifications that nobody waits for: taken from the queue, tried on a schedule, buried when the schedule ends.

mod deaths;
mod fate;
mod rests;
#[cfg(test)]
mod tests;

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
use crate::store::{Leased, StoreError};
use crate::table::Work;

use deaths::Deaths;
use fate::Fate;
pub(super) use fate::jittered;
use rests::Rests;

/// The workers of one node.
pub struct Delivery {
    edge: Arc<Edge>,
    places: Arc<Semaphore>,
    workers: usize,
    record: Arc<Record>,
}

/// What the workers tell each other, and the log.
#[derive(Debug, Default)]
struct Record {
    deaths: Deaths,
    rests: Rests,
}

/// A node that finds nothing due, or whose store fails, looks again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A channel that has its share of the workers is looked at again after this long.
const TURN: Duration = Duration::from_millis(200);

/// Between two looks at what is not told by anybody: the disk, and deaths that are to be logged.
const LOOK_ROUND: Duration = Duration::from_secs(2);

impl Delivery {
    /// Workers over an edge.
    pub fn new(edge: Arc<Edge>) -> Self {
        let workers = edge.config.queue.workers;
        Self { edge, places: Arc::new(Semaphore::new(workers)), workers, record: Arc::default() }
    }

    /// Delivers until `stop`, then waits for the attempts under way.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(self.deliver(&stop), self.look_round(&stop));
        self.record.deaths.tell_all();
    }

    /// Looks now and then at what nobody tells of.
    async fn look_round(&self, stop: &CancellationToken) {
        let mut was_low = false;
        while !stop.is_cancelled() {
            if let Err(error) = self.edge.store.look_at_disk() {
                tracing::warn!(%error, "cannot tell how much room the disk has left");
            }
            let (is_low, free) = (self.edge.is_disk_low(), self.edge.store.free_disk());
            if is_low != was_low && is_low {
                let least = self.edge.config.queue.least_free_disk.bytes();
                tracing::error!(
                    free,
                    least,
                    "the disk is nearly full: notifications that nobody waits for are not taken (queue.least-free-disk)"
                );
            } else if is_low != was_low {
                tracing::info!(free, "the disk has room again: notifications are taken");
            }
            was_low = is_low;
            self.record.deaths.tell_rest();
            tokio::select! {
                () = tokio::time::sleep(LOOK_ROUND) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn deliver(&self, stop: &CancellationToken) {
        let mut arrivals = self.edge.store.watch_queue();
        while !stop.is_cancelled() {
            match self.take().await {
                Ok(0) => {
                    tokio::select! {
                        _ = arrivals.changed() => {}
                        () = tokio::time::sleep(self.pause()) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "nothing can be taken from the queue");
                    tokio::select! {
                        () = tokio::time::sleep(LOOK_AGAIN) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
        let all = u32::try_from(self.workers).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(self.edge.config.call.drain, self.places.acquire_many(all)).await;
    }

    /// Leases what is due and there are workers for; how many that were.
    async fn take(&self) -> Result<usize, StoreError> {
        // At least one worker must be free before anything is leased.
        let Ok(first) = Arc::clone(&self.places).acquire_owned().await else { return Ok(0) };
        drop(first);
        let free = self.places.available_permits();
        // An eighth longer, because the queue's clock may go a tenth faster than the call's.
        let deadline = self.edge.config.call.async_deadline;
        let lease = deadline + deadline / 8 + Duration::from_secs(30);
        let share = self.edge.config.queue.workers_per_channel;
        let store = &self.edge.store;
        let due = store.lease(store.now(), free, share, lease, self.record.rests.now()).await?;
        let count = due.len();
        for leased in due {
            let Ok(worker) = Arc::clone(&self.places).acquire_owned().await else { break };
            let (edge, record) = (Arc::clone(&self.edge), Arc::clone(&self.record));
            let pace = Arc::<Pace>::default();
            let (runtime, watched) = (Arc::clone(&edge.runtime), Arc::clone(&pace));
            let id = leased.id.clone();
            let work = async move { attempt(&edge, &leased, watched, &record).await };
            let attempt = runtime.carry(work, pace, Abandoned::Finished);
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
        let (due, now) = (self.edge.store.next_due().ok().flatten(), self.edge.store.now());
        let wait = due.map_or(LOOK_AGAIN, |due| Duration::from_millis(u64::try_from(due.0 - now.0).unwrap_or(0)));
        // What is due and was not taken waits for its channel's turn.
        if wait.is_zero() { TURN } else { wait.clamp(Duration::from_millis(20), LOOK_AGAIN) }
    }
}

async fn attempt(edge: &Edge, leased: &Leased, pace: Arc<Pace>, record: &Record) {
    let queue = &edge.config.queue;
    let fate = match fate::worn_out(queue, leased) {
        Some(fate) => fate,
        None => match try_once(edge, leased, pace).await {
            Ok(()) => Fate::Done,
            Err(fault) if nothing_deployed(edge, leased, &fault) => Fate::Dead(fault.to_string()),
            Err(fault) => fate::of(queue, leased, &fault),
        },
    };
    if let Fate::Later(pause) = &fate {
        record.rests.add(leased, *pause);
    }
    match fate.settle(&edge.store, leased, edge.store.now()).await {
        Ok(()) => {
            if let Fate::Dead(reason) = &fate {
                record.deaths.tell(leased, reason);
            }
        }
        // The lease runs out then, and the notification is tried again: at least once, never lost.
        Err(error) => tracing::error!(id = leased.id, %error, "an attempt could not be recorded"),
    }
}

/// Whether there is nobody whom another attempt could find, until an administrator changes that: it is parked at once, where
/// it is seen and can be replayed. A release that could not be loaded may still be.
fn nothing_deployed(edge: &Edge, leased: &Leased, fault: &Fault) -> bool {
    let is_bare = |channel: crate::store::Channel| channel.active.is_none();
    *fault == Fault::NoRelease && edge.store.channel(&leased.channel).is_ok_and(|channel| channel.is_some_and(is_bare))
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
    if !matches!(result, Err(Fault::Resting(_) | Fault::Busy(_) | Fault::NoRelease)) {
        ticket.id = format!("{}.{}", leased.id, leased.number);
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
