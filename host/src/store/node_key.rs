//! The node's key, with which the keys of all channels are encrypted: from a file beside the database, or from the
//! environment of the process.

use std::env::{self, VarError};
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::Sha256;

use super::keys::random;
use super::{Digest, StoreError, database};

const FILE: &str = "node.key";
const VARIABLE: &str = "WHARF_NODE_KEY";
const NONCE: usize = 24;

/// The environment's key, as text, if there is one.
pub(super) fn from_environment() -> Result<Option<String>, StoreError> {
    match env::var(VARIABLE) {
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(in_variable(NO_KEY)),
    }
}

const NO_KEY: &str = "does not hold a key; set it to 64 hexadecimal digits or to the Base64 of 32 bytes";

fn in_variable(problem: &'static str) -> StoreError {
    StoreError::NodeKey { place: VARIABLE.to_owned(), problem }
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
    /// Reads the environment's key, if `given` has one, otherwise the key file, and tries it on what is stored. The file
    /// is made when nothing was encrypted yet.
    pub(super) fn load(dir: &Path, db: &Connection, given: Option<&str>) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let in_file = |problem| StoreError::NodeKey { place: path.display().to_string(), problem };
        let key = match given {
            Some(text) => Self::parse(text).ok_or_else(|| in_variable(NO_KEY))?,
            None => Self::of_file(dir, &path, any_data_key(db)?.is_some(), &in_file)?,
        };
        let opens = any_data_key(db)?.is_none_or(|(channel, sealed)| key.unwrap(&channel, &sealed).is_some());
        match given {
            _ if opens => Ok(key),
            None => Err(in_file(
                "does not open the stored secrets; restore the file they were stored with, or set WHARF_NODE_KEY to their key",
            )),
            Some(_) => Err(in_variable(
                "does not open the stored secrets; set it to the key they were stored with, or unset it if that is in node.key",
            )),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let hex = || text.parse::<Digest>().ok().map(|digits| digits.0);
        let bytes = hex().or_else(|| STANDARD.decode(text).ok()?.try_into().ok())?;
        Some(Self(bytes.into()))
    }

    fn of_file(
        dir: &Path,
        path: &Path,
        needed: bool,
        problem: &impl Fn(&'static str) -> StoreError,
    ) -> Result<Self, StoreError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound && needed => {
                return Err(problem(
                    "is missing although secrets are stored; restore it from a backup, or set WHARF_NODE_KEY to their key",
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let new = random::<32>()?;
                database::write_file(dir, FILE, &new)?;
                new.to_vec()
            }
            Err(error) => return Err(StoreError::io(path, &error)),
        };
        let mode = fs::metadata(path).map_err(|error| StoreError::io(path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(problem("may be read by others; set its mode to 0600"));
        }
        let key =
            <[u8; 32]>::try_from(bytes).map_err(|_| problem("does not hold 32 bytes; restore it from a backup"))?;
        Ok(Self(key.into()))
    }

    /// The channel's data key, made on first use.
    pub(super) fn data_key(&self, db: &Connection, channel: &str) -> Result<Key, StoreError> {
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

    /// A key for one purpose, from which no other can be told.
    pub(super) fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut padded = [0; 64];
        padded[..32].copy_from_slice(&self.0);
        Hmac::<Sha256>::new(&padded.into()).chain_update(purpose.as_bytes()).finalize().into_bytes().into()
    }

    pub(super) fn unwrap(&self, channel: &str, sealed: &[u8]) -> Option<Key> {
        let key: [u8; 32] = open(&self.0, sealed, channel.as_bytes())?.try_into().ok()?;
        Some(key.into())
    }
}

/// One of the channels' encrypted keys, if there is any.
fn any_data_key(db: &Connection) -> Result<Option<(String, Vec<u8>)>, StoreError> {
    let row = db.query_row("SELECT channel, sealed FROM data_key LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
}

/// Nonce and ciphertext; `aad` is what it belongs to.
pub(super) fn seal(key: &Key, plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, StoreError> {
    let nonce = random::<NONCE>()?;
    let sealed = XChaCha20Poly1305::new(key)
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad })
        .map_err(|_| StoreError::Database("a secret is too large to encrypt".to_owned()))?;
    Ok([&nonce[..], &sealed].concat())
}

/// What was sealed with the same key for the same `aad`.
pub(super) fn open(key: &Key, sealed: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let (nonce, msg) = sealed.split_first_chunk::<NONCE>()?;
    XChaCha20Poly1305::new(key).decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok()
}
