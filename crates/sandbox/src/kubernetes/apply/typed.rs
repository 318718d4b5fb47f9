//! Objects by their schemas: which fields one has, what is otherwise in another, one merged into another, fields
//! taken away. How lists are told apart is the schema's word.

use serde_json::{Map, Value};

use super::super::schema::{List, Schema, Type};
use super::super::value::{canonical, same};
use super::fields::FieldSet;

/// The path element of a list's item, if the list is one whose items are told apart.
pub(super) fn element(schema: &Schema, item: &Value) -> Option<String> {
    let mark = match &schema.list {
        List::Set => 'v',
        _ => 'k',
    };
    let key = schema.key_of(item)?;
    Some(format!("{mark}:{}", canonical(&key)))
}

/// Whether a value is one field as a whole.
fn is_leaf(schema: &Schema, value: &Value) -> bool {
    match value {
        Value::Object(_) => schema.atomic,
        Value::Array(_) => schema.list == List::Atomic,
        _ => true,
    }
}

/// The fields that a value has.
pub(super) fn fields(schema: &Schema, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(schema, value, &mut set);
    set
}

fn collect(schema: &Schema, value: &Value, set: &mut FieldSet) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let element = format!("f:{name}");
                let schema_of = schema.member_or_any(name);
                let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                if is_leaf(schema_of, value) {
                    set.members.insert(element);
                    continue;
                }
                // Keys of maps are fields themselves, those of structs only through what is in them.
                if empty || !schema.is_field(name) {
                    set.members.insert(element.clone());
                }
                descend(schema_of, value, element, set);
            }
        }
        Value::Array(items) => {
            for item in items {
                if let Some(element) = element(schema, item) {
                    set.members.insert(element.clone());
                    if item.is_object() && !schema.item().atomic {
                        descend(schema.item(), item, element, set);
                    }
                }
            }
        }
        _ => {}
    }
}

fn descend(schema: &Schema, value: &Value, element: String, set: &mut FieldSet) {
    let mut child = FieldSet::default();
    collect(schema, value, &mut child);
    if !child.is_empty() {
        set.children.insert(element, child);
    }
}

/// What is otherwise in another value.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Added or changed.
    pub(super) changed: FieldSet,
    pub(super) removed: FieldSet,
}

/// Compares two values.
pub(super) fn compare(schema: &Schema, old: &Value, new: &Value) -> Comparison {
    let mut found = Comparison::default();
    walk(schema, Some(old), Some(new), &mut Vec::new(), &mut found);
    found
}

fn walk(
    schema: &Schema,
    old: Option<&Value>,
    new: Option<&Value>,
    path: &mut Vec<String>,
    found: &mut Comparison,
) {
    let shape = new.or(old).unwrap_or(&Value::Null);
    let differs = match (old, new) {
        (Some(old), Some(new)) => !same(old, new),
        _ => true,
    };
    if !differs {
        return;
    }
    let mixed = matches!((old, new), (Some(old), Some(new)) if old.is_object() != new.is_object()
        || old.is_array() != new.is_array());
    if path.is_empty() || !mixed && !is_leaf(schema, shape) {
        let empty = |value: Option<&Value>| match value {
            Some(Value::Object(members)) => members.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            _ => false,
        };
        if !path.is_empty() && old.is_none() && (empty(new) || is_map(schema) || is_item(path)) {
            found.changed.insert(path);
        }
        if !path.is_empty() && new.is_none() {
            found.removed.insert(path);
        }
        for (element, schema, old, new) in children(schema, old, new) {
            path.push(element);
            walk(schema, old, new, path, found);
            path.pop();
        }
        return;
    }
    match new {
        Some(_) => found.changed.insert(path),
        None => found.removed.insert(path),
    }
}

/// Whether its members are keys and not fields.
fn is_map(schema: &Schema) -> bool {
    schema.additional.is_some() || schema.kind == Type::Array
}

fn is_item(path: &[String]) -> bool {
    path.last()
        .is_some_and(|element| !element.starts_with("f:"))
}

type Pair<'v> = (String, &'v Schema, Option<&'v Value>, Option<&'v Value>);

