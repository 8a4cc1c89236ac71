//! A moment as people write it: a date and time, or how long ago it was.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::store::Timestamp;

/// A moment: `2026-11-26T14:00:00Z`, or `2h` for two hours ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Whatever time it is.
    At(Timestamp),
    /// So long before now.
    Ago(Duration),
}

impl Moment {
    /// The time that is meant when it is `now`.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => now.before(span),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(span) = humantime::parse_duration(text) {
            return Ok(Self::Ago(span));
        }
        let time = OffsetDateTime::parse(text, &Rfc3339).ok();
        let ms = time.and_then(|time| i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok());
        ms.map(|ms| Self::At(Timestamp(ms)))
            .ok_or("expected a time such as \"2026-11-26T14:00:00Z\", or \"2h\" or \"3d\" for so long ago")
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago_it_was() {
        let now = Timestamp(1_700_000_000_000);
        for (text, before) in [
            ("2h", 7_200_000),
            ("3d", 259_200_000),
            ("1m 30s", 90_000),
            ("0s", 0),
            ("2023-11-14T22:13:20Z", 0),
            ("2023-11-14T23:13:19.5+01:00", 500),
        ] {
            assert_eq!(text.parse::<Moment>().unwrap().before(now), Timestamp(now.0 - before), "{text}");
        }
        for wrong in ["", "2", "yesterday", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "-2h"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
