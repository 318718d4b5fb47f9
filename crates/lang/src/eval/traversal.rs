//! References and what follows them: attributes, keys, splats.

use super::loops::element_type;
use super::{Binding, Bindings, Computed, Run, described, error, problem};
use crate::codes::Code;
use crate::report::suggesting;
use infra_model::address::InstanceKey;
use infra_model::convert::{can_convert, convert};
use infra_model::diagnostic::{Diagnostic, Span, did_you_mean};
use infra_model::evaluate::KnownStep;
use infra_model::expr::{Expr, ExprKind, Root};
use infra_model::value::Marks;
use infra_model::{Type, Value};

impl Run<'_> {
    /// The value of a reference, attribute or index. What follows a reference is shown to the scope first.
    pub(super) fn traversal(&self, expr: &Expr, bindings: Bindings<'_>) -> Computed {
        let mut steps = Vec::new();
        let mut source = expr;
        while let ExprKind::Attribute(inner, _) | ExprKind::Index(inner, _) = &*source.kind {
            steps.push(source);
            source = inner;
        }
        steps.reverse();
        let root = match &*source.kind {
            ExprKind::Reference(root) if *root != Root::SplatItem => root,
            _ => {
                let mut value = self.value(source, bindings)?;
                for step in steps {
                    value = self.step(&value, step, None, bindings)?;
                }
                return Ok(value);
            }
        };
        let mut known = Vec::with_capacity(steps.len());
        let mut keys = Vec::with_capacity(steps.len());
        for step in &steps {
            match &*step.kind {
                ExprKind::Attribute(_, name) => {
                    known.push(KnownStep::Attribute(name.clone()));
                    keys.push(None);
                }
                ExprKind::Index(_, key) => {
                    let key = self.value(key, bindings)?;
                    let instance = instance_key(key.bare());
                    keys.push(Some(key));
                    match instance {
                        Some(key) => known.push(KnownStep::Key(key)),
                        None => break,
                    }
                }
                _ => unreachable!("only attributes and indexes were collected"),
            }
        }
        let resolved = self
            .scope
            .resolve(root, &known, source.span)
            .map_err(|d| vec![d.or_at(source.span)])?;
        let consumed = resolved.consumed.min(known.len());
        let marks = keys[..consumed]
            .iter()
            .flatten()
            .fold(Marks::NONE, |marks, key| marks.union(key.marks()));
        let mut value = resolved.value.with_marks(marks);
        let mut keys = keys.into_iter().skip(consumed);
        for step in &steps[consumed..] {
            value = self.step(&value, step, keys.next().flatten(), bindings)?;
        }
        Ok(value)
    }

    /// One attribute or index of a value; `key` when it was evaluated already.
    fn step(
        &self,
        value: &Value,
        step: &Expr,
        key: Option<Value>,
        bindings: Bindings<'_>,
    ) -> Computed {
        match &*step.kind {
            ExprKind::Attribute(source, name) => {
                attribute(value, name, name_span(step, source, name))
            }
            ExprKind::Index(_, key_expr) => {
                let key = match key {
                    Some(key) => key,
                    None => self.value(key_expr, bindings)?,
                };
                index(value, &key, key_expr.span)
            }
            _ => unreachable!("only attributes and indexes are steps"),
        }
    }

    pub(super) fn splat(&self, source: &Expr, each: &Expr, bindings: Bindings<'_>) -> Computed {
        let value = self.value(source, bindings)?;
        let (bare, marks) = value.unmark();
        let one = |item: &Value| {
            let inner = Binding {
                outer: bindings,
                name: None,
                value: item,
            };
            self.value(each, Some(&inner))
        };
        let result = match bare {
            Value::Null(_) => Value::tuple(Vec::new()),
            Value::Unknown(Type::List(t) | Type::Set(t)) => {
                Value::Unknown(Type::list(one(&Value::Unknown((**t).clone()))?.ty()))
            }
            Value::Unknown(Type::Tuple(types)) => {
                let items: Result<_, _> = types
                    .iter()
                    .map(|t| one(&Value::Unknown(t.clone())))
                    .collect();
                Value::tuple(items?)
            }
            // Even whether it is a list is not known.
            Value::Unknown(Type::Any) => Value::UNKNOWN,
            Value::List(t, items) | Value::Set(t, items) => {
                let results: Vec<Value> = items.iter().map(one).collect::<Result<_, _>>()?;
                match results.first().map(Value::ty) {
                    None => {
                        let each = one(&Value::Unknown(t.clone())).map_or(Type::Any, |v| v.ty());
                        Value::list(each, results)
                    }
                    Some(first) if results.iter().all(|r| r.ty() == first) => {
                        Value::list(first, results)
                    }
                    Some(_) => Value::tuple(results),
                }
            }
            Value::Tuple(items) => Value::tuple(items.iter().map(one).collect::<Result<_, _>>()?),
            single => Value::tuple(vec![one(single)?]),
        };
        Ok(result.with_marks(marks))
    }
}

