//! `document.validation` and `document.pricing`.

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

impl PricingAnswer {
    /// Holds the answer against its request: store and currency must be confirmed, each price must belong to an asked key, once,
    /// and lie in 0 … 10^12. What does not is dropped and makes the answer unsuccessful; the rest counts, because the platform
    /// applies returned items either way.
    pub fn hold_against(&mut self, request: &PricingRequest<'_>) {
        let same = |given: &Option<String>, asked: &Option<Text<'_>>| given.as_deref() == asked.as_deref();
        let mut dropped = None;
        if !same(&self.store_code, &request.store_code) || !same(&self.currency_code, &request.currency_code) {
            self.items.clear();
            dropped = Some("the plugin did not confirm the store and the currency of the request".to_owned());
        }
        let mut left: Vec<_> = request
            .items
            .iter()
            .map(|item| (item.catalog_internal_code.as_deref(), item.ean_code.as_deref()))
            .collect();
        self.items.retain(|price| {
            let key = (price.catalog_internal_code.as_deref(), price.ean_code.as_deref());
            let asked = left.iter().position(|item| *item == key);
            let plausible = price.unit_sales_price.is_price() && price.unit_cost_price.is_none_or(Decimal::is_price);
            let Some(at) = asked.filter(|_| plausible) else {
                let ean = price.ean_code.as_deref().unwrap_or("(none)");
                dropped = Some(format!("the plugin's price for EAN {ean} was dropped"));
                return false;
            };
            left.swap_remove(at);
            true
        });
        self.store_code = request.store_code.as_ref().map(ToString::to_string);
        self.currency_code = request.currency_code.as_ref().map(ToString::to_string);
        if let Some(message) = dropped {
            self.verdict = Verdict::failed(ErrorLevel::Error, BAD_PRICE, message);
        }
    }
}

impl Decimal {
    /// Whether it can be a unit price: 0 … 10^12.
    fn is_price(self) -> bool {
        let limit = 10_i64.checked_pow(12 + u32::from(self.scale));
        self.units >= 0 && limit.is_none_or(|limit| self.units <= limit)
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
    fn an_unconfirmed_currency_voids_the_answer() {
        let mut given = answer(&[("1", 1250)]);
        given.currency_code = Some("USD".into());
        given.hold_against(&request());
        assert!(given.items.is_empty() && !given.verdict.success);
        assert_eq!(given.currency_code.as_deref(), Some("EUR"));
    }
}
