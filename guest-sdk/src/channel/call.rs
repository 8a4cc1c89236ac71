//! What every function takes and gives.

pub(crate) use crate::Decimal;
pub use crate::bindings::shared::wharf::channel::call::{
    CallContext, CurrencyCode, Failure, JsonText, Refusal, Timestamp,
};
