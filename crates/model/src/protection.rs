//! Deletion protection, as schemas declare it: attributes that make the cloud refuse a deletion while they are true. The
//! engine asks which of them hold, and what the resource looks like once they are lifted.

use crate::path::{Path, Step};
use crate::schema::Block;
use crate::value::Value;
use std::sync::Arc;

/// The paths at which a value of this block is protected from deletion. What is unknown protects nothing.
#[must_use]
pub fn holding(block: &Block, value: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    collect(block, value, &Path::default(), &mut found);
    found
}

fn collect(block: &Block, value: &Value, at: &Path, found: &mut Vec<Path>) {
    for name in protecting(block) {
        if value.get(name).and_then(Value::as_bool) == Some(true) {
            found.push(at.join(Step::Attribute(name.into())));
        }
    }
    for (name, nested) in &block.blocks {
        let items = value.get(name).and_then(Value::elements);
        for (i, item) in items.unwrap_or_default().iter().enumerate() {
            let inside = at.join(Step::Attribute(name.clone())).join(Step::Index(i));
            collect(&nested.block, item, &inside, found);
        }
    }
}

/// The value with every protection lifted and everything else as it was.
#[must_use]
pub fn lifted(block: &Block, value: &Value) -> Value {
    let holds = |name: &&str| value.get(name).and_then(Value::as_bool) == Some(true);
    let flags = protecting(block).filter(holds);
    let value = flags.fold(value.clone(), |value, name| {
        value.with_attribute(name, Value::from(false))
    });
    block.blocks.iter().fold(value, |value, (name, nested)| {
        let Some(inner) = value.get(name) else {
            return value;
        };
        if holding_inside(&nested.block, inner) {
            let inner = in_each(inner.clone(), &|item| lifted(&nested.block, item));
            value.with_attribute(name, inner)
        } else {
            value
        }
    })
}

fn protecting(block: &Block) -> impl Iterator<Item = &str> {
    let attributes = block.attributes.iter().filter(|(_, a)| a.protects);
    attributes.map(|(name, _)| &**name)
}

fn holding_inside(block: &Block, items: &Value) -> bool {
    let items = items.elements().unwrap_or_default();
    items.iter().any(|item| !holding(block, item).is_empty())
}

/// A list or set of nested blocks with each of them changed.
fn in_each(items: Value, change: &dyn Fn(&Value) -> Value) -> Value {
    match items {
        Value::List(ty, items) => Value::List(ty, Arc::new(items.iter().map(change).collect())),
        // Made anew, because a set is kept sorted.
        Value::Set(ty, items) => Value::set(ty, items.iter().map(change).collect()),
        Value::Marked(marks, inner) => in_each((*inner).clone(), change).with_marks(marks),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;

    /// A database.
    #[derive(Record)]
    struct Database {
        /// Its name.
        #[record(required)]
        name: String,
        /// Whether it refuses to be deleted.
        #[record(optional, protects)]
        deletion_protection: Option<bool>,
        /// Its settings.
        #[record(block)]
        settings: Vec<Settings>,
    }

    /// Settings.
    #[derive(Record)]
    struct Settings {
        /// Whether it refuses to be deleted, whoever asks.
        #[record(optional, default = false, protects)]
        deletion_protection_enabled: bool,
    }

    fn database(outer: Option<bool>, inner: &[bool]) -> Value {
        Database {
            name: "shop".to_owned(),
            deletion_protection: outer,
            settings: inner
                .iter()
                .map(|on| Settings {
                    deletion_protection_enabled: *on,
                })
                .collect(),
        }
        .to_value()
    }

    #[test]
    fn what_holds_is_found_at_every_depth() {
        let block = Database::block();
        let paths = |value: &Value| {
            let found = holding(&block, value);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            paths(&database(Some(true), &[false, true])),
            [
                "deletion_protection",
                "settings[1].deletion_protection_enabled"
            ]
        );
        assert!(paths(&database(Some(false), &[false])).is_empty());
        assert!(paths(&database(None, &[])).is_empty());
        assert!(paths(&Value::Unknown(block.implied_type())).is_empty());
    }

    #[test]
    fn lifting_changes_nothing_else() {
        let block = Database::block();
        let before = database(Some(true), &[true, false]);
        assert_eq!(
            lifted(&block, &before),
            database(Some(false), &[false, false])
        );
        let free = database(None, &[false]);
        assert_eq!(lifted(&block, &free), free);
    }
}
