//! Microsoft.DBforPostgreSQL: flexible servers, with their databases, rules, settings and administrators.

mod backup;
mod capability;
mod child;
mod configuration;
mod network;
mod server;

use serde_json::json;

use super::context::{Ctx, Input, set, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::Kind;
use super::{engine, found, lro, page, usage};
use crate::http::HttpReply;
use crate::latency::Work;

pub(crate) const KINDS: &[Kind] = &[
    server::KIND,
    child::DATABASE,
    child::FIREWALL,
    child::ADMINISTRATOR,
    configuration::KIND,
];

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let name = input.operation.name;
    match name {
        "CapabilitiesByLocation_List" => {
            let rows = vec![capability::of(input.variable("locationName"))];
            return page::reply(ctx, input, rows).map(Some);
        }
        "NameAvailability_CheckGlobally" | "NameAvailability_CheckWithLocation" => {
            let asked = text(&input.body, "/name").to_owned();
            let mut answer = json!({ "name": asked, "type": "Microsoft.DBforPostgreSQL/flexibleServers", "nameAvailable": true });
            if let Err(error) = server::check_name(&asked) {
                answer["nameAvailable"] = false.into();
                answer["reason"] = "Invalid".into();
                answer["message"] = error.message.into();
            } else if server::taken(ctx, &asked, "") {
                answer["nameAvailable"] = false.into();
                answer["reason"] = "AlreadyExists".into();
                answer["message"] = "Specified server name is already used.".into();
            }
            return found(&answer);
        }
        "QuotaUsages_List" => {
            let location = input.variable("locationName").to_owned();
            let used = server::cores(ctx, &location);
            let mut row = usage("cores", "Total Regional vCores", used, server::CORES);
            row["id"] = format!("/subscriptions/{}/providers/Microsoft.DBforPostgreSQL/locations/{location}/usages/cores", input.variable("subscriptionId")).into();
            return page::reply(ctx, input, vec![row]).map(Some);
        }
        "Servers_Start" | "Servers_Stop" | "Servers_Restart" => return power(ctx, input).map(Some),
        _ => {}
    }
    let Some(owner) = owner(input) else {
        return Ok(None);
    };
    if name.starts_with("BackupsAutomaticAndOnDemand_") {
        let server = engine::find(ctx, &server::KIND, &owner)?;
        return backup::run(ctx, input, &server);
    }
    let writes = matches!(input.operation.http, "PUT" | "PATCH" | "DELETE");
    let below = !name.starts_with("Servers_");
    if let Some(item) = ctx.get(&owner.text).map(|item| item.edit()) {
        if writes && let Some(error) = busy(ctx, &item, name == "Servers_Delete") {
            return Err(error);
        }
        if writes && below && text(item.at(ctx.now), "/properties/state") == "Stopped" {
            return Err(ArmError::conflict(
                "ServerNotInReadyState",
                format!(
                    "Server '{}' is stopped: it must be ready for this operation.",
                    owner.name()
                ),
            ));
        }
        if name.starts_with("Configurations_") {
            return configuration::run(ctx, input, &item);
        }
    }
    Ok(None)
}

/// The server that a request is about.
fn owner(input: &Input<'_>) -> Option<Id> {
    let name = input.variable("serverName");
    (!name.is_empty()).then(|| input.id.beside(server::NAME, name))
}

/// What is said while anything of a server is being changed.
fn busy(ctx: &Ctx<'_>, item: &Item, deletes: bool) -> Option<ArmError> {
    let below = ctx.below(&format!("{}/", item.id));
    let own = item.busy(ctx.now).is_some();
    let child = below.iter().any(|child| child.busy(ctx.now).is_some());
    (own || child && !deletes).then(|| {
        ArmError::conflict(
            "ServerIsBusy",
            format!(
                "Cannot complete operation while server '{}' is busy processing another operation. Please try again later.",
                text(&item.doc, "/name")
            ),
        )
    })
}

/// Starts, stops or restarts a server.
fn power(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let mut item = engine::find(ctx, &server::KIND, &input.id)?;
    if let Some(error) = busy(ctx, &item, false) {
        return Err(error);
    }
    item.settle(ctx.now);
    let state = text(&item.doc, "/properties/state").to_owned();
    let (verb, becomes) = match input.operation.name {
        "Servers_Start" => ("Starting", "Ready"),
        "Servers_Stop" => ("Stopping", "Stopped"),
        _ => ("Restarting", "Ready"),
    };
    let wrong = match verb {
        "Starting" => state != "Stopped",
        _ => state != "Ready",
    };
    if wrong {
        return Err(ArmError::conflict(
            "InvalidServerState",
            format!("The operation is not allowed on a server that is {state}."),
        ));
    }
    let mut then = item.doc.clone();
    set(&mut then, "/properties/state", becomes);
    if verb == "Restarting" {
        configuration::restarted(ctx, &item);
    }
    let until = ctx.due(Work::FlexibleServerUpdate);
    let location = text(&item.doc, "/location").to_owned();
    let id = input.id.clone();
    let begun = lro::begin(ctx, input, &id, &location, until, None);
    engine::work(&mut item, verb, until, &begun.operation, then);
    item.settle(ctx.now);
    ctx.put(item);
    Ok(begun.onto(HttpReply::new(202, "application/json", "")))
}
