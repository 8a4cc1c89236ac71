//! Releases that an admin can trust: swapped by the hundred, bad ones among them, killed in the middle, tried on a few
//! callers, taken back. Each test prints what it counted; the long forms do more of the same.

mod admins;
mod bad_deploys;
mod breakers;
mod canary;
mod drain;
mod kills;
pub(crate) mod load;
mod returns;
mod swaps;

use std::time::Duration;

use serde_json::Value;

use crate::host::Host;

/// How often something is done: usually, or in the long form (`cargo xtask soak`).
pub(crate) fn rounds(usual: u64, long: u64) -> u64 {
    if std::env::var_os("WHARF_TEST_LONG").is_some() { long } else { usual }
}

/// The channel as `wharf status` shows it: what answers, not what is wanted.
fn status(host: &Host, channel: &str) -> Value {
    let status = host.wharf(&["status"]);
    status["channels"].as_array().unwrap().iter().find(|one| one["channel"] == channel).unwrap().clone()
}

/// Who did what to a channel's releases, newest first.
fn receipts(host: &Host, channel: &str) -> Vec<Value> {
    host.wharf(&["receipts", channel, "--limit", "1000"]).as_array().unwrap().clone()
}

/// Of durations in order, the one that so many percent do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// Chance that can be had again: the same seed gives the same numbers.
pub(crate) struct Dice(wharf_fuzz::Seeded);

impl Dice {
    /// A new seed for every run; it is printed, and `WHARF_TEST_SEED` gives it again.
    pub(crate) fn thrown(what: &str) -> Self {
        let given = std::env::var("WHARF_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = given.unwrap_or_else(|| u64::from(now.subsec_nanos()));
        println!("{what}: WHARF_TEST_SEED={seed}");
        Self(wharf_fuzz::Seeded::new(seed))
    }

    /// The next number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.below(end)
    }
}
