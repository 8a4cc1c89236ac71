//! Stock levels, pushed by the platform.

pub use crate::bindings::inventory::exports::wharf::channel::inventory::{
    InventoryPushRequest, StockDetail, StockKind, StockUpdate,
};
use crate::reports::EventReport;

interface! {
    /// Stock levels, pushed by the platform.
    trait Inventory for inventory {
        /// Takes stock levels: absolute, not changes. Safe to repeat. An unknown SKU is an event and never stops the batch.
        fn push(request: InventoryPushRequest) -> EventReport;
    }
}
