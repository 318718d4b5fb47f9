//! Microsoft.KeyVault: vaults, which are kept for a while after they are deleted; and secrets and keys in them, by Resource
//! Manager and by the vaults' own API, which is under `/_vault/NAME/` of the same port.

mod certificate;
mod issue;
mod issuer;
mod management;
mod object;
mod pkcs12;
mod plane;

use serde_json::{Value, json};

use super::context::{Ctx, Input, TENANT, default, items, set, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::{Kind, States, Write};
use super::{authorization, engine, found, identity, lro, page};
use crate::clock::{Millis, iso8601};
use crate::http::HttpReply;
use crate::kubernetes::clusters::{PUSHED_BY, Pushed};
use crate::latency::Work;

pub(crate) use self::certificate::readable;
pub(crate) use self::pkcs12::Unread;
pub(crate) use self::plane::{answer as plane, challenge};

use self::object::What;

const NAME: &str = "Microsoft.KeyVault/vaults";
const DELETED: &str = "Microsoft.KeyVault/locations/deletedVaults";
const DAY: Millis = 24 * 3_600_000;

pub(crate) const KINDS: &[Kind] = &[Kind {
    states: States {
        creating: "RegisteringDns",
        updating: "Succeeded",
        deleting: "Succeeded",
        failed: "RegisteringDns",
        ..States::USUAL
    },
    create: Work::VaultCreate,
    prepare,
    show,
    removed,
    ..Kind::new(NAME, "azurerm_key_vault")
}];

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let subscription = format!("/subscriptions/{}/", input.variable("subscriptionId"));
    match input.operation.name {
        "Vaults_CheckNameAvailability" => {
            let name = text(&input.body, "/name").to_owned();
            let answer = match check_name(&name) {
                Err(error) => {
                    json!({ "nameAvailable": false, "reason": "AccountNameInvalid", "message": error.message })
                }
                Ok(()) if by_name(ctx, &name).is_some() || deleted(ctx, &name).is_some() => json!({
                    "nameAvailable": false, "reason": "AlreadyExists", "message": taken(&name).message,
                }),
                Ok(()) => json!({ "nameAvailable": true }),
            };
            found(&answer)
        }
        "Vaults_ListDeleted" => {
            let rows = ctx
                .of_kind(&subscription, DELETED)
                .iter()
                .map(|item| item.doc.clone())
                .collect();
            page::reply(ctx, input, rows).map(Some)
        }
        "Vaults_GetDeleted" => match ctx.get(&input.id.text) {
            Some(item) => found(&item.doc),
            None => Err(no_deleted(input.id.name())),
        },
        "Vaults_PurgeDeleted" => purge(ctx, input).map(Some),
        "Vaults_UpdateAccessPolicy" => policies(ctx, input).map(Some),
        name if name.starts_with("Secrets_") => management::secrets(ctx, input).map(Some),
        name if name.starts_with("Keys_") => management::keys(ctx, input).map(Some),
        _ => Ok(None),
    }
}

fn no_deleted(name: &str) -> ArmError {
    ArmError::new(
        404,
        "DeletedVaultNotFound",
        format!("The specified deleted vault '{name}' does not exist."),
    )
}

/// Where the contents of a vault are kept: not below its id, so that they outlive it.
pub(crate) fn contents(name: &str) -> String {
    format!("/_vault/{}/", name.to_lowercase())
}

/// The vault of a name.
pub(crate) fn by_name(ctx: &Ctx<'_>, name: &str) -> Option<Item> {
    ctx.named(NAME, name)
        .first()
        .map(crate::world::Stored::edit)
}

/// The deleted vault of a name.
fn deleted(ctx: &Ctx<'_>, name: &str) -> Option<Item> {
    ctx.named(DELETED, name)
        .first()
        .map(crate::world::Stored::edit)
}

/// The name of the vault at a URI, of the sandbox's form or of Azure's.
fn name_of(uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    match rest.split_once("/_vault/") {
        Some((_, name)) => name.trim_end_matches('/').to_lowercase(),
        None => rest.split('.').next().unwrap_or_default().to_lowercase(),
    }
}

