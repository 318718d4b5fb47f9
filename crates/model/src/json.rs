//! Values as JSON, the way Terraform's state and plan formats write them.

use crate::convert;
use crate::number::Number;
use crate::path::{Path, Step};
use crate::types::Type;
use crate::value::{Str, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// Why JSON does not fit a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct JsonError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong.
    pub message: String,
}

/// Plain JSON: marks are dropped, unknown values become null. Sets and tuples are arrays.
#[must_use]
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null(_) | Value::Unknown(_) => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Number(n) => number_to_json(n),
        Value::String(s) => Json::String(s.to_string()),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            Json::Array(items.iter().map(to_json).collect())
        }
        Value::Map(_, items) | Value::Object(items) => Json::Object(
            items
                .iter()
                .map(|(k, v)| (k.to_string(), to_json(v)))
                .collect(),
        ),
        Value::Marked(_, inner) => to_json(inner),
    }
}

/// JSON from which [`from_json`] with the same type gives the value back: where the type is `any`, the value's own type
/// stands beside it as `{"type": …, "value": …}`.
#[must_use]
pub fn to_json_as(value: &Value, ty: &Type) -> Json {
    let value = value.bare();
    if matches!(ty, Type::Any) {
        return match value {
            Value::Null(_) | Value::Unknown(_) => Json::Null,
            _ => {
                let ty = value.ty();
                serde_json::json!({ "type": type_to_json(&ty), "value": to_json_as(value, &ty) })
            }
        };
    }
    match (value, ty) {
        (
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items),
            Type::List(t) | Type::Set(t),
        ) => Json::Array(items.iter().map(|v| to_json_as(v, t)).collect()),
        (Value::Tuple(items), Type::Tuple(types)) => Json::Array(
            items
                .iter()
                .zip(types.iter())
                .map(|(v, t)| to_json_as(v, t))
                .collect(),
        ),
        (Value::Map(_, items) | Value::Object(items), Type::Map(_) | Type::Object(_)) => {
            Json::Object(
                items
                    .iter()
                    .map(|(k, v)| {
                        (
                            k.to_string(),
                            ty.attribute(k)
                                .map_or_else(|| to_json(v), |t| to_json_as(v, t)),
                        )
                    })
                    .collect(),
            )
        }
        (Value::Number(n), _) => number_to_exact_json(n),
        _ => to_json(value),
    }
}

/// The value of JSON under a type. Attributes that the JSON lacks are null; those the type lacks are dropped.
///
/// # Errors
/// JSON of another shape.
pub fn from_json(json: &Json, ty: &Type) -> Result<Value, JsonError> {
    decode(json, ty, &Path::default())
}

fn decode(json: &Json, ty: &Type, path: &Path) -> Result<Value, JsonError> {
    let mismatch = || JsonError {
        path: path.clone(),
        message: format!("{} expected", ty.friendly()),
    };
    let items = |element: &Type| -> Result<Vec<Value>, JsonError> {
        let array = json.as_array().ok_or_else(mismatch)?;
        array
            .iter()
            .enumerate()
            .map(|(i, item)| decode(item, element, &path.join(Step::Index(i))))
            .collect()
    };
    if json.is_null() {
        return Ok(Value::Null(ty.clone()));
    }
    Ok(match ty {
        Type::Any => {
            let (Some(ty), Some(value)) = (json.get("type"), json.get("value")) else {
                return Err(mismatch());
            };
            let ty = type_from_json(ty).ok_or_else(mismatch)?;
            decode(value, &ty, path)?
        }
        Type::Bool => Value::Bool(json.as_bool().ok_or_else(mismatch)?),
        Type::Number => Value::Number(json_to_number(json).ok_or_else(mismatch)?),
        Type::String => Value::string(json.as_str().ok_or_else(mismatch)?),
        Type::List(t) => Value::list((**t).clone(), items(t)?),
        Type::Set(t) => Value::set((**t).clone(), items(t)?),
        Type::Tuple(types) => {
            let array = json
                .as_array()
                .filter(|a| a.len() == types.len())
                .ok_or_else(mismatch)?;
            let values = array
                .iter()
                .zip(types.iter())
                .enumerate()
                .map(|(i, (v, t))| decode(v, t, &path.join(Step::Index(i))));
            Value::tuple(values.collect::<Result<_, _>>()?)
        }
        Type::Map(t) => {
            let object = json.as_object().ok_or_else(mismatch)?;
            let entries = object.iter().map(|(k, v)| {
                let key: Str = k.as_str().into();
                Ok((key.clone(), decode(v, t, &path.join(Step::Key { key }))?))
            });
            Value::map(
                (**t).clone(),
                entries.collect::<Result<Vec<_>, JsonError>>()?,
            )
        }
        Type::Object(object_type) => {
            let object = json.as_object().ok_or_else(mismatch)?;
            let entries = object_type.attributes.iter().map(|(k, a)| {
                let inner = object.get(&**k).unwrap_or(&Json::Null);
                Ok((
                    k.clone(),
                    decode(inner, &a.ty, &path.join(Step::Attribute(k.clone())))?,
                ))
            });
            Value::Object(Arc::new(entries.collect::<Result<_, JsonError>>()?))
        }
    })
}

/// The value that JSON means by itself: arrays are tuples, objects are objects, as `jsondecode` has it.
#[must_use]
pub fn implied(json: &Json) -> Value {
    match json {
        Json::Null => Value::NULL,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(_) => json_to_number(json).map_or(Value::NULL, Value::Number),
        Json::String(s) => Value::string(convert::normalise(s)),
        Json::Array(items) => Value::tuple(items.iter().map(implied).collect()),
        Json::Object(items) => Value::object(
            items
                .iter()
                .map(|(k, v)| (convert::normalise(k), implied(v))),
        ),
    }
}

