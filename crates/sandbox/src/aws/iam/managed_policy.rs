//! Managed policies with up to five versions each: those of the account, and AWS's own, which are only read.

use serde::{Deserialize, Serialize};

use super::aws_policies::POLICIES;
use super::common::{
    Purpose, already_exists, delete_conflict, document, encode, limit_exceeded, name,
    no_such_entity, pages, path, require, tag_error, tags, validation, write_page, write_tags,
};
use super::role::Role;
use crate::aws::context::{Ctx, global_arn};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601};
use crate::tags::Tags;
use crate::world::{Document, Listed, Scope};

/// When AWS's own policies were made, as they say.
const LONG_AGO: Millis = 1_500_000_000_000;

/// Most versions of a policy.
const VERSIONS: usize = 5;

/// Largest document, white space left out.
const LARGEST: usize = 6144;

/// A managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    pub(crate) arn: String,
    pub(crate) name: String,
    policy_id: String,
    path: String,
    description: String,
    default_version: u64,
    next_version: u64,
    versions: Vec<Version>,
    created_at: Millis,
    updated_at: Millis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    number: u64,
    document: String,
    created_at: Millis,
}

impl Document for ManagedPolicy {
    const KIND: &'static str = "iam/policy";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.arn
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_iam_policy")
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreatePolicy",
        accepts: &[
            "PolicyName",
            "Path",
            "PolicyDocument",
            "Description",
            "Tags.Key",
            "Tags.Value",
        ],
        handler: create,
    },
    Operation {
        name: "GetPolicy",
        accepts: &["PolicyArn"],
        handler: get,
    },
    Operation {
        name: "DeletePolicy",
        accepts: &["PolicyArn"],
        handler: delete,
    },
    Operation {
        name: "ListPolicies",
        accepts: &["Scope", "OnlyAttached", "PathPrefix", "Marker", "MaxItems"],
        handler: list,
    },
    Operation {
        name: "CreatePolicyVersion",
        accepts: &["PolicyArn", "PolicyDocument", "SetAsDefault"],
        handler: create_version,
    },
    Operation {
        name: "GetPolicyVersion",
        accepts: &["PolicyArn", "VersionId"],
        handler: get_version,
    },
    Operation {
        name: "DeletePolicyVersion",
        accepts: &["PolicyArn", "VersionId"],
        handler: delete_version,
    },
    Operation {
        name: "ListPolicyVersions",
        accepts: &["PolicyArn", "Marker", "MaxItems"],
        handler: list_versions,
    },
    Operation {
        name: "SetDefaultPolicyVersion",
        accepts: &["PolicyArn", "VersionId"],
        handler: set_default_version,
    },
    Operation {
        name: "TagPolicy",
        accepts: &["PolicyArn", "Tags.Key", "Tags.Value"],
        handler: tag,
    },
    Operation {
        name: "UntagPolicy",
        accepts: &["PolicyArn", "TagKeys"],
        handler: untag,
    },
    Operation {
        name: "ListPolicyTags",
        accepts: &["PolicyArn", "Marker", "MaxItems"],
        handler: list_tags,
    },
    Operation {
        name: "ListEntitiesForPolicy",
        accepts: &[
            "PolicyArn",
            "EntityFilter",
            "PathPrefix",
            "Marker",
            "MaxItems",
        ],
        handler: list_entities,
    },
];

const AWS_PREFIX: &str = "arn:aws:iam::aws:policy/";

/// One of AWS's own, made from the table.
fn aws_policy(full_name: &str, actions: &[&str]) -> ManagedPolicy {
    let (path, name) = match full_name.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), full_name),
    };
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
    });
    let digest = crate::token::fingerprint(full_name).to_uppercase();
    ManagedPolicy {
        arn: format!("{AWS_PREFIX}{full_name}"),
        name: name.to_owned(),
        policy_id: format!("ANPA{}", &digest[..17]),
        path,
        description: String::new(),
        default_version: 1,
        next_version: 2,
        versions: vec![Version {
            number: 1,
            document: document.to_string(),
            created_at: LONG_AGO,
        }],
        created_at: LONG_AGO,
        updated_at: LONG_AGO,
    }
}

