//! Tags of hosted zones.

use http::Method;

use super::zone::Zone;
use super::{Operation, Request, answer, invalid_input, require, zone};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::tagging::{GLOBAL, Tagged};
use crate::aws::xml::Xml;
use crate::http::HttpReply;
use crate::tags::{Characters, Tags};
use crate::world::{Document, Stored};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ChangeTagsForResource",
        method: Method::POST,
        path: "tags/*/*",
        accepts: &["ChangeTagsForResourceRequest", "AddTags", "RemoveTagKeys"],
        query: &[],
        handler: change,
    },
    Operation {
        name: "ListTagsForResource",
        method: Method::GET,
        path: "tags/*/*",
        accepts: &[],
        query: &[],
        handler: list,
    },
    Operation {
        name: "ListTagsForResources",
        method: Method::POST,
        path: "tags/*",
        accepts: &["ListTagsForResourcesRequest", "ResourceIds"],
        query: &[],
        handler: list_many,
    },
];

fn check_type(request: &Request<'_>) -> AwsResult<()> {
    match request.labels.first().map(String::as_str) {
        Some("hostedzone") => Ok(()),
        Some("healthcheck") => Err(AwsError::with_status(
            404,
            "NoSuchHealthCheck",
            "The sandbox has no health checks",
        )),
        other => Err(invalid_input(format!("Invalid resource type {other:?}"))),
    }
}

fn find(ctx: &Ctx<'_>, request: &Request<'_>) -> AwsResult<Stored<Zone>> {
    check_type(request)?;
    zone::find(ctx, request.labels.get(1).map_or("", String::as_str))
}

fn change(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let zone = find(ctx, request)?;
    let (added, gone) = (
        request.body.child("AddTags"),
        request.body.child("RemoveTagKeys"),
    );
    if added.is_none() && gone.is_none() {
        return Err(invalid_input("Name at least one tag to add or to remove"));
    }
    let mut tags = zone.tags().clone();
    for key in gone.into_iter().flat_map(|gone| gone.all("Key")) {
        tags.remove(key.text.trim());
    }
    let mut pairs = Vec::new();
    for tag in added.into_iter().flat_map(|added| added.all("Tag")) {
        let value = tag.text_of("Value").unwrap_or_default();
        pairs.push((require(tag, "Key")?.to_owned(), value.to_owned()));
    }
    let wrong = |error: crate::tags::TagError| invalid_input(error.to_string());
    let new = Tags::from_pairs(pairs, Characters::Any).map_err(wrong)?;
    tags.merge(new).map_err(wrong)?;
    ctx.set_tags::<Zone>(&zone.id, tags);
    Ok(answer(200, "ChangeTagsForResourceResponse", |_| {}))
}

fn write(zone: &Stored<Zone>, xml: &mut Xml) {
    xml.text("ResourceType", "hostedzone")
        .text("ResourceId", &zone.id)
        .list("Tags", "Tag", zone.tags().iter(), |xml, (key, value)| {
            xml.text("Key", key).text("Value", value);
        });
}

fn list(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let zone = find(ctx, request)?;
    Ok(answer(200, "ListTagsForResourceResponse", |xml| {
        xml.node("ResourceTagSet", |xml| write(&zone, xml));
    }))
}

fn list_many(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    check_type(request)?;
    let ids = request.body.child("ResourceIds");
    let ids: Vec<&str> = ids
        .into_iter()
        .flat_map(|ids| ids.all("ResourceId"))
        .map(|id| id.text.trim())
        .collect();
    if ids.is_empty() || ids.len() > 10 {
        return Err(invalid_input("ResourceIds must name 1 to 10 resources"));
    }
    let zones: Vec<_> = ids
        .into_iter()
        .map(|id| zone::find(ctx, id))
        .collect::<AwsResult<_>>()?;
    Ok(answer(200, "ListTagsForResourcesResponse", |xml| {
        xml.list("ResourceTagSets", "ResourceTagSet", &zones, |xml, zone| {
            write(zone, xml);
        });
    }))
}

/// What has tags; us-east-1 answers for them.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    if ctx.region != GLOBAL {
        return Vec::new();
    }
    Tagged::all(ctx, |zone: &Zone| {
        format!("arn:aws:route53:::hostedzone/{}", zone.id())
    })
}
