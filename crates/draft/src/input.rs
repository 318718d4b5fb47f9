//! Reads a component's inputs into its record, and writes them back into native blocks: what is known as a literal, what
//! depends on resources (or is sensitive) as a reference, so that no value is lost and no secret becomes text.

use infra_model::expand::Instance;
use infra_model::record::{FieldError, FieldValue};
use infra_model::{Block, Code, Diagnostic, Diagnostics, Record, Span, Type, Value, json};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An input that need not be known while planning.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<T> {
    /// Known.
    Known(T),
    /// Depends on resources, or is sensitive: reachable only by reference.
    Later,
}

impl<T: FieldValue> FieldValue for Input<T> {
    fn ty() -> Type {
        T::ty()
    }
    fn from_value(value: &Value) -> Result<Self, FieldError> {
        if value.is_wholly_known() {
            T::from_value(value).map(Input::Known)
        } else {
            Ok(Input::Later)
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Input::Known(known) => known.to_value(),
            Input::Later => Value::Unknown(T::ty()),
        }
    }
}

impl<T: FieldValue> Input<T> {
    /// For a native block: the literal, or the expression that reaches it.
    pub fn json(&self, expression: &str) -> Json {
        literal(&self.to_value(), expression)
    }

    /// If it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Input::Known(known) => Some(known),
            Input::Later => None,
        }
    }
}

