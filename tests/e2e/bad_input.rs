//! Bodies that are not what they should be: each is told what is wrong with it, and the next caller notices nothing.

use serde_json::json;

use crate::host::{Host, TEST_KEY};
use crate::wire::{self, Answer};

const ENVELOPE: &str =
    r#"{"integration_auth_token":"RETAILOPS_SDK","action":"x","version":1,"client_id":7,"channel_info":{"id":3}"#;

/// A node whose channel `acme` answers.
fn node() -> Host {
    let host = Host::start();
    host.serving("acme", "reference", &[]);
    host
}

/// Posts bytes to an interaction.
fn post(host: &Host, interaction: &str, body: &[u8]) -> Answer {
    wire::post_bytes(&format!("http://{}/channels/acme/{interaction}_v1", host.edge), body)
}

/// Posts the good envelope and this after it.
fn beside(host: &Host, interaction: &str, rest: &str) -> Answer {
    post(host, interaction, format!("{ENVELOPE},{rest}}}").as_bytes())
}

/// It is refused with a sentence that has all these words in it, and a good call is answered after it.
#[track_caller]
fn refused(host: &Host, answer: &Answer, status: u16, words: &[&str]) {
    let code = match status {
        400 => "HOST_MALFORMED",
        408 => "HOST_SLOW_BODY",
        413 => "HOST_TOO_LARGE",
        other => panic!("no code for {other}: {answer:?}"),
    };
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
    let message = answer.json()["events"][0]["message"].as_str().unwrap().to_owned();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
    assert!(message.len() < 400 && answer.json().get("orders").is_none(), "{answer:?}");
    still_serves(host);
}

/// The node is as good as before.
#[track_caller]
fn still_serves(host: &Host) {
    let page = host.sdk("acme", "order_pull", json!({})).ok(200);
    assert_eq!(page["orders"].as_array().map(Vec::len), Some(3));
}

