//! The project's own chores: `cargo xtask plugins | demo | test | bench`.

mod bench;
mod build;
mod demo;
mod node;
mod publish;
mod say;
mod strain;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build every plugin to target/plugins/NAME.wasm.
    Plugins,
    /// Build everything, start Wharf, deploy the reference plugin, verify it, swap it under load, and serve until Ctrl-C.
    Demo {
        /// Stop after the checks.
        #[arg(long)]
        exit: bool,
    },
    /// Build the plugins and run all tests.
    Test {
        /// Swap, kill and try more often: some minutes, and what was counted is printed.
        #[arg(long)]
        long: bool,
        /// Passed on to `cargo test`, such as a part of a test's name.
        #[arg(trailing_var_arg = true)]
        filter: Vec<String>,
    },
    /// Measure: latency against the same handler written natively, memory per idle channel, start-up time, and how long a
    /// release takes to answer its first call.
    Bench {
        /// Only this.
        what: Option<bench::What>,
        /// Requests of each measurement.
        #[arg(long, default_value_t = 3000)]
        requests: usize,
    },
}

fn main() -> anyhow::Result<()> {
    match Args::parse().chore {
        Chore::Plugins => build::plugins().map(|_| ()),
        Chore::Demo { exit } => demo::run(exit),
        Chore::Test { long, filter } => build::test(long, &filter),
        Chore::Bench { what, requests } => bench::run(what, requests),
    }
}
