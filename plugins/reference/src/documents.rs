//! Documents of the back office: known by a code that the shop gives them.

mod facts;

use crate::shelf;
use facts::Facts;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_sdk::documents::{ValidationAnswer, ValidationRequest};
use wharf_sdk::notices::{Entity, Verdict};
use wharf_sdk::{Failure, log};

pub(crate) use facts::{Due, LONGEST, short};

const SHELF: &str = "documents";

/// What the shop keeps of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub code: String,
    /// How often it was saved.
    pub revision: u32,
    cancelled: bool,
    /// What it says, as it was saved last.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
}

/// The name of a document on the shelf; none if the notification does not say which it is.
fn name(entity: Entity) -> Option<String> {
    Some(format!("{}-{}", entity.entity_type_id, entity.entity_id?))
}

pub(crate) fn validate(request: &ValidationRequest) -> Result<ValidationAnswer, Failure> {
    let Some(name) = name(request.entity) else {
        return Ok(refused("MISSING_ENTITY", "the notification does not say which document it is about"));
    };
    let Ok(Value::Object(document)) = serde_json::from_str(&request.document) else {
        return Ok(refused("BAD_DOCUMENT", "the document is not a JSON object"));
    };
    let facts = Facts::of(&document);
    shelf::update(SHELF, &name, |document| save(document, &name, request.internal_code.as_deref(), &facts))
}

/// A document that was saved and not cancelled.
pub(crate) fn open(entity: Entity) -> Result<Option<Document>, Failure> {
    let Some(name) = name(entity) else { return Ok(None) };
    Ok(shelf::get(SHELF, &name)?.filter(|document: &Document| !document.cancelled))
}

fn save(document: &mut Option<Document>, name: &str, code: Option<&str>, facts: &Facts) -> ValidationAnswer {
    let code = code.filter(|code| !code.is_empty());
    match (document, code) {
        (Some(document), _) if document.cancelled => refused("DOCUMENT_CANCELLED", "the document was cancelled"),
        // Also when no code is given: then our answer to the first saving was lost.
        (Some(document), code) if code.is_none_or(|code| *code == document.code) => {
            document.revision = document.revision.saturating_add(1);
            document.facts = facts.clone();
            saved(&document.code)
        }
        (empty @ None, None) => {
            let code = format!("DOC-{name}");
            let answer = saved(&code);
            *empty = Some(Document { code, revision: 1, cancelled: false, facts: facts.clone() });
            answer
        }
        (_, Some(_)) | (Some(_), None) => refused("UNKNOWN_DOCUMENT", "the shop has no document of that code"),
    }
}

fn saved(code: &str) -> ValidationAnswer {
    ValidationAnswer { verdict: Verdict::ok(), force_validation: false, internal_code: Some(code.to_owned()) }
}

fn refused(code: &str, message: &str) -> ValidationAnswer {
    ValidationAnswer { verdict: Verdict::error(code, message), force_validation: false, internal_code: None }
}

/// Told at least once, and perhaps of a document that the shop never had: neither is a failure, which would be retried.
pub(crate) fn cancelled(entity: Entity) -> Result<(), Failure> {
    let Some(name) = name(entity) else {
        return Err(Failure::refused("MISSING_ENTITY", "the notification does not say which document it is about"));
    };
    let known = shelf::update(SHELF, &name, |document: &mut Option<Document>| {
        document.as_mut().map(|document| document.cancelled = true).is_some()
    })?;
    if !known {
        log::warn(format_args!("document {name} was cancelled, and the shop does not know it"));
    }
    Ok(())
}
