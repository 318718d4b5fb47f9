//! `google_compute_health_check`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use infra_model::schema::Traits;
use infra_model::{ProviderError, Record, Value};
use serde_json::{Map, Value as Json};

/// How load balancers find out which backends answer.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct HealthCheckRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Seconds between checks.
    #[record(optional, default = 5)]
    pub(crate) check_interval_sec: i64,
    /// Seconds until a check has failed.
    #[record(optional, default = 5)]
    pub(crate) timeout_sec: i64,
    /// So many good answers make a backend healthy.
    #[record(optional, default = 2)]
    pub(crate) healthy_threshold: i64,
    /// So many failures make it unhealthy.
    #[record(optional, default = 2)]
    pub(crate) unhealthy_threshold: i64,
    /// By HTTP.
    #[record(block, max = 1)]
    pub(crate) http_health_check: Vec<Http>,
    /// By HTTPS.
    #[record(block, max = 1)]
    pub(crate) https_health_check: Vec<Http>,
    /// By HTTP/2.
    #[record(block, max = 1)]
    pub(crate) http2_health_check: Vec<Http>,
    /// By a connection.
    #[record(block, max = 1)]
    pub(crate) tcp_health_check: Vec<Tcp>,
    /// By gRPC's health service.
    #[record(block, max = 1)]
    pub(crate) grpc_health_check: Vec<Grpc>,
    /// Logs of changes.
    #[record(block, max = 1)]
    pub(crate) log_config: Vec<Logs>,
    /// `HTTP`, `HTTPS`, `HTTP2`, `TCP` or `GRPC`.
    #[record(computed)]
    pub(crate) r#type: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/healthChecks/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// A request.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Http {
    /// The `Host` header; by default the load balancer's address.
    #[record(optional)]
    pub(crate) host: Option<String>,
    /// The path.
    #[record(optional, default = "/")]
    pub(crate) request_path: String,
    /// What the answer must begin with.
    #[record(optional)]
    pub(crate) response: Option<String>,
    /// The port; 80 or 443 without one.
    #[record(optional, computed)]
    pub(crate) port: Option<i64>,
    /// A named port of the instance group.
    #[record(optional)]
    pub(crate) port_name: Option<String>,
    /// `USE_FIXED_PORT`, `USE_NAMED_PORT` or `USE_SERVING_PORT`.
    #[record(optional, computed)]
    pub(crate) port_specification: Option<String>,
    /// `NONE` or `PROXY_V1`.
    #[record(optional, default = "NONE")]
    pub(crate) proxy_header: String,
}

/// A connection.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Tcp {
    /// What is sent.
    #[record(optional)]
    pub(crate) request: Option<String>,
    /// What the answer must begin with.
    #[record(optional)]
    pub(crate) response: Option<String>,
    /// The port.
    #[record(optional, computed)]
    pub(crate) port: Option<i64>,
    /// A named port of the instance group.
    #[record(optional)]
    pub(crate) port_name: Option<String>,
    /// `USE_FIXED_PORT`, `USE_NAMED_PORT` or `USE_SERVING_PORT`.
    #[record(optional, computed)]
    pub(crate) port_specification: Option<String>,
    /// `NONE` or `PROXY_V1`.
    #[record(optional, default = "NONE")]
    pub(crate) proxy_header: String,
}

/// A call.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Grpc {
    /// The service's name.
    #[record(optional)]
    pub(crate) grpc_service_name: Option<String>,
    /// The port.
    #[record(optional, computed)]
    pub(crate) port: Option<i64>,
    /// A named port of the instance group.
    #[record(optional)]
    pub(crate) port_name: Option<String>,
    /// `USE_FIXED_PORT`, `USE_NAMED_PORT` or `USE_SERVING_PORT`.
    #[record(optional, computed)]
    pub(crate) port_specification: Option<String>,
}

/// Logs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Logs {
    /// Whether there are any.
    #[record(optional)]
    pub(crate) enable: Option<bool>,
}

pub(crate) struct HealthCheck;

/// The kinds by attribute.
const KINDS: [(&str, &str); 5] = [
    ("http_health_check", "HTTP"),
    ("https_health_check", "HTTPS"),
    ("http2_health_check", "HTTP2"),
    ("tcp_health_check", "TCP"),
    ("grpc_health_check", "GRPC"),
];

fn name_kind(record: &HealthCheckRecord, body: &mut Map<String, Json>) {
    let value = record.to_value();
    let said = |name: &str| {
        value
            .get(name)
            .and_then(Value::elements)
            .is_some_and(|e| !e.is_empty())
    };
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| said(name)) {
        body.insert("type".to_owned(), Json::from(*kind));
    }
}

impl Kind for HealthCheck {
    type Record = HealthCheckRecord;
    const TYPE: &'static str = "google_compute_health_check";
    const API: Api = super::api(
        "compute.healthChecks",
        "projects/{project}/global/healthChecks",
        Update::Patch,
    );

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 10)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let count = KINDS
            .iter()
            .filter(|(name, _)| {
                let value = config.get(name);
                value.is_some_and(|v| v.is_unknown() || v.elements().is_some_and(|e| !e.is_empty()))
            })
            .count();
        if count == 1 {
            return Vec::new();
        }
        vec![ProviderError::invalid(
            "http_health_check",
            format!(
                "a health check has one of {}, not {count}",
                KINDS.map(|k| k.0).join(", ")
            ),
        )]
    }

    fn body(_: &Client, desired: &HealthCheckRecord, body: &mut Map<String, Json>) {
        name_kind(desired, body);
    }

    fn shown(found: &mut Json) {
        super::hide_disabled_logs(found);
    }

    fn patch(_: &HealthCheckRecord, desired: &HealthCheckRecord, patch: &mut Map<String, Json>) {
        if patch.keys().any(|k| k.ends_with("HealthCheck")) {
            name_kind(desired, patch);
        }
    }
}
