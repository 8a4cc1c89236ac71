//! `wharf releases`, `wharf activate` and `wharf rollback`

use clap::Args;
use serde_json::{Value, json};

use super::channel::path;
use super::client::Client;
use super::output::{Output, field, rows, short_digest, table, time};
use super::{Done, Server};

#[derive(Debug, Args)]
pub(super) struct Releases {
    /// The channel
    name: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Activate {
    /// The channel
    name: String,
    /// The release's number
    number: u64,
    /// Only if this release is active now; somebody else may have been faster
    #[arg(long, value_name = "N")]
    expected: Option<u64>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The channel
    name: String,
    #[command(flatten)]
    server: Server,
}

impl Releases {
    pub(super) fn run(self, output: Output) -> Done {
        let answer = Client::new(&self.server)?.get(&format!("{}/releases", path(&self.name)))?;
        output.answer(&answer, |releases| {
            let rows = rows(releases, |release| {
                let active = if release["active"] == true { "active" } else { "" };
                let (by, note) = (field(release, "author"), field(release, "note"));
                [
                    field(release, "release"),
                    active.to_owned(),
                    short_digest(release),
                    time(release, "created"),
                    by,
                    note,
                ]
            });
            table(
                ["RELEASE", "", "DIGEST", "CREATED", "BY", "NOTE"],
                &rows,
                "it has no releases; deploy one with `wharf deploy`",
            )
        })
    }
}

impl Activate {
    pub(super) fn run(self, output: Output) -> Done {
        let mut wish = json!({"release": self.number});
        if let Some(expected) = self.expected {
            wish["expected_active"] = expected.into();
        }
        let answer = Client::new(&self.server)?.post(&format!("{}/activate", path(&self.name)), Some(&wish))?;
        output.answer(&answer, swapped)
    }
}

impl Rollback {
    pub(super) fn run(self, output: Output) -> Done {
        let answer = Client::new(&self.server)?.post(&format!("{}/rollback", path(&self.name)), None)?;
        output.answer(&answer, swapped)
    }
}

fn swapped(answer: &Value) -> String {
    let (channel, from, to) = (field(answer, "channel"), field(answer, "from"), field(answer, "to"));
    format!("channel {channel}: release {to} is active (before: {from})")
}
