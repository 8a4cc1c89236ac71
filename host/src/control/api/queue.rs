//! How much is in the queue of notifications, for the status and for the metrics.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use super::node::{Labels, gauge};
use crate::store::{QueueDepth, Timestamp};

/// How much is in the queue of a channel, or of the node.
#[derive(Serialize)]
pub(super) struct View {
    queued: u64,
    running: u64,
    dead: u64,
    /// How often one died.
    deaths: u64,
    /// What those that are queued, running or dead take of `queue.bytes`.
    bytes: u64,
    /// Age in seconds of the oldest that is queued or running.
    oldest_s: Option<u64>,
    /// For how many seconds the one that is due for longest has been waiting for a worker.
    overdue_s: Option<u64>,
}

impl View {
    pub(super) fn new(depth: QueueDepth, now: Timestamp) -> Self {
        let age = |since: Timestamp| u64::try_from(now.0 - since.0).unwrap_or_default() / 1000;
        let QueueDepth { queued, running, dead, deaths, bytes, oldest, due } = depth;
        Self { queued, running, dead, deaths, bytes, oldest_s: oldest.map(age), overdue_s: due.map(age) }
    }
}

/// All channels together.
pub(super) fn whole(depths: &BTreeMap<String, QueueDepth>) -> QueueDepth {
    depths.values().copied().fold(QueueDepth::default(), QueueDepth::and)
}

type StateLabels = [(&'static str, String); 2];

/// Registers the queue's metrics: the node's, and those of each channel that ever had a notification.
pub(super) fn register(registry: &mut Registry, depths: &BTreeMap<String, QueueDepth>, now: Timestamp) {
    let node = View::new(whole(depths), now);
    let queue = Family::<Labels, Gauge<u64, AtomicU64>>::default();
    for (state, count) in node.states() {
        queue.get_or_create(&[("state", state.to_owned())]).set(count);
    }
    registry.register("queue_notifications", "Queued notifications by their state", queue);
    let oldest = "Age of the oldest notification that is queued or running; 0 = none";
    registry.register("queue_oldest_seconds", oldest, gauge(node.oldest_s.unwrap_or_default()));
    let overdue = "For how long the notification that is due for longest has been waiting for a worker";
    registry.register("queue_overdue_seconds", overdue, gauge(node.overdue_s.unwrap_or_default()));

    let by_state = Family::<StateLabels, Gauge<u64, AtomicU64>>::default();
    let since = [(); 2].map(|()| Family::<Labels, Gauge<u64, AtomicU64>>::default());
    let died = Family::<Labels, Counter<u64, AtomicU64>>::default();
    for (channel, depth) in depths {
        let label = [("channel", channel.clone())];
        let view = View::new(*depth, now);
        for (state, count) in view.states() {
            by_state.get_or_create(&[label[0].clone(), ("state", state.to_owned())]).set(count);
        }
        for (metric, seconds) in since.iter().zip([view.oldest_s, view.overdue_s]) {
            metric.get_or_create(&label).set(seconds.unwrap_or_default());
        }
        died.get_or_create(&label).inc_by(depth.deaths);
    }
    let [came, was_due] = since;
    registry.register("channel_notifications", "Queued notifications of a channel by their state", by_state);
    registry.register("channel_notifications_oldest_seconds", oldest, came);
    registry.register("channel_notifications_overdue_seconds", overdue, was_due);
    registry.register("channel_notification_deaths", "How often a notification of the channel died", died);
}

impl View {
    fn states(&self) -> [(&'static str, u64); 3] {
        [("queued", self.queued), ("running", self.running), ("dead", self.dead)]
    }
}
