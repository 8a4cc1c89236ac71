//! The limits that a channel's operator or a release's author sets.

use serde::{Deserialize, Serialize};

use crate::config::Limit;

/// Limits that a release sets for itself, or an operator for a channel; `None` = as configured for the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    /// Bytes of linear memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Milliseconds for a whole call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Milliseconds of processor time of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Calls at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
    /// Calls that wait for a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
    /// Milliseconds of the longest wait for a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_wait_ms: Option<u64>,
    /// Calls per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Calls at once on top of the rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Bytes of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<u64>,
    /// Requests to the outside in one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// Log lines kept of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<u64>,
    /// Bytes of log text kept of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
    /// Random bytes asked for at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random: Option<u64>,
    /// Bytes of a value in the key-value store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// Keys in the key-value store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<u64>,
    /// Bytes of all keys and values together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl LimitOverrides {
    /// The value of a limit, if it is set: bytes, milliseconds or pieces.
    #[must_use]
    pub fn get(&self, limit: Limit) -> Option<u64> {
        match limit {
            Limit::Memory => self.memory,
            Limit::Deadline => self.deadline_ms,
            Limit::Cpu => self.cpu_ms,
            Limit::InFlight => self.in_flight.map(u64::from),
            Limit::Queue => self.queue.map(u64::from),
            Limit::QueueWait => self.queue_wait_ms,
            Limit::Rate => self.rate.map(u64::from),
            Limit::Burst => self.burst.map(u64::from),
            Limit::Answer => self.answer,
            Limit::Requests => self.requests.map(u64::from),
            Limit::LogLines => self.log_lines,
            Limit::LogBytes => self.log_bytes,
            Limit::Random => self.random,
            Limit::Value => self.value,
            Limit::Keys => self.keys,
            Limit::Bytes => self.bytes,
        }
    }

    /// Sets or clears a limit.
    pub fn set(&mut self, limit: Limit, value: Option<u64>) {
        let count = |value| u32::try_from(value).unwrap_or(u32::MAX);
        match limit {
            Limit::Memory => self.memory = value,
            Limit::Deadline => self.deadline_ms = value,
            Limit::Cpu => self.cpu_ms = value,
            Limit::InFlight => self.in_flight = value.map(count),
            Limit::Queue => self.queue = value.map(count),
            Limit::QueueWait => self.queue_wait_ms = value,
            Limit::Rate => self.rate = value.map(count),
            Limit::Burst => self.burst = value.map(count),
            Limit::Answer => self.answer = value,
            Limit::Requests => self.requests = value.map(count),
            Limit::LogLines => self.log_lines = value,
            Limit::LogBytes => self.log_bytes = value,
            Limit::Random => self.random = value,
            Limit::Value => self.value = value,
            Limit::Keys => self.keys = value,
            Limit::Bytes => self.bytes = value,
        }
    }

    /// The limits that are set.
    pub fn iter(&self) -> impl Iterator<Item = (Limit, u64)> {
        Limit::ALL.into_iter().filter_map(|limit| self.get(limit).map(|value| (limit, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_field_of_its_own_under_its_name() {
        for limit in Limit::ALL {
            let mut own = LimitOverrides::default();
            own.set(limit, Some(7));
            assert_eq!(own.iter().collect::<Vec<_>>(), [(limit, 7)]);
            assert_eq!(serde_json::to_value(&own).unwrap(), serde_json::json!({ limit.field(): 7 }));
            own.set(limit, None);
            assert_eq!(own, LimitOverrides::default());
        }
    }
}
