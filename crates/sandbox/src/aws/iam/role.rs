//! Roles with their trust policies, and those that services link to themselves. Policies of roles are in
//! `role_policy`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::{
    Purpose, already_exists, delete_conflict, document, encode, limit_exceeded, name,
    no_such_entity, pages, path, require, tag_error, tags, validation, write_page, write_tags,
};
use super::instance_profile::{self, InstanceProfile};
use super::managed_policy;
use crate::aws::context::{Ctx, global_arn};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::references::unknown_principal;
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601};
use crate::tags::Tags;
use crate::world::{Document, Listed, Scope, Stored};

/// Roles per account; AWS's default is 1,000.
pub(super) const QUOTA: usize = 5000;

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) role_id: String,
    pub(crate) path: String,
    trust: String,
    description: String,
    max_session: i64,
    boundary: Option<String>,
    pub(crate) created_at: Millis,
    /// ARNs of managed policies, in the order of attachment.
    pub(crate) attached: Vec<String>,
    /// Inline policies by name.
    pub(crate) inline: std::collections::BTreeMap<String, String>,
}

impl Document for Role {
    const KIND: &'static str = "iam/role";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.name
    }

    fn links(&self) -> Vec<String> {
        self.attached
            .iter()
            .chain(&self.boundary)
            .cloned()
            .collect()
    }

    fn listed(&self) -> Option<Listed> {
        // A service-linked role stays when what needed it is gone, and is nobody's litter.
        if self.is_service_linked() {
            None
        } else {
            Listed::aws("aws_iam_role")
        }
    }
}

impl Role {
    pub(crate) fn arn(&self) -> String {
        global_arn("iam", &format!("role{}{}", self.path, self.name))
    }

    /// Its trust policy.
    pub(crate) fn trust(&self) -> &str {
        &self.trust
    }

    /// Seconds that a session may last at most.
    pub(crate) fn max_session(&self) -> i64 {
        self.max_session
    }

    /// Whether a statement of its trust policy allows a service, by its name, to assume it.
    pub(crate) fn lets_in(&self, service: &str) -> bool {
        let policy: Value = serde_json::from_str(&self.trust).unwrap_or_default();
        let listed = |value: &Value| value.as_array().cloned().unwrap_or(vec![value.clone()]);
        let statements = listed(&policy["Statement"]).into_iter();
        statements
            .filter(|statement| statement["Effect"] == "Allow")
            .filter(|statement| {
                let actions = listed(&statement["Action"]);
                let assumes = ["*", "sts:*", "sts:Assume*", "sts:AssumeRole"];
                actions
                    .iter()
                    .any(|action| assumes.iter().any(|known| action == known))
            })
            .any(|statement| {
                let principal = &statement["Principal"];
                let services = listed(&principal["Service"]);
                principal == "*" || services.iter().any(|named| named == service)
            })
    }

    pub(crate) fn is_service_linked(&self) -> bool {
        self.path.starts_with("/aws-service-role/")
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRole",
        accepts: &[
            "RoleName",
            "Path",
            "AssumeRolePolicyDocument",
            "Description",
            "MaxSessionDuration",
            "PermissionsBoundary",
            "Tags.Key",
            "Tags.Value",
        ],
        handler: create,
    },
    Operation {
        name: "GetRole",
        accepts: &["RoleName"],
        handler: get,
    },
    Operation {
        name: "DeleteRole",
        accepts: &["RoleName"],
        handler: delete,
    },
    Operation {
        name: "ListRoles",
        accepts: &["PathPrefix", "Marker", "MaxItems"],
        handler: list,
    },
    Operation {
        name: "UpdateRole",
        accepts: &["RoleName", "Description", "MaxSessionDuration"],
        handler: update,
    },
    Operation {
        name: "UpdateAssumeRolePolicy",
        accepts: &["RoleName", "PolicyDocument"],
        handler: update_trust,
    },
    Operation {
        name: "PutRolePermissionsBoundary",
        accepts: &["RoleName", "PermissionsBoundary"],
        handler: put_boundary,
    },
    Operation {
        name: "DeleteRolePermissionsBoundary",
        accepts: &["RoleName"],
        handler: delete_boundary,
    },
    Operation {
        name: "TagRole",
        accepts: &["RoleName", "Tags.Key", "Tags.Value"],
        handler: tag,
    },
    Operation {
        name: "UntagRole",
        accepts: &["RoleName", "TagKeys"],
        handler: untag,
    },
    Operation {
        name: "ListRoleTags",
        accepts: &["RoleName", "Marker", "MaxItems"],
        handler: list_tags,
    },
    Operation {
        name: "CreateServiceLinkedRole",
        accepts: &["AWSServiceName", "Description", "CustomSuffix"],
        handler: create_service_linked,
    },
    Operation {
        name: "DeleteServiceLinkedRole",
        accepts: &["RoleName"],
        handler: delete_service_linked,
    },
    Operation {
        name: "GetServiceLinkedRoleDeletionStatus",
        accepts: &["DeletionTaskId"],
        handler: deletion_status,
    },
];

