//! Outbound HTTP, to the hosts that the release was granted.

use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// The longest answer that is read, unless [`Request::max_body`] says otherwise: 4 MiB.
pub const DEFAULT_MAX_BODY: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request cannot be sent as it is.
    #[error("request cannot be sent: {0}")]
    Invalid(String),
    /// The host is not granted, or its address is one that Wharf refuses.
    #[error("request denied: {0}")]
    Denied(String),
    /// No answer in time.
    #[error("request timed out")]
    Timeout,
    /// The name does not resolve, or nobody answers there.
    #[error("host cannot be reached: {0}")]
    Unreachable(String),
    /// The answer is longer than [`Request::max_body`].
    #[error("answer is longer than {0} bytes: raise max_body")]
    TooLarge(usize),
    /// Anything else between here and there.
    #[error("request failed: {0}")]
    Failed(String),
}

/// A request. [`Request::send`] sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// In capitals, such as `POST`.
    pub method: String,
    /// `https://host/path?query`.
    pub url: String,
    /// Names with values, in the order given.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: Vec<u8>,
    /// See [`Request::timeout`].
    pub timeout: Option<Duration>,
    /// See [`Request::max_body`].
    pub max_body: usize,
    invalid: Option<String>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
            max_body: DEFAULT_MAX_BODY,
            invalid: None,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A PUT request.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A DELETE request.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. For a secret take [`secrets::reference`](crate::secrets::reference) into the value.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Gives it a body; the content type is the caller's to add.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Gives it a JSON body and the content type for it. A value that cannot be JSON is told by [`Request::send`].
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body = body,
            Err(error) => self.invalid = Some(format!("body: {error}")),
        }
        self.header("content-type", "application/json")
    }

    /// How long to wait for the connection, for the first byte, and between two bytes. The whole call's deadline
    /// ([`host::deadline`](crate::host::deadline)) holds in any case.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The longest answer that is read, in bytes.
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sends it and waits for the whole answer. An answer with a status of 400 or more is an answer, no error.
    ///
    /// # Errors
    /// An [`Error`] if there is no answer.
    pub fn send(self) -> Result<Response, Error> {
        if let Some(reason) = self.invalid {
            return Err(Error::Invalid(reason));
        }
        crate::below::http_send(&self)
    }
}

/// Scheme, authority, and path with query.
pub(crate) fn split_url(url: &str) -> Result<(&str, &str, &str), Error> {
    let invalid = |reason: &str| Error::Invalid(format!("address `{url}` {reason}"));
    let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("has no https://"))?;
    if !matches!(scheme, "http" | "https") {
        return Err(invalid("is neither http nor https"));
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() {
        return Err(invalid("has no host"));
    }
    Ok((scheme, authority, path))
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names, in small letters, with values.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 200 to 299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is not the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Failed(format!("answer is not as expected: {error}")))
    }
}

#[cfg(test)]
mod tests;
