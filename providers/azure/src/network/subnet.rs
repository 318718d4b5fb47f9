//! `azurerm_subnet`.

use super::VERSION;
use crate::api::{self, Api, grouped};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use std::collections::BTreeSet;

/// A subnet of a virtual network.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SubnetRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// The virtual network.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) virtual_network_name: String,
    /// Its ranges.
    #[record(required)]
    pub(crate) address_prefixes: Vec<String>,
    /// Whether machines without another way out reach the internet by Azure's default one.
    #[record(optional, default = true)]
    pub(crate) default_outbound_access_enabled: bool,
    /// Which network policies hold for private endpoints: `Disabled`, `Enabled`, `NetworkSecurityGroupEnabled` or
    /// `RouteTableEnabled`.
    #[record(optional, default = "Disabled")]
    pub(crate) private_endpoint_network_policies: String,
    /// Whether network policies hold for private link services.
    #[record(optional, default = true)]
    pub(crate) private_link_service_network_policies_enabled: bool,
    /// `DelegatedServices` or `Tenant`: who else may use it.
    #[record(optional)]
    pub(crate) sharing_scope: Option<String>,
    /// Services that it reaches directly, such as `Microsoft.Storage`.
    #[record(optional)]
    pub(crate) service_endpoints: BTreeSet<String>,
    /// Policies for these services.
    #[record(optional, compare = case_insensitive)]
    pub(crate) service_endpoint_policy_ids: BTreeSet<String>,
    /// A service that puts its own resources into it.
    #[record(block)]
    pub(crate) delegation: Vec<Delegation>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A service that a subnet is delegated to.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Delegation {
    /// A name for it.
    #[record(required)]
    pub(crate) name: String,
    /// The service.
    #[record(block, min = 1, max = 1)]
    pub(crate) service_delegation: Vec<Service>,
}

/// The service of a delegation.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Service {
    /// Its name, such as `Microsoft.DBforPostgreSQL/flexibleServers`.
    #[record(required)]
    pub(crate) name: String,
    /// What it may do. Azure decides; what is said here is what it is known to decide.
    #[record(optional)]
    pub(crate) actions: Vec<String>,
}

pub(crate) struct Subnet;

#[async_trait::async_trait]
impl Kind for Subnet {
    type Record = SubnetRecord;
    const TYPE: &'static str = "azurerm_subnet";
    const API: Api = Api::new(
        "Microsoft.Network/virtualNetworks/subnets",
        VERSION,
        grouped!("Microsoft.Network/virtualNetworks/{virtual_network_name}/subnets/{name}"),
    )
    .untagged();
    const EMBEDDED: Option<&'static str> = Some("/properties/subnets");
    const RULES: Rules = &[
        (
            "default_outbound_access_enabled",
            Rule::At("properties/defaultOutboundAccess"),
        ),
        (
            "private_link_service_network_policies_enabled",
            Rule::Switch("properties/privateLinkServiceNetworkPolicies"),
        ),
        (
            "service_endpoints",
            Rule::Each("properties/serviceEndpoints", "service"),
        ),
        (
            "service_endpoint_policy_ids",
            Rule::Ref("properties/serviceEndpointPolicies"),
        ),
        ("delegation", Rule::Parts("properties/delegations")),
        ("delegation.service_delegation", Rule::Inline),
        (
            "delegation.service_delegation.name",
            Rule::At("properties/serviceName"),
        ),
        ("delegation.service_delegation.actions", Rule::Own),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 12)
    }

    fn turn(id: &str) -> Option<&str> {
        Some(api::parent(id))
    }
}
