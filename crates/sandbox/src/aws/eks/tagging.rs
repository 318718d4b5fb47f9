//! Tags of everything in EKS, by ARN.

use http::Method;
use serde_json::{Value, json};

use super::access::Entry;
use super::addon::Addon;
use super::cluster::Cluster;
use super::nodegroup::Nodegroup;
use super::pod_identity::Association;
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::rest::{RestOperation, RestRequest};
use crate::aws::tagging::Tagged;
use crate::tags::{Characters, Tags};
use crate::world::{Document, Stored};

const PATH: &str = "/tags/{resourceArn+}";

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "TagResource",
        method: Method::POST,
        path: PATH,
        accepts: &["tags"],
        query: &[],
        handler: tag,
    },
    RestOperation {
        name: "UntagResource",
        method: Method::DELETE,
        path: PATH,
        accepts: &[],
        query: &["tagKeys"],
        handler: untag,
    },
    RestOperation {
        name: "ListTagsForResource",
        method: Method::GET,
        path: PATH,
        accepts: &[],
        query: &[],
        handler: list,
    },
];

fn bad(message: impl Into<String>) -> AwsError {
    AwsError::new("BadRequestException", message)
}

/// Kind and id of the resource of an ARN.
enum Resource {
    Cluster(String),
    Nodegroup(String),
    Addon(String),
    Entry(String),
    Association(String),
}

fn resource(ctx: &Ctx<'_>, request: &RestRequest) -> AwsResult<(Resource, Tags)> {
    let arn = request.label("resourceArn");
    let own = ctx.arn("eks", "");
    let Some(rest) = arn.strip_prefix(own.as_str()) else {
        return Err(bad(format!("Invalid arn: {arn}")));
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let missing = || {
        AwsError::with_status(
            404,
            "NotFoundException",
            format!("No resource found for arn: {arn}"),
        )
    };
    fn pick<T: Document>(
        found: Option<Stored<T>>,
        kind: fn(String) -> Resource,
    ) -> Option<(Resource, Tags)> {
        found.map(|found| (kind(found.id().to_owned()), found.tags().clone()))
    }
    let found = match parts[..] {
        ["cluster", name] => pick(ctx.get::<Cluster>(name), Resource::Cluster),
        ["nodegroup", cluster, name, _] => pick(
            ctx.get::<Nodegroup>(&format!("{cluster}/{name}")),
            Resource::Nodegroup,
        ),
        ["addon", cluster, name, _] => pick(
            ctx.get::<Addon>(&format!("{cluster}/{name}")),
            Resource::Addon,
        ),
        ["access-entry", cluster, ..] => {
            let found = ctx
                .referrers::<Entry>(cluster)
                .into_iter()
                .find(|entry| entry.arn(ctx) == arn);
            pick(found, Resource::Entry)
        }
        ["podidentityassociation", _, id] => {
            pick(ctx.get::<Association>(id), Resource::Association)
        }
        _ => return Err(bad(format!("Invalid arn: {arn}"))),
    };
    found.ok_or_else(missing)
}

fn set(ctx: &mut Ctx<'_>, resource: &Resource, tags: Tags) {
    match resource {
        Resource::Cluster(id) => ctx.set_tags::<Cluster>(id, tags),
        Resource::Nodegroup(id) => ctx.set_tags::<Nodegroup>(id, tags),
        Resource::Addon(id) => ctx.set_tags::<Addon>(id, tags),
        Resource::Entry(id) => ctx.set_tags::<Entry>(id, tags),
        Resource::Association(id) => ctx.set_tags::<Association>(id, tags),
    };
}

fn tag(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let (resource, mut tags) = resource(ctx, request)?;
    let pairs = request
        .body
        .get("tags")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let pairs =
        pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    let new = Tags::from_pairs(pairs, Characters::Any).map_err(|error| bad(error.to_string()))?;
    tags.merge(new).map_err(|error| bad(error.to_string()))?;
    set(ctx, &resource, tags);
    Ok(json!({}))
}

fn untag(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let (resource, mut tags) = resource(ctx, request)?;
    for key in request.queries("tagKeys") {
        tags.remove(key);
    }
    set(ctx, &resource, tags);
    Ok(json!({}))
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let (_, tags) = resource(ctx, request)?;
    Ok(json!({"tags": tags.to_map()}))
}

/// What has tags in the region.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    [
        Tagged::all(ctx, |found: &Cluster| found.arn(ctx)),
        Tagged::all(ctx, |found: &Nodegroup| found.arn(ctx)),
        Tagged::all(ctx, |found: &Addon| found.arn(ctx)),
        Tagged::all(ctx, |found: &Entry| found.arn(ctx)),
        Tagged::all(ctx, |found: &Association| found.arn(ctx)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
