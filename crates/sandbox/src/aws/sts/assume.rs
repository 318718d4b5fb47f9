//! `AssumeRole`, and what is the same of every way to take on a role.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::collections::BTreeMap;

use super::{caller, session};
use crate::aws::context::{ACCOUNT, Ctx, global_arn};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::iam::role::Role;
use crate::aws::iam::session_policies;
use crate::aws::iam::trust::{Asker, Principal};
use crate::aws::query::{Operation, Params};
use crate::aws::references;
use crate::aws::xml::Xml;
use crate::tags::{Characters, Tags};
use crate::world::Stored;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    name: "AssumeRole",
    accepts: &[
        "RoleArn",
        "RoleSessionName",
        "PolicyArns.arn",
        "Policy",
        "DurationSeconds",
        "Tags.Key",
        "Tags.Value",
        "TransitiveTagKeys",
        "ExternalId",
        "SourceIdentity",
    ],
    handler: assume_role,
}];

/// How long a session of a session may be at most.
const CHAINED: i64 = 3600;

/// A required parameter, in the service's words.
pub(super) fn require<'a>(params: &'a Params, name: &str) -> AwsResult<&'a str> {
    params.str(name).filter(|text| !text.is_empty()).ok_or_else(|| {
        let small = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        validation(format!(
            "1 validation error detected: Value null at '{small}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

pub(super) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", message)
}

/// The role of an ARN, if whoever asks could know of it.
pub(super) fn role(ctx: &Ctx<'_>, arn: &str) -> AwsResult<Option<Stored<Role>>> {
    if arn.len() < 20 || !arn.starts_with("arn:") {
        return Err(validation(format!("{arn} is invalid")));
    }
    let named = references::role_name(arn).and_then(|name| ctx.get::<Role>(name));
    Ok(named.filter(|role| role.arn() == arn && references::knows_role(ctx, arn)))
}

/// For how long a session is asked for; the role and what asks say how long it may be.
pub(super) fn seconds(params: &Params, role: &Role, chained: bool) -> AwsResult<i64> {
    let Some(seconds) = params.int("DurationSeconds")? else {
        return Ok(CHAINED);
    };
    if !(900..=43200).contains(&seconds) {
        let bound = if seconds < 900 {
            "greater than or equal to 900"
        } else {
            "less than or equal to 43200"
        };
        return Err(validation(format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value {bound}"
        )));
    }
    if chained && seconds > CHAINED {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > role.max_session() {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// Checks the policies that narrow a session.
pub(super) fn check_policies(ctx: &Ctx<'_>, params: &Params) -> AwsResult<()> {
    let arns: Vec<&str> = params
        .items("PolicyArns")
        .into_iter()
        .filter_map(|one| one.str("arn"))
        .collect();
    session_policies(ctx, params.str("Policy"), &arns)
}

fn session_tags(params: &Params) -> AwsResult<Tags> {
    let pairs = params.items("Tags").into_iter().map(|tag| {
        let text = |name| tag.str(name).unwrap_or_default().to_owned();
        (text("Key"), text("Value"))
    });
    let tags = Tags::from_pairs(pairs, Characters::Restricted)
        .map_err(|error| validation(error.to_string()))?;
    for key in params.strings("TransitiveTagKeys") {
        if tags.get(key).is_none() {
            return Err(AwsError::new(
                "InvalidParameterValue",
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
    }
    Ok(tags)
}

fn external_id(params: &Params) -> AwsResult<Option<&str>> {
    let id = params.str("ExternalId");
    let right = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if id.is_some_and(|id| !(2..=1224).contains(&id.len()) || !id.chars().all(right)) {
        return Err(validation(
            "1 validation error detected: Value at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*",
        ));
    }
    Ok(id)
}

fn assume_role(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arn = require(params, "RoleArn")?.to_owned();
    let name = require(params, "RoleSessionName")?;
    session::name(name)?;
    let external = external_id(params)?;
    let tags = session_tags(params)?;
    let source = params.str("SourceIdentity");
    let caller = caller(ctx);
    let denied = |action: &str| {
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: {arn}",
            caller.arn
        );
        AwsError::with_status(403, "AccessDenied", message)
    };
    // A role that is not there, or another account's, is refused as one that does not let in who asks.
    let Some(role) = role(ctx, &arn)? else {
        return Err(denied("sts:AssumeRole"));
    };
    let mut context = BTreeMap::from([
        ("sts:RoleSessionName".to_owned(), vec![name.to_owned()]),
        (
            "aws:PrincipalArn".to_owned(),
            vec![caller.role.clone().unwrap_or(caller.arn.clone())],
        ),
        ("aws:PrincipalAccount".to_owned(), vec![ACCOUNT.to_owned()]),
    ]);
    let mut add = |key: &str, value: &str| context.insert(key.to_owned(), vec![value.to_owned()]);
    if let Some(id) = external {
        add("sts:ExternalId", id);
    }
    if let Some(identity) = source {
        add("sts:SourceIdentity", identity);
    }
    for (key, value) in tags.iter() {
        add(&format!("aws:RequestTag/{key}"), value);
    }
    if !tags.is_empty() {
        let keys = tags.iter().map(|(key, _)| key.to_owned()).collect();
        context.insert("aws:TagKeys".to_owned(), keys);
    }
    let mut names = vec![
        ACCOUNT.to_owned(),
        global_arn("iam", "root"),
        caller.arn.clone(),
    ];
    names.extend(caller.role.clone());
    let mut asker = Asker {
        action: "sts:AssumeRole",
        principal: Principal::Aws(names),
        context,
    };
    let also = [
        (!tags.is_empty(), "sts:TagSession"),
        (source.is_some(), "sts:SetSourceIdentity"),
    ];
    let also = also.iter().filter(|(asked, _)| *asked).map(|(_, a)| *a);
    for action in std::iter::once("sts:AssumeRole").chain(also) {
        asker.action = action;
        if !asker.is_let_in_by(role.trust()) {
            return Err(denied(action));
        }
    }
    let seconds = seconds(params, &role, caller.role.is_some())?;
    check_policies(ctx, params)?;
    let mut xml = Xml::new();
    session::begin(ctx, &role, name, seconds, &mut xml);
    xml.opt("SourceIdentity", source);
    Ok(xml)
}
