//! Product data, pushed by the platform.

pub use crate::bindings::catalog::exports::wharf::channel::catalog::{CatalogConfig, CatalogPushRequest, SkuFanout};
use crate::reports::EventReport;

interface! {
    /// Product data, pushed by the platform.
    trait Catalog for catalog {
        /// Asked before catalog pushes: which SKUs shall be sent when one changes?
        fn get_config() -> CatalogConfig;
        /// Takes product data. Safe to repeat. Report each SKU that failed as an event about that SKU.
        fn push(request: CatalogPushRequest) -> EventReport;
    }
}
