//! Objects and their versions: put, got, deleted one by one or many at once. Small ones: a body is kept whole in
//! the world.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::Digest;

use super::bucket::{self, Bucket};
use super::{Level, Operation, Request, answer, empty, malformed, payload, settings};
use crate::aws::context::Ctx;
use crate::aws::document::Element;
use crate::aws::error::{AwsError, AwsResult};
use crate::clock::{Millis, http_date};
use crate::http::HttpReply;
use crate::tags::{Characters, Tags};
use crate::world::{Document, Scope, Stored};

/// The version id of what is written while versioning is off or suspended.
const NULL: &str = "null";

/// A version of an object, or the mark that it was deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    /// Bucket, key and a number that falls, so that the newest of a key comes first.
    id: String,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version: String,
    sequence: u64,
    pub(super) modified: Millis,
    pub(super) delete_marker: bool,
    /// In base64.
    body: String,
    pub(super) size: usize,
    pub(super) etag: String,
    /// Headers to give back: content type, metadata, checksum, encryption.
    headers: BTreeMap<String, String>,
}

impl Document for Version {
    const KIND: &'static str = "s3/object";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.bucket.clone()]
    }
}

const fn object(
    name: &'static str,
    method: Method,
    marker: &'static str,
    handler: fn(&mut Ctx<'_>, &Request<'_>) -> AwsResult<HttpReply>,
) -> Operation {
    Operation {
        name,
        method,
        level: Level::Object,
        marker,
        handler,
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    object("PutObject", Method::PUT, "", put),
    object("GetObject", Method::GET, "", get),
    object("HeadObject", Method::HEAD, "", get),
    object("DeleteObject", Method::DELETE, "", delete),
    object("GetObjectTagging", Method::GET, "tagging", tagging),
    object("PutObjectTagging", Method::PUT, "tagging", put_tagging),
    object(
        "DeleteObjectTagging",
        Method::DELETE,
        "tagging",
        delete_tagging,
    ),
    Operation {
        name: "DeleteObjects",
        method: Method::POST,
        level: Level::Bucket,
        marker: "delete",
        handler: delete_many,
    },
];

/// What ids of the versions of a key begin with; no key has the character that ends it.
fn prefix(bucket: &str, key: &str) -> String {
    format!("{bucket}/{key}\u{0}")
}

/// All versions in a bucket whose key starts with `prefix`, by key, the newest of each key first.
pub(super) fn versions(ctx: &Ctx<'_>, bucket: &str, prefix: &str) -> Vec<Stored<Version>> {
    ctx.tx
        .range("", &format!("{bucket}/{prefix}"), None, usize::MAX)
}

fn of_key(ctx: &Ctx<'_>, bucket: &str, key: &str) -> Vec<Stored<Version>> {
    ctx.tx.range("", &prefix(bucket, key), None, usize::MAX)
}

/// Writes a version; without versioning it takes the place of the one that has no id.
fn add(ctx: &mut Ctx<'_>, bucket: &Bucket, mut new: Version, tags: Tags) -> String {
    let old = of_key(ctx, &bucket.name, &new.key);
    new.sequence = old.first().map_or(0, |newest| newest.sequence) + 1;
    new.id = format!(
        "{}{:020}",
        prefix(&bucket.name, &new.key),
        u64::MAX - new.sequence
    );
    new.version = if bucket.versioning == "Enabled" {
        ctx.new_hex(32)
    } else {
        for version in old.iter().filter(|version| version.version == NULL) {
            ctx.delete::<Version>(&version.id);
        }
        NULL.to_owned()
    };
    let version = new.version.clone();
    ctx.put_tagged(new, tags);
    version
}

const KEPT_HEADERS: [&str; 8] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-website-redirect-location",
    "x-amz-storage-class",
];

