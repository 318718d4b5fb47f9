//! Service Networking: private connections of networks to Google's services, over ranges allocated for that.

use serde_json::{Value, json};

use super::compute::kind::table;
use super::compute::reference::PREFIX;
use super::context::{Ctx, Input, project_number, text};
use super::error::{GoogleError, GoogleResult};
use super::item::{Item, short};
use super::lro;
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::latency::Work;

const CONNECTIONS: &str = "servicenetworking.connections";
const PEERING: &str = "servicenetworking-googleapis-com";
const SERVICE: &str = "servicenetworking.googleapis.com";
const TYPE: &str = "type.googleapis.com/google.cloud.servicenetworking.v1.Connection";

/// The connection of a network, when it is made.
pub(crate) fn connection(ctx: &Ctx<'_>, network: &str) -> Option<String> {
    let id = format!("{network}/connections/{PEERING}");
    let item = ctx.get(CONNECTIONS, &id)?;
    (item.ready_at <= ctx.now && !item.deleting).then(|| id.clone())
}

/// Forgets the connection of a network whose peering is removed.
pub(crate) fn forget(ctx: &mut Ctx<'_>, network: &str, peering: &str) {
    if peering == PEERING {
        ctx.remove(CONNECTIONS, &format!("{network}/connections/{PEERING}"));
    }
}

/// The ranges that a connection may give addresses out of.
pub(crate) fn ranges(ctx: &Ctx<'_>, connection: &str) -> Vec<String> {
    let Some(item) = ctx.get(CONNECTIONS, connection) else {
        return Vec::new();
    };
    let names = item.at(ctx.now)["reservedPeeringRanges"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let project = connection.split('/').nth(1).unwrap_or_default();
    names
        .iter()
        .filter_map(|name| {
            let id = format!("projects/{project}/global/addresses/{}", name.as_str()?);
            let address = ctx.get(&table("addresses"), &id)?;
            Some(format!(
                "{}/{}",
                text(&address.doc, "/address"),
                address.doc["prefixLength"]
            ))
        })
        .collect()
}

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if input.method.resource == "operations" {
        return lro::get(ctx, &format!("operations/{}", input.name()));
    }
    let service = input.variable("servicesId").unwrap_or_default();
    if service != SERVICE && service != "-" {
        let message = format!("Service '{service}' does not have private connections here.");
        return Err(GoogleError::not_found(message));
    }
    match input.method.verb {
        "list" => {
            let network = network(ctx, input.query("network").unwrap_or_default())?;
            let rows: Vec<_> = ctx
                .list(CONNECTIONS, &format!("{network}/connections/"))
                .iter()
                .filter(|item| item.ready_at <= ctx.now)
                .map(|item| item.at(ctx.now).clone())
                .collect();
            let answer = if rows.is_empty() {
                json!({})
            } else {
                json!({ "connections": rows })
            };
            Ok(HttpReply::json(200, &answer))
        }
        "create" => create(ctx, input),
        "patch" => patch(ctx, input),
        _ => delete(ctx, input),
    }
}

/// The full name of a network that may be named with its project's number; it must be there.
fn network(ctx: &Ctx<'_>, name: &str) -> GoogleResult<String> {
    let parts: Vec<_> = name.split('/').collect();
    let ["projects", project, "global", "networks", network] = parts.as_slice() else {
        let message = format!(
            "Invalid network \"{name}\": it has the form projects/PROJECT_NUMBER/global/networks/NETWORK."
        );
        return Err(GoogleError::bad(message));
    };
    let id = format!(
        "projects/{}/global/networks/{network}",
        ctx.project_id(project)
    );
    let found = ctx.get(&table("networks"), &id);
    if found.is_none_or(|item| item.ready_at > ctx.now || item.deleting) {
        return Err(GoogleError::not_found(format!(
            "Network '{name}' was not found."
        )));
    }
    Ok(id)
}

