//! The platform's list of notifications, as the command line sets and shows it.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::channel::on_or_off;
use super::output::{field, time};

/// How the platform's own list of notifications is looked at. What is left out stays as it is
#[derive(Debug, Default, Args)]
pub(super) struct Deltas {
    /// Whether Wharf looks at the platform's list of notifications again and again, and takes what no webhook has brought. It
    /// needs a release with [platform]. On again, it begins with what is newest then
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    deltas: Option<bool>,
    /// The pause between two looks, such as 60s; it turns them on
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    deltas_every: Option<Duration>,
}

impl Deltas {
    /// What the server is to be told, if anything.
    pub(super) fn wish(&self) -> Option<Value> {
        match (self.deltas, self.deltas_every) {
            (Some(false), _) => Some(Value::Null),
            (None, None) => None,
            (_, None) => Some(json!({})),
            (_, Some(pause)) => Some(json!({ "every_ms": u64::try_from(pause.as_millis()).unwrap_or(u64::MAX) })),
        }
    }
}

/// How they go, in one line.
pub(super) fn shown(deltas: &Value) -> String {
    let Some(every) = deltas["every_ms"].as_u64() else { return "off".to_owned() };
    let every = humantime::format_duration(Duration::from_millis(every));
    if deltas["polled"].is_null() {
        return format!("every {every}; not looked at yet");
    }
    let [cursor, taken, duplicates, skipped] =
        ["cursor", "taken", "duplicates", "skipped"].map(|key| field(deltas, key));
    let last = time(deltas, "polled");
    let error = deltas["error"].as_str().map(|error| format!("; the last look failed: {error}")).unwrap_or_default();
    format!(
        "every {every}, last at {last}, cursor {cursor}: {taken} taken, {duplicates} known, {skipped} skipped since the start{error}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_off_and_a_pause_are_told_apart() {
        let pause = Some(Duration::from_secs(5));
        for (deltas, deltas_every, wish) in [
            (None, None, None),
            (Some(true), None, Some(json!({}))),
            (Some(true), pause, Some(json!({ "every_ms": 5000 }))),
            (None, pause, Some(json!({ "every_ms": 5000 }))),
            (Some(false), pause, Some(Value::Null)),
        ] {
            assert_eq!(Deltas { deltas, deltas_every }.wish(), wish);
        }
    }

    #[test]
    fn how_they_go_is_one_line() {
        assert_eq!(shown(&Value::Null), "off");
        assert_eq!(shown(&json!({ "every_ms": 60_000, "polled": null })), "every 1m; not looked at yet");
        let told = shown(&json!({
            "every_ms": 1500, "polled": 0, "cursor": "c7", "taken": 2, "duplicates": 3, "skipped": 4, "error": "no",
        }));
        assert!(told.starts_with("every 1s 500ms, last at 1970-"), "{told}");
        assert!(
            told.ends_with("cursor c7: 2 taken, 3 known, 4 skipped since the start; the last look failed: no"),
            "{told}"
        );
    }
}