/// All of AWS's own.
pub(super) fn of_aws() -> impl Iterator<Item = ManagedPolicy> {
    POLICIES
        .iter()
        .map(|(name, actions)| aws_policy(name, actions))
}

/// A policy with its tags.
fn look_up(ctx: &Ctx<'_>, arn: &str) -> Option<(ManagedPolicy, Tags)> {
    if let Some(full_name) = arn.strip_prefix(AWS_PREFIX) {
        let (_, actions) = POLICIES.iter().find(|(known, _)| *known == full_name)?;
        return Some((aws_policy(full_name, actions), Tags::default()));
    }
    ctx.get::<ManagedPolicy>(arn)
        .map(|policy| (policy.edit(), policy.tags().clone()))
}

/// Whether there is a policy of that ARN.
pub(super) fn exists(ctx: &Ctx<'_>, arn: &str) -> bool {
    look_up(ctx, arn).is_some()
}

/// Writes the name and the ARN of a policy that is on something.
pub(super) fn write_attached(xml: &mut Xml, ctx: &Ctx<'_>, arn: &str) {
    let last = || arn.rsplit('/').next().unwrap_or_default().to_owned();
    let name = look_up(ctx, arn).map_or_else(last, |(policy, _)| policy.name);
    xml.text("PolicyName", name).text("PolicyArn", arn);
}

fn missing(arn: &str) -> AwsError {
    no_such_entity(format!("Policy {arn} was not found."))
}

fn arn(params: &Params) -> AwsResult<&str> {
    let arn = require(params, "PolicyArn")?;
    if !arn.starts_with("arn:") || arn.len() < 20 {
        return Err(validation(format!("ARN {arn} is not valid.")));
    }
    Ok(arn)
}

fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<(ManagedPolicy, Tags)> {
    let arn = arn(params)?;
    look_up(ctx, arn).ok_or_else(|| missing(arn))
}

/// A policy of the account, to change.
fn find_own(ctx: &Ctx<'_>, params: &Params) -> AwsResult<(ManagedPolicy, Tags)> {
    let arn = arn(params)?;
    if arn.starts_with(AWS_PREFIX) {
        let message = format!("User is not authorized to change AWS managed policy {arn}");
        return Err(AwsError::with_status(403, "AccessDenied", message));
    }
    find(ctx, params)
}

