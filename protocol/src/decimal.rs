//! Exact decimals: money, prices and percentages.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The most decimal places that an answer may carry (retailops-sdk section 3: 0 to 4 were seen).
pub const MAX_SCALE: u8 = 6;

/// Digits after which a 64-bit number is full whatever they are.
const MAX_DIGITS: i64 = 18;

/// An exact decimal, `units` × 10^-`scale`. JSON: a number token with exactly these digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower),
    component(record)
)]
pub struct Decimal {
    /// The digits, without the point.
    #[cfg_attr(feature = "component", component(name = "units"))]
    pub units: i64,
    /// How many of the digits stand after the point.
    #[cfg_attr(feature = "component", component(name = "scale"))]
    pub scale: u8,
}

/// Why text is not a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a number.
    Malformed,
    /// More digits before the point than 64 bits hold.
    OutOfRange,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "expected a number",
            Self::OutOfRange => "number is out of range: at most 18 digits",
        })
    }
}

impl std::error::Error for DecimalError {}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads a JSON number token, or the same text out of a string. Digits that 64 bits cannot hold are rounded off behind
    /// the point, half to even.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| DecimalError::Malformed)?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
        {
            return Err(DecimalError::Malformed);
        }
        let point = i64::try_from(whole.len()).map_err(|_| DecimalError::OutOfRange)? + i64::from(exponent);
        let magnitude = assemble(whole, fraction, point)?;
        Ok(if negative { Self { units: -magnitude.units, ..magnitude } } else { magnitude })
    }
}

/// Puts digits together with the point after `point` of them.
fn assemble(whole: &str, fraction: &str, point: i64) -> Result<Decimal, DecimalError> {
    let zeros = whole.bytes().chain(fraction.bytes()).take_while(|b| *b == b'0').count();
    let digits = whole.bytes().chain(fraction.bytes()).skip(zeros);
    let count = i64::try_from(whole.len() + fraction.len() - zeros).map_err(|_| DecimalError::OutOfRange)?;
    let point = point - i64::try_from(zeros).map_err(|_| DecimalError::OutOfRange)?;
    if count == 0 {
        let scale = u8::try_from(fraction.len()).unwrap_or(MAX_SCALE);
        return Ok(Decimal { units: 0, scale });
    }
    if point > MAX_DIGITS {
        return Err(DecimalError::OutOfRange);
    }
    // `kept` digits fit into 64 bits and leave a scale of at most 18.
    let kept = count.min(MAX_DIGITS).min(point + MAX_DIGITS);
    let mut units: i64 = 0;
    let mut rest = digits;
    for digit in rest.by_ref().take(usize::try_from(kept).unwrap_or(0)) {
        units = units * 10 + i64::from(digit - b'0');
    }
    if kept >= 0 {
        let next = rest.next().unwrap_or(b'0');
        let exact_half = next == b'5' && rest.all(|b| b == b'0');
        if next > b'5' || next == b'5' && (!exact_half || units % 2 == 1) {
            units += 1;
        }
    }
    let mut scale = kept.max(0) - point;
    while scale < 0 {
        units = units.checked_mul(10).ok_or(DecimalError::OutOfRange)?;
        scale += 1;
    }
    if kept < 0 {
        (units, scale) = (0, MAX_DIGITS);
    }
    Ok(Decimal { units, scale: u8::try_from(scale).map_err(|_| DecimalError::OutOfRange)? })
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        if scale == 0 {
            return write!(f, "{}", self.units);
        }
        let digits = self.units.unsigned_abs().to_string();
        let sign = if self.units < 0 { "-" } else { "" };
        if let Some(whole) = digits.len().checked_sub(scale).filter(|whole| *whole > 0) {
            write!(f, "{sign}{}.{}", &digits[..whole], &digits[whole..])
        } else {
            write!(f, "{sign}0.{digits:0>scale$}")
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        if self.scale == 0 {
            return serializer.serialize_i64(self.units);
        }
        let token = self.to_string();
        serde_json::from_str::<&RawValue>(&token).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let token: Cow<'de, str> = match <&'de RawValue>::deserialize(deserializer) {
            Ok(raw) => Cow::Borrowed(raw.get()),
            Err(error) => return Err(error),
        };
        token.trim_matches('"').trim().parse().map_err(D::Error::custom)
    }
}

impl schemars::JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number" })
    }
    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> (i64, u8) {
        let value: Decimal = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        (value.units, value.scale)
    }

    #[test]
    fn digits_are_kept_as_they_came() {
        assert_eq!(decimal("30"), (30, 0));
        assert_eq!(decimal("27.50"), (2750, 2));
        assert_eq!(decimal("0.07"), (7, 2));
        assert_eq!(decimal("-0.5"), (-5, 1));
        assert_eq!(decimal("0.00"), (0, 2));
        assert_eq!(decimal("0.30000000000000004"), (30_000_000_000_000_004, 17));
    }

    #[test]
    fn exponents_move_the_point() {
        assert_eq!(decimal("1e3"), (1000, 0));
        assert_eq!(decimal("1.5E-3"), (15, 4));
        assert_eq!(decimal("12e-1"), (12, 1));
    }

    #[test]
    fn digits_beyond_64_bits_are_rounded_half_to_even() {
        assert_eq!(decimal("1.0000000000000000050"), (100_000_000_000_000_000, 17));
        assert_eq!(decimal("0.12345678901234567850"), (123_456_789_012_345_678, 18));
        assert_eq!(decimal("1e-40"), (0, 18));
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", ".", "abc", "1.2.3", "0x10", "1e", "NaN", "--1"] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::Malformed), "{text}");
        }
        for text in ["1e999", "9223372036854775808", "1e19"] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::OutOfRange), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(units in -999_999_999_999_999_999_i64..999_999_999_999_999_999, scale in 0..=18_u8) {
            let value = Decimal { units, scale };
            let json = serde_json::to_string(&value).unwrap();
            prop_assert!(!json.contains(['e', 'E', '"']), "{json}");
            let back: Decimal = serde_json::from_str(&json).unwrap();
            prop_assert_eq!((back.units, back.scale), (units, scale));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.eE]{0,40}") {
            let _ = text.parse::<Decimal>();
        }
    }
}
