//! Tables, as `kubectl get` shows objects: the columns of built-in kinds and those that custom resource definitions
//! name.

use serde_json::{Value, json};

use super::columns;
use super::kinds::Resource;
use super::value::text;
use crate::clock::Millis;

/// An object's metadata alone.
pub(super) fn partial(value: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": value["metadata"],
    })
}

/// A table of rows.
pub(super) fn whole(resource: &Resource, rows: Vec<Value>, metadata: &Value) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions(resource),
        "rows": rows,
    })
}

fn definition(name: &str, kind: &str, format: &str, description: &str, priority: i64) -> Value {
    json!({ "name": name, "type": kind, "format": format, "description": description, "priority": priority })
}

fn definitions(resource: &Resource) -> Vec<Value> {
    let mut all = vec![definition(
        "Name",
        "string",
        "name",
        "Name must be unique within a namespace.",
        0,
    )];
    if resource.is_custom() {
        for column in &resource.columns {
            all.push(definition(
                &column.name,
                &column.kind,
                &column.format,
                &column.description,
                column.priority,
            ));
        }
        if !resource.columns.is_empty() {
            return all;
        }
    } else {
        for (name, priority) in columns::of(&resource.group, &resource.kind) {
            all.push(definition(name, "string", "", name, *priority));
        }
    }
    all.push(definition("Age", "string", "", "Time since creation.", 0));
    all
}

/// The row of an object.
pub(super) fn row(now: Millis, resource: &Resource, value: &Value, included: &str) -> Value {
    let mut cells = vec![value["metadata"]["name"].clone()];
    let age = age(now, text(value, "/metadata/creationTimestamp"));
    if resource.is_custom() {
        for column in &resource.columns {
            let found = json_path(value, &column.path);
            cells.push(match (column.kind.as_str(), found) {
                ("date", Some(Value::String(at))) => super::table::age(now, &at).into(),
                (_, found) => found.unwrap_or_default(),
            });
        }
        if resource.columns.is_empty() {
            cells.push(age.into());
        }
    } else {
        cells.extend(columns::cells(&resource.group, &resource.kind, value, now));
        cells.push(age.into());
    }
    let object = match included {
        "None" => Value::Null,
        "Object" => value.clone(),
        _ => partial(value),
    };
    json!({ "cells": cells, "object": object })
}

/// How long ago a time was: `3d4h`.
pub(super) fn age(now: Millis, at: &str) -> String {
    let Ok(at) = at.parse::<jiff::Timestamp>() else {
        return "<unknown>".to_owned();
    };
    duration((now - at.as_millisecond()).max(0) / 1000)
}

/// Seconds as Kubernetes shows durations.
pub(super) fn duration(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..120 => format!("{seconds}s"),
        ..600 => match seconds % 60 {
            0 => format!("{minutes}m"),
            rest => format!("{minutes}m{rest}s"),
        },
        ..10_800 => format!("{minutes}m"),
        ..28_800 => match minutes % 60 {
            0 => format!("{hours}h"),
            rest => format!("{hours}h{rest}m"),
        },
        ..172_800 => format!("{hours}h"),
        ..691_200 => match hours % 24 {
            0 => format!("{days}d"),
            rest => format!("{days}d{rest}h"),
        },
        ..63_072_000 => format!("{days}d"),
        _ => format!("{}y", days / 365),
    }
}

/// The value at a simple JSON path: members, indexes, and items of lists that have a member of some value.
fn json_path(value: &Value, path: &str) -> Option<Value> {
    let mut at = value;
    let mut rest = path.trim_start_matches('$');
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (inside, after) = after.split_once(']')?;
            rest = after;
            if let Some(filter) = inside.strip_prefix("?(@.") {
                let (name, wanted) = filter.trim_end_matches(')').split_once("==")?;
                let wanted = wanted.trim().trim_matches(['"', '\'']);
                at = at
                    .as_array()?
                    .iter()
                    .find(|item| item[name.trim()] == wanted)?;
            } else if inside == "*" {
                let items = at.as_array()?.iter();
                let items: Vec<String> = items
                    .filter_map(|item| json_path(item, rest))
                    .map(|item| match item {
                        Value::String(text) => text,
                        item => item.to_string(),
                    })
                    .collect();
                return Some(items.join(",").into());
            } else if let Ok(index) = inside.parse::<usize>() {
                at = at.get(index)?;
            } else {
                at = at.get(inside.trim_matches(['"', '\'']))?;
            }
            continue;
        }
        let after = rest.trim_start_matches('.');
        let mut end = 0;
        let bytes = after.as_bytes();
        // A dot after a backslash is part of the name.
        while end < bytes.len() {
            match bytes[end] {
                b'\\' => end += 2,
                b'.' | b'[' => break,
                _ => end += 1,
            }
        }
        let (name, after) = after.split_at(end.min(after.len()));
        if !name.is_empty() {
            at = at.get(name.replace("\\.", "."))?;
        }
        rest = after;
    }
    Some(at.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_their_paths() {
        let value = json!({
            "metadata": {"annotations": {"a.b/c": "x"}},
            "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}], "n": [1, 2]},
        });
        for (path, wanted) in [
            (
                ".status.conditions[?(@.type==\"Ready\")].status",
                json!("True"),
            ),
            (".metadata.annotations.a\\.b/c", json!("x")),
            (".status.n[1]", json!(2)),
            (".status.conditions[*].type", json!("Other,Ready")),
        ] {
            assert_eq!(json_path(&value, path), Some(wanted), "{path}");
        }
        assert_eq!(json_path(&value, ".status.none"), None);
    }

    #[test]
    fn durations_are_short() {
        let shown = [59, 119, 121, 3600, 12_000, 200_000, 900_000].map(duration);
        assert_eq!(
            shown,
            ["59s", "119s", "2m1s", "60m", "3h20m", "2d7h", "10d"]
        );
    }
}
