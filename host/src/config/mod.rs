//! The configuration: an embedded file that is the manual, and one file that overrides it.
//!
//! Knows nobody. Every section is one plain struct; [`Config::load`] reports all mistakes at once.

#[cfg(test)]
mod fuzz;
mod limits;
mod load;
mod machine;
mod notification;
mod ranges;
mod sections;
mod values;

#[cfg(test)]
mod tests;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use limits::{Limit, Unit};
pub use load::{ConfigError, ConfigErrors};
pub use notification::{
    Language, LevelName, Message, MessageName, NotificationAuth, NotificationOverrides, StatusName, Unconfirmed,
};
pub use sections::{
    Admin, Breaker, Call, Compile, Deltas, Edge, ErrorLevels, FailureMode, Guest, Journal, KeyValue, Notification,
    OnFailure, Outbound, PaymentStatus, PostMessages, Preflight, Process, Queue, Release, Sdk, Tls,
};
pub use values::Size;

/// The embedded default configuration with its comments: what `wharf config` prints.
pub const DEFAULT: &str = include_str!("default.toml");

/// All settings of one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The listener that retail platforms call.
    pub edge: Edge,
    /// The listener that administrators call.
    pub admin: Admin,
    /// Encryption of the edge.
    pub tls: Tls,
    /// Limits of one call.
    pub call: Call,
    /// The trial of a new release.
    pub release: Release,
    /// Circuit breakers.
    pub breaker: Breaker,
    /// The sandbox.
    pub guest: Guest,
    /// The child process that compiles.
    pub compile: Compile,
    /// The cases that run before a release is published.
    pub preflight: Preflight,
    /// Quotas of each channel's key-value store.
    pub key_value: KeyValue,
    /// Requests that components make.
    pub outbound: Outbound,
    /// Retention of the record of calls.
    pub journal: Journal,
    /// Asynchronous notifications.
    pub queue: Queue,
    /// The platform's list of notifications.
    pub deltas: Deltas,
    /// The process itself.
    pub process: Process,
    /// Wording of answers to SDK interactions.
    pub sdk: Sdk,
    /// Wording of answers to notifications.
    pub notification: Notification,
}

impl Config {
    /// The default configuration with the file at `path` merged over it.
    /// Fails with every mistake in the file, not just the first.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigErrors> {
        match path {
            Some(path) => load::file(path),
            None => Ok(Self::default()),
        }
    }

    /// The effective values as TOML, without the manual's comments.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

impl Default for Config {
    #[expect(clippy::expect_used, reason = "the text is embedded; a test parses it")]
    fn default() -> Self {
        load::text("default.toml", "").expect("the embedded configuration is valid")
    }
}