/// The role of a name.
pub(crate) fn by_name(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<Role>> {
    ctx.get::<Role>(name)
        .ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
}

/// The role that a request names.
pub(super) fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<Role>> {
    by_name(ctx, require(params, "RoleName")?)
}

/// The role that a request wants to change; those of services are theirs.
pub(super) fn find_own(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<Role>> {
    let role = find(ctx, params)?;
    if role.is_service_linked() {
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
            role.name
        );
        return Err(AwsError::new("UnmodifiableEntity", message));
    }
    Ok(role)
}

fn session(params: &Params) -> AwsResult<Option<i64>> {
    let seconds = params.int("MaxSessionDuration")?;
    if seconds.is_some_and(|seconds| !(3600..=43200).contains(&seconds)) {
        return Err(validation(
            "MaxSessionDuration must be between 3600 and 43200 seconds",
        ));
    }
    Ok(seconds)
}

fn boundary(ctx: &Ctx<'_>, arn: &str) -> AwsResult<String> {
    if !managed_policy::exists(ctx, arn) {
        return Err(no_such_entity(format!(
            "Scope ARN: {arn} does not exist or is not attachable."
        )));
    }
    Ok(arn.to_owned())
}

/// Roles that a trust policy names must be known.
fn check_principals(ctx: &Ctx<'_>, trust: &str) -> AwsResult<()> {
    match unknown_principal(ctx, trust) {
        None => Ok(()),
        Some(arn) => Err(AwsError::new(
            "MalformedPolicyDocument",
            format!("Invalid principal in policy: \"AWS\":\"{arn}\""),
        )),
    }
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = name(params, "RoleName", 64)?;
    let trust = require(params, "AssumeRolePolicyDocument")?;
    document(trust, Purpose::Trust)?;
    check_principals(ctx, trust)?;
    if trust.len() > 4096 {
        return Err(limit_exceeded(
            "Cannot exceed quota for ACLSizePerRole: 4096",
        ));
    }
    let description = params.str("Description").unwrap_or_default();
    if description.chars().count() > 1000 {
        return Err(validation(
            "Description must have length less than or equal to 1000",
        ));
    }
    let tags = tags(params)?;
    // Names differ by more than case.
    if ctx
        .list::<Role>()
        .iter()
        .any(|role| role.name.eq_ignore_ascii_case(name))
    {
        return Err(already_exists(format!(
            "Role with name {name} already exists."
        )));
    }
    if ctx.count::<Role>() >= QUOTA {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for RolesPerAccount: {QUOTA}"
        )));
    }
    let role = Role {
        name: name.to_owned(),
        role_id: ctx.new_unique_id("AROA"),
        path: path(params)?,
        trust: trust.to_owned(),
        description: description.to_owned(),
        max_session: session(params)?.unwrap_or(3600),
        boundary: params
            .str("PermissionsBoundary")
            .map(|arn| boundary(ctx, arn))
            .transpose()?,
        created_at: ctx.now,
        attached: Vec::new(),
        inline: std::collections::BTreeMap::new(),
    };
    ctx.put_tagged(role, tags);
    answer(&*ctx, name)
}

fn answer(ctx: &Ctx<'_>, name: &str) -> AwsResult<Xml> {
    let role = by_name(ctx, name)?;
    let mut xml = Xml::new();
    xml.node("Role", |xml| write(xml, &role, true));
    Ok(xml)
}

fn get(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    answer(ctx, require(params, "RoleName")?)
}

