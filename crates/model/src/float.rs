//! Binary floating point of arbitrary precision, with the rounding and the shortest decimal form of Go's `big.Float`, which
//! Terraform's numbers are. Only [`crate::number`] uses it.

use dashu_int::{IBig, Sign, UBig, ops::BitTest, ops::DivRem};
use std::cmp::Ordering;

/// `significand × 2^exponent`; the significand is odd, or zero with exponent zero.
#[derive(Clone, Debug)]
pub(crate) struct Float {
    significand: IBig,
    exponent: isize,
    /// Bits of mantissa that results are rounded to, and that printing must distinguish.
    precision: u16,
}

impl Float {
    /// The value of `significand × 2^exponent`, rounded half to even.
    pub(crate) fn new(significand: IBig, exponent: isize, precision: u16) -> Float {
        let (sign, magnitude) = significand.into_parts();
        rounded(sign, magnitude, exponent, false, precision)
    }

    /// `significand × 10^exponent × 2^binary`, rounded once.
    pub(crate) fn from_decimal(
        significand: IBig,
        exponent: i64,
        binary: isize,
        precision: u16,
    ) -> Float {
        let power = UBig::from(10u8).pow(usize::try_from(exponent.unsigned_abs()).unwrap_or(0));
        let (sign, magnitude) = significand.into_parts();
        if exponent >= 0 {
            return rounded(sign, magnitude * power, binary, false, precision);
        }
        quotient(sign, magnitude, power, binary, precision)
    }

    pub(crate) fn from_f64(value: f64, precision: u16) -> Float {
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let biased = isize::try_from((bits >> 52) & 0x7ff).expect("eleven bits fit");
        let (magnitude, exponent) = if biased == 0 {
            (fraction, -1074)
        } else {
            (fraction | (1 << 52), biased - 1075)
        };
        let sign = if value.is_sign_negative() {
            Sign::Negative
        } else {
            Sign::Positive
        };
        rounded(sign, UBig::from(magnitude), exponent, false, precision)
    }

    pub(crate) fn precision(&self) -> u16 {
        self.precision
    }

    /// The exact integer, if it is one.
    pub(crate) fn to_integer(&self) -> Option<IBig> {
        let shift = usize::try_from(self.exponent).ok()?;
        Some(&self.significand << shift)
    }

    pub(crate) fn add(&self, other: &Float) -> Float {
        let exponent = self.exponent.min(other.exponent);
        let aligned = |f: &Float| &f.significand << f.exponent.abs_diff(exponent);
        Float::new(
            aligned(self) + aligned(other),
            exponent,
            self.precision.max(other.precision),
        )
    }

    /// The product keeps every bit that 512 allow, even of narrower operands.
    pub(crate) fn mul(&self, other: &Float) -> Float {
        let product = &self.significand * &other.significand;
        let needed = u16::try_from(product.bit_len()).unwrap_or(512).min(512);
        Float::new(
            product,
            self.exponent + other.exponent,
            self.precision.max(other.precision).max(needed),
        )
    }

    /// The divisor must not be zero.
    pub(crate) fn div(&self, other: &Float) -> Float {
        let (sign, dividend) = self.significand.clone().into_parts();
        let (other_sign, divisor) = other.significand.clone().into_parts();
        quotient(
            sign * other_sign,
            dividend,
            divisor,
            self.exponent - other.exponent,
            self.precision.max(other.precision),
        )
    }

    pub(crate) fn neg(&self) -> Float {
        Float {
            significand: -&self.significand,
            ..*self
        }
    }

    /// The integer towards zero, and the sign of what was cut off.
    pub(crate) fn trunc(&self) -> (IBig, Ordering) {
        match self.to_integer() {
            Some(whole) => (whole, Ordering::Equal),
            None => {
                let (sign, magnitude) = self.significand.clone().into_parts();
                let whole = magnitude >> self.exponent.unsigned_abs();
                let cut = match sign {
                    Sign::Positive => Ordering::Greater,
                    Sign::Negative => Ordering::Less,
                };
                (IBig::from_parts(sign, whole), cut)
            }
        }
    }

