//! The verifier: plays the retail platforms against a channel and says what is wrong with its answers.
//!
//! It knows the protocol and HTTP, and nothing of the host: any server can be verified. [`cli::Args`] is usable as another
//! program's subcommand; [`run`] does what it says.

pub mod cases;
pub mod certify;
pub mod cli;
pub mod client;
pub mod judge;
pub mod keys;
pub mod mask;
pub mod report;
pub mod runner;

mod run;
mod screen;

pub use run::{DONE, FAILED, USAGE, run};
