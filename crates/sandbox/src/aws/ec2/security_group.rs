//! Security groups; their rules are documents of their own, in `security_group_rule`.

use serde::{Deserialize, Serialize};

use super::common::{Describe, in_use, page_xml, tag_set, tag_specification};
use super::network_interface::NetworkInterface;
use super::permissions::{Peer, Permission, write_permissions};
use super::security_group_rule::{self as rules, SecurityGroupRule};
use super::vpc;
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::Millis;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// Groups per region; AWS's default of 2,500.
pub(crate) const QUOTA: usize = 2500;

/// The name of the group that each network has from the beginning.
const DEFAULT: &str = "default";

/// A security group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SecurityGroup {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) name: String,
    description: String,
    /// The cluster or other controller that made it, if one did.
    owner: Option<String>,
    /// Whether it came with what its owner is and goes with it, so that it is no resource of its own.
    #[serde(default)]
    part: bool,
    #[serde(default)]
    gone_at: Option<Millis>,
}

impl Document for SecurityGroup {
    const KIND: &'static str = "ec2/security-group";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.vpc.clone()]
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        if self.is_default() || self.part {
            return None;
        }
        Listed::aws("aws_security_group").map(|listed| Listed {
            owner: self.owner.clone(),
            ..listed
        })
    }
}

