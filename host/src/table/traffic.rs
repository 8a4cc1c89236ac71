//! The calls of one published release: how many are under way, and how they end when the release does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Release;

/// Set once no call may enter any more; the bits below count the calls that are in.
const RETIRED: u64 = 1 << 63;

/// Who is in, and whether anybody may still enter.
#[derive(Debug, Default)]
pub struct Traffic {
    state: AtomicU64,
    idle: Notify,
    stop: CancellationToken,
}

impl Traffic {
    /// Calls that are in now.
    pub fn in_flight(&self) -> u64 {
        self.state.load(Ordering::Acquire) & !RETIRED
    }

    /// Lets nobody enter from now on; gives how many are in.
    pub fn retire(&self) -> u64 {
        self.state.fetch_or(RETIRED, Ordering::AcqRel) & !RETIRED
    }

    /// Waits until nobody is in. Only of use once retired.
    pub async fn drained(&self) {
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            idle.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Ends every call that is in.
    pub fn kill(&self) {
        self.stop.cancel();
    }

    /// Cancelled when the calls are to end.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    fn enter(&self) -> bool {
        let entered = self.state.fetch_add(1, Ordering::AcqRel) & RETIRED == 0;
        if !entered {
            self.leave();
        }
        entered
    }

    fn leave(&self) {
        if self.state.fetch_sub(1, Ordering::AcqRel) == RETIRED | 1 {
            self.idle.notify_waiters();
        }
    }
}

/// A call that is in: its release does not drain before this is dropped.
pub struct Running {
    release: Arc<Release>,
}

impl Running {
    /// Enters a release; `None` when it has been retired, so that the newest table names another.
    pub fn enter(release: &Arc<Release>) -> Option<Self> {
        release.traffic.enter().then(|| Self { release: Arc::clone(release) })
    }

    /// The release that answers this call.
    pub fn release(&self) -> &Arc<Release> {
        &self.release
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.release.traffic.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_enters_a_retired_release_and_those_inside_are_counted() {
        let traffic = Traffic::default();
        assert!(traffic.enter() && traffic.enter());
        assert_eq!(traffic.retire(), 2);
        assert!(!traffic.enter());
        assert_eq!(traffic.in_flight(), 2);
        traffic.leave();
        assert_eq!(traffic.retire(), 1);
    }

    #[tokio::test]
    async fn draining_ends_with_the_last_call() {
        let traffic = Arc::new(Traffic::default());
        assert!(traffic.enter());
        traffic.retire();
        let waiting = tokio::spawn({
            let traffic = Arc::clone(&traffic);
            async move { traffic.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        traffic.leave();
        tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.unwrap().unwrap();
        traffic.drained().await;
    }
}
