//! The real program, spawned, called as the platforms call it, and mistreated.

mod faults;
mod host;
mod house;
mod wire;
