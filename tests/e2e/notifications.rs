//! The other platform: what it tells, where it puts it, and what it reads in the answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::host::{Host, Keys};
use crate::wire::{self, Answer};

const EAN: &str = "2000000123455";

fn node(config: &str, plugin: &str, settings: &[&str]) -> (Host, Keys) {
    let host = Host::with_config(config);
    let keys = host.serving("acme", plugin, settings);
    (host, keys)
}

fn note(event: &str, id: u64, data: Value) -> Value {
    let mut note = json!({ "eventType": event, "entityTypeID": 2, "entityID": id });
    if !data.is_null() {
        note["data"] = data;
    }
    note
}

fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn payment(amount: &str) -> Value {
    let amount: Value = serde_json::from_str(amount).unwrap();
    json!({
        "documentTypeID": 2, "documentID": 71820, "storeID": 4, "currencyCode": "USD", "amount": amount,
        "paymentMethod": { "id": 3, "description": "Card", "isADeposit": true }, "paymentType": { "id": 1, "description": "Card" },
    })
}

fn items(eans: &[&str]) -> Value {
    let item = |ean: &&str| json!({ "catalogInternalCode": "SPRING", "eanCode": ean, "tax1Rate": 19.0, "tax2Rate": 0.0, "tax3Rate": 0, "quantity": 0.5 });
    json!({ "storeCode": "HH-04", "currencyCode": "USD", "items": eans.iter().map(item).collect::<Vec<_>>() })
}

#[test]
fn the_answers_have_the_platforms_names_and_no_others() {
    let (host, keys) = node("[notification]\npayment-status = { paid = \"PAID\" }\n", "reference", &[]);
    let send = |note: Value| host.notify("acme", &keys.notification, &note);
    let envelope: BTreeSet<_> = ["success", "message", "errorLevel", "errorCode", "data"].into();
    let good = |answer: &Value| {
        assert_eq!(
            (&answer["success"], &answer["errorLevel"], &answer["errorCode"], &answer["message"]),
            (&json!(true), &json!(0), &json!(""), &json!("")),
            "{answer}"
        );
    };

    let created = send(note("document.validation", 71820, json!({ "internalCode": "", "customer": { "id": 1 } })));
    assert_eq!(created.header("content-type"), Some("application/json; charset=utf-8"));
    let created = created.ok(200);
    good(&created);
    assert_eq!(members(&created), &envelope | &["forceValidation"].into());
    assert_eq!(
        (&created["forceValidation"], &created["data"]),
        (&json!(false), &json!({ "internalCode": "DOC-2-71820" }))
    );
    let updated = send(note("document.validation", 71820, json!({ "internalCode": "DOC-2-71820" }))).ok(200);
    assert_eq!(updated["data"], created["data"]);
    let refused = send(note("document.validation", 71820, json!({ "internalCode": "OTHER" }))).ok(200);
    assert_eq!(
        (&refused["success"], &refused["errorLevel"], &refused["errorCode"]),
        (&json!(false), &json!(3), &json!("UNKNOWN_DOCUMENT"))
    );
    assert_eq!(members(&refused), ["success", "message", "errorLevel", "errorCode", "forceValidation"].into());

    let priced = send(note("document.pricing", 1, items(&[EAN]))).ok(200);
    good(&priced);
    assert_eq!(members(&priced), envelope);
    assert_eq!(members(&priced["data"]), ["storeCode", "currencyCode", "items"].into());
    assert_eq!(
        members(&priced["data"]["items"][0]),
        ["catalogInternalCode", "eanCode", "unitCostPrice", "unitSalesPrice"].into()
    );

    let paid = send(note("payment.validation", 71820, payment("64.90"))).ok(200);
    good(&paid);
    assert_eq!(members(&paid), envelope);
    assert_eq!((members(&paid["data"]), &paid["data"]["status"]), (["status", "internalCode"].into(), &json!("PAID")));

    let found =
        send(json!({ "eventType": "contact.search", "entityTypeID": 1, "data": { "searchString": "maya" } })).ok(200);
    good(&found);
    assert_eq!(members(&found), envelope);

    let cancelled = send(note("document.cancellation", 71820, Value::Null));
    assert_eq!(members(&cancelled.ok(202)), ["success", "message", "id", "duplicate"].into());
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}

