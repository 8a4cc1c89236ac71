//! The way back: which release answers when the active one is given up, and which behind that. Each release knows the one
//! that it replaced when it last became active, other than by going back; the channel knows the first of them.

use rusqlite::{Connection, params};

use crate::store::{Channel, StoreError};

/// Makes a release active that was not. The one before it is the one to roll back to, and a candidate's trial ends.
/// A release that is on the way back already leaves its place there, so the way has no circles.
pub(super) fn go_forward(db: &Connection, channel: &Channel, number: u64) -> Result<(), StoreError> {
    bypass(db, &channel.name, number)?;
    db.execute(
        "UPDATE release SET replaced = ? WHERE channel = ? AND number = ?",
        params![channel.active.map(u64::cast_signed), channel.name, number.cast_signed()],
    )?;
    answer_with(db, &channel.name, number, channel.active)
}

/// Makes a release active again; the one behind it is then the one to roll back to. A candidate's trial ends.
pub(super) fn go_back(db: &Connection, channel: &str, number: u64) -> Result<(), StoreError> {
    let behind: Option<i64> = db.query_row(
        "SELECT replaced FROM release WHERE channel = ? AND number = ?",
        params![channel, number.cast_signed()],
        |row| row.get(0),
    )?;
    answer_with(db, channel, number, behind.map(i64::cast_unsigned))
}

/// Takes a release out of the way back: whoever had it as the next one has the one behind it instead.
pub(super) fn bypass(db: &Connection, channel: &str, number: u64) -> Result<(), StoreError> {
    db.execute(
        "UPDATE release SET replaced = (SELECT replaced FROM release WHERE channel = ?1 AND number = ?2)
         WHERE channel = ?1 AND replaced = ?2",
        params![channel, number.cast_signed()],
    )?;
    Ok(())
}

fn answer_with(db: &Connection, channel: &str, active: u64, previous: Option<u64>) -> Result<(), StoreError> {
    db.execute(
        "UPDATE channel SET active = ?, previous = ?, canary = NULL, canary_share = NULL, canary_since = NULL
         WHERE name = ?",
        params![active.cast_signed(), previous.map(u64::cast_signed), channel],
    )?;
    Ok(())
}
