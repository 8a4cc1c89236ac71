//! Payments of document terms, as a call between servers or as a page in a frame.

pub use crate::bindings::payments::exports::wharf::channel::payments::{
    FormField, HtmlPage, PageMessage, PageRequest, PaymentAnswer, PaymentMethod, PaymentRequest, PaymentStatus,
    PaymentType,
};

interface! {
    /// Payments of document terms, as a call between servers or as a page in a frame.
    trait Payments for payments {
        /// A payment is to be made; the user waits.
        fn validate(request: PaymentRequest) -> PaymentAnswer;
        /// A payment or signature page is opened in a frame, or its form was sent. A form may come more than once: answer a
        /// repeat as you answered the first.
        fn page(request: PageRequest) -> HtmlPage;
    }
}
