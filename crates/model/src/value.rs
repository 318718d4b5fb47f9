//! Values of expressions and attributes: known, null or unknown, and marked sensitive or ephemeral.

use crate::number::Number;
use crate::types::{ObjectAttribute, ObjectType, Type};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Shared text; cloning is cheap.
pub type Str = Arc<str>;

/// A value. Cloning is cheap: collections are shared. The order of values is that of the elements of sets: null comes after
/// everything that is known, and what is unknown after that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text, in Unicode normal form C.
    String(Str),
    /// A list and its element type.
    List(Type, Arc<Vec<Value>>),
    /// A set and its element type; sorted, without duplicates.
    Set(Type, Arc<Vec<Value>>),
    /// A sequence of differently typed values.
    Tuple(Arc<Vec<Value>>),
    /// A map and its element type.
    Map(Type, Arc<BTreeMap<Str, Value>>),
    /// Named attributes.
    Object(Arc<BTreeMap<Str, Value>>),
    /// Absent, with the type it would have had.
    Null(Type),
    /// Known after apply, with its type (`Any` when even that is not known).
    Unknown(Type),
    /// A value that carries marks; never directly around another `Marked`. Use [`Value::with_marks`].
    Marked(Marks, Arc<Value>),
}

/// What must be remembered about where a value came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Marks {
    /// Never shown, stored only encrypted.
    pub sensitive: bool,
    /// Never stored.
    pub ephemeral: bool,
}

impl Marks {
    /// No mark.
    pub const NONE: Marks = Marks {
        sensitive: false,
        ephemeral: false,
    };
    /// Sensitive alone.
    pub const SENSITIVE: Marks = Marks {
        sensitive: true,
        ephemeral: false,
    };

    /// Ephemeral alone.
    pub const EPHEMERAL: Marks = Marks {
        sensitive: false,
        ephemeral: true,
    };

    /// Both sets of marks.
    #[must_use]
    pub fn union(self, other: Marks) -> Marks {
        Marks {
            sensitive: self.sensitive || other.sensitive,
            ephemeral: self.ephemeral || other.ephemeral,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Marks::NONE
    }
}

impl Value {
    /// The untyped null.
    pub const NULL: Value = Value::Null(Type::Any);
    /// A value of which nothing is known.
    pub const UNKNOWN: Value = Value::Unknown(Type::Any);

    /// Text, as it is: callers that take text from outside normalise it first.
    #[must_use]
    pub fn string(text: impl Into<Str>) -> Value {
        Value::String(text.into())
    }

    /// A list of strings.
    #[must_use]
    pub fn strings<S: Into<Str>>(items: impl IntoIterator<Item = S>) -> Value {
        Value::List(
            Type::String,
            Arc::new(items.into_iter().map(Value::string).collect()),
        )
    }

    /// A list; every item must be of the element type.
    #[must_use]
    pub fn list(element: Type, items: Vec<Value>) -> Value {
        Value::List(element, Arc::new(items))
    }

    /// A set; sorts and removes duplicates.
    #[must_use]
    pub fn set(element: Type, mut items: Vec<Value>) -> Value {
        items.sort();
        items.dedup();
        Value::Set(element, Arc::new(items))
    }

    /// A tuple.
    #[must_use]
    pub fn tuple(items: Vec<Value>) -> Value {
        Value::Tuple(Arc::new(items))
    }

    /// A map; every item must be of the element type.
    #[must_use]
    pub fn map<K: Into<Str>>(element: Type, items: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(
            element,
            Arc::new(items.into_iter().map(|(k, v)| (k.into(), v)).collect()),
        )
    }

    /// An object.
    #[must_use]
    pub fn object<K: Into<Str>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Object(Arc::new(
            attributes.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        ))
    }

    /// The type; of an unknown or null, the type it will have or would have had.
    #[must_use]
    pub fn ty(&self) -> Type {
        match self {
            Value::Null(t) | Value::Unknown(t) => t.clone(),
            Value::Bool(_) => Type::Bool,
            Value::Number(_) => Type::Number,
            Value::String(_) => Type::String,
            Value::List(t, _) => Type::list(t.clone()),
            Value::Set(t, _) => Type::set(t.clone()),
            Value::Map(t, _) => Type::map(t.clone()),
            Value::Tuple(items) => Type::tuple(items.iter().map(Value::ty)),
            Value::Object(attributes) => Type::Object(Arc::new(ObjectType {
                attributes: attributes
                    .iter()
                    .map(|(k, v)| {
                        (
                            k.clone(),
                            ObjectAttribute {
                                ty: v.ty(),
                                optional: false,
                                default: None,
                            },
                        )
                    })
                    .collect(),
            })),
            Value::Marked(_, inner) => inner.ty(),
        }
    }

    /// The value without its outermost marks, and those marks.
    #[must_use]
    pub fn unmark(&self) -> (&Value, Marks) {
        match self {
            Value::Marked(marks, inner) => (inner, *marks),
            other => (other, Marks::NONE),
        }
    }

    /// The value without its outermost marks.
    #[must_use]
    pub fn bare(&self) -> &Value {
        self.unmark().0
    }

