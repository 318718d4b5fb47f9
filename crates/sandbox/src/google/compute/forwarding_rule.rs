//! Forwarding rules, global and of a region: an address and ports in front of a target.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::kind::{Default, Guard, Kind, Reference, Subject, table, to};
use super::reference::{PREFIX, collection, path_of};
use super::{address, engine, url_map};
use crate::http::HttpReply;
use crate::latency::Work;

const PROXIES: &[&str] = &[
    "targetHttpProxies",
    "targetHttpsProxies",
    "targetTcpProxies",
    "targetSslProxies",
    "targetGrpcProxies",
    "serviceAttachments",
];

pub(crate) const GLOBAL: Kind = Kind {
    resource: "globalForwardingRules",
    collection: "forwardingRules",
    word: "forwardingRule",
    terraform: |_| "google_compute_global_forwarding_rule",
    references: &[
        Reference {
            field: "target",
            to: PROXIES,
            loose: true,
        },
        to("backendService", &["backendServices"]),
        to("network", &["networks"]),
        to("subnetwork", &["subnetworks"]),
        Reference {
            field: "IPAddress",
            to: &["addresses"],
            loose: true,
        },
    ],
    fixed: &[
        "IPAddress",
        "IPProtocol",
        "loadBalancingScheme",
        "portRange",
        "target",
        "backendService",
        "network",
    ],
    guard: Guard::Optional,
    labels: true,
    quota: Some(("FORWARDING_RULES", 300)),
    work: Work::ComputeSlow,
    defaults: &[
        ("IPProtocol", Default::Text("TCP")),
        ("networkTier", Default::Text("PREMIUM")),
    ],
    prepare,
    also: reserved,
    ..Kind::BASE
};

pub(crate) const REGIONAL: Kind = Kind {
    resource: "forwardingRules",
    terraform: |_| "google_compute_forwarding_rule",
    ..GLOBAL
};

/// `setTarget`.
pub(crate) fn set_target(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    if text(&input.body, "/target").is_empty() {
        return Err(GoogleError::required("target"));
    }
    let free = Kind {
        resource: kind.resource,
        terraform: kind.terraform,
        fixed: &[
            "IPAddress",
            "IPProtocol",
            "loadBalancingScheme",
            "portRange",
        ],
        ..GLOBAL
    };
    engine::assign(ctx, &free, input, "SetTarget")
}

fn prepare(
    ctx: &mut Ctx<'_>,
    subject: &Subject<'_>,
    doc: &mut Map<String, Value>,
) -> GoogleResult<()> {
    let whole = Value::Object(doc.clone());
    let target = text(&whole, "/target");
    let endpoint =
        matches!(target, "all-apis" | "vpc-sc") || target.contains("/serviceAttachments/");
    if target.is_empty() && text(&whole, "/backendService").is_empty() {
        return Err(GoogleError::required("resource.target"));
    }
    if !target.is_empty() && !endpoint && path_of(ctx, target, &subject.place.project).is_none() {
        return Err(GoogleError::field(
            "resource.target",
            target,
            "The URL is malformed.",
        ));
    }
    if doc.get("loadBalancingScheme") == Some(&"".into()) {
        doc.remove("loadBalancingScheme");
    } else if !endpoint {
        default(doc, "loadBalancingScheme", "EXTERNAL");
    }
    let internal =
        text(&Value::Object(doc.clone()), "/loadBalancingScheme").starts_with("INTERNAL");
    if let Some(range) = doc
        .get("portRange")
        .and_then(Value::as_str)
        .map(str::to_owned)
    {
        let (from, to) = range.split_once('-').unwrap_or((&range, &range));
        let ports = (from.parse::<u16>(), to.parse::<u16>());
        let (Ok(from), Ok(to)) = ports else {
            return Err(GoogleError::field(
                "resource.portRange",
                &range,
                "Must be a port or a range of ports.",
            ));
        };
        doc.insert("portRange".into(), format!("{from}-{to}").into());
    } else if target.contains("Proxies/") {
        return Err(GoogleError::required("resource.portRange"));
    }
    behind(ctx, doc, target, subject)?;
    let region = match text(&Value::Object(doc.clone()), "/loadBalancingScheme") {
        "INTERNAL_MANAGED" if !endpoint => inside(ctx, doc, subject)?,
        _ => subject.place.region().to_owned(),
    };
    if subject.before.is_some() {
        return Ok(());
    }
    let given = text(&whole, "/IPAddress").to_owned();
    let ip = match path_of(ctx, &given, &subject.place.project) {
        Some(path) => {
            let item = super::reference::find(ctx, &path)?;
            text(&item.doc, "/address").to_owned()
        }
        None if given.is_empty() && internal && doc.contains_key("subnetwork") => {
            let path = text(&whole, "/subnetwork").replace(PREFIX, "");
            address::internal(ctx, &path, None, &region)?
        }
        None if given.is_empty() => address::external(ctx),
        None if address::is_literal(&given) => {
            if internal && doc.contains_key("subnetwork") {
                in_subnetwork(ctx, doc, &given, &subject.place.project, &region)?;
            }
            given.clone()
        }
        None => {
            return Err(GoogleError::field(
                "resource.IPAddress",
                &given,
                "Must be an IP address or an address resource.",
            ));
        }
    };
    conflict(ctx, doc, &ip, subject)?;
    doc.insert("IPAddress".into(), ip.into());
    if endpoint {
        doc.insert("pscConnectionId".into(), ctx.number().into());
        let namespace = format!("goog-psc-{}-{}", subject.name, ctx.hex(8));
        let registration =
            json!([{ "namespace": namespace, "serviceDirectoryRegion": "us-central1" }]);
        default(doc, "serviceDirectoryRegistrations", registration);
    }
    Ok(())
}

