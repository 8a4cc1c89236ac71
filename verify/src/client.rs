//! One HTTP request, one answer: no retries, no redirects, a fresh connection each, so that nothing is papered over.

use std::time::Duration;

use serde_json::{Map, Value};
use ureq::Agent;
use ureq::http::{Response, Uri};
use wharf_protocol::notification::ARGUMENT;
use wharf_protocol::sdk::Interaction;
use wharf_protocol::sdk::envelope::KEY_MEMBER;

use crate::judge::End;
use crate::mask::Mask;
use crate::screen;

/// The largest answer that is read: a page of 100 orders is far below it.
const ANSWER_LIMIT: u64 = 32 * 1024 * 1024;

/// How much of an answer a reason quotes, in characters.
const EXCERPT: usize = 200;

/// Where a channel is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    base: String,
    query: Option<String>,
}

/// Why a base URL cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("base URL `{0}` is not usable: give http:// or https://, a host and the channel's path")]
pub struct BadTarget(String);

impl Target {
    /// Reads a base URL. A trailing slash is dropped, a query kept for every request, a fragment refused.
    ///
    /// # Errors
    /// It has another scheme than HTTP's, no host, a fragment, or it is no URL.
    pub fn parse(text: &str) -> Result<Self, BadTarget> {
        let bad = || BadTarget(text.to_owned());
        let (base, query) = match text.trim().split_once('?') {
            Some((base, query)) => (base, Some(query.to_owned()).filter(|query| !query.is_empty())),
            None => (text.trim(), None),
        };
        let uri: Uri = base.parse().map_err(|_| bad())?;
        if !matches!(uri.scheme_str(), Some("http" | "https"))
            || uri.host().is_none_or(str::is_empty)
            || text.contains('#')
        {
            return Err(bad());
        }
        Ok(Self { base: base.trim_end_matches('/').to_owned(), query })
    }

    /// The base URL without its query and without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether every request carries a query.
    pub fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// The URL of what lies at `path`, which starts with a slash.
    fn url(&self, path: &str) -> String {
        let query = self.query.as_deref().map_or_else(String::new, |query| format!("?{query}"));
        format!("{}{path}{query}", self.base)
    }
}

/// What is sent as the SDK's shared key.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// The one that the channel accepts.
    Good,
    /// Another text.
    Text(&'a str),
    /// `null`.
    Null,
    /// A JSON number.
    Number,
    /// No such member.
    Missing,
}

