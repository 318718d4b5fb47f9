//! Microsoft.Resources: subscriptions, resource groups, providers, listings of all resources, tags of any.

mod filter;
mod group;
mod provider;

use serde_json::{Value, json};

use super::context::{Ctx, Input, SUBSCRIPTION, TENANT, merge, text};
use super::engine;
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::schema::Operation;
use super::{found, page, places, tags};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;

pub(crate) use self::group::{TYPE as GROUPS, check_group, take as take_group};
pub(crate) use self::provider::check_registered;

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let subscription = input.variable("subscriptionId").to_owned();
    match input.operation.name {
        "Subscriptions_Get" => found(&subscription_doc(&subscription)),
        "Subscriptions_List" => {
            let rows = vec![subscription_doc(SUBSCRIPTION)];
            page::reply(ctx, input, rows).map(Some)
        }
        "Subscriptions_ListLocations" => {
            let rows = locations(&subscription);
            page::reply(ctx, input, rows).map(Some)
        }
        "Tenants_List" => {
            let tenant = json!({
                "id": format!("/tenants/{TENANT}"), "tenantId": TENANT, "displayName": "Sandbox", "countryCode": "NL",
                "defaultDomain": "sandbox.example", "domains": ["sandbox.example"], "tenantType": "AAD", "tenantCategory": "Home",
            });
            page::reply(ctx, input, vec![tenant]).map(Some)
        }
        "Resources_List" | "Resources_ListByResourceGroup" => all(ctx, input).map(Some),
        name if name.starts_with("Tags_") => tags_of(ctx, input).map(Some),
        name if name.starts_with("Providers_") => provider::run(ctx, input).map(Some),
        _ => group::run(ctx, input).map(Some),
    }
}

fn subscription_doc(id: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"), "subscriptionId": id, "tenantId": TENANT, "displayName": "Sandbox",
        "state": "Enabled", "authorizationSource": "RoleBased", "managedByTenants": [],
        "subscriptionPolicies": { "locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off" },
    })
}

fn locations(subscription: &str) -> Vec<Value> {
    let id = |name: &str| format!("/subscriptions/{subscription}/locations/{name}");
    places::REGIONS
        .iter()
        .map(|region| {
            let paired = match region.pair {
                "" => json!([]),
                pair => json!([{ "name": pair, "id": id(pair) }]),
            };
            let mut row = json!({
                "id": id(region.name), "name": region.name, "type": "Region", "displayName": region.display,
                "regionalDisplayName": format!("({}) {}", region.geography, region.display),
                "metadata": {
                    "regionType": "Physical", "regionCategory": "Recommended", "geographyGroup": region.geography,
                    "geography": region.geography, "pairedRegion": paired,
                },
            });
            if region.zones > 0 {
                row["availabilityZoneMappings"] = (1..=region.zones)
                    .map(|zone| json!({ "logicalZone": zone.to_string(), "physicalZone": format!("{}-az{zone}", region.name) }))
                    .collect();
            }
            row
        })
        .collect()
}

/// Refuses a subscription that there is not.
pub(crate) fn check_subscription(id: &Id, operation: &Operation) -> ArmResult<()> {
    let subscription = id.subscription();
    if subscription.is_empty() || operation.api.starts_with("vault") {
        return Ok(());
    }
    if uuid::Uuid::parse_str(subscription).is_err() {
        let message = format!(
            "The provided subscription identifier '{subscription}' is malformed or invalid."
        );
        return Err(ArmError::bad("InvalidSubscriptionId", message));
    }
    if subscription.eq_ignore_ascii_case(SUBSCRIPTION) {
        return Ok(());
    }
    let message = format!("The subscription '{subscription}' could not be found.");
    Err(ArmError::new(404, "SubscriptionNotFound", message))
}

/// All resources that have a location, as any type is shown.
fn all(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let filter = filter::read(input.query("$filter"))?;
    let expand = input.query("$expand").unwrap_or_default().to_lowercase();
    let group = input.variable("resourceGroupName");
    let mut prefix = format!(
        "/subscriptions/{}/resourceGroups/",
        input.variable("subscriptionId")
    );
    if !group.is_empty() {
        prefix.push_str(group);
        prefix.push('/');
    }
    let mut rows = Vec::new();
    for item in ctx.below(&prefix) {
        let Some(kind) = super::kind::find(text(&item.doc, "/type")) else {
            continue;
        };
        if !kind.tracked {
            continue;
        }
        let doc = engine::show(ctx, kind, &item);
        if !filter.takes(&doc) {
            continue;
        }
        let mut row = json!({});
        for name in [
            "id",
            "name",
            "type",
            "location",
            "tags",
            "sku",
            "kind",
            "identity",
            "managedBy",
            "plan",
            "zones",
        ] {
            // What only some types have keeps its own form: the listing shows what its schema has.
            let known = name != "zones" && (name != "sku" || doc["sku"].is_object());
            if known && !doc[name].is_null() {
                row[name] = doc[name].clone();
            }
        }
        if let Some(sku) = row.get_mut("sku").and_then(Value::as_object_mut) {
            sku.retain(|name, _| {
                matches!(
                    name.as_str(),
                    "name" | "tier" | "size" | "family" | "model" | "capacity"
                )
            });
        }
        if expand.contains("createdtime") {
            row["createdTime"] = iso8601_millis(item.created).into();
        }
        if expand.contains("changedtime") {
            row["changedTime"] = iso8601_millis(item.changed).into();
        }
        if expand.contains("provisioningstate") {
            let state = text(&doc, "/properties/provisioningState");
            row["provisioningState"] = if state.is_empty() { "Succeeded" } else { state }.into();
        }
        rows.push(row);
    }
    page::reply(ctx, input, rows)
}

/// Tags of any resource: `{scope}/providers/Microsoft.Resources/tags/default`.
fn tags_of(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let scope = input.variable("scope").to_owned();
    let id = Id::new(scope.as_str());
    let Some(item) = ctx.get(&scope) else {
        return Err(engine::missing(ctx, &id.kind(), &id));
    };
    let mut item = item.edit();
    item.settle(ctx.now);
    let own = |tags: &Value| {
        let empty = json!({});
        let tags = if tags.is_object() { tags } else { &empty };
        json!({
            "id": format!("{scope}/providers/Microsoft.Resources/tags/default"), "name": "default",
            "type": "Microsoft.Resources/tags", "properties": { "tags": tags },
        })
    };
    if input.operation.http == "GET" {
        return Ok(HttpReply::json(200, &own(&item.doc["tags"])));
    }
    let sent = input.body["properties"]["tags"].clone();
    let before = item.doc["tags"].clone();
    let mut wanted = if before.is_object() {
        before
    } else {
        json!({})
    };
    match (input.operation.http, text(&input.body, "/operation")) {
        ("DELETE", _) => wanted = json!({}),
        ("PATCH", "Merge") => merge(&mut wanted, &sent),
        ("PATCH", "Delete") => {
            if let (Some(tags), Some(sent)) = (wanted.as_object_mut(), sent.as_object()) {
                tags.retain(|name, value| sent.get(name) != Some(value));
            }
        }
        _ => wanted = if sent.is_object() { sent } else { json!({}) },
    }
    tags::check(Some(&wanted))?;
    let answer = own(&wanted);
    item.doc["tags"] = wanted.clone();
    if let Some(busy) = &mut item.busy {
        busy.then.0["tags"] = wanted;
    }
    item.changed = ctx.now;
    ctx.put(item);
    Ok(if input.operation.http == "DELETE" {
        HttpReply::new(200, "application/json", "")
    } else {
        HttpReply::json(200, &answer)
    })
}
