//! How a published release does: what its automatic return is judged by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::Notify;

/// Calls that its guests took, and how many of them they failed.
#[derive(Debug)]
pub struct Health {
    calls: AtomicU64,
    faults: AtomicU64,
    alarm: Arc<Notify>,
}

/// Both numbers at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Calls that were answered or failed. What was turned away before a guest ran is none.
    pub calls: u64,
    /// Of these, those that the component is to blame for. A business refusal is not one.
    pub faults: u64,
}

impl Health {
    /// A release without calls; `alarm` is rung at each fault.
    pub fn new(alarm: Arc<Notify>) -> Self {
        Self { calls: AtomicU64::new(0), faults: AtomicU64::new(0), alarm }
    }

    /// Counts a call that ended.
    pub fn tell(&self, fault: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if fault {
            self.faults.fetch_add(1, Ordering::Relaxed);
            self.alarm.notify_one();
        }
    }

    /// The numbers so far.
    pub fn score(&self) -> Score {
        // Faults first: a call that ends between the two reads must not look like a fault without a call.
        let faults = self.faults.load(Ordering::Acquire);
        Score { calls: self.calls.load(Ordering::Acquire).max(faults), faults }
    }
}

impl Score {
    /// What happened since.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { calls: self.calls.saturating_sub(earlier.calls), faults: self.faults.saturating_sub(earlier.faults) }
    }

    /// Faults per call, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share; counts stay far below 2^52")]
    pub fn rate(self) -> f64 {
        if self.calls == 0 { 0.0 } else { self.faults as f64 / self.calls as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_counts_calls_and_the_faults_among_them() {
        let health = Health::new(Arc::default());
        for call in 0..10 {
            health.tell(call % 5 == 0);
        }
        let early = health.score();
        assert_eq!(early, Score { calls: 10, faults: 2 });
        health.tell(true);
        assert_eq!(health.score().since(early), Score { calls: 1, faults: 1 });
        assert!((early.rate() - 0.2).abs() < 1e-9 && Score::default().rate() == 0.0);
    }
}
