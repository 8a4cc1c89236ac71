//! The limits of a request, each one below, at and above.

use serde_json::json;

use super::{answers, push, still_serves};
use crate::host::{Host, SOON, TEST_KEY, sdk_body, sdk_url};
use crate::wire;

/// The status of what comes back.
fn status(host: &Host, bytes: &str) -> String {
    let said = wire::raw(&host.edge, bytes.replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes(), SOON);
    assert!(answers(&said) == 1, "{said}");
    said[9..12].to_owned()
}

#[test]
fn a_head_has_its_size_to_the_byte() {
    let host = Host::with_config("[edge]\nheader-size = \"9KiB\"\n");
    host.serving("acme", "echo", &[]);
    let head = |size: usize| {
        let good = push("acme", "connection: close\r\nx-pad: \r\n");
        let length = good.find("\r\n\r\n").unwrap() + 4;
        good.replacen("x-pad: ", &format!("x-pad: {}", "a".repeat(size - length)), 1)
    };
    for (size, expected) in [(9215, "200"), (9216, "200"), (9217, "431"), (9218, "431"), (40_000, "431")] {
        let said = wire::raw(&host.edge, head(size).as_bytes(), SOON);
        assert!(said.starts_with(&format!("HTTP/1.1 {expected}")), "{size}: {said}");
    }
    still_serves(&host);
}

#[test]
fn a_head_has_so_many_lines_and_no_more() {
    for (config, limit) in [("", 100), ("[edge]\nheaders = 20\n", 20)] {
        let host = Host::with_config(config);
        host.serving("acme", "echo", &[]);
        // Three are there anyway.
        for (lines, expected) in [(limit - 1, "200"), (limit, "200"), (limit + 1, "431")] {
            let more = (3..lines).map(|n| format!("x-{n}: 1\r\n")).collect::<Vec<_>>().concat();
            assert_eq!(status(&host, &push("acme", &more)), expected, "{lines} of {limit}");
        }
    }
}

#[test]
fn a_notification_has_its_size_to_the_byte() {
    let host = Host::with_config("[edge]\nnotification-body = \"2KiB\"\n");
    let keys = host.serving("acme", "echo", &[]);
    for (size, expected) in [(2047, 200), (2048, 200), (2049, 413)] {
        let bare = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": {}, "pad": "" });
        let pad = "x".repeat(size - bare.to_string().len());
        let body = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": {}, "pad": pad });
        assert_eq!(host.notify("acme", &keys.notification, &body).status, expected, "{size}");
    }
}

#[test]
fn a_body_of_an_interaction_has_its_size_to_the_byte() {
    let host = Host::with_config("[edge]\nsdk-body = \"2KiB\"\n");
    host.serving("acme", "echo", &[]);
    let bare = sdk_body(TEST_KEY, "inventory_push", &json!({ "pad": "" }));
    for (size, expected) in [(2047, 200), (2048, 200), (2049, 413)] {
        let pad = "x".repeat(size - bare.len());
        let body = sdk_body(TEST_KEY, "inventory_push", &json!({ "pad": pad }));
        assert_eq!(wire::post(&sdk_url(&host.edge, "acme", "inventory_push"), &[], &body).status, expected, "{size}");
    }
}

#[test]
fn json_is_no_deeper_than_it_may_be() {
    let host = Host::with_config("[edge]\njson-depth = 10\n");
    let keys = host.serving("acme", "echo", &[]);
    for (depth, expected) in [(9, 200), (10, 200), (11, 400)] {
        // The body is the first level.
        let lists = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let nested: serde_json::Value = serde_json::from_str(&lists).unwrap();
        let body = sdk_body(TEST_KEY, "inventory_push", &json!({ "nested": nested }));
        let answer = wire::post(&sdk_url(&host.edge, "acme", "inventory_push"), &[], &body);
        assert_eq!(answer.status, expected, "{depth}: {answer:?}");
        let note = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": nested });
        let answer = host.notify("acme", &keys.notification, &note);
        assert_eq!(answer.status, expected, "{depth}: {answer:?}");
    }
}

#[test]
fn json_has_so_many_keys_and_values_and_no_more() {
    let host = Host::with_config("[edge]\njson-tokens = 1000\n");
    let keys = host.serving("acme", "echo", &[]);
    // The object and its two members of the envelope's form are 12 parts; the list is one more, and its key another.
    let own = ["{", "a", "x", "v", "1", "c", "7", "ci", "{", "id", "3", "k", "t", "l", "["].len();
    for (parts, expected) in [(999, 200), (1000, 200), (1001, 400)] {
        let body = sdk_body(TEST_KEY, "inventory_push", &json!({ "list": vec![1; parts - own] }));
        let answer = wire::post(&sdk_url(&host.edge, "acme", "inventory_push"), &[], &body);
        assert_eq!(answer.status, expected, "{parts}: {answer:?}");
        if expected == 400 {
            assert_eq!(answer.code(), "HOST_MALFORMED");
            assert!(answer.body.contains("edge.json-tokens"), "{answer:?}");
        }
    }
    let notification = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": { "list": vec![0; 1000] } });
    let answer = host.notify("acme", &keys.notification, &notification);
    assert!(answer.status == 400 && answer.body.contains("edge.json-tokens"), "{answer:?}");
}

/// The most memory that the node ever had, in KiB.
fn peak(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn hostile_json_costs_little_more_than_its_bytes() {
    let host = Host::start();
    host.serving("acme", "echo", &[]);
    let url = sdk_url(&host.edge, "acme", "inventory_push");
    still_serves(&host);
    let before = peak(&host);
    let whole = 4 << 20;
    let bodies = [
        "[".repeat(whole - 100),
        "{\"a\":".repeat(whole / 5 - 100),
        format!("[{}1]", "1,".repeat(whole / 2 - 100)),
        format!("{{{}\"a\":1}}", "\"a\":1,".repeat(whole / 6 - 100)),
        format!("[{}[]]", "[],".repeat(whole / 3 - 100)),
        format!("{{\"integration_auth_token\":\"{}\"}}", "\\u0041".repeat(whole / 6 - 100)),
        format!("\"{}\"", "\\\\".repeat(whole / 2 - 100)),
        format!("{}1", "-".repeat(whole - 100)),
    ];
    for body in &bodies {
        let answer = wire::post(&url, &[], body);
        assert!([400, 401].contains(&answer.status), "{answer:?}");
        assert!(answer.body.len() < 1000, "{} bytes are told", answer.body.len());
    }
    let grown = peak(&host).saturating_sub(before);
    println!("{} hostile bodies of 4 MiB: the node grew by {grown} KiB at most", bodies.len());
    assert!(grown < 48 << 10, "the node grew by {grown} KiB");
    still_serves(&host);
}
