//! The eleven interactions, answered by the reference plugin, held against the platform's rules and our own.

use std::fs;

use jsonschema::Validator;
use serde_json::{Value, json};
use wharf_protocol::examples::{self, Call};
use wharf_protocol::sdk::Interaction;
use wharf_protocol::sdk::catalog::CatalogConfig;
use wharf_protocol::sdk::order_given::{OrderPage, OrderReturnedResponse, OrderUpdateResponse};
use wharf_protocol::sdk::reports::{EventReport, StatusReport};
use wharf_protocol::{Check, schema};

use crate::host::{Host, TEST_KEY, shared};
use crate::wire::{self, Answer};

fn post(host: &Host, channel: &str, interaction: Interaction, body: &str) -> Answer {
    wire::post(&format!("http://{}/channels/{channel}/{}", host.edge, interaction.path()), &[], body)
}

/// The platform's schema of the answer; none when its files are not at hand.
fn platforms(interaction: Interaction) -> Option<Validator> {
    let file = shared()?.join("schema").join(format!("{}.json", interaction.path()));
    let file: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let mut schema = file["links"][0]["targetSchema"].clone();
    assert!(schema.is_object(), "{} has no schema of its answer", interaction.name());
    schema["definitions"] = file["definitions"].clone();
    Some(jsonschema::draft4::options().should_validate_formats(true).build(&schema).unwrap())
}

