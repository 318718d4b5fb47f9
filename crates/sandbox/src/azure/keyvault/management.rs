//! Secrets and keys by Resource Manager, which never shows values.

use serde_json::{Value, json};

use super::object::{self, What};
use super::plane::address;
use super::{KINDS, NAME};
use crate::azure::context::{Ctx, Input, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::{engine, page};
use crate::http::HttpReply;

fn vault(ctx: &Ctx<'_>, input: &Input<'_>) -> ArmResult<Item> {
    let id = input.id.beside(NAME, input.variable("vaultName"));
    engine::find(ctx, &KINDS[0], &id)
}

fn times(attributes: &Value) -> Value {
    let mut shown = json!({});
    for name in [
        "enabled",
        "nbf",
        "exp",
        "created",
        "updated",
        "recoveryLevel",
    ] {
        if !attributes[name].is_null() {
            shown[name] = attributes[name].clone();
        }
    }
    shown
}

fn missing(ctx: &Ctx<'_>, what: What, input: &Input<'_>) -> ArmError {
    let kind = format!("{NAME}/{}", what.plural());
    engine::missing(ctx, &kind, &input.id)
}

fn document(ctx: &Ctx<'_>, vault: &Item, what: What, item: &Item, one: &Value) -> Value {
    let owner = Id::new(text(&vault.doc, "/id"));
    let name = text(&item.doc, "/name");
    let id = owner.child(what.plural(), name);
    let url = |version: &str| address(ctx, text(&vault.doc, "/name"), item, what, version);
    let (newest, versioned) = (url(""), url(text(one, "/version")));
    let mut properties = json!({ "attributes": times(&one["attributes"]) });
    match what {
        What::Secret => {
            properties["secretUri"] = newest.into();
            properties["secretUriWithVersion"] = versioned.into();
            if !one["contentType"].is_null() {
                properties["contentType"] = one["contentType"].clone();
            }
            // Words of recovery are the other API's.
            if let Some(members) = properties["attributes"].as_object_mut() {
                members.remove("recoveryLevel");
            }
        }
        What::Key => {
            properties["keyUri"] = newest.into();
            properties["keyUriWithVersion"] = versioned.into();
            properties["kty"] = one["key"]["kty"].clone();
            properties["keyOps"] = one["key"]["key_ops"].clone();
            if !one["key"]["crv"].is_null() {
                properties["curveName"] = one["key"]["crv"].clone();
            }
            let size = text(&one["key"], "/n").len() * 6 / 8 * 8;
            if size > 0 {
                properties["keySize"] = size.into();
            }
        }
        // Resource Manager has no calls about certificates.
        What::Certificate => {}
    }
    let mut doc = engine::document(&id, properties);
    doc["location"] = vault.doc["location"].clone();
    doc["tags"] = one.get("tags").cloned().unwrap_or(json!({}));
    doc
}

/// Answers a request about secrets.
pub(super) fn secrets(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let vault = vault(ctx, input)?;
    let owner = text(&vault.doc, "/name").to_owned();
    let name = input.variable("secretName").to_owned();
    let sent = &input.body["properties"];
    let old = object::get(ctx, &owner, What::Secret, &name).ok();
    match input.operation.http {
        "GET" if name.is_empty() => list(ctx, input, &vault, What::Secret),
        "GET" => {
            let item = old.ok_or_else(|| missing(ctx, What::Secret, input))?;
            let one = object::version(&item, What::Secret, "")?;
            Ok(HttpReply::json(
                200,
                &document(ctx, &vault, What::Secret, &item, one),
            ))
        }
        "PUT" => {
            let body = json!({
                "value": sent["value"], "contentType": sent["contentType"], "attributes": sent["attributes"],
                "tags": input.body["tags"],
            });
            let item = object::add(ctx, &vault, What::Secret, &name, &body)?;
            let status = if old.is_some() { 200 } else { 201 };
            let one = object::version(&item, What::Secret, "")?;
            Ok(HttpReply::json(
                status,
                &document(ctx, &vault, What::Secret, &item, one),
            ))
        }
        _ => {
            let body = json!({
                "contentType": sent["contentType"], "attributes": sent["attributes"], "tags": input.body["tags"],
            });
            let (item, version) = object::update(ctx, &owner, What::Secret, &name, "", &body)?;
            let one = object::version(&item, What::Secret, &version)?;
            Ok(HttpReply::json(
                200,
                &document(ctx, &vault, What::Secret, &item, one),
            ))
        }
    }
}

fn list(ctx: &mut Ctx<'_>, input: &Input<'_>, vault: &Item, what: What) -> ArmResult<HttpReply> {
    let owner = text(&vault.doc, "/name");
    let rows = object::all(ctx, owner, what, false)
        .iter()
        .filter_map(|item| {
            let one = object::version(item, what, "").ok()?;
            Some(document(ctx, vault, what, item, one))
        })
        .collect();
    page::reply(ctx, input, rows)
}

/// Answers a request about keys.
pub(super) fn keys(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let vault = vault(ctx, input)?;
    let owner = text(&vault.doc, "/name").to_owned();
    let name = input.variable("keyName").to_owned();
    if input.operation.name == "Keys_List" {
        return list(ctx, input, &vault, What::Key);
    }
    let old = object::get(ctx, &owner, What::Key, &name).ok();
    let item = match (input.operation.name, old) {
        // What is there stays as it is.
        ("Keys_CreateIfNotExist", None) => {
            let sent = &input.body["properties"];
            let kind = match text(sent, "/kty") {
                "" => "RSA",
                kind => kind,
            };
            let body = json!({
                "kty": kind, "crv": sent["curveName"], "key_size": sent["keySize"], "key_ops": sent["keyOps"],
                "attributes": sent["attributes"], "tags": input.body["tags"],
            });
            object::add(ctx, &vault, What::Key, &name, &body)?
        }
        (_, Some(item)) => item,
        (_, None) => return Err(missing(ctx, What::Key, input)),
    };
    if input.operation.name == "Keys_ListVersions" {
        let rows = item.doc["versions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| document(ctx, &vault, What::Key, &item, one))
            .collect();
        return page::reply(ctx, input, rows);
    }
    let asked = input.variable("keyVersion");
    let one = object::version(&item, What::Key, asked)?;
    Ok(HttpReply::json(
        200,
        &document(ctx, &vault, What::Key, &item, one),
    ))
}
