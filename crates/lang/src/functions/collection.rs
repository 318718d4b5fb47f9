//! Functions on lists, tuples, maps and objects.

use super::{Call, FunctionError, Outcome, bad, failed, types};
use crate::eval::operators::equal;
use infra_model::convert::{can_convert, convert, unify};
use infra_model::value::Marks;
use infra_model::{Number, Str, Type, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use unicode_segmentation::UnicodeSegmentation;

/// True or false as soon as one element decides, unknown while one might.
fn quantified(call: &Call<'_>, decisive: bool) -> Outcome {
    if call.bare(0).is_unknown() {
        return Ok(Value::Unknown(Type::Bool));
    }
    let mut unknown = false;
    for item in call.items(0) {
        match item {
            Value::Unknown(_) => unknown = true,
            // A null is not true.
            other if other.as_bool().unwrap_or(false) == decisive => {
                return Ok(Value::Bool(decisive));
            }
            _ => {}
        }
    }
    Ok(if unknown {
        Value::Unknown(Type::Bool)
    } else {
        Value::Bool(!decisive)
    })
}

pub(super) fn alltrue(call: &Call<'_>) -> Outcome {
    quantified(call, false)
}

pub(super) fn anytrue(call: &Call<'_>) -> Outcome {
    quantified(call, true)
}

pub(super) fn chunklist(call: &Call<'_>) -> Outcome {
    let (list, marks) = call.arguments[0].unmark();
    let marks = marks.union(call.arguments[1].marks());
    let size = call.size(1)?;
    let ty = types::chunklist(call.arguments);
    let Value::List(element, items) = list else {
        return Ok(Value::Unknown(ty).with_marks(marks));
    };
    // Size zero means one piece with everything.
    let size = if size == 0 { items.len().max(1) } else { size };
    let pieces = items
        .chunks(size)
        .map(|piece| Value::list(element.clone(), piece.to_vec()))
        .collect();
    Ok(Value::list(Type::list(element.clone()), pieces).with_marks(marks))
}

pub(super) fn coalesce(call: &Call<'_>) -> Outcome {
    if call.arguments.is_empty() {
        return failed("at least one argument is required");
    }
    let types: Vec<Type> = call.arguments.iter().map(Value::ty).collect();
    let Some(ty) = unify(&types) else {
        return failed("all arguments must be of one type");
    };
    for argument in call.arguments {
        match argument {
            Value::Unknown(_) => return Ok(Value::Unknown(types::coalesce(call.arguments))),
            Value::Null(_) => {}
            Value::String(s) if s.is_empty() => {}
            found => {
                return convert(found, &ty).or_else(|e| failed(e.to_string()));
            }
        }
    }
    failed("all arguments are null or empty strings")
}

pub(super) fn coalescelist(call: &Call<'_>) -> Outcome {
    for (i, argument) in call.arguments.iter().enumerate() {
        match argument {
            Value::Unknown(_) => return Ok(Value::Unknown(types::coalescelist(call.arguments))),
            Value::Null(_) => return bad(i, "must not be null"),
            Value::List(_, items) | Value::Tuple(items) => {
                if !items.is_empty() {
                    return Ok(argument.clone());
                }
            }
            _ => return bad(i, "a list is required"),
        }
    }
    failed("no argument is a list with elements")
}

pub(super) fn compact(call: &Call<'_>) -> Outcome {
    if !call.wholly_known() {
        return Ok(Value::Unknown(Type::list(Type::String)));
    }
    let kept = call
        .items(0)
        .iter()
        .filter(|item| item.as_str().is_some_and(|s| !s.is_empty()))
        .cloned()
        .collect();
    Ok(Value::list(Type::String, kept))
}

pub(super) fn concat(call: &Call<'_>) -> Outcome {
    if call.arguments.is_empty() {
        return failed("at least one list is required");
    }
    let mut marks = Marks::NONE;
    let mut items = Vec::new();
    let mut unknown = false;
    for (i, argument) in call.arguments.iter().enumerate() {
        let (bare, own) = argument.unmark();
        marks = marks.union(own);
        match bare {
            Value::List(_, list) | Value::Tuple(list) => items.extend(list.iter().cloned()),
            Value::Unknown(Type::Tuple(types)) => {
                items.extend(types.iter().map(|t| Value::Unknown(t.clone())));
            }
            Value::Unknown(Type::List(_) | Type::Any) => unknown = true,
            _ => return bad(i, "a list or tuple is required"),
        }
    }
    let ty = types::concat(call.arguments);
    let result = match ty {
        _ if unknown => Value::Unknown(ty),
        Type::List(element) => {
            let items: Result<Vec<_>, _> = items.iter().map(|v| convert(v, &element)).collect();
            match items {
                Ok(items) => Value::list((*element).clone(), items),
                Err(e) => return failed(e.to_string()),
            }
        }
        _ => Value::tuple(items),
    };
    Ok(result.with_marks(marks))
}

/// The elements of a list or tuple; sets too when they may be.
fn sequence<'a>(
    call: &'a Call<'_>,
    index: usize,
    sets: bool,
) -> Result<&'a [Value], FunctionError> {
    match call.bare(index) {
        Value::List(_, items) | Value::Tuple(items) => Ok(items),
        Value::Set(_, items) if sets => Ok(items),
        Value::Set(..) => bad(
            index,
            "the elements of a set have no order; convert it with `tolist()` first",
        ),
        _ if sets => bad(index, "a list, set or tuple is required"),
        _ => bad(index, "a list or tuple is required"),
    }
}

