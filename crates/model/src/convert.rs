//! Terraform's conversion and unification rules between types.

use crate::number::Number;
use crate::path::{Path, Step};
use crate::types::{ObjectType, Type};
use crate::value::{Str, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Why a value is not of a type and cannot become it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", prefix(.path))]
pub struct ConvertError {
    /// Where in the value; empty for the value itself.
    pub path: Path,
    /// What is required, such as `a number is required`.
    pub message: String,
}

fn prefix(path: &Path) -> String {
    if path.0.is_empty() {
        String::new()
    } else {
        format!("attribute {path}: ")
    }
}

/// Text in Unicode normal form C, in which all strings are kept.
#[must_use]
pub fn normalise(text: &str) -> Str {
    if is_nfc(text) {
        text.into()
    } else {
        text.nfc().collect::<String>().into()
    }
}

/// Converts a value to a type.
///
/// # Errors
/// When Terraform would refuse the conversion too.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    convert_at(value, ty, &Path::default())
}

fn convert_at(value: &Value, ty: &Type, path: &Path) -> Result<Value, ConvertError> {
    let required = || ConvertError {
        path: path.clone(),
        message: requirement(ty),
    };
    if let Value::Marked(marks, inner) = value {
        let converted = convert_at(inner, ty, path)?;
        // What is unknown as before is the same value, which a trace is known by.
        if matches!(**inner, Value::Unknown(_)) && converted == **inner {
            return Ok(value.clone());
        }
        return Ok(converted.with_marks(*marks));
    }
    match (value, ty) {
        (_, Type::Any)
        | (Value::Bool(_), Type::Bool)
        | (Value::Number(_), Type::Number)
        | (Value::String(_), Type::String) => Ok(value.clone()),
        (Value::Null(from), _) => {
            if can_convert(from, ty) {
                Ok(Value::Null(concrete(from, ty)))
            } else {
                Err(required())
            }
        }
        (Value::Unknown(from), _) => {
            if can_convert(from, ty) {
                Ok(Value::Unknown(concrete(from, ty)))
            } else {
                Err(required())
            }
        }
        (Value::Bool(b), Type::String) => Ok(Value::string(if *b { "true" } else { "false" })),
        (Value::Number(n), Type::String) => Ok(Value::string(n.to_string())),
        (Value::String(s), Type::Number) => s
            .parse::<Number>()
            .map(Value::Number)
            .map_err(|_| required()),
        (Value::String(s), Type::Bool) => match &**s {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(required()),
        },
        (Value::List(t, _), Type::List(want))
        | (Value::Set(t, _), Type::Set(want))
        | (Value::Map(t, _), Type::Map(want))
            if t == &**want =>
        {
            Ok(value.clone())
        }
        (
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items),
            Type::List(want) | Type::Set(want),
        ) => {
            let mut out = Vec::with_capacity(items.len());
            for (i, item) in items.iter().enumerate() {
                out.push(convert_at(item, want, &path.join(Step::Index(i)))?);
            }
            if want.contains_any() && out.iter().any(is_open) {
                return Ok(undecided(ty, &out));
            }
            let element = settle_element(want, value, &mut out, path)?;
            if matches!(ty, Type::List(_)) {
                return Ok(Value::list(element, out));
            }
            // Sets cannot tell elements with unknown parts apart yet.
            if out.iter().all(Value::is_wholly_known) {
                Ok(set_with_marks(element, out))
            } else {
                Ok(Value::Unknown(Type::set(element)))
            }
        }
        (Value::Tuple(items), Type::Tuple(want)) => {
            if items.len() != want.len() {
                return Err(required());
            }
            let converted = items
                .iter()
                .zip(want.iter())
                .enumerate()
                .map(|(i, (v, t))| convert_at(v, t, &path.join(Step::Index(i))));
            Ok(Value::tuple(converted.collect::<Result<_, _>>()?))
        }
        (Value::Map(_, items) | Value::Object(items), Type::Map(want)) => {
            let (keys, mut out): (Vec<_>, Vec<_>) = items
                .iter()
                .map(|(k, v)| {
                    Ok((
                        k.clone(),
                        convert_at(v, want, &path.join(Step::Key { key: k.clone() }))?,
                    ))
                })
                .collect::<Result<Vec<_>, ConvertError>>()?
                .into_iter()
                .unzip();
            if want.contains_any() && out.iter().any(is_open) {
                return Ok(undecided(ty, &out));
            }
            let element = settle_element(want, value, &mut out, path)?;
            Ok(Value::map(element, keys.into_iter().zip(out)))
        }
        (Value::Map(_, items) | Value::Object(items), Type::Object(want)) => {
            to_object(items, want, path)
        }
        _ => Err(required()),
    }
}

