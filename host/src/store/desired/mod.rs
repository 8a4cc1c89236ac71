//! The desired state: which channels exist, and which release answers on each. Every change makes a new revision.

mod done;
mod prune;
mod rows;
mod swap;
mod way;

use rusqlite::{Connection, named_params, params};
use tokio::sync::watch;

use super::writer::Bell;
use super::{
    Changes, Channel, Desired, DesiredChannel, Digest, KeyKind, Mode, NewChannel, Release, Store, StoreError,
    Timestamp, Watch,
};

use crate::config::{FailureMode, Limit, NotificationOverrides};

use rows::{Which, answering_releases, channels, find_release, read_release, to_json};

pub(super) use rows::one_channel;

impl Store {
    /// The newest revision; changes after every committed change. Read [`Store::desired`] then.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.desired.clone()
    }

    /// All channels with the releases that answer, as of one revision. Takes some ten milliseconds for thousands of channels.
    pub fn desired(&self) -> Result<Desired, StoreError> {
        self.read_at_once(|db| Ok(Desired { channels: answering(db, Which::All)?, revision: revision(db)? }))
    }

    /// What changed after a revision; all channels without one. Takes as long as there are changes to read, and a
    /// millisecond for the names of thousands of channels.
    pub fn desired_since(&self, known: Option<u64>) -> Result<Changes, StoreError> {
        self.read_at_once(|db| {
            let mut names = db.prepare_cached("SELECT name FROM channel")?;
            let names = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let changed = answering(db, known.map_or(Which::All, Which::ChangedAfter))?;
            Ok(Changes { revision: revision(db)?, names, changed })
        })
    }

    /// One channel, if it exists.
    pub fn channel(&self, name: &str) -> Result<Option<Channel>, StoreError> {
        self.read_at_once(|db| Ok(channels(db, Which::Named(name))?.pop()))
    }

    /// Makes a channel without releases. Fails with `Exists` or `HostTaken`.
    pub async fn create_channel(&self, new: NewChannel) -> Result<Channel, StoreError> {
        self.change(move |db| {
            let created = Timestamp::now();
            let added = db
                .prepare_cached("INSERT OR IGNORE INTO channel (name, mode, created) VALUES (?, ?, ?)")?
                .execute(params![new.name, new.mode, created])?;
            if added == 0 {
                return Err(StoreError::Exists(new.name));
            }
            db.execute("INSERT INTO kv_usage VALUES (?, 0, 0)", [&new.name])?;
            add_hosts(db, &new.name, &new.hosts)?;
            for (kind, digest) in &new.keys {
                add_key(db, &new.name, *kind, digest, created)?;
            }
            one_channel(db, &new.name)
        })
        .await
    }

    /// Removes a channel with its releases, keys, secrets, key-value pairs and queued notifications. Its calls stay in
    /// the journal, its components until they are swept. Fails with `NoChannel`.
    pub async fn delete_channel(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.change(move |db| {
            let removed = db.execute("DELETE FROM channel WHERE name = ?", [&name])?;
            if removed == 0 {
                return Err(StoreError::NoChannel(name));
            }
            // Another channel of this name is somebody else's.
            db.execute(
                "UPDATE token SET channels = (SELECT json_group_array(value) FROM json_each(token.channels) WHERE value <> ?1)
                 WHERE channels IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(token.channels) WHERE value = ?1)",
                [&name],
            )?;
            Ok(())
        })
        .await
    }

    /// Sets what the channel is for. Fails with `NoChannel`.
    pub async fn set_mode(&self, name: &str, mode: Mode) -> Result<Channel, StoreError> {
        let name = name.to_owned();
        self.change(move |db| {
            db.execute("UPDATE channel SET mode = ? WHERE name = ?", params![mode, name])?;
            one_channel(db, &name)
        })
        .await
    }

    /// Sets when a new release or a candidate is taken back by itself. Fails with `NoChannel`.
    pub async fn set_watch(&self, name: &str, watch: Watch) -> Result<Channel, StoreError> {
        let name = name.to_owned();
        self.change(move |db| {
            db.execute("UPDATE channel SET watch = ? WHERE name = ?", params![to_json(&watch)?, name])?;
            one_channel(db, &name)
        })
        .await
    }

    /// Sets and clears limits of the channel; the others stay. Fails with `NoChannel`.
    pub async fn set_limits(&self, name: &str, changes: Vec<(Limit, Option<u64>)>) -> Result<Channel, StoreError> {
        let name = name.to_owned();
        self.change(move |db| {
            let mut limits = one_channel(db, &name)?.limits;
            for (limit, value) in changes {
                limits.set(limit, value);
            }
            db.execute("UPDATE channel SET limits = ? WHERE name = ?", params![to_json(&limits)?, name])?;
            one_channel(db, &name)
        })
        .await
    }

    /// Sets how the channel's callers are told that a call failed; `None` = as the node does. Fails with `NoChannel`.
    pub async fn set_failure_mode(&self, name: &str, mode: Option<FailureMode>) -> Result<Channel, StoreError> {
        let name = name.to_owned();
        self.change(move |db| {
            let mode = mode.map(FailureMode::as_str);
            db.execute("UPDATE channel SET failure_mode = ? WHERE name = ?", params![mode, name])?;
            one_channel(db, &name)
        })
        .await
    }

    /// Sets how long to wait between two looks at the platform's list of notifications, in milliseconds; `None` = nobody looks,
    /// and whoever looks again begins with what is newest then. Fails with `NoChannel`.
    pub async fn set_deltas(&self, name: &str, pause: Option<u64>) -> Result<Channel, StoreError> {
        let name = name.to_owned();
        self.change(move |db| {
            let ms = pause.map(u64::cast_signed);
            db.execute("UPDATE channel SET deltas_ms = ? WHERE name = ?", params![ms, name])?;
            if pause.is_none() {
                db.execute("DELETE FROM delta WHERE channel = ?", [&name])?;
            }
            one_channel(db, &name)
        })
        .await
    }

    /// Changes what the channel says of its notifications. Fails with `NoChannel`.
    pub async fn set_notification(
        &self,
        name: &str,
        change: impl FnOnce(&mut NotificationOverrides) + Send + 'static,
    ) -> Result<Channel, StoreError> {
        let name = name.to_owned();
        self.change(move |db| {
            let mut own = one_channel(db, &name)?.notification;
            change(&mut own);
            db.execute("UPDATE channel SET notification = ? WHERE name = ?", params![to_json(&own)?, name])?;
            one_channel(db, &name)
        })
        .await
    }

    /// Replaces the channel's host names. Fails with `NoChannel` or `HostTaken`.
    pub async fn set_hosts(&self, name: &str, hosts: Vec<String>) -> Result<Channel, StoreError> {
        let name = name.to_owned();
        self.change(move |db| {
            one_channel(db, &name)?;
            db.execute("DELETE FROM host WHERE channel = ?", [&name])?;
            add_hosts(db, &name, &hosts)?;
            one_channel(db, &name)
        })
        .await
    }

    /// Makes `digest` the channel's key of this kind. The key before it stays valid until `keep_old_until` (`None` = it
    /// ends at once), older ones end now: there are never more than two. Fails with `NoChannel`.
    pub async fn rotate_key(
        &self,
        channel: &str,
        kind: KeyKind,
        digest: Digest,
        keep_old_until: Option<Timestamp>,
    ) -> Result<Channel, StoreError> {
        let channel = channel.to_owned();
        self.change(move |db| {
            one_channel(db, &channel)?;
            replace_key(db, &channel, kind, &digest, Timestamp::now(), keep_old_until)?;
            one_channel(db, &channel)
        })
        .await
    }

    /// All releases of a channel, newest first; none for an unknown channel.
    pub fn releases(&self, channel: &str) -> Result<Vec<Release>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT channel, number, created, spec FROM release WHERE channel = ? ORDER BY number DESC",
            )?;
            rows.query_and_then([channel], read_release)?.collect()
        })
    }

    /// One release, if it exists.
    pub fn release(&self, channel: &str, number: u64) -> Result<Option<Release>, StoreError> {
        self.read(|db| find_release(db, channel, number))
    }

    /// A write that makes a new revision when it succeeds.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let change = self.inner.writer.write(Bell::Desired, |db| {
            let result = work(db)?;
            bump(db)?;
            Ok(result)
        });
        change.await
    }
}

