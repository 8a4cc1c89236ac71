//! Where a request goes, read once and in one way: what is checked is what is connected to and what the server is told.

use std::fmt;

use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Uri};
use wasmtime_wasi_http::Error;

use super::host::{Host, split_port};

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) method: Method,
    pub(super) tls: bool,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Target {
    /// Fails with a sentence for the log, and what the guest is told.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, (String, Error)> {
        let invalid = |why: String| (why, Error::HttpRequestUriInvalid);
        let uri = request.uri();
        let method = request.method().clone();
        if method == Method::CONNECT || method == Method::TRACE {
            return Err((format!("the method {method} is for proxies"), Error::HttpRequestMethodInvalid));
        }
        let tls = match uri.scheme() {
            None => true,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) => return Err(invalid(format!("the scheme {scheme} is neither https nor http"))),
        };
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        if authority.contains('@') {
            return Err(invalid("its URL names a user: put credentials into a header".to_owned()));
        }
        let (host, port) =
            split_port(authority).ok_or_else(|| invalid("its port is not a number from 1 to 65535".to_owned()))?;
        let host: Host = host.parse().map_err(|why| invalid(format!("its host {why}")))?;
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { method, tls, host, port, path: uri.path().to_owned() })
    }

    pub(super) fn usual_port(&self) -> u16 {
        if self.tls { 443 } else { 80 }
    }

    /// The value of the header `host`.
    pub(super) fn host_header(&self) -> Result<HeaderValue, Error> {
        let text =
            if self.port == self.usual_port() { self.host.to_string() } else { format!("{}:{}", self.host, self.port) };
        HeaderValue::try_from(text).map_err(|_| Error::HttpRequestUriInvalid)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A request to an origin server names only the path and the query.
pub(super) fn origin_form(uri: &Uri) -> Result<Uri, Error> {
    let text = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // A URL may have a query and no path; a request may not.
    let whole = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    whole.parse().map_err(|_| Error::HttpRequestUriInvalid)
}
