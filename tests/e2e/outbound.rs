//! What a component may reach: nothing that was not granted, and nobody for long.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::host::{Host, plugin, wait_for};
use crate::upstream::{FINE, Upstream};
use crate::wire::Answer;

/// What a release is, and the flags that grant it something.
type Granted<'a> = (&'a str, &'a [&'a str]);

const HTTP: &str = "allow-http = true\n";
const LOCAL: &str = "allow-private = [\"127.0.0.0/8\"]\n";

fn node(outbound: &[&str]) -> Host {
    let host = Host::with_config(&format!("[call]\nsdk-deadline = \"6s\"\n[outbound]\n{}", outbound.concat()));
    host.channel("acme");
    host
}

/// Deploys a plugin that gets this URL; `more` are further options.
fn fetching(host: &Host, channel: &str, url: &str, more: &[&str]) {
    let (file, setting) = (plugin("chaos"), format!("url={url}"));
    let args = ["deploy", channel, file.to_str().unwrap(), "--set", "behaviour=fetch", "--set", &setting];
    host.wharf(&[&args, more].concat());
}

fn call(host: &Host, channel: &str) -> Answer {
    host.sdk(channel, "inventory_push", json!({ "inventory_updates": [] }))
}

/// What the plugin tells of its request.
fn note(host: &Host) -> String {
    call(host, "acme").ok(200)["events"][0]["message"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_not_granted_is_denied_before_anybody_is_called() {
    let trap = Upstream::plain(FINE);
    let granted = ["--allow", &trap.address];
    let (other_port, other_name) = (format!("127.0.0.1:{}", trap.port ^ 1), format!("localhost:{}", trap.port));
    let cases: [(&[&str], &[Granted<'_>]); 4] = [
        (&[], &[("by default", &[])]),
        (&[LOCAL], &[("plain http", &granted)]),
        (&[HTTP], &[("a private address", &granted)]),
        (
            &[HTTP, LOCAL],
            &[
                ("without a grant", &[]),
                ("another port", &["--allow", &other_port]),
                ("the usual port alone", &["--allow", "127.0.0.1"]),
                ("another name for it", &["--allow", &other_name]),
            ],
        ),
    ];
    for (config, releases) in cases {
        let host = node(config);
        for (what, grants) in releases {
            let before = host.log().matches("refused a request").count();
            fetching(&host, "acme", &trap.url(), grants);
            let told = note(&host);
            assert!(told.contains("denied"), "{what}: {told}");
            wait_for("the log to tell why", || host.log().matches("refused a request").count() == before + 1);
        }
    }
    assert_eq!(trap.seen(), Vec::<String>::new());
}

#[test]
fn an_inner_address_is_found_out_in_every_spelling() {
    let trap = Upstream::plain(FINE);
    let host = node(&[HTTP]);
    for name in ["localhost", "LOCALHOST.", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.2"] {
        let url = format!("http://{name}:{}/", trap.port);
        fetching(&host, "acme", &url, &["--allow", &format!("{name}:{}", trap.port)]);
        let told = note(&host);
        assert!(!told.starts_with("status"), "{name}: {told}");
    }
    for name in ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "127.0.0.1."] {
        let grant = format!("{name}:{}", trap.port);
        let file = plugin("chaos");
        let (_, why) = host.refuses(&["deploy", "acme", file.to_str().unwrap(), "--allow", &grant]);
        assert!(why.contains("four decimal numbers"), "{name}: {why}");
        fetching(&host, "acme", &format!("http://{name}:{}/", trap.port), &["--allow", &trap.address]);
        let told = note(&host);
        assert!(!told.starts_with("status"), "{name}: {told}");
    }
    let user = format!("http://user@{}/", trap.address);
    fetching(&host, "acme", &user, &["--allow", &trap.address]);
    assert!(!note(&host).starts_with("status"));
    assert_eq!(trap.seen(), Vec::<String>::new());
}

#[test]
fn a_granted_host_is_called_and_a_redirect_is_not_followed() {
    let trap = Upstream::plain(FINE);
    let target = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", trap.url());
    let upstream = Upstream::start(move |stream| stream.write_all(target.as_bytes()).unwrap());
    let host = node(&[HTTP, LOCAL]);
    fetching(&host, "acme", &trap.url(), &["--allow", &trap.address]);
    assert_eq!(note(&host), "status 200");
    let seen = trap.seen();
    assert!(seen.len() == 1 && seen[0].starts_with("GET / HTTP/1.1\r\n"), "{seen:?}");
    assert!(seen[0].to_lowercase().contains(&format!("\r\nhost: {}\r\n", trap.address)), "{seen:?}");

    fetching(&host, "acme", &upstream.url(), &["--allow", &upstream.address, "--allow", &trap.address]);
    assert_eq!(note(&host), "status 302");
    assert_eq!((upstream.seen().len(), trap.seen().len()), (1, 1), "the redirect was followed");
}

#[test]
fn an_answer_over_its_limit_is_cut() {
    let body = "x".repeat(1 << 20);
    let plain = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let endless = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n", body.len());
    let host = node(&[HTTP, LOCAL, "response = \"64KiB\"\n"]);
    for answer in [plain, endless] {
        let upstream = Upstream::start(move |stream| {
            // The other side hangs up before it has read everything.
            let _ = stream.write_all(answer.as_bytes());
        });
        fetching(&host, "acme", &upstream.url(), &["--allow", &upstream.address]);
        let told = note(&host);
        assert!(!told.starts_with("status") && upstream.seen().len() == 1, "{told}");
    }
}

#[test]
fn a_slow_upstream_ends_at_its_limits() {
    let host = node(&[HTTP, LOCAL, "first-byte-time = \"500ms\"\nbetween-bytes-time = \"500ms\"\n"]);
    let pausing = Upstream::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
        let _ = stream.read(&mut [0]);
    });
    for (what, upstream) in [("no first byte", Upstream::silent()), ("a pause", pausing)] {
        fetching(&host, "acme", &upstream.url(), &["--allow", &upstream.address]);
        let began = Instant::now();
        let (told, took) = (note(&host), began.elapsed());
        assert!(told.contains("timed out") || told.contains("timeout"), "{what}: {told}");
        assert!((450..4000).contains(&took.as_millis()), "{what}: {took:?}");
    }
}

#[test]
fn a_deadline_after_a_request_was_sent_is_ambiguous() {
    let upstream = Upstream::silent();
    let host = Host::with_config(&format!("[call]\nsdk-deadline = \"1s\"\n[outbound]\n{HTTP}{LOCAL}"));
    host.channel("acme");
    let then = ["--allow", &upstream.address, "--set", "then_sleep_ms=60000", "--skip-preflight"];
    fetching(&host, "acme", &upstream.url(), &then);
    let began = Instant::now();
    let answer = call(&host, "acme");
    assert_eq!((answer.status, answer.code().as_str()), (504, "HOST_AMBIGUOUS"));
    assert!(began.elapsed() < Duration::from_secs(4));
    assert_eq!(upstream.seen().len(), 1);
    let id = answer.header("wharf-call-id").unwrap();
    wait_for("the call to be in the journal", || host.cli(&["calls", "show", id]).status.success());
    assert_eq!(host.wharf(&["calls", "show", id])["outcome"], "deadline");
}

#[test]
fn a_call_sends_no_more_requests_than_it_may() {
    let upstream = Upstream::plain(FINE);
    let host = node(&[HTTP, LOCAL, "requests = 2\n"]);
    let allow = ["--allow", &upstream.address];
    fetching(&host, "acme", &upstream.url(), &[&allow[..], &["--set", "times=2"]].concat());
    assert_eq!(note(&host), "status 200");
    assert_eq!(upstream.seen().len(), 2);
    fetching(&host, "acme", &upstream.url(), &[&allow[..], &["--set", "times=4"]].concat());
    assert!(!note(&host).starts_with("status"));
    assert_eq!(upstream.seen().len(), 4, "the limit is for each call");
}

#[test]
fn a_secret_is_put_into_a_header_and_the_guest_never_has_it() {
    let upstream = Upstream::plain(FINE);
    let host = node(&[HTTP, LOCAL]);
    host.channel("other");
    host.wharf(&["secret", "set", "acme", "API_KEY", "--value", "s3cret-0123456789"]);
    let header = "header=authorization: Bearer {{secret:API_KEY}}";
    let more = ["--allow", &upstream.address, "--set", header];
    // The manifest names what it uses.
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("wharf.toml");
    std::fs::write(&manifest, "secrets = [\"API_KEY\"]\n").unwrap();
    let more = [&more[..], &["--manifest", manifest.to_str().unwrap()]].concat();
    fetching(&host, "acme", &upstream.url(), &more);
    let answer = call(&host, "acme");
    assert_eq!(answer.ok(200)["events"][0]["message"], "status 200");
    let seen = upstream.seen();
    assert!(seen[0].contains("authorization: Bearer s3cret-0123456789\r\n"), "{seen:?}");

    fetching(&host, "other", &upstream.url(), &more);
    let told = call(&host, "other").ok(200)["events"][0]["message"].to_string();
    assert!(told.contains("denied"), "another channel has no such secret: {told}");
    assert_eq!(upstream.seen().len(), 1, "nothing is sent with a hole in it");

    // A release that does not name the secret does not get it, although the channel has it.
    fetching(&host, "acme", &upstream.url(), &["--allow", &upstream.address, "--set", header]);
    let told = call(&host, "acme").ok(200)["events"][0]["message"].to_string();
    assert!(told.contains("denied"), "an undeclared secret was used: {told}");
    assert_eq!(upstream.seen().len(), 1);
    let known = [answer.body, host.log(), host.wharf(&["releases", "acme"]).to_string()].concat();
    assert!(!known.contains("s3cret-0123456789"), "{known}");
}
