//! Notifications from the platform's own list: queued unless a webhook has brought them, in one transaction with the cursor.
//!
//! A webhook has no cursor. It and an item of the list that tell the same are one notification, and belong to each other for
//! good: of two that tell the same, the list's second item waits for a webhook of its own, or is queued.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::steps::{self, Origin};
use super::{Enqueued, Event, Same};
use crate::store::writer::Bell;
use crate::store::{Digest, Store, StoreError, Timestamp};

/// How far a channel's list was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaPosition {
    /// The API whose list it is.
    pub base_url: String,
    /// Of the last item that was taken.
    pub cursor: String,
    /// When it got there.
    pub moved: Timestamp,
}

/// An item of the list.
#[derive(Debug, Clone)]
pub struct Delta {
    /// Where it stands; no other item of its channel has the same.
    pub cursor: String,
    /// What it tells. Its `same` says what makes it the same as a webhook's; its `dedupe` is not looked at.
    pub event: Event,
}

/// Items to be taken, all or none of them.
#[derive(Debug, Clone)]
pub struct DeltaPage {
    /// Their channel.
    pub channel: String,
    /// The API whose list it is.
    pub base_url: String,
    /// Where the list was asked from.
    pub from: String,
    /// The cursor to ask from next.
    pub to: String,
    /// In the list's order.
    pub items: Vec<Delta>,
}

/// What became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeltasTaken {
    /// Queued.
    pub taken: u64,
    /// Known already.
    pub duplicates: u64,
}

impl Store {
    /// How far a channel's list was taken; `None` when nobody has looked at it yet.
    pub fn delta_position(&self, channel: &str) -> Result<Option<DeltaPosition>, StoreError> {
        self.read(|db| {
            let mut row = db.prepare_cached("SELECT base_url, cursor, moved FROM delta WHERE channel = ?")?;
            let found = row.query_row([channel], |row| {
                Ok(DeltaPosition { base_url: row.get(0)?, cursor: row.get(1)?, moved: row.get(2)? })
            });
            Ok(found.optional()?)
        })
    }

    /// The cursors of all channels whose lists are looked at.
    pub fn delta_cursors(&self) -> Result<HashMap<String, String>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached("SELECT channel, cursor FROM delta")?;
            let cursors = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(cursors.collect::<Result<_, _>>()?)
        })
    }

    /// Begins with a list at this cursor. Fails with `NoDeltas` when nobody is to look at it any more.
    pub async fn start_deltas(&self, channel: &str, base_url: &str, cursor: &str) -> Result<(), StoreError> {
        let (channel, base_url, cursor) = (channel.to_owned(), base_url.to_owned(), cursor.to_owned());
        let now = self.now();
        self.write(move |db| {
            let row = "INSERT OR REPLACE INTO delta (channel, base_url, cursor, moved)
                       SELECT name, ?2, ?3, ?4 FROM channel WHERE name = ?1 AND deltas_ms IS NOT NULL";
            let begun = db.prepare_cached(row)?.execute(params![channel, base_url, cursor, now])?;
            if begun == 0 { Err(StoreError::NoDeltas(channel)) } else { Ok(()) }
        })
        .await
    }

    /// Queues the items that are not known yet, and moves the cursor: both or neither. Fails with `NoDeltas` when the cursor
    /// is not where the list was asked from any more.
    pub async fn take_deltas(&self, page: DeltaPage) -> Result<DeltasTaken, StoreError> {
        let now = self.now();
        let most = self.inner.queue_bytes;
        self.inner.writer.write(Bell::Queue, move |db| take(db, &page, now, most)).await
    }
}

fn take(db: &Connection, page: &DeltaPage, now: Timestamp, most: u64) -> Result<DeltasTaken, StoreError> {
    let mut row =
        db.prepare_cached("UPDATE delta SET cursor = ?, moved = ? WHERE channel = ? AND base_url = ? AND cursor = ?")?;
    if row.execute(params![page.to, now, page.channel, page.base_url, page.from])? == 0 {
        return Err(StoreError::NoDeltas(page.channel.clone()));
    }
    let mut taken = DeltasTaken::default();
    for item in &page.items {
        if is_known(db, item)? {
            taken.duplicates += 1;
            continue;
        }
        let event = Event { dedupe: Digest::of(format!("delta {}", item.cursor).as_bytes()), ..item.event.clone() };
        steps::insert(db, &event, Origin::Delta(&item.cursor), most)?;
        taken.taken += 1;
    }
    Ok(taken)
}

/// Whether the item was taken before, or a webhook has brought it; then the two belong to each other from now on.
fn is_known(db: &Connection, item: &Delta) -> Result<bool, StoreError> {
    let Some(Same { digest, since }) = &item.event.same else { return Ok(false) };
    let mut row = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM event INDEXED BY event_same WHERE channel = ? AND same = ? AND cursor = ?)",
    )?;
    if row.query_row(params![item.event.channel, digest, item.cursor], |row| row.get(0))? {
        return Ok(true);
    }
    let mut row = db.prepare_cached(
        "UPDATE event SET cursor = ?4 WHERE seq = (
             SELECT seq FROM event INDEXED BY event_same WHERE channel = ?1 AND same = ?2 AND created > ?3 AND cursor IS NULL
             ORDER BY created, seq LIMIT 1)",
    )?;
    Ok(row.execute(params![item.event.channel, digest, since, item.cursor])? > 0)
}

/// The event that the list has told before this webhook came. It has come now: what repeats the webhook repeats the event.
pub(super) fn told_before(db: &Connection, event: &Event) -> Result<Option<Enqueued>, StoreError> {
    let Some(Same { digest, since }) = &event.same else { return Ok(None) };
    let mut row = db.prepare_cached(
        "UPDATE event SET hooked = 1, dedupe = ?4 WHERE seq = (
             SELECT seq FROM event INDEXED BY event_same WHERE channel = ?1 AND same = ?2 AND created > ?3 AND hooked = 0
             AND state <> 'dead'
             ORDER BY created, seq LIMIT 1) RETURNING id",
    )?;
    let found = row.query_row(params![event.channel, digest, since, event.dedupe], |row| row.get(0)).optional()?;
    Ok(found.map(|id| Enqueued { id, duplicate: true }))
}
