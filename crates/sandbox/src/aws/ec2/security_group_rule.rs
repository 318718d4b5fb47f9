//! Security group rules: each is a document with an id, as AWS has had them since 2021; the older operations on
//! permissions work on the same documents.

use serde::{Deserialize, Serialize};

use super::common::{Describe, page_xml, tag_set, tag_specification};
use super::permissions::{self, Peer, Permission, write_permissions};
use super::security_group;
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::{Document, Stored};

/// Rules per group and direction; raised from AWS's default of 60.
const QUOTA: usize = 1000;

/// A rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SecurityGroupRule {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) egress: bool,
    pub(crate) permission: Permission,
}

impl Document for SecurityGroupRule {
    const KIND: &'static str = "ec2/security-group-rule";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        let mut links = vec![self.group.clone()];
        if let Peer::Group(id) = &self.permission.peer {
            links.push(reference(id));
        }
        links
    }
}

/// The link of rules that name a group as their peer.
pub(super) fn reference(group: &str) -> String {
    format!("peer:{group}")
}

const PERMISSIONS: &[&str] = &[
    "GroupId",
    "IpPermissions.IpProtocol",
    "IpPermissions.FromPort",
    "IpPermissions.ToPort",
    "IpPermissions.IpRanges.CidrIp",
    "IpPermissions.IpRanges.Description",
    "IpPermissions.Ipv6Ranges.CidrIpv6",
    "IpPermissions.Ipv6Ranges.Description",
    "IpPermissions.PrefixListIds.PrefixListId",
    "IpPermissions.PrefixListIds.Description",
    "IpPermissions.Groups.GroupId",
    "IpPermissions.Groups.UserId",
    "IpPermissions.Groups.Description",
    "IpProtocol",
    "FromPort",
    "ToPort",
    "CidrIp",
    "SecurityGroupRuleId",
    "SecurityGroupRuleDescription.SecurityGroupRuleId",
    "SecurityGroupRuleDescription.Description",
    "TagSpecification.*",
];

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AuthorizeSecurityGroupIngress",
        accepts: PERMISSIONS,
        handler: |ctx, params| authorize(ctx, params, false),
    },
    Operation {
        name: "AuthorizeSecurityGroupEgress",
        accepts: PERMISSIONS,
        handler: |ctx, params| authorize(ctx, params, true),
    },
    Operation {
        name: "RevokeSecurityGroupIngress",
        accepts: PERMISSIONS,
        handler: |ctx, params| revoke(ctx, params, false),
    },
    Operation {
        name: "RevokeSecurityGroupEgress",
        accepts: PERMISSIONS,
        handler: |ctx, params| revoke(ctx, params, true),
    },
    Operation {
        name: "UpdateSecurityGroupRuleDescriptionsIngress",
        accepts: PERMISSIONS,
        handler: |ctx, params| update_descriptions(ctx, params, false),
    },
    Operation {
        name: "UpdateSecurityGroupRuleDescriptionsEgress",
        accepts: PERMISSIONS,
        handler: |ctx, params| update_descriptions(ctx, params, true),
    },
    Operation {
        name: "ModifySecurityGroupRules",
        accepts: &[
            "GroupId",
            "SecurityGroupRule.SecurityGroupRuleId",
            "SecurityGroupRule.SecurityGroupRule.IpProtocol",
            "SecurityGroupRule.SecurityGroupRule.FromPort",
            "SecurityGroupRule.SecurityGroupRule.ToPort",
            "SecurityGroupRule.SecurityGroupRule.CidrIpv4",
            "SecurityGroupRule.SecurityGroupRule.CidrIpv6",
            "SecurityGroupRule.SecurityGroupRule.PrefixListId",
            "SecurityGroupRule.SecurityGroupRule.ReferencedGroupId",
            "SecurityGroupRule.SecurityGroupRule.Description",
        ],
        handler: modify,
    },
    Operation {
        name: "DescribeSecurityGroupRules",
        accepts: &["SecurityGroupRuleId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
];

fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidSecurityGroupRuleId.NotFound",
        format!("The security group rule ID '{id}' does not exist"),
    )
}

