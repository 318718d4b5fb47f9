//! Objects and their versions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::context::{Ctx, Input, merge, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::{bucket, check_condition, upload};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;

const OBJECTS: &str = "storage.objects";

/// Names and versions of objects in a bucket are behind this.
fn prefix(bucket: &str) -> String {
    format!("{bucket}/")
}

/// Whether a bucket has any object, of any version.
pub(super) fn any(ctx: &Ctx<'_>, bucket: &str) -> bool {
    !ctx.list(OBJECTS, &prefix(bucket)).is_empty()
}

/// Answers a request.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let names = input.names();
    let bucket_name = names.first().copied().unwrap_or_default().to_owned();
    let name = names.get(1).copied().unwrap_or_default().to_owned();
    bucket::find(ctx, &bucket_name)?;
    match input.method.verb {
        "insert" => upload::run(ctx, input, &bucket_name),
        "list" => list(ctx, input, &bucket_name),
        "get" => get(ctx, input, &bucket_name, &name),
        "patch" => {
            let mut item = find(ctx, &bucket_name, &name, input.query("generation"))?;
            check_condition(
                input,
                "ifMetageneration",
                text(&item.doc, "/metageneration"),
            )?;
            merge(&mut item.doc, &input.body);
            let number: u64 = text(&item.doc, "/metageneration").parse().unwrap_or(1);
            item.doc["metageneration"] = (number + 1).to_string().into();
            item.doc["updated"] = iso8601_millis(ctx.now).into();
            let shown = item.doc.clone();
            ctx.keep(OBJECTS, item);
            Ok(HttpReply::json(200, &shown))
        }
        "copy" => {
            let item = find(ctx, &bucket_name, &name, input.query("sourceGeneration"))?;
            let to = (
                input.variable("destinationBucket"),
                input.variable("destinationObject"),
            );
            let (Some(to_bucket), Some(to_name)) = to else {
                return Err(GoogleError::required("destinationObject"));
            };
            bucket::find(ctx, to_bucket)?;
            let data = STANDARD
                .decode(text(&item.hidden, "/data"))
                .unwrap_or_default();
            let meta =
                json!({ "contentType": item.doc["contentType"], "metadata": item.doc["metadata"] });
            let doc = store(ctx, to_bucket, to_name, &data, meta)?;
            Ok(HttpReply::json(200, &doc))
        }
        _ => delete(ctx, input, &bucket_name, &name),
    }
}

/// The live version, or the one of a generation.
fn find(ctx: &Ctx<'_>, bucket: &str, name: &str, generation: Option<&str>) -> GoogleResult<Item> {
    let all = ctx.list(OBJECTS, &format!("{bucket}/{name}#"));
    let found = all.iter().find(|item| match generation {
        Some(generation) => item.doc["generation"] == generation,
        None => item.doc["timeDeleted"].is_null(),
    });
    found
        .map(crate::world::Stored::edit)
        .ok_or_else(|| GoogleError::not_found(format!("No such object: {bucket}/{name}")))
}

/// The generation of the live version, if there is one.
pub(super) fn generation(ctx: &Ctx<'_>, bucket: &str, name: &str) -> Option<String> {
    let item = find(ctx, bucket, name, None).ok()?;
    Some(text(&item.doc, "/generation").to_owned())
}

fn get(ctx: &Ctx<'_>, input: &Input<'_>, bucket: &str, name: &str) -> GoogleResult<HttpReply> {
    let item = find(ctx, bucket, name, input.query("generation"))?;
    check_condition(input, "ifGeneration", text(&item.doc, "/generation"))?;
    if input.query("alt") != Some("media") {
        return Ok(HttpReply::json(200, &item.doc));
    }
    let data = STANDARD
        .decode(text(&item.hidden, "/data"))
        .unwrap_or_default();
    let kind = text(&item.doc, "/contentType");
    Ok(HttpReply::new(200, kind, data)
        .with("x-goog-generation", text(&item.doc, "/generation"))
        .with(
            "x-goog-hash",
            format!("md5={}", text(&item.doc, "/md5Hash")),
        ))
}