    pub(crate) fn to_f64(&self) -> f64 {
        let (sign, magnitude) = self.significand.clone().into_parts();
        let bits = magnitude.bit_len();
        let drop = bits.saturating_sub(64);
        let sticky = drop > 0 && magnitude.trailing_zeros().is_some_and(|zeros| zeros < drop);
        let top = u64::try_from(magnitude >> drop).expect("at most 64 bits are left");
        #[allow(
            clippy::cast_precision_loss,
            reason = "rounding to nearest is the purpose"
        )]
        let mut value = (top | u64::from(sticky)) as f64;
        let mut scale = self.exponent.saturating_add_unsigned(drop);
        // In steps that stay inside the range of a double's own powers of two.
        while scale != 0 && value != 0.0 && value.is_finite() {
            let step = scale.clamp(-1000, 1000);
            value *= 2f64.powi(i32::try_from(step).expect("clamped"));
            scale -= step;
        }
        if sign == Sign::Negative {
            -value
        } else {
            value
        }
    }

    /// Sign, digits and exponent of the shortest decimal.
    pub(crate) fn shortest_digits(&self) -> (bool, String, isize) {
        let (sign, magnitude) = self.significand.clone().into_parts();
        if magnitude.is_zero() {
            return (false, String::new(), 0);
        }
        shortest(magnitude, self.exponent, usize::from(self.precision)).parts(sign)
    }

    /// Sign, digits and exponent of the exact value.
    pub(crate) fn exact_digits(&self) -> (bool, String, isize) {
        let (sign, magnitude) = self.significand.clone().into_parts();
        if magnitude.is_zero() {
            return (false, String::new(), 0);
        }
        Decimal::exact(&magnitude, self.exponent).parts(sign)
    }

    /// The shortest decimal that reads back as this number at its precision, never in exponent form.
    pub(crate) fn to_decimal(&self) -> String {
        let (negative, digits, point) = self.shortest_digits();
        if digits.is_empty() {
            return "0".to_owned();
        }
        let mut out = String::with_capacity(digits.len() + 3);
        if negative {
            out.push('-');
        }
        match usize::try_from(point) {
            Ok(point) if point >= digits.len() => {
                out.push_str(&digits);
                out.extend(std::iter::repeat_n('0', point - digits.len()));
            }
            Ok(point) if point > 0 => {
                out.push_str(&digits[..point]);
                out.push('.');
                out.push_str(&digits[point..]);
            }
            _ => {
                out.push_str("0.");
                out.extend(std::iter::repeat_n('0', point.unsigned_abs()));
                out.push_str(&digits);
            }
        }
        out
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Float {}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Float {
    /// By value alone.
    fn cmp(&self, other: &Self) -> Ordering {
        let exponent = self.exponent.min(other.exponent);
        let aligned = |f: &Float| &f.significand << f.exponent.abs_diff(exponent);
        aligned(self).cmp(&aligned(other))
    }
}

/// Rounds half to even; `sticky` says that nonzero bits lie below the magnitude, which then has at least two bits to spare.
fn rounded(
    sign: Sign,
    mut magnitude: UBig,
    mut exponent: isize,
    sticky: bool,
    precision: u16,
) -> Float {
    let bits = magnitude.bit_len();
    if let Some(drop) = bits.checked_sub(usize::from(precision)).filter(|d| *d > 0) {
        let half = magnitude.bit(drop - 1);
        let below = sticky || magnitude.trailing_zeros().is_some_and(|z| z < drop - 1);
        magnitude >>= drop;
        exponent = exponent.saturating_add_unsigned(drop);
        if half && (below || magnitude.bit(0)) {
            magnitude += 1u8;
        }
    }
    match magnitude.trailing_zeros() {
        Some(zeros) => {
            magnitude >>= zeros;
            exponent = exponent.saturating_add_unsigned(zeros);
        }
        None => exponent = 0,
    }
    Float {
        significand: IBig::from_parts(sign, magnitude),
        exponent,
        precision,
    }
}

/// `dividend / divisor × 2^exponent`, rounded.
fn quotient(sign: Sign, dividend: UBig, divisor: UBig, exponent: isize, precision: u16) -> Float {
    let shift = (usize::from(precision) + 2 + divisor.bit_len()).saturating_sub(dividend.bit_len());
    let (whole, rest) = (dividend << shift).div_rem(divisor);
    rounded(
        sign,
        whole,
        exponent.saturating_sub_unsigned(shift),
        !rest.is_zero(),
        precision,
    )
}

/// Decimal digits `0.d₁d₂… × 10^point`, without zeros at the end.
struct Decimal {
    digits: Vec<u8>,
    point: isize,
}

impl Decimal {
    /// `magnitude × 2^exponent`, exactly.
    fn exact(magnitude: &UBig, exponent: isize) -> Decimal {
        let (scaled, places) = if exponent >= 0 {
            (magnitude << exponent.unsigned_abs(), 0)
        } else {
            let places = exponent.unsigned_abs();
            (magnitude * UBig::from(5u8).pow(places), places)
        };
        let digits = scaled.to_string().into_bytes();
        let point = isize::try_from(digits.len())
            .unwrap_or(isize::MAX)
            .saturating_sub_unsigned(places);
        Decimal { digits, point }.trimmed()
    }

    fn parts(self, sign: Sign) -> (bool, String, isize) {
        let digits = String::from_utf8(self.digits).expect("digits are ASCII");
        (sign == Sign::Negative, digits, self.point)
    }

    fn trimmed(mut self) -> Decimal {
        let keep = self
            .digits
            .iter()
            .rposition(|d| *d != b'0')
            .map_or(0, |i| i + 1);
        self.digits.truncate(keep);
        self
    }

    fn round_down(mut self, length: usize) -> Decimal {
        self.digits.truncate(length);
        self.trimmed()
    }

    fn round_up(mut self, length: usize) -> Decimal {
        self.digits.truncate(length);
        while self.digits.last() == Some(&b'9') {
            self.digits.pop();
        }
        match self.digits.last_mut() {
            Some(last) => *last += 1,
            None => {
                self.digits.push(b'1');
                self.point += 1;
            }
        }
        self
    }

    fn round(self, length: usize) -> Decimal {
        let up = match self.digits.get(length) {
            None => false,
            Some(b'5') if length + 1 == self.digits.len() => {
                length > 0 && self.digits[length - 1] % 2 == 1
            }
            Some(next) => *next >= b'5',
        };
        if up {
            self.round_up(length)
        } else {
            self.round_down(length)
        }
    }
}

/// The fewest digits that lie closer to the number than to its neighbours of the same precision.
fn shortest(magnitude: UBig, exponent: isize, precision: usize) -> Decimal {
    let exact = Decimal::exact(&magnitude, exponent);
    // Scaled so that the lowest bit is half a unit in the last place.
    let shift = (precision + 1).saturating_sub(magnitude.bit_len());
    let scaled = magnitude << shift;
    let exponent = exponent.saturating_sub_unsigned(shift);
    let lower = Decimal::exact(&(&scaled - 1u8), exponent);
    let upper = Decimal::exact(&(&scaled + 1u8), exponent);
    // A tie reads back as the even neighbour.
    let inclusive = !scaled.bit(1);
    for i in 0..exact.digits.len() {
        let digit = exact.digits[i];
        let low = lower.digits.get(i).copied().unwrap_or(b'0');
        let high = upper.digits.get(i).copied().unwrap_or(b'0');
        let down = low != digit || (inclusive && i + 1 == lower.digits.len());
        let up = digit != high && (inclusive || digit + 1 < high || i + 1 < upper.digits.len());
        match (down, up) {
            (true, true) => return exact.round(i + 1),
            (true, false) => return exact.round_down(i + 1),
            (false, true) => return exact.round_up(i + 1),
            (false, false) => {}
        }
    }
    exact
}
