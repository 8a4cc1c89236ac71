//! Releases that went, and the calls that are still on them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::table::Release;

/// How a release drained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Drained {
    /// Calls on it when it went.
    pub(super) in_flight: u32,
    /// Milliseconds until the last of them had ended.
    pub(super) ms: u64,
    /// Calls among them that were ended at the deadline.
    pub(super) killed: u32,
}

/// A release that drains, or has drained.
#[derive(Debug, Clone)]
pub(super) struct Draining {
    pub(super) in_flight: u32,
    /// The table's revision that does not have it any more.
    revision: u64,
    began: Instant,
    end: watch::Receiver<Option<Drained>>,
}

impl Draining {
    /// Waits until the last call has ended.
    pub(super) async fn ended(mut self) -> Drained {
        let ended = self.end.wait_for(Option::is_some).await;
        // Without a sender the node stops, and the calls end with it.
        ended.ok().and_then(|drained| *drained).unwrap_or(Drained { in_flight: self.in_flight, ..Drained::default() })
    }

    /// Whether it has drained, and whoever swapped it has asked how.
    fn is_history(&self) -> bool {
        self.end.borrow().is_some() && self.began.elapsed() > HISTORY
    }
}

/// By channel and number.
#[derive(Default)]
pub(super) struct Drains {
    under_way: Mutex<HashMap<(Arc<str>, u64), Draining>>,
}

/// A killed guest ends at its next epoch or wake-up; this long after the kill, nobody waits for it any more.
const GRACE: Duration = Duration::from_secs(2);

/// A receipt asks right after the swap; who publishes it may be another task.
const HISTORY: Duration = Duration::from_mins(1);

impl Drains {
    /// Lets no further call enter `release`, which the table of `revision` does not have any more, and ends those that are in
    /// it after `deadline`.
    pub(super) fn begin(&self, channel: &Arc<str>, release: &Arc<Release>, revision: u64, deadline: Duration) {
        let in_flight = u32::try_from(release.traffic.retire()).unwrap_or(u32::MAX);
        let (tell, end) = watch::channel(None);
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|_, draining| !draining.is_history());
        let draining = Draining { in_flight, revision, began: Instant::now(), end };
        under_way.insert((Arc::clone(channel), release.number), draining);
        drop(under_way);
        let (channel, release) = (Arc::clone(channel), Arc::clone(release));
        tokio::spawn(async move {
            let drained = drain(&channel, &release, in_flight, deadline).await;
            tell.send_replace(Some(drained));
        });
    }

    /// The release that went last under this number, if it went with this revision or a later one: what went before that
    /// belongs to another change.
    pub(super) fn of(&self, channel: &str, number: u64, revision: u64) -> Option<Draining> {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.get(&(Arc::from(channel), number)).filter(|draining| draining.revision >= revision).cloned()
    }
}

async fn drain(channel: &str, release: &Release, in_flight: u32, deadline: Duration) -> Drained {
    let (began, traffic) = (Instant::now(), &release.traffic);
    let mut killed = 0;
    if tokio::time::timeout(deadline, traffic.drained()).await.is_err() {
        killed = u32::try_from(traffic.in_flight()).unwrap_or(u32::MAX);
        tracing::warn!(
            channel,
            release = release.number,
            killed,
            "calls did not end in time after a swap and were ended (call.drain)"
        );
        traffic.kill();
        let _ = tokio::time::timeout(GRACE, traffic.drained()).await;
    }
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(channel, release = release.number, in_flight, ms, killed, "drained");
    Drained { in_flight, ms, killed }
}
