//! Resource groups: made at once, taken away with everything in them.

use serde_json::{Value, json};

use super::filter;
use crate::azure::context::{Ctx, Input, merge, set, text};
use crate::azure::engine;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::{lro, page, places, tags};
use crate::http::HttpReply;
use crate::latency::Work;

pub(crate) const TYPE: &str = "Microsoft.Resources/resourceGroups";

/// What is said of a group that there is not.
fn missing(name: &str) -> ArmError {
    ArmError::new(
        404,
        "ResourceGroupNotFound",
        format!("Resource group '{name}' could not be found."),
    )
}

/// Refuses requests below a group that there is not, and writes below one that is going away.
pub(crate) fn check_group(ctx: &Ctx<'_>, input: &Input<'_>) -> ArmResult<()> {
    let name = input.id.group();
    let own = input.operation.name.starts_with("ResourceGroups_");
    if name.is_empty() || own {
        return Ok(());
    }
    let Some(group) = ctx.get(&input.id.group_id().text) else {
        return Err(missing(name));
    };
    if group.deleting() && matches!(input.operation.http, "PUT" | "PATCH" | "POST") {
        return Err(being_deleted(name));
    }
    Ok(())
}

fn being_deleted(name: &str) -> ArmError {
    ArmError::conflict(
        "ResourceGroupBeingDeleted",
        format!(
            "The resource group '{name}' is in deprovisioning state and cannot perform this operation."
        ),
    )
}

/// Answers a request.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let name = input.variable("resourceGroupName").to_owned();
    let old = ctx.get(&input.id.text).map(|item| item.edit());
    match input.operation.name {
        "ResourceGroups_List" => list(ctx, input),
        "ResourceGroups_CheckExistence" => {
            let status = if old.is_some() { 204 } else { 404 };
            Ok(HttpReply::new(status, "application/json", ""))
        }
        "ResourceGroups_Get" => {
            let item = old.ok_or_else(|| missing(&name))?;
            Ok(HttpReply::json(200, &show(ctx, &item)))
        }
        "ResourceGroups_Delete" => delete(ctx, input, old.ok_or_else(|| missing(&name))?),
        _ => write(ctx, input, old),
    }
}

fn show(ctx: &Ctx<'_>, item: &Item) -> Value {
    let mut doc = item.at(ctx.now).clone();
    if let Some(busy) = item.busy(ctx.now) {
        set(
            &mut doc,
            "/properties/provisioningState",
            busy.verb.as_str(),
        );
    }
    doc
}

fn write(ctx: &mut Ctx<'_>, input: &Input<'_>, old: Option<Item>) -> ArmResult<HttpReply> {
    let name = input.variable("resourceGroupName");
    let good = |c: char| c.is_alphanumeric() || "-._()".contains(c);
    if name.chars().count() > 90 || name.ends_with('.') || !name.chars().all(good) {
        return Err(ArmError::bad(
            "InvalidResourceGroup",
            format!(
                "The provided resource group name '{name}' is not valid: up to 90 letters, digits, '-', '.', '(', ')' or '_', not ending with '.'."
            ),
        ));
    }
    tags::check(input.body.get("tags"))?;
    let patch = input.is_patch();
    let (mut item, status) = match old {
        Some(item) if item.deleting() => return Err(being_deleted(name)),
        Some(item) => (item, 200),
        None if patch => return Err(missing(name)),
        None => (Item::new(&input.id.text, Value::Null, ctx.now), 201),
    };
    if patch {
        merge(&mut item.doc, &input.body);
        item.doc["name"] = Id::new(text(&item.doc, "/id")).name().into();
    } else {
        let location = places::read(text(&input.body, "/location"));
        if location.is_empty() {
            return Err(ArmError::bad(
                "LocationRequired",
                "The location property is required for this definition.",
            ));
        }
        places::check(&location, TYPE)?;
        let before = text(&item.doc, "/location");
        if !before.is_empty() && before != location {
            return Err(ArmError::conflict(
                "InvalidResourceGroupLocation",
                format!(
                    "Invalid resource group location '{location}'. The Resource group already exists in location '{before}'."
                ),
            ));
        }
        let id = match text(&item.doc, "/id") {
            "" => input.id.text.clone(),
            id => id.to_owned(),
        };
        let mut doc = json!({
            "id": id, "name": Id::new(id.as_str()).name(), "type": TYPE, "location": location,
            "properties": { "provisioningState": "Succeeded" },
        });
        for name in ["tags", "managedBy"] {
            if !input.body[name].is_null() {
                doc[name] = input.body[name].clone();
            }
        }
        item.list_as("azurerm_resource_group", &id, &location, None);
        item.doc = doc;
    }
    item.changed = ctx.now;
    let shown = item.doc.clone();
    ctx.put(item);
    Ok(HttpReply::json(status, &shown))
}

