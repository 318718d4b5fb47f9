//! Numbers as Terraform has them: binary floating point of 512 bits, with a fast path for small integers.

use dashu_float::{FBig, round::mode::HalfEven};
use dashu_int::IBig;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Mantissa bits, as in Go's `big.Float` that Terraform uses.
const PRECISION: usize = 512;
/// Decimal exponents beyond this are refused: expanding them would exhaust memory.
const MAX_EXPONENT: i64 = 50_000;

type Binary = FBig<HalfEven, 2>;
type Decimal = FBig<HalfEven, 10>;

/// A number: exact for every integer of up to 512 bits.
#[derive(Clone, Debug)]
pub struct Number(Repr);

#[derive(Clone, Debug)]
enum Repr {
    /// Every value that fits; never also stored as `Big`, so equality can compare representations.
    Int(i64),
    Big(Box<Binary>),
}

/// Why an operation has no numeric result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Division or remainder by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// The text is not a decimal number.
    #[error("a number is required")]
    NotANumber,
}

impl Number {
    /// Zero.
    pub const ZERO: Number = Number(Repr::Int(0));

    /// From a double; `None` for infinities and NaN.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Number> {
        if !value.is_finite() {
            return None;
        }
        Binary::try_from(value).ok().map(Self::from_big)
    }

    fn from_big(value: Binary) -> Number {
        if is_integral(&value)
            && let Ok(small) = i64::try_from(value.to_int().value())
        {
            return Number(Repr::Int(small));
        }
        Number(Repr::Big(Box::new(value.with_precision(PRECISION).value())))
    }

    fn from_ibig(value: IBig) -> Number {
        match i64::try_from(value.clone()) {
            Ok(small) => Number(Repr::Int(small)),
            Err(_) => Self::from_big(Binary::from_parts(value, 0)),
        }
    }

    fn to_big(&self) -> Binary {
        match &self.0 {
            Repr::Int(i) => Binary::from_parts(IBig::from(*i), 0)
                .with_precision(PRECISION)
                .value(),
            Repr::Big(b) => (**b).clone(),
        }
    }

    /// The value as `i64`, if it is an integer in range.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(i) => Some(*i),
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
            Repr::Int(i) => *i as f64,
            Repr::Big(b) => b.to_f64().value(),
        }
    }

    /// Whether there is no fractional part.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Big(b) => is_integral(b),
        }
    }

    /// The exact integer, if there is no fractional part.
    #[must_use]
    pub fn to_integer(&self) -> Option<IBig> {
        match &self.0 {
            Repr::Int(i) => Some(IBig::from(*i)),
            Repr::Big(b) if is_integral(b) => Some(b.to_int().value()),
            Repr::Big(_) => None,
        }
    }

    /// From an exact integer.
    #[must_use]
    pub fn from_integer(value: IBig) -> Number {
        Self::from_ibig(value)
    }

    /// Sum.
    #[must_use]
    pub fn add(&self, other: &Number) -> Number {
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0)
            && let Some(sum) = a.checked_add(*b)
        {
            return Number(Repr::Int(sum));
        }
        Self::from_big(self.to_big() + other.to_big())
    }

    /// Difference.
    #[must_use]
    pub fn sub(&self, other: &Number) -> Number {
        self.add(&other.neg())
    }

    /// Product.
    #[must_use]
    pub fn mul(&self, other: &Number) -> Number {
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0)
            && let Some(product) = a.checked_mul(*b)
        {
            return Number(Repr::Int(product));
        }
        Self::from_big(self.to_big() * other.to_big())
    }

    /// Quotient; an error for a zero divisor.
    pub fn div(&self, other: &Number) -> Result<Number, NumberError> {
        if other == &Number::ZERO {
            return Err(NumberError::DivisionByZero);
        }
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0)
            && let (Some(0), Some(quotient)) = (a.checked_rem(*b), a.checked_div(*b))
        {
            return Ok(Number(Repr::Int(quotient)));
        }
        Ok(Self::from_big(self.to_big() / other.to_big()))
    }

    /// Remainder with the sign of the dividend, as Terraform's `%`.
    pub fn rem(&self, other: &Number) -> Result<Number, NumberError> {
        if other == &Number::ZERO {
            return Err(NumberError::DivisionByZero);
        }
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0)
            && let Some(rest) = a.checked_rem(*b)
        {
            return Ok(Number(Repr::Int(rest)));
        }
        let quotient = self.div(other)?.trunc();
        Ok(self.sub(&quotient.mul(other)))
    }

    /// Negation.
    #[must_use]
    pub fn neg(&self) -> Number {
        if let Repr::Int(a) = &self.0
            && let Some(negated) = a.checked_neg()
        {
            return Number(Repr::Int(negated));
        }
        Self::from_big(-self.to_big())
    }

    /// Towards zero.
    #[must_use]
    pub fn trunc(&self) -> Number {
        match &self.0 {
            Repr::Int(_) => self.clone(),
            Repr::Big(b) => Self::from_big(b.trunc()),
        }
    }

    /// The greatest integer not above.
    #[must_use]
    pub fn floor(&self) -> Number {
        match &self.0 {
            Repr::Int(_) => self.clone(),
            Repr::Big(b) => Self::from_big(b.floor()),
        }
    }

    /// The least integer not below.
    #[must_use]
    pub fn ceil(&self) -> Number {
        match &self.0 {
            Repr::Int(_) => self.clone(),
            Repr::Big(b) => Self::from_big(b.ceil()),
        }
    }
}

