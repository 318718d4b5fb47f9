//! Functions on numbers.

use super::{Call, Outcome, bad, double, failed};
use infra_model::convert::convert;
use infra_model::{Number, Type, Value};
use std::cmp::Ordering;

/// More elements than this are refused: `range` is for small sequences.
const RANGE_LIMIT: usize = 1024;

fn number(n: Number) -> Outcome {
    Ok(Value::Number(n))
}

pub(super) fn abs(call: &Call<'_>) -> Outcome {
    let n = call.number(0);
    number(if n < &Number::ZERO {
        n.neg()
    } else {
        n.clone()
    })
}

pub(super) fn ceil(call: &Call<'_>) -> Outcome {
    number(call.number(0).ceil())
}

pub(super) fn floor(call: &Call<'_>) -> Outcome {
    number(call.number(0).floor())
}

pub(super) fn log(call: &Call<'_>) -> Outcome {
    finite(double::ln(call.number(0).to_f64()) / double::ln(call.number(1).to_f64()))
}

pub(super) fn pow(call: &Call<'_>) -> Outcome {
    finite(double::pow(
        call.number(0).to_f64(),
        call.number(1).to_f64(),
    ))
}

/// The result of a computation with doubles.
fn finite(value: f64) -> Outcome {
    match Number::from_f64(value) {
        Some(n) => number(n),
        None => failed("the result is not a finite number"),
    }
}

pub(super) fn max(call: &Call<'_>) -> Outcome {
    extreme(call, Ordering::Greater)
}

pub(super) fn min(call: &Call<'_>) -> Outcome {
    extreme(call, Ordering::Less)
}

fn extreme(call: &Call<'_>, wanted: Ordering) -> Outcome {
    let mut best: Option<&Number> = None;
    for i in 0..call.arguments.len() {
        let n = call.number(i);
        if best.is_none_or(|b| n.cmp(b) == wanted) {
            best = Some(n);
        }
    }
    match best {
        Some(n) => number(n.clone()),
        None => failed("at least one number is required"),
    }
}

pub(super) fn parseint(call: &Call<'_>) -> Outcome {
    let Value::String(text) = call.bare(0) else {
        return bad(0, "a string is required");
    };
    let base = call.integer(1)?;
    let Some(base) = u32::try_from(base).ok().filter(|b| (2..=62).contains(b)) else {
        return bad(1, "the base must be from 2 to 62");
    };
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, &**text),
    };
    let mut value = Number::ZERO.to_integer().expect("zero is whole");
    for c in digits.chars() {
        // Up to base 36 the case of letters says nothing; beyond, upper case follows lower case.
        let digit = match c {
            'A'..='Z' if base > 36 => 36 + (c as u32 - 'A' as u32),
            _ => match c.to_digit(36) {
                Some(digit) => digit,
                None => return not_in_base(text, base),
            },
        };
        if digit >= base {
            return not_in_base(text, base);
        }
        value = value * base + digit;
    }
    if digits.is_empty() {
        return not_in_base(text, base);
    }
    number(Number::from_integer(if negative { -value } else { value }))
}

fn not_in_base(text: &str, base: u32) -> Outcome {
    bad(0, format!("{text:?} is not a whole number in base {base}"))
}

pub(super) fn range(call: &Call<'_>) -> Outcome {
    let one = Number::from(1);
    let step_towards = |start: &Number, end: &Number| {
        if end < start { one.neg() } else { one.clone() }
    };
    let (start, end, step) = match call.arguments.len() {
        1 => {
            let end = call.number(0).clone();
            (Number::ZERO, end.clone(), step_towards(&Number::ZERO, &end))
        }
        2 => {
            let (start, end) = (call.number(0), call.number(1));
            (start.clone(), end.clone(), step_towards(start, end))
        }
        3 => (
            call.number(0).clone(),
            call.number(1).clone(),
            call.number(2).clone(),
        ),
        _ => return failed("it takes one, two or three numbers"),
    };
    if step == Number::ZERO && start == end {
        return Ok(Value::list(Type::Number, Vec::new()));
    }
    if step == Number::ZERO {
        return bad(2, "the step must not be zero");
    }
    let up = step > Number::ZERO;
    if up && end < start {
        return bad(
            2,
            "the step must be negative when the end is less than the start",
        );
    }
    if !up && end > start {
        return bad(
            2,
            "the step must be positive when the end is greater than the start",
        );
    }
    let mut items = Vec::new();
    let mut at = start;
    while if up { at < end } else { at > end } {
        if items.len() >= RANGE_LIMIT {
            return failed(format!("more than {RANGE_LIMIT} numbers would result"));
        }
        items.push(Value::Number(at.clone()));
        at = at.add(&step);
    }
    Ok(Value::list(Type::Number, items))
}

pub(super) fn signum(call: &Call<'_>) -> Outcome {
    number(Number::from(call.integer(0)?.signum()))
}

pub(super) fn sum(call: &Call<'_>) -> Outcome {
    let Some(items) = call.bare(0).elements() else {
        return bad(0, "a list, set or tuple is required");
    };
    if items.is_empty() {
        return bad(0, "the sum of nothing is not defined");
    }
    let mut total = Number::from_count(0);
    let mut unknown = false;
    for item in items {
        match convert(item, &Type::Number) {
            Ok(Value::Number(n)) => total = total.add(&n),
            Ok(Value::Unknown(_)) => unknown = true,
            _ => return bad(0, "all elements must be numbers"),
        }
    }
    if unknown {
        return Ok(Value::Unknown(Type::Number));
    }
    number(total)
}
