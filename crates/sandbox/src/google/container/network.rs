//! The network of a cluster: where its nodes, pods and services have their addresses.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde_json::{Map, Value, json};

use super::super::compute::kind::table;
use super::super::compute::reference::{PREFIX, path_of};
use super::super::compute::subnetwork::{overlap, ranges};
use super::super::context::{Ctx, default, text};
use super::super::error::GoogleResult;
use super::super::item::{Item, short};
use super::super::places;
use super::bad;

/// Where a cluster is.
#[derive(Debug, Clone)]
pub(super) struct Network {
    /// Full names.
    pub(super) network: String,
    pub(super) subnetwork: String,
    /// Names of the secondary ranges that it uses.
    pub(super) ranges: Vec<String>,
}

impl Network {
    /// What a cluster refers to.
    pub(super) fn links(&self) -> Vec<String> {
        let ranges = self
            .ranges
            .iter()
            .map(|name| format!("{}#{name}", self.subnetwork));
        [self.network.clone(), self.subnetwork.clone()]
            .into_iter()
            .chain(ranges)
            .collect()
    }
}

/// Finds network and subnetwork, and gives pods and services their ranges.
pub(super) fn settle(
    ctx: &mut Ctx<'_>,
    id: &str,
    cluster: &mut Map<String, Value>,
) -> GoogleResult<Network> {
    let mut parts = id.split('/');
    let (project, location) = (
        parts.nth(1).unwrap_or_default().to_owned(),
        parts.nth(1).unwrap_or_default().to_owned(),
    );
    let region = places::region_of(&location).unwrap_or_default();
    let whole = Value::Object(cluster.clone());
    let named = |field: &str, collection: &str| {
        let wanted = text(&whole, field);
        path_of(ctx, wanted, &project).unwrap_or_else(|| format!("{collection}/{wanted}"))
    };
    let network = match text(&whole, "/network") {
        "" => format!("projects/{project}/global/networks/default"),
        _ => named("/network", &format!("projects/{project}/global/networks")),
    };
    let Some(found) = ctx.get(&table("networks"), &network) else {
        let name = short(&network);
        return Err(bad(format!(
            "Project \"{project}\" has no network named \"{name}\"."
        )));
    };
    if found.ready_at > ctx.now || found.deleting {
        return Err(bad(format!(
            "Network \"{}\" is not ready.",
            short(&network)
        )));
    }
    let automatic = found.at(ctx.now)["autoCreateSubnetworks"] == true;
    let prefix = format!("projects/{project}/regions/{region}/subnetworks");
    let subnetwork = match text(&whole, "/subnetwork") {
        "" if automatic => format!("{prefix}/{}", short(&network)),
        "" => {
            let name = short(&network);
            return Err(bad(format!(
                "Network \"{name}\" requires specifying a subnetwork."
            )));
        }
        _ => named("/subnetwork", &prefix),
    };
    let Some(subnet) = ctx.get(&table("subnetworks"), &subnetwork) else {
        let name = short(&subnetwork);
        return Err(bad(format!(
            "Subnetwork \"{name}\" does not exist in region \"{region}\"."
        )));
    };
    let belongs = text(subnet.at(ctx.now), "/network").trim_start_matches(PREFIX) == network;
    if !belongs || subnetwork.split('/').nth(3) != Some(region) {
        let (name, network) = (short(&subnetwork), short(&network));
        return Err(bad(format!(
            "Subnetwork \"{name}\" is not in network \"{network}\" and region \"{region}\"."
        )));
    }
    if subnet.ready_at > ctx.now || subnet.deleting {
        return Err(bad(format!(
            "Subnetwork \"{}\" is not ready.",
            short(&subnetwork)
        )));
    }
    let mut settled = Network {
        network,
        subnetwork,
        ranges: Vec::new(),
    };
    allocate(ctx, id, cluster, &mut settled)?;
    private_master(ctx, cluster, &settled)?;
    cluster.insert("network".into(), short(&settled.network).into());
    cluster.insert("subnetwork".into(), short(&settled.subnetwork).into());
    let config = cluster.entry("networkConfig").or_insert_with(|| json!({}));
    config["network"] = settled.network.clone().into();
    config["subnetwork"] = settled.subnetwork.clone().into();
    if let Some(config) = config.as_object_mut() {
        default(config, "serviceExternalIpsConfig", json!({}));
    }
    Ok(settled)
}

/// Secondary ranges of the subnetwork by name.
fn secondary(subnet: &Value, name: &str) -> Option<String> {
    let list = subnet["secondaryIpRanges"].as_array()?;
    let found = list.iter().find(|range| range["rangeName"] == name)?;
    Some(text(found, "/ipCidrRange").to_owned())
}

