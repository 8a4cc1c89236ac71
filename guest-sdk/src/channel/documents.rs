//! Quotations, orders, invoices and the like of the 'Retail operations' back office.

pub use crate::bindings::documents::exports::wharf::channel::documents::{
    ItemPrice, PriceQuery, PricingAnswer, PricingRequest, ValidationAnswer, ValidationRequest,
};
use crate::notices::Entity;

interface! {
    /// Quotations, orders, invoices and the like of the 'Retail operations' back office.
    trait Documents for documents {
        /// A document is about to be saved; the user waits.
        fn validate(request: ValidationRequest) -> ValidationAnswer;
        /// A document was cancelled. Told later, and at least once.
        fn cancelled(document: Entity) -> ();
        /// Prices are wanted; the user waits.
        fn price(request: PricingRequest) -> PricingAnswer;
    }
}
