//! Network endpoint groups: zonal ones with endpoints, regional ones that name a service, global ones for the internet.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::kind::{Kind, Subject, to};
use super::{engine, filter};
use crate::http::HttpReply;

pub(crate) const ZONAL: Kind = Kind {
    resource: "networkEndpointGroups",
    collection: "networkEndpointGroups",
    word: "networkEndpointGroup",
    terraform: |_| "google_compute_network_endpoint_group",
    references: &[
        to("network", &["networks"]),
        to("subnetwork", &["subnetworks"]),
    ],
    quota: Some(("NETWORK_ENDPOINT_GROUPS", 100)),
    prepare,
    view,
    ..Kind::BASE
};

pub(crate) const REGIONAL: Kind = Kind {
    resource: "regionNetworkEndpointGroups",
    terraform: |_| "google_compute_region_network_endpoint_group",
    ..ZONAL
};

pub(crate) const GLOBAL: Kind = Kind {
    resource: "globalNetworkEndpointGroups",
    terraform: |_| "google_compute_global_network_endpoint_group",
    ..ZONAL
};

fn prepare(
    _: &mut Ctx<'_>,
    subject: &Subject<'_>,
    doc: &mut Map<String, Value>,
) -> GoogleResult<()> {
    let place = subject.place.word();
    default(
        doc,
        "networkEndpointType",
        match place {
            "zone" => "GCE_VM_IP_PORT",
            "region" => "SERVERLESS",
            _ => "INTERNET_FQDN_PORT",
        },
    );
    let kind = doc["networkEndpointType"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let allowed: &[&str] = match place {
        "zone" => &["GCE_VM_IP", "GCE_VM_IP_PORT", "NON_GCP_PRIVATE_IP_PORT"],
        "region" => &[
            "SERVERLESS",
            "PRIVATE_SERVICE_CONNECT",
            "INTERNET_IP_PORT",
            "INTERNET_FQDN_PORT",
            "GCE_VM_IP_PORTMAP",
        ],
        _ => &["INTERNET_IP_PORT", "INTERNET_FQDN_PORT"],
    };
    if !allowed.contains(&kind.as_str()) {
        let why = format!(
            "A group of this place can be one of {}.",
            allowed.join(", ")
        );
        return Err(GoogleError::field(
            "resource.networkEndpointType",
            &kind,
            &why,
        ));
    }
    let services = ["cloudRun", "appEngine", "cloudFunction"];
    let named = services
        .iter()
        .filter(|name| doc.contains_key(**name))
        .count();
    match kind.as_str() {
        "SERVERLESS" if named != 1 => {
            let message = "Invalid value for field 'resource': exactly one of cloudRun, appEngine and cloudFunction must be given.";
            return Err(GoogleError::invalid(message));
        }
        "SERVERLESS" => {}
        _ if named > 0 => {
            let message = "Invalid value for field 'resource': cloudRun, appEngine and cloudFunction are for SERVERLESS groups.";
            return Err(GoogleError::invalid(message));
        }
        "PRIVATE_SERVICE_CONNECT" if !doc.contains_key("pscTargetService") => {
            return Err(GoogleError::required("resource.pscTargetService"));
        }
        _ if place == "zone" && !doc.contains_key("network") => {
            return Err(GoogleError::required("resource.network"));
        }
        _ => {}
    }
    Ok(())
}

fn endpoints(item: &Item) -> Vec<Value> {
    item.hidden["endpoints"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn view(_: &Ctx<'_>, item: &Item, doc: &mut Map<String, Value>) {
    doc.insert("size".into(), endpoints(item).len().into());
}

/// `attachNetworkEndpoints` and `detachNetworkEndpoints`.
pub(crate) fn change(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if let Some(reply) = engine::seen(ctx, input)? {
        return Ok(reply);
    }
    let mut item = engine::find_idle(ctx, kind, input)?;
    let mut list = endpoints(&item);
    let attach = input.method.verb == "attachNetworkEndpoints";
    for endpoint in input.body["networkEndpoints"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let mut endpoint = endpoint.clone();
        if endpoint.get("port").is_none() && !item.doc["defaultPort"].is_null() {
            endpoint["port"] = item.doc["defaultPort"].clone();
        }
        if text(&endpoint, "/ipAddress").is_empty()
            && text(&endpoint, "/instance").is_empty()
            && text(&endpoint, "/fqdn").is_empty()
        {
            return Err(GoogleError::required("networkEndpoints[0].ipAddress"));
        }
        let known = list.contains(&endpoint);
        if attach && !known {
            list.push(endpoint);
        } else if !attach && !known {
            let message = format!("The network endpoint {endpoint} is not in the group.");
            return Err(GoogleError::invalid(message));
        } else if !attach {
            list.retain(|one| *one != endpoint);
        }
    }
    item.hidden["endpoints"] = list.into();
    let place = engine::place(input)?;
    let done = ctx.due(kind.work);
    let (id, target) = (item.id.clone(), text(&item.doc, "/id").to_owned());
    if !ctx.fails() {
        ctx.keep(&kind.table(), item);
    }
    Ok(engine::begin(
        ctx,
        input,
        &place,
        input.method.verb,
        (&id, &target),
        done,
    ))
}

/// `listNetworkEndpoints`.
pub(crate) fn list(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let item = engine::find(ctx, kind, input)?;
    let rows = endpoints(&item)
        .into_iter()
        .map(|endpoint| json!({ "networkEndpoint": endpoint }))
        .collect();
    let answer = json!({
        "kind": "compute#networkEndpointGroupsListNetworkEndpoints",
        "id": format!("{}/listNetworkEndpoints", item.id),
        "items": [],
    });
    let answer = input.paged(answer, "items", rows, filter::size(input)?)?;
    Ok(HttpReply::json(200, &answer))
}
