//! Microsoft.Authorization: roles, and who has them where.

use serde_json::{Value, json};

use super::context::{Ctx, Input, PRINCIPAL, items, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::{engine, found, identity, keyvault, page, permissions};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;
use crate::world::Stored;

const ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";
const DEFINITIONS: &str = "Microsoft.Authorization/roleDefinitions";

/// Roles that every tenant has, of those that clusters, databases and their stacks need.
const BUILT_IN: [(&str, &str); 37] = [
    ("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
    ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    (
        "User Access Administrator",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    ),
    (
        "Network Contributor",
        "4d97b98b-1d4f-4787-a291-c67834d212e7",
    ),
    (
        "Private DNS Zone Contributor",
        "b12aa53e-6015-4669-85d0-8515ebb3ae7f",
    ),
    (
        "DNS Zone Contributor",
        "befefa01-2a29-4197-83a8-272ff33ce314",
    ),
    ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
    ("AcrPush", "8311e382-0749-4cb8-b61a-304f252e45ec"),
    (
        "Managed Identity Operator",
        "f1a07417-d97a-45cb-824c-7a7467783830",
    ),
    (
        "Managed Identity Contributor",
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
    ),
    (
        "Storage Account Contributor",
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
    ),
    (
        "Storage Blob Data Owner",
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    ),
    (
        "Storage Blob Data Contributor",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    ),
    (
        "Storage Blob Data Reader",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    ),
    (
        "Key Vault Administrator",
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    ),
    ("Key Vault Reader", "21090545-7ca7-4776-b22c-e363652d74d2"),
    (
        "Key Vault Secrets Officer",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    ),
    (
        "Key Vault Secrets User",
        "4633458b-17de-408a-b874-0445c86b69e6",
    ),
    (
        "Key Vault Crypto Officer",
        "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
    ),
    (
        "Key Vault Crypto User",
        "12338af0-0e69-4776-bea7-57ae8d297424",
    ),
    (
        "Key Vault Crypto Service Encryption User",
        "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    ),
    (
        "Key Vault Certificates Officer",
        "a4417e6f-fecd-4de8-b567-7b0420556985",
    ),
    (
        "Key Vault Certificate User",
        "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
    ),
    (
        "Azure Kubernetes Service Cluster Admin Role",
        "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8",
    ),
    (
        "Azure Kubernetes Service Cluster User Role",
        "4abbcc35-e782-43d8-92c5-2d3f1bd2253f",
    ),
    (
        "Azure Kubernetes Service Contributor Role",
        "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8",
    ),
    (
        "Azure Kubernetes Service RBAC Admin",
        "3498e952-d568-435e-9b2c-8d77e338d7f7",
    ),
    (
        "Azure Kubernetes Service RBAC Cluster Admin",
        "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b",
    ),
    (
        "Azure Kubernetes Service RBAC Reader",
        "7f6c6a51-bcf8-42ba-9220-52d62157d7db",
    ),
    (
        "Azure Kubernetes Service RBAC Writer",
        "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb",
    ),
    (
        "Log Analytics Contributor",
        "92aaf0da-9dab-42b6-94a3-d43ce8d16293",
    ),
    (
        "Log Analytics Reader",
        "73c42c96-874c-492b-b04d-ab87d138a893",
    ),
    (
        "Monitoring Contributor",
        "749f88d5-cbae-40b8-bcfc-e573ddc772fa",
    ),
    ("Monitoring Reader", "43d0d8ad-25c7-4714-9337-8ba259a9fe05"),
    (
        "Monitoring Metrics Publisher",
        "3913510d-42f4-4e42-8a64-420c390055eb",
    ),
    (
        "Virtual Machine Contributor",
        "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
    ),
];

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let scope = match input.variable("scope") {
        "" => input.id.parent().text,
        scope => scope.to_owned(),
    };
    let at = Id::new(scope.as_str());
    let inside = !at.kind().is_empty();
    if inside && !engine::exists(ctx, &scope) && !keyvault::holds(ctx, &at) {
        return Err(engine::missing(ctx, &at.kind(), &at));
    }
    match input.operation.name {
        "RoleDefinitions_List" => definitions(ctx, input, &scope).map(Some),
        name if name.starts_with("RoleDefinitions_") => definition(ctx, input, &scope).map(Some),
        "RoleAssignments_Get" => match ctx.get(&input.id.text) {
            Some(item) => found(&item.doc),
            None => Err(no_assignment(input.id.name())),
        },
        name if name.starts_with("Permissions_") => {
            let rows = permissions::of_caller(ctx, input, &scope);
            page::reply(ctx, input, rows).map(Some)
        }
        "RoleAssignments_Create" => assign(ctx, input, &scope).map(Some),
        "RoleAssignments_Delete" => match ctx.get(&input.id.text) {
            Some(item) => {
                let doc = item.doc.clone();
                ctx.remove(&input.id.text);
                found(&doc)
            }
            None => Ok(Some(HttpReply::new(204, "application/json", ""))),
        },
        _ => list(ctx, input, &scope).map(Some),
    }
}

fn no_assignment(name: &str) -> ArmError {
    ArmError::new(
        404,
        "RoleAssignmentNotFound",
        format!("The role assignment '{name}' is not found."),
    )
}

/// The definition of a role in a subscription, by its GUID.
pub(super) fn built_in(subscription: &str, name: &str) -> Option<Value> {
    let (title, id) = BUILT_IN
        .iter()
        .find(|(_, id)| id.eq_ignore_ascii_case(name))?;
    Some(role(subscription, title, id))
}

fn role(subscription: &str, title: &str, id: &str) -> Value {
    let (actions, not_actions) = actions(title);
    json!({
        "id": format!("/subscriptions/{subscription}/providers/{DEFINITIONS}/{id}"), "name": id, "type": DEFINITIONS,
        "properties": {
            "roleName": title, "type": "BuiltInRole", "description": format!("The built-in role {title}."),
            "assignableScopes": ["/"],
            "permissions": [{ "actions": actions, "notActions": not_actions, "dataActions": data_actions(title), "notDataActions": [] }],
        },
    })
}

/// What roles let one do with resources, and what of that they do not
/// (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>); of the others nobody asks more than to read.
fn actions(title: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match title {
        "Owner" => (&["*"], &[]),
        "Contributor" => (
            &["*"],
            &[
                "Microsoft.Authorization/*/Delete",
                "Microsoft.Authorization/*/Write",
                "Microsoft.Authorization/elevateAccess/Action",
            ],
        ),
        "User Access Administrator" => (
            &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
            &[],
        ),
        "Network Contributor" => (
            &[
                "Microsoft.Authorization/*/read",
                "Microsoft.Network/*",
                "Microsoft.Resources/deployments/*",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
            ],
            &[],
        ),
        _ => (&["*/read"], &[]),
    }
}

/// What roles let one do in vaults
/// (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security>); of other data nobody asks.
fn data_actions(title: &str) -> &'static [&'static str] {
    match title {
        "Key Vault Administrator" => &["Microsoft.KeyVault/vaults/*"],
        "Key Vault Reader" => &[
            "Microsoft.KeyVault/vaults/*/read",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
        "Key Vault Secrets Officer" => &["Microsoft.KeyVault/vaults/secrets/*"],
        "Key Vault Secrets User" => &[
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
        "Key Vault Certificates Officer" => &[
            "Microsoft.KeyVault/vaults/certificatecas/*",
            "Microsoft.KeyVault/vaults/certificates/*",
            "Microsoft.KeyVault/vaults/certificatecontacts/write",
        ],
        "Key Vault Certificate User" => &[
            "Microsoft.KeyVault/vaults/certificates/read",
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            "Microsoft.KeyVault/vaults/keys/read",
        ],
        _ => &[],
    }
}

pub(super) fn subscription_of(scope: &str) -> String {
    match Id::new(scope).subscription() {
        "" => super::context::SUBSCRIPTION.to_owned(),
        id => id.to_owned(),
    }
}

/// Roles of the subscription that clients have made.
fn custom(ctx: &Ctx<'_>, subscription: &str) -> Vec<Value> {
    let prefix = format!("/subscriptions/{subscription}/");
    ctx.of_kind(&prefix, DEFINITIONS)
        .iter()
        .map(|item| item.doc.clone())
        .collect()
}

fn definitions(ctx: &mut Ctx<'_>, input: &Input<'_>, scope: &str) -> ArmResult<HttpReply> {
    let subscription = subscription_of(scope);
    let mut rows: Vec<Value> = BUILT_IN
        .iter()
        .map(|(title, id)| role(&subscription, title, id))
        .collect();
    rows.extend(custom(ctx, &subscription));
    let filter = input.query("$filter").unwrap_or_default();
    for term in filter.split(" and ").map(str::trim) {
        let Some((name, value)) = term.split_once(" eq ") else {
            continue;
        };
        let value = value.trim().trim_matches('\'').replace("''", "'");
        rows.retain(|row| match name.trim() {
            "roleName" => text(row, "/properties/roleName") == value,
            "type" => text(row, "/properties/type").eq_ignore_ascii_case(&value),
            _ => true,
        });
    }
    page::reply(ctx, input, rows)
}

fn definition(ctx: &mut Ctx<'_>, input: &Input<'_>, scope: &str) -> ArmResult<HttpReply> {
    let subscription = subscription_of(scope);
    let name = input.id.name().to_owned();
    let fixed = built_in(&subscription, &name);
    let own = ctx.get(&input.id.text).map(|item| item.edit());
    match input.operation.http {
        "GET" => match fixed.or(own.map(|item| item.doc)) {
            Some(doc) => Ok(HttpReply::json(200, &doc)),
            None => Err(no_definition(&name)),
        },
        "DELETE" => match own {
            Some(item) => {
                let id = text(&item.doc, "/id").to_owned();
                if !ctx.holders(&id).is_empty() {
                    return Err(ArmError::bad(
                        "RoleDefinitionHasAssignments",
                        "There are existing role assignments referencing role.",
                    ));
                }
                ctx.remove(&item.id);
                Ok(HttpReply::json(200, &item.doc))
            }
            None => Ok(HttpReply::new(204, "application/json", "")),
        },
        _ => {
            if fixed.is_some() {
                return Err(ArmError::bad(
                    "RoleDefinitionUpdateNotPermitted",
                    format!("The built-in role '{name}' cannot be changed."),
                ));
            }
            let title = text(&input.body, "/properties/roleName").to_owned();
            let same = custom(ctx, &subscription).iter().any(|other| {
                text(other, "/properties/roleName") == title && text(other, "/name") != name
            });
            if title.is_empty() || same || BUILT_IN.iter().any(|(other, _)| *other == title) {
                return Err(ArmError::conflict(
                    "RoleDefinitionWithSameNameExists",
                    format!(
                        "A custom role needs a name of its own: '{title}' is empty or there is a role of that name."
                    ),
                ));
            }
            let mut doc = engine::document(&input.id, input.body["properties"].clone());
            doc["properties"]["type"] = "CustomRole".into();
            let mut item = Item::new(&input.id.text, doc.clone(), ctx.now);
            item.list_as("azurerm_role_definition", &input.id.text, "", None);
            ctx.put(item);
            Ok(HttpReply::json(201, &doc))
        }
    }
}

fn no_definition(name: &str) -> ArmError {
    ArmError::new(
        404,
        "RoleDefinitionDoesNotExist",
        format!("The specified role definition with ID '{name}' does not exist."),
    )
}

fn assign(ctx: &mut Ctx<'_>, input: &Input<'_>, scope: &str) -> ArmResult<HttpReply> {
    let name = input.id.name();
    if uuid::Uuid::parse_str(name).is_err() {
        return Err(ArmError::bad(
            "InvalidRoleAssignmentId",
            format!(
                "The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
            ),
        ));
    }
    let sent = &input.body["properties"];
    let principal = text(sent, "/principalId").to_owned();
    let asked = text(sent, "/roleDefinitionId").to_owned();
    let subscription = subscription_of(scope);
    let role = Id::new(asked.as_str());
    let known = built_in(&subscription, role.name())
        .or_else(|| ctx.get(&asked).map(|item| item.doc.clone()))
        .filter(|_| role.kind().eq_ignore_ascii_case(DEFINITIONS));
    let Some(known) = known else {
        let mut error = no_definition(role.name());
        error.status = 400;
        return Err(error);
    };
    if uuid::Uuid::parse_str(&principal).is_err() {
        return Err(ArmError::bad(
            "InvalidPrincipalId",
            format!("A valid principal ID must be provided: '{principal}' is not a GUID."),
        ));
    }
    let kind = text(sent, "/principalType").to_owned();
    if kind.is_empty() && !identity::known(ctx, &principal) {
        let plain = principal.replace('-', "");
        return Err(ArmError::bad(
            "PrincipalNotFound",
            format!(
                "Principal {plain} does not exist in the directory {}. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group. See https://aka.ms/docs-principaltype",
                super::context::TENANT
            ),
        ));
    }
    let role_id = text(&known, "/id").to_owned();
    let same = |doc: &Value| {
        text(doc, "/properties/principalId").eq_ignore_ascii_case(&principal)
            && text(doc, "/properties/roleDefinitionId").eq_ignore_ascii_case(&role_id)
    };
    let here = format!("{scope}/providers/{ASSIGNMENTS}/");
    let others = ctx.of_kind(&here, ASSIGNMENTS);
    let old = ctx.get(&input.id.text).map(|item| item.doc.clone());
    if let Some(old) = &old {
        if !same(old) {
            return Err(ArmError::bad(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            ));
        }
        return Err(exists(name));
    }
    if let Some(other) = others.iter().find(|other| same(&other.doc)) {
        return Err(exists(text(&other.doc, "/name")));
    }
    let mut properties = sent.clone();
    properties["roleDefinitionId"] = role_id.into();
    properties["principalType"] = if kind.is_empty() {
        "ServicePrincipal".into()
    } else {
        kind.into()
    };
    properties["scope"] = if scope.is_empty() { "/" } else { scope }.into();
    for (at, by) in [("createdOn", "createdBy"), ("updatedOn", "updatedBy")] {
        properties[at] = iso8601_millis(ctx.now).into();
        properties[by] = PRINCIPAL.into();
    }
    let doc = engine::document(&input.id, properties);
    let mut item = Item::new(&input.id.text, doc.clone(), ctx.now);
    item.links.push(asked.to_lowercase());
    item.list_as("azurerm_role_assignment", &input.id.text, "", None);
    ctx.put(item);
    Ok(HttpReply::json(201, &doc))
}

/// Whether one of some principals has a role by now, at a scope or above it. Nothing but late access asks: whoever does something may
/// do it otherwise.
pub(crate) fn reaches(ctx: &Ctx<'_>, principals: &[&str], scope: &str) -> bool {
    !ctx.frame.pace.is_late()
        || assigned(ctx, scope).any(|assignment| {
            let whose = text(&assignment.doc, "/properties/principalId");
            principals.iter().any(|p| p.eq_ignore_ascii_case(whose))
        })
}

/// Whether one of some principals may do something with data by now, by its roles at a scope or above it. Who is in a group, nobody
/// knows here: each of them may be.
pub(crate) fn allows(ctx: &Ctx<'_>, principals: &[&str], scope: &str, action: &str) -> bool {
    assigned(ctx, scope).any(|assignment| {
        let properties = &assignment.doc["properties"];
        let whose = text(properties, "/principalId");
        let theirs = principals.iter().any(|p| p.eq_ignore_ascii_case(whose));
        if !theirs && properties["principalType"] != "Group" {
            return false;
        }
        let asked = text(properties, "/roleDefinitionId");
        let role = Id::new(asked);
        let known = built_in(&subscription_of(scope), role.name())
            .or_else(|| ctx.get(asked).map(|item| item.doc.clone()));
        known.is_some_and(|role| {
            items(&role, "/properties/permissions").any(|permission| {
                let names = |member: &str| {
                    let mut patterns = items(permission, member).filter_map(Value::as_str);
                    patterns.any(|pattern| covers(pattern, action))
                };
                names("/dataActions") && !names("/notDataActions")
            })
        })
    })
}

/// Whether an action is one of a pattern's, whose stars stand for anything.
pub(super) fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The assignments at a scope and above it, as far as they are known by now.
pub(super) fn assigned<'c>(
    ctx: &'c Ctx<'_>,
    scope: &'c str,
) -> impl Iterator<Item = Stored<Item>> + 'c {
    let below = move |above: &str| {
        let above = above.trim_end_matches('/');
        let start = scope.get(..above.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(above))
            && matches!(scope.as_bytes().get(above.len()), None | Some(b'/'))
    };
    ctx.of_kind("/", ASSIGNMENTS)
        .into_iter()
        .filter(move |item| {
            below(text(&item.doc, "/properties/scope"))
                && ctx.frame.pace.knows(item.created, ctx.now)
        })
}

fn exists(name: &str) -> ArmError {
    ArmError::conflict(
        "RoleAssignmentExists",
        format!(
            "The role assignment already exists. The ID of the conflicting role assignment is {}.",
            name.replace('-', "")
        ),
    )
}

fn list(ctx: &mut Ctx<'_>, input: &Input<'_>, scope: &str) -> ArmResult<HttpReply> {
    let filter = input.query("$filter").unwrap_or_default();
    let mut rows: Vec<Value> = ctx
        .of_kind(&format!("{scope}/"), ASSIGNMENTS)
        .iter()
        .map(|item| item.doc.clone())
        .collect();
    // Assignments above count below; with `atScope()` those further down do not.
    let mut above = Id::new(scope);
    while above.text.contains('/') {
        let cut = above.text.rfind('/').unwrap_or(0);
        above = Id::new(&above.text[..cut]);
        let prefix = format!("{}/providers/{ASSIGNMENTS}/", above.text);
        rows.extend(
            ctx.of_kind(&prefix, ASSIGNMENTS)
                .iter()
                .map(|item| item.doc.clone()),
        );
    }
    if filter.contains("atScope()") {
        rows.retain(|row| {
            let own = text(row, "/properties/scope").to_lowercase();
            scope.to_lowercase().starts_with(&own) || own == "/"
        });
    }
    for name in ["principalId eq ", "assignedTo("] {
        if let Some((_, rest)) = filter.split_once(name) {
            let wanted = rest.trim_start().trim_start_matches('\'');
            let wanted = wanted.split('\'').next().unwrap_or_default();
            rows.retain(|row| text(row, "/properties/principalId").eq_ignore_ascii_case(wanted));
        }
    }
    page::reply(ctx, input, rows)
}
