//! Secrets, keys and certificates: their versions, and how they are made, changed, deleted, recovered. How they are shown is the business
//! of the API that is asked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::{DAY, certificate, contents, issue, issuer};
use crate::azure::context::{Ctx, default, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Secret,
    Key,
    Certificate,
}

impl What {
    /// `secrets`.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Key => "keys",
            Self::Certificate => "certificates",
        }
    }

    /// `Secret`.
    fn word(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::Key => "Key",
            Self::Certificate => "Certificate",
        }
    }

    fn listed(self) -> &'static str {
        match self {
            Self::Secret => "azurerm_key_vault_secret",
            Self::Key => "azurerm_key_vault_key",
            Self::Certificate => "azurerm_key_vault_certificate",
        }
    }
}

/// Where the world keeps an object, live or deleted.
fn path(vault: &str, what: What, name: &str, deleted: bool) -> String {
    let deleted = if deleted { "deleted" } else { "" };
    format!(
        "{}{deleted}{}/{}",
        contents(vault),
        what.plural(),
        name.to_lowercase()
    )
}

/// Lists an object among the live resources, unless it is a deleted one.
pub(crate) fn list(item: &mut Item, location: &str) {
    let what = match item.id.split('/').nth(3) {
        Some("secrets") => What::Secret,
        Some("keys") => What::Key,
        Some("certificates") => What::Certificate,
        Some("issuers") => return issuer::listed(item, location),
        _ => return,
    };
    if let Some(hidden) = item.hidden.as_object_mut() {
        hidden.remove("kept");
    }
    let id = item.id.clone();
    item.list_as(what.listed(), &id, location, None);
}

pub(crate) fn get(ctx: &Ctx<'_>, vault: &str, what: What, name: &str) -> ArmResult<Item> {
    let found = |what: What| {
        let mut item = ctx.get(&path(vault, what, name, false))?.edit();
        issue::settle(&mut item, ctx.now);
        Some(item)
    };
    if let Some(item) = found(what) {
        return Ok(item);
    }
    found(What::Certificate)
        .map(|item| certificate::as_other(&item, what))
        .ok_or_else(|| missing(what, name))
}

/// Refuses a secret or key whose name a certificate has, which is that secret and key itself.
fn check_managed(ctx: &Ctx<'_>, vault: &str, what: What, name: &str) -> ArmResult<()> {
    let certificate = path(vault, What::Certificate, name, false);
    if what == What::Certificate || ctx.get(&certificate).is_none() {
        return Ok(());
    }
    let (plain, name) = (what.word().to_lowercase(), name.to_lowercase());
    Err(ArmError::new(
        403,
        "Forbidden",
        format!("Operation is not allowed on the {plain} {name}, which a certificate manages."),
    ))
}

fn missing(what: What, name: &str) -> ArmError {
    let (word, plain) = (what.word(), what.word().to_lowercase());
    ArmError::new(
        404,
        &format!("{word}NotFound"),
        format!(
            "A {plain} with (name/id) {name} was not found in this key vault. If you recently deleted this {plain} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
        ),
    )
}

pub(crate) fn get_deleted(ctx: &Ctx<'_>, vault: &str, what: What, name: &str) -> ArmResult<Item> {
    ctx.get(&path(vault, what, name, true))
        .map(|item| item.edit())
        .ok_or_else(|| {
            let (word, plain) = (what.word(), what.word().to_lowercase());
            ArmError::new(
                404,
                &format!("{word}NotFound"),
                format!("Deleted {word} not found: {name}. No deleted {plain} of that name is in this vault."),
            )
        })
}

/// Objects of a vault.
pub(crate) fn all(ctx: &Ctx<'_>, vault: &str, what: What, deleted: bool) -> Vec<Item> {
    let prefix = path(vault, what, "", deleted);
    let mut all: Vec<Item> = ctx
        .below(&prefix)
        .iter()
        .map(crate::world::Stored::edit)
        .collect();
    all.iter_mut().for_each(|item| issue::settle(item, ctx.now));
    all
}

/// A version of an object: the newest when none is named.
pub(crate) fn version<'i>(item: &'i Item, what: What, version: &str) -> ArmResult<&'i Value> {
    let versions = item.doc["versions"].as_array();
    let found = versions.and_then(|all| {
        if version.is_empty() {
            all.last()
        } else {
            all.iter().find(|one| text(one, "/version") == version)
        }
    });
    found.ok_or_else(|| missing(what, &format!("{}/{version}", text(&item.doc, "/name"))))
}

fn check_name(name: &str) -> ArmResult<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if (1..=127).contains(&name.len()) && name.chars().all(good) {
        return Ok(());
    }
    Err(ArmError::bad(
        "BadParameter",
        format!("The request URI contains an invalid name: {name}"),
    ))
}

