//! What the JSON of clouds and attributes have in common wherever a cloud names its fields in lowerCamelCase: names both ways,
//! fields inside others, values that say nothing, records of what was answered.

use infra_model::json::to_json;
use infra_model::{
    Attribute, Block, ErrorKind, NestedBlock, ProviderError, Record, Timestamp, Value,
};
use serde_json::{Map, Value as Json};
use std::fmt::Display;

/// `ip_cidr_range` of `ipCidrRange`.
#[must_use]
pub fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut upper_before = true;
    for c in name.chars() {
        if c.is_ascii_uppercase() && !upper_before {
            out.push('_');
        }
        upper_before = c.is_ascii_uppercase();
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `ipCidrRange` of `ip_cidr_range`.
#[must_use]
pub fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// The dotted path of what is inside a block.
#[must_use]
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A field, perhaps inside another, `/` between parts; none that is null.
#[must_use]
pub fn get<'a>(found: &'a Json, field: &str) -> Option<&'a Json> {
    let found = field.split('/').try_fold(found, |at, part| at.get(part));
    found.filter(|f| !f.is_null())
}

/// A moment that a field tells, RFC 3339.
#[must_use]
pub fn moment(field: &Json) -> Option<Timestamp> {
    let moment: jiff::Timestamp = field.as_str()?.parse().ok()?;
    Some(Timestamp(moment.as_millisecond()))
}

/// Whether a field says nothing: null, false, zero, empty.
#[must_use]
pub fn nothing(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(false) => true,
        Json::Number(n) => n.as_f64() == Some(0.0),
        Json::String(s) => s.is_empty(),
        Json::Array(items) => items.iter().all(nothing),
        Json::Object(fields) => fields.values().all(nothing),
        Json::Bool(true) => false,
    }
}

/// The items of a block in an answer. `twin` is what was said of the item in a place, `one` shows an item beside that; a block that
/// nobody asked for and that says nothing is none, unless it `says` something by being there.
pub fn blocks<'v>(
    nested: &NestedBlock,
    found: Option<&Json>,
    said: &'v [Value],
    says: bool,
    twin: impl Fn(&Json, usize) -> Option<&'v Value>,
    one: impl Fn(&Json, &Value) -> Json,
) -> Vec<Json> {
    let null = Value::NULL;
    match found {
        Some(Json::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(i, item)| one(item, twin(item, i).unwrap_or(&null)))
            .collect(),
        Some(item) => {
            let shown = one(item, said.first().unwrap_or(&null));
            if said.is_empty() && !says && nothing(&shown) {
                Vec::new()
            } else {
                vec![shown]
            }
        }
        // A block of nothing but zero values may be left out of answers.
        None => said
            .first()
            .map(|said| one(&Json::Object(Map::new()), said))
            .filter(|shown| {
                let said = said.first().map(to_json);
                nested.max == Some(1) && said.as_ref() == Some(shown)
            })
            .into_iter()
            .collect(),
    }
}

/// What was said of an attribute that answers do not show, or its default.
#[must_use]
pub fn kept(attribute: &Attribute, said: Option<&Value>) -> Option<Json> {
    let said = said
        .filter(|said| !said.is_null())
        .or(attribute.default.as_ref());
    said.map(infra_model::json::to_json)
}

/// The text of an attribute.
#[must_use]
pub fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The record of what was shown of something, in the shape of its block.
///
/// # Errors
/// [`ErrorKind::Other`] when it is in another shape.
pub fn understood<R: Record>(
    block: &Block,
    of: impl Display,
    shown: &Json,
) -> Result<R, ProviderError> {
    let value = infra_model::json::from_json(shown, &block.implied_type()).map_err(|e| {
        let message = format!("{of} was answered in a shape that is not understood: {e}");
        ProviderError::new(ErrorKind::Other, message)
    })?;
    Ok(R::from_value(&value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (attribute, field) in [("ip_cidr_range", "ipCidrRange"), ("name", "name")] {
            assert_eq!(camel(attribute), field);
            assert_eq!(snake(field), attribute);
        }
    }
}
