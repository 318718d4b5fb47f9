//! The vaults' own API: `/_vault/NAME/secrets/…`, `/_vault/NAME/keys/…` and `/_vault/NAME/certificates/…`.

use serde_json::{Value, json};

use super::object::{self, What};
use super::{by_name, issue, issuer};
use crate::azure::authorization;
use crate::azure::context::{CLIENT, Ctx, Input, PRINCIPAL, TENANT, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;
use crate::azure::page;
use crate::http::HttpReply;

/// What a vault says to who brings no token: where to get one.
pub(crate) fn challenge() -> HttpReply {
    let error = ArmError::new(
        401,
        "Unauthorized",
        "AKV10000: Request is missing a Bearer or PoP token.",
    );
    let mut reply = error.reply();
    reply.headers.retain(|(name, _)| name != "www-authenticate");
    reply.with(
        "www-authenticate",
        format!("Bearer authorization=\"https://login.windows.net/{TENANT}\", resource=\"https://vault.azure.net\""),
    )
}

/// Answers a request.
pub(crate) fn answer(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let vault = input.variable("vaultName").to_owned();
    let Some(owner) = by_name(ctx, &vault) else {
        return Err(ArmError::new(
            404,
            "VaultNotFound",
            format!("There is no vault '{vault}'."),
        ));
    };
    admit(ctx, input, &owner)?;
    let (what, name, asked) = match input.operation.api {
        "vaultsecrets" => (What::Secret, "secretName", "secret-version"),
        "vaultcertificates" => (What::Certificate, "certificateName", "certificate-version"),
        _ => (What::Key, "keyName", "key-version"),
    };
    let (name, asked) = (input.variable(name).to_owned(), input.variable(asked));
    let ok = |value: Value| Ok(Some(HttpReply::json(200, &value)));
    match input.operation.name {
        "SetSecret" | "CreateKey" | "ImportKey" | "ImportCertificate" => {
            let item = object::add(ctx, &owner, what, &name, &input.body)?;
            ok(bundle(ctx, &vault, &item, what, "")?)
        }
        "GetSecret" | "GetKey" | "GetCertificate" => {
            let item = object::get(ctx, &vault, what, &name)?;
            let one = object::version(&item, what, asked)?;
            if one["attributes"]["enabled"] == false && what == What::Secret {
                return Err(ArmError::new(
                    403,
                    "Forbidden",
                    "Operation get is not allowed on a disabled secret.",
                ));
            }
            ok(bundle(ctx, &vault, &item, what, asked)?)
        }
        "UpdateSecret" | "UpdateKey" | "UpdateCertificate" => {
            let (item, version) = object::update(ctx, &vault, what, &name, asked, &input.body)?;
            let mut shown = bundle(ctx, &vault, &item, what, &version)?;
            if let (What::Secret, Some(members)) = (what, shown.as_object_mut()) {
                members.remove("value");
            }
            ok(shown)
        }
        "DeleteSecret" | "DeleteKey" | "DeleteCertificate" => {
            let item = object::delete(ctx, &owner, what, &name)?;
            ok(deleted(ctx, &vault, &item, what, true)?)
        }
        "GetDeletedSecret" | "GetDeletedKey" | "GetDeletedCertificate" => {
            let item = object::get_deleted(ctx, &vault, what, &name)?;
            ok(deleted(ctx, &vault, &item, what, true)?)
        }
        "PurgeDeletedSecret" | "PurgeDeletedKey" | "PurgeDeletedCertificate" => {
            object::purge(ctx, &owner, what, &name)?;
            Ok(Some(HttpReply::new(204, "application/json", "")))
        }
        "RecoverDeletedSecret" | "RecoverDeletedKey" | "RecoverDeletedCertificate" => {
            let item = object::recover(ctx, &owner, what, &name)?;
            ok(bundle(ctx, &vault, &item, what, "")?)
        }
        "GetSecrets" | "GetKeys" | "GetCertificates" => {
            let rows = object::all(ctx, &vault, what, false)
                .iter()
                .filter_map(|item| {
                    let one = object::version(item, what, "").ok()?;
                    Some(row(ctx, &vault, item, what, one, false))
                })
                .collect();
            page::reply(ctx, input, rows).map(Some)
        }
        "GetSecretVersions" | "GetKeyVersions" | "GetCertificateVersions" => {
            let item = object::get(ctx, &vault, what, &name)?;
            let rows = item.doc["versions"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| row(ctx, &vault, &item, what, one, true))
                .collect();
            page::reply(ctx, input, rows).map(Some)
        }
        "GetDeletedSecrets" | "GetDeletedKeys" | "GetDeletedCertificates" => {
            let rows = object::all(ctx, &vault, what, true)
                .iter()
                .filter_map(|item| deleted(ctx, &vault, item, what, false).ok())
                .collect();
            page::reply(ctx, input, rows).map(Some)
        }
        "GetCertificatePolicy" => {
            let item = object::get(ctx, &vault, what, &name)?;
            ok(bundle(ctx, &vault, &item, what, "")?["policy"].clone())
        }
        "UpdateCertificatePolicy" => {
            let mut item = object::get(ctx, &vault, what, &name)?;
            let versions = item.doc["versions"].as_array_mut();
            if let Some(newest) = versions.and_then(|all| all.last_mut()) {
                for (member, value) in input.body.as_object().into_iter().flatten() {
                    newest["policy"][member.as_str()] = value.clone();
                }
            }
            ctx.put(item.clone());
            ok(bundle(ctx, &vault, &item, what, "")?["policy"].clone())
        }
        "CreateCertificate" => {
            let begun = issue::create(ctx, &owner, &name, input)?;
            let place = format!(
                "{}?api-version={}&request_id={}",
                text(&begun, "/id"),
                input.version,
                text(&begun, "/request_id")
            );
            Ok(Some(HttpReply::json(202, &begun).with("location", place)))
        }
        "GetCertificateOperation" | "UpdateCertificateOperation" | "DeleteCertificateOperation" => {
            ok(issue::operation(ctx, &owner, &name, input)?)
        }
        "MergeCertificate" => {
            let item = issue::merge(ctx, &owner, &name, input)?;
            let merged = bundle(ctx, &vault, &item, what, "")?;
            Ok(Some(HttpReply::json(201, &merged)))
        }
        call if call.contains("CertificateIssuer") => issuer::answer(ctx, &owner, input).map(Some),
        _ => key(ctx, input, &owner, &name).map(Some),
    }
}

/// Refuses a caller without a role in the vault, in Key Vault's words
/// (<https://learn.microsoft.com/azure/key-vault/general/rbac-guide>; whole in
/// <https://github.com/Azure/terraform-azurerm-avm-res-keyvault-vault/issues/78>).
fn admit(ctx: &Ctx<'_>, input: &Input<'_>, owner: &Item) -> ArmResult<()> {
    let scope = text(&owner.doc, "/id");
    if owner.doc["properties"]["enableRbacAuthorization"] != true {
        // By its own list, which is known at once.
        return Ok(());
    }
    if authorization::reaches(ctx, &[CLIENT, PRINCIPAL], scope) {
        return Ok(());
    }
    let (kind, verb) = match input.operation.api {
        "vaultsecrets" => ("secrets", input.operation.name),
        "vaultcertificates" => ("certificates", input.operation.name),
        _ => ("keys", input.operation.name),
    };
    let message = format!(
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid={CLIENT};oid={CLIENT};iss=https://sts.windows.net/{TENANT}/\r\nAction: 'Microsoft.KeyVault/vaults/{kind}/{verb}/action'\r\nResource: '{}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: {};location={}\r\n",
        scope.to_lowercase(),
        text(&owner.doc, "/name"),
        text(&owner.doc, "/location"),
    );
    Err(ArmError::new(403, "Forbidden", message).inner("ForbiddenByRbac"))
}

/// What keys alone have.
fn key(ctx: &mut Ctx<'_>, input: &Input<'_>, owner: &Item, name: &str) -> ArmResult<HttpReply> {
    let vault = text(&owner.doc, "/name").to_owned();
    let mut item = object::get(ctx, &vault, What::Key, name)?;
    let id = format!(
        "{}/rotationpolicy",
        address(ctx, &vault, &item, What::Key, "")
    );
    match input.operation.name {
        "RotateKey" => {
            let last = object::version(&item, What::Key, "")?.clone();
            let mut sent = last["key"].clone();
            for member in ["n", "e", "x", "y"] {
                if let Some(members) = sent.as_object_mut() {
                    members.remove(member);
                }
            }
            sent["tags"] = last["tags"].clone();
            let item = object::add(ctx, owner, What::Key, name, &sent)?;
            Ok(HttpReply::json(
                200,
                &bundle(ctx, &vault, &item, What::Key, "")?,
            ))
        }
        "UpdateKeyRotationPolicy" => {
            let mut policy = input.body.clone();
            policy["attributes"]["created"] = (ctx.now / 1000).into();
            policy["attributes"]["updated"] = (ctx.now / 1000).into();
            item.doc["rotation"] = policy;
            ctx.put(item.clone());
            let mut shown = object::rotation(&item);
            shown["id"] = id.into();
            Ok(HttpReply::json(200, &shown))
        }
        _ => {
            let mut shown = object::rotation(&item);
            shown["id"] = id.into();
            Ok(HttpReply::json(200, &shown))
        }
    }
}

/// The URL of an object, or of one of its versions.
pub(super) fn address(
    ctx: &Ctx<'_>,
    vault: &str,
    item: &Item,
    what: What,
    version: &str,
) -> String {
    let base = format!(
        "{}/_vault/{}/{}/{}",
        ctx.base,
        vault.to_lowercase(),
        what.plural(),
        text(&item.doc, "/name")
    );
    if version.is_empty() {
        base
    } else {
        format!("{base}/{version}")
    }
}

/// A version as it is shown whole.
fn bundle(ctx: &Ctx<'_>, vault: &str, item: &Item, what: What, version: &str) -> ArmResult<Value> {
    let one = object::version(item, what, version)?;
    let url = address(ctx, vault, item, what, text(one, "/version"));
    let mut shown = json!({ "attributes": one["attributes"] });
    match what {
        What::Secret => {
            shown["id"] = url.into();
            shown["value"] = one["value"].clone();
            if !one["contentType"].is_null() {
                shown["contentType"] = one["contentType"].clone();
            }
        }
        What::Key => {
            shown["key"] = one["key"].clone();
            shown["key"]["kid"] = url.into();
        }
        What::Certificate => {
            let version = text(one, "/version");
            let other = |what: What| address(ctx, vault, item, what, version);
            if one["cer"].is_string() {
                shown["sid"] = other(What::Secret).into();
                shown["kid"] = other(What::Key).into();
            }
            for member in ["cer", "x5t", "policy"] {
                if !one[member].is_null() {
                    shown[member] = one[member].clone();
                }
            }
            let own = address(ctx, vault, item, what, "");
            shown["policy"]["id"] = format!("{own}/policy").into();
            shown["id"] = url.into();
        }
    }
    if one["managed"] == true {
        shown["managed"] = true.into();
    }
    if one["tags"].is_object() {
        shown["tags"] = one["tags"].clone();
    }
    Ok(shown)
}

/// A version as listings show it.
fn row(ctx: &Ctx<'_>, vault: &str, item: &Item, what: What, one: &Value, versioned: bool) -> Value {
    let version = if versioned { text(one, "/version") } else { "" };
    let url = address(ctx, vault, item, what, version);
    let mut shown = json!({ "attributes": one["attributes"] });
    match what {
        What::Secret => shown["id"] = url.into(),
        What::Key => shown["kid"] = url.into(),
        What::Certificate => {
            shown["id"] = url.into();
            if !one["x5t"].is_null() {
                shown["x5t"] = one["x5t"].clone();
            }
        }
    }
    for member in ["contentType", "tags"] {
        if !one[member].is_null() {
            shown[member] = one[member].clone();
        }
    }
    shown
}

/// A deleted object, whole or as listings show it.
fn deleted(ctx: &Ctx<'_>, vault: &str, item: &Item, what: What, whole: bool) -> ArmResult<Value> {
    let mut shown = if whole {
        bundle(ctx, vault, item, what, "")?
    } else {
        row(
            ctx,
            vault,
            item,
            what,
            object::version(item, what, "")?,
            false,
        )
    };
    if let Some(members) = shown.as_object_mut() {
        members.remove("value");
    }
    let recovery = format!(
        "{}/_vault/{}/deleted{}/{}",
        ctx.base,
        vault.to_lowercase(),
        what.plural(),
        text(&item.doc, "/name")
    );
    shown["recoveryId"] = recovery.into();
    for member in ["deletedDate", "scheduledPurgeDate"] {
        shown[member] = item.doc[member].clone();
    }
    Ok(shown)
}
