//! The project's own chores: `cargo xtask plugins | demo | test | bench`.

mod bench;
mod build;
mod demo;
mod node;
mod say;

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
        /// Passed on to `cargo test`, such as a part of a test's name.
        #[arg(trailing_var_arg = true)]
        filter: Vec<String>,
    },
    /// Measure: latency against the same handler written natively, memory per idle channel, start-up time.
    Bench {
        /// Requests of each measurement.
        #[arg(long, default_value_t = 3000)]
        requests: usize,
    },
}

fn main() -> anyhow::Result<()> {
    match Args::parse().chore {
        Chore::Plugins => build::plugins().map(|_| ()),
        Chore::Demo { exit } => demo::run(exit),
        Chore::Test { filter } => build::test(&filter),
        Chore::Bench { requests } => bench::run(requests),
    }
}
