//! What the shop sells.

use serde::{Deserialize, Serialize};
use wharf_sdk::{Decimal, Failure, kv};

/// How much the pushed products may weigh together, in bytes: they share a key, and a value has at most 64 KiB.
pub const CAPACITY: usize = 60_000;

/// The key that holds the pushed products.
pub const KEY: &str = "catalog";

/// One product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Its number in the shop, which is also its catalog code.
    pub sku: String,
    /// Its EAN-13; empty if it has none.
    pub ean: String,
    /// Shown to people.
    pub title: String,
    /// What a unit sells for, without tax, in the shop's currency.
    pub price: Decimal,
    /// What a unit costs the shop.
    pub cost: Option<Decimal>,
}

impl Product {
    /// No fewer bytes than the product takes in the key: a text doubles if it is made of quotes.
    #[must_use]
    pub const fn weight(&self) -> usize {
        120 + 2 * (self.sku.len() + self.ean.len() + self.title.len())
    }
}

/// A product that the shop sells from the first day on.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its SKU.
    pub sku: &'static str,
    /// Its EAN-13.
    pub ean: &'static str,
    /// Shown to people.
    pub title: &'static str,
    /// Selling price.
    pub price: Decimal,
    /// Cost price.
    pub cost: Decimal,
}

const fn known(sku: &'static str, ean: &'static str, title: &'static str, price: i64, cost: i64) -> Known {
    Known { sku, ean, title, price: Decimal::new(price, 2), cost: Decimal::new(cost, 2) }
}

/// The products of the first day.
pub const KNOWN: [Known; 8] = [
    known("S12345", "2000000123455", "Canvas tote bag", 2450, 980),
    known("S12346", "2000000123462", "Enamel mug, 350 ml", 1690, 610),
    known("S12347", "2000000123479", "Linen tea towel, set of 2", 2200, 905),
    known("S12348", "2000000123486", "Oak cutting board", 4900, 2240),
    known("S12349", "2000000123493", "Beeswax candle", 1275, 430),
    known("S12350", "2000000123509", "Wool throw, 130 x 180 cm", 8900, 4120),
    known("S12351", "2000000123516", "Notebook, dotted, A5", 1450, 515),
    known("S12352", "2000000123523", "Stoneware teapot, 1 l", 5600, 2650),
];

impl From<&Known> for Product {
    fn from(known: &Known) -> Self {
        Self {
            sku: known.sku.to_owned(),
            ean: known.ean.to_owned(),
            title: known.title.to_owned(),
            price: known.price,
            cost: Some(known.cost),
        }
    }
}

/// The products as they are now: those of the first day, and over them those that were pushed.
pub struct Assortment(Vec<Product>);

impl Assortment {
    /// Reads it, with one look at the store.
    ///
    /// # Errors
    /// If the store fails.
    pub fn load() -> Result<Self, Failure> {
        Ok(Self(kv::get_json(KEY)?.unwrap_or_default()))
    }

    /// The product with that SKU.
    #[must_use]
    pub fn by_sku(&self, sku: &str) -> Option<Product> {
        self.find(|product| product.sku == sku, |known| known.sku == sku)
    }

    /// The product with that EAN.
    #[must_use]
    pub fn by_ean(&self, ean: &str) -> Option<Product> {
        // A pushed product may have taken a new EAN, so what the first day says counts only for SKUs not pushed since.
        let found = self.find(|product| product.ean == ean, |known| known.ean == ean)?;
        self.by_sku(&found.sku).filter(|product| product.ean == ean)
    }

    fn find(&self, pushed: impl Fn(&Product) -> bool, known: impl Fn(&Known) -> bool) -> Option<Product> {
        let first = self.0.iter().find(|product| pushed(product)).cloned();
        first.or_else(|| KNOWN.iter().find(|product| known(product)).map(Product::from))
    }
}
