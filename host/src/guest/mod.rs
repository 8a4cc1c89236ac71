//! The sandbox: the only code that names wasmtime.
//!
//! [`Runtime`] is the engine with everything a guest may import. [`admission`] says in plain words whether a component fits the
//! contract. [`cache`] compiles in a child process and keeps the result under a MAC. A [`Plugin`] is a loaded component, and
//! [`Runtime::call`] runs one function of it in a fresh instance, within the [`Limits`] of its release, from a [`Lane`] of its channel;
//! [`Runtime::carry`] moves a call that burns to threads of idle priority.

pub mod admission;
pub mod cache;
mod cause;
mod clocks;
pub mod compile;
mod engine;
mod exports;
mod failpoint;
mod fault;
#[cfg(test)]
mod fuzz;
mod idle;
mod imports;
mod instance;
mod lane;
mod limits;
mod outbound;
mod pace;
mod pairs;
mod plugin;
mod redact;
mod scratch;
mod secrets;
mod state;

pub use engine::{EngineError, Runtime};
pub use exports::{Function, functions};
pub use fault::Fault;
pub use idle::{Abandoned, Carried, Panicked, step_aside};
pub use instance::{Call, Ended, Spent};
pub use lane::Lane;
pub use limits::{Budget, Class, Limits};
pub use outbound::{
    HostPattern, Outbound, OutboundError, PlatformApi, PlatformError, PlatformRequest, PlatformResponse,
};
pub use pace::Pace;
pub use plugin::{LoadError, Plugin, Plugins, try_out};
pub use redact::SHORTEST_REDACTED;
pub use scratch::{Effects, RecordedReply, Scratch};
pub use state::{Body, Environment, Owner};
