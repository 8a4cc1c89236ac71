//! The eleven interactions: every example, every trap of transport.

use serde_json::{Map, Value, json};
use wharf_protocol::examples;
use wharf_protocol::sdk::Interaction;

use super::{auth, members, orders};
use crate::client::{Client, Key};
use crate::judge::{self, End, Flaw};
use crate::report::PATHS;
use crate::runner::Runner;

/// The interactions in the order of an order's life: payments are settled before the order is complete.
const LIFE: [Interaction; 11] = [
    Interaction::CatalogGetConfig,
    Interaction::CatalogPush,
    Interaction::InventoryPush,
    Interaction::OrderPull,
    Interaction::OrderAcknowledge,
    Interaction::OrderUpdate,
    Interaction::OrderCancel,
    Interaction::OrderShipmentSubmit,
    Interaction::OrderSettlePayment,
    Interaction::OrderComplete,
    Interaction::OrderReturned,
];

/// Checks the chosen interactions.
pub fn run(client: &Client, runner: &mut Runner<'_>, chosen: &[Interaction]) {
    let mut waiting = orders::Waiting::default();
    if !chosen.contains(&Interaction::OrderPull) && chosen.iter().any(|one| orders::needs_orders(*one)) {
        waiting = orders::Waiting::quietly(client);
    }
    for interaction in LIFE.into_iter().filter(|one| chosen.contains(one)) {
        check(client, runner, interaction, &mut waiting);
    }
    if !chosen.is_empty() {
        runner.case(PATHS, "an unknown interaction is not found", || {
            let body = client.keyed(&Map::new(), Key::Good);
            Ok(judge::status(&client.post("/order_teleport_v1", &body)?, &[404])?)
        });
    }
}

fn check(client: &Client, runner: &mut Runner<'_>, interaction: Interaction, waiting: &mut orders::Waiting) {
    let group = interaction.name();
    let mut all = examples::of(interaction);
    let Some(plain) = all.next() else { return };
    let body = members(plain);
    let first = runner.case(group, &format!("example {}", plain.name), || ask(client, interaction, &body));
    if !first.goes_on() {
        return;
    }
    if interaction == Interaction::OrderPull {
        *waiting = orders::pulled(client, runner);
    }
    for example in all {
        runner.case(group, &format!("example {}", example.name), || ask(client, interaction, &members(example)));
    }
    if let Some(answer) = first.passed() {
        runner.case(group, "the same call again has the same result", || {
            same(&answer, &ask(client, interaction, &body)?)
        });
    }
    orders::live(client, runner, interaction, waiting);
    if interaction == Interaction::InventoryPush {
        runner.case(group, "an unknown SKU does not sink the others", || {
            ask(client, interaction, &with_unknown_sku(&body))
        });
    }
    auth::battery(client, runner, interaction, &body);
    transport(client, runner, interaction, &body);
}

/// Asks with the good key and judges the answer.
pub fn ask(client: &Client, interaction: Interaction, body: &Map<String, Value>) -> Result<Value, End> {
    judge::answer(interaction, &client.call(interaction, body, Key::Good)?)
}

/// Repeated calls may tell other events, but not another outcome.
pub fn same(first: &Value, again: &Value) -> Result<(), End> {
    if first["status"] == again["status"] {
        return Ok(());
    }
    Err(Flaw::at("status", format!("is {} for a repeated call, and was {} at first", again["status"], first["status"]))
        .into())
}

fn with_unknown_sku(body: &Map<String, Value>) -> Map<String, Value> {
    let mut body = body.clone();
    if let Some(Value::Array(updates)) = body.get_mut("inventory_updates") {
        updates.insert(1, json!({ "sku": "WHARF-VERIFY-UNKNOWN-SKU", "quantity_available": 3, "quantity_detail": [] }));
    }
    body
}

fn transport(client: &Client, runner: &mut Runner<'_>, interaction: Interaction, body: &Map<String, Value>) {
    let group = interaction.name();
    runner.case(group, "GET is not answered", || {
        Ok(judge::status(&client.get(&format!("/{}", interaction.path()))?, &[404, 405])?)
    });
    runner.case(group, "broken JSON is refused", || {
        let whole = client.keyed(body, Key::Good);
        // Everything is there but the end, so that only a reader of the whole body sees the break.
        let broken = whole.strip_suffix('}').unwrap_or(&whole);
        // A key that cannot be read for certain may be refused as such.
        Ok(judge::status(&client.post(&format!("/{}", interaction.path()), broken)?, &[400, 401])?)
    });
    runner.case(group, "a doubled slash in the path is tolerated", || {
        let answer = client.post(&format!("//{}", interaction.path()), &client.keyed(body, Key::Good))?;
        judge::answer(interaction, &answer).map(drop)
    });
}
