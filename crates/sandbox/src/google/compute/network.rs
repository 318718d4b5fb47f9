//! Networks and their peerings. Rules of subnetworks are in their own file.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::super::places;
use super::engine;
use super::kind::{Default, Kind, Place, Subject};
use super::reference::{PREFIX, find, path_of};
use super::subnetwork;
use crate::clock::Millis;
use crate::http::HttpReply;

pub(crate) const KIND: Kind = Kind {
    resource: "networks",
    collection: "networks",
    word: "network",
    terraform: |_| "google_compute_network",
    fixed: &[
        "autoCreateSubnetworks",
        "networkProfile",
        "IPv4Range",
        "peerings",
    ],
    quota: Some(("NETWORKS", 50)),
    defaults: &[(
        "networkFirewallPolicyEnforcementOrder",
        Default::Text("AFTER_CLASSIC_FIREWALL"),
    )],
    prepare,
    view,
    made,
    delete,
    ..Kind::BASE
};

fn prepare(
    ctx: &mut Ctx<'_>,
    subject: &Subject<'_>,
    doc: &mut Map<String, Value>,
) -> GoogleResult<()> {
    if doc.contains_key("IPv4Range") || !doc.contains_key("autoCreateSubnetworks") {
        let why = "Legacy networks are no longer supported; autoCreateSubnetworks must be set.";
        return Err(GoogleError::field(
            "resource.autoCreateSubnetworks",
            "",
            why,
        ));
    }
    if let Some(mtu) = doc.get("mtu").and_then(Value::as_i64)
        && !(1300..=8896).contains(&mtu)
    {
        let why = "Must be between 1300 and 8896.";
        return Err(GoogleError::field("resource.mtu", &mtu.to_string(), why));
    }
    let routing = doc.entry("routingConfig").or_insert_with(|| json!({}));
    if let Some(routing) = routing.as_object_mut() {
        default(routing, "routingMode", "REGIONAL");
        default(routing, "bgpBestPathSelectionMode", "LEGACY");
    }
    if doc.get("enableUlaInternalIpv6") == Some(&Value::Bool(true)) {
        if !doc.contains_key("internalIpv6Range") {
            let hex = ctx.hex(10);
            let range = format!("fd20:{}:{}:0:0:0:0:0/48", &hex[..3], &hex[3..6]);
            doc.insert("internalIpv6Range".into(), range.into());
        }
    } else {
        doc.remove("enableUlaInternalIpv6");
    }
    if let Some(profile) = doc.get("networkProfile").and_then(Value::as_str) {
        let path = profile.split_once("/v1/").map_or(profile, |(_, path)| path);
        let url = format!("{PREFIX}{path}");
        doc.insert("networkProfile".into(), url.into());
    }
    if subject.before.is_none() {
        let number = ctx.number();
        let link = format!(
            "{PREFIX}{}/{number}",
            subject.id.trim_end_matches(&format!("/{}", subject.name))
        );
        doc.insert("selfLinkWithId".into(), link.into());
        doc.remove("peerings");
        doc.remove("subnetworks");
    }
    Ok(())
}

fn view(ctx: &Ctx<'_>, item: &Item, doc: &mut Map<String, Value>) {
    let mut subnetworks: Vec<_> = ctx
        .frame
        .tx
        .referrers::<Item>(&subnetwork::KIND.table(), &item.id)
        .iter()
        .map(|subnetwork| Value::from(format!("{PREFIX}{}", subnetwork.id)))
        .collect();
    if !subnetworks.is_empty() {
        subnetworks.sort_by_key(ToString::to_string);
        doc.insert("subnetworks".into(), subnetworks.into());
    }
}

/// The subnetworks of an auto mode network, one in each region.
fn made(
    ctx: &mut Ctx<'_>,
    subject: &Subject<'_>,
    doc: &Map<String, Value>,
    done: Millis,
) -> GoogleResult<()> {
    if doc["autoCreateSubnetworks"] != true {
        return Ok(());
    }
    for (at, region) in places::regions().enumerate() {
        let place = Place {
            project: subject.place.project.clone(),
            location: region.to_owned(),
        };
        let range = format!("10.{}.{}.0/20", 128 + at / 16, at % 16 * 16);
        subnetwork::automatic(ctx, &place, subject, &range, done)?;
    }
    Ok(())
}

