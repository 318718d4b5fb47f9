//! Values against their schemas: unknown fields, types, the checks of custom resource definitions, their defaults.

use serde_json::Value;

use super::error::Cause;
use super::schema::{Checks, Schema, Type};
use super::value::{canonical, same};
use crate::compact::join;

/// Takes away what the schema does not know.
pub(super) fn prune(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| schema.member(name).is_some());
            for (name, value) in members {
                if let Some(schema) = schema.member(name) {
                    prune(schema, value);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                prune(schema.item(), item);
            }
        }
        _ => {}
    }
}

/// The paths of fields that the schema does not know.
pub(super) fn unknown(schema: &Schema, value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = join(path, name);
                match schema.member(name) {
                    Some(schema) => unknown(schema, value, &path, found),
                    None => found.push(path),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                unknown(schema.item(), item, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if is_integer(number) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_integer(number: &serde_json::Number) -> bool {
    number.is_i64()
        || number.is_u64()
        || number
            .as_f64()
            .is_some_and(|float| float.fract() == 0.0 && float.abs() < 9e15)
}

fn wanted_name(kind: Type) -> &'static str {
    match kind {
        Type::Any => "any",
        Type::Object => "object",
        Type::Array => "array",
        Type::String => "string",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::IntOrString => "integer or string",
    }
}

/// Whether a value has the type of its schema.
fn fits(schema: &Schema, value: &Value) -> bool {
    match (schema.kind, value) {
        (Type::Any, _)
        | (_, Value::Null)
        | (Type::Object, Value::Object(_))
        | (Type::Array, Value::Array(_))
        | (Type::String | Type::IntOrString, Value::String(_))
        | (Type::Number, Value::Number(_))
        | (Type::Boolean, Value::Bool(_)) => true,
        (Type::Integer, Value::Number(number)) => is_integer(number),
        // Quantities may be fractions.
        (Type::IntOrString, Value::Number(number)) => {
            is_integer(number) || schema.format != "int-or-string"
        }
        _ => false,
    }
}

/// The first place whose type is not that of the schema: path, what is wanted, what is there.
pub(super) fn mistyped(
    schema: &Schema,
    value: &Value,
    path: &str,
) -> Option<(String, &'static str, &'static str)> {
    if !fits(schema, value) {
        return Some((path.to_owned(), wanted_name(schema.kind), type_name(value)));
    }
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let schema = schema.member(name)?;
            mistyped(schema, value, &join(path, name))
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| mistyped(schema.item(), item, &format!("{path}[{index}]"))),
        _ => None,
    }
}

