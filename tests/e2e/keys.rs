//! Who may speak to a channel: the SDK's key in the body, the notifications' in a header, the page's in its path.

use std::path::Path;

use serde_json::{Value, json};
use wharf_protocol::sdk::Interaction;

use crate::host::{Host, Keys, TEST_KEY, wait_for};
use crate::wire::{self, Answer};

/// An SDK body whose key is this JSON text; none leaves the member out.
fn keyed(key: Option<&str>, rest: &str) -> String {
    let key = key.map(|key| format!("\"integration_auth_token\":{key},")).unwrap_or_default();
    format!("{{{key}\"action\":\"x\",\"version\":1,\"client_id\":7,\"channel_info\":{{\"id\":3}}{rest}}}")
}

fn call(host: &Host, channel: &str, interaction: Interaction, body: &str) -> Answer {
    wire::post(&format!("http://{}/channels/{channel}/{}", host.edge, interaction.path()), &[], body)
}

/// What a caller can see of an answer.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
    (answer.status, headers, answer.body.clone())
}

/// Keys as JSON text that open nothing of the channel with these keys.
fn bad_keys(own: &Keys, other: &Keys) -> Vec<Option<String>> {
    let text = |key: &str| Some(Value::from(key).to_string());
    let swapped: String = own
        .sdk
        .chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    assert_ne!(swapped, own.sdk);
    let mut keys = vec![None];
    keys.extend(["null", "5", "0", "true", "\"\"", "[]", "{}"].map(|json| Some(json.to_owned())));
    keys.extend([text("wrong"), text(&own.sdk[..own.sdk.len() - 1]), text(&format!("{}x", own.sdk)), text(&swapped)]);
    keys.extend([text(&format!(" {}", own.sdk)), text(&format!("{}\0", own.sdk)), text("KDS_SPOLIATER"), text("клю́ч")]);
    keys.extend([text(&other.sdk), text(&own.notification), text(&own.payment), Some(json!([own.sdk]).to_string())]);
    keys
}

#[test]
fn every_bad_key_and_every_unknown_channel_gets_one_and_the_same_401() {
    let host = Host::start();
    let made = host.wharf(&["channel", "create", "acme", "--mode", "production"]);
    let key = |name: &str| made[name].as_str().unwrap().to_owned();
    let acme = Keys { sdk: key("sdk_key"), notification: key("notification_key"), payment: key("payment_token") };
    let other = host.channel("other");
    for interaction in Interaction::ALL {
        let expected = call(&host, "nobody", interaction, &keyed(Some("\"x\""), ""));
        assert_eq!((expected.status, expected.code().as_str()), (401, "HOST_UNAUTHORIZED"));
        assert_eq!(expected.json()["events"][0]["event_type"], "error");
        assert!(!expected.body.contains("acme") && expected.header("wharf-call-id").is_none(), "{expected:?}");
        for key in bad_keys(&acme, &other) {
            let answer = call(&host, "acme", interaction, &keyed(key.as_deref(), ""));
            assert_eq!(seen(&answer), seen(&expected), "{} {key:?}", interaction.name());
        }
        for (channel, key) in
            [("nobody", TEST_KEY), ("nobody", acme.sdk.as_str()), ("ACME", &acme.sdk), ("acme", TEST_KEY)]
        {
            let answer = call(&host, channel, interaction, &keyed(Some(&json!(key).to_string()), ""));
            assert_eq!(seen(&answer), seen(&expected), "{} {channel} {key}", interaction.name());
        }
        // The good key passes: it hears of the order that is missing, or that nothing is deployed.
        let answer = call(&host, "acme", interaction, &keyed(Some(&json!(acme.sdk).to_string()), ""));
        assert!(answer.status == 503 || answer.code() == "HOST_MISSING_FIELD", "{}: {answer:?}", interaction.name());
    }
}

#[test]
fn the_log_says_why_a_caller_was_turned_away_and_shows_no_key() {
    let host = Host::start();
    host.channel("acme");
    let ask = |channel: &str, door: &str, id: &str, body: &str| {
        let headers = [("x-request-id", id), ("x-api-key", "not-a-key")];
        let answer = wire::post(&format!("http://{}/channels/{channel}/{door}", host.edge), &headers, body);
        assert_eq!(answer.status, 401, "{channel}/{door}: {answer:?}");
    };
    for (channel, id) in [("acme", "known"), ("nobody", "unknown")] {
        ask(channel, "order_pull_v1", &format!("sdk-{id}"), &keyed(Some("\"not-a-key\""), ""));
        ask(channel, "notifications", &format!("notified-{id}"), "{}");
        ask(channel, "payment/not-a-key", &format!("paid-{id}"), "");
    }
    wait_for("the log to tell of all of them", || {
        let log = host.log();
        ["sdk", "notified", "paid"].iter().all(|door| {
            let line = |id: &str| log.lines().find(|line| line.contains(&format!("{door}-{id}"))).unwrap_or_default();
            line("known").contains("no valid key") && line("unknown").contains("does not exist")
        })
    });
    assert!(!host.log().contains("not-a-key"));
}