/// Where the name of an attribute stands: the end of the whole.
pub(crate) fn name_span(expr: &Expr, source: &Expr, name: &str) -> Span {
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    let start = expr.span.end.saturating_sub(length).max(source.span.end);
    if source.span == expr.span || start >= expr.span.end {
        return expr.span;
    }
    Span { start, ..expr.span }
}

/// The instance that a key stands for.
fn instance_key(key: &Value) -> Option<InstanceKey> {
    match key {
        Value::String(s) => Some(InstanceKey::Name(s.clone())),
        Value::Number(n) => n
            .to_i64()
            .and_then(|i| u64::try_from(i).ok())
            .map(InstanceKey::Index),
        _ => None,
    }
}

/// `value.name`
fn attribute(value: &Value, name: &str, span: Span) -> Computed {
    let (bare, marks) = value.unmark();
    let wrong =
        |message: String| Diagnostic::error(Code::UnknownAttribute, message).at(span, "unknown");
    let missing = |message: String, candidates: Vec<&str>| {
        let diagnostic = wrong(message);
        Err(vec![if marks.sensitive {
            diagnostic
        } else {
            suggesting(diagnostic, name, candidates, "")
        }])
    };
    let found = match bare {
        Value::Object(entries) => match entries.get(name) {
            Some(found) => found.clone(),
            None => {
                return missing(
                    format!("this object has no attribute `{name}`"),
                    entries.keys().map(|k| &**k).collect(),
                );
            }
        },
        Value::Map(_, entries) => match entries.get(name) {
            Some(found) => found.clone(),
            None => {
                return missing(
                    format!("this map has no element with the key `{name}`"),
                    entries.keys().map(|k| &**k).collect(),
                );
            }
        },
        Value::Unknown(Type::Any) => Value::UNKNOWN,
        Value::Unknown(Type::Map(element)) => Value::Unknown((**element).clone()),
        Value::Unknown(Type::Object(object)) => match object.attributes.get(name) {
            Some(attribute) => Value::Unknown(attribute.ty.clone()),
            None => {
                return missing(
                    format!("this object has no attribute `{name}`"),
                    object.attributes.keys().map(|k| &**k).collect(),
                );
            }
        },
        Value::Null(_) => {
            return error(
                format!("this value is null, so it has no attribute `{name}`"),
                span,
            );
        }
        other => {
            let help = if other.elements().is_some() {
                "name an element with `[0]`, or take the attribute of each with `[*]`".to_owned()
            } else {
                format!("this is the value itself: leave `.{name}` out")
            };
            return Err(vec![
                wrong(format!("{} has no attribute `{name}`", described(other))).help(help),
            ]);
        }
    };
    Ok(found.with_marks(marks))
}

