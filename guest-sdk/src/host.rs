//! What Wharf itself tells during a call.

use std::time::Duration;

/// The request body as it came, less the shared key: for members that no record names. Empty for an IFRAME page.
#[must_use]
pub fn raw_request() -> String {
    crate::below::raw_request()
}

/// How long the call may still take before it is stopped.
#[must_use]
pub fn deadline() -> Duration {
    Duration::from_millis(crate::below::deadline())
}
