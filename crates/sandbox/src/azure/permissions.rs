//! What a caller may do. The sandbox's own is the subscription's owner; a token `sandbox:OBJECT-ID` is that of somebody who may do what
//! roles let them, and nothing else (<https://learn.microsoft.com/azure/role-based-access-control/overview>).

use serde_json::{Value, json};

use super::authorization::{assigned, built_in, covers, subscription_of};
use super::context::{CLIENT, Ctx, Input, PRINCIPAL, Shape, items, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use crate::http::HttpRequest;

/// Whose token a request brings; none of the owner's.
fn caller(request: &HttpRequest) -> Option<&str> {
    let token = request.header("authorization")?.split_once(' ')?.1;
    let who = token.strip_prefix("sandbox:")?;
    (![CLIENT, PRINCIPAL].contains(&who)).then_some(who)
}

/// Permissions as a role has them.
fn of_roles(ctx: &Ctx<'_>, who: &str, scope: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for assignment in assigned(ctx, scope) {
        let properties = &assignment.doc["properties"];
        if !text(properties, "/principalId").eq_ignore_ascii_case(who) {
            continue;
        }
        let role = text(properties, "/roleDefinitionId");
        let known = built_in(&subscription_of(scope), Id::new(role).name())
            .or_else(|| ctx.get(role).map(|item| item.doc.clone()));
        for one in known
            .iter()
            .flat_map(|role| items(role, "/properties/permissions"))
        {
            let mut one = one.clone();
            for list in ["actions", "notActions", "dataActions", "notDataActions"] {
                if one[list].is_null() {
                    one[list] = json!([]);
                }
            }
            all.push(one);
        }
    }
    all
}

/// The permissions of whoever asks, at a scope.
pub(crate) fn of_caller(ctx: &Ctx<'_>, input: &Input<'_>, scope: &str) -> Vec<Value> {
    match caller(input.request) {
        Some(who) => of_roles(ctx, who, scope),
        None => vec![
            json!({ "actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": [] }),
        ],
    }
}

/// What a request does, as roles name it: `Microsoft.Network/virtualNetworks/write`.
fn action(input: &Input<'_>) -> String {
    let kind = input.id.kind();
    let kind = if kind.is_empty() {
        "Microsoft.Resources/subscriptions/resourceGroups".to_owned()
    } else {
        kind
    };
    match (&input.shape, input.operation.http) {
        (Shape::Action, "POST") => {
            let last = input.request.path.rsplit('/').next().unwrap_or_default();
            format!("{kind}/{last}/action")
        }
        (_, "PUT" | "PATCH" | "POST") => format!("{kind}/write"),
        (_, "DELETE") => format!("{kind}/delete"),
        _ => format!("{kind}/read"),
    }
}

/// Refuses what nobody lets the caller do. One's own permissions everybody may ask for, vaults ask for themselves.
pub(crate) fn check(ctx: &Ctx<'_>, input: &Input<'_>) -> ArmResult<()> {
    let Some(who) = caller(input.request) else {
        return Ok(());
    };
    let own = input.operation.name.starts_with("Permissions_");
    if own || input.operation.api.starts_with("vault") || input.operation.api == "subscriptions" {
        return Ok(());
    }
    let (scope, action) = (&input.id.text, action(input));
    let names = |permission: &Value, list: &str| {
        let mut patterns = items(permission, list).filter_map(Value::as_str);
        patterns.any(|pattern| covers(pattern, &action))
    };
    let may = of_roles(ctx, who, scope)
        .iter()
        .any(|one| names(one, "/actions") && !names(one, "/notActions"));
    if may {
        return Ok(());
    }
    Err(ArmError::new(
        403,
        "AuthorizationFailed",
        format!(
            "The client '{who}' with object id '{who}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
        ),
    ))
}
