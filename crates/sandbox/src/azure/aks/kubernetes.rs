//! AKS clusters as the Kubernetes API sees them: which there are, their nodes, and the rules, frontends and addresses that
//! their controllers make of Services on the cluster's load balancers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{cluster, managed, pool};
use crate::azure::context::{Ctx, items, set, text};
use crate::azure::id::Id;
use crate::azure::item::{Item, SCOPE};
use crate::azure::{compute, engine, keyvault, network};
use crate::core::Frame;
use crate::kubernetes::clusters::{self, Address, Exposed, Found, Machine, Pushed, Source};
use crate::latency::Work;
use crate::world::Stored;

/// The clusters of Azure.
#[derive(Debug)]
pub(crate) struct Clusters;

/// Where the API of a cluster is.
pub(super) fn address_of(ctx: &Ctx<'_>, doc: &Value) -> String {
    clusters::address(
        &ctx.frame.tx,
        "azure",
        text(doc, "/location"),
        text(doc, "/name"),
    )
}

/// A context for what the cloud does by itself.
fn context(frame: Frame<'_>) -> Ctx<'_> {
    let now = frame.now;
    let base = String::new();
    Ctx { frame, now, base }
}

fn all(frame: &Frame<'_>, kind: &str, prefix: &str) -> Vec<Stored<Item>> {
    let prefix = prefix.to_lowercase();
    let mut all = frame.tx.range::<Item>(SCOPE, &prefix, None, usize::MAX);
    all.retain(|item| text(&item.doc, "/type") == kind);
    all
}

fn cluster_of(frame: &Frame<'_>, found: &Found) -> Option<Item> {
    all(frame, cluster::NAME, "/subscriptions/")
        .iter()
        .find(|item| text(&item.hidden, "/uid") == found.uid)
        .map(Stored::edit)
}

impl Source for Clusters {
    fn clusters(&self, frame: &Frame<'_>) -> Vec<Found> {
        all(frame, cluster::NAME, "/subscriptions/")
            .iter()
            .map(|item| {
                let doc = item.at(frame.now);
                let creating = item
                    .busy(frame.now)
                    .is_some_and(|busy| busy.verb == "Creating");
                let runs = text(doc, "/properties/powerState/code") == "Running"
                    && text(doc, "/properties/provisioningState") != "Failed";
                Found {
                    cloud: "azure",
                    location: text(doc, "/location").to_owned(),
                    name: text(doc, "/name").to_owned(),
                    uid: text(&item.hidden, "/uid").to_owned(),
                    version: text(doc, "/properties/currentKubernetesVersion").to_owned(),
                    ready: !creating && runs && !item.deleting(),
                    since: item.created,
                }
            })
            .collect()
    }

    fn machines(&self, frame: &Frame<'_>, found: &Found) -> Vec<Machine> {
        let Some(item) = cluster_of(frame, found) else {
            return Vec::new();
        };
        let id = Id::new(text(&item.doc, "/id"));
        let group = text(&item.doc, "/properties/nodeResourceGroup").to_owned();
        let mut machines = Vec::new();
        for pool in all(frame, pool::NAME, &format!("{}/", id.text)) {
            let creating = pool
                .busy(frame.now)
                .is_some_and(|busy| busy.verb == "Creating");
            if creating || pool.deleting() {
                continue;
            }
            let properties = &pool.at(frame.now)["properties"];
            let count = properties["count"].as_u64().unwrap_or_default();
            let set = managed::scale_set_name(&id, text(&pool.doc, "/name"));
            for number in 0..count {
                machines.push(machine(&id, &group, found, &set, number, &pool, properties));
            }
        }
        machines
    }

    fn expose<'a>(
        &self,
        frame: Frame<'a>,
        found: &Found,
        service: &Exposed,
    ) -> (Frame<'a>, Result<Address, String>) {
        let mut ctx = context(frame);
        let result = make(&mut ctx, found, service);
        (ctx.frame, result)
    }

    fn withdraw<'a>(&self, frame: Frame<'a>, found: &Found, service: &Exposed) -> Frame<'a> {
        let mut ctx = context(frame);
        if let Some(item) = cluster_of(&ctx.frame, found) {
            take(&mut ctx, &item, service);
        }
        ctx.frame
    }

    fn push<'a>(&self, frame: Frame<'a>, secret: &Pushed) -> (Frame<'a>, Result<(), String>) {
        let mut ctx = context(frame);
        let result = keyvault::push(&mut ctx, secret);
        (ctx.frame, result)
    }
}

