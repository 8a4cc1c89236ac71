//! Exact decimal numbers.

mod arithmetic;
mod text;

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

pub use text::ParseDecimalError;

/// An exact decimal: `units` × 10^-`scale`. 100.32 is `Decimal::new(10032, 2)`.
///
/// Numbers compare by value: 1.5 equals 1.50. Arithmetic is exact and keeps the larger scale of its operands, as
/// one does on paper: 1.5 + 1.25 is 2.75, 1.50 × 2 is 3.00. What does not fit in 64 bits is never wrapped: the
/// `checked_*` methods give `None`, the operators stop at [`Decimal::MAX`] or [`Decimal::MIN`].
///
/// As JSON it is text (`"27.50"`); a JSON number is read as well.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decimal {
    /// The digits, with the sign.
    pub units: i64,
    /// How many of the digits are behind the point. Wharf accepts at most 6 in an answer.
    pub scale: u8,
}

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self::new(0, 0);
    /// The largest number; where operators stop.
    pub const MAX: Self = Self::new(i64::MAX, 0);
    /// The smallest number; where operators stop.
    pub const MIN: Self = Self::new(i64::MIN, 0);

    /// `units` × 10^-`scale`.
    #[must_use]
    pub const fn new(units: i64, scale: u8) -> Self {
        Self { units, scale }
    }

    /// Whether it is 0, at whatever scale.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.units == 0
    }

    /// Whether it is more than 0.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.units > 0
    }

    /// Whether it is less than 0.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.units < 0
    }

    /// The same value with as few digits behind the point as possible: 1.50 becomes 1.5.
    #[must_use]
    pub const fn normalize(self) -> Self {
        let Self { mut units, mut scale } = self;
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        Self { units, scale }
    }
}

impl From<i64> for Decimal {
    fn from(units: i64) -> Self {
        Self::new(units, 0)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { units, scale } = self.normalize();
        // 0.0 has no shorter form by dividing, yet equals 0.
        (units, if units == 0 { 0 } else { scale }).hash(state);
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.units.signum().cmp(&other.units.signum());
        if signs != Ordering::Equal || self.units == 0 {
            return signs;
        }
        match arithmetic::aligned(*self, *other) {
            Some((left, right, _)) => left.cmp(&right),
            // Only a number with far fewer decimals outgrows 128 bits when aligned: it is the larger one.
            None if self.scale < other.scale => self.units.signum().cmp(&0),
            None => 0.cmp(&other.units.signum()),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(text::Reader)
    }
}

#[cfg(test)]
mod tests;
