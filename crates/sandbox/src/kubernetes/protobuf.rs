//! Bodies in Kubernetes' protobuf, as typed clients in Go send them: an envelope with version and kind, and a message
//! whose fields the types of the source say. Only reading: answers are JSON, which every client takes.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::schema::type_of;

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// A field: its JSON name, its type, whether zero is written in JSON too.
type Field = (u64, String, String, bool);

fn messages() -> &'static HashMap<String, Vec<Field>> {
    static MESSAGES: OnceLock<HashMap<String, Vec<Field>>> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let lines = include_str!("schema/messages.jsonl").lines();
        lines
            .map(|line| serde_json::from_str(line).expect("the generated file is JSON"))
            .collect()
    })
}

/// A value on the wire.
enum Wire<'b> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'b [u8]),
}

/// Reads the fields of a message, one after the other.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Wire<'b>)> {
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Fixed(u64::from(u32::from_le_bytes(
                self.take(4)?.try_into().ok()?,
            ))),
            _ => return None,
        };
        Some((key >> 3, wire))
    }
}

/// Reads a body: the object as JSON would have it; `None` where it is damaged or of a kind that is not known.
pub(super) fn read(body: &[u8]) -> Option<Value> {
    let mut envelope = Reader(body.strip_prefix(MAGIC)?);
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    while !envelope.0.is_empty() {
        match envelope.field()? {
            (1, Wire::Bytes(meta)) => {
                let mut meta = Reader(meta);
                while !meta.0.is_empty() {
                    match meta.field()? {
                        (1, Wire::Bytes(text)) => version = text_of(text)?,
                        (2, Wire::Bytes(text)) => kind = text_of(text)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (group, plain) = version.split_once('/').unwrap_or(("", &version));
    let name = match kind.as_str() {
        // Every group has its own, all the same.
        "DeleteOptions" => "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
        kind => type_of(group, plain, kind)?,
    };
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), version.clone().into());
    object.insert("kind".to_owned(), kind.into());
    fill(name, raw, &mut object)?;
    Some(Value::Object(object))
}

fn text_of(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// Reads a message's fields into an object.
fn fill(name: &str, bytes: &[u8], object: &mut Map<String, Value>) -> Option<()> {
    let fields = messages().get(name)?;
    let mut reader = Reader(bytes);
    while !reader.0.is_empty() {
        let (number, wire) = reader.field()?;
        let Some((_, json, kind, kept)) = fields.iter().find(|(known, ..)| *known == number) else {
            continue;
        };
        if json.is_empty() {
            if let Wire::Bytes(bytes) = wire {
                fill(kind, bytes, object)?;
            }
            continue;
        }
        if let Some(kind) = kind.strip_prefix('*') {
            let value = value(kind, wire, true)?;
            let list = object
                .entry(json.clone())
                .or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut()?.push(value.unwrap_or_default());
        } else if let Some(kind) = kind.strip_prefix('%') {
            let Wire::Bytes(bytes) = wire else {
                return None;
            };
            let (key, value) = pair(kind, bytes)?;
            let map = object
                .entry(json.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            map.as_object_mut()?.insert(key, value);
        } else if let Some(value) = value(kind, wire, *kept)? {
            object.insert(json.clone(), value);
        }
    }
    Some(())
}

/// An entry of a map.
fn pair(kind: &str, bytes: &[u8]) -> Option<(String, Value)> {
    let mut reader = Reader(bytes);
    let (mut key, mut found) = (String::new(), json!(""));
    while !reader.0.is_empty() {
        match reader.field()? {
            (1, Wire::Bytes(text)) => key = text_of(text)?,
            (2, wire) => found = value(kind, wire, true)?.unwrap_or_default(),
            _ => {}
        }
    }
    Some((key, found))
}

/// A value of a type; `Some(None)` for a zero that JSON does not write.
fn value(kind: &str, wire: Wire<'_>, kept: bool) -> Option<Option<Value>> {
    let found = match (kind, wire) {
        ("s", Wire::Bytes(bytes)) => {
            let text = text_of(bytes)?;
            (kept || !text.is_empty()).then(|| text.into())
        }
        ("b", Wire::Varint(number)) => (kept || number != 0).then_some((number != 0).into()),
        ("i", Wire::Varint(number)) => {
            let number = i64::from_le_bytes(number.to_le_bytes());
            (kept || number != 0).then(|| number.into())
        }
        ("d", Wire::Fixed(bits)) => {
            let number = f64::from_bits(bits);
            (kept || number != 0.0).then(|| number.into())
        }
        ("y", Wire::Bytes(bytes)) => {
            (kept || !bytes.is_empty()).then(|| STANDARD.encode(bytes).into())
        }
        (name, Wire::Bytes(bytes)) => message(name, bytes)?,
        _ => return None,
    };
    Some(found)
}

fn message(name: &str, bytes: &[u8]) -> Option<Option<Value>> {
    let short = name.rsplit('.').next().unwrap_or_default();
    // Types that hold JSON as it is.
    let fields = messages().get(name)?;
    if let [(_, json, _, _)] = fields.as_slice()
        && json == "-"
    {
        let mut reader = Reader(bytes);
        while !reader.0.is_empty() {
            if let (1, Wire::Bytes(raw)) = reader.field()? {
                return Some(serde_json::from_slice(raw).ok());
            }
        }
        return Some(None);
    }
    let mut object = Map::new();
    fill(name, bytes, &mut object)?;
    let mut take = |member: &str| object.shift_remove(member);
    Some(match short {
        "Time" | "MicroTime" => {
            let number = |value: Option<Value>| value.and_then(|value| value.as_i64());
            let Some(seconds) = number(take("seconds")) else {
                return Some(None);
            };
            let nanos = number(take("nanos")).unwrap_or(0);
            let time = jiff::Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()?;
            let form = if short == "Time" {
                "%Y-%m-%dT%H:%M:%SZ"
            } else {
                "%Y-%m-%dT%H:%M:%S.%6fZ"
            };
            Some(time.strftime(form).to_string().into())
        }
        "Quantity" => Some(take("string").unwrap_or_else(|| "0".into())),
        "Duration" => {
            let nanos = take("duration")
                .and_then(|value| value.as_i64())
                .unwrap_or(0);
            Some(format!("{}s", nanos / 1_000_000_000).into())
        }
        "IntOrString" => match take("type").and_then(|kind| kind.as_i64()) {
            Some(1) => Some(take("strVal").unwrap_or_else(|| "".into())),
            _ => Some(take("intVal").unwrap_or_else(|| 0.into())),
        },
        "JSONSchemaPropsOrBool" => take("schema")
            .or_else(|| take("Schema"))
            .or_else(|| take("allows"))
            .or_else(|| take("Allows")),
        "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray" => {
            object.into_iter().next().map(|(_, value)| value)
        }
        // A list with a name of its own.
        _ if fields.len() == 1 && fields[0].2 == "*s" && fields[0].1 == "items" => {
            Some(take("items").unwrap_or_else(|| json!([])))
        }
        _ => Some(Value::Object(object)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of bytes.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut all = vec![number << 3 | 2, u8::try_from(bytes.len()).expect("short")];
        all.extend(bytes);
        all
    }

    #[test]
    fn a_config_map_is_read() {
        let meta = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let object_meta = [field(1, b"a"), field(2, b""), field(3, b"ns")].concat();
        let entry = [field(1, b"k"), field(2, b"v")].concat();
        let object = [field(1, &object_meta), field(2, &entry)].concat();
        let body = [MAGIC.to_vec(), field(1, &meta), field(2, &object)].concat();
        assert_eq!(
            read(&body),
            Some(json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "a", "namespace": "ns"}, "data": {"k": "v"},
            }))
        );
        assert_eq!(read(b"nonsense"), None);
        assert_eq!(read(&body[..body.len() - 1]), None);
    }
}
