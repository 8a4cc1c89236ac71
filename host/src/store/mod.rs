//! What must survive a restart: channels and their releases, components, secrets, key-value pairs, the queue of
//! notifications, the journal. One `SQLite` database and a directory of components, in one data directory.
//!
//! Reads are plain functions of a few microseconds on pooled read-only connections: call them from anywhere, on the
//! async runtime too (exceptions say so). Writes are async, go through one writer thread, and are on the disk when they
//! return. Only the journal is fire-and-forget. The set of operations is small and closed on purpose: a second
//! implementation has to offer the same.

mod clock;
mod components;
mod database;
mod desired;
mod disk;
mod error;
mod housekeeping;
mod journal;
mod keys;
mod keyvalue;
mod node_key;
mod outbound;
mod queue;
mod receipts;
mod records;
mod secrets;
mod tokens;
mod webhook;
mod words;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use crate::config::Config;

use clock::Clock;
use database::Readers;
use disk::Disk;
use housekeeping::Housekeeping;
use node_key::NodeKey;
use writer::{Bell, Bells, Writer};

pub use error::StoreError;
pub use journal::{CallRecord, LogLine, LoggedLine, Trace, Used};
pub(crate) use keys::random;
pub use keys::{generate_key, new_id};
pub use keyvalue::{Quota, Usage, incremented};
pub use outbound::OutboundRecord;
pub use queue::{
    Attempt, Delta, DeltaPage, DeltaPosition, DeltasTaken, Enqueued, Event, Filter, Leased, QueueDepth, QueuedEvent,
    Resting, Same, Sweep, Swept,
};
pub use records::{
    By, Canary, Change, Changes, Channel, Desired, DesiredChannel, Digest, Expected, Grants, KeyKind, KeyRecord,
    LimitOverrides, Mode, Move, NewChannel, PlatformGrant, PreflightMark, Receipt, Release, ReleaseSpec, Role,
    SecretRef, SecretVersion, Share, State, Swapped, Timestamp, TokenRecord, Watch,
};
pub use secrets::SecretName;
pub use webhook::WebhookSecret;

/// The store of one node. Clones share it; when the last one goes, everything sent is written and the directory is free.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    writer: Writer,
    components: PathBuf,
    disk: Disk,
    clock: Arc<Clock>,
    node_key: NodeKey,
    desired: watch::Receiver<u64>,
    queue: watch::Receiver<u64>,
    /// Bytes that one channel's notifications that are not done may take.
    queue_bytes: u64,
}

/// How much is kept.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Calls in the journal, over all channels.
    pub calls: u64,
    /// Log lines in the journal, over all channels.
    pub log_lines: u64,
    /// Outbound requests in the journal, over all channels.
    pub outbound: u64,
    /// Time that handled notifications stay, to know their like again.
    pub done: Duration,
    /// Time that dead notifications stay for a replay.
    pub dead: Duration,
    /// Bytes of one channel's notifications that wait or are dead.
    pub queued: u64,
}

impl From<&Config> for Retention {
    fn from(config: &Config) -> Self {
        Self {
            calls: config.journal.calls,
            log_lines: config.journal.log_lines,
            outbound: config.journal.outbound,
            done: config.queue.dedupe.max(config.queue.delta_dedupe),
            dead: config.queue.keep_dead,
            queued: config.queue.bytes.bytes(),
        }
    }
}

impl Store {
    /// Opens the store in `dir`, which is made if needed. Blocks for the time of a few disk accesses.
    /// Fails when another process holds the directory, the linked `SQLite` is too old, the files are unusable, or the
    /// node key, in `node.key` or in the environment variable `WHARF_NODE_KEY`, is not the one that secrets were stored
    /// with.
    pub fn open(dir: &Path, retention: Retention) -> Result<Self, StoreError> {
        Self::open_with(dir, retention, node_key::from_environment()?.as_deref())
    }

    fn open_with(dir: &Path, retention: Retention, node_key: Option<&str>) -> Result<Self, StoreError> {
        let lock = database::claim(dir)?;
        let db = database::open(dir)?;
        let node_key = NodeKey::load(dir, &db, node_key)?;
        let components = components::directory(dir)?;
        let (disk, clock) = (Disk::new(dir.to_owned()), Arc::new(Clock::start()));
        queue::end_leases(&db, clock.now())?;
        let (desired, desired_changes) = watch::channel(desired::revision(&db)?);
        let (queue, queue_changes) = watch::channel(0);
        let queue_bytes = retention.queued;
        let writer =
            Writer::start(db, lock, Bells { desired, queue }, Housekeeping::new(retention, Arc::clone(&clock)))?;
        let readers = Readers::new(dir);
        let (desired, queue) = (desired_changes, queue_changes);
        let inner = Inner { readers, writer, components, disk, clock, node_key, desired, queue, queue_bytes };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The queue's time: the system's, which nobody's setting of the clock makes jump.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// A key of the node for one purpose: the same after a restart, and on every node that has the same node key.
    #[must_use]
    pub fn key_for(&self, purpose: &str) -> [u8; 32] {
        self.inner.node_key.derive(purpose)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.inner.readers.read(work)
    }

    /// One consistent view for several statements.
    fn read_at_once<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.read(|db| {
            let view = db.unchecked_transaction()?;
            let result = work(&view);
            view.finish()?;
            result
        })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.writer.write(Bell::Nobody, work).await
    }
}
