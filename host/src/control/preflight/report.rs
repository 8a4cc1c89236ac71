//! What the cases said.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::CaseOutcome;
use crate::store::LogLine;

/// Bytes of a request or an answer that are shown; the rest is cut off.
const SHOWN: usize = 8 * 1024;
/// Bytes of a log line that are shown.
const SHOWN_LINE: usize = 1024;
/// Log lines that are shown of a case, the last ones.
pub(super) const SHOWN_LINES: usize = 10;

/// What all cases said together.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Preflight {
    /// How many cases there are.
    pub cases: usize,
    /// Those that were answered as they should be.
    pub passed: usize,
    /// Those that the component does not answer.
    pub skipped: usize,
    /// Those in which the component itself said that it has no answer. It may be right.
    pub declared: Vec<DeclaredCase>,
    /// Those that stop a deploy.
    pub failed: Vec<FailedCase>,
    /// Those that were not run any more: a component that hangs would hang in each.
    pub not_run: usize,
    /// The whole time in milliseconds.
    pub ms: u64,
}

/// A case in which the component said that it has no answer.
#[derive(Debug, Clone, Serialize)]
pub struct DeclaredCase {
    /// The case.
    pub case: String,
    /// In which way.
    pub outcome: CaseOutcome,
    /// In which words.
    pub answer: Value,
}

/// A case that went wrong.
#[derive(Debug, Clone, Serialize)]
pub struct FailedCase {
    /// Its name.
    pub case: String,
    /// What was called: an interaction or an event type.
    pub call: String,
    /// What was sent.
    pub request: Value,
    /// What came back, if anything did.
    pub answer: Option<Value>,
    /// Where in the answer it is wrong.
    pub path: Option<String>,
    /// What is wrong, in one sentence.
    pub why: String,
    /// What the engine says about it, in its own words.
    pub fault: Option<String>,
    /// What the component logged last.
    pub log: Vec<String>,
}

impl Preflight {
    /// Whether nothing speaks against the component.
    pub fn is_passed(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cases", self.failed.len(), self.cases)
    }
}

/// A request or an answer as it is shown: of a long one only the beginning, as text.
pub(super) fn shown(json: &str) -> Value {
    if json.len() <= SHOWN
        && let Ok(value) = serde_json::from_str(json)
    {
        return value;
    }
    cut(json, SHOWN).into()
}

pub(super) fn cut(text: &str, limit: usize) -> String {
    let kept = &text[..text.floor_char_boundary(limit)];
    if kept.len() == text.len() {
        return text.to_owned();
    }
    format!("{kept}… (cut, it has {} bytes)", text.len())
}

/// A log line as it is shown.
pub(super) fn line(line: &LogLine) -> String {
    let context = if line.context.is_empty() { String::new() } else { format!("{}: ", line.context) };
    format!("{} {context}{}", line.level, cut(&line.message, SHOWN_LINE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_cut_and_says_so() {
        assert_eq!(shown("{\"a\":1}"), serde_json::json!({"a": 1}));
        assert_eq!(shown("{"), "{");
        let long = format!("\"{}\"", "é".repeat(SHOWN));
        let text = shown(&long).as_str().unwrap().to_owned();
        assert!(text.len() < SHOWN + 50 && text.ends_with(&format!("… (cut, it has {} bytes)", long.len())), "{text}");
    }
}
