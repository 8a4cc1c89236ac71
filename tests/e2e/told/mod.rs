//! What callers, authors and operators are told: of each failure, of what a call used, of limits and who gave them.

mod authors;
mod limits;
mod operators;
mod rows;
mod unknown;

use serde_json::{Value, json};
use wharf_protocol::examples::{self, Call};
use wharf_protocol::sdk::Interaction;

use crate::host::{Host, wait_for};

/// The plain example of an interaction, as a payload beside an envelope.
fn payload(interaction: Interaction) -> Value {
    let mut body: Value = serde_json::from_str(examples::of(interaction).next().unwrap().body).unwrap();
    for member in ["action", "version", "client_id", "channel_info"] {
        body.as_object_mut().unwrap().remove(member);
    }
    body
}

/// Every notification's plain example.
fn notes() -> Vec<(String, bool, Value)> {
    let read = |example: &examples::Example| {
        let body: Value = serde_json::from_str(example.body).unwrap();
        let Call::Notification(kind) = example.call else { panic!("{} is no notification", example.name) };
        (body["eventType"].as_str().unwrap().to_owned(), kind.is_synchronous(), body)
    };
    examples::notifications().map(read).collect()
}

/// A call as `wharf calls show` has it, once the journal has it.
fn shown(host: &Host, id: &str) -> Value {
    wait_for("the call to be in the journal", || host.cli(&["calls", "show", id]).status.success());
    host.wharf(&["calls", "show", id])
}

/// The channel as `wharf status` shows it.
fn status(host: &Host, channel: &str) -> Value {
    let status = host.wharf(&["status"]);
    status["channels"].as_array().unwrap().iter().find(|one| one["channel"] == channel).unwrap().clone()
}

fn push() -> Value {
    json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
}
