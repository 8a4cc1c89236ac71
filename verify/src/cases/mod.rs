//! What a channel is asked, and what it should answer.

pub mod auth;
pub mod notifications;
pub mod orders;
pub mod sdk;

use serde_json::{Map, Value};
use wharf_protocol::examples::Example;

use crate::judge::Flaw;

/// An example's body as an object.
fn members(example: &Example) -> Map<String, Value> {
    match serde_json::from_str(example.body) {
        Ok(Value::Object(members)) => members,
        // Every example is an object: the protocol's own tests hold that.
        _ => Map::new(),
    }
}

/// The first `error` event of an answer, told in one line.
fn error_event(answer: &Value) -> Option<String> {
    let events = answer["events"].as_array()?;
    let error = events.iter().find(|event| event["event_type"] == "error")?;
    Some(format!("{}: {}", error["code"].as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default()))
}

/// Fails when the answer carries an `error` event.
fn without_error(answer: &Value, what: &str) -> Result<(), Flaw> {
    match error_event(answer) {
        Some(event) => Err(Flaw::at("events", format!("has an error about {what}: {event}"))),
        None => Ok(()),
    }
}
