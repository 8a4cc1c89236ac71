//! Passwords and keys that the plugin uses and never sees.

/// The text that stands for a secret in an outbound header; the host puts the value in when it sends the request.
///
/// ```
/// assert_eq!(wharf_sdk::secrets::reference("API_KEY"), "{{secret:API_KEY}}");
/// ```
#[must_use]
pub fn reference(name: &str) -> String {
    format!("{{{{secret:{name}}}}}")
}
