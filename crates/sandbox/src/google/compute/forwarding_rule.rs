//! Forwarding rules, global and of a region: an address and ports in front of a target.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::kind::{Default, Guard, Kind, Reference, Subject, to};
use super::reference::{PREFIX, path_of};
use super::{address, engine};
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
            address::internal(ctx, &path, None, subject.place.region())?
        }
        None if given.is_empty() => address::external(ctx),
        None if address::is_literal(&given) => given.clone(),
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
    address::reserved(ctx, &subject.place.path(), text(doc, "/IPAddress"))
}