    /// The outermost marks.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.unmark().1
    }

    /// With these marks added.
    #[must_use]
    pub fn with_marks(self, marks: Marks) -> Value {
        if marks.is_empty() {
            return self;
        }
        match self {
            Value::Marked(own, inner) => Value::Marked(own.union(marks), inner),
            other => Value::Marked(marks, Arc::new(other)),
        }
    }

    /// Marked sensitive.
    #[must_use]
    pub fn sensitive(self) -> Value {
        self.with_marks(Marks::SENSITIVE)
    }

    /// Whether this very value is null (nothing about elements).
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.bare(), Value::Null(_))
    }

    /// Whether this very value is unknown (nothing about elements).
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.bare(), Value::Unknown(_))
    }

    /// Whether nothing in it, however deep, is unknown.
    #[must_use]
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Value::Unknown(_) => false,
            Value::Null(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
                items.iter().all(Value::is_wholly_known)
            }
            Value::Map(_, items) | Value::Object(items) => {
                items.values().all(Value::is_wholly_known)
            }
            Value::Marked(_, inner) => inner.is_wholly_known(),
        }
    }

    /// The value with its unknown parts null: what a provider gets to act on is never unknown.
    #[must_use]
    pub fn without_unknowns(&self) -> Value {
        if self.is_wholly_known() {
            return self.clone();
        }
        let all = |items: &[Value]| items.iter().map(Value::without_unknowns).collect();
        match self {
            Value::Unknown(ty) => Value::Null(ty.clone()),
            Value::List(t, items) => Value::list(t.clone(), all(items)),
            Value::Set(t, items) => Value::set(t.clone(), all(items)),
            Value::Tuple(items) => Value::tuple(all(items)),
            Value::Map(t, items) => Value::map(
                t.clone(),
                items.iter().map(|(k, v)| (k.clone(), v.without_unknowns())),
            ),
            Value::Object(items) => {
                Value::object(items.iter().map(|(k, v)| (k.clone(), v.without_unknowns())))
            }
            Value::Marked(marks, inner) => inner.without_unknowns().with_marks(*marks),
            known => known.clone(),
        }
    }

    /// The union of all marks in it, however deep.
    #[must_use]
    pub fn deep_marks(&self) -> Marks {
        let union = |a: Marks, v: &Value| a.union(v.deep_marks());
        match self {
            Value::Null(_)
            | Value::Unknown(_)
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => Marks::NONE,
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
                items.iter().fold(Marks::NONE, union)
            }
            Value::Map(_, items) | Value::Object(items) => items.values().fold(Marks::NONE, union),
            Value::Marked(marks, inner) => inner.deep_marks().union(*marks),
        }
    }

    /// Whether there is a marked value in it, however deep: also one without any mark, as a [`Trace`] makes them.
    #[must_use]
    pub fn holds_marked(&self) -> bool {
        match self {
            Value::Marked(..) => true,
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
                items.iter().any(Value::holds_marked)
            }
            Value::Map(_, items) | Value::Object(items) => items.values().any(Value::holds_marked),
            _ => false,
        }
    }

    /// The value with all marks removed, however deep.
    #[must_use]
    pub fn unmark_deep(&self) -> Value {
        if !self.holds_marked() {
            return self.clone();
        }
        match self {
            Value::Marked(_, inner) => inner.unmark_deep(),
            Value::List(t, items) => {
                Value::list(t.clone(), items.iter().map(Value::unmark_deep).collect())
            }
            Value::Set(t, items) => {
                Value::set(t.clone(), items.iter().map(Value::unmark_deep).collect())
            }
            Value::Tuple(items) => Value::tuple(items.iter().map(Value::unmark_deep).collect()),
            Value::Map(t, items) => Value::map(
                t.clone(),
                items.iter().map(|(k, v)| (k.clone(), v.unmark_deep())),
            ),
            Value::Object(items) => {
                Value::object(items.iter().map(|(k, v)| (k.clone(), v.unmark_deep())))
            }
            plain => plain.clone(),
        }
    }

    /// The text, if it is a known string (marked or not).
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.bare() {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The truth value, if it is a known bool.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.bare() {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The integer, if it is a known number that is one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.bare() {
            Value::Number(n) => n.to_i64(),
            _ => None,
        }
    }

    /// The elements of a known list, set or tuple.
    #[must_use]
    pub fn elements(&self) -> Option<&[Value]> {
        match self.bare() {
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a known map or object.
    #[must_use]
    pub fn entries(&self) -> Option<&BTreeMap<Str, Value>> {
        match self.bare() {
            Value::Map(_, items) | Value::Object(items) => Some(items),
            _ => None,
        }
    }

    /// An attribute of a known object, or an entry of a known map.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries().and_then(|entries| entries.get(name))
    }

    /// A copy of an object with one attribute set; anything else is returned unchanged.
    #[must_use]
    pub fn with_attribute(self, name: &str, value: Value) -> Value {
        match self {
            Value::Object(mut attributes) => {
                Arc::make_mut(&mut attributes).insert(name.into(), value);
                Value::Object(attributes)
            }
            Value::Marked(marks, inner) => (*inner)
                .clone()
                .with_attribute(name, value)
                .with_marks(marks),
            other => other,
        }
    }
}

/// An unknown value that is found again wherever it comes out as it is. To every operation it is unknown, so that none can look
/// into it: what is computed of it, or chosen by it, is another unknown value. Only what passes it on, such as a list that it is put
/// into, gives the very same one.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Value>);

impl Trace {
    /// A new one, of what will be of a type.
    #[must_use]
    pub fn unknown(ty: Type) -> Trace {
        Trace(Arc::new(Value::Unknown(ty)))
    }

    /// The value, to be put where it starts.
    #[must_use]
    pub fn value(&self) -> Value {
        Value::Marked(Marks::NONE, self.0.clone())
    }

    /// What tells it from all others, as long as it is kept.
    #[must_use]
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The key of the one that a value is, if it is one; any unknown value with marks has a key, but that of no trace.
    #[must_use]
    pub fn of(value: &Value) -> Option<usize> {
        match value {
            Value::Marked(_, inner) => Some(Arc::as_ptr(inner).addr()),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::string(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Number(Number::from(value))
    }
}
