//! `azurerm_lb_rule`: an entry in a load balancer.

use super::lb;
use crate::api::Api;
use crate::entry::Entry;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use serde_json::{Value as Json, json};

/// What a load balancer passes on, and where to.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RuleRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The load balancer.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) loadbalancer_id: String,
    /// The frontend that it listens on, by its name.
    #[record(required)]
    pub(crate) frontend_ip_configuration_name: String,
    /// `Tcp`, `Udp` or `All`.
    #[record(required, compare = case_insensitive)]
    pub(crate) protocol: String,
    /// The port that it listens on; 0 is any, with `protocol = "All"`.
    #[record(required)]
    pub(crate) frontend_port: i64,
    /// The port of the machines.
    #[record(required)]
    pub(crate) backend_port: i64,
    /// The pool that it passes on to; two of a gateway load balancer.
    #[record(optional, compare = case_insensitive)]
    pub(crate) backend_address_pool_ids: Vec<String>,
    /// The probe that tells which machines work.
    #[record(optional, compare = case_insensitive)]
    pub(crate) probe_id: Option<String>,
    /// Whether machines see the frontend's address as the destination.
    #[record(optional, default = false)]
    pub(crate) floating_ip_enabled: bool,
    /// Minutes until an idle connection ends, 4 to 100.
    #[record(optional, default = 4)]
    pub(crate) idle_timeout_in_minutes: i64,
    /// `Default`, `SourceIP` or `SourceIPProtocol`: what must be alike for one machine to get it.
    #[record(optional, default = "Default")]
    pub(crate) load_distribution: String,
    /// Whether machines of the pool do not go out by the frontend's address.
    #[record(optional, default = false)]
    pub(crate) disable_outbound_snat: bool,
    /// Whether both ends are told when an idle connection ends.
    #[record(optional, default = false)]
    pub(crate) tcp_reset_enabled: bool,
    /// The frontend's resource id.
    #[record(computed)]
    pub(crate) frontend_ip_configuration_id: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct BalancingRule;

impl Entry for BalancingRule {
    type Record = RuleRecord;
    const TYPE: &'static str = "azurerm_lb_rule";
    const WHOLE: Api = lb::API;
    const OF: &'static str = "loadbalancer_id";
    const LIST: &'static str = "loadBalancingRules";
    const RULES: Rules = &[
        (
            "frontend_ip_configuration_name",
            Rule::Sibling(
                "properties/frontendIPConfiguration",
                "frontendIPConfigurations",
            ),
        ),
        (
            "frontend_ip_configuration_id",
            Rule::Ref("properties/frontendIPConfiguration"),
        ),
        (
            "backend_address_pool_ids",
            Rule::Ref("properties/backendAddressPools"),
        ),
        ("probe_id", Rule::Ref("properties/probe")),
        (
            "floating_ip_enabled",
            Rule::At("properties/enableFloatingIP"),
        ),
        ("tcp_reset_enabled", Rule::At("properties/enableTcpReset")),
    ];

    fn body(desired: &RuleRecord, entry: &mut Json) {
        // The field for one pool is older, and the one for several is only another name for it then.
        if let [pool] = &*desired.backend_address_pool_ids {
            entry["properties"]["backendAddressPool"] = json!({ "id": pool });
        }
    }
}
