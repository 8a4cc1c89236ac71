//! An order and all that happened to it, under one key.

use crate::{seed, settings};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wharf_sdk::orders::{OrderSnapshot, SalesOrder, SalesOrderLine};
use wharf_sdk::reports::{Event, SubjectKind};
use wharf_sdk::{Decimal, Failure, kv};

/// The most parcels, returns, settlements, RMAs or lines of one order.
///
/// Together with [`LONGEST`] it keeps an order within the 64 KiB that a value may have.
pub(crate) const MOST: usize = 50;

/// The most bytes that are kept of a text of the platform's.
pub(crate) const LONGEST: usize = 60;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Open,
    Cancelled,
    /// Nothing more will be shipped.
    Completed,
}

/// A parcel that went out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SentParcel {
    pub shipment: Option<i64>,
    pub carrier: Option<String>,
    pub tracking: Option<String>,
    /// Line numbers with units.
    pub lines: Vec<(String, i64)>,
}

/// A return that was processed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TakenBack {
    pub refund: Decimal,
    pub store_credit: Option<Decimal>,
    /// Line numbers with units.
    pub lines: Vec<(String, i64)>,
}

/// The order and its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// As the shopper placed it, or as it was last updated.
    pub order: SalesOrder,
    pub discount_pct: Decimal,
    pub tax_pct: Decimal,
    pub status: Status,
    pub retailops_order_id: Option<i64>,
    /// Our line numbers under the platform's line ids.
    pub items: BTreeMap<i64, String>,
    /// The next free line number.
    pub next_line: u32,
    /// By parcel id, or by shipment id and position.
    pub parcels: BTreeMap<String, SentParcel>,
    pub rmas: BTreeSet<String>,
    pub returns: BTreeMap<i64, TakenBack>,
    /// What was captured, by series and position.
    pub settled: BTreeMap<String, Decimal>,
}

impl Record {
    /// Units of a line that went out.
    pub(crate) fn shipped(&self, refnum: &str) -> i64 {
        units(self.parcels.values().flat_map(|parcel| &parcel.lines), refnum)
    }

    /// Units of a line that came back.
    pub(crate) fn taken_back(&self, refnum: &str) -> i64 {
        units(self.returns.values().flat_map(|back| &back.lines), refnum)
    }

    /// Units of a line that are not cancelled.
    pub(crate) fn kept(&self, line: &SalesOrderLine) -> i64 {
        match self.status {
            Status::Open => line.quantity,
            Status::Cancelled => 0,
            Status::Completed => self.shipped(&line.channel_item_refnum),
        }
    }

    /// The line that is meant: by our number, else by the platform's id if it is known, else by SKU.
    pub(crate) fn line(&self, refnum: Option<&str>, item: Option<i64>, sku: Option<&str>) -> Option<usize> {
        let lines = &self.order.lines;
        let by_number = |number: &str| lines.iter().position(|line| line.channel_item_refnum == number);
        let by_item = || by_number(self.items.get(&item?)?);
        let by_sku = || lines.iter().position(|line| Some(line.sku.as_str()) == sku);
        refnum.and_then(by_number).or_else(by_item).or_else(by_sku)
    }

    /// Remembers the platform's id of the order, if it tells one.
    pub(crate) fn learn(&mut self, snapshot: &OrderSnapshot) {
        self.retailops_order_id = snapshot.retailops_order_id.or(self.retailops_order_id);
    }

    /// An `error` event about this order.
    pub(crate) fn refuse(&self, code: &str, message: impl Into<String>) -> Event {
        Event::error(code, message).about(SubjectKind::OrderRefnum, &self.order.channel_order_refnum)
    }
}

fn units<'a>(lines: impl Iterator<Item = &'a (String, i64)>, refnum: &str) -> i64 {
    lines.filter(|(number, _)| number == refnum).map(|(_, units)| units).sum()
}

/// The key of an order.
pub(crate) fn key(refnum: &str) -> String {
    format!("order/{refnum}")
}

/// The order as it came from the shopper; none if the shop has no such order.
fn pristine(refnum: &str) -> Result<Option<Record>, Failure> {
    match seed::number(refnum) {
        Some(number) if (1..=settings::orders()?).contains(&number) => {
            Ok(Some(seed::record(number, &settings::currency()?)))
        }
        _ => Ok(None),
    }
}

/// Orders as they stand now, in the order asked, with one look at the store; without those the shop does not have.
pub(crate) fn load(refnums: &[String]) -> Result<Vec<Record>, Failure> {
    let keys: Vec<String> = refnums.iter().map(|refnum| key(refnum)).collect();
    let mut records = Vec::with_capacity(keys.len());
    for (refnum, stored) in refnums.iter().zip(kv::get_many(&keys)?) {
        let record = match stored {
            Some(bytes) => Some(serde_json::from_slice(&bytes)?),
            None => pristine(refnum)?,
        };
        records.extend(record);
    }
    Ok(records)
}

/// Changes an order such that no other call's change is lost. None if the shop has no such order.
///
/// `change` may be called more than once, and nothing is written if it changes nothing.
pub(crate) fn edit<R>(refnum: &str, mut change: impl FnMut(&mut Record) -> R) -> Result<Option<R>, Failure> {
    let pristine = pristine(refnum)?;
    // No key is read that nobody could have written.
    if seed::number(refnum).is_none() {
        return Ok(None);
    }
    let result = kv::update_json(&key(refnum), |stored: &mut Option<Record>| {
        let mut record = stored.clone().or_else(|| pristine.clone())?;
        let result = change(&mut record);
        if stored.is_some() || Some(&record) != pristine.as_ref() {
            *stored = Some(record);
        }
        Some(result)
    })?;
    Ok(result)
}

/// An order that the shop does not have.
pub(crate) fn unknown(refnum: &str) -> Event {
    if refnum.is_empty() {
        return Event::error("MISSING_ORDER", "the request names no order");
    }
    Event::error("UNKNOWN_ORDER", "the shop has no order of that number").about(SubjectKind::OrderRefnum, refnum)
}
