//! The answers that SDK interactions share: events, and a status for two of them.

pub use crate::bindings::shared::wharf::channel::reports::{
    Event, EventAssociation, EventReport, EventSeverity, Outcome, StatusReport, SubjectKind,
};

impl Event {
    /// An event of the given severity, about nothing in particular.
    pub fn new(severity: EventSeverity, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity, code: code.into(), message: message.into(), diagnostic_data: None, associations: Vec::new() }
    }

    /// A refusal: something of the request was not done.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(EventSeverity::Error, code, message)
    }

    /// Something was done, but somebody should look at it.
    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(EventSeverity::Warning, code, message)
    }

    /// Something worth knowing.
    pub fn info(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(EventSeverity::Info, code, message)
    }

    /// Says what the event is about. May be called several times. A blank identifier names nothing and is left out, since
    /// the platform may leave out what the event is to tell of.
    #[must_use]
    pub fn about(mut self, kind: SubjectKind, identifier: impl std::fmt::Display) -> Self {
        let identifier = identifier.to_string();
        if !identifier.is_empty() {
            self.associations.push(EventAssociation { kind, identifier });
        }
        self
    }

    /// Adds free text for support. The platform is known to have dropped it.
    #[must_use]
    pub fn diagnostics(mut self, text: impl Into<String>) -> Self {
        self.diagnostic_data = Some(text.into());
        self
    }
}

impl EventReport {
    /// All went well.
    #[must_use]
    pub const fn ok() -> Self {
        Self { events: Vec::new() }
    }
}

impl From<Vec<Event>> for EventReport {
    fn from(events: Vec<Event>) -> Self {
        Self { events }
    }
}

impl From<Event> for EventReport {
    fn from(event: Event) -> Self {
        Self { events: vec![event] }
    }
}

impl StatusReport {
    /// It is done.
    #[must_use]
    pub const fn success() -> Self {
        Self { status: Outcome::Success, events: Vec::new() }
    }

    /// It is not done, and `reason` says why. Make it an `error` event: the platform expects one with a failure.
    #[must_use]
    pub fn fail(reason: Event) -> Self {
        Self { status: Outcome::Fail, events: vec![reason] }
    }
}
