//! The wire types of both retail platforms.
//!
//! One Rust type per record serves three purposes: JSON (serde), JSON Schema (schemars) and, with the feature `component`,
//! the boundary to a guest (wasmtime's component traits). Records that the platform sends borrow their text from the
//! request body and are [`Lower`](https://docs.rs/wasmtime)ed as they are; records that a guest answers with are lifted,
//! checked by [`Check`], and written as they are.
//!
//! Reading is lenient ([`lenient`]), writing is strict ([`check`]). The contract's text is in `wit/`.

#[macro_use]
mod record;

pub mod check;
pub mod decimal;
pub mod lenient;
pub mod text;

pub mod call;
pub mod notification;
pub mod sdk;

pub mod examples;
pub mod schema;

pub use check::{Breach, Check};
pub use decimal::Decimal;
pub use text::Text;
