//! The network ACL that each network has from the beginning; it lets everything through. Clients only read it.

use serde::{Deserialize, Serialize};

use super::common::{Describe, page_xml, tag_set};
use super::subnet::Subnet;
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::Document;

/// A network ACL.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NetworkAcl {
    id: String,
    vpc: String,
}

impl Document for NetworkAcl {
    const KIND: &'static str = "ec2/network-acl";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.vpc.clone()]
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeNetworkAcls",
    accepts: &["NetworkAclId", "Filter.*", "MaxResults", "NextToken"],
    handler: describe,
}];

/// Makes the ACL of a new network.
pub(super) fn make_default(ctx: &mut Ctx<'_>, vpc: &str) {
    let acl = NetworkAcl {
        id: ctx.new_id("acl"),
        vpc: vpc.to_owned(),
    };
    ctx.put(acl);
}

fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidNetworkAclID.NotFound",
        format!("The networkAcl ID '{id}' does not exist"),
    )
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<NetworkAcl> {
        ids: "NetworkAclId",
        not_found,
        filters: &[
            "association.subnet-id",
            "default",
            "network-acl-id",
            "owner-id",
            "vpc-id",
        ],
        indexed: &["vpc-id"],
        field: |ctx, acl, name| match name {
            "association.subnet-id" => ctx
                .referrers::<Subnet>(&acl.vpc)
                .iter()
                .map(|subnet| subnet.id.clone())
                .collect(),
            "default" => vec!["true".to_owned()],
            "network-acl-id" => vec![acl.id.clone()],
            "owner-id" => vec![ACCOUNT.to_owned()],
            _ => vec![acl.vpc.clone()],
        },
    }
    .select(ctx, params)?;
    let entries: Vec<(u32, bool, &str)> = [false, true]
        .into_iter()
        .flat_map(|egress| [(100, egress, "allow"), (32767, egress, "deny")])
        .collect();
    Ok(page_xml("networkAclSet", page, |xml, acl| {
        xml.text("networkAclId", &acl.id)
            .text("vpcId", &acl.vpc)
            .text("ownerId", ACCOUNT)
            .text("default", true)
            .list(
                "entrySet",
                "item",
                &entries,
                |xml, (number, egress, action)| {
                    xml.text("ruleNumber", number)
                        .text("protocol", "-1")
                        .text("ruleAction", action)
                        .text("egress", egress)
                        .text("cidrBlock", "0.0.0.0/0");
                },
            )
            .list(
                "associationSet",
                "item",
                ctx.referrers::<Subnet>(&acl.vpc),
                |xml, subnet| {
                    xml.text("networkAclAssociationId", subnet.acl_association())
                        .text("networkAclId", &acl.id)
                        .text("subnetId", &subnet.id);
                },
            );
        tag_set(xml, acl.tags());
    }))
}
