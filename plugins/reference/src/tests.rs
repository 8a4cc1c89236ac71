//! Every rule of the platform that the shop says it keeps.

mod changes;
mod fulfilment;
mod goods;
mod money;
mod notices;
mod pages;
mod pulling;
mod seeds;

use crate::Shop;
use serde_json::json;
use wharf_sdk::prelude::*;
use wharf_sdk::testing::{Fake, context};

/// The first order: two lines, `R100001-1` with 2 × 16.90 (S12346) and `R100001-2` with 3 × 22.00 (S12347).
/// Goods 99.80, shipping 5.95, tax 8.23, together 113.98.
const FIRST: &str = "R100001";

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn codes(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.code.as_str()).collect()
}

fn snapshot(refnum: &str) -> OrderSnapshot {
    OrderSnapshot { channel_order_refnum: refnum.to_owned(), ..OrderSnapshot::default() }
}

fn order_ref(refnum: &str, id: i64) -> OrderRef {
    OrderRef { channel_order_refnum: refnum.to_owned(), retailops_order_id: (id != 0).then_some(id) }
}

/// A parcel with one line.
fn parcel(id: Option<i64>, line: &str, units: i64) -> Parcel {
    Parcel {
        retailops_package_id: id,
        carrier_name: Some("UPS".to_owned()),
        tracking_number: Some("1Z999".to_owned()),
        lines: vec![ParcelLine {
            channel_item_refnum: Some(line.to_owned()),
            quantity: units,
            ..ParcelLine::default()
        }],
        ..Parcel::default()
    }
}

fn shipment(id: i64, parcels: Vec<Parcel>) -> Shipment {
    Shipment { retailops_shipment_id: Some(id), date_shipped: None, parcels }
}

fn submit(fake: &mut Fake, refnum: &str, shipment: Shipment) -> Vec<Event> {
    let request = ShipmentSubmitRequest {
        channel_order_refnum: refnum.to_owned(),
        retailops_order_id: None,
        shipment: Some(shipment),
    };
    fake.run(|| Shop::submit_shipment(&context(), request)).expect("a report").events
}

fn complete(fake: &mut Fake, order: OrderSnapshot) -> StatusReport {
    fake.run(|| Shop::complete(&context(), order)).expect("a report")
}

fn cancel(fake: &mut Fake, refnum: &str) -> StatusReport {
    fake.run(|| Shop::cancel(&context(), order_ref(refnum, 0))).expect("a report")
}

fn pull(fake: &mut Fake, token: &str) -> OrderPage {
    let request = OrderPullRequest { page_token: token.to_owned(), specific_orders: Vec::new() };
    fake.run(|| Shop::pull(&context(), request)).expect("a page")
}

fn specific(fake: &mut Fake, refnums: &[&str]) -> Vec<SalesOrder> {
    let select = |refnum: &&str| OrderSelector { channel_order_refnum: (*refnum).to_owned() };
    let request = OrderPullRequest {
        page_token: "to be ignored".to_owned(),
        specific_orders: refnums.iter().map(select).collect(),
    };
    fake.run(|| Shop::pull(&context(), request)).expect("a page").orders
}

fn settle(fake: &mut Fake, series: i64, amounts: &[&str]) -> Vec<Event> {
    let transactions = amounts.iter().map(|amount| SettlementTransaction {
        processor: Some(PaymentProcessor::ChannelPayment),
        kind: Some(TransactionKind::Charge),
        payment_type: Some("Visa".to_owned()),
        amount: Some(decimal(amount)),
    });
    let request = SettlePaymentRequest {
        order: Some(snapshot(FIRST)),
        payment: Some(PaymentSettlement {
            currency: Some("USD".to_owned()),
            payment_series_id: Some(series),
            transactions: transactions.collect(),
        }),
    };
    fake.run(|| Shop::settle_payment(&context(), request)).expect("a report").events
}

#[test]
fn a_bad_setting_fails_and_is_named() {
    for (key, value) in [("orders", "501"), ("page_size", "0"), ("page_size", "many"), ("currency", "XXX")] {
        let mut fake = Fake::new().config(key, value);
        let failure = fake.run(|| Shop::pull(&context(), OrderPullRequest::default()));
        assert!(matches!(failure, Err(Failure::Internal(text)) if text.contains(key) && text.contains(value)), "{key}");
    }
}

#[test]
fn a_busy_channel_keeps_a_bounded_number_of_keys() {
    // The longest that is kept of each: what has to be escaped counts twice.
    let (text, most) = ("\"".repeat(500), i64::MAX);
    let term = json!({ "id": most, "amount": 999_999_999_999.5 });
    let wordy = json!({
        "reference": text, "description": text, "currencyCode": "EUR", "totalWithTaxes": 999_999_999_999.5,
        "items": [{ "description": text }, {}], "paymentMethods": [term, term, term, term, term],
    });
    for (document, longest) in [("{}".to_owned(), 10 << 10), (wordy.to_string(), 48 << 10)] {
        let mut fake = Fake::new();
        for id in 0..5000 {
            let entity = Entity::new(most, most - id);
            let request = ValidationRequest { entity, internal_code: None, document: document.clone() };
            fake.run(|| <Shop as Documents>::validate(&context(), request)).expect("an answer");
        }
        assert!(fake.keys().len() <= 64, "{} keys", fake.keys().len());
        let size = fake.keys().into_iter().filter_map(|key| fake.value(key)).map(|value| value.len()).max();
        assert!(size.is_some_and(|size| size < longest), "{size:?}");
    }
}
