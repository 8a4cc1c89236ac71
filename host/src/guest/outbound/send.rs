//! Our own `send_request`. The engine's default would connect to any address and wait ten minutes.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::address::AddressFilter;
use crate::config;
use crate::guest::secrets::{MARK, placeholder};
use crate::guest::state::Environment;
use crate::store::Store;

pub(super) type SendResult = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// What every outbound request of this node shares.
pub struct Outbound {
    limits: config::Outbound,
    filter: AddressFilter,
    tls: TlsConnector,
}

impl Outbound {
    /// Prepares TLS and the address filter.
    pub fn new(limits: &config::Outbound) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self {
            limits: limits.clone(),
            filter: AddressFilter::new(&limits.allow_private),
            tls: TlsConnector::from(Arc::new(tls)),
        }
    }

    /// Bytes of the largest answer to one request.
    pub(super) fn largest_response(&self) -> u64 {
        self.limits.response.0
    }
}

/// The outbound side of one call.
pub(in crate::guest) struct Sender {
    pub(super) shared: Arc<Outbound>,
    environment: Arc<Environment>,
    store: Store,
    deadline: Instant,
    sent: u32,
    /// Secrets that went out, names with values: they may come back when nobody stores them any more.
    handed_out: BTreeSet<(String, String)>,
    /// Of a call without effects: what it did not get.
    pub(super) refused: Vec<String>,
}

impl Sender {
    pub(in crate::guest) fn new(
        shared: &Arc<Outbound>,
        environment: Arc<Environment>,
        store: Store,
        deadline: Instant,
    ) -> Self {
        let (shared, handed_out, refused) = (Arc::clone(shared), BTreeSet::new(), Vec::new());
        Self { shared, environment, store, deadline, sent: 0, handed_out, refused }
    }

    /// The requests of a call without effects that got no answer, and why.
    pub(in crate::guest) fn take_refused(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refused)
    }

    /// The secrets that went out, names with values.
    pub(in crate::guest) fn handed_out(&self) -> &BTreeSet<(String, String)> {
        &self.handed_out
    }

    /// Requests that were let out.
    pub(in crate::guest) fn sent(&self) -> u32 {
        self.sent
    }

    /// Holds a request against the release's grants and the limits of a call; puts secrets into its headers.
    fn admit(&mut self, request: &mut Request<WasiBody>) -> Result<Target, Error> {
        let target = Target::of(request)?;
        if target.scheme != Scheme::HTTPS && !self.shared.limits.allow_http {
            return Err(self.refuse(&target, "plain http is off (outbound.allow-http)", Error::HttpRequestDenied));
        }
        let usual = target.usual_port();
        if !self.environment.hosts.iter().any(|pattern| pattern.grants(&target.host, target.port, usual)) {
            return Err(self.refuse(&target, "the host is not granted", Error::HttpRequestDenied));
        }
        if self.sent >= self.shared.limits.requests {
            let why = "the limit of a call is reached (outbound.requests)";
            return Err(self.refuse(&target, why, Error::ConnectionLimitReached));
        }
        if let Err(mut why) = self.put_secrets(request) {
            // What the guest takes for a name may be a value that it was sent back.
            if let Some(redactor) = self.environment.redactor(&self.store, &self.handed_out) {
                redactor.redact(&mut why, false);
            }
            return Err(self.refuse(&target, &why, Error::HttpRequestDenied));
        }
        self.sent += 1;
        Ok(target)
    }

    /// Says why a request is not sent: a live call's operator in the node's log, an author who tries a component out in the
    /// call's.
    fn refuse(&mut self, target: &Target, why: &str, error: Error) -> Error {
        let (host, port) = (&target.host, target.port);
        if self.environment.effects.scratch().is_some() {
            self.refused.push(format!("refused a request to {host}:{port}: {why}"));
        } else {
            tracing::info!(channel = %self.environment.channel, host, port, "refused a request: {why}");
        }
        error
    }

    /// What stands in a header for a secret: its value, if the release names it. Without effects nothing leaves, so that the
    /// name is enough.
    fn secret(&self, name: &str) -> Option<String> {
        match self.environment.effects.scratch() {
            None => self.environment.secret(&self.store, name),
            Some(_) => self.environment.named_secret(name).map(|_| placeholder(name)),
        }
    }

    /// Replaces each `{{secret:NAME}}` in header values. The values never enter the guest. The error says why not.
    fn put_secrets(&mut self, request: &mut Request<WasiBody>) -> Result<(), String> {
        let mut used = BTreeSet::new();
        for value in request.headers_mut().values_mut() {
            let Ok(text) = value.to_str() else { continue };
            if !text.contains(MARK) {
                continue;
            }
            let secret = |name: &str| {
                let value = self.secret(name)?;
                used.insert((name.to_owned(), value.clone()));
                Some(value)
            };
            let filled = fill(text, secret)
                .map_err(|name| format!("the release does not name the secret {name:?}, or it is not set"))?;
            *value = HeaderValue::try_from(filled).map_err(|_| "a secret's value cannot be in a header".to_owned())?;
            value.set_sensitive(true);
        }
        if self.environment.effects.scratch().is_none() {
            self.handed_out.append(&mut used);
        }
        Ok(())
    }
}

