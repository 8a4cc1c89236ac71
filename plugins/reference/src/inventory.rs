//! Stock levels: absolute, for SKUs that the shop knows.

use crate::products::Assortment;
use wharf_sdk::inventory::{InventoryPushRequest, StockUpdate};
use wharf_sdk::reports::{Event, EventReport, SubjectKind};
use wharf_sdk::{Failure, kv};

/// Batches are stored in commits of this size.
const COMMIT: usize = 1000;

pub(crate) fn push(request: InventoryPushRequest) -> Result<EventReport, Failure> {
    let assortment = Assortment::load()?;
    let mut events = Vec::new();
    let mut levels = Vec::new();
    for update in request.updates {
        match level(&assortment, &update) {
            Ok(units) => levels.push((format!("stock/{}", update.sku), units.to_string().into_bytes())),
            Err(event) => events.push(event),
        }
    }
    for commit in levels.chunks(COMMIT) {
        kv::set_many(commit)?;
    }
    Ok(events.into())
}

/// The level, or why there is none.
fn level(assortment: &Assortment, update: &StockUpdate) -> Result<i64, Event> {
    if update.sku.is_empty() {
        return Err(Event::error("MISSING_SKU", "a stock level names no SKU"));
    }
    let refuse = |code: &str, message: &str| Event::error(code, message).about(SubjectKind::SkuNumber, &update.sku);
    if assortment.by_sku(&update.sku).is_none() {
        return Err(refuse("UNKNOWN_SKU", "the shop does not sell this SKU"));
    }
    let of_details = || {
        let known = update.details.iter().filter_map(|detail| detail.available_quantity);
        known.reduce(i64::saturating_add)
    };
    // The breakdown counts only in place of a missing figure: in real feeds the two differ.
    let units = update.quantity_available.or_else(of_details);
    units.ok_or_else(|| refuse("MISSING_QUANTITY", "the stock level says no quantity"))
}
