//! The types of results that depend on the arguments, for results that are not known yet.

use super::pattern;
use infra_model::convert::unify_open;
use infra_model::types::ObjectType;
use infra_model::{Type, Value};
use std::sync::Arc;

/// The unification of types; `Any` while one of them is open, or when there is none.
fn common(types: &[Type]) -> Type {
    unify_open(types).unwrap_or(Type::Any)
}

fn first(arguments: &[Value]) -> Type {
    arguments.first().map_or(Type::Any, Value::ty)
}

/// The type of the elements of a collection.
fn element_of(ty: &Type) -> Type {
    match ty {
        Type::List(t) | Type::Set(t) | Type::Map(t) => (**t).clone(),
        Type::Tuple(types) => common(types),
        Type::Object(object) => {
            let types: Vec<Type> = object.attributes.values().map(|a| a.ty.clone()).collect();
            common(&types)
        }
        _ => Type::Any,
    }
}

pub(super) fn chunklist(arguments: &[Value]) -> Type {
    Type::list(first(arguments))
}

pub(super) fn coalesce(arguments: &[Value]) -> Type {
    let open = arguments
        .iter()
        .any(|v| v.is_unknown() && matches!(v.ty(), Type::Any));
    if open {
        return Type::Any;
    }
    let types: Vec<Type> = arguments.iter().map(Value::ty).collect();
    unify_open(&types).unwrap_or(Type::Any)
}

pub(super) fn coalescelist(arguments: &[Value]) -> Type {
    let ty = first(arguments);
    if arguments.iter().all(|v| v.ty() == ty) {
        ty
    } else {
        Type::Any
    }
}

pub(super) fn concat(arguments: &[Value]) -> Type {
    let types: Vec<Type> = arguments.iter().map(Value::ty).collect();
    if types.iter().any(|t| matches!(t, Type::Any)) {
        return Type::Any;
    }
    if types.iter().all(|t| matches!(t, Type::List(_)))
        && let Some(list @ Type::List(_)) = unify_open(&types)
    {
        return list;
    }
    let mut items = Vec::new();
    for argument in arguments {
        match argument.bare() {
            Value::List(_, list) | Value::Tuple(list) => items.extend(list.iter().map(Value::ty)),
            Value::Unknown(Type::Tuple(types)) => items.extend(types.iter().cloned()),
            // How many elements there will be is not known.
            _ => return Type::Any,
        }
    }
    Type::tuple(items)
}

pub(super) fn distinct(arguments: &[Value]) -> Type {
    first(arguments)
}

pub(super) fn element(arguments: &[Value]) -> Type {
    match first(arguments) {
        Type::List(t) => (*t).clone(),
        Type::Tuple(types) => match arguments.get(1).and_then(Value::as_i64) {
            Some(i) if i >= 0 && !types.is_empty() => {
                types[usize::try_from(i).unwrap_or(0) % types.len()].clone()
            }
            _ => Type::Any,
        },
        _ => Type::Any,
    }
}

pub(super) fn flatten(_: &[Value]) -> Type {
    Type::Any
}

pub(super) fn keys(arguments: &[Value]) -> Type {
    match first(arguments) {
        Type::Map(_) => Type::list(Type::String),
        Type::Object(object) => {
            Type::tuple(std::iter::repeat_n(Type::String, object.attributes.len()))
        }
        _ => Type::Any,
    }
}

pub(super) fn lookup(arguments: &[Value]) -> Type {
    match (first(arguments), arguments.get(1).and_then(Value::as_str)) {
        (Type::Map(t), _) => (*t).clone(),
        (Type::Object(object), Some(key)) => match object.attributes.get(key) {
            Some(attribute) => attribute.ty.clone(),
            None => arguments.get(2).map_or(Type::Any, Value::ty),
        },
        _ => Type::Any,
    }
}

pub(super) fn matchkeys(arguments: &[Value]) -> Type {
    first(arguments)
}

pub(super) fn merge(arguments: &[Value]) -> Type {
    let types: Vec<Type> = arguments
        .iter()
        .filter(|v| !v.is_null())
        .map(Value::ty)
        .collect();
    if types.iter().any(|t| matches!(t, Type::Any)) {
        return Type::Any;
    }
    if let Some(map @ Type::Map(_)) = types.first()
        && types.iter().all(|t| t == map)
    {
        return map.clone();
    }
    let mut attributes = std::collections::BTreeMap::new();
    for argument in arguments.iter().filter(|v| !v.is_null()) {
        match (argument.bare().entries(), argument.ty()) {
            (Some(entries), _) => {
                let entry = |v: &Value| infra_model::types::ObjectAttribute {
                    ty: v.ty(),
                    optional: false,
                    default: None,
                };
                attributes.extend(entries.iter().map(|(k, v)| (k.clone(), entry(v))));
            }
            (None, Type::Object(object)) => attributes.extend(object.attributes.clone()),
            // Which keys there will be is not known.
            _ => return Type::Any,
        }
    }
    Type::Object(Arc::new(ObjectType { attributes }))
}

