//! Orders through their life, with the numbers that the channel itself gave.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use wharf_protocol::examples;
use wharf_protocol::sdk::Interaction;

use super::sdk::{ask, same};
use super::{members, without_error};
use crate::client::Client;
use crate::judge::{End, Flaw};
use crate::runner::{Runner, Tried};

/// The most pages that are followed.
const MAX_PAGES: usize = 200;

/// An order number that no channel has.
const UNKNOWN: &str = "WHARF-VERIFY-UNKNOWN";

/// What a RetailOps id is, where one is needed.
const RETAILOPS_ID: i64 = 990_417;

/// The orders that the channel offers: one to be fulfilled, one to be cancelled.
#[derive(Debug, Default)]
pub struct Waiting {
    fulfilled: Option<Value>,
    cancelled: Option<Value>,
}

impl Waiting {
    /// Takes two orders, preferring those that no example names: examples have been sent for those already.
    fn choose(orders: Vec<Value>) -> Self {
        let (named, mut free): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| {
            let number = number(order);
            examples::all().iter().any(|example| example.body.contains(&number))
        });
        free.extend(named);
        let mut free = free.into_iter();
        Self { fulfilled: free.next(), cancelled: free.next() }
    }

    /// Pulls without making a case of it; what goes wrong leaves nothing.
    pub fn quietly(client: &Client) -> Self {
        pull_all(client).map(Self::choose).unwrap_or_default()
    }
}

/// Whether an interaction is checked with orders that the channel gave.
pub fn needs_orders(interaction: Interaction) -> bool {
    interaction.name().starts_with("order_") && interaction != Interaction::OrderPull
}

/// The cases of `order_pull`; gives the orders for all others.
pub fn pulled(client: &Client, runner: &mut Runner<'_>) -> Waiting {
    let group = Interaction::OrderPull.name();
    let paged = runner.case(group, "paging ends, and no order comes twice", || pull_all(client));
    let Tried::Passed(orders) = paged else { return Waiting::default() };
    runner.case(group, "orders that were not acknowledged come again", || {
        let again = numbers(&pull_all(client)?);
        match numbers(&orders).into_iter().find(|number| !again.contains(number)) {
            Some(lost) => Err(Flaw::new(format!("order {lost} was not acknowledged and is not offered again")).into()),
            None => Ok(()),
        }
    });
    for (name, selection) in [
        ("an empty list of specific orders is an ordinary pull", json!([])),
        ("specific orders of null are an ordinary pull", Value::Null),
    ] {
        runner.case(group, name, || {
            let page = page(client, "", &selection)?;
            let (given, ordinary) = (page["orders"].as_array().map_or(0, Vec::len), orders.len());
            if given == 0 && ordinary > 0 {
                return Err(
                    Flaw::at("orders", format!("is empty, though an ordinary pull gives {ordinary} orders")).into()
                );
            }
            Ok(())
        });
    }
    Waiting::choose(orders)
}

/// The cases of an interaction that need an order which the channel gave, or one which it cannot know.
pub fn live(client: &Client, runner: &mut Runner<'_>, interaction: Interaction, waiting: &Waiting) {
    match interaction {
        Interaction::OrderAcknowledge => acknowledge(client, runner, waiting.fulfilled.as_ref()),
        Interaction::OrderUpdate => update(client, runner, waiting.fulfilled.as_ref()),
        Interaction::OrderCancel => ended(client, runner, interaction, waiting.cancelled.as_ref()),
        Interaction::OrderComplete => ended(client, runner, interaction, waiting.fulfilled.as_ref()),
        Interaction::OrderShipmentSubmit => ship(client, runner, waiting.fulfilled.as_ref()),
        Interaction::OrderSettlePayment | Interaction::OrderReturned => {
            repeat(client, runner, interaction, waiting.fulfilled.as_ref());
        }
        _ => {}
    }
}

