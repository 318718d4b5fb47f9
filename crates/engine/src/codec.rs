//! Between values and what the state stores: typed JSON and the paths of what is sensitive in it.

use infra_model::path::{Path, Step};
use infra_model::provider::Provider;
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::schema::{Block, Schema};
use infra_model::types::Type;
use infra_model::value::{Marks, Value};
use infra_model::{convert, json};
use infra_state::ResourceState;
use serde_json::Value as Json;
use std::sync::Arc;

/// Stored attributes as a value of the present schema, older versions upgraded, sensitive parts marked.
pub(crate) fn decode(
    provider: &dyn Provider,
    schema: &Schema,
    version: u32,
    attributes: &Json,
    sensitive: &[Path],
) -> Result<Value, ProviderError> {
    let upgraded;
    let raw = if version == schema.version {
        attributes
    } else {
        upgraded = provider.upgrade(&schema.type_name, version, attributes.clone())?;
        &upgraded
    };
    let value = json::from_json(raw, schema.implied_type()).map_err(|e| {
        ProviderError::new(
            ErrorKind::Invalid,
            format!(
                "the state's attributes of this {} cannot be read: {e}",
                schema.type_name
            ),
        )
    })?;
    Ok(sensitive
        .iter()
        .fold(value, |value, path| mark(value, &path.0)))
}

/// The value of a resource as the state has it.
pub(crate) fn decode_resource(
    provider: &dyn Provider,
    schema: &Schema,
    resource: &ResourceState,
) -> Result<Value, ProviderError> {
    decode(
        provider,
        schema,
        resource.schema_version,
        &resource.attributes,
        &resource.sensitive_paths,
    )
}

/// What the state stores of a value: unknown, write-only and ephemeral parts are null.
pub(crate) fn encode(schema: &Schema, value: &Value) -> (Json, Vec<Path>) {
    let stored = storable(&schema.block, value);
    let mut sensitive = Vec::new();
    if !stored.deep_marks().is_empty() {
        collect(&stored, &mut Vec::new(), &mut sensitive);
    }
    (json::to_json_as(&stored, schema.implied_type()), sensitive)
}

/// The id of a value: what its `id` attribute says.
pub(crate) fn id_of(value: &Value) -> Option<String> {
    value.get("id").and_then(Value::as_str).map(str::to_owned)
}

fn storable(block: &Block, value: &Value) -> Value {
    if block.attributes.values().all(|a| !a.write_only) && !value.deep_marks().ephemeral {
        return value.clone();
    }
    let Some(entries) = value.entries() else {
        return value.clone();
    };
    Value::object(entries.iter().map(|(name, inner)| {
        let gone = block.attributes.get(name).is_some_and(|a| a.write_only)
            || inner.deep_marks().ephemeral;
        (
            name.clone(),
            if gone {
                Value::Null(inner.ty())
            } else {
                inner.clone()
            },
        )
    }))
    .with_marks(value.marks())
}

/// Marks the value at a path sensitive; a path that is not there marks nothing.
fn mark(value: Value, steps: &[Step]) -> Value {
    let Some((first, rest)) = steps.split_first() else {
        return value.sensitive();
    };
    match (value, first) {
        (Value::Object(mut entries), Step::Attribute(key) | Step::Key { key }) => {
            if let Some(inner) = entries.get(key).cloned() {
                Arc::make_mut(&mut entries).insert(key.clone(), mark(inner, rest));
            }
            Value::Object(entries)
        }
        (Value::Map(element, mut entries), Step::Attribute(key) | Step::Key { key }) => {
            if let Some(inner) = entries.get(key).cloned() {
                Arc::make_mut(&mut entries).insert(key.clone(), mark(inner, rest));
            }
            Value::Map(element, entries)
        }
        (Value::List(element, mut items), Step::Index(i)) => {
            if let Some(inner) = items.get(*i).cloned() {
                Arc::make_mut(&mut items)[*i] = mark(inner, rest);
            }
            Value::List(element, items)
        }
        (Value::Tuple(mut items), Step::Index(i)) => {
            if let Some(inner) = items.get(*i).cloned() {
                Arc::make_mut(&mut items)[*i] = mark(inner, rest);
            }
            Value::Tuple(items)
        }
        (Value::Marked(marks, inner), _) => mark((*inner).clone(), steps).with_marks(marks),
        // A set's elements have no place of their own: all of it is sensitive.
        (set @ Value::Set(..), Step::Index(_)) => set.sensitive(),
        (other, _) => other,
    }
}

