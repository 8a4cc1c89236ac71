//! `wharf channel …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, part};
use super::output::{Output, field, rows, short_digest, table, text, time};
use super::{Done, Server};
use crate::store::{KeyKind, Mode};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a channel; its keys are shown this once
    Create(Create),
    /// List all channels
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Show a channel
    Show(Named),
    /// Delete a channel with its releases, keys, secrets, stored values and queued notifications
    Delete(Named),
    /// Give a channel a new key; it is shown this once
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its name: a-z, 0-9 and -
    name: String,
    /// Whether it may be called by the verifier (testing) or has real orders (production)
    #[arg(long, default_value = "testing", value_name = "testing|production")]
    mode: Mode,
    /// A host name of its own, such as acme.example.com; may be repeated
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Its name
    name: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The channel
    name: String,
    /// Which key
    #[arg(value_name = "sdk|notification|payment")]
    kind: KeyKind,
    /// How long the old key stays valid, in seconds; 0 ends it at once
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 60 * 60)]
    grace: u64,
    #[command(flatten)]
    server: Server,
}

impl Command {
    pub(super) fn run(self, output: Output) -> Done {
        match self {
            Self::Create(create) => create.run(output),
            Self::List { server } => output.answer(&Client::new(&server)?.get("/v1/channels")?, list),
            Self::Show(Named { name, server }) => output.answer(&Client::new(&server)?.get(&path(&name))?, show),
            Self::Delete(Named { name, server }) => {
                let answer = Client::new(&server)?.delete(&path(&name))?;
                output.answer(&answer, |_| format!("channel {name} is deleted"))
            }
            Self::Rotate(rotate) => rotate.run(output),
        }
    }
}

/// The path of a channel in the API.
pub(super) fn path(channel: &str) -> String {
    format!("/v1/channels/{}", part(channel))
}

impl Create {
    fn run(self, output: Output) -> Done {
        let wish = json!({"channel": self.name, "mode": self.mode, "hosts": self.hosts});
        let answer = Client::new(&self.server)?.post("/v1/channels", Some(&wish))?;
        output.answer(&answer, |made| {
            let key = |name| field(made, name);
            format!(
                "channel {} is made ({}). Its keys are shown this once:\n  SDK key           {}\n  notification key  {}\n  payment token     {}",
                key("channel"), key("mode"), key("sdk_key"), key("notification_key"), key("payment_token"),
            )
        })
    }
}

impl Rotate {
    fn run(self, output: Output) -> Done {
        let Self { name, kind, grace, server } = self;
        let answer = Client::new(&server)?.post(&format!("{}/keys/{kind}/rotate?grace={grace}", path(&name)), None)?;
        output.answer(&answer, |made| {
            let key = ["sdk_key", "notification_key", "payment_token"].iter().find_map(|name| made[*name].as_str());
            let old = if grace == 0 {
                "is no longer valid".to_owned()
            } else {
                format!("is valid until {}", time(made, "old_valid_until"))
            };
            format!(
                "channel {name} has a new {kind} key, shown this once:\n  {}\nThe old one {old}.",
                key.unwrap_or("-")
            )
        })
    }
}

fn list(channels: &Value) -> String {
    let rows = rows(channels, |channel| {
        [
            field(channel, "channel"),
            field(channel, "mode"),
            field(channel, "active"),
            short_digest(channel),
            field(channel, "hosts"),
        ]
    });
    table(
        ["NAME", "MODE", "RELEASE", "DIGEST", "HOSTS"],
        &rows,
        "there are no channels; make one with `wharf channel create NAME`",
    )
}

fn show(channel: &Value) -> String {
    let keys = rows(&channel["keys"], |key| [field(key, "kind"), time(key, "created"), time(key, "expires")]);
    format!(
        "channel   {}\nmode      {}\nhosts     {}\nrelease   {} (before: {})\ndigest    {}\ncreated   {}\n\n{}",
        field(channel, "channel"),
        field(channel, "mode"),
        field(channel, "hosts"),
        field(channel, "active"),
        field(channel, "previous"),
        text(&channel["digest"]),
        time(channel, "created"),
        table(["KEY", "CREATED", "VALID UNTIL"], &keys, "it has no keys"),
    )
}
