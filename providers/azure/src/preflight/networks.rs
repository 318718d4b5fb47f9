//! Ranges of addresses: subnets outside their virtual network, or in each other's. Ids are known while planning, so that a subnet is held
//! against the network of the same plan too.

use crate::api::{Api, parent, short};
use crate::client::{Client, Request};
use crate::kind::Kind;
use crate::managed::text;
use crate::network::{VERSION, subnet::Subnet, virtual_network::VirtualNetwork};
use crate::tags::{self, MARKS};
use futures::future::join_all;
use infra_cloud::preflight::{Range, doubtful, of_type, overlap, overlapping, refused, texts};
use infra_model::path::Step;
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path, Value};
use ipnet::IpNet;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a virtual network.
#[derive(Default)]
struct Network<'a> {
    /// Its id as it is written.
    id: String,
    /// As it is planned, where this plan makes or changes it.
    planned: Option<&'a PreflightItem>,
    subnets: Vec<Range<'a>>,
    /// Ids, in lower case, of subnets that this plan makes or changes.
    own: BTreeSet<String>,
}

/// What stands in Azure of a network.
struct Standing {
    ranges: Vec<IpNet>,
    /// Subnets: id, range.
    subnets: Vec<(String, IpNet)>,
    /// Whether a stack made it, which may be about to take subnets away.
    managed: bool,
}

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let networks = networks(client, items);
    let asked = networks.values().map(|network| async move {
        let replaced = network.planned.is_some_and(|item| item.creates);
        let standing = if replaced || network.subnets.is_empty() {
            None
        } else {
            standing(client, context, &network.id).await
        };
        found(network, standing.as_ref())
    });
    join_all(asked).await.concat()
}

/// The networks of a plan by their ids in lower case, with the subnets that are planned in each.
fn networks<'a>(client: &Client, items: &[&'a PreflightItem]) -> BTreeMap<String, Network<'a>> {
    let subscription = client.config().subscription();
    let id = |api: &Api, item: &PreflightItem| {
        text(&item.planned, "id").or_else(|| api.id_of(&item.planned, subscription).ok())
    };
    let mut all: BTreeMap<String, Network<'a>> = BTreeMap::new();
    for item in of_type(items, "azurerm_virtual_network") {
        let Some(id) = id(&VirtualNetwork::API, item) else {
            continue;
        };
        let network = all.entry(id.to_ascii_lowercase()).or_default();
        let blocks = item.planned.get("subnet").and_then(Value::elements);
        for (at, block) in blocks.unwrap_or_default().iter().enumerate() {
            let of = |n: usize| {
                Path(vec![
                    Step::Attribute("subnet".into()),
                    Step::Index(at),
                    Step::Attribute("address_prefixes".into()),
                    Step::Index(n),
                ])
            };
            if let Some(name) = text(block, "name") {
                let own = format!("{id}/subnets/{name}");
                network.own.insert(own.to_ascii_lowercase());
            }
            network.subnets.extend(ranges(item, block, of));
        }
        network.planned = Some(item);
        network.id = id;
    }
    for item in of_type(items, "azurerm_subnet") {
        let Some(id) = id(&Subnet::API, item) else {
            continue;
        };
        let of = |n: usize| {
            Path(vec![
                Step::Attribute("address_prefixes".into()),
                Step::Index(n),
            ])
        };
        let whole = parent(&id).to_owned();
        let network = all.entry(whole.to_ascii_lowercase()).or_default();
        network.own.insert(id.to_ascii_lowercase());
        network.subnets.extend(ranges(item, &item.planned, of));
        if network.id.is_empty() {
            network.id = whole;
        }
    }
    all
}

/// The ranges that a subnet says.
fn ranges<'a>(
    item: &'a PreflightItem,
    value: &Value,
    at: impl Fn(usize) -> Path,
) -> Vec<Range<'a>> {
    let said = texts(value, "address_prefixes").unwrap_or_default();
    let each = said.iter().enumerate();
    each.filter_map(|(n, text)| Range::of(item, at(n), text))
        .collect()
}

fn nets<'j>(list: &'j Json) -> impl Iterator<Item = IpNet> + use<'j> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(|text| text.as_str()?.parse().ok())
}

/// What is there of a network by now.
async fn standing(client: &Client, context: &CallContext, id: &str) -> Option<Standing> {
    let request = Request::get(VirtualNetwork::API.name, VERSION, id).unregistered();
    let found = client.call(context, &request).await.ok()?;
    let properties = &found["properties"];
    let mut subnets = Vec::new();
    for subnet in properties["subnets"].as_array().into_iter().flatten() {
        let id = subnet["id"].as_str().unwrap_or_default();
        let own = &subnet["properties"];
        let one = own["addressPrefix"].as_str().and_then(|t| t.parse().ok());
        for net in nets(&own["addressPrefixes"]).chain(one) {
            subnets.push((id.to_owned(), net));
        }
    }
    Some(Standing {
        ranges: nets(&properties["addressSpace"]["addressPrefixes"]).collect(),
        subnets,
        managed: tags::at(&found, "tags").contains_key(MARKS.operation),
    })
}

/// What cannot be in a network.
fn found(network: &Network<'_>, standing: Option<&Standing>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (subnet, other) in overlapping(&network.subnets) {
        let message = format!(
            "{} has addresses of {}, which is {}",
            subnet.net, other.item.address, other.net
        );
        findings.push(refused(subnet.item, subnet.attribute.clone(), message));
    }
    let space = match network.planned {
        Some(item) => {
            let said = texts(&item.planned, "address_space").unwrap_or_default();
            let space: Vec<IpNet> = said.iter().filter_map(|text| text.parse().ok()).collect();
            // One that is not known yet may be theirs.
            if space.len() == count(&item.planned) {
                space
            } else {
                Vec::new()
            }
        }
        None => standing.map(|s| s.ranges.clone()).unwrap_or_default(),
    };
    for subnet in &network.subnets {
        if !space.is_empty() && !space.iter().any(|range| range.contains(&subnet.net)) {
            let listed: Vec<String> = space.iter().map(ToString::to_string).collect();
            let message = format!(
                "{} is not within the virtual network `{}`, which has {}",
                subnet.net,
                short(&network.id),
                listed.join(", ")
            );
            findings.push(refused(subnet.item, subnet.attribute.clone(), message));
        }
        let Some(standing) = standing else {
            continue;
        };
        let mut others = standing.subnets.iter().filter(|(id, net)| {
            !network.own.contains(&id.to_ascii_lowercase()) && overlap(net, &subnet.net)
        });
        if let Some((id, net)) = others.next() {
            let message = format!(
                "{} has addresses of the subnet `{}`, which is {net}",
                subnet.net,
                short(id)
            );
            let at = subnet.attribute.clone();
            // What a stack made may be about to go.
            findings.push(if standing.managed {
                doubtful(subnet.item, at, message)
            } else {
                refused(subnet.item, at, message)
            });
        }
    }
    findings
}

/// How many ranges a network says, known or not; more than any where that is unknown itself.
fn count(planned: &Value) -> usize {
    let said = planned.get("address_space").and_then(Value::elements);
    said.map_or(usize::MAX, <[Value]>::len)
}