fn collect(value: &Value, at: &mut Vec<Step>, found: &mut Vec<Path>) {
    let (bare, marks) = value.unmark();
    if marks.sensitive {
        found.push(Path(at.clone()));
        return;
    }
    let mut inner = |step: Step, value: &Value| {
        at.push(step);
        collect(value, at, found);
        at.pop();
    };
    match bare {
        Value::Object(entries) => entries
            .iter()
            .for_each(|(k, v)| inner(Step::Attribute(k.clone()), v)),
        Value::Map(_, entries) => entries
            .iter()
            .for_each(|(k, v)| inner(Step::Key { key: k.clone() }, v)),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, v)| inner(Step::Index(i), v));
        }
        _ => {}
    }
}

/// Carries the sensitivity of what was asked for over to what the provider returned at the same places.
pub(crate) fn carry_marks(from: &Value, to: Value) -> Value {
    if from.deep_marks().is_empty() {
        return to;
    }
    let (from, marks) = from.unmark();
    // A write-only attribute: nothing of it is left that could be secret.
    if to.is_null() && !from.is_null() {
        return to;
    }
    let (bare, own) = (
        to.bare().clone(),
        to.marks().union(Marks {
            ephemeral: false,
            ..marks
        }),
    );
    let carried = match (from, bare) {
        (Value::Object(a) | Value::Map(_, a), Value::Object(b)) => {
            Value::object(b.iter().map(|(k, v)| {
                (
                    k.clone(),
                    a.get(k)
                        .map_or_else(|| v.clone(), |f| carry_marks(f, v.clone())),
                )
            }))
        }
        (Value::Object(a) | Value::Map(_, a), Value::Map(t, b)) => Value::map(
            t,
            b.iter().map(|(k, v)| {
                (
                    k.clone(),
                    a.get(k)
                        .map_or_else(|| v.clone(), |f| carry_marks(f, v.clone())),
                )
            }),
        ),
        (Value::List(_, a) | Value::Tuple(a), Value::List(t, b)) if a.len() == b.len() => {
            Value::list(
                t,
                a.iter()
                    .zip(b.iter())
                    .map(|(f, v)| carry_marks(f, v.clone()))
                    .collect(),
            )
        }
        (Value::List(_, a) | Value::Tuple(a), Value::Tuple(b)) if a.len() == b.len() => {
            Value::tuple(
                a.iter()
                    .zip(b.iter())
                    .map(|(f, v)| carry_marks(f, v.clone()))
                    .collect(),
            )
        }
        (_, other) => {
            // Places cannot be matched: what holds a secret somewhere is secret as a whole.
            if from.deep_marks().sensitive {
                other.sensitive()
            } else {
                other
            }
        }
    };
    carried.with_marks(own)
}

/// The first place where a value breaks the promise that a planned value made by being known there.
pub(crate) fn broken_promise(planned: &Value, actual: &Value) -> Option<Path> {
    fn at(planned: &Value, actual: &Value, steps: &mut Vec<Step>) -> Option<Path> {
        let (planned, actual) = (planned.bare(), actual.bare());
        let mut inner = |step: Step, p: &Value, a: &Value| {
            steps.push(step);
            let broken = at(p, a, steps);
            steps.pop();
            broken
        };
        match (planned, actual) {
            (Value::Unknown(_), _) => None,
            (Value::Object(p) | Value::Map(_, p), Value::Object(a) | Value::Map(_, a))
                if p.len() == a.len() =>
            {
                p.iter().find_map(|(k, pv)| {
                    inner(
                        Step::Attribute(k.clone()),
                        pv,
                        a.get(k).unwrap_or(&Value::NULL),
                    )
                })
            }
            (Value::List(_, p) | Value::Tuple(p), Value::List(_, a) | Value::Tuple(a))
                if p.len() == a.len() =>
            {
                p.iter()
                    .zip(a.iter())
                    .enumerate()
                    .find_map(|(i, (p, a))| inner(Step::Index(i), p, a))
            }
            (Value::Set(_, p), Value::Set(..)) if !p.iter().all(Value::is_wholly_known) => None,
            // What in them is secret is no part of the promise, as it is not elsewhere.
            (Value::Set(..), Value::Set(..)) if planned.unmark_deep() == actual.unmark_deep() => {
                None
            }
            (Value::Null(_), Value::Null(_)) => None,
            (p, a) if p == a => None,
            _ => Some(Path(steps.clone())),
        }
    }
    at(planned, actual, &mut Vec::new())
}

