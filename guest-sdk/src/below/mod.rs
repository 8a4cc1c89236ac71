//! What lies below the SDK: Wharf when the plugin runs as a component, a fake when its tests run.
//!
//! Both arms offer the same functions; the public modules are written against them.

#[cfg(target_arch = "wasm32")]
mod guest;
#[cfg(target_arch = "wasm32")]
mod outbound;
#[cfg(target_arch = "wasm32")]
pub(crate) use guest::*;
#[cfg(target_arch = "wasm32")]
pub(crate) use outbound::http_send;

#[cfg(not(target_arch = "wasm32"))]
mod fake;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use fake::*;