fn acknowledge(client: &Client, runner: &mut Runner<'_>, order: Option<&Value>) {
    let interaction = Interaction::OrderAcknowledge;
    let group = interaction.name();
    let body = |number: &str| {
        let mut body = base(interaction);
        body.insert("orders".into(), json!([{ "channel_order_refnum": number, "retailops_order_id": RETAILOPS_ID }]));
        body
    };
    let taken = runner.case(group, "an acknowledged order leaves the list", || {
        let number = number(given(order)?);
        without_error(&ask(client, interaction, &body(&number))?, "an order that the channel offered")?;
        if numbers(&pull_all(client)?).contains(&number) {
            return Err(Flaw::new(format!("order {number} is still offered after it was acknowledged")).into());
        }
        Ok(number)
    });
    if let Tried::Passed(number) = taken {
        runner.case(group, "naming an acknowledged order brings it back", || {
            let page = page(client, "", &json!([{ "channel_refnum": number }]))?;
            let orders = page["orders"].as_array().map_or(&[][..], Vec::as_slice);
            if numbers(orders) == [number.as_str()] {
                return Ok(());
            }
            Err(Flaw::at(
                "orders",
                format!("should be exactly order {number}, which was asked for, and has {} orders", orders.len()),
            )
            .into())
        });
        runner.case(group, "acknowledging twice is fine", || {
            Ok(without_error(&ask(client, interaction, &body(&number))?, "an order that was acknowledged before")?)
        });
    }
    runner.case(group, "an unknown order number is told as an event", || {
        let answer = ask(client, interaction, &body(UNKNOWN))?;
        if answer["events"].as_array().is_some_and(Vec::is_empty) {
            return Err(Flaw::at("events", "is empty, though the acknowledged order is unknown").into());
        }
        Ok(())
    });
}