/// How a notification travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// As the whole body.
    Body,
    /// As a form field.
    Form,
    /// As a query argument.
    Query,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` header; empty when there is none.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// The body's beginning for people. Keys were hidden before it was cut, so that not even half a key is left.
    pub excerpt: String,
}

/// Speaks to one channel.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    target: Target,
    key: String,
    notification_key: Option<String>,
    mask: Mask,
    timeout: Duration,
    verbose: bool,
}

impl Client {
    /// A client for `target`; `timeout` bounds each request as a whole. `verbose` prints traffic on standard error.
    pub fn new(
        target: Target,
        key: String,
        notification_key: Option<String>,
        timeout: Duration,
        verbose: bool,
    ) -> Self {
        let mask = Mask::new([Some(key.as_str()), notification_key.as_deref()].into_iter().flatten());
        Self { agent: agent(timeout), target, key, notification_key, mask, timeout, verbose }
    }

    /// Hides the keys in texts.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Calls an interaction with a body whose key is set as told.
    ///
    /// # Errors
    /// There is no answer.
    pub fn call(&self, interaction: Interaction, body: &Map<String, Value>, key: Key<'_>) -> Result<Answer, End> {
        self.post(&format!("/{}", interaction.path()), &self.keyed(body, key))
    }

    /// `body` as JSON text with the key set as told.
    pub fn keyed(&self, body: &Map<String, Value>, key: Key<'_>) -> String {
        let mut body = body.clone();
        match key {
            Key::Good => body.insert(KEY_MEMBER.into(), self.key.as_str().into()),
            Key::Text(text) => body.insert(KEY_MEMBER.into(), text.into()),
            Key::Null => body.insert(KEY_MEMBER.into(), Value::Null),
            Key::Number => body.insert(KEY_MEMBER.into(), 7_030_519.into()),
            Key::Missing => body.remove(KEY_MEMBER),
        };
        Value::Object(body).to_string()
    }

    /// Posts JSON text to a path below the base URL.
    ///
    /// # Errors
    /// There is no answer.
    pub fn post(&self, path: &str, body: &str) -> Result<Answer, End> {
        let url = self.target.url(path);
        self.told("POST", &url, body);
        self.answered(self.agent.post(&url).content_type("application/json").send(body))
    }

    /// Asks for a path below the base URL.
    ///
    /// # Errors
    /// There is no answer.
    pub fn get(&self, path: &str) -> Result<Answer, End> {
        let url = self.target.url(path);
        self.told("GET", &url, "");
        self.answered(self.agent.get(&url).call())
    }

    /// Sends a notification; `key` replaces the configured one, `Some("")` leaves the header out.
    ///
    /// # Errors
    /// There is no answer.
    pub fn notify(&self, message: &str, carrier: Carrier, key: Option<&str>) -> Result<Answer, End> {
        let url = self.target.url("/notifications");
        self.told(&format!("POST ({carrier:?})"), &url, message);
        let mut request = self.agent.post(&url);
        let key = key.or(self.notification_key.as_deref()).filter(|key| !key.is_empty());
        if let Some(key) = key {
            request = request.header("X-API-KEY", key);
        }
        self.answered(match carrier {
            Carrier::Body => request.content_type("application/json").send(message),
            Carrier::Form => request.send_form([(ARGUMENT, message)]),
            Carrier::Query => request.query(ARGUMENT, message).send_empty(),
        })
    }

    fn answered(&self, result: Result<Response<ureq::Body>, ureq::Error>) -> Result<Answer, End> {
        let read = result.and_then(|response| read(response, ANSWER_LIMIT, &self.mask));
        let answer = read.map_err(|error| self.silence(&error))?;
        if self.verbose {
            let body = self.mask.hide(&String::from_utf8_lossy(&answer.body));
            screen::aside(&format!("< {} {}\n< {body}", answer.status, answer.content_type));
        }
        Ok(answer)
    }

    fn told(&self, method: &str, url: &str, body: &str) {
        if self.verbose {
            screen::aside(&format!("> {method} {}\n> {}", self.mask.hide(url), self.mask.hide(body)));
        }
    }

    fn silence(&self, error: &ureq::Error) -> End {
        let unreachable = match error {
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Tls(_)
            | ureq::Error::Rustls(_) => true,
            ureq::Error::Io(io) => io.kind() == std::io::ErrorKind::ConnectionRefused,
            _ => false,
        };
        let reason = match error {
            ureq::Error::Timeout(_) => format!("gave no answer within {}", humantime::format_duration(self.timeout)),
            _ => format!("gave no answer: {error}"),
        };
        End::Silent { reason, unreachable }
    }
}

/// An agent that reports what happened and nothing else.
pub fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .user_agent(concat!("wharf-verify/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Reads a response to its end, at most `limit` bytes, and hides keys in its excerpt.
///
/// # Errors
/// The connection broke, or the body is longer.
pub fn read(mut response: Response<ureq::Body>, limit: u64, mask: &Mask) -> Result<Answer, ureq::Error> {
    let content_type =
        response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(limit).read_to_vec()?;
    let excerpt = mask.hide(&String::from_utf8_lossy(&body)).trim().chars().take(EXCERPT).collect();
    Ok(Answer { status, content_type, body, excerpt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_keeps_its_path_and_query_and_loses_its_slash() {
        for (text, url) in [
            ("http://h/channels/demo", "http://h/channels/demo/order_pull_v1"),
            ("http://h:1/channels/demo/", "http://h:1/channels/demo/order_pull_v1"),
            ("https://h/a/b/?x=1&y", "https://h/a/b/order_pull_v1?x=1&y"),
            ("http://h", "http://h/order_pull_v1"),
            ("http://h?", "http://h/order_pull_v1"),
        ] {
            assert_eq!(Target::parse(text).unwrap().url("/order_pull_v1"), url);
        }
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for text in ["", "localhost:8080", "/channels/demo", "ftp://h/x", "http://", "http://h/#part"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