/// Whether what stands behind the rule is of its scheme, and has the certificates that its scheme takes.
/// <https://cloud.google.com/load-balancing/docs/backend-service#load_balancing_scheme>
fn behind(
    ctx: &Ctx<'_>,
    doc: &Map<String, Value>,
    target: &str,
    subject: &Subject<'_>,
) -> GoogleResult<()> {
    let scheme = doc.get("loadBalancingScheme").and_then(Value::as_str);
    let scheme = scheme.unwrap_or_default();
    let refuse = |why: String| Err(GoogleError::field("resource.target", target, &why));
    let Some(path) = path_of(ctx, target, &subject.place.project) else {
        return Ok(());
    };
    let Some(proxy) = ctx.get(&table(collection(&path)), &path) else {
        return Ok(());
    };
    let proxy = proxy.at(ctx.now).clone();
    let inside = scheme == "INTERNAL_MANAGED";
    if inside && path.contains("/targetSslProxies/") {
        return refuse("A target SSL proxy cannot be used with INTERNAL_MANAGED.".to_owned());
    }
    let certificates = proxy["sslCertificates"].as_array().into_iter().flatten();
    for certificate in certificates.filter_map(Value::as_str) {
        let managed = url_map::of_certificate_manager(certificate);
        if managed != inside {
            let why = match inside {
                true => "must be of Certificate Manager",
                false => "must be SslCertificates, or stand in a certificate map",
            };
            return refuse(format!(
                "Its certificates {why}, as the scheme is {scheme}."
            ));
        }
    }
    let mut services = Vec::new();
    named_services(&proxy, &mut services);
    if let Some(path) = path_of(ctx, text(&proxy, "/urlMap"), &subject.place.project)
        && let Some(map) = ctx.get(&table("urlMaps"), &path)
    {
        named_services(map.at(ctx.now), &mut services);
    }
    for service in services {
        let path = service.trim_start_matches(PREFIX);
        let Some(service) = ctx.get(&table("backendServices"), path) else {
            continue;
        };
        let of = text(service.at(ctx.now), "/loadBalancingScheme");
        if of != scheme && (of.starts_with("INTERNAL") || scheme.starts_with("INTERNAL")) {
            return refuse(format!(
                "The load balancing scheme {scheme} does not match {of} of backend service '{}'.",
                service.short()
            ));
        }
    }
    Ok(())
}

/// The backend services that a document names anywhere.
fn named_services(doc: &Value, found: &mut Vec<String>) {
    match doc {
        Value::String(text) if text.contains("/backendServices/") => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| named_services(item, found)),
        Value::Object(members) => members
            .values()
            .for_each(|item| named_services(item, found)),
        _ => {}
    }
}