#[test]
fn what_is_not_a_json_object_is_malformed() {
    let host = node();
    for body in ["hello", "[]", "null", "5", "\"text\"", "true", "{", "{\"a\":1", "<xml/>", "{'a':1}", "{\"a\":1,}"] {
        refused(&host, &post(&host, "order_pull", body.as_bytes()), 400, &["not a JSON object"]);
    }
    for body in [&b""[..], b" \n ", b"\xef\xbb\xbf{}", b"\0"] {
        refused(&host, &post(&host, "order_pull", body), 400, &["not a JSON object"]);
    }
    for (rest, words) in [
        (r#","page_token":""}}"#, ["trailing", ""]),
        (r#","page_token":""} {}"#, ["trailing", ""]),
        (r#","page_token":"", }"#, ["column 123", ""]),
        (r#","page_token":"abc"#, ["EOF", "page_token"]),
        (r#","page_token":NaN}"#, ["page_token", "expected"]),
        (r#","whatever":NaN}"#, ["expected", "line 1"]),
        (r#","whatever":Infinity}"#, ["expected", ""]),
        (r#","whatever":01}"#, ["number", ""]),
        (r#","whatever":tru}"#, ["expected", ""]),
        (r#","whatever":"tab	in text"}"#, ["control character", ""]),
        ("}garbage", ["trailing characters", ""]),
    ] {
        for interaction in ["order_pull", "catalog_get_config", "inventory_push"] {
            if rest.contains("page_token\":NaN") && interaction != "order_pull" {
                continue;
            }
            let words = if interaction == "order_pull" { &words[..] } else { &words[..1] };
            let answer = post(&host, interaction, format!("{ENVELOPE}{rest}").as_bytes());
            refused(&host, &answer, 400, words);
        }
    }
}

#[test]
fn json_of_another_shape_is_told_where() {
    let host = node();
    for (interaction, rest, words) in [
        ("inventory_push", r#""inventory_updates":5"#, ["inventory_updates", "array"]),
        ("inventory_push", r#""inventory_updates":{}"#, ["inventory_updates", "array"]),
        ("inventory_push", r#""inventory_updates":"many""#, ["inventory_updates", "array"]),
        ("inventory_push", r#""inventory_updates":[{},7]"#, ["inventory_updates[1]", "7"]),
        ("inventory_push", r#""inventory_updates":[[]]"#, ["inventory_updates[0]", ""]),
        ("inventory_push", r#""inventory_updates":[{"sku":{}}]"#, ["inventory_updates[0].sku", "text"]),
        ("inventory_push", r#""inventory_updates":[{"sku":["A"]}]"#, ["inventory_updates[0].sku", "text"]),
        (
            "inventory_push",
            r#""inventory_updates":[{"quantity_detail":[{"available_quantity":[]}]}]"#,
            ["quantity_detail[0].available_quantity", "integer"],
        ),
        ("order_pull", r#""page_token":{}"#, ["page_token", "text"]),
        ("order_pull", r#""specific_orders":[1]"#, ["specific_orders[0]", ""]),
        ("order_acknowledge", r#""orders":[{"channel_order_refnum":[1]}]"#, ["orders[0].channel_order_refnum", "text"]),
        ("order_cancel", r#""order":[]"#, ["order", "object"]),
        ("order_cancel", r#""order":7"#, ["order", "object"]),
        ("order_complete", r#""order":{"shipments":{"a":1}}"#, ["order.shipments", "array"]),
        ("order_update", r#""order":{"order_items":[{"removed":[]}]}"#, ["order.order_items[0].removed", ""]),
        (
            "order_update",
            r#""order":{"order_items":[{"removed":"maybe"}]}"#,
            ["order.order_items[0].removed", "true or false"],
        ),
        ("order_settle_payment", r#""payment":[]"#, ["payment", "object"]),
        ("order_returned", r#""return":{"items":[{"quantity":"two"}]}"#, ["return.items[0].quantity", "two"]),
        ("catalog_push", r#""template_output":[1]"#, ["template_output", "object"]),
        ("catalog_push", r#""TemplateOutput":"x""#, ["TemplateOutput", "object"]),
    ] {
        refused(&host, &beside(&host, interaction, rest), 400, &words);
    }
    for (member, bad) in
        [("client_id", "\"x\""), ("client_id", "1.5"), ("channel_info", "[]"), ("channel_info", "5"), ("action", "{}")]
    {
        let mut body = json!({ "integration_auth_token": TEST_KEY, "action": "x", "version": 1, "client_id": 7, "channel_info": {} });
        body[member] = serde_json::from_str(bad).unwrap();
        refused(&host, &post(&host, "order_pull", body.to_string().as_bytes()), 400, &["envelope", member]);
    }
}

#[test]
fn numbers_that_cannot_be_are_told_where() {
    let host = node();
    let quantity = |number: &str| {
        beside(
            &host,
            "inventory_push",
            &format!(r#""inventory_updates":[{{"sku":"A","quantity_available":{number}}}]"#),
        )
    };
    for number in
        ["1.5", "\"1.5\"", "9223372036854775808", "-9223372036854775809", "1e40", "\"abc\"", "true", "1e999", "NaN"]
    {
        refused(&host, &quantity(number), 400, &["inventory_updates[0].quantity_available"]);
    }
    for number in ["9223372036854775807", "-9223372036854775808", "1.0", "1e3", "\"24\"", "\"\"", "null", "0"] {
        assert_eq!(quantity(number).status, 200, "{number}");
    }
    let total = |number: &str| {
        beside(&host, "order_complete", &format!(r#""order":{{"channel_order_refnum":"1","grand_total":{number}}}"#))
    };
    for number in ["1e999", "9223372036854775808", "\"1,5\"", "\"NaN\"", "{}", "true", "-"] {
        refused(&host, &total(number), 400, &["order.grand_total"]);
    }
    for number in ["27.50", "\"27.50\"", "1e-3", "-0.5", "null", "\"\""] {
        assert_eq!(total(number).status, 200, "{number}");
    }
}

#[test]
fn members_that_come_twice_and_broken_text_are_malformed() {
    let host = node();
    refused(
        &host,
        &beside(&host, "order_pull", r#""page_token":"a","page_token":"b""#),
        400,
        &["duplicate", "page_token"],
    );
    refused(
        &host,
        &beside(&host, "inventory_push", r#""inventory_updates":[{"sku":"a","sku":"b"}]"#),
        400,
        &["inventory_updates[0]", "duplicate", "sku"],
    );
    let twice = r#"{"integration_auth_token":"RETAILOPS_SDK","integration_auth_token":"RETAILOPS_SDK"}"#;
    refused(&host, &post(&host, "order_pull", twice.as_bytes()), 400, &["duplicate", "integration_auth_token"]);
    refused(&host, &beside(&host, "order_pull", r#""page_token":"\ud800""#), 400, &["page_token", "escape"]);
    refused(&host, &beside(&host, "inventory_push", r#""inventory_updates":[{"sku":"\udc00\ud800"}]"#), 400, &["sku"]);
    for bytes in [&b"\xff"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf", b"\xe2\x82"] {
        let body = [ENVELOPE.as_bytes(), b",\"page_token\":\"", bytes, b"\"}"].concat();
        refused(&host, &post(&host, "order_pull", &body), 400, &["not UTF-8"]);
    }
    let pair =
        beside(&host, "inventory_push", r#""inventory_updates":[{"sku":"\ud83d\ude00","quantity_available":1}]"#);
    assert_eq!(pair.ok(200)["events"][0]["associations"][0]["identifier"], "😀");
}

#[test]
fn what_is_too_deep_is_malformed_and_the_limit_itself_is_allowed() {
    let host = node();
    let nested = |levels: usize| {
        beside(&host, "order_pull", &format!(r#""whatever":{}{}"#, "[".repeat(levels), "]".repeat(levels)))
    };
    refused(&host, &nested(64), 400, &["deeper than 64 levels", "edge.json-depth"]);
    refused(&host, &nested(100), 400, &["deeper than 64 levels"]);
    refused(&host, &nested(1_000_000), 400, &["deeper than 64 levels"]);
    assert_eq!(nested(63).status, 200, "63 levels within the body's own");
    let text = beside(&host, "order_pull", &format!(r#""whatever":"{}""#, "[".repeat(100)));
    assert_eq!(text.status, 200, "brackets within text are text");
    let objects = format!(r#""template_output":{}1{}"#, "{\"a\":".repeat(63), "}".repeat(63));
    assert_eq!(beside(&host, "catalog_push", &objects).status, 200);
}

#[test]
fn a_body_that_is_too_large_is_refused_early_and_the_limit_itself_is_allowed() {
    let host = node();
    let body = |size: usize| {
        let head = format!("{ENVELOPE},\"page_token\":\"\",\"pad\":\"");
        format!("{head}{}\"}}", "x".repeat(size - head.len() - 2))
    };
    let limit = 4 << 20;
    assert_eq!(post(&host, "order_pull", body(limit).as_bytes()).status, 200);
    let announced = |length: &str| {
        let head = format!("POST /channels/acme/order_pull_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        wire::raw_answer(&host.edge, head.as_bytes())
    };
    for length in ["4194305", "5242880", "1099511627776"] {
        refused(&host, &announced(length), 413, &["4MiB"]);
    }
    let mut chunked =
        b"POST /channels/acme/order_pull_v1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for piece in body(5 << 20).as_bytes().chunks(64 << 10) {
        chunked.extend(format!("{:x}\r\n", piece.len()).bytes());
        chunked.extend(piece);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    refused(&host, &wire::raw_answer(&host.edge, &chunked), 413, &["4MiB"]);
}