#[test]
fn the_key_is_looked_at_before_anything_else_of_the_body() {
    let host = Host::start();
    host.serving("acme", "reference", &[]);
    let rests = [
        r#","inventory_updates":5,"orders":5,"order":[],"shipment":[],"payment":[],"return":[],"specific_orders":1,"template_output":[1]"#,
        r#","whatever":{"deep":[[[]]],"n":1e999}"#,
        r#","broken":[this is not JSON"#,
    ];
    for interaction in Interaction::ALL {
        for (rest, allowed) in rests.into_iter().zip([[200, 400], [200, 200], [400, 400]]) {
            let bad = call(&host, "acme", interaction, &keyed(Some("\"wrong\""), rest));
            assert_eq!(bad.status, 401, "{} {rest}", interaction.name());
            let good = call(&host, "acme", interaction, &keyed(Some(&json!(TEST_KEY).to_string()), rest));
            assert!(allowed.contains(&good.status), "{} {rest}: {good:?}", interaction.name());
        }
    }
    for (envelope, status) in [
        (r#"{"inventory_updates":{},"integration_auth_token":"KEY"}"#, 400),
        (r#"{"action":{},"version":"one","client_id":"x","channel_info":[],"integration_auth_token":"KEY"}"#, 400),
        (r#"{"integration_auth_token":"KEY"}"#, 200),
        (r#"{"z":[],"integration_auth_token":"KEY","action":null,"client_id":"497","channel_info":null}"#, 200),
    ] {
        let send = |key: &str| call(&host, "acme", Interaction::InventoryPush, &envelope.replace("KEY", key));
        assert_eq!(send("wrong").status, 401, "{envelope}");
        let good = send(TEST_KEY);
        assert_eq!(good.status, status, "{envelope}: {good:?}");
    }
}

#[test]
fn the_test_key_opens_testing_channels_only() {
    let host = Host::start();
    let testing = host.serving("testing", "echo", &[]);
    let made = host.wharf(&["channel", "create", "live", "--mode", "production"]);
    host.deploy("live", "echo", &[]);
    let status = |key: &str, channel: &str| host.sdk_as(key, channel, "inventory_push", json!({})).status;
    assert_eq!((status(TEST_KEY, "testing"), status(&testing.sdk, "testing")), (200, 200));
    assert_eq!((status(TEST_KEY, "live"), status(made["sdk_key"].as_str().unwrap(), "live")), (401, 200));
}

#[test]
fn two_keys_are_valid_while_a_key_is_rotated() {
    let host = Host::start();
    let keys = host.serving("acme", "echo", &[]);
    let sdk = |key: &str| host.sdk_as(key, "acme", "inventory_push", json!({})).status;
    let new = host.wharf(&["channel", "rotate", "acme", "sdk"])["sdk_key"].as_str().unwrap().to_owned();
    assert_ne!(new, keys.sdk);
    assert_eq!((sdk(&keys.sdk), sdk(&new), sdk(TEST_KEY)), (200, 200, 200));
    let newest =
        host.wharf(&["channel", "rotate", "acme", "sdk", "--grace", "0"])["sdk_key"].as_str().unwrap().to_owned();
    assert_eq!((sdk(&keys.sdk), sdk(&new), sdk(&newest)), (401, 401, 200), "without grace only the newest is valid");

    let search = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": {} });
    let notify = |key: &str| host.notify("acme", key, &search).status;
    let next =
        host.wharf(&["channel", "rotate", "acme", "notification"])["notification_key"].as_str().unwrap().to_owned();
    assert_eq!((notify(&keys.notification), notify(&next), notify(&newest)), (200, 200, 401));

    let page =
        |token: &str| wire::send("GET", &format!("http://{}/channels/acme/payment/{token}", host.edge), &[], "").status;
    let token = host.wharf(&["channel", "rotate", "acme", "payment", "--grace", "0"])["payment_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!((page(&keys.payment), page(&token)), (401, 501), "echo has no page, but the token was good");

    let again = host.kill_and_restart();
    assert_eq!(again.sdk_as(&newest, "acme", "inventory_push", json!({})).status, 200);
    assert_eq!(again.sdk_as(&new, "acme", "inventory_push", json!({})).status, 401);
}

#[test]
fn a_notification_is_opened_by_its_header_only() {
    let host = Host::start();
    let keys = host.serving("acme", "echo", &[]);
    let key = keys.notification.as_str();
    let body = json!({ "eventType": "contact.search", "entityTypeID": 1, "data": {} }).to_string();
    let inside = json!({ "eventType": "contact.search", "X-API-KEY": key, "integration_auth_token": key }).to_string();
    let url = |channel: &str, query: &str| format!("http://{}/channels/{channel}/notifications{query}", host.edge);
    let bearer = format!("Bearer {key}");
    let expected = wire::post(&url("nobody", ""), &[("x-api-key", key)], &body);
    assert_eq!((expected.status, expected.code().as_str()), (401, "HOST_UNAUTHORIZED"));
    let cut = &key[1..];
    let twice = [("x-api-key", key), ("x-api-key", key)];
    for (headers, body) in [
        (&[][..], body.as_str()),
        (&[], &inside),
        (&[("x-api-key", "")], &body),
        (&[("x-api-key", "wrong")], &body),
        (&[("x-api-key", cut)], &body),
        (&[("x-api-key", &keys.sdk)], &body),
        (&[("x-api-key", &keys.payment)], &body),
        (&[("x-api-key", TEST_KEY)], &body),
        (&[("authorization", &bearer)], &body),
        (&twice, &body),
        (&[("x-api-key", "wrong")], "not even JSON"),
    ] {
        let answer = wire::post(&url("acme", ""), headers, body);
        assert_eq!(seen(&answer), seen(&expected), "{headers:?} {body}");
    }
    assert_eq!(wire::post(&url("acme", &format!("?X-API-KEY={key}")), &[], &body).status, 401);
    assert_eq!(wire::post(&url("acme", ""), &[("X-API-KEY", key)], &body).status, 200);
    assert_eq!(wire::post(&url("acme", ""), &[("x-api-key", key)], "not even JSON").status, 400);
}

#[test]
fn a_payment_page_is_opened_by_its_token_only() {
    let host = Host::start();
    let keys = host.serving("acme", "reference", &[]);
    let other = host.channel("other");
    let page = |method: &str, channel: &str, token: &str| {
        let url = format!("http://{}/channels/{channel}/payment/{token}?entityTypeID=1&entityID=2", host.edge);
        wire::send(method, &url, &[("x-api-key", &keys.notification)], "")
    };
    let expected = page("GET", "nobody", &keys.payment);
    assert_eq!(expected.status, 401);
    let cut = &keys.payment[..keys.payment.len() - 1];
    for token in ["wrong", cut, &other.payment, &keys.notification, &keys.sdk, TEST_KEY] {
        let token = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        for method in ["GET", "POST"] {
            assert_eq!(seen(&page(method, "acme", &token)), seen(&expected), "{method} {token}");
        }
    }
    assert_eq!(page("GET", "acme", &keys.payment).status, 200);
}

/// All files below a folder, as bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn no_key_is_ever_in_a_log_or_a_file() {
    let host = Host::start();
    let keys = host.serving("acme", "chaos", &["behaviour=panic"]);
    let page = format!("http://{}/channels/acme/payment/{}?entityID=1", host.edge, keys.payment);
    assert_eq!(host.sdk_as(&keys.sdk, "acme", "inventory_push", json!({})).status, 502);
    let broken = keyed(Some(&json!(keys.sdk).to_string()), r#","inventory_updates":[{"sku":[]}]"#);
    assert_eq!(call(&host, "acme", Interaction::InventoryPush, &broken).status, 400);
    assert_eq!(wire::send("GET", &page, &[], "").status, 502);
    for event in ["contact.search", "document.cancellation"] {
        host.notify("acme", &keys.notification, &json!({ "eventType": event, "entityTypeID": 1, "entityID": 2 }));
    }
    host.deploy("acme", "reference", &[]);
    assert_eq!(host.sdk_as(&keys.sdk, "acme", "order_pull", json!({})).status, 200);
    let mut calls = Value::Null;
    wait_for("the calls to be in the journal", || {
        calls = host.wharf(&["calls", "acme"]);
        calls.as_array().is_some_and(|calls| calls.len() >= 6)
    });
    let mut told = vec![
        calls.to_string(),
        host.wharf(&["logs", "acme"]).to_string(),
        host.wharf(&["channel", "show", "acme"]).to_string(),
        host.log(),
    ];
    for call in calls.as_array().unwrap() {
        told.push(host.wharf(&["calls", "show", call["id"].as_str().unwrap()]).to_string());
    }
    let files = files(host.data());
    assert!(files.iter().any(|(name, bytes)| name.ends_with("wharf.db") && !bytes.is_empty()));
    for key in [&keys.sdk, &keys.notification, &keys.payment] {
        assert!(key.len() >= 20, "too short to look for");
        for text in &told {
            assert!(!text.contains(key.as_str()), "a key is told in {text}");
        }
        for (name, bytes) in &files {
            assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "a key is in {name}");
        }
    }
}