/// Whether the type of a value may yet turn out to be another.
fn is_open(value: &Value) -> bool {
    match value {
        Value::Unknown(ty) => ty.contains_any(),
        Value::Marked(_, inner) => is_open(inner),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            items.iter().any(is_open)
        }
        Value::Map(_, items) | Value::Object(items) => items.values().any(is_open),
        _ => false,
    }
}

/// A collection whose elements have no common type yet, because the type of one is open.
fn undecided(ty: &Type, items: &[Value]) -> Value {
    let marks = items
        .iter()
        .fold(crate::value::Marks::NONE, |m, v| m.union(v.deep_marks()));
    Value::Unknown(ty.clone()).with_marks(marks)
}

fn set_with_marks(element: Type, items: Vec<Value>) -> Value {
    let marks = items
        .iter()
        .fold(crate::value::Marks::NONE, |m, v| m.union(v.deep_marks()));
    Value::set(element, items.iter().map(Value::unmark_deep).collect()).with_marks(marks)
}

fn to_object(
    items: &BTreeMap<Str, Value>,
    want: &Arc<ObjectType>,
    path: &Path,
) -> Result<Value, ConvertError> {
    let mut out = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, attribute) in &want.attributes {
        let inner = path.join(Step::Attribute(name.clone()));
        let given = items
            .get(name)
            .filter(|v| !(v.is_null() && attribute.default.is_some()));
        let value = match (given, &attribute.default) {
            (Some(value), _) => convert_at(value, &attribute.ty, &inner)?,
            (None, Some(default)) => convert_at(default, &attribute.ty, &inner)?,
            (None, None) if attribute.optional => Value::Null(without_optional(&attribute.ty)),
            (None, None) => {
                missing.push(format!("\"{name}\""));
                continue;
            }
        };
        out.insert(name.clone(), value);
    }
    match missing.as_slice() {
        [] => Ok(Value::Object(Arc::new(out))),
        [one] => Err(ConvertError {
            path: path.clone(),
            message: format!("attribute {one} is required"),
        }),
        many => Err(ConvertError {
            path: path.clone(),
            message: format!("attributes {} are required", many.join(", ")),
        }),
    }
}

/// The element type of a collection whose wanted element type may be `any`: the unification of what is there.
fn settle_element(
    want: &Type,
    source: &Value,
    items: &mut [Value],
    path: &Path,
) -> Result<Type, ConvertError> {
    if !want.contains_any() {
        return Ok(without_optional(want));
    }
    // A collection knows the type of its elements even when it has none.
    if let Value::List(own, _) | Value::Set(own, _) | Value::Map(own, _) = source
        && items.is_empty()
    {
        return Ok(concrete(own, want));
    }
    let types: Vec<Type> = items.iter().map(Value::ty).collect();
    let element = unify(&types).ok_or_else(|| ConvertError {
        path: path.clone(),
        message: "all elements must have the same type".to_owned(),
    })?;
    for item in items.iter_mut() {
        *item = convert_at(item, &element, path)?;
    }
    Ok(element)
}

/// What a message says is required.
#[must_use]
pub fn requirement(ty: &Type) -> String {
    match ty {
        Type::Object(_) => "object required".to_owned(),
        Type::Tuple(_) => "tuple required".to_owned(),
        other => {
            let name = other.friendly();
            let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) {
                "an"
            } else {
                "a"
            };
            if other.is_primitive() {
                format!("{article} {name} is required")
            } else {
                format!("{name} required")
            }
        }
    }
}

/// Whether some value of one type converts to another.
#[must_use]
pub fn can_convert(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Any, _) | (_, Type::Any) => true,
        (a, b) if a == b => true,
        (a, Type::String) => a.is_primitive(),
        (Type::String, b) => b.is_primitive(),
        (Type::List(a) | Type::Set(a), Type::List(b) | Type::Set(b))
        | (Type::Map(a), Type::Map(b)) => can_convert(a, b),
        (Type::Tuple(items), Type::List(b) | Type::Set(b)) => {
            items.iter().all(|a| can_convert(a, b))
        }
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| can_convert(a, b))
        }
        (Type::Object(object), Type::Map(b)) => {
            object.attributes.values().all(|a| can_convert(&a.ty, b))
        }
        (Type::Map(a), Type::Object(object)) => {
            object.attributes.values().all(|b| can_convert(a, &b.ty))
        }
        (Type::Object(a), Type::Object(b)) => {
            b.attributes
                .iter()
                .all(|(name, want)| match a.attributes.get(name) {
                    Some(have) => can_convert(&have.ty, &want.ty),
                    None => want.optional,
                })
        }
        _ => false,
    }
}

