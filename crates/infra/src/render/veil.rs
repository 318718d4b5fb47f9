//! Marks what a schema calls sensitive, whether or not the value came marked: the last guard before anything is shown.

use infra_model::schema::{Block, Nesting};
use infra_model::value::Value;
use std::sync::Arc;

/// The value with everything marked that the schema calls sensitive or write-only.
pub(crate) fn veil(value: &Value, schema: Option<&Block>) -> Value {
    match schema {
        Some(block) if hides(block) => mark(value, block),
        _ => value.clone(),
    }
}

fn hides(block: &Block) -> bool {
    block
        .attributes
        .values()
        .any(|a| a.sensitive || a.write_only)
        || block.blocks.values().any(|b| hides(&b.block))
}

fn mark(value: &Value, block: &Block) -> Value {
    let (bare, marks) = value.unmark();
    let Value::Object(entries) = bare else {
        return value.clone();
    };
    let mut entries = (**entries).clone();
    for (name, attribute) in &block.attributes {
        if (attribute.sensitive || attribute.write_only)
            && let Some(entry) = entries.get_mut(name)
            && !entry.is_null()
        {
            *entry = entry.clone().sensitive();
        }
    }
    for (name, nested) in block.blocks.iter().filter(|(_, b)| hides(&b.block)) {
        let Some(entry) = entries.get_mut(name) else {
            continue;
        };
        let (list, list_marks) = entry.unmark();
        let marked = match list {
            Value::List(ty, items) => Value::List(
                ty.clone(),
                Arc::new(items.iter().map(|i| mark(i, &nested.block)).collect()),
            ),
            // A member of a set is known by its whole value: none of it can be shown.
            Value::Set(_, items) if nested.nesting == Nesting::Set && !items.is_empty() => {
                list.clone().sensitive()
            }
            other => other.clone(),
        };
        *entry = marked.with_marks(list_marks);
    }
    Value::Object(Arc::new(entries)).with_marks(marks)
}
