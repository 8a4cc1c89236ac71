//! The queue's transitions. Each runs on the writer, within one savepoint.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::order::Place;
use super::{Enqueued, Event, Leased, deltas};
use crate::store::{Retention, State, StoreError, Timestamp, new_id};

/// What a notification takes beside its body, as `queue_usage` counts it.
const ROW: u64 = 512;

pub(super) fn enqueue(db: &Connection, event: &Event, window: Duration, most: u64) -> Result<Enqueued, StoreError> {
    let mut known = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM channel WHERE name = ?)")?;
    if !known.query_row([&event.channel], |row| row.get::<_, bool>(0))? {
        return Err(StoreError::NoChannel(event.channel.clone()));
    }
    let mut same = db.prepare_cached(
        "SELECT id FROM event WHERE channel = ? AND dedupe = ? AND created > ? AND state <> 'dead' LIMIT 1",
    )?;
    let since = event.at.before(window);
    if let Some(id) = same.query_row(params![event.channel, event.dedupe, since], |row| row.get(0)).optional()? {
        return Ok(Enqueued { id, duplicate: true });
    }
    if let Some(known) = deltas::told_before(db, event)? {
        return Ok(known);
    }
    Ok(Enqueued { id: insert(db, event, Origin::Webhook, most)?, duplicate: false })
}

/// By which way a notification came.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    Webhook,
    /// The platform's list, where it stands at this cursor.
    Delta(&'a str),
}

/// Adds a notification that is no duplicate; its id. Fails with `QueueFull` when those of its channel that are not done would then
/// take more than `most` bytes.
pub(super) fn insert(db: &Connection, event: &Event, origin: Origin<'_>, most: u64) -> Result<String, StoreError> {
    let mut taken = db.prepare_cached("SELECT bytes FROM queue_usage WHERE channel = ?")?;
    let taken = taken.query_row([&event.channel], |row| row.get::<_, i64>(0)).optional()?.unwrap_or_default();
    if taken.cast_unsigned() + ROW + event.body.len() as u64 > most {
        return Err(StoreError::QueueFull { limit: most });
    }
    let place = Place { channel: &event.channel, entity_type_id: event.entity_type_id, entity_id: event.entity_id };
    let waits = place.leader(db)?.is_some();
    let id = new_id();
    let (hooked, cursor) = match origin {
        Origin::Webhook => (true, None),
        Origin::Delta(cursor) => (false, Some(cursor)),
    };
    let mut row = db.prepare_cached(
        "INSERT INTO event (id, channel, event_type, entity_type_id, entity_id, body, dedupe, waits, due, created, same, cursor,
         hooked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?9, ?9, ?, ?, ?)",
    )?;
    row.execute(params![
        id,
        event.channel,
        event.event_type,
        event.entity_type_id,
        event.entity_id,
        event.body,
        event.dedupe,
        waits,
        event.at,
        event.same.as_ref().map(|same| same.digest),
        cursor,
        hooked,
    ])?;
    Ok(id)
}

/// Ends the leases of a process that is gone: whoever holds the data directory is the only one who can have any.
pub(in crate::store) fn end_leases(db: &Connection, now: Timestamp) -> Result<(), StoreError> {
    db.execute("UPDATE event SET due = ? WHERE state = 'running'", params![now])?;
    Ok(())
}

/// Hands out rows by their numbers.
pub(super) fn lease(
    db: &Connection,
    seqs: &[i64],
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let mut lost = db.prepare_cached(
        "UPDATE attempt SET ended = ?, result = 'lost', reason = 'the lease ran out' WHERE event = ? AND ended IS NULL",
    )?;
    let mut attempt = db.prepare_cached(
        "INSERT INTO attempt (event, number, started)
         VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE event = ?1), ?2) RETURNING number",
    )?;
    let mut take = db.prepare_cached(
        "UPDATE event SET state = 'running', due = ?, attempts = attempts + 1 WHERE seq = ?
         RETURNING id, channel, event_type, entity_type_id, entity_id, body, attempts",
    )?;
    let mut leased = Vec::with_capacity(seqs.len());
    for seq in seqs {
        lost.execute(params![now, seq])?;
        let number = attempt.query_row(params![seq, now], |row| row.get(0))?;
        leased.push(take.query_row(params![until, seq], |row| {
            Ok(Leased {
                id: row.get("id")?,
                channel: row.get("channel")?,
                event_type: row.get("event_type")?,
                entity_type_id: row.get("entity_type_id")?,
                entity_id: row.get("entity_id")?,
                body: row.get("body")?,
                attempts: row.get("attempts")?,
                number,
            })
        })?);
    }
    Ok(leased)
}

