//! The queue as people see it, and when it is worth a look.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params_from_iter};

use super::filter::{Filter, MATCHES, REASON};
use super::{Attempt, QueuedEvent};
use crate::store::keyvalue::sql_limit;
use crate::store::{State, Store, StoreError, Timestamp};

const COLUMNS: &str = "id, channel, event_type, entity_type_id, entity_id, state, waits, attempts, created, due, ended";

impl Store {
    /// The newest notifications of a channel that `filter` means, newest first; only those in `state` if one is given. Looks at
    /// all of them where few are meant: milliseconds for tens of thousands.
    pub fn queued(
        &self,
        channel: &str,
        state: Option<State>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<QueuedEvent>, StoreError> {
        self.read(|db| {
            let (only, limit) = (if state.is_some() { "AND state = ?8" } else { "AND ?8 IS NULL" }, sql_limit(limit));
            let mut rows = db.prepare_cached(&format!(
                "SELECT {COLUMNS}, {REASON} AS reason FROM event
                 WHERE {MATCHES} AND channel = ?6 {only} ORDER BY seq DESC LIMIT ?7"
            ))?;
            let values = filter.values().into_iter().chain([&channel as &dyn ToSql, &limit, &state]);
            let events = rows.query_map(params_from_iter(values), read_event)?;
            Ok(events.collect::<Result<_, _>>()?)
        })
    }

    /// One notification with its body (empty once it is done) and its attempts.
    pub fn queue_event(&self, id: &str) -> Result<Option<(QueuedEvent, String, Vec<Attempt>)>, StoreError> {
        self.read_at_once(|db| {
            let mut row =
                db.prepare_cached(&format!("SELECT {COLUMNS}, {REASON} AS reason, body FROM event WHERE id = ?"))?;
            let found = row.query_row([id], |row| Ok((read_event(row)?, row.get("body")?))).optional()?;
            found.map(|(event, body)| Ok((event, body, attempts(db, id)?))).transpose()
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
        reason: row.get("reason")?,
    })
}
