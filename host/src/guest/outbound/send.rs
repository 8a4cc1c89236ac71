//! Our own `send_request`. The engine's default would connect to any address and wait ten minutes.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderName, HeaderValue, Request, Response};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::Outbound;
use super::exchange::{Exchange, Times, Together};
use super::headers::{self, fill};
use super::record::{LONGEST_HOST, LONGEST_METHOD, LONGEST_PATH, Record, cut_to};
use super::target::{Target, origin_form};
use crate::guest::secrets::{MARK, placeholder};
use crate::guest::state::Environment;
use crate::store::{OutboundRecord, Store, Timestamp};

pub(super) type SendResult = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// The outbound side of one call.
pub(in crate::guest) struct Sender {
    pub(super) shared: Arc<Outbound>,
    pub(super) environment: Arc<Environment>,
    store: Store,
    pub(super) deadline: Instant,
    call: String,
    /// How often what led to this call came from a Wharf.
    pub(super) hops: u32,
    admitted: u32,
    denied: u32,
    together: Option<Arc<Together>>,
    /// Secrets that went out, names with values: they may come back when nobody stores them any more.
    handed_out: BTreeSet<(String, String)>,
    /// Of a call without effects: what it did not get.
    pub(super) refused: Vec<String>,
}

/// Who wrote a request: a guest, to a host that it was granted, or the host itself, to the platform's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Guest,
    Host,
}

/// Why a request is not sent: for the operator, and for the guest.
pub(super) struct Denied {
    why: String,
    error: Error,
}

impl Denied {
    pub(super) fn new(why: impl Into<String>, error: Error) -> Self {
        Self { why: why.into(), error }
    }
}

impl Sender {
    pub(in crate::guest) fn new(
        hops: u32,
        shared: &Arc<Outbound>,
        environment: Arc<Environment>,
        store: Store,
        deadline: Instant,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            environment,
            store,
            deadline,
            call: String::new(),
            hops,
            admitted: 0,
            denied: 0,
            together: None,
            handed_out: BTreeSet::new(),
            refused: Vec::new(),
        }
    }

    /// Says whose requests follow, before the first of them.
    pub(in crate::guest) fn begin(&mut self, call: &str) {
        call.clone_into(&mut self.call);
    }

    /// The requests of a call without effects that got no answer, and why.
    pub(in crate::guest) fn take_refused(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refused)
    }

    /// The secrets that went out, names with values.
    pub(in crate::guest) fn handed_out(&self) -> &BTreeSet<(String, String)> {
        &self.handed_out
    }

    /// Requests that may have reached somebody.
    pub(in crate::guest) fn sent(&self) -> u32 {
        match &self.together {
            None => 0,
            Some(_) if self.environment.effects.scratch().is_some() => self.admitted,
            Some(together) => together.sent.load(Ordering::Relaxed),
        }
    }

    /// Holds a request against the release's grants and the limits of a call; puts secrets and our own into its headers.
    fn admit(&mut self, target: &Target, request: &mut Request<WasiBody>, writer: Writer) -> Result<Instant, Denied> {
        let denied = |why: &str| Denied::new(why, Error::HttpRequestDenied);
        let limits = &self.shared.limits;
        if !target.tls && !limits.allow_http {
            return Err(denied("plain http is off (outbound.allow-http)"));
        }
        if writer == Writer::Guest && !self.environment.hosts.iter().any(|pattern| pattern.grants(target)) {
            return Err(denied("the host, or this method or path of it, is not granted"));
        }
        if self.admitted >= self.environment.limits.requests {
            let why = "the limit of a call is reached (outbound.requests)";
            return Err(Denied::new(why, Error::ConnectionLimitReached));
        }
        if self.hops >= limits.hops {
            let why = "the call came from too many calls before it (outbound.hops)";
            return Err(Denied::new(why, Error::LoopDetected));
        }
        let until = self.deadline.checked_sub(limits.margin).unwrap_or(self.deadline);
        if until < Instant::now() + Duration::from_millis(1) {
            return Err(Denied::new("the call has no time left (outbound.margin)", Error::HttpResponseTimeout));
        }
        let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if let Some(length) = length.filter(|length| *length > limits.request.bytes()) {
            return Err(Denied::new(
                "its body is too large (outbound.request)",
                Error::HttpRequestBodySize(Some(length)),
            ));
        }
        self.put_secrets(request, writer).map_err(|why| Denied::new(why, Error::HttpRequestDenied))?;
        self.put_own(target, request).map_err(|error| Denied::new("it cannot be written", error))?;
        if headers::size(request.headers()) > self.shared.limits.header_size.len() {
            let error = Error::HttpRequestHeaderSectionSize(None);
            return Err(Denied::new("its headers are too large (outbound.header-size)", error));
        }
        self.admitted += 1;
        Ok(until)
    }

    /// The headers and the form of the URL that only the host decides on.
    fn put_own(&self, target: &Target, request: &mut Request<WasiBody>) -> Result<(), Error> {
        request.headers_mut().insert(HOST, target.host_header()?);
        request.headers_mut().insert(headers::HOPS, HeaderValue::from(self.hops + 1));
        if self.environment.effects.scratch().is_none() {
            *request.uri_mut() = origin_form(request.uri())?;
        }
        Ok(())
    }

    /// Says why a request is not sent: a live call's operator in the node's log and in the journal, an author who tries a
    /// component out in the call's log.
    pub(super) fn deny(&mut self, mut row: OutboundRecord, mut denied: Denied) -> Error {
        self.denied = self.denied.saturating_add(1);
        // What the guest takes for a name may be a value that it was sent back.
        if let Some(redactor) = self.environment.redactor(&self.store, &self.handed_out) {
            redactor.redact(&mut denied.why, false);
        }
        let (host, why) = (&row.host, &denied.why);
        if self.environment.effects.scratch().is_some() {
            self.refused.push(format!("refused a request to {host}: {why}"));
        } else if self.denied <= self.shared.limits.requests.max(1) {
            tracing::info!(channel = row.channel, call = row.call, host, "refused a request: {why}");
            (row.error, row.refused) = (Some("refused".to_owned()), Some(denied.why));
            self.store.record_outbound(row);
        }
        denied.error
    }

    /// The record of a request as it came.
    fn row(&self, request: &Request<WasiBody>, target: Option<&Target>) -> OutboundRecord {
        let uri = request.uri();
        let host =
            target.map_or_else(|| uri.authority().map_or_else(String::new, ToString::to_string), Target::to_string);
        self.row_of(request.method().as_str(), &host, uri.path())
    }

    /// The record of a request, without the values of secrets.
    pub(super) fn row_of(&self, method: &str, host: &str, path: &str) -> OutboundRecord {
        let mut row = OutboundRecord {
            call: self.call.clone(),
            channel: self.environment.owner.channel.to_string(),
            at: Timestamp::now(),
            method: cut_to(method, LONGEST_METHOD),
            host: cut_to(host, LONGEST_HOST),
            path: cut_to(path, LONGEST_PATH),
            status: None,
            error: None,
            refused: None,
            duration_us: 0,
            bytes_out: 0,
            bytes_in: 0,
            requests: 1,
        };
        if let Some(redactor) = self.environment.redactor(&self.store, &self.handed_out) {
            for text in [&mut row.method, &mut row.host, &mut row.path] {
                redactor.redact(text, true);
            }
        }
        row
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
    fn put_secrets(&mut self, request: &mut Request<WasiBody>, writer: Writer) -> Result<(), String> {
        let platforms = |name: &str| self.environment.platform.as_ref().is_some_and(|api| api.uses(name));
        let mut used = BTreeSet::new();
        for (name, value) in request.headers_mut() {
            let Some(text) = value.to_str().ok().filter(|text| text.contains(MARK)) else { continue };
            if headers::is_forbidden(name) {
                continue;
            }
            let secret = |name: &str| {
                // What opens the platform's API goes nowhere else, whatever else is granted.
                if writer == Writer::Guest && platforms(name) {
                    return None;
                }
                let value = self.secret(name)?;
                used.insert((name.to_owned(), value.clone()));
                Some(value)
            };
            let filled = fill(text, secret).map_err(|name| {
                if writer == Writer::Guest && platforms(&name) {
                    return format!("the secret {name:?} is for the platform's API alone");
                }
                format!("the release does not name the secret {name:?}, or it is not set")
            })?;
            *value = HeaderValue::try_from(filled).map_err(|_| "a secret's value cannot be in a header".to_owned())?;
            value.set_sensitive(true);
        }
        if self.environment.effects.scratch().is_none() {
            self.handed_out.append(&mut used);
        }
        Ok(())
    }

    fn together(&mut self) -> Arc<Together> {
        let places = self.shared.limits.concurrent;
        let new = || Together { places: Semaphore::new(places), sent: AtomicU32::new(0) };
        Arc::clone(self.together.get_or_insert_with(|| Arc::new(new())))
    }
}

