//! Tags of groups, each with the word whether new instances get it.

use super::group::Group;
use super::{pages, validation};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::tags::{Characters, Tags};
use crate::world::Stored;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateOrUpdateTags",
        accepts: TAGS,
        handler: create,
    },
    Operation {
        name: "DeleteTags",
        accepts: TAGS,
        handler: delete,
    },
    Operation {
        name: "DescribeTags",
        accepts: &["Filters.Name", "Filters.Values", "NextToken", "MaxRecords"],
        handler: describe,
    },
];

const TAGS: &[&str] = &[
    "Tags.ResourceId",
    "Tags.ResourceType",
    "Tags.Key",
    "Tags.Value",
    "Tags.PropagateAtLaunch",
];

/// Writes a tag with the group it is of.
pub(super) fn write(xml: &mut Xml, group: &Group, key: &str, value: &str) {
    xml.text("ResourceId", &group.name)
        .text("ResourceType", "auto-scaling-group")
        .text("Key", key)
        .text("Value", value)
        .text(
            "PropagateAtLaunch",
            group.propagated.iter().any(|name| name == key),
        );
}

fn group_of(ctx: &Ctx<'_>, tag: &Params) -> AwsResult<Stored<Group>> {
    let id = tag.require("ResourceId")?;
    if tag
        .str("ResourceType")
        .is_some_and(|kind| kind != "auto-scaling-group")
    {
        return Err(validation(
            "The ResourceType of a tag must be auto-scaling-group",
        ));
    }
    ctx.get::<Group>(id)
        .ok_or_else(|| validation(format!("AutoScalingGroup name not found - no group {id}")))
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    for tag in params.items("Tags") {
        let stored = group_of(ctx, tag)?;
        let key = tag.require("Key")?;
        let pair = (
            key.to_owned(),
            tag.str("Value").unwrap_or_default().to_owned(),
        );
        let mut tags = stored.tags().clone();
        let new = Tags::from_pairs([pair], Characters::Any)
            .map_err(|error| validation(error.to_string()))?;
        tags.merge(new)
            .map_err(|error| AwsError::new("LimitExceeded", error.to_string()))?;
        let mut group = stored.edit();
        group.propagated.retain(|name| name != key);
        if tag.bool("PropagateAtLaunch")?.unwrap_or(false) {
            group.propagated.push(key.to_owned());
        }
        ctx.put_tagged(group, tags);
    }
    Ok(Xml::new())
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    for tag in params.items("Tags") {
        let stored = group_of(ctx, tag)?;
        let key = tag.require("Key")?;
        let mut tags = stored.tags().clone();
        tags.remove(key);
        let mut group = stored.edit();
        group.propagated.retain(|name| name != key);
        ctx.put_tagged(group, tags);
    }
    Ok(Xml::new())
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut filters = Vec::new();
    for filter in params.items("Filters") {
        filters.push((filter.require("Name")?, filter.strings("Values")));
    }
    let groups = ctx.list::<Group>();
    let mut found = Vec::new();
    for group in &groups {
        for (key, value) in group.tags().iter() {
            let mut fits = true;
            for (name, values) in &filters {
                let field = match *name {
                    "auto-scaling-group" => group.name.as_str(),
                    "key" => key,
                    "value" => value,
                    "propagate-at-launch" => {
                        if group.propagated.iter().any(|known| known == key) {
                            "true"
                        } else {
                            "false"
                        }
                    }
                    name => return Err(validation(format!("Filter type {name} is not correct"))),
                };
                fits &= values.contains(&field);
            }
            if fits {
                found.push((format!("{}\u{0}{key}", group.name), group, key, value));
            }
        }
    }
    let page = pages(found, |(id, ..)| id.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list(
        "Tags",
        "member",
        &page.items,
        |xml, (_, group, key, value)| write(xml, group, key, value),
    )
    .opt("NextToken", page.next);
    Ok(xml)
}
