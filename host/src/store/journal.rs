//! The journal: which calls were answered and how, and what components logged. Recording never waits: what does not
//! fit into the writer's queue is counted and dropped.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::keyvalue::sql_limit;
use super::writer::Job;
use super::{Retention, Store, StoreError, Timestamp};

/// One answered call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Its id, unique.
    pub id: String,
    /// Its channel.
    pub channel: String,
    /// The release that answered, if one did.
    pub release: Option<u64>,
    /// The interaction or event.
    pub action: String,
    /// How it ended, such as `ok` or `trap`.
    pub outcome: String,
    /// The code the caller was told.
    pub code: Option<String>,
    /// The HTTP status the caller was told.
    pub status: u16,
    /// When it began.
    pub started: Timestamp,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// What the caller was not told.
    pub detail: Option<String>,
    /// What it used; absent when no component was asked.
    #[serde(flatten)]
    pub used: Option<Used>,
    /// What its limits were and where it was, when it failed.
    pub trace: Option<Trace>,
    /// The id that the caller's HTTP request had.
    pub request_id: Option<String>,
}

/// What a call used of its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Processor time, in microseconds.
    pub cpu_us: u64,
    /// Linear memory, in bytes.
    pub memory: u64,
    /// The wait for its place, in microseconds.
    pub queued_us: u64,
    /// Requests to the outside.
    pub requests: u32,
}

/// Where a failed call was, for the author of its component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The whole time that it had, in milliseconds.
    pub time_ms: u64,
    /// The processor time that it had, in milliseconds.
    pub cpu_ms: u64,
    /// The memory that it had, in bytes.
    pub memory: u64,
    /// The requests to the outside that it had.
    pub requests: u32,
    /// The component's functions that were running, the innermost first.
    pub frames: Vec<String>,
}

/// One line that a component logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Its channel.
    pub channel: String,
    /// The id of the call it belongs to.
    pub call: String,
    /// When it was logged.
    pub at: Timestamp,
    /// `trace` to `critical`.
    pub level: String,
    /// What the component says it is about.
    pub context: String,
    /// The text.
    pub message: String,
}

/// A log line with its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedLine {
    /// Grows with every line over all channels; continue a listing after it.
    pub seq: i64,
    /// The line.
    #[serde(flatten)]
    pub line: LogLine,
}

impl Store {
    /// Records a call. Never waits; see [`Store::dropped`].
    pub fn record_call(&self, call: CallRecord) {
        self.inner.writer.offer(Job::Call(Box::new(call)));
    }

    /// Records a log line. Never waits; see [`Store::dropped`].
    pub fn record_log(&self, line: LogLine) {
        self.inner.writer.offer(Job::Log(Box::new(line)));
    }

    /// Journal rows that were lost since the start, because too many waited or the disk failed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.inner.writer.dropped()
    }

    /// Waits until everything sent so far, the journal included, is on the disk.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.write(|_| Ok(())).await
    }

    /// The newest calls of a channel, newest first; only those with this outcome if one is given.
    pub fn calls(&self, channel: &str, limit: usize, outcome: Option<&str>) -> Result<Vec<CallRecord>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT * FROM call WHERE channel = ?1 AND (?2 IS NULL OR outcome = ?2) ORDER BY seq DESC LIMIT ?3",
            )?;
            let calls = rows.query_map(params![channel, outcome, sql_limit(limit)], read_call)?;
            Ok(calls.collect::<Result<_, _>>()?)
        })
    }

    /// One call, if it is still kept.
    pub fn call(&self, id: &str) -> Result<Option<CallRecord>, StoreError> {
        self.read(|db| {
            Ok(db.prepare_cached("SELECT * FROM call WHERE id = ?")?.query_row([id], read_call).optional()?)
        })
    }

    /// Log lines of a channel in their order: the first `limit` after `after`, or the newest `limit`.
    pub fn logs(&self, channel: &str, after: Option<i64>, limit: usize) -> Result<Vec<LoggedLine>, StoreError> {
        self.read(|db| {
            let limit = sql_limit(limit);
            let Some(after) = after else {
                let newest = "SELECT * FROM log WHERE channel = ? ORDER BY seq DESC LIMIT ?";
                let mut lines = read_lines(db, newest, params![channel, limit])?;
                lines.reverse();
                return Ok(lines);
            };
            let next = "SELECT * FROM log WHERE channel = ? AND seq > ? ORDER BY seq LIMIT ?";
            read_lines(db, next, params![channel, after, limit])
        })
    }

    /// All log lines of one call in their order.
    pub fn logs_of_call(&self, id: &str) -> Result<Vec<LoggedLine>, StoreError> {
        self.read(|db| read_lines(db, "SELECT * FROM log WHERE call = ? ORDER BY seq", params![id]))
    }
}