/// Where the world keeps an object, if there is one of a name in a vault that is there.
fn find(ctx: &Ctx<'_>, vault: &str, what: What, name: &str) -> Option<String> {
    by_name(ctx, vault)?;
    let item = object::get(ctx, vault, what, name).ok()?;
    Some(item.id)
}

/// Whether an id is that of a key or secret in a vault: Resource Manager knows them wherever they were made.
pub(crate) fn holds(ctx: &Ctx<'_>, id: &Id) -> bool {
    let parts: Vec<&str> = id.text.split('/').collect();
    let [.., vaults, vault, plural, name] = parts.as_slice() else {
        return false;
    };
    let what = match *plural {
        "keys" => What::Key,
        "secrets" => What::Secret,
        "certificates" => What::Certificate,
        _ => return false,
    };
    vaults.eq_ignore_ascii_case("vaults") && find(ctx, vault, what, name).is_some()
}

/// What External Secrets puts into a vault, unless it is there already or somebody else's
/// (`providers/v1/azure/keyvault/keyvault_new_sdk.go`, `setKeyVaultSecretWithNewSDK`).
pub(crate) fn push(ctx: &mut Ctx<'_>, pushed: &Pushed) -> Result<(), String> {
    let (key, by) = PUSHED_BY;
    let (name, wanted) = (&pushed.key, String::from_utf8_lossy(&pushed.value));
    let vault_name = name_of(&pushed.place);
    let vault =
        by_name(ctx, &vault_name).ok_or_else(|| format!("there is no vault {vault_name:?}"))?;
    let said = |error: ArmError| format!("could not set secret {name}: {}", error.message);
    if let Ok(held) = object::get(ctx, &vault_name, What::Secret, name) {
        let newest = object::version(&held, What::Secret, "").map_err(said)?;
        if newest["tags"][key] != by {
            return Err(format!("secret {name} not managed by external-secrets"));
        }
        if newest["value"] == *wanted {
            return Ok(());
        }
    }
    let sent = json!({ "value": wanted, "tags": { key: by } });
    object::add(ctx, &vault, What::Secret, name, &sent)
        .map(drop)
        .map_err(said)
}

/// Where the world keeps a key, if there is one of a name in the vault at a URI.
pub(crate) fn find_key(ctx: &Ctx<'_>, uri: &str, name: &str) -> Option<String> {
    find(ctx, &name_of(uri), What::Key, name)
}

/// What a service finds at a secret's URL by one of its identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// There is no such vault: it may be somebody else's.
    Elsewhere,
    /// None of them may read it, or not yet.
    Denied,
    /// It is not there.
    Missing,
    /// It is switched off.
    Disabled,
    /// Its value.
    Value(String),
}

/// Reads the secret at a URL, with or without a version, for identities by their principals.
pub(crate) fn secret_for(ctx: &Ctx<'_>, url: &str, principals: &[&str]) -> Secret {
    let Some((vault, rest)) = url.split_once("/secrets/") else {
        return Secret::Elsewhere;
    };
    let Some(vault) = by_name(ctx, &name_of(vault)) else {
        return Secret::Elsewhere;
    };
    let rest = rest.trim_end_matches('/');
    let (name, version) = rest.split_once('/').unwrap_or((rest, ""));
    if !reads_secrets(ctx, &vault, name, principals) {
        return Secret::Denied;
    }
    let vault = text(&vault.doc, "/name");
    let Ok(item) = object::get(ctx, vault, What::Secret, name) else {
        return Secret::Missing;
    };
    match object::version(&item, What::Secret, version) {
        Err(_) => Secret::Missing,
        Ok(one) if one["attributes"]["enabled"] == false => Secret::Disabled,
        Ok(one) => Secret::Value(text(one, "/value").to_owned()),
    }
}