/// A number as JSON, with all the digits that Terraform prints of it.
fn number_to_json(number: &Number) -> Json {
    number.to_i64().map_or_else(
        || {
            Json::Number(serde_json::Number::from_string_unchecked(
                number.to_string(),
            ))
        },
        Json::from,
    )
}

/// A number as JSON that reads back as the same number. What was computed as a double has more digits than it is printed
/// with: 0.1 as a double is not 0.1.
fn number_to_exact_json(number: &Number) -> Json {
    let short = number.to_string();
    if number.to_i64().is_some() || short.parse().as_ref() == Ok(number) {
        return number_to_json(number);
    }
    let (negative, digits, exponent) = number.exact_digits();
    let sign = if negative { "-" } else { "" };
    let text = format!("{sign}0.{digits}e{exponent}");
    Json::Number(serde_json::Number::from_string_unchecked(text))
}

fn json_to_number(json: &Json) -> Option<Number> {
    match json {
        Json::Number(n) => {
            let text = n.as_str();
            let number: Number = text.parse().ok()?;
            // What was stored as 0.d…e… was computed as a double, and is printed like one.
            let double = text.starts_with("0.") || text.starts_with("-0.");
            let double = (double && text.contains('e')).then(|| Number::from_f64(number.to_f64()));
            match double.flatten() {
                Some(double) if double == number => Some(double),
                _ => Some(number),
            }
        }
        // Numbers that a double cannot hold were once kept as text.
        Json::String(s) => s.parse().ok(),
        _ => None,
    }
}

/// A type in Terraform's JSON notation: `"string"`, `["list", "string"]`, `["object", {…}]`.
#[must_use]
pub fn type_to_json(ty: &Type) -> Json {
    match ty {
        Type::Any => Json::from("dynamic"),
        Type::Bool => Json::from("bool"),
        Type::Number => Json::from("number"),
        Type::String => Json::from("string"),
        Type::List(t) => serde_json::json!(["list", type_to_json(t)]),
        Type::Set(t) => serde_json::json!(["set", type_to_json(t)]),
        Type::Map(t) => serde_json::json!(["map", type_to_json(t)]),
        Type::Tuple(items) => {
            serde_json::json!(["tuple", items.iter().map(type_to_json).collect::<Vec<_>>()])
        }
        Type::Object(object) => {
            let attributes: serde_json::Map<_, _> = object
                .attributes
                .iter()
                .map(|(k, a)| (k.to_string(), type_to_json(&a.ty)))
                .collect();
            serde_json::json!(["object", attributes])
        }
    }
}

/// The reverse of [`type_to_json`].
#[must_use]
pub fn type_from_json(json: &Json) -> Option<Type> {
    if let Some(name) = json.as_str() {
        return Some(match name {
            "dynamic" => Type::Any,
            "bool" => Type::Bool,
            "number" => Type::Number,
            "string" => Type::String,
            _ => return None,
        });
    }
    let [kind, inner] = json.as_array()?.as_slice() else {
        return None;
    };
    Some(match kind.as_str()? {
        "list" => Type::list(type_from_json(inner)?),
        "set" => Type::set(type_from_json(inner)?),
        "map" => Type::map(type_from_json(inner)?),
        "tuple" => Type::tuple(
            inner
                .as_array()?
                .iter()
                .map(type_from_json)
                .collect::<Option<Vec<_>>>()?,
        ),
        "object" => Type::object(
            inner
                .as_object()?
                .iter()
                .map(|(k, v)| Some((k.as_str(), type_from_json(v)?)))
                .collect::<Option<Vec<_>>>()?,
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_json_gives_the_value_back() {
        let ty = Type::object([
            ("any", Type::Any),
            ("names", Type::set(Type::String)),
            ("n", Type::Number),
            ("none", Type::Bool),
        ]);
        let value = Value::object([
            ("any", Value::tuple(vec![Value::from(1), Value::from("x")])),
            (
                "names",
                Value::set(Type::String, vec!["b".into(), "a".into(), "a".into()]),
            ),
            (
                "n",
                Value::Number("123456789012345678901234567890".parse().expect("a number")),
            ),
            ("none", Value::Null(Type::Bool)),
        ]);
        assert_eq!(from_json(&to_json_as(&value, &ty), &ty), Ok(value));
    }

    #[test]
    fn numbers_keep_their_digits_through_text() {
        let parse = |text: &str| text.parse::<Number>().expect("a number");
        let third = parse("1").div(&parse("3")).expect("not by zero");
        let double = Number::from_f64(0.1).expect("finite");
        let huge = Number::from_f64(1e23).expect("finite");
        let tiny = Number::from_f64(5e-324).expect("finite");
        for number in [
            parse("0"),
            parse("-7"),
            parse("9223372036854775808"),
            parse("123456789012345678901234567890.25"),
            parse("1e50"),
            parse("-0.1"),
            parse("1e-30"),
            third,
            double,
            huge,
            tiny,
        ] {
            for ty in [Type::Number, Type::Any] {
                let value = Value::Number(number.clone());
                let text = to_json_as(&value, &ty).to_string();
                let json: Json = serde_json::from_str(&text).expect("JSON");
                let back = from_json(&json, &ty).expect("a number");
                assert_eq!(back, value, "{text}");
                let Value::Number(back) = back else { panic!() };
                assert_eq!(back.to_string(), number.to_string(), "{text}");
            }
            let plain = to_json(&Value::Number(number.clone())).to_string();
            assert_eq!(plain, number.to_string());
        }
    }
}
