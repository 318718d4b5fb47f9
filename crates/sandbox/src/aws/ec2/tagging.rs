//! Tags of any EC2 resource, by its id: the prefix says the type.

use super::common::{Filters, pages, read_tags};
use super::{
    address, flow_log, gateway, launch_template, nat_gateway, network_acl, network_interface,
    route_table, security_group, security_group_rule, subnet, vpc, vpc_endpoint,
};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::tagging::Tagged;
use crate::aws::xml::Xml;
use crate::tags::TagError;
use crate::world::Document;

/// A type that takes tags.
struct Taggable {
    prefix: &'static str,
    kind: &'static str,
    resource: &'static str,
    not_found: fn(&str) -> AwsError,
}

const fn taggable<T: Document>(
    prefix: &'static str,
    resource: &'static str,
    not_found: fn(&str) -> AwsError,
) -> Taggable {
    Taggable {
        prefix,
        kind: T::KIND,
        resource,
        not_found,
    }
}

fn invalid_id(id: &str) -> AwsError {
    AwsError::new("InvalidID", format!("The ID '{id}' is not valid"))
}

const TYPES: &[Taggable] = &[
    taggable::<vpc::Vpc>("vpc-", "vpc", vpc::not_found),
    taggable::<subnet::Subnet>("subnet-", "subnet", subnet::not_found),
    taggable::<gateway::InternetGateway>("igw-", "internet-gateway", gateway::not_found),
    taggable::<gateway::EgressOnlyGateway>("eigw-", "egress-only-internet-gateway", invalid_id),
    taggable::<nat_gateway::NatGateway>("nat-", "natgateway", nat_gateway::not_found),
    taggable::<address::Address>("eipalloc-", "elastic-ip", address::not_found),
    taggable::<route_table::RouteTable>("rtb-", "route-table", route_table::not_found),
    taggable::<security_group::SecurityGroup>("sg-", "security-group", security_group::not_found),
    taggable::<security_group_rule::SecurityGroupRule>("sgr-", "security-group-rule", invalid_id),
    taggable::<network_interface::NetworkInterface>(
        "eni-",
        "network-interface",
        network_interface::not_found,
    ),
    taggable::<network_acl::NetworkAcl>("acl-", "network-acl", invalid_id),
    taggable::<vpc_endpoint::VpcEndpoint>("vpce-", "vpc-endpoint", invalid_id),
    taggable::<flow_log::FlowLog>("fl-", "vpc-flow-log", invalid_id),
    taggable::<launch_template::LaunchTemplate>(
        "lt-",
        "launch-template",
        launch_template::not_found,
    ),
];

fn type_of(id: &str) -> AwsResult<&'static Taggable> {
    TYPES
        .iter()
        .find(|kind| id.starts_with(kind.prefix))
        .ok_or_else(|| invalid_id(id))
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateTags",
        accepts: &["ResourceId", "Tag.Key", "Tag.Value"],
        handler: create,
    },
    Operation {
        name: "DeleteTags",
        accepts: &["ResourceId", "Tag.Key", "Tag.Value"],
        handler: delete,
    },
    Operation {
        name: "DescribeTags",
        accepts: &["Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
];

fn resources(params: &Params) -> AwsResult<Vec<&str>> {
    let ids = params.strings("ResourceId");
    if ids.is_empty() {
        return Err(AwsError::new(
            "MissingParameter",
            "The request must contain the parameter resourceIdSet",
        ));
    }
    if ids.len() > 1000 {
        return Err(AwsError::new(
            "InvalidParameterValue",
            "At most 1000 resources can be tagged at once",
        ));
    }
    Ok(ids)
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let added = read_tags(params, "Tag")?;
    if added.is_empty() {
        return Err(AwsError::new(
            "MissingParameter",
            "The request must contain the parameter tagSet",
        ));
    }
    for id in resources(params)? {
        let kind = type_of(id)?;
        let region = ctx.region.clone();
        let mut tags = ctx
            .tx
            .tags_of(kind.kind, &region, id)
            .ok_or_else(|| (kind.not_found)(id))?
            .clone();
        tags.merge(added.clone())
            .map_err(|error: TagError| AwsError::new("TagLimitExceeded", error.to_string()))?;
        ctx.tx.retag(kind.kind, &region, id, tags);
    }
    Ok(Xml::done())
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    for id in resources(params)? {
        let kind = type_of(id)?;
        let region = ctx.region.clone();
        // A resource that is gone has no tags to delete.
        let Some(tags) = ctx.tx.tags_of(kind.kind, &region, id) else {
            continue;
        };
        let mut tags = tags.clone();
        let named = params.items("Tag");
        if named.is_empty() {
            tags = crate::tags::Tags::default();
        }
        for tag in named {
            let key = tag.require("Key")?;
            // A value that is given must match.
            if tag
                .str("Value")
                .is_none_or(|value| tags.get(key) == Some(value))
            {
                tags.remove(key);
            }
        }
        ctx.tx.retag(kind.kind, &region, id, tags);
    }
    Ok(Xml::done())
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let filters = Filters::parse(params, &["key", "resource-id", "resource-type", "value"])?;
    let mut rows = Vec::new();
    for kind in TYPES {
        for (id, tags) in ctx.tx.tagged(kind.kind, &ctx.region) {
            for (key, value) in tags.iter() {
                let pass = filters.pass(tags, |name| {
                    vec![
                        match name {
                            "key" => key,
                            "resource-id" => id,
                            "resource-type" => kind.resource,
                            _ => value,
                        }
                        .to_owned(),
                    ]
                });
                if pass {
                    rows.push((format!("{id}/{key}"), id, kind.resource, key, value));
                }
            }
        }
    }
    rows.sort();
    let page = pages(rows, |row| row.0.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list(
        "tagSet",
        "item",
        &page.items,
        |xml, (_, id, resource, key, value)| {
            xml.text("resourceId", id)
                .text("resourceType", resource)
                .text("key", key)
                .text("value", value);
        },
    );
    xml.opt("nextToken", page.next);
    Ok(xml)
}

/// What has tags in the region.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    let each = |kind: &'static Taggable| {
        let all = ctx.tx.tagged(kind.kind, &ctx.region);
        all.map(|(id, tags)| {
            let arn = ctx.arn("ec2", &format!("{}/{id}", kind.resource));
            Tagged::new(arn, tags.clone())
        })
    };
    TYPES.iter().flat_map(each).collect()
}
