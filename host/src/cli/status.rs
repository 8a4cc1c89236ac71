//! `wharf status`

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{Output, field, rows, short_digest, table, time};
use super::{Done, Server, deltas};
use crate::config::{Size, Unconfirmed};

#[derive(Debug, Args)]
#[command(
    after_help = "ANSWERS is the release that this node calls, ACTIVE the one that was made active last. They differ only for \
    a moment, or when a release could not be loaded."
)]
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
        let [name, release, active, away] =
            ["channel", "release", "active", "turned_away"].map(|name| field(channel, name));
        [name, release, active, short_digest(channel), places, away]
    });
    let queue = &status["queue"];
    let [version, revision, slots, lost] =
        ["version", "revision", "slots", "journal_dropped"].map(|name| field(status, name));
    let mut lines = vec![format!("wharf {version}, up {}, revision {revision}", humantime::format_duration(up))];
    if !queue.is_null() {
        let [queued, running, dead] = ["queued", "running", "dead"].map(|state| field(queue, state));
        lines.push(format!("notifications: {queued} queued, {running} running, {dead} dead{}", waits(queue)));
        lines.push(format!("instances: {slots} at most; journal rows lost: {lost}"));
    }
    if status["disk"]["low"] == true {
        let [free, least] =
            ["free", "least"].map(|name| Size::mib(status["disk"][name].as_u64().unwrap_or_default() >> 20));
        lines.push(format!(
            "the disk is nearly full: {free} left, notifications that nobody waits for are refused below {least}"
        ));
    }
    lines.extend(status["certificates"].as_array().into_iter().flatten().map(certificate));
    let heading = ["CHANNEL", "ANSWERS", "ACTIVE", "DIGEST", "FREE PLACES", "TURNED AWAY"];
    let table = table(heading, &channels, "there are no channels");
    let news: Vec<_> = status["channels"].as_array().into_iter().flatten().flat_map(news).collect();
    let news: Vec<_> = news.into_iter().chain(unconfirmed(&status["channels"])).collect();
    let news = if news.is_empty() { String::new() } else { format!("\n\n{}", news.join("\n")) };
    format!("{}\n\n{table}{news}", lines.join("\n"))
}

/// How long those in the queue have been waiting.
fn waits(queue: &Value) -> String {
    let seconds = |name: &str| queue[name].as_u64().map(Duration::from_secs).map(humantime::format_duration);
    let oldest = seconds("oldest_s").map(|age| format!("; the oldest came in {age} ago"));
    let overdue = seconds("overdue_s").map(|time| format!(", one has been due for {time}"));
    format!("{}{}", oldest.unwrap_or_default(), overdue.unwrap_or_default())
}

fn certificate(state: &Value) -> String {
    let section = field(state, "section");
    let left =
        state["valid_for_s"].as_u64().map_or_else(|| "an unknown time".to_owned(), |s| format!("{} days", s / 86_400));
    let error = state["error"].as_str().map(|error| format!("; the files are not in use: {error}")).unwrap_or_default();
    format!("certificate of [{section}]: valid for {left}{error}")
}

/// What of the channels' notifications nobody has confirmed, each with what settles it.
fn unconfirmed(channels: &Value) -> Vec<String> {
    let told = |what: &Unconfirmed| {
        let is_open =
            |channel: &&Value| channel["unconfirmed"].as_array().is_some_and(|open| open.contains(&json!(what)));
        let open = channels.as_array().into_iter().flatten().filter(is_open);
        let names: Vec<_> = open.map(|channel| field(channel, "channel")).collect();
        let more = if names.len() > NAMED { format!(" and {} others", names.len() - NAMED) } else { String::new() };
        let few = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("{few}{more}: {} {}", what.subject(), what.remedy()))
    };
    Unconfirmed::ALL.iter().filter_map(told).collect()
}

/// Channels that one line names.
const NAMED: usize = 5;

/// What somebody who looks after a channel would want to know.
fn news(status: &Value) -> Vec<String> {
    let name = field(status, "channel");
    let mut news = Vec::new();
    let canary = &status["canary"];
    if !canary.is_null() {
        let [release, share, calls, faults] = ["release", "share", "calls", "faults"].map(|key| field(canary, key));
        news.push(format!(
            "{name}: release {release} is a canary for {share} of the calls: {calls} calls, {faults} failed"
        ));
    }
    let trial = &status["trial"];
    if !trial.is_null() && canary.is_null() {
        let [release, calls, faults, against] = ["release", "calls", "faults", "against"].map(|key| field(trial, key));
        let return_to =
            if trial["automatic_return"] == true { "comes back if it fails" } else { "does not come back by itself" };
        news.push(format!(
            "{name}: release {release} is new: {calls} calls, {faults} failed; release {against} {return_to}"
        ));
    }
    for breaker in status["breakers"].as_array().into_iter().flatten() {
        let [interaction, release] = ["interaction", "release"].map(|key| field(breaker, key));
        news.push(format!("{name}: {interaction} is not called: release {release} failed it again and again (wharf breaker reset {name})"));
    }
    for tight in status["tight"].as_array().into_iter().flatten() {
        let [limit, release, over, calls] = ["limit", "release", "over", "calls"].map(|key| field(tight, key));
        news.push(format!(
            "{name}: release {release} comes close to its limit of {limit}: {over} of {calls} calls used more than 80 % of it (wharf channel show {name})"
        ));
    }
    let queue = &status["notifications"];
    if queue["dead"].as_u64().is_some_and(|dead| dead > 0) {
        let dead = field(queue, "dead");
        news.push(format!("{name}: {dead} dead notifications (wharf notifications list {name} --state dead)"));
    }
    if !status["deltas"].is_null() {
        news.push(format!("{name}: deltas {}", deltas::shown(&status["deltas"])));
    }
    let returned = &status["returned"];
    if !returned.is_null() {
        let [from, to, reason] = ["from", "to", "reason"].map(|key| field(returned, key));
        news.push(format!(
            "{name}: release {from} was taken back at {}, release {to} answers again: {reason} (wharf calls {name})",
            time(returned, "at")
        ));
    }
    news
}