/// The members or items of two values side by side.
fn children<'v>(
    schema: &'v Schema,
    old: Option<&'v Value>,
    new: Option<&'v Value>,
) -> Vec<Pair<'v>> {
    let mut pairs: Vec<Pair<'v>> = Vec::new();
    if let Some(Value::Object(members)) = new {
        for (name, value) in members {
            let before = old.and_then(|old| old.get(name));
            pairs.push((
                format!("f:{name}"),
                schema.member_or_any(name),
                before,
                Some(value),
            ));
        }
    }
    if let Some(Value::Object(members)) = old {
        for (name, value) in members {
            if new.and_then(|new| new.get(name)).is_none() {
                pairs.push((
                    format!("f:{name}"),
                    schema.member_or_any(name),
                    Some(value),
                    None,
                ));
            }
        }
    }
    let items = |value: Option<&'v Value>| -> Vec<(String, &'v Value)> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items
            .filter_map(|item| Some((element(schema, item)?, item)))
            .collect()
    };
    let (before, after) = (items(old), items(new));
    for (name, item) in &after {
        let was = before.iter().find(|(other, _)| other == name);
        pairs.push((
            name.clone(),
            schema.item(),
            was.map(|(_, item)| *item),
            Some(item),
        ));
    }
    for (name, item) in before {
        if !after.iter().any(|(other, _)| *other == name) {
            pairs.push((name, schema.item(), Some(item), None));
        }
    }
    pairs
}

/// Merges a configuration into a live value.
pub(super) fn merge(schema: &Schema, live: &mut Value, config: &Value) {
    match (&mut *live, config) {
        (Value::Object(into), Value::Object(members)) if !schema.atomic => {
            for (name, value) in members {
                match into.get_mut(name) {
                    Some(old) => merge(schema.member_or_any(name), old, value),
                    None => {
                        into.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(into), Value::Array(items)) if schema.list != List::Atomic => {
            let old = std::mem::take(into);
            *into = merge_items(schema, old, items);
        }
        (live, config) => *live = config.clone(),
    }
}

/// Items in the order of the configuration; what only the live list has stays after what it followed.
fn merge_items(schema: &Schema, old: Vec<Value>, items: &[Value]) -> Vec<Value> {
    let name = |item: &Value| element(schema, item).unwrap_or_default();
    let mut merged: Vec<Value> = Vec::new();
    let wanted: Vec<String> = items.iter().map(name).collect();
    let mut kept: Vec<Value> = Vec::new();
    // Those of both, taken out in the order of the live list.
    let mut both: Vec<(String, Value)> = Vec::new();
    for item in old {
        let key = name(&item);
        if wanted.contains(&key) {
            both.push((key, item));
        } else if both.is_empty() {
            merged.push(item);
        } else {
            kept.push(item);
        }
    }
    for (key, item) in wanted.iter().zip(items) {
        let before = both.iter().position(|(other, _)| other == key);
        let mut value = match before {
            Some(at) => both.remove(at).1,
            None => {
                merged.push(item.clone());
                continue;
            }
        };
        merge(schema.item(), &mut value, item);
        merged.push(value);
    }
    merged.extend(kept);
    merged
}

/// Takes fields away that are in `old` and that nobody has any more.
pub(super) fn prune(schema: &Schema, value: &mut Value, old: &FieldSet, kept: &FieldSet) {
    let empty = FieldSet::default();
    match value {
        Value::Object(members) => {
            members.retain(|name, value| {
                let element = format!("f:{name}");
                if !old.touches(&element) {
                    return true;
                }
                if !kept.touches(&element) {
                    return false;
                }
                let schema = schema.member_or_any(name);
                if !is_leaf(schema, value) {
                    let old = old.child(&element).unwrap_or(&empty);
                    let kept = kept.child(&element).unwrap_or(&empty);
                    prune(schema, value, old, kept);
                }
                true
            });
        }
        Value::Array(items) => {
            items.retain_mut(|item| {
                let Some(element) = element(schema, item) else {
                    return true;
                };
                if !old.touches(&element) {
                    return true;
                }
                if !kept.touches(&element) {
                    return false;
                }
                if item.is_object() {
                    let old = old.child(&element).unwrap_or(&empty);
                    let kept = kept.child(&element).unwrap_or(&empty);
                    prune(schema.item(), item, old, kept);
                }
                true
            });
        }
        _ => {}
    }
}

/// A list whose items must differ and do not: the path and the element.
pub(super) fn duplicate(schema: &Schema, value: &Value, path: &str) -> Option<(String, String)> {
    match value {
        Value::Object(members) if !schema.atomic => members.iter().find_map(|(name, value)| {
            duplicate(schema.member_or_any(name), value, &format!("{path}.{name}"))
        }),
        Value::Array(items) if schema.list != List::Atomic => {
            let mut seen = std::collections::BTreeSet::new();
            for item in items {
                let key = element(schema, item)?;
                if !seen.insert(key.clone()) {
                    return Some((path.to_owned(), key));
                }
                if let Some(found) = duplicate(schema.item(), item, path) {
                    return Some(found);
                }
            }
            None
        }
        _ => None,
    }
}
