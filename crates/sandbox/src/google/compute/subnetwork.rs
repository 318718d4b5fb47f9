//! Subnetworks: ranges that lie in no other of their network, and secondary ranges.

use ipnet::Ipv4Net;
use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::super::places;
use super::engine;
use super::kind::{Default, Guard, Kind, Place, Subject, table, to};
use super::reference::PREFIX;
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::world::Stored;

pub(crate) const KIND: Kind = Kind {
    resource: "subnetworks",
    collection: "subnetworks",
    word: "subnetwork",
    terraform: |_| "google_compute_subnetwork",
    references: &[to("network", &["networks"])],
    required: &["network", "ipCidrRange"],
    // Compute's reference, "subnetworks": `description` can be set only at resource creation time.
    fixed: &[
        "network",
        "ipCidrRange",
        "purpose",
        "reservedInternalRange",
        "description",
    ],
    guard: Guard::Required,
    quota: Some(("SUBNETWORKS", 275)),
    defaults: &[
        ("privateIpGoogleAccess", Default::Bool(false)),
        (
            "privateIpv6GoogleAccess",
            Default::Text("DISABLE_GOOGLE_ACCESS"),
        ),
        ("purpose", Default::Text("PRIVATE")),
        ("stackType", Default::Text("IPV4_ONLY")),
    ],
    prepare,
    delete,
    ..Kind::BASE
};

/// An IPv4 range that begins where it says.
pub(crate) fn range(field: &str, range: &str) -> GoogleResult<Ipv4Net> {
    let bad = |why: &str| GoogleError::field(field, range, why);
    let net: Ipv4Net = range
        .parse()
        .map_err(|_| bad("Must be a CIDR address range."))?;
    if net.addr() != net.network() {
        return Err(bad(
            "Must be a CIDR address range that is contained in the network: host bits are set.",
        ));
    }
    Ok(net)
}

/// All ranges of a network with what has them, besides one subnetwork.
pub(crate) fn ranges(ctx: &Ctx<'_>, network: &str, but: &str) -> Vec<(Ipv4Net, String)> {
    let mut all = Vec::new();
    for item in ctx.frame.tx.referrers::<Item>(&KIND.table(), network) {
        if item.id == but {
            continue;
        }
        let region = item.id.split('/').nth(3).unwrap_or_default();
        let owner = format!(
            "existing subnetwork '{}' in region '{region}'",
            item.short()
        );
        // The range that an expansion under way will have counts already.
        let mut docs = vec![&item.doc];
        docs.extend(
            item.change
                .iter()
                .filter_map(|change| Some(&change.after.as_ref()?.0)),
        );
        for doc in docs {
            all.extend(own_ranges(doc).into_iter().map(|net| (net, owner.clone())));
        }
    }
    for item in ctx.frame.tx.referrers::<Item>(&table("addresses"), network) {
        if item.doc["purpose"] == "VPC_PEERING" {
            let text = format!(
                "{}/{}",
                text(&item.doc, "/address"),
                item.doc["prefixLength"]
            );
            let owner = format!("allocated range '{}'", item.short());
            all.extend(text.parse().ok().map(|net| (net, owner)));
        }
    }
    all
}

/// The primary and secondary ranges of a subnetwork.
fn own_ranges(doc: &Value) -> Vec<Ipv4Net> {
    let secondary = doc["secondaryIpRanges"].as_array().into_iter().flatten();
    secondary
        .chain([doc])
        .filter_map(|range| text(range, "/ipCidrRange").parse().ok())
        .collect()
}

/// Whether two ranges share an address.
pub(crate) fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(b) || b.contains(a)
}