/// Makes a rule as the cloud itself does.
pub(crate) fn make(ctx: &mut Ctx<'_>, group: &str, egress: bool, permission: Permission) -> String {
    let rule = SecurityGroupRule {
        id: ctx.new_id("sgr"),
        group: group.to_owned(),
        egress,
        permission,
    };
    let id = rule.id.clone();
    ctx.put(rule);
    id
}

/// The rules of a group in one direction.
fn of_group(ctx: &Ctx<'_>, group: &str, egress: bool) -> Vec<Stored<SecurityGroupRule>> {
    let mut rules = ctx.referrers::<SecurityGroupRule>(group);
    rules.retain(|rule| rule.egress == egress);
    rules
}

/// Refuses peers that are not there, or are in another network.
fn check_peer(ctx: &Ctx<'_>, vpc: &str, permission: &Permission) -> AwsResult<()> {
    match &permission.peer {
        Peer::Group(id) => {
            let peer = security_group::find(ctx, id)?;
            if peer.vpc != vpc {
                let message = "You have specified two resources that belong to different networks.";
                return Err(AwsError::new("InvalidGroup.NotFound", message));
            }
        }
        Peer::PrefixList(id) if !super::prefix_list::exists(ctx, id) => {
            let message = format!("The prefix list ID '{id}' does not exist");
            return Err(AwsError::new("InvalidPrefixListID.NotFound", message));
        }
        Peer::PrefixList(_) | Peer::Ipv4(_) | Peer::Ipv6(_) => {}
    }
    Ok(())
}

fn duplicate(permission: &Permission) -> AwsError {
    let message = format!("the specified rule \"{permission}\" already exists");
    AwsError::new("InvalidPermission.Duplicate", message)
}

fn authorize(ctx: &mut Ctx<'_>, params: &Params, egress: bool) -> AwsResult<Xml> {
    let group = security_group::find(ctx, params.require("GroupId")?)?;
    let tags = tag_specification(params, "security-group-rule")?;
    let wanted = permissions::read(params)?;
    if wanted.is_empty() {
        return Err(AwsError::new(
            "MissingParameter",
            "Either 'ipPermissions' or 'ipProtocol' must be given",
        ));
    }
    let mut present: Vec<Permission> = of_group(ctx, &group.id, egress)
        .iter()
        .map(|rule| rule.permission.clone())
        .collect();
    for permission in &wanted {
        check_peer(ctx, &group.vpc, permission)?;
        if present.iter().any(|other| other.same(permission)) {
            return Err(duplicate(permission));
        }
        present.push(permission.clone());
    }
    if present.len() > QUOTA {
        let message = "The maximum number of rules per security group has been reached.";
        return Err(AwsError::new("RulesPerSecurityGroupLimitExceeded", message));
    }
    let mut made = Vec::new();
    for permission in wanted {
        let id = make(ctx, &group.id, egress, permission);
        ctx.set_tags::<SecurityGroupRule>(&id, tags.clone());
        made.extend(ctx.get::<SecurityGroupRule>(&id));
    }
    let mut xml = Xml::done();
    xml.list("securityGroupRuleSet", "item", &made, |xml, rule| {
        write(xml, ctx, rule);
    });
    Ok(xml)
}

fn revoke(ctx: &mut Ctx<'_>, params: &Params, egress: bool) -> AwsResult<Xml> {
    let group = security_group::find(ctx, params.require("GroupId")?)?;
    let rules = of_group(ctx, &group.id, egress);
    let mut revoked = Vec::new();
    for id in params.strings("SecurityGroupRuleId") {
        let rule = rules
            .iter()
            .find(|rule| rule.id == id)
            .ok_or_else(|| not_found(id))?;
        revoked.push(rule.clone());
    }
    let mut unknown = Vec::new();
    for permission in permissions::read(params)? {
        match rules.iter().find(|rule| rule.permission.same(&permission)) {
            Some(rule) => revoked.push(rule.clone()),
            None => unknown.push(permission),
        }
    }
    if revoked.is_empty() {
        let message = "The specified rule does not exist in this security group.";
        return Err(AwsError::new("InvalidPermission.NotFound", message));
    }
    for rule in &revoked {
        ctx.delete::<SecurityGroupRule>(&rule.id);
    }
    let mut xml = Xml::done();
    if !unknown.is_empty() {
        write_permissions(&mut xml, "unknownIpPermissionSet", unknown.iter());
    }
    xml.list(
        "revokedSecurityGroupRuleSet",
        "item",
        &revoked,
        |xml, rule| {
            xml.text("securityGroupRuleId", &rule.id)
                .text("groupId", &rule.group)
                .text("isEgress", rule.egress);
            write_permission(xml, &rule.permission);
            if let Peer::Group(id) = &rule.permission.peer {
                xml.text("referencedGroupId", id);
            }
        },
    );
    Ok(xml)
}

