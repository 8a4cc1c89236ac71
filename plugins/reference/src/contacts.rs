//! Contacts, and whatever else the platform notifies.

use crate::{seed, settings};
use serde_json::{Map, Value, json};
use wharf_sdk::events::{Notification, Reply};
use wharf_sdk::notices::Verdict;
use wharf_sdk::{Failure, host, log};

pub(crate) fn handle(notification: &Notification) -> Result<Reply, Failure> {
    match notification.event_type.as_str() {
        "contact.search" => search(notification),
        "contact.details" => details(notification),
        "contact.validation" => validation(notification),
        // The second of these is known only up to "workflow.cancell".
        event if event.starts_with("workflow.") => {
            log::info(format_args!("{event} of project {}", notification.entity.entity_id.unwrap_or_default()));
            Ok(Reply::ok())
        }
        _ => Err(Failure::Unsupported),
    }
}

/// The customers of the shop's orders whose name, e-mail address or telephone number has the text in it.
fn search(notification: &Notification) -> Result<Reply, Failure> {
    let data = notification.json()?;
    let Some(text) = data["searchString"].as_str().map(str::to_owned).or_else(beside_data) else {
        return Ok(refused("MISSING_SEARCH", "the search names no text"));
    };
    let text = text.trim().to_lowercase();
    let orders = settings::orders()?;
    let mut found = Vec::new();
    for (place, shopper) in seed::SHOPPERS.iter().enumerate() {
        let has_ordered = (1..=orders).any(|number| seed::shopper_of(number) == place);
        let (name, email) = (shopper.full_name(), shopper.email());
        let matches = [&name, &email, shopper.phone].iter().any(|field| field.to_lowercase().contains(&text));
        if has_ordered && matches {
            found.push(json!({
                "internalCode": format!("SHOPPER-{}", place + 1),
                "fullName": name,
                "email": email,
                "phone": shopper.phone,
            }));
        }
    }
    Ok(Reply::with(&Value::Array(found)))
}

/// Some callers put the text beside `data` instead of into it.
fn beside_data() -> Option<String> {
    let body: Value = serde_json::from_str(&host::raw_request()).ok()?;
    body["searchString"].as_str().map(str::to_owned)
}

/// The same contact, with a code of ours if it has none yet.
fn details(notification: &Notification) -> Result<Reply, Failure> {
    let Value::Object(mut contact) = notification.json()? else {
        return Ok(refused("MISSING_CONTACT", "the notification has no contact"));
    };
    let Some(code) = code(notification, &contact) else {
        return Ok(refused("MISSING_ENTITY", "the notification does not say which contact it is about"));
    };
    contact.insert("internalCode".to_owned(), Value::String(code));
    Ok(Reply::with(&Value::Object(contact)))
}

fn validation(notification: &Notification) -> Result<Reply, Failure> {
    let contact = match notification.json()? {
        Value::Object(contact) => contact,
        _ => Map::new(),
    };
    let Some(code) = code(notification, &contact) else {
        return Ok(refused("MISSING_ENTITY", "the notification does not say which contact it is about"));
    };
    Ok(Reply::with(&json!({ "internalCode": code })))
}

/// The code that the contact has, or one made of its id.
fn code(notification: &Notification, contact: &Map<String, Value>) -> Option<String> {
    let given = contact.get("internalCode").and_then(Value::as_str).filter(|code| !code.is_empty());
    let id = notification.entity.entity_id.or_else(|| contact.get("id")?.as_i64());
    given.map(str::to_owned).or_else(|| Some(format!("CUSTOMER-{}", id?)))
}

fn refused(code: &str, message: &str) -> Reply {
    Reply { verdict: Verdict::error(code, message), data: None }
}
