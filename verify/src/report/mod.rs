//! What came of a run, and the three ways to tell it.

pub mod json;
pub mod junit;
pub mod people;

use std::time::Duration;

use serde::Serialize;

use crate::judge::Flaw;

/// The group of cases that say nothing about any interaction, so that they alone do not make a run.
pub const PATHS: &str = "paths";

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The channel does what it should.
    Ok,
    /// It does not.
    Failed,
    /// There was nothing to check.
    Skipped,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// The interaction or event.
    pub group: String,
    /// What is expected.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed or was skipped.
    pub reason: Option<String>,
    /// Where in the answer.
    pub path: Option<String>,
    /// How long it took.
    pub milliseconds: f64,
}

impl Case {
    /// A case that passed.
    pub fn new(group: &str, name: &str, took: Duration) -> Self {
        let milliseconds = (took.as_secs_f64() * 10_000.0).round() / 10.0;
        Self { group: group.into(), name: name.into(), outcome: Outcome::Ok, reason: None, path: None, milliseconds }
    }

    /// It did not pass. A reason can quote the channel, so control characters are taken out: they would steer a terminal.
    pub fn ended(&mut self, outcome: Outcome, flaw: &Flaw) {
        let plain = |text: &str| text.replace(char::is_control, " ");
        self.outcome = outcome;
        self.reason = Some(plain(&flaw.reason));
        self.path = flaw.path.as_deref().map(plain);
    }

    /// The reason with its path, as one text.
    pub fn why(&self) -> Option<String> {
        let reason = self.reason.as_deref()?;
        Some(self.path.as_ref().map_or_else(|| reason.to_owned(), |path| format!("{path} {reason}")))
    }
}

/// How many cases ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Passed.
    pub ok: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The base URL.
    pub target: String,
    /// Why not all cases were run.
    pub ended_early: Option<String>,
    /// How long it took.
    pub milliseconds: f64,
    /// The cases in the order they ran.
    pub cases: Vec<Case>,
}

impl Report {
    /// An empty report.
    pub fn new(target: &str) -> Self {
        Self { target: target.into(), ended_early: None, milliseconds: 0.0, cases: Vec::new() }
    }

    /// How many cases ended how.
    pub fn counts(&self) -> Counts {
        let of = |outcome| self.cases.iter().filter(|case| case.outcome == outcome).count();
        Counts { ok: of(Outcome::Ok), failed: of(Outcome::Failed), skipped: of(Outcome::Skipped) }
    }

    /// Why the run as a whole is not good; none when it is. A run that checked no interaction and no event is not.
    pub fn verdict(&self) -> Result<(), String> {
        let counts = self.counts();
        if counts.failed > 0 {
            return Err(format!("{} of {} cases failed", counts.failed, counts.ok + counts.failed));
        }
        if !self.cases.iter().any(|case| case.outcome == Outcome::Ok && case.group != PATHS) {
            return Err("nothing was checked: the channel implements none of what was asked for".into());
        }
        Ok(())
    }
}

/// Watches a run.
pub trait Observer {
    /// A case starts.
    fn starts(&mut self, _group: &str, _name: &str) {}
    /// A case ended.
    fn ended(&mut self, _case: &Case) {}
    /// The run ended.
    fn finished(&mut self, _report: &Report) {}
}