/// Attributes of a new version.
fn attributes(ctx: &Ctx<'_>, sent: &Value, protected: bool, days: i64) -> Value {
    let mut all = sent.as_object().cloned().unwrap_or_default();
    let now = ctx.now / 1000;
    all.entry("enabled").or_insert(true.into());
    all.insert("created".into(), now.into());
    all.insert("updated".into(), now.into());
    all.insert("recoverableDays".into(), days.into());
    let level = match (protected, days < 90) {
        (true, false) => "Recoverable",
        (true, true) => "CustomizedRecoverable",
        (false, false) => "Recoverable+Purgeable",
        (false, true) => "CustomizedRecoverable+Purgeable",
    };
    all.insert("recoveryLevel".into(), level.into());
    Value::Object(all)
}

/// The object that a version is to be made of: a new one where there is none of that name.
pub(super) fn begun(ctx: &Ctx<'_>, vault: &Item, what: What, name: &str) -> ArmResult<Item> {
    check_name(name)?;
    let vault_name = text(&vault.doc, "/name");
    check_managed(ctx, vault_name, what, name)?;
    if ctx.get(&path(vault_name, what, name, true)).is_some() {
        let (word, plain) = (what.word(), what.word().to_lowercase());
        return Err(ArmError::conflict(
            "Conflict",
            format!(
                "{word} {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the {plain} can only be recovered or purged."
            ),
        ));
    }
    let id = path(vault_name, what, name, false);
    let Some(item) = ctx.get(&id) else {
        let doc = json!({ "name": name, "type": what.plural(), "versions": [] });
        return Ok(Item::new(&id, doc, ctx.now));
    };
    let mut item = item.edit();
    issue::settle(&mut item, ctx.now);
    issue::busy(&item)?;
    Ok(item)
}

/// A version with nothing in it yet.
pub(super) fn new_version(ctx: &mut Ctx<'_>, vault: &Item, sent: &Value) -> Value {
    let properties = &vault.doc["properties"];
    let protected = properties["enablePurgeProtection"] == true;
    let days = properties["softDeleteRetentionInDays"]
        .as_i64()
        .unwrap_or(90);
    let mut one = json!({
        "version": ctx.hex(32), "attributes": attributes(ctx, &sent["attributes"], protected, days),
    });
    if sent["tags"].is_object() {
        one["tags"] = sent["tags"].clone();
    }
    one
}

/// Makes a version of an object, of what a client has sent in the form of the vault's own API.
pub(crate) fn add(
    ctx: &mut Ctx<'_>,
    vault: &Item,
    what: What,
    name: &str,
    sent: &Value,
) -> ArmResult<Item> {
    let mut item = begun(ctx, vault, what, name)?;
    let mut one = new_version(ctx, vault, sent);
    match what {
        What::Secret => {
            let value = text(sent, "/value");
            if value.len() > 25 * 1024 {
                return Err(ArmError::bad(
                    "BadParameter",
                    "The value of a secret has at most 25 KB.",
                ));
            }
            one["value"] = value.into();
            if !sent["contentType"].is_null() {
                one["contentType"] = sent["contentType"].clone();
            }
        }
        What::Key => one["key"] = material(ctx, sent)?,
        What::Certificate => certificate::imported(ctx, sent, &mut one)?,
    }
    item.changed = ctx.now;
    list(&mut item, text(&vault.doc, "/location"));
    item.doc["tags"] = one.get("tags").cloned().unwrap_or(json!({}));
    if let Some(versions) = item.doc["versions"].as_array_mut() {
        versions.push(one);
    }
    ctx.put(item.clone());
    Ok(item)
}

/// The public part of a key: random numbers of the right size. Nobody has the private part, nothing is signed with it.
fn material(ctx: &mut Ctx<'_>, sent: &Value) -> ArmResult<Value> {
    let imported = sent["key"].is_object();
    let from = if imported { &sent["key"] } else { sent };
    let kind = text(from, "/kty").to_owned();
    let mut key = Map::new();
    key.insert("kty".into(), kind.clone().into());
    let mut number = |bytes: usize| {
        let mut digits = String::new();
        while digits.len() < bytes * 2 {
            digits.push_str(&ctx.hex(64));
        }
        digits.truncate(bytes * 2);
        let mut data = hex::decode(digits).unwrap_or_default();
        if let Some(first) = data.first_mut() {
            *first |= 0x80;
        }
        if let Some(last) = data.last_mut() {
            *last |= 1;
        }
        URL_SAFE_NO_PAD.encode(data)
    };
    let mut ops = json!([
        "encrypt",
        "decrypt",
        "sign",
        "verify",
        "wrapKey",
        "unwrapKey"
    ]);
    match kind.as_str() {
        "RSA" | "RSA-HSM" => {
            let size = from["key_size"].as_i64().unwrap_or(2048);
            if ![2048, 3072, 4096].contains(&size) {
                return Err(ArmError::bad(
                    "BadParameter",
                    format!("Invalid RSA key size {size}: it is 2048, 3072 or 4096."),
                ));
            }
            let given = text(from, "/n").to_owned();
            let modulus = if given.is_empty() {
                number(usize::try_from(size / 8).unwrap_or(256))
            } else {
                given
            };
            key.insert("n".into(), modulus.into());
            key.insert("e".into(), "AQAB".into());
        }
        "EC" | "EC-HSM" => {
            let curve = match text(from, "/crv") {
                "" => "P-256",
                curve => curve,
            };
            let size = match curve {
                "P-384" => 48,
                "P-521" => 66,
                _ => 32,
            };
            key.insert("crv".into(), curve.into());
            for name in ["x", "y"] {
                let given = text(from, &format!("/{name}")).to_owned();
                let value = if given.is_empty() {
                    number(size)
                } else {
                    given
                };
                key.insert(name.into(), value.into());
            }
            ops = json!(["sign", "verify"]);
        }
        _ => {
            return Err(ArmError::bad(
                "BadParameter",
                format!("Keys of type '{kind}' are for managed HSMs only."),
            ));
        }
    }
    if from["key_ops"].is_array() {
        ops = from["key_ops"].clone();
    }
    key.insert("key_ops".into(), ops);
    Ok(Value::Object(key))
}

