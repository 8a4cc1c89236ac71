//! A key-value store for each channel, within a quota.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};
use crate::config;

/// Longest key in bytes. An index page of 4 KiB then still holds several of them.
const LONGEST_KEY: u64 = 1024;

/// How much a channel may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of one value.
    pub value: u64,
    /// Number of keys.
    pub keys: u64,
    /// Bytes of all keys and values together.
    pub bytes: u64,
}

impl From<&config::KeyValue> for Quota {
    fn from(config: &config::KeyValue) -> Self {
        Self { value: config.value.bytes(), keys: config.keys, bytes: config.bytes.bytes() }
    }
}

/// How much a channel keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Number of keys.
    pub keys: u64,
    /// Bytes of all keys and values together.
    pub bytes: u64,
}

impl Quota {
    /// Fails with `KeyTooLong` or `ValueTooLarge` unless a pair may be kept.
    pub fn check_pair(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (key, value) = (key.len() as u64, value.len() as u64);
        if key > LONGEST_KEY {
            return Err(StoreError::KeyTooLong { limit: LONGEST_KEY, found: key });
        }
        if value > self.value {
            return Err(StoreError::ValueTooLarge { limit: self.value, found: value });
        }
        Ok(())
    }

    /// Fails with `QuotaKeys` or `QuotaBytes` unless a channel may go from `before` to `now`. One that is over its quota
    /// since that was lowered may still shrink.
    pub fn check_usage(&self, before: Usage, now: Usage) -> Result<(), StoreError> {
        if now.keys > self.keys.max(before.keys) {
            return Err(StoreError::QuotaKeys { limit: self.keys });
        }
        if now.bytes > self.bytes.max(before.bytes) {
            return Err(StoreError::QuotaBytes { limit: self.bytes });
        }
        Ok(())
    }
}

/// A value that is kept as decimal text, with `delta` added; no value counts as 0. Fails with `NotNumber` or `Overflow`.
pub fn incremented(value: Option<&[u8]>, delta: i64) -> Result<i64, StoreError> {
    let number = match value {
        None => 0,
        Some(value) => {
            std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok()).ok_or(StoreError::NotNumber)?
        }
    };
    number.checked_add(delta).ok_or(StoreError::Overflow)
}

impl Store {
    /// How much a channel keeps. Fails with `NoChannel`.
    pub fn kv_usage(&self, channel: &str) -> Result<Usage, StoreError> {
        self.read(|db| usage(db, channel))
    }

