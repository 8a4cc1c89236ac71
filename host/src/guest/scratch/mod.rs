//! A sandbox without effects: what a guest does there nobody outside can tell.
//!
//! Key-value pairs are read from the channel and written to an [`overlay`]; requests to the outside get recorded replies;
//! log lines are kept in a list. A release that is tried before it is published runs so.

mod overlay;
mod reply;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::LogLine;

pub(super) use overlay::{Overlay, Under};
pub use reply::RecordedReply;

/// Log lines that are kept; older ones go first. More than one call may write (`guest.log-lines`), so that the last call's
/// are all there.
const LINES: usize = 2000;

/// Where the things go that a guest does.
#[derive(Debug, Clone, Default)]
pub enum Effects {
    /// Out into the world, as for every release that answers.
    #[default]
    Live,
    /// Nowhere.
    Scratch(Arc<Scratch>),
}

impl Effects {
    pub(super) fn scratch(&self) -> Option<&Arc<Scratch>> {
        match self {
            Self::Live => None,
            Self::Scratch(scratch) => Some(scratch),
        }
    }
}

/// What stands in for the world. Calls that share it see each other's pairs.
#[derive(Debug, Default)]
pub struct Scratch {
    replies: Vec<RecordedReply>,
    overlay: Mutex<Overlay>,
    lines: Mutex<VecDeque<LogLine>>,
}

impl Scratch {
    /// A world in which requests get these replies, the first that fits, and nobody else answers.
    pub fn new(replies: Vec<RecordedReply>) -> Self {
        Self { replies, ..Self::default() }
    }

    /// The newest lines that a call logged, at most `most`, the oldest of them first.
    pub fn log(&self, call: &str, most: usize) -> Vec<LogLine> {
        let lines = self.lines();
        let mut found: Vec<_> = lines.iter().rev().filter(|line| line.call == call).take(most).cloned().collect();
        found.reverse();
        found
    }

    pub(super) fn keep(&self, line: LogLine) {
        let mut lines = self.lines();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(super) fn reply(&self, method: &str, url: &str) -> Option<&RecordedReply> {
        self.replies.iter().find(|reply| reply.fits(method, url))
    }

    pub(super) fn overlay(&self) -> MutexGuard<'_, Overlay> {
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<LogLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
