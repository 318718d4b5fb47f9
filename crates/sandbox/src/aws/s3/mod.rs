//! S3: REST with XML over path-style and virtual-host addresses. Finds the operation of a request and shapes
//! errors; the rules of buckets, their settings and objects are in the files beside.

pub(crate) mod bucket;
mod checks;
mod listing;
mod object;
mod payload;
mod settings;

pub(super) use self::bucket::tagged;

use http::Method;

use super::context::Ctx;
use super::document::Element;
use super::error::{AwsError, AwsResult};
use super::rest::RawService;
use super::xml::Xml;
use crate::http::{HttpReply, HttpRequest};

/// The service.
pub(super) const SERVICE: RawService = RawService {
    operation,
    run,
    fail,
};

/// The XML namespace of answers.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What a request's address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Service,
    Bucket,
    Object,
}

/// One operation.
#[derive(Debug)]
struct Operation {
    name: &'static str,
    method: Method,
    level: Level,
    /// The query parameter that tells it from others of the same method; empty for the plain one.
    marker: &'static str,
    handler: fn(&mut Ctx<'_>, &Request<'_>) -> AwsResult<HttpReply>,
}

const OPERATIONS: &[&[Operation]] = &[
    bucket::OPERATIONS,
    settings::OPERATIONS,
    listing::OPERATIONS,
    object::OPERATIONS,
];

/// Query parameters that name another operation than the plain one of their method.
const SUBRESOURCES: [&str; 34] = [
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "uploads",
    "uploadId",
    "versions",
    "website",
];

/// A request that has found its operation.
#[derive(Debug)]
struct Request<'a> {
    http: &'a HttpRequest,
    operation: &'static Operation,
    bucket: String,
    key: String,
}

impl Request<'_> {
    /// The body as XML with this root; an empty body is malformed.
    fn document(&self, root: &str) -> AwsResult<Element> {
        let body = payload::read(self.http)?;
        let element = Element::parse(&body).filter(|element| element.name == root);
        element.ok_or_else(malformed)
    }
}

