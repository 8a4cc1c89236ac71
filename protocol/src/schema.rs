//! JSON Schemas of the answers, made from the types that are sent: what `wharf verify` holds a channel against.

use schemars::{Schema, schema_for};

use crate::notification::documents::{PricingData, ValidationData};
use crate::notification::payments::PaymentData;
use crate::notification::{EventKind, Reply};
use crate::sdk::Interaction;
use crate::sdk::catalog::CatalogConfig;
use crate::sdk::order_given::{OrderPage, OrderReturnedResponse, OrderUpdateResponse};
use crate::sdk::reports::{EventReport, StatusReport};

/// The schema of an interaction's answer, stricter than the platform's own: what its caller needs is required.
pub fn answer(interaction: Interaction) -> Schema {
    match interaction {
        Interaction::CatalogGetConfig => schema_for!(CatalogConfig),
        Interaction::OrderPull => schema_for!(OrderPage),
        Interaction::OrderUpdate => schema_for!(OrderUpdateResponse),
        Interaction::OrderReturned => schema_for!(OrderReturnedResponse),
        Interaction::OrderCancel | Interaction::OrderComplete => schema_for!(StatusReport),
        Interaction::CatalogPush
        | Interaction::InventoryPush
        | Interaction::OrderAcknowledge
        | Interaction::OrderShipmentSubmit
        | Interaction::OrderSettlePayment => schema_for!(EventReport),
    }
}

/// The schema of a synchronous notification's answer.
pub fn reply(kind: EventKind) -> Schema {
    match kind {
        EventKind::DocumentValidation => schema_for!(Reply<ValidationData>),
        EventKind::DocumentPricing => schema_for!(Reply<PricingData>),
        EventKind::PaymentValidation => schema_for!(Reply<PaymentData>),
        EventKind::Contact | EventKind::DocumentCancellation | EventKind::Workflow => {
            schema_for!(Reply<serde_json::Value>)
        }
    }
}
