//! Every other notification: `contact.*` and `workflow.*`.

use super::{Entity, Verdict};

/// A notification as a guest is told.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct Event<'a> {
    /// Such as `contact.search`.
    #[cfg_attr(feature = "component", component(name = "event-type"))]
    pub event_type: &'a str,
    /// What it is about.
    #[cfg_attr(feature = "component", component(name = "entity"))]
    pub entity: Entity,
    /// The envelope's `data` as JSON text.
    #[cfg_attr(feature = "component", component(name = "data"))]
    pub data: Option<&'a str>,
}

given! {
    /// A guest's answer.
    EventReply {
        /// The envelope's part.
        verdict: Verdict = "verdict",
        /// JSON text for the envelope's `data`.
        data: Option<String> = "data",
    }
}
