//! Notifications of platforms that sign them, after Standard Webhooks 1.0.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::host::{Host, Keys, wait_for};
use crate::wire::{self, Answer};

const UNKNOWN: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Seconds since 1970, and so many more or less.
fn now(more: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + more
}

fn signature(secret: &str, id: &str, time: i64, body: &str) -> String {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(format!("{id}.{time}.{body}"));
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

fn url(host: &Host, channel: &str) -> String {
    format!("http://{}/channels/{channel}/notifications", host.edge)
}

fn post(host: &Host, channel: &str, (id, time, signature): (&str, &str, &str), body: &str) -> Answer {
    let headers = [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
    wire::post(&url(host, channel), &headers, body)
}

/// Sends it signed as it should be.
fn send(host: &Host, secret: &str, id: &str, body: &str) -> Answer {
    let time = now(0);
    post(host, "acme", (id, &time.to_string(), &signature(secret, id, time, body)), body)
}

fn rotate(host: &Host, more: &[&str]) -> String {
    let made = host.wharf(&[&["channel", "rotate", "acme", "webhook"][..], more].concat());
    made["webhook_secret"].as_str().unwrap().to_owned()
}

/// A node whose channel takes signed notifications only; its keys, and the secret.
fn signed(config: &str, settings: &[&str]) -> (Host, Keys, String) {
    let host = Host::with_config(&format!("[notification]\npayment-status = {{ pending = \"P\" }}\n{config}"));
    let keys = host.serving("acme", "chaos", settings);
    let secret = rotate(&host, &[]);
    host.wharf(&["channel", "set", "acme", "--notification-auth", "signature"]);
    (host, keys, secret)
}

fn contact(text: &str) -> String {
    json!({ "eventType": "contact.search", "entityTypeID": 1, "data": { "searchString": text } }).to_string()
}

fn payment(id: u64) -> String {
    let data = json!({ "documentTypeID": 2, "documentID": id, "amount": 5, "currencyCode": "EUR" });
    json!({ "eventType": "payment.validation", "entityTypeID": 2, "entityID": id, "data": data }).to_string()
}

/// What a caller can see of a no.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
    (answer.status, headers, answer.body.clone())
}

#[test]
fn a_channel_that_wants_signatures_takes_good_ones_and_nothing_else() {
    let (host, keys, secret) = signed("", &[]);
    let (id, body) = ("msg_1", contact("maya"));
    assert_eq!(send(&host, &secret, id, &body).ok(200)["success"], true);
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&body).unwrap()).unwrap();
    assert_eq!(send(&host, &secret, id, &pretty).status, 200, "it is the bytes that count");
    let time = now(0);
    let good = signature(&secret, id, time, &body);
    let several = format!("v1a,{} v1,{} {good}", &good[3..], BASE64_STANDARD.encode([0; 32]));
    assert_eq!(post(&host, "acme", (id, &time.to_string(), &several), &body).status, 200);

    let expected = seen(&host.notify("nobody", "x", &json!({})));
    assert_eq!(expected.0, 401);
    let other = host.serving("other", "chaos", &[]);
    host.wharf(&["channel", "rotate", "other", "webhook"]);
    let (stale, early) = (now(-400), now(400));
    let of = |secret: &str, id: &str, time: i64, body: &str| {
        (id.to_owned(), time.to_string(), signature(secret, id, time, body))
    };
    let good = of(&secret, id, time, &body);
    let signed_by =
        |parts: (String, String, String), channel: &str| post(&host, channel, (&parts.0, &parts.1, &parts.2), &body);
    for (name, answer) in [
        ("another's secret", signed_by(of(UNKNOWN, id, time, &body), "acme")),
        ("no secret at all", signed_by(of(UNKNOWN, id, time, &body), "nobody")),
        ("an unknown channel", signed_by(good.clone(), "nobody")),
        ("a channel that takes keys", signed_by(good.clone(), "other")),
        ("stale", signed_by(of(&secret, id, stale, &body), "acme")),
        ("early", signed_by(of(&secret, id, early, &body), "acme")),
        ("another id", signed_by(("msg_2".to_owned(), good.1.clone(), good.2.clone()), "acme")),
        ("another time", signed_by((good.0.clone(), (time + 1).to_string(), good.2.clone()), "acme")),
        ("another body", signed_by(of(&secret, id, time, &format!("{body} ")), "acme")),
        ("cut", signed_by((good.0.clone(), good.1.clone(), good.2[..good.2.len() - 8].to_owned()), "acme")),
        ("an unknown version", signed_by((good.0.clone(), good.1.clone(), good.2.replace("v1,", "v2,")), "acme")),
        ("no signature", wire::post(&url(&host, "acme"), &[("webhook-id", id), ("webhook-timestamp", &good.1)], &body)),
        ("the key", host.notify("acme", &keys.notification, &json!({}))),
        ("nothing", wire::post(&url(&host, "acme"), &[], &body)),
    ] {
        assert_eq!(seen(&answer), expected, "{name}");
    }
    assert_eq!(host.notify("other", &other.notification, &serde_json::from_str(&body).unwrap()).status, 200);

    let query = format!("{}?notification=%7B%7D", url(&host, "acme"));
    let time = good.1.as_str();
    let headers = [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", good.2.as_str())];
    let answer = wire::post(&query, &headers, &body);
    assert!(answer.status == 400 && answer.body.contains("is not signed"), "{answer:?}");
    host.wharf(&["channel", "set", "acme", "--notification-auth", "key"]);
    assert_eq!(seen(&signed_by(good, "acme")), expected, "keys again");
    assert_eq!(host.notify("acme", &keys.notification, &serde_json::from_str(&body).unwrap()).status, 200);
}

