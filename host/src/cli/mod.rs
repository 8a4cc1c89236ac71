//! The command line. What it does to a server it does through the admin API; what it prints is a short table or sentence,
//! or, with `--json`, the API's own answer.

mod activate;
mod breaker;
mod channel;
mod client;
mod deltas;
mod deploy;
mod diff;
mod journal;
mod local;
mod manifest;
mod notifications;
mod output;
mod preflight;
mod releases;
mod report;
mod secret;
mod status;
mod token;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use output::Output;

/// A WebAssembly plugin host for commerce channels.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, arg_required_else_help = true)]
struct Cli {
    /// Print the answer as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(local::Serve),
    /// Create, list, show and delete channels; give them new keys
    #[command(subcommand)]
    Channel(channel::Command),
    /// Upload a component and make it the active release of a channel
    Deploy(deploy::Deploy),
    /// List the releases of a channel
    Releases(releases::Releases),
    /// Tell what differs between two releases of a channel
    Diff(diff::Diff),
    /// Make a release of a channel the active one, or give it a share of the calls first
    Activate(activate::Activate),
    /// Make the release active again that was active before; a second time goes one further back. While a canary runs, only take it back
    Rollback(activate::Rollback),
    /// List what was done to the releases of a channel, by whom, and how the calls went over
    Receipts(activate::Receipts),
    /// Remove old releases of a channel
    Prune(releases::Prune),
    /// Show the circuit breakers of a channel that are open, and close them
    #[command(subcommand)]
    Breaker(breaker::Command),
    /// List the newest calls of a channel, or show one call with its log
    Calls(journal::Calls),
    /// Show what the components of a channel logged
    Logs(journal::Logs),
    /// List, show, replay and drop queued notifications
    #[command(subcommand)]
    Notifications(notifications::Command),
    /// Set, list and delete the secrets of a channel
    #[command(subcommand)]
    Secret(secret::Command),
    /// Create, list and revoke admin tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Tell how the server is, what answers for each channel, and what needs attention: canaries, new releases, open breakers
    Status(status::Status),
    /// Check a component without a server: the contract, the grants, and whether it compiles. Cases are run only by a deploy
    Check(local::Check),
    /// Play the retail platforms against a channel and say what is wrong with its answers
    Verify(Box<wharf_verify::cli::Args>),
    /// Print the default configuration with its explanations
    Config(local::ShowConfig),
    /// Compile a component in this process, which limits itself first; the server starts it as a child
    #[command(hide = true)]
    Compile(local::Compile),
}

/// Which server to talk to, and with which token.
#[derive(Debug, Args)]
struct Server {
    /// Address of the server's admin API
    #[arg(long, value_name = "URL", env = "WHARF_ADMIN_URL", default_value = "http://127.0.0.1:8081")]
    admin_url: String,
    /// Certificates (PEM) to trust for an https:// address, instead of the public authorities
    #[arg(long, value_name = "FILE", env = "WHARF_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// The server's data directory, whose admin.token is used when `WHARF_TOKEN` is not set
    #[arg(long, value_name = "DIR", default_value = "wharf-data")]
    data: PathBuf,
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It was called wrongly.
    #[error("{0}")]
    Usage(String),
    /// It failed.
    #[error("{0}")]
    Failed(String),
    /// The server said no.
    #[error("{message}")]
    Refused {
        /// The API's code.
        code: String,
        /// The API's sentence.
        message: String,
        /// What it says beyond that, or null.
        details: serde_json::Value,
    },
}

impl Failure {
    /// A word for programs.
    fn code(&self) -> &str {
        match self {
            Self::Usage(_) => "usage",
            Self::Failed(_) => "failed",
            Self::Refused { code, .. } => code,
        }
    }

