//! `wharf releases` and `wharf prune`

use clap::Args;
use serde_json::json;

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
pub(super) struct Prune {
    /// The channel
    name: String,
    /// How many of the newest stay; the active one, the canary and the one to roll back to stay in any case
    #[arg(long, value_name = "N", default_value_t = 10)]
    keep: usize,
    /// Remove just this release
    #[arg(long, value_name = "N", conflicts_with = "keep", value_parser = number)]
    release: Option<u64>,
    #[command(flatten)]
    server: Server,
}

/// A release's number, as it is typed.
pub(super) fn number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(
        |_| "expected the number of a release, such as 2, after the channel's name; `wharf releases NAME` lists them",
    )
}

impl Prune {
    pub(super) fn run(self, output: Output) -> Done {
        let (client, path) = (Client::new(&self.server)?, path(&self.name));
        let answer = match self.release {
            Some(number) => client.delete(&format!("{path}/releases/{number}"))?,
            None => client.post(&format!("{path}/prune"), Some(&json!({"keep": self.keep})))?,
        };
        output.answer(&answer, |pruned| match field(pruned, "removed").as_str() {
            "-" => "there was nothing to remove".to_owned(),
            numbers if numbers.contains(',') => format!("removed releases {}", numbers.replace(',', ", ")),
            number => format!("removed release {number}"),
        })
    }
}

impl Releases {
    pub(super) fn run(self, output: Output) -> Done {
        let answer = Client::new(&self.server)?.get(&format!("{}/releases", path(&self.name)))?;
        output.answer(&answer, |releases| {
            let rows = rows(releases, |release| {
                let role = release["role"].as_str().unwrap_or_default();
                let (by, note) = (field(release, "author"), field(release, "note"));
                [field(release, "release"), role.to_owned(), short_digest(release), time(release, "created"), by, note]
            });
            table(
                ["RELEASE", "", "DIGEST", "CREATED", "BY", "NOTE"],
                &rows,
                "it has no releases; deploy one with `wharf deploy`",
            )
        })
    }
}