fn update(client: &Client, runner: &mut Runner<'_>, order: Option<&Value>) {
    runner.case(Interaction::OrderUpdate.name(), "an update of an offered order echoes its line ids", || {
        let mut body = base(Interaction::OrderUpdate);
        body.insert("order".into(), snapshot(given(order)?, &json!([])));
        body.insert("rmas".into(), json!([]));
        let sent: HashSet<i64> = body["order"]["order_items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|line| line["order_item_id"].as_i64())
            .collect();
        let answer = ask(client, Interaction::OrderUpdate, &body)?;
        for (index, line) in answer["line_items"].as_array().into_iter().flatten().enumerate() {
            if !line["order_item_id"].as_i64().is_some_and(|id| sent.contains(&id)) {
                return Err(Flaw::at(
                    format!("line_items[{index}].order_item_id"),
                    "is the id of no line that was sent",
                )
                .into());
            }
        }
        Ok(())
    });
}

/// `order_cancel` and `order_complete`: of an offered order twice, and of an unknown one.
fn ended(client: &Client, runner: &mut Runner<'_>, interaction: Interaction, order: Option<&Value>) {
    let group = interaction.name();
    runner.case(group, "an offered order, twice, has the same outcome twice", || {
        let order = given(order)?;
        let told = match interaction {
            Interaction::OrderCancel => {
                json!({ "channel_order_refnum": number(order), "retailops_order_id": RETAILOPS_ID + 2 })
            }
            _ => snapshot(order, &json!([shipment(order)])),
        };
        let mut body = base(interaction);
        body.insert("order".into(), told);
        same(&ask(client, interaction, &body)?, &ask(client, interaction, &body)?)
    });
    runner.case(group, "an unknown order fails with an error event", || {
        let mut body = base(interaction);
        body.insert("order".into(), json!({ "channel_order_refnum": UNKNOWN, "retailops_order_id": RETAILOPS_ID + 1 }));
        match ask(client, interaction, &body)?["status"].as_str() {
            // That `fail` comes with an error event is a rule of the answer, so it was judged already.
            Some("fail") => Ok(()),
            status => Err(Flaw::at(
                "status",
                format!("is {} for an order that the channel cannot know", status.unwrap_or("missing")),
            )
            .into()),
        }
    });
}

fn ship(client: &Client, runner: &mut Runner<'_>, order: Option<&Value>) {
    let interaction = Interaction::OrderShipmentSubmit;
    runner.case(interaction.name(), "a shipment of an offered order is taken, also when it is told twice", || {
        let order = given(order)?;
        let mut body = base(interaction);
        body.insert("channel_order_refnum".into(), number(order).into());
        body.insert("retailops_order_id".into(), RETAILOPS_ID.into());
        body.insert("shipment".into(), shipment(order));
        without_error(&ask(client, interaction, &body)?, "a shipment of the channel's own order")?;
        Ok(without_error(&ask(client, interaction, &body)?, "a shipment that is told again with the same id")?)
    });
}

fn repeat(client: &Client, runner: &mut Runner<'_>, interaction: Interaction, order: Option<&Value>) {
    runner.case(interaction.name(), "an offered order, twice, is answered twice", || {
        let order = given(order)?;
        let mut body = base(interaction);
        body.insert("order".into(), snapshot(order, &json!([shipment(order)])));
        if let Some(Value::Object(payment)) = body.get_mut("payment") {
            payment.insert("currency_code".into(), order["currency_code"].clone());
        }
        if let Some(lines) = body.get_mut("return").and_then(|returned| returned["items"].as_array_mut()) {
            let line = &order["order_items"][0];
            for wanted in lines.iter_mut().filter(|_| line.is_object()) {
                wanted["channel_item_refnum"] = line["channel_item_refnum"].clone();
                wanted["sku"] = line["sku"].clone();
            }
        }
        ask(client, interaction, &body)?;
        ask(client, interaction, &body).map(drop)
    });
}

/// The interaction's plain example, to be changed.
fn base(interaction: Interaction) -> Map<String, Value> {
    examples::of(interaction).next().map(members).unwrap_or_default()
}

fn given(order: Option<&Value>) -> Result<&Value, End> {
    order.ok_or_else(|| End::Skipped("order_pull gave no order to do it with".into()))
}

fn number(order: &Value) -> String {
    order["channel_order_refnum"].as_str().unwrap_or_default().to_owned()
}

fn numbers(orders: &[Value]) -> Vec<String> {
    orders.iter().map(number).collect()
}

/// All lines, with RetailOps' ids.
fn lines(order: &Value) -> impl Iterator<Item = (i64, &Value)> {
    let lines = order["order_items"].as_array().map_or(&[][..], Vec::as_slice);
    (RETAILOPS_ID * 10..).zip(lines)
}

/// RetailOps' view of an order in which nothing was changed.
fn snapshot(order: &Value, shipments: &Value) -> Value {
    let items: Vec<Value> = lines(order)
        .map(|(id, line)| {
            json!({
                "order_item_id": id, "channel_item_refnum": line["channel_item_refnum"], "sku": line["sku"], "quantity": line["quantity"],
                "unit_price": line["currency_values"]["unit_price"].as_f64().unwrap_or(0.0), "removed": false,
            })
        })
        .collect();
    json!({
        "channel_order_refnum": number(order), "retailops_order_id": RETAILOPS_ID,
        "order_items": items, "unshipped_items": [], "shipments": shipments,
    })
}

/// Everything that can be shipped, in one parcel.
fn shipment(order: &Value) -> Value {
    let items: Vec<Value> = lines(order)
        .filter(|(_, line)| line["item_type"] == "ship")
        .map(|(id, line)| {
            json!({
                "sku": line["sku"], "retailops_order_item_id": id, "retailops_shipment_item_id": id,
                "channel_item_refnum": line["channel_item_refnum"], "quantity": line["quantity"],
            })
        })
        .collect();
    json!({
        "retailops_shipment_id": RETAILOPS_ID,
        "packages": [{
            "retailops_package_id": RETAILOPS_ID, "carrier_name": "DHL", "carrier_class_name": "Paket", "channel_ship_code": "DHLPKT",
            "tracking_number": "WHARF-VERIFY", "weight_kg": 1.2, "date_shipped": "2026-11-24T15:41:07Z", "package_items": items,
        }],
    })
}

fn page(client: &Client, token: &str, specific: &Value) -> Result<Value, End> {
    let mut body = base(Interaction::OrderPull);
    body.insert("page_token".into(), token.into());
    body.insert("specific_orders".into(), specific.clone());
    ask(client, Interaction::OrderPull, &body)
}

/// Follows the pages to the end.
fn pull_all(client: &Client) -> Result<Vec<Value>, End> {
    let (mut orders, mut seen, mut tokens) = (Vec::new(), HashSet::new(), HashSet::new());
    let mut token = String::new();
    for page_number in 1..=MAX_PAGES {
        let page = page(client, &token, &json!([]))?;
        for order in page["orders"].as_array().into_iter().flatten() {
            if !seen.insert(number(order)) {
                return Err(Flaw::new(format!("order {} comes again on page {page_number}", number(order))).into());
            }
            orders.push(order.clone());
        }
        page["next_page_token"].as_str().unwrap_or_default().clone_into(&mut token);
        if token.is_empty() {
            return Ok(orders);
        }
        if !tokens.insert(token.clone()) {
            return Err(Flaw::at(
                "next_page_token",
                format!("comes a second time on page {page_number}, so that paging never ends"),
            )
            .into());
        }
    }
    Err(Flaw::at("next_page_token", format!("is not empty after {MAX_PAGES} pages")).into())
}
