//! Functions on sets.

use super::{Call, FunctionError, Outcome, bad, failed, types};
use infra_model::convert::{convert, unify, unify_open};
use infra_model::value::Marks;
use infra_model::{Type, Value};
use std::collections::BTreeSet;

/// The element type that all sets share, and the sets; `None` while one is not known through and through.
type Sets = (Type, Option<Vec<BTreeSet<Value>>>);

fn sets(call: &Call<'_>) -> Result<Sets, FunctionError> {
    let types: Vec<Type> = call.arguments.iter().map(Value::ty).collect();
    let common = if call.wholly_known() {
        unify(&types)
    } else {
        unify_open(&types)
    };
    let Some(ty @ Type::Set(_)) = common else {
        return failed("all sets must have elements of one type");
    };
    let Type::Set(element) = &ty else {
        unreachable!("matched above");
    };
    let element = (**element).clone();
    if !call.wholly_known() {
        return Ok((element, None));
    }
    let mut sets = Vec::new();
    for (i, argument) in call.arguments.iter().enumerate() {
        match convert(argument, &ty) {
            Ok(set) => sets.push(set.elements().unwrap_or_default().iter().cloned().collect()),
            Err(e) => return bad(i, e.to_string()),
        }
    }
    Ok((element, Some(sets)))
}

fn combined(
    call: &Call<'_>,
    combine: impl Fn(BTreeSet<Value>, &BTreeSet<Value>) -> BTreeSet<Value>,
) -> Outcome {
    let (element, sets) = sets(call)?;
    let Some(sets) = sets else {
        return Ok(Value::Unknown(Type::set(element)));
    };
    let mut sets = sets.into_iter();
    let first = sets.next().unwrap_or_default();
    let result = sets.fold(first, |so_far, next| combine(so_far, &next));
    Ok(Value::set(element, result.into_iter().collect()))
}

pub(super) fn setintersection(call: &Call<'_>) -> Outcome {
    combined(call, |a, b| &a & b)
}

pub(super) fn setunion(call: &Call<'_>) -> Outcome {
    combined(call, |a, b| &a | b)
}

pub(super) fn setsubtract(call: &Call<'_>) -> Outcome {
    combined(call, |a, b| &a - b)
}

pub(super) fn setproduct(call: &Call<'_>) -> Outcome {
    if call.arguments.len() < 2 {
        return failed("at least two lists or sets are required");
    }
    let mut marks = Marks::NONE;
    let mut unknown = false;
    let mut factors = Vec::new();
    for (i, argument) in call.arguments.iter().enumerate() {
        let (bare, own) = argument.unmark();
        marks = marks.union(own);
        match bare {
            Value::Unknown(Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_)) => {
                unknown = true;
            }
            Value::List(_, items) | Value::Set(_, items) => factors.push(items.to_vec()),
            Value::Tuple(_) => match convert(bare, &Type::list(Type::Any)) {
                Ok(list) => match list.elements() {
                    Some(items) => factors.push(items.to_vec()),
                    None => {
                        marks = marks.union(list.deep_marks());
                        unknown = true;
                    }
                },
                Err(e) => return bad(i, e.to_string()),
            },
            _ => return bad(i, "a list or set is required"),
        }
    }
    let ty = types::setproduct(call.arguments);
    if unknown {
        return Ok(Value::Unknown(ty).with_marks(marks));
    }
    let mut combinations = vec![Vec::new()];
    for factor in &factors {
        combinations = combinations
            .iter()
            .flat_map(|head| {
                factor.iter().map(move |item| {
                    let mut longer: Vec<Value> = head.clone();
                    longer.push(item.clone());
                    longer
                })
            })
            .collect();
    }
    let tuples: Vec<Value> = combinations.into_iter().map(Value::tuple).collect();
    let result = match ty {
        Type::Set(element) => Value::set((*element).clone(), tuples),
        Type::List(element) => Value::list((*element).clone(), tuples),
        _ => Value::tuple(tuples),
    };
    Ok(result.with_marks(marks))
}
