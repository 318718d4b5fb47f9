//! Functions between values and texts that encode them.

use super::string::text;
use super::{Call, Outcome, bad, csv, failed, json, text_encoding, yaml_decode, yaml_encode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::convert::normalise;
use infra_model::{Type, Value};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

/// The bytes of base64; line ends in it mean nothing.
fn base64_bytes(source: &str) -> Option<Vec<u8>> {
    STANDARD.decode(source.replace(['\r', '\n'], "")).ok()
}

pub(super) fn base64decode(call: &Call<'_>) -> Outcome {
    let Some(bytes) = base64_bytes(call.text(0)) else {
        return bad(0, "base64 is required");
    };
    match String::from_utf8(bytes) {
        Ok(decoded) => text(decoded),
        Err(_) => bad(0, "what it encodes is not UTF-8 text"),
    }
}

pub(super) fn base64encode(call: &Call<'_>) -> Outcome {
    text(STANDARD.encode(call.text(0)))
}

pub(super) fn base64gzip(call: &Call<'_>) -> Outcome {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let compressed = encoder
        .write_all(call.text(0).as_bytes())
        .and_then(|()| encoder.finish());
    match compressed {
        Ok(bytes) => text(STANDARD.encode(bytes)),
        Err(e) => failed(e.to_string()),
    }
}

pub(super) fn csvdecode(call: &Call<'_>) -> Outcome {
    let mut records = csv::records(call.text(0))
        .or_else(|reason| bad(0, reason))?
        .into_iter();
    let Some(header) = records.next() else {
        return bad(0, "the CSV has no header line");
    };
    let header: Vec<_> = header.iter().map(|name| normalise(name)).collect();
    for (i, name) in header.iter().enumerate() {
        if header[..i].contains(name) {
            return bad(0, format!("two columns of the CSV are called {name:?}"));
        }
    }
    let element = Type::object(header.iter().map(|name| (name.clone(), Type::String)));
    let rows = records.map(|record| {
        let entries: BTreeMap<_, _> = header
            .iter()
            .cloned()
            .zip(record.iter().map(|field| Value::String(normalise(field))))
            .collect();
        Value::Object(Arc::new(entries))
    });
    Ok(Value::list(element, rows.collect()))
}

pub(super) fn jsondecode(call: &Call<'_>) -> Outcome {
    json::decode(call.text(0)).or_else(|reason| bad(0, reason))
}

pub(super) fn jsonencode(call: &Call<'_>) -> Outcome {
    if !call.wholly_known() {
        return Ok(Value::Unknown(Type::String));
    }
    let mut out = String::new();
    json::encode(&call.arguments[0], &mut out);
    text(out)
}

pub(super) fn textdecodebase64(call: &Call<'_>) -> Outcome {
    let Some(bytes) = base64_bytes(call.text(0)) else {
        return bad(0, "base64 is required");
    };
    let Some(encoding) = text_encoding::find(call.text(1)) else {
        return bad(
            1,
            format!("{:?} is not a known text encoding", call.text(1)),
        );
    };
    match encoding.decode(&bytes) {
        Some(decoded) => text(decoded),
        None => bad(0, "the bytes mean no text in this encoding"),
    }
}

pub(super) fn textencodebase64(call: &Call<'_>) -> Outcome {
    let Some(encoding) = text_encoding::find(call.text(1)) else {
        return bad(
            1,
            format!("{:?} is not a known text encoding", call.text(1)),
        );
    };
    match encoding.encode(call.text(0)) {
        Some(bytes) => text(STANDARD.encode(bytes)),
        None => bad(0, "the text has characters that this encoding lacks"),
    }
}

pub(super) fn urlencode(call: &Call<'_>) -> Outcome {
    let mut out = String::new();
    for byte in call.text(0).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    text(out)
}

pub(super) fn yamldecode(call: &Call<'_>) -> Outcome {
    yaml_decode::decode(call.text(0)).or_else(|reason| bad(0, reason))
}

pub(super) fn yamlencode(call: &Call<'_>) -> Outcome {
    if !call.wholly_known() {
        return Ok(Value::Unknown(Type::String));
    }
    text(yaml_encode::encode(&call.arguments[0]))
}
