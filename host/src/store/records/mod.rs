//! What the store keeps, as plain data. All of it is JSON-ready: digests are hex, times are milliseconds.

mod change;
mod channel;
mod limits;
mod release;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::words::words;

pub use change::{By, Change, Expected, Move, Receipt, Swapped};
pub use channel::{Canary, Changes, Channel, Desired, DesiredChannel, NewChannel, Share, Watch};
pub use limits::LimitOverrides;
pub use release::{Grants, PlatformGrant, PreflightMark, Release, ReleaseSpec, SecretRef, SecretVersion};

/// Milliseconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The system clock's time.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The time `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time `span` earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

/// A SHA-256 digest; 64 hexadecimal digits in text and JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected a digest of 64 hexadecimal digits";
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| wrong)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.0[..]))
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

words! {
    /// What a channel is for.
    Mode {
        /// Being built or checked; may be called by the verifier.
        Testing = "testing",
        /// Real orders.
        Production = "production",
    }
}

words! {
    /// Which door a key opens.
    KeyKind {
        /// SDK interactions.
        Sdk = "sdk",
        /// Notifications.
        Notification = "notification",
        /// The payment page.
        Payment = "payment",
        /// Notifications, by a signature that is made with it.
        Webhook = "webhook",
    }
}

words! {
    /// What the bearer of an admin token may do.
    Role {
        /// Everything, tokens and channels included.
        Admin = "admin",
        /// Deploy, activate, roll back, set secrets.
        Deploy = "deploy",
        /// Look, but not touch.
        Read = "read",
    }
}

words! {
    /// Where a queued notification stands.
    State {
        /// Waits for its time or its turn.
        Queued = "queued",
        /// Leased to a worker.
        Running = "running",
        /// Handled. Its body is not kept.
        Done = "done",
        /// Given up; can be replayed.
        Dead = "dead",
    }
}

/// A key of a channel: only its digest is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Which door it opens.
    pub kind: KeyKind,
    /// SHA-256 of the key.
    pub digest: Digest,
    /// When it was made.
    pub created: Timestamp,
    /// Not valid from here on; `None` = the current key.
    pub expires: Option<Timestamp>,
}

/// An admin token: only its digest is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Names it in the API.
    pub id: String,
    /// What its maker calls it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The channels it is good for; `None` = all.
    pub channels: Option<Vec<String>>,
    /// When it was made.
    pub created: Timestamp,
}
