//! Events and the two answers that most interactions share.

use crate::check::{each, length};
use crate::{Breach, Check};

cases! {
    /// How bad an event is.
    EventSeverity { Error = "error" "error", Warning = "warning" "warning", Info = "info" "info", }

    /// What kind of identifier an association carries.
    SubjectKind {
        OrderId = "order-id" "order_id",
        OrderRefnum = "order-refnum" "order_refnum",
        OrderItemId = "order-item-id" "orderitem_id",
        OrderItemRefnum = "order-item-refnum" "orderitem_refnum",
        ShipmentId = "shipment-id" "shipment_id",
        ShipmentItemId = "shipment-item-id" "shipmentitem_id",
        ProductId = "product-id" "product_id",
        SkuNumber = "sku-number" "sku_number",
    }

    /// How cancelling or completing an order ended.
    Outcome { Success = "success" "success", Fail = "fail" "fail", }
}

given! {
    /// Names one thing that an event is about.
    EventAssociation {
        /// What `identifier` is.
        #[serde(rename = "identifier_type")]
        kind: SubjectKind = "kind",
        /// The identifier, as text.
        #[schemars(length(min = 1))]
        identifier: String = "identifier",
    }

    /// Something that the people at the platform should know.
    Event {
        /// How bad it is.
        #[serde(rename = "event_type")]
        severity: EventSeverity = "severity",
        /// The channel's own code.
        #[schemars(length(min = 1))]
        code: String = "code",
        /// One sentence for people.
        #[schemars(length(min = 1))]
        message: String = "message",
        /// Free text for support.
        diagnostic_data: Option<String> = "diagnostic-data",
        /// What it is about.
        associations: Vec<EventAssociation> = "associations",
    }

    /// The answer of interactions that only report.
    EventReport {
        /// What happened; empty when all went well.
        events: Vec<Event> = "events",
    }

    /// The answer of `order_cancel` and `order_complete`.
    StatusReport {
        /// Whether it was done.
        status: Outcome = "status",
        /// Why not, or what else happened.
        events: Vec<Event> = "events",
    }
}

impl Event {
    /// An `error` event about nothing in particular.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: EventSeverity::Error,
            code: code.into(),
            message: message.into(),
            diagnostic_data: None,
            associations: Vec::new(),
        }
    }
}

/// Events that people can do something with: each has a code and a sentence, and names what it is about.
pub(crate) fn check_events(events: &[Event]) -> Result<(), Breach> {
    each(events, "events", |event| {
        length("code", &event.code, 1, usize::MAX)?;
        length("message", &event.message, 1, usize::MAX)?;
        each(&event.associations, "associations", |association| {
            length("identifier", &association.identifier, 1, usize::MAX)
        })
    })
}

impl Check for EventReport {
    fn check(&self) -> Result<(), Breach> {
        check_events(&self.events)
    }
}

impl Check for StatusReport {
    fn check(&self) -> Result<(), Breach> {
        check_events(&self.events)?;
        let told = self.events.iter().any(|event| event.severity == EventSeverity::Error);
        if self.status == Outcome::Fail && !told {
            return Err(Breach::new("events", "must hold an error event when status is fail"));
        }
        Ok(())
    }
}
