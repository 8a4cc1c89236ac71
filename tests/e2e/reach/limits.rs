use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::host::{alone, wait_for};
use crate::upstream::{FINE, Upstream};

#[test]
fn each_limit_of_a_request_is_told_to_its_component() {
    let silent = Upstream::silent();
    let wordy = Upstream::start(|stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nx-long: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(10_000));
    });
    let fine = Upstream::plain(FINE);
    let host = node("request = \"4KiB\"\nheader-size = \"8KiB\"\nconnect-time = \"300ms\"\nfirst-byte-time = \"3s\"\n");
    let header = format!("header=x-long: {}", "x".repeat(9000));
    for (what, upstream, tls, settings, told) in [
        ("a body within its limit", &fine, false, &["method=POST", "body_kb=4"][..], "status 200"),
        ("a body", &fine, false, &["method=POST", "body_kb=5"], "body"),
        ("a head of its own", &fine, false, &[header.as_str()], "header"),
        ("a head that comes", &wordy, false, &[], "header"),
        ("no TLS in time", &silent, true, &[], "timed out"),
        ("less time than the node's", &silent, false, &["timeout_ms=0"], "timed out"),
    ] {
        let scheme = if tls { "https" } else { "http" };
        let url = format!("url={scheme}://{}/", upstream.address);
        fetching(&host, "acme", &[&upstream.address], &[&[url.as_str()], settings].concat());
        let began = Instant::now();
        let said = notes(&host, "acme")[0].to_lowercase();
        assert!(said.contains(told), "{what}: {said}");
        assert!(began.elapsed() < Duration::from_secs(5), "{what}");
    }
}

#[test]
fn a_component_can_still_answer_when_its_upstream_does_not() {
    let silent = Upstream::silent();
    let host = Host::with_config(
        "[call]\nsdk-deadline = \"2s\"\n[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\nmargin = \"1s\"\n",
    );
    host.channel("acme");
    fetching(&host, "acme", &[&silent.address], &[&format!("url={}", silent.url())]);
    assert_eq!(notes(&host, "acme"), ["request timed out"]);
}

#[test]
fn requests_at_the_same_time_wait_for_a_place() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (Arc::clone(&now), Arc::clone(&most));
    let upstream = Upstream::start(move |stream| {
        let count = inside.fetch_add(1, Ordering::SeqCst) + 1;
        peak.fetch_max(count, Ordering::SeqCst);
        // Long enough for others to come, if they may.
        let (_sender, never) = std::sync::mpsc::channel::<()>();
        let _ = never.recv_timeout(Duration::from_millis(50));
        inside.fetch_sub(1, Ordering::SeqCst);
        let _ = stream.write_all(FINE.as_bytes());
    });
    let host = node("concurrent = 2\n");
    fetching(&host, "acme", &[&upstream.address], &[&format!("url={}", upstream.url()), "parallel=10"]);
    assert_eq!(notes(&host, "acme"), vec!["status 200"; 10]);
    println!("10 requests at once, {} at most inside", most.load(Ordering::SeqCst));
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)) && upstream.seen().len() == 10);
}

#[test]
fn a_connection_serves_its_channel_again_and_no_other() {
    let upstream = Upstream::plain(FINE);
    let host = node("");
    host.channel("other");
    for channel in ["acme", "other"] {
        fetching(&host, channel, &[&upstream.address], &[&format!("url={}", upstream.url())]);
    }
    for _ in 0..10 {
        assert_eq!(notes(&host, "acme"), ["status 200"]);
    }
    let own = upstream.connections();
    assert!(own < 10, "{own} connections for 10 requests");
    assert_eq!(notes(&host, "other"), ["status 200"]);
    assert_eq!(upstream.connections(), own + 1);
    host.wharf(&["channel", "delete", "other"]);
    host.channel("other");
    fetching(&host, "other", &[&upstream.address], &[&format!("url={}", upstream.url())]);
    assert_eq!(notes(&host, "other"), ["status 200"]);
    assert_eq!(upstream.connections(), own + 2, "made again under its name, it is another channel");
    let closing = Upstream::plain(FINE);
    let host = node("idle-connections = 0\n");
    fetching(&host, "acme", &[&closing.address], &[&format!("url={}", closing.url()), "times=3"]);
    notes(&host, "acme");
    wait_for("each request to have its own connection", || closing.connections() == 3);
}

#[test]
fn a_file_of_authorities_that_is_none_keeps_the_node_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (folder.path().join("wharf.toml"), folder.path().join("data"));
    std::fs::write(&config, "[outbound]\nca-file = \"nowhere.pem\"\n").unwrap();
    let output = alone(&[
        "serve",
        "--edge",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--config",
        config.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("outbound.ca-file: nowhere.pem"), "{told}");
}

#[test]
fn the_journal_keeps_the_newest_requests_alone() {
    let upstream = Upstream::plain(FINE);
    let host = node("[journal]\noutbound = 6\n");
    fetching(&host, "acme", &[&upstream.address], &[&format!("url={}", upstream.url()), "times=2"]);
    let calls: Vec<_> = (0..12)
        .map(|_| host.sdk("acme", "inventory_push", json!({})).header("wharf-call-id").unwrap().to_owned())
        .collect();
    let requests = |call: &str| {
        let shown = host.cli(&["calls", "show", call, "--json"]);
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
        shown["outbound"].as_array().map(Vec::len)
    };
    wait_for("the last call's requests to be in the journal", || requests(&calls[11]) == Some(2));
    let kept: usize = calls.iter().filter_map(|call| requests(call)).sum();
    assert!((6..=12).contains(&kept), "{kept} requests are kept");
    assert_eq!(requests(&calls[0]), Some(0), "the oldest go first, and their call stays");
}
