//! Lists of objects and versions: prefixes, delimiters and pages, in both versions of the listing.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;

use super::bucket::{self, OWNER};
use super::object::{self, Version};
use super::{Level, Operation, Request, answer};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::xml::Xml;
use crate::clock::iso8601_millis;
use crate::http::HttpReply;
use crate::world::Stored;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ListObjectsV2",
        method: Method::GET,
        level: Level::Bucket,
        marker: "list-type",
        handler: list_v2,
    },
    Operation {
        name: "ListObjectVersions",
        method: Method::GET,
        level: Level::Bucket,
        marker: "versions",
        handler: list_versions,
    },
    Operation {
        name: "ListMultipartUploads",
        method: Method::GET,
        level: Level::Bucket,
        marker: "uploads",
        handler: list_uploads,
    },
    Operation {
        name: "ListObjects",
        method: Method::GET,
        level: Level::Bucket,
        marker: "",
        handler: list_v1,
    },
];

/// What a listing asks for.
struct Wish<'a> {
    prefix: &'a str,
    delimiter: &'a str,
    limit: usize,
    url: bool,
}

impl<'a> Wish<'a> {
    fn read(request: &'a Request<'_>) -> AwsResult<Self> {
        let query = |name| request.http.query(name).unwrap_or_default();
        let limit = match query("max-keys") {
            "" => 1000,
            text => text.parse::<usize>().map_err(|_| {
                AwsError::new(
                    "InvalidArgument",
                    "Provided max-keys not an integer or within integer range",
                )
            })?,
        };
        Ok(Self {
            prefix: query("prefix"),
            delimiter: query("delimiter"),
            limit: limit.min(1000),
            url: query("encoding-type") == "url",
        })
    }

    fn encode(&self, text: &str) -> String {
        if self.url {
            const SET: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
                .remove(b'/')
                .remove(b'-')
                .remove(b'_')
                .remove(b'.')
                .remove(b'*');
            percent_encoding::utf8_percent_encode(text, SET).to_string()
        } else {
            text.to_owned()
        }
    }

    /// The common prefix under which a key is folded, if it is.
    fn folded<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.get(self.prefix.len()..)?;
        let end = rest.find(self.delimiter)? + self.delimiter.len();
        Some(&key[..self.prefix.len() + end])
    }

    fn head(&self, xml: &mut Xml, bucket: &str) {
        xml.text("Name", bucket)
            .text("Prefix", self.encode(self.prefix))
            .text("MaxKeys", self.limit);
        if !self.delimiter.is_empty() {
            xml.text("Delimiter", self.encode(self.delimiter));
        }
        if self.url {
            xml.text("EncodingType", "url");
        }
    }

    fn prefixes(&self, xml: &mut Xml, prefixes: &BTreeSet<String>) {
        for prefix in prefixes {
            xml.node("CommonPrefixes", |xml| {
                xml.text("Prefix", self.encode(prefix));
            });
        }
    }
}

/// A page of a listing.
struct Listing {
    items: Vec<Stored<Version>>,
    prefixes: BTreeSet<String>,
    /// The last key or prefix shown, when there is more.
    last: Option<String>,
}

fn cut(
    wish: &Wish<'_>,
    versions: Vec<Stored<Version>>,
    after: impl Fn(&Version) -> bool,
) -> Listing {
    let mut listing = Listing {
        items: Vec::new(),
        prefixes: BTreeSet::new(),
        last: None,
    };
    let mut last = String::new();
    for version in versions.into_iter().filter(|version| after(version)) {
        let folded = wish.folded(&version.key).map(str::to_owned);
        if folded
            .as_ref()
            .is_some_and(|prefix| listing.prefixes.contains(prefix))
        {
            continue;
        }
        if listing.items.len() + listing.prefixes.len() >= wish.limit {
            listing.last = Some(last);
            break;
        }
        match folded {
            Some(prefix) => {
                last.clone_from(&prefix);
                listing.prefixes.insert(prefix);
            }
            None => {
                last.clone_from(&version.key);
                listing.items.push(version);
            }
        }
    }
    listing
}

/// The newest version of each key that is not deleted.
fn current(ctx: &Ctx<'_>, bucket: &str, prefix: &str) -> Vec<Stored<Version>> {
    let mut versions = object::versions(ctx, bucket, prefix);
    versions.dedup_by(|later, first| later.key == first.key);
    versions.retain(|version| !version.delete_marker);
    versions
}

/// Whether a key comes after the key or common prefix that a page ended with.
fn follows(wish: &Wish<'_>, key: &str, after: &str) -> bool {
    key > after && wish.folded(key) != Some(after)
}

fn contents(xml: &mut Xml, wish: &Wish<'_>, items: &[Stored<Version>], owner: bool) {
    for item in items {
        xml.node("Contents", |xml| {
            xml.text("Key", wish.encode(&item.key))
                .text("LastModified", iso8601_millis(item.modified))
                .text("ETag", &item.etag)
                .text("Size", item.size)
                .text("StorageClass", "STANDARD");
            if owner {
                write_owner(xml);
            }
        });
    }
}