fn is_integral(value: &Binary) -> bool {
    // A normalised binary float has an odd significand, so a negative exponent means a fraction.
    value.repr().exponent() >= 0 || value.repr().significand().is_zero()
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Number(Repr::Int(value))
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Number(Repr::Int(i64::from(value)))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::from_ibig(IBig::from(value))
    }
}

impl FromStr for Number {
    type Err = NumberError;

    /// Reads a decimal number, with optional fraction and exponent.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        if let Ok(small) = text.parse::<i64>()
            && !text.starts_with('+')
        {
            return Ok(Number(Repr::Int(small)));
        }
        if text.is_empty()
            || !text
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
        {
            return Err(NumberError::NotANumber);
        }
        if let Some((_, exponent)) = text.split_once(['e', 'E'])
            && exponent
                .parse::<i64>()
                .map_err(|_| NumberError::NotANumber)?
                .abs()
                > MAX_EXPONENT
        {
            return Err(NumberError::NotANumber);
        }
        let decimal = Decimal::from_str(text.strip_prefix('+').unwrap_or(text))
            .map_err(|_| NumberError::NotANumber)?;
        Ok(Self::from_big(
            decimal.with_base_and_precision::<2>(PRECISION).value(),
        ))
    }
}

impl fmt::Display for Number {
    /// The shortest decimal that reads back as the same number, never in exponent form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let big = match &self.0 {
            Repr::Int(i) => return write!(f, "{i}"),
            Repr::Big(b) if is_integral(b) => return write!(f, "{}", b.to_int().value()),
            Repr::Big(b) => b,
        };
        for digits in [17, 40, 80, 120, 150, 151, 152, 153, 154, 155, 156] {
            let decimal: Decimal = (**big)
                .clone()
                .with_base_and_precision::<10>(digits)
                .value();
            let back = decimal
                .clone()
                .with_base_and_precision::<2>(PRECISION)
                .value();
            if back.repr() == big.repr() || digits == 156 {
                return f.write_str(&plain_decimal(&decimal));
            }
        }
        Ok(())
    }
}

/// A decimal float without exponent notation or trailing zeros.
fn plain_decimal(decimal: &Decimal) -> String {
    let significand = decimal.repr().significand().to_string();
    let (sign, digits) = significand
        .strip_prefix('-')
        .map_or(("", significand.as_str()), |rest| ("-", rest));
    let exponent = decimal.repr().exponent();
    if exponent >= 0 {
        return format!("{sign}{digits}{}", "0".repeat(exponent.unsigned_abs()));
    }
    let places = exponent.unsigned_abs();
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
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
            (Repr::Int(a), Repr::Int(b)) => a.cmp(b),
            _ => self.to_big().cmp(&other.to_big()),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Repr::Int(i) => serializer.serialize_i64(*i),
            Repr::Big(_) => serializer.serialize_str(&self.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
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
