//! What one release may use: the node's limits, as its operator has changed them for the channel, as the release lowers them.

use std::time::Duration;

use crate::config::Config;
use crate::store::{LimitOverrides, Quota};

/// What a call is, as far as its time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An SDK interaction.
    Sdk,
    /// An SDK interaction that brings a batch: `catalog_push`, `inventory_push`.
    Push,
    /// A notification or a page that a user waits for.
    Notification,
    /// A notification that nobody waits for.
    Background,
}

/// The time of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// From its acceptance to its answer: queueing, the guest, its waiting.
    pub time: Duration,
    /// On a processor.
    pub cpu: Duration,
}

/// All limits of one release.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    sdk: Budget,
    push: Budget,
    notification: Budget,
    background: Budget,
    /// Bytes of linear memory, all memories of an instance together.
    pub memory: usize,
    /// Calls at the same time.
    pub in_flight: u32,
    /// Calls that wait for a place.
    pub queue: u32,
    /// The longest wait for a place.
    pub queue_wait: Duration,
    /// Calls per second.
    pub rate: u32,
    /// Calls at once on top of the rate.
    pub burst: u32,
    /// Bytes of an answer, as the caller gets it.
    pub answer: usize,
    /// Requests to the outside in one call.
    pub requests: u32,
    /// Log lines kept of one call.
    pub log_lines: usize,
    /// Bytes of log text kept of one call.
    pub log_bytes: usize,
    /// Random bytes asked for at once.
    pub random: u64,
    /// What its channel may keep in the key-value store.
    pub quota: Quota,
    /// Keys of one key-value operation, and of one page of a list.
    pub batch: usize,
    /// Bytes of the values that one key-value operation reads.
    pub read: usize,
    /// `cas` handles of one call.
    pub cas: usize,
    /// Changes of its pairs that wait for the writer at the same time.
    pub waiting: usize,
}

impl Limits {
    /// The limits of a release: the node's, unless its operator gave the channel others, and at most what the release asks for.
    /// `slots` is the number of instances that may live on this node.
    pub fn of(config: &Config, slots: u32, channel: &LimitOverrides, release: &LimitOverrides) -> Self {
        let (call, guest, quota) = (&config.call, &config.guest, &config.key_value);
        let time = |node| lower(channel.deadline_ms.map_or(node, millis), release.deadline_ms.map(millis));
        let cpu = |node| lower(channel.cpu_ms.map_or(node, millis), release.cpu_ms.map(millis));
        let budget = |of_time, of_cpu| Budget { time: time(of_time), cpu: cpu(of_cpu) };
        let pick = |node, own: fn(&LimitOverrides) -> Option<u64>| lower(own(channel).unwrap_or(node), own(release));
        let count = |node, own: fn(&LimitOverrides) -> Option<u32>| lower(own(channel).unwrap_or(node), own(release));
        let bytes = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let largest = guest.largest_memory.max(guest.memory).bytes();
        Self {
            sdk: budget(call.sdk_deadline, call.cpu),
            push: budget(call.sdk_deadline, call.push_cpu),
            notification: budget(call.notification_deadline, call.cpu),
            background: Budget {
                // The operator's word on a channel's deadline is about those that somebody waits for.
                time: lower(call.async_deadline, release.deadline_ms.map(millis)),
                cpu: cpu(call.async_cpu),
            },
            memory: bytes(pick(guest.memory.bytes(), |own| own.memory).min(largest)),
            in_flight: count(call.in_flight, |own| own.in_flight).min(share(slots, call.share)),
            queue: count(call.queue, |own| own.queue),
            queue_wait: lower(channel.queue_wait_ms.map_or(call.queue_wait, millis), release.queue_wait_ms.map(millis)),
            rate: count(call.rate, |own| own.rate),
            burst: count(call.burst, |own| own.burst),
            answer: bytes(pick(call.answer.bytes(), |own| own.answer)),
            requests: count(config.outbound.requests, |own| own.requests),
            log_lines: bytes(pick(guest.log_lines as u64, |own| own.log_lines)),
            log_bytes: bytes(pick(guest.log_bytes.bytes(), |own| own.log_bytes)),
            random: pick(guest.random.bytes(), |own| own.random),
            quota: Quota {
                value: pick(quota.value.bytes(), |own| own.value),
                keys: pick(quota.keys, |own| own.keys),
                bytes: pick(quota.bytes.bytes(), |own| own.bytes),
            },
            batch: quota.batch,
            read: quota.read.len(),
            cas: quota.cas,
            waiting: quota.waiting,
        }
    }

    /// The time of a call.
    pub fn budget(&self, class: Class) -> Budget {
        match class {
            Class::Sdk => self.sdk,
            Class::Push => self.push,
            Class::Notification => self.notification,
            Class::Background => self.background,
        }
    }
}

/// So many of the instances, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a u32 is one")]
fn share(slots: u32, share: f64) -> u32 {
    ((f64::from(slots) * share).ceil() as u32).max(1)
}

fn lower<T: Ord>(most: T, asked: Option<T>) -> T {
    match asked {
        Some(asked) => most.min(asked),
        None => most,
    }
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> LimitOverrides {
        LimitOverrides::default()
    }

    #[test]
    fn a_release_lowers_and_an_operator_may_raise() {
        let config = Config::default();
        let of = |channel: &LimitOverrides, release: &LimitOverrides| Limits::of(&config, 256, channel, release);
        let node = of(&none(), &none());
        assert_eq!(node.budget(Class::Push).cpu, config.call.push_cpu);
        let asks = LimitOverrides { cpu_ms: Some(100), rate: Some(1_000_000), memory: Some(1 << 40), ..none() };
        let release = of(&none(), &asks);
        assert_eq!(release.budget(Class::Push).cpu, Duration::from_millis(100));
        assert_eq!((release.rate, release.memory), (node.rate, node.memory), "a release cannot raise a limit");
        let raised = of(&asks, &none());
        assert_eq!(raised.rate, 1_000_000);
        assert_eq!(raised.memory, config.guest.largest_memory.len(), "up to what the pool has room for");
        assert_eq!(of(&asks, &LimitOverrides { rate: Some(3), ..none() }).rate, 3);
    }

    #[test]
    fn a_channel_never_holds_more_than_its_share_of_the_instances() {
        let in_flight = |slots, own| {
            let channel = LimitOverrides { in_flight: own, ..none() };
            Limits::of(&Config::default(), slots, &channel, &none()).in_flight
        };
        assert_eq!((in_flight(256, None), in_flight(16, None), in_flight(1, None)), (32, 2, 1));
        assert_eq!((in_flight(256, Some(1000)), in_flight(256, Some(3))), (32, 3));
    }
}
