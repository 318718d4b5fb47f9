//! Shapes values at the provider's border, so that no type has to: on the way out an empty collection is null where the stack file says nothing, because the cloud cannot tell the two apart.

use infra_model::{Attribute, Block, NestedBlock, Nesting, Type, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The value with its empty collections null where the reference's are.
#[must_use]
pub fn like(block: &Block, reference: &Value, value: Value) -> Value {
    let (bare, marks) = value.unmark();
    let Some(entries) = bare.entries() else {
        return value;
    };
    let mut out = BTreeMap::new();
    for (name, value) in entries {
        let reference = reference.get(name);
        let value = if let Some(attribute) = block.attributes.get(name) {
            attribute_like(attribute, reference, value)
        } else if let Some(nested) = block.blocks.get(name) {
            nested_like(nested, reference, value)
        } else {
            value.clone()
        };
        out.insert(name.clone(), value);
    }
    Value::Object(Arc::new(out)).with_marks(marks)
}

/// Whether a value is a collection without anything in it.
#[must_use]
pub fn is_empty(value: &Value) -> bool {
    value.elements().is_some_and(<[Value]>::is_empty)
        || value.entries().is_some_and(BTreeMap::is_empty)
}

fn attribute_like(attribute: &Attribute, reference: Option<&Value>, value: &Value) -> Value {
    let collection = matches!(attribute.ty, Type::List(_) | Type::Set(_) | Type::Map(_));
    if collection
        && is_empty(value)
        && attribute.optional
        && !attribute.computed
        && reference.is_none_or(Value::is_null)
    {
        return Value::Null(attribute.ty.clone());
    }
    value.clone()
}

fn nested_like(nested: &NestedBlock, reference: Option<&Value>, value: &Value) -> Value {
    let Some(items) = value.elements() else {
        return value.clone();
    };
    let references = reference.and_then(Value::elements).unwrap_or_default();
    let null = Value::NULL;
    let element = nested.block.implied_type();
    match nested.nesting {
        Nesting::List => Value::list(
            element,
            items
                .iter()
                .enumerate()
                .map(|(i, item)| {
                    like(
                        &nested.block,
                        references.get(i).unwrap_or(&null),
                        item.clone(),
                    )
                })
                .collect(),
        ),
        Nesting::Set => Value::set(
            element,
            items
                .iter()
                .map(|item| {
                    // The element that this one answers to, if shaping makes them equal.
                    references
                        .iter()
                        .find(|r| like(&nested.block, r, item.clone()) == r.unmark_deep())
                        .map_or_else(
                            || like(&nested.block, &null, item.clone()),
                            Value::unmark_deep,
                        )
                })
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Record;

    /// A thing.
    #[derive(Record)]
    struct Thing {
        /// Named.
        #[record(optional)]
        tags: BTreeMap<String, String>,
        /// Listed.
        #[record(optional)]
        ids: Vec<String>,
        /// Decided.
        #[record(optional, computed)]
        names: Vec<String>,
        /// Inside.
        #[record(block, set)]
        rule: Vec<Rule>,
    }

    /// A rule.
    #[derive(Record)]
    struct Rule {
        /// Ranges.
        #[record(optional)]
        cidrs: Vec<String>,
        /// From.
        #[record(optional)]
        port: Option<i64>,
    }

    #[test]
    fn empty_is_null_where_nothing_was_said() {
        let found = Thing {
            tags: BTreeMap::new(),
            ids: Vec::new(),
            names: Vec::new(),
            rule: vec![Rule {
                cidrs: Vec::new(),
                port: Some(1),
            }],
        }
        .to_value();
        let said = Value::object([
            ("ids", Value::list(Type::String, Vec::new())),
            (
                "rule",
                Value::set(
                    Rule::block().implied_type(),
                    vec![Value::object([
                        ("cidrs", Value::Null(Type::list(Type::String))),
                        ("port", Value::from(1)),
                    ])],
                ),
            ),
        ]);
        let shaped = like(&Thing::block(), &said, found);
        assert!(shaped.get("tags").is_some_and(Value::is_null));
        assert_eq!(shaped.get("ids"), said.get("ids"));
        assert!(shaped.get("names").is_some_and(|v| !v.is_null()));
        assert_eq!(shaped.get("rule"), said.get("rule"));
    }
}