#[test]
fn the_message_is_found_in_the_body_a_form_or_the_query() {
    let (host, keys) = node("", "echo", &[]);
    let text = r#"{"eventType":"contact.search","entityTypeID":1,"data":{"searchString":"Åse & co = 100 %+"}}"#;
    let encoded = percent_encoded(text);
    let other = percent_encoded(&text.replace("Åse", "Bo"));
    let form = format!("a=1&notification={encoded}&b=2");
    let multipart = format!(
        "--XyZ\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--XyZ\r\nContent-Disposition: form-data; name=\"notification\"\r\nContent-Type: application/json\r\n\r\n{text}\r\n--XyZ--\r\n"
    );
    let send = |query: &str, kind: &str, body: &str| -> Answer {
        let url = format!("http://{}/channels/acme/notifications{query}", host.edge);
        wire::send("POST", &url, &[("x-api-key", &keys.notification), ("content-type", kind)], body)
    };
    let query = format!("?x=1&notification={encoded}");
    let (urlencoded, boundary) = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=XyZ");
    for (query, kind, body) in [
        ("", "application/json", text),
        ("", "text/plain; charset=latin1", text),
        ("", urlencoded, text),
        ("", urlencoded, &form),
        ("", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", &form),
        ("", boundary, &multipart),
        (&query, "application/json", ""),
        (&query, "application/json", text),
        (&query, urlencoded, &form),
        (&query, boundary, &multipart),
        ("?notification=", "application/json", text),
    ] {
        let answer = send(query, kind, body);
        assert_eq!(answer.status, 200, "{query} {kind} {body}: {answer:?}");
        assert_eq!(answer.json()["data"]["searchString"], "Åse & co = 100 %+", "{query} {kind}");
    }
    let (query, long) = (format!("?notification={other}"), format!("?notification={encoded}&pad={}", "x".repeat(8192)));
    for (query, kind, body) in [
        (query.as_str(), "application/json", text),
        (&query, urlencoded, &form),
        (&query, boundary, &multipart),
        (&long, "application/json", ""),
    ] {
        let answer = send(query, kind, body).ok(400);
        assert_eq!((&answer["success"], &answer["errorCode"]), (&json!(false), &json!("HOST_MALFORMED")), "{answer}");
    }
}

#[test]
fn what_a_payment_became_is_told_in_configured_words_only() {
    let (host, keys) = node("", "reference", &["decline_above=100"]);
    let pay = |host: &Host, amount: &str| {
        host.notify("acme", &keys.notification, &note("payment.validation", 71820, payment(amount))).ok(200)
    };
    for amount in ["64.90", "100.01"] {
        let answer = pay(&host, amount);
        assert_eq!(
            (&answer["success"], &answer["errorLevel"], &answer["errorCode"]),
            (&json!(false), &json!(4), &json!("HOST_NO_PAYMENT_STATUS")),
            "{answer}"
        );
        assert!(
            answer["data"].get("status").is_none()
                && answer["message"].as_str().unwrap().contains("notification.payment-status"),
            "{answer}"
        );
    }

    let (host, keys) = node(
        "[notification.payment-status]\npaid = \"Pd-1\"\ndeclined = \"Dc-2\"\n",
        "reference",
        &["decline_above=100"],
    );
    let pay = |amount: &str| {
        host.notify("acme", &keys.notification, &note("payment.validation", 71820, payment(amount))).ok(200)
    };
    for (amount, status, code) in [
        ("64.90", "Pd-1", ""),
        ("64.9", "Pd-1", ""),
        ("\"64.90\"", "Pd-1", ""),
        ("100.00", "Pd-1", ""),
        ("100.01", "Dc-2", "DECLINED"),
    ] {
        let answer = pay(amount);
        assert_eq!(
            (&answer["success"], &answer["data"]["status"], &answer["errorCode"]),
            (&json!(true), &json!(status), &json!(code)),
            "{amount}: {answer}"
        );
    }
    assert_eq!(
        pay("64.90")["data"]["internalCode"],
        pay("64.9")["data"]["internalCode"],
        "the same payment, told twice"
    );
    for bad in ["0", "-5"] {
        let answer = pay(bad);
        assert_eq!((&answer["success"], &answer["errorCode"]), (&json!(false), &json!("BAD_AMOUNT")));
        assert!(answer["data"].get("status").is_none(), "{answer}");
    }
    for data in [json!({}), json!({ "amount": null }), json!({ "amount": "ten" }), json!([1]), json!("x")] {
        let answer = host.notify("acme", &keys.notification, &note("payment.validation", 1, data.clone())).ok(200);
        assert_eq!(
            (&answer["success"], &answer["errorCode"]),
            (&json!(false), &json!("HOST_MALFORMED")),
            "{data}: {answer}"
        );
        assert!(answer.get("data").is_none(), "{answer}");
    }
}

#[test]
fn what_has_no_price_is_left_out_and_the_rest_is_priced() {
    let (host, keys) = node("", "reference", &[]);
    let price = |data: Value| host.notify("acme", &keys.notification, &note("document.pricing", 1, data)).ok(200);
    let answer = price(items(&["4012345678901", EAN, "2000000123509"]));
    assert_eq!(
        (&answer["success"], &answer["errorLevel"], &answer["errorCode"]),
        (&json!(false), &json!(2), &json!("NO_PRICE")),
        "{answer}"
    );
    assert!(answer["message"].as_str().unwrap().contains("4012345678901"), "{answer}");
    let eans: Vec<_> =
        answer["data"]["items"].as_array().unwrap().iter().map(|item| item["eanCode"].as_str().unwrap()).collect();
    assert_eq!(eans, [EAN, "2000000123509"]);
    assert_eq!((&answer["data"]["storeCode"], &answer["data"]["currencyCode"]), (&json!("HH-04"), &json!("USD")));

    let mut euros = items(&[EAN]);
    euros["currencyCode"] = "EUR".into();
    let answer = price(euros);
    assert_eq!(
        (&answer["success"], &answer["data"]["items"], &answer["data"]["currencyCode"]),
        (&json!(false), &json!([]), &json!("EUR")),
        "{answer}"
    );

    host.deploy("acme", "chaos", &["behaviour=illegal-answer"]);
    let answer = price(items(&[EAN]));
    assert_eq!(
        (&answer["success"], &answer["errorCode"], &answer["data"]["items"]),
        (&json!(false), &json!("HOST_BAD_PRICE"), &json!([])),
        "{answer}"
    );
    assert_eq!(answer["data"]["currencyCode"], "USD", "what was asked, not what was made up");
}

#[test]
fn the_channels_policy_says_whether_a_failed_validation_blocks_the_user() {
    for (policy, forced) in [("block", false), ("force", true)] {
        let (host, keys) = node(&format!("[notification]\non-failure = \"{policy}\"\n"), "chaos", &["behaviour=trap"]);
        let validate =
            |id: u64| host.notify("acme", &keys.notification, &note("document.validation", id, json!({}))).ok(200);
        let failed = validate(1);
        assert_eq!(
            (&failed["success"], &failed["forceValidation"], &failed["errorCode"]),
            (&json!(false), &json!(forced), &json!("HOST_TRAP")),
            "{failed}"
        );
        assert!(failed.get("data").is_none(), "{failed}");
        host.deploy("acme", "chaos", &["behaviour=refuse"]);
        let refused = validate(2);
        assert_eq!(
            (&refused["success"], &refused["forceValidation"], &refused["errorLevel"]),
            (&json!(false), &json!(false), &json!(3)),
            "a guest's no is a no: {refused}"
        );
        host.deploy("acme", "chaos", &["behaviour=answer"]);
        assert_eq!(validate(3)["success"], true);
    }
}

#[test]
fn the_numbers_of_levels_are_configured() {
    let (host, keys) = node(
        "[notification]\nerror-level = { ok = 10, info = 11, warning = 12, error = 13, critical = 14 }\n",
        "chaos",
        &["behaviour=trap"],
    );
    let level =
        |event: &str| host.notify("acme", &keys.notification, &note(event, 1, json!({}))).json()["errorLevel"].clone();
    assert_eq!((level("contact.details"), level("document.create")), (json!(14), json!(13)));
    host.deploy("acme", "chaos", &["behaviour=refuse"]);
    assert_eq!(level("contact.details"), 13);
    host.deploy("acme", "chaos", &["behaviour=answer"]);
    assert_eq!(level("contact.details"), 10);
}
