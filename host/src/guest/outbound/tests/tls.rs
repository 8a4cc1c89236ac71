use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

fn acceptor(certificate: &rcgen::Certificate, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap()))
}

/// A company's own authority, and a certificate that it gave for these names.
pub(super) fn issued(names: &[&str]) -> (String, TlsAcceptor) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), acceptor(&certificate, &key))
}

#[tokio::test]
async fn a_certificate_is_trusted_if_its_authority_is_and_it_is_for_this_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let (authority, acceptor) = issued(&["localhost"]);
    std::fs::write(&file, authority).unwrap();
    let upstream = Upstream::at("127.0.0.1:0", say(FINE), Some(acceptor)).await;
    let port = upstream.address.port();
    let trusting = Rig::new(|limits| {
        limits.ca_file = file.to_str().unwrap().to_owned();
        limits.allow_private.push("::1/128".parse().unwrap());
    })
    .await;
    let hosts = [format!("localhost:{port}"), format!("127.0.0.1:{port}")];
    let hosts = [hosts[0].as_str(), hosts[1].as_str()];
    let fetch =
        async |rig: &Rig, host: &str| send(&mut rig.call("acme", &hosts), get(&format!("https://{host}/"))).await;
    assert_eq!(fetch(&trusting, hosts[0]).await.unwrap().body, "ok");
    assert_eq!(
        fetch(&trusting, hosts[1]).await.unwrap_err().to_string(),
        "TLS certificate error",
        "it is for another name"
    );
    let plain = Rig::new(|limits| limits.allow_private.push("::1/128".parse().unwrap())).await;
    assert_eq!(
        fetch(&plain, hosts[0]).await.unwrap_err().to_string(),
        "TLS certificate error",
        "nobody knows its authority"
    );
    let records = plain.records().await;
    assert_eq!(records[0].error.as_deref(), Some("certificate"));
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_refused_and_plain_http_is_no_tls() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let upstream = Upstream::at("127.0.0.1:0", say(FINE), Some(acceptor(&cert, &signing_key))).await;
    let rig = Rig::new(|_| {}).await;
    let url = |upstream: &Upstream| format!("https://{}/", upstream.address);
    let error = send(&mut rig.call("acme", &[&upstream.host()]), get(&url(&upstream))).await.unwrap_err();
    assert_eq!(error.to_string(), "TLS certificate error");
    let plain = Upstream::start(Does::Close(FINE.into())).await;
    let error = send(&mut rig.call("acme", &[&plain.host()]), get(&url(&plain))).await.unwrap_err();
    assert!(matches!(error, Error::TlsProtocolError | Error::ConnectionTimeout), "{error}");
}

#[test]
fn a_file_of_authorities_that_is_none_keeps_the_node_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for file in [empty, dir.path().join("missing.pem")] {
        let limits = limits(|limits| limits.ca_file = file.to_str().unwrap().to_owned());
        let error = Outbound::new(&limits).err().unwrap().to_string();
        assert!(error.starts_with("outbound.ca-file: ") && error.contains(".pem: "), "{error}");
    }
}
