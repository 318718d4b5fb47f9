//! What a schema alone plans: the value an instance will have, and which changes replace it. Pure, over values that may be
//! unknown. Types adjust the result in `Resource::plan`.

use crate::path::{Path, Step};
use crate::provider::{PlanRequest, Planned};
use crate::schema::{Attribute, Block, Compare, NestedBlock, Nesting, Schema};
use crate::value::{Str, Value};
use crate::versions;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The planned value and the paths that force replacement.
#[must_use]
pub fn by_schema(schema: &Schema, request: &PlanRequest<'_>) -> Planned {
    by_block(&schema.block, request)
}

fn by_block(block: &Block, request: &PlanRequest<'_>) -> Planned {
    let Some(prior) = request.prior else {
        return Planned {
            value: propose(block, None, request.config),
            replace: Vec::new(),
            private: request.private.cloned(),
        };
    };
    let value = propose(block, Some(prior), request.config);
    let mut replace = Vec::new();
    forced(block, prior, &value, &Path::default(), &mut replace);
    if replace.is_empty() {
        return Planned {
            value,
            replace,
            private: request.private.cloned(),
        };
    }
    // A replacement is a new resource: what the provider computes is computed anew.
    Planned {
        value: propose(block, None, request.config),
        replace,
        private: request.private.cloned(),
    }
}

/// Takes a name that nobody made from a prefix, and that begins so (or is the prefix without its hyphen), for one that was made
/// from it: the object was imported, or made before the configuration had a prefix. For `Resource::plan`.
pub fn adopt_prefix(
    block: &Block,
    request: &PlanRequest<'_>,
    planned: &mut Planned,
    (name, prefix): (&str, &str),
) {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let Some(prior) = request.prior.filter(|p| text(p, prefix).is_none()) else {
        return;
    };
    let (Some(known), Some(begins)) = (text(prior, name), text(request.config, prefix)) else {
        return;
    };
    if known.starts_with(&begins) || known == begins.trim_end_matches('-') {
        let prior = prior.clone().with_attribute(prefix, begins.as_str().into());
        *planned = by_block(
            block,
            &PlanRequest {
                prior: Some(&prior),
                ..*request
            },
        );
    }
}

/// The planned value of a changed attribute or block that the provider will compute anew: for `Resource::plan`.
pub fn mark_unknown(planned: &mut Planned, schema: &Block, names: &[&str]) {
    for name in names {
        let attribute = schema.attributes.get(*name).map(|a| a.ty.clone());
        let ty = attribute.or_else(|| {
            schema
                .blocks
                .get(*name)
                .map(crate::schema::NestedBlock::value_type)
        });
        if let Some(ty) = ty {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute(name, Value::Unknown(ty));
        }
    }
}

/// A configuration with the schema's defaults filled in, for data sources.
#[must_use]
pub fn with_defaults(block: &Block, config: &Value) -> Value {
    let Some(given) = config.entries() else {
        return config.clone();
    };
    let mut out = given.clone();
    for (name, attribute) in &block.attributes {
        if let Some(default) = &attribute.default
            && out.get(name).is_none_or(Value::is_null)
        {
            out.insert(name.clone(), default.clone());
        }
    }
    Value::Object(Arc::new(out)).with_marks(config.marks())
}

fn propose(block: &Block, prior: Option<&Value>, config: &Value) -> Value {
    let (bare, marks) = config.unmark();
    let Some(given) = bare.entries() else {
        return config.clone();
    };
    let null = Value::NULL;
    let mut out: BTreeMap<Str, Value> = BTreeMap::new();
    for (name, attribute) in &block.attributes {
        let config = given.get(name).unwrap_or(&null);
        let prior = prior.and_then(|p| p.get(name));
        out.insert(name.clone(), propose_attribute(attribute, prior, config));
    }
    for (name, nested) in &block.blocks {
        let config = given.get(name).unwrap_or(&null);
        let prior = prior.and_then(|p| p.get(name));
        out.insert(name.clone(), propose_block(nested, prior, config));
    }
    Value::Object(Arc::new(out)).with_marks(marks)
}

