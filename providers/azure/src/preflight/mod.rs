//! What can be known before the first call to be going to fail, for few calls: regions that there are not, ranges of addresses, sizes of
//! machines, versions of Kubernetes, names that are taken, room in quotas, what one may not do. A check that cannot be made finds nothing: the
//! call itself will tell.

mod databases;
mod machines;
mod names;
mod networks;
mod permissions;
mod places;

use crate::client::{Client, Request};
use crate::managed::{place, text};
use crate::network::VERSION as NETWORK;
use infra_cloud::preflight::{Usage, full, of_type};
use infra_model::CallContext;
use infra_model::provider::{Finding, PreflightItem};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Everything that is found.
pub(crate) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[PreflightItem],
) -> Vec<Finding> {
    let new: Vec<&PreflightItem> = items.iter().filter(|i| i.creates).collect();
    let all: Vec<&PreflightItem> = items.iter().collect();
    let (places, permissions, networks, machines, databases, names, addresses) = futures::join!(
        places::check(client, context, &new),
        permissions::check(client, context, &new),
        networks::check(client, context, &all),
        machines::check(client, context, &new),
        databases::check(client, context, &new),
        names::check(client, context, &new),
        addresses(client, context, &new),
    );
    [
        places,
        permissions,
        networks,
        machines,
        databases,
        names,
        addresses,
    ]
    .concat()
}

/// Where something will be, as Azure calls it.
fn location(item: &PreflightItem) -> Option<String> {
    text(&item.planned, "location").map(|said| place(&said))
}

/// The limits of a region by their names, in lower case; none when they are not told.
async fn usages(
    client: &Client,
    context: &CallContext,
    (namespace, version): (&str, &'static str),
    location: &str,
) -> Option<BTreeMap<String, Usage>> {
    let path = format!(
        "{}/providers/{namespace}/locations/{location}/usages",
        client.subscription()
    );
    let of = format!("{namespace}/locations/usages");
    let request = Request::get(of, version, path).unregistered();
    let rows = client.list(context, request).await.ok()?;
    let usage = |row: Json| {
        let name = row["name"]["value"].as_str()?.to_ascii_lowercase();
        let shown = row["name"]["localizedValue"].as_str().unwrap_or(&name);
        let usage = Usage {
            used: row["currentValue"].as_u64()?,
            limit: row["limit"].as_u64()?,
            shown: shown.to_owned(),
        };
        Some((name, usage))
    };
    Some(rows.into_iter().filter_map(usage).collect())
}

/// Public addresses for which a region has no room.
async fn addresses(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let mut regions: BTreeMap<String, Vec<&PreflightItem>> = BTreeMap::new();
    for item in of_type(items, "azurerm_public_ip") {
        if let Some(location) = location(item) {
            regions.entry(location).or_default().push(item);
        }
    }
    let asked = regions.into_iter().map(|(location, new)| async move {
        let network = ("Microsoft.Network", NETWORK);
        let usages = usages(client, context, network, &location).await?;
        full(
            &new,
            "location",
            &location,
            usages.get("publicipaddresses")?,
        )
    });
    let found = futures::future::join_all(asked).await;
    found.into_iter().flatten().collect()
}
