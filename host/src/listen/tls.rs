//! The certificate of a listener: read at the start, looked at again and again, and changed only for a good one.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, ServerConfig};
use tokio_util::sync::CancellationToken;
use x509_cert::der::Decode as _;

/// Where a listener's certificate lies, and the keys of the configuration that say so.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate and those that lead to its authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// The configuration's section, such as `tls`.
    pub section: &'static str,
}

/// Why a certificate cannot be used. Says which key and which file.
#[derive(Debug, thiserror::Error)]
#[error("{section}.{member}: {}: {why}", file.display())]
pub struct TlsError {
    section: &'static str,
    member: &'static str,
    file: PathBuf,
    why: String,
}

/// How a listener's certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The configuration's section that names it.
    pub section: &'static str,
    /// When it expires; none if the certificate does not tell in a way that can be read.
    pub not_after: Option<SystemTime>,
    /// Since when it is in use.
    pub since: SystemTime,
    /// Why the files as they are now are not in use.
    pub error: Option<String>,
}

/// The certificate of one listener.
pub struct Certificates {
    files: Files,
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    state: Mutex<State>,
}

/// What new connections get.
struct Current(ArcSwap<CertifiedKey>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The content of both files.
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be read or is no PEM, or the key is not the certificate's.
    pub fn open(files: Files) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        files.warn_of_readers();
        let (key, not_after) = files.parse(&files.read()?, &provider)?;
        if not_after.is_some_and(|end| end < SystemTime::now()) {
            tracing::warn!(file = %files.certificate.display(), "the certificate has expired: callers will refuse it");
        }
        let current = Arc::new(Current(ArcSwap::from_pointee(key)));
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Current>::clone(&current);
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| files.wrong("certificate", &files.certificate, error.to_string()))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        // No HTTP/2: nobody is known to need it, and it brings attacks of its own.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let state = State { section: files.section, not_after, since: SystemTime::now(), error: None };
        Ok(Self { files, acceptor: TlsAcceptor::from(Arc::new(config)), current, state: Mutex::new(state) })
    }

    /// How the certificate is now.
    pub fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Looks at the files every so often until `stop`: at what is in them, so that a changed link or a time stamp that
    /// stayed makes no difference.
    pub async fn watch(self: Arc<Self>, every: Duration, stop: CancellationToken) {
        let mut seen = self.files.read().ok().map(|pair| pair.digest());
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stop.cancelled() => return,
            }
            let certificates = Arc::clone(&self);
            let read = tokio::task::spawn_blocking(move || certificates.files.read()).await;
            let Ok(read) = read else { continue };
            let digest = read.as_ref().ok().map(Pair::digest);
            if digest.is_none() || digest != seen {
                self.take(read);
            }
            seen = digest;
        }
    }

    /// Uses what was read if it is good; else says why not, once.
    fn take(&self, read: Result<Pair, TlsError>) {
        let provider = self.acceptor.config().crypto_provider();
        let taken = read.and_then(|pair| self.files.parse(&pair, provider)).and_then(|(key, not_after)| {
            if not_after.is_some_and(|end| end < SystemTime::now()) {
                return Err(self.files.wrong("certificate", &self.files.certificate, "it has expired".to_owned()));
            }
            Ok((key, not_after))
        });
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match taken {
            Ok((key, not_after)) => {
                self.current.0.store(Arc::new(key));
                *state = State { not_after, since: SystemTime::now(), error: None, ..*state };
                tracing::info!(file = %self.files.certificate.display(), "a new certificate is in use");
                self.files.warn_of_readers();
            }
            Err(error) => {
                let error = error.to_string();
                if state.error.as_ref() != Some(&error) {
                    tracing::warn!(error, "the new certificate is not good; the old one stays in use");
                    state.error = Some(error);
                }
            }
        }
    }
}

impl Pair {
    fn digest(&self) -> [u8; 32] {
        // Of the digests, because of two contents side by side the border could be anywhere.
        let each = [&self.certificate, &self.key].map(Sha256::digest);
        Sha256::digest(each.concat()).into()
    }
}

