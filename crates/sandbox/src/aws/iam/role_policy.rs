//! What a role may do: managed policies attached to it, and inline ones.

use super::common::{
    Purpose, document, encode, limit_exceeded, name, no_such_entity, pages, require, write_page,
};
use super::managed_policy;
use super::role::{Role, find, find_own};
use crate::aws::context::Ctx;
use crate::aws::error::AwsResult;
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

/// Managed policies on a role; the most that AWS grants.
const ATTACHED: usize = 20;

/// Characters in all inline policies of a role together, white space left out.
const INLINE: usize = 10_240;

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AttachRolePolicy",
        accepts: &["RoleName", "PolicyArn"],
        handler: attach,
    },
    Operation {
        name: "DetachRolePolicy",
        accepts: &["RoleName", "PolicyArn"],
        handler: detach,
    },
    Operation {
        name: "ListAttachedRolePolicies",
        accepts: &["RoleName", "PathPrefix", "Marker", "MaxItems"],
        handler: list_attached,
    },
    Operation {
        name: "PutRolePolicy",
        accepts: &["RoleName", "PolicyName", "PolicyDocument"],
        handler: put,
    },
    Operation {
        name: "GetRolePolicy",
        accepts: &["RoleName", "PolicyName"],
        handler: get,
    },
    Operation {
        name: "DeleteRolePolicy",
        accepts: &["RoleName", "PolicyName"],
        handler: delete,
    },
    Operation {
        name: "ListRolePolicies",
        accepts: &["RoleName", "Marker", "MaxItems"],
        handler: list,
    },
];

fn attach(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find_own(ctx, params)?;
    let arn = require(params, "PolicyArn")?;
    if !managed_policy::exists(ctx, arn) {
        return Err(no_such_entity(format!(
            "Policy {arn} does not exist or is not attachable."
        )));
    }
    let mut role: Role = role.edit();
    if !role.attached.iter().any(|other| other == arn) {
        if role.attached.len() >= ATTACHED {
            return Err(limit_exceeded(format!(
                "Cannot exceed quota for PoliciesPerRole: {ATTACHED}"
            )));
        }
        role.attached.push(arn.to_owned());
        ctx.put(role);
    }
    Ok(Xml::new())
}

fn detach(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut role = find_own(ctx, params)?.edit();
    let arn = require(params, "PolicyArn")?;
    let Some(position) = role.attached.iter().position(|other| other == arn) else {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    };
    role.attached.remove(position);
    ctx.put(role);
    Ok(Xml::new())
}

fn list_attached(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find(ctx, params)?;
    let prefix = params.str("PathPrefix").unwrap_or("/");
    let mut arns: Vec<&String> = role.attached.iter().collect();
    arns.retain(|arn| {
        arn.split_once(":policy")
            .is_some_and(|(_, path)| path.starts_with(prefix))
    });
    arns.sort();
    let page = pages(arns, |arn| arn.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list("AttachedPolicies", "member", page.items, |xml, arn| {
        managed_policy::write_attached(xml, ctx, arn);
    });
    write_page(&mut xml, page.next);
    Ok(xml)
}

fn put(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut role = find_own(ctx, params)?.edit();
    let name = name(params, "PolicyName", 128)?;
    let text = require(params, "PolicyDocument")?;
    document(text, Purpose::Permissions)?;
    role.inline.insert(name.to_owned(), text.to_owned());
    let size: usize = role
        .inline
        .values()
        .map(|text| text.chars().filter(|c| !c.is_whitespace()).count())
        .sum();
    if size > INLINE {
        let message = format!(
            "Maximum policy size of {INLINE} bytes exceeded for role {}",
            role.name
        );
        return Err(limit_exceeded(message));
    }
    ctx.put(role);
    Ok(Xml::new())
}

fn get(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find(ctx, params)?;
    let name = require(params, "PolicyName")?;
    let Some(text) = role.inline.get(name) else {
        return Err(no_such_entity(format!(
            "The role policy with name {name} cannot be found."
        )));
    };
    let mut xml = Xml::new();
    xml.text("RoleName", &role.name)
        .text("PolicyName", name)
        .text("PolicyDocument", encode(text));
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut role = find_own(ctx, params)?.edit();
    let name = require(params, "PolicyName")?;
    if role.inline.remove(name).is_none() {
        return Err(no_such_entity(format!(
            "The role policy with name {name} cannot be found."
        )));
    }
    ctx.put(role);
    Ok(Xml::new())
}

fn list(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = find(ctx, params)?;
    let page = pages(role.inline.keys().collect(), |name| name.as_str(), params)?;
    let mut xml = Xml::new();
    xml.texts("PolicyNames", "member", page.items);
    write_page(&mut xml, page.next);
    Ok(xml)
}