/// A planned value with what a plan has promised where it does not know: asking the cloud while planning told more than the
/// type alone foretells.
pub(crate) fn with_promised(planned: Value, promised: &Value) -> Value {
    let Some(entries) = promised.entries() else {
        return planned;
    };
    let told = entries.iter().filter(|(name, value)| {
        value.is_wholly_known() && planned.get(name).is_some_and(Value::is_unknown)
    });
    told.fold(planned.clone(), |planned, (name, value)| {
        planned.with_attribute(name, value.clone())
    })
}

/// Null-typed comparisons: two values are the same for a plan when only the types of their nulls differ. What is secret as a whole
/// is not more so where something in it is said to be secret too: the state keeps the outermost marks.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    if a.marks().sensitive && a.marks() == b.marks() {
        return same(&a.unmark_deep(), &b.unmark_deep());
    }
    match (a.bare(), b.bare()) {
        (Value::Null(_), Value::Null(_)) => {
            a.marks() == b.marks() || a.deep_marks() == b.deep_marks()
        }
        (x, y) if x == y => a.marks() == b.marks(),
        (Value::List(_, x), Value::List(_, y))
        | (Value::Set(_, x), Value::Set(_, y))
        | (Value::Tuple(x), Value::Tuple(y)) => {
            a.marks() == b.marks()
                && x.len() == y.len()
                && x.iter().zip(y.iter()).all(|(v, w)| same(v, w))
        }
        (Value::Object(x), Value::Object(y)) | (Value::Map(_, x), Value::Map(_, y)) => {
            a.marks() == b.marks()
                && x.len() == y.len()
                && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => false,
    }
}

/// A value as configuration text cannot give it: converted, for outputs with a declared type.
pub(crate) fn to_type(value: &Value, ty: Option<&Type>) -> Result<Value, convert::ConvertError> {
    ty.map_or_else(|| Ok(value.clone()), |ty| convert::convert(value, ty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_in_a_set_breaks_no_promise() {
        let one = |secret: bool| {
            let text = Value::from("hush");
            let text = if secret { text.sensitive() } else { text };
            Value::object([("data", text)])
        };
        let set = |value: Value| Value::set(Type::Any, vec![value]);
        for (planned, actual) in [(true, true), (true, false), (false, true)] {
            assert_eq!(broken_promise(&set(one(planned)), &set(one(actual))), None);
        }
        let other = set(Value::object([("data", Value::from("loud"))]));
        assert!(broken_promise(&set(one(true)), &other).is_some());
    }

    #[test]
    fn marks_are_found_and_put_back() {
        let value = Value::object([
            ("a", Value::from("x").sensitive()),
            (
                "b",
                Value::list(Type::String, vec!["y".into(), Value::from("z").sensitive()]),
            ),
        ]);
        let mut found = Vec::new();
        collect(&value, &mut Vec::new(), &mut found);
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a", "b[1]"]);
        let again = found.iter().fold(value.unmark_deep(), |v, p| mark(v, &p.0));
        assert_eq!(again, value);
    }

    #[test]
    fn what_is_secret_as_a_whole_is_no_other_for_a_secret_in_it() {
        let with = |inner: Value| {
            Value::map(
                Type::String,
                [(infra_model::value::Str::from("url"), inner)],
            )
            .sensitive()
        };
        let (plain, marked) = (with("x".into()), with(Value::from("x").sensitive()));
        assert_ne!(plain, marked);
        assert!(same(&plain, &marked) && same(&marked, &plain));
        assert!(!same(&plain, &with(Value::from("y").sensitive())));
        assert!(!same(&plain.unmark_deep(), &marked.unmark().0.clone()));
    }

    #[test]
    fn a_known_planned_value_is_a_promise() {
        let planned = Value::object([("a", Value::from("x")), ("b", Value::Unknown(Type::String))]);
        assert_eq!(
            broken_promise(
                &planned,
                &Value::object([("a", Value::from("x")), ("b", Value::from("new"))])
            ),
            None
        );
        let broken = broken_promise(
            &planned,
            &Value::object([("a", Value::from("z")), ("b", Value::from("new"))]),
        );
        assert_eq!(broken.map(|p| p.to_string()), Some("a".to_owned()));
    }
}
