//! `wharf diff`

use clap::Args;
use serde_json::Value;

use super::channel::path;
use super::client::Client;
use super::output::{Output, field};
use super::releases::number;
use super::{Done, Server};

#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The channel
    name: String,
    /// The release to start from. Without A and B: from the one that `wharf rollback` goes back to, to the active one
    #[arg(value_name = "A", value_parser = number)]
    from: Option<u64>,
    /// The release to end at. With A alone: from the active one to A
    #[arg(value_name = "B", value_parser = number)]
    to: Option<u64>,
    #[command(flatten)]
    server: Server,
}

impl Diff {
    pub(super) fn run(self, output: Output) -> Done {
        let query = match (self.from, self.to) {
            (Some(from), Some(to)) => format!("?from={from}&to={to}"),
            (Some(one), None) => format!("?to={one}"),
            _ => String::new(),
        };
        let answer = Client::new(&self.server)?.get(&format!("{}/diff{query}", path(&self.name)))?;
        output.answer(&answer, people)
    }
}

fn people(answer: &Value) -> String {
    let (channel, from, to) = (field(answer, "channel"), field(answer, "from"), field(answer, "to"));
    let lines = lines(answer);
    if lines.is_empty() {
        return format!("channel {channel}: no difference between release {from} and release {to}");
    }
    format!("channel {channel}: from release {from} to release {to}\n{}", lines.join("\n"))
}

/// Each change on a line: `+` for what is new, `-` for what is gone, `~` for what is another, `?` for what nobody can tell.
pub(super) fn lines(diff: &Value) -> Vec<String> {
    diff["changes"].as_array().into_iter().flatten().map(line).collect()
}

fn line(change: &Value) -> String {
    let what = field(change, "what").replace('-', " ");
    let (from, to) = (change["from"].as_str(), change["to"].as_str());
    let subject = change["name"].as_str().map_or_else(|| what.clone(), |name| format!("{what} {name}"));
    let value = |value: &str| if value.is_empty() { String::new() } else { format!(": {}", shown(&what, value)) };
    match (from, to) {
        (Some("unknown"), Some("unknown")) => format!("? {subject}s: unknown, a component's bytes cannot be read"),
        (Some(from), Some(to)) => format!("~ {subject}: {} → {}", shown(&what, from), shown(&what, to)),
        (None, Some(to)) => format!("+ {subject}{}", value(to)),
        (from, None) => format!("- {subject}{}", value(from.unwrap_or_default())),
    }
}

/// Most characters of a value on a line.
const LONGEST_VALUE: usize = 80;

fn shown(what: &str, value: &str) -> String {
    match what {
        "digest" => value.chars().take(12).collect(),
        "size" if value != "unknown" => format!("{value} bytes"),
        _ if value.is_empty() => "(empty)".to_owned(),
        _ if value.chars().count() > LONGEST_VALUE => value.chars().take(LONGEST_VALUE).chain(['…']).collect(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_read_well() {
        let change = |what: &str, name: Value, from: Value, to: Value| {
            line(&json!({"what": what, "name": name, "from": from, "to": to}))
        };
        let none = Value::Null;
        for (told, expected) in [
            (change("config", json!("a"), json!("1"), none.clone()), "- config a: 1"),
            (change("config", json!("a"), none.clone(), json!("")), "+ config a"),
            (change("config", json!("a"), json!(""), json!("2")), "~ config a: (empty) → 2"),
            (change("host", json!("a.b"), none.clone(), json!("")), "+ host a.b"),
            (change("size", none.clone(), json!("5"), json!("7")), "~ size: 5 bytes → 7 bytes"),
            (change("digest", none.clone(), json!("a".repeat(64)), json!("b")), "~ digest: aaaaaaaaaaaa → b"),
            (change("key-value", none.clone(), json!("granted"), json!("no")), "~ key value: granted → no"),
            (
                change("export", none, json!("unknown"), json!("unknown")),
                "? exports: unknown, a component's bytes cannot be read",
            ),
        ] {
            assert_eq!(told, expected);
        }
        assert!(shown("config", &"x".repeat(81)).ends_with("x…"));
    }

    #[test]
    fn equal_releases_say_so() {
        let answer = json!({"channel": "acme", "from": 1, "to": 2, "changes": []});
        assert_eq!(people(&answer), "channel acme: no difference between release 1 and release 2");
    }
}
