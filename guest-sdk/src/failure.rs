//! Why a function gives no answer.

use crate::bindings::shared::wharf::channel::call::{Failure, Refusal};

impl Failure {
    /// A business no, told to the caller in the platform's own error channel.
    pub fn refused(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refused(Refusal { code: code.into(), message: message.into() })
    }

    /// The plugin failed. The text goes to the channel's log, never to the caller.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::Internal(message.to_string())
    }

    /// The caller should try again after so many seconds.
    #[must_use]
    pub const fn retry_after(seconds: u32) -> Self {
        Self::RetryLater(Some(seconds))
    }
}

impl From<crate::config::Error> for Failure {
    fn from(error: crate::config::Error) -> Self {
        Self::internal(error)
    }
}

impl From<crate::kv::Error> for Failure {
    /// A key that too many calls fight for passes: try again. Everything else is the plugin's failure.
    fn from(error: crate::kv::Error) -> Self {
        match error {
            crate::kv::Error::Contended { .. } => Self::retry_after(1),
            other => Self::internal(other),
        }
    }
}

impl From<crate::http::Error> for Failure {
    fn from(error: crate::http::Error) -> Self {
        match error {
            crate::http::Error::Timeout | crate::http::Error::Unreachable(_) => Self::RetryLater(None),
            other => Self::internal(other),
        }
    }
}

impl From<crate::platform::Error> for Failure {
    fn from(error: crate::platform::Error) -> Self {
        match error {
            crate::platform::Error::Timeout | crate::platform::Error::Unreachable(_) => Self::RetryLater(None),
            other => Self::internal(other),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}
