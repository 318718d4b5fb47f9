//! Between Rust structs and values: what `#[derive(Record)]` implements and its field types build on.

use crate::number::Number;
use crate::schema::Block;
use crate::types::Type;
use crate::value::{Str, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A struct that is a schema block: one source for validation, documentation and conversion.
///
/// Field attributes, `#[record(…)]`: `required`, `optional`, `computed`, `force_new`, `sensitive`, `write_only`,
/// `protects`, `default = EXPR`, `compare = json | case_insensitive | blanks | resource_name | version`, `deprecated = "…"`,
/// `rename = "…"`; for nested blocks `block`, with `set`, `min = N`, `max = N`, `computed`, `force_new`.
pub trait Record: Sized + Send + Sync + 'static {
    /// The schema.
    fn block() -> Block;
    /// The struct's documentation.
    fn doc() -> &'static str;
    /// From a wholly known object.
    ///
    /// # Errors
    /// A missing required attribute or one of another type.
    fn from_value(value: &Value) -> Result<Self, FieldError>;
    /// To an object of the block's implied type, with sensitive attributes marked.
    fn to_value(&self) -> Value;
}

/// A field that cannot be read from a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{field}`: {message}")]
pub struct FieldError {
    /// The field, dotted for nested ones.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl FieldError {
    /// An error at a field.
    #[must_use]
    pub fn new(field: &str, message: impl Into<String>) -> FieldError {
        FieldError {
            field: field.to_owned(),
            message: message.into(),
        }
    }

    /// The same error, seen from the enclosing field.
    #[must_use]
    pub fn within(self, outer: &str) -> FieldError {
        let field = if self.field.is_empty() {
            outer.to_owned()
        } else {
            format!("{outer}.{}", self.field)
        };
        FieldError {
            field,
            message: self.message,
        }
    }
}

/// A Rust type that an attribute can have.
pub trait FieldValue: Sized {
    /// The attribute's type.
    fn ty() -> Type;
    /// From a known value.
    ///
    /// # Errors
    /// A null where a value must be, or another type.
    fn from_value(value: &Value) -> Result<Self, FieldError>;
    /// To a value.
    fn to_value(&self) -> Value;
}

fn mismatch<T: FieldValue>(value: &Value) -> FieldError {
    let found = match value.bare() {
        Value::Null(_) => "nothing".to_owned(),
        Value::Unknown(_) => "a value that is not known yet".to_owned(),
        other => other.ty().friendly(),
    };
    FieldError::new(
        "",
        format!("{} expected, {found} found", T::ty().friendly()),
    )
}

impl FieldValue for String {
    fn ty() -> Type {
        Type::String
    }
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| mismatch::<Self>(value))
    }
    fn to_value(&self) -> Value {
        Value::string(self.as_str())
    }
}

impl FieldValue for bool {
    fn ty() -> Type {
        Type::Bool
    }
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        value.as_bool().ok_or_else(|| mismatch::<Self>(value))
    }
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl FieldValue for i64 {
    fn ty() -> Type {
        Type::Number
    }
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        value.as_i64().ok_or_else(|| mismatch::<Self>(value))
    }
    fn to_value(&self) -> Value {
        Value::from(*self)
    }
}

impl FieldValue for i32 {
    fn ty() -> Type {
        Type::Number
    }
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        value
            .as_i64()
            .and_then(|i| i32::try_from(i).ok())
            .ok_or_else(|| mismatch::<Self>(value))
    }
    fn to_value(&self) -> Value {
        Value::from(i64::from(*self))
    }
}

impl FieldValue for Number {
    fn ty() -> Type {
        Type::Number
    }
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        match value.bare() {
            Value::Number(n) => Ok(n.clone()),
            _ => Err(mismatch::<Self>(value)),
        }
    }
    fn to_value(&self) -> Value {
        Value::Number(self.clone())
    }
}

/// Any value at all, as `terraform_data.input`.
impl FieldValue for Value {
    fn ty() -> Type {
        Type::Any
    }
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        Ok(value.clone())
    }
    fn to_value(&self) -> Value {
        self.clone()
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    fn ty() -> Type {
        T::ty()
    }
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        if value.is_null() {
            Ok(None)
        } else {
            T::from_value(value).map(Some)
        }
    }
    fn to_value(&self) -> Value {
        self.as_ref()
            .map_or_else(|| Value::Null(T::ty()), FieldValue::to_value)
    }
}

impl<T: FieldValue> FieldValue for Vec<T> {
    fn ty() -> Type {
        Type::list(T::ty())
    }
    /// A null list is empty.
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        if value.is_null() {
            return Ok(Vec::new());
        }
        value
            .elements()
            .ok_or_else(|| mismatch::<Self>(value))?
            .iter()
            .map(T::from_value)
            .collect()
    }
    fn to_value(&self) -> Value {
        Value::list(T::ty(), self.iter().map(FieldValue::to_value).collect())
    }
}

impl<T: FieldValue + Ord> FieldValue for BTreeSet<T> {
    fn ty() -> Type {
        Type::set(T::ty())
    }
    /// A null set is empty.
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        if value.is_null() {
            return Ok(BTreeSet::new());
        }
        value
            .elements()
            .ok_or_else(|| mismatch::<Self>(value))?
            .iter()
            .map(T::from_value)
            .collect()
    }
    fn to_value(&self) -> Value {
        Value::set(T::ty(), self.iter().map(FieldValue::to_value).collect())
    }
}

impl<T: FieldValue> FieldValue for BTreeMap<String, T> {
    fn ty() -> Type {
        Type::map(T::ty())
    }
    /// A null map is empty.
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        if value.is_null() {
            return Ok(BTreeMap::new());
        }
        let entries = value.entries().ok_or_else(|| mismatch::<Self>(value))?;
        entries
            .iter()
            .map(|(k, v)| Ok((k.to_string(), T::from_value(v)?)))
            .collect()
    }
    fn to_value(&self) -> Value {
        Value::map(
            T::ty(),
            self.iter()
                .map(|(k, v)| (Str::from(k.as_str()), v.to_value())),
        )
    }
}

/// Reads one field of a record; a missing attribute is null.
///
/// # Errors
/// See [`FieldValue::from_value`].
pub fn field<T: FieldValue>(value: &Value, name: &str) -> Result<T, FieldError> {
    T::from_value(value.get(name).unwrap_or(&Value::NULL)).map_err(|e| e.within(name))
}

/// Reads a nested block's records.
///
/// # Errors
/// See [`Record::from_value`].
pub fn blocks<T: Record>(value: &Value, name: &str) -> Result<Vec<T>, FieldError> {
    let items = value
        .get(name)
        .and_then(Value::elements)
        .unwrap_or_default();
    items
        .iter()
        .map(|item| T::from_value(item).map_err(|e| e.within(name)))
        .collect()
}
