//! Requests whose head or path is wrong, and notifications that are not taken.

use serde_json::{Value, json};

use crate::host::{Host, Keys, SOON, TEST_KEY};
use crate::wire::{self, Answer};

/// The node is as good as before.
#[track_caller]
fn still_serves(host: &Host) {
    assert_eq!(host.sdk("acme", "inventory_push", json!({})).ok(200), json!({ "events": [] }));
}

fn body() -> String {
    json!({ "integration_auth_token": TEST_KEY, "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
        .to_string()
}

/// A node whose channel `acme` answers `inventory_push` and `contact.search`.
fn node() -> (Host, Keys) {
    let host = Host::start();
    let keys = host.serving("acme", "echo", &[]);
    (host, keys)
}

#[test]
fn heads_that_are_too_large_or_no_http_are_refused() {
    let (host, _) = node();
    let many = (0..200).fold(String::new(), |lines, n| lines + &format!("x-{n}: 1\r\n"));
    let post = |lines: &str| {
        format!("POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\n{lines}content-length: 0\r\n\r\n")
    };
    for head in [
        post(&many),
        post(&format!("x-long: {}\r\n", "a".repeat(40_000))),
        post("").replace("/channels", &"/a".repeat(40_000)),
    ] {
        let said = wire::raw(&host.edge, head.as_bytes(), SOON);
        assert!(said.starts_with("HTTP/1.1 431") || said.starts_with("HTTP/1.1 414"), "{said}");
        still_serves(&host);
    }
    for head in [
        "hello\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(),
        post("no colon here\r\n"),
        post("bad name : x\r\n"),
        post("content-length: 5\r\n"),
        post("content-length: +5\r\n"),
        post("x: \0\r\n"),
        post("").replace("HTTP/1.1", "HTTP/3.9"),
        post("transfer-encoding: chunked, identity\r\n"),
    ] {
        let said = wire::raw(&host.edge, head.as_bytes(), SOON);
        assert!(said.starts_with("HTTP/1.1 400") || said.is_empty(), "{head:?}: {said}");
        assert_eq!(said.matches("HTTP/1.1").count(), usize::from(!said.is_empty()), "one answer: {said}");
        still_serves(&host);
    }
}

#[test]
fn what_follows_a_body_is_never_another_request() {
    let (host, _) = node();
    let second = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    for lines in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding:\x0bchunked\r\n",
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4, 4\r\n",
    ] {
        let head = format!("POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\n{lines}\r\n0\r\n\r\n{second}");
        let (said, _) = wire::until_closed(&host.edge, head.as_bytes());
        assert!(said.starts_with("HTTP/1.1 400") && said.matches("HTTP/1.1").count() == 1, "{lines:?}: {said}");
        still_serves(&host);
    }
}

#[test]
fn wrong_paths_are_404_and_wrong_methods_405_with_what_is_allowed() {
    let (host, _) = node();
    let send = |method: &str, path: &str| wire::send(method, &format!("http://{}{path}", host.edge), &[], "");
    for path in [
        "/",
        "/channels",
        "/channels/acme",
        "/channels/acme/order_pull",
        "/channels/acme/order_pull_v2",
        "/channels/acme/nothing_v1",
        "/channels/acme/inventory_push_v1/",
        "/channels/acme/inventory_push_v1/x",
        "/channels/nobody/nothing_v1",
        "/v1/channels",
        "/metrics",
        "/channels/acme/../acme/inventory_push_v1",
        "/channels/acme/inventory%5Fpush_v1",
    ] {
        let answer = wire::post(&format!("http://{}{path}", host.edge), &[], &body());
        assert_eq!((answer.status, answer.code().as_str()), (404, "HOST_NO_SUCH_PATH"), "{path}");
    }
    for (path, allowed) in [
        ("/channels/acme/inventory_push_v1", "POST"),
        ("/channels/nobody/inventory_push_v1", "POST"),
        ("/channels/acme/notifications", "POST"),
        ("/channels/acme/payment/x", "GET, HEAD, POST"),
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "POST"] {
            let answer = send(method, path);
            if allowed.split(", ").any(|one| one == method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                continue;
            }
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
            if method != "HEAD" {
                assert_eq!(answer.code(), "HOST_WRONG_METHOD");
            }
        }
    }
    let head = send("HEAD", "/healthz");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    still_serves(&host);
}

