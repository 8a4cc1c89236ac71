//! `wharf calls` and `wharf logs`

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::channel::path;
use super::client::{Client, part};
use super::output::{Output, field, rows, table, text, time};
use super::{Done, Failure, Server};
use crate::config::Size;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Calls {
    #[command(subcommand)]
    show: Option<One>,
    /// The channel
    name: Option<String>,
    /// How many, newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Only calls with this OUTCOME, such as ok, refused, trap or deadline
    #[arg(long, value_name = "X")]
    outcome: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum One {
    /// Show one call with its log
    Show {
        /// The call's id
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The channel
    name: String,
    /// Go on with what is logged from now on, until interrupted
    #[arg(long)]
    follow: bool,
    /// How many lines of before
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    server: Server,
}

/// Between two looks for new lines.
const PAUSE: Duration = Duration::from_millis(500);
/// Lines in one look at most.
const PAGE: usize = 1000;

impl Calls {
    pub(super) fn run(self, output: Output) -> Done {
        if let Some(One::Show { id, server }) = self.show {
            return output.answer(&Client::new(&server)?.get(&format!("/v1/calls/{}", part(&id)))?, show);
        }
        let name = self.name.ok_or_else(|| Failure::Usage("name a channel: wharf calls NAME".to_owned()))?;
        let none =
            if self.outcome.is_some() { "no calls with this outcome are recorded" } else { "no calls are recorded" };
        let outcome = self.outcome.map(|outcome| format!("&outcome={}", part(&outcome))).unwrap_or_default();
        let answer = Client::new(&self.server)?.get(&format!("{}/calls?limit={}{outcome}", path(&name), self.limit))?;
        output.answer(&answer, |calls| list(calls, none))
    }
}

fn list(calls: &Value, none: &str) -> String {
    let rows = rows(calls, |call| {
        let ends = [field(call, "outcome"), field(call, "status"), took(call), field(call, "release")];
        let [outcome, status, took, release] = ends;
        [time(call, "started"), field(call, "id"), field(call, "action"), outcome, status, took, release]
    });
    table(["STARTED", "CALL", "ACTION", "OUTCOME", "STATUS", "TOOK", "RELEASE"], &rows, none)
}

fn took(call: &Value) -> String {
    ms(call["duration_us"].as_u64().unwrap_or_default())
}

fn ms(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

fn show(call: &Value) -> String {
    let names = ["id", "channel", "release", "action", "outcome", "code", "status", "detail"];
    let mut lines = names.map(|name| format!("{name:<8}  {}", field(call, name))).to_vec();
    if !call["request_id"].is_null() {
        lines.push(format!("request   {}", field(call, "request_id")));
    }
    lines.push(format!("started   {}", time(call, "started")));
    lines.push(format!("took      {}", of(took(call), &call["trace"]["time_ms"], |ms| format!("{ms} ms"))));
    lines.extend(used(call));
    let frames: Vec<_> = call["trace"]["frames"].as_array().into_iter().flatten().map(text).collect();
    if !frames.is_empty() {
        lines.push("\nit was in, the innermost first:".to_owned());
        lines.extend(frames.iter().map(|frame| format!("  {frame}")));
    }
    let outbound: Vec<_> = call["outbound"].as_array().into_iter().flatten().map(sent).collect();
    if !outbound.is_empty() {
        lines.push("\nit asked of the outside:".to_owned());
        lines.extend(outbound);
    }
    lines.push(String::new());
    lines.extend(call["logs"].as_array().into_iter().flatten().map(line));
    lines.join("\n")
}

/// One request to the outside, or several that were refused.
fn sent(row: &Value) -> String {
    let ended = ["status", "refused", "error"].into_iter().find(|name| !row[*name].is_null());
    let ended = ended.map_or_else(|| "no answer".to_owned(), |name| field(row, name));
    let took = ms(row["duration_us"].as_u64().unwrap_or_default());
    let [method, host, path] = ["method", "host", "path"].map(|name| field(row, name));
    format!("  {} {method} {host}{path}: {ended}, {took}", time(row, "at"))
}

/// What a call used, and what it might have used where that is known.
fn used(call: &Value) -> Vec<String> {
    if call["cpu_us"].is_null() {
        return Vec::new();
    }
    let trace = &call["trace"];
    let size = |bytes: u64| Size(bytes).to_string();
    let amount = |name: &str| call[name].as_u64().unwrap_or_default();
    vec![
        format!("queued    {}", ms(amount("queued_us"))),
        format!("cpu       {}", of(ms(amount("cpu_us")), &trace["cpu_ms"], |ms| format!("{ms} ms"))),
        format!("memory    {}", of(size(amount("memory")), &trace["memory"], size)),
        format!("requests  {}", of(field(call, "requests"), &trace["requests"], |count| count.to_string())),
    ]
}

/// `251.0 ms of 250 ms`, or without the limit where it is not known.
fn of(used: String, limit: &Value, show: impl Fn(u64) -> String) -> String {
    match limit.as_u64() {
        Some(limit) => format!("{used} of {}", show(limit)),
        None => used,
    }
}

fn line(line: &Value) -> String {
    let (at, level) = (time(line, "at"), field(line, "level"));
    format!("{at} {level:<8} {} {}", field(line, "context"), field(line, "message"))
}

impl Logs {
    pub(super) fn run(self, output: Output) -> Done {
        let client = Client::new(&self.server)?;
        let path = format!("{}/logs", path(&self.name));
        let lines = client.get(&format!("{path}?limit={}", self.limit))?;
        if !self.follow {
            return output.answer(&lines, |lines| {
                let lines: Vec<_> = lines.as_array().into_iter().flatten().map(line).collect();
                if lines.is_empty() { "nothing was logged".to_owned() } else { lines.join("\n") }
            });
        }
        follow(output, &client, &path, &lines)
    }
}

/// Prints one line, or one JSON object, for each logged line, for ever.
fn follow(output: Output, client: &Client, path: &str, first: &Value) -> Done {
    let mut after = 0;
    let mut page = first.as_array().cloned().unwrap_or_default();
    loop {
        for logged in &page {
            output.answer(logged, line)?;
            after = logged["seq"].as_i64().unwrap_or(after);
        }
        if page.len() < PAGE {
            #[expect(clippy::disallowed_methods, reason = "this process does nothing but wait for the next line")]
            std::thread::sleep(PAUSE);
        }
        page = client.get(&format!("{path}?after={after}&limit={PAGE}"))?.as_array().cloned().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_call_is_shown_with_what_it_used_of_what_it_had() {
        let call = json!({
            "id": "01", "channel": "acme", "release": 3, "action": "order_pull", "outcome": "cpu-deadline",
            "code": "HOST_CPU_DEADLINE", "status": 504, "detail": "x", "started": 0, "duration_us": 300_100,
            "cpu_us": 251_000, "memory": 1 << 20, "queued_us": 4_200, "requests": 2,
            "trace": {"time_ms": 12_000, "cpu_ms": 250, "memory": 64 << 20, "requests": 16, "frames": ["spin + 0x4", "pull"]},
            "request_id": "r-1", "logs": [],
        });
        let told = show(&call);
        for part in [
            "took      300.1 ms of 12000 ms",
            "queued    4.2 ms",
            "cpu       251.0 ms of 250 ms",
            "memory    1MiB of 64MiB",
            "requests  2 of 16",
            "request   r-1",
            "the innermost first:\n  spin + 0x4\n  pull",
        ] {
            assert!(told.contains(part), "{part} is not in:\n{told}");
        }
        let unasked = json!({"id": "01", "duration_us": 5, "trace": null});
        assert!(!show(&unasked).contains("cpu"), "{}", show(&unasked));
    }
}
