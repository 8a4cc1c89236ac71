//! Secrets of channels, encrypted with a key per channel, which is itself encrypted with the node's key file.
//! Values appear in no message, no log and no debug output.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::keys::random;
use super::{Store, StoreError, Timestamp, database};

const KEY_FILE: &str = "node.key";
const NONCE: usize = 24;

/// What may be told of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretName {
    /// Its name.
    pub name: String,
    /// Grows by one each time it is set.
    pub version: u64,
    /// When this version was set.
    pub created: Timestamp,
}

impl Store {
    /// Sets a secret and returns its version. Fails with `NoChannel`.
    pub async fn put_secret(&self, channel: &str, name: &str, value: String) -> Result<u64, StoreError> {
        let (channel, name) = (channel.to_owned(), name.to_owned());
        let node_key = self.inner.node_key.clone();
        self.write(move |db| {
            let key = node_key.data_key(db, &channel)?;
            let version: i64 = db
                .query_row("SELECT version FROM secret WHERE channel = ? AND name = ?", [&channel, &name], |row| {
                    row.get(0)
                })
                .optional()?
                .map_or(1, |version: i64| version + 1);
            let sealed = seal(&key, value.as_bytes(), &bound_to(&channel, &name, version))?;
            db.execute(
                "INSERT OR REPLACE INTO secret (channel, name, version, created, sealed) VALUES (?, ?, ?, ?, ?)",
                params![channel, name, version, Timestamp::now(), sealed],
            )?;
            Ok(version.cast_unsigned())
        })
        .await
    }

    /// The names of a channel's secrets.
    pub fn secret_names(&self, channel: &str) -> Result<Vec<SecretName>, StoreError> {
        self.read(|db| {
            let mut rows =
                db.prepare_cached("SELECT name, version, created FROM secret WHERE channel = ? ORDER BY name")?;
            let names = rows.query_map([channel], |row| {
                let version = row.get::<_, i64>(1)?.cast_unsigned();
                Ok(SecretName { name: row.get(0)?, version, created: row.get(2)? })
            })?;
            Ok(names.collect::<Result<_, _>>()?)
        })
    }

    /// Removes a secret; false when there was none.
    pub async fn delete_secret(&self, channel: &str, name: &str) -> Result<bool, StoreError> {
        let (channel, name) = (channel.to_owned(), name.to_owned());
        self.write(
            move |db| Ok(db.execute("DELETE FROM secret WHERE channel = ? AND name = ?", [&channel, &name])? > 0),
        )
        .await
    }

    /// The value of a secret. Fails with `SecretSealed` when it was stored with another node key, or changed.
    pub fn secret(&self, channel: &str, name: &str) -> Result<Option<String>, StoreError> {
        self.read_at_once(|db| {
            let mut row = db.prepare_cached(
                "SELECT s.version, s.sealed, k.sealed FROM secret s JOIN data_key k ON k.channel = s.channel
                 WHERE s.channel = ? AND s.name = ?",
            )?;
            let found: Option<(i64, Vec<u8>, Vec<u8>)> =
                row.query_row([channel, name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
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

/// The key that all others are encrypted with.
#[derive(Clone)]
pub(super) struct NodeKey(Key);

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(…)")
    }
}

impl NodeKey {
    /// Reads the key file, or makes it when the store does not hold anything that was encrypted with another.
    pub(super) fn load(dir: &Path, db: &Connection) -> Result<Self, StoreError> {
        let path = dir.join(KEY_FILE);
        let problem = |problem| StoreError::NodeKey { path: path.clone(), problem };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if db.query_row("SELECT EXISTS (SELECT 1 FROM data_key)", [], |row| row.get(0))? {
                    return Err(problem("is missing although secrets are stored; restore it from a backup"));
                }
                let new = random::<32>()?;
                database::write_file(dir, KEY_FILE, &new)?;
                new.to_vec()
            }
            Err(error) => return Err(StoreError::io(&path, &error)),
        };
        let mode = fs::metadata(&path).map_err(|error| StoreError::io(&path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(problem("may be read by others; set its mode to 0600"));
        }
        let key =
            <[u8; 32]>::try_from(bytes).map_err(|_| problem("does not hold 32 bytes; restore it from a backup"))?;
        Ok(Self(key.into()))
    }

    /// The channel's data key, made on first use.
    fn data_key(&self, db: &Connection, channel: &str) -> Result<Key, StoreError> {
        let known: bool =
            db.query_row("SELECT EXISTS (SELECT 1 FROM channel WHERE name = ?)", [channel], |row| row.get(0))?;
        if !known {
            return Err(StoreError::NoChannel(channel.to_owned()));
        }
        let sealed: Option<Vec<u8>> =
            db.query_row("SELECT sealed FROM data_key WHERE channel = ?", [channel], |row| row.get(0)).optional()?;
        if let Some(sealed) = sealed {
            let failed = || StoreError::SecretSealed { channel: channel.to_owned(), name: "(any)".to_owned() };
            return self.unwrap(channel, &sealed).ok_or_else(failed);
        }
        let key = Key::from(random::<32>()?);
        let sealed = seal(&self.0, &key, channel.as_bytes())?;
        db.execute("INSERT INTO data_key VALUES (?, ?)", params![channel, sealed])?;
        Ok(key)
    }

    fn unwrap(&self, channel: &str, sealed: &[u8]) -> Option<Key> {
        let key: [u8; 32] = open(&self.0, sealed, channel.as_bytes())?.try_into().ok()?;
        Some(key.into())
    }
}

/// What a ciphertext belongs to, so that a row cannot be passed off as another. Lengths keep the parts apart.
fn bound_to(channel: &str, name: &str, version: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(channel.len() + name.len() + 24);
    for part in [channel, name] {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes.extend(version.to_le_bytes());
    bytes
}

fn seal(key: &Key, plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, StoreError> {
    let nonce = random::<NONCE>()?;
    let sealed = XChaCha20Poly1305::new(key)
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad })
        .map_err(|_| StoreError::Database("a secret is too large to encrypt".to_owned()))?;
    Ok([&nonce[..], &sealed].concat())
}

fn open(key: &Key, sealed: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let (nonce, msg) = sealed.split_first_chunk::<NONCE>()?;
    XChaCha20Poly1305::new(key).decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok()
}