fn machine(
    id: &Id,
    group: &str,
    found: &Found,
    set: &str,
    number: u64,
    pool: &Item,
    properties: &Value,
) -> Machine {
    let name = format!("{set}{number:06}");
    let zones: Vec<&str> = items(properties, "/availabilityZones")
        .filter_map(Value::as_str)
        .collect();
    let at = usize::try_from(number).unwrap_or_default();
    let zone = match zones.get(at % zones.len().max(1)) {
        Some(zone) => format!("{}-{zone}", found.location),
        None => "0".to_owned(),
    };
    let mut labels: BTreeMap<String, String> = properties["nodeLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let pool_name = text(&pool.doc, "/name").to_owned();
    labels.insert("agentpool".to_owned(), pool_name.clone());
    labels.insert("kubernetes.azure.com/agentpool".to_owned(), pool_name);
    labels.insert("kubernetes.azure.com/cluster".to_owned(), group.to_owned());
    let mode = text(properties, "/mode").to_lowercase();
    labels.insert("kubernetes.azure.com/mode".to_owned(), mode);
    let taints = items(properties, "/nodeTaints")
        .filter_map(Value::as_str)
        .filter_map(|taint| {
            let (pair, effect) = taint.rsplit_once(':')?;
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((key.to_owned(), value.to_owned(), effect.to_owned()))
        });
    let kind = text(properties, "/vmSize").to_owned();
    let size = compute::size(&kind);
    let digits = crate::token::fingerprint(&name);
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_default();
    Machine {
        provider_id: format!(
            "azure:///subscriptions/{}/resourceGroups/{}/providers/{}/{set}/virtualMachines/{number}",
            id.subscription(),
            group.to_lowercase(),
            compute::SCALE_SETS
        ),
        address: format!("10.224.{}.{}", byte(0), byte(2).max(4)),
        zone,
        region: found.location.clone(),
        machine_type: kind,
        labels,
        taints: taints.collect(),
        size: size.map_or((2000, 8192), |size| {
            (u64::from(size.cores) * 1000, u64::from(size.memory) * 1024)
        }),
        max_pods: properties["maxPods"].as_u64().unwrap_or(110),
        name,
    }
}

fn is_internal(service: &Exposed) -> bool {
    service.annotation("azure-load-balancer-internal") == "true"
}

/// The subnet of a cluster's nodes.
fn subnet_of(ctx: &Ctx<'_>, item: &Item) -> Option<String> {
    let pools = all(&ctx.frame, pool::NAME, &format!("{}/", item.id));
    pools.iter().find_map(|pool| {
        let set = managed::scale_set_of(item, text(&pool.doc, "/name"));
        ctx.get(&set.text)?.links.first().cloned()
    })
}

fn balancer_id(item: &Item, internal: bool) -> Id {
    let name = if internal {
        "kubernetes-internal"
    } else {
        "kubernetes"
    };
    Id::new(format!(
        "{}/providers/Microsoft.Network/loadBalancers/{name}",
        managed::group_of(&item.doc)
    ))
}

/// The frontend of a Service: an address of its own, the one that is asked for, or a private one.
fn frontend(
    ctx: &mut Ctx<'_>,
    item: &Item,
    service: &Exposed,
    name: &str,
) -> Result<(Value, Address), String> {
    let asked = match service.annotation("azure-load-balancer-ipv4") {
        "" => service.address.clone().unwrap_or_default(),
        address => address.to_owned(),
    };
    if is_internal(service) {
        let own = subnet_of(ctx, item).ok_or("the cluster has no nodes in a subnet")?;
        let subnet = match service.annotation("azure-load-balancer-internal-subnet") {
            "" => own,
            other => format!(
                "{}/{other}",
                own.rsplit_once('/').map_or("", |(network, _)| network)
            ),
        };
        let address = match asked.parse() {
            Ok(address) => Some(address),
            Err(_) => network::free_address(ctx, &subnet),
        };
        let address = address.ok_or("the subnet has no free address")?.to_string();
        let one = json!({ "name": name, "properties": {
            "subnet": { "id": subnet }, "privateIPAddress": address, "privateIPAddressVersion": "IPv4",
            "privateIPAllocationMethod": if asked.is_empty() { "Dynamic" } else { "Static" },
        } });
        return Ok((one, Address::Ip(address)));
    }
    let group = managed::group_of(&item.doc);
    let named = service.annotation("azure-pip-name");
    let outer = match service.annotation("azure-load-balancer-resource-group") {
        "" => group.clone(),
        other => format!(
            "{}/resourceGroups/{other}",
            group.split("/resourceGroups/").next().unwrap_or_default()
        ),
    };
    let there = ctx.of_kind("/subscriptions/", network::PUBLIC_IP);
    let found = there.iter().find(|ip| {
        !named.is_empty()
            && ip.id.starts_with(&outer.to_lowercase())
            && text(&ip.doc, "/name") == named
            || !asked.is_empty() && text(ip.at(ctx.now), "/properties/ipAddress") == asked
    });
    let found = found.map(|ip| {
        let doc = ip.at(ctx.now);
        (
            text(doc, "/id").to_owned(),
            text(doc, "/properties/ipAddress").to_owned(),
        )
    });
    if found.is_none() && (!named.is_empty() || !asked.is_empty()) {
        return Err(format!(
            "user supplied IP Address {named}{asked} was not found in resource group {}",
            Id::new(outer).group()
        ));
    }
    let (id, address) = match found {
        Some(found) => found,
        None => {
            let own = format!("kubernetes-{name}");
            let address = network::public_address(ctx);
            let properties = json!({
                "ipAddress": address, "publicIPAddressVersion": "IPv4", "publicIPAllocationMethod": "Static",
                "idleTimeoutInMinutes": 4, "ipTags": [], "resourceGuid": ctx.uuid(),
            });
            let id = managed::make_for(ctx, item, network::PUBLIC_IP, &own, properties, &[])
                .map_err(|error| error.message)?;
            (id, address)
        }
    };
    let one = json!({ "name": name, "properties": {
        "publicIPAddress": { "id": id }, "privateIPAllocationMethod": "Dynamic",
    } });
    Ok((one, Address::Ip(address)))
}

fn make(ctx: &mut Ctx<'_>, found: &Found, service: &Exposed) -> Result<Address, String> {
    let item = cluster_of(&ctx.frame, found).ok_or("the cluster has gone")?;
    let name = service.cloud_name();
    let internal = is_internal(service);
    let id = balancer_id(&item, internal);
    let pool = "kubernetes";
    if ctx.get(&id.text).is_none() {
        let properties = json!({
            "frontendIPConfigurations": [], "loadBalancingRules": [], "probes": [], "inboundNatRules": [], "inboundNatPools": [],
            "outboundRules": [], "backendAddressPools": [{ "name": pool, "properties": { "loadBalancerBackendAddresses": [] } }],
        });
        managed::make_for(
            ctx,
            &item,
            "Microsoft.Network/loadBalancers",
            id.name(),
            properties,
            &[],
        )
        .map_err(|error| error.message)?;
    }
    let mut balancer = ctx
        .get(&id.text)
        .map(|one| one.edit())
        .ok_or("no load balancer")?;
    balancer.settle(ctx.now);
    let there = items(&balancer.doc, "/properties/frontendIPConfigurations")
        .find(|one| text(one, "/name") == name)
        .cloned();
    let (one, address) = match there {
        Some(one) => {
            let private = text(&one, "/properties/privateIPAddress").to_owned();
            let public = text(&one, "/properties/publicIPAddress/id").to_owned();
            let address = match ctx.get(&public) {
                Some(ip) => text(ip.at(ctx.now), "/properties/ipAddress").to_owned(),
                None => private,
            };
            (one, Address::Ip(address))
        }
        None => frontend(ctx, &item, service, &name)?,
    };
    let own = |kind: &str, name: &str| json!({ "id": id.child(kind, name).text });
    let (mut rules, mut probes) = (Vec::new(), Vec::new());
    for (port, node, protocol) in &service.ports {
        let word = if protocol == "UDP" { "Udp" } else { "Tcp" };
        let rule = format!("{name}-{protocol}-{port}");
        let mut properties = json!({
            "protocol": word, "frontendPort": port, "backendPort": port, "enableFloatingIP": true, "idleTimeoutInMinutes": 4,
            "loadDistribution": "Default", "disableOutboundSnat": true, "enableTcpReset": word == "Tcp",
            "frontendIPConfiguration": own("frontendIPConfigurations", &name), "backendAddressPool": own("backendAddressPools", pool),
        });
        if word == "Tcp" {
            properties["probe"] = own("probes", &rule);
            probes.push(json!({ "name": rule, "properties": {
                "protocol": "Tcp", "port": node, "intervalInSeconds": 5, "numberOfProbes": 2, "probeThreshold": 2,
            } }));
        }
        rules.push(json!({ "name": rule, "properties": properties }));
    }
    rewrite(&mut balancer.doc, &name, vec![one], rules, probes);
    store(ctx, balancer);
    wall(ctx, &item, &name, Some(service));
    Ok(address)
}

/// Puts what belongs to a Service in the place of what did before.
fn rewrite(
    doc: &mut Value,
    name: &str,
    frontends: Vec<Value>,
    rules: Vec<Value>,
    probes: Vec<Value>,
) {
    for (list, new) in [
        ("frontendIPConfigurations", frontends),
        ("loadBalancingRules", rules),
        ("probes", probes),
    ] {
        let pointer = format!("/properties/{list}");
        let mut rows: Vec<Value> = items(doc, &pointer)
            .filter(|row| {
                let own = text(row, "/name");
                own != name && !own.starts_with(&format!("{name}-"))
            })
            .cloned()
            .collect();
        rows.extend(new);
        set(doc, &pointer, rows);
    }
}

/// Writes a load balancer with what it refers to.
fn store(ctx: &mut Ctx<'_>, mut item: Item) {
    let mut links = Vec::new();
    for one in items(&item.doc, "/properties/frontendIPConfigurations") {
        for pointer in ["/properties/publicIPAddress/id", "/properties/subnet/id"] {
            let id = text(one, pointer);
            if !id.is_empty() {
                links.push(id.to_lowercase());
            }
        }
    }
    item.links = links;
    managed::rewrite(ctx, item);
}

/// The rule of the nodes' security group that lets a Service's traffic in.
fn wall(ctx: &mut Ctx<'_>, item: &Item, name: &str, service: Option<&Exposed>) {
    let groups = ctx.of_kind(
        &format!("{}/", managed::group_of(&item.doc)),
        "Microsoft.Network/networkSecurityGroups",
    );
    let Some(mut group) = groups.first().map(Stored::edit) else {
        return;
    };
    group.settle(ctx.now);
    let list = "/properties/securityRules";
    let mut rows: Vec<Value> = items(&group.doc, list)
        .filter(|row| !text(row, "/name").starts_with(name))
        .cloned()
        .collect();
    if let Some(service) = service.filter(|service| !is_internal(service)) {
        let used: Vec<i64> = rows
            .iter()
            .filter_map(|row| row["properties"]["priority"].as_i64())
            .collect();
        let priority = (500..4096)
            .find(|priority| !used.contains(priority))
            .unwrap_or(4096);
        let ports: Vec<String> = service
            .ports
            .iter()
            .map(|(port, ..)| port.to_string())
            .collect();
        let sources: Vec<String> = if service.sources.is_empty() {
            vec!["Internet".to_owned()]
        } else {
            service.sources.clone()
        };
        rows.push(json!({ "name": format!("{name}-in"), "properties": {
            "protocol": "*", "access": "Allow", "direction": "Inbound", "priority": priority, "sourcePortRange": "*",
            "sourcePortRanges": [], "sourceAddressPrefixes": sources, "destinationAddressPrefix": "*",
            "destinationAddressPrefixes": [], "destinationPortRanges": ports,
        } }));
    }
    set(&mut group.doc, list, rows);
    managed::rewrite(ctx, group);
}

fn take(ctx: &mut Ctx<'_>, item: &Item, service: &Exposed) {
    let name = service.cloud_name();
    let until = ctx.due(Work::ArmNetwork);
    for internal in [false, true] {
        let id = balancer_id(item, internal);
        let Some(mut balancer) = ctx.get(&id.text).map(|one| one.edit()) else {
            continue;
        };
        balancer.settle(ctx.now);
        rewrite(&mut balancer.doc, &name, Vec::new(), Vec::new(), Vec::new());
        let idle = items(&balancer.doc, "/properties/frontendIPConfigurations")
            .next()
            .is_none();
        store(ctx, balancer.clone());
        // A balancer of nothing is taken away, unless nodes go out by it.
        if idle && let Some(last) = ctx.get(&id.text) {
            engine::vanish(ctx, last.edit(), "Deleting", until, "");
        }
    }
    let own = format!(
        "{}/providers/{}/kubernetes-{name}",
        managed::group_of(&item.doc),
        network::PUBLIC_IP
    );
    if let Some(ip) = ctx.get(&own) {
        engine::vanish(ctx, ip.edit(), "Deleting", until, "");
    }
    wall(ctx, item, &name, None);
}