fn list(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let filter = filter::read(input.query("$filter"))?;
    let prefix = format!(
        "/subscriptions/{}/resourceGroups/",
        input.variable("subscriptionId")
    );
    let rows = ctx
        .of_kind(&prefix, TYPE)
        .iter()
        .map(|item| show(ctx, item))
        .filter(|doc| filter.takes(doc))
        .collect();
    page::reply(ctx, input, rows)
}

fn delete(ctx: &mut Ctx<'_>, input: &Input<'_>, mut item: Item) -> ArmResult<HttpReply> {
    let id = Id::new(text(&item.doc, "/id"));
    let location = text(&item.doc, "/location").to_owned();
    let until = if let Some(busy) = item.busy(ctx.now) {
        busy.until
    } else {
        ctx.due(Work::ArmGroupDelete)
    };
    let error = if item.deleting() {
        None
    } else if ctx.fails() {
        Some(engine::failure())
    } else {
        blocked(ctx, &item)
    };
    let begun = lro::begin(ctx, input, &id, &location, until, error.as_ref());
    if error.is_some() {
        let then = item.doc.clone();
        engine::work(&mut item, "Deleting", until, &begun.operation, then);
        ctx.put(item);
    } else if !item.deleting() {
        take(ctx, item, until, &begun.operation)?;
    }
    Ok(begun.onto(HttpReply::new(202, "application/json", "")))
}

/// Takes a group and everything in it away at a time.
pub(crate) fn take(
    ctx: &mut Ctx<'_>,
    item: Item,
    until: crate::Millis,
    operation: &str,
) -> ArmResult<()> {
    for child in ctx.below(&format!("{}/", item.id)) {
        if let Some(kind) = crate::azure::kind::find(text(&child.doc, "/type"))
            && !child.deleting()
        {
            (kind.removed)(ctx, &child, until)?;
        }
    }
    engine::vanish(ctx, item, "Deleting", until, operation);
    Ok(())
}

/// Why a group cannot be taken away: what is outside of it and uses what is in it.
fn blocked(ctx: &Ctx<'_>, group: &Item) -> Option<ArmError> {
    let inside = format!("{}/", group.id);
    let below = ctx.below(&inside);
    let mut owned: Vec<String> = below
        .iter()
        .map(|item| text(&item.doc, "/properties/nodeResourceGroup").to_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    owned.push(Id::new(group.id.as_str()).group().to_lowercase());
    let all = ctx.below("/subscriptions/");
    let outside = all.iter().find_map(|holder| {
        let id = Id::new(holder.id.as_str());
        if owned.contains(&id.group().to_lowercase()) || holder.deleting() {
            return None;
        }
        let links = holder.links.iter();
        let mut held =
            links.filter(|link| link.starts_with(&inside) && holder.holds(link, ctx.now));
        held.next().map(|link| (link.clone(), holder))
    });
    let (link, holder) = outside?;
    Some(ArmError::conflict(
        "ResourceGroupDeletionBlocked",
        format!(
            "Deletion of resource group '{}' failed as resources with identifiers '{link}' could not be deleted: it is used by '{}'.",
            text(&group.doc, "/name"),
            text(&holder.doc, "/id")
        ),
    ))
}
