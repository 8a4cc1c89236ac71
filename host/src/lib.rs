//! Wharf: a WebAssembly plugin host for commerce channels.
//!
//! Dependencies point down only: `node` (assembly) → `edge` | `control` (never each other) → `table` → `guest` → `store` →
//! `config`. A test holds these rules.

pub mod config;
pub mod edge;
pub mod guest;
pub mod listen;
pub mod store;
pub mod table;
pub mod telemetry;