/// Channels with the releases that answer on them.
fn answering(db: &Connection, which: Which<'_>) -> Result<Vec<DesiredChannel>, StoreError> {
    let mut answering = answering_releases(db, which)?;
    let channels = channels(db, which)?.into_iter().map(|channel| {
        let mut release = |number: u64| answering.remove(&(channel.name.clone(), number));
        let active = channel.active.and_then(&mut release);
        let canary = channel.canary.and_then(|canary| release(canary.release));
        DesiredChannel { channel, active, canary }
    });
    Ok(channels.collect())
}

pub(super) fn revision(db: &Connection) -> Result<u64, StoreError> {
    let revision: i64 = db.query_row("SELECT revision FROM node", [], |row| row.get(0))?;
    Ok(revision.cast_unsigned())
}

fn bump(db: &Connection) -> Result<u64, StoreError> {
    db.execute("UPDATE node SET revision = revision + 1", [])?;
    revision(db)
}

fn add_hosts(db: &Connection, channel: &str, hosts: &[String]) -> Result<(), StoreError> {
    for host in hosts {
        db.execute("INSERT OR IGNORE INTO host VALUES (?, ?)", [host, channel])?;
        let owner: String = db.query_row("SELECT channel FROM host WHERE host = ?", [host], |row| row.get(0))?;
        if owner != channel {
            return Err(StoreError::HostTaken { host: host.clone(), channel: owner });
        }
    }
    Ok(())
}

/// Adds a key, and ends the ones before it: the last of them at `keep_old_until`, older ones at once.
pub(super) fn replace_key(
    db: &Connection,
    channel: &str,
    kind: KeyKind,
    digest: &Digest,
    created: Timestamp,
    keep_old_until: Option<Timestamp>,
) -> Result<(), StoreError> {
    db.execute(
        "DELETE FROM channel_key WHERE channel = :channel AND kind = :kind AND (expires IS NOT NULL OR :until IS NULL)",
        named_params! { ":channel": channel, ":kind": kind, ":until": keep_old_until },
    )?;
    db.execute(
        "UPDATE channel_key SET expires = ? WHERE channel = ? AND kind = ?",
        params![keep_old_until, channel, kind],
    )?;
    add_key(db, channel, kind, digest, created)
}

fn add_key(
    db: &Connection,
    channel: &str,
    kind: KeyKind,
    digest: &Digest,
    created: Timestamp,
) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO channel_key (channel, kind, digest, created) VALUES (?, ?, ?, ?)",
        params![channel, kind, digest, created],
    )?;
    Ok(())
}
