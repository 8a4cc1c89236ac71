//! `wharf breaker …`

use clap::Subcommand;
use serde_json::json;

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
    /// Call them again at once
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
                        ["interaction", "release", "openings", "probe_in_ms"].map(|name| field(breaker, name))
                    });
                    table(["INTERACTION", "RELEASE", "OPENED", "NEXT TRY IN MS"], &rows, "no breaker is open")
                })
            }
            Self::Reset { name, interaction, server } => {
                let wish = json!({"interaction": interaction});
                let answer = Client::new(&server)?.post(&format!("{}/breakers/reset", path(&name)), Some(&wish))?;
                output.answer(&answer, |reset| format!("closed {} breakers of channel {name}", field(reset, "closed")))
            }
        }
    }
}
