//! `wharf token …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, part};
use super::output::{Output, field, rows, table, time};
use super::{Done, Server};
use crate::store::Role;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an admin token; it is shown this once
    Create(Create),
    /// List all tokens but the first, which lies in admin.token
    List {
        #[command(flatten)]
        server: Server,
    },
    /// End a token
    Revoke {
        /// The token's id
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Whose it is; the server's log says who did what
    name: String,
    /// What it allows: everything; deploys, swaps and secrets; or to look only
    #[arg(long, default_value = "read", value_name = "admin|deploy|read")]
    role: Role,
    /// A channel that it is good for; may be repeated. Without one it is good for all
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    #[command(flatten)]
    server: Server,
}

impl Command {
    pub(super) fn run(self, output: Output) -> Done {
        match self {
            Self::Create(Create { name, role, channels, server }) => {
                let mut wish = json!({"name": name, "role": role});
                if !channels.is_empty() {
                    wish["channels"] = json!(channels);
                }
                let answer = Client::new(&server)?.post("/v1/tokens", Some(&wish))?;
                output.answer(&answer, |made| {
                    format!(
                        "token {} for {name} ({role}), shown this once:\n  {}",
                        field(made, "id"),
                        field(made, "token")
                    )
                })
            }
            Self::List { server } => output.answer(&Client::new(&server)?.get("/v1/tokens")?, list),
            Self::Revoke { id, server } => {
                let answer = Client::new(&server)?.delete(&format!("/v1/tokens/{}", part(&id)))?;
                output.answer(&answer, |_| format!("token {id} is revoked"))
            }
        }
    }
}

fn list(tokens: &Value) -> String {
    let rows = rows(tokens, |token| {
        let channels = if token["channels"].is_null() { "all".to_owned() } else { field(token, "channels") };
        [field(token, "id"), field(token, "name"), field(token, "role"), channels, time(token, "created")]
    });
    table(["TOKEN", "NAME", "ROLE", "CHANNELS", "CREATED"], &rows, "there are no tokens but the one in admin.token")
}
