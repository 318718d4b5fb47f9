//! `google_compute_network`.

use crate::api::{Api, Update};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;

/// A VPC network.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NetworkRecord {
    /// Its name: lowercase letters, digits and `-`, up to 63.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// Whether a subnetwork is made in each region.
    #[record(optional, force_new, default = true)]
    pub(crate) auto_create_subnetworks: bool,
    /// The largest packet, 1300 to 8896 bytes.
    #[record(optional, computed, force_new)]
    pub(crate) mtu: Option<i64>,
    /// Whether unique local IPv6 addresses can be used.
    #[record(optional, force_new)]
    pub(crate) enable_ula_internal_ipv6: Option<bool>,
    /// `REGIONAL`, or `GLOBAL` for routes to all regions.
    #[record(optional, computed)]
    pub(crate) routing_mode: Option<String>,
    /// `AFTER_CLASSIC_FIREWALL` or `BEFORE_CLASSIC_FIREWALL`.
    #[record(optional, default = "AFTER_CLASSIC_FIREWALL")]
    pub(crate) network_firewall_policy_enforcement_order: String,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/networks/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// The gateway to the internet of a legacy network.
    #[record(computed)]
    pub(crate) gateway_ipv4: Option<String>,
}

pub(crate) struct Network;

impl Kind for Network {
    type Record = NetworkRecord;
    const TYPE: &'static str = "google_compute_network";
    const API: Api = super::api(
        "compute.networks",
        "projects/{project}/global/networks",
        Update::Patch,
    );
    const RULES: Rules = &[
        ("gateway_ipv4", Rule::Named("gatewayIPv4")),
        ("routing_mode", Rule::Named("routingConfig/routingMode")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(15, 10, 20)
    }
}
