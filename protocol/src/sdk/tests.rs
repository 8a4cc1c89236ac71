use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::catalog::CatalogPushRequest;
use super::inventory::InventoryPushRequest;
use super::order_given::{
    LineCharges, OrderCharges, OrderPage, OrderReturnedResponse, PaymentProcessor, PaymentTransaction, PostalAddress,
    SalesOrder, SalesOrderLine, TransactionKind,
};
use super::order_told::{
    CustomerReturn, OrderAcknowledgeRequest, OrderPullRequest, OrderRef, OrderReturnedRequest, OrderSnapshot,
    OrderUpdateRequest, SettlePaymentRequest, ShipmentSubmitRequest,
};
use super::reports::{Event, EventReport, Outcome, StatusReport};
use super::{Envelope, Interaction};
use crate::sdk::order_given::FulfillmentMode;
use crate::{Check, Decimal, examples};

/// Reads a request, writes it, and reads that again.
fn goes_round<'a, T: Deserialize<'a> + Serialize + PartialEq + std::fmt::Debug>(json: &'a str) {
    let Ok(first) = serde_json::from_str::<T>(json) else { return };
    let written = serde_json::to_string(&first).unwrap();
    // Leaked, because the borrowed record must outlive the comparison; a handful of bytes in a test.
    let second: T = serde_json::from_str(written.leak()).unwrap();
    assert_eq!(first, second, "{json}");
}

fn every_request_type_reads(json: &str) {
    let _ = Envelope::find(json);
    let json: &'static str = json.to_owned().leak();
    goes_round::<InventoryPushRequest<'_>>(json);
    goes_round::<OrderPullRequest<'_>>(json);
    goes_round::<OrderAcknowledgeRequest<'_>>(json);
    goes_round::<OrderUpdateRequest<'_>>(json);
    goes_round::<OrderRef<'_>>(json);
    goes_round::<OrderSnapshot<'_>>(json);
    goes_round::<ShipmentSubmitRequest<'_>>(json);
    goes_round::<SettlePaymentRequest<'_>>(json);
    goes_round::<OrderReturnedRequest<'_>>(json);
    goes_round::<CustomerReturn<'_>>(json);
    let _ = serde_json::from_str::<CatalogPushRequest<'_>>(json);
}

#[test]
fn examples_mean_the_same_after_writing_and_reading_them_again() {
    for interaction in Interaction::ALL {
        for example in examples::of(interaction) {
            every_request_type_reads(example.body);
        }
    }
}

