//! The immutable snapshot of all channels that requests are routed by.
//!
//! The edge loads it once per request and never changes it; the control plane replaces it whole. Calls already running keep
//! the table they began with, the next one sees the new one, and nobody waits for anybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::guest::{Environment, Lane, Plugin};
use crate::store::{Digest, KeyKind, KeyRecord, Mode, Timestamp};

/// One snapshot.
#[derive(Default)]
pub struct Table {
    /// The revision of the desired state that it shows.
    pub revision: u64,
    channels: HashMap<Arc<str>, Arc<Channel>>,
    hosts: HashMap<String, Arc<Channel>>,
}

/// A channel as requests see it.
pub struct Channel {
    /// Its slug.
    pub name: Arc<str>,
    /// Whether the public test key works.
    pub mode: Mode,
    /// The digests of its keys.
    pub keys: Keys,
    /// Its places; the same over all its releases.
    pub lane: Arc<Lane>,
    /// The release that answers.
    pub release: Option<Arc<Release>>,
}

/// A release, ready to answer.
pub struct Release {
    /// Its number.
    pub number: u64,
    /// Its component.
    pub plugin: Arc<Plugin>,
    /// What its guests are given.
    pub environment: Arc<Environment>,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Its own limit on the time of a call.
    pub deadline: Option<Duration>,
    /// Calls at the same time.
    pub in_flight: u32,
    /// The origin of the platform's pages.
    pub platform_origin: Option<String>,
}

/// A channel's keys: for each kind the current one and the one before it.
#[derive(Debug, Default, Clone)]
pub struct Keys {
    keys: Vec<KeyRecord>,
}

impl Keys {
    /// The keys of a channel.
    pub fn new(keys: Vec<KeyRecord>) -> Self {
        Self { keys }
    }

    /// The two digests that are valid for a kind now. Missing ones are digests that no key has, so that a check does the
    /// same work whatever there is.
    pub fn valid(&self, kind: KeyKind, now: Timestamp) -> [Digest; 2] {
        let mut valid = self
            .keys
            .iter()
            .filter(|key| key.kind == kind && key.expires.is_none_or(|end| end > now))
            .map(|key| key.digest);
        [valid.next().unwrap_or(NO_KEY), valid.next().unwrap_or(NO_KEY)]
    }
}

/// No text is known that has this SHA-256 digest.
pub const NO_KEY: Digest = Digest([0; 32]);

impl Table {
    /// A snapshot of these channels; `hosts` says which host names lead to which channel.
    pub fn new(revision: u64, channels: Vec<(Arc<Channel>, Vec<String>)>) -> Self {
        let mut table = Self { revision, channels: HashMap::with_capacity(channels.len()), hosts: HashMap::new() };
        for (channel, hosts) in channels {
            for host in hosts {
                table.hosts.insert(host, Arc::clone(&channel));
            }
            table.channels.insert(Arc::clone(&channel.name), channel);
        }
        table
    }

    /// The channel with this slug.
    pub fn channel(&self, name: &str) -> Option<&Arc<Channel>> {
        self.channels.get(name)
    }

    /// The channel that a `Host` header (without its port) leads to.
    pub fn channel_of_host(&self, host: &str) -> Option<&Arc<Channel>> {
        self.hosts.get(host)
    }

    /// How many channels there are.
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether there is no channel.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }
}

/// The current table. Loading it takes no lock.
#[derive(Default)]
pub struct Tables {
    current: ArcSwap<Table>,
}

impl Tables {
    /// The table of now.
    pub fn load(&self) -> Arc<Table> {
        self.current.load_full()
    }

    /// Replaces the table. Requests that begin after this returns see the new one.
    pub fn publish(&self, next: Table) {
        self.current.store(Arc::new(next));
    }
}