#[test]
fn what_is_no_signed_request_is_refused_before_its_body_and_a_body_has_its_limit() {
    let (host, _, secret) = signed("", &[]);
    let head = |channel: &str, headers: &str, length: usize| {
        format!(
            "POST /channels/{channel}/notifications HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n"
        )
    };
    let time = now(0);
    let claim = |time: i64| {
        format!(
            "webhook-id: a\r\nwebhook-timestamp: {time}\r\nwebhook-signature: {}\r\n",
            signature(&secret, "a", time, "")
        )
    };
    for (name, headers) in [("none", String::new()), ("stale", claim(now(-1000)))] {
        let answer = wire::raw_answer(&host.edge, head("acme", &headers, 100).as_bytes());
        assert_eq!(answer.status, 401, "{name}: without its body");
    }
    // One that may be good is waited for, on a channel that is there and on one that is not.
    for channel in ["acme", "nobody"] {
        let silent = wire::raw(&host.edge, head(channel, &claim(time), 100).as_bytes(), Duration::from_millis(300));
        assert_eq!(silent, "", "{channel}");
        let large = wire::raw_answer(&host.edge, head(channel, &claim(time), 2 << 20).as_bytes());
        assert_eq!((large.status, large.code().as_str()), (413, "HOST_TOO_LARGE"), "{channel}");
    }
}

