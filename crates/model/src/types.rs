//! Types of values and their constraints, with Terraform's names.

use crate::value::{Str, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The type of a value, or a constraint on one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Not known yet, or anything goes.
    Any,
    /// `true` or `false`.
    Bool,
    /// A number of 512 bits.
    Number,
    /// Unicode text, NFC.
    String,
    /// Ordered, one element type.
    List(Arc<Type>),
    /// Unordered and unique, one element type.
    Set(Arc<Type>),
    /// String keys, one element type.
    Map(Arc<Type>),
    /// Ordered, a type per element.
    Tuple(Arc<[Type]>),
    /// Named attributes, a type each.
    Object(Arc<ObjectType>),
}

/// The attributes of an object type.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectType {
    /// By name.
    pub attributes: BTreeMap<Str, ObjectAttribute>,
}

/// One attribute of an object type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectAttribute {
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// `optional(T)`: may be left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// `optional(T, default)`: what stands in when it is left out or null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

impl Type {
    /// `list(element)`.
    #[must_use]
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }

    /// `set(element)`.
    #[must_use]
    pub fn set(element: Type) -> Type {
        Type::Set(Arc::new(element))
    }

    /// `map(element)`.
    #[must_use]
    pub fn map(element: Type) -> Type {
        Type::Map(Arc::new(element))
    }

    /// `tuple([...])`.
    #[must_use]
    pub fn tuple(elements: impl IntoIterator<Item = Type>) -> Type {
        Type::Tuple(elements.into_iter().collect())
    }

    /// `object({...})` whose attributes are all required.
    #[must_use]
    pub fn object<K: Into<Str>>(attributes: impl IntoIterator<Item = (K, Type)>) -> Type {
        let attributes = attributes
            .into_iter()
            .map(|(name, ty)| {
                (
                    name.into(),
                    ObjectAttribute {
                        ty,
                        optional: false,
                        default: None,
                    },
                )
            })
            .collect();
        Type::Object(Arc::new(ObjectType { attributes }))
    }

    /// Whether `Any` occurs anywhere in it.
    #[must_use]
    pub fn contains_any(&self) -> bool {
        match self {
            Type::Any => true,
            Type::Bool | Type::Number | Type::String => false,
            Type::List(t) | Type::Set(t) | Type::Map(t) => t.contains_any(),
            Type::Tuple(items) => items.iter().any(Type::contains_any),
            Type::Object(object) => object.attributes.values().any(|a| a.ty.contains_any()),
        }
    }

    /// `bool`, `number` or `string`.
    #[must_use]
    pub fn is_primitive(&self) -> bool {
        matches!(self, Type::Bool | Type::Number | Type::String)
    }

    /// The type of an attribute of an object, or of a map's elements.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Type> {
        match self {
            Type::Object(object) => object.attributes.get(name).map(|a| &a.ty),
            Type::Map(element) => Some(element),
            _ => None,
        }
    }

    /// What messages call it: `string`, `list of string`, `object`.
    #[must_use]
    pub fn friendly(&self) -> String {
        match self {
            Type::Any => "any type".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::Number => "number".to_owned(),
            Type::String => "string".to_owned(),
            Type::List(t) => format!("list of {}", t.friendly()),
            Type::Set(t) => format!("set of {}", t.friendly()),
            Type::Map(t) => format!("map of {}", t.friendly()),
            Type::Tuple(_) => "tuple".to_owned(),
            Type::Object(_) => "object".to_owned(),
        }
    }
}

impl fmt::Display for Type {
    /// The constraint as it is written in a stack file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("any"),
            Type::Bool => f.write_str("bool"),
            Type::Number => f.write_str("number"),
            Type::String => f.write_str("string"),
            Type::List(t) => write!(f, "list({t})"),
            Type::Set(t) => write!(f, "set({t})"),
            Type::Map(t) => write!(f, "map({t})"),
            Type::Tuple(items) => {
                f.write_str("tuple([")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("])")
            }
            Type::Object(object) => {
                f.write_str("object({")?;
                for (i, (name, attribute)) in object.attributes.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    if attribute.optional {
                        write!(f, "{name} = optional({})", attribute.ty)?;
                    } else {
                        write!(f, "{name} = {}", attribute.ty)?;
                    }
                }
                f.write_str("})")
            }
        }
    }
}
