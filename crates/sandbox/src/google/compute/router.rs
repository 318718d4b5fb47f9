//! Cloud routers and the NAT gateways inside them.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::engine;
use super::kind::{Default, Kind, Subject, table, to};
use crate::clock::Millis;
use crate::http::HttpReply;

pub(crate) const KIND: Kind = Kind {
    resource: "routers",
    collection: "routers",
    word: "router",
    terraform: |_| "google_compute_router",
    references: &[
        to("network", &["networks"]),
        to("nats/*/natIps/*", &["addresses"]),
        to("nats/*/drainNatIps/*", &["addresses"]),
        to("nats/*/subnetworks/*/name", &["subnetworks"]),
        to("nats/*/rules/*/action/sourceNatActiveIps/*", &["addresses"]),
    ],
    required: &["network"],
    fixed: &["network"],
    quota: Some(("ROUTERS", 100)),
    defaults: &[("encryptedInterconnectRouter", Default::Bool(false))],
    prepare,
    delete,
    ..Kind::BASE
};

/// Where NAT gateways are listed, each by its name behind that of its router.
const NATS: &str = "nats";

fn prepare(
    ctx: &mut Ctx<'_>,
    subject: &Subject<'_>,
    doc: &mut Map<String, Value>,
) -> GoogleResult<()> {
    if let Some(bgp) = doc.get_mut("bgp").and_then(Value::as_object_mut) {
        let asn = bgp.get("asn").and_then(Value::as_i64).unwrap_or(0);
        let private =
            (64512..=65534).contains(&asn) || (4_200_000_000..=4_294_967_294).contains(&asn);
        if !private && asn != 16550 {
            let why = "It must be a private ASN by RFC 6996.";
            return Err(GoogleError::field(
                "resource.bgp.asn",
                &asn.to_string(),
                why,
            ));
        }
        default(bgp, "advertiseMode", "DEFAULT");
        default(bgp, "keepaliveInterval", 20);
    }
    let network = doc["network"].clone();
    let mut names: Vec<String> = Vec::new();
    let mut subnetworks: Vec<String> = Vec::new();
    let nats = doc.get_mut("nats").and_then(Value::as_array_mut);
    for (at, nat) in nats.into_iter().flatten().enumerate() {
        let field = |name: &str| format!("resource.nats[{at}].{name}");
        let whole = nat.clone();
        let Some(nat) = nat.as_object_mut() else {
            continue;
        };
        let name = text(&whole, "/name").to_owned();
        if name.is_empty() {
            return Err(GoogleError::required(&field("name")));
        }
        if names.contains(&name) {
            return Err(GoogleError::field(
                &field("name"),
                &name,
                "NAT names must be unique in the router.",
            ));
        }
        names.push(name);
        default(nat, "type", "PUBLIC");
        default(nat, "endpointTypes", json!(["ENDPOINT_TYPE_VM"]));
        if nat["type"] == "PUBLIC" {
            default(nat, "autoNetworkTier", "PREMIUM");
            let addresses = whole["natIps"].as_array().map_or(0, Vec::len);
            match text(&whole, "/natIpAllocateOption") {
                "MANUAL_ONLY" if addresses == 0 => {
                    return Err(GoogleError::required(&field("natIps")));
                }
                "AUTO_ONLY" if addresses > 0 => {
                    let why = "natIps must be empty when addresses are allocated automatically.";
                    return Err(GoogleError::field(&field("natIps"), "", why));
                }
                "" => return Err(GoogleError::required(&field("natIpAllocateOption"))),
                _ => {}
            }
        }
        let timeout = whole["tcpTimeWaitTimeoutSec"].as_i64().unwrap_or(120);
        nat.insert("effectiveTcpTimeWaitTimeoutSec".into(), timeout.into());
        let listed = whole["subnetworks"].as_array().cloned().unwrap_or_default();
        match text(&whole, "/sourceSubnetworkIpRangesToNat") {
            "" => {
                return Err(GoogleError::required(&field(
                    "sourceSubnetworkIpRangesToNat",
                )));
            }
            "LIST_OF_SUBNETWORKS" if listed.is_empty() => {
                return Err(GoogleError::required(&field("subnetworks")));
            }
            "LIST_OF_SUBNETWORKS" => {}
            _ if !listed.is_empty() => {
                let why = "Subnetworks can only be given with LIST_OF_SUBNETWORKS.";
                return Err(GoogleError::field(&field("subnetworks"), "", why));
            }
            _ => subnetworks.push("*".to_owned()),
        }
        subnetworks.extend(listed.iter().map(|one| text(one, "/name").to_owned()));
        let ports = whole["minPortsPerVm"].as_i64().unwrap_or(64);
        if !(2..=65536).contains(&ports) {
            let why = "Must be between 2 and 65536.";
            return Err(GoogleError::field(
                &field("minPortsPerVm"),
                &ports.to_string(),
                why,
            ));
        }
    }
    check_sources(ctx, subject, &network, &subnetworks)?;
    list_nats(ctx, subject, &names);
    Ok(())
}

