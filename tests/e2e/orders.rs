//! Orders from their first offer to their return, with every digit of their money.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::host::{Host, Keys};
use crate::wire;

const NUMBER: &str = "R100001";

struct Shop {
    host: Host,
    keys: Keys,
}

impl Shop {
    fn new(settings: &[&str]) -> Self {
        let host = Host::start();
        let keys = host.serving("acme", "reference", settings);
        Self { host, keys }
    }

    /// A good answer's text.
    fn text(&self, interaction: &str, payload: Value) -> String {
        let answer = self.host.sdk_as(&self.keys.sdk, "acme", interaction, payload);
        assert_eq!(answer.status, 200, "{interaction}: {answer:?}");
        answer.body
    }

    fn call(&self, interaction: &str, payload: Value) -> Value {
        serde_json::from_str(&self.text(interaction, payload)).unwrap()
    }

    /// The numbers of a page's orders, and the token of the next one.
    fn page(&self, token: &str) -> (Vec<String>, String) {
        let page = self.call("order_pull", json!({ "page_token": token, "specific_orders": [] }));
        (numbers(&page), page["next_page_token"].as_str().unwrap().to_owned())
    }

    fn all(&self) -> BTreeSet<String> {
        let (mut all, mut token) = (BTreeSet::new(), String::new());
        loop {
            let (numbers, next) = self.page(&token);
            for number in numbers {
                assert!(all.insert(number.clone()), "{number} was offered twice");
            }
            if next.is_empty() {
                return all;
            }
            assert!(next.len() <= 35 && next != token, "{next}");
            token = next;
        }
    }

    fn acknowledge(&self, number: &str) -> Value {
        self.call(
            "order_acknowledge",
            json!({ "orders": [{ "channel_order_refnum": number, "retailops_order_id": 880_124 }] }),
        )
    }
}