fn delete(ctx: &mut Ctx<'_>, item: &Item, done: Millis) -> GoogleResult<()> {
    let doc = item.at(ctx.now);
    if let Some(peering) = doc["peerings"].as_array().and_then(|list| list.first()) {
        let by = text(peering, "/network").replace(PREFIX, "");
        return Err(engine::in_use(&KIND, &item.id, &by));
    }
    subnetwork::delete_automatic(ctx, &item.id, done)
}

/// `switchToCustomMode`.
pub(crate) fn switch_to_custom(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let mut item = engine::find_idle(ctx, kind, input)?;
    let mut doc = item.at(ctx.now).clone();
    if doc["autoCreateSubnetworks"] != true {
        let message = format!("The network '{}' is not in auto mode", item.id);
        return Err(GoogleError::invalid(message));
    }
    doc["autoCreateSubnetworks"] = false.into();
    subnetwork::adopt(ctx, &item.id);
    let place = engine::place(input)?;
    let done = ctx.due(kind.work);
    let (id, target) = (item.id.clone(), text(&item.doc, "/id").to_owned());
    let links = item.links.clone();
    item.become_at(Some((doc, links)), done, ctx.now);
    ctx.keep(&kind.table(), item);
    let operation = "switchToCustomMode";
    Ok(engine::begin(
        ctx,
        input,
        &place,
        operation,
        (&id, &target),
        done,
    ))
}

/// `addPeering`.
pub(crate) fn add_peering(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let body = &input.body;
    let mut peering = body["networkPeering"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for (from, to) in [("name", "name"), ("peerNetwork", "network")] {
        if let Some(value) = body.get(from) {
            default(&mut peering, to, value.clone());
        }
    }
    let name = peering
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if name.is_empty() {
        return Err(GoogleError::required("networkPeering.name"));
    }
    let name = name.to_owned();
    let url = peering
        .get("network")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let path = path_of(ctx, url, input.project()).ok_or_else(|| {
        GoogleError::field("networkPeering.network", url, "The URL is malformed.")
    })?;
    find(ctx, &path)?;
    peering.insert("network".into(), format!("{PREFIX}{path}").into());
    peering.insert("state".into(), "ACTIVE".into());
    change_peerings(ctx, kind, input, "addPeering", &mut |peerings| {
        if peerings.iter().any(|one| one["name"] == name) {
            let message = format!("There is already a peering '{name}'.");
            return Err(GoogleError::exists(message));
        }
        peerings.push(Value::Object(peering.clone()));
        Ok(())
    })
}

/// `removePeering`.
pub(crate) fn remove_peering(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let name = text(&input.body, "/name").to_owned();
    let place = engine::place(input)?;
    let network = engine::id(kind, &place, input.name());
    super::super::peering::forget(ctx, &network, &name);
    change_peerings(ctx, kind, input, "removePeering", &mut |peerings| {
        let before = peerings.len();
        peerings.retain(|one| one["name"] != name);
        if peerings.len() == before {
            let message = format!("There is no peering '{name}'.");
            return Err(GoogleError::invalid(message));
        }
        Ok(())
    })
}

fn change_peerings(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
    operation: &str,
    change: &mut dyn FnMut(&mut Vec<Value>) -> GoogleResult<()>,
) -> GoogleResult<HttpReply> {
    let mut item = engine::find_idle(ctx, kind, input)?;
    let mut doc = item.at(ctx.now).clone();
    let mut peerings = doc["peerings"].as_array().cloned().unwrap_or_default();
    change(&mut peerings)?;
    doc["peerings"] = peerings.into();
    let place = engine::place(input)?;
    let done = ctx.due(kind.work);
    let (id, target) = (item.id.clone(), text(&item.doc, "/id").to_owned());
    let links = item.links.clone();
    item.become_at(Some((doc, links)), done, ctx.now);
    ctx.keep(&kind.table(), item);
    Ok(engine::begin(
        ctx,
        input,
        &place,
        operation,
        (&id, &target),
        done,
    ))
}
