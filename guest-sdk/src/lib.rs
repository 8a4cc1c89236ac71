//! Write plugins for Wharf: commerce channels as WebAssembly components.
//!
//! A plugin answers for one customer's channel. It implements one trait for each interface that it wants to answer
//! ([`Catalog`], [`Inventory`], [`Orders`], [`Documents`], [`Payments`], [`Events`]) and names them to [`export!`].
//! Wharf finds out which, and answers for the rest.
//!
//! The methods are associated functions without `self`, since there is nothing to keep: every call runs in a fresh
//! instance, and only the [key-value store](kv) outlives it. They take the call's [context](CallContext), then the request.
//!
//! # A first plugin
//!
//! ```
//! use wharf_sdk::prelude::*;
//!
//! struct Shop;
//!
//! impl Inventory for Shop {
//!     fn push(_: &CallContext, request: InventoryPushRequest) -> Result<EventReport, Failure> {
//!         let unknown = wharf_sdk::config::get("unknown_sku")?;
//!         let mut report = EventReport::ok();
//!         let mut levels = Vec::new();
//!         for update in request.updates {
//!             if Some(&update.sku) == unknown.as_ref() {
//!                 let event = Event::error("UNKNOWN_SKU", "the shop does not sell it");
//!                 report.events.push(event.about(SubjectKind::SkuNumber, update.sku));
//!                 continue;
//!             }
//!             let level = update.quantity_available.unwrap_or(0);
//!             levels.push((format!("stock/{}", update.sku), level.to_string().into_bytes()));
//!         }
//!         wharf_sdk::kv::set_many(&levels)?;
//!         Ok(report)
//!     }
//! }
//!
//! wharf_sdk::export!(Shop: Inventory);
//!
//! // In the plugin's tests:
//! use wharf_sdk::testing::{Fake, context};
//!
//! let mut fake = Fake::new().config("unknown_sku", "S1");
//! let updates = vec![
//!     StockUpdate { sku: "S1".into(), ..StockUpdate::default() },
//!     StockUpdate { sku: "S2".into(), quantity_available: Some(7), ..StockUpdate::default() },
//! ];
//! let report = fake.run(|| Shop::push(&context(), InventoryPushRequest { updates })).unwrap();
//! assert_eq!(report.events[0].code, "UNKNOWN_SKU");
//! assert_eq!(fake.value("stock/S2").as_deref(), Some("7"));
//! ```
//!
//! The crate's manifest says `crate-type = ["cdylib", "rlib"]`; then
//! `cargo build --release --target wasm32-wasip2` makes the component, and `wharf deploy` puts it to work.
//!
//! # Saying no
//!
//! An answer that the platform shall see as a refusal is an `error` [event](reports::Event) or a
//! [verdict](notices::Verdict): the call as such went well. [`Failure`] is for calls that have no answer. `?` turns the
//! errors of [`kv`], [`config`], [`http`] and [`platform`] into failures. A panic ends the call; its text is in the channel's log.
//!
//! # Memory
//!
//! With the feature `bump-alloc` (on by default) a component never gives memory back before the call ends. A plugin
//! that allocates and frees without end in one call should turn it off.
#![deny(missing_docs)]

#[cfg(all(target_arch = "wasm32", feature = "bump-alloc"))]
mod alloc;
mod below;
#[doc(hidden)]
pub mod bindings;
mod channel;
pub mod config;
mod decimal;
mod export;
mod failure;
pub mod host;
pub mod http;
pub mod kv;
pub mod log;
pub mod platform;
pub mod secrets;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use channel::call::{CallContext, CurrencyCode, Failure, JsonText, Refusal, Timestamp};
pub use channel::catalog::{self, Catalog};
pub use channel::documents::{self, Documents};
pub use channel::events::{self, Events};
pub use channel::inventory::{self, Inventory};
pub use channel::notices::{self, Verdict};
pub use channel::orders::{self, Orders};
pub use channel::payments::{self, Payments};
pub use channel::reports;
pub use decimal::{Decimal, ParseDecimalError};

pub mod prelude {
    //! All traits and records of the contract.
    pub use crate::catalog::*;
    pub use crate::documents::*;
    pub use crate::events::*;
    pub use crate::inventory::*;
    pub use crate::notices::*;
    pub use crate::orders::*;
    pub use crate::payments::*;
    pub use crate::reports::*;
    pub use crate::{CallContext, Decimal, Failure};
}
