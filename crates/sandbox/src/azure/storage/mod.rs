//! Microsoft.Storage: accounts, with containers and rules of their blobs.

mod blob;
pub(super) mod data;

use serde_json::{Value, json};

use super::context::{Ctx, Input, default, items, items_mut, set, text, unset};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::{Kind, States, Write};
use super::{engine, found, identity, page, usage};
use crate::clock::{Millis, iso8601_millis};
use crate::http::HttpReply;
use crate::latency::Work;

pub(crate) const NAME: &str = "Microsoft.Storage/storageAccounts";

pub(crate) const KINDS: &[Kind] = &[ACCOUNT, blob::SERVICE, blob::CONTAINER, blob::POLICY];

const ACCOUNT: Kind = Kind {
    states: States {
        creating: "Creating",
        updating: "Succeeded",
        failed: "Creating",
        ..States::USUAL
    },
    create: Work::StorageAccountCreate,
    prepare,
    guard,
    removed,
    busy: |_, _, id| {
        ArmError::conflict(
            "StorageAccountOperationInProgress",
            format!(
                "An operation is currently performing on this storage account that requires exclusive access: {}.",
                id.name()
            ),
        )
    },
    ..Kind::new(NAME, "azurerm_storage_account")
};

/// Most accounts of a subscription in a region.
const MOST: usize = 250;

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let subscription = format!("/subscriptions/{}/", input.variable("subscriptionId"));
    match input.operation.name {
        "StorageAccounts_CheckNameAvailability" => {
            let name = text(&input.body, "/name");
            let answer = match refusal(ctx, name, "") {
                None => json!({ "nameAvailable": true }),
                Some((reason, message)) => {
                    json!({ "nameAvailable": false, "reason": reason, "message": message })
                }
            };
            found(&answer)
        }
        "StorageAccounts_ListKeys" => keys(ctx, input, None).map(Some),
        "StorageAccounts_RegenerateKey" => {
            let name = text(&input.body, "/keyName").to_owned();
            keys(ctx, input, Some(&name)).map(Some)
        }
        "Usages_ListByLocation" => {
            let location = input.variable("location").to_owned();
            let used = in_region(ctx, &subscription, &location);
            let limit = u64::try_from(MOST).unwrap_or_default();
            let row = usage("StorageAccounts", "Storage Accounts", used, limit);
            page::reply(ctx, input, vec![row]).map(Some)
        }
        "DeletedAccounts_List" => {
            let rows = ctx
                .of_kind(&subscription, DELETED)
                .iter()
                .map(|item| item.doc.clone())
                .collect();
            page::reply(ctx, input, rows).map(Some)
        }
        "DeletedAccounts_Get" => match ctx.get(&input.id.text) {
            Some(item) => found(&item.doc),
            None => Err(engine::missing(ctx, DELETED, &input.id)),
        },
        _ => blob::run(ctx, input),
    }
}

const DELETED: &str = "Microsoft.Storage/locations/deletedAccounts";

fn in_region(ctx: &Ctx<'_>, subscription: &str, location: &str) -> usize {
    ctx.of_kind(subscription, NAME)
        .iter()
        .filter(|item| text(&item.doc, "/location").eq_ignore_ascii_case(location))
        .count()
}

