//! `for` expressions, and what can be iterated.

use super::{Binding, Bindings, Computed, Run, described, error, object_key, problem, truth};
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::expr::ForExpr;
use infra_model::value::Marks;
use infra_model::{Number, Str, Type, Value};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Keys and values of a collection.
pub(super) type Items = Vec<(Value, Value)>;

/// The keys and values of a collection, `None` while unknown, and the marks of the whole.
pub(super) fn iterate(
    collection: &Value,
    span: Span,
) -> Result<(Option<Items>, Marks), Diagnostics> {
    let (bare, marks) = collection.unmark();
    let items = match bare {
        Value::List(_, items) | Value::Tuple(items) => items
            .iter()
            .enumerate()
            .map(|(i, item)| (Value::Number(Number::from_count(i)), item.clone()))
            .collect(),
        Value::Set(_, items) => items.iter().map(|v| (v.clone(), v.clone())).collect(),
        Value::Map(_, entries) | Value::Object(entries) => entries
            .iter()
            .map(|(k, v)| (Value::String(k.clone()), v.clone()))
            .collect(),
        Value::Null(_) => return error("a null value cannot be iterated", span),
        Value::Unknown(ty) if !ty.is_primitive() => return Ok((None, marks)),
        other => {
            return error(format!("{} cannot be iterated", described(other)), span);
        }
    };
    Ok((Some(items), marks))
}

/// The entries of an object under construction.
enum Entries {
    Single(BTreeMap<Str, Value>),
    Grouped(BTreeMap<Str, Vec<Value>>),
}

impl Run<'_> {
    pub(super) fn for_expression(&self, f: &ForExpr, bindings: Bindings<'_>) -> Computed {
        let collection = self.value(&f.source, bindings)?;
        let (items, mut marks) = iterate(&collection, f.source.span)?;
        let Some(items) = items else {
            return Ok(Value::UNKNOWN.with_marks(marks));
        };
        let mut list = Vec::new();
        let mut entries = if f.group {
            Entries::Grouped(BTreeMap::new())
        } else {
            Entries::Single(BTreeMap::new())
        };
        let mut unknown = false;
        for (key, value) in &items {
            let outer = Binding {
                outer: bindings,
                name: Some(f.key_name.as_deref().unwrap_or_default()),
                value: key,
            };
            let inner = Binding {
                outer: Some(&outer),
                name: Some(&f.value_name),
                value,
            };
            let inner = Some(&inner);
            if let Some(condition) = &f.condition {
                let decided = self.value(condition, inner)?;
                let (decided, found) = truth(&decided, "the condition", condition.span)?;
                marks = marks.union(found);
                match decided {
                    Some(true) => {}
                    Some(false) => continue,
                    None => {
                        unknown = true;
                        continue;
                    }
                }
            }
            let Some(key_expr) = &f.key else {
                list.push(self.value(&f.value, inner)?);
                continue;
            };
            let (key, value) = super::both(
                self.value(key_expr, inner)
                    .and_then(|key| object_key(&key, key_expr.span)),
                self.value(&f.value, inner),
            )?;
            let (key, found) = key;
            marks = marks.union(found);
            let Some(key) = key else {
                unknown = true;
                marks = marks.union(value.deep_marks());
                continue;
            };
            match &mut entries {
                Entries::Grouped(groups) => groups.entry(key).or_default().push(value),
                Entries::Single(map) => match map.entry(key) {
                    Entry::Vacant(slot) => {
                        slot.insert(value);
                    }
                    Entry::Occupied(slot) => {
                        return Err(vec![repeated(slot.key(), marks, key_expr.span)]);
                    }
                },
            }
        }
        let result = match (unknown, &f.key, entries) {
            (true, _, _) => Value::UNKNOWN,
            (false, None, _) => Value::tuple(list),
            (false, Some(_), Entries::Single(map)) => Value::object(map),
            (false, Some(_), Entries::Grouped(groups)) => {
                Value::object(groups.into_iter().map(|(k, v)| (k, Value::tuple(v))))
            }
        };
        Ok(result.with_marks(marks))
    }
}

fn repeated(key: &str, marks: Marks, span: Span) -> Diagnostic {
    let which = if marks.sensitive {
        "a key that is sensitive".to_owned()
    } else {
        format!("the key {key:?}")
    };
    problem(format!("{which} occurs twice in the result"), span)
        .help("write `...` after the value to collect all values of a key in a list")
}

/// The type of the elements of an unknown collection, for what is computed from it.
pub(super) fn element_type(ty: &Type) -> Type {
    match ty {
        Type::List(t) | Type::Set(t) | Type::Map(t) => (**t).clone(),
        _ => Type::Any,
    }
}
