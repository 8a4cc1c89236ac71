//! Runs cases one after the other and keeps what came of them.

use std::time::Instant;

use crate::judge::{End, Flaw};
use crate::mask::Mask;
use crate::report::{Case, Observer, Outcome, Report};

/// What came of a case, for those that follow it.
#[derive(Debug)]
pub enum Tried<T> {
    /// It passed and gave this.
    Passed(T),
    /// It failed.
    Failed,
    /// There is nothing to check, or the run has ended.
    Skipped,
    /// There was no answer; what asks for the same would only wait again.
    Silent,
}

impl<T> Tried<T> {
    /// What a passed case gave.
    pub fn passed(self) -> Option<T> {
        match self {
            Self::Passed(value) => Some(value),
            _ => None,
        }
    }

    /// Whether further cases of the same group make sense.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Passed(_) | Self::Failed)
    }
}

/// Runs cases.
pub struct Runner<'a> {
    report: Report,
    observer: &'a mut dyn Observer,
    mask: &'a Mask,
    stop_on_error: bool,
    started: Instant,
}

impl<'a> Runner<'a> {
    /// A runner for a run against `target`. Keys are hidden in what it reports.
    pub fn new(target: &str, mask: &'a Mask, observer: &'a mut dyn Observer, stop_on_error: bool) -> Self {
        Self { report: Report::new(target), observer, mask, stop_on_error, started: Instant::now() }
    }

    /// Runs one case, unless the run has ended.
    pub fn case<T>(&mut self, group: &str, name: &str, check: impl FnOnce() -> Result<T, End>) -> Tried<T> {
        if self.report.ended_early.is_some() {
            return Tried::Skipped;
        }
        self.observer.starts(group, name);
        let start = Instant::now();
        let result = check();
        let mut case = Case::new(group, name, start.elapsed());
        let tried = match result {
            Ok(value) => Tried::Passed(value),
            Err(End::Skipped(reason)) => {
                case.ended(Outcome::Skipped, &Flaw::new(reason));
                Tried::Skipped
            }
            Err(End::Failed(flaw)) => {
                case.ended(Outcome::Failed, &Flaw { reason: self.mask.hide(&flaw.reason), ..flaw });
                Tried::Failed
            }
            Err(End::Silent { reason, unreachable }) => {
                case.ended(Outcome::Failed, &Flaw::new(self.mask.hide(&reason)));
                if unreachable {
                    self.report.ended_early = Some("nothing answers there, so the other cases were not run".into());
                }
                Tried::Silent
            }
        };
        if case.outcome == Outcome::Failed && self.stop_on_error && self.report.ended_early.is_none() {
            self.report.ended_early = Some("stopped at the first failure".into());
        }
        self.observer.ended(&case);
        self.report.cases.push(case);
        tried
    }

    /// The finished report.
    pub fn finish(mut self) -> Report {
        self.report.milliseconds = self.started.elapsed().as_secs_f64() * 1000.0;
        self.observer.finished(&self.report);
        self.report
    }
}
