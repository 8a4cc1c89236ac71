//! What a channel says of its notifications in place of the node: set, shown with who gave it, used, and given back.

use serde_json::{Value, json};

use crate::host::{Host, Keys, wait_for};
use crate::wire;

fn set(host: &Host, args: &[&str]) -> Value {
    host.wharf(&[&["channel", "set", "acme"], args].concat())
}

/// A setting of `acme` as it holds, and who gave it.
fn holds(host: &Host, setting: &str) -> (Value, String) {
    let shown = host.wharf(&["channel", "show", "acme"]);
    let rows = shown["effective_notification"].as_array().unwrap();
    let row = rows.iter().find(|row| row["setting"] == setting).unwrap_or_else(|| panic!("no {setting} in {shown}"));
    (row["value"].clone(), row["from"].as_str().unwrap().to_owned())
}

fn note(event: &str, id: u64, data: &Value) -> Value {
    json!({ "eventType": event, "entityTypeID": 2, "entityID": id, "data": data })
}

/// Sends a notification that is like no other.
fn send(host: &Host, channel: &str, keys: &Keys, event: &str, data: &Value) -> Value {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    host.notify(channel, &keys.notification, &note(event, id, data)).ok(200)
}

#[test]
fn a_channel_has_its_own_policy_numbers_and_words_and_gives_them_back() {
    let host = Host::with_config("[notification]\npayment-status = { pending = \"Node\" }\n[breaker]\nfaults = 0\n");
    let keys = host.serving("acme", "chaos", &["behaviour=trap"]);
    let other = host.serving("other", "chaos", &["behaviour=trap"]);
    let pay = json!({ "amount": 5, "documentID": 1 });
    set(
        &host,
        &[
            "--on-failure",
            "force",
            "--error-level",
            "critical=41",
            "--error-level",
            "ok=-7",
            "--payment-status",
            "pending=Own",
        ],
    );
    let failed = send(&host, "acme", &keys, "document.validation", &json!({}));
    assert_eq!((&failed["forceValidation"], &failed["errorLevel"]), (&json!(true), &json!(41)), "{failed}");
    let failed = send(&host, "other", &other, "document.validation", &json!({}));
    assert_eq!((&failed["forceValidation"], &failed["errorLevel"]), (&json!(false), &json!(4)), "{failed}");
    set(&host, &["--language", "fr"]);
    let said = |failed: Value| failed["message"].as_str().unwrap().to_owned();
    let french = said(send(&host, "acme", &keys, "document.validation", &json!({})));
    assert!(french.starts_with("L'extension du canal a échoué pendant sa réponse. ("), "{french}");
    let english = said(send(&host, "other", &other, "document.validation", &json!({})));
    assert!(english.starts_with("The channel's plugin failed while answering. ("), "{english}");
    for channel in ["acme", "other"] {
        host.deploy(channel, "chaos", &["behaviour=answer"]);
    }
    let paid = send(&host, "acme", &keys, "payment.validation", &pay);
    assert_eq!((&paid["data"]["status"], &paid["errorLevel"]), (&json!("Own"), &json!(-7)), "{paid}");
    assert_eq!(send(&host, "other", &other, "payment.validation", &pay)["data"]["status"], "Node");

    let is = |setting: &str, value: Value, from: &str| {
        assert_eq!(holds(&host, setting), (value, from.to_owned()), "{setting}");
    };
    is("on-failure", json!("force"), "channel");
    is("error-level critical", json!(41), "channel");
    is("error-level error", json!(3), "node");
    is("payment-status pending", json!("Own"), "channel");
    is("payment-status paid", Value::Null, "node");
    is("notification-auth", json!("key"), "node");
    let text = String::from_utf8(host.cli(&["channel", "show", "acme"]).stdout).unwrap();
    assert!(text.contains("NOTIFICATIONS") && text.contains("error-level critical") && text.contains("41"), "{text}");

    let host = host.kill_and_restart();
    assert_eq!(send(&host, "acme", &keys, "payment.validation", &pay)["data"]["status"], "Own");
    let left = set(&host, &["--payment-status", "pending=", "--on-failure", "node", "--error-level", "critical="]);
    assert_eq!(left["notification"], json!({ "error_level": { "ok": -7 }, "language": "fr" }));
    assert_eq!(send(&host, "acme", &keys, "payment.validation", &pay)["data"]["status"], "Node");
}

