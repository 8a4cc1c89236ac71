//! Changes over a channel's real pairs, which stay as they are.
//!
//! Every operation answers as the store's own does, quotas included; a test holds the two against each other.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::store::{Quota, Store, StoreError, Usage, incremented};

/// The real pairs.
pub(in crate::guest) struct Under<'a> {
    pub(in crate::guest) store: &'a Store,
    pub(in crate::guest) channel: &'a str,
}

impl Under<'_> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.kv_get(self.channel, key)
    }
}

/// What was changed. It is bounded: values by the channel's quota, deletions by the number of the real pairs.
#[derive(Debug, Default)]
pub(in crate::guest) struct Overlay {
    /// New values; `None` = deleted.
    changes: BTreeMap<String, Option<Vec<u8>>>,
    /// Keys and bytes that the changes add to what the channel keeps.
    added: (i64, i64),
}

impl Overlay {
    pub(in crate::guest) fn get(&self, under: &Under<'_>, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.changes.get(key).map_or_else(|| under.get(key), |value| Ok(value.clone()))
    }

    pub(in crate::guest) fn get_many(
        &self,
        under: &Under<'_>,
        keys: &[String],
        most: usize,
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut values = under.store.kv_get_many(under.channel, keys, most)?;
        for (key, value) in keys.iter().zip(&mut values) {
            if let Some(changed) = self.changes.get(key) {
                value.clone_from(changed);
            }
        }
        if values.iter().flatten().map(Vec::len).sum::<usize>() > most {
            return Err(StoreError::ReadTooLarge { most });
        }
        Ok(values)
    }

    pub(in crate::guest) fn exists(&self, under: &Under<'_>, key: &str) -> Result<bool, StoreError> {
        self.changes.get(key).map_or_else(|| under.store.kv_exists(under.channel, key), |value| Ok(value.is_some()))
    }

    pub(in crate::guest) fn keys(
        &self,
        under: &Under<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        let mut from = after.map(str::to_owned);
        loop {
            let page = under.store.kv_keys(under.channel, from.as_deref(), limit)?;
            let is_last = page.len() < limit;
            from = page.last().cloned();
            keys.extend(page.into_iter().filter(|key| !self.changes.contains_key(key)));
            if is_last || keys.len() >= limit {
                break;
            }
        }
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let changed = self.changes.range::<str, _>((behind, Bound::Unbounded)).filter(|(_, value)| value.is_some());
        keys.extend(changed.map(|(key, _)| key.clone()).take(limit));
        keys.sort_unstable();
        keys.truncate(limit);
        Ok(keys)
    }

    pub(in crate::guest) fn set_many(
        &mut self,
        under: &Under<'_>,
        pairs: Vec<(String, Vec<u8>)>,
        quota: &Quota,
    ) -> Result<(), StoreError> {
        let mut draft = Draft::new(self, under)?;
        for (key, value) in pairs {
            quota.check_pair(&key, &value)?;
            draft.set(key, value)?;
        }
        quota.check_usage(draft.before, draft.now)?;
        let draft = draft.done();
        self.accept(draft);
        Ok(())
    }

    pub(in crate::guest) fn delete_many(&mut self, under: &Under<'_>, keys: Vec<String>) -> Result<u64, StoreError> {
        let mut removed = 0;
        for key in keys {
            let Some(old) = self.get(under, &key)? else { continue };
            removed += 1;
            self.added.0 -= 1;
            self.added.1 -= signed(key.len() + old.len());
            if under.store.kv_exists(under.channel, &key)? {
                self.changes.insert(key, None);
            } else {
                self.changes.remove(&key);
            }
        }
        Ok(removed)
    }

    pub(in crate::guest) fn increment(
        &mut self,
        under: &Under<'_>,
        key: String,
        delta: i64,
        quota: &Quota,
    ) -> Result<i64, StoreError> {
        let sum = incremented(self.get(under, &key)?.as_deref(), delta)?;
        self.set_many(under, vec![(key, sum.to_string().into_bytes())], quota)?;
        Ok(sum)
    }

    pub(in crate::guest) fn swap(
        &mut self,
        under: &Under<'_>,
        key: String,
        expected: Option<&[u8]>,
        value: Vec<u8>,
        quota: &Quota,
    ) -> Result<Result<(), Option<Vec<u8>>>, StoreError> {
        let current = self.get(under, &key)?;
        if current.as_deref() != expected {
            return Ok(Err(current));
        }
        self.set_many(under, vec![(key, value)], quota).map(Ok)
    }

    fn accept(&mut self, (changes, keys, bytes): Accepted) {
        self.changes.extend(changes.into_iter().map(|(key, value)| (key, Some(value))));
        self.added.0 += keys;
        self.added.1 += bytes;
    }
}

/// The pairs of a draft, and the keys and bytes that they add.
type Accepted = (BTreeMap<String, Vec<u8>>, i64, i64);

/// Pairs that are set together or not at all.
struct Draft<'a> {
    overlay: &'a Overlay,
    under: &'a Under<'a>,
    pairs: BTreeMap<String, Vec<u8>>,
    before: Usage,
    now: Usage,
}

impl<'a> Draft<'a> {
    fn new(overlay: &'a Overlay, under: &'a Under<'a>) -> Result<Self, StoreError> {
        let real = under.store.kv_usage(under.channel)?;
        let (keys, bytes) = overlay.added;
        let before =
            Usage { keys: real.keys.saturating_add_signed(keys), bytes: real.bytes.saturating_add_signed(bytes) };
        Ok(Self { overlay, under, pairs: BTreeMap::new(), before, now: before })
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), StoreError> {
        let old = match self.pairs.get(&key) {
            Some(earlier) => Some(earlier.len()),
            None => self.overlay.get(self.under, &key)?.map(|value| value.len()),
        };
        let size = value.len() as u64;
        if let Some(old) = old {
            // Saturating: the real pairs may change meanwhile.
            self.now.bytes = (self.now.bytes + size).saturating_sub(old as u64);
        } else {
            self.now.keys += 1;
            self.now.bytes += key.len() as u64 + size;
        }
        self.pairs.insert(key, value);
        Ok(())
    }

    fn done(self) -> Accepted {
        let keys = self.now.keys.cast_signed() - self.before.keys.cast_signed();
        let bytes = self.now.bytes.cast_signed() - self.before.bytes.cast_signed();
        (self.pairs, keys, bytes)
    }
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
