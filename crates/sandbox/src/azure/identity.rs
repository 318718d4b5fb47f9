//! Microsoft.ManagedIdentity: identities that users assign, their federated credentials, and identities of resources.

use serde_json::{Value, json};

use super::context::{Ctx, TENANT, default, items, set, text};
use super::engine;
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::kind::{Kind, States, Write};

pub(crate) const NAME: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const CREDENTIALS: &str =
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        states: States::NONE,
        prepare,
        ..Kind::new(NAME, "azurerm_user_assigned_identity")
    },
    Kind {
        prepare: prepare_credential,
        ..Kind::plain(CREDENTIALS, "azurerm_federated_identity_credential")
    },
];

/// Most federated credentials of an identity.
const MOST: usize = 20;

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(3..=128).contains(&name.len()) || !name.chars().all(good) {
        return Err(ArmError::bad(
            "InvalidResourceName",
            format!(
                "The name '{name}' of a user assigned identity must have 3 to 128 letters, digits, '-' or '_'."
            ),
        ));
    }
    // What a body leaves out of `properties` stays, and who it is is not for clients to say.
    write.carry(&[
        "/properties",
        "/properties/principalId",
        "/properties/clientId",
    ]);
    for member in ["principalId", "clientId"] {
        let id = ctx.uuid();
        default(&mut write.doc, &format!("/properties/{member}"), id);
    }
    set(&mut write.doc, "/properties/tenantId", TENANT);
    Ok(())
}

fn prepare_credential(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let get = |name: &str| text(&write.doc, &format!("/properties/{name}")).to_owned();
    let (issuer, subject) = (get("issuer"), get("subject"));
    let refuse = |message: String| Err(ArmError::bad("BadRequest", message));
    if issuer.is_empty() || subject.is_empty() {
        return refuse(
            "The issuer and the subject of a federated identity credential must be given."
                .to_owned(),
        );
    }
    if !issuer.starts_with("https://") && !issuer.starts_with("http://127.0.0.1") {
        return refuse(format!(
            "The issuer '{issuer}' of a federated identity credential is not an https URL."
        ));
    }
    if items(&write.doc, "/properties/audiences").count() != 1 {
        return refuse("A federated identity credential has exactly one audience.".to_owned());
    }
    let parent = write.id.parent();
    let others = ctx.of_kind(&format!("{}/", parent.text), CREDENTIALS);
    let same = others.iter().any(|other| {
        other.id != write.id.key()
            && text(&other.doc, "/properties/issuer") == issuer
            && text(&other.doc, "/properties/subject") == subject
    });
    if same {
        return Err(ArmError::conflict(
            "Conflict",
            "Issuer and subject combination already exists for this Managed Identity.",
        ));
    }
    if write.creates() && others.len() >= MOST {
        return refuse(format!(
            "Too many Federated Identity Credentials for this Managed Identity: there may be {MOST}."
        ));
    }
    Ok(())
}

/// Completes the `identity` of a resource: what is assigned must be there, and its own gets a principal.
pub(crate) fn assign(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    if !write.doc["identity"].is_object() {
        return Ok(());
    }
    let kind = text(&write.doc, "/identity/type").to_lowercase();
    let assigned: Vec<String> = write.doc["identity"]["userAssignedIdentities"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(id, _)| id.clone())
        .collect();
    if kind.contains("userassigned") == assigned.is_empty() {
        return Err(ArmError::bad(
            "InvalidIdentityValues",
            format!(
                "Invalid value for the identities of '{}'. The 'UserAssigned' identity type requires 'userAssignedIdentities', and no other type has them.",
                write.id.text
            ),
        ));
    }
    let mut shown = serde_json::Map::new();
    for id in assigned {
        let Some(item) = ctx.get(&id) else {
            return Err(ArmError::bad(
                "FailedIdentityOperation",
                format!(
                    "Identity operation for resource '{}' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Response: 'Resource '{id}' was not found.'",
                    write.id.text
                ),
            ));
        };
        write.links.push(item.id.clone());
        let properties = &item.doc["properties"];
        shown.insert(
            id,
            json!({ "principalId": properties["principalId"], "clientId": properties["clientId"] }),
        );
    }
    if let Some(identity) = write.doc["identity"].as_object_mut() {
        identity.remove("userAssignedIdentities");
        if !shown.is_empty() {
            identity.insert("userAssignedIdentities".into(), Value::Object(shown));
        }
    }
    if kind.contains("systemassigned") {
        write.carry(&["/identity/principalId"]);
        let id = ctx.uuid();
        default(&mut write.doc, "/identity/principalId", id);
        set(&mut write.doc, "/identity/tenantId", TENANT);
    }
    Ok(())
}

/// The principals of a resource's own identity and of those that are assigned to it.
pub(crate) fn principals(doc: &Value) -> Vec<&str> {
    let assigned = doc["identity"]["userAssignedIdentities"].as_object();
    let assigned = assigned.into_iter().flatten();
    assigned
        .map(|(_, identity)| text(identity, "/principalId"))
        .chain([text(doc, "/identity/principalId")])
        .filter(|principal| !principal.is_empty())
        .collect()
}

/// Whether a principal is known by now: the client's own, or one of an identity.
pub(crate) fn known(ctx: &Ctx<'_>, principal: &str) -> bool {
    // Who calls without a directory knows itself by its client's id alone.
    principal.eq_ignore_ascii_case(super::context::PRINCIPAL)
        || principal.eq_ignore_ascii_case(super::context::CLIENT)
        || ctx.below("/subscriptions/").iter().any(|item| {
            [
                "/properties/principalId",
                "/identity/principalId",
                "/properties/identityProfile/kubeletidentity/objectId",
            ]
            .iter()
            .any(|pointer| text(&item.doc, pointer).eq_ignore_ascii_case(principal))
                && !text(&item.doc, "/type").contains("roleAssignments")
                && ctx.frame.pace.knows(item.created, ctx.now)
        })
}

/// An identity that another resource has made for itself.
pub(crate) fn made_for(ctx: &mut Ctx<'_>, id: &Id, location: &str, owner: &str) -> Value {
    let properties =
        json!({ "principalId": ctx.uuid(), "clientId": ctx.uuid(), "tenantId": TENANT });
    let mut doc = engine::document(id, properties.clone());
    doc["location"] = location.into();
    let mut item = super::item::Item::new(&id.text, doc, ctx.now);
    item.list_as(
        "azurerm_user_assigned_identity",
        &id.text,
        location,
        Some(owner),
    );
    ctx.put(item);
    properties
}
