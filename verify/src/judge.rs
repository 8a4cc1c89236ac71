//! Whether an answer is what the platform needs: HTTP status, media type, the strict schema, then the rules a schema cannot hold.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde::de::DeserializeOwned;
use serde_json::Value;
use wharf_protocol::notification::EventKind;
use wharf_protocol::sdk::Interaction;
use wharf_protocol::sdk::catalog::CatalogConfig;
use wharf_protocol::sdk::order_given::{OrderPage, OrderReturnedResponse, OrderUpdateResponse};
use wharf_protocol::sdk::reports::{EventReport, StatusReport};
use wharf_protocol::{Check, schema};

use crate::client::Answer;

/// The error code of a notification that the channel does not answer.
const NOT_IMPLEMENTED: &str = "HOST_NOT_IMPLEMENTED";

/// How many broken rules one reason tells of.
const REASONS: usize = 3;

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where, as a path into the JSON answer such as `orders[2].currency_code`; none when it is not about one member.
    pub path: Option<String>,
    /// What, as a sentence part that reads after the path.
    pub reason: String,
}

impl Flaw {
    /// A flaw of the answer as a whole.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { path: None, reason: reason.into() }
    }

    /// A flaw of one member.
    pub fn at(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: Some(path.into()), reason: reason.into() }
    }
}

/// Why a case did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The answer is wrong.
    Failed(Flaw),
    /// There is nothing to check, and why.
    Skipped(String),
    /// There was no answer at all.
    Silent {
        /// What happened.
        reason: String,
        /// Nothing listens there, so that no other case can pass either.
        unreachable: bool,
    },
}

impl From<Flaw> for End {
    fn from(flaw: Flaw) -> Self {
        Self::Failed(flaw)
    }
}

/// Judges an interaction's answer and gives its JSON.
///
/// # Errors
/// It is not implemented (skipped), or not a valid answer.
pub fn answer(interaction: Interaction, answer: &Answer) -> Result<Value, End> {
    implemented(answer)?;
    status(answer, &[200])?;
    let value = object(answer)?;
    matches_schema(&schema::answer(interaction).to_value(), &value)?;
    rules(interaction, &answer.body)?;
    Ok(value)
}

/// Judges the answer to a notification and gives its JSON; an asynchronous one has none.
///
/// # Errors
/// It is not implemented (skipped), or not a valid answer.
pub fn reply(kind: EventKind, answer: &Answer) -> Result<Value, End> {
    implemented(answer)?;
    if !kind.is_synchronous() {
        status(answer, &[202])?;
        return Ok(Value::Null);
    }
    if answer.status >= 500 {
        let reason =
            format!("answered {}; a user waits, so a failure too must be an envelope under status 200", answer.status);
        return Err(Flaw::new(reason).into());
    }
    status(answer, &[200])?;
    let value = object(answer)?;
    matches_schema(&schema::reply(kind).to_value(), &value)?;
    Ok(value)
}

/// An answer of 501, or with the code of a missing implementation, is skipped rather than failed.
///
/// # Errors
/// It says that it is not implemented.
pub fn implemented(answer: &Answer) -> Result<(), End> {
    let says_so =
        || serde_json::from_slice::<Value>(&answer.body).is_ok_and(|value| value["errorCode"] == NOT_IMPLEMENTED);
    if answer.status == 501 || says_so() { Err(End::Skipped("not implemented".into())) } else { Ok(()) }
}

/// Holds the HTTP status against the wanted ones.
///
/// # Errors
/// It is none of them.
pub fn status(answer: &Answer, wanted: &[u16]) -> Result<(), Flaw> {
    if wanted.contains(&answer.status) {
        return Ok(());
    }
    let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
    let body = if answer.excerpt.is_empty() { "an empty body".into() } else { format!("`{}`", answer.excerpt) };
    Err(Flaw::new(format!("answered {} instead of {}, with {body}", answer.status, wanted.join(" or "))))
}

/// The body as a JSON object, if it is one and is labelled as JSON.
fn object(answer: &Answer) -> Result<Value, Flaw> {
    let media_type = answer.content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Flaw::new(format!("has the content type `{}` instead of application/json", answer.content_type)));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(members)) => Ok(Value::Object(members)),
        Ok(other) => Err(Flaw::new(format!("is {} instead of a JSON object", kind_of(&other)))),
        Err(error) => Err(Flaw::new(format!("is not JSON: {error}"))),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn matches_schema(schema: &Value, value: &Value) -> Result<(), Flaw> {
    let validator: Validator = jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| Flaw::new(format!("cannot be judged, the schema is broken: {error}")))?;
    let flaws: Vec<Flaw> = validator.iter_errors(value).map(|error| flaw(&error)).collect();
    let Some((first, rest)) = flaws.split_first() else { return Ok(()) };
    let mut reason = first.reason.clone();
    for other in rest.iter().take(REASONS - 1) {
        reason = format!("{reason}; {} {}", other.path.as_deref().unwrap_or("the answer"), other.reason);
    }
    if flaws.len() > REASONS {
        reason = format!("{reason}; and {} more", flaws.len() - REASONS);
    }
    Err(Flaw { path: first.path.clone(), reason })
}

fn flaw(error: &ValidationError<'_>) -> Flaw {
    let place = path(error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            Flaw::at(if place.is_empty() { property.to_owned() } else { format!("{place}.{property}") }, "is missing")
        }
        _ => Flaw { path: Some(place).filter(|place| !place.is_empty()), reason: format!("is wrong: {error}") },
    }
}

/// A JSON pointer in the spelling that people and [`wharf_protocol::Breach`] use.
fn path(pointer: &str) -> String {
    let mut out = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty() {
            out.extend(["[", &part, "]"]);
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(&part);
        }
    }
    out
}

fn rules(interaction: Interaction, body: &[u8]) -> Result<(), Flaw> {
    match interaction {
        Interaction::CatalogGetConfig => hold::<CatalogConfig>(body),
        Interaction::OrderPull => hold::<OrderPage>(body),
        Interaction::OrderUpdate => hold::<OrderUpdateResponse>(body),
        Interaction::OrderReturned => hold::<OrderReturnedResponse>(body),
        Interaction::OrderCancel | Interaction::OrderComplete => hold::<StatusReport>(body),
        Interaction::CatalogPush
        | Interaction::InventoryPush
        | Interaction::OrderAcknowledge
        | Interaction::OrderShipmentSubmit
        | Interaction::OrderSettlePayment => hold::<EventReport>(body),
    }
}

fn hold<T: DeserializeOwned + Check>(body: &[u8]) -> Result<(), Flaw> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let typed: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| Flaw {
        path: Some(error.path().to_string()).filter(|path| path != "."),
        reason: format!("is wrong: {}", error.inner()),
    })?;
    typed.check().map_err(|breach| Flaw::at(breach.path, breach.rule))
}

#[cfg(test)]
mod tests;
