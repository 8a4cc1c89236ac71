//! The queue of notifications that nobody waits for: durable before it is acknowledged, leased to a worker, tried again
//! on a schedule that the worker knows, dead in the end. Events of one entity are handled one after the other.
//!
//! Every `now` is [`Store::now`], or a time of its own in a test.

mod deltas;
mod depth;
mod events;
mod filter;
mod order;
mod rows;
mod steps;
mod sweep;
mod turn;

use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::writer::Bell;
use super::{State, Store, StoreError, Timestamp};

use order::Place;
use steps::Close;
use turn::Turn;

pub use deltas::{Delta, DeltaPage, DeltaPosition, DeltasTaken};
pub use depth::QueueDepth;
pub use events::{Attempt, Enqueued, Event, Leased, QueuedEvent, Same};
pub use filter::Filter;
pub(super) use steps::{end_leases, prune};
pub use sweep::{Sweep, Swept};
pub use turn::Resting;

impl Store {
    /// Queues a notification; it is on the disk when this returns. One with the same `dedupe` in the same channel
    /// that came in less than `window` before, and is not dead, makes it a duplicate. Fails with `NoChannel`.
    pub async fn enqueue(&self, event: Event, window: Duration) -> Result<Enqueued, StoreError> {
        let most = self.inner.queue_bytes;
        self.write_queue(move |db| steps::enqueue(db, &event, window, most)).await
    }

    /// Hands out at most `limit` notifications that are due at `now`, oldest due first, each for `lease_for`. Never one
    /// of whose entity an older one is still open, of one channel never more than `share` at a time, and none of those that are
    /// `resting`. Those whose lease ran out are handed out again.
    pub async fn lease(
        &self,
        now: Timestamp,
        limit: usize,
        share: usize,
        lease_for: Duration,
        resting: Resting,
    ) -> Result<Vec<Leased>, StoreError> {
        self.write(move |db| {
            let turn = Turn { now, limit, share, resting: &resting };
            steps::lease(db, &turn.next(db)?, now, now.after(lease_for))
        })
        .await
    }

    /// The notification is handled. Its body is not kept. Fails with `NotLeased` when the lease was lost.
    pub async fn finish(&self, leased: &Leased, now: Timestamp) -> Result<(), StoreError> {
        self.close(leased, now, Close::For(State::Done), None).await
    }

    /// The attempt failed; the next one may start at `at`. Fails with `NotLeased`.
    pub async fn retry(&self, leased: &Leased, now: Timestamp, at: Timestamp, reason: &str) -> Result<(), StoreError> {
        self.close(leased, now, Close::Until { at, counts: true }, Some(reason)).await
    }

    /// The attempt was broken off, which is nobody's failure: the next one may start at `at`, and this one does not count. Fails
    /// with `NotLeased`.
    pub async fn interrupt(
        &self,
        leased: &Leased,
        now: Timestamp,
        at: Timestamp,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.close(leased, now, Close::Until { at, counts: false }, Some(reason)).await
    }

    /// The attempt did not take place, because nobody was asked: it may start at `at`, and does not count. Fails with
    /// `NotLeased`.
    pub async fn postpone(&self, leased: &Leased, at: Timestamp) -> Result<(), StoreError> {
        let (id, number) = (leased.id.clone(), leased.number);
        self.write_queue(move |db| steps::postpone(db, &id, number, at)).await
    }

    /// The attempt failed and was the last. Fails with `NotLeased`.
    pub async fn bury(&self, leased: &Leased, now: Timestamp, reason: &str) -> Result<(), StoreError> {
        self.close(leased, now, Close::For(State::Dead), Some(reason)).await
    }

    /// Queues a dead notification again, with all attempts before it. Fails with `NoEvent` or `NotDead`.
    pub async fn replay(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write_queue(move |db| steps::replay(db, &id, now)).await
    }

    /// Removes a notification in any state. Fails with `NoEvent`.
    pub async fn drop_event(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write_queue(move |db| {
            let place = Place::of(db, &id)?.ok_or_else(|| StoreError::NoEvent(id.clone()))?;
            db.execute("DELETE FROM event WHERE id = ?", [id])?;
            place.wake_next(db)
        })
        .await
    }

    /// Changes whenever something was queued, retried or freed, so that [`Store::next_due`] may be earlier than before.
    #[must_use]
    pub fn watch_queue(&self) -> watch::Receiver<u64> {
        self.inner.queue.clone()
    }

    async fn close(
        &self,
        leased: &Leased,
        now: Timestamp,
        close: Close,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let (id, number, reason) = (leased.id.clone(), leased.number, reason.map(str::to_owned));
        self.write_queue(move |db| steps::close(db, &id, number, now, &close, reason.as_deref())).await
    }

    /// A write that the queue's watchers hear of.
    async fn write_queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.writer.write(Bell::Queue, work).await
    }
}
