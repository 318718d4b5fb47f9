//! Small handles on JSON: reading by pointer, setting deep members, taking them away.

use serde_json::{Map, Value};

pub(super) use crate::json::{canonical, text, without_nulls};

/// The list at a pointer, empty when there is none.
pub(super) fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The members of the object at a pointer.
pub(super) fn members<'v>(
    value: &'v Value,
    pointer: &str,
) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value
        .pointer(pointer)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// The number at a pointer.
pub(super) fn number(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// The object at a member, made when there is none.
pub(super) fn object<'v>(value: &'v mut Value, name: &str) -> &'v mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let place = value
        .as_object_mut()
        .expect("made above")
        .entry(name.to_owned())
        .or_insert(Value::Null);
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    place.as_object_mut().expect("made above")
}

/// Sets a deep member, making the objects on the way; `path` is names between slashes, without the first slash.
pub(super) fn set(value: &mut Value, path: &str, new: impl Into<Value>) {
    let mut at = value;
    for name in path.split('/') {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = at
            .as_object_mut()
            .expect("made above")
            .entry(name.replace("~1", "/"))
            .or_insert(Value::Null);
    }
    *at = new.into();
}

/// Sets a deep member where there is none.
pub(super) fn default(value: &mut Value, path: &str, new: impl Into<Value>) {
    let pointer = format!("/{path}");
    if value.pointer(&pointer).is_none_or(Value::is_null) {
        set(value, path, new);
    }
}

/// Takes a deep member away.
pub(super) fn remove(value: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = match path.rsplit_once('/') {
        Some((parent, name)) => (value.pointer_mut(&format!("/{parent}"))?, name),
        None => (value, path),
    };
    parent
        .as_object_mut()?
        .shift_remove(&name.replace("~1", "/"))
}

/// Whether an object is being deleted.
pub(super) fn is_deleting(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// The status of a condition.
pub(super) fn condition<'v>(object: &'v Value, kind: &str) -> &'v str {
    list(object, "/status/conditions")
        .iter()
        .find(|condition| condition["type"] == kind)
        .map_or("", |condition| text(condition, "/status"))
}

/// Adds a finalizer, unless it is there.
pub(super) fn hold(object: &mut Value, finalizer: &str) {
    let mut all = list(object, "/metadata/finalizers").to_vec();
    if !all.iter().any(|one| one == finalizer) {
        all.push(finalizer.into());
        set(object, "metadata/finalizers", all);
    }
}

/// Whether two values are the same; integers by value, members in any order.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (a, b) => a == b,
    }
}