pub(super) fn insert_call(db: &Connection, call: &CallRecord) -> Result<(), StoreError> {
    let mut row = db.prepare_cached(
        "INSERT INTO call (id, channel, release, action, outcome, code, status, started, duration_us, detail, cpu_us,
                           memory, queued_us, requests, trace, request_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let trace = call.trace.as_ref().map(serde_json::to_string).transpose();
    let trace = trace.map_err(|error| StoreError::Database(error.to_string()))?;
    let used = call.used.as_ref();
    row.execute(params![
        call.id,
        call.channel,
        call.release.map(u64::cast_signed),
        call.action,
        call.outcome,
        call.code,
        call.status,
        call.started,
        call.duration_us.cast_signed(),
        call.detail,
        used.map(|used| used.cpu_us.cast_signed()),
        used.map(|used| used.memory.cast_signed()),
        used.map(|used| used.queued_us.cast_signed()),
        used.map(|used| used.requests),
        trace,
        call.request_id,
    ])?;
    Ok(())
}

pub(super) fn insert_log(db: &Connection, line: &LogLine) -> Result<(), StoreError> {
    let mut row =
        db.prepare_cached("INSERT INTO log (channel, call, at, level, context, message) VALUES (?, ?, ?, ?, ?, ?)")?;
    row.execute(params![line.channel, line.call, line.at, line.level, line.context, line.message])?;
    Ok(())
}

/// Removes the oldest rows beyond what is kept. Numbers are given without gaps, so the newest tells which those are.
pub(super) fn trim(db: &Connection, retention: &Retention) -> Result<(), StoreError> {
    for (table, keep) in [("call", retention.calls), ("log", retention.log_lines), ("outbound", retention.outbound)] {
        db.execute(
            &format!("DELETE FROM {table} WHERE seq <= (SELECT max(seq) FROM {table}) - ?"),
            [keep.cast_signed()],
        )?;
    }
    Ok(())
}

fn read_call(row: &Row<'_>) -> rusqlite::Result<CallRecord> {
    Ok(CallRecord {
        id: row.get("id")?,
        channel: row.get("channel")?,
        release: row.get::<_, Option<i64>>("release")?.map(i64::cast_unsigned),
        action: row.get("action")?,
        outcome: row.get("outcome")?,
        code: row.get("code")?,
        status: row.get("status")?,
        started: row.get("started")?,
        duration_us: row.get::<_, i64>("duration_us")?.cast_unsigned(),
        detail: row.get("detail")?,
        used: read_used(row)?,
        // One that cannot be read is none: it is told to people, and nothing else depends on it.
        trace: row.get::<_, Option<String>>("trace")?.and_then(|text| serde_json::from_str(&text).ok()),
        request_id: row.get("request_id")?,
    })
}

fn read_used(row: &Row<'_>) -> rusqlite::Result<Option<Used>> {
    let Some(cpu_us) = row.get::<_, Option<i64>>("cpu_us")? else { return Ok(None) };
    let amount = |column| row.get::<_, Option<i64>>(column).map(|value| value.unwrap_or_default().cast_unsigned());
    Ok(Some(Used {
        cpu_us: cpu_us.cast_unsigned(),
        memory: amount("memory")?,
        queued_us: amount("queued_us")?,
        requests: row.get::<_, Option<u32>>("requests")?.unwrap_or_default(),
    }))
}

fn read_lines(db: &Connection, query: &str, params: impl rusqlite::Params) -> Result<Vec<LoggedLine>, StoreError> {
    let mut rows = db.prepare_cached(query)?;
    let lines = rows.query_map(params, |row| {
        let line = LogLine {
            channel: row.get("channel")?,
            call: row.get("call")?,
            at: row.get("at")?,
            level: row.get("level")?,
            context: row.get("context")?,
            message: row.get("message")?,
        };
        Ok(LoggedLine { seq: row.get("seq")?, line })
    })?;
    Ok(lines.collect::<Result<_, _>>()?)
}
