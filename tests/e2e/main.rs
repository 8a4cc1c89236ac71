//! The real program, spawned, called as the platforms call it, and mistreated.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test fails by panicking, says why, and some tell what they counted"
)]

mod admin;
mod admission;
mod artifacts;
mod bad_heads;
mod bad_input;
mod bombs;
mod browser;
mod diff;
mod door;
mod faults;
mod fields;
mod guests;
mod host;
mod house;
mod interactions;
mod keys;
mod limits;
mod manage;
mod notifications;
mod orders;
mod outbound;
mod own_words;
mod pace;
mod packaging;
mod payment_page;
mod platform;
mod preflight;
mod queue;
mod reach;
mod redaction;
mod repeats;
mod restart;
mod secrets;
mod settings;
mod signed;
mod strain;
mod swap;
mod told;
mod tripped;
mod trust;
mod upstream;
mod verifier;
mod watch;
mod wire;
