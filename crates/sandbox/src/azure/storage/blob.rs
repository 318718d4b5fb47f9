//! Blob services of an account, containers, and rules of what becomes of old blobs.

use serde_json::{Value, json};

use super::NAME;
use crate::azure::context::{Ctx, Input, default, items, set, text};
use crate::azure::engine;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Write};
use crate::azure::{found, page};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;

pub(crate) const SERVICE: Kind = Kind {
    prepare: prepare_service,
    ..Kind::plain("Microsoft.Storage/storageAccounts/blobServices", "")
};

pub(crate) const CONTAINER: Kind = Kind {
    etag: crate::azure::kind::Etag::Plain("etag"),
    prepare: prepare_container,
    guard: guard_container,
    ..Kind::plain(
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        "azurerm_storage_container",
    )
};

pub(crate) const POLICY: Kind = Kind {
    prepare: prepare_policy,
    ..Kind::plain(
        "Microsoft.Storage/storageAccounts/managementPolicies",
        "azurerm_storage_management_policy",
    )
};

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    match input.operation.name {
        // Every account has the service from the beginning.
        "BlobServices_GetServiceProperties" => found(&service(ctx, &input.id)?),
        "BlobServices_List" => {
            let id = input.id.child("blobServices", "default");
            let row = service(ctx, &id)?;
            page::reply(ctx, input, vec![row]).map(Some)
        }
        name if name.starts_with("BlobContainers_") => {
            let id = input.id.beside(NAME, input.variable("accountName"));
            if ctx.get(&id.text).is_none() {
                return Err(engine::missing(ctx, NAME, &id));
            }
            let service = id.child("blobServices", "default");
            if ctx.get(&service.text).is_none() && input.operation.http != "GET" {
                begin(ctx, &service);
            }
            if input.operation.http == "GET" && name == "BlobContainers_List" {
                let rows = ctx
                    .of_kind(&format!("{}/", service.text), CONTAINER.name)
                    .iter()
                    .map(|item| item.doc.clone())
                    .collect();
                return page::reply(ctx, input, rows).map(Some);
            }
            if input.operation.http == "GET" && ctx.get(&input.id.text).is_none() {
                return Err(no_container(input.id.name()));
            }
            Ok(None)
        }
        name if name.starts_with("ManagementPolicies_") => {
            if input.id.name() != "default" {
                return Err(ArmError::bad(
                    "InvalidManagementPolicyName",
                    format!(
                        "The name of a management policy is 'default', not '{}'.",
                        input.id.name()
                    ),
                ));
            }
            if input.operation.http == "GET"
                && ctx.get(&input.id.text).is_none()
                && ctx.get(&input.id.parent().text).is_some()
            {
                return Err(ArmError::new(
                    404,
                    "ManagementPolicyNotFound",
                    format!(
                        "No ManagementPolicy found for account {}",
                        input.id.parent().name()
                    ),
                ));
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn no_container(name: &str) -> ArmError {
    ArmError::new(
        404,
        "ContainerNotFound",
        format!("The specified container does not exist: {name}."),
    )
}

fn service(ctx: &Ctx<'_>, id: &Id) -> ArmResult<Value> {
    let account = id.parent();
    let Some(owner) = ctx.get(&account.text) else {
        return Err(engine::missing(ctx, NAME, &account));
    };
    let mut doc = match ctx.get(&id.text) {
        Some(item) => item.doc.clone(),
        None => {
            let mut doc = engine::document(id, json!({}));
            usual(&mut doc);
            doc
        }
    };
    doc["sku"] = owner.doc["sku"].clone();
    Ok(doc)
}

fn usual(doc: &mut Value) {
    default(doc, "/properties/cors", json!({ "corsRules": [] }));
    default(
        doc,
        "/properties/deleteRetentionPolicy",
        json!({ "allowPermanentDelete": false, "enabled": false }),
    );
}

fn begin(ctx: &mut Ctx<'_>, id: &Id) {
    let mut doc = engine::document(id, json!({}));
    usual(&mut doc);
    ctx.put(Item::new(&id.text, doc, ctx.now));
}

fn prepare_service(_ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    usual(&mut write.doc);
    for name in ["deleteRetentionPolicy", "containerDeleteRetentionPolicy"] {
        let policy = &write.doc["properties"][name];
        let days = policy["days"].as_i64();
        let good = policy["enabled"] != true || days.is_some_and(|days| (1..=365).contains(&days));
        if !good {
            return Err(ArmError::bad(
                "InvalidValuesForRequestParameters",
                format!(
                    "Values for request parameters are invalid: {name}.days must be between 1 and 365 where it is enabled."
                ),
            ));
        }
    }
    let restore = &write.doc["properties"]["restorePolicy"];
    let feed = write.doc["properties"]["changeFeed"]["enabled"] == true;
    let versions = write.doc["properties"]["isVersioningEnabled"] == true;
    if restore["enabled"] == true && !(feed && versions) {
        return Err(ArmError::conflict(
            "ConflictFeatureEnabled",
            "Point in time restore needs versioning and the change feed.",
        ));
    }
    Ok(())
}

fn prepare_container(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name().to_owned();
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let special = ["$root", "$web", "$logs"].contains(&name.as_str());
    let good = (3..=63).contains(&name.len())
        && name.chars().all(|c| word(c) || c == '-')
        && name.starts_with(word)
        && name.ends_with(word)
        && !name.contains("--");
    if !good && !special {
        return Err(ArmError::bad(
            "InvalidResourceName",
            format!(
                "The specifed resource name contains invalid characters: the container '{name}' has 3 to 63 lower-case letters, digits and single hyphens."
            ),
        ));
    }
    let account = write.id.parent().parent();
    let public = text(&write.doc, "/properties/publicAccess").to_owned();
    let allowed = ctx
        .get(&account.text)
        .is_some_and(|item| item.doc["properties"]["allowBlobPublicAccess"] == true);
    if !public.is_empty() && public != "None" && !allowed {
        return Err(ArmError::conflict(
            "PublicAccessNotPermitted",
            "Public access is not permitted on this storage account.",
        ));
    }
    default(&mut write.doc, "/properties/publicAccess", "None");
    for (member, value) in [
        ("defaultEncryptionScope", json!("$account-encryption-key")),
        ("denyEncryptionScopeOverride", json!(false)),
        ("hasImmutabilityPolicy", json!(false)),
        ("hasLegalHold", json!(false)),
        ("leaseState", json!("Available")),
        ("leaseStatus", json!("Unlocked")),
    ] {
        default(&mut write.doc, &format!("/properties/{member}"), value);
    }
    set(
        &mut write.doc,
        "/properties/lastModifiedTime",
        iso8601_millis(ctx.now),
    );
    Ok(())
}

fn guard_container(_ctx: &Ctx<'_>, item: &Item, _id: &Id) -> ArmResult<()> {
    held(item)
}

/// What is on legal hold cannot be taken away.
fn held(item: &Item) -> ArmResult<()> {
    if item.doc["properties"]["hasLegalHold"] != true {
        return Ok(());
    }
    Err(ArmError::conflict(
        "ContainerProtectedFromDeletion",
        format!(
            "The container '{}' is protected from deletion by a legal hold.",
            text(&item.doc, "/name")
        ),
    ))
}

pub(super) fn guard_account(ctx: &Ctx<'_>, account: &Item) -> ArmResult<()> {
    ctx.of_kind(&format!("{}/", account.id), CONTAINER.name)
        .iter()
        .try_for_each(|item| held(item))
}

fn prepare_policy(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let refuse = |message: String| Err(ArmError::bad("InvalidManagementPolicy", message));
    let rules: Vec<Value> = items(&write.doc, "/properties/policy/rules")
        .cloned()
        .collect();
    if rules.is_empty() || rules.len() > 100 {
        return refuse("A management policy has 1 to 100 rules.".to_owned());
    }
    let mut names: Vec<&str> = Vec::new();
    for rule in &rules {
        let name = text(rule, "/name");
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(word) || names.contains(&name) {
            return refuse(format!(
                "The name '{name}' of a rule must be of letters, digits and hyphens, and there once."
            ));
        }
        names.push(name);
        let actions = rule["definition"]["actions"].as_object();
        if actions.is_none_or(serde_json::Map::is_empty) {
            return refuse(format!("The rule '{name}' has no action."));
        }
        if items(rule, "/definition/filters/blobTypes")
            .next()
            .is_none()
        {
            return refuse(format!("The rule '{name}' names no blob types."));
        }
    }
    for at in 0..rules.len() {
        default(
            &mut write.doc,
            &format!("/properties/policy/rules/{at}/enabled"),
            true,
        );
    }
    set(
        &mut write.doc,
        "/properties/lastModifiedTime",
        iso8601_millis(ctx.now),
    );
    Ok(())
}
