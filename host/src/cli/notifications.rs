//! `wharf notifications …`

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::channel::path;
use super::client::{Client, part};
use super::output::{Output, field, progress, rows, table, text, time};
use super::{Done, Failure, Server};
use crate::control::Moment;
use crate::store::State;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the notifications of a channel, newest first
    List(List),
    /// Show a notification with its attempts
    Show(One),
    /// Queue a dead notification again, or with --dead many of a channel
    Replay(Sweep),
    /// Remove a notification, or with --dead many dead ones of a channel
    Drop(Sweep),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The channel
    name: String,
    /// Only those that stand so
    #[arg(long, value_name = "queued|running|done|dead")]
    state: Option<State>,
    #[command(flatten)]
    filter: Filter,
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

#[derive(Debug, Args)]
pub(super) struct Sweep {
    /// The notification's id; with --dead, the channel
    #[arg(value_name = "ID|NAME")]
    target: String,
    /// All dead notifications of the channel, the oldest first, as far as the options below leave them
    #[arg(long)]
    dead: bool,
    #[command(flatten)]
    filter: Filter,
    /// Only say how many there are
    #[arg(long, requires = "dead")]
    dry_run: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
struct Filter {
    /// Only of this type, such as document.cancellation
    #[arg(long, value_name = "TYPE")]
    event: Option<String>,
    /// Only about the entity with this number
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    entity: Option<i64>,
    /// Only those that came in since then: 2026-11-26T14:00:00Z, or 2h or 3d ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<String>,
    /// Only those that came in before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<String>,
    /// Only those whose last attempt's reason has this in it
    #[arg(long, value_name = "PART")]
    reason: Option<String>,
}

/// Between two words on how far it is.
const SILENCE: Duration = Duration::from_secs(1);

/// A moment as it was written: the server knows what time it is there.
fn moment(text: &str) -> Result<String, &'static str> {
    text.parse::<Moment>().map(|_| text.to_owned())
}

impl Filter {
    /// What is given of it.
    fn given(&self) -> serde_json::Map<String, Value> {
        let word = |value: &Option<String>| value.clone().map(Value::from);
        let pairs = [
            ("event", word(&self.event)),
            ("entity", self.entity.map(Value::from)),
            ("since", word(&self.since)),
            ("until", word(&self.until)),
            ("reason", word(&self.reason)),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

impl Command {
    pub(super) fn run(self, output: Output) -> Done {
        match self {
            Self::List(list) => list.run(output),
            Self::Show(One { id, server }) => output.answer(&Client::new(&server)?.get(&one(&id))?, show),
            Self::Replay(sweep) => sweep.run(output, "replay", "queued again"),
            Self::Drop(sweep) => sweep.run(output, "drop", "dropped"),
        }
    }
}

fn one(id: &str) -> String {
    format!("/v1/notifications/{}", part(id))
}

impl List {
    fn run(self, output: Output) -> Done {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        if let Some(state) = self.state {
            query.append_pair("state", state.as_str());
        }
        for (name, value) in self.filter.given() {
            query.append_pair(&name, &text(&value));
        }
        let path = format!("{}/notifications?{}", path(&self.name), query.finish());
        output.answer(&Client::new(&self.server)?.get(&path)?, list)
    }
}

impl Sweep {
    fn run(self, output: Output, verb: &str, done: &str) -> Done {
        let client = Client::new(&self.server)?;
        let given = self.filter.given();
        if self.dead {
            return self.run_many(output, &client, verb, done);
        }
        if let Some((name, _)) = given.iter().next() {
            let message = format!("--{name} chooses among many notifications: name a channel and --dead with it");
            return Err(Failure::Usage(message));
        }
        let path = one(&self.target);
        let answer =
            if verb == "drop" { client.delete(&path)? } else { client.post(&format!("{path}/replay"), None)? };
        output.answer(&answer, |_| format!("notification {} is {done}", self.target))
    }

    /// Asks for one step after the other until the server says that there is no other.
    fn run_many(&self, output: Output, client: &Client, verb: &str, done: &str) -> Done {
        let path = format!("{}/notifications/{verb}", path(&self.target));
        let (mut after, mut matched, mut told) = (json!(0), 0, Instant::now());
        loop {
            let step = json!({"filter": self.filter.given(), "after": after, "dry_run": self.dry_run});
            let answer = client.post(&path, Some(&step))?;
            matched += answer["matched"].as_u64().unwrap_or_default();
            after = answer["next"].clone();
            if after.is_null() {
                break;
            }
            if told.elapsed() >= SILENCE {
                told = Instant::now();
                progress(&format!("{matched} so far …"));
            }
        }
        let answer = json!({"channel": self.target, "matched": matched, "dry_run": self.dry_run});
        let done = if self.dry_run { format!("would be {done}") } else { format!("are {done}") };
        output.answer(&answer, |_| format!("{matched} dead notifications of channel {} {done}", self.target))
    }
}

/// Longest reason in a list; `wharf notifications show` has all of it.
const LONGEST: usize = 60;

fn list(events: &Value) -> String {
    let rows = rows(events, |event| {
        let [id, name, entity, state] = ["id", "event", "entity", "state"].map(|name| field(event, name));
        let reason = field(event, "reason").chars().take(LONGEST).collect::<String>().replace('\n', " ");
        [id, name, entity, state, field(event, "attempts"), time(event, "created"), time(event, "due"), reason]
    });
    table(
        ["NOTIFICATION", "EVENT", "ENTITY", "STATE", "ATTEMPTS", "CREATED", "DUE", "REASON"],
        &rows,
        "there are no such notifications",
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
