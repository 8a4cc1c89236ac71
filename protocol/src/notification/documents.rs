//! `document.validation` and `document.pricing`.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Entity, ErrorLevel, Verdict};
use crate::{Decimal, Text};

/// A user saves a document.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct ValidationRequest<'a> {
    /// Type and id of the document.
    #[cfg_attr(feature = "component", component(name = "entity"))]
    pub entity: Entity,
    /// The reference that an earlier answer gave.
    #[cfg_attr(feature = "component", component(name = "internal-code"))]
    pub internal_code: Option<Text<'a>>,
    /// The whole document as JSON text.
    #[cfg_attr(feature = "component", component(name = "document"))]
    pub document: &'a str,
}

/// The one member of a document that the contract names.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct InternalCode<'a> {
    /// Filled only if the document was notified before.
    #[serde(default, deserialize_with = "crate::lenient::field")]
    pub internal_code: Option<Text<'a>>,
}

told! {
    /// One thing to price; catalog and EAN together are its key.
    #[serde(rename_all = "camelCase")]
    PriceQuery {
        /// Half of the key.
        catalog_internal_code: Option<Text<'a>> = "catalog-internal-code",
        /// Half of the key.
        ean_code: Option<Text<'a>> = "ean-code",
        /// Percent points.
        tax1_rate: Option<Decimal> = "tax1-rate",
        /// Percent points.
        tax2_rate: Option<Decimal> = "tax2-rate",
        /// Percent points.
        tax3_rate: Option<Decimal> = "tax3-rate",
        /// Units over all lines with this key.
        quantity: Option<Decimal> = "quantity",
    }
}

/// A user presses "Refresh price".
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct PricingRequest<'a> {
    /// The document; it stands in the notification's envelope.
    #[serde(skip)]
    #[cfg_attr(feature = "component", component(name = "entity"))]
    pub entity: Entity,
    /// To be confirmed.
    #[serde(default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "store-code"))]
    pub store_code: Option<Text<'a>>,
    /// To be confirmed.
    #[serde(default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "currency-code"))]
    pub currency_code: Option<Text<'a>>,
    /// What to price.
    #[serde(default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "items"))]
    pub items: Vec<PriceQuery<'a>>,
}

given! {
    /// Whether a document is saved.
    ValidationAnswer {
        /// The envelope's part.
        verdict: Verdict = "verdict",
        /// Save it although `success` is false.
        force_validation: bool = "force-validation",
        /// The document's reference.
        internal_code: Option<String> = "internal-code",
    }

    /// `data` of a `document.validation` answer.
    #[serde(rename_all = "camelCase")]
    ValidationData {
        /// The document's reference.
        internal_code: String = "internal-code",
    }

    /// The price of one thing, per unit, without taxes.
    #[serde(rename_all = "camelCase")]
    Price {
        /// As in the request.
        catalog_internal_code: Option<String> = "catalog-internal-code",
        /// As in the request.
        ean_code: Option<String> = "ean-code",
        /// Cost.
        unit_cost_price: Option<Decimal> = "unit-cost-price",
        /// Sales price.
        unit_sales_price: Decimal = "unit-sales-price",
    }

    /// The prices that a guest knows.
    PricingAnswer {
        /// The envelope's part.
        verdict: Verdict = "verdict",
        /// Confirmation.
        store_code: Option<String> = "store-code",
        /// Confirmation.
        currency_code: Option<String> = "currency-code",
        /// Local time.
        validity_date: Option<String> = "validity-date",
        /// The prices.
        items: Vec<Price> = "items",
    }

    /// `data` of a `document.pricing` answer.
    #[serde(rename_all = "camelCase")]
    PricingData {
        /// Confirmation.
        store_code: Option<String> = "store-code",
        /// Confirmation.
        currency_code: Option<String> = "currency-code",
        /// Local time.
        validity_date: Option<String> = "validity-date",
        /// The prices.
        items: Vec<Price> = "items",
    }
}

/// The code of an answer in which a price was dropped.
pub const BAD_PRICE: &str = "HOST_BAD_PRICE";

/// Decimal places that 64 bits can hold.
const MOST_PLACES: u8 = 18;

/// Prices that a message names.
const NAMED: usize = 3;

impl PricingAnswer {
    /// Holds the answer against its request: store and currency must be confirmed, each price must belong to an asked key, once,
    /// and lie in 0 … 10^12. What does not is dropped and makes the answer unsuccessful; the rest counts, because the platform
    /// applies returned items either way. Of two prices for one key the first counts.
    pub fn hold_against(&mut self, request: &PricingRequest<'_>) {
        let confirmed =
            |given: &Option<String>, asked: &Option<Text<'_>>| present(given.as_deref()) == asked.as_deref();
        if !confirmed(&self.store_code, &request.store_code) || !confirmed(&self.currency_code, &request.currency_code)
        {
            self.items.clear();
            let message =
                "The plugin did not confirm the store and the currency of the request, so none of its prices counts.";
            self.verdict = Verdict::failed(ErrorLevel::Error, BAD_PRICE, message);
        }
        let keys = request.items.iter().map(|item| (item.catalog_internal_code.as_deref(), item.ean_code.as_deref()));
        let asked: HashMap<_, _> = keys.zip(0_usize..).collect();
        let mut is_priced = vec![false; request.items.len()];
        let mut dropped = Vec::new();
        self.items.retain(|price| {
            let key = (present(price.catalog_internal_code.as_deref()), present(price.ean_code.as_deref()));
            let plausible = price.unit_sales_price.is_price() && price.unit_cost_price.is_none_or(Decimal::is_price);
            let reason = match asked.get(&key) {
                None => "was not asked for",
                Some(_) if !plausible => "is not within 0 and 10^12",
                Some(place) if is_priced[*place] => "was given twice",
                Some(place) => {
                    is_priced[*place] = true;
                    return true;
                }
            };
            dropped.push(format!("EAN {} {reason}", key.1.unwrap_or("(none)")));
            false
        });
        self.store_code = request.store_code.as_ref().map(ToString::to_string);
        self.currency_code = request.currency_code.as_ref().map(ToString::to_string);
        if !dropped.is_empty() {
            let more =
                if dropped.len() > NAMED { format!(" and {} more", dropped.len() - NAMED) } else { String::new() };
            dropped.truncate(NAMED);
            let message = format!("Prices of the plugin were dropped: {}{more}.", dropped.join("; "));
            self.verdict = Verdict::failed(ErrorLevel::Error, BAD_PRICE, message);
        }
    }
}