pub(super) fn one(arguments: &[Value]) -> Type {
    match first(arguments) {
        Type::List(t) | Type::Set(t) => (*t).clone(),
        Type::Tuple(types) => types.first().cloned().unwrap_or(Type::Any),
        _ => Type::Any,
    }
}

pub(super) fn reverse(arguments: &[Value]) -> Type {
    match first(arguments) {
        Type::Set(t) => Type::List(t),
        Type::Tuple(types) => Type::tuple(types.iter().rev().cloned()),
        other => other,
    }
}

pub(super) fn slice(arguments: &[Value]) -> Type {
    let bound = |i: usize| {
        arguments
            .get(i)
            .and_then(Value::as_i64)
            .and_then(|i| usize::try_from(i).ok())
    };
    match (first(arguments), bound(1), bound(2)) {
        (list @ Type::List(_), _, _) => list,
        (Type::Tuple(types), Some(start), Some(end)) => types
            .get(start..end)
            .map_or(Type::Any, |part| Type::tuple(part.iter().cloned())),
        _ => Type::Any,
    }
}

pub(super) fn values(arguments: &[Value]) -> Type {
    match first(arguments) {
        Type::Map(t) => Type::List(t),
        Type::Object(object) => Type::tuple(object.attributes.values().map(|a| a.ty.clone())),
        _ => Type::Any,
    }
}

pub(super) fn zipmap(arguments: &[Value]) -> Type {
    match arguments.get(1).map(Value::ty) {
        Some(Type::List(t)) => Type::Map(t),
        Some(Type::Tuple(types)) => match arguments[0].bare().elements() {
            Some(keys)
                if keys.len() == types.len() && keys.iter().all(|k| k.as_str().is_some()) =>
            {
                Type::object(
                    keys.iter()
                        .filter_map(Value::as_str)
                        .zip(types.iter().cloned()),
                )
            }
            _ => Type::Any,
        },
        _ => Type::Any,
    }
}

pub(super) fn setintersection(arguments: &[Value]) -> Type {
    let types: Vec<Type> = arguments.iter().map(Value::ty).collect();
    match unify_open(&types) {
        Some(set @ Type::Set(_)) => set,
        _ => Type::set(Type::Any),
    }
}

pub(super) fn setunion(arguments: &[Value]) -> Type {
    setintersection(arguments)
}

pub(super) fn setsubtract(arguments: &[Value]) -> Type {
    setintersection(arguments)
}

pub(super) fn setproduct(arguments: &[Value]) -> Type {
    let types: Vec<Type> = arguments.iter().map(Value::ty).collect();
    if types.iter().any(|t| matches!(t, Type::Any)) {
        return Type::Any;
    }
    let combination = Type::tuple(types.iter().map(element_of));
    if types.iter().all(|t| matches!(t, Type::Set(_))) {
        Type::set(combination)
    } else {
        Type::list(combination)
    }
}

fn pattern_type(arguments: &[Value]) -> Type {
    arguments
        .first()
        .and_then(Value::as_str)
        .and_then(pattern::match_type)
        .unwrap_or(Type::Any)
}

pub(super) fn regex(arguments: &[Value]) -> Type {
    pattern_type(arguments)
}

pub(super) fn regexall(arguments: &[Value]) -> Type {
    Type::list(pattern_type(arguments))
}

pub(super) fn ephemeralasnull(arguments: &[Value]) -> Type {
    first(arguments)
}

pub(super) fn sensitive(arguments: &[Value]) -> Type {
    first(arguments)
}

pub(super) fn nonsensitive(arguments: &[Value]) -> Type {
    first(arguments)
}

pub(super) fn tolist(arguments: &[Value]) -> Type {
    Type::list(element_of(&first(arguments)))
}

pub(super) fn toset(arguments: &[Value]) -> Type {
    Type::set(element_of(&first(arguments)))
}

pub(super) fn tomap(arguments: &[Value]) -> Type {
    Type::map(element_of(&first(arguments)))
}
