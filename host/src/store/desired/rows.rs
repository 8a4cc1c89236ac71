//! Channels and releases as rows.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::{Canary, Channel, KeyRecord, Release, StoreError};

pub(in crate::store) fn one_channel(db: &Connection, name: &str) -> Result<Channel, StoreError> {
    channels(db, Which::Named(name))?.pop().ok_or_else(|| StoreError::NoChannel(name.to_owned()))
}

/// Which channels to read.
#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    All,
    Named(&'a str),
    /// Those of which something changed after this revision.
    ChangedAfter(u64),
}

impl Which<'_> {
    /// The condition on a table's column that names the channel, and its parameter.
    fn condition(self, column: &str) -> (String, Option<Value>) {
        match self {
            Self::All => (String::new(), None),
            Self::Named(name) => (format!("WHERE {column} = ?"), Some(name.to_owned().into())),
            Self::ChangedAfter(revision) => (
                format!("WHERE {column} IN (SELECT name FROM channel WHERE changed > ?)"),
                Some(revision.cast_signed().into()),
            ),
        }
    }
}

/// Channels by name. Three statements, however many channels there are.
pub(super) fn channels(db: &Connection, which: Which<'_>) -> Result<Vec<Channel>, StoreError> {
    let (by_channel, parameter) = which.condition("channel");
    let (by_name, _) = which.condition("name");
    let params = || rusqlite::params_from_iter(parameter.iter());

    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rows = db.prepare_cached(&format!("SELECT channel, host FROM host {by_channel} ORDER BY host"))?;
    for row in rows.query_map(params(), |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (channel, host): (String, String) = row?;
        hosts.entry(channel).or_default().push(host);
    }
    let mut keys: BTreeMap<String, Vec<KeyRecord>> = BTreeMap::new();
    let mut rows = db.prepare_cached(&format!(
        "SELECT channel, kind, digest, created, expires FROM channel_key {by_channel} ORDER BY channel, kind, seq DESC"
    ))?;
    for row in rows.query_map(params(), |row| Ok((row.get(0)?, read_key(row)?)))? {
        let (channel, key): (String, KeyRecord) = row?;
        keys.entry(channel).or_default().push(key);
    }
    let mut rows = db.prepare_cached(&format!(
        "SELECT name, mode, active, previous, canary, canary_share, canary_since, watch, limits, failure_mode, deltas_ms, notification, revision, created
         FROM channel {by_name} ORDER BY name"
    ))?;
    let channels = rows.query_and_then(params(), |row| {
        let name: String = row.get("name")?;
        let [watch, limits, notification] = ["watch", "limits", "notification"].map(|name| row.get::<_, String>(name));
        let corrupt =
            |what, error: &dyn std::fmt::Display| StoreError::Corrupt(format!("{what} of channel {name}: {error}"));
        let watch = serde_json::from_str(&watch?).map_err(|error| corrupt("thresholds", &error))?;
        let limits = serde_json::from_str(&limits?).map_err(|error| corrupt("limits", &error))?;
        let notification = serde_json::from_str(&notification?).map_err(|error| corrupt("notifications", &error))?;
        let failure_mode = row.get::<_, Option<String>>("failure_mode")?.map(|word| word.parse()).transpose();
        let failure_mode = failure_mode.map_err(|expected| corrupt("failure mode", &expected))?;
        Ok(Channel {
            mode: row.get("mode")?,
            hosts: hosts.remove(&name).unwrap_or_default(),
            keys: keys.remove(&name).unwrap_or_default(),
            active: row.get::<_, Option<i64>>("active")?.map(i64::cast_unsigned),
            previous: row.get::<_, Option<i64>>("previous")?.map(i64::cast_unsigned),
            canary: read_canary(row)?,
            watch,
            limits,
            failure_mode,
            deltas_ms: row.get::<_, Option<i64>>("deltas_ms")?.map(i64::cast_unsigned),
            notification,
            revision: row.get::<_, i64>("revision")?.cast_unsigned(),
            created: row.get("created")?,
            name,
        })
    })?;
    channels.collect()
}

fn read_canary(row: &Row<'_>) -> rusqlite::Result<Option<Canary>> {
    let Some(release) = row.get::<_, Option<i64>>("canary")?.map(i64::cast_unsigned) else { return Ok(None) };
    Ok(Some(Canary { release, share: row.get("canary_share")?, since: row.get("canary_since")? }))
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    Ok(KeyRecord {
        kind: row.get("kind")?,
        digest: row.get("digest")?,
        created: row.get("created")?,
        expires: row.get("expires")?,
    })
}

pub(super) fn find_release(db: &Connection, channel: &str, number: u64) -> Result<Option<Release>, StoreError> {
    let mut row =
        db.prepare_cached("SELECT channel, number, created, spec FROM release WHERE channel = ? AND number = ?")?;
    row.query_row(params![channel, number.cast_signed()], |row| Ok(read_release(row))).optional()?.transpose()
}

/// The active releases and candidates of these channels. A cross join is done from left to right: two rows to look up for
/// each channel, instead of all releases that there are.
pub(super) fn answering_releases(
    db: &Connection,
    which: Which<'_>,
) -> Result<BTreeMap<(String, u64), Release>, StoreError> {
    let (by_name, parameter) = which.condition("c.name");
    let mut rows = db.prepare_cached(&format!(
        "SELECT r.channel, r.number, r.created, r.spec FROM channel c
         CROSS JOIN release r ON r.channel = c.name AND r.number IN (c.active, c.canary) {by_name}"
    ))?;
    let releases = rows.query_and_then(rusqlite::params_from_iter(parameter.iter()), read_release)?;
    releases.map(|release| release.map(|release| ((release.channel.clone(), release.number), release))).collect()
}

pub(super) fn read_release(row: &Row<'_>) -> Result<Release, StoreError> {
    let channel: String = row.get("channel")?;
    let number = row.get::<_, i64>("number")?.cast_unsigned();
    let spec: String = row.get("spec")?;
    let spec = serde_json::from_str(&spec)
        .map_err(|error| StoreError::Corrupt(format!("release {number} of channel {channel}: {error}")))?;
    Ok(Release { channel, number, created: row.get("created")?, spec })
}

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Database(error.to_string()))
}
