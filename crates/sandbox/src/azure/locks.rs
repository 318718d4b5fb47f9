//! Locks: what may not be deleted, or not be changed either, with all that is below it
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources>).

use super::context::{Ctx, Input, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::{engine, found, page};
use crate::http::HttpReply;

const NAME: &str = "Microsoft.Authorization/locks";

/// The scope of a lock.
fn scope_of(id: &str) -> &str {
    let at = id
        .to_ascii_lowercase()
        .rfind("/providers/microsoft.authorization/locks/");
    at.map_or(id, |at| &id[..at])
}

/// Whether something is a scope or below it.
fn within(id: &str, scope: &str) -> bool {
    let (id, scope) = (id.to_ascii_lowercase(), scope.to_ascii_lowercase());
    id.strip_prefix(&scope)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses what a lock at the resource, or above it, forbids. Of a resource group also what a lock of anything in it forbids. Data is no
/// matter of Resource Manager's, and locks themselves can be taken away.
pub(crate) fn check(ctx: &Ctx<'_>, input: &Input<'_>) -> ArmResult<()> {
    let api = input.operation.api;
    if input.operation.http == "GET" || api == "locks" || api.starts_with("vault") {
        return Ok(());
    }
    let deletes = input.operation.http == "DELETE";
    let id = &input.id;
    let whole = deletes && input.operation.name == "ResourceGroups_Delete";
    let mut locked: Vec<String> = Vec::new();
    for lock in ctx.of_kind(&format!("/subscriptions/{}/", id.subscription()), NAME) {
        let own = text(&lock.doc, "/id");
        let scope = scope_of(own);
        let forbids = deletes || text(&lock.doc, "/properties/level") == "ReadOnly";
        if forbids && (within(&id.text, scope) || whole && within(scope, &id.text)) {
            locked.push(scope.to_owned());
        }
    }
    if locked.is_empty() {
        return Ok(());
    }
    let verb = if deletes { "delete" } else { "write" };
    Err(ArmError::conflict(
        "ScopeLocked",
        format!(
            "The scope '{}' cannot perform {verb} operation because following scope(s) are locked: '{}'. Please remove the lock and try again.",
            id.text,
            locked.join(",")
        ),
    ))
}

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    match input.operation.name {
        "ManagementLocks_CreateOrUpdateByScope" => write(ctx, input).map(Some),
        "ManagementLocks_GetByScope" => match ctx.get(&input.id.text) {
            Some(item) => found(&item.doc),
            None => Err(ArmError::new(
                404,
                "LockNotFound",
                format!("The lock '{}' could not be found.", input.id.name()),
            )),
        },
        "ManagementLocks_DeleteByScope" => {
            let status = if ctx.remove(&input.id.text) { 200 } else { 204 };
            Ok(Some(HttpReply::new(status, "application/json", "")))
        }
        _ => {
            // At a scope and below it; those above it hold there, but are not listed.
            let mut at = input.id.text.clone();
            if let Some(cut) = at.find("/providers/Microsoft.Authorization") {
                at.truncate(cut);
            }
            let rows = ctx.of_kind(&format!("{at}/"), NAME);
            let rows = rows.iter().map(|item| item.doc.clone()).collect();
            page::reply(ctx, input, rows).map(Some)
        }
    }
}

fn write(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let scope = scope_of(&input.id.text).to_owned();
    let of_subscription = Id::new(scope.as_str()).kind().is_empty();
    if !of_subscription && !engine::exists(ctx, &scope) {
        let scope = Id::new(scope.as_str());
        return Err(engine::missing(ctx, &scope.kind(), &scope));
    }
    let properties = input.body["properties"].clone();
    let level = text(&properties, "/level");
    if !["CanNotDelete", "ReadOnly"].contains(&level) {
        return Err(ArmError::bad(
            "InvalidLockLevel",
            format!("The lock level '{level}' is not one of 'CanNotDelete, ReadOnly'."),
        ));
    }
    if text(&properties, "/notes").chars().count() > 512 {
        return Err(ArmError::bad(
            "InvalidLockNotes",
            "The notes of a lock have at most 512 characters.",
        ));
    }
    let old = ctx.get(&input.id.text);
    let status = if old.is_some() { 200 } else { 201 };
    let mut doc = engine::document(&input.id, properties);
    doc["type"] = NAME.into();
    let mut item = Item::new(&input.id.text, doc.clone(), ctx.now);
    item.list_as("azurerm_management_lock", &input.id.text, "", None);
    ctx.put(item);
    Ok(HttpReply::json(status, &doc))
}
