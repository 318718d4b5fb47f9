//! YAML to values: the events come from a parser, what plain scalars and tags mean is decided here as Terraform does.

use infra_model::convert::{convert, normalise};
use infra_model::{Number, Str, Type, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Values inside one another; more are refused rather than the stack exhausted.
const MAX_DEPTH: usize = 500;
/// Values of the whole document after aliases are followed.
const MAX_VALUES: usize = 1_000_000;
const CORE: &str = "tag:yaml.org,2002:";

/// The value of a text with one document.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        open: Vec::new(),
        values: 0,
    };
    loop {
        match reader.next()? {
            Event::StreamEnd => return Err("the YAML has no value".to_owned()),
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            first => {
                let value = reader.value(first, 0)?;
                return match (reader.next()?, reader.next()?) {
                    (Event::DocumentEnd, Event::StreamEnd) => Ok(value.value()),
                    _ => Err("only one YAML document is allowed".to_owned()),
                };
            }
        }
    }
}

/// The values of all documents of a text; those without one are left out.
///
/// # Errors
/// What is no YAML.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        open: Vec::new(),
        values: 0,
    };
    let mut out = Vec::new();
    loop {
        match reader.next()? {
            Event::StreamEnd => return Ok(out),
            // Anchors are those of their document.
            Event::DocumentStart(_) => reader.anchors.clear(),
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            first => {
                let value = reader.value(first, 0)?.value();
                if !value.is_null() {
                    out.push(value);
                }
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Node, usize)>,
    /// Anchors of the collections that are being read.
    open: Vec<usize>,
    values: usize,
}

/// A node; whether a key is the merge key depends on how it is written.
#[derive(Clone)]
enum Node {
    Merge,
    Value(Value),
}

impl Node {
    fn value(self) -> Value {
        match self {
            Node::Merge => Value::from("<<"),
            Node::Value(value) => value,
        }
    }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(e)) => Err(format!("the YAML cannot be read: {e}")),
            None => Ok(Event::StreamEnd),
        }
    }

    fn count(&mut self, values: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_VALUES {
            return Err("the YAML has too many values".to_owned());
        }
        Ok(())
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Result<Node, String> {
        if depth > MAX_DEPTH {
            return Err("the YAML is nested too deeply".to_owned());
        }
        let before = self.values;
        self.count(1)?;
        let (anchor, node) = match event {
            Event::Alias(anchor) => {
                if self.open.contains(&anchor) {
                    return Err("a YAML alias refers to what it is part of".to_owned());
                }
                let (node, size) = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or("a YAML alias refers to nothing")?;
                self.count(size)?;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, scalar(&text, style, tag.as_ref())?)
            }
            Event::SequenceStart(anchor, tag) => {
                require(tag.as_ref(), "seq")?;
                self.open.push(anchor);
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => items.push(self.value(event, depth + 1)?.value()),
                    }
                }
                self.open.pop();
                (anchor, Node::Value(Value::tuple(items)))
            }
            Event::MappingStart(anchor, tag) => {
                require(tag.as_ref(), "map")?;
                self.open.push(anchor);
                let map = self.mapping(depth)?;
                self.open.pop();
                (anchor, Node::Value(Value::Object(Arc::new(map))))
            }
            _ => return Err("the YAML ends early".to_owned()),
        };
        if anchor > 0 {
            self.anchors
                .insert(anchor, (node.clone(), self.values - before));
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<BTreeMap<Str, Value>, String> {
        let mut own = BTreeMap::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => break,
                event => self.value(event, depth + 1)?,
            };
            let event = self.next()?;
            let value = self.value(event, depth + 1)?.value();
            match key {
                Node::Merge => {
                    let Value::Object(entries) = value else {
                        return Err("`<<` takes a mapping".to_owned());
                    };
                    own.extend(entries.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                Node::Value(key) => {
                    let Ok(Value::String(key)) = convert(&key, &Type::String) else {
                        return Err("a YAML key must be a string, number or bool".to_owned());
                    };
                    own.insert(key, value);
                }
            }
        }
        Ok(own)
    }
}

/// The name of a core tag; an error for any other tag.
fn core_tag<'t>(tag: Option<&'t Cow<'_, Tag>>) -> Result<Option<&'t str>, String> {
    match tag {
        None => Ok(None),
        Some(tag) if tag.handle == CORE => Ok(Some(&tag.suffix)),
        Some(tag) => Err(format!("the YAML tag {tag} is not supported")),
    }
}

/// Collections bear no tag but their own.
fn require(tag: Option<&Cow<'_, Tag>>, own: &str) -> Result<(), String> {
    match core_tag(tag)? {
        None => Ok(()),
        Some(name) if name == own => Ok(()),
        Some(name) => Err(format!("the YAML tag !!{name} is not supported here")),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> Result<Node, String> {
    let string = || Value::String(normalise(text));
    let plain = style == ScalarStyle::Plain;
    let implied = || if plain { implied(text) } else { Some(string()) };
    let value = match core_tag(tag)? {
        None if plain && text == "<<" => return Ok(Node::Merge),
        None => implied().ok_or_else(|| format!("{text:?} is not a number that can be used"))?,
        Some("str" | "binary") => string(),
        Some(wanted @ ("int" | "float" | "bool" | "null" | "timestamp")) => {
            let value = implied().unwrap_or_else(string);
            let fits = match (wanted, &value) {
                _ if !plain => true,
                ("int" | "float", Value::Number(_))
                | ("bool", Value::Bool(_))
                | ("null", Value::Null(_))
                | ("timestamp", Value::String(_)) => true,
                _ => false,
            };
            if !fits {
                return Err(format!("{text:?} is not a YAML {wanted}"));
            }
            value
        }
        Some(other) => return Err(format!("the YAML tag !!{other} is not supported")),
    };
    Ok(Node::Value(value))
}

/// What a scalar without quotes means; `None` for numbers that are none.
fn implied(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::NULL),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Some(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Some(Value::Bool(false));
        }
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return None;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && let Ok(value) = u64::from_str_radix(digits, radix)
            && !digits.starts_with('+')
        {
            return Some(Value::Number(Number::from(value)));
        }
    }
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    if numeric && let Ok(number) = text.parse::<Number>() {
        return Some(Value::Number(number));
    }
    if let Some(time) = super::datetime::yaml_timestamp(text) {
        return Some(Value::from(time));
    }
    Some(Value::String(normalise(text)))
}
