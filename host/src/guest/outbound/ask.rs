//! One request to the platform's API, from its making to the whole of its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::Body as _;
use wasmtime_wasi_http::{Error, WasiBody};

use super::record::{LONGEST_PATH, cut_to};
use super::send::{Denied, Sender, Writer};
use crate::guest::engine::Runtime;
use crate::guest::imports::logging::clean;
use crate::guest::redact::Redactor;
use crate::guest::state::Environment;

/// What is asked of the platform's API.
#[derive(Debug, Clone, Default)]
pub struct PlatformRequest {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: String,
    /// Relative to the base URL, and percent-encoded.
    pub path: String,
    /// Names with values, not encoded.
    pub query: Vec<(String, String)>,
    /// JSON.
    pub body: Option<String>,
}

/// What the platform answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, with the credential taken out.
    pub body: String,
}

/// Why the platform gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// The release does not say where the API is.
    #[error("the release has no [platform]")]
    NotConfigured,
    /// It cannot be sent as it is.
    #[error("the request cannot be sent: {0}")]
    Invalid(&'static str),
    /// It may not be sent.
    #[error("the request is not sent: {0}")]
    Denied(&'static str),
    /// No answer in time.
    #[error("there is no answer in time (outbound.*-time)")]
    Timeout,
    /// There is nobody.
    #[error("the platform cannot be reached: {0}")]
    Unreachable(&'static str),
    /// The answer has more bytes than this.
    #[error("the answer has more than {0} bytes (outbound.response, guest.host-call-fuel)")]
    TooLarge(u64),
    /// Anything else.
    #[error("the request failed: {0}")]
    Failed(&'static str),
}

impl Sender {
    /// Asks the platform's API. The answer has at most `most` bytes, and no more than any other.
    pub(in crate::guest) async fn ask(
        &mut self,
        mut ask: PlatformRequest,
        most: u64,
    ) -> Result<PlatformResponse, PlatformError> {
        let environment = Arc::clone(&self.environment);
        let Some(api) = &environment.platform else { return Err(PlatformError::NotConfigured) };
        let request = match api.request(&mut ask, &self.shared.limits) {
            Ok(request) => request,
            Err(why) => {
                let path = clean(&cut_to(&ask.path, LONGEST_PATH));
                let row = self.row_of(&clean(&ask.method), api.authority(), &path);
                self.deny(row, Denied::new(why, Error::HttpRequestUriInvalid));
                return Err(PlatformError::Invalid(why));
            }
        };
        let most = most.min(self.shared.largest_response());
        let sent = self.let_out(request, None, Writer::Host);
        let (response, _) = Pin::from(sent).await.map_err(|error| told(&error, most))?;
        let status = response.status().as_u16();
        let mut body = text(response.into_body(), most).await?;
        let used = self.handed_out().iter().filter(|(name, _)| api.uses(name));
        Redactor::new(used.map(|(name, value)| (name.as_str(), value.clone()))).redact(&mut body, false);
        Ok(PlatformResponse { status, body })
    }
}

impl Runtime {
    /// Asks the platform's API for the node itself, as a guest of this release would; `call` names the request in the record.
    ///
    /// # Errors
    /// There is no answer within `time`, or for another reason.
    pub async fn ask_platform(
        &self,
        environment: &Arc<Environment>,
        call: &str,
        ask: PlatformRequest,
        time: Duration,
    ) -> Result<PlatformResponse, PlatformError> {
        let until = Instant::now() + time;
        let mut sender = Sender::new(0, &self.outbound, Arc::clone(environment), self.store.clone(), until);
        sender.begin(call);
        sender.ask(ask, self.config.guest.host_call_fuel.bytes()).await
    }
}

/// The whole of a body.
async fn text(mut body: WasiBody, most: u64) -> Result<String, PlatformError> {
    let fits = |size: usize| size as u64 <= most;
    if body.size_hint().lower() > most {
        return Err(PlatformError::TooLarge(most));
    }
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| told(&error, most))?.into_data() else { continue };
        if !fits(whole.len() + data.len()) {
            return Err(PlatformError::TooLarge(most));
        }
        whole.extend_from_slice(&data);
    }
    String::from_utf8(whole).map_err(|_| PlatformError::Failed("the answer is not UTF-8"))
}

/// What is told of a failure between here and there.
fn told(error: &Error, most: u64) -> PlatformError {
    match error {
        Error::HttpRequestDenied => PlatformError::Denied("its secret is not set, or plain http is off"),
        Error::ConnectionLimitReached => PlatformError::Denied("the call has sent all the requests it may"),
        Error::LoopDetected => PlatformError::Denied("the call came from too many calls before it"),
        Error::DestinationIpProhibited => PlatformError::Denied("the platform's address is not a public one"),
        Error::ConnectionTimeout | Error::ConnectionReadTimeout | Error::HttpResponseTimeout => PlatformError::Timeout,
        Error::DnsError { .. } => PlatformError::Unreachable("its name does not resolve"),
        Error::ConnectionRefused => PlatformError::Unreachable("nobody answers there"),
        Error::ConnectionTerminated => PlatformError::Unreachable("the connection broke"),
        Error::TlsCertificateError => PlatformError::Unreachable("its certificate is not trusted"),
        Error::TlsProtocolError => PlatformError::Unreachable("it does not speak TLS as we do"),
        Error::HttpRequestBodySize(_) => PlatformError::Invalid("its body is larger than outbound.request"),
        Error::HttpRequestHeaderSectionSize(_) => PlatformError::Invalid("it is larger than outbound.header-size"),
        Error::HttpResponseBodySize(_) => PlatformError::TooLarge(most),
        Error::HttpResponseHeaderSectionSize(_) => PlatformError::Failed("the answer's head is too large"),
        _ => PlatformError::Failed("the answer is no HTTP"),
    }
}
