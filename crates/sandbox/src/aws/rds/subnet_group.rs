//! Subnet groups: where instances may be.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::instance::Instance;
use super::{invalid, pages, tagging};
use crate::aws::context::Ctx;
use crate::aws::ec2::subnet::Subnet;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::{Document, Listed, Stored};

/// Subnet groups per region.
pub(crate) const QUOTA: usize = 500;

/// A subnet group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SubnetGroup {
    pub(super) name: String,
    description: String,
    pub(super) vpc: String,
    pub(super) subnets: Vec<String>,
}

impl Document for SubnetGroup {
    const KIND: &'static str = "rds/subnet-group";

    fn id(&self) -> &str {
        &self.name
    }

    fn links(&self) -> Vec<String> {
        self.subnets.clone()
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_db_subnet_group")
    }
}

/// The link of instances to their subnet group.
pub(super) fn link(name: &str) -> String {
    format!("subnet-group:{name}")
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDBSubnetGroup",
        accepts: &[
            "DBSubnetGroupName",
            "DBSubnetGroupDescription",
            "SubnetIds.SubnetIdentifier",
            "Tags.Tag.Key",
            "Tags.Tag.Value",
        ],
        handler: create,
    },
    Operation {
        name: "DescribeDBSubnetGroups",
        accepts: &[
            "DBSubnetGroupName",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
            "MaxRecords",
            "Marker",
        ],
        handler: describe,
    },
    Operation {
        name: "ModifyDBSubnetGroup",
        accepts: &[
            "DBSubnetGroupName",
            "DBSubnetGroupDescription",
            "SubnetIds.SubnetIdentifier",
        ],
        handler: modify,
    },
    Operation {
        name: "DeleteDBSubnetGroup",
        accepts: &["DBSubnetGroupName"],
        handler: delete,
    },
];

/// The subnet group of a name.
pub(super) fn find(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<SubnetGroup>> {
    ctx.get::<SubnetGroup>(&name.to_lowercase()).ok_or_else(|| {
        let message = format!("DB subnet group '{name}' does not exist.");
        AwsError::with_status(404, "DBSubnetGroupNotFoundFault", message)
    })
}

/// Reads subnets; the network that they are in.
fn subnets(ctx: &Ctx<'_>, params: &Params) -> AwsResult<(String, Vec<String>)> {
    let mut zones = BTreeSet::new();
    let mut vpcs = BTreeSet::new();
    let mut ids: Vec<String> = Vec::new();
    for id in params.strings("SubnetIds") {
        let Some(subnet) = ctx.get::<Subnet>(id) else {
            let message = format!("The request failed because subnet '{id}' does not exist");
            return Err(AwsError::new("InvalidSubnet", message));
        };
        zones.insert(subnet.zone.clone());
        vpcs.insert(subnet.vpc.clone());
        ids.push(id.to_owned());
    }
    if zones.len() < 2 {
        let message = format!(
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: {}. Add subnets to cover at least 2 AZs.",
            zones.into_iter().collect::<Vec<_>>().join(", ")
        );
        return Err(AwsError::new("DBSubnetGroupDoesNotCoverEnoughAZs", message));
    }
    if vpcs.len() > 1 {
        return Err(AwsError::new(
            "InvalidSubnet",
            "The DB subnet group has subnets of more than one VPC",
        ));
    }
    let vpc = vpcs
        .into_iter()
        .next()
        .expect("there are two zones, so there is a subnet");
    Ok((vpc, ids))
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let text = params.require("DBSubnetGroupName")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || " -_.".contains(c);
    if text.len() > 255 || !text.chars().all(allowed) || text.eq_ignore_ascii_case("default") {
        let message = format!("The parameter DBSubnetGroupName is not a valid name: {text}");
        return Err(invalid(message));
    }
    let name = text.to_lowercase();
    let description = params.require("DBSubnetGroupDescription")?;
    let tags = tagging::read(params)?;
    if ctx.exists::<SubnetGroup>(&name) {
        let message = format!("The DB subnet group '{name}' already exists.");
        return Err(AwsError::new("DBSubnetGroupAlreadyExists", message));
    }
    let (vpc, subnets) = subnets(ctx, params)?;
    if ctx.count::<SubnetGroup>() >= QUOTA {
        return Err(AwsError::new(
            "DBSubnetGroupQuotaExceeded",
            "The quota of DB subnet groups is reached",
        ));
    }
    let group = SubnetGroup {
        name: name.clone(),
        description: description.to_owned(),
        vpc,
        subnets,
    };
    ctx.put_tagged(group, tags);
    answer(ctx, &name)
}

fn answer(ctx: &Ctx<'_>, name: &str) -> AwsResult<Xml> {
    let group = find(ctx, name)?;
    let mut xml = Xml::new();
    xml.node("DBSubnetGroup", |xml| write(xml, ctx, &group));
    Ok(xml)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let groups = match params.str("DBSubnetGroupName") {
        Some(name) => vec![find(ctx, name)?],
        None => ctx.list::<SubnetGroup>(),
    };
    let page = pages(groups, |group| group.name.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list(
        "DBSubnetGroups",
        "DBSubnetGroup",
        &page.items,
        |xml, group| write(xml, ctx, group),
    )
    .opt("Marker", page.next);
    Ok(xml)
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut group = find(ctx, params.require("DBSubnetGroupName")?)?.edit();
    let (vpc, subnets) = subnets(ctx, params)?;
    if vpc != group.vpc {
        return Err(AwsError::new(
            "InvalidSubnet",
            "The subnets belong to another VPC than the DB subnet group's",
        ));
    }
    for instance in ctx.referrers::<Instance>(&link(&group.name)) {
        if instance
            .subnet()
            .is_some_and(|subnet| !subnets.iter().any(|id| id == subnet))
        {
            let message = "Some of the subnets to be deleted are currently in use.";
            return Err(AwsError::new("SubnetAlreadyInUse", message));
        }
    }
    group.subnets = subnets;
    if let Some(description) = params.str("DBSubnetGroupDescription") {
        description.clone_into(&mut group.description);
    }
    let name = group.name.clone();
    ctx.put(group);
    answer(ctx, &name)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = find(ctx, params.require("DBSubnetGroupName")?)?;
    if let Some(instance) = ctx.referrers::<Instance>(&link(&group.name)).first() {
        let message = format!(
            "Cannot delete the subnet group '{}' because at least one database instance: {} is still using it.",
            group.name, instance.name
        );
        return Err(AwsError::new("InvalidDBSubnetGroupStateFault", message));
    }
    ctx.delete::<SubnetGroup>(&group.name);
    Ok(Xml::new())
}

/// Writes what is inside `DBSubnetGroup`.
pub(super) fn write(xml: &mut Xml, ctx: &Ctx<'_>, group: &SubnetGroup) {
    xml.text("DBSubnetGroupName", &group.name)
        .text("DBSubnetGroupDescription", &group.description)
        .text("VpcId", &group.vpc)
        .text("SubnetGroupStatus", "Complete")
        .list("Subnets", "Subnet", &group.subnets, |xml, id| {
            xml.text("SubnetIdentifier", id);
            if let Some(subnet) = ctx.get::<Subnet>(id) {
                xml.node("SubnetAvailabilityZone", |xml| {
                    xml.text("Name", &subnet.zone);
                });
            }
            xml.node("SubnetOutpost", |_| {})
                .text("SubnetStatus", "Active");
        })
        .text(
            "DBSubnetGroupArn",
            ctx.arn("rds", &format!("subgrp:{}", group.name)),
        )
        .texts("SupportedNetworkTypes", "member", ["IPV4"]);
}