/// `value[key]`
fn index(value: &Value, key: &Value, span: Span) -> Computed {
    let (bare, marks) = value.unmark();
    let (key, key_marks) = key.unmark();
    let marks = marks.union(key_marks);
    let key_as = |ty: &Type| match key {
        Value::Null(_) => error("a key must not be null", span),
        Value::Unknown(from) if can_convert(from, ty) => Ok(None),
        known => match convert(known, ty) {
            Ok(key) => Ok(Some(key)),
            Err(_) => error(format!("the key must be a {}", ty.friendly()), span),
        },
    };
    let element = match bare {
        Value::List(_, items) | Value::Tuple(items) => match key_as(&Type::Number)? {
            Some(key) => items[position(&key, items.len(), marks, span)?].clone(),
            None => match bare {
                Value::List(t, _) => Value::Unknown(t.clone()),
                _ => Value::UNKNOWN,
            },
        },
        Value::Map(_, entries) | Value::Object(entries) => match key_as(&Type::String)? {
            Some(key) => {
                let name = key.as_str().expect("converted to a string");
                match entries.get(name) {
                    Some(found) => found.clone(),
                    None => return Err(vec![missing_key(bare, name, marks, span)]),
                }
            }
            None => match bare {
                Value::Map(t, _) => Value::Unknown(t.clone()),
                _ => Value::UNKNOWN,
            },
        },
        Value::Unknown(ty) => match ty {
            Type::Any => Value::UNKNOWN,
            Type::List(_) => {
                key_as(&Type::Number)?;
                Value::Unknown(element_type(ty))
            }
            Type::Map(_) => {
                key_as(&Type::String)?;
                Value::Unknown(element_type(ty))
            }
            Type::Tuple(types) => match key_as(&Type::Number)? {
                Some(key) => {
                    Value::Unknown(types[position(&key, types.len(), marks, span)?].clone())
                }
                None => Value::UNKNOWN,
            },
            Type::Object(_) => match key_as(&Type::String)? {
                Some(key) => attribute(bare, key.as_str().expect("converted to a string"), span)?,
                None => Value::UNKNOWN,
            },
            _ => return no_elements(bare, span),
        },
        Value::Null(_) => return error("this value is null, so it has no elements", span),
        _ => return no_elements(bare, span),
    };
    Ok(element.with_marks(marks))
}

fn no_elements(value: &Value, span: Span) -> Computed {
    let mut diagnostic = problem(
        format!("{} has no elements that a key names", described(value)),
        span,
    );
    if matches!(value.ty(), Type::Set(_)) {
        diagnostic = diagnostic
            .help("the elements of a set have no order; convert it with `tolist()` first");
    }
    Err(vec![diagnostic])
}

/// The place of an element in a sequence.
fn position(
    key: &Value,
    length: usize,
    marks: Marks,
    span: Span,
) -> Result<usize, Vec<Diagnostic>> {
    let Value::Number(n) = key else {
        unreachable!("converted to a number");
    };
    let index = n.to_i64().and_then(|i| usize::try_from(i).ok());
    if let Some(index) = index.filter(|i| *i < length) {
        return Ok(index);
    }
    let message = if marks.sensitive {
        "this index lies outside of the list".to_owned()
    } else if !n.is_integer() {
        "an index must be a whole number".to_owned()
    } else {
        match length {
            0 => format!("there is no element {n}: the list is empty"),
            1 => format!("there is no element {n}: the list has one element, with index 0"),
            _ => format!(
                "there is no element {n}: the list has {length} elements, with indexes 0 to {}",
                length - 1
            ),
        }
    };
    error(message, span)
}

fn missing_key(map: &Value, name: &str, marks: Marks, span: Span) -> Diagnostic {
    if marks.sensitive {
        return problem("there is no element with this key", span);
    }
    let keys = map.entries().into_iter().flatten().map(|(k, _)| &**k);
    let diagnostic = problem(format!("there is no element with the key {name:?}"), span);
    match did_you_mean(name, keys) {
        Some(meant) => diagnostic.help(format!("did you mean {meant:?}?")),
        None => diagnostic,
    }
}
