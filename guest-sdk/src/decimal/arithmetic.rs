//! Exact sums and products.

use super::Decimal;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

/// 10^38 is the last power of ten in 128 bits.
pub(super) const LAST_POWER: u32 = 38;

/// Both numbers' digits at the larger scale, and that scale; none if they outgrow 128 bits.
pub(super) fn aligned(left: Decimal, right: Decimal) -> Option<(i128, i128, u32)> {
    let scale = left.scale.max(right.scale);
    let widen = |number: Decimal| {
        let missing = u32::from(scale - number.scale);
        if number.units == 0 {
            return Some(0);
        }
        10_i128.checked_pow(missing)?.checked_mul(i128::from(number.units))
    };
    Some((widen(left)?, widen(right)?, u32::from(scale)))
}

/// The number with these digits; digits that do not fit lose trailing zeros, and nothing else.
fn exact(mut units: i128, mut scale: u32) -> Option<Decimal> {
    loop {
        if let (Ok(units), Ok(scale)) = (i64::try_from(units), u8::try_from(scale)) {
            return Some(Decimal { units, scale });
        }
        if scale == 0 || units % 10 != 0 {
            return None;
        }
        units /= 10;
        scale -= 1;
    }
}

/// `units` / 10^`digits`, to the nearest, and to the even one when two are equally near.
fn shortened(units: i128, digits: u32) -> i128 {
    if digits > LAST_POWER {
        return 0;
    }
    let divisor = 10_i128.pow(digits);
    let (whole, rest) = (units / divisor, (units % divisor).unsigned_abs());
    let half = divisor.unsigned_abs() / 2;
    // Without digits to drop there is no rest, and a half of 0 would take it for a tie.
    if digits == 0 || rest < half || (rest == half && whole % 2 == 0) { whole } else { whole + units.signum() }
}

/// Where an operator stops when the exact result has no place.
const fn limit(negative: bool) -> Decimal {
    if negative { Decimal::MIN } else { Decimal::MAX }
}

impl Decimal {
    /// The sum; `None` if it has no place.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (left, right, scale) = aligned(self, other)?;
        exact(left.checked_add(right)?, scale)
    }

    /// The difference; `None` if it has no place.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let (left, right, scale) = aligned(self, other)?;
        exact(left.checked_sub(right)?, scale)
    }

    /// So many times the number; `None` if it has no place.
    #[must_use]
    pub fn checked_mul(self, times: i64) -> Option<Self> {
        exact(i128::from(self.units) * i128::from(times), u32::from(self.scale))
    }

    /// So many percent of the number, exact, with all decimals that takes: 8.25 % of 10.00 is 0.825000.
    /// `None` if it has no place.
    #[must_use]
    pub fn checked_percent(self, percent: Self) -> Option<Self> {
        let units = i128::from(self.units) * i128::from(percent.units);
        exact(units, u32::from(self.scale) + u32::from(percent.scale) + 2)
    }

    /// Like [`Decimal::checked_percent`]; stops at [`Decimal::MAX`] or [`Decimal::MIN`]. Round it before it is charged.
    #[must_use]
    pub fn percent(self, percent: Self) -> Self {
        let negative = (self.units < 0) != (percent.units < 0);
        self.checked_percent(percent).unwrap_or(limit(negative))
    }

    /// At most `scale` decimals: to the nearest, and to the even digit when two are equally near (2.345 becomes 2.34).
    #[must_use]
    pub fn round(self, scale: u8) -> Self {
        if self.scale <= scale {
            return self;
        }
        let units = shortened(i128::from(self.units), u32::from(self.scale - scale));
        exact(units, u32::from(scale)).unwrap_or(limit(self.units < 0))
    }

    /// Exactly `scale` decimals, rounded as [`Decimal::round`] does. `None` if the added zeros have no place.
    #[must_use]
    pub fn rescale(self, scale: u8) -> Option<Self> {
        let rounded = self.round(scale);
        let zeros = 10_i64.checked_pow(u32::from(scale - rounded.scale));
        let units = if rounded.units == 0 { 0 } else { rounded.units.checked_mul(zeros?)? };
        Some(Self { units, scale })
    }

    /// The number without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self::new(self.units.saturating_abs(), self.scale)
    }
}

impl Add for Decimal {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        // Only equal signs can overflow, apart from operands whose decimals cannot be aligned: then the larger decides.
        let negative = if self.abs() > other.abs() { self.units < 0 } else { other.units < 0 };
        self.checked_add(other).unwrap_or(limit(negative))
    }
}

impl Sub for Decimal {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let negative = if self.abs() > other.abs() { self.units < 0 } else { other.units > 0 };
        self.checked_sub(other).unwrap_or(limit(negative))
    }
}

impl Mul<i64> for Decimal {
    type Output = Self;

    fn mul(self, times: i64) -> Self {
        self.checked_mul(times).unwrap_or(limit((self.units < 0) != (times < 0)))
    }
}

impl Neg for Decimal {
    type Output = Self;

    fn neg(self) -> Self {
        Self::new(self.units.saturating_neg(), self.scale)
    }
}

impl AddAssign for Decimal {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Decimal {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Self> for Decimal {
    fn sum<I: Iterator<Item = &'a Self>>(numbers: I) -> Self {
        numbers.copied().sum()
    }
}
