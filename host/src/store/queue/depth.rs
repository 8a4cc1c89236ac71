//! How much is in the queue, told in a few looks at indexes however much that is.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::turn::kinds;
use crate::store::{State, Store, StoreError, Timestamp};

/// How much is in the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Wait for their time or turn.
    pub queued: u64,
    /// Are leased.
    pub running: u64,
    /// Were given up, and are kept for a replay.
    pub dead: u64,
    /// How often one was given up since the channel was made.
    pub deaths: u64,
    /// Bytes that those that are not done take, as `queue.bytes` counts them.
    pub bytes: u64,
    /// When the oldest of those that are queued or running came in.
    pub oldest: Option<Timestamp>,
    /// Since when the one that is due for longest has been waiting for a worker.
    pub due: Option<Timestamp>,
}

impl QueueDepth {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let earlier = |a: Option<Timestamp>, b: Option<Timestamp>| a.into_iter().chain(b).min();
        Self {
            queued: self.queued + other.queued,
            running: self.running + other.running,
            dead: self.dead + other.dead,
            deaths: self.deaths + other.deaths,
            bytes: self.bytes + other.bytes,
            oldest: earlier(self.oldest, other.oldest),
            due: earlier(self.due, other.due),
        }
    }
}

impl Store {
    /// How much is in the queue of each channel that ever had a notification, at `now`.
    pub fn queue_depths(&self, now: Timestamp) -> Result<BTreeMap<String, QueueDepth>, StoreError> {
        self.read_at_once(|db| {
            let mut rows =
                db.prepare_cached("SELECT channel, queued, running, dead, deaths, bytes FROM queue_usage")?;
            let mut depths = BTreeMap::new();
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let count = |column: usize| row.get(column).map(i64::cast_unsigned);
                let channel: String = row.get(0)?;
                let mut depth = QueueDepth {
                    queued: count(1)?,
                    running: count(2)?,
                    dead: count(3)?,
                    deaths: count(4)?,
                    bytes: count(5)?,
                    ..QueueDepth::default()
                };
                if depth.queued + depth.running > 0 {
                    depth.oldest = oldest(db, &channel)?;
                    depth.due = due(db, &channel, now)?;
                }
                depths.insert(channel, depth);
            }
            Ok(depths)
        })
    }
}

fn oldest(db: &Connection, channel: &str) -> Result<Option<Timestamp>, StoreError> {
    let mut first = db.prepare_cached(
        "SELECT created FROM event INDEXED BY event_state WHERE state = ? AND channel = ? ORDER BY seq LIMIT 1",
    )?;
    let mut oldest = None;
    for state in [State::Queued, State::Running] {
        oldest = oldest.into_iter().chain(first.query_row(params![state, channel], |row| row.get(0)).optional()?).min();
    }
    Ok(oldest)
}

fn due(db: &Connection, channel: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let mut first = db.prepare_cached(
        "SELECT due FROM event INDEXED BY event_turn WHERE channel = ? AND event_type = ? AND waits = 0
         AND state IN ('queued', 'running') AND due <= ? ORDER BY due LIMIT 1",
    )?;
    let mut due: Option<Timestamp> = None;
    for kind in kinds(db, channel)? {
        due = due.into_iter().chain(first.query_row(params![channel, kind, now], |row| row.get(0)).optional()?).min();
    }
    Ok(due)
}
