//! The end of a listener, in two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Tells a listener to stop: first that it will, then that it must. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    ending: Arc<AtomicBool>,
    closed: CancellationToken,
}

impl Stop {
    /// From now on every answer tells its caller to connect elsewhere. Requests and connections are still taken.
    pub fn announce(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// No further connections; what is under way ends.
    pub fn close(&self) {
        self.announce();
        self.closed.cancel();
    }

    /// Whether the end is near.
    pub fn is_announced(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Is cancelled when the listener closes.
    pub fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }
}