fn prepare(
    ctx: &mut Ctx<'_>,
    subject: &Subject<'_>,
    doc: &mut Map<String, Value>,
) -> GoogleResult<()> {
    let value = Value::Object(doc.clone());
    let primary = range("resource.ipCidrRange", text(&value, "/ipCidrRange"))?;
    if !(8..=29).contains(&primary.prefix_len()) {
        let why = "The prefix length must be between 8 and 29.";
        return Err(GoogleError::field(
            "resource.ipCidrRange",
            &primary.to_string(),
            why,
        ));
    }
    let mut own = vec![primary];
    let mut names = Vec::new();
    let secondary = value["secondaryIpRanges"].as_array();
    for (at, item) in secondary.into_iter().flatten().enumerate() {
        let field = format!("resource.secondaryIpRanges[{at}]");
        let name = text(item, "/rangeName");
        if name.is_empty() {
            return Err(GoogleError::required(&format!("{field}.rangeName")));
        }
        if names.contains(&name) {
            let why = "Secondary range names must be unique.";
            return Err(GoogleError::field(&format!("{field}.rangeName"), name, why));
        }
        names.push(name);
        let field = format!("{field}.ipCidrRange");
        let net = range(&field, text(item, "/ipCidrRange"))?;
        if own.iter().any(|other| overlap(other, &net)) {
            let why = "It overlaps another range of the subnetwork.";
            return Err(GoogleError::field(&field, &net.to_string(), why));
        }
        own.push(net);
    }
    if names.len() > 170 {
        return Err(engine::over_quota("SECONDARY_RANGES", 170, subject.place));
    }
    let network = text(&value, "/network")
        .trim_start_matches(PREFIX)
        .to_owned();
    for (other, owner) in ranges(ctx, &network, subject.id) {
        if let Some(net) = own.iter().find(|net| overlap(net, &other)) {
            let message = format!("Invalid IPCidrRange: {net} conflicts with {owner}.");
            return Err(GoogleError::invalid(message));
        }
    }
    if let Some(before) = subject.before {
        let gone = before["secondaryIpRanges"].as_array().into_iter().flatten();
        for item in gone.filter(|item| !names.contains(&text(item, "/rangeName"))) {
            let name = text(item, "/rangeName");
            let holders = ctx.holders(&format!("{}#{name}", subject.id));
            if let Some(holder) = holders.first() {
                return Err(engine::in_use(
                    &KIND,
                    &format!("{}/{name}", subject.id),
                    &holder.id,
                ));
            }
        }
    }
    let managed = text(&value, "/purpose").contains("MANAGED_PROXY");
    if managed && !doc.contains_key("role") {
        return Err(GoogleError::required("resource.role"));
    }
    if !managed && doc.contains_key("role") {
        let why = "Role can only be set for subnetworks of managed proxies.";
        return Err(GoogleError::field(
            "resource.role",
            text(&value, "/role"),
            why,
        ));
    }
    if managed {
        proxy_only(ctx, subject, &value, primary, &network)?;
    }
    if let Some(gateway) = primary.hosts().next() {
        doc.insert("gatewayAddress".into(), gateway.to_string().into());
    }
    doc.insert("state".into(), "READY".into());
    Ok(())
}

/// The subnetworks of a network in one region that are kept for proxies, and used by them.
fn active(ctx: &Ctx<'_>, network: &str, region: &str, purpose: &str) -> Vec<Stored<Item>> {
    let mut all = ctx.frame.tx.referrers::<Item>(&KIND.table(), network);
    all.retain(|item| {
        let doc = item.at(ctx.now);
        item.id.split('/').nth(3) == Some(region)
            && doc["purpose"] == purpose
            && doc["role"] == "ACTIVE"
            && !item.deleting
    });
    all
}

/// Whether proxies have a subnetwork of this purpose in a region of a network.
pub(crate) fn has_proxies(ctx: &Ctx<'_>, network: &str, region: &str, purpose: &str) -> bool {
    let all = active(ctx, network, region, purpose);
    all.iter().any(|item| item.ready_at <= ctx.now)
}

/// Of subnetworks for proxies one per purpose, region and network is used; making a second one the active one takes its place.
/// <https://cloud.google.com/load-balancing/docs/proxy-only-subnets>
fn proxy_only(
    ctx: &mut Ctx<'_>,
    subject: &Subject<'_>,
    value: &Value,
    primary: Ipv4Net,
    network: &str,
) -> GoogleResult<()> {
    if primary.prefix_len() > 26 {
        let why = "A subnetwork for proxies needs at least 64 addresses: the prefix length must be 26 or less.";
        let range = primary.to_string();
        return Err(GoogleError::field("resource.ipCidrRange", &range, why));
    }
    if value["secondaryIpRanges"]
        .as_array()
        .is_some_and(|all| !all.is_empty())
    {
        let why = "A subnetwork for proxies has no secondary ranges.";
        return Err(GoogleError::field("resource.secondaryIpRanges", "", why));
    }
    if text(value, "/role") != "ACTIVE" {
        return Ok(());
    }
    let purpose = text(value, "/purpose");
    let others = active(ctx, network, subject.place.region(), purpose);
    for other in others.into_iter().filter(|other| other.id != subject.id) {
        if subject.before.is_none() {
            let message = format!(
                "Invalid value for field 'resource.role': 'ACTIVE'. There is an active subnetwork '{}' with purpose {purpose} in this region and network already.",
                other.short()
            );
            return Err(GoogleError::invalid(message));
        }
        let mut other = other.edit();
        other.settle(ctx.now);
        other.doc["role"] = "BACKUP".into();
        ctx.keep(&KIND.table(), other);
    }
    Ok(())
}