#[test]
fn a_secret_is_rotated_with_grace_or_given_by_the_platform_and_never_shown_again() {
    let (host, _, first) = signed("", &[]);
    let body = contact("maya");
    let is_good = |host: &Host, secret: &str| send(host, secret, "m", &body).status == 200;
    let second = rotate(&host, &["--grace", "3600"]);
    assert!(is_good(&host, &first) && is_good(&host, &second) && first != second);
    let host = host.kill_and_restart();
    assert!(is_good(&host, &first) && is_good(&host, &second), "after a kill and a restart");
    let third = rotate(&host, &["--grace", "0"]);
    assert!(is_good(&host, &third) && !is_good(&host, &second) && !is_good(&host, &first));

    let given = format!("whsec_{}", BASE64_STANDARD.encode([9; 64]));
    let mut setting =
        host.command(&["channel", "set", "acme", "--webhook-secret-file", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    setting.stdin.take().unwrap().write_all(format!("{given}\n").as_bytes()).unwrap();
    assert!(setting.wait_with_output().unwrap().status.success());
    assert!(is_good(&host, &given) && is_good(&host, &third), "the one before is good for a day");
    let file = host.data().join("secret.txt");
    let fourth = format!("whsec_{}", BASE64_STANDARD.encode([8; 24]));
    std::fs::write(&file, &fourth).unwrap();
    let shown = host.wharf(&["channel", "set", "acme", "--webhook-secret-file", file.to_str().unwrap()]).to_string();
    std::fs::remove_file(&file).unwrap();
    assert!(is_good(&host, &fourth) && is_good(&host, &given) && !is_good(&host, &third));

    let kinds = host.wharf(&["channel", "show", "acme"])["keys"].to_string();
    assert!(kinds.contains("\"webhook\""), "{kinds}");
    let told =
        [shown, kinds, host.wharf(&["status"]).to_string(), host.wharf(&["channel", "list"]).to_string(), host.log()];
    let mut files = Vec::new();
    for entry in std::fs::read_dir(host.data()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        files.extend(std::fs::read(entry.path()).unwrap());
    }
    for secret in [&first, &second, &third, &given, &fourth] {
        let text = &secret["whsec_".len()..];
        assert!(told.iter().all(|told| !told.contains(text)), "a secret was told");
        let bytes = BASE64_STANDARD.decode(text).unwrap();
        let is_in = |part: &[u8]| files.windows(part.len()).any(|window| window == part);
        assert!(!is_in(text.as_bytes()) && !is_in(&bytes), "a secret lies open in the data directory");
    }
}

#[test]
fn the_senders_id_tells_what_is_told_twice() {
    let (host, _, secret) = signed("same-answer = \"0s\"\n", &["behaviour=count"]);
    let cancel =
        |id: u64| json!({ "eventType": "document.cancellation", "entityTypeID": 2, "entityID": id }).to_string();
    let accepted = |id: &str, body: &str| {
        let answer = send(&host, &secret, id, body).ok(202);
        (answer["id"].as_str().unwrap().to_owned(), answer["duplicate"].as_bool().unwrap())
    };
    let (first, duplicate) = accepted("a", &cancel(5));
    assert!(!duplicate);
    assert_eq!(accepted("a", &cancel(5)), (first.clone(), true));
    assert_eq!(accepted("a", &cancel(6)), (first.clone(), true), "whatever it says");
    let (second, duplicate) = accepted("b", &cancel(5));
    assert!(!duplicate && second != first, "another id is another notification");
    wait_for("both to be handled", || {
        ["done"].iter().all(|state| {
            host.wharf(&["notifications", "list", "acme", "--state", state]).as_array().unwrap().len() == 2
        })
    });

    let pay = |id: &str, document: u64| send(&host, &secret, id, &payment(document));
    let once = pay("p1", 7);
    assert_eq!((once.ok(200)["message"].as_str(), once.ok(200)["success"].as_bool()), (Some("3"), Some(true)));
    assert_eq!((pay("p1", 7).body, pay("p1", 8).body), (once.body.clone(), once.body), "sent again");
    assert_eq!(pay("p2", 7).ok(200)["message"], "4", "another id, and the same content is not looked at");
    let search = contact("a");
    assert_ne!(
        send(&host, &secret, "s", &search).body,
        send(&host, &secret, "s", &search).body,
        "who looks, looks again"
    );

    let (host, _, secret) = signed("signature-tolerance = \"2s\"\n", &["behaviour=answer"]);
    let time = now(-3);
    let (body, late) = (contact("a"), time.to_string());
    let refused = post(&host, "acme", ("m", &late, &signature(&secret, "m", time, &contact("a"))), &body);
    assert_eq!(refused.status, 401, "the tolerance is configured");
}