fn put(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    if request.key.len() > 1024 {
        return Err(AwsError::new("KeyTooLongError", "Your key is too long"));
    }
    let (body, checksum) = payload::read_with_checksum(request.http)?;
    let mut headers = BTreeMap::new();
    for (name, value) in &request.http.headers {
        let name = name.as_str();
        let Ok(value) = value.to_str() else { continue };
        if name == "content-encoding" {
            let rest: Vec<&str> = value
                .split(',')
                .map(str::trim)
                .filter(|part| *part != "aws-chunked")
                .collect();
            if !rest.is_empty() {
                headers.insert(name.to_owned(), rest.join(","));
            }
        } else if KEPT_HEADERS.contains(&name) || name.starts_with("x-amz-meta-") {
            headers.insert(name.to_owned(), value.to_owned());
        }
    }
    headers
        .entry("content-type".to_owned())
        .or_insert_with(|| "binary/octet-stream".to_owned());
    let default = bucket.settings.get("encryption").map_or("", String::as_str);
    let algorithm = request
        .http
        .header("x-amz-server-side-encryption")
        .unwrap_or(if default.contains("aws:kms") {
            "aws:kms"
        } else {
            "AES256"
        });
    headers.insert(
        "x-amz-server-side-encryption".to_owned(),
        algorithm.to_owned(),
    );
    if let Some((name, value)) = &checksum {
        headers.insert(name.clone(), value.clone());
    }
    let pairs = form_urlencoded::parse(
        request
            .http
            .header("x-amz-tagging")
            .unwrap_or_default()
            .as_bytes(),
    )
    .into_owned();
    let tags = object_tags(pairs.collect())?;
    let etag = format!("\"{}\"", hex::encode(Md5::digest(&body)));
    let version = Version {
        id: String::new(),
        bucket: bucket.name.clone(),
        key: request.key.clone(),
        version: String::new(),
        sequence: 0,
        modified: ctx.now,
        delete_marker: false,
        size: body.len(),
        body: STANDARD.encode(body),
        etag: etag.clone(),
        headers,
    };
    let id = add(ctx, &bucket, version, tags);
    let mut reply = empty(200)
        .with("etag", etag)
        .with("x-amz-server-side-encryption", algorithm);
    if let Some((name, value)) = checksum {
        reply = reply
            .with(&name, value)
            .with("x-amz-checksum-type", "FULL_OBJECT");
    }
    if !bucket.versioning.is_empty() {
        reply = reply.with("x-amz-version-id", id);
    }
    Ok(reply)
}

fn no_such_key(key: &str) -> AwsError {
    AwsError::with_status(404, "NoSuchKey", "The specified key does not exist.").member("Key", key)
}

/// The version that a request names, or the newest; delete markers too.
fn find(
    ctx: &Ctx<'_>,
    bucket: &Bucket,
    key: &str,
    wanted: Option<&str>,
) -> AwsResult<Stored<Version>> {
    let versions = of_key(ctx, &bucket.name, key);
    let found = match wanted {
        None => versions.into_iter().next(),
        Some(id) => {
            let found = versions.into_iter().find(|version| version.version == id);
            return found.ok_or_else(|| {
                AwsError::with_status(
                    404,
                    "NoSuchVersion",
                    "The specified version does not exist.",
                )
                .member("Key", key)
                .member("VersionId", id)
            });
        }
    };
    found.ok_or_else(|| no_such_key(key))
}

fn get(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let wanted = request.http.query("versionId");
    let version = find(ctx, &bucket, &request.key, wanted)?;
    if version.delete_marker {
        return Err(match wanted {
            None => no_such_key(&request.key),
            Some(_) => AwsError::with_status(
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            ),
        });
    }
    let body = STANDARD.decode(&version.body).expect("put encodes bodies");
    let length = body.len();
    let (status, body, range) = match request
        .http
        .header("range")
        .and_then(|range| parse_range(range, length))
    {
        None => (200, body, None),
        Some(Ok((first, last))) => (
            206,
            body[first..=last].to_vec(),
            Some(format!("bytes {first}-{last}/{length}")),
        ),
        Some(Err(())) => {
            return Err(AwsError::with_status(
                416,
                "InvalidRange",
                "The requested range is not satisfiable",
            ));
        }
    };
    let mut reply = HttpReply {
        status,
        headers: Vec::new(),
        body,
        delay: 0,
        watch: None,
    };
    for (name, value) in &version.headers {
        // A checksum of the whole says nothing of a part.
        let checksum = name.starts_with("x-amz-checksum-");
        let asked = request
            .http
            .header("x-amz-checksum-mode")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"));
        if !checksum || (asked && range.is_none()) {
            reply = reply.with(name, value);
        }
    }
    reply = reply
        .with("etag", &version.etag)
        .with("last-modified", http_date(version.modified))
        .with("accept-ranges", "bytes");
    if !bucket.versioning.is_empty() {
        reply = reply.with("x-amz-version-id", &version.version);
    }
    if !version.tags().is_empty() {
        reply = reply.with(
            "x-amz-tagging-count",
            version.tags().iter().count().to_string(),
        );
    }
    if let Some(range) = range {
        reply = reply.with("content-range", range);
    }
    Ok(reply)
}

/// First and last byte of a range; `None` when the header is not understood and so ignored.
fn parse_range(header: &str, length: usize) -> Option<Result<(usize, usize), ()>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(length.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, length.saturating_sub(1)),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => {
            (length.saturating_sub(count), length.saturating_sub(1))
        }
        _ => return None,
    };
    Some(if range.0 < length { Ok(range) } else { Err(()) })
}

