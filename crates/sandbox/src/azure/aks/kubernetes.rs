//! AKS clusters as the Kubernetes API sees them: which there are, and the nodes of their agent pools. A Service of type
//! LoadBalancer gets an address; the rule for it in the cluster's own load balancer is not kept.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::context::text;
use super::super::item::{Item, SCOPE};
use crate::core::Frame;
use crate::kubernetes::clusters::{Address, Exposed, Found, Machine, Source};

/// The clusters of Azure.
#[derive(Debug)]
pub(crate) struct Clusters;

/// What stands before the name in a cluster's id.
const TYPE: &str = "/providers/microsoft.containerservice/managedclusters/";

/// Items that are clusters, with their own ids.
fn items(frame: &Frame<'_>) -> Vec<crate::world::Stored<Item>> {
    let all = frame.tx.list::<Item>(SCOPE);
    all.into_iter()
        .filter(|item| {
            item.id
                .split_once(TYPE)
                .is_some_and(|(_, name)| !name.contains('/'))
        })
        .collect()
}

impl Source for Clusters {
    fn clusters(&self, frame: &Frame<'_>) -> Vec<Found> {
        items(frame)
            .iter()
            .map(|item| {
                let doc = item.at(frame.now);
                let creating = item
                    .busy(frame.now)
                    .is_some_and(|busy| busy.verb == "Creating");
                Found {
                    cloud: "azure",
                    location: text(doc, "/location").to_owned(),
                    name: text(doc, "/name").to_owned(),
                    uid: text(&item.hidden, "/uid").to_owned(),
                    version: text(doc, "/properties/currentKubernetesVersion").to_owned(),
                    ready: !creating && !item.deleting(),
                }
            })
            .collect()
    }

    fn machines(&self, frame: &Frame<'_>, cluster: &Found) -> Vec<Machine> {
        let found = items(frame)
            .into_iter()
            .find(|item| text(&item.hidden, "/uid") == cluster.uid);
        let Some(owner) = found else {
            return Vec::new();
        };
        let prefix = format!("{}/agentpools/", owner.id);
        let pools = frame.tx.range::<Item>(SCOPE, &prefix, None, usize::MAX);
        let mut found = Vec::new();
        for pool in pools {
            let creating = pool
                .busy(frame.now)
                .is_some_and(|busy| busy.verb == "Creating");
            if creating || pool.deleting() {
                continue;
            }
            let doc = pool.at(frame.now);
            let count = doc["properties"]["count"].as_u64().unwrap_or(1);
            for index in 0..count {
                found.push(machine(cluster, doc, index));
            }
        }
        found
    }

    fn expose<'a>(
        &self,
        frame: Frame<'a>,
        _: &Found,
        service: &Exposed,
    ) -> (Frame<'a>, Result<Address, String>) {
        let address = match &service.address {
            Some(address) => address.clone(),
            None => {
                let digest = Sha256::digest(service.uid.as_bytes());
                format!("20.{}.{}.{}", digest[0], digest[1], digest[2].max(1))
            }
        };
        (frame, Ok(Address::Ip(address)))
    }

    fn withdraw<'a>(&self, frame: Frame<'a>, _: &Found, _: &Exposed) -> Frame<'a> {
        frame
    }
}

fn machine(cluster: &Found, pool: &Value, index: u64) -> Machine {
    let name = text(pool, "/name");
    let properties = &pool["properties"];
    let digest = Sha256::digest(format!("{}/{name}/{index}", cluster.uid).as_bytes());
    let hash = u32::from_be_bytes([0, digest[4], digest[5], digest[6]]);
    let zones = properties["availabilityZones"].as_array();
    let zone = zones
        .filter(|zones| !zones.is_empty())
        .and_then(|zones| zones[usize::try_from(index).unwrap_or(0) % zones.len()].as_str())
        .map_or_else(
            || "0".to_owned(),
            |zone| format!("{}-{zone}", cluster.location),
        );
    let mut labels: BTreeMap<String, String> = properties["nodeLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let mode = match text(properties, "/mode") {
        "" => "user".to_owned(),
        mode => mode.to_lowercase(),
    };
    for (key, value) in [
        ("kubernetes.azure.com/agentpool", name),
        ("agentpool", name),
        ("kubernetes.azure.com/mode", &mode),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    // `key=value:Effect`.
    let taints = properties["nodeTaints"].as_array().into_iter().flatten();
    let taints = taints.filter_map(|taint| {
        let (pair, effect) = taint.as_str()?.rsplit_once(':')?;
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((key.to_owned(), value.to_owned(), effect.to_owned()))
    });
    let kind = text(properties, "/vmSize");
    let node = format!("aks-{name}-{hash}-vmss{index:06}");
    Machine {
        provider_id: format!(
            "azure:///virtualMachineScaleSets/aks-{name}-{hash}-vmss/virtualMachines/{index}"
        ),
        address: format!("10.224.{}.{}", digest[0], digest[1].max(4)),
        zone,
        region: cluster.location.clone(),
        machine_type: kind.to_owned(),
        labels,
        taints: taints.collect(),
        size: size(kind),
        max_pods: properties["maxPods"].as_u64().unwrap_or(110),
        name: node,
    }
}

/// Millicores and MiB of a size, by its name: `Standard_D4s_v5` has four cores.
fn size(kind: &str) -> (u64, u64) {
    let family = kind.trim_start_matches("Standard_");
    let digits: String = family
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    let cores = digits.parse::<u64>().unwrap_or(2).max(1);
    let per_core = match family.chars().next() {
        Some('E') => 8192,
        Some('F') => 2048,
        _ => 4096,
    };
    (cores * 1000, cores * per_core)
}