/// Changes a version.
pub(crate) fn update(
    ctx: &mut Ctx<'_>,
    vault: &str,
    what: What,
    name: &str,
    asked: &str,
    sent: &Value,
) -> ArmResult<(Item, String)> {
    check_managed(ctx, vault, what, name)?;
    let mut item = get(ctx, vault, what, name)?;
    let wanted = text(version(&item, what, asked)?, "/version").to_owned();
    let now = ctx.now / 1000;
    let newest = item.doc["versions"]
        .as_array()
        .and_then(|all| all.last())
        .is_some_and(|last| text(last, "/version") == wanted);
    for one in item.doc["versions"].as_array_mut().into_iter().flatten() {
        if text(one, "/version") != wanted {
            continue;
        }
        for (member, value) in sent["attributes"].as_object().into_iter().flatten() {
            one["attributes"][member.as_str()] = value.clone();
        }
        one["attributes"]["updated"] = now.into();
        for member in ["contentType", "tags"] {
            if !sent[member].is_null() {
                one[member] = sent[member].clone();
            }
        }
        for (member, value) in sent["policy"].as_object().into_iter().flatten() {
            one["policy"][member.as_str()] = value.clone();
        }
        if sent["key_ops"].is_array() {
            one["key"]["key_ops"] = sent["key_ops"].clone();
        }
    }
    if newest && sent["tags"].is_object() {
        item.doc["tags"] = sent["tags"].clone();
    }
    item.changed = ctx.now;
    ctx.put(item.clone());
    Ok((item, wanted))
}

/// Deletes an object, which can be recovered for a while.
pub(crate) fn delete(ctx: &mut Ctx<'_>, vault: &Item, what: What, name: &str) -> ArmResult<Item> {
    let vault_name = text(&vault.doc, "/name").to_owned();
    check_managed(ctx, &vault_name, what, name)?;
    let live = get(ctx, &vault_name, what, name)?;
    let days = vault.doc["properties"]["softDeleteRetentionInDays"]
        .as_i64()
        .unwrap_or(90);
    let ends = ctx.now.saturating_add(days * DAY);
    ctx.remove(&live.id);
    let mut gone = live;
    gone.id = path(&vault_name, what, name, true);
    gone.listed = None;
    gone.gone_at = Some(ends);
    gone.doc["deletedDate"] = (ctx.now / 1000).into();
    gone.doc["scheduledPurgeDate"] = (ends / 1000).into();
    ctx.put(gone.clone());
    Ok(gone)
}

/// Takes a deleted object away for good.
pub(crate) fn purge(ctx: &mut Ctx<'_>, vault: &Item, what: What, name: &str) -> ArmResult<()> {
    let vault_name = text(&vault.doc, "/name").to_owned();
    let gone = get_deleted(ctx, &vault_name, what, name)?;
    if vault.doc["properties"]["enablePurgeProtection"] == true {
        return Err(ArmError::new(
            403,
            "Forbidden",
            "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service will automatically purge it after the retention period has passed.",
        ));
    }
    ctx.remove(&gone.id);
    Ok(())
}

/// Makes a deleted object live again.
pub(crate) fn recover(ctx: &mut Ctx<'_>, vault: &Item, what: What, name: &str) -> ArmResult<Item> {
    let vault_name = text(&vault.doc, "/name").to_owned();
    let gone = get_deleted(ctx, &vault_name, what, name)?;
    ctx.remove(&gone.id);
    let mut live = gone;
    live.id = path(&vault_name, what, name, false);
    live.gone_at = None;
    if let Some(members) = live.doc.as_object_mut() {
        members.remove("deletedDate");
        members.remove("scheduledPurgeDate");
    }
    list(&mut live, text(&vault.doc, "/location"));
    ctx.put(live.clone());
    Ok(live)
}

/// The rotation policy of a key, as it is or as it is from the beginning.
pub(crate) fn rotation(item: &Item) -> Value {
    let mut policy = item.doc["rotation"].clone();
    if policy.is_null() {
        policy = json!({});
    }
    default(
        &mut policy,
        "/lifetimeActions",
        json!([{ "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } }]),
    );
    default(&mut policy, "/attributes", json!({}));
    policy
}
