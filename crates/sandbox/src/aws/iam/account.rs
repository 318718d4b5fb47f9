//! What an account has of IAM: the sums, and everything at once.

use super::common::{pages, validation, write_page};
use super::instance_profile::InstanceProfile;
use super::managed_policy::{self, ManagedPolicy};
use super::oidc_provider::OidcProvider;
use super::role::{self, Role};
use crate::aws::context::Ctx;
use crate::aws::error::AwsResult;
use crate::aws::query::{Operation, Params};
use crate::aws::tagging::{GLOBAL, Tagged};
use crate::aws::xml::Xml;
use crate::world::{Document, Stored};

/// Customer managed policies per account (AWS, "IAM and AWS STS quotas").
const POLICIES: usize = 1500;

/// Instance profiles per account, of the same page.
const PROFILES: usize = 1000;

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "GetAccountSummary",
        accepts: &[],
        handler: summary,
    },
    Operation {
        name: "GetAccountAuthorizationDetails",
        accepts: &["Filter", "Marker", "MaxItems"],
        handler: details,
    },
];

fn summary(ctx: &mut Ctx<'_>, _: &Params) -> AwsResult<Xml> {
    let sums = [
        ("Roles", ctx.count::<Role>()),
        ("RolesQuota", role::QUOTA),
        ("Policies", ctx.count::<ManagedPolicy>()),
        ("PoliciesQuota", POLICIES),
        ("InstanceProfiles", ctx.count::<InstanceProfile>()),
        ("InstanceProfilesQuota", PROFILES),
        ("Providers", ctx.count::<OidcProvider>()),
        ("Users", 0),
        ("Groups", 0),
    ];
    let mut xml = Xml::new();
    xml.list("SummaryMap", "entry", sums, |xml, (key, value)| {
        xml.text("key", key).text("value", value);
    });
    Ok(xml)
}

/// One thing of the account, in the order in which pages go through them.
enum Detail {
    Role(Stored<Role>),
    Policy(ManagedPolicy),
}

fn details(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const KINDS: [&str; 5] = [
        "User",
        "Role",
        "Group",
        "LocalManagedPolicy",
        "AWSManagedPolicy",
    ];
    let wanted = params.strings("Filter");
    if let Some(other) = wanted.iter().find(|kind| !KINDS.contains(kind)) {
        return Err(validation(format!(
            "1 validation error detected: Value '[{other}]' at 'filter' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            KINDS.join(", ")
        )));
    }
    let all = |kind: &str| wanted.is_empty() || wanted.contains(&kind);
    let mut found: Vec<(String, Detail)> = Vec::new();
    let mut policies: Vec<ManagedPolicy> = Vec::new();
    if all("LocalManagedPolicy") {
        policies.extend(ctx.list::<ManagedPolicy>().iter().map(Stored::edit));
    }
    if all("AWSManagedPolicy") {
        policies.extend(managed_policy::of_aws());
    }
    let policies = policies.into_iter();
    found.extend(policies.map(|p| (format!("policy/{}", p.arn), Detail::Policy(p))));
    if all("Role") {
        let roles = ctx.list::<Role>().into_iter();
        found.extend(roles.map(|r| (format!("role/{}", r.name), Detail::Role(r))));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let page = pages(found, |(key, _)| key, params)?;
    let mut xml = Xml::new();
    xml.node("UserDetailList", |_| {})
        .node("GroupDetailList", |_| {});
    let roles = page.items.iter().filter_map(|(_, detail)| match detail {
        Detail::Role(role) => Some(role),
        Detail::Policy(_) => None,
    });
    xml.list("RoleDetailList", "member", roles, |xml, role| {
        role::write_detail(xml, ctx, role);
    });
    let policies = page.items.iter().filter_map(|(_, detail)| match detail {
        Detail::Policy(policy) => Some(policy),
        Detail::Role(_) => None,
    });
    xml.list("Policies", "member", policies, |xml, policy| {
        managed_policy::write_detail(xml, ctx, policy);
    });
    write_page(&mut xml, page.next);
    Ok(xml)
}

/// What has tags, but for roles and users, which the tagging API does not show; us-east-1 answers for it.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    if ctx.region != GLOBAL {
        return Vec::new();
    }
    [
        Tagged::all(ctx, |policy: &ManagedPolicy| policy.arn.clone()),
        Tagged::all(ctx, |provider: &OidcProvider| provider.id().to_owned()),
        Tagged::all(ctx, InstanceProfile::arn),
    ]
    .into_iter()
    .flatten()
    .collect()
}
