use super::*;

fn json(status: u16, body: &str) -> Answer {
    Answer {
        status,
        content_type: "application/json; charset=utf-8".into(),
        body: body.as_bytes().to_vec(),
        excerpt: body.into(),
    }
}

fn failed(interaction: Interaction, given: &Answer) -> Flaw {
    match answer(interaction, given) {
        Err(End::Failed(flaw)) => flaw,
        other => panic!("{other:?}"),
    }
}

const ORDER: &str = r#"{"channel_order_refnum":"A1","ship_service_code":"Ground","currency_code":"EUR","channel_date_created":"2026-11-01T10:00:00Z",
    "billing_address":{},"shipping_address":{},"currency_values":{"tax_amt":1.90,"shipping_amt":4},"payment_transactions":[],"attributes":[],"tags":[],"cancel":false,
    "order_items":[{"channel_item_refnum":"1","sku":"S","quantity":2,"item_type":"ship","currency_values":{"unit_price":0.1},"options":[]}]}"#;

fn page(order: &str) -> String {
    format!(r#"{{"next_page_token":"","orders":[{order}]}}"#)
}

#[test]
fn an_empty_object_fails_every_interaction_and_names_what_is_missing() {
    for interaction in Interaction::ALL {
        let flaw = failed(interaction, &json(200, "{}"));
        assert!(flaw.reason.starts_with("is missing"), "{interaction:?}: {flaw:?}");
        assert!(flaw.path.is_some(), "{interaction:?}: {flaw:?}");
    }
}

#[test]
fn a_good_page_passes() {
    let value = answer(Interaction::OrderPull, &json(200, &page(ORDER))).unwrap();
    assert_eq!(value["orders"][0]["channel_order_refnum"], "A1");
}

#[test]
fn a_wrong_member_is_named_by_its_path() {
    for (from, to, path) in [
        ("\"EUR\"", "\"INR\"", "orders[0].currency_code"),
        ("\"quantity\":2", "\"quantity\":\"2\"", "orders[0].order_items[0].quantity"),
        ("\"unit_price\":0.1", "\"unit_price\":\"0.10\"", "orders[0].order_items[0].currency_values.unit_price"),
        ("2026-11-01T10:00:00Z", "yesterday", "orders[0].channel_date_created"),
        ("\"item_type\":\"ship\",", "", "orders[0].order_items[0].item_type"),
        ("\"unit_price\":0.1", "\"unit_tax\":0.1", "orders[0].currency_values.tax_amt"),
        ("\"unit_price\":0.1", "\"unit_price\":0.1234567", "orders[0].order_items[0].currency_values.unit_price"),
        ("\"tags\":[]", "\"tags\":null", "orders[0].tags"),
    ] {
        assert!(ORDER.contains(from), "{from}");
        let flaw = failed(Interaction::OrderPull, &json(200, &page(&ORDER.replace(from, to))));
        assert_eq!(flaw.path.as_deref(), Some(path), "{flaw:?}");
    }
}

#[test]
fn a_long_token_and_an_order_that_comes_twice_are_refused() {
    let flaw = failed(
        Interaction::OrderPull,
        &json(200, &format!(r#"{{"next_page_token":"{}","orders":[]}}"#, "x".repeat(36))),
    );
    assert_eq!(flaw.path.as_deref(), Some("next_page_token"));
    let flaw = failed(Interaction::OrderPull, &json(200, &page(&format!("{ORDER},{ORDER}"))));
    assert_eq!(flaw.path.as_deref(), Some("orders[1].channel_order_refnum"));
}

#[test]
fn a_failed_status_needs_an_error_event() {
    let flaw = failed(Interaction::OrderCancel, &json(200, r#"{"status":"fail","events":[]}"#));
    assert_eq!(flaw.path.as_deref(), Some("events"));
    let flaw = failed(Interaction::OrderComplete, &json(200, r#"{"status":"error","events":[]}"#));
    assert_eq!(flaw.path.as_deref(), Some("status"));
}

#[test]
fn what_is_not_a_labelled_json_object_is_refused() {
    for (content_type, body, words) in [
        ("text/html", r#"{"events":[]}"#, "content type `text/html`"),
        ("", r#"{"events":[]}"#, "content type ``"),
        ("application/json", "[]", "an array"),
        ("application/json", "null", "null"),
        ("application/json", "", "not JSON"),
        ("application/json", "<html>", "not JSON"),
    ] {
        let given = Answer {
            status: 200,
            content_type: content_type.into(),
            body: body.as_bytes().to_vec(),
            excerpt: body.into(),
        };
        let flaw = failed(Interaction::InventoryPush, &given);
        assert!(flaw.reason.contains(words), "{flaw:?}");
    }
    assert!(failed(Interaction::InventoryPush, &json(204, "")).reason.contains("answered 204 instead of 200"));
}

#[test]
fn what_is_not_implemented_is_skipped() {
    assert!(matches!(answer(Interaction::OrderPull, &json(501, "")), Err(End::Skipped(_))));
    let body = r#"{"success":false,"message":"","errorLevel":4,"errorCode":"HOST_NOT_IMPLEMENTED"}"#;
    assert!(matches!(reply(EventKind::Contact, &json(200, body)), Err(End::Skipped(_))));
}

#[test]
fn a_synchronous_reply_is_an_envelope_under_200_and_an_asynchronous_one_is_202() {
    let good = r#"{"success":true,"message":"","errorLevel":0,"errorCode":"","data":{"internalCode":"X"}}"#;
    assert!(reply(EventKind::DocumentValidation, &json(200, good)).is_ok());
    let Err(End::Failed(flaw)) = reply(EventKind::DocumentValidation, &json(502, good)) else { panic!() };
    assert!(flaw.reason.contains("502"), "{flaw:?}");
    let Err(End::Failed(flaw)) = reply(EventKind::DocumentValidation, &json(200, "{}")) else { panic!() };
    assert_eq!(flaw.path.as_deref(), Some("success"));
    assert!(reply(EventKind::Workflow, &json(202, "")).is_ok());
    assert!(matches!(reply(EventKind::Workflow, &json(200, good)), Err(End::Failed(_))));
}
