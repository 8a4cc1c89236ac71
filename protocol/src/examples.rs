//! Example calls: what the platforms send, without the key.
//!
//! Each interaction and each event has a plain example; variants carry the traps that real traffic was seen with: numbers
//! as strings, null lists, old spellings, blank kinds, integer reference numbers, internal action names.

use crate::notification::EventKind;
use crate::sdk::Interaction;

/// What an example calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// One of the SDK's interactions.
    Sdk(Interaction),
    /// A notification.
    Notification(EventKind),
}

/// One request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// Its file's name without the ending; the plain example of an interaction has the interaction's name.
    pub name: &'static str,
    /// What it calls.
    pub call: Call,
    /// Whether the platform's own request schema takes it; a lenient reader takes all of them.
    pub strict: bool,
    /// A JSON object. An SDK call has no key in it, see [`Example::with_key`].
    pub body: &'static str,
}

impl Example {
    /// The body with the shared key as its first member; a notification's key travels in a header, so its body stays as it is.
    pub fn with_key(&self, key: &str) -> String {
        let Call::Sdk(_) = self.call else { return self.body.to_owned() };
        let rest = self.body.trim_start().trim_start_matches('{');
        format!("{{\"{}\":{},{rest}", crate::sdk::envelope::KEY_MEMBER, serde_json::Value::from(key))
    }
}

/// All examples, in the order of an order's life; notifications last.
pub fn all() -> &'static [Example] {
    EXAMPLES
}

/// An interaction's examples, the plain one first.
pub fn of(interaction: Interaction) -> impl Iterator<Item = &'static Example> {
    EXAMPLES.iter().filter(move |example| example.call == Call::Sdk(interaction))
}

/// The notifications.
pub fn notifications() -> impl Iterator<Item = &'static Example> {
    EXAMPLES.iter().filter(|example| matches!(example.call, Call::Notification(_)))
}

macro_rules! examples {
    ($( $family:ident $case:ident $name:literal $strict:literal; )*) => {
        const EXAMPLES: &[Example] = &[$(
            Example {
                name: $name,
                call: examples!(@call $family $case),
                strict: $strict,
                body: include_str!(concat!("../examples/", $name, ".json")),
            },
        )*];
    };
    (@call sdk $case:ident) => { Call::Sdk(Interaction::$case) };
    (@call note $case:ident) => { Call::Notification(EventKind::$case) };
}

examples! {
    sdk CatalogGetConfig "catalog_get_config" true;
    sdk CatalogPush "catalog_push" true;
    sdk CatalogPush "catalog_push_older_spelling" true;
    sdk InventoryPush "inventory_push" true;
    sdk InventoryPush "inventory_push_sparse" false;
    sdk InventoryPush "inventory_push_blank_kind" false;
    sdk OrderPull "order_pull" true;
    sdk OrderPull "order_pull_nulls" false;
    sdk OrderPull "order_pull_specific" true;
    sdk OrderAcknowledge "order_acknowledge" true;
    sdk OrderAcknowledge "order_acknowledge_integer_refnum" false;
    sdk OrderAcknowledge "order_acknowledge_null" false;
    sdk OrderUpdate "order_update" true;
    sdk OrderUpdate "order_update_removed_spellings" false;
    sdk OrderCancel "order_cancel" true;
    sdk OrderCancel "order_cancel_integer_refnum" false;
    sdk OrderShipmentSubmit "order_shipment_submit" true;
    sdk OrderShipmentSubmit "order_shipment_submit_integer_refnum" false;
    sdk OrderComplete "order_complete" true;
    sdk OrderComplete "order_complete_with_lines" false;
    sdk OrderSettlePayment "order_settle_payment" true;
    sdk OrderSettlePayment "order_settle_payment_amounts_as_text" false;
    sdk OrderReturned "order_returned" true;
    sdk OrderReturned "order_returned_store_credit" false;
    note DocumentValidation "document_validation_create" true;
    note DocumentValidation "document_validation_update" true;
    note DocumentCancellation "document_cancellation" true;
    note DocumentPricing "document_pricing" true;
    note PaymentValidation "payment_validation" true;
    note Contact "contact_search" true;
    note Contact "contact_details" true;
    note Contact "contact_validation" true;
    note Workflow "workflow_validation" true;
}

#[cfg(test)]
mod tests;
