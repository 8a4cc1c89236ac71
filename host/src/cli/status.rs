//! `wharf status`

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::output::{Output, field, rows, short_digest, table};
use super::{Done, Server};

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    server: Server,
}

impl Status {
    pub(super) fn run(self, output: Output) -> Done {
        output.answer(&Client::new(&self.server)?.get("/v1/status")?, show)
    }
}

fn show(status: &Value) -> String {
    let up = Duration::from_secs(status["uptime_s"].as_u64().unwrap_or_default());
    let channels = rows(&status["channels"], |channel| {
        let places = format!("{}/{}", field(channel, "in_flight_free"), field(channel, "in_flight"));
        [field(channel, "channel"), field(channel, "release"), field(channel, "active"), short_digest(channel), places]
    });
    let queue = &status["queue"];
    let [version, revision, slots, lost] =
        ["version", "revision", "slots", "journal_dropped"].map(|name| field(status, name));
    let mut lines = vec![format!("wharf {version}, up {}, revision {revision}", humantime::format_duration(up))];
    if !queue.is_null() {
        let [queued, running, dead] = ["queued", "running", "dead"].map(|state| field(queue, state));
        lines.push(format!("notifications: {queued} queued, {running} running, {dead} dead"));
        lines.push(format!("instances: {slots} at most; journal rows lost: {lost}"));
    }
    let table = table(["CHANNEL", "ANSWERS", "ACTIVE", "DIGEST", "FREE PLACES"], &channels, "there are no channels");
    format!("{}\n\n{table}", lines.join("\n"))
}
