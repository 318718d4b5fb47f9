//! Handles on JSON that more than one cloud needs, and pages of its listings.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Text of a member, empty when it has none.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// JSON with the members of objects in order.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut names: Vec<_> = members.keys().collect();
            names.sort();
            let members: Vec<String> = names
                .into_iter()
                .map(|name| {
                    let key = Value::from(name.as_str());
                    format!("{key}:{}", canonical(&members[name]))
                })
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        value => value.to_string(),
    }
}

/// Takes nulls away, also in lists of objects.
pub(crate) fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Merges as JSON merge patch has it; members named among `whole` are replaced as they are.
pub(crate) fn merge(into: &mut Value, patch: &Value, whole: &[&str]) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    into.remove(key);
                } else if value.is_object() && !whole.contains(&key.as_str()) {
                    let place = into
                        .entry(key.clone())
                        .or_insert_with(|| Value::Object(Map::new()));
                    if !place.is_object() {
                        *place = Value::Object(Map::new());
                    }
                    merge(place, value, whole);
                } else {
                    into.insert(key.clone(), value.clone());
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

/// A page: at most `size` of the items after the token, and the token of the next one; none when the token is no such.
pub(crate) fn page<T>(
    items: Vec<T>,
    size: usize,
    token: Option<&str>,
) -> Option<(Vec<T>, Option<String>)> {
    let start = match token {
        None => 0,
        Some(token) => {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            text.strip_prefix("from:")?.parse().ok()?
        }
    };
    let total = items.len();
    let page: Vec<_> = items.into_iter().skip(start).take(size).collect();
    let end = start + page.len();
    let next = (end < total).then(|| URL_SAFE_NO_PAD.encode(format!("from:{end}")));
    Some((page, next))
}
