//! `wharf activate`, `wharf rollback` and `wharf receipts`

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::channel::path;
use super::client::Client;
use super::output::{Output, field, rows, table, time};
use super::releases::number;
use super::{Done, Server};
use crate::store::Share;

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true).multiple(true).args(["number", "promote", "abort"])),
    override_usage = "wharf activate [OPTIONS] <NAME> <NUMBER>\n       wharf activate [OPTIONS] <NAME> <--promote|--abort>"
)]
pub(super) struct Activate {
    /// The channel
    name: String,
    /// The release's number; with --promote or --abort it may be left out
    #[arg(value_parser = number)]
    number: Option<u64>,
    /// Give it only this share of the calls, such as 10%; the same order or document gets the same release. Said again, it changes the share
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["promote", "abort"], requires = "number")]
    canary: Option<Share>,
    /// Let the canary answer all calls
    #[arg(long, conflicts_with = "abort")]
    promote: bool,
    /// Take the canary back: the active release answers all calls again
    #[arg(long)]
    abort: bool,
    /// Only if this release is active now; without it, only if nobody has changed anything meanwhile
    #[arg(long, value_name = "N", value_parser = number)]
    expected: Option<u64>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The channel
    name: String,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    server: Server,
}

/// What is the same for every change of what answers.
#[derive(Debug, Args)]
struct How {
    /// Why; kept in the receipt
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Do not wait for the calls that are still on the release before; the receipt is completed later
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "UNDER WAY: calls that were still on the release before when it was replaced. TOOK: until the last of them \
    had ended. ENDED: those that Wharf had to end (call.drain)."
)]
pub(super) struct Receipts {
    /// The channel
    name: String,
    /// How many, from the newest
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    server: Server,
}

impl Activate {
    pub(super) fn run(self, output: Output) -> Done {
        let client = Client::new(&self.server)?;
        let path = path(&self.name);
        let mut wish = self.how.wish();
        for (name, value) in [
            ("release", json!(self.number)),
            ("canary", json!(self.canary)),
            ("promote", json!(self.promote)),
            ("abort", json!(self.abort)),
        ] {
            wish[name] = value;
        }
        match self.expected {
            Some(expected) => wish["expected_active"] = expected.into(),
            // Two administrators who act at the same moment cannot overwrite each other unseen.
            None => wish["revision"] = client.get(&path)?["revision"].clone(),
        }
        output.answer(&client.post(&format!("{path}/activate"), Some(&wish))?, told)
    }
}

impl Rollback {
    pub(super) fn run(self, output: Output) -> Done {
        let (client, path) = (Client::new(&self.server)?, path(&self.name));
        let mut wish = self.how.wish();
        wish["revision"] = client.get(&path)?["revision"].clone();
        output.answer(&client.post(&format!("{path}/rollback"), Some(&wish))?, told)
    }
}

impl How {
    fn wish(&self) -> Value {
        json!({"reason": self.reason, "wait": !self.no_wait})
    }
}

impl Receipts {
    pub(super) fn run(self, output: Output) -> Done {
        let path = format!("{}/receipts?limit={}", path(&self.name), self.limit);
        output.answer(&Client::new(&self.server)?.get(&path)?, |receipts| {
            let rows = rows(receipts, |receipt| {
                let went = format!("{} → {}", field(receipt, "from"), field(receipt, "to"));
                let [under_way, ended] = ["in_flight", "killed"].map(|name| field(receipt, name));
                let took = receipt["drain_ms"].as_u64().map_or("-".to_owned(), |ms| format!("{ms} ms"));
                let what = match receipt["share"].as_str() {
                    Some(share) => format!("{} {share}", field(receipt, "change")),
                    None => field(receipt, "change"),
                };
                let (who, why) = (field(receipt, "who"), field(receipt, "reason"));
                [time(receipt, "at"), what, went, under_way, took, ended, who, why]
            });
            table(
                ["WHEN", "WHAT", "RELEASE", "UNDER WAY", "TOOK", "ENDED", "BY", "WHY"],
                &rows,
                "nothing was done to its releases yet",
            )
        })
    }
}

/// A receipt as a sentence or two.
pub(super) fn told(receipt: &Value) -> String {
    let [channel, from, to] = ["channel", "from", "to"].map(|name| field(receipt, name));
    let done = match receipt["change"].as_str() {
        Some("canary") => {
            let share = field(receipt, "share");
            return format!("channel {channel}: release {to} answers {share} of the calls, release {from} the others");
        }
        Some("abort") => format!("channel {channel}: the canary {from} is taken back, release {to} answers all calls"),
        _ if from == to => return format!("channel {channel}: release {to} was active already"),
        _ => format!("channel {channel}: release {to} is active (before: {from})"),
    };
    format!("{done}{}", drained(receipt))
}

/// How the calls of the release before ended, if there were any.
pub(super) fn drained(receipt: &Value) -> String {
    let number = |name: &str| receipt[name].as_u64();
    match (number("in_flight"), number("drain_ms"), number("killed")) {
        (None | Some(0), ..) => String::new(),
        (Some(calls), None, _) => format!("; {calls} calls of the release before are still under way"),
        (Some(calls), Some(ms), None | Some(0)) => {
            format!("; {calls} calls of the release before ended within {ms} ms")
        }
        (Some(calls), Some(ms), Some(killed)) => {
            format!("; of {calls} calls of the release before {killed} had to be ended after {ms} ms (call.drain)")
        }
    }
}