fn write_owner(xml: &mut Xml) {
    xml.node("Owner", |xml| {
        xml.text("ID", OWNER);
    });
}

fn list_v2(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let wish = Wish::read(request)?;
    let query = |name| request.http.query(name).filter(|value| !value.is_empty());
    let after = match query("continuation-token") {
        Some(token) => {
            let key = URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            key.ok_or_else(|| {
                AwsError::new(
                    "InvalidArgument",
                    "The continuation token provided is incorrect",
                )
            })?
        }
        None => query("start-after").unwrap_or_default().to_owned(),
    };
    let versions = current(ctx, &bucket.name, wish.prefix);
    let listing = cut(&wish, versions, |version| {
        follows(&wish, &version.key, &after)
    });
    Ok(answer("ListBucketResult", |xml| {
        wish.head(xml, &bucket.name);
        xml.text("KeyCount", listing.items.len() + listing.prefixes.len())
            .text("IsTruncated", listing.last.is_some())
            .opt("ContinuationToken", query("continuation-token"))
            .opt(
                "StartAfter",
                query("start-after").map(|key| wish.encode(key)),
            )
            .opt(
                "NextContinuationToken",
                listing
                    .last
                    .as_ref()
                    .map(|last| URL_SAFE_NO_PAD.encode(last)),
            );
        contents(
            xml,
            &wish,
            &listing.items,
            query("fetch-owner") == Some("true"),
        );
        wish.prefixes(xml, &listing.prefixes);
    }))
}

fn list_v1(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let wish = Wish::read(request)?;
    let marker = request.http.query("marker").unwrap_or_default();
    let versions = current(ctx, &bucket.name, wish.prefix);
    let listing = cut(&wish, versions, |version| {
        follows(&wish, &version.key, marker)
    });
    Ok(answer("ListBucketResult", |xml| {
        wish.head(xml, &bucket.name);
        xml.text("Marker", wish.encode(marker))
            .text("IsTruncated", listing.last.is_some());
        if !wish.delimiter.is_empty() {
            xml.opt(
                "NextMarker",
                listing.last.as_ref().map(|last| wish.encode(last)),
            );
        }
        contents(xml, &wish, &listing.items, true);
        wish.prefixes(xml, &listing.prefixes);
    }))
}

fn list_versions(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let wish = Wish::read(request)?;
    let key_marker = request.http.query("key-marker").unwrap_or_default();
    let version_marker = request.http.query("version-id-marker").unwrap_or_default();
    if key_marker.is_empty() && !version_marker.is_empty() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(AwsError::new("InvalidArgument", message));
    }
    let all = object::versions(ctx, &bucket.name, wish.prefix);
    let mut newest = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for version in &all {
        if seen.insert(version.key.clone()) {
            newest.insert((version.key.clone(), version.version.clone()));
        }
    }
    // Versions of the marker's key are shown from the one after the marker's.
    let position = all
        .iter()
        .position(|version| version.key == key_marker && version.version == version_marker);
    let rest = match position {
        Some(position) => all[position + 1..].to_vec(),
        None => all
            .into_iter()
            .filter(|version| follows(&wish, &version.key, key_marker))
            .collect(),
    };
    let listing = cut(&wish, rest, |_| true);
    let next = listing.last.as_ref().map(|last| {
        let version = listing.items.iter().rfind(|version| version.key == *last);
        (last.clone(), version.map(|version| version.version.clone()))
    });
    Ok(answer("ListVersionsResult", |xml| {
        wish.head(xml, &bucket.name);
        xml.text("KeyMarker", wish.encode(key_marker))
            .text("VersionIdMarker", version_marker)
            .text("IsTruncated", listing.last.is_some());
        if let Some((key, version)) = &next {
            xml.text("NextKeyMarker", wish.encode(key))
                .opt("NextVersionIdMarker", version.as_ref());
        }
        for item in &listing.items {
            let latest = newest.contains(&(item.key.clone(), item.version.clone()));
            xml.node(
                if item.delete_marker {
                    "DeleteMarker"
                } else {
                    "Version"
                },
                |xml| {
                    xml.text("Key", wish.encode(&item.key))
                        .text("VersionId", &item.version)
                        .text("IsLatest", latest)
                        .text("LastModified", iso8601_millis(item.modified));
                    if !item.delete_marker {
                        xml.text("ETag", &item.etag)
                            .text("Size", item.size)
                            .text("StorageClass", "STANDARD");
                    }
                    write_owner(xml);
                },
            );
        }
        wish.prefixes(xml, &listing.prefixes);
    }))
}

/// There are none: uploads in parts are not taken.
fn list_uploads(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    Ok(answer("ListMultipartUploadsResult", |xml| {
        xml.text("Bucket", &bucket.name)
            .text("KeyMarker", "")
            .text("UploadIdMarker", "")
            .text("MaxUploads", 1000)
            .text("IsTruncated", false);
    }))
}
