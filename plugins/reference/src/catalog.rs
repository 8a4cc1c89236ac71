//! Product data, pushed and kept.
//!
//! The platform's feed has whatever shape the merchant gave it, so products are looked for everywhere in it: any object
//! with a text `sku` is one. It may have `ean`, `title`, `price` and `cost`; what is missing stays as it was.

use crate::ledger::LONGEST;
use crate::products::{CAPACITY, KEY, KNOWN, Product};
use crate::settings;
use serde_json::Value;
use wharf_sdk::catalog::{CatalogConfig, CatalogPushRequest};
use wharf_sdk::reports::{Event, EventReport, SubjectKind};
use wharf_sdk::{Decimal, Failure, kv};

pub(crate) fn get_config() -> Result<CatalogConfig, Failure> {
    Ok(CatalogConfig { sku_fanout: settings::sku_fanout()? })
}

pub(crate) fn push(request: &CatalogPushRequest) -> Result<EventReport, Failure> {
    let feed: Value = match serde_json::from_str(&request.template_output) {
        Ok(feed) => feed,
        Err(error) => {
            return Ok(Event::error("BAD_FEED", format!("the feed is not JSON: {error}")).into());
        }
    };
    let mut items = Vec::new();
    collect(&feed, &mut items);
    if items.is_empty() {
        return Ok(EventReport::ok());
    }
    let events = kv::update_json(KEY, |stored: &mut Option<Vec<Product>>| {
        let mut products = stored.clone().unwrap_or_default();
        let events: Vec<Event> = items.iter().filter_map(|item| merge(&mut products, item).err()).collect();
        if !products.is_empty() {
            *stored = Some(products);
        }
        events
    })?;
    Ok(events.into())
}

/// All objects with a text `sku`, however deep; parsing has bounded the depth.
fn collect<'a>(value: &'a Value, items: &mut Vec<&'a Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, items)),
        Value::Object(_) if value["sku"].is_string() => items.push(value),
        Value::Object(members) => members.values().for_each(|value| collect(value, items)),
        _ => {}
    }
}

fn merge(products: &mut Vec<Product>, item: &Value) -> Result<(), Event> {
    let sku = item["sku"].as_str().unwrap_or_default().trim();
    let refuse = |code: &str, message: &str| Event::error(code, message).about(SubjectKind::SkuNumber, sku);
    if sku.is_empty() || sku.len() > LONGEST || sku.contains(char::is_control) {
        return Err(refuse("BAD_SKU", &format!("a SKU has 1 to {LONGEST} bytes and no control characters")));
    }
    let place = products.iter().position(|product| product.sku == sku);
    let before = place.map(|place| products[place].clone());
    let before = before.or_else(|| KNOWN.iter().find(|known| known.sku == sku).map(Product::from));
    let amount = |member: &str| match &item[member] {
        Value::Null => Ok(None),
        value => match serde_json::from_value::<Decimal>(value.clone()) {
            Ok(amount) if !amount.is_negative() && amount.scale <= 6 => Ok(Some(amount)),
            _ => {
                Err(refuse("BAD_AMOUNT", &format!("`{member}` is not an amount of 0 or more with at most 6 decimals")))
            }
        },
    };
    let price = amount("price")?.or(before.as_ref().map(|product| product.price));
    let cost = amount("cost")?.or(before.as_ref().and_then(|product| product.cost));
    let text = |member: &str, old: Option<&String>| {
        let text = item[member].as_str().map(str::to_owned).or_else(|| old.cloned()).unwrap_or_default();
        let plain = text.replace(char::is_control, " ");
        plain[..plain.floor_char_boundary(LONGEST)].to_owned()
    };
    let product = Product {
        ean: text("ean", before.as_ref().map(|product| &product.ean)),
        title: text("title", before.as_ref().map(|product| &product.title)),
        price: price.ok_or_else(|| refuse("NO_PRICE", "a new product needs a price"))?,
        cost,
        sku: sku.to_owned(),
    };
    let others = products.iter().filter(|other| other.sku != sku).map(Product::weight).sum::<usize>();
    if others + product.weight() > CAPACITY {
        return Err(refuse("CATALOG_FULL", "the shop takes no more products"));
    }
    match place {
        Some(place) => products[place] = product,
        None => products.push(product),
    }
    Ok(())
}
