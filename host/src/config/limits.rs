//! The limits that a channel and a release may have of their own: their names, their units, their ranges. The node's value of
//! each is a key of the configuration, with the same range.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::Size;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Size,
    /// Milliseconds.
    Time,
    /// Pieces.
    Count,
}

/// A limit that not only the node has, but a channel and a release may have as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// Linear memory of one instance.
    Memory,
    /// Whole time of a call.
    Deadline,
    /// Processor time of a call.
    Cpu,
    /// Calls at the same time.
    InFlight,
    /// Calls that wait for a place.
    Queue,
    /// Longest wait for a place.
    QueueWait,
    /// Calls per second.
    Rate,
    /// Calls at once on top of the rate.
    Burst,
    /// Largest answer.
    Answer,
    /// Requests to the outside in one call.
    Requests,
    /// Log lines kept of one call.
    LogLines,
    /// Log text kept of one call.
    LogBytes,
    /// Random bytes asked for at once.
    Random,
    /// Largest value in the key-value store.
    Value,
    /// Keys in the key-value store.
    Keys,
    /// All keys and values together.
    Bytes,
}

const MINUTE: u64 = 60_000;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Limit {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 16] = [
        Self::Memory,
        Self::Deadline,
        Self::Cpu,
        Self::InFlight,
        Self::Queue,
        Self::QueueWait,
        Self::Rate,
        Self::Burst,
        Self::Answer,
        Self::Requests,
        Self::LogLines,
        Self::LogBytes,
        Self::Random,
        Self::Value,
        Self::Keys,
        Self::Bytes,
    ];

    /// Its name, the node's key for it, its unit, and its range: bytes, milliseconds or pieces.
    fn row(self) -> (&'static str, &'static str, Unit, RangeInclusive<u64>) {
        match self {
            Self::Memory => ("memory", "guest.memory", Unit::Size, MIB..=GIB),
            Self::Deadline => ("deadline", "call.sdk-deadline", Unit::Time, 10..=2 * MINUTE),
            Self::Cpu => ("cpu", "call.cpu", Unit::Time, 1..=2 * MINUTE),
            Self::InFlight => ("in-flight", "call.in-flight", Unit::Count, 1..=10_000),
            Self::Queue => ("queue", "call.queue", Unit::Count, 0..=100_000),
            Self::QueueWait => ("queue-wait", "call.queue-wait", Unit::Time, 0..=MINUTE),
            Self::Rate => ("rate", "call.rate", Unit::Count, 1..=1_000_000),
            Self::Burst => ("burst", "call.burst", Unit::Count, 1..=1_000_000),
            Self::Answer => ("answer", "call.answer", Unit::Size, KIB..=256 * MIB),
            Self::Requests => ("requests", "outbound.requests", Unit::Count, 0..=10_000),
            Self::LogLines => ("log-lines", "guest.log-lines", Unit::Count, 0..=100_000),
            Self::LogBytes => ("log-bytes", "guest.log-bytes", Unit::Size, 0..=64 * MIB),
            Self::Random => ("random", "guest.random", Unit::Size, 16..=64 * MIB),
            Self::Value => ("value", "key-value.value", Unit::Size, 1..=16 * MIB),
            Self::Keys => ("keys", "key-value.keys", Unit::Count, 1..=100_000_000),
            Self::Bytes => ("bytes", "key-value.bytes", Unit::Size, KIB..=1024 * GIB),
        }
    }

    /// Its name in a manifest and on the command line, such as `in-flight`.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The node's key for it, such as `call.in-flight`; of several, the first.
    pub fn key(self) -> &'static str {
        self.row().1
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        self.row().2
    }

    /// What it may be for a node and for a channel.
    pub fn range(self) -> RangeInclusive<u64> {
        self.row().3
    }

    /// Its name in JSON, where a time names its unit: `in_flight`, `deadline_ms`.
    pub fn field(self) -> String {
        let name = self.name().replace('-', "_");
        if self.unit() == Unit::Time { name + "_ms" } else { name }
    }

    /// The one with this name in JSON.
    pub fn of_field(field: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.field() == field)
    }

    /// Reads a value as it is written in a manifest or on the command line; `None` when it is not what [`Limit::expects`] says.
    pub fn read(self, text: &str) -> Option<u64> {
        match self.unit() {
            Unit::Size => text.parse::<Size>().ok().map(Size::bytes),
            Unit::Time => humantime::parse_duration(text).ok().and_then(|time| u64::try_from(time.as_millis()).ok()),
            Unit::Count => text.parse().ok(),
        }
    }

    /// How a value is written.
    pub fn expects(self) -> &'static str {
        match self.unit() {
            Unit::Size => "a size such as \"32MiB\"",
            Unit::Time => "a time such as \"250ms\" or \"5s\"",
            Unit::Count => "a whole number such as 8",
        }
    }

    /// A value as it is written.
    pub fn show(self, value: u64) -> String {
        match self.unit() {
            Unit::Size => Size(value).to_string(),
            Unit::Time => humantime::format_duration(Duration::from_millis(value)).to_string(),
            Unit::Count => value.to_string(),
        }
    }

    /// Holds a value against the range.
    ///
    /// # Errors
    /// It is outside: the name, the range and what was found.
    pub fn check(self, value: u64) -> Result<(), String> {
        let range = self.range();
        if range.contains(&value) {
            return Ok(());
        }
        let [low, high, found] = [*range.start(), *range.end(), value].map(|value| self.show(value));
        Err(format!("{self}: expected {low} to {high}, found {found}"))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|limit| limit.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("there is no limit {name:?}; there are {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_found_by_its_names_and_reads_what_it_shows() {
        for limit in Limit::ALL {
            assert_eq!((limit.name().parse(), Limit::of_field(&limit.field())), (Ok(limit), Some(limit)));
            for value in [*limit.range().start(), *limit.range().end()] {
                assert_eq!((limit.read(&limit.show(value)), limit.check(value)), (Some(value), Ok(())), "{limit}");
            }
            assert!(limit.check(limit.range().end() + 1).is_err());
        }
        assert_eq!((Limit::QueueWait.field(), Limit::InFlight.field()), ("queue_wait_ms".into(), "in_flight".into()));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        assert_eq!(Limit::Cpu.check(0).unwrap_err(), "cpu: expected 1ms to 2m, found 0s");
        assert_eq!((Limit::Memory.read("64MB"), Limit::Rate.read("-1"), Limit::Cpu.read("5")), (None, None, None));
        assert!("memry".parse::<Limit>().unwrap_err().contains("there are memory, deadline"));
    }
}
