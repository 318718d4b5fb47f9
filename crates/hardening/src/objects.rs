//! Objects of the cluster's own kinds, and what all objects of ours have.

use serde_json::{Map, Value as Json, json};

/// The label that says who brought an object.
pub(crate) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "infra");

/// An object; in no namespace when that is empty.
pub(crate) fn object(
    api_version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
    rest: Json,
) -> Json {
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

/// The object with the label that says who brought it.
pub(crate) fn managed(mut object: Json) -> Json {
    let labels = &mut object["metadata"]["labels"];
    if labels.is_null() {
        *labels = json!({});
    }
    labels[MANAGED_BY.0] = json!(MANAGED_BY.1);
    object
}

/// Requests and limits of a container.
pub(crate) fn resources(requests: [&str; 2], limits: [&str; 2]) -> Json {
    json!({
        "requests": { "cpu": requests[0], "memory": requests[1] },
        "limits": { "cpu": limits[0], "memory": limits[1] },
    })
}
