//! `wharf calls` and `wharf logs`

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::channel::path;
use super::client::{Client, part};
use super::output::{Output, field, rows, table, time};
use super::{Done, Failure, Server};

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
    let us = call["duration_us"].as_u64().unwrap_or_default();
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

fn show(call: &Value) -> String {
    let names = ["id", "channel", "release", "action", "outcome", "code", "status", "detail"];
    let mut lines = names.map(|name| format!("{name:<8}  {}", field(call, name))).to_vec();
    lines.push(format!("started   {}\ntook      {}\n", time(call, "started"), took(call)));
    lines.extend(call["logs"].as_array().into_iter().flatten().map(line));
    lines.join("\n")
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
