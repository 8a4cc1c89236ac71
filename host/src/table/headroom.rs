//! How close a published release comes to its limits: what its author should hear of before a call fails over it.

use std::cmp::Ordering::{Equal, Greater, Less};
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

/// Calls of one half of the window. What is told is of the last 500 to 1,000 calls, so that it ends when its cause does.
const HALF: u64 = 500;

const COUNT: u32 = 20;

/// Calls that used more than 80 % of a limit. Calls that did not cost nothing here.
#[derive(Debug, Default)]
pub struct Headroom {
    /// For each limit the calls of two halves that follow each other: the half's number and the count. One word, so that they
    /// change together.
    over: [[AtomicU64; 2]; WATCHED.len()],
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
    /// Calls that used more than 80 % of it, of those that are looked at.
    pub over: u64,
    /// The last calls, which are looked at: at most 1,000.
    pub calls: u64,
}

impl Tight {
    fn is(&self) -> bool {
        self.calls >= LEAST_CALLS && self.over * 100 > self.calls
    }

    /// Whether it is far from being so, so that it is worth saying again when it is.
    fn is_gone(&self) -> bool {
        self.over * 200 < self.calls
    }
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
        let half = self.calls(score) / HALF;
        for (halves, _) in self.over.iter().zip(over).filter(|(_, over)| *over) {
            count(&halves[usize::from(half % 2 == 1)], half);
        }
        let new = |(place, tight): &(usize, Tight)| {
            let bit = 1 << place;
            if tight.is_gone() {
                self.told.fetch_and(!bit, Ordering::Relaxed);
            }
            tight.is() && self.told.fetch_or(bit, Ordering::Relaxed) & bit == 0
        };
        self.recent(score).enumerate().filter(new).map(|(_, tight)| tight).collect()
    }

    /// The limits that are tight.
    pub fn tight(&self, score: Score) -> Vec<Tight> {
        self.recent(score).filter(Tight::is).collect()
    }

    /// Each watched limit, with the last calls and those of them that used more than 80 % of it.
    pub fn recent(&self, score: Score) -> impl Iterator<Item = Tight> {
        let calls = self.calls(score);
        let (half, oldest) = (calls / HALF, (calls / HALF).saturating_sub(1));
        let of = move |word: &AtomicU64| {
            let word = word.load(Ordering::Relaxed);
            if (oldest..=half).contains(&(word >> COUNT)) { word & ((1 << COUNT) - 1) } else { 0 }
        };
        WATCHED.iter().zip(&self.over).map(move |(limit, halves)| Tight {
            limit: limit.name(),
            over: halves.iter().map(of).sum(),
            calls: calls - oldest * HALF,
        })
    }

    /// Calls under these limits.
    fn calls(&self, score: Score) -> u64 {
        score.calls.saturating_sub(self.before)
    }
}

/// Counts one in the word of this half, unless that has begun to count a later one.
fn count(word: &AtomicU64, half: u64) {
    let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| match (word >> COUNT).cmp(&half) {
        Less => Some(half << COUNT | 1),
        Equal => Some(word + 1),
        Greater => None,
    });
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
        assert!(headroom.recent(score(1000)).all(|tight| tight.over == 0));
    }

    #[test]
    fn a_warning_goes_when_its_cause_does_and_is_told_again_when_that_comes_back() {
        let headroom = Headroom::since(score(7000));
        let mut calls = 7000;
        let mut told = Vec::new();
        let mut play = |headroom: &Headroom, number: u64, every: u64| {
            for _ in 0..number {
                calls += 1;
                let cpu = if calls % every == 0 { 99 } else { 1 };
                let new = headroom.tell(&spent(cpu, 1), Duration::from_millis(1), 1000, score(calls));
                told.extend(new.into_iter().map(|tight| (calls - 7000, tight.limit)));
            }
            (headroom.tight(score(calls)), told.clone())
        };
        let (tight, told) = play(&headroom, 2000, 50);
        assert_eq!(told, [(100, "cpu")], "once, when there are calls enough to say so");
        assert!(tight[0].over >= 10 && (500..=1000).contains(&tight[0].calls), "{tight:?}");
        let (tight, told) = play(&headroom, 1000, u64::MAX);
        assert_eq!((tight, told.len()), (Vec::new(), 1), "a thousand good calls");
        let (tight, told) = play(&headroom, 2000, 1000);
        assert_eq!((tight, told.len()), (Vec::new(), 1), "one in a thousand is no warning");
        let (tight, told) = play(&headroom, 500, 20);
        assert_eq!((tight.len(), told.len()), (1, 2), "{told:?}");
    }
}
