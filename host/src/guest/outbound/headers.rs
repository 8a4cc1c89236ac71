//! Headers of a request: which a guest may set, how large they may be, and where secrets go.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName};

use crate::guest::secrets::MARK;

/// Counts how often a request came from a Wharf on its way.
pub(super) const HOPS: HeaderName = HeaderName::from_static("wharf-hops");

/// Headers that a guest may not set: they belong to the connection, which is the host's, or say where a request comes from.
const FORBIDDEN: [&str; 14] = [
    "connection",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "via",
    "wharf-hops",
];

/// Whether the host alone decides on this header.
pub(super) fn is_forbidden(name: &HeaderName) -> bool {
    let name = name.as_str();
    FORBIDDEN.contains(&name) || name.starts_with("x-forwarded-") || name.starts_with("proxy-")
}

/// Bytes of all names and values, as they are sent.
pub(super) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// Fills in secrets; the error is the name of one that is not set.
pub(super) fn fill(text: &str, mut secret: impl FnMut(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(MARK) {
        let Some((name, after)) = after.split_once("}}") else { return Err(after.to_owned()) };
        let value = secret(name).ok_or_else(|| name.to_owned())?;
        // Writing to a String does not fail.
        let _ = write!(filled, "{before}{value}");
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn secrets_are_filled_in_by_name() {
        let secret = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        assert_eq!(fill("Bearer {{secret:TOKEN}}", secret).unwrap(), "Bearer s3cret");
        assert_eq!(fill("{{secret:TOKEN}}{{secret:TOKEN}}!", secret).unwrap(), "s3crets3cret!");
        assert_eq!(fill("{{secret:OTHER}}", secret).unwrap_err(), "OTHER");
        assert!(fill("{{secret:TOKEN", secret).is_err());
    }

    #[test]
    fn a_value_that_looks_like_a_reference_is_not_filled_in_again() {
        let secret = |name: &str| Some(if name == "A" { "{{secret:B}}" } else { "b" }.to_owned());
        assert_eq!(fill("{{secret:A}}", secret).unwrap(), "{{secret:B}}");
    }

    #[test]
    fn what_belongs_to_the_connection_is_forbidden_in_every_case() {
        for name in
            ["Host", "CONNECTION", "X-Forwarded-For", "x-forwarded-anything", "Proxy-Status", "Wharf-Hops", "TE"]
        {
            assert!(is_forbidden(&HeaderName::from_bytes(name.as_bytes()).unwrap()), "{name}");
        }
        for name in ["authorization", "content-length", "cookie", "x-forwarded", "x-hosts", "tea"] {
            assert!(!is_forbidden(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn the_size_is_that_of_the_lines() {
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_static("bc"));
        headers.append("a", HeaderValue::from_static("d"));
        assert_eq!(size(&headers), "a: bc\r\na: d\r\n".len());
    }
}
