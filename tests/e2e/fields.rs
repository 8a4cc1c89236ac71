//! What of a notification reaches the guest, and what of the guest's prices reaches the platform.

use serde_json::{Value, json};

use crate::host::{Host, Keys};

fn serving(settings: &[&str]) -> (Host, Keys) {
    let host = Host::with_config("[notification]\npayment-status = { pending = \"P\" }\n");
    let keys = host.serving("acme", "chaos", settings);
    (host, keys)
}

fn post(host: &Host, keys: &Keys, body: &str) -> Value {
    let url = format!("http://{}/channels/acme/notifications", host.edge);
    crate::wire::post(&url, &[("x-api-key", &keys.notification)], body).ok(200)
}

#[test]
fn a_guest_is_given_the_request_as_it_came_with_what_nobody_knows_of() {
    let (host, keys) = serving(&["behaviour=raw"]);
    let price =
        r#"{"storeCode":"H","currencyCode":"EUR","items":[{"eanCode":"1","tax1Rate":19.60,"loyalty":{"points":1e2}}]}"#;
    let pay = r#"{"documentTypeID":2,"documentID":9007199254740993,"storeID":"4","currencyCode":null,"amount":64.90,"paymentMethod":{"id":3,"isADeposit":true,"wallet":[null]},"unknown":"\u00e9"}"#;
    for (event, data) in [
        (
            "document.validation",
            r#"{ "internalCode" : "", "lines":[{"qty":1.500,"id":9223372036854775807}], "x":{"y":[1e400]} }"#,
        ),
        ("document.pricing", price),
        ("payment.validation", pay),
        ("contact.details", r#"{"id":9007199254740993,"mainAddress":null}"#),
    ] {
        let body = format!(
            "{{\"beta\":[ 1.0 ],\"entityID\":9007199254740993,\"eventType\":\"{event}\",\"data\":{data}, \"entityTypeID\":2}}"
        );
        let told = post(&host, &keys, &body);
        assert_eq!(
            (told["message"].as_str(), &told["success"]),
            (Some(body.as_str()), &json!(true)),
            "{event}: {told}"
        );
    }
    let form = "notification=%7B%22eventType%22%3A%22contact.search%22%2C%22data%22%3A%7B%22x%22%3A1.10%7D%7D";
    let url = format!("http://{}/channels/acme/notifications", host.edge);
    let headers = [("x-api-key", keys.notification.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let told = crate::wire::post(&url, &headers, form).ok(200);
    assert_eq!(told["message"], r#"{"eventType":"contact.search","data":{"x":1.10}}"#);
    let twice = crate::wire::post(&url, &headers, &format!("{form}&notification=%7B%7D"));
    assert_eq!(
        (twice.status, &twice.json()["errorCode"]),
        (400, &json!("HOST_MALFORMED")),
        "two that differ: {twice:?}"
    );
}

#[test]
fn a_price_that_breaks_a_rule_is_dropped_and_the_others_are_applied() {
    let (host, keys) = serving(&["behaviour=answer"]);
    let query = |ean: &str| json!({ "catalogInternalCode": "C", "eanCode": ean, "quantity": 1.0 });
    let data = json!({ "storeCode": "H", "currencyCode": "EUR", "items": [query("1"), query("2"), query("3")] });
    let body = json!({ "eventType": "document.pricing", "entityTypeID": 2, "entityID": 1, "data": data }).to_string();
    let eans = |told: &Value| -> Vec<String> {
        let items = told["data"]["items"].as_array().unwrap().iter();
        items.map(|item| item["eanCode"].as_str().unwrap().to_owned()).collect()
    };
    let good = post(&host, &keys, &body);
    assert_eq!((&good["success"], eans(&good).len()), (&json!(true), 3), "{good}");
    for (rule, left, words) in [
        ("unknown", 3, "0000000000000 was not asked for"),
        ("twice", 3, "EAN 3 was given twice"),
        ("negative", 2, "EAN 3 is not within 0 and 10^12"),
        ("huge", 2, "EAN 3 is not within 0 and 10^12"),
        ("cost", 2, "EAN 3 is not within 0 and 10^12"),
        ("store", 0, "did not confirm the store"),
        ("currency", 0, "did not confirm the store and the currency"),
    ] {
        host.deploy("acme", "chaos", &["behaviour=illegal-answer", &format!("illegal={rule}")]);
        let told = post(&host, &keys, &body);
        assert_eq!(
            (&told["success"], &told["errorCode"], &told["errorLevel"]),
            (&json!(false), &json!("HOST_BAD_PRICE"), &json!(3)),
            "{rule}: {told}"
        );
        let expected = if left == 0 { &[][..] } else { &["1", "2", "3"][..left] };
        assert_eq!(eans(&told), expected, "{rule}");
        assert!(told["message"].as_str().unwrap().contains(words), "{rule}: {told}");
        let items = told["data"]["items"].as_array().unwrap();
        assert!(items.iter().all(|item| item["unitSalesPrice"] == json!(10.0)), "no price was made up: {told}");
        assert_eq!((&told["data"]["storeCode"], &told["data"]["currencyCode"]), (&json!("H"), &json!("EUR")), "{rule}");
    }
}
