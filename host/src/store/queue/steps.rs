//! The queue's transitions. Each runs on the writer, within one savepoint.

use std::collections::HashMap;

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::order::Place;
use super::{Enqueued, Event, Leased, deltas};
use crate::store::{Retention, State, StoreError, Timestamp, new_id};

pub(super) fn enqueue(db: &Connection, event: &Event, window: Duration) -> Result<Enqueued, StoreError> {
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
    Ok(Enqueued { id: insert(db, event, Origin::Webhook)?, duplicate: false })
}

/// By which way a notification came.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    Webhook,
    /// The platform's list, where it stands at this cursor.
    Delta(&'a str),
}

/// Adds a notification that is no duplicate; its id.
pub(super) fn insert(db: &Connection, event: &Event, origin: Origin<'_>) -> Result<String, StoreError> {
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

/// The numbers of those that are due, oldest first, and that their channels' shares have room for.
fn due(db: &Connection, now: Timestamp, limit: usize, share: usize) -> Result<Vec<i64>, StoreError> {
    let mut running =
        db.prepare_cached("SELECT channel, count(*) FROM event WHERE state = 'running' AND due > ? GROUP BY channel")?;
    let running = running.query_map(params![now], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    let mut held: HashMap<String, usize> = HashMap::new();
    for row in running {
        let (channel, count) = row?;
        held.insert(channel, usize::try_from(count).unwrap_or(usize::MAX));
    }
    // Read one by one: what stands behind a channel that has its share is found in the index alone.
    let mut due = db.prepare_cached(
        "SELECT seq, channel FROM event INDEXED BY event_due WHERE waits = 0 AND state IN ('queued', 'running') AND due <= ? ORDER BY due, seq",
    )?;
    let mut rows = due.query(params![now])?;
    let mut taken = Vec::with_capacity(limit.min(64));
    while taken.len() < limit
        && let Some(row) = rows.next()?
    {
        let held = held.entry(row.get(1)?).or_default();
        if *held < share {
            *held += 1;
            taken.push(row.get(0)?);
        }
    }
    Ok(taken)
}

pub(super) fn lease(
    db: &Connection,
    now: Timestamp,
    limit: usize,
    share: usize,
    until: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let due = due(db, now, limit, share)?;
    let mut lost = db.prepare_cached(
        "UPDATE attempt SET ended = ?, result = 'lost', reason = 'the lease ran out' WHERE event = ? AND ended IS NULL",
    )?;
    let mut attempt = db.prepare_cached(
        "INSERT INTO attempt (event, number, started)
         VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE event = ?1), ?2)",
    )?;
    let mut take = db.prepare_cached(
        "UPDATE event SET state = 'running', due = ?, attempts = attempts + 1 WHERE seq = ?
         RETURNING id, channel, event_type, entity_type_id, entity_id, body, attempts",
    )?;
    let mut leased = Vec::with_capacity(due.len());
    for seq in due {
        lost.execute(params![now, seq])?;
        attempt.execute(params![seq, now])?;
        leased.push(take.query_row(params![until, seq], |row| {
            Ok(Leased {
                id: row.get("id")?,
                channel: row.get("channel")?,
                event_type: row.get("event_type")?,
                entity_type_id: row.get("entity_type_id")?,
                entity_id: row.get("entity_id")?,
                body: row.get("body")?,
                attempts: row.get("attempts")?,
            })
        })?);
    }
    Ok(leased)
}

/// Ends an attempt. `at` is when a queued one may run again, and when any other ended.
pub(super) fn close(
    db: &Connection,
    id: &str,
    attempts: u32,
    state: State,
    at: Timestamp,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let seq = leased(db, id, attempts)?;
    let result = if state == State::Queued { "retry" } else { state.as_str() };
    let now = if state == State::Queued { Timestamp::now() } else { at };
    db.prepare_cached("UPDATE attempt SET ended = ?, result = ?, reason = ? WHERE event = ? AND ended IS NULL")?
        .execute(params![now, result, reason, seq])?;
    if state == State::Queued {
        db.prepare_cached("UPDATE event SET state = 'queued', due = ? WHERE seq = ?")?.execute(params![at, seq])?;
        return Ok(());
    }
    // What was handled is personal data without a use.
    db.prepare_cached(
        "UPDATE event SET state = ?1, ended = ?2, body = CASE ?1 WHEN 'done' THEN '' ELSE body END WHERE seq = ?3",
    )?
    .execute(params![state, at, seq])?;
    match Place::of(db, id)? {
        Some(place) => place.wake_next(db),
        None => Ok(()),
    }
}

/// Undoes a lease: the attempt did not take place.
pub(super) fn postpone(db: &Connection, id: &str, attempts: u32, at: Timestamp) -> Result<(), StoreError> {
    let seq = leased(db, id, attempts)?;
    db.prepare_cached("DELETE FROM attempt WHERE event = ? AND ended IS NULL")?.execute([seq])?;
    db.prepare_cached("UPDATE event SET state = 'queued', due = ?, attempts = attempts - 1 WHERE seq = ?")?
        .execute(params![at, seq])?;
    Ok(())
}

/// The row of a notification that is leased for this very attempt.
fn leased(db: &Connection, id: &str, attempts: u32) -> Result<i64, StoreError> {
    let mut row = db.prepare_cached("SELECT seq FROM event WHERE id = ? AND state = 'running' AND attempts = ?")?;
    let seq: Option<i64> = row.query_row(params![id, attempts], |row| row.get(0)).optional()?;
    seq.ok_or_else(|| StoreError::NotLeased(id.to_owned()))
}

pub(super) fn replay(db: &Connection, id: &str) -> Result<(), StoreError> {
    let mut row = db.prepare_cached("SELECT seq, state FROM event WHERE id = ?")?;
    let found = row.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (seq, state): (i64, State) = found.ok_or_else(|| StoreError::NoEvent(id.to_owned()))?;
    if state != State::Dead {
        return Err(StoreError::NotDead(id.to_owned()));
    }
    let leader = match Place::of(db, id)? {
        Some(place) => place.leader(db)?,
        None => None,
    };
    // An older one goes first again, unless a younger one is at work already.
    let waits = leader.is_some_and(|(leader, state)| leader < seq || state == State::Running);
    if let (Some((leader, _)), false) = (leader, waits) {
        db.execute("UPDATE event SET waits = 1 WHERE seq = ?", [leader])?;
    }
    db.execute(
        "UPDATE event SET state = 'queued', waits = ?, due = ?, attempts = 0, ended = NULL WHERE seq = ?",
        params![waits, Timestamp::now(), seq],
    )?;
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
