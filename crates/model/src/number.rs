//! Numbers as Terraform has them: binary floating point of 512 bits, with a fast path for small integers.

use crate::float::Float;
use dashu_int::IBig;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Mantissa bits of whatever is read from text.
const PRECISION: u16 = 512;
/// Mantissa bits of a double, which `pow` and `log` compute with.
const DOUBLE: u16 = 53;
/// Mantissa bits of counts and other machine integers.
const MACHINE: u16 = 64;
/// Decimal exponents beyond this are refused: expanding them would exhaust memory.
const MAX_EXPONENT: i64 = 50_000;

/// A number: exact for every integer of up to 512 bits. Equality and order are by value; how many digits are printed also
/// depends on where it came from, as in Terraform.
#[derive(Clone, Debug)]
pub struct Number(Repr);

#[derive(Clone, Debug)]
enum Repr {
    /// Every value that fits; never also stored as `Big`, so equality can compare representations.
    Int {
        value: i64,
        precision: u16,
    },
    Big(Box<Float>),
}

/// Why an operation has no numeric result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// The text is not a decimal number.
    #[error("a number is required")]
    NotANumber,
}

impl Number {
    /// Zero.
    pub const ZERO: Number = Number::int(0, PRECISION);

    const fn int(value: i64, precision: u16) -> Number {
        Number(Repr::Int { value, precision })
    }

    /// From a double; `None` for infinities and NaN. Prints as the double would.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Number> {
        value
            .is_finite()
            .then(|| Self::from_float(Float::from_f64(value, DOUBLE)))
    }

    /// A count, such as a length.
    #[must_use]
    pub fn from_count(count: usize) -> Number {
        i64::try_from(count).map_or_else(
            |_| Self::from_ibig(IBig::from(count)),
            |count| Number::int(count, MACHINE),
        )
    }

    fn from_float(value: Float) -> Number {
        match value.to_integer().map(i64::try_from) {
            Some(Ok(small)) => Number::int(small, value.precision()),
            _ => Number(Repr::Big(Box::new(value))),
        }
    }

    fn from_ibig(value: IBig) -> Number {
        use dashu_int::ops::BitTest;
        let precision = u16::try_from(value.bit_len())
            .unwrap_or(u16::MAX)
            .max(MACHINE);
        match i64::try_from(value.clone()) {
            Ok(small) => Number::int(small, MACHINE),
            Err(_) => Self::from_float(Float::new(value, 0, precision)),
        }
    }

    fn to_float(&self) -> Float {
        match &self.0 {
            Repr::Int { value, precision } => Float::new(IBig::from(*value), 0, *precision),
            Repr::Big(b) => (**b).clone(),
        }
    }

    /// The value as `i64`, if it is an integer in range.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int { value, .. } => Some(*value),
            Repr::Big(_) => None,
        }
    }

    /// The nearest double.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "nearest double is what is asked for"
    )]
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int { value, .. } => *value as f64,
            Repr::Big(b) => b.to_f64(),
        }
    }

    /// Whether there is no fractional part.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int { .. } => true,
            Repr::Big(b) => b.to_integer().is_some(),
        }
    }

    /// The exact integer, if there is no fractional part.
    #[must_use]
    pub fn to_integer(&self) -> Option<IBig> {
        match &self.0 {
            Repr::Int { value, .. } => Some(IBig::from(*value)),
            Repr::Big(b) => b.to_integer(),
        }
    }

    /// From an exact integer.
    #[must_use]
    pub fn from_integer(value: IBig) -> Number {
        Self::from_ibig(value)
    }

    /// Sign, decimal digits and their exponent, as `0.d₁d₂… × 10^exponent`: as few digits as tell the number apart.
    #[must_use]
    pub fn shortest_digits(&self) -> (bool, String, isize) {
        self.to_float().shortest_digits()
    }

    /// As [`Number::shortest_digits`], but all digits of the exact value.
    #[must_use]
    pub fn exact_digits(&self) -> (bool, String, isize) {
        self.to_float().exact_digits()
    }

    /// Both as small integers with the wider precision, for the fast paths.
    fn small(&self, other: &Number) -> Option<(i64, i64, u16)> {
        match (&self.0, &other.0) {
            (
                Repr::Int {
                    value: a,
                    precision: p,
                },
                Repr::Int {
                    value: b,
                    precision: q,
                },
            ) if p.min(q) >= &MACHINE => Some((*a, *b, *p.max(q))),
            _ => None,
        }
    }

    /// Sum.
    #[must_use]
    pub fn add(&self, other: &Number) -> Number {
        if let Some((a, b, precision)) = self.small(other)
            && let Some(sum) = a.checked_add(b)
        {
            return Number::int(sum, precision);
        }
        Self::from_float(self.to_float().add(&other.to_float()))
    }

    /// Difference.
    #[must_use]
    pub fn sub(&self, other: &Number) -> Number {
        self.add(&other.neg())
    }

    /// Product.
    #[must_use]
    pub fn mul(&self, other: &Number) -> Number {
        if let Some((a, b, precision)) = self.small(other)
            && let Some(product) = a.checked_mul(b)
        {
            return Number::int(product, precision);
        }
        Self::from_float(self.to_float().mul(&other.to_float()))
    }

    /// Quotient; an error for a zero divisor.
    pub fn div(&self, other: &Number) -> Result<Number, NumberError> {
        if other == &Number::ZERO {
            return Err(NumberError::DivisionByZero);
        }
        if let Some((a, b, precision)) = self.small(other)
            && let (Some(0), Some(quotient)) = (a.checked_rem(b), a.checked_div(b))
        {
            return Ok(Number::int(quotient, precision));
        }
        Ok(Self::from_float(self.to_float().div(&other.to_float())))
    }

    /// Remainder with the sign of the dividend, as Terraform's `%`; a zero divisor leaves the dividend.
    pub fn rem(&self, other: &Number) -> Result<Number, NumberError> {
        if other == &Number::ZERO {
            return Ok(self.clone());
        }
        if let Some((a, b, precision)) = self.small(other)
            && let Some(rest) = a.checked_rem(b)
        {
            return Ok(Number::int(rest, precision));
        }
        let quotient = self.div(other)?.trunc();
        Ok(self.sub(&quotient.mul(other)))
    }

    /// Negation.
    #[must_use]
    pub fn neg(&self) -> Number {
        if let Repr::Int { value, precision } = &self.0
            && let Some(negated) = value.checked_neg()
        {
            return Number::int(negated, *precision);
        }
        Self::from_float(self.to_float().neg())
    }

    /// Towards zero.
    #[must_use]
    pub fn trunc(&self) -> Number {
        match &self.0 {
            Repr::Int { .. } => self.clone(),
            Repr::Big(b) => Self::from_ibig(b.trunc().0),
        }
    }

    /// The greatest integer not above.
    #[must_use]
    pub fn floor(&self) -> Number {
        self.to_whole(Ordering::Less, -1)
    }

    /// The least integer not below.
    #[must_use]
    pub fn ceil(&self) -> Number {
        self.to_whole(Ordering::Greater, 1)
    }

    /// Truncated, and moved by `step` when what was cut off has the given sign.
    fn to_whole(&self, sign: Ordering, step: i64) -> Number {
        match &self.0 {
            Repr::Int { .. } => self.clone(),
            Repr::Big(b) => {
                let (whole, cut) = b.trunc();
                Self::from_ibig(if cut == sign { whole + step } else { whole })
            }
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Number::int(value, PRECISION)
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Number::from(i64::from(value))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::from_float(Float::new(IBig::from(value), 0, PRECISION))
    }
}

