//! The kinds of values that are written as text. Each parser's error is the second half of "expected …":
//! the loader adds the key in front and what it found behind.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{FailureMode, Language, OnFailure};

/// A number of bytes, written with its unit: `"4KiB"`, `"64MiB"`, `"1GiB"` or `"512B"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// `n` KiB.
    #[must_use]
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// `n` MiB.
    #[must_use]
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory.
    #[must_use]
    pub fn len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Whether it is no bytes at all.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            UNITS.into_iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)).unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a size such as \"64MiB\"";
        // "B" ends every unit, so the digits before it decide which one it is.
        let (digits, factor) = UNITS
            .into_iter()
            .find_map(|(unit, factor)| text.strip_suffix(unit).map(|digits| (digits, factor)))
            .ok_or(wrong)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong);
        }
        let number: u64 = digits.parse().map_err(|_| wrong)?;
        number.checked_mul(factor).map(Self).ok_or(wrong)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "a size such as \"64MiB\"")
    }
}

/// Text that `FromStr` understands, or an error that says what was `expected`.
fn parsed<'de, T: FromStr, D: Deserializer<'de>>(deserializer: D, expected: &str) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer).map_err(|_| D::Error::custom(expected))?;
    text.parse().map_err(|_| D::Error::custom(expected))
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parsed(deserializer, "an address such as \"127.0.0.1:8080\"")
}

pub(super) fn on_failure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnFailure, D::Error> {
    parsed(deserializer, "\"block\" or \"force\"")
}

pub(super) fn failure_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FailureMode, D::Error> {
    parsed(deserializer, "\"http\" or \"events\"")
}

pub(super) fn language<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
    parsed(deserializer, "\"en\" or \"fr\"")
}

/// Durations such as `"250ms"`.
pub(super) mod time {
    use std::time::Duration;

    use serde::de::{Error as _, IntoDeserializer};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let expected = "a time such as \"250ms\" or \"12s\"";
        let text = String::deserialize(deserializer).map_err(|_| D::Error::custom(expected))?;
        let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.as_str().into_deserializer();
        humantime_serde::deserialize(text).map_err(|_| D::Error::custom(expected))
    }

    pub(in super::super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        humantime_serde::serialize(time, serializer)
    }
}

/// Lists of durations.
pub(super) mod times {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Time(#[serde(with = "super::time")] Duration);

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
        Ok(Vec::<Time>::deserialize(deserializer)?.into_iter().map(|time| time.0).collect())
    }

    pub(in super::super) fn serialize<S: Serializer>(times: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(times.iter().map(|time| Time(*time)))
    }
}

/// Lists of networks in CIDR notation.
pub(super) mod networks {
    use ipnet::IpNet;
    use serde::{Deserialize, Deserializer, Serializer};

    struct Network(IpNet);

    impl<'de> Deserialize<'de> for Network {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            super::parsed(deserializer, "a network such as \"10.1.0.0/16\"").map(Self)
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
        Ok(Vec::<Network>::deserialize(deserializer)?.into_iter().map(|network| network.0).collect())
    }

    pub(in super::super) fn serialize<S: Serializer>(networks: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(networks.iter().map(ToString::to_string))
    }
}