/// Why a name cannot be had, if it cannot: names are those of the whole cloud.
fn refusal(ctx: &Ctx<'_>, name: &str, own: &str) -> Option<(&'static str, String)> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=24).contains(&name.len()) || !name.chars().all(good) {
        let message = format!(
            "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only."
        );
        return Some(("AccountNameInvalid", message));
    }
    let taken = ctx.named(NAME, name);
    let taken = taken.iter().any(|item| item.id != own);
    taken.then(|| {
        (
            "AlreadyExists",
            format!("The storage account named {name} is already taken."),
        )
    })
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    match refusal(ctx, write.id.name(), &write.id.key()) {
        Some(("AlreadyExists", message)) => {
            return Err(ArmError::conflict("StorageAccountAlreadyTaken", message));
        }
        Some((code, message)) => return Err(ArmError::bad(code, message)),
        None => {}
    }
    let location = text(&write.doc, "/location").to_owned();
    let subscription = format!("/subscriptions/{}/", write.id.subscription());
    if write.creates() && in_region(ctx, &subscription, &location) >= MOST {
        return Err(ArmError::conflict(
            "MaxStorageAccountsCountPerSubscriptionExceeded",
            format!(
                "The maximum number of storage accounts is reached: {MOST} in region {location}."
            ),
        ));
    }
    write.carry(&["/sku", "/kind", "/identity"]);
    identity::assign(ctx, write)?;
    let name = write.id.name().to_owned();
    for (pointer, what) in [
        ("/kind", "kind"),
        ("/properties/isHnsEnabled", "isHnsEnabled"),
    ] {
        let upgrade = pointer == "/kind" && text(write.before, "/kind") == "Storage";
        if write.changed(pointer)
            && !write.before.pointer(pointer).is_none_or(Value::is_null)
            && !upgrade
        {
            return Err(ArmError::bad(
                "AccountPropertyCannotBeUpdated",
                format!(
                    "The property '{what}' was specified in the input, but it cannot be updated."
                ),
            )
            .target(what));
        }
    }
    let before = text(write.before, "/sku/name").to_owned();
    let sku = text(&write.doc, "/sku/name").to_owned();
    let premium = |sku: &str| sku.starts_with("Premium");
    if !before.is_empty() && premium(&before) != premium(&sku) {
        return Err(ArmError::conflict(
            "AccountTypeCannotBeUpdated",
            format!("Storage account type cannot be changed from {before} to {sku}."),
        ));
    }
    let tier = if premium(&sku) { "Premium" } else { "Standard" };
    let doc = &mut write.doc;
    set(doc, "/sku/tier", tier);
    if !write.patch && write.old.is_some() {
        // What an account has once been told stays until it is told otherwise.
        let mut whole = write.before["properties"].clone();
        super::context::merge(&mut whole, &doc["properties"]);
        doc["properties"] = whole;
    }
    for (member, value) in [
        ("accessTier", json!("Hot")),
        ("allowBlobPublicAccess", json!(false)),
        ("allowCrossTenantReplication", json!(false)),
        ("allowSharedKeyAccess", json!(true)),
        ("minimumTlsVersion", json!("TLS1_2")),
        ("supportsHttpsTrafficOnly", json!(true)),
        ("publicNetworkAccess", json!("Enabled")),
        ("dnsEndpointType", json!("Standard")),
        ("isHnsEnabled", json!(false)),
        (
            "networkAcls",
            json!({ "bypass": "AzureServices", "defaultAction": "Allow" }),
        ),
        ("encryption", json!({ "keySource": "Microsoft.Storage" })),
        ("creationTime", json!(iso8601_millis(ctx.now))),
    ] {
        default(doc, &format!("/properties/{member}"), value);
    }
    for list in [
        "ipRules",
        "ipv6Rules",
        "virtualNetworkRules",
        "resourceAccessRules",
    ] {
        default(doc, &format!("/properties/networkAcls/{list}"), json!([]));
    }
    for service in ["blob", "file"] {
        let pointer = format!("/properties/encryption/services/{service}");
        default(
            doc,
            &pointer,
            json!({ "enabled": true, "keyType": "Account", "lastEnabledTime": iso8601_millis(ctx.now) }),
        );
    }
    let domain = super::places::named(&location, "core.windows.net");
    let primary = |service: &str| format!("https://{name}.{service}.{domain}/");
    let mut endpoints = json!({});
    for service in ["blob", "dfs", "file", "queue", "table"] {
        endpoints[service] = primary(service).into();
    }
    endpoints["web"] = format!("https://{name}.z6.web.{domain}/").into();
    set(doc, "/properties/primaryEndpoints", endpoints);
    set(doc, "/properties/primaryLocation", location.as_str());
    set(doc, "/properties/statusOfPrimary", "available");
    if sku.contains("GRS") || sku.contains("GZRS") {
        let pair = super::places::find(&location).map_or("", |region| region.pair);
        set(doc, "/properties/secondaryLocation", pair);
        set(doc, "/properties/statusOfSecondary", "available");
    } else {
        unset(doc, "/properties/secondaryLocation");
        unset(doc, "/properties/statusOfSecondary");
    }
    if write.hidden.is_null() {
        write.hidden =
            json!({ "key1": new_key(ctx), "key2": new_key(ctx), "at": iso8601_millis(ctx.now) });
    }
    let made = write.hidden["at"].clone();
    set(
        &mut write.doc,
        "/properties/keyCreationTime",
        json!({ "key1": made, "key2": made }),
    );
    encryption(ctx, write)?;
    network(ctx, write)
}