fn delete(ctx: &mut Ctx<'_>, item: &Item, _: Millis) -> GoogleResult<()> {
    if item.hidden["automatic"] == true {
        let network = text(item.at(ctx.now), "/network");
        let message =
            format!("Cannot delete auto subnetwork from an auto subnet mode network: {network}");
        return Err(GoogleError::invalid(message));
    }
    Ok(())
}

/// The subnetwork of an auto mode network in one region.
pub(crate) fn automatic(
    ctx: &mut Ctx<'_>,
    place: &Place,
    network: &Subject<'_>,
    range: &str,
    done: Millis,
) -> GoogleResult<()> {
    let id = engine::id(&KIND, place, network.name);
    let mut doc = json!({
        "kind": "compute#subnetwork",
        "id": ctx.number(),
        "creationTimestamp": super::super::context::pacific(ctx.now),
        "name": network.name,
        "network": format!("{PREFIX}{}", network.id),
        "ipCidrRange": range,
        "region": format!("{PREFIX}{}", place.path()),
        "selfLink": format!("{PREFIX}{id}"),
        "fingerprint": super::super::context::fingerprint(&json!([id, range])),
    });
    for (field, value) in KIND.defaults {
        doc[*field] = (*value).into();
    }
    doc["gatewayAddress"] = range.replace(".0/20", ".1").into();
    let mut item = Item::new(id, doc);
    item.links = vec![network.id.to_owned()];
    item.hidden = json!({ "automatic": true });
    item.ready_at = done;
    item.gone_at = ctx.fails().then_some(done);
    ctx.put(&KIND.table(), item, None);
    Ok(())
}

/// Takes the automatic subnetworks of a network away with it, unless something refers to one.
pub(crate) fn delete_automatic(ctx: &mut Ctx<'_>, network: &str, done: Millis) -> GoogleResult<()> {
    for item in ctx.frame.tx.referrers::<Item>(&KIND.table(), network) {
        if item.hidden["automatic"] != true {
            continue;
        }
        engine::unused(ctx, &KIND, &item.id)?;
        if !ctx.fails() {
            let mut item = item.edit();
            item.gone_at = Some(done);
            item.deleting = true;
            ctx.keep(&KIND.table(), item);
        }
    }
    Ok(())
}

/// Makes the automatic subnetworks of a network ordinary ones.
pub(crate) fn adopt(ctx: &mut Ctx<'_>, network: &str) {
    for item in ctx.frame.tx.referrers::<Item>(&KIND.table(), network) {
        let mut item = item.edit();
        let region = item.id.split('/').nth(3).map(str::to_owned);
        let region = region.as_deref().and_then(places::region_of);
        item.hidden = Value::Null;
        item.list_as(
            (KIND.terraform)(&item.doc),
            region.unwrap_or_default(),
            None,
        );
        ctx.keep(&KIND.table(), item);
    }
}

/// `expandIpCidrRange`.
pub(crate) fn expand(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if let Some(reply) = engine::seen(ctx, input)? {
        return Ok(reply);
    }
    let item = engine::find_idle(ctx, kind, input)?;
    let mut doc = item.at(ctx.now).clone();
    let wanted = text(&input.body, "/ipCidrRange");
    let new = range("ipCidrRange", wanted)?;
    let old = range("ipCidrRange", text(&doc, "/ipCidrRange"))?;
    if !new.contains(&old) || new == old {
        let why = "The new range must contain the current one and be larger.";
        return Err(GoogleError::field("ipCidrRange", wanted, why));
    }
    doc["ipCidrRange"] = wanted.into();
    let free = Kind {
        fixed: &["network"],
        guard: Guard::Optional,
        ..KIND
    };
    engine::change(ctx, &free, input, item, doc, None, "expandIpCidrRange")
}

/// `setPrivateIpGoogleAccess`.
pub(crate) fn set_private_access(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    if let Some(reply) = engine::seen(ctx, input)? {
        return Ok(reply);
    }
    let item = engine::find_idle(ctx, kind, input)?;
    let mut doc = item.at(ctx.now).clone();
    let wanted = input.body["privateIpGoogleAccess"] == true;
    doc["privateIpGoogleAccess"] = wanted.into();
    let free = Kind {
        guard: Guard::Optional,
        ..KIND
    };
    engine::change(
        ctx,
        &free,
        input,
        item,
        doc,
        None,
        "setPrivateIpGoogleAccess",
    )
}