fn propose_attribute(attribute: &Attribute, prior: Option<&Value>, config: &Value) -> Value {
    if attribute.write_only {
        return Value::Null(attribute.ty.clone());
    }
    if !config.is_null() {
        return match prior {
            // As it was, and as secret as the configuration is now.
            Some(prior) if same(attribute.compare, prior, config) => {
                if attribute.sensitive {
                    prior.clone().with_marks(config.marks())
                } else if prior.unmark_deep() == config.unmark_deep() {
                    config.clone()
                } else {
                    prior.unmark_deep().with_marks(config.marks())
                }
            }
            _ => config.clone(),
        };
    }
    match (attribute.computed, prior, &attribute.default) {
        (_, _, Some(default)) => default.clone(),
        (true, Some(prior), None) => prior.clone(),
        (true, None, None) => {
            let unknown = Value::Unknown(attribute.ty.clone());
            if attribute.sensitive {
                unknown.sensitive()
            } else {
                unknown
            }
        }
        (false, _, None) => Value::Null(attribute.ty.clone()),
    }
}

fn propose_block(nested: &NestedBlock, prior: Option<&Value>, config: &Value) -> Value {
    let (bare, marks) = config.unmark();
    let Some(items) = bare.elements() else {
        return if bare.is_unknown() {
            config.clone()
        } else {
            Value::Unknown(nested.value_type())
        };
    };
    if items.is_empty() && nested.computed {
        return prior
            .cloned()
            .unwrap_or_else(|| Value::Unknown(nested.value_type()));
    }
    let old = prior.and_then(Value::elements).unwrap_or_default();
    let element = nested.block.implied_type();
    let planned: Vec<Value> = match nested.nesting {
        Nesting::List => items
            .iter()
            .enumerate()
            .map(|(i, item)| propose(&nested.block, old.get(i), item))
            .collect(),
        Nesting::Set => items
            .iter()
            .map(|item| {
                // The prior element that this one means: the same in everything that the configuration says.
                let twin = old
                    .iter()
                    .find(|o| propose(&nested.block, Some(o), item) == **o);
                propose(&nested.block, twin, item)
            })
            .collect(),
    };
    let value = match nested.nesting {
        Nesting::List => Value::list(element, planned),
        Nesting::Set if planned.iter().all(Value::is_wholly_known) => Value::set(element, planned),
        Nesting::Set => Value::Set(element, Arc::new(planned)),
    };
    value.with_marks(marks)
}

/// Whether two values of an attribute mean the same. Unknown values mean nothing yet.
#[must_use]
pub fn same(compare: Compare, a: &Value, b: &Value) -> bool {
    let (a, b) = (a.bare(), b.bare());
    // What is secret in it is no difference: the state keeps marks by the schema.
    if a == b || a.unmark_deep() == b.unmark_deep() {
        return true;
    }
    if let (Some(x), Some(y)) = (a.elements(), b.elements()) {
        let each = |a: &[Value], b: &[Value]| a.iter().zip(b).all(|(a, b)| same(compare, a, b));
        return match compare {
            Compare::ResourceName => x.len() == y.len() && each(x, y),
            Compare::CaseInsensitive if matches!(a, Value::Set(..)) => {
                x.len() == y.len() && x.iter().all(|x| y.iter().any(|y| same(compare, x, y)))
            }
            Compare::CaseInsensitive => x.len() == y.len() && each(x, y),
            _ => false,
        };
    }
    let (Value::String(x), Value::String(y)) = (a, b) else {
        return false;
    };
    match compare {
        Compare::Exact => false,
        Compare::ResourceName => ends_in(x, y) || ends_in(y, x),
        Compare::Version => versions::begins(x, y) || versions::begins(y, x),
        Compare::CaseInsensitive => x.eq_ignore_ascii_case(y),
        Compare::Blanks => without_blanks(x) == without_blanks(y),
        Compare::Json => match (serde_json::from_str(x), serde_json::from_str(y)) {
            (Ok(x), Ok(y)) => canonical_json(x) == canonical_json(y),
            _ => false,
        },
    }
}

