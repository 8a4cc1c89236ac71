//! Decimals as people write them.

use super::Decimal;
use serde::de::{Error, Visitor};
use std::fmt;
use std::str::FromStr;

/// Text that is not a decimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDecimalError {
    /// Something else than an optional sign, digits and one point.
    #[error("not a decimal number: write digits with an optional sign and one point, such as -12.50")]
    Malformed,
    /// More digits than 64 bits hold.
    #[error("too many digits: a decimal has at most 18 that are safe")]
    TooLong,
}

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    /// Reads `12`, `-0.5` or `+27.50`, and keeps the digits behind the point as they are. No exponent, no blanks.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let well_formed = !whole.is_empty()
            && (fraction.is_empty() != digits.contains('.'))
            && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if !well_formed {
            return Err(ParseDecimalError::Malformed);
        }
        let mut units = 0_i64;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = i64::from(byte - b'0');
            let next = units.checked_mul(10);
            // Downwards for negative numbers, since the smallest one has no positive twin.
            let next = next.and_then(|next| if negative { next.checked_sub(digit) } else { next.checked_add(digit) });
            units = next.ok_or(ParseDecimalError::TooLong)?;
        }
        let scale = u8::try_from(fraction.len()).map_err(|_| ParseDecimalError::TooLong)?;
        Ok(Self { units, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let point = if scale == 0 { "" } else { "." };
        formatter.pad_integral(self.units >= 0, "", &format!("{whole}{point}{fraction}"))
    }
}

/// Reads a decimal out of JSON text or a JSON number.
pub(super) struct Reader;

impl Visitor<'_> for Reader {
    type Value = Decimal;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a decimal number, as text or as a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Decimal, E> {
        Ok(Decimal::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Decimal, E> {
        i64::try_from(number).map(Decimal::from).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Decimal, E> {
        // The shortest text that gives the same float is what the sender wrote, up to 15 digits.
        self.visit_str(&number.to_string())
    }
}