/// No subnetwork may be behind two NAT gateways of its network and region.
fn check_sources(
    ctx: &Ctx<'_>,
    subject: &Subject<'_>,
    network: &Value,
    mine: &[String],
) -> GoogleResult<()> {
    let prefix = format!("{}/routers/", subject.place.path());
    let mut all = mine.to_vec();
    for router in ctx.list(&KIND.table(), &prefix) {
        if router.id == subject.id || router.doc["network"] != *network {
            continue;
        }
        for nat in router.at(ctx.now)["nats"].as_array().into_iter().flatten() {
            match nat["subnetworks"].as_array() {
                Some(list) => all.extend(list.iter().map(|one| text(one, "/name").to_owned())),
                None => all.push("*".to_owned()),
            }
        }
    }
    let whole = all.iter().filter(|one| *one == "*").count();
    let mut seen = Vec::new();
    let twice = all.iter().any(|one| {
        let again = seen.contains(&one);
        seen.push(one);
        again
    });
    if !mine.is_empty() && (twice || whole > 0 && all.len() > 1) {
        let message = "Invalid value for field 'resource.nats': a subnetwork can be behind one NAT gateway only; another NAT gateway of the network in this region has it already.";
        return Err(GoogleError::invalid(message));
    }
    Ok(())
}

/// Keeps the list of NAT gateways as the router has them.
fn list_nats(ctx: &mut Ctx<'_>, subject: &Subject<'_>, names: &[String]) {
    if ctx.fails() {
        return;
    }
    let table = table(NATS);
    for old in ctx.list(&table, &format!("{}/", subject.id)) {
        ctx.remove(&table, &old.id);
    }
    for name in names {
        let mut item = Item::new(format!("{}/{name}", subject.id), Value::Null);
        item.list_as("google_compute_router_nat", subject.place.region(), None);
        ctx.put(&table, item, None);
    }
}

fn delete(ctx: &mut Ctx<'_>, item: &Item, _: Millis) -> GoogleResult<()> {
    let table = table(NATS);
    for old in ctx.list(&table, &format!("{}/", item.id)) {
        ctx.remove(&table, &old.id);
    }
    Ok(())
}

/// `getRouterStatus`.
pub(crate) fn status(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let item = engine::find(ctx, kind, input)?;
    let doc = item.at(ctx.now);
    let nats: Vec<_> = doc["nats"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|nat| json!({ "name": nat["name"], "minExtraNatIpsNeeded": 0, "numVmEndpointsWithNatMappings": 0 }))
        .collect();
    let result = json!({ "network": doc["network"], "natStatus": nats });
    Ok(HttpReply::json(
        200,
        &json!({ "kind": "compute#routerStatusResponse", "result": result }),
    ))
}
