//! A run as one JSON document.

use serde_json::{Value, json};

use super::Report;

/// `{"ok", "why", "target", "counts", "ended_early", "milliseconds", "cases": [{"group", "name", "outcome", "reason", "path", "milliseconds"}]}`.
pub fn document(report: &Report) -> Value {
    let verdict = report.verdict();
    json!({
        "ok": verdict.is_ok(),
        "why": verdict.err(),
        "target": report.target,
        "counts": report.counts(),
        "ended_early": report.ended_early,
        "milliseconds": (report.milliseconds * 10.0).round() / 10.0,
        "cases": report.cases,
    })
}
