//! A channel: its releases' pointers, the share of its candidate, and when one is taken back.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Digest, KeyKind, KeyRecord, LimitOverrides, Mode, Release, Timestamp};
use crate::config::{FailureMode, NotificationOverrides};

/// A share of calls, in whole hundredths of a percent; `10%` or `0.5%` in text and JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// Hundredths of a percent in the whole: all calls.
    pub const WHOLE: u16 = 10_000;

    /// So many hundredths of a percent, if they are 1 to 10,000.
    #[must_use]
    pub fn of(parts: u16) -> Option<Self> {
        (1..=Self::WHOLE).contains(&parts).then_some(Self(parts))
    }

    /// Hundredths of a percent: 1 to 10,000.
    #[must_use]
    pub fn parts(self) -> u16 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?;
        let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 3) || !digits(rest, 2) {
            return None;
        }
        let tens = if rest.len() == 1 { 10 } else { 1 };
        let parts = whole.parse::<u32>().ok()? * 100 + rest.parse::<u32>().ok()? * tens;
        u16::try_from(parts).ok().and_then(Self::of)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => f.pad(&format!("{whole}%")),
            rest if rest % 10 == 0 => f.pad(&format!("{whole}.{}%", rest / 10)),
            rest => f.pad(&format!("{whole}.{rest:02}%")),
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
            .ok_or_else(|| format!("expected a share from 0.01% to 100%, such as 10% or 0.5%, found {text:?}"))
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl ToSql for Share {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Share {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let parts = value.as_i64()?;
        u16::try_from(parts).ok().and_then(Self::of).ok_or(FromSqlError::OutOfRange(parts))
    }
}

/// A candidate that gets a share of a channel's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// The release on trial.
    pub release: u64,
    /// Its share of the calls.
    pub share: Share,
    /// When its trial began; a change of its share keeps that.
    pub since: Timestamp,
}

/// When a new release or a candidate is taken back by itself; `None` = as configured for the node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// Calls that a new release is watched for.
    pub calls: Option<u32>,
    /// Milliseconds that a new release is watched for.
    pub time_ms: Option<u64>,
    /// Share of faulty calls, 0 to 1, that is tolerated whatever the release before does.
    pub fault_rate: Option<f64>,
    /// How many times the fault rate of the release before is tolerated.
    pub factor: Option<f64>,
    /// Faults below this number prove nothing.
    pub least_faults: Option<u32>,
    /// Whether it is taken back at all.
    pub automatic: Option<bool>,
}

/// One customer's integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Its slug.
    pub name: String,
    /// What it is for.
    pub mode: Mode,
    /// Host names of its own.
    pub hosts: Vec<String>,
    /// Its keys, newest first within a kind; expired ones may be among them.
    pub keys: Vec<KeyRecord>,
    /// The release that answers.
    pub active: Option<u64>,
    /// The release to roll back to: it answered before the active one.
    pub previous: Option<u64>,
    /// The candidate that gets a share of the calls, while there is one.
    pub canary: Option<Canary>,
    /// When a new release or a candidate is taken back by itself.
    pub watch: Watch,
    /// Limits that its operator gave it in place of the node's.
    pub limits: LimitOverrides,
    /// How its callers are told that a call failed; `None` = as configured for the node.
    pub failure_mode: Option<FailureMode>,
    /// Milliseconds between two looks at the platform's list of notifications; `None` = nobody looks.
    pub deltas_ms: Option<u64>,
    /// What it says of its notifications in place of the node.
    pub notification: NotificationOverrides,
    /// The node's revision that the last change of its releases made; 0 = none since it was made.
    pub revision: u64,
    /// When it was made.
    pub created: Timestamp,
}

/// A channel to be made.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// Its slug; the caller checks the form.
    pub name: String,
    /// What it is for.
    pub mode: Mode,
    /// Host names of its own.
    pub hosts: Vec<String>,
    /// Digests of its keys.
    pub keys: Vec<(KeyKind, Digest)>,
}

/// What should be served, as of one revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Grows with every change.
    pub revision: u64,
    /// All channels by name, each with the releases that answer.
    pub channels: Vec<DesiredChannel>,
}

/// What changed of it since a revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The revision that this leads to.
    pub revision: u64,
    /// All channels that there are.
    pub names: HashSet<String>,
    /// Those that are new or changed, by name.
    pub changed: Vec<DesiredChannel>,
}

/// A channel and the releases that answer on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesiredChannel {
    /// The channel.
    pub channel: Channel,
    /// Its active release.
    pub active: Option<Release>,
    /// Its candidate, while there is one.
    pub canary: Option<Release>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_as_it_is_read() {
        for (text, parts) in [("10%", 1000), ("0.5%", 50), ("100%", 10_000), ("0.01%", 1), ("12.34%", 1234)] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.parts(), share.to_string().as_str()), (parts, text));
            assert_eq!(serde_json::from_value::<Share>(serde_json::to_value(share).unwrap()).unwrap(), share);
        }
        assert_eq!("10.50%".parse::<Share>().unwrap().to_string(), "10.5%");
    }

    #[test]
    fn what_is_no_share_is_told_what_is_expected() {
        for wrong in [
            "", "%", "10", "0%", "0.00%", "100.01%", "101%", "-1%", "+1%", "1.%", ".5%", "0.001%", "1e1%", "10 %",
            "65636%",
        ] {
            let told = wrong.parse::<Share>().unwrap_err();
            assert!(told.contains("from 0.01% to 100%") && told.contains(&format!("{wrong:?}")), "{told}");
        }
        assert_eq!((Share::of(0), Share::of(10_001)), (None, None));
    }

    #[test]
    fn an_empty_watch_leaves_everything_to_the_node() {
        assert_eq!(serde_json::from_str::<Watch>("{}").unwrap(), Watch::default());
        let set: Watch = serde_json::from_str(r#"{"fault_rate": 0.02, "automatic": false}"#).unwrap();
        assert_eq!((set.fault_rate, set.automatic, set.calls), (Some(0.02), Some(false), None));
    }
}
