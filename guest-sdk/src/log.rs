//! Lines for the channel's log, which the channel's owner reads with `wharf logs`.
//!
//! Take text or `format_args!(…)`: `log::info(format_args!("{count} orders"))`.

use std::fmt::Display;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For the one who looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Went on, but somebody should look.
    Warn,
    /// Something failed.
    Error,
    /// Nothing works any more.
    Critical,
}

/// Writes a line. `context` names the part of the plugin that speaks; it may be empty.
pub fn write(level: Level, context: &str, message: impl Display) {
    crate::below::log(level, context, &message.to_string());
}

/// For the one who looks for a fault.
pub fn debug(message: impl Display) {
    write(Level::Debug, "", message);
}

/// Worth knowing.
pub fn info(message: impl Display) {
    write(Level::Info, "", message);
}

/// Went on, but somebody should look.
pub fn warn(message: impl Display) {
    write(Level::Warn, "", message);
}

/// Something failed.
pub fn error(message: impl Display) {
    write(Level::Error, "", message);
}