pub(super) fn contains(call: &Call<'_>) -> Outcome {
    let wanted = call.bare(1);
    if wanted.is_null() {
        return bad(1, "must not be null");
    }
    if call.bare(0).is_unknown() {
        return Ok(Value::Unknown(Type::Bool));
    }
    let mut unknown = false;
    for item in sequence(call, 0, true)? {
        match alike(item, wanted) {
            Some(true) => return Ok(Value::Bool(true)),
            Some(false) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown {
        Value::Unknown(Type::Bool)
    } else {
        Value::Bool(false)
    })
}

/// Equal, also when one is a list and the other the tuple of the same elements, and so on further in.
fn alike(item: &Value, wanted: &Value) -> Option<bool> {
    let ty = item.ty();
    if !ty.is_primitive() && !wanted.ty().is_primitive() && can_convert(&wanted.ty(), &ty) {
        return convert(wanted, &ty).map_or(Some(false), |wanted| equal(item, &wanted));
    }
    equal(item, wanted)
}

pub(super) fn distinct(call: &Call<'_>) -> Outcome {
    let Value::List(element, items) = call.bare(0) else {
        return Ok(Value::Unknown(types::distinct(call.arguments)));
    };
    if !call.wholly_known() {
        return Ok(Value::Unknown(Type::list(element.clone())));
    }
    let mut seen = std::collections::BTreeSet::new();
    let kept = items.iter().filter(|item| seen.insert(*item)).cloned();
    Ok(Value::list(element.clone(), kept.collect()))
}

pub(super) fn element(call: &Call<'_>) -> Outcome {
    let marks = call.arguments[0].marks();
    let items = sequence(call, 0, false)?;
    let index = call.size(1)?;
    if items.is_empty() {
        return bad(0, "an empty list has no elements");
    }
    Ok(items[index % items.len()].clone().with_marks(marks))
}

pub(super) fn flatten(call: &Call<'_>) -> Outcome {
    let mut flat = Flat::default();
    let (bare, marks) = call.arguments[0].unmark();
    flat.marks = marks;
    match bare {
        Value::Unknown(Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_)) => {
            flat.unknown = true;
        }
        _ => flat.add(sequence(call, 0, true)?),
    }
    let result = if flat.unknown {
        // How many elements there will be is not known.
        Value::UNKNOWN
    } else {
        Value::tuple(flat.items)
    };
    Ok(result.with_marks(flat.marks))
}

