//! Secrets of channels: every value that was set keeps its version, encrypted with a key per channel. Values appear in no
//! message, no log and no debug output.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::node_key::{open, seal};
use super::{SecretRef, SecretVersion, Store, StoreError, Timestamp};

/// What may be told of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretName {
    /// Its name.
    pub name: String,
    /// Its newest version; grows by one each time it is set, also after it was deleted.
    pub version: u64,
    /// When this version was set.
    pub created: Timestamp,
    /// All versions that are kept, newest first.
    pub versions: Vec<u64>,
}

impl Store {
    /// Sets a secret and returns the version of the value. Older values stay for the releases that name them.
    /// Fails with `NoChannel`.
    pub async fn put_secret(&self, channel: &str, name: &str, value: String) -> Result<u64, StoreError> {
        let (channel, name) = (channel.to_owned(), name.to_owned());
        let node_key = self.inner.node_key.clone();
        self.write(move |db| {
            let key = node_key.data_key(db, &channel)?;
            let version: i64 = db.query_row(
                "INSERT INTO secret_counter VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
                [&channel, &name],
                |row| row.get(0),
            )?;
            let sealed = seal(&key, value.as_bytes(), &bound_to(&channel, &name, version))?;
            db.execute(
                "INSERT INTO secret_value (channel, name, version, created, sealed) VALUES (?, ?, ?, ?, ?)",
                params![channel, name, version, Timestamp::now(), sealed],
            )?;
            Ok(version.cast_unsigned())
        })
        .await
    }

    /// The names of a channel's secrets, with the versions that are kept.
    pub fn secret_names(&self, channel: &str) -> Result<Vec<SecretName>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT name, version, created FROM secret_value WHERE channel = ? ORDER BY name, version DESC",
            )?;
            let mut names: Vec<SecretName> = Vec::new();
            let mut rows = rows.query([channel])?;
            while let Some(row) = rows.next()? {
                let (name, version): (String, _) = (row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned());
                match names.last_mut().filter(|last| last.name == name) {
                    Some(last) => last.versions.push(version),
                    None => names.push(SecretName { name, version, created: row.get(2)?, versions: vec![version] }),
                }
            }
            Ok(names)
        })
    }

    /// Removes a secret with all its values; false when there was none.
    pub async fn delete_secret(&self, channel: &str, name: &str) -> Result<bool, StoreError> {
        let (channel, name) = (channel.to_owned(), name.to_owned());
        self.write(move |db| {
            Ok(db.execute("DELETE FROM secret_value WHERE channel = ? AND name = ?", [&channel, &name])? > 0)
        })
        .await
    }

    /// A value of a secret, if it is kept. Fails with `SecretSealed` when it was stored with another node key, or
    /// changed.
    pub fn secret(&self, channel: &str, name: &str, version: SecretVersion) -> Result<Option<String>, StoreError> {
        let wanted = match version {
            SecretVersion::Latest => None,
            SecretVersion::Pinned(version) => Some(version.cast_signed()),
        };
        self.read_at_once(|db| {
            let mut row = db.prepare_cached(
                "SELECT s.version, s.sealed, k.sealed FROM secret_value s JOIN data_key k ON k.channel = s.channel
                 WHERE s.channel = ?1 AND s.name = ?2 AND (?3 IS NULL OR s.version = ?3)
                 ORDER BY s.version DESC LIMIT 1",
            )?;
            let found: Option<(i64, Vec<u8>, Vec<u8>)> = row
                .query_row(params![channel, name, wanted], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((version, sealed, sealed_key)) = found else { return Ok(None) };
            let open = || {
                let key = self.inner.node_key.unwrap(channel, &sealed_key)?;
                String::from_utf8(open(&key, &sealed, &bound_to(channel, name, version))?).ok()
            };
            let failed = || StoreError::SecretSealed { channel: channel.to_owned(), name: name.to_owned() };
            open().map(Some).ok_or_else(failed)
        })
    }
}

/// Replaces version 0 by the newest that is set or, if none is, by the one that will be set next.
pub(super) fn pin(db: &Connection, channel: &str, secrets: &mut [SecretRef]) -> Result<(), StoreError> {
    let mut row = db.prepare_cached(
        "SELECT coalesce(
            (SELECT max(version) FROM secret_value WHERE channel = ?1 AND name = ?2),
            (SELECT last + 1 FROM secret_counter WHERE channel = ?1 AND name = ?2),
            1)",
    )?;
    for secret in secrets {
        if secret.version == SecretVersion::Pinned(0) {
            let version: i64 = row.query_row([channel, &secret.name], |row| row.get(0))?;
            secret.version = SecretVersion::Pinned(version.cast_unsigned());
        }
    }
    Ok(())
}

/// Removes the values that no release of the channel names, except the newest of each secret.
pub(super) fn forget_unnamed(db: &Connection, channel: &str) -> Result<(), StoreError> {
    db.execute(
        "DELETE FROM secret_value AS s WHERE channel = ?1
            AND version < (SELECT max(version) FROM secret_value WHERE channel = ?1 AND name = s.name)
            AND name || '@' || version NOT IN (
                SELECT named.value FROM release r, json_each(r.spec, '$.secrets') named WHERE r.channel = ?1)",
        [channel],
    )?;
    Ok(())
}

/// What a ciphertext belongs to, so that a row cannot be passed off as another. Lengths keep the parts apart.
pub(super) fn bound_to(channel: &str, name: &str, version: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(channel.len() + name.len() + 24);
    for part in [channel, name] {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes.extend(version.to_le_bytes());
    bytes
}
