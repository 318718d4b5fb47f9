//! Uploads: whole, with metadata in parts, or begun with a session that takes the data.

use serde_json::{Value, json};

use super::super::context::{Ctx, Input, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::object;
use crate::http::HttpReply;

const SESSIONS: &str = "storage.uploads";

/// Answers an upload to a bucket.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>, bucket: &str) -> GoogleResult<HttpReply> {
    let request = input.request;
    if let Some(session) = input.query("upload_id") {
        return finish(ctx, input, bucket, session);
    }
    let kind = request
        .header("content-type")
        .unwrap_or("application/octet-stream")
        .to_owned();
    let (meta, data) = match input.query("uploadType") {
        Some("resumable") => return begin(ctx, input, bucket),
        Some("multipart") => parts(&kind, &request.body)?,
        _ => (json!({ "contentType": kind }), request.body.clone()),
    };
    let name = input
        .query("name")
        .unwrap_or(text(&meta, "/name"))
        .to_owned();
    check_new(ctx, input, bucket, &name)?;
    let doc = object::store(ctx, bucket, &name, &data, meta)?;
    Ok(HttpReply::json(200, &doc))
}

/// `ifGenerationMatch=0`: only when there is none.
fn check_new(ctx: &Ctx<'_>, input: &Input<'_>, bucket: &str, name: &str) -> GoogleResult<()> {
    let current = object::generation(ctx, bucket, name);
    super::check_condition(input, "ifGeneration", current.as_deref().unwrap_or("0"))
}

/// Metadata and data of a `multipart/related` body.
fn parts(kind: &str, body: &[u8]) -> GoogleResult<(Value, Vec<u8>)> {
    let bad = || GoogleError::bad("Malformed multipart body.");
    let boundary = kind
        .split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="))
        .map(|boundary| boundary.trim_matches(['"', '\'']))
        .ok_or_else(bad)?;
    let mark = format!("--{boundary}");
    let mut found = split(body, mark.as_bytes()).into_iter().skip(1);
    let (meta, data) = (found.next().ok_or_else(bad)?, found.next().ok_or_else(bad)?);
    let meta: Value = serde_json::from_slice(content(meta).1).map_err(|_| bad())?;
    let (headers, data) = content(data);
    let data = data
        .strip_suffix(b"\r\n")
        .or(data.strip_suffix(b"\n"))
        .unwrap_or(data);
    let mut meta = meta;
    if meta["contentType"].is_null() {
        let headers = String::from_utf8_lossy(headers).to_lowercase();
        let kind = headers.lines().find_map(|line| {
            line.strip_prefix("content-type:")
                .map(|kind| kind.trim().to_owned())
        });
        meta["contentType"] = kind.map_or(Value::Null, Value::from);
    }
    Ok((meta, data.to_vec()))
}

/// What is between marks.
fn split<'b>(body: &'b [u8], mark: &[u8]) -> Vec<&'b [u8]> {
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        parts.push(&rest[..at]);
        rest = &rest[at + mark.len()..];
    }
    parts.push(rest);
    parts
}

/// Headers and content of a part.
fn content(part: &[u8]) -> (&[u8], &[u8]) {
    for gap in [&b"\r\n\r\n"[..], b"\n\n"] {
        if let Some(at) = part.windows(gap.len()).position(|window| window == gap) {
            return (&part[..at], &part[at + gap.len()..]);
        }
    }
    (&[], part)
}

/// Begins a session.
fn begin(ctx: &mut Ctx<'_>, input: &Input<'_>, bucket: &str) -> GoogleResult<HttpReply> {
    let request = input.request;
    let mut meta: Value = match request.body.as_slice() {
        [] => json!({}),
        body => {
            serde_json::from_slice(body).map_err(|_| GoogleError::bad("Malformed metadata."))?
        }
    };
    if let Some(kind) = request.header("x-upload-content-type")
        && meta["contentType"].is_null()
    {
        meta["contentType"] = kind.into();
    }
    if let Some(name) = input.query("name") {
        meta["name"] = name.into();
    }
    check_new(ctx, input, bucket, text(&meta, "/name"))?;
    let session = ctx.hex(40);
    let mut item = Item::new(session.clone(), meta);
    item.gone_at = Some(ctx.now + 7 * 24 * 3_600_000);
    ctx.put(SESSIONS, item, None);
    let host = request.header("host").unwrap_or("127.0.0.1");
    let location = format!(
        "http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session}"
    );
    Ok(HttpReply::new(200, "application/json", "").with("location", location))
}

/// Takes the data of a session; whole, not in chunks.
fn finish(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    bucket: &str,
    session: &str,
) -> GoogleResult<HttpReply> {
    let Some(item) = ctx.get(SESSIONS, session) else {
        return Err(GoogleError::not_found("The upload session was not found."));
    };
    let mut meta = item.doc.clone();
    let name = text(&meta, "/name").to_owned();
    let mut data = {
        use base64::Engine;
        let engine = base64::engine::general_purpose::STANDARD;
        engine
            .decode(text(&item.hidden, "/data"))
            .unwrap_or_default()
    };
    data.extend(&input.request.body);
    let range = input.request.header("content-range").unwrap_or_default();
    let total = range
        .rsplit_once('/')
        .and_then(|(_, total)| total.parse::<usize>().ok());
    let more = !range.is_empty() && total.is_none_or(|total| data.len() < total);
    if more {
        use base64::Engine;
        let mut item = item.edit();
        let engine = base64::engine::general_purpose::STANDARD;
        let last = data.len().saturating_sub(1);
        item.hidden = json!({ "data": engine.encode(&data) });
        ctx.keep(SESSIONS, item);
        return Ok(
            HttpReply::new(308, "application/json", "").with("range", format!("bytes=0-{last}"))
        );
    }
    ctx.remove(SESSIONS, session);
    if let Some(members) = meta.as_object_mut() {
        members.remove("name");
    }
    let doc = object::store(ctx, bucket, &name, &data, meta)?;
    Ok(HttpReply::json(200, &doc))
}