/// Nested lists on their way to one.
#[derive(Default)]
struct Flat {
    items: Vec<Value>,
    marks: Marks,
    unknown: bool,
}

impl Flat {
    fn add(&mut self, items: &[Value]) {
        for item in items {
            let (bare, marks) = item.unmark();
            match bare {
                Value::List(_, inner) | Value::Set(_, inner) | Value::Tuple(inner) => {
                    self.marks = self.marks.union(marks);
                    self.add(inner);
                }
                Value::Unknown(Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_)) => {
                    self.marks = self.marks.union(marks);
                    self.unknown = true;
                }
                _ => self.items.push(item.clone()),
            }
        }
    }
}

pub(super) fn index(call: &Call<'_>) -> Outcome {
    let wanted = call.bare(1);
    if wanted.is_null() {
        return bad(1, "must not be null");
    }
    if call.bare(0).is_unknown() {
        return Ok(Value::Unknown(Type::Number));
    }
    for (i, item) in sequence(call, 0, false)?.iter().enumerate() {
        match equal(item, wanted) {
            Some(true) => return Ok(Value::Number(Number::from_count(i))),
            Some(false) => {}
            None => return Ok(Value::Unknown(Type::Number)),
        }
    }
    bad(1, "the list has no such element")
}

pub(super) fn keys(call: &Call<'_>) -> Outcome {
    let (bare, marks) = call.arguments[0].unmark();
    let key = |k: &Str| Value::String(k.clone());
    let result = match bare {
        Value::Map(_, entries) => Value::list(Type::String, entries.keys().map(key).collect()),
        Value::Object(entries) => Value::tuple(entries.keys().map(key).collect()),
        Value::Unknown(Type::Object(object)) => {
            Value::tuple(object.attributes.keys().map(key).collect())
        }
        Value::Unknown(Type::Map(_) | Type::Any) => Value::Unknown(types::keys(call.arguments)),
        _ => return bad(0, "a map or an object is required"),
    };
    Ok(result.with_marks(marks))
}

pub(super) fn length(call: &Call<'_>) -> Outcome {
    let (bare, marks) = call.arguments[0].unmark();
    let count = match bare {
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => items.len(),
        Value::Map(_, entries) | Value::Object(entries) => entries.len(),
        Value::String(s) => s.graphemes(true).count(),
        Value::Unknown(Type::Tuple(types)) => types.len(),
        Value::Unknown(Type::Object(object)) => object.attributes.len(),
        Value::Unknown(ty) if !matches!(ty, Type::Bool | Type::Number) => {
            return Ok(Value::Unknown(Type::Number).with_marks(marks));
        }
        _ => return bad(0, "a list, set, tuple, map, object or string is required"),
    };
    Ok(Value::Number(Number::from_count(count)).with_marks(marks))
}

pub(super) fn lookup(call: &Call<'_>) -> Outcome {
    if call.arguments.len() > 3 {
        return failed("it takes a map, a key, and at most one default");
    }
    let (map, map_marks) = call.arguments[0].unmark();
    let marks = map_marks.union(call.arguments[1].marks());
    let key = call.bare(1);
    let default = call.arguments.get(2);
    let element = match map {
        Value::Map(t, _) => Some(t.clone()),
        Value::Unknown(Type::Map(t)) => Some((**t).clone()),
        Value::Object(_) | Value::Unknown(Type::Object(_) | Type::Any) => None,
        _ => return bad(0, "a map or an object is required"),
    };
    let default = match (default, &element) {
        (Some(default), Some(ty)) => match convert(default, ty) {
            Ok(default) => Some(default),
            Err(_) => {
                return bad(
                    2,
                    format!("the default must be a {} like the elements", ty.friendly()),
                );
            }
        },
        (default, _) => default.cloned(),
    };
    let (Some(entries), Value::String(name)) = (map.entries(), key) else {
        return Ok(Value::Unknown(types::lookup(call.arguments)).with_marks(marks));
    };
    match (entries.get(name), default) {
        (Some(found), _) => Ok(found.clone().with_marks(marks)),
        (None, Some(default)) => Ok(default.with_marks(marks)),
        (None, None) => bad(
            1,
            format!("there is no element with the key {name:?}, and no default"),
        ),
    }
}

