//! The verifier as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use wharf_verify::cli::Args;

/// Verifies that a channel answers the retail platforms as they expect.
#[derive(Parser)]
#[command(name = "wharf-verify", version)]
struct Program {
    #[command(flatten)]
    args: Args,
}

fn main() -> ExitCode {
    ExitCode::from(wharf_verify::run(&Program::parse().args))
}