#[test]
fn duplicate_slashes_host_names_and_queries_lead_to_the_same_channel() {
    let host = Host::start();
    let made = host.wharf(&["channel", "create", "acme", "--host", "acme.example.com", "--host", "shop.example.org"]);
    host.deploy("acme", "echo", &[]);
    let answered = |path: &str, name: &str| -> Answer {
        wire::post(&format!("http://{}{path}", host.edge), &[("host", name)], &body())
    };
    for path in [
        "/channels/acme/inventory_push_v1",
        "//channels/acme/inventory_push_v1",
        "/channels//acme///inventory_push_v1",
        "/channels/acme/inventory_push_v1?x=1&y=%20",
    ] {
        assert_eq!(answered(path, "whatever").ok(200)["events"][0]["message"], "1 units of A", "{path}");
    }
    for name in ["acme.example.com", "ACME.example.com:8080", "acme.example.com.", "shop.example.org"] {
        for path in ["/inventory_push_v1", "//inventory_push_v1", "/inventory_push_v1?x=1"] {
            assert_eq!(answered(path, name).status, 200, "{name} {path}");
        }
    }
    for name in ["example.com", "xacme.example.com", "acme.example.com.evil.example", ""] {
        assert_eq!(answered("/inventory_push_v1", name).status, 401, "{name}");
    }
    let search = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": {} }).to_string();
    let key = made["notification_key"].as_str().unwrap();
    let notified = |name: &str| {
        wire::post(&format!("http://{}/notifications", host.edge), &[("host", name), ("x-api-key", key)], &search)
    };
    assert_eq!((notified("acme.example.com").status, notified("other.example.com").status), (200, 401));
}

/// A notification that is refused: status, code, and an envelope that says so to the platform.
#[track_caller]
fn not_taken(answer: &Answer, status: u16, code: &str, word: &str) {
    let body = answer.ok(status);
    assert_eq!(
        (&body["success"], &body["errorCode"], &body["errorLevel"]),
        (&json!(false), &json!(code), &json!(3)),
        "{body}"
    );
    assert_eq!(body["events"][0]["code"], code);
    assert!(body["message"].as_str().unwrap().contains(word), "{word:?} is not in {body}");
    assert!(body.get("data").is_none(), "{body}");
}

#[test]
fn notifications_that_cannot_be_read_are_not_taken() {
    let (host, keys) = node();
    let url = format!("http://{}/channels/acme/notifications", host.edge);
    let post = |body: &str| wire::post(&url, &[("x-api-key", &keys.notification)], body);
    for (body, word) in [
        ("", "no notification"),
        ("hello", "neither"),
        ("[]", "neither"),
        ("{", "EOF"),
        ("{\"eventType\":\"contact.search\"} x", "trailing"),
        ("{\"eventType\":{}}", "text"),
        ("{\"eventType\":\"contact.search\",\"entityID\":1.5}", "integer"),
        ("{\"eventType\":\"contact.search\",\"entityID\":9223372036854775808}", "9223372036854775807"),
        ("{\"eventType\":\"contact.search\",\"eventType\":\"contact.search\"}", "duplicate"),
        ("{\"eventType\":\"contact.search\",\"data\":NaN}", "expected"),
    ] {
        not_taken(&post(body), 400, "HOST_MALFORMED", word);
    }
    let nested = format!("{{\"eventType\":\"contact.search\",\"data\":{}{}}}", "[".repeat(100), "]".repeat(100));
    not_taken(&post(&nested), 400, "HOST_MALFORMED", "64 levels");
    not_taken(
        &wire::send(
            "POST",
            &format!("{url}?notification=%5B%22contact.search%22%5D"),
            &[("x-api-key", &keys.notification)],
            "",
        ),
        400,
        "HOST_MALFORMED",
        "object",
    );
    for event in ["document.create", "workflow", "", "DOCUMENT.validation", "document.validation "] {
        not_taken(
            &post(&json!({ "eventType": event, "entityTypeID": 1 }).to_string()),
            422,
            "HOST_UNKNOWN_EVENT",
            event,
        );
    }
    not_taken(&post("{}"), 422, "HOST_UNKNOWN_EVENT", "");
    not_taken(&post(&format!("{{\"pad\":\"{}\"}}", "x".repeat(1 << 20))), 413, "HOST_TOO_LARGE", "1MiB");
    assert_eq!(host.wharf(&["notifications", "list", "acme"]), Value::Array(Vec::new()));
    still_serves(&host);
}
