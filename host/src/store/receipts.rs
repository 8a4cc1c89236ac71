//! Receipts: what was done to the releases of a channel, by whom, and what became of the calls in flight.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::keyvalue::sql_limit;
use super::{Change, Receipt, Store, StoreError, Timestamp};

/// Receipts that are kept over all channels.
const KEPT: i64 = 100_000;

/// That what receipt `r` tells is the last that was done to what answers on channel `c`. Removing old releases changes nothing
/// of that, nor does adding one that is not activated.
const LAST: &str = "r.to_release = c.active AND NOT EXISTS (
    SELECT 1 FROM receipt later WHERE later.channel = r.channel AND later.seq > r.seq AND later.kind <> 'prune'
        AND (later.kind <> 'deploy' OR later.to_release = c.active))";

impl Store {
    /// The newest receipts of a channel, newest first. Those of a channel that is gone stay.
    pub fn receipts(&self, channel: &str, limit: usize) -> Result<Vec<Receipt>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached("SELECT * FROM receipt WHERE channel = ? ORDER BY seq DESC LIMIT ?")?;
            let receipts = rows.query_map(params![channel, sql_limit(limit)], read_receipt)?;
            Ok(receipts.collect::<Result<_, _>>()?)
        })
    }

    /// The channels whose releases the node itself changed last, with the receipts that say why.
    pub fn returned(&self) -> Result<HashMap<String, Receipt>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(&format!(
                "SELECT r.* FROM channel c JOIN receipt r ON r.channel = c.name WHERE r.kind = 'return' AND {LAST}"
            ))?;
            let receipts = rows.query_map([], read_receipt)?;
            Ok(receipts
                .map(|receipt| receipt.map(|receipt| (receipt.channel.clone(), receipt)))
                .collect::<Result<_, _>>()?)
        })
    }

    /// The channels on which a release that is new there has become active since then, and still is; with when that was.
    pub fn swapped_since(&self, since: Timestamp) -> Result<HashMap<String, Timestamp>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(&format!(
                "SELECT c.name, r.at FROM channel c JOIN receipt r ON r.channel = c.name
                 WHERE r.kind IN ('deploy', 'activate', 'promote') AND r.at >= ? AND {LAST}"
            ))?;
            let swapped = rows.query_map([since], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(swapped.collect::<Result<_, _>>()?)
        })
    }

    /// Adds to a receipt what is known only after the next table was published: calls then in flight on the release
    /// that ended, milliseconds until they were over, and how many were ended at the deadline. A receipt that is not
    /// kept stays unknown.
    pub async fn settle_receipt(&self, id: &str, in_flight: u32, drain_ms: u64, killed: u32) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |db| {
            db.execute(
                "UPDATE receipt SET in_flight = ?, drain_ms = ?, killed = ? WHERE id = ?",
                params![in_flight, drain_ms.cast_signed(), killed, id],
            )?;
            Ok(())
        })
        .await
    }
}

pub(super) fn insert(db: &Connection, receipt: &Receipt) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO receipt (id, channel, at, kind, who, from_release, to_release, share, revision, reason)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            receipt.id,
            receipt.channel,
            receipt.at,
            receipt.change,
            receipt.who,
            receipt.from.map(u64::cast_signed),
            receipt.to.map(u64::cast_signed),
            receipt.share,
            receipt.revision.cast_signed(),
            receipt.reason,
        ],
    )?;
    Ok(())
}

/// The last receipt of a channel.
pub(super) fn newest(db: &Connection, channel: &str) -> Result<Option<Receipt>, StoreError> {
    let mut row = db.prepare_cached("SELECT * FROM receipt WHERE channel = ? ORDER BY seq DESC LIMIT 1")?;
    Ok(row.query_row([channel], read_receipt).optional()?)
}

/// Removes the oldest beyond what is kept. Numbers are given without gaps, so the newest tells which those are.
pub(super) fn trim(db: &Connection) -> Result<(), StoreError> {
    db.execute("DELETE FROM receipt WHERE seq <= (SELECT max(seq) FROM receipt) - ?", [KEPT])?;
    Ok(())
}

fn read_receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let number = |column: &str| row.get::<_, Option<i64>>(column).map(|number| number.map(i64::cast_unsigned));
    Ok(Receipt {
        id: row.get("id")?,
        channel: row.get("channel")?,
        at: row.get("at")?,
        change: row.get::<_, Change>("kind")?,
        who: row.get("who")?,
        from: number("from_release")?,
        to: number("to_release")?,
        share: row.get("share")?,
        revision: row.get::<_, i64>("revision")?.cast_unsigned(),
        in_flight: row.get("in_flight")?,
        drain_ms: number("drain_ms")?,
        killed: row.get("killed")?,
        reason: row.get("reason")?,
    })
}
