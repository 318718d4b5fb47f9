//! URL maps and the target proxies that use them.

use serde_json::{Map, Value};

use super::super::context::{Ctx, text};
use super::super::error::{GoogleError, GoogleResult};
use super::kind::{Default, Guard, Kind, Reference, Subject, to};
use crate::latency::Work;

const SERVICES: &[&str] = &["backendServices", "backendBuckets"];

pub(crate) const KIND: Kind = Kind {
    resource: "urlMaps",
    collection: "urlMaps",
    word: "urlMap",
    terraform: |_| "google_compute_url_map",
    references: &[
        to("defaultService", SERVICES),
        to(
            "defaultRouteAction/weightedBackendServices/*/backendService",
            SERVICES,
        ),
        to("pathMatchers/*/defaultService", SERVICES),
        to("pathMatchers/*/pathRules/*/service", SERVICES),
        to("pathMatchers/*/routeRules/*/service", SERVICES),
        to(
            "pathMatchers/*/pathRules/*/routeAction/weightedBackendServices/*/backendService",
            SERVICES,
        ),
        to(
            "pathMatchers/*/routeRules/*/routeAction/weightedBackendServices/*/backendService",
            SERVICES,
        ),
        to("tests/*/service", SERVICES),
    ],
    guard: Guard::Required,
    quota: Some(("URL_MAPS", 300)),
    work: Work::ComputeSlow,
    prepare,
    ..Kind::BASE
};

fn prepare(_: &mut Ctx<'_>, _: &Subject<'_>, doc: &mut Map<String, Value>) -> GoogleResult<()> {
    let actions = [
        "defaultService",
        "defaultUrlRedirect",
        "defaultRouteAction",
        "defaultCustomErrorResponsePolicy",
    ];
    if !actions.iter().any(|name| doc.contains_key(*name)) {
        return Err(GoogleError::required("resource.defaultService"));
    }
    if doc.contains_key("defaultService") && doc.contains_key("defaultUrlRedirect") {
        let message = "Invalid value for field 'resource.defaultUrlRedirect': '{ }'. defaultService must be unset when defaultUrlRedirect is set.";
        return Err(GoogleError::invalid(message));
    }
    let whole = Value::Object(doc.clone());
    let matchers: Vec<_> = whole["pathMatchers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|matcher| text(matcher, "/name"))
        .collect();
    if matchers.iter().any(|name| name.is_empty()) {
        return Err(GoogleError::required("resource.pathMatchers[0].name"));
    }
    let mut used = Vec::new();
    let mut hosts = Vec::new();
    for (at, rule) in whole["hostRules"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let name = text(rule, "/pathMatcher");
        let field = format!("resource.hostRules[{at}].pathMatcher");
        if !matchers.contains(&name) {
            return Err(GoogleError::field(
                &field,
                name,
                "It does not name a path matcher.",
            ));
        }
        used.push(name);
        for host in rule["hosts"].as_array().into_iter().flatten() {
            if hosts.contains(&host) {
                let field = format!("resource.hostRules[{at}].hosts");
                return Err(GoogleError::field(
                    &field,
                    host.as_str().unwrap_or_default(),
                    "Duplicate host.",
                ));
            }
            hosts.push(host);
        }
    }
    if let Some(idle) = matchers.iter().find(|name| !used.contains(name)) {
        let why = "The path matcher is not used by any host rule.";
        return Err(GoogleError::field(
            "resource.pathMatchers[0].name",
            idle,
            why,
        ));
    }
    Ok(())
}

pub(crate) const HTTP_PROXIES: Kind = Kind {
    resource: "targetHttpProxies",
    collection: "targetHttpProxies",
    word: "targetHttpProxy",
    terraform: |_| "google_compute_target_http_proxy",
    references: &[to("urlMap", &["urlMaps"])],
    required: &["urlMap"],
    guard: Guard::Optional,
    quota: Some(("TARGET_HTTP_PROXIES", 300)),
    ..Kind::BASE
};

pub(crate) const HTTPS_PROXIES: Kind = Kind {
    resource: "targetHttpsProxies",
    collection: "targetHttpsProxies",
    word: "targetHttpsProxy",
    terraform: |_| "google_compute_target_https_proxy",
    references: &[
        to("urlMap", &["urlMaps"]),
        to("sslCertificates/*", &["sslCertificates"]),
        Reference {
            field: "sslPolicy",
            to: &["sslPolicies"],
            loose: true,
        },
    ],
    required: &["urlMap"],
    guard: Guard::Optional,
    quota: Some(("TARGET_HTTPS_PROXIES", 300)),
    defaults: &[
        ("quicOverride", Default::Text("NONE")),
        ("tlsEarlyData", Default::Text("DISABLED")),
    ],
    prepare: prepare_https,
    ..Kind::BASE
};

fn prepare_https(
    _: &mut Ctx<'_>,
    _: &Subject<'_>,
    doc: &mut Map<String, Value>,
) -> GoogleResult<()> {
    let certificates = doc
        .get("sslCertificates")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if certificates == 0 && !doc.contains_key("certificateMap") {
        return Err(GoogleError::required("resource.sslCertificates"));
    }
    if certificates > 15 {
        let why = "A target proxy has at most 15 certificates.";
        return Err(GoogleError::field("resource.sslCertificates", "", why));
    }
    Ok(())
}

pub(crate) const TCP_PROXIES: Kind = Kind {
    resource: "targetTcpProxies",
    collection: "targetTcpProxies",
    word: "targetTcpProxy",
    terraform: |_| "google_compute_target_tcp_proxy",
    references: &[to("service", &["backendServices"])],
    required: &["service"],
    quota: Some(("TARGET_TCP_PROXIES", 300)),
    defaults: &[("proxyHeader", Default::Text("NONE"))],
    ..Kind::BASE
};
