//! `google_compute_global_forwarding_rule` and `google_compute_forwarding_rule`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// An address and port of the internet, and the proxy behind it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct GlobalRuleRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The proxy.
    #[record(required, compare = resource_name)]
    pub(crate) target: String,
    /// The address, such as that of a reserved one; a passing one without.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) ip_address: Option<String>,
    /// `TCP`, `UDP`, …
    #[record(optional, computed, force_new)]
    pub(crate) ip_protocol: Option<String>,
    /// `IPV4` or `IPV6`.
    #[record(optional, computed, force_new)]
    pub(crate) ip_version: Option<String>,
    /// The port or ports, such as `443` and `8080-8090`.
    #[record(optional, force_new)]
    pub(crate) port_range: Option<String>,
    /// `EXTERNAL`, `EXTERNAL_MANAGED`, `INTERNAL_SELF_MANAGED` or `INTERNAL_MANAGED`.
    #[record(optional, force_new, default = "EXTERNAL")]
    pub(crate) load_balancing_scheme: String,
    /// The network of an internal one.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) network: Option<String>,
    /// The subnetwork of an internal one, which gives it the address.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) subnetwork: Option<String>,
    /// `PREMIUM`.
    #[record(optional, computed, force_new)]
    pub(crate) network_tier: Option<String>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/forwardingRules/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

/// An address and port of a region, and what is behind it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RuleRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The proxy or pool.
    #[record(optional, compare = resource_name)]
    pub(crate) target: Option<String>,
    /// The regional backend service.
    #[record(optional, force_new, compare = resource_name)]
    pub(crate) backend_service: Option<String>,
    /// The address, such as that of a reserved one; a passing one without.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) ip_address: Option<String>,
    /// `TCP`, `UDP`, `L3_DEFAULT`, …
    #[record(optional, computed, force_new)]
    pub(crate) ip_protocol: Option<String>,
    /// The port or ports, such as `443` and `8080-8090`.
    #[record(optional, computed, force_new)]
    pub(crate) port_range: Option<String>,
    /// Up to five ports.
    #[record(optional, force_new)]
    pub(crate) ports: BTreeSet<String>,
    /// Whether all ports.
    #[record(optional, force_new)]
    pub(crate) all_ports: Option<bool>,
    /// `EXTERNAL`, `EXTERNAL_MANAGED`, `INTERNAL` or `INTERNAL_MANAGED`.
    #[record(optional, force_new, default = "EXTERNAL")]
    pub(crate) load_balancing_scheme: String,
    /// The network of an internal one.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) network: Option<String>,
    /// The subnetwork of an internal one.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) subnetwork: Option<String>,
    /// Whether clients of other regions may use it.
    #[record(optional)]
    pub(crate) allow_global_access: Option<bool>,
    /// `PREMIUM` or `STANDARD`.
    #[record(optional, computed, force_new)]
    pub(crate) network_tier: Option<String>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// The region. By default the provider's.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) region: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/regions/{region}/forwardingRules/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

/// A rule shows the address that a reserved one has, a range where one port was asked for.
const RULES: Rules = &[
    ("ip_address", Rule::Named("IPAddress")),
    ("ip_protocol", Rule::Named("IPProtocol")),
];

/// `80` of `80-80`, which is how Google shows one port.
fn one_port(found: &mut serde_json::Value) {
    let one = found["portRange"]
        .as_str()
        .and_then(|range| range.split_once('-'))
        .filter(|(from, to)| from == to)
        .map(|(port, _)| port.to_owned());
    if let Some(port) = one {
        found["portRange"] = port.into();
    }
}

pub(crate) struct GlobalRule;

#[async_trait]
impl Kind for GlobalRule {
    type Record = GlobalRuleRecord;
    const TYPE: &'static str = "google_compute_global_forwarding_rule";
    const API: Api = super::labelled(super::api(
        "compute.globalForwardingRules",
        "projects/{project}/global/forwardingRules",
        Update::None,
    ));
    const RULES: Rules = RULES;

    fn traits() -> Traits {
        Traits::default().seconds(12, 12, 12)
    }

    fn shown(found: &mut serde_json::Value) {
        one_port(found);
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &GlobalRuleRecord,
        desired: &GlobalRuleRecord,
    ) -> Result<(), ProviderError> {
        if prior.target == desired.target {
            return Ok(());
        }
        let body = json!({ "target": desired.target });
        super::set::<Self>(client, context, operation, id, "setTarget", body).await
    }
}

pub(crate) struct ForwardingRule;

#[async_trait]
impl Kind for ForwardingRule {
    type Record = RuleRecord;
    const TYPE: &'static str = "google_compute_forwarding_rule";
    const API: Api = super::labelled(super::api(
        "compute.forwardingRules",
        "projects/{project}/regions/{region}/forwardingRules",
        Update::Patch,
    ));
    const RULES: Rules = RULES;

    fn traits() -> Traits {
        Traits::default().seconds(12, 12, 12)
    }

    fn shown(found: &mut serde_json::Value) {
        one_port(found);
    }

    fn patch(
        _: &RuleRecord,
        _: &RuleRecord,
        patch: &mut serde_json::Map<String, serde_json::Value>,
    ) {
        patch.retain(|field, _| field == "allowGlobalAccess");
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &RuleRecord,
        desired: &RuleRecord,
    ) -> Result<(), ProviderError> {
        if prior.target == desired.target {
            return Ok(());
        }
        let body = json!({ "target": desired.target });
        super::set::<Self>(client, context, operation, id, "setTarget", body).await
    }
}
