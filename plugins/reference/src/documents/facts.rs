//! What a document says that its pages show. Its shape is not published: these are the names of the samples, and what is not
//! there is left out.

use crate::settings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wharf_sdk::{Decimal, Failure};

/// The most bytes that are kept of a text. Together with [`TERMS`] it keeps 64 documents within the 64 KiB of a value.
pub(crate) const LONGEST: usize = 60;

/// The most terms of payment that are kept.
const TERMS: usize = 3;

/// What the shop keeps of what a document says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The document's number, for people.
    pub reference: String,
    /// What it is about: its own words, or those of its first line.
    pub description: String,
    /// Lines beside the one that describes it.
    pub more: u32,
    currency: String,
    total: Option<Decimal>,
    terms: Vec<Term>,
}

/// A part of the document that is paid by itself, such as a deposit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Term {
    id: i64,
    amount: Decimal,
}

/// What is to be paid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Due {
    pub amount: Decimal,
    pub currency: String,
}

impl Facts {
    pub(super) fn of(document: &Map<String, Value>) -> Self {
        let text = |name: &str| short(document.get(name).and_then(Value::as_str).unwrap_or_default());
        let list = |name: &str| document.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let lines = list("items");
        let own = text("description");
        let line = |line: &Value| short(line["description"].as_str().unwrap_or_default());
        let (description, others) = match lines {
            [first, rest @ ..] if own.is_empty() => (line(first), rest.len()),
            _ => (own, 0),
        };
        let term = |term: &Value| Some(Term { id: term["id"].as_i64()?, amount: amount(&term["amount"])? });
        Self {
            reference: text("reference"),
            description,
            more: u32::try_from(others).unwrap_or(u32::MAX),
            currency: Some(text("currencyCode")).filter(|code| code.len() <= 3).unwrap_or_default(),
            total: document.get("totalWithTaxes").and_then(amount),
            terms: list("paymentMethods").iter().filter_map(term).take(TERMS).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl super::Document {
    /// What is to be paid by this method, which is unique within the document: its term, or the whole where it has no terms.
    pub(crate) fn due(&self, method: i64) -> Result<Option<Due>, Failure> {
        let term = self.facts.terms.iter().find(|term| term.id == method).map(|term| term.amount);
        self.of(if self.facts.terms.is_empty() { self.facts.total } else { term })
    }

    /// The whole amount.
    pub(crate) fn total(&self) -> Result<Option<Due>, Failure> {
        self.of(self.facts.total)
    }

    fn of(&self, amount: Option<Decimal>) -> Result<Option<Due>, Failure> {
        let Some(amount) = amount.filter(|amount| amount.is_positive()) else { return Ok(None) };
        let named = Some(self.facts.currency.clone()).filter(|code| !code.is_empty());
        Ok(Some(Due { amount, currency: named.map_or_else(settings::currency, Ok)? }))
    }
}

fn amount(value: &Value) -> Option<Decimal> {
    Decimal::deserialize(value).ok()
}

/// A text on one line of at most [`LONGEST`] bytes.
pub(crate) fn short(text: &str) -> String {
    let line: String = text.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line[..line.floor_char_boundary(LONGEST)].to_owned()
}
