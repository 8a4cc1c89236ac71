//! The project's own chores: `cargo xtask plugins | demo | test | soak | fuzz | bench`.

mod bench;
mod browser;
mod build;
mod crowd;
mod demo;
mod fuzz;
mod node;
mod processors;
mod publish;
mod say;
mod soak;
mod stalls;
mod strain;

use std::time::Duration;

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
    /// Run the tests in their long form, which swap, kill and try more often, and print what they counted.
    Soak {
        /// Passed on to `cargo test`, such as a part of a test's name.
        #[arg(trailing_var_arg = true)]
        filter: Vec<String>,
    },
    /// Run the fuzz targets, one after the other. `cargo xtask test` runs each for a second.
    Fuzz {
        /// Only those with this in their name.
        target: Option<String>,
        /// Time of each target.
        #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
        time: Duration,
        /// Only the input of this seed, which a failed run has named.
        #[arg(long)]
        seed: Option<String>,
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
        Chore::Test { filter } => build::test(&filter),
        Chore::Soak { filter } => soak::run(&filter),
        Chore::Fuzz { target, time, seed } => fuzz::run(target.as_deref(), time, seed.as_deref()),
        Chore::Bench { what, requests } => bench::run(what, requests),
    }
}