impl Files {
    fn read(&self) -> Result<Pair, TlsError> {
        let read = |member, file: &Path| {
            fs::read(file).map_err(|error| self.wrong(member, file, format!("cannot be read: {}", cause(&error))))
        };
        Ok(Pair { certificate: read("certificate", &self.certificate)?, key: read("key", &self.key)? })
    }

    /// The certificate with its key, and when it expires.
    fn parse(&self, pair: &Pair, provider: &CryptoProvider) -> Result<(CertifiedKey, Option<SystemTime>), TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pair.certificate).collect();
        let chain = chain.map_err(|error| self.wrong("certificate", &self.certificate, told(&error)))?;
        let Some(first) = chain.first() else {
            return Err(self.wrong("certificate", &self.certificate, "there is no certificate in it (PEM)".to_owned()));
        };
        let not_after = not_after(first);
        let key =
            PrivateKeyDer::from_pem_slice(&pair.key).map_err(|error| self.wrong("key", &self.key, told(&error)))?;
        let pair = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                let why = format!("it is not the key of the certificate in {}", self.certificate.display());
                self.wrong("key", &self.key, why)
            }
            Error::InvalidCertificate(why) => {
                self.wrong("certificate", &self.certificate, format!("it is no certificate: {why:?}"))
            }
            other => self.wrong("key", &self.key, format!("it cannot be used: {other}")),
        })?;
        Ok((pair, not_after))
    }

    fn wrong(&self, member: &'static str, file: &Path, why: String) -> TlsError {
        TlsError { section: self.section, member, file: file.to_owned(), why }
    }

    fn warn_of_readers(&self) {
        let mode = fs::metadata(&self.key).map_or(0, |found| found.permissions().mode());
        // The owner may do anything and the group may read.
        if mode & 0o037 != 0 {
            let (file, mode) = (self.key.display(), format!("{:04o}", mode & 0o7777));
            tracing::warn!(%file, mode, "others can read or change the private key: chmod 0600 it");
        }
    }
}

fn cause(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound { "there is no such file".to_owned() } else { error.to_string() }
}

fn told(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "there is no private key in it (PEM)".to_owned(),
        error => format!("it is no PEM: {error}"),
    }
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate().validity().not_after.to_system_time())
}

#[cfg(test)]
mod tests {
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// A certificate in files of its own, and a client that believes it and offers these protocols.
    fn both(protocols: &[&str]) -> (Certificates, TlsConnector) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = Files { certificate: path("cert.pem"), key: path("key.pem"), section: "tls" };
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let client = client.with_safe_default_protocol_versions().unwrap();
        let mut client = client.with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        (Certificates::open(files).unwrap(), TlsConnector::from(Arc::new(client)))
    }

    /// What server and client agree on, if they do.
    async fn agreed(protocols: &[&str]) -> Result<Option<Vec<u8>>, io::Error> {
        let (certificates, client) = both(protocols);
        let (here, there) = tokio::io::duplex(16 << 10);
        let name = ServerName::try_from("localhost").unwrap();
        let (served, _called) = tokio::join!(certificates.acceptor().accept(here), client.connect(name, there));
        served.map(|stream| stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
    }

    #[tokio::test]
    async fn only_http_1_1_is_agreed_on() {
        assert_eq!(agreed(&["h2", "http/1.1"]).await.unwrap().unwrap(), b"http/1.1");
        assert_eq!(agreed(&[]).await.unwrap(), None);
        assert!(agreed(&["h2"]).await.is_err());
    }

    #[test]
    fn the_state_tells_the_expiry_and_what_is_wrong_with_newer_files() {
        let (certificates, _) = both(&[]);
        let state = certificates.state();
        assert!(state.not_after.unwrap() > SystemTime::now() && state.error.is_none(), "{state:?}");
        certificates.take(Ok(Pair { certificate: Vec::new(), key: Vec::new() }));
        let bad = certificates.state();
        assert!(bad.error.as_ref().unwrap().contains("tls.certificate"), "{bad:?}");
        assert_eq!((bad.not_after, bad.since), (state.not_after, state.since));
    }
}