/// What an attempt comes to.
pub(super) enum Close {
    /// Nothing more: it is done or dead.
    For(State),
    /// Another attempt, then or later.
    Until {
        at: Timestamp,
        /// Whether this one counts.
        counts: bool,
    },
}

/// Ends an attempt.
pub(super) fn close(
    db: &Connection,
    id: &str,
    number: u32,
    now: Timestamp,
    close: &Close,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let seq = leased(db, id, number)?;
    let result = match close {
        Close::For(state) => state.as_str(),
        Close::Until { counts: true, .. } => "retry",
        Close::Until { counts: false, .. } => "interrupted",
    };
    db.prepare_cached("UPDATE attempt SET ended = ?, result = ?, reason = ? WHERE event = ? AND ended IS NULL")?
        .execute(params![now, result, reason, seq])?;
    match close {
        Close::Until { at, counts } => {
            db.prepare_cached("UPDATE event SET attempts = attempts - ? WHERE seq = ?")?
                .execute(params![!counts, seq])?;
            queue_again(db, seq, *at)
        }
        Close::For(state) => {
            // What was handled is personal data without a use.
            db.prepare_cached(
                "UPDATE event SET state = ?1, ended = ?2, body = CASE ?1 WHEN 'done' THEN '' ELSE body END WHERE seq = ?3",
            )?
            .execute(params![state, now, seq])?;
            Place::at(db, seq)?.wake_next(db)
        }
    }
}

/// Undoes a lease: the attempt did not take place.
pub(super) fn postpone(db: &Connection, id: &str, number: u32, at: Timestamp) -> Result<(), StoreError> {
    let seq = leased(db, id, number)?;
    db.prepare_cached("DELETE FROM attempt WHERE event = ? AND ended IS NULL")?.execute([seq])?;
    db.prepare_cached("UPDATE event SET attempts = attempts - 1 WHERE seq = ?")?.execute([seq])?;
    queue_again(db, seq, at)
}

/// Puts one that was at work back, behind an older one of its entity that was replayed meanwhile.
fn queue_again(db: &Connection, seq: i64, at: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE event SET state = 'queued', due = ?, waits = entity_id IS NOT NULL WHERE seq = ?")?
        .execute(params![at, seq])?;
    Place::at(db, seq)?.wake_next(db)
}

/// The row of a notification that is leased for this very attempt.
fn leased(db: &Connection, id: &str, number: u32) -> Result<i64, StoreError> {
    let mut row = db.prepare_cached(
        "SELECT seq FROM event JOIN attempt ON attempt.event = seq
         WHERE id = ? AND state = 'running' AND number = ? AND attempt.ended IS NULL",
    )?;
    let seq: Option<i64> = row.query_row(params![id, number], |row| row.get(0)).optional()?;
    seq.ok_or_else(|| StoreError::NotLeased(id.to_owned()))
}

pub(super) fn replay(db: &Connection, id: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut row = db.prepare_cached("SELECT seq, state FROM event WHERE id = ?")?;
    let found = row.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (seq, state): (i64, State) = found.ok_or_else(|| StoreError::NoEvent(id.to_owned()))?;
    if state == State::Dead { revive(db, seq, now) } else { Err(StoreError::NotDead(id.to_owned())) }
}

/// Queues a dead one again.
pub(super) fn revive(db: &Connection, seq: i64, now: Timestamp) -> Result<(), StoreError> {
    let leader = Place::at(db, seq)?.leader(db)?;
    // An older one goes first again, unless a younger one is at work already.
    let waits = leader.is_some_and(|(leader, state)| leader < seq || state == State::Running);
    if let (Some((leader, _)), false) = (leader, waits) {
        db.prepare_cached("UPDATE event SET waits = 1 WHERE seq = ?")?.execute([leader])?;
    }
    db.prepare_cached(
        "UPDATE event SET state = 'queued', waits = ?, due = ?, attempts = 0, ended = NULL WHERE seq = ?",
    )?
    .execute(params![waits, now, seq])?;
    Ok(())
}

/// Removes what was done or dead for long enough.
pub(in crate::store) fn prune(db: &Connection, now: Timestamp, retention: &Retention) -> Result<(), StoreError> {
    for (state, keep) in [(State::Done, retention.done), (State::Dead, retention.dead)] {
        db.execute(
            "DELETE FROM event INDEXED BY event_ended WHERE state = ? AND state IN ('done', 'dead') AND ended < ?",
            params![state, now.before(keep)],
        )?;
    }
    Ok(())
}