/// Text that stands for itself where templates are read.
pub fn escape(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// The expression that reaches a table of an input, whether it was written as one table or as an array of them.
pub fn table(name: &str, index: usize) -> String {
    format!("flatten([input.{name}])[{index}]")
}

/// A value for a native block; its unknown parts become references, by the expression that reaches the value.
pub fn literal(value: &Value, expression: &str) -> Json {
    match value {
        Value::Unknown(_) | Value::Marked(..) => Json::String(format!("${{{expression}}}")),
        Value::String(text) => Json::String(escape(text)),
        Value::List(_, items) | Value::Tuple(items) => items
            .iter()
            .enumerate()
            .map(|(i, item)| literal(item, &format!("{expression}[{i}]")))
            .collect(),
        // An element of a set has no path; sets with unknown parts are wholly unknown.
        Value::Set(_, items) => items.iter().map(|item| literal(item, expression)).collect(),
        Value::Map(_, items) | Value::Object(items) => Json::Object(
            items
                .iter()
                .map(|(name, item)| {
                    let at = format!("{expression}[{}]", Json::String(escape(name)));
                    (name.to_string(), literal(item, &at))
                })
                .collect(),
        ),
        plain => json::to_json(plain),
    }
}

/// The record of an instance's inputs, defaults filled in.
///
/// # Errors
/// What cannot be read, at its place.
pub fn read<T: Record>(instance: &Instance<'_>) -> Result<T, Diagnostics> {
    let value = with_defaults(&T::block(), &hide(instance.inputs));
    T::from_value(&value).map_err(|e| vec![unreadable(instance, "", &e)])
}

/// The record of a nested block that stands at most once; of an empty one where it is not written.
///
/// # Errors
/// What cannot be read, at its place.
pub fn read_block<T: Record>(instance: &Instance<'_>, name: &str) -> Result<T, Diagnostics> {
    let written = instance.inputs.get(name).and_then(Value::elements);
    let value = match written.and_then(<[Value]>::first) {
        Some(value) => hide(value),
        None => Value::object::<&str>([]),
    };
    T::from_value(&with_defaults(&T::block(), &value))
        .map_err(|e| vec![unreadable(instance, name, &e)])
}

/// The record of a table inside an input of any type, checked against the record's schema.
///
/// # Errors
/// What cannot be read, at its place.
pub fn read_table<T: Record>(
    instance: &Instance<'_>,
    path: &str,
    value: &Value,
) -> Result<T, Diagnostics> {
    let block = T::block();
    let coerced = block.coerce(value).map_err(|errors| {
        let at = |e: infra_model::schema::ConfigError| {
            let inner = if e.path.0.is_empty() {
                path.to_owned()
            } else {
                format!("{path}.{}", e.path)
            };
            error(instance, &inner, format!("{path}: {}", e.message))
        };
        errors.into_iter().map(at).collect::<Vec<_>>()
    })?;
    T::from_value(&with_defaults(&block, &coerced))
        .map_err(|e| vec![unreadable(instance, path, &e)])
}

fn unreadable(instance: &Instance<'_>, path: &str, e: &FieldError) -> Diagnostic {
    let e = if path.is_empty() {
        e.clone()
    } else {
        e.clone().within(path)
    };
    if e.message.contains("not known yet") {
        let message = format!(
            "`{}` must be known while planning, and not sensitive",
            e.field
        );
        return error(instance, &e.field, message).help(
            "it decides which resources there are: use a literal, a variable or a local value that depends on no resource",
        );
    }
    error(instance, &e.field, e.to_string())
}

/// An error at an input, however deep.
pub fn error(instance: &Instance<'_>, path: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::Expansion, message)
        .at(span(instance, path), "")
        .about(format!("{}.{}", instance.kind, instance.name))
}

/// Where an input is written: the innermost place that the language knows.
pub fn span(instance: &Instance<'_>, path: &str) -> Span {
    let mut at = path;
    loop {
        let found = (instance.span_of)(at);
        match at.rfind(['.', '[']) {
            Some(end) if found == Span::default() => at = &at[..end],
            _ => return found,
        }
    }
}

/// What may not become text in a native block is as good as unknown here.
fn hide(value: &Value) -> Value {
    match value {
        Value::Marked(_, inner) => Value::Unknown(inner.ty()),
        Value::List(t, items) => Value::list(t.clone(), items.iter().map(hide).collect()),
        Value::Tuple(items) => Value::tuple(items.iter().map(hide).collect()),
        Value::Map(t, items) => Value::map(t.clone(), hide_entries(items)),
        Value::Object(items) => Value::object(hide_entries(items)),
        plain => plain.clone(),
    }
}

fn hide_entries(items: &BTreeMap<infra_model::Str, Value>) -> Vec<(infra_model::Str, Value)> {
    items.iter().map(|(k, v)| (k.clone(), hide(v))).collect()
}

/// Defaults of attributes, in nested blocks too.
fn with_defaults(block: &Block, value: &Value) -> Value {
    let filled = infra_model::planning::with_defaults(block, value);
    let Value::Object(mut attributes) = filled else {
        return filled;
    };
    for (name, nested) in &block.blocks {
        let Some(Value::List(ty, items)) = attributes.get(name) else {
            continue;
        };
        let items = items
            .iter()
            .map(|item| with_defaults(&nested.block, item))
            .collect();
        let list = Value::list(ty.clone(), items);
        Arc::make_mut(&mut attributes).insert(name.clone(), list);
    }
    Value::Object(attributes)
}

/// The fields of a record as documentation of an attribute that is a table of them by name.
pub fn document_fields(block: &mut Block, attribute: &str, record: &Block) {
    let Some(attribute) = block.attributes.get_mut(attribute) else {
        return;
    };
    let mut doc = attribute.doc.to_string();
    for (name, field) in &record.attributes {
        let default = match &field.default {
            Some(value) => format!(", default {}", json::to_json(value)),
            None if field.required => ", required".to_owned(),
            None => String::new(),
        };
        let text = field.doc.replace('\n', " ");
        doc.push_str(&format!("\n- `{name}` ({}{default}): {text}", field.ty));
    }
    for (name, nested) in &record.blocks {
        let fields: Vec<&str> = nested.block.names().collect();
        let text = nested.doc.replace('\n', " ");
        doc.push_str(&format!(
            "\n- `{name}` (tables of {}): {text}",
            fields.join(", ")
        ));
    }
    attribute.doc = doc.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_parts_are_literals_and_unknown_ones_references() {
        let value = Value::object([
            ("plain", Value::from("a ${b} %{c}")),
            ("later", Value::Unknown(Type::String)),
            ("secret", Value::from("x").sensitive()),
            ("list", Value::tuple(vec![Value::from(1), Value::UNKNOWN])),
        ]);
        assert_eq!(
            literal(&value, "input.override"),
            serde_json::json!({
                "plain": "a $${b} %%{c}",
                "later": "${input.override[\"later\"]}",
                "secret": "${input.override[\"secret\"]}",
                "list": [1, "${input.override[\"list\"][1]}"],
            })
        );
    }
}