/// Whether one of some principals may read a secret by now, by a role or by the vault's own list.
fn reads_secrets(ctx: &Ctx<'_>, vault: &Item, name: &str, principals: &[&str]) -> bool {
    if vault.doc["properties"]["enableRbacAuthorization"] == true {
        let scope = format!("{}/secrets/{name}", text(&vault.doc, "/id"));
        let action = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
        return authorization::allows(ctx, principals, &scope, action);
    }
    let listed = items(&vault.doc, "/properties/accessPolicies").any(|policy| {
        let who = text(policy, "/objectId");
        principals.iter().any(|p| p.eq_ignore_ascii_case(who))
            && items(policy, "/permissions/secrets").any(|permission| {
                let permission = permission.as_str().unwrap_or_default();
                ["get", "all"]
                    .iter()
                    .any(|p| p.eq_ignore_ascii_case(permission))
            })
    });
    listed && ctx.frame.pace.knows(vault.changed, ctx.now)
}

/// Where the world keeps the key at a URL, of whatever version.
pub(crate) fn key_at(ctx: &Ctx<'_>, url: &str) -> Option<String> {
    let (vault, rest) = url.split_once("/keys/")?;
    find_key(ctx, vault, rest.split('/').next()?)
}

/// Whether an identity of a resource may use a key by now.
pub(crate) fn usable(ctx: &Ctx<'_>, key: &str, owner: &Value) -> bool {
    let mut parts = key.split('/').skip(2);
    let vault = parts.next().and_then(|vault| by_name(ctx, vault));
    let (Some(vault), Some(name)) = (vault, parts.last()) else {
        return false;
    };
    if vault.doc["properties"]["enableRbacAuthorization"] != true {
        // By the vault's own list, which is known at once.
        return true;
    }
    let scope = format!("{}/keys/{name}", text(&vault.doc, "/id"));
    authorization::reaches(ctx, &identity::principals(owner), &scope)
}

/// Whether the vault of a key cannot be purged.
pub(crate) fn protected(ctx: &Ctx<'_>, key: &str) -> bool {
    let vault = key.split('/').nth(2).unwrap_or_default();
    by_name(ctx, vault).is_some_and(|item| item.doc["properties"]["enablePurgeProtection"] == true)
}

fn check_name(name: &str) -> ArmResult<()> {
    let word = |c: char| c.is_ascii_alphanumeric();
    let good = (3..=24).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.ends_with(word)
        && name.chars().all(|c| word(c) || c == '-')
        && !name.contains("--");
    if good {
        return Ok(());
    }
    Err(ArmError::bad(
        "VaultNameNotValid",
        format!(
            "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link for more information: https://go.microsoft.com/fwlink/?linkid=2147742"
        ),
    ))
}

