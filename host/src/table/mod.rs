//! The immutable snapshot of all channels that requests are routed by.
//!
//! The edge loads it once per request and never changes it; the control plane replaces it whole. Calls already running keep
//! the table they began with, the next one sees the new one, and nobody waits for anybody.
//!
//! What changes between two tables is not in the table but behind its releases: who is in ([`traffic`](Traffic)), how they do
//! ([`Health`], [`Headroom`]), what rests ([`Breakers`]). A release that stays keeps all of it.

mod breaker;
mod canary;
mod deltas;
mod headroom;
mod health;
mod notice;
mod traffic;
mod work;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{self, FailureMode};
use crate::guest::{Environment, Lane, Plugin};
use crate::store::{Digest, KeyKind, KeyRecord, Mode, Timestamp, WebhookSecret};

pub use breaker::{Breakers, OpenBreaker, Pass, Probe};
pub use canary::Canary;
pub use deltas::{Deltas, Look, Polled, Polling, Turn};
pub use headroom::{Headroom, Tight};
pub use health::{Health, Score};
pub use notice::Notice;
pub use traffic::{Running, Traffic};
pub use work::Work;

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
    /// When it was made: a channel that is deleted and made again under its name is another one.
    pub created: Timestamp,
    /// Host names that lead to it.
    pub hosts: Vec<String>,
    /// The digests of its keys.
    pub keys: Keys,
    /// Its places; the same over all its releases.
    pub lane: Arc<Lane>,
    /// Which of the calls that were turned away the log has been told of; the same over all its releases.
    pub notice: Arc<Notice>,
    /// How its callers are told that a call failed.
    pub failure_mode: FailureMode,
    /// The platform's list of notifications, if somebody looks at it.
    pub deltas: Deltas,
    /// How its notifications are answered: the node's settings with its own in their place.
    pub notification: Arc<config::Notification>,
    /// What its notifications are signed with.
    pub webhook: Webhook,
    /// The release that answers.
    pub release: Option<Arc<Release>>,
    /// The release that answers a share of the calls in its stead.
    pub canary: Option<Canary>,
    /// The revision of the last change of its releases.
    pub revision: u64,
}

impl Channel {
    /// The release for a call; calls with the same key get the same one.
    pub fn pick(&self, key: impl Hash) -> Option<&Arc<Release>> {
        match &self.canary {
            Some(canary) if canary.takes(key) => Some(&canary.release),
            _ => self.release.as_ref(),
        }
    }

    /// The releases that answer.
    pub fn releases(&self) -> impl Iterator<Item = &Arc<Release>> {
        self.release.iter().chain(self.canary.as_ref().map(|canary| &canary.release))
    }
}

/// A release, ready to answer.
pub struct Release {
    /// Its number.
    pub number: u64,
    /// Its component.
    pub plugin: Arc<Plugin>,
    /// What its guests are given.
    pub environment: Arc<Environment>,
    /// The origin of the platform's pages.
    pub platform_origin: Option<String>,
    /// Its calls that are under way.
    pub traffic: Traffic,
    /// How its calls ended, whatever limits it had.
    pub health: Arc<Health>,
    /// How close they came to its limits.
    pub headroom: Headroom,
    /// What is not called at present.
    pub breakers: Breakers,
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

/// The signatures of a channel's notifications.
#[derive(Debug, Default)]
pub struct Webhook {
    /// Whether they take the key's place.
    pub required: bool,
    /// What they are made with: the current secret and the one before it.
    pub secrets: Vec<WebhookSecret>,
}

impl Webhook {
    /// The two secrets that are valid now.
    pub fn valid(&self, now: Timestamp) -> [Option<&WebhookSecret>; 2] {
        let mut valid = self.secrets.iter().filter(|secret| secret.expires.is_none_or(|end| end > now));
        [valid.next(), valid.next()]
    }
}

/// No text is known that has this SHA-256 digest.
pub const NO_KEY: Digest = Digest([0; 32]);

impl Table {
    /// A snapshot of these channels.
    pub fn new(revision: u64, channels: Vec<Arc<Channel>>) -> Self {
        let mut table = Self { revision, channels: HashMap::with_capacity(channels.len()), hosts: HashMap::new() };
        for channel in channels {
            for host in &channel.hosts {
                table.hosts.insert(host.clone(), Arc::clone(&channel));
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

    /// All channels, in no order.
    pub fn channels(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.channels.values()
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

    /// Replaces the table, and gives back the one before. Requests that begin after this returns see the new one.
    pub fn publish(&self, next: Table) -> Arc<Table> {
        self.current.swap(Arc::new(next))
    }
}
