//! The platform's API: where it is, what opens it, and which requests stay within it.

use std::ops::Range;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::IgnoredAny;
use wasmtime_wasi_http::WasiBody;

use super::ask::PlatformRequest;
use super::headers::{fill, is_forbidden};
use super::host::{Host, split_port};
use super::path;
use crate::config;
use crate::store::PlatformGrant;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// All that a query's names and values may hold as it is (RFC 3986: unreserved).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The API of a channel's platform, as a release may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformApi {
    /// With a slash at its end.
    base: String,
    /// Where the host's name and its port stand in it.
    authority: Range<usize>,
    header: HeaderName,
    value: HeaderValue,
    secrets: Vec<String>,
}

impl PlatformApi {
    /// Reads what a release says of it.
    ///
    /// # Errors
    /// All that is wrong, in one sentence.
    pub fn read(grant: &PlatformGrant) -> Result<Self, String> {
        match (base(&grant.base_url), header(&grant.header), credential(&grant.value)) {
            (Ok((base, authority)), Ok(header), Ok((value, secrets))) => {
                Ok(Self { base, authority, header, value, secrets })
            }
            (base, header, value) => {
                Err([base.err(), header.err(), value.err()].into_iter().flatten().collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// Everything that is wrong with it in a release that names these secrets, each with its key.
    pub fn mistakes(grant: &PlatformGrant, allow_http: bool, named: impl Fn(&str) -> bool) -> Vec<String> {
        let (base, header, value) = (base(&grant.base_url), header(&grant.header), credential(&grant.value));
        let is_plain = matches!(&base, Ok((base, _)) if base.starts_with("http://"));
        let plain = (is_plain && !allow_http).then(|| {
            format!("platform.base-url: {:?} is plain http, which is off (outbound.allow-http)", grant.base_url)
        });
        let secrets = value.as_ref().map(|(_, secrets)| secrets.as_slice()).unwrap_or_default();
        let unnamed = secrets.iter().filter(|name| !named(name)).map(|name| {
            format!("platform.value: the secret {name} is not among the release's secrets: add it to `secrets`")
        });
        let unnamed: Vec<_> = unnamed.collect();
        [base.err(), plain, header.err(), value.err()].into_iter().flatten().chain(unnamed).collect()
    }

    /// What every path is relative to.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// The host and its port.
    pub(super) fn authority(&self) -> &str {
        &self.base[self.authority.clone()]
    }

    /// Whether this secret opens it.
    pub(super) fn uses(&self, secret: &str) -> bool {
        self.secrets.iter().any(|own| own == secret)
    }

    /// The request, with the credential's placeholder. Takes the body. The error is why there is none.
    pub(super) fn request(
        &self,
        ask: &mut PlatformRequest,
        limits: &config::Outbound,
    ) -> Result<Request<WasiBody>, &'static str> {
        let method = METHODS.into_iter().find(|method| *method == ask.method);
        let method = method.ok_or("its method is none of GET, POST, PUT, PATCH and DELETE")?;
        let mut url = [self.base.as_str(), below(&ask.path)?].concat();
        for (place, (name, value)) in ask.query.iter().enumerate() {
            url.push(if place == 0 { '?' } else { '&' });
            url.extend(utf8_percent_encode(name, QUERY));
            url.push('=');
            url.extend(utf8_percent_encode(value, QUERY));
        }
        if url.len() > limits.header_size.len() {
            return Err("its path and query are longer than outbound.header-size");
        }
        let mut request = Request::builder().method(method).uri(url).header(ACCEPT, JSON);
        let body = ask.body.take();
        if let Some(body) = &body {
            if body.len() > limits.request.len() {
                return Err("its body is larger than outbound.request");
            }
            if serde_json::from_str::<IgnoredAny>(body).is_err() {
                return Err("its body is not JSON");
            }
            request = request.header(CONTENT_TYPE, JSON);
        }
        let body = Bytes::from(body.unwrap_or_default());
        // Some servers want to be told that there is none.
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            request = request.header(CONTENT_LENGTH, body.len());
        }
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        request.header(&self.header, &self.value).body(body).map_err(|_| "its path is none")
    }
}

fn base(url: &str) -> Result<(String, Range<usize>), String> {
    let wrong = |why: &str| {
        format!("platform.base-url: {url:?} {why}; expected such as https://erp.example.com/ProdClients/ACME/RESTWS/")
    };
    let begin = ["https://", "http://"].into_iter().find(|scheme| url.starts_with(scheme));
    let begin = begin.ok_or_else(|| wrong("does not begin with https://"))?.len();
    let end = url[begin..].find(['/', '?', '#']).map_or(url.len(), |at| begin + at);
    let (authority, path) = (&url[begin..end], &url[end..]);
    if authority.contains('@') {
        return Err(wrong("names a user: the credential belongs into platform.value"));
    }
    let (host, port) = split_port(authority).ok_or_else(|| wrong("has a port that is not a number from 1 to 65535"))?;
    let host: Host = host.parse().map_err(|why| wrong(&format!("names the host {host:?}, which {why}")))?;
    if path.contains(['?', '#']) {
        return Err(wrong("has a query or a fragment"));
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if !path.is_empty() {
        // A second slash would be taken for the one that paths may begin with.
        let whole =
            if path.starts_with('/') || path.ends_with('/') { Err("it has an empty segment") } else { below(path) };
        whole.map_err(|why| wrong(&format!("has a path that may lead elsewhere: {why}")))?;
    }
    let slash = if path.is_empty() { "" } else { "/" };
    let authority = port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
    let base = format!("{}{authority}/{path}{slash}", &url[..begin]);
    Ok((base, begin..begin + authority.len()))
}

fn header(name: &str) -> Result<HeaderName, String> {
    let wrong = |why: &str| format!("platform.header: {name:?} {why}; expected such as authorization");
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("is no header's name"))?;
    if is_forbidden(&header) || [ACCEPT, CONTENT_LENGTH, CONTENT_TYPE].contains(&header) {
        return Err(wrong("is a header that the host itself writes"));
    }
    Ok(header)
}

/// The value and the secrets that it names.
fn credential(value: &str) -> Result<(HeaderValue, Vec<String>), String> {
    // The value is not told: it may be the credential itself.
    let wrong = |why: &str| format!("platform.value: {why}; expected such as \"Bearer {{{{secret:PLATFORM_TOKEN}}}}\"");
    let mut secrets = Vec::new();
    let named = fill(value, |name| {
        secrets.push(name.to_owned());
        Some(String::new())
    });
    named.map_err(|_| wrong("a {{secret: has no end"))?;
    if secrets.is_empty() {
        return Err(wrong("it names no secret, and whoever sees the release would read the credential in it"));
    }
    let value = HeaderValue::try_from(value).map_err(|_| wrong("it cannot be a header's value"))?;
    Ok((value, secrets))
}

/// Characters that some servers take for a dot, a slash or a backslash.
const LOOKALIKES: [char; 12] = [
    '\u{2024}', '\u{2025}', '\u{2026}', '\u{2044}', '\u{2215}', '\u{2216}', '\u{29f5}', '\u{3002}', '\u{ff0e}',
    '\u{ff0f}', '\u{ff3c}', '\u{ff61}',
];

/// A path below a base, without the slash that it may begin with; or why no server can be trusted to read it so.
fn below(text: &str) -> Result<&str, &'static str> {
    let path = text.strip_prefix('/').unwrap_or(text);
    if path.is_empty() {
        return Err("its path is empty");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
    if !path.bytes().all(plain) {
        return Err("its path has what must be percent-encoded, a query or a fragment; a query is given apart");
    }
    if path.starts_with('/') || path.contains("//") {
        return Err("its path has an empty segment");
    }
    if path.split('/').next().is_some_and(|first| first.contains(':')) {
        return Err("its path looks like a whole URL: give only what follows the base URL");
    }
    if path::normal(&["/", path].concat()).is_none() || path.contains("%25") {
        return Err("its path may lead elsewhere: it has dots, slashes or signs that servers read differently");
    }
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let Ok(decoded) = percent_decode_str(segment).decode_utf8() else {
            return Err("its path is not UTF-8 once it is decoded");
        };
        let odd = decoded.chars().any(|c| c.is_control() || LOOKALIKES.contains(&c));
        // Some servers drop what follows a `;`, and dots and blanks at the end.
        let name = decoded.split(';').next().unwrap_or_default();
        if odd || name.trim_matches(|c: char| c == '.' || c.is_whitespace()).is_empty() {
            return Err("its path has a segment that servers read differently");
        }
    }
    Ok(path)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
