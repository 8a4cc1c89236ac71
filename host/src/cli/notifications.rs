//! `wharf notifications …`

use clap::{Args, Subcommand};
use serde_json::Value;

use super::channel::path;
use super::client::{Client, part};
use super::output::{Output, field, rows, table, time};
use super::{Done, Server};
use crate::store::State;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the notifications of a channel, newest first
    List(List),
    /// Show a notification with its attempts
    Show(One),
    /// Queue a dead notification again
    Replay(One),
    /// Remove a notification
    Drop(One),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The channel
    name: String,
    /// Only those that stand so
    #[arg(long, value_name = "queued|running|done|dead")]
    state: Option<State>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// The notification's id
    id: String,
    #[command(flatten)]
    server: Server,
}

impl One {
    fn path(&self) -> String {
        format!("/v1/notifications/{}", part(&self.id))
    }
}

impl Command {
    pub(super) fn run(self, output: Output) -> Done {
        match self {
            Self::List(List { name, state, limit, server }) => {
                let state = state.map(|state| format!("&state={state}")).unwrap_or_default();
                let answer =
                    Client::new(&server)?.get(&format!("{}/notifications?limit={limit}{state}", path(&name)))?;
                output.answer(&answer, list)
            }
            Self::Show(one) => output.answer(&Client::new(&one.server)?.get(&one.path())?, show),
            Self::Replay(one) => {
                let answer = Client::new(&one.server)?.post(&format!("{}/replay", one.path()), None)?;
                output.answer(&answer, |_| format!("notification {} is queued again", one.id))
            }
            Self::Drop(one) => {
                let answer = Client::new(&one.server)?.delete(&one.path())?;
                output.answer(&answer, |_| format!("notification {} is dropped", one.id))
            }
        }
    }
}

fn list(events: &Value) -> String {
    let rows = rows(events, |event| {
        let [id, name, entity, state] = ["id", "event", "entity", "state"].map(|name| field(event, name));
        [id, name, entity, state, field(event, "attempts"), time(event, "created"), time(event, "due")]
    });
    table(
        ["NOTIFICATION", "EVENT", "ENTITY", "STATE", "ATTEMPTS", "CREATED", "DUE"],
        &rows,
        "there are no notifications",
    )
}

fn show(event: &Value) -> String {
    let names = ["id", "channel", "event", "entity", "entity_type", "state", "waits", "attempts"];
    let mut lines = names.map(|name| format!("{name:<12}  {}", field(event, name))).to_vec();
    lines.extend(["created", "due", "ended"].map(|name| format!("{name:<12}  {}", time(event, name))));
    let attempts = rows(&event["history"], |attempt| {
        let [number, result, reason] = ["number", "result", "reason"].map(|name| field(attempt, name));
        [number, time(attempt, "started"), time(attempt, "ended"), result, reason]
    });
    let table = table(["ATTEMPT", "STARTED", "ENDED", "RESULT", "REASON"], &attempts, "it was not tried yet");
    format!("{}\n\n{table}", lines.join("\n"))
}
