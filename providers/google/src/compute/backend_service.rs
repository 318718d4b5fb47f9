//! `google_compute_backend_service`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_model::number::Number;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::{Map, Value as Json, json};

/// Where a global load balancer sends requests to, and how it spreads them.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct BackendServiceRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// `HTTP`, `HTTPS`, `HTTP2`, `TCP`, `SSL` or `GRPC`.
    #[record(optional, computed)]
    pub(crate) protocol: Option<String>,
    /// The named port of instance groups.
    #[record(optional, computed)]
    pub(crate) port_name: Option<String>,
    /// Seconds until a backend has failed to answer.
    #[record(optional, computed)]
    pub(crate) timeout_sec: Option<i64>,
    /// `EXTERNAL`, `EXTERNAL_MANAGED`, `INTERNAL_SELF_MANAGED` or `INTERNAL_MANAGED`.
    #[record(optional, force_new, default = "EXTERNAL")]
    pub(crate) load_balancing_scheme: String,
    /// `ROUND_ROBIN`, `LEAST_REQUEST`, …
    #[record(optional)]
    pub(crate) locality_lb_policy: Option<String>,
    /// `NONE`, `CLIENT_IP`, `GENERATED_COOKIE`, …
    #[record(optional, computed)]
    pub(crate) session_affinity: Option<String>,
    /// Seconds that requests under way get when a backend goes.
    #[record(optional, default = 300)]
    pub(crate) connection_draining_timeout_sec: i64,
    /// Whether answers are kept close to the clients.
    #[record(optional)]
    pub(crate) enable_cdn: Option<bool>,
    /// How answers are kept.
    #[record(block, max = 1, computed)]
    pub(crate) cdn_policy: Vec<Cdn>,
    /// Seconds that the cookie of `GENERATED_COOKIE` lasts.
    #[record(optional)]
    pub(crate) affinity_cookie_ttl_sec: Option<i64>,
    /// The health checks.
    #[record(optional, compare = resource_name)]
    pub(crate) health_checks: Vec<String>,
    /// A Cloud Armor policy.
    #[record(optional, compare = resource_name)]
    pub(crate) security_policy: Option<String>,
    /// Headers that are added to requests.
    #[record(optional)]
    pub(crate) custom_request_headers: Vec<String>,
    /// Headers that are added to answers.
    #[record(optional)]
    pub(crate) custom_response_headers: Vec<String>,
    /// Groups that requests go to.
    #[record(block)]
    pub(crate) backend: Vec<Backend>,
    /// Logs of requests.
    #[record(block, max = 1)]
    pub(crate) log_config: Vec<Logs>,
    /// Changes with every change: one made by others in between is refused.
    #[record(computed)]
    pub(crate) fingerprint: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/backendServices/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// A group.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Backend {
    /// An instance group or network endpoint group.
    #[record(required, compare = resource_name)]
    pub(crate) group: String,
    /// `UTILIZATION`, `RATE` or `CONNECTION`.
    #[record(optional, default = "UTILIZATION")]
    pub(crate) balancing_mode: String,
    /// The share of its capacity that is used, 0 to 1.
    #[record(optional, computed)]
    pub(crate) capacity_scaler: Option<Number>,
    /// What it is.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Requests per second of the group.
    #[record(optional)]
    pub(crate) max_rate: Option<i64>,
    /// Requests per second of each endpoint.
    #[record(optional)]
    pub(crate) max_rate_per_endpoint: Option<Number>,
    /// Requests per second of each machine.
    #[record(optional)]
    pub(crate) max_rate_per_instance: Option<Number>,
    /// Connections of each endpoint.
    #[record(optional)]
    pub(crate) max_connections_per_endpoint: Option<i64>,
    /// Connections of each machine.
    #[record(optional)]
    pub(crate) max_connections_per_instance: Option<i64>,
    /// The load of processors, 0 to 1.
    #[record(optional, computed)]
    pub(crate) max_utilization: Option<Number>,
}

/// How answers are kept.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Cdn {
    /// `CACHE_ALL_STATIC`, `USE_ORIGIN_HEADERS` or `FORCE_CACHE_ALL`.
    #[record(optional, computed)]
    pub(crate) cache_mode: Option<String>,
    /// Seconds, where the origin says nothing.
    #[record(optional, computed)]
    pub(crate) default_ttl: Option<i64>,
    /// Seconds at most.
    #[record(optional, computed)]
    pub(crate) max_ttl: Option<i64>,
    /// Seconds that browsers may keep an answer.
    #[record(optional, computed)]
    pub(crate) client_ttl: Option<i64>,
    /// Seconds that answers to signed URLs are kept at most.
    #[record(optional, computed)]
    pub(crate) signed_url_cache_max_age_sec: Option<i64>,
    /// Whether failures are kept too.
    #[record(optional, computed)]
    pub(crate) negative_caching: Option<bool>,
    /// Seconds that an old answer may stand in while a new one is fetched.
    #[record(optional, computed)]
    pub(crate) serve_while_stale: Option<i64>,
}

/// Logs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Logs {
    /// Whether there are any.
    #[record(optional)]
    pub(crate) enable: Option<bool>,
    /// The share of requests that are logged, 0 to 1.
    #[record(optional, computed)]
    pub(crate) sample_rate: Option<Number>,
}

pub(crate) struct BackendService;

#[async_trait]
impl Kind for BackendService {
    type Record = BackendServiceRecord;
    const TYPE: &'static str = "google_compute_backend_service";
    const API: Api = super::api(
        "compute.backendServices",
        "projects/{project}/global/backendServices",
        Update::Patch,
    );
    const RULES: Rules = &[
        ("backend", Rule::Named("backends")),
        ("enable_cdn", Rule::Named("enableCDN")),
        (
            "connection_draining_timeout_sec",
            Rule::Named("connectionDraining/drainingTimeoutSec"),
        ),
        // Only for output: Compute's reference, "backendServices". It has a call of its own.
        ("security_policy", Rule::ShownOnly),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(20, 20, 20)
    }

    fn body(_: &Client, _: &BackendServiceRecord, body: &mut Map<String, Json>) {
        super::say_enabled(body);
    }

    fn shown(found: &mut Json) {
        super::hide_disabled_logs(found);
    }

    fn patch(_: &BackendServiceRecord, _: &BackendServiceRecord, patch: &mut Map<String, Json>) {
        super::say_enabled(patch);
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &BackendServiceRecord,
    ) -> Result<(), ProviderError> {
        if desired.security_policy.is_none() {
            return Ok(());
        }
        guard(client, context, operation, id, desired).await
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &BackendServiceRecord,
        desired: &BackendServiceRecord,
    ) -> Result<(), ProviderError> {
        if prior.security_policy == desired.security_policy {
            return Ok(());
        }
        guard(client, context, operation, id, desired).await
    }
}

/// Puts the policy that is wanted in front of it, or none.
async fn guard(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: &BackendServiceRecord,
) -> Result<(), ProviderError> {
    let body = match &desired.security_policy {
        Some(policy) => json!({ "securityPolicy": policy }),
        None => json!({}),
    };
    super::set::<BackendService>(client, context, operation, id, "setSecurityPolicy", body).await
}
