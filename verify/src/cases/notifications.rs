//! The back office's notifications: three carriers, two kinds of delivery, one envelope.

use std::collections::HashSet;

use serde_json::{Map, Value};
use wharf_protocol::examples::{self, Call, Example};
use wharf_protocol::notification::EventKind;

use super::members;
use crate::client::{Carrier, Client};
use crate::judge::{self, End, Flaw};
use crate::report::PATHS;
use crate::runner::Runner;

/// The largest unit price that makes sense.
const MAX_PRICE: f64 = 1e12;

/// The event types that examples exist for, in their order.
pub fn events() -> Vec<String> {
    let mut events: Vec<String> = examples::notifications().map(event_of).collect();
    events.dedup();
    events
}

fn event_of(example: &Example) -> String {
    members(example).get("eventType").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Checks the chosen event types.
pub fn run(client: &Client, runner: &mut Runner<'_>, chosen: &[String]) {
    for event in chosen {
        for (index, example) in examples::notifications().filter(|example| event_of(example) == *event).enumerate() {
            let Call::Notification(kind) = example.call else { continue };
            if !carried(client, runner, event, kind, example) {
                break;
            }
            if index == 0 {
                refused(client, runner, event, example.body);
            }
        }
    }
    if !chosen.is_empty() {
        runner.case(PATHS, "an unknown event type is refused", || {
            let body = r#"{"eventType":"wharf.verify.unknown","entityTypeID":2,"entityID":1}"#;
            Ok(judge::status(&client.notify(body, Carrier::Body, None)?, &[422])?)
        });
    }
}

/// Sends one example by each carrier; false when the event is not implemented or nothing answers.
fn carried(client: &Client, runner: &mut Runner<'_>, event: &str, kind: EventKind, example: &Example) -> bool {
    let message = Value::Object(members(example));
    let first = runner.case(event, &format!("example {}", example.name), || {
        let reply = judge::reply(kind, &client.notify(example.body, Carrier::Body, None)?)?;
        effects(kind, &message, &reply)?;
        Ok(reply)
    });
    if !first.goes_on() {
        return false;
    }
    let first = first.passed();
    for (carrier, name) in [(Carrier::Form, "as a form field"), (Carrier::Query, "as a query argument")] {
        runner.case(event, &format!("{} {name}", example.name), || {
            let reply = judge::reply(kind, &client.notify(&message.to_string(), carrier, None)?)?;
            effects(kind, &message, &reply)?;
            match first.as_ref().filter(|first| first["success"] != reply["success"]) {
                Some(first) => {
                    Err(Flaw::at("success", format!("is {}, and was {} as a body", reply["success"], first["success"]))
                        .into())
                }
                None => Ok(()),
            }
        });
    }
    true
}

fn refused(client: &Client, runner: &mut Runner<'_>, event: &str, body: &str) {
    for (name, key) in [("a wrong X-API-KEY is refused", "KDS_SPOLIATER"), ("a missing X-API-KEY is refused", "")] {
        runner.case(event, name, || Ok(judge::status(&client.notify(body, Carrier::Body, Some(key))?, &[401])?));
    }
    runner.case(event, "broken JSON is refused", || {
        let broken = body.trim_end().strip_suffix('}').unwrap_or(body);
        Ok(judge::status(&client.notify(broken, Carrier::Body, None)?, &[400])?)
    });
}

/// The rules of one event that a schema cannot hold.
fn effects(kind: EventKind, message: &Value, reply: &Value) -> Result<(), End> {
    match kind {
        EventKind::DocumentPricing => priced(&message["data"], &reply["data"]),
        EventKind::PaymentValidation
            if reply["success"] == true && reply["data"]["status"].as_str().is_none_or(str::is_empty) =>
        {
            Err(Flaw::at("data.status", "is missing, though the payment is a success").into())
        }
        _ => Ok(()),
    }
}

fn priced(asked: &Value, given: &Value) -> Result<(), End> {
    let Value::Object(given) = given else { return Ok(()) };
    for member in ["storeCode", "currencyCode"] {
        if given.get(member) != asked.get(member) {
            let (given, asked) = (given.get(member).unwrap_or(&Value::Null), &asked[member]);
            return Err(Flaw::at(format!("data.{member}"), format!("is {given} and does not confirm {asked}")).into());
        }
    }
    let mut left: HashSet<String> = items(asked.as_object()).map(key).collect();
    for (index, item) in items(Some(given)).enumerate() {
        if !left.remove(&key(item)) {
            return Err(Flaw::at(
                format!("data.items[{index}]"),
                "prices something that was not asked for, or was priced already",
            )
            .into());
        }
        for member in ["unitSalesPrice", "unitCostPrice"] {
            if item[member].as_f64().is_some_and(|price| !(0.0..=MAX_PRICE).contains(&price)) {
                return Err(Flaw::at(format!("data.items[{index}].{member}"), "is not between 0 and 10^12").into());
            }
        }
    }
    Ok(())
}

fn items(data: Option<&Map<String, Value>>) -> impl Iterator<Item = &Value> {
    data.and_then(|data| data.get("items")?.as_array()).into_iter().flatten()
}

/// Catalog and EAN together name a thing to price.
fn key(item: &Value) -> String {
    format!("{}/{}", item["catalogInternalCode"], item["eanCode"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flaw(given: &Value) -> Option<String> {
        let asked = json!({"storeCode":"S","currencyCode":"EUR","items":[{"catalogInternalCode":"C","eanCode":"1"},{"catalogInternalCode":"C","eanCode":"2"}]});
        match priced(&asked, given) {
            Ok(()) => None,
            Err(End::Failed(flaw)) => flaw.path,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn prices_must_be_asked_for_and_confirm_their_store() {
        let one = |ean: &str, price: f64| json!({"catalogInternalCode":"C","eanCode":ean,"unitSalesPrice":price});
        let answer = |items: Value| json!({"storeCode":"S","currencyCode":"EUR","items":items});
        assert_eq!(flaw(&answer(json!([one("2", 3.5)]))), None);
        assert_eq!(flaw(&Value::Null), None);
        assert_eq!(flaw(&answer(json!([one("1", 1.0), one("3", 1.0)]))).as_deref(), Some("data.items[1]"));
        assert_eq!(flaw(&answer(json!([one("1", 1.0), one("1", 1.0)]))).as_deref(), Some("data.items[1]"));
        assert_eq!(flaw(&answer(json!([one("1", -1.0)]))).as_deref(), Some("data.items[0].unitSalesPrice"));
        assert_eq!(
            flaw(&json!({"storeCode":"S","currencyCode":"USD","items":[]})).as_deref(),
            Some("data.currencyCode")
        );
    }

    #[test]
    fn a_successful_payment_needs_a_status() {
        let kind = EventKind::PaymentValidation;
        assert!(effects(kind, &Value::Null, &json!({"success":true,"data":{"status":"2"}})).is_ok());
        assert!(effects(kind, &Value::Null, &json!({"success":true})).is_err());
        assert!(effects(kind, &Value::Null, &json!({"success":false})).is_ok());
    }

    #[test]
    fn every_event_has_examples() {
        assert_eq!(
            events(),
            [
                "document.validation",
                "document.cancellation",
                "document.pricing",
                "payment.validation",
                "contact.search",
                "contact.details",
                "contact.validation",
                "workflow.validation"
            ]
        );
    }
}
