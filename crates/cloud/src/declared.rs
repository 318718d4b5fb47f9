//! Of an object that an API describes, what a stack file declares: types without a schema look at that alone, so that what a
//! service adds or decides itself is no drift.

use infra_model::Value;
use infra_model::json::{implied, to_json};
use serde_json::{Map, Value as Json};

/// What a stack file declares, by name; nothing where it declares no table.
#[must_use]
pub fn fields(said: &Value) -> Map<String, Json> {
    match to_json(said) {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// What was declared as it is now: `look` finds in what is there the part that is declared. It stays as it was said where that
/// is the same, or where nothing was declared.
#[must_use]
pub fn seen(said: &Value, look: impl FnOnce(&Json) -> Json) -> Value {
    let json = to_json(said);
    let there = look(&json);
    if json.is_null() || there == json {
        said.clone()
    } else {
        implied(&there)
    }
}

/// The fields of an answer that are shown, null where it has none.
#[must_use]
pub fn exported<'n>(found: &Json, names: impl IntoIterator<Item = &'n String>) -> Value {
    let shown = names.into_iter();
    Value::object(shown.map(|name| (&**name, found.get(name).map_or(Value::NULL, implied))))
}

/// What is there of the fields that `said` declares. What means the same is as it was said.
#[must_use]
pub fn declared(found: &Json, said: &Json) -> Json {
    match (found, said) {
        (Json::Object(found), Json::Object(said)) => {
            let there = said
                .iter()
                .filter_map(|(name, said)| match found.get(name) {
                    Some(found) => Some((name.clone(), declared(found, said))),
                    // What is empty is often left out of an answer.
                    None => is_empty(said).then(|| (name.clone(), said.clone())),
                });
            Json::Object(there.collect::<Map<_, _>>())
        }
        (Json::Array(found), Json::Array(said)) if found.len() == said.len() => {
            let pairs = found.iter().zip(said);
            Json::Array(pairs.map(|(found, said)| declared(found, said)).collect())
        }
        _ if same(found, said) => said.clone(),
        _ => found.clone(),
    }
}

/// Whether a value says nothing: a service that is told it and one that is not give the same answer.
fn is_empty(said: &Json) -> bool {
    match said {
        Json::Null | Json::Bool(false) => true,
        Json::Bool(true) => false,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.values().all(is_empty),
    }
}

/// Whether two scalars mean the same: 64-bit numbers are answered as text, references as whole URLs.
fn same(found: &Json, said: &Json) -> bool {
    match (found, said) {
        (Json::String(found), Json::String(said)) => {
            found == said
                || !said.is_empty() && found.starts_with("https://") && ends_in(found, said)
        }
        (Json::String(text), Json::Number(number)) | (Json::Number(number), Json::String(text)) => {
            *text == number.to_string()
        }
        (Json::String(text), Json::Bool(flag)) | (Json::Bool(flag), Json::String(text)) => {
            *text == flag.to_string()
        }
        (Json::Number(found), Json::Number(said)) => found.as_f64() == said.as_f64(),
        (found, said) => found == said,
    }
}

/// Whether a URL ends in a path, at a `/`.
fn ends_in(url: &str, path: &str) -> bool {
    // Of a URL itself, host and version may differ: `www.googleapis.com/compute/v1` and `compute.googleapis.com/compute/v1`.
    let path = path
        .strip_prefix("https://")
        .and_then(|url| Some(url.split_once('/')?.1))
        .unwrap_or(path)
        .trim_start_matches('/');
    let before = url.strip_suffix(path);
    path.contains('/') && before.is_some_and(|before| before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::declared;
    use serde_json::json;

    #[test]
    fn only_what_is_declared_counts() {
        let said = json!({
            "name": "n", "size": 5, "on": true, "off": false, "none": null, "list": ["b", { "x": 1 }],
            "network": "projects/p/global/networks/n", "inner": { "kind": "small", "empty": [] },
        });
        let found = json!({
            "name": "n", "size": "5", "on": true, "list": ["b", { "x": 1, "y": 2 }], "id": "7",
            "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
            "inner": { "kind": "small", "more": 1 },
        });
        assert_eq!(declared(&found, &said), said);
    }

    #[test]
    fn what_differs_is_what_is_there() {
        for (found, said, there) in [
            (json!({"a": 1}), json!({"a": 2}), json!({"a": 1})),
            (json!({}), json!({"a": 2}), json!({})),
            (
                json!({"a": [1, 2]}),
                json!({"a": [1]}),
                json!({"a": [1, 2]}),
            ),
            (json!({"a": "b/c"}), json!({"a": "c"}), json!({"a": "b/c"})),
            (
                json!({"a": "https://h/v1/projects/p/nets/other"}),
                json!({"a": "projects/p/nets/n"}),
                json!({"a": "https://h/v1/projects/p/nets/other"}),
            ),
            // One of another project that ends alike is another.
            (
                json!({"a": "https://h/v1/xprojects/p/nets/n"}),
                json!({"a": "projects/p/nets/n"}),
                json!({"a": "https://h/v1/xprojects/p/nets/n"}),
            ),
        ] {
            assert_eq!(declared(&found, &said), there);
        }
    }
}
