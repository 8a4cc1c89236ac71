//! Old releases go when somebody says so, but never one that answers or may have to.

use rusqlite::{Connection, params};

use super::done::{Done, conclude};
use super::rows::{find_release, one_channel};
use super::way::bypass;
use crate::store::writer::Bell;
use crate::store::{Change, Channel, Store, StoreError, secrets};

impl Store {
    /// Removes all but the newest `keep` releases of a channel, except those that answer and the one to roll back to,
    /// and the secrets' values that only they named. Returns their numbers, oldest first. Components stay until they
    /// are swept. Fails with `NoChannel`.
    pub async fn prune_releases(&self, channel: &str, keep: usize, who: &str) -> Result<Vec<u64>, StoreError> {
        let (channel, who) = (channel.to_owned(), who.to_owned());
        let pruned = self.inner.writer.write(Bell::Desired, move |db| {
            let channel = one_channel(db, &channel)?;
            let mut old = numbers(db, &channel.name)?;
            old.truncate(old.len().saturating_sub(keep));
            old.retain(|number| needed(&channel, *number).is_none());
            remove(db, &channel.name, &old, who)?;
            Ok(old)
        });
        pruned.await
    }

    /// Removes one release, as [`Store::prune_releases`] does.
    /// Fails with `NoChannel`, `NoRelease`, or with `ReleaseInUse` when it answers or is the one to roll back to.
    pub async fn delete_release(&self, channel: &str, number: u64, who: &str) -> Result<(), StoreError> {
        let (channel, who) = (channel.to_owned(), who.to_owned());
        let deleted = self.inner.writer.write(Bell::Desired, move |db| {
            let channel = one_channel(db, &channel)?;
            let name = channel.name.clone();
            if let Some(because) = needed(&channel, number) {
                return Err(StoreError::ReleaseInUse { channel: name, number, because });
            }
            if find_release(db, &name, number)?.is_none() {
                return Err(StoreError::NoRelease { channel: name, number });
            }
            remove(db, &name, &[number], who)
        });
        deleted.await
    }
}

/// Why a release has to stay, if it has to.
fn needed(channel: &Channel, number: u64) -> Option<&'static str> {
    if channel.active == Some(number) {
        return Some("is the one that answers; activate another one first");
    }
    if channel.canary.is_some_and(|canary| canary.release == number) {
        return Some("is on trial as the canary; abort it first");
    }
    let previous = channel.previous == Some(number);
    previous.then_some("is the one to roll back to; it can be removed once another release has been activated")
}

/// Oldest first.
fn numbers(db: &Connection, channel: &str) -> Result<Vec<u64>, StoreError> {
    let mut rows = db.prepare_cached("SELECT number FROM release WHERE channel = ? ORDER BY number")?;
    let numbers = rows.query_map([channel], |row| row.get(0).map(i64::cast_unsigned))?;
    Ok(numbers.collect::<Result<_, _>>()?)
}

fn remove(db: &Connection, channel: &str, old: &[u64], who: String) -> Result<(), StoreError> {
    if old.is_empty() {
        return Ok(());
    }
    for number in old {
        bypass(db, channel, *number)?;
        db.execute("DELETE FROM release WHERE channel = ? AND number = ?", params![channel, number.cast_signed()])?;
    }
    secrets::forget_unnamed(db, channel)?;
    let gone = old.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let note = format!("removed {gone}");
    let done = Done { change: Change::Prune, from: None, to: None, share: None, note };
    conclude(db, channel, done, who, "")?;
    Ok(())
}
