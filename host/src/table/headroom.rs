//! How close a published release comes to its limits: what its author should hear of before a call fails over it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::Score;
use crate::config::Limit;
use crate::guest::Spent;

/// The limits that are watched.
const WATCHED: [Limit; 3] = [Limit::Memory, Limit::Cpu, Limit::Deadline];

/// Fewer calls say nothing about the hundredth part of them.
const LEAST_CALLS: u64 = 100;

/// Calls that used more than 80 % of a limit. Calls that did not cost nothing here.
#[derive(Debug, Default)]
pub struct Headroom {
    over: [AtomicU64; WATCHED.len()],
    /// A bit for each limit that was told.
    told: AtomicU8,
    /// Calls of the release before these limits.
    before: u64,
}

/// A limit that more than one call in a hundred comes close to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tight {
    /// Its name: `memory`, `cpu` or `deadline`.
    pub limit: &'static str,
    /// Calls that used more than 80 % of it.
    pub over: u64,
    /// All calls.
    pub calls: u64,
}

impl Headroom {
    /// Begins to watch a release that had other limits until now, or that is new and has no calls.
    pub fn since(score: Score) -> Self {
        Self { before: score.calls, ..Self::default() }
    }

    /// Counts a call, which took `time` and had so much `memory`. Gives the limits that have just become tight.
    pub fn tell(&self, spent: &Spent, time: Duration, memory: usize, score: Score) -> Vec<Tight> {
        let Some(budget) = spent.budget else { return Vec::new() };
        let over = [
            is_over(spent.memory as u128, memory as u128),
            is_over(spent.cpu.as_micros(), budget.cpu.as_micros()),
            is_over(time.as_micros(), budget.time.as_micros()),
        ];
        if over == [false; WATCHED.len()] {
            return Vec::new();
        }
        for (count, _) in self.over.iter().zip(over).filter(|(_, over)| *over) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let new = |(place, _): &(usize, Tight)| self.told.fetch_or(1 << place, Ordering::Relaxed) & (1 << place) == 0;
        self.places(score).filter(new).map(|(_, tight)| tight).collect()
    }

    /// The limits that are tight.
    pub fn tight(&self, score: Score) -> Vec<Tight> {
        self.places(score).map(|(_, tight)| tight).collect()
    }

    /// Each watched limit, and the calls that used more than 80 % of it.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        WATCHED.iter().map(|limit| limit.name()).zip(self.over.iter().map(|over| over.load(Ordering::Relaxed)))
    }

    fn places(&self, score: Score) -> impl Iterator<Item = (usize, Tight)> {
        let calls = score.calls.saturating_sub(self.before);
        let tight = self.counts().map(move |(limit, over)| Tight { limit, over, calls });
        tight.enumerate().filter(move |(_, tight)| calls >= LEAST_CALLS && tight.over * 100 > calls)
    }
}

/// Whether so much is more than 80 % of that.
fn is_over(used: u128, limit: u128) -> bool {
    used * 5 > limit * 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Budget;

    fn spent(cpu_ms: u64, memory: usize) -> Spent {
        let budget = Budget { time: Duration::from_secs(1), cpu: Duration::from_millis(100) };
        Spent { budget: Some(budget), cpu: Duration::from_millis(cpu_ms), memory, ..Spent::default() }
    }

    fn score(calls: u64) -> Score {
        Score { calls, faults: 0 }
    }

    #[test]
    fn each_limit_is_told_once_when_more_than_one_call_in_a_hundred_comes_close() {
        let of = |cpu, memory, time| {
            let headroom = Headroom::default();
            let close = |calls| {
                let told = headroom.tell(&spent(cpu, memory), Duration::from_millis(time), 1000, score(calls));
                told.into_iter().map(|tight| (tight.limit, tight.over)).collect::<Vec<_>>()
            };
            let told = [close(99), close(200), close(200), close(201)];
            assert_eq!(headroom.tight(score(200)).len(), told[2].len());
            told
        };
        assert_eq!(of(80, 800, 800), [vec![], vec![], vec![], vec![]], "80 % is not over 80 %");
        assert_eq!(of(81, 1, 1), [vec![], vec![], vec![("cpu", 3)], vec![]]);
        assert_eq!(of(1, 801, 1), [vec![], vec![], vec![("memory", 3)], vec![]]);
        assert_eq!(of(1, 1, 801), [vec![], vec![], vec![("deadline", 3)], vec![]]);
    }

    #[test]
    fn a_call_that_asked_nobody_says_nothing() {
        let headroom = Headroom::default();
        assert!(headroom.tell(&Spent::default(), Duration::from_secs(9), 0, score(1000)).is_empty());
        assert!(headroom.counts().all(|(_, over)| over == 0));
    }
}
