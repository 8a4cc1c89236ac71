//! The queue of notifications that nobody waits for: durable before it is acknowledged, leased to a worker, tried again
//! on a schedule that the worker knows, dead in the end. Events of one entity are handled one after the other.

mod deltas;
mod events;
mod order;
mod steps;

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::watch;

use super::keyvalue::sql_limit;
use super::writer::Bell;
use super::{State, Store, StoreError, Timestamp};

use order::Place;

pub use deltas::{Delta, DeltaPage, DeltaPosition, DeltasTaken};
pub use events::{Attempt, Enqueued, Event, Leased, QueueDepth, QueuedEvent, Same};
pub(super) use steps::{end_leases, prune};

const COLUMNS: &str = "id, channel, event_type, entity_type_id, entity_id, state, waits, attempts, created, due, ended";

impl Store {
    /// Queues a notification; it is on the disk when this returns. One with the same `dedupe` in the same channel
    /// that came in less than `window` before, and is not dead, makes it a duplicate. Fails with `NoChannel`.
    pub async fn enqueue(&self, event: Event, window: Duration) -> Result<Enqueued, StoreError> {
        self.inner.writer.write(Bell::Queue, move |db| steps::enqueue(db, &event, window)).await
    }

    /// Hands out at most `limit` notifications that are due at `now`, oldest due first, each for `lease_for`. Never one
    /// of whose entity an older one is still open, and of one channel never more than `share` at a time. Those whose lease ran
    /// out are handed out again.
    pub async fn lease(
        &self,
        now: Timestamp,
        limit: usize,
        share: usize,
        lease_for: Duration,
    ) -> Result<Vec<Leased>, StoreError> {
        self.write(move |db| steps::lease(db, now, limit, share, now.after(lease_for))).await
    }

    /// The notification is handled. Its body is not kept. Fails with `NotLeased` when the lease was lost.
    pub async fn finish(&self, leased: &Leased) -> Result<(), StoreError> {
        self.close(leased, State::Done, Timestamp::now(), None).await
    }

    /// The attempt failed; the next one may start at `at`. Fails with `NotLeased`.
    pub async fn retry(&self, leased: &Leased, at: Timestamp, reason: &str) -> Result<(), StoreError> {
        self.close(leased, State::Queued, at, Some(reason)).await
    }

    /// The attempt did not take place, because nobody was asked: it may start at `at`, and does not count. Fails with
    /// `NotLeased`.
    pub async fn postpone(&self, leased: &Leased, at: Timestamp) -> Result<(), StoreError> {
        let (id, attempts) = (leased.id.clone(), leased.attempts);
        self.inner.writer.write(Bell::Queue, move |db| steps::postpone(db, &id, attempts, at)).await
    }

    /// The attempt failed and was the last. Fails with `NotLeased`.
    pub async fn bury(&self, leased: &Leased, reason: &str) -> Result<(), StoreError> {
        self.close(leased, State::Dead, Timestamp::now(), Some(reason)).await
    }

    /// Queues a dead notification again, with all attempts before it. Fails with `NoEvent` or `NotDead`.
    pub async fn replay(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.inner.writer.write(Bell::Queue, move |db| steps::replay(db, &id)).await
    }

    /// Removes a notification in any state. Fails with `NoEvent`.
    pub async fn drop_event(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.inner
            .writer
            .write(Bell::Queue, move |db| {
                let place = Place::of(db, &id)?.ok_or_else(|| StoreError::NoEvent(id.clone()))?;
                db.execute("DELETE FROM event WHERE id = ?", [id])?;
                place.wake_next(db)
            })
            .await
    }

    /// The newest notifications of a channel, newest first; only those in `state` if one is given.
    pub fn queued(&self, channel: &str, state: Option<State>, limit: usize) -> Result<Vec<QueuedEvent>, StoreError> {
        self.read(|db| {
            let (only, limit) = (if state.is_some() { "AND state = ?3" } else { "AND ?3 IS NULL" }, sql_limit(limit));
            let mut rows = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM event WHERE channel = ?1 {only} ORDER BY seq DESC LIMIT ?2"
            ))?;
            let events = rows.query_map(params![channel, limit, state], read_event)?;
            Ok(events.collect::<Result<_, _>>()?)
        })
    }

    /// One notification with its body (empty once it is done) and its attempts.
    pub fn queue_event(&self, id: &str) -> Result<Option<(QueuedEvent, String, Vec<Attempt>)>, StoreError> {
        self.read_at_once(|db| {
            let mut row = db.prepare_cached(&format!("SELECT {COLUMNS}, body FROM event WHERE id = ?"))?;
            let found = row.query_row([id], |row| Ok((read_event(row)?, row.get("body")?))).optional()?;
            found.map(|(event, body)| Ok((event, body, attempts(db, id)?))).transpose()
        })
    }

    /// How many notifications there are over all channels.
    pub fn queue_depth(&self) -> Result<QueueDepth, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached("SELECT count(*) FROM event WHERE state = ?")?;
            let mut count = |state: State| rows.query_row([state], |row| row.get(0)).map(i64::cast_unsigned);
            Ok(QueueDepth { queued: count(State::Queued)?, running: count(State::Running)?, dead: count(State::Dead)? })
        })
    }

    /// When the next lease can find something; `None` when nothing is open.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|db| {
            let mut row = db.prepare_cached(
                "SELECT due FROM event INDEXED BY event_due WHERE waits = 0 AND state IN ('queued', 'running')
                 ORDER BY due LIMIT 1",
            )?;
            Ok(row.query_row([], |row| row.get(0)).optional()?)
        })
    }

    /// Changes whenever something was queued, retried or freed, so that [`Store::next_due`] may be earlier than before.
    #[must_use]
    pub fn watch_queue(&self) -> watch::Receiver<u64> {
        self.inner.queue.clone()
    }

    async fn close(
        &self,
        leased: &Leased,
        state: State,
        at: Timestamp,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let (id, attempts, reason) = (leased.id.clone(), leased.attempts, reason.map(str::to_owned));
        self.inner
            .writer
            .write(Bell::Queue, move |db| steps::close(db, &id, attempts, state, at, reason.as_deref()))
            .await
    }
}

fn attempts(db: &Connection, id: &str) -> Result<Vec<Attempt>, StoreError> {
    let mut rows = db.prepare_cached(
        "SELECT a.number, a.started, a.ended, a.result, a.reason FROM attempt a JOIN event e ON e.seq = a.event
         WHERE e.id = ? ORDER BY a.number",
    )?;
    let attempts = rows.query_map([id], |row| {
        Ok(Attempt {
            number: row.get("number")?,
            started: row.get("started")?,
            ended: row.get("ended")?,
            result: row.get("result")?,
            reason: row.get("reason")?,
        })
    })?;
    Ok(attempts.collect::<Result<_, _>>()?)
}

fn read_event(row: &Row<'_>) -> rusqlite::Result<QueuedEvent> {
    Ok(QueuedEvent {
        id: row.get("id")?,
        channel: row.get("channel")?,
        event_type: row.get("event_type")?,
        entity_type_id: row.get("entity_type_id")?,
        entity_id: row.get("entity_id")?,
        state: row.get("state")?,
        waits: row.get("waits")?,
        attempts: row.get("attempts")?,
        created: row.get("created")?,
        due: row.get("due")?,
        ended: row.get("ended")?,
    })
}
