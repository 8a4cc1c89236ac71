//! Notifications of the 'Retail operations' back office: an envelope with an event type, and an envelope back.
//!
//! What is known, unknown and decided about them is marked in the project's protocol notes; numbers and literals that the
//! platform never published are the operator's configuration, not constants.

pub mod documents;
pub mod events;
pub mod payments;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Text;

/// The member, form field or query argument that carries the message when it is not the whole body.
pub const ARGUMENT: &str = "notification";

/// A notification's envelope. `data` stays text until the event is known.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct Notification<'a> {
    /// Such as `document.validation`.
    #[serde(default)]
    pub event_type: Text<'a>,
    /// The kind of entity; absent counts as 0, a project.
    #[serde(rename = "entityTypeID", default, deserialize_with = "crate::lenient::field")]
    pub entity_type_id: Option<i64>,
    /// The entity's id.
    #[serde(rename = "entityID", default, deserialize_with = "crate::lenient::field")]
    pub entity_id: Option<i64>,
    /// Event specific.
    #[serde(default)]
    pub data: Option<&'a RawValue>,
}

impl Notification<'_> {
    /// What it is about.
    pub fn entity(&self) -> Entity {
        Entity { entity_type_id: self.entity_type_id.unwrap_or(0), entity_id: self.entity_id }
    }

    /// The `data` member's JSON text; none when it is absent or null.
    pub fn data_text(&self) -> Option<&str> {
        self.data.map(RawValue::get).filter(|text| *text != "null")
    }
}

/// The notifications by what answers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// `document.validation`: a user saves a document and waits.
    DocumentValidation,
    /// `document.cancellation`: delivered later, no answer is looked at.
    DocumentCancellation,
    /// `document.pricing`: a user wants prices and waits.
    DocumentPricing,
    /// `payment.validation`: a user pays and waits.
    PaymentValidation,
    /// `contact.*`: a user waits.
    Contact,
    /// `workflow.*`: delivered later, no answer is looked at.
    Workflow,
}

impl EventKind {
    /// The kind of an event type; none when the platform is not known to send it.
    pub fn of(event_type: &str) -> Option<Self> {
        match event_type {
            "document.validation" => Some(Self::DocumentValidation),
            "document.cancellation" => Some(Self::DocumentCancellation),
            "document.pricing" => Some(Self::DocumentPricing),
            "payment.validation" => Some(Self::PaymentValidation),
            "contact.search" | "contact.details" | "contact.validation" => Some(Self::Contact),
            _ if event_type.starts_with("workflow.") => Some(Self::Workflow),
            _ => None,
        }
    }

    /// Whether the platform waits for the answer.
    pub fn is_synchronous(self) -> bool {
        !matches!(self, Self::DocumentCancellation | Self::Workflow)
    }

    /// The interface and the function of the contract that answer it.
    pub fn function(self) -> (&'static str, &'static str) {
        match self {
            Self::DocumentValidation => ("documents", "validate"),
            Self::DocumentCancellation => ("documents", "cancelled"),
            Self::DocumentPricing => ("documents", "price"),
            Self::PaymentValidation => ("payments", "validate"),
            Self::Contact | Self::Workflow => ("events", "handle"),
        }
    }
}

cases! {
    /// How bad an answer is, by name; the operator's configuration has the numbers.
    ErrorLevel { Ok = "ok" "ok", Info = "info" "info", Warning = "warning" "warning", Error = "error" "error", Critical = "critical" "critical", }
}

given! {
    /// What the platform shows and does about an answer.
    Verdict {
        /// Whether it was done.
        success: bool = "success",
        /// Shown to the user.
        message: String = "message",
        /// How bad it is.
        level: ErrorLevel = "level",
        /// The external system's code.
        code: String = "code",
    }
}

impl Verdict {
    /// A host's or a guest's no.
    pub fn failed(level: ErrorLevel, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { success: false, message: message.into(), level, code: code.into() }
    }
}

/// The thing that a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct Entity {
    /// Its kind.
    #[cfg_attr(feature = "component", component(name = "entity-type-id"))]
    pub entity_type_id: i64,
    /// Its id.
    #[cfg_attr(feature = "component", component(name = "entity-id"))]
    pub entity_id: Option<i64>,
}

/// The envelope of every synchronous answer.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply<D> {
    /// Whether it was done.
    pub success: bool,
    /// Shown to the user where the event says so.
    pub message: String,
    /// The configured number of the level's name.
    pub error_level: i64,
    /// A code; empty with success.
    pub error_code: String,
    /// `document.validation` only: save although `success` is false.
    pub force_validation: Option<bool>,
    /// Event specific.
    pub data: Option<D>,
}

#[cfg(test)]
mod tests;
