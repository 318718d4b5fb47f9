//! Compute Engine.

pub(crate) mod address;
pub(crate) mod backend_service;
pub(crate) mod certificate;
pub(crate) mod connection_proxy;
pub(crate) mod endpoint_group;
pub(crate) mod firewall;
pub(crate) mod forwarding_rule;
pub(crate) mod health_check;
pub(crate) mod instance_group;
pub(crate) mod named_port;
pub(crate) mod network;
pub(crate) mod router;
pub(crate) mod router_nat;
pub(crate) mod security_policy;
pub(crate) mod ssl_policy;
pub(crate) mod subnetwork;
pub(crate) mod target_proxy;
pub(crate) mod url_map;

use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::client::{Client, Request};
use crate::family::COMPUTE;
use crate::kind::Kind;
use crate::managed::run;
use infra_model::{CallContext, Operation, ProviderError};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};

/// A collection of Compute.
const fn api(name: &'static str, collection: &'static str, update: Update) -> Api {
    Api {
        service: COMPUTE,
        name,
        collection,
        key: "name",
        create: Create::Insert,
        update,
        items: "items",
        operations: Operations::Compute,
        labels: Labelled::No,
    }
}

/// The same, with labels.
const fn labelled(api: Api) -> Api {
    Api {
        labels: Labelled::BySetLabels,
        ..api
    }
}

/// One of Compute's calls that change one thing: `…/setTarget`. Setting it twice is setting it once.
async fn set<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    verb: &str,
    body: Json,
) -> Result<(), ProviderError> {
    let request = Request::send(
        COMPUTE,
        format!("{}.{verb}", K::API.name),
        Method::POST,
        format!("{id}/{verb}"),
        body,
    )
    .query("requestId", operation.token.derived(verb).as_uuid());
    run::<K>(client, context, operation, id, request)
        .await
        .map(|_| ())
}

/// Says in a block of logs that they are on: Google's blocks have a field for it.
fn say_enabled(body: &mut Map<String, Json>) {
    match body.get_mut("logConfig") {
        Some(Json::Object(logs)) => {
            logs.entry("enable".to_owned()).or_insert(Json::Bool(true));
        }
        Some(off @ Json::Null) => *off = json!({ "enable": false }),
        _ => {}
    }
}

/// Takes away a block of logs that are off: Google shows it also where nobody asked for logs.
fn hide_disabled_logs(found: &mut Json) {
    if found["logConfig"]["enable"] != Json::Bool(true)
        && let Some(found) = found.as_object_mut()
    {
        found.remove("logConfig");
    }
}
