//! Requests and answers of the SDK that are nearly right: nothing panics, and what is read, written and read again means the same.

use std::collections::BTreeMap;

use bolero::check;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wharf_fuzz::{Dice, spoil, spoil_json, within_limits};

use super::catalog::{CatalogConfig, CatalogPushRequest};
use super::envelope::without_key;
use super::inventory::InventoryPushRequest;
use super::order_given::{OrderPage, OrderReturnedResponse, OrderUpdateResponse};
use super::order_told as told;
use super::reports::{EventReport, StatusReport};
use super::tests::{good_order, page};
use super::{Envelope, Interaction, Request};
use crate::{Check, examples};

/// An example of any interaction, with a key, spoilt as text or as JSON, and the interaction that it was one of.
fn request(dice: &mut Dice<'_>) -> (Interaction, String) {
    let interaction = dice.of(&Interaction::ALL);
    let choice: Vec<_> = examples::of(interaction).collect();
    let body = dice.of(&choice).with_key("key");
    if dice.flip() {
        return (interaction, spoil_json(&body, dice));
    }
    (interaction, String::from_utf8_lossy(&spoil(body.as_bytes(), dice)).into_owned())
}

/// Reads; then writes and reads again, which must mean the same.
fn goes_round<'a, T>(json: &'a str, again: &'a mut String)
where
    T: Deserialize<'a> + Serialize + PartialEq + std::fmt::Debug + Request,
{
    let Ok(first) = serde_json::from_str::<T>(json) else { return };
    *again = serde_json::to_string(&first).unwrap();
    let second: T = serde_json::from_str(again).unwrap();
    assert_eq!(first, second, "{json} was written as {again}");
    assert_eq!(first.missing(), second.missing());
    assert_eq!(first.order_number(), second.order_number());
}

fn decode(interaction: Interaction, json: &str) {
    let again = &mut String::new();
    match interaction {
        Interaction::CatalogGetConfig => {}
        Interaction::CatalogPush => {
            let _ = serde_json::from_str::<CatalogPushRequest<'_>>(json);
        }
        Interaction::InventoryPush => goes_round::<InventoryPushRequest<'_>>(json, again),
        Interaction::OrderPull => goes_round::<told::OrderPullRequest<'_>>(json, again),
        Interaction::OrderAcknowledge => goes_round::<told::OrderAcknowledgeRequest<'_>>(json, again),
        Interaction::OrderUpdate => goes_round::<told::OrderUpdateRequest<'_>>(json, again),
        Interaction::OrderCancel => {
            if let Ok(body) = serde_json::from_str::<told::OrderCancelBody<'_>>(json) {
                let order = serde_json::to_string(&body.order.unwrap_or_default()).unwrap();
                goes_round::<told::OrderRef<'_>>(&order, &mut String::new());
            }
        }
        Interaction::OrderShipmentSubmit => goes_round::<told::ShipmentSubmitRequest<'_>>(json, again),
        Interaction::OrderComplete => {
            if let Ok(body) = serde_json::from_str::<told::OrderCompleteBody<'_>>(json) {
                let order = serde_json::to_string(&body.order.unwrap_or_default()).unwrap();
                goes_round::<told::OrderSnapshot<'_>>(&order, &mut String::new());
            }
        }
        Interaction::OrderSettlePayment => goes_round::<told::SettlePaymentRequest<'_>>(json, again),
        Interaction::OrderReturned => goes_round::<told::OrderReturnedRequest<'_>>(json, again),
    }
}

#[test]
fn eleven_decoders_read_what_they_write() {
    check!().for_each(|script: &[u8]| {
        let (interaction, json) = request(&mut Dice::new(script));
        within_limits(|| decode(interaction, &json));
    });
}

#[test]
fn the_envelope_is_found_or_refused_and_its_key_never_stays() {
    check!().for_each(|script: &[u8]| {
        let (_, json) = request(&mut Dice::new(script));
        within_limits(|| {
            if let Ok(envelope) = Envelope::find(&json) {
                let _ = (envelope.token(), envelope.action(), envelope.client_id(), envelope.channel_id());
            }
            if let Ok(rest) = without_key(&json) {
                // Not read as values: half a pair (`"\\ud800"`) is JSON, and stays what it is.
                let rest: BTreeMap<String, &RawValue> = serde_json::from_str(&rest).unwrap();
                assert!(!rest.contains_key(super::envelope::KEY_MEMBER), "{json}");
            }
        });
    });
}

/// What a guest gave, once it has passed the check, can be written and read back.
fn answer<T: Check + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(json: &str) {
    let Ok(answer) = serde_json::from_str::<T>(json) else { return };
    if answer.check().is_ok() {
        let written = serde_json::to_string(&answer).unwrap();
        let read: T = serde_json::from_str(&written).unwrap();
        assert_eq!(read.check(), Ok(()), "{written}");
        assert_eq!(read, answer, "{written}");
    }
}

/// The answers beside a page of orders.
const ANSWERS: [&str; 4] = [
    r#"{"status":"fail","events":[{"event_type":"error","code":"X","message":"no","diagnostic_data":"d","associations":[{"identifier_type":"sku_number","identifier":"S"}]}]}"#,
    r#"{"events":[],"return":{"channel_store_credit_amount":20.00}}"#,
    r#"{"sku_fanout":"no_fanout","line_items":[{"channel_item_refnum":"1"}],"events":[]}"#,
    r#"{"events":[{"event_type":"info","code":"1","message":"m","associations":[]}]}"#,
];

#[test]
fn an_answer_that_passes_the_check_can_be_sent() {
    let page = serde_json::to_string(&page(vec![good_order()])).unwrap();
    answer::<OrderPage>(&page);
    check!().for_each(|script: &[u8]| {
        let dice = &mut Dice::new(script);
        let example = if dice.flip() { page.as_str() } else { dice.of(&ANSWERS) };
        let json = spoil_json(example, dice);
        within_limits(|| {
            answer::<OrderPage>(&json);
            answer::<EventReport>(&json);
            answer::<StatusReport>(&json);
            answer::<OrderUpdateResponse>(&json);
            answer::<OrderReturnedResponse>(&json);
            answer::<CatalogConfig>(&json);
        });
    });
}

#[test]
fn the_good_answers_are_good() {
    assert_eq!(page(vec![good_order()]).check(), Ok(()));
    assert_eq!(serde_json::from_str::<StatusReport>(ANSWERS[0]).unwrap().check(), Ok(()));
    assert_eq!(serde_json::from_str::<OrderReturnedResponse>(ANSWERS[1]).unwrap().check(), Ok(()));
    assert_eq!(serde_json::from_str::<EventReport>(ANSWERS[3]).unwrap().check(), Ok(()));
}