    /// The value of a key.
    pub fn kv_get(&self, channel: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|db| get(db, channel, key))
    }

    /// The values of several keys as of one moment, in their order. Fails with `ReadTooLarge` when they have more than
    /// `most` bytes together.
    pub fn kv_get_many(&self, channel: &str, keys: &[String], most: usize) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut left = most;
        self.read_at_once(|db| {
            let one = |key: &String| {
                let value = get(db, channel, key)?;
                let size = value.as_ref().map_or(0, Vec::len);
                left = left.checked_sub(size).ok_or(StoreError::ReadTooLarge { most })?;
                Ok(value)
            };
            keys.iter().map(one).collect()
        })
    }

    /// Whether a key has a value.
    pub fn kv_exists(&self, channel: &str, key: &str) -> Result<bool, StoreError> {
        self.read(|db| Ok(length(db, channel, key)?.is_some()))
    }

    /// At most `limit` keys in the order of their bytes, those behind `after`.
    pub fn kv_keys(&self, channel: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        self.read(|db| {
            // Without a start the empty key is among them.
            let behind = if after.is_some() { ">" } else { ">=" };
            let mut rows = db.prepare_cached(&format!(
                "SELECT key FROM kv WHERE channel = ? AND key {behind} ? ORDER BY key LIMIT ?"
            ))?;
            let keys = rows.query_map(params![channel, after.unwrap_or(""), sql_limit(limit)], |row| row.get(0))?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
    }

    /// Sets all pairs or none. A later pair of the same key wins.
    /// Fails with `NoChannel`, `KeyTooLong`, `ValueTooLarge`, `QuotaKeys` or `QuotaBytes`.
    pub async fn kv_set_many(
        &self,
        channel: &str,
        pairs: Vec<(String, Vec<u8>)>,
        quota: &Quota,
    ) -> Result<(), StoreError> {
        let (channel, quota) = (channel.to_owned(), *quota);
        self.write(move |db| {
            let mut account = Account::open(db, &channel)?;
            for (key, value) in &pairs {
                account.set(key, value, &quota)?;
            }
            account.close(&quota)
        })
        .await
    }

    /// Removes the keys that exist; returns how many did.
    pub async fn kv_delete_many(&self, channel: &str, keys: Vec<String>) -> Result<u64, StoreError> {
        let channel = channel.to_owned();
        self.write(move |db| {
            let mut account = Account::open(db, &channel)?;
            let before = account.now.keys;
            for key in &keys {
                account.delete(key)?;
            }
            let removed = before - account.now.keys;
            account.save()?;
            Ok(removed)
        })
        .await
    }

    /// Adds `delta` to a value that is kept as decimal text, and returns the sum; a key without a value counts as 0.
    /// Fails with `NotNumber`, `Overflow` and like [`Store::kv_set_many`].
    pub async fn kv_increment(&self, channel: &str, key: &str, delta: i64, quota: &Quota) -> Result<i64, StoreError> {
        let (channel, key, quota) = (channel.to_owned(), key.to_owned(), *quota);
        self.write(move |db| {
            let mut account = Account::open(db, &channel)?;
            let sum = incremented(get(db, &channel, &key)?.as_deref(), delta)?;
            account.set(&key, sum.to_string().as_bytes(), &quota)?;
            account.close(&quota)?;
            Ok(sum)
        })
        .await
    }

    /// Sets a key if its value is `expected` (`None` = it has none). Otherwise changes nothing and returns what is
    /// there instead. Fails like [`Store::kv_set_many`].
    pub async fn kv_swap(
        &self,
        channel: &str,
        key: &str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        quota: &Quota,
    ) -> Result<Result<(), Option<Vec<u8>>>, StoreError> {
        let (channel, key, quota) = (channel.to_owned(), key.to_owned(), *quota);
        self.write(move |db| {
            let mut account = Account::open(db, &channel)?;
            let current = get(db, &channel, &key)?;
            if current != expected {
                return Ok(Err(current));
            }
            account.set(&key, &value, &quota)?;
            account.close(&quota)?;
            Ok(Ok(()))
        })
        .await
    }
}

fn get(db: &Connection, channel: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut row = db.prepare_cached("SELECT value FROM kv WHERE channel = ? AND key = ?")?;
    Ok(row.query_row([channel, key], |row| row.get(0)).optional()?)
}

/// The length of a value, which `SQLite` knows without reading it.
fn length(db: &Connection, channel: &str, key: &str) -> Result<Option<u64>, StoreError> {
    let mut row = db.prepare_cached("SELECT length(value) FROM kv WHERE channel = ? AND key = ?")?;
    let length: Option<i64> = row.query_row([channel, key], |row| row.get(0)).optional()?;
    Ok(length.map(i64::cast_unsigned))
}

fn usage(db: &Connection, channel: &str) -> Result<Usage, StoreError> {
    let mut row = db.prepare_cached("SELECT keys, bytes FROM kv_usage WHERE channel = ?")?;
    let usage: Option<(i64, i64)> = row.query_row([channel], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (keys, bytes) = usage.ok_or_else(|| StoreError::NoChannel(channel.to_owned()))?;
    Ok(Usage { keys: keys.cast_unsigned(), bytes: bytes.cast_unsigned() })
}

pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Changes to a channel's pairs, with the books kept.
struct Account<'a> {
    db: &'a Connection,
    channel: &'a str,
    before: Usage,
    now: Usage,
}

impl<'a> Account<'a> {
    fn open(db: &'a Connection, channel: &'a str) -> Result<Self, StoreError> {
        let before = usage(db, channel)?;
        Ok(Self { db, channel, before, now: before })
    }

    fn set(&mut self, key: &str, value: &[u8], quota: &Quota) -> Result<(), StoreError> {
        quota.check_pair(key, value)?;
        let (key_size, size) = (key.len() as u64, value.len() as u64);
        if let Some(old) = length(self.db, self.channel, key)? {
            self.now.bytes = self.now.bytes + size - old;
        } else {
            self.now.keys += 1;
            self.now.bytes += key_size + size;
        }
        let mut row = self.db.prepare_cached(
            "INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT (channel, key) DO UPDATE SET value = excluded.value",
        )?;
        row.execute(params![self.channel, key, value])?;
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<(), StoreError> {
        if let Some(old) = length(self.db, self.channel, key)? {
            self.now.keys -= 1;
            self.now.bytes -= key.len() as u64 + old;
            self.db.prepare_cached("DELETE FROM kv WHERE channel = ? AND key = ?")?.execute([self.channel, key])?;
        }
        Ok(())
    }

    /// Checks the quota and saves.
    fn close(self, quota: &Quota) -> Result<(), StoreError> {
        quota.check_usage(self.before, self.now)?;
        self.save()
    }

    fn save(self) -> Result<(), StoreError> {
        if self.now != self.before {
            let (keys, bytes) = (self.now.keys.cast_signed(), self.now.bytes.cast_signed());
            let mut row = self.db.prepare_cached("UPDATE kv_usage SET keys = ?, bytes = ? WHERE channel = ?")?;
            row.execute(params![keys, bytes, self.channel])?;
        }
        Ok(())
    }
}
