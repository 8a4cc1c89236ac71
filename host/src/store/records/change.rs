//! A change of a channel's releases: what is wished, by whom, and the receipt that stays of it.

use serde::{Deserialize, Serialize};

use super::{Release, ReleaseSpec, Share, Timestamp, words};

words! {
    /// What was done to a channel's releases.
    Change {
        /// A release was added, and became active unless its receipt says otherwise.
        Deploy = "deploy",
        /// A release was made active by its number.
        Activate = "activate",
        /// The release before was made active again.
        Rollback = "rollback",
        /// A candidate was given a share of the calls, or another share.
        Canary = "canary",
        /// The candidate was made active.
        Promote = "promote",
        /// The candidate was taken back.
        Abort = "abort",
        /// A release or candidate was taken back by the node itself.
        Return = "return",
        /// Old releases were removed.
        Prune = "prune",
    }
}

/// What is to be done to a channel's releases.
#[derive(Debug, Clone)]
pub enum Move {
    /// Add a release with the channel's next number.
    Deploy {
        /// What it is made of.
        spec: Box<ReleaseSpec>,
        /// Whether it becomes active.
        activate: bool,
    },
    /// Make the release with this number active. When it is the candidate, this promotes it.
    Activate(u64),
    /// Make the release before the active one active again. While a candidate runs, this takes it back instead.
    Rollback,
    /// Give a candidate a share of the calls, or another share.
    Canary {
        /// The candidate.
        release: u64,
        /// Its share.
        share: Share,
    },
    /// Make the candidate active; with a number, only if it is that one.
    Promote(Option<u64>),
    /// Take the candidate back; with a number, only if it is that one.
    Abort(Option<u64>),
    /// Take `from` back by itself: as a candidate, or as the active release in favour of `to`.
    Return {
        /// The release that failed.
        from: u64,
        /// The release to answer instead.
        to: u64,
    },
}

/// Who wishes a change, why, and what they believe to be so.
#[derive(Debug, Clone)]
pub struct By {
    /// Their name.
    pub who: String,
    /// Why; may be empty.
    pub reason: String,
    /// What they saw before they decided.
    pub expected: Expected,
}

/// What must be so for a change to be done: two administrators cannot overwrite each other unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Whatever,
    /// This release is active (`None` = none is).
    Active(Option<u64>),
    /// The channel's releases were last changed in this revision.
    Revision(u64),
}

/// One change of a channel's releases, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id, unique.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// When it was done.
    pub at: Timestamp,
    /// What was done.
    pub change: Change,
    /// By whom.
    pub who: String,
    /// What answered before and ends; of a canary, what answers beside it.
    pub from: Option<u64>,
    /// What answers now; of a canary, the candidate; of a deploy without activation, the new release.
    pub to: Option<u64>,
    /// The candidate's share.
    pub share: Option<Share>,
    /// The node's revision that it made.
    pub revision: u64,
    /// Calls that were in flight on `from` when the next table was published.
    pub in_flight: Option<u32>,
    /// Milliseconds until the last of them had ended.
    pub drain_ms: Option<u64>,
    /// Calls among them that were ended at the drain's deadline.
    pub killed: Option<u32>,
    /// Why; may be empty.
    pub reason: String,
}

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// Its receipt.
    pub receipt: Receipt,
    /// The new release of a deploy.
    pub release: Option<Release>,
}
