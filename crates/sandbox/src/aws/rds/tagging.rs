//! Tags of everything in RDS, by ARN.

use super::instance::Instance;
use super::invalid;
use super::parameter_group::ParameterGroup;
use super::snapshot::Snapshot;
use super::subnet_group::SubnetGroup;
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::tagging::Tagged;
use crate::aws::xml::Xml;
use crate::tags::{Characters, Tags};
use crate::world::Document;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AddTagsToResource",
        accepts: &["ResourceName", "Tags.Tag.Key", "Tags.Tag.Value"],
        handler: add,
    },
    Operation {
        name: "RemoveTagsFromResource",
        accepts: &["ResourceName", "TagKeys"],
        handler: remove,
    },
    Operation {
        name: "ListTagsForResource",
        accepts: &[
            "ResourceName",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
        ],
        handler: list,
    },
];

/// Tags of a request.
pub(super) fn read(params: &Params) -> AwsResult<Tags> {
    let mut pairs = Vec::new();
    for tag in params.items("Tags") {
        pairs.push((
            tag.require("Key")?.to_owned(),
            tag.str("Value").unwrap_or_default().to_owned(),
        ));
    }
    Tags::from_pairs(pairs, Characters::Restricted).map_err(|error| invalid(error.to_string()))
}

/// Kind and id of the resource that a request's ARN names, and its tags.
fn resource(ctx: &Ctx<'_>, params: &Params) -> AwsResult<(&'static str, String, Tags)> {
    let arn = params.require("ResourceName")?;
    let own = ctx.arn("rds", "");
    let parts = arn
        .strip_prefix(own.as_str())
        .and_then(|rest| rest.split_once(':'));
    let (kind, code) = match parts.map(|(kind, _)| kind) {
        Some("db") => (Instance::KIND, "DBInstanceNotFound"),
        Some("subgrp") => (SubnetGroup::KIND, "DBSubnetGroupNotFoundFault"),
        Some("pg") => (ParameterGroup::KIND, "DBParameterGroupNotFound"),
        Some("snapshot") => (Snapshot::KIND, "DBSnapshotNotFound"),
        _ => {
            return Err(invalid(format!(
                "The specified resource name does not match an RDS resource in this region: {arn}"
            )));
        }
    };
    let id = parts.map_or("", |(_, id)| id);
    match ctx.tx.tags_of(kind, &ctx.region, id) {
        Some(tags) => Ok((kind, id.to_owned(), tags.clone())),
        None => Err(AwsError::with_status(404, code, format!("{id} not found."))),
    }
}

fn set(ctx: &mut Ctx<'_>, kind: &str, id: &str, tags: Tags) {
    let region = ctx.region.clone();
    ctx.tx.retag(kind, &region, id, tags);
}

fn add(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (kind, id, mut tags) = resource(ctx, params)?;
    tags.merge(read(params)?)
        .map_err(|error| invalid(error.to_string()))?;
    set(ctx, kind, &id, tags);
    Ok(Xml::new())
}

fn remove(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (kind, id, mut tags) = resource(ctx, params)?;
    for key in params.strings("TagKeys") {
        tags.remove(key);
    }
    set(ctx, kind, &id, tags);
    Ok(Xml::new())
}

fn list(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (_, _, tags) = resource(ctx, params)?;
    let mut xml = Xml::new();
    xml.list("TagList", "Tag", tags.iter(), |xml, (key, value)| {
        xml.text("Key", key).text("Value", value);
    });
    Ok(xml)
}

/// What has tags in the region.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    let arn = |kind: &str, name: &str| ctx.arn("rds", &format!("{kind}:{name}"));
    [
        Tagged::all(ctx, |found: &Instance| found.arn(ctx)),
        Tagged::all(ctx, |found: &SubnetGroup| arn("subgrp", found.id())),
        Tagged::all(ctx, |found: &ParameterGroup| arn("pg", found.id())),
        Tagged::all(ctx, |found: &Snapshot| arn("snapshot", found.id())),
    ]
    .into_iter()
    .flatten()
    .collect()
}