/// The type that a conversion to a constraint gives: `any` inside the constraint is filled from what is there.
fn concrete(from: &Type, to: &Type) -> Type {
    match (from, to) {
        (_, Type::Any) => from.clone(),
        (Type::List(a) | Type::Set(a), Type::List(b)) => Type::list(concrete(a, b)),
        (Type::List(a) | Type::Set(a), Type::Set(b)) => Type::set(concrete(a, b)),
        (Type::Map(a), Type::Map(b)) => Type::map(concrete(a, b)),
        _ => without_optional(to),
    }
}

/// The type of the values that satisfy a constraint: `optional()` marks and defaults are gone.
#[must_use]
pub fn without_optional(ty: &Type) -> Type {
    match ty {
        Type::List(t) => Type::list(without_optional(t)),
        Type::Set(t) => Type::set(without_optional(t)),
        Type::Map(t) => Type::map(without_optional(t)),
        Type::Tuple(items) => Type::tuple(items.iter().map(without_optional)),
        Type::Object(object) => Type::object(
            object
                .attributes
                .iter()
                .map(|(k, a)| (k.clone(), without_optional(&a.ty))),
        ),
        plain => plain.clone(),
    }
}

/// The one type that all convert to, as for the branches of a conditional; `None` when there is none. `any` is the type of
/// null, which fits every other.
#[must_use]
pub fn unify(types: &[Type]) -> Option<Type> {
    unify_all(types, false)
}

/// As [`unify`], for values that are not known yet: `any` may turn out to be anything, and so may what it is unified with.
#[must_use]
pub fn unify_open(types: &[Type]) -> Option<Type> {
    unify_all(types, true)
}

fn unify_all(types: &[Type], open: bool) -> Option<Type> {
    if open && types.iter().any(|t| matches!(t, Type::Any)) {
        return Some(Type::Any);
    }
    let mut known = types.iter().filter(|t| !matches!(t, Type::Any));
    let Some(first) = known.next() else {
        return Some(Type::Any);
    };
    known.try_fold(first.clone(), |so_far, next| unify_two(&so_far, next, open))
}

