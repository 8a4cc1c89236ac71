//! Senders that are slow, idle or endless, and those that listen only when they have sent everything.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::host::{Host, Keys, SOON, TEST_KEY};
use crate::wire;

/// The node is as good as before.
#[track_caller]
fn still_serves(host: &Host) {
    assert_eq!(host.sdk("acme", "inventory_push", json!({})).ok(200), json!({ "events": [] }));
}

/// A node whose channel `acme` answers `inventory_push` and `contact.search`.
fn node(config: &str) -> (Host, Keys) {
    let host = Host::with_config(config);
    let keys = host.serving("acme", "echo", &[]);
    (host, keys)
}

#[test]
fn slow_heads_and_slow_bodies_are_cut_off() {
    let (host, keys) = node("[edge]\nheader-time = \"300ms\"\nbody-time = \"300ms\"\n");
    for head in ["", "POST", "POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\nx-slow: a"] {
        let (said, after) = wire::until_closed(&host.edge, head.as_bytes());
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{head:?}: {said}");
        assert!(after >= Duration::from_millis(250) && after < Duration::from_secs(10), "{head:?}: {after:?}");
        still_serves(&host);
    }
    let notifications = format!("/channels/acme/notifications HTTP/1.1\r\nx-api-key: {}", keys.notification);
    for path in ["/channels/acme/inventory_push_v1 HTTP/1.1", &notifications] {
        for (framing, part) in [
            ("transfer-encoding: chunked", "5\r\n{\"a\":"),
            ("content-length: 100", "{\"a\":"),
            ("content-length: 100", ""),
        ] {
            let head = format!("POST {path}\r\nhost: x\r\n{framing}\r\n\r\n{part}");
            let answer = wire::raw_answer(&host.edge, head.as_bytes());
            assert_eq!((answer.status, answer.code().as_str()), (408, "HOST_SLOW_BODY"), "{framing}: {answer:?}");
            let (_, after) = wire::until_closed(&host.edge, head.as_bytes());
            assert!(after >= Duration::from_millis(250) && after < Duration::from_secs(10), "{framing}: {after:?}");
            still_serves(&host);
        }
    }
}

#[test]
fn a_connection_that_idles_between_two_requests_is_closed() {
    let (host, _) = node("[edge]\nidle-time = \"300ms\"\n");
    let body = json!({ "integration_auth_token": TEST_KEY }).to_string();
    let request = format!(
        "POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (said, _) = wire::until_closed(&host.edge, request.repeat(3).as_bytes());
    assert_eq!(said.matches("HTTP/1.1 200").count(), 3, "pipelined requests are all answered: {said}");
}

#[test]
fn who_sends_everything_before_listening_finds_the_answer_of_an_unwanted_body() {
    let (host, keys) = node("");
    let body = vec![b' '; 8 << 20];
    for (status, path, key) in [
        (413, "channels/acme/inventory_push_v1", ""),
        (413, "channels/acme/notifications", keys.notification.as_str()),
        (401, "channels/acme/notifications", "wrong"),
        (401, "channels/acme/payment/wrong", ""),
        (404, "channels/acme/nothing_v1", ""),
    ] {
        for _ in 0..3 {
            let answer =
                wire::send_bytes("POST", &format!("http://{}/{path}", host.edge), &[("x-api-key", key)], &body);
            assert_eq!(answer.status, status, "{path}");
        }
    }
    still_serves(&host);
}

#[test]
fn a_body_without_an_end_is_not_read_for_ever() {
    let (host, _) = node("");
    let mut socket = TcpStream::connect(&host.edge).unwrap();
    socket.set_write_timeout(Some(SOON)).unwrap();
    let head = "POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x1_0000], b"\r\n"].concat();
    let taken = (0..4096).take_while(|_| socket.write_all(&chunk).is_ok()).count();
    assert!((64..1024).contains(&taken), "{taken} pieces of 64 KiB were taken");
    still_serves(&host);
}
