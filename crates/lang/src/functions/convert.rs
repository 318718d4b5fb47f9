//! Conversions between types, and functions on the marks of values.

use super::{Call, Outcome, bad};
use infra_model::convert::convert;
use infra_model::value::Marks;
use infra_model::{Type, Value};

fn to(call: &Call<'_>, ty: &Type) -> Outcome {
    convert(&call.arguments[0], ty).or_else(|e| bad(0, e.to_string()))
}

pub(super) fn tobool(call: &Call<'_>) -> Outcome {
    to(call, &Type::Bool)
}

pub(super) fn tonumber(call: &Call<'_>) -> Outcome {
    to(call, &Type::Number)
}

pub(super) fn tostring(call: &Call<'_>) -> Outcome {
    to(call, &Type::String)
}

pub(super) fn tolist(call: &Call<'_>) -> Outcome {
    to(call, &Type::list(Type::Any))
}

pub(super) fn toset(call: &Call<'_>) -> Outcome {
    to(call, &Type::set(Type::Any))
}

pub(super) fn tomap(call: &Call<'_>) -> Outcome {
    to(call, &Type::map(Type::Any))
}

pub(super) fn sensitive(call: &Call<'_>) -> Outcome {
    Ok(call.arguments[0].clone().sensitive())
}

pub(super) fn nonsensitive(call: &Call<'_>) -> Outcome {
    let (bare, marks) = call.arguments[0].unmark();
    Ok(bare.clone().with_marks(Marks {
        sensitive: false,
        ..marks
    }))
}

pub(super) fn issensitive(call: &Call<'_>) -> Outcome {
    let (bare, marks) = call.arguments[0].unmark();
    Ok(match bare {
        _ if marks.sensitive => Value::Bool(true),
        // It may yet turn out to be sensitive.
        Value::Unknown(_) => Value::Unknown(Type::Bool),
        _ => Value::Bool(false),
    })
}

pub(super) fn ephemeralasnull(call: &Call<'_>) -> Outcome {
    Ok(without_ephemeral(&call.arguments[0]))
}

fn without_ephemeral(value: &Value) -> Value {
    if !value.deep_marks().ephemeral {
        return value.clone();
    }
    let items = |items: &[Value]| items.iter().map(without_ephemeral).collect::<Vec<_>>();
    match value {
        Value::Marked(marks, inner) if marks.ephemeral => {
            Value::Null(inner.ty()).with_marks(Marks {
                ephemeral: false,
                ..*marks
            })
        }
        Value::Marked(marks, inner) => without_ephemeral(inner).with_marks(*marks),
        Value::List(t, list) => Value::list(t.clone(), items(list)),
        Value::Set(t, set) => Value::set(t.clone(), items(set)),
        Value::Tuple(tuple) => Value::tuple(items(tuple)),
        Value::Map(t, map) => Value::map(
            t.clone(),
            map.iter().map(|(k, v)| (k.clone(), without_ephemeral(v))),
        ),
        Value::Object(object) => Value::object(
            object
                .iter()
                .map(|(k, v)| (k.clone(), without_ephemeral(v))),
        ),
        plain => plain.clone(),
    }
}