fn list(ctx: &Ctx<'_>, input: &Input<'_>, bucket: &str) -> GoogleResult<HttpReply> {
    let versions = input.flag("versions");
    let wanted = input.query("prefix").unwrap_or_default();
    let delimiter = input.query("delimiter");
    let mut rows: Vec<Value> = Vec::new();
    let mut folders: Vec<String> = Vec::new();
    for item in ctx.list(OBJECTS, &format!("{bucket}/{wanted}")) {
        if !versions && !item.doc["timeDeleted"].is_null() {
            continue;
        }
        let name = text(&item.doc, "/name");
        let rest = name.strip_prefix(wanted).unwrap_or_default();
        match delimiter.and_then(|delimiter| Some((rest.find(delimiter)?, delimiter))) {
            Some((at, delimiter)) => {
                let folder = format!("{wanted}{}", &rest[..at + delimiter.len()]);
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            }
            None => rows.push(item.doc.clone()),
        }
    }
    let mut answer = json!({ "kind": "storage#objects" });
    if !folders.is_empty() {
        answer["prefixes"] = folders.into();
    }
    let answer = input.paged(answer, "items", rows, input.size("maxResults", 1000))?;
    Ok(HttpReply::json(200, &answer))
}

/// Writes an object; in a bucket with versions the one before stays.
pub(super) fn store(
    ctx: &mut Ctx<'_>,
    bucket: &str,
    name: &str,
    data: &[u8],
    meta: Value,
) -> GoogleResult<Value> {
    if name.is_empty() || name.len() > 1024 || name.contains(['\r', '\n']) {
        return Err(GoogleError::invalid(format!(
            "Invalid object name: '{name}'"
        )));
    }
    let sum = STANDARD.encode(crc32c(data).to_be_bytes());
    let sent = text(&meta, "/crc32c");
    if !sent.is_empty() && sent != sum {
        let message =
            format!("Provided CRC32C \"{sent}\" doesn't match calculated CRC32C \"{sum}\".");
        return Err(GoogleError::invalid(message));
    }
    retire(ctx, bucket, name)?;
    let unique = ctx.hex(3);
    let generation = format!(
        "{}{:03}",
        ctx.now,
        u32::from_str_radix(&unique, 16).unwrap_or(0) % 1000
    );
    let now = iso8601_millis(ctx.now);
    let md5 = STANDARD.encode(<md5::Md5 as md5::Digest>::digest(data));
    let mut doc = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{name}/{generation}"),
        "selfLink": format!("https://www.googleapis.com/storage/v1/b/{bucket}/o/{name}"),
        "name": name, "bucket": bucket, "generation": generation, "metageneration": "1",
        "contentType": "application/octet-stream", "storageClass": "STANDARD",
        "size": data.len().to_string(), "md5Hash": md5, "crc32c": sum,
        "etag": STANDARD.encode(&generation), "timeCreated": now, "updated": now, "timeStorageClassUpdated": now,
    });
    for field in [
        "contentType",
        "metadata",
        "cacheControl",
        "contentEncoding",
        "contentDisposition",
        "contentLanguage",
        "storageClass",
    ] {
        if !meta[field].is_null() {
            doc[field] = meta[field].clone();
        }
    }
    let mut item = Item::new(format!("{bucket}/{name}#{generation}"), doc.clone());
    item.hidden = json!({ "data": STANDARD.encode(data) });
    item.list_as("google_storage_bucket_object", "", None);
    ctx.put(OBJECTS, item, None);
    Ok(doc)
}

/// The checksum that the service shows.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0x82f6_3b78;
            }
        }
    }
    !crc
}

/// Makes the live version an old one, or takes it away where versions are not kept.
fn retire(ctx: &mut Ctx<'_>, bucket: &str, name: &str) -> GoogleResult<bool> {
    let owner = bucket::find(ctx, bucket)?;
    let Ok(mut old) = find(ctx, bucket, name, None) else {
        return Ok(false);
    };
    if owner.doc["versioning"]["enabled"] == true {
        old.doc["timeDeleted"] = iso8601_millis(ctx.now).into();
        ctx.keep(OBJECTS, old);
    } else {
        ctx.remove(OBJECTS, &old.id);
    }
    Ok(true)
}

fn delete(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    bucket: &str,
    name: &str,
) -> GoogleResult<HttpReply> {
    let generation = input.query("generation");
    let item = find(ctx, bucket, name, generation)?;
    check_condition(input, "ifGeneration", text(&item.doc, "/generation"))?;
    let owner = bucket::find(ctx, bucket)?;
    if owner.doc["retentionPolicy"].is_object() {
        let message = format!(
            "Object '{bucket}/{name}' is subject to bucket's retention policy and cannot be deleted or overwritten."
        );
        return Err(GoogleError::new(
            403,
            "retentionPolicyNotMet",
            "PERMISSION_DENIED",
            message,
        ));
    }
    if generation.is_some() {
        ctx.remove(OBJECTS, &item.id);
    } else {
        retire(ctx, bucket, name)?;
    }
    Ok(HttpReply::new(204, "application/json", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_service() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
