//! Attributes as the state keeps them, brought back to values that are marked where they are sensitive. What is encrypted and
//! cannot be read becomes a marked stand-in, so that it shows as sensitive and never as missing.

use infra_model::json::{from_json, implied};
use infra_model::path::Step;
use infra_model::schema::Schema;
use infra_model::types::Type;
use infra_model::value::{Marks, Value};
use infra_state::ResourceState;
use serde_json::Value as Json;
use std::sync::Arc;

/// The value of a resource; without a schema, what the JSON means by itself.
pub(crate) fn stored_value(resource: &ResourceState, schema: Option<&Schema>) -> Value {
    let mut attributes = resource.attributes.clone();
    if resource.is_sealed() {
        blank(&mut attributes);
    }
    let decoded = schema.and_then(|s| from_json(&attributes, s.implied_type()).ok());
    let value = decoded.unwrap_or_else(|| implied(&attributes));
    let value = resource
        .sensitive_paths
        .iter()
        .fold(value, |value, path| mark(&value, &path.0));
    super::veil::veil(&value, schema.map(|s| &s.block))
}

/// Takes encrypted values out.
fn blank(json: &mut Json) {
    match json {
        Json::Object(entries) if entries.len() == 1 && entries.contains_key("$sealed") => {
            *json = Json::Null;
        }
        Json::Object(entries) => entries.values_mut().for_each(blank),
        Json::Array(items) => items.iter_mut().for_each(blank),
        _ => {}
    }
}

fn mark(value: &Value, path: &[Step]) -> Value {
    let Some((step, rest)) = path.split_first() else {
        return match value {
            Value::Null(_) => Value::Unknown(Type::Any).sensitive(),
            other => other.clone().sensitive(),
        };
    };
    let (bare, marks) = value.unmark();
    let marked = match (bare, step) {
        (Value::Object(entries), Step::Attribute(name) | Step::Key { key: name })
            if entries.contains_key(name) =>
        {
            let mut entries = (**entries).clone();
            if let Some(entry) = entries.get_mut(name) {
                *entry = mark(entry, rest);
            }
            Value::Object(Arc::new(entries))
        }
        (Value::Map(ty, entries), Step::Attribute(name) | Step::Key { key: name })
            if entries.contains_key(name) =>
        {
            let mut entries = (**entries).clone();
            if let Some(entry) = entries.get_mut(name) {
                *entry = mark(entry, rest);
            }
            Value::Map(ty.clone(), Arc::new(entries))
        }
        (Value::List(ty, items), Step::Index(i)) if *i < items.len() => {
            let mut items = (**items).clone();
            items[*i] = mark(&items[*i], rest);
            Value::List(ty.clone(), Arc::new(items))
        }
        (Value::Tuple(items), Step::Index(i)) if *i < items.len() => {
            let mut items = (**items).clone();
            items[*i] = mark(&items[*i], rest);
            Value::tuple(items)
        }
        // Where the path cannot be followed, everything from here on is taken to be sensitive.
        (other, _) => return other.clone().with_marks(marks.union(Marks::SENSITIVE)),
    };
    marked.with_marks(marks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::literal::literal;
    use infra_model::ProviderAddress;
    use infra_model::path::Path;
    use serde_json::json;

    fn path(text: &[&str]) -> Path {
        let step = |t: &&str| {
            t.parse()
                .map_or_else(|_| Step::Attribute((*t).into()), Step::Index)
        };
        Path(text.iter().map(step).collect())
    }

    fn resource(attributes: Json, sensitive: &[&[&str]]) -> ResourceState {
        ResourceState {
            provider: ProviderAddress::default_of("builtin"),
            provider_config: Arc::new(json!({})),
            schema_version: 0,
            attributes,
            sensitive_paths: sensitive.iter().map(|p| path(p)).collect(),
            dependencies: Vec::new(),
            create_before_destroy: false,
            tainted: false,
            deposed: std::collections::BTreeMap::new(),
            private: None,
            id: "1".to_owned(),
        }
    }

    #[test]
    fn sensitive_and_sealed_values_never_show() {
        let plain = resource(json!({ "a": ["x", "secret"], "id": "1" }), &[&["a", "1"]]);
        assert_eq!(
            literal(&stored_value(&plain, None)),
            r#"{ a = ["x", (sensitive value)], id = "1" }"#
        );
        let sealed = resource(
            json!({ "p": { "$sealed": "1:abc:ZZZ" }, "id": "1" }),
            &[&["p"]],
        );
        assert_eq!(
            literal(&stored_value(&sealed, None)),
            r#"{ id = "1", p = (sensitive value) }"#
        );
    }
}
