//! TLS: what a node starts with, what it changes to, and what it does not fall for.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::last_words;
use crate::host::{Host, SOON, TEST_KEY, sdk_body, serve, wait_for};
use crate::wire;

/// A certificate that is its own authority, and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    Pair { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

/// The files of a node's certificate.
struct Files {
    folder: TempDir,
}

impl Files {
    fn of(pair: &Pair) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.write("edge.pem", &pair.certificate);
        files.write("edge.key", &pair.key);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn config(&self, section: &str, more: &str) -> String {
        let path = |name: &str| Value::from(self.path(name).to_str().unwrap()).to_string();
        format!("[{section}]\ncertificate = {}\nkey = {}\n{more}", path("edge.pem"), path("edge.key"))
    }
}

/// A client that believes this certificate only, and connects anew for every request.
fn believer(certificate: &str) -> ureq::Agent {
    let root = ureq::tls::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::from([root])).build();
    let config = ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).max_idle_connections(0);
    config.timeout_global(Some(Duration::from_mins(1))).build().into()
}

fn call(host: &Host, agent: &ureq::Agent) -> Result<u16, ureq::Error> {
    let body = sdk_body(TEST_KEY, "inventory_push", &json!({}));
    let url = format!("https://{}/channels/acme/inventory_push_v1", host.edge);
    wire::try_send(agent, "POST", &url, &[], body.as_bytes()).map(|answer| answer.status)
}

#[test]
fn the_edge_speaks_tls_only_when_it_has_a_certificate() {
    let pair = pair();
    let host = Host::with_config(&Files::of(&pair).config("tls", "handshake-time = \"600ms\"\n"));
    host.serving("acme", "echo", &[]);
    assert_eq!(call(&host, &believer(&pair.certificate)).unwrap(), 200);
    assert!(call(&host, &believer(&self::pair().certificate)).is_err(), "another certificate is believed");
    // A silent handshake holds nobody up, and ends after its time; plain HTTP is no handshake.
    let silent = TcpStream::connect(&host.edge).unwrap();
    assert_eq!(call(&host, &believer(&pair.certificate)).unwrap(), 200);
    let (said, after) = last_words(silent);
    assert!(said.is_empty() && after < Duration::from_secs(4), "a handshake of 600 ms ended after {after:?}: {said:?}");
    let mut plain = TcpStream::connect(&host.edge).unwrap();
    plain.write_all(super::push("acme", "").as_bytes()).unwrap();
    let (said, after) = last_words(plain);
    assert!(!said.contains("HTTP/") && after < SOON, "{said:?}");
}

