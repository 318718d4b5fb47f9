//! Values as Terraform's JSON formats have them, in three parallel shapes: the value, what of it is unknown, what is
//! sensitive. Sensitive values themselves are null: these documents are read by other programs and end in logs.

use infra_model::json::to_json;
use infra_model::types::Type;
use infra_model::value::Value;
use serde_json::{Map, Value as Json};

/// The value without what is sensitive (null) and what is unknown (left out of objects, null in lists).
pub(crate) fn plain(value: &Value) -> Json {
    match value {
        Value::Marked(marks, _) if marks.sensitive => Json::Null,
        Value::Marked(_, inner) => plain(inner),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            Json::Array(items.iter().map(plain).collect())
        }
        Value::Map(_, items) | Value::Object(items) => Json::Object(
            items
                .iter()
                .filter(|(_, v)| !v.is_unknown())
                .map(|(k, v)| (k.to_string(), plain(v)))
                .collect(),
        ),
        plain => to_json(plain),
    }
}

/// `true` where the value is unknown; what is wholly known is left out of objects.
pub(crate) fn unknown(value: &Value) -> Json {
    parallel(value, &|v| v.is_unknown())
}

/// `true` where the value is sensitive; the rest is left out of objects.
pub(crate) fn sensitive(value: &Value) -> Json {
    parallel(value, &|v| v.marks().sensitive)
}

fn parallel(value: &Value, holds: &dyn Fn(&Value) -> bool) -> Json {
    if holds(value) {
        return Json::Bool(true);
    }
    match value.bare() {
        // A table or list of which nothing is known yet has at least its shape.
        Value::Unknown(Type::Map(_) | Type::Object(_)) => Json::Object(Map::new()),
        Value::Unknown(Type::List(_) | Type::Set(_) | Type::Tuple(_)) => Json::Array(Vec::new()),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            Json::Array(items.iter().map(|v| parallel(v, holds)).collect())
        }
        Value::Map(_, items) | Value::Object(items) => Json::Object(
            items
                .iter()
                .map(|(k, v)| (k.to_string(), parallel(v, holds)))
                .filter(|(_, v)| *v != Json::Bool(false))
                .collect::<Map<_, _>>(),
        ),
        _ => Json::Bool(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_three_shapes_agree() {
        let value = Value::object([
            ("id", Value::Unknown(Type::String)),
            ("password", Value::from("secret").sensitive()),
            ("zones", Value::strings(["a", "b"])),
            (
                "tags",
                Value::map(Type::String, [("k", Value::Unknown(Type::String))]),
            ),
            ("none", Value::Null(Type::Bool)),
        ]);
        assert_eq!(
            plain(&value),
            json!({ "none": null, "password": null, "tags": {}, "zones": ["a", "b"] })
        );
        assert_eq!(
            unknown(&value),
            json!({ "id": true, "tags": { "k": true }, "zones": [false, false] })
        );
        assert_eq!(
            sensitive(&value),
            json!({ "password": true, "tags": {}, "zones": [false, false] })
        );
    }
}
