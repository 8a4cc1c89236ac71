//! What notifications share: the entity they are about, and the verdict of every answer.

pub use crate::bindings::shared::wharf::channel::notices::{Entity, ErrorLevel, Verdict};

impl Verdict {
    /// All went well.
    #[must_use]
    pub const fn ok() -> Self {
        Self { success: true, message: String::new(), level: ErrorLevel::Ok, code: String::new() }
    }

    /// It is not done. The code is the plugin's own; the message is shown to the user where the event says so.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::no(ErrorLevel::Error, code, message)
    }

    /// It is not, or not wholly, done, and the user can live with it.
    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::no(ErrorLevel::Warning, code, message)
    }

    /// The system behind the plugin cannot be reached; the platform falls back to what it has itself.
    pub fn unavailable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::no(ErrorLevel::Critical, code, message)
    }

    fn no(level: ErrorLevel, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { success: false, message: message.into(), level, code: code.into() }
    }
}

impl Entity {
    /// Entity `id` of the kind `kind`.
    #[must_use]
    pub const fn new(kind: i64, id: i64) -> Self {
        Self { entity_type_id: kind, entity_id: Some(id) }
    }
}
