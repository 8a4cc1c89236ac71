//! What the queue takes and gives.

use serde::{Deserialize, Serialize};

use crate::store::{Digest, State, Timestamp};

/// A notification to be queued.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its channel.
    pub channel: String,
    /// Such as `document.cancellation`.
    pub event_type: String,
    /// The kind of entity it is about.
    pub entity_type_id: Option<i64>,
    /// The entity it is about; without one it waits for nobody.
    pub entity_id: Option<i64>,
    /// The JSON to hand to the component.
    pub body: String,
    /// What makes two notifications the same.
    pub dedupe: Digest,
    /// What makes it the same as one of the platform's list; `None` when nobody looks at that.
    pub same: Option<Same>,
    /// When it came in; it is due from then on.
    pub at: Timestamp,
}

/// What a notification tells, by whichever way it came.
#[derive(Debug, Clone)]
pub struct Same {
    /// Of its type, its entity and its data.
    pub digest: Digest,
    /// What came before that by the other way is another one.
    pub since: Timestamp,
}

/// What became of a notification that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    /// Its id, or the id of the one it repeats.
    pub id: String,
    /// Whether it repeats one, and was not queued again.
    pub duplicate: bool,
}

/// A notification that a worker holds until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// Its id.
    pub id: String,
    /// Its channel.
    pub channel: String,
    /// Its type.
    pub event_type: String,
    /// The kind of entity it is about.
    pub entity_type_id: Option<i64>,
    /// The entity it is about.
    pub entity_id: Option<i64>,
    /// The JSON to hand to the component.
    pub body: String,
    /// Which attempt this is, from 1. Attempts whose lease ran out count, so that an event that brings the node down is
    /// not tried for ever.
    pub attempts: u32,
    /// The same over all replays, so that no two attempts at a notification have one number.
    pub number: u32,
}

/// A queued notification, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedEvent {
    /// Its id.
    pub id: String,
    /// Its channel.
    pub channel: String,
    /// Its type.
    pub event_type: String,
    /// The kind of entity it is about.
    pub entity_type_id: Option<i64>,
    /// The entity it is about.
    pub entity_id: Option<i64>,
    /// Where it stands.
    pub state: State,
    /// Whether it waits for an older one of the same entity.
    pub waits: bool,
    /// Attempts since it was queued or replayed.
    pub attempts: u32,
    /// When it came in.
    pub created: Timestamp,
    /// When it may run, or when its lease ends; no meaning once it is done or dead.
    pub due: Timestamp,
    /// When it was done or given up.
    pub ended: Option<Timestamp>,
    /// Why its last attempt failed.
    pub reason: Option<String>,
}

/// One attempt at a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1, over all replays.
    pub number: u32,
    /// When it was leased.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// `done`, `retry`, `dead`, `interrupted` by a swap, or `lost` when its lease ran out.
    pub result: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
}