impl Drop for Sender {
    /// Refusals beyond what is kept of a call become one row.
    fn drop(&mut self) {
        let more = self.denied.saturating_sub(self.shared.limits.requests.max(1));
        if more > 0 && self.environment.effects.scratch().is_none() {
            self.store.record_outbound(OutboundRecord {
                call: self.call.clone(),
                channel: self.environment.owner.channel.to_string(),
                at: Timestamp::now(),
                method: String::new(),
                host: String::new(),
                path: String::new(),
                status: None,
                error: Some("refused".to_owned()),
                refused: Some(format!("{more} more requests were refused")),
                duration_us: 0,
                bytes_out: 0,
                bytes_in: 0,
                requests: more,
            });
        }
    }
}

impl WasiHttpHooks for Sender {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        headers::is_forbidden(name)
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        self.shared.limits.chunk.len()
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        self.let_out(request, options, Writer::Guest)
    }
}

impl Sender {
    /// Sends a request if it may be sent.
    pub(super) fn let_out(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        writer: Writer,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        let target = Target::of(&request).map_err(|(why, error)| Denied::new(why, error));
        let row = self.row(&request, target.as_ref().ok());
        let admitted = target.and_then(|target| Ok((self.admit(&target, &mut request, writer)?, target)));
        let (until, target) = match admitted {
            Ok(admitted) => admitted,
            Err(denied) => {
                let error = self.deny(row, denied);
                return Box::new(async move { Err(error) });
            }
        };
        let together = self.together();
        if let Some(scratch) = self.environment.effects.scratch() {
            let scratch = Arc::clone(scratch);
            let answer = self.recorded(&scratch, request);
            return Box::new(async move { answer });
        }
        let exchange = Exchange {
            times: Times::new(&self.shared.limits, options.as_ref(), until),
            shared: Arc::clone(&self.shared),
            owner: self.environment.owner.clone(),
            together,
            target,
            record: Record::begin(self.store.clone(), row),
        };
        Box::new(async move {
            let response = exchange.run(request).await?;
            // The connection's end comes with the answer's.
            Ok((response, Box::new(async { Ok(()) }) as Box<dyn Future<Output = _> + Send>))
        })
    }
}
