//! Why an operation of the store failed.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use super::{Digest, Expected, Receipt};

/// Why an operation of the store failed. Nothing of a failed operation is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another store in this one, holds the data directory.
    #[error("data directory {} is in use by another wharf; stop it or name another directory", .0.display())]
    InUse(PathBuf),
    /// The linked `SQLite` has a known way to damage a database.
    #[error("the linked SQLite is {found}; 3.51.3 or newer is needed, older ones can damage a database in WAL mode")]
    OldSqlite {
        /// Its version.
        found: &'static str,
    },
    /// The database was written by a newer program.
    #[error("wharf.db has schema version {found}, this program knows up to {known}; start the newer program")]
    NewerSchema {
        /// In the file.
        found: usize,
        /// The newest that this program knows.
        known: usize,
    },
    /// The disk is full. Later operations may succeed again.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Reading or writing a file failed.
    #[error("i/o error: {0}")]
    Io(String),
    /// Somebody else locks the database for longer than we wait.
    #[error("the database is locked by another program: {0}")]
    Locked(String),
    /// What lies on the disk is not what was written.
    #[error("the stored data is damaged: {0}")]
    Corrupt(String),
    /// Any other complaint of the database: a bug of ours.
    #[error("database error: {0}")]
    Database(String),
    /// The writer has ended; nothing can be stored any more.
    #[error("the store's writer has stopped")]
    Stopped,

    /// A channel of this name exists.
    #[error("channel {0} exists already")]
    Exists(String),
    /// No such channel.
    #[error("there is no channel {0}")]
    NoChannel(String),
    /// Nobody is to take the channel's deltas, or not from there.
    #[error("the deltas of channel {0} were turned off, or are taken from elsewhere by now")]
    NoDeltas(String),
    /// The host name belongs to another channel.
    #[error("host {host} belongs to channel {channel}")]
    HostTaken {
        /// The host name.
        host: String,
        /// Its owner.
        channel: String,
    },
    /// No such release.
    #[error("channel {channel} has no release {number}; `wharf releases {channel}` lists those it has")]
    NoRelease {
        /// The channel.
        channel: String,
        /// The number asked for.
        number: u64,
    },
    /// The channel's releases are not what the caller saw.
    #[error("{}", conflict(.channel, *.expected, *.found, *.revision, .last.as_deref()))]
    Conflict {
        /// The channel.
        channel: String,
        /// What the caller expected.
        expected: Expected,
        /// What is active.
        found: Option<u64>,
        /// In which revision its releases were changed last.
        revision: u64,
        /// The last change.
        last: Option<Box<Receipt>>,
    },
    /// A candidate is on trial, which another release would disturb.
    #[error(
        "release {release} is on trial as the canary of channel {channel}; promote it (wharf activate {channel} --promote) or abort it (--abort) first, or deploy with --no-activate"
    )]
    CanaryRuns {
        /// The channel.
        channel: String,
        /// The candidate.
        release: u64,
    },
    /// There is no candidate to promote or abort.
    #[error("channel {0} has no canary; give a release a share of its calls first (wharf activate {0} N --canary 10%)")]
    NoCanary(String),
    /// Another candidate is on trial than the caller named.
    #[error("release {expected} is not the canary of channel {channel}, release {release} is; repeat with that number")]
    OtherCanary {
        /// The channel.
        channel: String,
        /// What the caller named.
        expected: u64,
        /// The candidate.
        release: u64,
    },
    /// A candidate needs an active release beside it.
    #[error("channel {0} has no active release to try a canary against; activate one first")]
    NoActive(String),
    /// The release answers already.
    #[error("release {release} of channel {channel} is active already; name another one")]
    AlreadyActive {
        /// The channel.
        channel: String,
        /// The release.
        release: u64,
    },
    /// There is nothing to roll back to.
    #[error("channel {0} has no release before the active one; activate one by its number instead")]
    NoPrevious(String),
    /// The release may not be removed.
    #[error("release {number} of channel {channel} {because}")]
    ReleaseInUse {
        /// The channel.
        channel: String,
        /// The release.
        number: u64,
        /// What it is needed for, and what to do.
        because: &'static str,
    },

    /// No component with this digest is stored.
    #[error("there is no component {0}")]
    NoComponent(Digest),
    /// A component's file does not have the digest that names it.
    #[error("component file {} is damaged: its content has digest {found}; upload the component again", .path.display())]
    CorruptComponent {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        found: Digest,
    },

    /// A notification would be one too many.
    #[error("the channel's notifications that wait or are dead have {limit} bytes (queue.bytes)")]
    QueueFull {
        /// Most bytes.
        limit: u64,
    },
    /// A key would be one too many.
    #[error("the channel may keep {limit} keys")]
    QuotaKeys {
        /// Most keys.
        limit: u64,
    },
    /// Keys and values would be too large together.
    #[error("the channel may keep {limit} bytes of keys and values")]
    QuotaBytes {
        /// Most bytes.
        limit: u64,
    },
    /// Values that are read together are larger than they may be.
    #[error("the values of these keys together are larger than {most} bytes; read fewer keys at once")]
    ReadTooLarge {
        /// The limit in bytes.
        most: usize,
    },
    /// A value is too large.
    #[error("a value may have {limit} bytes, this one has {found}")]
    ValueTooLarge {
        /// Most bytes.
        limit: u64,
        /// Its bytes.
        found: u64,
    },
    /// A key is too long.
    #[error("a key may have {limit} bytes, this one has {found}")]
    KeyTooLong {
        /// Most bytes.
        limit: u64,
        /// Its bytes.
        found: u64,
    },
    /// A value to be counted up is no decimal number.
    #[error("the value to increment is not a decimal number")]
    NotNumber,
    /// Counting up would leave the range of 64 bits.
    #[error("the incremented value does not fit in 64 bits")]
    Overflow,

    /// No such queued notification.
    #[error("there is no notification {0}")]
    NoEvent(String),
    /// Only dead notifications can be replayed.
    #[error("notification {0} is not dead, so there is nothing to replay")]
    NotDead(String),
    /// The lease has ended and somebody else may have the notification.
    #[error("notification {0} is not leased any more")]
    NotLeased(String),

    /// A stored secret cannot be decrypted.
    #[error(
        "secret {name} of channel {channel} cannot be opened: it was stored with another node key, or changed; set it again"
    )]
    SecretSealed {
        /// The channel.
        channel: String,
        /// The secret's name, never its value.
        name: String,
    },
    /// The node key is missing or unusable.
    #[error("{place}: {problem}")]
    NodeKey {
        /// The key file or the environment variable, never its value.
        place: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
}

fn conflict(channel: &str, expected: Expected, found: Option<u64>, revision: u64, last: Option<&Receipt>) -> String {
    let active = |number: Option<u64>| {
        number.map_or_else(|| "no active release".to_owned(), |number| format!("release {number} active"))
    };
    let expected = match expected {
        Expected::Whatever => "anything else".to_owned(),
        Expected::Active(number) => active(number),
        Expected::Revision(number) => format!("revision {number}"),
    };
    let by = last.map(|last| {
        let from = last.from.map(|from| format!(" from {from}")).unwrap_or_default();
        let to = last.to.map(|to| format!(" to {to}")).unwrap_or_default();
        format!(" {} changed it last ({}{from}{to});", last.who, last.change)
    });
    format!(
        "channel {channel} has {} since revision {revision}, expected was {expected};{} look at it again (wharf releases {channel}) and repeat",
        active(found),
        by.unwrap_or_default()
    )
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(text),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => Self::Io(text),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(text),
            _ => Self::Database(text),
        }
    }
}

impl StoreError {
    /// An error of the file system on `path`.
    pub(super) fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        let text = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full(text),
            _ => Self::Io(text),
        }
    }
}