impl SecurityGroup {
    /// Whether it came with its network.
    pub(crate) fn is_default(&self) -> bool {
        self.name == DEFAULT
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateSecurityGroup",
        accepts: &[
            "GroupName",
            "GroupDescription",
            "VpcId",
            "TagSpecification.*",
        ],
        handler: create,
    },
    Operation {
        name: "DeleteSecurityGroup",
        accepts: &["GroupId"],
        handler: delete,
    },
    Operation {
        name: "DescribeSecurityGroups",
        accepts: &["GroupId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidGroup.NotFound",
        format!("The security group '{id}' does not exist"),
    )
}

/// The group that a request names.
pub(crate) fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<SecurityGroup>> {
    ctx.get::<SecurityGroup>(id).ok_or_else(|| not_found(id))
}

/// Makes a group as the cloud itself or a controller does, with the egress rule that every group begins with.
pub(crate) fn make(
    ctx: &mut Ctx<'_>,
    vpc: &str,
    name: &str,
    description: &str,
    owner: Option<&str>,
    tags: Tags,
) -> String {
    let group = SecurityGroup {
        id: ctx.new_id("sg"),
        vpc: vpc.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
        owner: owner.map(str::to_owned),
        part: false,
        gone_at: None,
    };
    let id = group.id.clone();
    ctx.put_tagged(group, tags);
    rules::make(ctx, &id, true, Permission::everything_to("0.0.0.0/0"));
    id
}

/// The group that comes with a network: members may talk to each other.
pub(super) fn make_default(ctx: &mut Ctx<'_>, vpc: &str) {
    let id = make(
        ctx,
        vpc,
        DEFAULT,
        "default VPC security group",
        None,
        Tags::default(),
    );
    rules::make(ctx, &id, false, Permission::everything_from_group(&id));
}

/// The default group of a network.
pub(crate) fn default_of(ctx: &Ctx<'_>, vpc: &str) -> Option<Stored<SecurityGroup>> {
    ctx.referrers::<SecurityGroup>(vpc)
        .into_iter()
        .find(|group| group.is_default())
}

/// Makes a group a part of its owner: it is not listed by itself.
pub(crate) fn make_part(ctx: &mut Ctx<'_>, id: &str) {
    if let Some(group) = ctx.get::<SecurityGroup>(id) {
        ctx.put(SecurityGroup {
            part: true,
            ..group.edit()
        });
    }
}

/// Takes the rules of a group away now and lets the group itself vanish at `at`.
pub(crate) fn remove_at(ctx: &mut Ctx<'_>, id: &str, at: Millis) {
    let Some(group) = ctx.get::<SecurityGroup>(id) else {
        return;
    };
    remove(ctx, id);
    if !ctx.past(at) {
        ctx.put_tagged(
            SecurityGroup {
                gone_at: Some(at),
                ..group.edit()
            },
            group.tags().clone(),
        );
    }
}

/// Takes a group and its rules away.
pub(crate) fn remove(ctx: &mut Ctx<'_>, id: &str) {
    for rule in ctx.referrers::<SecurityGroupRule>(id) {
        ctx.delete::<SecurityGroupRule>(&rule.id);
    }
    ctx.delete::<SecurityGroup>(id);
}

fn check_text(name: &str, text: &str) -> AwsResult<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.len() > 255 || !text.chars().all(allowed) {
        let message = format!(
            "Value ({text}) for parameter {name} is invalid. Character sets beyond ASCII are not supported."
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    Ok(())
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = params.require("GroupName")?;
    let description = params.require("GroupDescription")?;
    check_text("GroupName", name)?;
    check_text("GroupDescription", description)?;
    if name.starts_with("sg-") {
        let message = format!(
            "Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    let Some(vpc) = params.str("VpcId") else {
        return Err(AwsError::new(
            "VPCIdNotSpecified",
            "No default VPC for this user",
        ));
    };
    let vpc = vpc::find(ctx, vpc)?;
    let tags = tag_specification(params, "security-group")?;
    if name == DEFAULT {
        let message = "Cannot use reserved security group name: default";
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    if ctx
        .referrers::<SecurityGroup>(vpc.id())
        .iter()
        .any(|group| group.name == name)
    {
        let message = format!(
            "The security group '{name}' already exists for VPC '{}'",
            vpc.id()
        );
        return Err(AwsError::new("InvalidGroup.Duplicate", message));
    }
    if ctx.count::<SecurityGroup>() >= QUOTA {
        let message = "The maximum number of security groups has been reached.";
        return Err(AwsError::new("SecurityGroupLimitExceeded", message));
    }
    let id = make(ctx, vpc.id(), name, description, None, tags);
    let group = find(ctx, &id)?;
    let mut xml = Xml::new();
    xml.text("groupId", &id)
        .text("securityGroupArn", arn(ctx, &id));
    tag_set(&mut xml, group.tags());
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("GroupId")?;
    let group = find(ctx, id)?;
    if group.is_default() {
        let message =
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(AwsError::new("CannotDelete", message));
    }
    let referenced = ctx
        .referrers::<SecurityGroupRule>(&rules::reference(id))
        .iter()
        .any(|rule| rule.group != id);
    if referenced || ctx.referred::<NetworkInterface>(id) {
        return Err(in_use(format!("resource {id} has a dependent object")));
    }
    remove(ctx, id);
    let mut xml = Xml::done();
    xml.text("groupId", id);
    Ok(xml)
}

fn arn(ctx: &Ctx<'_>, id: &str) -> String {
    ctx.arn("ec2", &format!("security-group/{id}"))
}

/// The groups that its rules of one direction name.
fn peers(ctx: &Ctx<'_>, group: &SecurityGroup, egress: bool) -> Vec<String> {
    ctx.referrers::<SecurityGroupRule>(&group.id)
        .iter()
        .filter(|rule| rule.egress == egress && rule.group == group.id)
        .filter_map(|rule| match &rule.permission.peer {
            Peer::Group(id) => Some(id.clone()),
            _ => None,
        })
        .collect()
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<SecurityGroup> {
        ids: "GroupId",
        not_found,
        filters: &[
            "description",
            "egress.ip-permission.group-id",
            "group-id",
            "group-name",
            "ip-permission.group-id",
            "owner-id",
            "vpc-id",
        ],
        indexed: &["vpc-id"],
        field: |ctx, group, name| match name {
            "ip-permission.group-id" => peers(ctx, group, false),
            "egress.ip-permission.group-id" => peers(ctx, group, true),
            name => vec![match name {
                "description" => group.description.clone(),
                "group-id" => group.id.clone(),
                "group-name" => group.name.clone(),
                "owner-id" => ACCOUNT.to_owned(),
                _ => group.vpc.clone(),
            }],
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("securityGroupInfo", page, |xml, group| {
        let rules = ctx.referrers::<SecurityGroupRule>(&group.id);
        xml.text("groupId", &group.id)
            .text("groupName", &group.name)
            .text("groupDescription", &group.description)
            .text("ownerId", ACCOUNT)
            .text("vpcId", &group.vpc)
            .text("securityGroupArn", arn(ctx, &group.id));
        for (name, egress) in [("ipPermissions", false), ("ipPermissionsEgress", true)] {
            let rules = rules
                .iter()
                .filter(|rule| rule.egress == egress && rule.group == group.id);
            write_permissions(xml, name, rules.map(|rule| &rule.permission));
        }
        tag_set(xml, group.tags());
    }))
}
