//! Prices out of the shop's assortment.

use crate::products::{Assortment, Product};
use crate::settings;
use wharf_sdk::Failure;
use wharf_sdk::documents::{ItemPrice, PriceQuery, PricingAnswer, PricingRequest};
use wharf_sdk::notices::Verdict;

/// The most unknown things that the message names.
const NAMED: usize = 5;

pub(crate) fn price(request: PricingRequest) -> Result<PricingAnswer, Failure> {
    let currency = settings::currency()?;
    if request.currency_code.as_ref().is_some_and(|asked| *asked != currency) {
        let verdict = Verdict::error("OTHER_CURRENCY", format!("the shop has prices in {currency} only"));
        return Ok(answer(verdict, request, Vec::new()));
    }
    let assortment = Assortment::load()?;
    let mut prices = Vec::new();
    let mut unknown = Vec::new();
    for query in &request.items {
        match find(&assortment, query) {
            Some(product) => prices.push(ItemPrice {
                catalog_internal_code: query.catalog_internal_code.clone(),
                ean_code: query.ean_code.clone(),
                unit_cost_price: product.cost,
                unit_sales_price: product.price,
            }),
            None => unknown.push(given(query).unwrap_or("an item without code")),
        }
    }
    let verdict = if unknown.is_empty() { Verdict::ok() } else { no_price(&unknown) };
    Ok(answer(verdict, request, prices))
}

/// By EAN where one is given, else by catalog code, which is the SKU.
fn find(assortment: &Assortment, query: &PriceQuery) -> Option<Product> {
    let text = |code: &Option<String>| code.clone().filter(|code| !code.is_empty());
    match text(&query.ean_code) {
        Some(ean) => assortment.by_ean(&ean),
        None => assortment.by_sku(&text(&query.catalog_internal_code)?),
    }
}

fn given(query: &PriceQuery) -> Option<&str> {
    let codes = [&query.ean_code, &query.catalog_internal_code];
    codes.into_iter().flatten().map(String::as_str).find(|code| !code.is_empty())
}

fn no_price(unknown: &[&str]) -> Verdict {
    let named = unknown[..unknown.len().min(NAMED)].join(", ");
    let rest = unknown.len().saturating_sub(NAMED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    Verdict::warning("NO_PRICE", format!("no price for {named}{more}"))
}

fn answer(verdict: Verdict, request: PricingRequest, items: Vec<ItemPrice>) -> PricingAnswer {
    PricingAnswer {
        verdict,
        store_code: request.store_code,
        currency_code: request.currency_code,
        validity_date: None,
        items,
    }
}