/// A guest's text; an empty one is none, as in the platform's own.
fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

impl Decimal {
    /// Whether it can be a unit price: 0 … 10^12.
    fn is_price(self) -> bool {
        let limit = 10_i64.checked_pow(12 + u32::from(self.scale));
        self.scale <= MOST_PLACES && self.units >= 0 && limit.is_none_or(|limit| self.units <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> PricingRequest<'static> {
        serde_json::from_str(
            r#"{"storeCode":"S1","currencyCode":"EUR","items":[{"catalogInternalCode":"C","eanCode":"1","quantity":2.0},{"catalogInternalCode":"C","eanCode":"2"}]}"#,
        )
        .unwrap()
    }

    fn answer(items: &[(&str, i64)]) -> PricingAnswer {
        PricingAnswer {
            verdict: Verdict { success: true, message: String::new(), level: ErrorLevel::Ok, code: String::new() },
            store_code: Some("S1".into()),
            currency_code: Some("EUR".into()),
            validity_date: None,
            items: items
                .iter()
                .map(|(ean, units)| Price {
                    catalog_internal_code: Some("C".into()),
                    ean_code: Some((*ean).into()),
                    unit_cost_price: None,
                    unit_sales_price: Decimal { units: *units, scale: 2 },
                })
                .collect(),
        }
    }

    #[test]
    fn good_prices_pass_untouched() {
        let mut given = answer(&[("1", 1250), ("2", 0)]);
        let before = given.clone();
        given.hold_against(&request());
        assert_eq!(given, before);
    }

    #[test]
    fn a_bad_price_is_dropped_and_the_rest_counts() {
        for bad in [("3", 100), ("1", 100), ("2", -1), ("2", i64::MAX)] {
            let mut given = answer(&[("1", 1250), bad]);
            given.hold_against(&request());
            assert_eq!(given.items.len(), 1, "{bad:?}");
            assert_eq!((given.verdict.success, given.verdict.code.as_str()), (false, BAD_PRICE));
        }
    }

    #[test]
    fn what_was_dropped_is_told_with_its_reason_and_the_first_of_two_prices_counts() {
        let mut given = answer(&[("1", 1250), ("1", 1300), ("7", 1), ("2", -1), ("8", 1)]);
        given.hold_against(&request());
        assert_eq!(given.items, answer(&[("1", 1250)]).items);
        let told = "Prices of the plugin were dropped: EAN 1 was given twice; EAN 7 was not asked for; EAN 2 is not within 0 and 10^12 and 1 more.";
        assert_eq!(given.verdict, Verdict::failed(ErrorLevel::Error, BAD_PRICE, told));
    }

    #[test]
    fn a_price_is_from_0_to_a_million_millions_with_as_many_places_as_there_can_be() {
        let is_price = |units, scale| Decimal { units, scale }.is_price();
        assert!(
            is_price(0, 0)
                && is_price(1_000_000_000_000, 0)
                && is_price(i64::MAX, 18)
                && is_price(100_000_000_000_000, 2)
        );
        assert!(
            !is_price(-1, 2)
                && !is_price(1_000_000_000_001, 0)
                && !is_price(100_000_000_000_001, 2)
                && !is_price(1, 19)
        );
        let mut given = answer(&[("1", 1250), ("2", 100)]);
        given.items[1].unit_cost_price = Some(Decimal { units: -1, scale: 0 });
        given.hold_against(&request());
        assert_eq!(given.items.len(), 1, "the cost counts too");
    }

    #[test]
    fn what_the_request_leaves_out_is_confirmed_by_nothing_or_by_an_empty_text() {
        let asked: PricingRequest<'_> = serde_json::from_str(
            r#"{"storeCode":"S1","currencyCode":"","items":[{"catalogInternalCode":null,"eanCode":"1"}]}"#,
        )
        .unwrap();
        for (currency, catalog, counts) in
            [(None, None, true), (Some(""), Some(""), true), (Some("EUR"), None, false), (None, Some("C"), false)]
        {
            let mut given = answer(&[("1", 1250)]);
            given.currency_code = currency.map(str::to_owned);
            given.items[0].catalog_internal_code = catalog.map(str::to_owned);
            given.hold_against(&asked);
            assert_eq!((given.items.len() == 1, given.verdict.success), (counts, counts), "{currency:?} {catalog:?}");
        }
    }

    #[test]
    fn another_store_voids_the_answer() {
        let mut given = answer(&[("1", 1250)]);
        given.store_code = Some("S2".into());
        given.hold_against(&request());
        assert!(given.items.is_empty() && given.verdict.code == BAD_PRICE);
    }

    #[test]
    fn an_unconfirmed_currency_voids_the_answer() {
        let mut given = answer(&[("1", 1250)]);
        given.currency_code = Some("USD".into());
        given.hold_against(&request());
        assert!(given.items.is_empty() && !given.verdict.success);
        assert_eq!(given.currency_code.as_deref(), Some("EUR"));
    }
}