/// Fills in secrets; the error is the name of one that is not set.
fn fill(text: &str, mut secret: impl FnMut(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(MARK) {
        let Some((name, after)) = after.split_once("}}") else { return Err(after.to_owned()) };
        filled.push_str(before);
        filled.push_str(&secret(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Headers that a guest may not set: they belong to the connection, which is the host's.
const FORBIDDEN: [&str; 10] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

impl WasiHttpHooks for Sender {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        FORBIDDEN.contains(&name.as_str())
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        let admitted = self.admit(&mut request);
        if let Some(scratch) = self.environment.effects.scratch() {
            let scratch = Arc::clone(scratch);
            let answer = admitted.and_then(|_| self.recorded(&scratch, request));
            return Box::new(async move { answer });
        }
        let shared = Arc::clone(&self.shared);
        let deadline = self.deadline;
        Box::new(async move { send(&shared, admitted?, request, options, deadline).await })
    }
}

/// Where a request goes.
struct Target {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Target {
    fn of(request: &Request<WasiBody>) -> Result<Self, Error> {
        let uri = request.uri();
        let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
        if authority.as_str().contains('@') {
            return Err(Error::HttpRequestUriInvalid);
        }
        let scheme = uri.scheme().cloned().unwrap_or(Scheme::HTTPS);
        let mut target = Self { scheme, host: authority.host().to_owned(), port: 0 };
        target.port = authority.port_u16().unwrap_or_else(|| target.usual_port());
        Ok(target)
    }

    fn usual_port(&self) -> u16 {
        if self.scheme == Scheme::HTTPS { 443 } else { 80 }
    }
}

async fn send(
    shared: &Outbound,
    target: Target,
    mut request: Request<WasiBody>,
    options: Option<RequestOptions>,
    deadline: Instant,
) -> SendResult {
    let limit = |asked: Option<Duration>, own: Duration| {
        deadline.min(Instant::now() + asked.unwrap_or(own).clamp(Duration::from_millis(1), own))
    };
    let limits = &shared.limits;
    let connect_until = limit(options.as_ref().and_then(|o| o.connect_timeout), limits.connect_time);
    let stream =
        timeout_at(connect_until.into(), connect(shared, &target)).await.map_err(|_| Error::ConnectionTimeout)??;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // A request to an origin server names only the path.
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let driver = tokio::spawn(connection);
    let abort = AbortOnDrop(driver.abort_handle());
    let first_byte_until = limit(options.as_ref().and_then(|o| o.first_byte_timeout), limits.first_byte_time);
    let response = timeout_at(first_byte_until.into(), sender.send_request(request))
        .await
        .map_err(|_| Error::ConnectionReadTimeout)??;
    let pause = options
        .as_ref()
        .and_then(|o| o.between_bytes_timeout)
        .unwrap_or(limits.between_bytes_time)
        .clamp(Duration::from_millis(1), limits.between_bytes_time);
    let left = shared.largest_response();
    let response = response.map(|body| {
        Limited { body, left, pause, timer: Box::pin(sleep_until((Instant::now() + pause).into())) }.boxed_unsync()
    });
    Ok((
        response,
        Box::new(async move {
            let _abort = abort;
            driver.await.map_or(Ok(()), |ended| ended.map_err(Error::from))
        }),
    ))
}

/// Ends the connection's task when the guest that asked for it is gone.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(shared: &Outbound, target: &Target) -> Result<Box<dyn Stream>, Error> {
    let host = target.host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, target.port))
        .await
        .map_err(|error| Error::DnsError { rcode: Some(error.to_string()), info_code: None })?
        .collect();
    // One bad address among good ones is an attempt to rebind: refused whole.
    if addresses.is_empty() || !addresses.iter().all(|address| shared.filter.allows(address.ip())) {
        tracing::info!(host, ?addresses, "refused a request: not a public address (outbound.allow-private)");
        return Err(Error::DestinationIpProhibited);
    }
    let stream = TcpStream::connect(addresses.as_slice()).await.map_err(Error::Connect)?;
    stream.set_nodelay(true).map_err(Error::Connect)?;
    if target.scheme != Scheme::HTTPS {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(Box::new(shared.tls.connect(name, stream).await.map_err(Error::Tls)?))
}

/// An answer's body, cut at its size limit and at a pause that is too long.
struct Limited {
    body: Incoming,
    left: u64,
    pause: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Body for Limited {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                if size > self.left {
                    return Poll::Ready(Some(Err(Error::HttpResponseBodySize(None))));
                }
                self.left -= size;
                let next = Instant::now() + self.pause;
                self.timer.as_mut().reset(next.into());
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.timer.as_mut().poll(cx).map(|()| Some(Err(Error::ConnectionReadTimeout))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_filled_in_by_name() {
        let secret = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        assert_eq!(fill("Bearer {{secret:TOKEN}}", secret).unwrap(), "Bearer s3cret");
        assert_eq!(fill("{{secret:TOKEN}}{{secret:TOKEN}}!", secret).unwrap(), "s3crets3cret!");
        assert_eq!(fill("{{secret:OTHER}}", secret).unwrap_err(), "OTHER");
        assert!(fill("{{secret:TOKEN", secret).is_err());
    }
}
