//! GKE clusters as the Kubernetes API sees them: which there are, their nodes, and the forwarding rules, target pools
//! and firewall rules that their controllers make of Services.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::compute;
use super::super::compute::kind::table;
use super::super::compute::reference::PREFIX;
use super::super::context::{Ctx, pacific, text};
use super::super::item::{Item, short};
use super::super::places;
use super::super::secrets;
use super::cluster::CLUSTERS;
use super::pool::POOLS;
use crate::core::Frame;
use crate::kubernetes::clusters::{self, Address, Exposed, Found, Machine, Pushed, Source};
use crate::latency::Work;

/// The clusters of Google Cloud.
#[derive(Debug)]
pub(crate) struct Clusters;

/// Where the API of a cluster is.
pub(super) fn address_of(ctx: &Ctx<'_>, id: &str) -> String {
    let location = id.split('/').nth(3).unwrap_or_default();
    clusters::address(&ctx.frame.tx, "google", location, short(id))
}

/// The full name of a cluster.
fn id_of(frame: &Frame<'_>, cluster: &Found) -> Option<String> {
    let all = frame.tx.range::<Item>(CLUSTERS, "", None, usize::MAX);
    all.iter()
        .find(|item| text(&item.doc, "/id") == cluster.uid)
        .map(|item| item.id.clone())
}

impl Source for Clusters {
    fn clusters(&self, frame: &Frame<'_>) -> Vec<Found> {
        let all = frame.tx.range::<Item>(CLUSTERS, "", None, usize::MAX);
        all.iter()
            .map(|item| Found {
                cloud: "google",
                location: item.id.split('/').nth(3).unwrap_or_default().to_owned(),
                name: item.short().to_owned(),
                uid: text(&item.doc, "/id").to_owned(),
                version: text(item.at(frame.now), "/currentMasterVersion").to_owned(),
                ready: item.ready_at <= frame.now
                    && item.hidden["failed"] != true
                    && !item.deleting,
                since: item.ready_at,
            })
            .collect()
    }

    fn machines(&self, frame: &Frame<'_>, cluster: &Found) -> Vec<Machine> {
        let Some(id) = id_of(frame, cluster) else {
            return Vec::new();
        };
        let tx = &frame.tx;
        let pools = tx.range::<Item>(POOLS, &format!("{id}/nodePools/"), None, usize::MAX);
        let mut found = Vec::new();
        for pool in pools {
            if pool.ready_at > frame.now || pool.deleting || pool.hidden["failed"] == true {
                continue;
            }
            let doc = pool.at(frame.now);
            let groups = doc["instanceGroupUrls"].as_array().into_iter().flatten();
            for manager in groups.filter_map(Value::as_str) {
                let prefix = manager
                    .trim_start_matches(PREFIX)
                    .replace("/instanceGroupManagers/", "/instances/");
                let prefix = format!("{prefix}-");
                let instances = tx.range::<Item>(&table("instances"), &prefix, None, usize::MAX);
                for instance in instances.iter().filter(|one| !one.deleting) {
                    found.push(machine(&instance.id, pool.short(), doc));
                }
            }
        }
        found
    }

    fn expose<'a>(
        &self,
        frame: Frame<'a>,
        cluster: &Found,
        service: &Exposed,
    ) -> (Frame<'a>, Result<Address, String>) {
        let now = frame.now;
        let mut ctx = Ctx { frame, now };
        let result = make(&mut ctx, cluster, service);
        (ctx.frame, result)
    }

    fn withdraw<'a>(&self, frame: Frame<'a>, cluster: &Found, service: &Exposed) -> Frame<'a> {
        let now = frame.now;
        let mut ctx = Ctx { frame, now };
        if let Some(names) = Names::of(&ctx, cluster, service) {
            let done = ctx.due(Work::ComputeSlow);
            for (collection, id) in names.all() {
                if let Some(item) = ctx.get(&table(collection), &id) {
                    let mut item = item.edit();
                    item.gone_at = Some(done);
                    item.deleting = true;
                    ctx.keep(&table(collection), item);
                }
            }
        }
        ctx.frame
    }

    fn push<'a>(&self, frame: Frame<'a>, secret: &Pushed) -> (Frame<'a>, Result<(), String>) {
        let now = frame.now;
        let mut ctx = Ctx { frame, now };
        let result = secrets::push(&mut ctx, secret);
        (ctx.frame, result)
    }
}

