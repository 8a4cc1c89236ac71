//! What an administrator is told when something was not done: a status, a stable code, one plain sentence.

use std::fmt::Display;

use http::StatusCode;
use serde_json::{Value, json};

use crate::control::ControlError;
use crate::guest::LoadError;
use crate::guest::admission::Refused;
use crate::guest::cache::CompileError;
use crate::store::StoreError;

/// What an administrator is told.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// The methods that the path does have.
    pub(super) allow: Option<String>,
    /// What there is to be said beyond the sentence.
    details: Option<Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: String) -> Self {
        Self { status, code, message, allow: None, details: None }
    }

    pub(super) fn malformed(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    pub(super) fn not_found(code: &'static str, message: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(super) fn internal(error: &impl Display) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the server failed: {error}; its log may say more"),
        )
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(details) = &self.details {
            error["details"] = details.clone();
        }
        json!({ "error": error }).to_string().into_bytes()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::Exists(_) => (StatusCode::CONFLICT, "channel-exists"),
            StoreError::HostTaken { .. } => (StatusCode::CONFLICT, "host-taken"),
            StoreError::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            StoreError::NoPrevious(_) => (StatusCode::CONFLICT, "no-previous-release"),
            StoreError::CanaryRuns { .. } => (StatusCode::CONFLICT, "canary-runs"),
            StoreError::NoCanary(_) | StoreError::OtherCanary { .. } => (StatusCode::CONFLICT, "no-such-canary"),
            StoreError::NoActive(_) => (StatusCode::CONFLICT, "no-active-release"),
            StoreError::AlreadyActive { .. } => (StatusCode::CONFLICT, "already-active"),
            StoreError::ReleaseInUse { .. } => (StatusCode::CONFLICT, "release-in-use"),
            StoreError::NotDead(_) => (StatusCode::CONFLICT, "not-dead"),
            StoreError::NoChannel(_) => (StatusCode::NOT_FOUND, "no-such-channel"),
            StoreError::NoRelease { .. } => (StatusCode::NOT_FOUND, "no-such-release"),
            StoreError::NoEvent(_) => (StatusCode::NOT_FOUND, "no-such-notification"),
            StoreError::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
            StoreError::Locked(_) => (StatusCode::SERVICE_UNAVAILABLE, "locked"),
            StoreError::NoComponent(_) | StoreError::CorruptComponent { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "component-damaged")
            }
            StoreError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            _ => return Self::internal(&error),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        let message = error.to_string();
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Compile(CompileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::StorageFull => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", message)
            }
            LoadError::Compile(CompileError::Io { .. }) => Self::internal(&message),
            LoadError::Compile(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "does-not-compile", message),
            LoadError::Contract(_) | LoadError::Engine(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "component-refused", message)
            }
        }
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let message = error.to_string();
        match error {
            ControlError::Store(error) => error.into(),
            ControlError::Load(error) => error.into(),
            ControlError::Invalid(_) => Self::new(StatusCode::BAD_REQUEST, "invalid", message),
            ControlError::Refused(Refused::TooLarge { .. }) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
            }
            ControlError::Refused(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "component-refused", message),
            ControlError::Preflight(report) => {
                let details = serde_json::to_value(report).ok();
                Self { details, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "preflight-failed", message) }
            }
            error @ (ControlError::Task(_) | ControlError::Panicked(_)) => Self::internal(&error),
        }
    }
}
