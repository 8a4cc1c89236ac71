//! What a component is, in the same words wherever it is told: by `wharf check`, `wharf deploy` and while watching.

use std::collections::BTreeMap;

use serde_json::Value;

use super::output::field;
use super::{diff, preflight};

/// The report of an admission, and, where a release was active, what changed against it. `answer` is what a deploy or a check
/// gives: its `report`, `preflight`, `changes` and `notes`.
pub(super) fn lines(answer: &Value) -> Vec<String> {
    let report = &answer["report"];
    let mut lines = vec![format!(
        "component {}, {} bytes, built for wharf:channel@{}",
        field(answer, "digest"),
        field(report, "size"),
        field(report, "contract")
    )];
    lines.extend(column("exports", &names(&report["exports"])));
    lines.extend(column("imports", &names(&report["imports"])));
    let needs = texts(&report["needs"], |need| format!("{}: {}", field(need, "what"), field(need, "told")));
    lines.extend(column("needs", &needs));
    let unanswered = texts(&report["unanswered"], |name| name.as_str().unwrap_or_default().to_owned());
    if !unanswered.is_empty() {
        lines.push(format!("the host answers for {}", unanswered.join(", ")));
    }
    lines.extend(preflight::summary(&answer["preflight"]));
    lines.extend(changes(&answer["changes"]));
    for notes in [&report["notes"], &answer["notes"]] {
        lines.extend(texts(notes, |note| format!("note: {}", note.as_str().unwrap_or_default())));
    }
    lines
}

fn changes(changes: &Value) -> Vec<String> {
    if changes.is_null() {
        return Vec::new();
    }
    let active = field(changes, "from");
    let differs = diff::lines(changes);
    if differs.is_empty() {
        return vec![format!("nothing differs from release {active}")];
    }
    std::iter::once(format!("against release {active}:")).chain(differs).collect()
}

/// Lines under one heading, which stands on the first of them.
fn column(heading: &str, rows: &[String]) -> Vec<String> {
    let first = std::iter::once(heading).chain(std::iter::repeat(""));
    let nothing = ["nothing".to_owned()];
    let rows = if rows.is_empty() { &nothing } else { rows };
    first.zip(rows).map(|(heading, row)| format!("{heading:9} {row}")).collect()
}

/// Interfaces by package, a line for each: `wasi:io@0.2.6: error, poll, streams`.
fn names(list: &Value) -> Vec<String> {
    let mut packages: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in list.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let (path, version) = name.split_once('@').unwrap_or((name, ""));
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        let package = if version.is_empty() { package.to_owned() } else { format!("{package}@{version}") };
        packages.entry(package).or_default().push(interface);
    }
    packages.into_iter().map(|(package, interfaces)| format!("{package}: {}", interfaces.join(", "))).collect()
}

fn texts(list: &Value, text: impl Fn(&Value) -> String) -> Vec<String> {
    list.as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_told_from_what_it_is_to_what_to_mind() {
        let answer = json!({
            "digest": "0af3",
            "report": {
                "size": 7, "contract": "0.1.0",
                "exports": ["wharf:channel/orders@0.1.0"],
                "imports": ["wasi:io/poll@0.2.6", "wasi:io/error@0.2.6", "wasi:http/types@0.2.6"],
                "needs": [{"what": "HTTP to other hosts", "granted": false, "told": "no host is granted"}],
                "unanswered": ["catalog", "events"],
                "notes": ["one"],
            },
            "notes": ["two"],
            "changes": {"from": 3, "to": null, "changes": [{"what": "config", "name": "a", "from": null, "to": "1"}]},
        });
        let expected = [
            "component 0af3, 7 bytes, built for wharf:channel@0.1.0",
            "exports   wharf:channel@0.1.0: orders",
            "imports   wasi:http@0.2.6: types",
            "          wasi:io@0.2.6: poll, error",
            "needs     HTTP to other hosts: no host is granted",
            "the host answers for catalog, events",
            "against release 3:",
            "+ config a: 1",
            "note: one",
            "note: two",
        ];
        assert_eq!(lines(&answer), expected);
    }

    #[test]
    fn nothing_is_said_as_nothing() {
        let told = lines(&json!({"report": {"exports": [], "imports": []}, "changes": {"from": 1, "changes": []}}));
        assert_eq!(
            told[1..],
            ["exports   nothing", "imports   nothing", "needs     nothing", "nothing differs from release 1"]
        );
    }
}
