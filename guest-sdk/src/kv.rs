//! The channel's key-value store: all that outlives a call.
//!
//! Every write is a durable commit when it returns, so write once for a call: [`set_many`] for several keys,
//! [`update`] for one key that two calls may change at the same time.

use crate::below;
use serde::{Serialize, de::DeserializeOwned};

/// How often [`update`] tries before it gives up.
pub const UPDATE_ATTEMPTS: u32 = 32;

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The release was not granted the store.
    #[error("key-value store denied: set `key-value = true` under [grants]")]
    Denied,
    /// A limit that was hit, or a failing disk, in the host's words.
    #[error("key-value store: {0}")]
    Store(String),
    /// Too many calls changed the key at the same time.
    #[error("key `{key}` was changed by other calls {UPDATE_ATTEMPTS} times in a row: spread its data over more keys")]
    Contended {
        /// The key.
        key: String,
    },
    /// The value is not the JSON that the plugin expects.
    #[error("key `{key}` does not hold what is expected: {reason}")]
    Value {
        /// The key.
        key: String,
        /// What the JSON reader or writer says.
        reason: String,
    },
}

/// The value under a key; `None` when there is none.
///
/// # Errors
/// [`Error::Denied`], [`Error::Store`].
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    below::kv_get(key)
}

/// Stores a value, over an older one if there is one.
///
/// # Errors
/// [`Error::Denied`], [`Error::Store`].
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    below::kv_set(key, value.as_ref())
}

/// Removes a key; a missing key is no error.
///
/// # Errors
/// [`Error::Denied`], [`Error::Store`].
pub fn delete(key: &str) -> Result<(), Error> {
    below::kv_delete(key)
}

/// Whether a key has a value.
///
/// # Errors
/// [`Error::Denied`], [`Error::Store`].
pub fn exists(key: &str) -> Result<bool, Error> {
    below::kv_exists(key)
}

/// All keys in ascending order. Costs a call to the host for each page of them.
///
/// # Errors
/// [`Error::Denied`], [`Error::Store`].
pub fn keys() -> Result<Vec<String>, Error> {
    let mut keys = Vec::new();
    let mut cursor = None;
    loop {
        let (page, next) = below::kv_keys(cursor.as_deref())?;
        keys.extend(page);
        if next.is_none() {
            return Ok(keys);
        }
        cursor = next;
    }
}

/// The values under several keys, in their order, with one call to the host. Unless the node says otherwise
/// (`key-value.batch`, `key-value.read`) these are at most 1,000 keys with 4 MiB of values.
///
/// # Errors
/// [`Error::Denied`], [`Error::Store`].
pub fn get_many<K: AsRef<str>>(keys: &[K]) -> Result<Vec<Option<Vec<u8>>>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    below::kv_get_many(&owned(keys))
}

/// Stores several values in one commit: all of them or none. At most 1,000, unless the node says otherwise
/// (`key-value.batch`).
///
/// # Errors
/// [`Error::Denied`], [`Error::Store`].
pub fn set_many(pairs: &[(String, Vec<u8>)]) -> Result<(), Error> {
    if pairs.is_empty() {
        return Ok(());
    }
    below::kv_set_many(pairs)
}

/// Removes several keys in one commit. At most 1,000, unless the node says otherwise (`key-value.batch`).
///
/// # Errors
/// [`Error::Denied`], [`Error::Store`].
pub fn delete_many<K: AsRef<str>>(keys: &[K]) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    below::kv_delete_many(&owned(keys))
}

/// Adds to a number and gives the sum; a missing key counts as 0. Two calls at once both count.
///
/// # Errors
/// [`Error::Denied`]; [`Error::Store`], also if the key holds something else than a number.
pub fn increment(key: &str, delta: i64) -> Result<i64, Error> {
    below::kv_increment(key, delta)
}

/// The value under a key, read as JSON; `None` when there is none.
///
/// # Errors
/// [`Error::Value`] if it is not the JSON of a `T`; [`Error::Denied`], [`Error::Store`].
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    get(key)?.map(|bytes| decode(key, &bytes)).transpose()
}

/// Stores a value as JSON.
///
/// # Errors
/// [`Error::Value`] if it cannot be JSON; [`Error::Denied`], [`Error::Store`].
pub fn set_json<T: Serialize>(key: &str, value: &T) -> Result<(), Error> {
    set(key, encode(key, value)?)
}

/// Changes the value under a key such that no other call's change is lost.
///
/// `change` gets the value as it stands (`None` when there is none) and alters it in place; what it returns is handed
/// on. Nothing is written if it leaves the value as it was, or takes it away. If another call changes the key
/// meanwhile, `change` is called again with the newer value: it should do nothing but compute.
///
/// # Errors
/// [`Error::Contended`] after [`UPDATE_ATTEMPTS`]; [`Error::Denied`], [`Error::Store`].
pub fn update<R>(key: &str, mut change: impl FnMut(&mut Option<Vec<u8>>) -> R) -> Result<R, Error> {
    try_update(key, |value| Ok(change(value)))
}

/// [`update`] for a value that is JSON.
///
/// # Errors
/// [`Error::Value`] if the value is not the JSON of a `T`; else those of [`update`].
pub fn update_json<T, R>(key: &str, mut change: impl FnMut(&mut Option<T>) -> R) -> Result<R, Error>
where
    T: Serialize + DeserializeOwned,
{
    try_update(key, |bytes| {
        let mut value = bytes.as_deref().map(|bytes| decode(key, bytes)).transpose()?;
        let result = change(&mut value);
        *bytes = value.map(|value| encode(key, &value)).transpose()?;
        Ok(result)
    })
}

fn owned<K: AsRef<str>>(keys: &[K]) -> Vec<String> {
    keys.iter().map(|key| key.as_ref().to_owned()).collect()
}

fn try_update<R>(key: &str, mut change: impl FnMut(&mut Option<Vec<u8>>) -> Result<R, Error>) -> Result<R, Error> {
    let mut seen = below::Cas::new(key)?;
    for _ in 0..UPDATE_ATTEMPTS {
        let old = seen.current()?;
        let mut new = old.clone();
        let result = change(&mut new)?;
        let Some(value) = new.filter(|value| Some(value) != old.as_ref()) else {
            return Ok(result);
        };
        match seen.swap(&value)? {
            None => return Ok(result),
            Some(newer) => seen = newer,
        }
    }
    Err(Error::Contended { key: key.to_owned() })
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|reason| wrong_value(key, &reason))
}

fn encode<T: Serialize>(key: &str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|reason| wrong_value(key, &reason))
}

fn wrong_value(key: &str, reason: &serde_json::Error) -> Error {
    Error::Value { key: key.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
