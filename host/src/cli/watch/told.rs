//! What a watch says: a line of JSON for each event, or sentences with the time.

use std::time::SystemTime;

use serde_json::Value;

use super::super::Done;
use super::super::output::Output;

/// Says things on stdout.
pub(super) struct Told(pub(super) Output);

impl Told {
    /// Says that something happened; `fields` is an object.
    pub(super) fn say(&self, event: &str, mut fields: Value, people: &str) -> Done {
        let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        if self.0.json {
            fields["event"] = event.into();
            fields["time"] = now.into();
            return self.0.line(&fields.to_string());
        }
        // 2026-01-02T03:04:05.678Z
        let clock = now.get(11..19).unwrap_or(&now);
        self.0.line(&format!("[{clock}Z] {people}"))
    }
}