    /// What the server says beyond its sentence, or null.
    fn details(&self) -> &serde_json::Value {
        match self {
            Self::Refused { details, .. } => details,
            Self::Usage(_) | Self::Failed(_) => &serde_json::Value::Null,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What every command gives.
type Done = Result<(), Failure>;

/// Runs the command line of this process. Exit codes: 0 done, 1 failed, 2 bad usage.
pub fn main() -> ExitCode {
    let Cli { json, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output { json };
    match perform(command, output) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

/// The exit code of what did not fail.
fn perform(command: Command, output: Output) -> Result<u8, Failure> {
    match command {
        Command::Verify(args) => return Ok(wharf_verify::run(&args)),
        Command::Serve(serve) => serve.run(),
        Command::Channel(command) => command.run(output),
        Command::Deploy(deploy) => deploy.run(output),
        Command::Releases(releases) => releases.run(output),
        Command::Diff(diff) => diff.run(output),
        Command::Activate(activate) => activate.run(output),
        Command::Rollback(rollback) => rollback.run(output),
        Command::Receipts(receipts) => receipts.run(output),
        Command::Prune(prune) => prune.run(output),
        Command::Breaker(command) => command.run(output),
        Command::Calls(calls) => calls.run(output),
        Command::Logs(logs) => logs.run(output),
        Command::Notifications(command) => command.run(output),
        Command::Secret(command) => command.run(output),
        Command::Token(command) => command.run(output),
        Command::Status(status) => status.run(output),
        Command::Check(check) => check.run(output),
        Command::Config(config) => config.run(output),
        Command::Compile(compile) => compile.run(output),
    }?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parses(line: &str) -> bool {
        Cli::try_parse_from(line.split(' ')).is_ok()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documented_lines_are_understood() {
        for line in [
            "wharf serve --config f.toml --data d --edge 127.0.0.1:0 --admin 127.0.0.1:0",
            "wharf channel create acme --mode production --host a.example.com --host b.example.com --json",
            "wharf channel list --admin-url http://127.0.0.1:1 --data d",
            "wharf channel rotate acme payment",
            "wharf deploy acme f.wasm --manifest wharf.toml --set a=b --set c=d=e --allow h --note n --no-activate --skip-preflight",
            "wharf deploy acme target/wasm32-wasip2/release/f.wasm --watch --build make --json",
            "wharf releases acme",
            "wharf diff acme",
            "wharf diff acme 1 --json",
            "wharf diff acme 1 2",
            "wharf activate acme 3",
            "wharf activate acme 3 --canary 10%",
            "wharf activate acme --promote",
            "wharf activate acme --abort --reason slow --no-wait",
            "wharf receipts acme --limit 3",
            "wharf prune acme --keep 5",
            "wharf breaker list acme",
            "wharf breaker reset acme order_pull",
            "wharf channel set acme --fault-rate 5% --watch-time 2m --automatic-return off",
            "wharf channel set acme --limit cpu=2s --limit memory=128MiB --limit rate= --no-limit burst --failure-mode events",
            "wharf rollback acme --json",
            "wharf calls acme --limit 5 --outcome trap --json",
            "wharf calls show 01ABC --json --data d",
            "wharf logs acme --follow",
            "wharf notifications list acme --state dead",
            "wharf notifications list acme --event workflow.validation --entity 5 --since 2h --until 2026-11-26T14:00:00Z --reason trap",
            "wharf notifications replay 01ABC",
            "wharf notifications replay acme --dead --event document.cancellation --since 3d --dry-run",
            "wharf notifications drop acme --dead --entity 5",
            "wharf secret set acme API_KEY",
            "wharf token create ci --role deploy --channel acme",
            "wharf token revoke 01ABC",
            "wharf check f.wasm --manifest wharf.toml",
            "wharf verify --base-url http://127.0.0.1:8080/channels/acme --key k --actions order_* --json",
            "wharf config --effective --json",
            "wharf status --json",
            "wharf compile a b --config c",
        ] {
            assert!(parses(line), "{line}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_bad_usage() {
        for line in [
            "wharf",
            "wharf channel rotate acme master",
            "wharf activate acme x",
            "wharf activate acme",
            "wharf activate acme 3 --canary 0%",
            "wharf activate acme --promote --abort",
            "wharf deploy acme",
            "wharf deploy acme f.wasm --build make",
            "wharf serve --edge 8080",
            "wharf channel set acme --limit cpu=2",
            "wharf notifications replay acme --dead --since yesterday",
            "wharf notifications drop 01ABC --dry-run",
            "wharf channel set acme --limit speed=2s",
            "wharf channel set acme --failure-mode silent",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
