//! Health checks, global and of a region.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, default};
use super::super::error::{GoogleError, GoogleResult};
use super::kind::{Default, Kind, Subject};

pub(crate) const GLOBAL: Kind = Kind {
    resource: "healthChecks",
    collection: "healthChecks",
    word: "healthCheck",
    terraform: |_| "google_compute_health_check",
    quota: Some(("HEALTH_CHECKS", 500)),
    defaults: &[
        ("checkIntervalSec", Default::Number(5)),
        ("timeoutSec", Default::Number(5)),
        ("healthyThreshold", Default::Number(2)),
        ("unhealthyThreshold", Default::Number(2)),
    ],
    prepare,
    ..Kind::BASE
};

pub(crate) const REGIONAL: Kind = Kind {
    resource: "regionHealthChecks",
    terraform: |_| "google_compute_region_health_check",
    ..GLOBAL
};

/// Types, the block of each, its default port.
const TYPES: [(&str, &str, i64); 7] = [
    ("TCP", "tcpHealthCheck", 80),
    ("SSL", "sslHealthCheck", 443),
    ("HTTP", "httpHealthCheck", 80),
    ("HTTPS", "httpsHealthCheck", 443),
    ("HTTP2", "http2HealthCheck", 443),
    ("GRPC", "grpcHealthCheck", 0),
    ("GRPC_WITH_TLS", "grpcTlsHealthCheck", 0),
];

fn prepare(_: &mut Ctx<'_>, _: &Subject<'_>, doc: &mut Map<String, Value>) -> GoogleResult<()> {
    let present: Vec<_> = TYPES
        .iter()
        .filter(|(_, block, _)| doc.contains_key(*block))
        .collect();
    if present.len() > 1 {
        let message = "Invalid value for field 'resource': only one protocol specific health check can be given.";
        return Err(GoogleError::invalid(message));
    }
    let kind = doc.get("type").and_then(Value::as_str).unwrap_or_default();
    let found = TYPES
        .iter()
        .find(|(name, ..)| *name == kind)
        .or(present.first().copied());
    let Some((kind, block, port)) = found.copied() else {
        return Err(GoogleError::required("resource.type"));
    };
    if present.first().is_some_and(|(other, ..)| *other != kind) {
        let why = "It does not fit the protocol specific health check.";
        return Err(GoogleError::field("resource.type", kind, why));
    }
    doc.insert("type".into(), kind.into());
    let settings = doc.entry(block).or_insert_with(|| json!({}));
    if let Some(settings) = settings.as_object_mut() {
        let named = settings.contains_key("portName") || settings.contains_key("portSpecification");
        if port == 0 && !named && !settings.contains_key("port") {
            return Err(GoogleError::required(&format!("resource.{block}.port")));
        }
        if port != 0 && !named {
            default(settings, "port", port);
        }
        if port != 0 {
            default(settings, "proxyHeader", "NONE");
        }
        if kind.starts_with("HTTP") {
            default(settings, "requestPath", "/");
        }
        if let Some(port) = settings.get("port").and_then(Value::as_i64)
            && !(1..=65535).contains(&port)
        {
            let why = "Must be between 1 and 65535.";
            return Err(GoogleError::field(
                &format!("resource.{block}.port"),
                &port.to_string(),
                why,
            ));
        }
    }
    let number = |name: &str| doc.get(name).and_then(Value::as_i64).unwrap_or(0);
    for (name, most) in [
        ("checkIntervalSec", 300),
        ("timeoutSec", 300),
        ("healthyThreshold", 10),
        ("unhealthyThreshold", 10),
    ] {
        let value = number(name);
        if !(1..=most).contains(&value) {
            let why = format!("Must be between 1 and {most}.");
            return Err(GoogleError::field(
                &format!("resource.{name}"),
                &value.to_string(),
                &why,
            ));
        }
    }
    if number("timeoutSec") > number("checkIntervalSec") {
        let why = "TimeoutSec should be less than or equal to checkIntervalSec.";
        let value = number("timeoutSec").to_string();
        return Err(GoogleError::field("resource.timeoutSec", &value, why));
    }
    Ok(())
}
