//! How a request that was let out can fail.

use std::error::Error as _;

use tokio_rustls::rustls;
use wasmtime_wasi_http::Error;

/// Why there is no answer, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    Dns,
    Address,
    Connect,
    Certificate,
    Tls,
    ConnectTime,
    FirstByteTime,
    BetweenBytesTime,
    Deadline,
    Concurrent,
    RequestSize,
    ResponseSize(Option<u64>),
    HeaderSize,
    Upgrade,
    Closed,
    Protocol,
}

impl Failed {
    /// The word for it in the record.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Address => "address",
            Self::Connect => "connect",
            Self::Certificate => "certificate",
            Self::Tls => "tls",
            Self::ConnectTime => "connect-time",
            Self::FirstByteTime => "first-byte-time",
            Self::BetweenBytesTime => "between-bytes-time",
            Self::Deadline => "deadline",
            Self::Concurrent => "concurrent",
            Self::RequestSize => "request-size",
            Self::ResponseSize(_) => "response-size",
            Self::HeaderSize => "header-size",
            Self::Upgrade => "upgrade",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
        }
    }

    /// Of a connection that broke or an answer that is none.
    pub(super) fn of_http(error: &hyper::Error) -> Self {
        if error.is_parse_too_large() {
            Self::HeaderSize
        } else if error.is_parse() || error.is_parse_status() {
            Self::Protocol
        } else if matches!(error.source(), Some(source) if source.is::<TooMuch>()) {
            Self::RequestSize
        } else {
            Self::Closed
        }
    }

    /// Of a handshake.
    pub(super) fn of_tls(error: &std::io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => Self::Certificate,
            _ => Self::Tls,
        }
    }
}

/// What a guest is told. The engine's own errors for connections would be logged by it, at a guest's will.
impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Dns => Self::DnsError { rcode: None, info_code: None },
            Failed::Address => Self::DestinationIpProhibited,
            Failed::Connect => Self::ConnectionRefused,
            Failed::Certificate => Self::TlsCertificateError,
            Failed::Tls => Self::TlsProtocolError,
            Failed::ConnectTime => Self::ConnectionTimeout,
            Failed::FirstByteTime | Failed::BetweenBytesTime => Self::ConnectionReadTimeout,
            Failed::Deadline => Self::HttpResponseTimeout,
            Failed::Concurrent => Self::ConnectionLimitReached,
            Failed::RequestSize => Self::HttpRequestBodySize(None),
            Failed::ResponseSize(size) => Self::HttpResponseBodySize(size),
            Failed::HeaderSize => Self::HttpResponseHeaderSectionSize(None),
            Failed::Upgrade => Self::HttpUpgradeFailed,
            Failed::Closed => Self::ConnectionTerminated,
            Failed::Protocol => Self::HttpProtocolError,
        }
    }
}

/// A guest sends a larger body than it may.
#[derive(Debug, thiserror::Error)]
#[error("the request's body is larger than outbound.request")]
pub(super) struct TooMuch;