impl FromStr for Number {
    type Err = NumberError;

    /// Reads a decimal number with optional fraction and exponent (`e` decimal, `p` binary).
    fn from_str(text: &str) -> Result<Self, NumberError> {
        if let Ok(small) = text.parse::<i64>() {
            return Ok(Number::from(small));
        }
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, decimal, binary) = match unsigned.split_once(['e', 'E', 'p']) {
            Some((mantissa, exponent)) => {
                let exponent: i64 = exponent.parse().map_err(|_| NumberError::NotANumber)?;
                if exponent.abs() > MAX_EXPONENT {
                    return Err(NumberError::NotANumber);
                }
                if unsigned.contains('p') {
                    (mantissa, 0, exponent)
                } else {
                    (mantissa, exponent, 0)
                }
            }
            None => (unsigned, 0, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::NotANumber);
        }
        let places = i64::try_from(fraction.len()).map_err(|_| NumberError::NotANumber)?;
        let magnitude = IBig::from_str(&digits).map_err(|_| NumberError::NotANumber)?;
        let binary = isize::try_from(binary).map_err(|_| NumberError::NotANumber)?;
        let significand = if negative { -magnitude } else { magnitude };
        Ok(Self::from_float(Float::from_decimal(
            significand,
            decimal - places,
            binary,
            PRECISION,
        )))
    }
}

