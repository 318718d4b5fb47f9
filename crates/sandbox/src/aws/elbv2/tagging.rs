//! Tags of everything in Elastic Load Balancing, by ARN.

use super::listener::{self, Listener};
use super::load_balancer::{self, LoadBalancer};
use super::rule::{self, Rule};
use super::target_group::{self, TargetGroup};
use super::{require, validation};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::tagging::Tagged;
use crate::aws::xml::Xml;
use crate::tags::{Characters, TagError, Tags};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AddTags",
        accepts: &["ResourceArns", "Tags.Key", "Tags.Value"],
        handler: add,
    },
    Operation {
        name: "RemoveTags",
        accepts: &["ResourceArns", "TagKeys"],
        handler: remove,
    },
    Operation {
        name: "DescribeTags",
        accepts: &["ResourceArns"],
        handler: describe,
    },
];

fn refused(error: &TagError) -> AwsError {
    match error {
        TagError::Duplicate(_) => AwsError::new("DuplicateTagKeys", error.to_string()),
        TagError::TooMany => AwsError::new("TooManyTags", error.to_string()),
        _ => validation(error.to_string()),
    }
}

/// Tags of a request.
pub(super) fn read(params: &Params) -> AwsResult<Tags> {
    let mut pairs = Vec::new();
    for tag in params.items("Tags") {
        pairs.push((
            require(tag, "Key")?.to_owned(),
            tag.str("Value").unwrap_or_default().to_owned(),
        ));
    }
    Tags::from_pairs(pairs, Characters::Restricted).map_err(|error| refused(&error))
}

fn tags_of(ctx: &Ctx<'_>, arn: &str) -> AwsResult<Tags> {
    if arn.contains(":loadbalancer/") {
        Ok(load_balancer::find_arn(ctx, arn)?.tags().clone())
    } else if arn.contains(":targetgroup/") {
        Ok(target_group::find_arn(ctx, arn)?.tags().clone())
    } else if arn.contains(":listener/") {
        Ok(listener::find_arn(ctx, arn)?.tags().clone())
    } else if arn.contains(":listener-rule/") {
        Ok(rule::find_arn(ctx, arn)?.tags().clone())
    } else {
        Err(validation(format!("'{arn}' is not a valid ARN")))
    }
}

fn set(ctx: &mut Ctx<'_>, arn: &str, tags: Tags) {
    if arn.contains(":loadbalancer/") {
        ctx.set_tags::<LoadBalancer>(arn, tags);
    } else if arn.contains(":targetgroup/") {
        ctx.set_tags::<TargetGroup>(arn, tags);
    } else if arn.contains(":listener/") {
        ctx.set_tags::<Listener>(arn, tags);
    } else {
        ctx.set_tags::<Rule>(arn, tags);
    }
}

fn arns(params: &Params) -> AwsResult<Vec<&str>> {
    let arns = params.strings("ResourceArns");
    if arns.is_empty() || arns.len() > 20 {
        return Err(validation(
            "Between 1 and 20 resource ARNs must be specified",
        ));
    }
    Ok(arns)
}

fn add(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let new = read(params)?;
    for arn in arns(params)? {
        let mut tags = tags_of(ctx, arn)?;
        tags.merge(new.clone()).map_err(|error| refused(&error))?;
        set(ctx, arn, tags);
    }
    Ok(Xml::new())
}

fn remove(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    for arn in arns(params)? {
        let mut tags = tags_of(ctx, arn)?;
        for key in params.strings("TagKeys") {
            tags.remove(key);
        }
        set(ctx, arn, tags);
    }
    Ok(Xml::new())
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut found = Vec::new();
    for arn in arns(params)? {
        found.push((arn, tags_of(ctx, arn)?));
    }
    let mut xml = Xml::new();
    xml.list("TagDescriptions", "member", &found, |xml, (arn, tags)| {
        xml.text("ResourceArn", arn)
            .list("Tags", "member", tags.iter(), |xml, (key, value)| {
                xml.text("Key", key).text("Value", value);
            });
    });
    Ok(xml)
}

/// What has tags in the region.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    [
        Tagged::all(ctx, |found: &LoadBalancer| found.arn.clone()),
        Tagged::all(ctx, |found: &TargetGroup| found.arn.clone()),
        Tagged::all(ctx, |found: &Listener| found.arn.clone()),
        Tagged::all(ctx, |found: &Rule| found.arn.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
