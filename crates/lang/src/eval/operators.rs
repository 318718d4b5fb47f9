//! Operators: arithmetic, comparison, logic, and the equality that functions share.

use super::{Computed, described, error, problem};
use infra_model::convert::{can_convert, convert};
use infra_model::diagnostic::{Diagnostics, Span};
use infra_model::expr::{BinaryOp, UnaryOp};
use infra_model::{Number, Str, Type, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// `-x` or `!x`
pub(super) fn unary(operator: UnaryOp, operand: &Value, span: Span) -> Computed {
    let result = match operator {
        UnaryOp::Negate => {
            number(operand, span)?.map_or(Value::Unknown(Type::Number), |n| Value::Number(n.neg()))
        }
        UnaryOp::Not => {
            boolean(operand, span)?.map_or(Value::Unknown(Type::Bool), |b| Value::Bool(!b))
        }
    };
    Ok(result.with_marks(operand.marks()))
}

/// `a + b` and its kind.
pub(super) fn binary(
    operator: BinaryOp,
    a: &Value,
    a_span: Span,
    b: &Value,
    b_span: Span,
) -> Computed {
    let numbers = || super::both(number(a, a_span), number(b, b_span));
    let arithmetic = |compute: fn(&Number, &Number) -> Number| {
        Ok::<_, Diagnostics>(match numbers()? {
            (Some(x), Some(y)) => Value::Number(compute(&x, &y)),
            _ => Value::Unknown(Type::Number),
        })
    };
    let ordered = |holds: fn(Ordering) -> bool| {
        Ok::<_, Diagnostics>(match numbers()? {
            (Some(x), Some(y)) => Value::Bool(holds(x.cmp(&y))),
            _ => Value::Unknown(Type::Bool),
        })
    };
    let result = match operator {
        BinaryOp::Add => arithmetic(Number::add)?,
        BinaryOp::Subtract => arithmetic(Number::sub)?,
        BinaryOp::Multiply => arithmetic(Number::mul)?,
        BinaryOp::Divide => match numbers()? {
            (Some(x), Some(y)) => match x.div(&y) {
                Ok(quotient) => Value::Number(quotient),
                Err(reason) => return error(reason.to_string(), b_span),
            },
            _ => Value::Unknown(Type::Number),
        },
        BinaryOp::Remainder => match numbers()? {
            (Some(x), Some(y)) => match x.rem(&y) {
                Ok(rest) => Value::Number(rest),
                Err(reason) => return error(reason.to_string(), b_span),
            },
            _ => Value::Unknown(Type::Number),
        },
        BinaryOp::Less => ordered(Ordering::is_lt)?,
        BinaryOp::LessOrEqual => ordered(Ordering::is_le)?,
        BinaryOp::Greater => ordered(Ordering::is_gt)?,
        BinaryOp::GreaterOrEqual => ordered(Ordering::is_ge)?,
        BinaryOp::Equal | BinaryOp::NotEqual => {
            let marks = a.deep_marks().union(b.deep_marks());
            let same = equal(a, b).map_or(Value::Unknown(Type::Bool), |same| {
                Value::Bool(same == (operator == BinaryOp::Equal))
            });
            return Ok(same.with_marks(marks));
        }
        BinaryOp::And | BinaryOp::Or => {
            // One side decides alone when it is false for `&&`, true for `||`.
            let decisive = operator == BinaryOp::Or;
            match super::both(boolean(a, a_span), boolean(b, b_span))? {
                (Some(x), _) | (_, Some(x)) if x == decisive => Value::Bool(decisive),
                (Some(_), Some(y)) => Value::Bool(y),
                _ => Value::Unknown(Type::Bool),
            }
        }
    };
    Ok(result.with_marks(a.marks().union(b.marks())))
}

/// The number that an operand is, `None` while unknown.
fn number(operand: &Value, span: Span) -> Result<Option<Number>, Diagnostics> {
    match converted(operand, &Type::Number, span)? {
        Some(Value::Number(n)) => Ok(Some(n)),
        _ => Ok(None),
    }
}

fn boolean(operand: &Value, span: Span) -> Result<Option<bool>, Diagnostics> {
    Ok(converted(operand, &Type::Bool, span)?.and_then(|v| v.as_bool()))
}

fn converted(operand: &Value, ty: &Type, span: Span) -> Result<Option<Value>, Diagnostics> {
    let name = ty.friendly();
    match operand.bare() {
        Value::Null(_) => error(format!("this operand is null, but must be a {name}"), span),
        Value::Unknown(from) if can_convert(from, ty) => Ok(None),
        bare => match convert(bare, ty) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(vec![
                problem(format!("this operand must be a {name}"), span).help(match bare {
                    // Never the text itself, which may be a secret.
                    Value::String(_) if *ty == Type::Number => {
                        "texts are joined in a template, as in `\"${a}-${b}\"`, not with `+`"
                            .to_owned()
                    }
                    other => format!("this is {}", described(other)),
                }),
            ]),
        },
    }
}

/// Whether two values are the same, `None` while unknown. Values of different types differ, null is only null.
pub(crate) fn equal(a: &Value, b: &Value) -> Option<bool> {
    let (a, b) = (a.bare(), b.bare());
    match (a, b) {
        (Value::Null(_), Value::Null(_)) => Some(true),
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => None,
        (Value::Bool(x), Value::Bool(y)) => Some(x == y),
        (Value::Number(x), Value::Number(y)) => Some(x == y),
        (Value::String(x), Value::String(y)) => Some(x == y),
        (Value::List(t, x), Value::List(u, y)) | (Value::Set(t, x), Value::Set(u, y)) => {
            if t == u {
                items_equal(x, y)
            } else {
                Some(false)
            }
        }
        (Value::Tuple(x), Value::Tuple(y)) => items_equal(x, y),
        (Value::Map(t, x), Value::Map(u, y)) if t == u => entries_equal(x, y),
        (Value::Object(x), Value::Object(y)) => entries_equal(x, y),
        _ => Some(false),
    }
}

fn items_equal(x: &[Value], y: &[Value]) -> Option<bool> {
    if x.len() != y.len() {
        return Some(false);
    }
    conjunction(x.iter().zip(y).map(|(x, y)| equal(x, y)))
}

fn entries_equal(x: &BTreeMap<Str, Value>, y: &BTreeMap<Str, Value>) -> Option<bool> {
    if !x.keys().eq(y.keys()) {
        return Some(false);
    }
    conjunction(x.values().zip(y.values()).map(|(x, y)| equal(x, y)))
}

/// False if one is, unknown if one is, true otherwise.
fn conjunction(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            Some(true) => {}
            None => result = None,
        }
    }
    result
}