fn numbers(page: &Value) -> Vec<String> {
    page["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["channel_order_refnum"].as_str().unwrap().to_owned())
        .collect()
}

fn fine() -> Value {
    json!({ "events": [] })
}

fn parcel(lines: &Value) -> Value {
    json!({
        "channel_order_refnum": NUMBER,
        "retailops_order_id": 880_124,
        "shipment": { "retailops_shipment_id": 1, "packages": [{
            "retailops_package_id": 2, "carrier_name": "UPS", "tracking_number": "1Z", "weight_kg": 1.5, "package_items": lines,
        }] },
    })
}

fn payment(series: u64, amount: &str) -> Value {
    let amount: Value = serde_json::from_str(amount).unwrap();
    json!({
        "order": { "channel_order_refnum": NUMBER },
        "payment": { "currency_code": "USD", "payment_series_id": series, "payment_transactions": [
            { "payment_processing_type": "channel_payment", "transaction_type": "charge", "payment_type": "Visa", "amount": amount },
        ] },
    })
}

fn refund(id: u64, action: &str, amount: &str) -> Value {
    let line = json!({ "channel_item_refnum": "R100001-1", "quantity": 1, "reason": "CustomerReturn" });
    json!({
        "order": { "channel_order_refnum": NUMBER },
        "return": { "retailops_return_id": id, "retailops_rma_id": "null", "refund_amt": amount, "refund_action": action, "items": [line] },
    })
}

#[test]
fn an_order_lives_from_its_offer_to_its_return() {
    let shop = Shop::new(&[]);
    assert_eq!(shop.all().len(), 3);
    assert!(shop.all().contains(NUMBER), "an order is offered until it is acknowledged");
    assert_eq!((shop.acknowledge(NUMBER), shop.acknowledge(NUMBER)), (fine(), fine()));
    assert_eq!((shop.all().len(), shop.all().contains(NUMBER)), (2, false));
    assert_eq!(shop.acknowledge("X1")["events"][0]["code"], "UNKNOWN_ORDER");

    let again = shop.call("order_pull", json!({ "page_token": "", "specific_orders": [{ "channel_refnum": NUMBER }] }));
    assert_eq!((numbers(&again), again["next_page_token"].as_str()), (vec![NUMBER.to_owned()], Some("")));
    assert_eq!(
        (again["orders"][0]["cancel"].as_bool(), again["orders"][0]["order_items"].as_array().map(Vec::len)),
        (Some(false), Some(2))
    );

    let lines = json!([{ "channel_item_refnum": "R100001-1", "quantity": 2 }, { "channel_item_refnum": "R100001-2", "quantity": "3" }]);
    assert_eq!(shop.call("order_shipment_submit", parcel(&lines)), fine());
    assert_eq!(
        shop.call("order_shipment_submit", parcel(&lines)),
        fine(),
        "a shipment that is told twice went out once"
    );
    let cancelled = shop.call("order_cancel", json!({ "order": { "channel_order_refnum": NUMBER } }));
    assert_eq!((&cancelled["status"], &cancelled["events"][0]["code"]), (&json!("fail"), &json!("ORDER_SHIPPED")));

    assert_eq!(shop.call("order_settle_payment", payment(9, "113.98")), fine());
    assert_eq!(
        shop.call("order_settle_payment", payment(9, "113.98")),
        fine(),
        "a settlement that is told twice is one"
    );
    let more = shop.call("order_settle_payment", payment(10, "0.01"));
    assert_eq!(more["events"][0]["code"], "EXCEEDS_BALANCE", "{more}");

    let complete = json!({ "order": { "channel_order_refnum": NUMBER, "unshipped_items": [], "shipments": [parcel(&lines)["shipment"]] } });
    for _ in 0..2 {
        assert_eq!(shop.call("order_complete", complete.clone()), json!({ "status": "success", "events": [] }));
    }
    let late = shop.call("order_cancel", json!({ "order": { "channel_order_refnum": NUMBER } }));
    assert_eq!(late["status"], "fail");

    for _ in 0..2 {
        let answer = shop.text("order_returned", refund(4105, "storecredit", "16.90"));
        assert_eq!(answer, r#"{"events":[],"return":{"channel_store_credit_amount":16.90}}"#);
    }
    assert_eq!(shop.text("order_returned", refund(4106, "refund", "16.9")), r#"{"events":[]}"#);
    let over = shop.call("order_returned", refund(4107, "storecredit", "1"));
    assert_eq!(over["events"][0]["code"], "TOO_MANY_UNITS", "{over}");
    assert!(over.get("return").is_none());
}

#[test]
fn what_happened_to_an_order_survives_a_crash() {
    let shop = Shop::new(&[]);
    shop.acknowledge(NUMBER);
    assert_eq!(
        shop.call("order_cancel", json!({ "order": { "channel_order_refnum": "R100002" } }))["status"],
        "success"
    );
    let shop = Shop { host: shop.host.kill_and_restart(), keys: shop.keys };
    assert!(!shop.all().contains(NUMBER), "still acknowledged");
    let order = shop.call("order_pull", json!({ "specific_orders": [{ "channel_refnum": "R100002" }] }));
    assert_eq!(order["orders"][0]["cancel"], true);
}

#[test]
fn paging_offers_every_order_once() {
    let shop = Shop::new(&["page_size=1", "orders=5"]);
    assert_eq!(shop.all().len(), 5);
    let (first, token) = shop.page("");
    shop.acknowledge(&first[0]);
    let (second, _) = shop.page(&token);
    assert_eq!((second.as_slice(), shop.all().len()), (&["R100002".to_owned()][..], 4), "acknowledging moves no page");
    let bad = shop.host.sdk("acme", "order_pull", json!({ "page_token": "N/A" }));
    assert_eq!((bad.status, bad.code().as_str()), (422, "BAD_PAGE_TOKEN"), "a refused pull is no empty page");
    assert!(bad.json().get("orders").is_none());
    for _ in 0..2 {
        for number in shop.all() {
            shop.acknowledge(&number);
        }
        assert_eq!(shop.page(""), (vec![], String::new()), "an empty page is a page");
    }
}

#[test]
fn amounts_have_the_digits_that_the_guest_gave() {
    let shop = Shop::new(&[]);
    let page = shop.text("order_pull", json!({ "specific_orders": [{ "channel_refnum": NUMBER }] }));
    for text in [
        "\"unit_price\":16.90",
        "\"unit_price\":22.00",
        "\"shipping_amt\":5.95",
        "\"tax_amt\":8.23",
        "\"discount_amt\":0.00",
        "\"amount\":113.98",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    assert!(!page.contains("e+") && !page.contains("E-") && !page.contains("0000000"), "{page}");
    let query = json!({ "eventType": "document.pricing", "entityTypeID": 1, "entityID": 1, "data": { "items": [{ "eanCode": "2000000123455" }] } });
    let priced = shop.host.notify("acme", &shop.keys.notification, &query);
    assert!(priced.body.contains(r#""unitCostPrice":9.80,"unitSalesPrice":24.50"#), "{priced:?}");
    // More digits than a float holds, and the zeros that it forgets: the refusal names the amount as it came.
    for amount in ["90071992547409.930", "\"90071992547409.930\"", "9007199254740993", "1e14", "123456789012.3400"] {
        let body = json!({
            "integration_auth_token": shop.keys.sdk,
            "order": { "channel_order_refnum": NUMBER },
            "payment": { "payment_series_id": 1, "payment_transactions": [{ "amount": "AMOUNT" }] },
        });
        let body = body.to_string().replace("\"AMOUNT\"", amount);
        let answer =
            wire::post(&format!("http://{}/channels/acme/order_settle_payment_v1", shop.host.edge), &[], &body).ok(200);
        let message = answer["events"][0]["message"].as_str().unwrap();
        let expected = if amount == "1e14" { "100000000000000" } else { amount.trim_matches('"') };
        assert!(message.starts_with(&format!("{expected} is more than the 113.98")), "{message}");
    }
}

#[test]
fn hundreds_of_calls_at_the_same_time_are_all_answered() {
    let shop = Shop::new(&["orders=80", "page_size=10"]);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let shop = &shop;
            scope.spawn(move || {
                for round in 0..200_u32 {
                    let number = format!("R{}", 100_001 + thread * 20 + round % 20);
                    let order = json!({ "order": { "channel_order_refnum": number } });
                    let (interaction, payload) = match round % 8 {
                        0 => ("order_pull", json!({ "page_token": "" })),
                        1 => (
                            "inventory_push",
                            json!({ "inventory_updates": [{ "sku": "S12345", "quantity_available": round }] }),
                        ),
                        2 => ("catalog_get_config", json!({})),
                        3 => ("order_pull", json!({ "specific_orders": [{ "channel_refnum": number }] })),
                        4 => ("order_acknowledge", json!({ "orders": [{ "channel_order_refnum": number }] })),
                        5 => ("order_update", order),
                        6 => ("order_complete", order),
                        _ => ("order_returned", order),
                    };
                    let answer = shop.call(interaction, payload);
                    if round % 8 == 3 {
                        assert_eq!(numbers(&answer), [number]);
                    }
                }
            });
        }
    });
    // Every acknowledgement counted, although all of them go into one key: 5 of each thread's 20 were named.
    assert_eq!(shop.all().len(), 60);
}
