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
    check_tests(&whole)
}

/// Whether every test of a map comes out where it says.
/// <https://cloud.google.com/load-balancing/docs/https/adding-url-map-tests>
fn check_tests(map: &Value) -> GoogleResult<()> {
    for test in map["tests"].as_array().into_iter().flatten() {
        let (host, path, wanted) = (
            text(test, "/host"),
            text(test, "/path"),
            text(test, "/service"),
        );
        for (field, value) in [("host", host), ("path", path)] {
            if value.is_empty() {
                return Err(GoogleError::required(&format!("resource.tests[0].{field}")));
            }
        }
        let found = answering(map, host, path);
        if !wanted.is_empty() && found != wanted {
            let message = format!(
                "Invalid value for field 'resource.tests': ''. Test failure: Expect URL '{host}{path}' to map to service '{wanted}', but actually mapped to '{found}'."
            );
            return Err(GoogleError::invalid(message));
        }
    }
    Ok(())
}

/// The service that answers a request; empty where it is sent away. Whole hosts and paths go before patterns, and long patterns before
/// short ones.
fn answering<'a>(map: &'a Value, host: &str, path: &str) -> &'a str {
    let listed = |value: &'a Value| value.as_array().into_iter().flatten();
    let fits = |pattern: &str, text: &str| match pattern.split_once('*') {
        Some((before, after)) => text.starts_with(before) && text.ends_with(after),
        None => pattern == text,
    };
    let best = |patterns: &'a Value, text: &str| {
        let fitting = listed(patterns).filter_map(Value::as_str);
        let fitting = fitting.filter(|pattern| fits(pattern, text));
        fitting
            .map(|pattern| (!pattern.contains('*'), pattern.len()))
            .max()
    };
    let rule = listed(&map["hostRules"])
        .filter_map(|rule| Some((best(&rule["hosts"], host)?, rule)))
        .max_by_key(|(how, _)| *how);
    let matcher = rule.and_then(|(_, rule)| {
        listed(&map["pathMatchers"]).find(|matcher| matcher["name"] == rule["pathMatcher"])
    });
    let Some(matcher) = matcher else {
        return text(map, "/defaultService");
    };
    let rule = listed(&matcher["pathRules"])
        .filter_map(|rule| Some((best(&rule["paths"], path)?, rule)))
        .max_by_key(|(how, _)| *how);
    match rule {
        Some((_, rule)) => text(rule, "/service"),
        None => text(matcher, "/defaultService"),
    }
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
        Reference {
            field: "sslCertificates/*",
            to: &["sslCertificates"],
            loose: true,
        },
        to("sslPolicy", &["sslPolicies"]),
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
    let all = doc.get("sslCertificates").and_then(Value::as_array);
    let all: Vec<&str> = all
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let refuse =
        |value: &str, why: &str| Err(GoogleError::field("resource.sslCertificates", value, why));
    if all.is_empty() && !doc.contains_key("certificateMap") {
        return Err(GoogleError::required("resource.sslCertificates"));
    }
    let (managed, classic): (Vec<&str>, Vec<&str>) = all
        .iter()
        .copied()
        .partition(|url| of_certificate_manager(url));
    if let Some(url) = classic
        .iter()
        .find(|url| !url.contains("/sslCertificates/"))
    {
        return refuse(url, "The URL is malformed.");
    }
    if !managed.is_empty() && !classic.is_empty() {
        let why = "Classic certificates and those of Certificate Manager cannot be mixed.";
        return refuse("", why);
    }
    if classic.len() > 15 || managed.len() > 100 {
        return refuse(
            "",
            "A target proxy has at most 15 certificates, or 100 of Certificate Manager.",
        );
    }
    Ok(())
}

/// Whether a URL names a certificate of Certificate Manager, which proxies inside a network take (Compute's reference,
/// `TargetHttpsProxy.sslCertificates`).
pub(crate) fn of_certificate_manager(url: &str) -> bool {
    let path = url.strip_prefix("//certificatemanager.googleapis.com/");
    let parts: Vec<&str> = path.unwrap_or_default().split('/').collect();
    let named = ["projects", "locations", "certificates"];
    parts.len() == 6
        && parts.iter().step_by(2).eq(&named)
        && parts.iter().all(|part| !part.is_empty())
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

pub(crate) const SSL_PROXIES: Kind = Kind {
    resource: "targetSslProxies",
    collection: "targetSslProxies",
    word: "targetSslProxy",
    terraform: |_| "google_compute_target_ssl_proxy",
    references: &[
        to("service", &["backendServices"]),
        to("sslCertificates/*", &["sslCertificates"]),
        to("sslPolicy", &["sslPolicies"]),
    ],
    required: &["service"],
    quota: Some(("TARGET_SSL_PROXIES", 300)),
    defaults: &[("proxyHeader", Default::Text("NONE"))],
    prepare: prepare_https,
    ..Kind::BASE
};