/// Writes a role; lists leave out tags, boundary and last use.
pub(super) fn write(xml: &mut Xml, role: &Stored<Role>, whole: bool) {
    xml.text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.role_id)
        .text("Arn", role.arn())
        .text("CreateDate", iso8601(role.created_at))
        .text("AssumeRolePolicyDocument", encode(&role.trust))
        .opt(
            "Description",
            Some(&role.description).filter(|text| !text.is_empty()),
        )
        .text("MaxSessionDuration", role.max_session);
    if whole {
        write_boundary(xml, role);
        if !role.tags().is_empty() {
            write_tags(xml, role.tags());
        }
        xml.node("RoleLastUsed", |_| {});
    }
}

/// Writes a role with its policies, as `GetAccountAuthorizationDetails` has it: without description and session length.
pub(super) fn write_detail(xml: &mut Xml, ctx: &Ctx<'_>, role: &Stored<Role>) {
    xml.text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.role_id)
        .text("Arn", role.arn())
        .text("CreateDate", iso8601(role.created_at))
        .text("AssumeRolePolicyDocument", encode(&role.trust));
    xml.list(
        "InstanceProfileList",
        "member",
        &ctx.referrers::<InstanceProfile>(&role.name),
        |xml, profile| instance_profile::write(xml, ctx, profile),
    );
    xml.list(
        "RolePolicyList",
        "member",
        &role.inline,
        |xml, (name, text)| {
            xml.text("PolicyName", name)
                .text("PolicyDocument", encode(text));
        },
    );
    xml.list(
        "AttachedManagedPolicies",
        "member",
        &role.attached,
        |xml, arn| managed_policy::write_attached(xml, ctx, arn),
    );
    write_boundary(xml, role);
    write_tags(xml, role.tags());
    xml.node("RoleLastUsed", |_| {});
}

fn write_boundary(xml: &mut Xml, role: &Role) {
    if let Some(arn) = &role.boundary {
        xml.node("PermissionsBoundary", |xml| {
            xml.text("PermissionsBoundaryType", "Policy")
                .text("PermissionsBoundaryArn", arn);
        });
    }
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find_own(ctx, params)?;
    if ctx.referred::<InstanceProfile>(&role.name) {
        return Err(delete_conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    if !role.attached.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must detach all policies first.",
        ));
    }
    if !role.inline.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must delete policies first.",
        ));
    }
    ctx.delete::<Role>(&role.name);
    Ok(Xml::new())
}

fn list(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let prefix = params.str("PathPrefix").unwrap_or("/");
    let mut roles = ctx.list::<Role>();
    roles.retain(|role| role.path.starts_with(prefix));
    let page = pages(roles, |role| &role.name, params)?;
    let mut xml = Xml::new();
    xml.list("Roles", "member", &page.items, |xml, role| {
        write(xml, role, false);
    });
    write_page(&mut xml, page.next);
    Ok(xml)
}

fn update(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut role = find_own(ctx, params)?.edit();
    if let Some(description) = params.str("Description") {
        role.description = description.to_owned();
    }
    if let Some(seconds) = session(params)? {
        role.max_session = seconds;
    }
    ctx.put(role);
    Ok(Xml::new())
}

fn update_trust(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find_own(ctx, params)?;
    let trust = require(params, "PolicyDocument")?;
    document(trust, Purpose::Trust)?;
    check_principals(ctx, trust)?;
    ctx.put(Role {
        trust: trust.to_owned(),
        ..role.edit()
    });
    Ok(Xml::new())
}

fn put_boundary(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find_own(ctx, params)?;
    let arn = boundary(ctx, require(params, "PermissionsBoundary")?)?;
    ctx.put(Role {
        boundary: Some(arn),
        ..role.edit()
    });
    Ok(Xml::new())
}

fn delete_boundary(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find_own(ctx, params)?;
    ctx.put(Role {
        boundary: None,
        ..role.edit()
    });
    Ok(Xml::new())
}

fn tag(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find_own(ctx, params)?;
    let mut merged = role.tags().clone();
    merged.merge(tags(params)?).map_err(tag_error)?;
    ctx.set_tags::<Role>(&role.name, merged);
    Ok(Xml::new())
}

fn untag(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find_own(ctx, params)?;
    let mut left = role.tags().clone();
    for key in params.strings("TagKeys") {
        left.remove(key);
    }
    ctx.set_tags::<Role>(&role.name, left);
    Ok(Xml::new())
}