/// Our own, stricter schema of the answer.
fn ours(interaction: Interaction) -> Validator {
    let schema = serde_json::to_value(schema::answer(interaction)).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn keeps_the_rules(interaction: Interaction, text: &str) {
    fn check<A: for<'de> serde::Deserialize<'de> + Check>(text: &str) -> Result<(), String> {
        let answer: A = serde_json::from_str(text).map_err(|error| error.to_string())?;
        answer.check().map_err(|breach| breach.to_string())
    }
    let checked = match interaction {
        Interaction::CatalogGetConfig => check::<CatalogConfig>(text),
        Interaction::OrderPull => check::<OrderPage>(text),
        Interaction::OrderUpdate => check::<OrderUpdateResponse>(text),
        Interaction::OrderReturned => check::<OrderReturnedResponse>(text),
        Interaction::OrderCancel | Interaction::OrderComplete => check::<StatusReport>(text),
        _ => check::<EventReport>(text),
    };
    assert_eq!(checked, Ok(()), "{}: {text}", interaction.name());
}

/// A good answer: 200, JSON, of this call, and legal by all three.
fn legal(interaction: Interaction, answer: &Answer, what: &str) {
    assert_eq!(answer.status, 200, "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{what}");
    assert!(answer.header("wharf-call-id").is_some_and(|id| id.len() == 26), "{what}");
    let body = answer.json();
    assert!(!answer.body.contains("null"), "{what}: nothing is null, it is absent or empty: {}", answer.body);
    for validator in platforms(interaction).into_iter().chain([ours(interaction)]) {
        let errors: Vec<_> = validator.iter_errors(&body).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{what}: {errors:?}");
    }
    keeps_the_rules(interaction, &answer.body);
    let list = if interaction == Interaction::OrderPull { "orders" } else { "events" };
    assert_eq!(body[list].is_array(), interaction != Interaction::CatalogGetConfig, "{what}: {body}");
    assert_eq!(body["next_page_token"].is_string(), interaction == Interaction::OrderPull, "{what}: {body}");
    assert_eq!(body["status"].is_string(), interaction.reports_status(), "{what}: {body}");
}

#[test]
fn every_example_is_answered_and_every_answer_is_legal() {
    if shared().is_none() {
        println!("skipped in part: the platform's schemas are not at hand");
    }
    let host = Host::start();
    let keys = host.serving("acme", "reference", &[]);
    for example in examples::all() {
        match example.call {
            Call::Sdk(interaction) => {
                let answer = post(&host, "acme", interaction, &example.with_key(TEST_KEY));
                legal(interaction, &answer, example.name);
            }
            Call::Notification(kind) => {
                let url = format!("http://{}/channels/acme/notifications", host.edge);
                let answer = wire::post(&url, &[("x-api-key", &keys.notification)], example.body);
                let body = answer.ok(if kind.is_synchronous() { 200 } else { 202 });
                let schema = serde_json::to_value(schema::reply(kind)).unwrap();
                if kind.is_synchronous() {
                    assert!(jsonschema::is_valid(&schema, &body), "{}: {body}", example.name);
                    assert!(
                        !body["errorCode"].as_str().unwrap().starts_with("HOST_")
                            || body["errorCode"] == "HOST_NO_PAYMENT_STATUS",
                        "{}: {body}",
                        example.name
                    );
                }
            }
        }
    }
}

#[test]
fn the_platforms_own_examples_are_answered() {
    let Some(folder) = shared() else {
        println!("skipped: the platform's examples are not at hand");
        return;
    };
    let host = Host::start();
    host.serving("acme", "reference", &[]);
    let mut seen = 0;
    for file in ["examples", "samples"].into_iter().flat_map(|name| fs::read_dir(folder.join(name)).unwrap()) {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let interaction = Interaction::ALL.into_iter().find(|one| name.contains(one.path())).unwrap();
        let mut body: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        body["integration_auth_token"] = TEST_KEY.into();
        legal(interaction, &post(&host, "acme", interaction, &body.to_string()), &name);
        body["integration_auth_token"] = "KDS_SPOLIATER".into();
        assert_eq!(post(&host, "acme", interaction, &body.to_string()).status, 401, "{name}");
        seen += 1;
    }
    assert!(seen >= 16, "{seen} files");
}

#[test]
fn the_least_that_the_platform_may_send_is_answered() {
    let host = Host::start();
    host.serving("acme", "reference", &[]);
    for interaction in Interaction::ALL {
        for rest in [
            json!({}),
            json!({ "order": null, "orders": null, "shipment": "", "payment": null, "return": "null", "rmas": null, "page_token": null, "specific_orders": "", "inventory_updates": null, "template_output": null }),
        ] {
            legal(interaction, &host.sdk("acme", interaction.name(), rest), interaction.name());
        }
    }
}

#[test]
fn a_call_without_its_order_number_fails_in_the_platforms_own_words() {
    let host = Host::start();
    host.serving("acme", "reference", &[]);
    for interaction in ["order_cancel", "order_complete", "order_shipment_submit"] {
        for order in [
            json!(null),
            json!({}),
            json!(""),
            json!({ "channel_order_refnum": "" }),
            json!({ "channel_order_refnum": null }),
            json!({ "retailops_order_id": 5 }),
        ] {
            let answer = host.sdk("acme", interaction, json!({ "order": order, "channel_order_refnum": "" })).ok(200);
            let event = &answer["events"][0];
            assert_eq!(
                (&event["event_type"], &event["code"]),
                (&json!("error"), &json!("HOST_MISSING_FIELD")),
                "{answer}"
            );
            assert!(event["message"].as_str().unwrap().contains("channel_order_refnum"), "{event}");
            let status = (interaction != "order_shipment_submit").then(|| json!("fail"));
            assert_eq!(answer.get("status").cloned(), status, "{interaction} {order}");
        }
    }
    // What the shop itself refuses travels the same way.
    let unknown = host.sdk("acme", "order_cancel", json!({ "order": { "channel_order_refnum": 496 } })).ok(200);
    assert_eq!((&unknown["status"], &unknown["events"][0]["code"]), (&json!("fail"), &json!("UNKNOWN_ORDER")));
    assert_eq!(
        unknown["events"][0]["associations"],
        json!([{ "identifier_type": "order_refnum", "identifier": "496" }])
    );
}

#[test]
fn requests_are_read_leniently() {
    let host = Host::start();
    host.serving("told", "echo", &[]);
    let told = |updates: Value| {
        let answer = host.sdk("told", "inventory_push", json!({ "inventory_updates": updates })).ok(200);
        answer["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let updates = json!([
        { "sku": 12, "quantity_available": "24" },
        { "sku": "B", "quantity_available": 1.0, "quantity_detail": null },
        { "sku": "C\u{e9}\"", "quantity_available": "", "unknown": { "member": [1] } },
        { "sku": "D", "quantity_available": "null" },
    ]);
    assert_eq!(told(updates), ["24 units of 12", "1 units of B", "0 units of Cé\"", "0 units of D"]);
    assert_eq!(told(json!("")), Vec::<String>::new());

    host.serving("acme", "reference", &[]);
    let code = |answer: Answer| answer.ok(200)["events"][0]["code"].as_str().unwrap_or_default().to_owned();
    let stock = |sku: &str| {
        code(host.sdk(
            "acme",
            "inventory_push",
            json!({ "inventory_updates": [{ "sku": sku, "quantity_available": "3" }] }),
        ))
    };
    for (member, sku) in [("template_output", "NEW-1"), ("TemplateOutput", "NEW-2")] {
        assert_eq!(stock(sku), "UNKNOWN_SKU");
        assert_eq!(
            code(host.sdk("acme", "catalog_push", json!({ member: { "General": { "sku": sku, "price": "9.90" } } }))),
            ""
        );
        assert_eq!(stock(sku), "", "{member} was read");
    }
    for (number, removed) in [
        json!(true),
        json!(1),
        json!("true"),
        json!("1"),
        json!("True"),
        json!(false),
        json!(0),
        json!("no"),
        json!(null),
    ]
    .into_iter()
    .enumerate()
    {
        let gone = number < 5;
        let line =
            json!({ "order_item_id": "77", "channel_item_refnum": "R100001-2", "quantity": "3", "removed": removed });
        host.serving(&format!("shop-{number}"), "reference", &[]);
        let order = json!({ "channel_order_refnum": "R100001", "retailops_order_id": "0", "order_items": [line] });
        let answer = host.sdk(&format!("shop-{number}"), "order_update", json!({ "order": order, "rmas": "" })).ok(200);
        assert_eq!(answer["line_items"].as_array().map(Vec::len), Some(usize::from(!gone)), "{removed}: {answer}");
    }
}