fn check_document(params: &Params) -> AwsResult<String> {
    let text = require(params, "PolicyDocument")?;
    document(text, Purpose::Permissions)?;
    if text.chars().filter(|c| !c.is_whitespace()).count() > LARGEST {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for PolicySize: {LARGEST}"
        )));
    }
    Ok(text.to_owned())
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = name(params, "PolicyName", 128)?;
    let path = path(params)?;
    let document = check_document(params)?;
    let tags = tags(params)?;
    if ctx
        .list::<ManagedPolicy>()
        .iter()
        .any(|policy| policy.name.eq_ignore_ascii_case(name))
    {
        return Err(already_exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    let policy = ManagedPolicy {
        arn: global_arn("iam", &format!("policy{path}{name}")),
        name: name.to_owned(),
        policy_id: ctx.new_unique_id("ANPA"),
        path,
        description: params.str("Description").unwrap_or_default().to_owned(),
        default_version: 1,
        next_version: 2,
        versions: vec![Version {
            number: 1,
            document,
            created_at: ctx.now,
        }],
        created_at: ctx.now,
        updated_at: ctx.now,
    };
    ctx.put_tagged(policy.clone(), tags.clone());
    let mut xml = Xml::new();
    xml.node("Policy", |xml| write(xml, ctx, &policy, Some(&tags)));
    Ok(xml)
}

fn get(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (policy, tags) = find(ctx, params)?;
    let mut xml = Xml::new();
    xml.node("Policy", |xml| write(xml, ctx, &policy, Some(&tags)));
    Ok(xml)
}

/// Writes a policy; lists leave out description and tags.
fn write(xml: &mut Xml, ctx: &Ctx<'_>, policy: &ManagedPolicy, whole: Option<&Tags>) {
    let users = ctx.referrers::<Role>(&policy.arn);
    let attached = users
        .iter()
        .filter(|role| role.attached.contains(&policy.arn))
        .count();
    xml.text("PolicyName", &policy.name)
        .text("PolicyId", &policy.policy_id)
        .text("Arn", &policy.arn)
        .text("Path", &policy.path)
        .text("DefaultVersionId", format!("v{}", policy.default_version))
        .text("AttachmentCount", attached)
        .text("PermissionsBoundaryUsageCount", users.len() - attached)
        .text("IsAttachable", true)
        .text("CreateDate", iso8601(policy.created_at))
        .text("UpdateDate", iso8601(policy.updated_at));
    if let Some(tags) = whole {
        xml.opt(
            "Description",
            Some(&policy.description).filter(|text| !text.is_empty()),
        );
        write_tags(xml, tags);
    }
}

/// Writes a policy with all its versions, as `GetAccountAuthorizationDetails` has it: without tags.
pub(super) fn write_detail(xml: &mut Xml, ctx: &Ctx<'_>, policy: &ManagedPolicy) {
    write(xml, ctx, policy, None);
    xml.opt(
        "Description",
        Some(&policy.description).filter(|text| !text.is_empty()),
    );
    let versions = policy.versions.iter().rev();
    xml.list("PolicyVersionList", "member", versions, |xml, version| {
        write_version(xml, policy, version, true);
    });
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (policy, _) = find_own(ctx, params)?;
    if ctx.referred::<Role>(&policy.arn) {
        return Err(delete_conflict(
            "Cannot delete a policy attached to entities.",
        ));
    }
    if policy.versions.len() > 1 {
        let message = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.";
        return Err(delete_conflict(message));
    }
    ctx.delete::<ManagedPolicy>(&policy.arn);
    Ok(Xml::new())
}

fn list(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let scope = params.str("Scope").unwrap_or("All");
    if !matches!(scope, "All" | "AWS" | "Local") {
        return Err(validation(format!(
            "Value '{scope}' at 'scope' failed to satisfy constraint: Member must satisfy enum value set: [All, AWS, Local]"
        )));
    }
    let mut policies: Vec<ManagedPolicy> = Vec::new();
    if scope != "AWS" {
        policies.extend(
            ctx.list::<ManagedPolicy>()
                .iter()
                .map(crate::world::Stored::edit),
        );
    }
    if scope != "Local" {
        policies.extend(of_aws());
    }
    let prefix = params.str("PathPrefix").unwrap_or("/");
    let only_attached = params.bool("OnlyAttached")?.unwrap_or(false);
    policies.retain(|policy| {
        policy.path.starts_with(prefix) && (!only_attached || ctx.referred::<Role>(&policy.arn))
    });
    policies.sort_by(|a, b| a.arn.cmp(&b.arn));
    let page = pages(policies, |policy| &policy.arn, params)?;
    let mut xml = Xml::new();
    xml.list("Policies", "member", &page.items, |xml, policy| {
        write(xml, ctx, policy, None);
    });
    write_page(&mut xml, page.next);
    Ok(xml)
}

fn write_version(xml: &mut Xml, policy: &ManagedPolicy, version: &Version, document: bool) {
    if document {
        xml.text("Document", encode(&version.document));
    }
    xml.text("VersionId", format!("v{}", version.number))
        .text("IsDefaultVersion", version.number == policy.default_version)
        .text("CreateDate", iso8601(version.created_at));
}

/// The version that a request names, by position.
fn version_of(policy: &ManagedPolicy, params: &Params) -> AwsResult<usize> {
    let id = require(params, "VersionId")?;
    let number = id
        .strip_prefix('v')
        .and_then(|number| number.parse::<u64>().ok());
    policy
        .versions
        .iter()
        .position(|version| Some(version.number) == number)
        .ok_or_else(|| {
            no_such_entity(format!(
                "Policy {} version {id} does not exist or is not attachable.",
                policy.arn
            ))
        })
}

fn create_version(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (mut policy, _) = find_own(ctx, params)?;
    let document = check_document(params)?;
    if policy.versions.len() >= VERSIONS {
        let message = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.";
        return Err(limit_exceeded(message));
    }
    let version = Version {
        number: policy.next_version,
        document,
        created_at: ctx.now,
    };
    if params.bool("SetAsDefault")?.unwrap_or(false) {
        policy.default_version = version.number;
    }
    policy.next_version += 1;
    policy.updated_at = ctx.now;
    policy.versions.push(version.clone());
    let mut xml = Xml::new();
    xml.node("PolicyVersion", |xml| {
        write_version(xml, &policy, &version, false);
    });
    ctx.put(policy);
    Ok(xml)
}

fn get_version(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (policy, _) = find(ctx, params)?;
    let position = version_of(&policy, params)?;
    let mut xml = Xml::new();
    xml.node("PolicyVersion", |xml| {
        write_version(xml, &policy, &policy.versions[position], true);
    });
    Ok(xml)
}

fn delete_version(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (mut policy, _) = find_own(ctx, params)?;
    let position = version_of(&policy, params)?;
    if policy.versions[position].number == policy.default_version {
        return Err(delete_conflict(
            "Cannot delete the default version of a policy.",
        ));
    }
    policy.versions.remove(position);
    ctx.put(policy);
    Ok(Xml::new())
}

fn list_versions(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (policy, _) = find(ctx, params)?;
    let keyed: Vec<(String, &Version)> = policy
        .versions
        .iter()
        .rev()
        .map(|version| (format!("{:020}", u64::MAX - version.number), version))
        .collect();
    let page = pages(keyed, |(key, _)| key, params)?;
    let mut xml = Xml::new();
    xml.list("Versions", "member", page.items, |xml, (_, version)| {
        write_version(xml, &policy, version, false);
    });
    write_page(&mut xml, page.next);
    Ok(xml)
}

fn set_default_version(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (mut policy, _) = find_own(ctx, params)?;
    let position = version_of(&policy, params)?;
    policy.default_version = policy.versions[position].number;
    policy.updated_at = ctx.now;
    ctx.put(policy);
    Ok(Xml::new())
}

fn tag(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (policy, mut merged) = find_own(ctx, params)?;
    merged.merge(tags(params)?).map_err(tag_error)?;
    ctx.set_tags::<ManagedPolicy>(&policy.arn, merged);
    Ok(Xml::new())
}

fn untag(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (policy, mut left) = find_own(ctx, params)?;
    for key in params.strings("TagKeys") {
        left.remove(key);
    }
    ctx.set_tags::<ManagedPolicy>(&policy.arn, left);
    Ok(Xml::new())
}

fn list_tags(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (_, tags) = find(ctx, params)?;
    let mut xml = Xml::new();
    write_tags(&mut xml, &tags);
    write_page(&mut xml, None);
    Ok(xml)
}

fn list_entities(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (policy, _) = find(ctx, params)?;
    let mut roles = ctx.referrers::<Role>(&policy.arn);
    roles.retain(|role| role.attached.contains(&policy.arn));
    if params
        .str("EntityFilter")
        .is_some_and(|filter| filter != "Role")
    {
        roles.clear();
    }
    let page = pages(roles, |role| &role.name, params)?;
    let mut xml = Xml::new();
    xml.node("PolicyGroups", |_| {}).node("PolicyUsers", |_| {});
    xml.list("PolicyRoles", "member", &page.items, |xml, role| {
        xml.text("RoleName", &role.name)
            .text("RoleId", &role.role_id);
    });
    write_page(&mut xml, page.next);
    Ok(xml)
}
