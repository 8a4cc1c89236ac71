//! The shop's settings, out of the release.

use wharf_sdk::catalog::SkuFanout;
use wharf_sdk::{Decimal, Failure, config};

/// The codes that the platform knows.
const CURRENCIES: [&str; 12] = ["AUD", "CAD", "CHF", "EUR", "GBP", "HKD", "JPY", "MXN", "NZD", "PLN", "SGD", "USD"];

/// How many orders the shop has: setting `orders`, 3 unless set.
pub(crate) fn orders() -> Result<u32, Failure> {
    bounded("orders", 3, 0, 500)
}

/// How many orders a page has: setting `page_size`, 20 unless set.
pub(crate) fn page_size() -> Result<usize, Failure> {
    Ok(bounded("page_size", 20, 1, 100)? as usize)
}

/// What the shop sells in: setting `currency`, USD unless set.
pub(crate) fn currency() -> Result<String, Failure> {
    let code = config::get("currency")?.unwrap_or_else(|| "USD".to_owned());
    if !CURRENCIES.contains(&code.as_str()) {
        return Err(invalid("currency", code, format!("use one of {}", CURRENCIES.join(" "))));
    }
    Ok(code)
}

/// The most that a payment may be: setting `decline_above`, 1000 unless set.
pub(crate) fn decline_above() -> Result<Decimal, Failure> {
    Ok(config::parse("decline_above")?.unwrap_or(Decimal::new(1000, 0)))
}

/// The shop's name on its pages: setting `merchant`, Reference Shop unless set.
pub(crate) fn merchant() -> Result<String, Failure> {
    Ok(config::get("merchant")?.unwrap_or_else(|| "Reference Shop".to_owned()))
}

/// Setting `sku_fanout`, `no_fanout` unless set.
pub(crate) fn sku_fanout() -> Result<SkuFanout, Failure> {
    match config::get("sku_fanout")?.as_deref() {
        None | Some("no_fanout") => Ok(SkuFanout::NoFanout),
        Some("related_skus") => Ok(SkuFanout::RelatedSkus),
        Some(other) => Err(invalid("sku_fanout", other.to_owned(), "use no_fanout or related_skus".to_owned())),
    }
}

fn bounded(key: &str, default: u32, least: u32, most: u32) -> Result<u32, Failure> {
    let value = config::parse(key)?.unwrap_or(default);
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(invalid(key, value.to_string(), format!("use {least} to {most}")))
}

fn invalid(key: &str, value: String, reason: String) -> Failure {
    let key = key.to_owned();
    config::Error::Invalid { key, value, reason }.into()
}
