//! `google_compute_firewall`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::schema::Traits;
use infra_model::{ProviderError, Record, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// A firewall rule of a network.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct FirewallRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The network.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) network: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// `INGRESS` or `EGRESS`.
    #[record(optional, computed, force_new)]
    pub(crate) direction: Option<String>,
    /// 0, which goes before all, to 65535.
    #[record(optional, default = 1000)]
    pub(crate) priority: i64,
    /// Whether it is without effect.
    #[record(optional)]
    pub(crate) disabled: Option<bool>,
    /// What it lets pass.
    #[record(block, set)]
    pub(crate) allow: Vec<Protocol>,
    /// What it stops.
    #[record(block, set)]
    pub(crate) deny: Vec<Protocol>,
    /// From where.
    #[record(optional, computed)]
    pub(crate) source_ranges: BTreeSet<String>,
    /// From machines with one of these tags.
    #[record(optional)]
    pub(crate) source_tags: BTreeSet<String>,
    /// From machines of one of these service accounts.
    #[record(optional)]
    pub(crate) source_service_accounts: BTreeSet<String>,
    /// To where.
    #[record(optional, computed)]
    pub(crate) destination_ranges: BTreeSet<String>,
    /// For machines with one of these tags; without any, for all.
    #[record(optional)]
    pub(crate) target_tags: BTreeSet<String>,
    /// For machines of one of these service accounts.
    #[record(optional)]
    pub(crate) target_service_accounts: BTreeSet<String>,
    /// Logs of what it decided.
    #[record(block, max = 1)]
    pub(crate) log_config: Vec<Logs>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/firewalls/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// A protocol and its ports.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Protocol {
    /// `tcp`, `udp`, `icmp`, `esp`, `ah`, `sctp`, `ipip`, `all`, or a number.
    #[record(required, compare = case_insensitive)]
    pub(crate) protocol: String,
    /// Ports and ranges, such as `80` and `8000-8999`; all without any.
    #[record(optional)]
    pub(crate) ports: Vec<String>,
}

/// Logs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Logs {
    /// `INCLUDE_ALL_METADATA` or `EXCLUDE_ALL_METADATA`.
    #[record(required)]
    pub(crate) metadata: String,
}

pub(crate) struct Firewall;

impl Kind for Firewall {
    type Record = FirewallRecord;
    const TYPE: &'static str = "google_compute_firewall";
    const API: Api = super::api(
        "compute.firewalls",
        "projects/{project}/global/firewalls",
        Update::Patch,
    );
    const RULES: Rules = &[
        ("allow", Rule::Named("allowed")),
        ("allow.protocol", Rule::Named("IPProtocol")),
        ("deny", Rule::Named("denied")),
        ("deny.protocol", Rule::Named("IPProtocol")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 10)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let some = |name: &str| {
            config
                .get(name)
                .is_none_or(|v| v.is_unknown() || v.elements().is_some_and(|e| !e.is_empty()))
        };
        match (some("allow"), some("deny")) {
            (false, false) => vec![ProviderError::invalid(
                "allow",
                "a firewall rule needs `allow` or `deny`",
            )],
            _ => Vec::new(),
        }
    }

    fn body(_: &Client, _: &FirewallRecord, body: &mut Map<String, Json>) {
        super::say_enabled(body);
    }

    fn shown(found: &mut Json) {
        super::hide_disabled_logs(found);
    }

    /// The name must be said with every patch.
    fn patch(_: &FirewallRecord, desired: &FirewallRecord, patch: &mut Map<String, Json>) {
        super::say_enabled(patch);
        if !patch.is_empty() {
            patch.insert("name".to_owned(), json!(desired.name));
        }
    }
}
