//! What the cases said that ran before a release was published.

use serde_json::Value;

use super::output::{field, text};

/// Cases that are shown with all that is known of them; what comes after often fails in the same way.
const WHOLE: usize = 3;
/// What to do about them.
const NEXT: &str =
    "correct the plugin, or the case if it is your own, and deploy again; --skip-preflight publishes it as it is";

/// One line of how many cases passed; none when they were skipped.
pub(super) fn summary(report: &Value) -> Option<String> {
    let cases = report["cases"].as_u64()?;
    let mut parts = vec![format!("preflight: {} of {cases} cases passed", field(report, "passed"))];
    let declined = report["declared"].as_array().map_or(0, Vec::len);
    let left_out =
        [(report["skipped"].as_u64().unwrap_or(0), "for calls that it does not have"), (declined as u64, "declined")];
    let left_out = left_out.into_iter().filter(|(count, _)| *count > 0);
    parts.extend(left_out.map(|(count, what)| format!("{count} {what}")));
    Some(parts.join(", "))
}

/// The lines about the cases that failed; none when `report` is none of preflight.
pub(super) fn failures(report: &Value) -> Vec<String> {
    let failed = report["failed"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (whole, brief) = failed.split_at(failed.len().min(WHOLE));
    let mut lines: Vec<_> = whole.iter().flat_map(failure).collect();
    if !brief.is_empty() {
        lines.extend([String::new(), format!("and {} more, which --json shows as well:", brief.len())]);
        lines.extend(brief.iter().map(|case| format!("  {}: {}", title(case), field(case, "why"))));
    }
    if let Some(count) = report["not_run"].as_u64().filter(|count| *count > 0) {
        lines.extend([String::new(), format!("{count} cases were not run after it")]);
    }
    if !failed.is_empty() {
        lines.extend([String::new(), NEXT.to_owned()]);
    }
    lines
}

fn title(case: &Value) -> String {
    let (name, call) = (field(case, "case"), field(case, "call"));
    if name == call { name } else { format!("{name} ({call})") }
}

fn failure(case: &Value) -> Vec<String> {
    let mut lines = vec![String::new(), format!("case {}", title(case))];
    lines.push(format!("  why      {}", field(case, "why")));
    if case["path"].is_string() {
        lines.push(format!("  where    {}", field(case, "path")));
    }
    lines.push(format!("  request  {}", json(&case["request"])));
    if !case["answer"].is_null() {
        lines.push(format!("  answer   {}", json(&case["answer"])));
    }
    // The log first: it has the words of a panic, the fault only the way to it.
    lines.extend(case["log"].as_array().into_iter().flatten().map(|line| format!("  log      {}", text(line))));
    if let Some(fault) = case["fault"].as_str() {
        lines.extend(fault.lines().map(|line| format!("  fault    {}", line.trim_end())));
    }
    lines
}

/// A request or an answer: text is one that was cut.
fn json(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_case_is_shown_with_all_that_is_known() {
        let report = json!({"cases": 33, "not_run": 2, "failed": [{
            "case": "order_pull", "call": "order_pull", "why": "the answer breaks a rule", "path": "orders[0].currency",
            "request": {"a": 1}, "answer": "{\"b\"… (cut)", "fault": null, "log": ["info x: one", "warn two"],
        }]});
        let lines = failures(&report);
        assert_eq!(
            lines,
            [
                "",
                "case order_pull",
                "  why      the answer breaks a rule",
                "  where    orders[0].currency",
                "  request  {\"a\":1}",
                "  answer   {\"b\"… (cut)",
                "  log      info x: one",
                "  log      warn two",
                "",
                "2 cases were not run after it",
                "",
                NEXT,
            ]
        );
        assert!(failures(&Value::Null).is_empty());
        let many = json!({"failed": vec![json!({"case": "a", "call": "order_pull", "why": "it broke"}); 5]});
        assert_eq!(failures(&many)[failures(&many).len() - 3], "  a (order_pull): it broke");
    }

    #[test]
    fn the_summary_counts_what_was_not_answered() {
        let report = json!({"cases": 33, "passed": 24, "skipped": 9, "declared": []});
        assert_eq!(summary(&report).unwrap(), "preflight: 24 of 33 cases passed, 9 for calls that it does not have");
        assert_eq!(summary(&Value::Null), None);
    }
}
