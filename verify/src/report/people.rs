//! A run for people: a line for each case, grouped, and a line that sums up.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

use super::{Case, Observer, Outcome, Report};
use crate::screen;

/// The width of the column of names.
const NAMES: usize = 58;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const PALE: Style = AnsiColor::BrightBlack.on_default();
const HEAD: Style = Style::new().bold();

/// Prints a run as it goes: results on standard output, the running case on standard error when that is a terminal.
///
/// Colours appear on a terminal only, and not when `NO_COLOR` is set.
#[derive(Debug)]
pub struct Screen {
    group: String,
    quiet: bool,
    live: bool,
}

impl Screen {
    /// `quiet` leaves standard output to something else; `live` progress is for a terminal without other chatter on it.
    pub fn new(quiet: bool, live: bool) -> Self {
        Self { group: String::new(), quiet, live: live && std::io::stderr().is_terminal() }
    }

    fn wipe(&self) {
        if self.live {
            screen::live(&"\r\x1b[K");
        }
    }
}

impl Observer for Screen {
    fn starts(&mut self, group: &str, name: &str) {
        if self.live {
            self.wipe();
            screen::live(&format!("  … {group}: {name}"));
        }
    }

    fn ended(&mut self, case: &Case) {
        self.wipe();
        if self.quiet {
            return;
        }
        if self.group != case.group {
            self.group.clone_from(&case.group);
            screen::line(&format!("{HEAD}{}{HEAD:#}", case.group));
        }
        let (style, word) = match case.outcome {
            Outcome::Ok => (GOOD, "ok"),
            Outcome::Failed => (BAD, "FAILED"),
            Outcome::Skipped => (PALE, "skipped"),
        };
        screen::line(&format!(
            "  {style}{word:<8}{style:#} {:<NAMES$} {PALE}{:>7.1} ms{PALE:#}",
            case.name, case.milliseconds
        ));
        if let Some(why) = case.why() {
            screen::line(&format!("           {style}{why}{style:#}"));
        }
    }

    fn finished(&mut self, report: &Report) {
        self.wipe();
        if self.quiet {
            return;
        }
        let counts = report.counts();
        let seconds = report.milliseconds / 1000.0;
        let (style, word) = if report.verdict().is_ok() { (GOOD, "passed") } else { (BAD, "FAILED") };
        screen::line(&format!(
            "\n{style}{word}{style:#}: {} ok, {} failed, {} skipped in {seconds:.1} s, against {}",
            counts.ok, counts.failed, counts.skipped, report.target
        ));
        for note in report.verdict().err().into_iter().chain(report.ended_early.clone()) {
            screen::line(&format!("  {note}"));
        }
    }
}