fn unify_two(a: &Type, b: &Type, open: bool) -> Option<Type> {
    if a == b {
        return Some(a.clone());
    }
    match (a, b) {
        (Type::Any, _) | (_, Type::Any) if open => Some(Type::Any),
        (Type::Any, other) | (other, Type::Any) => Some(other.clone()),
        (x, y) if x.is_primitive() && y.is_primitive() => {
            // Bool and number have no common type but string.
            if matches!(x, Type::String) || matches!(y, Type::String) {
                Some(Type::String)
            } else {
                None
            }
        }
        (Type::List(x), Type::List(y)) => unify_two(x, y, open).map(Type::list),
        (Type::Set(x), Type::Set(y)) => unify_two(x, y, open).map(Type::set),
        (Type::Map(x), Type::Map(y)) => unify_two(x, y, open).map(Type::map),
        // A list is kept, and the set's elements must fit it.
        (Type::List(x), Type::Set(y)) | (Type::Set(y), Type::List(x)) => {
            can_convert(y, x).then(|| Type::List(x.clone()))
        }
        (Type::Tuple(x), Type::Tuple(y)) if x.len() == y.len() => x
            .iter()
            .zip(y.iter())
            .map(|(x, y)| unify_two(x, y, open))
            .collect::<Option<Vec<_>>>()
            .map(Type::tuple),
        (Type::Tuple(x), Type::Tuple(y)) => {
            unify_all(&x.iter().chain(y.iter()).cloned().collect::<Vec<_>>(), open).map(Type::list)
        }
        (Type::Tuple(x), Type::List(y)) | (Type::List(y), Type::Tuple(x)) => unify_all(
            &x.iter().cloned().chain([(**y).clone()]).collect::<Vec<_>>(),
            open,
        )
        .map(Type::list),
        (Type::Tuple(x), Type::Set(y)) | (Type::Set(y), Type::Tuple(x)) => x
            .iter()
            .all(|x| can_convert(x, y))
            .then(|| Type::Set(y.clone())),
        (Type::Object(x), Type::Object(y)) => {
            if x.attributes.keys().eq(y.attributes.keys()) {
                let attributes = x.attributes.iter().zip(y.attributes.values());
                attributes
                    .map(|((k, x), y)| Some((k.clone(), unify_two(&x.ty, &y.ty, open)?)))
                    .collect::<Option<Vec<_>>>()
                    .map(Type::object)
            } else {
                let all: Vec<Type> = x
                    .attributes
                    .values()
                    .chain(y.attributes.values())
                    .map(|a| a.ty.clone())
                    .collect();
                unify_all(&all, open).map(Type::map)
            }
        }
        (Type::Object(x), Type::Map(y)) | (Type::Map(y), Type::Object(x)) => unify_all(
            &x.attributes
                .values()
                .map(|a| a.ty.clone())
                .chain([(**y).clone()])
                .collect::<Vec<_>>(),
            open,
        )
        .map(Type::map),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primitives_convert_as_in_terraform() {
        let cases = [
            (Value::from("12"), Type::Number, Some(Value::from(12))),
            (Value::from("x"), Type::Number, None),
            (Value::from(true), Type::String, Some(Value::from("true"))),
            (Value::from("true"), Type::Bool, Some(Value::from(true))),
            (Value::from(1), Type::Bool, None),
            (Value::from(true), Type::Number, None),
        ];
        for (value, ty, expected) in cases {
            assert_eq!(convert(&value, &ty).ok(), expected, "{value:?} to {ty}");
        }
    }

    #[test]
    fn marks_and_unknowns_survive() {
        let secret = Value::from("12").sensitive();
        assert_eq!(
            convert(&secret, &Type::Number),
            Ok(Value::from(12).sensitive())
        );
        let list = Value::tuple(vec![Value::Unknown(Type::String), Value::from("a")]);
        assert_eq!(
            convert(&list, &Type::set(Type::String)),
            Ok(Value::Unknown(Type::set(Type::String)))
        );
    }

    #[test]
    fn typed_nulls_and_empty_collections_keep_their_types() {
        let any_list = Type::list(Type::Any);
        let cases = [
            (
                Value::Null(Type::Number),
                Type::String,
                Some(Value::Null(Type::String)),
            ),
            (Value::Null(Type::Number), any_list.clone(), None),
            (Value::NULL, Type::Bool, Some(Value::Null(Type::Bool))),
            (
                Value::set(Type::String, Vec::new()),
                any_list.clone(),
                Some(Value::list(Type::String, Vec::new())),
            ),
            (Value::list(Type::String, Vec::new()), Type::tuple([]), None),
        ];
        for (value, ty, expected) in cases {
            assert_eq!(convert(&value, &ty).ok(), expected, "{value:?} to {ty}");
        }
    }

    #[test]
    fn types_unify_as_in_terraform() {
        let (number, string) = (Type::Number, Type::String);
        let cases = [
            (number.clone(), string.clone(), Some(string.clone())),
            (number.clone(), Type::Bool, None),
            (
                Type::tuple([number.clone()]),
                Type::tuple([string.clone(), number.clone()]),
                Some(Type::list(string.clone())),
            ),
            (
                Type::tuple([number.clone()]),
                Type::set(string.clone()),
                Some(Type::set(string.clone())),
            ),
            (
                Type::list(number.clone()),
                Type::set(string.clone()),
                Some(Type::list(number.clone())),
            ),
            (
                Type::object([("a", number.clone())]),
                Type::object([("b", string.clone())]),
                Some(Type::map(string.clone())),
            ),
            (
                Type::object([("a", number.clone())]),
                Type::object([("b", Type::tuple([]))]),
                None,
            ),
        ];
        for (a, b, expected) in cases {
            assert_eq!(unify(&[a.clone(), b.clone()]), expected, "{a} and {b}");
        }
    }

    #[test]
    fn optional_attributes_get_their_defaults() {
        let mut object = ObjectType::default();
        let attribute = |ty, optional, default| crate::types::ObjectAttribute {
            ty,
            optional,
            default,
        };
        object
            .attributes
            .insert("a".into(), attribute(Type::String, false, None));
        object.attributes.insert(
            "b".into(),
            attribute(Type::Number, true, Some(Value::from(3))),
        );
        let ty = Type::Object(Arc::new(object));
        let converted = convert(&Value::object([("a", Value::from(1))]), &ty).expect("converts");
        assert_eq!(
            converted,
            Value::object([("a", Value::from("1")), ("b", Value::from(3))])
        );
        assert_eq!(
            convert(&Value::object([("b", Value::from(1))]), &ty)
                .expect_err("lacks a")
                .message,
            "attribute \"a\" is required"
        );
    }
}