fn new_key(ctx: &mut Ctx<'_>) -> String {
    use base64::Engine;
    let digits = format!("{}{}", ctx.hex(64), ctx.hex(64));
    let bytes = hex::decode(digits).unwrap_or_default();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A key of a vault must be there, and one of the account's identities uses it.
fn encryption(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let base = "/properties/encryption";
    if text(&write.doc, &format!("{base}/keySource")) != "Microsoft.Keyvault" {
        // Back to the service's own keys: nothing is left of a vault's.
        unset(&mut write.doc, &format!("{base}/keyvaultproperties"));
        unset(&mut write.doc, &format!("{base}/identity"));
        return Ok(());
    }
    let vault = text(
        &write.doc,
        &format!("{base}/keyvaultproperties/keyvaulturi"),
    )
    .to_owned();
    let name = text(&write.doc, &format!("{base}/keyvaultproperties/keyname")).to_owned();
    let user = text(&write.doc, &format!("{base}/identity/userAssignedIdentity")).to_owned();
    let system = text(&write.doc, "/identity/type")
        .to_lowercase()
        .contains("systemassigned");
    if user.is_empty() && !system {
        return Err(ArmError::bad(
            "InvalidRequestPropertyValue",
            "The account has no identity with which it could use the key: assign one, or name one in encryption.identity.",
        ));
    }
    let key = super::keyvault::find_key(ctx, &vault, &name);
    let Some(key) = key else {
        return Err(ArmError::bad(
            "KeyVaultEncryptionKeyNotFound",
            format!(
                "The operation failed because of authentication issue on the keyvault: the key '{name}' of '{vault}' was not found."
            ),
        ));
    };
    // As reported by who has met it: https://github.com/Azure/terraform-azurerm-avm-res-storage-storageaccount/pull/391 tells the status.
    if !super::keyvault::usable(ctx, &key, &write.doc) {
        return Err(ArmError::new(
            403,
            "KeyVaultAuthenticationFailure",
            "The operation failed because of authentication issue on the keyvault. For more information, see - https://go.microsoft.com/fwlink/?linkid=2109021",
        ));
    }
    if !super::keyvault::protected(ctx, &key) {
        return Err(ArmError::bad(
            "KeyVaultPropertiesNotSupported",
            format!("The key vault of '{vault}' must have soft delete and purge protection on."),
        ));
    }
    write.link(&key);
    set(
        &mut write.doc,
        &format!("{base}/keyvaultproperties/currentVersionedKeyIdentifier"),
        format!("{}/keys/{name}", vault.trim_end_matches('/')),
    );
    Ok(())
}

fn network(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let base = "/properties/networkAcls/virtualNetworkRules";
    let count = items(&write.doc, base).count();
    for at in 0..count {
        let pointer = format!("{base}/{at}/id");
        let subnet = write.refer(ctx, &pointer)?;
        let element = subnet.as_ref().and_then(|id| super::parts::get(ctx, id));
        let serves = element.is_some_and(|element| {
            items(&element, "/properties/serviceEndpoints")
                .any(|one| text(one, "/service").starts_with("Microsoft.Storage"))
        });
        if !serves {
            return Err(ArmError::bad(
                "SubnetsHaveNoServiceEndpointsConfigured",
                format!(
                    "Subnets {} of virtual network do not have ServiceEndpoints for Microsoft.Storage resources configured. Add Microsoft.Storage to subnet's ServiceEndpoints collection before trying to ACL Microsoft.Storage resources to these subnets.",
                    subnet.map_or_else(String::new, |id| id.name().to_owned())
                ),
            ));
        }
    }
    for rule in items_mut(&mut write.doc, base) {
        default(rule, "/action", "Allow");
        set(rule, "/state", "Succeeded");
    }
    for rule in items_mut(&mut write.doc, "/properties/networkAcls/ipRules") {
        default(rule, "/action", "Allow");
        let value = text(rule, "/value").to_owned();
        let good = value.parse::<std::net::Ipv4Addr>().is_ok()
            || value
                .parse::<ipnet::Ipv4Net>()
                .is_ok_and(|net| net.prefix_len() <= 30);
        if !good {
            return Err(ArmError::bad(
                "InvalidValuesForRequestParameters",
                format!(
                    "Values for request parameters are invalid: networkAcls.ipRule[*].value. '{value}' is not an address, nor a range of /30 or larger."
                ),
            ));
        }
    }
    Ok(())
}

fn guard(ctx: &Ctx<'_>, item: &Item, _id: &Id) -> ArmResult<()> {
    blob::guard_account(ctx, item)
}

/// A name is remembered after its account is gone, so that it can be restored.
fn removed(ctx: &mut Ctx<'_>, item: &Item, until: Millis) -> ArmResult<()> {
    let id = Id::new(text(&item.doc, "/id"));
    let location = text(&item.doc, "/location");
    let deleted = Id::new(format!(
        "/subscriptions/{}/providers/Microsoft.Storage/locations/{location}/deletedAccounts/{}",
        id.subscription(),
        id.name()
    ));
    let mut doc = engine::document(
        &deleted,
        json!({
            "storageAccountResourceId": id.text, "location": location, "restoreReference": id.name(),
            "creationTime": item.doc["properties"]["creationTime"], "deletionTime": iso8601_millis(until.max(ctx.now)),
        }),
    );
    doc["type"] = DELETED.into();
    let mut gone = Item::new(&deleted.text, doc, ctx.now);
    // Accounts can be restored for 14 days.
    gone.gone_at = Some(ctx.now.saturating_add(14 * 24 * 3_600_000));
    ctx.put(gone);
    Ok(())
}

fn keys(ctx: &mut Ctx<'_>, input: &Input<'_>, renew: Option<&str>) -> ArmResult<HttpReply> {
    let mut item = engine::find(ctx, &ACCOUNT, &input.id)?;
    if let Some(name) = renew {
        if !["key1", "key2"].contains(&name) {
            return Err(ArmError::bad(
                "InvalidValuesForRequestParameters",
                format!("Values for request parameters are invalid: keyName '{name}'."),
            ));
        }
        item.hidden[name] = new_key(ctx).into();
        ctx.put(item.clone());
    }
    let rows: Vec<Value> = ["key1", "key2"]
        .iter()
        .map(|name| {
            json!({ "keyName": name, "value": item.hidden[*name], "permissions": "FULL", "creationTime": item.hidden["at"] })
        })
        .collect();
    Ok(HttpReply::json(200, &json!({ "keys": rows })))
}
