//! IAM policies of any resource: read, and written back whole with the etag that was read.

use serde_json::{Map, Value, json};

use super::context::{Ctx, Input, etag, text};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use super::{agents, iam};
use crate::http::HttpReply;

/// The table of policies, by the full name of their resource.
const POLICIES: &str = "policies";

/// The policy of a resource; one that was never written has an etag alone.
pub(crate) fn read(ctx: &Ctx<'_>, resource: &str, initial: &Value) -> Value {
    let stored = ctx.get(POLICIES, resource).map(|item| item.doc.clone());
    let mut policy = stored.unwrap_or_else(|| initial.clone());
    policy["etag"] = etag(&json!([resource, policy])).into();
    policy
}

/// Answers `getIamPolicy`.
pub(crate) fn get(ctx: &Ctx<'_>, resource: &str) -> HttpReply {
    let mut policy = read(ctx, resource, &json!({}));
    hide(&mut policy);
    HttpReply::json(200, &policy)
}

/// Answers `setIamPolicy`.
pub(crate) fn set(ctx: &mut Ctx<'_>, resource: &str, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let policy = write(ctx, resource, &json!({}), &input.body["policy"])?;
    Ok(HttpReply::json(200, &policy))
}

/// Writes a policy, unless another was written since its etag was read.
pub(crate) fn write(
    ctx: &mut Ctx<'_>,
    resource: &str,
    initial: &Value,
    policy: &Value,
) -> GoogleResult<Value> {
    let current = read(ctx, resource, initial);
    if let Some(sent) = policy["etag"].as_str()
        && !sent.is_empty()
        && current["etag"] != sent
    {
        return Err(GoogleError::new(
            409,
            "aborted",
            "ABORTED",
            "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
        ));
    }
    let mut bindings = Vec::new();
    let mut conditional = false;
    for binding in policy["bindings"].as_array().into_iter().flatten() {
        let role = binding["role"].as_str().unwrap_or_default();
        check_role(role)?;
        let members = binding["members"].as_array().cloned().unwrap_or_default();
        for member in &members {
            check_member(ctx, member.as_str().unwrap_or_default())?;
        }
        if binding["condition"].is_object() {
            conditional = true;
            if policy["version"].as_i64().unwrap_or(0) < 3 {
                let message = "Policies with conditions must have version 3.";
                return Err(GoogleError::bad(message));
            }
        }
        if !members.is_empty() {
            bindings.push(binding.clone());
        }
    }
    let mut doc = json!({ "version": if conditional { 3 } else { 1 } });
    if !bindings.is_empty() {
        doc["bindings"] = bindings.into();
    }
    if policy["auditConfigs"].is_array() {
        doc["auditConfigs"] = policy["auditConfigs"].clone();
    }
    // Written by a serial number, so that the etag of the same policy written again is another.
    doc["serial"] = ctx.hex(8).into();
    let mut item = Item::new(resource, doc);
    item.hidden = json!({ "since": since(ctx, resource, &item.doc) });
    ctx.put(POLICIES, item, None);
    let mut policy = read(ctx, resource, initial);
    hide(&mut policy);
    Ok(policy)
}

/// Since when each member of a policy that is written now has its role, by `ROLE MEMBER`.
fn since(ctx: &Ctx<'_>, resource: &str, policy: &Value) -> Value {
    let before = ctx.get(POLICIES, resource);
    let mut all = Map::new();
    for binding in policy["bindings"].as_array().into_iter().flatten() {
        let members = binding["members"].as_array().into_iter().flatten();
        for member in members.filter_map(Value::as_str) {
            let grant = format!("{} {member}", text(binding, "/role"));
            let before = before
                .as_ref()
                .and_then(|item| item.hidden["since"][&grant].as_i64());
            all.insert(grant, before.unwrap_or(ctx.now).into());
        }
    }
    Value::Object(all)
}

/// Whether a resource's policy has a role and member of which this is true, by now.
pub(crate) fn granted(ctx: &Ctx<'_>, resource: &str, is: impl Fn(&str, &str) -> bool) -> bool {
    let policy = ctx.get(POLICIES, resource);
    let since = policy
        .as_ref()
        .and_then(|item| item.hidden["since"].as_object());
    since.into_iter().flatten().any(|(grant, at)| {
        let (role, member) = grant.split_once(' ').unwrap_or_default();
        is(role, member)
            && ctx
                .frame
                .pace
                .knows(at.as_i64().unwrap_or_default(), ctx.now)
    })
}

/// Forgets the policy of a resource that is gone: one made anew under its name has none.
pub(crate) fn forget(ctx: &mut Ctx<'_>, resource: &str) {
    ctx.remove(POLICIES, resource);
}

/// Takes the serial number out of what is shown.
pub(crate) fn hide(policy: &mut Value) {
    if let Some(members) = policy.as_object_mut() {
        members.remove("serial");
    }
}

fn check_role(role: &str) -> GoogleResult<()> {
    let good = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
    };
    let ok = match role.split('/').collect::<Vec<_>>().as_slice() {
        ["roles", name] => {
            name.contains('.') && good(name)
                || matches!(*name, "owner" | "editor" | "viewer" | "browser")
        }
        ["projects" | "organizations", _, "roles", name] => good(name),
        _ => false,
    };
    if ok {
        return Ok(());
    }
    Err(GoogleError::bad(format!(
        "Role {role} is not supported for this resource."
    )))
}

/// Whether a member is one, and a service account of a project there.
fn check_member(ctx: &Ctx<'_>, member: &str) -> GoogleResult<()> {
    if matches!(member, "allUsers" | "allAuthenticatedUsers") {
        return Ok(());
    }
    let unknown = || GoogleError::bad(format!("Invalid member: {member}"));
    let (kind, name) = member.split_once(':').ok_or_else(unknown)?;
    match kind {
        "user" | "group" if name.contains('@') => Ok(()),
        "domain" if name.contains('.') => Ok(()),
        "principal" | "principalSet" if name.starts_with("//") => Ok(()),
        "deleted" | "projectOwner" | "projectEditor" | "projectViewer" => Ok(()),
        "serviceAccount" => check_account(ctx, name),
        _ => Err(unknown()),
    }
}

fn check_account(ctx: &Ctx<'_>, name: &str) -> GoogleResult<()> {
    if let Some((pool, account)) = name.split_once('[') {
        let project = pool.strip_suffix(".svc.id.goog").unwrap_or_default();
        if !account.ends_with(']') || !account.contains('/') {
            return Err(GoogleError::bad(format!(
                "Invalid member: serviceAccount:{name}"
            )));
        }
        if super::container::has_workload_pool(ctx, project) {
            return Ok(());
        }
        return Err(GoogleError::bad(format!(
            "Identity Pool does not exist ({pool}). Please check that you specified a valid resource name as returned in the `name` attribute in the configuration API."
        )));
    }
    if agents::exists(ctx, name).unwrap_or_else(|| iam::account_known(ctx, name)) {
        return Ok(());
    }
    Err(GoogleError::bad(format!(
        "Service account {name} does not exist."
    )))
}