impl fmt::Display for Number {
    /// The shortest decimal that reads back as the same number, never in exponent form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int { value, precision }
                if *precision >= MACHINE || value.unsigned_abs() <= 1 << DOUBLE =>
            {
                fmt::Display::fmt(value, f)
            }
            _ => f.write_str(&self.to_float().to_decimal()),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Int { value: a, .. }, Repr::Int { value: b, .. }) => a.cmp(b),
            _ => self.to_float().cmp(&other.to_float()),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Repr::Int { value, .. } => serializer.serialize_i64(*value),
            // What was computed as a double reads back as the same double; text is read with full precision.
            Repr::Big(b) if b.precision() == DOUBLE => serializer.serialize_f64(b.to_f64()),
            Repr::Big(_) => serializer.serialize_str(&self.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E>(self, v: i64) -> Result<Number, E> {
                Ok(Number::from(v))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Number, E> {
                Ok(Number::from(v))
            }
            fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Number, E> {
                Number::from_f64(v).ok_or_else(|| E::custom("not a finite number"))
            }
            fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Number, E> {
                v.parse().map_err(E::custom)
            }
            /// How `serde_json` hands on a number with all its digits.
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Number, A::Error> {
                use serde::de::Error;
                let number = serde_json::Number::deserialize(
                    serde::de::value::MapAccessDeserializer::new(map),
                )?;
                if let Some(small) = number.as_i64() {
                    return Ok(Number::from(small));
                }
                number
                    .as_f64()
                    .and_then(Number::from_f64)
                    .ok_or_else(|| A::Error::custom("not a finite number"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().expect("a number")
    }

    #[test]
    fn decimals_print_as_they_were_written() {
        for text in [
            "0",
            "-7",
            "0.1",
            "0.3",
            "1.5",
            "-2.25",
            "123456789012345678901234567890",
            "0.000001",
            "3.14159265358979",
        ] {
            assert_eq!(number(text).to_string(), text);
        }
        assert_eq!(number("1e3").to_string(), "1000");
        assert_eq!(number("2.50").to_string(), "2.5");
    }

    #[test]
    fn arithmetic_is_exact_where_terraform_is() {
        assert_eq!(number("0.1").add(&number("0.2")).to_string(), "0.3");
        assert_eq!(
            number("7").div(&number("2")).expect("divides").to_string(),
            "3.5"
        );
        assert_eq!(
            number("-7").rem(&number("3")).expect("divides").to_string(),
            "-1"
        );
        assert_eq!(
            number("5").div(&Number::ZERO),
            Err(NumberError::DivisionByZero)
        );
        assert_eq!(number("5").rem(&Number::ZERO), Ok(number("5")));
        let big = number("99999999999999999999999999999999999999999999999999");
        assert_eq!(
            big.add(&Number::from(1)).to_string(),
            "100000000000000000000000000000000000000000000000000"
        );
        assert_eq!(
            Number::from(i64::MAX).add(&Number::from(1)).to_string(),
            "9223372036854775808"
        );
    }

    #[test]
    fn digits_are_as_many_as_the_origin_has() {
        let third = number("1").div(&number("3")).expect("divides").to_string();
        assert_eq!(third, format!("0.{}5", "3".repeat(154)));
        let count = |n| Number::from_count(n);
        let narrow = count(1).div(&count(3)).expect("divides").to_string();
        assert_eq!(narrow, "0.33333333333333333334");
        let double = |x| Number::from_f64(x).expect("finite");
        let root = double(2f64.sqrt());
        assert_eq!(root.to_string(), "1.4142135623730951");
        assert_eq!(
            root.add(&number("1")).to_string(),
            "2.4142135623730951454746218587388284504413604736328125"
        );
        assert_eq!(
            double(2f64.powi(100)).to_string(),
            "1267650600228229400000000000000"
        );
        assert_eq!(double(2f64.powi(62)).to_string(), "4611686018427388000");
        for value in [
            root,
            double(2f64.powi(62)),
            number("0.1"),
            number("-1e-300"),
        ] {
            let json = serde_json::to_string(&value).expect("serialises");
            assert_eq!(serde_json::from_str::<Number>(&json).expect("reads"), value);
        }
    }

    #[test]
    fn doubles_are_the_nearest() {
        for text in [
            "0.1",
            "-2.5e-8",
            "1e300",
            "5e-324",
            "123456789012345678901234567890",
            "1.7976931348623157e308",
        ] {
            let expected: f64 = text.parse().expect("a double");
            assert_eq!(
                number(text).to_f64().to_bits(),
                expected.to_bits(),
                "{text}"
            );
        }
    }

    #[test]
    fn text_that_is_no_number_is_refused() {
        for text in ["", "abc", "1e", "--1", "1e999999999", "0x10", " 1", "1 "] {
            assert_eq!(
                text.parse::<Number>(),
                Err(NumberError::NotANumber),
                "{text:?}"
            );
        }
    }
}
