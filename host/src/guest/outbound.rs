//! Requests that a guest sends out: to granted hosts only, to public addresses only, within the call's time.
//!
//! [`Sender`] decides for a call what may be sent; [`exchange`] sends it, over a connection that [`connect`] made to checked
//! addresses or that [`pool`] kept from an earlier request of the same channel; [`answer`] is what comes back, held to its
//! limits. Every request leaves a record. [`platform`] is the one API for which the host itself writes the address and the
//! credential; [`ask`] asks it, for a guest or for the node.

mod address;
mod answer;
mod ask;
mod body;
mod connect;
mod exchange;
mod failed;
mod grant;
mod headers;
mod host;
mod path;
mod platform;
mod pool;
mod record;
mod recorded;
mod resolve;
mod send;
mod target;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::config;
use address::AddressFilter;
pub use ask::{PlatformError, PlatformRequest, PlatformResponse};
pub use grant::HostPattern;
pub use platform::PlatformApi;
use pool::Pool;
use resolve::{Resolve, System};
pub(super) use send::Sender;

/// Why nothing can be sent: the key, the file and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("outbound.ca-file: {file}: {why}")]
pub struct OutboundError {
    file: String,
    why: String,
}

/// What every outbound request of this node shares.
pub struct Outbound {
    limits: config::Outbound,
    filter: AddressFilter,
    resolver: Box<dyn Resolve>,
    tls: TlsConnector,
    pool: Arc<Pool>,
}

impl Outbound {
    /// Prepares TLS and the address filter.
    ///
    /// # Errors
    /// `outbound.ca-file` is set and is no file of certificates.
    pub fn new(limits: &config::Outbound) -> Result<Self, OutboundError> {
        Self::with_resolver(limits, Box::new(System::default()))
    }

    fn with_resolver(limits: &config::Outbound, resolver: Box<dyn Resolve>) -> Result<Self, OutboundError> {
        let mut tls = ClientConfig::builder().with_root_certificates(roots(&limits.ca_file)?).with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A resumed session would tell a server that two channels live on one node.
        tls.resumption = Resumption::disabled();
        Ok(Self {
            limits: limits.clone(),
            filter: AddressFilter::new(&limits.allow_private),
            resolver,
            tls: TlsConnector::from(Arc::new(tls)),
            pool: Arc::new(Pool::new(limits.idle_connections, limits.idle_time)),
        })
    }

    /// Where this node itself listens: no guest may connect there.
    pub(super) fn own_listeners(&self, own: Vec<SocketAddr>) {
        self.filter.own_listeners(own);
    }

    /// Bytes of the largest answer to one request.
    fn largest_response(&self) -> u64 {
        self.limits.response.bytes()
    }
}

/// The public certificate authorities, and those of the operator's file.
fn roots(file: &str) -> Result<RootCertStore, OutboundError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    if file.is_empty() {
        return Ok(roots);
    }
    let wrong = |why: String| OutboundError { file: file.to_owned(), why };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.len() == before {
        return Err(wrong("there is no certificate in it: expected PEM".to_owned()));
    }
    Ok(roots)
}