/// The region of a rule that is reached from its network only, whose proxies need a subnetwork of their own there.
/// <https://cloud.google.com/load-balancing/docs/proxy-only-subnets>
fn inside(
    ctx: &Ctx<'_>,
    doc: &mut Map<String, Value>,
    subject: &Subject<'_>,
) -> GoogleResult<String> {
    let url = doc.get("subnetwork").and_then(Value::as_str);
    let Some(url) = url.map(str::to_owned) else {
        return Err(GoogleError::required("resource.subnetwork"));
    };
    let path = url.trim_start_matches(PREFIX);
    let subnetwork = super::reference::find(ctx, path)?;
    let subnetwork = subnetwork.at(ctx.now);
    if subnetwork["purpose"] != "PRIVATE" {
        let why = "The subnetwork's purpose must be PRIVATE.";
        return Err(GoogleError::field("resource.subnetwork", &url, why));
    }
    let global = subject.place.word() == "global";
    let region = path.split('/').nth(3).unwrap_or_default();
    if !global && region != subject.place.region() {
        let why = "The subnetwork must be in the same region.";
        return Err(GoogleError::field("resource.subnetwork", &url, why));
    }
    let purpose = match global {
        true => "GLOBAL_MANAGED_PROXY",
        false => "REGIONAL_MANAGED_PROXY",
    };
    let network = text(subnetwork, "/network").to_owned();
    let named = doc.get("network").and_then(Value::as_str);
    if named.is_some_and(|named| named != network) {
        let why = "The subnetwork is not in the network.";
        return Err(GoogleError::field("resource.subnetwork", &url, why));
    }
    let network_path = network.trim_start_matches(PREFIX);
    if !super::subnetwork::has_proxies(ctx, network_path, region, purpose) {
        let message = format!(
            "Invalid value for field 'resource.subnetwork': '{url}'. An active proxy-only subnetwork with purpose {purpose} is required in the same region and VPC as the forwarding rule."
        );
        return Err(GoogleError::invalid(message));
    }
    doc.insert("network".into(), network.into());
    Ok(region.to_owned())
}

/// Whether an address of a subnetwork can be the rule's: one that others have too must be reserved for being shared.
fn in_subnetwork(
    ctx: &Ctx<'_>,
    doc: &Map<String, Value>,
    ip: &str,
    project: &str,
    region: &str,
) -> GoogleResult<()> {
    let url = doc.get("subnetwork").and_then(Value::as_str);
    let path = url.unwrap_or_default().trim_start_matches(PREFIX);
    let place = format!("projects/{project}/regions/{region}");
    let reserved = address::reserved(ctx, &place, ip);
    let Some(reserved) = reserved else {
        // Not reserved: it must be free.
        let parsed = ip.parse().ok();
        return address::internal(ctx, path, parsed, region).map(|_| ());
    };
    let item = super::reference::find(ctx, &reserved)?;
    let shared = item.at(ctx.now)["purpose"] == "SHARED_LOADBALANCER_VIP";
    let holders = ctx.holders(&reserved);
    if !shared
        && holders
            .iter()
            .any(|holder| holder.holds(&reserved, ctx.now))
    {
        return Err(address::conflict(ip));
    }
    Ok(())
}

/// Two rules cannot have the same address, protocol and port.
fn conflict(
    ctx: &Ctx<'_>,
    doc: &Map<String, Value>,
    ip: &str,
    subject: &Subject<'_>,
) -> GoogleResult<()> {
    let ports = |doc: &Value| match text(doc, "/portRange").split_once('-') {
        Some((from, to)) => (from.parse().unwrap_or(0), to.parse().unwrap_or(u16::MAX)),
        None => (0u16, u16::MAX),
    };
    let mine = Value::Object(doc.clone());
    let (from, to) = ports(&mine);
    let prefix = format!("projects/{}/", subject.place.project);
    let taken = ctx.list(&GLOBAL.table(), &prefix).iter().any(|other| {
        let (low, high) = ports(&other.doc);
        other.doc["IPAddress"] == ip
            && other.doc["IPProtocol"] == mine["IPProtocol"]
            && other.doc["network"] == mine["network"]
            && low <= to
            && from <= high
    });
    if taken {
        return Err(address::conflict(ip));
    }
    Ok(())
}

/// The reserved address that the rule has.
fn reserved(ctx: &Ctx<'_>, subject: &Subject<'_>, doc: &Value) -> Option<String> {
    let ip = text(doc, "/IPAddress");
    let global = address::reserved(ctx, &subject.place.path(), ip);
    // A global rule that is reached from its network has an address of a region.
    global.or_else(|| {
        let subnetwork = text(doc, "/subnetwork").trim_start_matches(PREFIX);
        let (place, _) = subnetwork.split_once("/subnetworks/")?;
        address::reserved(ctx, place, ip)
    })
}
