//! The admin API from outside.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::{Agent, SendBody};

use super::{Failure, Server};
use crate::control::ADMIN_TOKEN;

/// The server is close or not there at all.
const CONNECT: Duration = Duration::from_secs(10);
/// A deploy is answered when the component is compiled, perhaps after others that wait for the same compiler.
const ANSWER: Duration = Duration::from_mins(15);
/// Largest answer: a thousand log lines of 4 KiB, and some.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A server's admin API, and the token for it.
pub(super) struct Client {
    agent: Agent,
    url: String,
    token: String,
}

impl Client {
    /// Takes the token from `WHARF_TOKEN`, or else from the data directory.
    pub(super) fn new(server: &Server) -> Result<Self, Failure> {
        let url = server.admin_url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let message = format!("--admin-url {url:?} is not a URL: write it such as http://127.0.0.1:8081");
            return Err(Failure::Usage(message));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            // The token is for the server alone.
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls(server.ca_file.as_deref())?)
            .build();
        Ok(Self { agent: config.into(), url, token: token(server)? })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, None)
    }

    pub(super) fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.send(Method::POST, path, body)
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::PUT, path, Some(body))
    }

    pub(super) fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::PATCH, path, Some(body))
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::DELETE, path, None)
    }

    fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.request(method, path, "application/json", body.len(), &mut body.as_bytes())
    }

    /// Sends `length` bytes of `body`.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        length: usize,
        body: &mut dyn Read,
    ) -> Result<Value, Failure> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", content_type)
            .header("content-length", length)
            .body(SendBody::from_reader(body));
        let request = request.map_err(|error| Failure::Usage(format!("cannot ask {}{path}: {error}", self.url)))?;
        let mut response = self.agent.run(request).map_err(|error| self.unreachable(&error))?;
        let answer = response.body_mut().with_config().limit(LARGEST).read_to_string();
        let answer =
            answer.map_err(|error| Failure::Failed(format!("the answer of {} broke off: {error}", self.url)))?;
        let value: Result<Value, _> = serde_json::from_str(&answer);
        let status = response.status();
        match value {
            Ok(value) if status.is_success() => Ok(value),
            Ok(value) if value["error"]["message"].is_string() => {
                let part = |name: &str| value["error"][name].as_str().unwrap_or_default().to_owned();
                let details = value["error"]["details"].clone();
                Err(Failure::Refused { code: part("code"), message: part("message"), details })
            }
            _ => Err(Failure::Failed(format!(
                "{} answered {status}, but not as Wharf's admin API does; is --admin-url right?",
                self.url
            ))),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let url = &self.url;
        Failure::Failed(match error {
            ureq::Error::Io(io) if io.kind() == ErrorKind::ConnectionRefused => {
                format!("nobody listens at {url}; start the server with `wharf serve`, or name it with --admin-url")
            }
            error => format!("cannot talk to {url}: {error}"),
        })
    }
}

/// Whom to believe that they are the server: the public authorities, or the certificates in a file.
fn tls(file: Option<&Path>) -> Result<TlsConfig, Failure> {
    let Some(file) = file else { return Ok(TlsConfig::default()) };
    let wrong = |why: &str| Failure::Usage(format!("--ca-file {}: {why}", file.display()));
    let pem = fs::read(file).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    let items: Result<Vec<_>, _> = ureq::tls::parse_pem(&pem).collect();
    let items = items.map_err(|error| wrong(&format!("is no PEM: {error}")))?;
    let certificates: Vec<_> = items
        .into_iter()
        .filter_map(|item| if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None })
        .collect();
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in it (PEM)"));
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::from(certificates)).build())
}

fn token(server: &Server) -> Result<String, Failure> {
    if let Some(token) = std::env::var("WHARF_TOKEN").ok().filter(|token| !token.trim().is_empty()) {
        return Ok(token.trim().to_owned());
    }
    let path = server.data.join(ADMIN_TOKEN);
    match fs::read_to_string(&path) {
        Ok(token) => Ok(token.trim().to_owned()),
        Err(error) => {
            let path = path.display();
            let why = if error.kind() == ErrorKind::NotFound {
                "is not there".to_owned()
            } else {
                format!("cannot be read: {error}")
            };
            Err(Failure::Failed(format!(
                "there is no token: {path} {why}; run this in the folder where `wharf serve` runs, name its data directory with --data DIR, or set WHARF_TOKEN"
            )))
        }
    }
}

/// A value as one part of a path or a query.
pub(super) fn part(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
