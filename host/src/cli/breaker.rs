//! `wharf breaker …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::channel::path;
use super::client::Client;
use super::output::{Output, field, rows, table};
use super::{Done, Server};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the interactions that are not called at present because the component failed again and again
    List {
        /// The channel
        name: String,
        #[command(flatten)]
        server: Server,
    },
    /// Close breakers: what they kept from the component is called again at once
    Reset {
        /// The channel
        name: String,
        /// One interaction, such as `order_pull` or `document.pricing`; all when left out
        interaction: Option<String>,
        #[command(flatten)]
        server: Server,
    },
}

impl Command {
    pub(super) fn run(self, output: Output) -> Done {
        match self {
            Self::List { name, server } => {
                let answer = Client::new(&server)?.get(&format!("{}/breakers", path(&name)))?;
                output.answer(&answer, |open| {
                    let rows = rows(open, |breaker| {
                        let [interaction, release, openings] =
                            ["interaction", "release", "openings"].map(|name| field(breaker, name));
                        [interaction, release, openings, next_try(breaker)]
                    });
                    table(["INTERACTION", "RELEASE", "OPENED", "NEXT TRY"], &rows, "no breaker is open")
                })
            }
            Self::Reset { name, interaction, server } => {
                let wish = json!({"interaction": interaction});
                let answer = Client::new(&server)?.post(&format!("{}/breakers/reset", path(&name)), Some(&wish))?;
                output.answer(&answer, |reset| match reset["closed"].as_u64() {
                    Some(0) => format!("no breaker of channel {name} was open"),
                    Some(1) => format!("closed 1 breaker of channel {name}"),
                    _ => format!("closed {} breakers of channel {name}", field(reset, "closed")),
                })
            }
        }
    }
}

/// When a call may try again whether the component is better.
fn next_try(breaker: &Value) -> String {
    match breaker["probe_in_ms"].as_u64() {
        None => "-".to_owned(),
        Some(0) => "with the next call".to_owned(),
        Some(ms) => format!("in {} s", ms.div_ceil(1000)),
    }
}