fn without_blanks(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_whitespace());
    kept.flat_map(char::to_lowercase).collect()
}

/// Whether the longer name ends in the shorter one, behind a slash.
fn ends_in(longer: &str, shorter: &str) -> bool {
    !shorter.is_empty()
        && longer
            .strip_suffix(shorter)
            .is_some_and(|rest| rest.ends_with('/'))
}

/// A JSON document in which a one-element array and its element are the same and arrays of strings have no order, as in IAM
/// policy documents (AWS IAM User Guide, "Grammar of the IAM JSON policy language").
fn canonical_json(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(canonical_json).collect();
            if items.len() == 1 && items[0].is_string() {
                return items.remove(0);
            }
            if items.iter().all(serde_json::Value::is_string) {
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
            serde_json::Value::Array(items)
        }
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(k, v)| (k, canonical_json(v)))
                .collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            serde_json::Value::Object(entries.into_iter().collect())
        }
        other => other,
    }
}

fn forced(block: &Block, prior: &Value, planned: &Value, path: &Path, found: &mut Vec<Path>) {
    for (name, attribute) in block.attributes.iter().filter(|(_, a)| a.force_new) {
        let (old, new) = (prior.get(name), planned.get(name));
        if let (Some(old), Some(new)) = (old, new)
            && !same(attribute.compare, old, new)
        {
            found.push(path.join(Step::Attribute(name.clone())));
        }
    }
    for (name, nested) in &block.blocks {
        let at = path.join(Step::Attribute(name.clone()));
        let (Some(old), Some(new)) = (prior.get(name), planned.get(name)) else {
            continue;
        };
        if nested.force_new && old.unmark_deep() != new.unmark_deep() {
            found.push(at);
            continue;
        }
        let (Some(old), Some(new)) = (old.elements(), new.elements()) else {
            continue;
        };
        if nested.nesting == Nesting::List {
            for (i, (old, new)) in old.iter().zip(new).enumerate() {
                forced(&nested.block, old, new, &at.join(Step::Index(i)), found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type;

    #[test]
    fn short_and_full_resource_names_are_one() {
        let names = [
            "n",
            "projects/p/global/networks/n",
            "https://host/compute/v1/projects/p/global/networks/n",
        ];
        let one = |a: &str, b: &str| same(Compare::ResourceName, &a.into(), &b.into());
        for a in names {
            assert!(names.iter().all(|b| one(a, b)), "{a}");
            for other in ["m", "", "projects/p/global/networks/n2", "xn"] {
                assert!(!one(a, other), "{a} {other}");
            }
        }
        let list = |name: &str| Value::list(Type::String, vec![name.into()]);
        assert!(same(
            Compare::ResourceName,
            &list(names[0]),
            &list(names[2])
        ));
        assert!(!same(Compare::Exact, &names[0].into(), &names[1].into()));
    }

    #[test]
    fn letter_case_and_blanks_may_say_nothing() {
        let blanks = |a: &str, b: &str| same(Compare::Blanks, &a.into(), &b.into());
        assert!(blanks("West Europe", "westeurope"));
        assert!(!blanks("West Europe", "northeurope"));
        let list =
            |items: &[&str]| Value::list(Type::String, items.iter().map(|i| (*i).into()).collect());
        let set =
            |items: &[&str]| Value::set(Type::String, items.iter().map(|i| (*i).into()).collect());
        let same = |a: &Value, b: &Value| same(Compare::CaseInsensitive, a, b);
        assert!(same(&list(&["/a/B", "/c"]), &list(&["/A/b", "/c"])));
        assert!(!same(&list(&["/a", "/c"]), &list(&["/c", "/a"])));
        assert!(same(&set(&["/b", "/A"]), &set(&["/B", "/a"])));
        assert!(!same(&set(&["/b"]), &set(&["/B", "/a"])));
    }
}
