//! What the store keeps, as plain data. All of it is JSON-ready: digests are hex, times are milliseconds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::words::words;

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

/// What a release's component may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grants {
    /// Hosts it may send requests to.
    pub hosts: Vec<String>,
    /// Whether it may use its channel's key-value store.
    pub key_value: bool,
}

/// Limits that a release sets for its channel; `None` = as configured for the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitOverrides {
    /// Bytes of linear memory.
    pub memory: Option<u64>,
    /// Milliseconds for a whole call.
    pub deadline_ms: Option<u64>,
    /// Calls at the same time.
    pub in_flight: Option<u32>,
}

/// Everything that makes a release, as its author gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSpec {
    /// The component.
    pub digest: Digest,
    /// What the component reads as its configuration.
    pub config: BTreeMap<String, String>,
    /// Names of the secrets it may use.
    pub secrets: Vec<String>,
    /// What it may reach.
    pub grants: Grants,
    /// Its own limits.
    pub limits: LimitOverrides,
    /// Origin of the retail platform's pages, for those that embed one of ours.
    pub platform_origin: Option<String>,
    /// Who deployed it.
    pub author: String,
    /// Why.
    pub note: String,
}

/// One immutable, numbered version of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its channel.
    pub channel: String,
    /// 1, 2, 3 …; a number is never used twice, not even after the channel was deleted and made again.
    pub number: u64,
    /// When it was added.
    pub created: Timestamp,
    /// What it is made of.
    pub spec: ReleaseSpec,
}

/// One customer's integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its slug.
    pub name: String,
    /// What it is for.
    pub mode: Mode,
    /// Host names of its own.
    pub hosts: Vec<String>,
    /// Its keys, newest first within a kind; expired ones may be among them.
    pub keys: Vec<KeyRecord>,
    /// The release that answers.
    pub active: Option<u64>,
    /// The release that answered before.
    pub previous: Option<u64>,
    /// When it was made.
    pub created: Timestamp,
}

/// A channel to be made.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// Its slug; the caller checks the form.
    pub name: String,
    /// What it is for.
    pub mode: Mode,
    /// Host names of its own.
    pub hosts: Vec<String>,
    /// Digests of its keys.
    pub keys: Vec<(KeyKind, Digest)>,
}

/// What should be served, as of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// Grows with every change.
    pub revision: u64,
    /// All channels by name, each with its active release.
    pub channels: Vec<(Channel, Option<Release>)>,
}

/// A release was made active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Active before.
    pub from: Option<u64>,
    /// Active now.
    pub to: u64,
    /// The revision that says so.
    pub revision: u64,
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