fn taken(name: &str) -> ArmError {
    ArmError::conflict(
        "VaultAlreadyExists",
        format!(
            "The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name is already taken. If you are sure that the vault name was not taken then it is possible that a vault with the same name was recently deleted but not purged after being placed in a recoverable state. If the vault is in a recoverable state then the vault will need to be purged before reusing the name."
        ),
    )
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name().to_owned();
    check_name(&name)?;
    let recover = text(&write.doc, "/properties/createMode") == "recover";
    super::context::unset(&mut write.doc, "/properties/createMode");
    if write.creates() {
        if by_name(ctx, &name).is_some() {
            return Err(taken(&name));
        }
        match (deleted(ctx, &name), recover) {
            (Some(gone), true) => restore(ctx, write, gone)?,
            (Some(_), false) => {
                return Err(ArmError::conflict(
                    "ConflictError",
                    "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
                ));
            }
            (None, true) => return Err(no_deleted(&name)),
            (None, false) => {}
        }
    }
    let refuse = |message: String| Err(ArmError::bad("BadRequest", message));
    let tenant = text(&write.doc, "/properties/tenantId").to_owned();
    if !tenant.eq_ignore_ascii_case(TENANT) {
        return refuse(format!(
            "The tenant ID '{tenant}' of the vault is not the one of its subscription, '{TENANT}'."
        ));
    }
    let doc = &mut write.doc;
    default(doc, "/properties/sku/family", "A");
    for (member, value) in [
        ("accessPolicies", json!([])),
        ("enableSoftDelete", json!(true)),
        ("softDeleteRetentionInDays", json!(90)),
        ("enableRbacAuthorization", json!(false)),
        ("enabledForDeployment", json!(false)),
        ("enabledForDiskEncryption", json!(false)),
        ("enabledForTemplateDeployment", json!(false)),
        ("publicNetworkAccess", json!("Enabled")),
    ] {
        if write.before["properties"][member].is_null() || member == "accessPolicies" {
            default(doc, &format!("/properties/{member}"), value);
        }
    }
    write.carry(&[
        "/properties/softDeleteRetentionInDays",
        "/properties/enableSoftDelete",
        "/properties/enablePurgeProtection",
        "/properties/enableRbacAuthorization",
        "/properties/publicNetworkAccess",
    ]);
    if write.doc["properties"]["enableSoftDelete"] == false {
        return refuse("The property \"enableSoftDelete\" can be set to true only: soft delete cannot be turned off.".to_owned());
    }
    if write.doc["properties"]["enablePurgeProtection"] == false {
        return refuse("The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.".to_owned());
    }
    let days = write.doc["properties"]["softDeleteRetentionInDays"].as_i64();
    if !days.is_some_and(|days| (7..=90).contains(&days)) {
        return refuse(
            "The property \"softDeleteRetentionInDays\" must be between 7 and 90.".to_owned(),
        );
    }
    if write.changed("/properties/softDeleteRetentionInDays") {
        return refuse("The property \"softDeleteRetentionInDays\" has been set already and it can't be modified.".to_owned());
    }
    if items(&write.doc, "/properties/accessPolicies").count() > 1024 {
        return refuse("A vault has at most 1024 access policies.".to_owned());
    }
    let count = items(&write.doc, "/properties/networkAcls/virtualNetworkRules").count();
    for at in 0..count {
        write.refer(
            ctx,
            &format!("/properties/networkAcls/virtualNetworkRules/{at}/id"),
        )?;
    }
    Ok(())
}

/// Makes a vault again from its deleted one: what it held is there again.
fn restore(ctx: &mut Ctx<'_>, write: &mut Write<'_>, gone: Item) -> ArmResult<()> {
    if text(&gone.doc, "/properties/location") != text(&write.doc, "/location") {
        return Err(ArmError::bad(
            "BadRequest",
            "A deleted vault is recovered in the location that it had.",
        ));
    }
    let mut properties = gone.hidden["properties"].clone();
    super::context::unset(&mut properties, "/provisioningState");
    super::context::merge(&mut properties, &write.doc["properties"]);
    write.doc["properties"] = properties;
    ctx.remove(&gone.id);
    for item in ctx.below(&contents(write.id.name())) {
        let mut item = item.edit();
        object::list(&mut item, text(&write.doc, "/location"));
        ctx.put(item);
    }
    Ok(())
}

/// The URI leads back to where the client has come from.
fn show(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    let name = text(&item.doc, "/name").to_lowercase();
    set(
        doc,
        "/properties/vaultUri",
        format!("{}/_vault/{name}/", ctx.base),
    );
    let endpoints = ctx.users(&item.id, &item.id);
    let rows: Vec<Value> = endpoints
        .iter()
        .filter(|user| user.to_lowercase().contains("/privateendpoints/"))
        .map(|user| {
            let endpoint = match user.find("/privateLinkServiceConnections/") {
                Some(cut) => &user[..cut],
                None => user,
            };
            json!({ "properties": {
                "privateEndpoint": { "id": endpoint }, "provisioningState": "Succeeded",
                "privateLinkServiceConnectionState": { "status": "Approved", "actionsRequired": "None" },
            } })
        })
        .collect();
    if !rows.is_empty() {
        set(doc, "/properties/privateEndpointConnections", rows);
    }
}

