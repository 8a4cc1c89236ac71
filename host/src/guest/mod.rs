//! The sandbox: the only code that names wasmtime.
//!
//! [`Runtime`] is the engine with everything a guest may import. [`admission`] says in plain words whether a component fits the
//! contract. [`cache`] compiles in a child process and keeps the result under a MAC. A [`Plugin`] is a loaded component, and
//! [`Runtime::call`] runs one function of it in a fresh instance.

pub mod admission;
pub mod cache;
mod cause;
pub mod compile;
mod engine;
mod exports;
mod fault;
mod imports;
mod instance;
mod outbound;
mod pairs;
mod plugin;
mod redact;
mod scratch;
mod secrets;
mod state;

pub use engine::{EngineError, Runtime};
pub use exports::{Function, functions};
pub use fault::Fault;
pub use instance::{Call, Ended, Lane};
pub use outbound::{HostPattern, Outbound, OutboundError};
pub use plugin::{LoadError, Plugin, Plugins, try_out};
pub use redact::SHORTEST_REDACTED;
pub use scratch::{Effects, RecordedReply, Scratch};
pub use state::{Body, Environment};
