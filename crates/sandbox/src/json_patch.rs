//! JSON patches (RFC 6902).

use serde_json::Value;

use crate::json::text;

/// Why a patch does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PatchError {
    /// It is none.
    Malformed(String),
    /// The document is not as it supposes.
    Inapplicable(String),
}

fn inapplicable(message: impl Into<String>) -> PatchError {
    PatchError::Inapplicable(message.into())
}

/// Numbers are equal however they are written.
fn equal(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b)
}

/// Applies a list of operations.
pub(crate) fn apply(value: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let operations = patch
        .as_array()
        .ok_or_else(|| PatchError::Malformed("a JSON patch is a list of operations".to_owned()))?;
    for operation in operations {
        one(value, operation)?;
    }
    Ok(())
}

fn one(value: &mut Value, operation: &Value) -> Result<(), PatchError> {
    let path = text(operation, "/path");
    let wanted = || {
        operation
            .get("value")
            .cloned()
            .ok_or_else(|| inapplicable(format!("operation at {path:?} has no value")))
    };
    let from = text(operation, "/from");
    let source = |value: &Value| {
        value
            .pointer(from)
            .cloned()
            .ok_or_else(|| inapplicable(format!("from: unable to find {from:?}")))
    };
    match text(operation, "/op") {
        "add" => add(value, path, wanted()?),
        "remove" => remove(value, path).map(drop),
        "replace" => {
            let place = value.pointer_mut(path).ok_or_else(|| {
                inapplicable(format!(
                    "replace operation does not apply: doc is missing path: {path}"
                ))
            })?;
            *place = wanted()?;
            Ok(())
        }
        "move" => {
            let moved = source(value)?;
            remove(value, from)?;
            add(value, path, moved)
        }
        "copy" => {
            let copied = source(value)?;
            add(value, path, copied)
        }
        "test" => {
            let found = value.pointer(path).unwrap_or(&Value::Null);
            if equal(found, operation.get("value").unwrap_or(&Value::Null)) {
                Ok(())
            } else {
                Err(inapplicable(format!(
                    "testing value {path} failed: test failed"
                )))
            }
        }
        other => Err(PatchError::Malformed(format!(
            "unknown operation {other:?}"
        ))),
    }
}

fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn parent<'v>(value: &'v mut Value, path: &str) -> Result<(&'v mut Value, String), PatchError> {
    let (parent, last) = path
        .rsplit_once('/')
        .ok_or_else(|| inapplicable(format!("{path:?} is no path in the document")))?;
    let found = value
        .pointer_mut(parent)
        .ok_or_else(|| inapplicable(format!("doc is missing path: {path}: missing value")))?;
    Ok((found, unescaped(last)))
}

fn add(value: &mut Value, path: &str, new: Value) -> Result<(), PatchError> {
    if path.is_empty() {
        *value = new;
        return Ok(());
    }
    let (parent, last) = parent(value, path)?;
    match parent {
        Value::Object(members) => {
            members.insert(last, new);
            Ok(())
        }
        Value::Array(items) if last == "-" => {
            items.push(new);
            Ok(())
        }
        Value::Array(items) => {
            let index: usize = last
                .parse()
                .map_err(|_| inapplicable(format!("{last:?} is no index")))?;
            if index > items.len() {
                return Err(inapplicable(format!("index {index} is out of bounds")));
            }
            items.insert(index, new);
            Ok(())
        }
        _ => Err(inapplicable(format!("{path:?} is in no object or list"))),
    }
}

fn remove(value: &mut Value, path: &str) -> Result<Value, PatchError> {
    let (parent, last) = parent(value, path)?;
    let found = match parent {
        Value::Object(members) => members.shift_remove(&last),
        Value::Array(items) => last
            .parse::<usize>()
            .ok()
            .filter(|index| *index < items.len())
            .map(|index| items.remove(index)),
        _ => None,
    };
    found.ok_or_else(|| {
        inapplicable(format!(
            "remove operation does not apply: doc is missing path: {path}: missing value"
        ))
    })
}
