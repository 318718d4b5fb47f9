//! Backend services, global and of a region, and backend buckets.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::super::context::{Ctx, Input, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::kind::{Default, Guard, Kind, Subject, to};
use super::{engine, security_policy};
use crate::http::HttpReply;
use crate::latency::Work;

pub(crate) const GLOBAL: Kind = Kind {
    resource: "backendServices",
    collection: "backendServices",
    word: "backendService",
    terraform: |_| "google_compute_backend_service",
    references: &[
        to("healthChecks/*", &["healthChecks"]),
        to(
            "backends/*/group",
            &["instanceGroups", "networkEndpointGroups"],
        ),
        to("network", &["networks"]),
        to("securityPolicy", &["securityPolicies"]),
    ],
    fixed: &["loadBalancingScheme"],
    guard: Guard::Required,
    quota: Some(("BACKEND_SERVICES", 150)),
    work: Work::ComputeSlow,
    defaults: &[
        ("description", Default::Text("")),
        ("loadBalancingScheme", Default::Text("EXTERNAL")),
        ("sessionAffinity", Default::Text("NONE")),
        ("affinityCookieTtlSec", Default::Number(0)),
        ("timeoutSec", Default::Number(30)),
    ],
    prepare,
    ..Kind::BASE
};

pub(crate) const REGIONAL: Kind = Kind {
    resource: "regionBackendServices",
    terraform: |_| "google_compute_region_backend_service",
    ..GLOBAL
};

pub(crate) const BUCKETS: Kind = Kind {
    resource: "backendBuckets",
    collection: "backendBuckets",
    word: "backendBucket",
    terraform: |_| "google_compute_backend_bucket",
    required: &["bucketName"],
    quota: Some(("BACKEND_BUCKETS", 50)),
    ..Kind::BASE
};

fn prepare(
    ctx: &mut Ctx<'_>,
    subject: &Subject<'_>,
    doc: &mut Map<String, Value>,
) -> GoogleResult<()> {
    let regional = subject.place.word() == "region";
    let scheme = doc["loadBalancingScheme"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let protocol = if regional && matches!(scheme.as_str(), "INTERNAL" | "EXTERNAL") {
        "TCP"
    } else {
        "HTTP"
    };
    default(doc, "protocol", protocol);
    default(
        doc,
        "connectionDraining",
        json!({ "drainingTimeoutSec": 0 }),
    );
    if !regional && matches!(scheme.as_str(), "INTERNAL") {
        let why = "A global backend service cannot have this scheme.";
        return Err(GoogleError::field(
            "resource.loadBalancingScheme",
            &scheme,
            why,
        ));
    }
    security_policy::fits(ctx, doc, &scheme)?;
    let internet = backends(doc, &scheme)?;
    let checks = doc
        .get("healthChecks")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if checks > 1 {
        let why = "A backend service has at most one health check.";
        return Err(GoogleError::field("resource.healthChecks", "", why));
    }
    let some = doc
        .get("backends")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    if some && internet && checks > 0 {
        let why = "A backend service with serverless or internet backends has no health check.";
        return Err(GoogleError::field("resource.healthChecks", "", why));
    }
    if some && !internet && checks == 0 {
        return Err(GoogleError::required("resource.healthChecks"));
    }
    let portless =
        matches!(doc["protocol"].as_str(), Some("UDP" | "UNSPECIFIED")) || scheme == "INTERNAL";
    if !portless && !internet && doc.get("portName").is_none() && some {
        default(doc, "portName", "http");
    }
    if let Some(iap) = doc.get_mut("iap").and_then(Value::as_object_mut)
        && let Some(Value::String(secret)) = iap.remove("oauth2ClientSecret")
    {
        let digest = hex::encode(Sha256::digest(secret.as_bytes()));
        iap.insert("oauth2ClientSecretSha256".into(), digest.into());
    }
    Ok(())
}

/// Checks the backends; whether they are such as need no health check.
fn backends(doc: &mut Map<String, Value>, scheme: &str) -> GoogleResult<bool> {
    let list = doc.get_mut("backends").and_then(Value::as_array_mut);
    let mut groups: Vec<String> = Vec::new();
    let mut internet = false;
    for (at, backend) in list.into_iter().flatten().enumerate() {
        let group = text(backend, "/group").to_owned();
        let field = format!("resource.backends[{at}].group");
        if group.is_empty() {
            return Err(GoogleError::required(&field));
        }
        if groups.contains(&group) {
            return Err(GoogleError::field(
                &field,
                &group,
                "Duplicate instance groups in backend service.",
            ));
        }
        let zonal = group.contains("/zones/");
        internet |= !zonal && group.contains("/networkEndpointGroups/");
        let endpoints = group.contains("/networkEndpointGroups/");
        groups.push(group);
        let Some(backend) = backend.as_object_mut() else {
            continue;
        };
        let passthrough = matches!(scheme, "INTERNAL");
        if !internet || zonal {
            let mode = match (passthrough, endpoints) {
                (true, _) => "CONNECTION",
                (false, true) => "RATE",
                (false, false) => "UTILIZATION",
            };
            default(backend, "balancingMode", mode);
            if !passthrough {
                default(backend, "capacityScaler", 1.0);
            }
            if endpoints && backend["balancingMode"] == "UTILIZATION" {
                let why = "UTILIZATION is not for network endpoint groups.";
                return Err(GoogleError::field(
                    "resource.backends[0].balancingMode",
                    "UTILIZATION",
                    why,
                ));
            }
            let rate = ["maxRate", "maxRatePerInstance", "maxRatePerEndpoint"];
            if backend["balancingMode"] == "RATE"
                && !rate.iter().any(|name| backend.contains_key(*name))
            {
                let message = format!(
                    "Invalid value for field 'resource.backends[{at}]': a backend with RATE needs one of maxRate, maxRatePerInstance and maxRatePerEndpoint."
                );
                return Err(GoogleError::invalid(message));
            }
        }
    }
    Ok(internet)
}

/// `setSecurityPolicy`: a policy, or none where none is said.
pub(crate) fn set_security_policy(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    if let Some(reply) = engine::seen(ctx, input)? {
        return Ok(reply);
    }
    let item = engine::find_idle(ctx, kind, input)?;
    let mut doc = item.at(ctx.now).clone();
    let print = doc["fingerprint"].as_str().map(str::to_owned);
    match text(&input.body, "/securityPolicy") {
        "" => {
            doc.as_object_mut().map(|doc| doc.remove("securityPolicy"));
        }
        policy => doc["securityPolicy"] = policy.into(),
    }
    let sent = print.as_deref();
    engine::change(ctx, kind, input, item, doc, sent, "setSecurityPolicy")
}

/// `getHealth`: nothing answers here.
pub(crate) fn health(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    engine::find(ctx, kind, input)?;
    Ok(HttpReply::json(
        200,
        &json!({ "kind": "compute#backendServiceGroupHealth" }),
    ))
}
