//! Attributes as `spec.forProvider` has them: upjet's names, blocks that stand once as objects, and of what is secret only where it is.

use infra_model::schema::{Attribute, Block};
use infra_model::types::Type;
use serde_json::{Map, Value as Json, json};

/// Upjet's name of an attribute: words are joined, and each but the first begins with a capital.
/// <https://github.com/crossplane/upjet/blob/main/pkg/types/name/name.go>
pub(crate) fn camel(name: &str) -> String {
    let mut out = String::new();
    for (index, word) in name.split('_').filter(|w| !w.is_empty()).enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => {
                out.extend(first.to_uppercase());
                out.push_str(letters.as_str());
            }
            Some(first) => {
                out.push(first);
                out.push_str(letters.as_str());
            }
            None => {}
        }
    }
    out
}

/// Whether a person may set it, and the cloud's own program keeps it.
fn settable(attribute: &Attribute) -> bool {
    (attribute.required || attribute.optional) && !attribute.write_only
}

/// What stands for nothing.
pub(crate) fn empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Whether anything in a block is a person's to set: what only the cloud fills stands in `status`.
pub(crate) fn holds(block: &Block) -> bool {
    block.attributes.values().any(settable) || block.blocks.values().any(|b| holds(&b.block))
}

/// The fields of a block. What is `omitted` is told by its path and the values of the block that it is in. What is secret goes to `secret`,
/// by its path, which says under which key of which Secret it is.
pub(crate) fn fields(
    block: &Block,
    values: &Json,
    path: &str,
    omitted: &dyn Fn(&str, &Json) -> bool,
    secret: &mut dyn FnMut(&str) -> Json,
) -> Map<String, Json> {
    let mut out = Map::new();
    for (name, attribute) in &block.attributes {
        let value = &values[&**name];
        let at = format!("{path}{name}");
        if !settable(attribute) || omitted(&at, values) || empty(value) && !attribute.sensitive {
            continue;
        }
        if attribute.sensitive {
            if !value.is_null() {
                out.insert(format!("{}SecretRef", camel(name)), secret(&at));
            }
            continue;
        }
        out.insert(camel(name), of_type(&attribute.ty, value));
    }
    for (name, nested) in &block.blocks {
        if !holds(&nested.block) || omitted(&format!("{path}{name}"), values) {
            continue;
        }
        let at = format!("{path}{name}.");
        let all: Vec<Json> = values[&**name]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| Json::Object(fields(&nested.block, item, &at, omitted, secret)))
            .collect();
        // A block that stands at most once is no list there.
        let value = match (nested.max, all.first()) {
            (_, None) => continue,
            (Some(1), Some(only)) => only.clone(),
            _ => json!(all),
        };
        out.insert(camel(name), value);
    }
    out
}

/// A value of a type: names of attributes are upjet's, keys of maps stay.
fn of_type(ty: &Type, value: &Json) -> Json {
    match (ty, value) {
        (Type::List(inner) | Type::Set(inner), Json::Array(items)) => {
            items.iter().map(|item| of_type(inner, item)).collect()
        }
        (Type::Object(object), Json::Object(fields)) => {
            let mut out = Map::new();
            for (name, attribute) in &object.attributes {
                if let Some(value) = fields.get(&**name).filter(|v| !empty(v)) {
                    out.insert(camel(name), of_type(&attribute.ty, value));
                }
            }
            Json::Object(out)
        }
        (Type::Map(inner), Json::Object(fields)) => fields
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), of_type(inner, v)))
            .collect::<Map<_, _>>()
            .into(),
        (_, other) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_upjets() {
        for (ours, theirs) in [
            ("cidr_block", "cidrBlock"),
            ("kms_key_id", "kmsKeyId"),
            (
                "enabled_cloudwatch_logs_exports",
                "enabledCloudwatchLogsExports",
            ),
            ("manage_master_user_password", "manageMasterUserPassword"),
            (
                "point_in_time_restore_time_in_utc",
                "pointInTimeRestoreTimeInUtc",
            ),
            ("name", "name"),
            ("nfsv3_enabled", "nfsv3Enabled"),
        ] {
            assert_eq!(camel(ours), theirs);
        }
    }
}
