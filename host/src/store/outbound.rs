//! The journal of outbound requests: whom components asked, how it ended, and what they were refused.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::writer::Job;
use super::{Store, StoreError, Timestamp};

/// One request of a component to the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundRecord {
    /// The id of the call that it belongs to.
    pub call: String,
    /// The call's channel.
    pub channel: String,
    /// When it was asked for.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// Host and port.
    pub host: String,
    /// The path, without its query.
    pub path: String,
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// Why there is no answer, or not all of it: a word such as `first-byte-time`; `refused` for one that was not sent,
    /// `abandoned` for one that its component did not wait for.
    pub error: Option<String>,
    /// Why it was not sent.
    pub refused: Option<String>,
    /// From its being asked for to the end of its answer, in microseconds.
    pub duration_us: u64,
    /// Bytes of its body.
    pub bytes_out: u64,
    /// Bytes of the answer's body.
    pub bytes_in: u64,
    /// How many requests this stands for: refusals beyond the first of a call become one record.
    pub requests: u32,
}

impl Store {
    /// Records a request. Never waits; see [`Store::dropped`].
    pub fn record_outbound(&self, request: OutboundRecord) {
        self.inner.writer.offer(Job::Outbound(Box::new(request)));
    }

    /// All requests of one call that are still kept, in the order in which they ended.
    pub fn outbound_of_call(&self, id: &str) -> Result<Vec<OutboundRecord>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached("SELECT * FROM outbound WHERE call = ? ORDER BY seq")?;
            let requests = rows.query_map([id], |row| {
                Ok(OutboundRecord {
                    call: row.get("call")?,
                    channel: row.get("channel")?,
                    at: row.get("at")?,
                    method: row.get("method")?,
                    host: row.get("host")?,
                    path: row.get("path")?,
                    status: row.get("status")?,
                    error: row.get("error")?,
                    refused: row.get("refused")?,
                    duration_us: row.get::<_, i64>("duration_us")?.cast_unsigned(),
                    bytes_out: row.get::<_, i64>("bytes_out")?.cast_unsigned(),
                    bytes_in: row.get::<_, i64>("bytes_in")?.cast_unsigned(),
                    requests: row.get("requests")?,
                })
            })?;
            Ok(requests.collect::<Result<_, _>>()?)
        })
    }
}

pub(super) fn insert(db: &Connection, request: &OutboundRecord) -> Result<(), StoreError> {
    let mut row = db.prepare_cached(
        "INSERT INTO outbound (call, channel, at, method, host, path, status, error, refused, duration_us, bytes_out,
         bytes_in, requests) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    row.execute(params![
        request.call,
        request.channel,
        request.at,
        request.method,
        request.host,
        request.path,
        request.status,
        request.error,
        request.refused,
        request.duration_us.cast_signed(),
        request.bytes_out.cast_signed(),
        request.bytes_in.cast_signed(),
        request.requests,
    ])?;
    Ok(())
}
