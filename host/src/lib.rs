//! Wharf: a WebAssembly plugin host for commerce channels.
//!
//! Dependencies point down only: `node` (assembly) → `edge` | `control` (never each other) → `call`, `table` → `guest` → `store` →
//! `config`. A test holds these rules.

pub mod call;
pub mod cli;
pub mod config;
pub mod control;
pub mod edge;
pub mod guest;
pub mod listen;
pub mod node;
pub mod process;
pub mod store;
pub mod table;
pub mod telemetry;
