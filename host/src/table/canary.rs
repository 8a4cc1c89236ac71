//! A canary: a release that answers a share of a channel's calls beside the active one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Release;
use crate::store::Share;

/// The candidate and its share.
pub struct Canary {
    /// The release on trial.
    pub release: Arc<Release>,
    /// Its share of the calls.
    pub share: Share,
}

impl Canary {
    /// Whether calls with this key are the candidate's. The same key gets the same answer for as long as the canary runs, and
    /// with a larger share those that were the candidate's before stay so; another candidate gets other keys.
    pub(super) fn takes(&self, key: impl Hash) -> bool {
        falls_within(self.release.number, self.share, key)
    }
}

fn falls_within(number: u64, share: Share, key: impl Hash) -> bool {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    key.hash(&mut hasher);
    hasher.finish() % u64::from(Share::WHOLE) < u64::from(share.parts())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Share {
        text.parse().unwrap()
    }

    #[test]
    fn ten_percent_of_many_orders_are_ten_percent() {
        let taken = (0..20_000).filter(|number| falls_within(7, share("10%"), format!("A-{number}"))).count();
        assert!((1800..=2200).contains(&taken), "{taken}");
        assert!((0..1000).all(|number: u32| falls_within(7, share("100%"), number)));
    }

    #[test]
    fn a_larger_share_keeps_those_of_the_smaller_one() {
        for number in 0..5000_u32 {
            assert!(!falls_within(7, share("10%"), number) || falls_within(7, share("25%"), number));
        }
    }

    #[test]
    fn another_candidate_gets_other_keys() {
        let same =
            (0..2000_u32).filter(|n| falls_within(7, share("10%"), n) && falls_within(8, share("10%"), n)).count();
        assert!(same < 60, "{same}");
    }
}