/// The full names of allocated ranges, each of which must be one of the network.
fn reserved(ctx: &Ctx<'_>, network: &str, body: &Value) -> GoogleResult<Vec<String>> {
    let names = body["reservedPeeringRanges"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if names.is_empty() {
        return Err(GoogleError::bad(
            "At least one reserved peering range must be given.",
        ));
    }
    let project = network.split('/').nth(1).unwrap_or_default();
    let mut ids = Vec::new();
    for name in &names {
        let name = name.as_str().unwrap_or_default();
        let id = format!("projects/{project}/global/addresses/{name}");
        let good = ctx.get(&table("addresses"), &id).is_some_and(|item| {
            item.doc["purpose"] == "VPC_PEERING"
                && text(&item.doc, "/network").trim_start_matches(PREFIX) == network
                && item.ready_at <= ctx.now
        });
        if !good {
            let message = format!(
                "Cannot find the allocated range '{name}' in network '{}' with purpose VPC_PEERING.",
                short(network)
            );
            return Err(GoogleError::bad(message));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn create(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let network = network(ctx, text(&input.body, "/network"))?;
    let ranges = reserved(ctx, &network, &input.body)?;
    let id = format!("{network}/connections/{PEERING}");
    if ctx.get(CONNECTIONS, &id).is_some() {
        let message =
            "Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection.";
        return Err(GoogleError::precondition(message));
    }
    let done = ctx.due(Work::ServiceConnect);
    Ok(make(ctx, input, &network, ranges, done))
}

/// Makes the connection and the peering of the network that goes with it.
fn make(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    network: &str,
    ranges: Vec<String>,
    done: Millis,
) -> HttpReply {
    let project = network.split('/').nth(1).unwrap_or_default();
    let number = project_number(project);
    let doc = json!({
        "network": format!("projects/{number}/global/networks/{}", short(network)),
        "peering": PEERING,
        "reservedPeeringRanges": input.body["reservedPeeringRanges"],
        "service": format!("services/{SERVICE}"),
    });
    let mut response = doc.clone();
    response["@type"] = TYPE.into();
    let mut item = Item::new(format!("{network}/connections/{PEERING}"), doc);
    item.links = ranges;
    item.ready_at = done;
    item.gone_at = ctx.fails().then_some(done);
    item.list_as("google_service_networking_connection", "", None);
    ctx.put(CONNECTIONS, item, None);
    let peer = format!(
        "{PREFIX}projects/{}-tp/global/networks/servicenetworking",
        &number[..10]
    );
    let failed = ctx.fails();
    edit_peerings(ctx, network, done, |list| {
        if !failed {
            list.push(json!({
                "name": PEERING, "network": peer, "state": "ACTIVE", "autoCreateRoutes": true,
                "exchangeSubnetRoutes": true, "exportCustomRoutes": false, "importCustomRoutes": false,
                "stateDetails": "[2024-01-01T00:00:00.000-08:00]: Connected.",
            }));
        }
    });
    begin(ctx, &number, response, done)
}

fn begin(ctx: &mut Ctx<'_>, number: &str, response: Value, done: Millis) -> HttpReply {
    let name = format!("operations/pssn.p24-{number}-{}", ctx.uuid());
    lro::begin(ctx, &name, "servicenetworking", Value::Null, response, done)
}

/// Changes the peerings that a network shows, at once: they go with the connection.
fn edit_peerings(ctx: &mut Ctx<'_>, network: &str, at: Millis, edit: impl FnOnce(&mut Vec<Value>)) {
    let Some(item) = ctx.get(&table("networks"), network) else {
        return;
    };
    let mut item = item.edit();
    item.settle(ctx.now);
    let mut doc = item.doc.clone();
    let mut list = doc["peerings"].as_array().cloned().unwrap_or_default();
    edit(&mut list);
    match (list.is_empty(), doc.as_object_mut()) {
        (true, Some(members)) => drop(members.remove("peerings")),
        _ => doc["peerings"] = list.into(),
    }
    let links = item.links.clone();
    item.become_at(Some((doc, links)), at, ctx.now);
    ctx.keep(&table("networks"), item);
}

fn patch(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let network = network(ctx, text(&input.body, "/network"))?;
    let ranges = reserved(ctx, &network, &input.body)?;
    let id = format!("{network}/connections/{PEERING}");
    let done = ctx.due(Work::ServiceConnect);
    let force = input.flag("force");
    let Some(item) = ctx.get(CONNECTIONS, &id) else {
        if force {
            return Ok(make(ctx, input, &network, ranges, done));
        }
        return Err(GoogleError::not_found("The connection was not found."));
    };
    let mut item = item.edit();
    if item.busy(ctx.now) {
        return Err(GoogleError::precondition(
            "Another operation works on the connection.",
        ));
    }
    let dropped = item.links.iter().find(|old| !ranges.contains(old));
    if let Some(dropped) = dropped.filter(|_| !force) {
        let message = format!(
            "Cannot remove the allocated range '{}' without force.",
            short(dropped)
        );
        return Err(GoogleError::precondition(message));
    }
    let mut doc = item.at(ctx.now).clone();
    doc["reservedPeeringRanges"] = input.body["reservedPeeringRanges"].clone();
    let mut response = doc.clone();
    response["@type"] = TYPE.into();
    let after = (!ctx.fails()).then_some((doc, ranges));
    item.become_at(after, done, ctx.now);
    ctx.keep(CONNECTIONS, item);
    let number = project_number(network.split('/').nth(1).unwrap_or_default());
    Ok(begin(ctx, &number, response, done))
}

/// `deleteConnection`: refused while a service has addresses in it.
fn delete(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let network = network(ctx, text(&input.body, "/consumerNetwork"))?;
    let id = format!("{network}/connections/{PEERING}");
    let Some(item) = ctx.get(CONNECTIONS, &id) else {
        return Err(GoogleError::not_found("The connection was not found."));
    };
    if !ctx.holders(&id).is_empty() {
        let message = "Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are still using this connection.";
        return Err(GoogleError::precondition(message));
    }
    let mut item = item.edit();
    if item.busy(ctx.now) {
        return Err(GoogleError::precondition(
            "Another operation works on the connection.",
        ));
    }
    let done = ctx.due(Work::ServiceConnect);
    if !ctx.fails() {
        item.gone_at = Some(done);
        item.deleting = true;
        ctx.keep(CONNECTIONS, item);
        edit_peerings(ctx, &network, done, |list| {
            list.retain(|one| one["name"] != PEERING);
        });
    }
    let number = project_number(network.split('/').nth(1).unwrap_or_default());
    let response = json!({ "@type": "type.googleapis.com/google.protobuf.Empty" });
    Ok(begin(ctx, &number, response, done))
}
