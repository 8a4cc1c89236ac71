//! Every notification that has no interface of its own: contacts, projects, and what the platform adds later.

pub use crate::bindings::events::exports::wharf::channel::events::{Notification, Reply};

interface! {
    /// Every notification that has no interface of its own.
    trait Events for events {
        /// Something happened, or something is asked.
        fn handle(notification: Notification) -> Reply;
    }
}

impl Reply {
    /// All went well, and there is nothing more to say.
    #[must_use]
    pub fn ok() -> Self {
        Self { verdict: crate::Verdict::ok(), data: None }
    }

    /// All went well; `data` is the answer.
    #[must_use]
    pub fn with(data: &serde_json::Value) -> Self {
        Self { verdict: crate::Verdict::ok(), data: Some(data.to_string()) }
    }
}

impl Notification {
    /// The notification's `data`, parsed; `Null` where the event has none.
    ///
    /// # Errors
    /// [`Failure::Refused`](crate::Failure::Refused) if it is not JSON.
    pub fn json(&self) -> Result<serde_json::Value, crate::Failure> {
        let Some(data) = &self.data else {
            return Ok(serde_json::Value::Null);
        };
        serde_json::from_str(data)
            .map_err(|error| crate::Failure::refused("BAD_DATA", format!("the event's data is not JSON: {error}")))
    }
}