/// What `wharf serve` says when it does not start with this configuration.
fn refuses(config: &str) -> String {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("wharf.toml");
    std::fs::write(&file, config).unwrap();
    let output = serve(data.path(), Some(&file)).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_node_does_not_start_with_a_bad_certificate_and_says_which_file() {
    let good = pair();
    for (section, name, text, words) in [
        ("tls", "edge.pem", "", ["tls.certificate", "no certificate in it"]),
        ("tls", "edge.pem", "hello", ["tls.certificate", "no certificate in it"]),
        ("tls", "edge.pem", &good.key, ["tls.certificate", "no certificate in it"]),
        ("tls", "edge.pem", &good.certificate[..300], ["tls.certificate", "no PEM"]),
        (
            "tls",
            "edge.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            ["tls.certificate", "no certificate"],
        ),
        ("tls", "edge.key", &good.certificate, ["tls.key", "no private key in it"]),
        ("admin", "edge.key", &pair().key, ["admin.key", "not the key of the certificate"]),
        (
            "admin",
            "edge.key",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            ["admin.key", "cannot be used"],
        ),
    ] {
        let files = Files::of(&good);
        files.write(name, text);
        let said = refuses(&files.config(section, ""));
        let path = files.path(name).display().to_string();
        for word in words.into_iter().chain([path.as_str()]) {
            assert!(said.contains(word), "{word:?} is not in {said}");
        }
        assert!(!said.contains("BEGIN"), "{said}");
    }
    let files = Files::of(&good);
    std::fs::remove_file(files.path("edge.key")).unwrap();
    assert!(refuses(&files.config("tls", "")).contains("edge.key: cannot be read: there is no such file"));
    for (given, missing) in [("certificate", "key"), ("key", "certificate")] {
        let said = refuses(&format!("[tls]\n{given} = \"x\"\n"));
        assert!(said.contains(&format!("tls.{missing}: expected a file because tls.{given} names one")), "{said}");
    }
}

#[test]
fn a_new_certificate_is_used_when_it_is_good_and_not_before() {
    let (old, new, third) = (pair(), pair(), pair());
    let files = Files::of(&old);
    let host = Host::with_config(&files.config("tls", "check = \"50ms\"\n"));
    host.serving("acme", "echo", &[]);
    // A client of its own for every call: one that has been served may resume its session without looking again.
    let serves = |pair: &Pair| call(&host, &believer(&pair.certificate)).is_ok_and(|status| status == 200);
    let over = AtomicBool::new(false);
    let warned = |count: usize| host.log().matches("the old one stays in use").count() >= count;
    let calls = std::thread::scope(|scope| {
        // Whatever happens to the files, callers who believe all three are served.
        let steady = scope.spawn(|| {
            let (mut count, began) = (0, Instant::now());
            while !over.load(Ordering::Relaxed) && began.elapsed() < SOON {
                let any = [&old, &new, &third].into_iter().any(serves);
                assert!(any, "nobody was served");
                count += 1;
            }
            count
        });
        files.write("edge.pem", &new.certificate);
        wait_for("a warning about the pair", || warned(1));
        assert!(host.log().contains("not the key of the certificate"), "{}", host.log());
        assert!(serves(&old));
        files.write("edge.key", "-----BEGIN PRIV");
        wait_for("a warning about the key", || warned(2));
        assert!(serves(&old));
        files.write("edge.key", &new.key);
        wait_for("the new certificate", || serves(&new));
        assert!(!serves(&old));
        // As deployment tools do it: the path is a link, and the link moves.
        let folder = files.folder.path();
        for (name, text) in [("edge.pem", &third.certificate), ("edge.key", &third.key)] {
            files.write(&format!("third-{name}"), text);
            let link = folder.join(format!("link-{name}"));
            symlink(Path::new(&format!("third-{name}")), &link).unwrap();
            std::fs::rename(link, folder.join(name)).unwrap();
        }
        wait_for("the certificate behind the link", || serves(&third));
        std::fs::remove_file(files.path("third-edge.key")).unwrap();
        wait_for("a warning about the lost file", || host.log().contains("there is no such file"));
        assert!(serves(&third));
        over.store(true, Ordering::Relaxed);
        steady.join().unwrap()
    });
    println!("{calls} callers were served while certificates changed three times and were bad four times");
}

#[test]
fn an_expired_certificate_does_not_replace_a_good_one_and_an_open_key_is_told() {
    let good = pair();
    let files = Files::of(&good);
    std::fs::set_permissions(files.path("edge.key"), PermissionsExt::from_mode(0o644)).unwrap();
    let host = Host::with_config(&files.config("tls", "check = \"50ms\"\n"));
    host.serving("acme", "echo", &[]);
    assert!(host.log().contains("chmod 0600"), "{}", host.log());
    let mut expired = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    expired.not_before = rcgen::date_time_ymd(2020, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    files.write("edge.key", &key.serialize_pem());
    files.write("edge.pem", &expired.self_signed(&key).unwrap().pem());
    wait_for("a warning", || host.log().contains("it has expired"));
    assert_eq!(call(&host, &believer(&good.certificate)).unwrap(), 200);
    let told = host.wharf(&["status"])["certificates"][0].clone();
    assert!(
        told["section"] == "tls" && told["error"].as_str().is_some_and(|error| error.contains("expired")),
        "{told}"
    );
    assert!(told["valid_for_s"].as_u64().is_some_and(|left| left > 86_400), "{told}");
    let metrics = host.admin("GET", "/metrics", None).body;
    assert!(metrics.contains("wharf_certificate_valid_seconds{section=\"tls\"}"), "{metrics}");
}

#[test]
fn the_command_line_talks_to_an_encrypted_admin_api() {
    let pair = pair();
    let files = Files::of(&pair);
    let host = Host::with_config(&files.config("admin", ""));
    let wharf = |args: &[&str]| {
        let mut command = host.command(args);
        command.env("WHARF_ADMIN_URL", format!("https://{}", host.admin));
        command
    };
    let trusted = files.path("edge.pem");
    let output = wharf(&["channel", "list", "--json"]).env("WHARF_CA_FILE", &trusted).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), json!([]));
    let stranger = wharf(&["channel", "list"]).output().unwrap();
    assert_eq!(stranger.status.code(), Some(1), "{stranger:?}");
    let missing = wharf(&["channel", "list", "--ca-file", "nowhere.pem"]).output().unwrap();
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(missing.status.code() == Some(2) && said.contains("nowhere.pem"), "{missing:?}");
}