fn list_tags(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find(ctx, params)?;
    let page = pages(role.tags().iter().collect(), |(key, _)| key, params)?;
    let mut xml = Xml::new();
    xml.list("Tags", "member", page.items, |xml, (key, value)| {
        xml.text("Key", key).text("Value", value);
    });
    write_page(&mut xml, page.next);
    Ok(xml)
}

/// Services that link roles to themselves: principal, role name, policy.
const LINKED: &[(&str, &str, &str)] = &[
    (
        "eks.amazonaws.com",
        "AWSServiceRoleForAmazonEKS",
        "AmazonEKSServiceRolePolicy",
    ),
    (
        "eks-nodegroup.amazonaws.com",
        "AWSServiceRoleForAmazonEKSNodegroup",
        "AWSServiceRoleForAmazonEKSNodegroup",
    ),
    (
        "elasticloadbalancing.amazonaws.com",
        "AWSServiceRoleForElasticLoadBalancing",
        "AWSElasticLoadBalancingServiceRolePolicy",
    ),
    (
        "autoscaling.amazonaws.com",
        "AWSServiceRoleForAutoScaling",
        "AutoScalingServiceRolePolicy",
    ),
    (
        "rds.amazonaws.com",
        "AWSServiceRoleForRDS",
        "AmazonRDSServiceRolePolicy",
    ),
    (
        "spot.amazonaws.com",
        "AWSServiceRoleForEC2Spot",
        "AWSEC2SpotServiceRolePolicy",
    ),
    (
        "ecs.amazonaws.com",
        "AWSServiceRoleForECS",
        "AmazonECSServiceRolePolicy",
    ),
];

fn create_service_linked(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let service = require(params, "AWSServiceName")?;
    let Some((_, name, _)) = LINKED.iter().find(|(known, ..)| *known == service) else {
        return Err(AwsError::new(
            "InvalidInput",
            format!("Service {service} has no service-linked role"),
        ));
    };
    if params.has("CustomSuffix") {
        return Err(AwsError::new(
            "InvalidInput",
            format!("Custom suffix is not allowed for {service}"),
        ));
    }
    if ctx.exists::<Role>(name) {
        let message = format!(
            "Service role name {name} has been taken in this account, please try a different suffix."
        );
        return Err(AwsError::new("InvalidInput", message));
    }
    link(ctx, service, params.str("Description").unwrap_or_default());
    answer(&*ctx, name)
}

/// Makes the role that a service links to itself, unless it is there: what services do on first use.
pub(crate) fn link(ctx: &mut Ctx<'_>, service: &str, description: &str) {
    let Some((_, name, policy)) = LINKED.iter().find(|(known, ..)| *known == service) else {
        return;
    };
    if ctx.exists::<Role>(name) {
        return;
    }
    let trust = format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{{\"Service\":\"{service}\"}},\"Action\":\"sts:AssumeRole\"}}]}}"
    );
    let role = Role {
        name: (*name).to_owned(),
        role_id: ctx.new_unique_id("AROA"),
        path: format!("/aws-service-role/{service}/"),
        trust,
        description: description.to_owned(),
        max_session: 3600,
        boundary: None,
        created_at: ctx.now,
        attached: vec![format!("arn:aws:iam::aws:policy/aws-service-role/{policy}")],
        inline: std::collections::BTreeMap::new(),
    };
    ctx.put_tagged(role, Tags::default());
}

fn delete_service_linked(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find(ctx, params)?;
    if !role.is_service_linked() {
        return Err(no_such_entity(format!(
            "The role {} is not a service-linked role.",
            role.name
        )));
    }
    let task = format!("task{}{}/{}", role.path, role.name, ctx.new_uuid());
    ctx.delete::<Role>(&role.name);
    let mut xml = Xml::new();
    xml.text("DeletionTaskId", task);
    Ok(xml)
}

fn deletion_status(_: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let task = require(params, "DeletionTaskId")?;
    if !task.starts_with("task/aws-service-role/") {
        return Err(no_such_entity(format!("Task {task} does not exist")));
    }
    let mut xml = Xml::new();
    xml.text("Status", "SUCCEEDED");
    Ok(xml)
}
