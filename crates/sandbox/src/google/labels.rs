//! Labels: the limits that all services put on keys and values.

use serde_json::Value;

use super::error::{GoogleError, GoogleResult};

/// Checks labels; there may be none.
pub(crate) fn check(labels: Option<&Value>) -> GoogleResult<()> {
    let Some(labels) = labels.and_then(Value::as_object) else {
        return Ok(());
    };
    let good = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || c == '_' || c == '-';
    for (key, value) in labels {
        let value = value.as_str().unwrap_or_default();
        let starts = key.chars().next().is_some_and(char::is_alphabetic);
        if !starts || key.chars().count() > 63 || !key.chars().all(good) {
            let why = format!(
                "Label key '{key}' violates format constraints. The key must start with a lowercase character, can only contain lowercase letters, numeric characters, underscores and dashes. The key can be at most 63 characters long. International characters are allowed."
            );
            return Err(GoogleError::invalid(why));
        }
        if value.chars().count() > 63 || !value.chars().all(good) {
            let why = format!(
                "Label value '{value}' violates format constraints. The value can only contain lowercase letters, numeric characters, underscores and dashes. The value can be at most 63 characters long. International characters are allowed."
            );
            return Err(GoogleError::invalid(why));
        }
    }
    if labels.len() > 64 {
        return Err(GoogleError::invalid(
            "Number of labels exceeds limit of 64.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits() {
        let long = "x".repeat(64);
        for (labels, ok) in [
            (json!({ "infra-operation": "a_1" }), true),
            (json!({ "Key": "a" }), false),
            (json!({ "1key": "a" }), false),
            (json!({ "key": "A" }), false),
            (json!({ "key": long }), false),
            (json!({ "key": "a.b" }), false),
            (json!({ "schlüssel": "wert" }), true),
        ] {
            assert_eq!(check(Some(&labels)).is_ok(), ok, "{labels}");
        }
    }
}