/// A deleted vault is kept, with what it holds, until its time has come or it is purged.
fn removed(ctx: &mut Ctx<'_>, item: &Item, _until: Millis) -> ArmResult<()> {
    let id = Id::new(text(&item.doc, "/id"));
    let properties = &item.doc["properties"];
    let location = text(&item.doc, "/location");
    let days = properties["softDeleteRetentionInDays"]
        .as_i64()
        .unwrap_or(90);
    let ends = ctx.now.saturating_add(days * DAY);
    let own = Id::new(format!(
        "/subscriptions/{}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{}",
        id.subscription(),
        id.name()
    ));
    let mut doc = engine::document(
        &own,
        json!({
            "vaultId": id.text, "location": location, "tags": item.doc.get("tags").cloned().unwrap_or(json!({})),
            "deletionDate": iso8601(ctx.now), "scheduledPurgeDate": iso8601(ends),
        }),
    );
    if properties["enablePurgeProtection"] == true {
        doc["properties"]["purgeProtectionEnabled"] = true.into();
    }
    doc["type"] = DELETED.into();
    let mut gone = Item::new(&own.text, doc, ctx.now);
    gone.hidden = json!({ "properties": properties });
    gone.gone_at = Some(ends);
    ctx.put(gone);
    for item in ctx.below(&contents(id.name())) {
        let mut item = item.edit();
        item.listed = None;
        if item.gone_at.is_none() {
            // It goes when the vault goes.
            item.hidden["kept"] = true.into();
        }
        ctx.put(item);
    }
    Ok(())
}

fn purge(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let name = input.id.name().to_owned();
    let Some(item) = ctx.get(&input.id.text).map(|item| item.edit()) else {
        return Err(no_deleted(&name));
    };
    if item.doc["properties"]["purgeProtectionEnabled"] == true {
        return Err(ArmError::bad(
            "DeletedVaultPurge",
            format!(
                "Vault '{name}' in soft-deleted state has purge protection enabled and cannot be purged until it's scheduled purge date '{}'.",
                text(&item.doc, "/properties/scheduledPurgeDate")
            ),
        ));
    }
    let until = ctx.due(Work::ArmQuick);
    let location = input.variable("location").to_owned();
    let begun = lro::begin(ctx, input, &input.id, &location, until, None);
    let below = ctx.below(&contents(&name));
    for mut gone in below.iter().map(crate::world::Stored::edit).chain([item]) {
        if until <= ctx.now {
            ctx.remove(&gone.id);
        } else {
            gone.gone_at = Some(until);
            ctx.put(gone);
        }
    }
    Ok(begun.onto(HttpReply::new(202, "application/json", "")))
}

/// Adds, replaces or takes away policies of a vault.
fn policies(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let vault = input.id.beside(NAME, input.variable("vaultName"));
    let mut item = engine::find(ctx, &KINDS[0], &vault)?;
    let sent: Vec<Value> = items(&input.body, "/properties/accessPolicies")
        .cloned()
        .collect();
    let same = |a: &Value, b: &Value| {
        ["/tenantId", "/objectId", "/applicationId"]
            .iter()
            .all(|pointer| text(a, pointer).eq_ignore_ascii_case(text(b, pointer)))
    };
    let mut own: Vec<Value> = items(&item.doc, "/properties/accessPolicies")
        .cloned()
        .collect();
    match input.variable("operationKind").to_lowercase().as_str() {
        "replace" => own = sent,
        "remove" => own.retain(|one| !sent.iter().any(|other| same(one, other))),
        "add" => {
            own.retain(|one| !sent.iter().any(|other| same(one, other)));
            own.extend(sent);
        }
        other => {
            return Err(ArmError::bad(
                "BadRequest",
                format!("The kind of operation '{other}' is none of add, replace and remove."),
            ));
        }
    }
    let rows = Value::from(own);
    set(&mut item.doc, "/properties/accessPolicies", rows.clone());
    if let Some(busy) = &mut item.busy {
        set(&mut busy.then.0, "/properties/accessPolicies", rows.clone());
    }
    item.changed = ctx.now;
    ctx.put(item);
    let answer = json!({
        "id": format!("{}/accessPolicies/", vault.text), "name": vault.name(), "type": "Microsoft.KeyVault/vaults/accessPolicies",
        "properties": { "accessPolicies": rows },
    });
    Ok(HttpReply::json(200, &answer))
}
