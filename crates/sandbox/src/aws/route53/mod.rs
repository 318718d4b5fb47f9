//! Route 53: hosted zones, their records and tags, over REST with XML. It answers no DNS; what the rest of the sandbox wants
//! to know of names (certificates) it finds in the records.

mod change;
mod names;
pub(crate) mod record;
mod record_checks;
mod tagging;
pub(crate) mod zone;
mod zone_list;
mod zone_vpcs;

pub(super) use self::tagging::tagged;

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

/// The API's version, which every path begins with.
const VERSION: &str = "2013-04-01";
const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// One operation.
#[derive(Debug)]
struct Operation {
    name: &'static str,
    method: Method,
    /// Its path behind the version; `*` is one segment.
    path: &'static str,
    /// The body's root and members; empty for operations without a body.
    accepts: &'static [&'static str],
    /// Query parameters that it takes.
    query: &'static [&'static str],
    handler: fn(&mut Ctx<'_>, &Request<'_>) -> AwsResult<HttpReply>,
}

const OPERATIONS: &[&[Operation]] = &[
    zone::OPERATIONS,
    zone_list::OPERATIONS,
    zone_vpcs::OPERATIONS,
    record::OPERATIONS,
    change::OPERATIONS,
    tagging::OPERATIONS,
];

/// A request, taken apart.
#[derive(Debug)]
struct Request<'a> {
    http: &'a HttpRequest,
    /// What stands for the stars of the path.
    labels: Vec<String>,
    /// Empty for operations without one.
    body: Element,
}

impl Request<'_> {
    /// The first label: an id, with or without the path that answers put before it.
    fn id(&self) -> &str {
        let id = self.labels.first().map_or("", String::as_str);
        id.rsplit('/').next().unwrap_or(id)
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.http.query(name).filter(|text| !text.is_empty())
    }

    /// How many items a page may have.
    fn page_size(&self, most: usize) -> AwsResult<usize> {
        match self.query("maxitems").map(str::parse) {
            None => Ok(most),
            Some(Ok(size @ 1..)) => Ok(most.min(size)),
            Some(_) => Err(invalid_input("maxitems must be a number from 1")),
        }
    }
}

fn find(http: &HttpRequest) -> Option<(&'static Operation, Vec<String>)> {
    let segments = http.segments();
    let segments = match segments.split_first() {
        Some((version, rest)) if version == VERSION => rest,
        _ => return None,
    };
    let matched = |operation: &'static Operation| {
        let parts: Vec<&str> = operation.path.split('/').collect();
        let fits = operation.method == http.method
            && parts.len() == segments.len()
            && parts.iter().zip(segments).all(|(p, s)| *p == "*" || p == s);
        let labels = parts.iter().zip(segments).filter(|(p, _)| **p == "*");
        fits.then(|| (operation, labels.map(|(_, s)| s.clone()).collect()))
    };
    OPERATIONS.iter().copied().flatten().find_map(matched)
}

fn operation(http: &HttpRequest) -> &'static str {
    find(http).map_or("Unknown", |(operation, _)| operation.name)
}

fn run(ctx: &mut Ctx<'_>, http: &HttpRequest, _name: &'static str) -> AwsResult<HttpReply> {
    let Some((operation, labels)) = find(http) else {
        return Err(AwsError::with_status(
            404,
            "UnknownOperationException",
            format!("Route 53 has no operation {} {}", http.method, http.path),
        ));
    };
    let unknown = http
        .query
        .iter()
        .find(|(name, _)| !operation.query.contains(&name.as_str()) && !name.starts_with("X-Amz-"));
    if let Some((name, _)) = unknown {
        return Err(invalid_input(format!("Unknown query parameter {name:?}")));
    }
    let body = match operation.accepts.split_first() {
        None => Element::default(),
        Some((root, members)) => {
            let body = Element::parse(&http.body).filter(|element| element.name == *root);
            let body = body.ok_or_else(|| {
                AwsError::new("MalformedInput", "The body is not the XML of the request")
            })?;
            if !body.only(members) {
                return Err(AwsError::new(
                    "MalformedInput",
                    format!("{root} takes {}", members.join(", ")),
                ));
            }
            body
        }
    };
    let request = Request { http, labels, body };
    (operation.handler)(ctx, &request)
}

fn fail(error: &AwsError, _http: &HttpRequest, request_id: &str) -> HttpReply {
    let mut xml = Xml::new();
    let side = if error.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    xml.raw("<?xml version=\"1.0\"?>\n");
    xml.raw(&format!("<ErrorResponse xmlns=\"{NAMESPACE}\">"));
    xml.node("Error", |xml| {
        xml.text("Type", side)
            .text("Code", &error.code)
            .text("Message", &error.message);
    });
    xml.text("RequestId", request_id).raw("</ErrorResponse>");
    HttpReply::new(error.status, "text/xml", xml.as_str()).with("x-amzn-requestid", request_id)
}

/// An answer whose body is a document with this root.
fn answer(status: u16, root: &str, inside: impl FnOnce(&mut Xml)) -> HttpReply {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\"?>\n");
    xml.raw(&format!("<{root} xmlns=\"{NAMESPACE}\">"));
    inside(&mut xml);
    xml.raw(&format!("</{root}>"));
    HttpReply::new(status, "text/xml", xml.as_str())
}

fn invalid_input(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidInput", message)
}

/// A member that must be there.
fn require<'a>(element: &'a Element, name: &str) -> AwsResult<&'a str> {
    let text = element.text_of(name).filter(|text| !text.is_empty());
    text.ok_or_else(|| invalid_input(format!("{name} must not be empty")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_by_method_and_path() {
        let cases = [
            (
                Method::POST,
                "/2013-04-01/hostedzone",
                "CreateHostedZone",
                "",
            ),
            (
                Method::GET,
                "/2013-04-01/hostedzone/Z1",
                "GetHostedZone",
                "Z1",
            ),
            (
                Method::POST,
                "/2013-04-01/hostedzone/Z1",
                "UpdateHostedZoneComment",
                "Z1",
            ),
            (
                Method::POST,
                "/2013-04-01/hostedzone/Z1/rrset/",
                "ChangeResourceRecordSets",
                "Z1",
            ),
            (
                Method::GET,
                "/2013-04-01/hostedzone/%2Fhostedzone%2FZ1/rrset",
                "ListResourceRecordSets",
                "Z1",
            ),
            (Method::GET, "/2012-01-01/hostedzone", "Unknown", ""),
        ];
        for (method, path, name, id) in cases {
            let mut http = crate::core::blank();
            http.method = method;
            http.path = path.to_owned();
            assert_eq!(operation(&http), name, "{path}");
            if let Some((_, labels)) = find(&http) {
                let body = Element::default();
                let request = Request {
                    http: &http,
                    labels,
                    body,
                };
                assert_eq!(request.id(), id, "{path}");
            }
        }
    }
}