/// Fields of a built-in kind that must be there.
pub(super) fn missing(schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    match value {
        Value::Object(members) => {
            for name in &schema.required {
                let there = match members.get(name) {
                    None | Some(Value::Null) => false,
                    Some(Value::String(text)) => !text.is_empty() || name == "value",
                    Some(_) => true,
                };
                if !there {
                    causes.push(Cause::required(join(path, name), ""));
                }
            }
            for (name, value) in members {
                if path.is_empty() && matches!(name.as_str(), "status" | "metadata") {
                    continue;
                }
                if let Some(schema) = schema.member(name) {
                    missing(schema, value, &join(path, name), causes);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                missing(schema.item(), item, &format!("{path}[{index}]"), causes);
            }
        }
        _ => {}
    }
}

/// Sets the defaults of a custom resource's schema.
pub(super) fn default(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, node) in &schema.properties {
                let schema = node.get();
                let null = members.get(name).is_some_and(Value::is_null) && !schema.nullable;
                if let Some(default) = &schema.default
                    && (null || !members.contains_key(name))
                {
                    members.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in members {
                if let Some(schema) = schema.member(name) {
                    default(schema, value);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                default(schema.item(), item);
            }
        }
        _ => {}
    }
}

/// Checks a custom resource.
pub(super) fn check(schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema.nullable {
        return;
    }
    if !fits(schema, value) || value.is_null() && schema.kind != Type::Any {
        let detail = format!(
            "{} in body must be of type {}: {:?}",
            name_of(path),
            wanted_name(schema.kind),
            type_name(value)
        );
        causes.push(Cause::new(
            "FieldValueTypeInvalid",
            format!("Invalid value: {:?}: {detail}", type_name(value)),
            path,
        ));
        return;
    }
    format(schema, value, path, causes);
    if let Some(checks) = &schema.checks {
        constraints(checks, schema, value, path, causes);
    }
    match value {
        Value::Object(members) => {
            for name in &schema.required {
                if !members.contains_key(name) {
                    causes.push(Cause::required(join(path, name), ""));
                }
            }
            for (name, value) in members {
                if let Some(schema) = schema.member(name)
                    && !(path.is_empty() && name == "metadata")
                {
                    check(schema, value, &join(path, name), causes);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(schema.item(), item, &format!("{path}[{index}]"), causes);
            }
            duplicates(schema, items, path, causes);
        }
        _ => {}
    }
}

fn duplicates(schema: &Schema, items: &[Value], path: &str, causes: &mut Vec<Cause>) {
    let mut seen = std::collections::BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(key) = schema.key_of(item)
            && !seen.insert(canonical(&key))
        {
            causes.push(Cause::duplicate(format!("{path}[{index}]"), &key));
        }
    }
}

fn name_of(path: &str) -> &str {
    if path.is_empty() { "<nil>" } else { path }
}

fn format(schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(text) = value.as_str() else {
        if let (Some(number), "int32") = (value.as_i64(), schema.format.as_str())
            && i32::try_from(number).is_err()
        {
            let detail = format!("{path} in body must be of type int32: {number}");
            causes.push(Cause::invalid(path, value, &detail));
        }
        return;
    };
    let good = match schema.format.as_str() {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => text.parse::<ipnet::IpNet>().is_ok(),
        "byte" => {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD
                .decode(text)
                .is_ok()
        }
        _ => true,
    };
    if !good {
        let detail = format!(
            "{} in body must be of type {}: {text:?}",
            name_of(path),
            schema.format
        );
        causes.push(Cause::invalid(path, value, &detail));
    }
}

fn constraints(
    checks: &Checks,
    schema: &Schema,
    value: &Value,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    let name = name_of(path);
    let mut wrong = |detail: String| causes.push(Cause::invalid(path, value, &detail));
    if let Some(number) = value.as_f64() {
        match checks.minimum {
            Some((limit, true)) if number <= limit => {
                wrong(format!("{name} in body should be greater than {limit}"));
            }
            Some((limit, false)) if number < limit => {
                wrong(format!(
                    "{name} in body should be greater than or equal to {limit}"
                ));
            }
            _ => {}
        }
        match checks.maximum {
            Some((limit, true)) if number >= limit => {
                wrong(format!("{name} in body should be less than {limit}"));
            }
            Some((limit, false)) if number > limit => {
                wrong(format!(
                    "{name} in body should be less than or equal to {limit}"
                ));
            }
            _ => {}
        }
        if let Some(step) = checks.multiple_of
            && (number / step).fract() != 0.0
        {
            wrong(format!("{name} in body should be a multiple of {step}"));
        }
    }
    if let Some(text) = value.as_str() {
        let length = text.chars().count();
        if checks.min_length.is_some_and(|least| length < least) {
            let least = checks.min_length.unwrap_or_default();
            wrong(format!(
                "{name} in body should be at least {least} chars long"
            ));
        }
        if checks.max_length.is_some_and(|most| length > most) {
            let most = checks.max_length.unwrap_or_default();
            wrong(format!("may not be more than {most} bytes"));
        }
        if let Some((pattern, Some(regex))) = &checks.pattern
            && !regex.is_match(text)
        {
            wrong(format!("{name} in body should match '{pattern}'"));
        }
    }
    let count = match value {
        Value::Array(items) => Some((items.len(), checks.min_items, checks.max_items, "items")),
        Value::Object(members) => Some((
            members.len(),
            checks.min_properties,
            checks.max_properties,
            "properties",
        )),
        _ => None,
    };
    if let Some((count, least, most, word)) = count {
        if let Some(least) = least.filter(|least| count < *least) {
            wrong(format!(
                "{name} in body should have at least {least} {word}"
            ));
        }
        if let Some(most) = most.filter(|most| count > *most) {
            wrong(format!("must have at most {most} {word}"));
        }
    }
    if !checks.allowed.is_empty() && !checks.allowed.iter().any(|word| same(word, value)) {
        let words: Vec<&str> = checks.allowed.iter().filter_map(Value::as_str).collect();
        causes.push(Cause::unsupported(path, value, &words));
    }
    combined(checks, schema, value, path, causes);
}

fn combined(checks: &Checks, schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let name = name_of(path);
    for part in &checks.all_of {
        check(part, value, path, causes);
    }
    let holds = |part: &Schema| {
        let mut causes = Vec::new();
        check(part, value, path, &mut causes);
        causes.is_empty()
    };
    // The two forms of an int-or-string are in its type already.
    if schema.kind != Type::IntOrString {
        if !checks.any_of.is_empty() && !checks.any_of.iter().any(holds) {
            let detail = format!("{name:?} must validate at least one schema (anyOf)");
            causes.push(Cause::invalid(path, value, &detail));
        }
        let matching = checks.one_of.iter().filter(|part| holds(part)).count();
        if !checks.one_of.is_empty() && matching != 1 {
            let detail = format!(
                "{name:?} must validate one and only one schema (oneOf). Found {} valid alternatives",
                if matching == 0 {
                    "none".to_owned()
                } else {
                    matching.to_string()
                }
            );
            causes.push(Cause::invalid(path, value, &detail));
        }
    }
    if checks.not.as_ref().is_some_and(|part| holds(part)) {
        let detail = format!("{name:?} must not validate the schema (not)");
        causes.push(Cause::invalid(path, value, &detail));
    }
}