fn malformed() -> AwsError {
    AwsError::new(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// Bucket and key of a request: the bucket is in the host's name or is the path's first part.
fn address(http: &HttpRequest) -> (String, String) {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let host = http.header("host").unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let path = http.path.strip_prefix('/').unwrap_or(&http.path);
    let virtual_host = host.strip_suffix(".localhost").or_else(|| {
        let (bucket, rest) = host.split_once(".s3")?;
        (rest.starts_with(['.', '-']) && rest.contains("amazonaws.com")).then_some(bucket)
    });
    if let Some(bucket) = virtual_host.filter(|name| !name.is_empty() && *name != "s3") {
        return (bucket.to_owned(), decode(path));
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (decode(bucket), decode(key))
}

fn find(http: &HttpRequest) -> Option<&'static Operation> {
    let (bucket, key) = address(http);
    let level = match (bucket.is_empty(), key.is_empty()) {
        (true, _) => Level::Service,
        (_, true) => Level::Bucket,
        _ => Level::Object,
    };
    let candidates = || {
        OPERATIONS
            .iter()
            .copied()
            .flatten()
            .filter(|operation| operation.level == level && operation.method == http.method)
    };
    let marked = candidates()
        .find(|operation| !operation.marker.is_empty() && http.query(operation.marker).is_some());
    if marked.is_some() {
        return marked;
    }
    if SUBRESOURCES.iter().any(|name| http.query(name).is_some())
        || http.header("x-amz-copy-source").is_some()
    {
        return None;
    }
    candidates().find(|operation| operation.marker.is_empty())
}

fn operation(http: &HttpRequest) -> &'static str {
    find(http).map_or("Unknown", |operation| operation.name)
}

fn run(ctx: &mut Ctx<'_>, http: &HttpRequest, _name: &'static str) -> AwsResult<HttpReply> {
    let Some(operation) = find(http) else {
        return Err(AwsError::with_status(
            501,
            "NotImplemented",
            "A header or query you provided implies functionality that is not implemented.",
        ));
    };
    let (bucket, key) = address(http);
    (operation.handler)(
        ctx,
        &Request {
            http,
            operation,
            bucket,
            key,
        },
    )
}

/// Where an error says in which region a bucket is.
const REGION_HEADER: &str = "x-amz-bucket-region";

fn fail(error: &AwsError, http: &HttpRequest, request_id: &str) -> HttpReply {
    let region = error
        .members
        .get(REGION_HEADER)
        .and_then(|value| value.as_str());
    let mut reply = if http.method == Method::HEAD || error.status == 304 {
        HttpReply::new(error.status, "application/xml", Vec::new())
    } else {
        let mut xml = Xml::new();
        xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
            .node("Error", |xml| {
                xml.text("Code", &error.code)
                    .text("Message", &error.message);
                for (name, value) in &*error.members {
                    if name != REGION_HEADER {
                        xml.opt(name, value.as_str());
                    }
                }
                xml.text("RequestId", request_id).text("HostId", "sandbox");
            });
        HttpReply::new(error.status, "application/xml", xml.as_str())
    };
    if let Some(region) = region {
        reply = reply.with(REGION_HEADER, region);
    }
    with_ids(reply, request_id)
}

fn with_ids(reply: HttpReply, request_id: &str) -> HttpReply {
    reply
        .with("x-amz-request-id", request_id)
        .with("x-amz-id-2", "sandbox")
        .with("x-amzn-requestid", request_id)
}

/// An answer whose body is a document with this root.
fn answer(root: &str, inside: impl FnOnce(&mut Xml)) -> HttpReply {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.raw(&format!("<{root} xmlns=\"{NAMESPACE}\">"));
    inside(&mut xml);
    xml.raw(&format!("</{root}>"));
    HttpReply::new(200, "application/xml", xml.as_str())
}

/// An answer without a body.
fn empty(status: u16) -> HttpReply {
    HttpReply {
        status,
        headers: Vec::new(),
        body: Vec::new(),
        delay: 0,
        watch: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, host: &str, path: &str, query: &[(&str, &str)]) -> HttpRequest {
        let mut request = crate::core::blank();
        request.method = method;
        request.path = path.to_owned();
        request.query = query
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        request
            .headers
            .insert("host", host.parse().expect("a header"));
        request
    }

    #[test]
    fn addresses_of_both_styles() {
        let cases = [
            ("127.0.0.1:4700", "/bucket/a%20b/c", "bucket", "a b/c"),
            ("127.0.0.1:4700", "/bucket/", "bucket", ""),
            ("127.0.0.1:4700", "/", "", ""),
            ("bucket.localhost:4700", "/a", "bucket", "a"),
            ("localhost:4700", "/bucket/a", "bucket", "a"),
            (
                "my.bucket.s3.eu-west-1.amazonaws.com",
                "/a",
                "my.bucket",
                "a",
            ),
            ("s3.eu-west-1.amazonaws.com", "/bucket/a", "bucket", "a"),
        ];
        for (host, path, bucket, key) in cases {
            let found = address(&request(Method::GET, host, path, &[]));
            assert_eq!(found, (bucket.to_owned(), key.to_owned()), "{host}{path}");
        }
    }

    #[test]
    fn operations_are_told_by_method_level_and_query() {
        type Case<'a> = (Method, &'a str, &'a [(&'a str, &'a str)], &'a str);
        let cases: [Case<'_>; 9] = [
            (Method::GET, "/", &[], "ListBuckets"),
            (Method::PUT, "/b", &[], "CreateBucket"),
            (Method::GET, "/b", &[("list-type", "2")], "ListObjectsV2"),
            (Method::GET, "/b", &[("versions", "")], "ListObjectVersions"),
            (
                Method::PUT,
                "/b",
                &[("versioning", "")],
                "PutBucketVersioning",
            ),
            (Method::GET, "/b", &[("metrics", "")], "Unknown"),
            (Method::PUT, "/b/k", &[("x-id", "PutObject")], "PutObject"),
            (Method::POST, "/b/k", &[("uploads", "")], "Unknown"),
            (Method::POST, "/b", &[("delete", "")], "DeleteObjects"),
        ];
        for (method, path, query, name) in cases {
            assert_eq!(
                operation(&request(method, "127.0.0.1:1", path, query)),
                name,
                "{path}"
            );
        }
    }
}