/// What a deletion did: the version that is gone or made, and whether that is a delete marker.
struct Deleted {
    version: Option<String>,
    marker: bool,
}

fn remove(ctx: &mut Ctx<'_>, bucket: &Bucket, key: &str, wanted: Option<&str>) -> Deleted {
    if let Some(id) = wanted {
        let found = of_key(ctx, &bucket.name, key)
            .into_iter()
            .find(|version| version.version == id);
        if let Some(version) = &found {
            ctx.delete::<Version>(&version.id);
        }
        return Deleted {
            version: Some(id.to_owned()),
            marker: found.is_some_and(|version| version.delete_marker),
        };
    }
    if bucket.versioning.is_empty() {
        for version in of_key(ctx, &bucket.name, key) {
            ctx.delete::<Version>(&version.id);
        }
        return Deleted {
            version: None,
            marker: false,
        };
    }
    let marker = Version {
        id: String::new(),
        bucket: bucket.name.clone(),
        key: key.to_owned(),
        version: String::new(),
        sequence: 0,
        modified: ctx.now,
        delete_marker: true,
        body: String::new(),
        size: 0,
        etag: String::new(),
        headers: BTreeMap::new(),
    };
    Deleted {
        version: Some(add(ctx, bucket, marker, Tags::default())),
        marker: true,
    }
}

fn delete(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let deleted = remove(ctx, &bucket, &request.key, request.http.query("versionId"));
    let mut reply = empty(204);
    if deleted.marker {
        reply = reply.with("x-amz-delete-marker", "true");
    }
    if let Some(version) = deleted.version {
        reply = reply.with("x-amz-version-id", version);
    }
    Ok(reply)
}

fn delete_many(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let document = request.document("Delete")?;
    let objects: Vec<&Element> = document.all("Object").collect();
    if objects.is_empty() || objects.len() > 1000 || !document.only(&["Object", "Quiet"]) {
        return Err(malformed());
    }
    let quiet = document.text_of("Quiet") == Some("true");
    let mut done = Vec::new();
    for object in objects {
        let key = object.child("Key").ok_or_else(malformed)?.text.clone();
        let wanted = object.text_of("VersionId").filter(|id| !id.is_empty());
        let deleted = remove(ctx, &bucket, &key, wanted);
        done.push((key, wanted.map(str::to_owned), deleted));
    }
    Ok(answer("DeleteResult", |xml| {
        for (key, wanted, deleted) in done.iter().filter(|_| !quiet) {
            xml.node("Deleted", |xml| {
                xml.text("Key", key).opt("VersionId", wanted.as_ref());
                if deleted.marker {
                    xml.text("DeleteMarker", true)
                        .opt("DeleteMarkerVersionId", deleted.version.as_ref());
                }
            });
        }
    }))
}

fn object_tags(pairs: Vec<(String, String)>) -> AwsResult<Tags> {
    if pairs.len() > 10 {
        return Err(AwsError::new(
            "BadRequest",
            "Object tags cannot be greater than 10",
        ));
    }
    Tags::from_pairs(pairs, Characters::Restricted)
        .map_err(|error| AwsError::new("InvalidTag", error.to_string()))
}

fn tagging(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let version = find(ctx, &bucket, &request.key, request.http.query("versionId"))?;
    Ok(answer("Tagging", |xml| {
        settings::write_tags(xml, version.tags());
    }))
}

fn put_tagging(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let version = find(ctx, &bucket, &request.key, request.http.query("versionId"))?;
    let document = request.document("Tagging")?;
    let tags = bucket::read_tags(document.child("TagSet").ok_or_else(malformed)?)?;
    let tags = object_tags(tags.to_map().into_iter().collect())?;
    ctx.set_tags::<Version>(&version.id, tags);
    Ok(empty(200))
}

fn delete_tagging(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let version = find(ctx, &bucket, &request.key, request.http.query("versionId"))?;
    ctx.set_tags::<Version>(&version.id, Tags::default());
    Ok(empty(204))
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges() {
        let cases = [
            ("bytes=0-1", Some(Ok((0, 1)))),
            ("bytes=2-", Some(Ok((2, 4)))),
            ("bytes=-2", Some(Ok((3, 4)))),
            ("bytes=3-99", Some(Ok((3, 4)))),
            ("bytes=9-", Some(Err(()))),
            ("lines=1-2", None),
        ];
        for (header, expected) in cases {
            assert_eq!(parse_range(header, 5), expected, "{header}");
        }
    }
}
