//! What is neither an interaction nor a notification: other methods, other paths, other protocols, nobody's keys.

use std::time::Duration;

use serde_json::{Value, json};

use super::smuggling::{nobody_got_through, node};
use super::{answers, farewell, push, still_serves};
use crate::host::{Host, TEST_KEY, sdk_body};
use crate::trust::{Dice, rounds};
use crate::wire;

#[test]
fn http_2_is_not_spoken() {
    let host = node();
    let settings = "\0\0\0\x04\0\0\0\0\0";
    for preface in
        ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{settings}")]
    {
        let (said, after) = farewell(&host.edge, preface.as_bytes());
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
        assert!(after < Duration::from_secs(5), "closed after {after:?}");
    }
    // What could be upgraded is answered as it is.
    for protocol in ["h2c", "websocket", "TLS/1.0"] {
        let lines = format!(
            "connection: upgrade, http2-settings, close\r\nupgrade: {protocol}\r\nhttp2-settings: AAMAAABk\r\n"
        );
        let (said, _) = farewell(&host.edge, push("acme", &lines).as_bytes());
        assert!(said.starts_with("HTTP/1.1 200") && answers(&said) == 1, "{protocol}: {said}");
        assert!(!said.to_lowercase().contains("upgrade"), "{protocol}: {said}");
    }
    nobody_got_through(&host);
}

#[test]
fn tunnels_are_not_dug() {
    let host = node();
    for target in ["127.0.0.1:80", "x:443", "/healthz", "http://x/"] {
        let name = target.trim_start_matches("http://").trim_end_matches('/');
        let request =
            format!("CONNECT {target} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n{}", push("victim", ""));
        let (said, _) = farewell(&host.edge, request.as_bytes());
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4") && answers(&said) == 1, "{target}: {said}");
    }
    nobody_got_through(&host);
}

#[test]
fn random_requests_are_refused_and_no_guest_hears_of_them() {
    const METHODS: [&str; 12] =
        ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "BREW", "PROPFIND", "post", "M-SEARCH"];
    const PIECES: [&str; 18] = [
        "/",
        "//",
        "channels",
        "victim",
        "inventory_push_v1",
        "inventory_push",
        "notifications",
        "payment",
        "..",
        ".",
        "%2e%2e",
        "%2F",
        "%00",
        "VICTIM",
        "healthz",
        "readyz",
        "v1",
        "é",
    ];
    const KINDS: [&str; 8] = [
        "application/json",
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "",
        "*/*",
    ];
    let host = node();
    let mut dice = Dice::thrown("random requests");
    let mut pick = |from: &[&'static str]| from[usize::try_from(dice.below(from.len() as u64)).unwrap()];
    let good = sdk_body(TEST_KEY, "inventory_push", &json!({}));
    let total = rounds(1500, 30_000);
    let (agent, mut seen) = (wire::agent(), std::collections::BTreeMap::<u16, u64>::new());
    for _ in 0..total {
        let method = pick(&METHODS);
        let path: String = match pick(&["whole", "pieces", "pieces"]) {
            "whole" => {
                pick(&["/channels/victim/inventory_push_v1", "/channels/victim/notifications", "/inventory_push_v1"])
                    .to_owned()
            }
            _ => (0..6).map(|n| if n == 0 { "/" } else { pick(&PIECES) }).collect(),
        };
        // The good body only where it opens nothing.
        let opens = method == "POST" && path.replace("//", "/").starts_with("/channels/victim/inventory_push_v1");
        let body = if opens { pick(&["", "x", "{}", "{\"integration_auth_token\":\"x\"}"]) } else { good.as_str() };
        let body = if method == "GET" || method == "HEAD" { "" } else { body };
        let url = format!("http://{}{}", host.edge, path.replace('é', "%C3%A9"));
        let answer = wire::try_send(&agent, method, &url, &[("content-type", pick(&KINDS))], body.as_bytes());
        let Ok(answer) = answer else { continue };
        let health = path
            .replace("//", "/")
            .trim_start_matches('/')
            .split(['?', '/'])
            .next()
            .is_some_and(|first| first.ends_with('z'));
        let expected = [400, 401, 404, 405].contains(&answer.status) || health && answer.status == 200;
        assert!(expected, "{method} {path}: {answer:?}");
        *seen.entry(answer.status).or_default() += 1;
    }
    println!("{total} random requests: {seen:?}");
    assert!(seen.values().sum::<u64>() > total * 9 / 10 && seen.len() >= 3, "{seen:?}");
    still_serves(&host);
    nobody_got_through(&host);
}

#[test]
fn a_channels_own_host_name_opens_nothing_without_the_key_either() {
    let host = Host::start();
    host.wharf(&["channel", "create", "acme", "--mode", "production", "--host", "acme.example.com"]);
    let answer = |path: &str, name: &str, key: &Value| {
        let body = json!({ "integration_auth_token": key, "action": "x" }).to_string();
        let url = format!("http://{}{path}", host.edge);
        let answer = wire::post(&url, &[("host", name), ("x-api-key", key.as_str().unwrap_or(""))], &body);
        let headers: Vec<_> = answer.headers.into_iter().filter(|(name, _)| name != "date").collect();
        (answer.status, headers, answer.body)
    };
    let mut routes: Vec<String> =
        wharf_protocol::sdk::Interaction::ALL.iter().map(|one| format!("/{}", one.path())).collect();
    routes.extend(["/notifications".to_owned(), "/payment/wrong".to_owned(), "/payment/wrong?storeID=1".to_owned()]);
    let mut compared = 0;
    for path in &routes {
        let expected = answer(path, "nobody.example.com", &json!("x"));
        assert_eq!(expected.0, 401, "{path}");
        for key in [json!(TEST_KEY), json!(""), json!(null), json!("wrong"), json!("клю"), json!("x".repeat(5000))] {
            assert_eq!(answer(path, "acme.example.com", &key), expected, "{path} {key}");
            compared += 1;
        }
    }
    println!("{compared} answers to wrong keys are the same as those of unknown channels");
}

#[test]
fn keys_are_compared_in_constant_time_only() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src/edge/auth.rs");
    let code = std::fs::read_to_string(file).unwrap();
    let admit = code.split("fn admit(").nth(1).unwrap().split("\n}\n").next().unwrap();
    assert!(admit.contains("ct_eq") && admit.contains("known & given"), "{admit}");
    for shortcut in ["==", "!=", ".any(", ".contains(", ".find(", "return"] {
        assert!(!admit.contains(shortcut), "{shortcut} in {admit}");
    }
}