#[test]
fn a_page_posts_the_channels_own_message_as_a_text_or_an_object() {
    let host = Host::with_config(
        "[notification]\npost-message = { close = \"node says bye\", success = { type = \"paid\", level = 1 } }\n",
    );
    let keys = host.channel("acme");
    let (folder, origin) = (tempfile::tempdir().unwrap(), "https://shop.example");
    let (component, manifest) = (folder.path().join("page.wasm"), folder.path().join("wharf.toml"));
    std::fs::copy(crate::host::plugin("reference"), &component).unwrap();
    std::fs::write(&manifest, format!("name = \"page\"\nplatform-origin = \"{origin}\"\n")).unwrap();
    host.wharf(&["deploy", "acme", component.to_str().unwrap()]);
    let pay = |id: u32| {
        let data = json!({ "internalCode": "", "currencyCode": "EUR", "totalWithTaxes": 10.5 });
        let note = json!({ "eventType": "document.validation", "entityTypeID": 2, "entityID": id, "data": data });
        assert_eq!(host.notify("acme", &keys.notification, &note).ok(200)["success"], true);
        let query = format!("storeID=4&objectTypeID=3&entityTypeID=2&entityID={id}&paymentMethodID=5");
        let url = format!("http://{}/channels/acme/payment/{}?{query}", host.edge, keys.payment);
        let page = wire::send("GET", &url, &[], "").body;
        let token = page
            .split("name=\"form-token\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap()
            .to_owned();
        let form = format!("form-token={token}&revision=1&means=card&decision=pay");
        wire::send("POST", &url, &[("content-type", "application/x-www-form-urlencoded")], &form).body
    };
    let posted = |page: &str| {
        page.split("parent.postMessage(").nth(1).map(|rest| rest.split(",\"https").next().unwrap().to_owned())
    };
    if let Some(message) = posted(&pay(1)) {
        assert_eq!(serde_json::from_str::<Value>(&message).unwrap(), json!({ "type": "paid", "level": 1 }));
        set(&host, &["--post-message", "success=</script>done"]);
        assert_eq!(posted(&pay(2)).unwrap(), "\"\\u003c/script>done\"");
        set(&host, &["--post-message", "success={\"type\":\"own\"}"]);
        assert_eq!(posted(&pay(3)).unwrap(), "{\"type\":\"own\"}");
    } else {
        panic!("the page posts nothing: {}", pay(1));
    }
}

#[test]
fn what_cannot_be_sent_is_refused_and_changes_nothing() {
    let host = Host::start();
    host.channel("acme");
    for (args, told) in [
        (["--payment-status", "maybe=x"], "expected one of paid, declined, pending"),
        (["--error-level", "critical=high"], "expected a number"),
        (["--on-failure", "shrug"], "expected block, force or node"),
        (["--post-message", "success={1"], "no JSON object"),
        (["--notification-auth", "none"], "expected one of key, signature"),
        (["--webhook-secret-file", "/nowhere/at/all"], "cannot be read"),
    ] {
        let (code, said) = host.refuses(&[&["channel", "set", "acme"][..], &args].concat());
        assert!(code == Some(2) && said.contains(told), "{args:?}: {said}");
    }
    let change = |body: Value| host.admin("PATCH", "/v1/channels/acme", Some(&body));
    for (body, told) in [
        (
            json!({ "notification": { "payment_status": { "paid": "x".repeat(65) } } }),
            "notification.payment-status.paid: expected 1 to 64 characters",
        ),
        (json!({ "notification": { "payment_status": { "paid": "a\u{7}" } } }), "no control characters"),
        (
            json!({ "notification": { "error_level": { "ok": 1_i64 << 31 } } }),
            "notification.error-level.ok: expected -2147483648",
        ),
        (json!({ "notification": { "post_message": { "close": 5 } } }), "a text, or a table"),
        (json!({ "notification": { "post_message": { "close": { "a": "x".repeat(5000) } } } }), "of 1 to 4096 bytes"),
        (json!({ "notification": { "colour": "red" } }), "unknown field"),
        (json!({ "notification": { "auth": "signature" } }), "wharf channel rotate acme webhook"),
        (json!({ "webhook_secret": "hunter2-hunter2" }), "webhook_secret: expected whsec_"),
    ] {
        let answer = change(body.clone());
        assert!(answer.status == 400 && answer.body.contains(told), "{body}: {answer:?}");
        assert!(!answer.body.contains("hunter2"), "{answer:?}");
    }
    assert_eq!(host.wharf(&["channel", "show", "acme"])["notification"], json!({}));
    assert!(!host.log().contains("hunter2"));
}

#[test]
fn what_nobody_has_confirmed_is_told_at_the_start_and_in_the_status() {
    let host = Host::with_config("[notification]\npayment-status = { paid = \"P\", declined = \"D\" }\n");
    for part in ["numbers of error levels are unconfirmed", "notification.payment-status", "notification.post-message"]
    {
        wait_for("the log to warn of the node's own", || host.log().contains(part));
    }
    host.channel("acme");
    host.channel("bolt");
    let open = |host: &Host, index: usize| host.wharf(&["status"])["channels"][index]["unconfirmed"].clone();
    assert_eq!(open(&host, 0), json!(["error-level", "payment-status", "post-message"]));
    set(&host, &["--error-level-confirmed", "yes", "--payment-status", "pending=W"]);
    set(&host, &["--post-message", "success=s", "--post-message", "error=e", "--post-message", "close=c"]);
    assert_eq!((open(&host, 0), open(&host, 1).as_array().map(Vec::len)), (json!([]), Some(3)));
    let text = String::from_utf8(host.cli(&["status"]).stdout).unwrap();
    assert!(
        text.contains("bolt: the numbers of error levels are unconfirmed") && !text.contains("acme, bolt"),
        "{text}"
    );

    let host = host.kill_and_restart();
    wait_for("the log to warn of one channel", || host.log().contains("such_as=\"bolt\""));
    host.wharf(&["channel", "delete", "bolt"]);
    let host = host.kill_and_restart();
    wait_for("the log to tell of the start", || host.log().contains("the limits of a channel"));
    assert!(!host.log().contains("unconfirmed") && !host.log().contains("notification.p"), "{}", host.log());
}
