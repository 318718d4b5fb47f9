//! Objects of a cluster.

use serde_json::{Map, Value as Json, json};

/// An object; in no namespace when that is empty.
#[must_use]
pub fn object(api_version: &str, kind: &str, namespace: &str, name: &str, rest: Json) -> Json {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    if !namespace.is_empty() {
        metadata.insert("namespace".into(), json!(namespace));
    }
    let mut out = Map::from_iter([
        ("apiVersion".to_owned(), json!(api_version)),
        ("kind".to_owned(), json!(kind)),
        ("metadata".to_owned(), Json::Object(metadata)),
    ]);
    if let Json::Object(rest) = rest {
        for (key, value) in rest {
            match (out.get_mut(&key), value) {
                (Some(Json::Object(there)), Json::Object(more)) => there.extend(more),
                (_, value) => {
                    out.insert(key, value);
                }
            }
        }
    }
    Json::Object(out)
}

/// The object with the fields that say what it is first, as people write them.
#[must_use]
pub fn in_order(object: &Json) -> Json {
    let Some(fields) = object.as_object() else {
        return object.clone();
    };
    let first = ["apiVersion", "kind", "metadata"];
    let mut out = Map::new();
    for name in first {
        out.extend(fields.get(name).map(|v| (name.to_owned(), v.clone())));
    }
    out.extend(
        fields
            .iter()
            .filter(|(k, _)| !first.contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone())),
    );
    Json::Object(out)
}