/// The ranges of pods and services: named ones must be there, others are taken from what is free.
fn allocate(
    ctx: &mut Ctx<'_>,
    id: &str,
    cluster: &mut Map<String, Value>,
    network: &mut Network,
) -> GoogleResult<()> {
    let subnet = ctx
        .get(&table("subnetworks"), &network.subnetwork)
        .map(|item| item.at(ctx.now).clone())
        .unwrap_or_default();
    let name = short(id).to_owned();
    let policy = cluster
        .entry("ipAllocationPolicy")
        .or_insert_with(|| json!({}));
    let whole = policy.clone();
    let Some(policy) = policy.as_object_mut() else {
        return Ok(());
    };
    let mut taken: Vec<Ipv4Net> = ranges(ctx, &network.network, "")
        .into_iter()
        .map(|(net, _)| net)
        .collect();
    let mut block = |field: &str, bits: u8| -> GoogleResult<String> {
        let wanted = text(&whole, field);
        if let Ok(net) = wanted.parse::<Ipv4Net>() {
            if let Some(other) = taken.iter().find(|other| overlap(other, &net)) {
                return Err(bad(format!(
                    "Requested CIDR {net} is not available: it overlaps {other}."
                )));
            }
            taken.push(net);
            return Ok(net.to_string());
        }
        let length = match wanted.strip_prefix('/') {
            Some(length) => length
                .parse()
                .map_err(|_| bad(format!("Invalid CIDR \"{wanted}\".")))?,
            None if wanted.is_empty() => bits,
            None => return Err(bad(format!("Invalid CIDR \"{wanted}\"."))),
        };
        let free = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), 8)
            .ok()
            .and_then(|all| all.subnets(length).ok())
            .and_then(|mut nets| nets.find(|net| !taken.iter().any(|other| overlap(other, net))));
        let net = free.ok_or_else(|| bad(format!("No free CIDR of length /{length}.")))?;
        taken.push(net);
        Ok(net.to_string())
    };
    for (field, range, bits) in [
        ("clusterSecondaryRangeName", "clusterIpv4CidrBlock", 14),
        ("servicesSecondaryRangeName", "servicesIpv4CidrBlock", 20),
    ] {
        let wanted = text(&whole, &format!("/{field}")).to_owned();
        let cidr = if !wanted.is_empty() {
            let cidr = secondary(&subnet, &wanted).ok_or_else(|| {
                let word = if bits == 14 { "Pod" } else { "Services" };
                let subnet = short(&network.subnetwork);
                bad(format!(
                    "{word} secondary range \"{wanted}\" does not exist in subnetwork \"{subnet}\"."
                ))
            })?;
            network.ranges.push(wanted);
            cidr
        } else if bits == 20 && text(&whole, &format!("/{range}")).is_empty() {
            "34.118.224.0/20".to_owned()
        } else {
            let cidr = block(&format!("/{range}"), bits)?;
            if bits == 14 {
                // GKE adds a range of its own to the subnetwork.
                let own = format!("gke-{name}-pods-{}", &crate::token::fingerprint(id)[..8]);
                add_range(ctx, &network.subnetwork, &own, &cidr);
                policy.insert(field.into(), own.clone().into());
                network.ranges.push(own);
            }
            cidr
        };
        policy.insert(range.into(), cidr.clone().into());
        policy.insert(range.trim_end_matches("Block").into(), cidr.into());
    }
    policy.insert("useIpAliases".into(), true.into());
    default(policy, "stackType", "IPV4");
    default(policy, "podCidrOverprovisionConfig", json!({}));
    let (pods, services) = (
        policy["clusterIpv4Cidr"].clone(),
        policy["servicesIpv4Cidr"].clone(),
    );
    cluster.insert("clusterIpv4Cidr".into(), pods);
    cluster.insert("servicesIpv4Cidr".into(), services);
    Ok(())
}

fn add_range(ctx: &mut Ctx<'_>, subnetwork: &str, name: &str, cidr: &str) {
    edit_ranges(ctx, subnetwork, |list| {
        list.push(json!({ "rangeName": name, "ipCidrRange": cidr }));
    });
}

/// Takes the ranges that GKE added for a cluster away again.
pub(super) fn remove_ranges(ctx: &mut Ctx<'_>, cluster: &Item) {
    let subnetwork = text(&cluster.doc, "/networkConfig/subnetwork").to_owned();
    let own = format!(
        "gke-{}-pods-{}",
        cluster.short(),
        &crate::token::fingerprint(&cluster.id)[..8]
    );
    edit_ranges(ctx, &subnetwork, |list| {
        list.retain(|range| range["rangeName"] != own);
    });
}

fn edit_ranges(ctx: &mut Ctx<'_>, subnetwork: &str, edit: impl FnOnce(&mut Vec<Value>)) {
    let Some(item) = ctx.get(&table("subnetworks"), subnetwork) else {
        return;
    };
    let mut item = item.edit();
    item.settle(ctx.now);
    let mut list = item.doc["secondaryIpRanges"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    edit(&mut list);
    if list.is_empty() {
        if let Some(doc) = item.doc.as_object_mut() {
            doc.remove("secondaryIpRanges");
        }
    } else {
        item.doc["secondaryIpRanges"] = list.into();
    }
    let mut print = item.doc.clone();
    print["fingerprint"] = Value::Null;
    item.doc["fingerprint"] = super::super::context::fingerprint(&print).into();
    ctx.keep(&table("subnetworks"), item);
}

/// A private control plane has a range of its own, of 16 addresses.
fn private_master(
    ctx: &Ctx<'_>,
    cluster: &Map<String, Value>,
    network: &Network,
) -> GoogleResult<()> {
    let config = cluster
        .get("privateClusterConfig")
        .cloned()
        .unwrap_or_default();
    let block = text(&config, "/masterIpv4CidrBlock");
    if block.is_empty() {
        return Ok(());
    }
    let net = block
        .parse::<Ipv4Net>()
        .ok()
        .filter(|net| net.prefix_len() == 28);
    let Some(net) = net else {
        return Err(bad(format!(
            "Master CIDR block \"{block}\" must be a /28 range."
        )));
    };
    let all = ranges(ctx, &network.network, "");
    if let Some((other, owner)) = all.iter().find(|(other, _)| overlap(other, &net)) {
        return Err(bad(format!(
            "Master CIDR block {net} overlaps {other} of {owner}."
        )));
    }
    Ok(())
}