fn update_descriptions(ctx: &mut Ctx<'_>, params: &Params, egress: bool) -> AwsResult<Xml> {
    let group = security_group::find(ctx, params.require("GroupId")?)?;
    let rules = of_group(ctx, &group.id, egress);
    for item in params.items("SecurityGroupRuleDescription") {
        let id = item.require("SecurityGroupRuleId")?;
        let mut rule = rules
            .iter()
            .find(|rule| rule.id == id)
            .ok_or_else(|| not_found(id))?
            .edit();
        rule.permission.description = permissions::description(item)?;
        ctx.put(rule);
    }
    for permission in permissions::read(params)? {
        let Some(rule) = rules.iter().find(|rule| rule.permission.same(&permission)) else {
            let message = "The specified rule does not exist in this security group.";
            return Err(AwsError::new("InvalidPermission.NotFound", message));
        };
        ctx.put(SecurityGroupRule {
            permission,
            ..rule.edit()
        });
    }
    Ok(Xml::done())
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = security_group::find(ctx, params.require("GroupId")?)?;
    for update in params.items("SecurityGroupRule") {
        let id = update.require("SecurityGroupRuleId")?;
        let rule = ctx
            .get::<SecurityGroupRule>(id)
            .filter(|rule| rule.group == group.id)
            .ok_or_else(|| not_found(id))?;
        let Some(node) = update.node("SecurityGroupRule") else {
            continue;
        };
        let permission = permissions::read_rule(node)?;
        if std::mem::discriminant(&permission.peer) != std::mem::discriminant(&rule.permission.peer)
        {
            let message =
                "You may not change the source or destination type of a security group rule";
            return Err(AwsError::new("InvalidParameterValue", message));
        }
        check_peer(ctx, &group.vpc, &permission)?;
        let others = of_group(ctx, &group.id, rule.egress);
        if others
            .iter()
            .any(|other| other.id != id && other.permission.same(&permission))
        {
            return Err(duplicate(&permission));
        }
        ctx.put(SecurityGroupRule {
            permission,
            ..rule.edit()
        });
    }
    Ok(Xml::done())
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let select = Describe::<SecurityGroupRule> {
        ids: "SecurityGroupRuleId",
        not_found,
        filters: &["group-id", "security-group-rule-id"],
        indexed: &["group-id"],
        field: |_, rule, name| {
            vec![if name == "group-id" {
                rule.group.clone()
            } else {
                rule.id.clone()
            }]
        },
    };
    let page = select.select(ctx, params)?;
    Ok(page_xml("securityGroupRuleSet", page, |xml, rule| {
        write(xml, ctx, rule);
    }))
}

fn write_permission(xml: &mut Xml, permission: &Permission) {
    xml.text("ipProtocol", &permission.protocol)
        .text("fromPort", permission.from_port)
        .text("toPort", permission.to_port)
        .opt("description", permission.description.as_ref());
    match &permission.peer {
        Peer::Ipv4(net) => xml.text("cidrIpv4", net),
        Peer::Ipv6(net) => xml.text("cidrIpv6", net),
        Peer::PrefixList(id) => xml.text("prefixListId", id),
        Peer::Group(_) => xml,
    };
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, rule: &Stored<SecurityGroupRule>) {
    xml.text("securityGroupRuleId", &rule.id)
        .text(
            "securityGroupRuleArn",
            ctx.arn("ec2", &format!("security-group-rule/{}", rule.id)),
        )
        .text("groupId", &rule.group)
        .text("groupOwnerId", ACCOUNT)
        .text("isEgress", rule.egress);
    write_permission(xml, &rule.permission);
    if let Peer::Group(id) = &rule.permission.peer {
        xml.node("referencedGroupInfo", |xml| {
            xml.text("groupId", id).text("userId", ACCOUNT);
        });
    }
    tag_set(xml, rule.tags());
}
