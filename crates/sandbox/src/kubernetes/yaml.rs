//! YAML to JSON, as bodies of requests may be written in it: one document, anchors, plain scalars by the core schema.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// A mapping or sequence that is being read.
enum Open {
    Mapping(Map<String, Value>, Option<String>, usize),
    Sequence(Vec<Value>, usize),
}

/// Reads one document.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut stack: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let mut document: Option<Value> = None;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        let done = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = tag.is_some_and(|tag| tag.suffix == "str");
                let value = if style == ScalarStyle::Plain && !text_tag {
                    plain(&text)
                } else {
                    Value::String(text.into_owned())
                };
                Some((value, anchor))
            }
            Event::MappingStart(anchor, _) => {
                stack.push(Open::Mapping(Map::new(), None, anchor));
                None
            }
            Event::SequenceStart(anchor, _) => {
                stack.push(Open::Sequence(Vec::new(), anchor));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => match stack.pop() {
                Some(Open::Mapping(members, _, anchor)) => Some((Value::Object(members), anchor)),
                Some(Open::Sequence(items, anchor)) => Some((Value::Array(items), anchor)),
                None => None,
            },
            Event::Alias(anchor) => {
                let value = anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or("an alias of an unknown anchor")?;
                Some((value, 0))
            }
            _ => None,
        };
        let Some((value, anchor)) = done else {
            continue;
        };
        if anchor != 0 {
            anchors.insert(anchor, value.clone());
        }
        match stack.last_mut() {
            Some(Open::Sequence(items, _)) => items.push(value),
            Some(Open::Mapping(members, key, _)) => match key.take() {
                None => {
                    *key = Some(match value {
                        Value::String(text) => text,
                        value => value.to_string(),
                    });
                }
                Some(name) => {
                    members.insert(name, value);
                }
            },
            None if document.is_none() => document = Some(value),
            None => return Err("more than one document".to_owned()),
        }
    }
    Ok(document.unwrap_or_default())
}

fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>()
        && !text.starts_with('+')
    {
        return Value::Number(number.into());
    }
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let float = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if digits
        && float
        && let Ok(number) = text.parse::<f64>()
        && let Some(number) = Number::from_f64(number)
    {
        return Value::Number(number);
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_manifest_is_read() {
        let text = "kind: ConfigMap\nmetadata: &m {name: 'a'}\ndata:\n  n: \"1\"\n  t: |\n    x\n    y\nlist: [1, 1.5, true, ~, v1]\nagain: *m\n";
        assert_eq!(
            read(text.as_bytes()),
            Ok(json!({
                "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"n": "1", "t": "x\ny\n"},
                "list": [1, 1.5, true, null, "v1"], "again": {"name": "a"},
            }))
        );
        assert!(read(b"a: [").is_err());
    }
}