pub(super) fn matchkeys(call: &Call<'_>) -> Outcome {
    let ty = types::matchkeys(call.arguments);
    if call.arguments.iter().any(Value::is_unknown) {
        return Ok(Value::Unknown(ty));
    }
    let Some(common) = unify(&[call.bare(1).ty(), call.bare(2).ty()]) else {
        return failed("the keys and the search set must be of one type");
    };
    let (values, keys) = (call.items(0), call.items(1));
    if values.len() != keys.len() {
        return bad(1, "there must be as many keys as values");
    }
    if !call.wholly_known() {
        return Ok(Value::Unknown(ty));
    }
    let converted = |i| convert(call.bare(i), &common).or_else(|e| bad(i, e.to_string()));
    let (keys, wanted) = (converted(1)?, converted(2)?);
    let wanted = wanted.elements().unwrap_or_default();
    let found = values
        .iter()
        .zip(keys.elements().unwrap_or_default())
        .filter(|(_, key)| wanted.iter().any(|w| equal(w, key) == Some(true)))
        .map(|(value, _)| value.clone());
    match ty {
        Type::List(element) => Ok(Value::list((*element).clone(), found.collect())),
        _ => Ok(Value::tuple(found.collect())),
    }
}

pub(super) fn merge(call: &Call<'_>) -> Outcome {
    let mut marks = Marks::NONE;
    let mut merged: BTreeMap<Str, Value> = BTreeMap::new();
    let mut unknown = false;
    for (i, argument) in call.arguments.iter().enumerate() {
        let (bare, own) = argument.unmark();
        marks = marks.union(own);
        match bare {
            Value::Null(Type::Any | Type::Map(_) | Type::Object(_)) => {}
            Value::Map(_, entries) | Value::Object(entries) => {
                merged.extend(entries.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
            Value::Unknown(Type::Object(object)) => merged.extend(
                object
                    .attributes
                    .iter()
                    .map(|(k, a)| (k.clone(), Value::Unknown(a.ty.clone()))),
            ),
            Value::Unknown(Type::Map(_) | Type::Any) => unknown = true,
            _ => return bad(i, "a map or an object is required"),
        }
    }
    let result = match types::merge(call.arguments) {
        ty if unknown => Value::Unknown(ty),
        Type::Map(element) => Value::Map((*element).clone(), Arc::new(merged)),
        _ => Value::Object(Arc::new(merged)),
    };
    Ok(result.with_marks(marks))
}

pub(super) fn one(call: &Call<'_>) -> Outcome {
    let ty = types::one(call.arguments);
    let items = match call.bare(0) {
        Value::Unknown(Type::Tuple(types)) => match &**types {
            [] => return Ok(Value::Null(Type::Any)),
            [only] => return Ok(Value::Unknown(only.clone())),
            _ => return bad(0, "a list with at most one element is required"),
        },
        Value::Unknown(_) => return Ok(Value::Unknown(ty)),
        _ => sequence(call, 0, true)?,
    };
    match items {
        [] => Ok(Value::Null(ty)),
        [only] => Ok(only.clone()),
        _ => bad(0, "a list with at most one element is required"),
    }
}

pub(super) fn reverse(call: &Call<'_>) -> Outcome {
    let (bare, marks) = call.arguments[0].unmark();
    let turned = |items: &[Value]| items.iter().rev().cloned().collect();
    let result = match bare {
        Value::List(t, items) | Value::Set(t, items) => Value::list(t.clone(), turned(items)),
        Value::Tuple(items) => Value::tuple(turned(items)),
        Value::Unknown(Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_)) => {
            Value::Unknown(types::reverse(call.arguments))
        }
        _ => return bad(0, "a list, set or tuple is required"),
    };
    Ok(result.with_marks(marks))
}

pub(super) fn slice(call: &Call<'_>) -> Outcome {
    let (bare, marks) = call.arguments[0].unmark();
    let items = sequence(call, 0, false)?;
    let (start, end) = (call.size(1)?, call.size(2)?);
    if end > items.len() {
        return bad(2, format!("the list has only {} elements", items.len()));
    }
    if start > end {
        return bad(1, "the start must not be greater than the end");
    }
    let part = items[start..end].to_vec();
    let result = match bare {
        Value::List(t, _) => Value::list(t.clone(), part),
        _ => Value::tuple(part),
    };
    Ok(result.with_marks(marks))
}

pub(super) fn sort(call: &Call<'_>) -> Outcome {
    if !call.wholly_known() {
        return Ok(Value::Unknown(Type::list(Type::String)));
    }
    let mut items = call.items(0).to_vec();
    if items.iter().any(Value::is_null) {
        return bad(0, "null cannot be sorted");
    }
    items.sort();
    Ok(Value::list(Type::String, items))
}

pub(super) fn transpose(call: &Call<'_>) -> Outcome {
    let marks = call.arguments[0].deep_marks();
    let ty = Type::map(Type::list(Type::String));
    if !call.wholly_known() {
        return Ok(Value::Unknown(ty).with_marks(marks));
    }
    let value = call.arguments[0].unmark_deep();
    let mut turned: BTreeMap<Str, Vec<Value>> = BTreeMap::new();
    for (key, list) in value.entries().into_iter().flatten() {
        let Some(items) = list.elements() else {
            return bad(0, "the lists must not be null");
        };
        for item in items {
            match item {
                Value::String(s) => turned
                    .entry(s.clone())
                    .or_default()
                    .push(Value::String(key.clone())),
                _ => return bad(0, "the elements must not be null"),
            }
        }
    }
    let entries = turned
        .into_iter()
        .map(|(k, v)| (k, Value::list(Type::String, v)));
    Ok(Value::map(Type::list(Type::String), entries).with_marks(marks))
}

pub(super) fn values(call: &Call<'_>) -> Outcome {
    let (bare, marks) = call.arguments[0].unmark();
    let result = match bare {
        Value::Map(t, entries) => Value::list(t.clone(), entries.values().cloned().collect()),
        Value::Object(entries) => Value::tuple(entries.values().cloned().collect()),
        Value::Unknown(Type::Any | Type::Map(_) | Type::Object(_)) => {
            Value::Unknown(types::values(call.arguments))
        }
        _ => return bad(0, "a map or an object is required"),
    };
    Ok(result.with_marks(marks))
}

pub(super) fn zipmap(call: &Call<'_>) -> Outcome {
    let (keys, key_marks) = call.arguments[0].unmark();
    let (values, value_marks) = call.arguments[1].unmark();
    // Marked keys mark the whole; marked values are marked where they stand.
    let marks = key_marks.union(value_marks).union(keys.deep_marks());
    let known = match values {
        Value::List(_, items) | Value::Tuple(items) => Some(items),
        Value::Unknown(Type::Any | Type::List(_) | Type::Tuple(_)) => None,
        _ => return bad(1, "a list or tuple is required"),
    };
    let keys = keys.unmark_deep();
    let (Some(items), true) = (known, keys.is_wholly_known()) else {
        return Ok(Value::Unknown(types::zipmap(call.arguments)).with_marks(marks));
    };
    let keys = keys.elements().unwrap_or_default();
    if keys.len() != items.len() {
        return failed(format!(
            "there are {} keys but {} values",
            keys.len(),
            items.len()
        ));
    }
    let mut entries = BTreeMap::new();
    for (key, item) in keys.iter().zip(items.iter()) {
        match key {
            Value::String(key) => entries.insert(key.clone(), item.clone()),
            _ => return bad(0, "a key must not be null"),
        };
    }
    let entries = Arc::new(entries);
    Ok(match values {
        Value::List(t, _) => Value::Map(t.clone(), entries),
        _ => Value::Object(entries),
    }
    .with_marks(marks))
}
