//! The blobs of an account, by the service's own API: put and listed. It is under `/_blob/ACCOUNT/CONTAINER/` of Resource Manager's port
//! (<https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api>).

use http::Method;
use quick_xml::escape::escape;
use serde_json::json;
use std::collections::BTreeSet;

use super::NAME;
use super::blob::CONTAINER;
use crate::azure::context::{Ctx, text};
use crate::azure::item::Item;
use crate::clock::http_date;
use crate::http::{HttpReply, HttpRequest};
use crate::world::Stored;

/// What its paths begin with.
pub(crate) const PREFIX: &str = "/_blob/";
const TYPE: &str = "application/xml";
/// Most entries of a page.
const MOST: usize = 5000;

/// Answers a request about blobs.
pub(crate) fn answer(ctx: &mut Ctx<'_>, request: &HttpRequest) -> HttpReply {
    let segments = request.segments();
    let (account, container) = match &segments[..] {
        [_, account, container, ..] => (account.as_str(), container.as_str()),
        _ => {
            return refused(
                400,
                "InvalidUri",
                "The requested URI does not represent any resource on the server.",
            );
        }
    };
    // By tokens the service is reached from this version on.
    if request
        .header("x-ms-version")
        .is_none_or(|v| v < "2017-11-09")
    {
        return refused(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request.",
        );
    }
    let Some(owner) = ctx.named(NAME, account).first().map(Stored::edit) else {
        return refused(
            404,
            "ResourceNotFound",
            "The specified account does not exist.",
        );
    };
    let id = format!("{}/blobServices/default/containers/{container}", owner.id);
    let there = ctx
        .get(&id)
        .is_some_and(|c| c.doc["type"] == CONTAINER.name);
    if !there {
        return refused(
            404,
            "ContainerNotFound",
            "The specified container does not exist.",
        );
    }
    let name = segments[3..].join("/");
    match (&request.method, request.query("comp")) {
        (&Method::PUT, None) if !name.is_empty() => put(ctx, &id, &name, request),
        (&Method::GET, Some("list"))
            if name.is_empty() && request.query("restype") == Some("container") =>
        {
            list(ctx, &id, request)
        }
        _ => refused(
            400,
            "UnsupportedQueryParameter",
            "The sandbox puts and lists blobs, and no more.",
        ),
    }
}

/// What is below this is in a container; names tell capitals apart, which ids do not.
fn place(container: &str, name: &str) -> String {
    format!("{container}/blobs/{}", hex::encode(name))
}

fn put(ctx: &mut Ctx<'_>, container: &str, name: &str, request: &HttpRequest) -> HttpReply {
    if request.header("x-ms-blob-type") != Some("BlockBlob") {
        return refused(
            400,
            "MissingRequiredHeader",
            "An HTTP header that's mandatory for this request is not specified.",
        );
    }
    let doc = json!({ "name": name, "size": request.body.len() });
    let item = Item::new(&place(container, name), doc, ctx.now);
    ctx.put(item);
    HttpReply::new(201, TYPE, Vec::new()).with("last-modified", http_date(ctx.now))
}

fn list(ctx: &Ctx<'_>, container: &str, request: &HttpRequest) -> HttpReply {
    let query = |name| request.query(name).unwrap_or_default();
    let (prefix, delimiter, after) = (query("prefix"), query("delimiter"), query("marker"));
    let limit = query("maxresults").parse().unwrap_or(MOST).clamp(1, MOST);
    let mut all: Vec<_> = ctx.below(&format!("{container}/blobs/"));
    all.sort_by(|a, b| text(&a.doc, "/name").cmp(text(&b.doc, "/name")));
    let (mut entries, mut seen, mut next) = (String::new(), BTreeSet::new(), String::new());
    for item in &all {
        let name = text(&item.doc, "/name");
        let Some(rest) = name.strip_prefix(prefix) else {
            continue;
        };
        let folded = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        let shown = folded.map_or(name, |at| &name[..prefix.len() + at + delimiter.len()]);
        if shown <= after || !seen.insert(shown) {
            continue;
        }
        if seen.len() > limit {
            break;
        }
        shown.clone_into(&mut next);
        let tag = if folded.is_some() {
            "BlobPrefix"
        } else {
            "Blob"
        };
        let properties = match folded {
            Some(_) => String::new(),
            None => format!(
                "<Properties><Last-Modified>{}</Last-Modified><Content-Length>{}</Content-Length><BlobType>BlockBlob</BlobType></Properties>",
                http_date(item.changed),
                item.doc["size"]
            ),
        };
        entries.push_str(&format!(
            "<{tag}><Name>{}</Name>{properties}</{tag}>",
            escape(shown)
        ));
    }
    if seen.len() <= limit {
        next.clear();
    }
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Prefix>{}</Prefix><Delimiter>{}</Delimiter><Blobs>{entries}</Blobs><NextMarker>{}</NextMarker></EnumerationResults>",
        escape(prefix),
        escape(delimiter),
        escape(&next)
    );
    HttpReply::new(200, TYPE, body)
}

fn refused(status: u16, code: &str, message: &str) -> HttpReply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    HttpReply::new(status, TYPE, body).with("x-ms-error-code", code)
}
