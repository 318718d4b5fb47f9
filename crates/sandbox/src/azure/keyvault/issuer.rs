//! Issuers of certificates that stand in a vault, with what they know their customer by ("Set Certificate Issuer":
//! <https://learn.microsoft.com/rest/api/keyvault/certificates/set-certificate-issuer>).

use serde_json::{Value, json};

use super::{contents, issue};
use crate::azure::context::{Ctx, Input, default, text, unset};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;
use crate::azure::page;
use crate::http::HttpReply;

fn path(vault: &str, name: &str) -> String {
    format!("{}issuers/{}", contents(vault), name.to_lowercase())
}

fn missing(name: &str) -> ArmError {
    ArmError::new(
        404,
        "CertificateIssuerNotFound",
        format!("Issuer not found: {name}"),
    )
}

/// Why an issuer of a vault refuses a request; there must be one of that name.
pub(super) fn refusal(ctx: &Ctx<'_>, vault: &Item, name: &str) -> ArmResult<Option<Value>> {
    let Some(item) = ctx.get(&path(text(&vault.doc, "/name"), name)) else {
        return Err(ArmError::bad(
            "BadParameter",
            format!("There is no issuer '{name}' in this key vault, which the policy names."),
        ));
    };
    let has = |member: &str| !text(&item.doc, &format!("/credentials/{member}")).is_empty();
    let why = match item.doc["attributes"]["enabled"] == false {
        true => "The issuer is disabled.",
        false if !has("account_id") || !has("pwd") => {
            "The issuer does not know its customer: account and password are not set."
        }
        false => return Ok(None),
    };
    Ok(Some(issue::failed(why)))
}

/// An issuer as it is shown: without its password.
fn shown(ctx: &Ctx<'_>, vault: &str, item: &Item) -> Value {
    let mut shown = item.doc.clone();
    unset(&mut shown, "/name");
    unset(&mut shown, "/credentials/pwd");
    shown["id"] = address(ctx, vault, item).into();
    shown
}

fn address(ctx: &Ctx<'_>, vault: &str, item: &Item) -> String {
    let (vault, name) = (vault.to_lowercase(), text(&item.doc, "/name"));
    format!("{}/_vault/{vault}/certificates/issuers/{name}", ctx.base)
}

/// Answers a request about issuers.
pub(super) fn answer(ctx: &mut Ctx<'_>, vault: &Item, input: &Input<'_>) -> ArmResult<HttpReply> {
    let place = text(&vault.doc, "/name").to_owned();
    let name = input.variable("issuerName").to_owned();
    let id = path(&place, &name);
    let old = ctx.get(&id).map(|item| item.edit());
    let ok = |value: &Value| Ok(HttpReply::json(200, value));
    match input.operation.name {
        "GetCertificateIssuers" => {
            let rows = ctx
                .below(&path(&place, ""))
                .iter()
                .map(|item| json!({ "id": address(ctx, &place, item), "provider": item.doc["provider"] }))
                .collect();
            page::reply(ctx, input, rows)
        }
        "SetCertificateIssuer" => {
            let mut doc = input.body.clone();
            check(&doc)?;
            doc["name"] = name.into();
            default(&mut doc, "/attributes/enabled", true);
            let created = old
                .as_ref()
                .map(|old| old.doc["attributes"]["created"].clone());
            doc["attributes"]["created"] = created.unwrap_or_else(|| (ctx.now / 1000).into());
            doc["attributes"]["updated"] = (ctx.now / 1000).into();
            let mut item = old.unwrap_or_else(|| Item::new(&id, Value::Null, ctx.now));
            item.doc = doc;
            item.changed = ctx.now;
            listed(&mut item, text(&vault.doc, "/location"));
            ctx.put(item.clone());
            ok(&shown(ctx, &place, &item))
        }
        "UpdateCertificateIssuer" => {
            let mut item = old.ok_or_else(|| missing(&name))?;
            crate::azure::context::merge(&mut item.doc, &input.body);
            check(&item.doc)?;
            item.doc["attributes"]["updated"] = (ctx.now / 1000).into();
            item.changed = ctx.now;
            ctx.put(item.clone());
            ok(&shown(ctx, &place, &item))
        }
        "DeleteCertificateIssuer" => {
            let item = old.ok_or_else(|| missing(&name))?;
            ctx.remove(&item.id);
            ok(&shown(ctx, &place, &item))
        }
        _ => ok(&shown(ctx, &place, &old.ok_or_else(|| missing(&name))?)),
    }
}

/// Lists an issuer among the live resources.
pub(super) fn listed(item: &mut Item, location: &str) {
    let id = item.id.clone();
    item.list_as("azurerm_key_vault_certificate_issuer", &id, location, None);
}

/// The two public authorities need to know for which organisation they sign, as in
/// <https://github.com/Azure/azure-sdk-for-java/issues/29166>; others need not
/// (<https://github.com/hashicorp/terraform-provider-azurerm/issues/8431>).
fn check(doc: &Value) -> ArmResult<()> {
    let public = ["DigiCert", "GlobalSign"].contains(&text(doc, "/provider"));
    if public && text(doc, "/org_details/id").is_empty() {
        return Err(ArmError::bad(
            "BadParameter",
            "Id in organization details is not set",
        ));
    }
    Ok(())
}
