//! Patches: JSON patch (RFC 6902), JSON merge patch (RFC 7386), and Kubernetes' strategic merge patch.

use serde_json::{Map, Value};

use super::error::{ApiError, ApiResult};
use super::schema::Schema;
use crate::json_patch::{self, PatchError};

/// Applies a list of operations.
pub(super) fn json_patch(value: &mut Value, patch: &Value) -> ApiResult<()> {
    json_patch::apply(value, patch).map_err(|error| match error {
        PatchError::Malformed(message) => ApiError::bad(message),
        PatchError::Inapplicable(message) => ApiError::new(
            422,
            "Invalid",
            format!("the server rejected our request due to an error in our request: {message}"),
        ),
    })
}

/// Merges: null takes away, lists are replaced.
pub(super) fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let members = value.as_object_mut().expect("made above");
    for (name, new) in patch {
        if new.is_null() {
            members.shift_remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), new);
        }
    }
}

const DIRECTIVES: [&str; 3] = ["$patch", "$setElementOrder/", "$deleteFromPrimitiveList/"];

fn is_directive(name: &str) -> bool {
    name == "$retainKeys"
        || DIRECTIVES
            .iter()
            .any(|directive| name == *directive || name.starts_with(directive))
}

/// Merges by the strategies of a built-in kind's schema.
pub(super) fn strategic(schema: &Schema, value: &mut Value, patch: &Value) -> ApiResult<()> {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return Ok(());
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let mut new = patch.clone();
            new.retain(|name, _| !is_directive(name));
            *value = Value::Object(new);
            return Ok(());
        }
        Some("delete") => {
            *value = Value::Object(Map::new());
            return Ok(());
        }
        _ => {}
    }
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let members = value.as_object_mut().expect("made above");
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        members.retain(|name, _| kept.iter().any(|kept| kept == name));
    }
    for (name, new) in patch {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(items), Some(gone)) = (
                members.get_mut(list).and_then(Value::as_array_mut),
                new.as_array(),
            ) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if is_directive(name) {
            continue;
        }
        if new.is_null() {
            members.shift_remove(name);
            continue;
        }
        let schema = schema.member_or_any(name);
        let merged = schema.patch_strategy.split(',').any(|word| word == "merge");
        match new {
            Value::Array(items) if merged => {
                let order = patch.get(&format!("$setElementOrder/{name}"));
                let place = members
                    .entry(name.clone())
                    .or_insert_with(|| Value::Array(Vec::new()));
                let mut old = place.as_array().cloned().unwrap_or_default();
                merge_list(schema, &mut old, items)?;
                if let Some(order) = order.and_then(Value::as_array) {
                    sort(schema, &mut old, order);
                }
                *place = Value::Array(old);
            }
            Value::Object(_) => {
                let place = members.entry(name.clone()).or_insert(Value::Null);
                strategic(schema, place, new)?;
            }
            new => {
                members.insert(name.clone(), new.clone());
            }
        }
    }
    // An order may come for a list that the patch does not change otherwise.
    for (name, order) in patch {
        if let Some(list) = name.strip_prefix("$setElementOrder/")
            && !patch.contains_key(list)
            && let (Some(items), Some(order), Some(schema)) = (
                members.get_mut(list).and_then(Value::as_array_mut),
                order.as_array(),
                schema.member(list),
            )
        {
            sort(schema, items, order);
        }
    }
    Ok(())
}

fn merge_list(schema: &Schema, old: &mut Vec<Value>, items: &[Value]) -> ApiResult<()> {
    let Some(key) = &schema.patch_key else {
        for item in items {
            if !old.contains(item) {
                old.push(item.clone());
            }
        }
        return Ok(());
    };
    if items.iter().any(|item| item["$patch"] == "replace") {
        *old = items
            .iter()
            .filter(|item| item["$patch"] != "replace")
            .cloned()
            .collect();
        return Ok(());
    }
    for item in items {
        let wanted = &item[key.as_str()];
        if wanted.is_null() {
            let message = format!("map: {item} does not contain declared merge key: {key}");
            return Err(ApiError::bad(message));
        }
        let at = old.iter().position(|other| other[key.as_str()] == *wanted);
        if item["$patch"] == "delete" {
            if let Some(at) = at {
                old.remove(at);
            }
            continue;
        }
        match at {
            Some(at) => strategic(schema.item(), &mut old[at], item)?,
            None => {
                let mut new = Value::Null;
                strategic(schema.item(), &mut new, item)?;
                old.push(new);
            }
        }
    }
    Ok(())
}

/// Puts items in the order that the patch says; others stay behind what they followed.
fn sort(schema: &Schema, items: &mut [Value], order: &[Value]) {
    let place = |item: &Value| {
        order.iter().position(|wanted| match &schema.patch_key {
            Some(key) => wanted[key.as_str()] == item[key.as_str()],
            None => wanted == item,
        })
    };
    items.sort_by_key(|item| place(item).unwrap_or(usize::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::kinds;
    use serde_json::json;

    #[test]
    fn json_patches_do_what_they_say() {
        let mut value = json!({"a": {"b": [1, 2]}, "c/d": 1});
        let patch = json!([
            {"op": "test", "path": "/a/b/0", "value": 1},
            {"op": "add", "path": "/a/b/1", "value": 9},
            {"op": "add", "path": "/a/b/-", "value": 3},
            {"op": "remove", "path": "/c~1d"},
            {"op": "copy", "from": "/a/b/0", "path": "/e"},
        ]);
        json_patch(&mut value, &patch).expect("applies");
        assert_eq!(value, json!({"a": {"b": [1, 9, 2, 3]}, "e": 1}));
        let gone = json!([{"op": "remove", "path": "/x"}]);
        assert_eq!(json_patch(&mut value, &gone).map_err(|e| e.code), Err(422));
    }

    #[test]
    fn containers_are_merged_by_name() {
        let deployment = kinds::known("apps", "deployments");
        let mut value = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "1", "ports": [{"containerPort": 80}]}, {"name": "b", "image": "1"},
        ]}}}});
        let patch = json!({"spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
            "containers": [{"name": "a", "image": "2"}, {"$patch": "delete", "name": "b"}, {"name": "c"}],
        }}}});
        strategic(deployment.schema(), &mut value, &patch).expect("applies");
        assert_eq!(
            value["spec"]["template"]["spec"]["containers"],
            json!([{"name": "c"}, {"name": "a", "image": "2", "ports": [{"containerPort": 80}]}])
        );
    }
}