/// JSON values that wear the members of our records, in every shape that a sender might get wrong.
fn noise() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[ -~]{0,12}".prop_map(Into::into),
        Just("null".into()),
        Just("12.50".into()),
        Just("é\u{0}\"\\".into()),
    ];
    let member = prop_oneof![
        Just("inventory_updates"),
        Just("sku"),
        Just("quantity_available"),
        Just("quantity_detail"),
        Just("quantity_type"),
        Just("orders"),
        Just("order"),
        Just("order_items"),
        Just("removed"),
        Just("rmas"),
        Just("return"),
        Just("items"),
        Just("refund_amt"),
        Just("shipment"),
        Just("packages"),
        Just("weight_kg"),
        Just("payment"),
        Just("payment_transactions"),
        Just("amount"),
        Just("template_output"),
        Just("page_token"),
        Just("integration_auth_token"),
        Just("client_id"),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((member.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn amount() -> impl Strategy<Value = Decimal> {
    (-10_000_000_i64..10_000_000, 0_u8..=6).prop_map(|(units, scale)| Decimal { units, scale })
}

fn address(name: Option<String>) -> PostalAddress {
    PostalAddress {
        first_name: name,
        last_name: None,
        company: None,
        address1: None,
        address2: None,
        city: None,
        state_match: None,
        postal_code: None,
        country_match: None,
        phone_number: None,
    }
}

prop_compose! {
    fn order()(number in "[A-Z0-9]{1,10}", name in prop::option::of("\\PC{0,20}"), price in amount(), tax in prop::option::of(amount()),
               units in 0_i64..1000, tags in prop::collection::vec("\\PC{0,10}", 0..3)) -> SalesOrder {
        let charges = LineCharges {
            unit_price: Some(price), unit_tax: None, unit_tax_pct: None, ship_amt: None, shiptax_amt: None,
            discount_amt: None, discount_pct: None, recycling_amt: None, vat_pct: None,
        };
        SalesOrder {
            channel_order_refnum: number,
            ship_service_code: "Ground".into(),
            currency: "EUR".into(),
            channel_date_created: "2026-01-31T09:30:00+01:00".into(),
            billing_address: address(name.clone()),
            shipping_address: address(name),
            charges: OrderCharges { shipping_amt: None, tax_amt: tax, discount_amt: None },
            lines: vec![SalesOrderLine {
                channel_item_refnum: "1".into(), sku: "S".into(), sku_description: None, quantity: units, mode: FulfillmentMode::InStore,
                charges, options: Vec::new(), facility_id: None, vendor_id: None, fulfillment_actor_id: None,
            }],
            payments: vec![PaymentTransaction {
                processor: PaymentProcessor::AuthorizeNet, kind: TransactionKind::GiftCard, payment_type: "Visa".into(), amount: price, message: None,
            }],
            customer: None,
            attributes: Vec::new(),
            tags,
            gift_message: None,
            ip_address: None,
            cancel: false,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_json_makes_a_reader_panic_or_change_its_mind(value in noise()) {
        every_request_type_reads(&value.to_string());
    }

    #[test]
    fn what_is_answered_reads_back_the_same_and_keeps_the_rules(order in order()) {
        let page = OrderPage { next_page_token: String::new(), orders: vec![order] };
        prop_assert_eq!(page.check(), Ok(()));
        let json = serde_json::to_string(&page).unwrap();
        prop_assert_eq!(&serde_json::from_str::<OrderPage>(&json).unwrap(), &page);
        prop_assert!(json.contains("\"item_type\":\"instore\"") && json.contains("\"payment_processing_type\":\"authorize.net\""));
        prop_assert!(!json.contains("null"), "an absent member is not written: {}", json);
    }
}

pub(super) fn page(orders: Vec<SalesOrder>) -> OrderPage {
    OrderPage { next_page_token: String::new(), orders }
}

pub(super) fn good_order() -> SalesOrder {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut order = order().new_tree(&mut runner).unwrap().current();
    order.charges.tax_amt = None;
    order
}

/// Spoils a good order in one way and gives the path and the rule that are reported.
fn breach(spoil: impl FnOnce(&mut SalesOrder)) -> String {
    let mut order = good_order();
    spoil(&mut order);
    page(vec![order]).check().unwrap_err().to_string()
}

#[test]
fn every_rule_of_an_order_names_the_place_that_breaks_it() {
    let tax = Some(Decimal { units: 5, scale: 0 });
    assert!(breach(|o| o.currency = "INR".into()).starts_with("orders[0].currency_code is none of AUD"));
    assert!(breach(|o| o.ship_service_code.clear()).starts_with("orders[0].ship_service_code has 0 characters"));
    assert!(
        breach(|o| o.channel_date_created = "yesterday".into())
            .starts_with("orders[0].channel_date_created is not an RFC 3339")
    );
    assert_eq!(breach(|o| o.channel_order_refnum.clear()), "orders[0].channel_order_refnum is empty");
    assert_eq!(breach(|o| o.lines[0].sku.clear()), "orders[0].order_items[0].sku is empty");
    assert!(
        breach(|o| o.payments[0].amount.scale = 7)
            .starts_with("orders[0].payment_transactions[0].amount has 7 decimal places")
    );
    assert!(breach(|o| o.tags = vec![String::new(); 101]).starts_with("orders[0].tags has 101 tags"));
    let both = breach(|o| (o.charges.tax_amt, o.lines[0].charges.unit_tax) = (tax, tax));
    assert!(both.starts_with("orders[0].currency_values.tax_amt is given for the order and for its lines"), "{both}");
    let two = breach(|o| (o.lines[0].charges.unit_tax, o.lines[0].charges.unit_tax_pct) = (tax, tax));
    assert!(two.starts_with("orders[0].order_items[0].currency_values.unit_tax"), "{two}");
}

#[test]
fn every_rule_of_a_page_names_the_place_that_breaks_it() {
    let twice = page(vec![good_order(), good_order()]).check().unwrap_err();
    assert_eq!(twice.path, "orders[1].channel_order_refnum");
    let many = page(vec![good_order(); 101]).check().unwrap_err();
    assert_eq!(many.to_string(), "orders has 101 orders; at most 100 are allowed");
    let token = OrderPage { next_page_token: "x".repeat(36), orders: Vec::new() }.check().unwrap_err();
    assert_eq!(token.path, "next_page_token");
}

#[test]
fn a_failed_status_needs_an_error_event_and_events_need_words() {
    let silent = StatusReport { status: Outcome::Fail, events: Vec::new() };
    assert_eq!(silent.check().unwrap_err().path, "events");
    let told = StatusReport { status: Outcome::Fail, events: vec![Event::error("X", "no")] };
    assert_eq!(told.check(), Ok(()));
    let wordless = EventReport { events: vec![Event::error("", "no")] };
    assert_eq!(wordless.check().unwrap_err().to_string(), "events[0].code is empty");
}

#[test]
fn store_credit_is_written_inside_an_object_called_return() {
    let answer = OrderReturnedResponse {
        events: Vec::new(),
        channel_store_credit_amount: Some(Decimal { units: 2000, scale: 2 }),
    };
    let json = serde_json::to_string(&answer).unwrap();
    assert_eq!(json, r#"{"events":[],"return":{"channel_store_credit_amount":20.00}}"#);
    assert_eq!(serde_json::from_str::<OrderReturnedResponse>(&json).unwrap(), answer);
    let none = OrderReturnedResponse { events: Vec::new(), channel_store_credit_amount: None };
    assert_eq!(serde_json::to_string(&none).unwrap(), r#"{"events":[]}"#);
}