fn machine(id: &str, pool: &str, doc: &Value) -> Machine {
    let zone = id.split('/').nth(3).unwrap_or_default().to_owned();
    let project = id.split('/').nth(1).unwrap_or_default();
    let config = &doc["config"];
    let kind = match text(config, "/machineType") {
        "" => "e2-medium",
        kind => kind,
    };
    let mut labels: BTreeMap<String, String> = config["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    labels.insert("cloud.google.com/gke-nodepool".to_owned(), pool.to_owned());
    let taints = config["taints"].as_array().into_iter().flatten();
    let taints = taints.map(|taint| {
        let effect = match text(taint, "/effect") {
            "NO_SCHEDULE" => "NoSchedule",
            "NO_EXECUTE" => "NoExecute",
            _ => "PreferNoSchedule",
        };
        (
            text(taint, "/key").to_owned(),
            text(taint, "/value").to_owned(),
            effect.to_owned(),
        )
    });
    let digits = crate::token::fingerprint(id);
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_default();
    Machine {
        name: short(id).to_owned(),
        provider_id: format!("gce://{project}/{zone}/{}", short(id)),
        address: format!("10.128.{}.{}", byte(0), byte(2).max(2)),
        region: places::region_of(&zone).unwrap_or_default().to_owned(),
        zone,
        machine_type: kind.to_owned(),
        labels,
        taints: taints.collect(),
        size: size(kind),
        max_pods: doc["maxPodsConstraint"]["maxPodsPerNode"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or(110),
    }
}

/// Millicores and MiB of a machine type, by its name.
fn size(kind: &str) -> (u64, u64) {
    let mut parts = kind.split('-');
    let (family, word) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let count = parts.next().and_then(|text| text.parse::<u64>().ok());
    match (word, count) {
        ("micro" | "small" | "medium", _) if family == "e2" => (2000, 4096),
        ("highmem", Some(count)) => (count * 1000, count * 8192),
        ("highcpu", Some(count)) => (count * 1000, count * 1024),
        (_, Some(count)) => (count * 1000, count * 4096),
        _ => (2000, 4096),
    }
}

/// What belongs to a Service.
struct Names {
    project: String,
    region: String,
    network: String,
    cluster: String,
    name: String,
}

impl Names {
    fn of(ctx: &Ctx<'_>, cluster: &Found, service: &Exposed) -> Option<Self> {
        let id = id_of(&ctx.frame, cluster)?;
        let item = ctx.get(CLUSTERS, &id)?;
        Some(Self {
            project: id.split('/').nth(1).unwrap_or_default().to_owned(),
            region: places::region_of(&cluster.location)
                .unwrap_or_default()
                .to_owned(),
            network: item.links.first().cloned().unwrap_or_default(),
            cluster: id,
            name: service.cloud_name(),
        })
    }

    fn regional(&self, collection: &str) -> String {
        format!(
            "projects/{}/regions/{}/{collection}/{}",
            self.project, self.region, self.name
        )
    }

    fn firewall(&self) -> String {
        format!(
            "projects/{}/global/firewalls/k8s-fw-{}",
            self.project, self.name
        )
    }

    fn all(&self) -> [(&'static str, String); 3] {
        [
            ("forwardingRules", self.regional("forwardingRules")),
            ("targetPools", self.regional("targetPools")),
            ("firewalls", self.firewall()),
        ]
    }
}

fn make(ctx: &mut Ctx<'_>, cluster: &Found, service: &Exposed) -> Result<Address, String> {
    let names = Names::of(ctx, cluster, service).ok_or("the cluster has gone")?;
    let rule = names.regional("forwardingRules");
    let ports: Vec<String> = service
        .ports
        .iter()
        .map(|(port, ..)| port.to_string())
        .collect();
    let said =
        json!({ "kubernetes.io/service-name": format!("{}/{}", service.namespace, service.name) });
    let protocol = service
        .ports
        .first()
        .map_or("TCP", |(_, _, protocol)| protocol);
    let sources = if service.sources.is_empty() {
        vec!["0.0.0.0/0".to_owned()]
    } else {
        service.sources.clone()
    };
    let wall = json!({
        "kind": "compute#firewall", "name": short(&names.firewall()), "description": said.to_string(),
        "network": format!("{PREFIX}{}", names.network), "selfLink": format!("{PREFIX}{}", names.firewall()),
        "direction": "INGRESS", "priority": 1000, "disabled": false, "logConfig": { "enable": false },
        "allowed": [{ "IPProtocol": protocol.to_lowercase(), "ports": ports }], "sourceRanges": sources,
    });
    if let Some(old) = ctx
        .get(&table("forwardingRules"), &rule)
        .filter(|old| !old.deleting)
    {
        let address = text(&old.doc, "/IPAddress").to_owned();
        if let Some(old) = ctx.get(&table("firewalls"), &names.firewall()) {
            let mut item = old.edit();
            for member in ["allowed", "sourceRanges"] {
                item.doc[member] = wall[member].clone();
            }
            ctx.keep(&table("firewalls"), item);
        }
        return Ok(Address::Ip(address));
    }
    let address = match &service.address {
        Some(address) => address.clone(),
        None => compute::address::external(ctx),
    };
    let numbers = || service.ports.iter().map(|(port, ..)| *port);
    let (from, to) = (numbers().min(), numbers().max());
    let pool = names.regional("targetPools");
    let region = format!(
        "{PREFIX}projects/{}/regions/{}",
        names.project, names.region
    );
    let documents = [
        (
            "targetPools",
            pool.clone(),
            "google_compute_target_pool",
            names.region.clone(),
            Vec::new(),
            json!({
                "kind": "compute#targetPool", "name": names.name, "description": said.to_string(), "region": region,
                "selfLink": format!("{PREFIX}{pool}"), "sessionAffinity": "NONE",
            }),
        ),
        (
            "forwardingRules",
            rule.clone(),
            "google_compute_forwarding_rule",
            names.region.clone(),
            vec![pool.clone(), names.network.clone()],
            json!({
                "kind": "compute#forwardingRule", "name": names.name, "description": said.to_string(), "region": region,
                "selfLink": format!("{PREFIX}{rule}"), "IPAddress": address, "IPProtocol": protocol,
                "portRange": format!("{}-{}", from.unwrap_or(1), to.unwrap_or(65_535)),
                "loadBalancingScheme": "EXTERNAL", "networkTier": "PREMIUM", "target": format!("{PREFIX}{pool}"),
            }),
        ),
        (
            "firewalls",
            names.firewall(),
            "google_compute_firewall",
            String::new(),
            vec![names.network.clone()],
            wall,
        ),
    ];
    for (collection, id, kind, region, links, mut doc) in documents {
        doc["id"] = ctx.number().into();
        doc["creationTimestamp"] = pacific(ctx.now).into();
        let mut item = Item::new(id, doc);
        item.links = links;
        item.list_as(kind, &region, Some(names.cluster.clone()));
        ctx.put(&table(collection), item, None);
    }
    Ok(Address::Ip(address))
}
