//! `wharf secret …`

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::channel::path;
use super::client::{Client, part};
use super::output::{Output, at_a_terminal, field, progress, rows, table, time};
use super::{Done, Failure, Server};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Set a secret; its value is read from standard input
    Set(Set),
    /// List the names of a channel's secrets
    List {
        /// The channel
        name: String,
        #[command(flatten)]
        server: Server,
    },
    /// Delete a secret
    Delete {
        /// The channel
        name: String,
        /// The secret's name
        secret: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The channel
    name: String,
    /// The secret's name: A-Z, 0-9 and _
    secret: String,
    /// Its value. Other users of this machine may see it there, and the shell remembers it: prefer standard input
    #[arg(long, value_name = "VALUE")]
    value: Option<String>,
    #[command(flatten)]
    server: Server,
}

impl Command {
    pub(super) fn run(self, output: Output) -> Done {
        match self {
            Self::Set(set) => set.run(output),
            Self::List { name, server } => {
                let answer = Client::new(&server)?.get(&format!("{}/secrets", path(&name)))?;
                output.answer(&answer, list)
            }
            Self::Delete { name, secret, server } => {
                let answer = Client::new(&server)?.delete(&secret_path(&name, &secret))?;
                output.answer(&answer, |_| format!("secret {secret} of channel {name} is deleted"))
            }
        }
    }
}

impl Set {
    fn run(self, output: Output) -> Done {
        let Self { name, secret, value, server } = self;
        let client = Client::new(&server)?;
        let value = value.map_or_else(read_value, Ok)?;
        let answer = client.put(&secret_path(&name, &secret), &json!({"value": value}))?;
        for note in answer["notes"].as_array().into_iter().flatten() {
            progress(&format!("note: {}", note.as_str().unwrap_or_default()));
        }
        output.answer(&answer, |set| {
            format!("secret {secret} of channel {name} is set (version {})", field(set, "version"))
        })
    }
}

fn secret_path(channel: &str, secret: &str) -> String {
    format!("{}/secrets/{}", path(channel), part(secret))
}

/// Standard input without the line's end that `echo` adds. What is typed at a terminal would be seen on it.
fn read_value() -> Result<String, Failure> {
    if at_a_terminal() {
        let message = "the value is read from standard input: `wharf secret set NAME SECRET < FILE`, or from a pipe";
        return Err(Failure::Usage(message.to_owned()));
    }
    let mut value = String::new();
    std::io::stdin().lock().read_to_string(&mut value)?;
    let line = value.strip_suffix('\n').unwrap_or(&value);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn list(secrets: &Value) -> String {
    let rows = rows(secrets, |secret| {
        [field(secret, "name"), field(secret, "version"), field(secret, "versions"), time(secret, "created")]
    });
    table(["SECRET", "VERSION", "KEPT", "SET"], &rows, "it has no secrets")
}
