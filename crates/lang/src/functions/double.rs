//! Logarithm and power of doubles, computed step by step as Go's library does on this kind of machine, so that the last digit
//! agrees with Terraform's. The logarithm is FreeBSD's `e_log`, the power repeated squaring.

/// The natural logarithm.
pub(super) fn ln(x: f64) -> f64 {
    const LN2_HI: f64 = 6.931_471_803_691_238e-1;
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    const L: [f64; 7] = [
        6.666_666_666_666_735e-1,
        3.999_999_999_940_942e-1,
        2.857_142_874_366_239e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    if x.is_nan() || x <= 0.0 || x.is_infinite() {
        return x.ln();
    }
    let (mut f1, mut exponent) = split(x);
    if f1 < std::f64::consts::FRAC_1_SQRT_2 {
        f1 *= 2.0;
        exponent -= 1;
    }
    let f = f1 - 1.0;
    let k = f64::from(exponent);
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let t1 = s2 * (L[0] + s4 * (L[2] + s4 * (L[4] + s4 * L[6])));
    let t2 = s4 * (L[1] + s4 * (L[3] + s4 * L[5]));
    let r = t1 + t2;
    let half = 0.5 * f * f;
    k * LN2_HI - ((half - (s * (half + r) + k * LN2_LO)) - f)
}

/// `x` to the power of `y`.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    if y == 0.5 {
        return x.sqrt();
    }
    if y == -0.5 {
        return 1.0 / x.sqrt();
    }
    let ordinary = x.is_finite() && y.is_finite() && x != 0.0 && y != 0.0 && x != 1.0;
    let (mut whole, mut fraction) = (y.abs().trunc(), y.abs().fract());
    if !ordinary || whole >= 9.0e18 || (fraction != 0.0 && x < 0.0) {
        return x.powf(y);
    }
    let mut mantissa = 1.0;
    let mut exponent = 0_i32;
    if fraction != 0.0 {
        if fraction > 0.5 {
            fraction -= 1.0;
            whole += 1.0;
        }
        mantissa = (fraction * ln(x)).exp();
    }
    let (mut base, mut base_exponent) = split(x);
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a whole number below 2^63 was checked for"
    )]
    let mut left = whole as i64;
    while left != 0 {
        if base_exponent.abs() > 1 << 12 {
            // It overflows or vanishes whatever follows.
            exponent += base_exponent;
            break;
        }
        if left & 1 == 1 {
            mantissa *= base;
            exponent += base_exponent;
        }
        base *= base;
        base_exponent <<= 1;
        if base < 0.5 {
            base += base;
            base_exponent -= 1;
        }
        left >>= 1;
    }
    if y < 0.0 {
        mantissa = 1.0 / mantissa;
        exponent = -exponent;
    }
    scaled(mantissa, exponent)
}

/// A mantissa from ½ up to 1 and a binary exponent.
fn split(x: f64) -> (f64, i32) {
    let (x, shift) = if x.abs() < f64::MIN_POSITIVE {
        (x * 2f64.powi(52), -52)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let biased = i32::try_from((bits >> 52) & 0x7ff).expect("eleven bits fit");
    let mantissa = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    (mantissa, biased - 1022 + shift)
}

/// `mantissa × 2^exponent`
fn scaled(mut mantissa: f64, mut exponent: i32) -> f64 {
    while exponent != 0 && mantissa != 0.0 && mantissa.is_finite() {
        let step = exponent.clamp(-1000, 1000);
        mantissa *= 2f64.powi(step);
        exponent -= step;
    }
    mantissa
}
