//! `azurerm_virtual_network`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{self, Rule, Rules};
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A virtual network.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NetworkRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is, such as `West Europe`.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// Its ranges.
    #[record(required)]
    pub(crate) address_space: BTreeSet<String>,
    /// Name servers of its machines, in their order; Azure's own without any.
    #[record(optional, computed)]
    pub(crate) dns_servers: Vec<String>,
    /// The BGP community, such as `12076:20000`.
    #[record(optional)]
    pub(crate) bgp_community: Option<String>,
    /// Minutes until an idle connection is forgotten, 4 to 30.
    #[record(optional)]
    pub(crate) flow_timeout_in_minutes: Option<i64>,
    /// `Basic`, or `Disabled`: whether network policies hold for private endpoints.
    #[record(optional, default = "Disabled")]
    pub(crate) private_endpoint_vnet_policies: String,
    /// Its subnets, all of them. Leave it out where subnets are `azurerm_subnet`s of their own.
    #[record(block, set)]
    pub(crate) subnet: Vec<InlineSubnet>,
    /// A plan that protects it from denial of service.
    #[record(block, max = 1)]
    pub(crate) ddos_protection_plan: Vec<Protection>,
    /// Encryption between its machines.
    #[record(block, max = 1)]
    pub(crate) encryption: Vec<Encryption>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Azure's own identifier of it.
    #[record(computed)]
    pub(crate) guid: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A subnet of a network.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct InlineSubnet {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Its ranges.
    #[record(required)]
    pub(crate) address_prefixes: Vec<String>,
    /// The network security group that guards it.
    #[record(optional, compare = case_insensitive)]
    pub(crate) security_group: Option<String>,
    /// The route table that it goes by.
    #[record(optional, compare = case_insensitive)]
    pub(crate) route_table_id: Option<String>,
    /// Services that it reaches directly, such as `Microsoft.Storage`.
    #[record(optional)]
    pub(crate) service_endpoints: BTreeSet<String>,
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
}

/// A plan that protects a network.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Protection {
    /// The plan.
    #[record(required, compare = case_insensitive)]
    pub(crate) id: String,
    /// Whether it is on.
    #[record(required)]
    pub(crate) enable: bool,
}

/// Encryption.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Encryption {
    /// `AllowUnencrypted` or `DropUnencrypted`: what becomes of machines that cannot encrypt.
    #[record(required)]
    pub(crate) enforcement: String,
}

pub(crate) struct VirtualNetwork;

/// A body that speaks of encryption says that it is on, which the API requires.
fn encrypted(body: &mut Json) {
    if body["properties"]["encryption"].is_object() {
        wire::put(body, "properties/encryption/enabled", true.into());
    }
}

#[async_trait::async_trait]
impl Kind for VirtualNetwork {
    type Record = NetworkRecord;
    const TYPE: &'static str = "azurerm_virtual_network";
    const API: Api = Api::new(
        "Microsoft.Network/virtualNetworks",
        VERSION,
        grouped!("Microsoft.Network/virtualNetworks/{name}"),
    );
    const RULES: Rules = &[
        (
            "address_space",
            Rule::At("properties/addressSpace/addressPrefixes"),
        ),
        ("dns_servers", Rule::At("properties/dhcpOptions/dnsServers")),
        (
            "bgp_community",
            Rule::At("properties/bgpCommunities/virtualNetworkCommunity"),
        ),
        (
            "private_endpoint_vnet_policies",
            Rule::At("properties/privateEndpointVNetPolicies"),
        ),
        ("guid", Rule::At("properties/resourceGuid")),
        ("subnet", Rule::Parts("properties/subnets")),
        (
            "subnet.security_group",
            Rule::Ref("properties/networkSecurityGroup"),
        ),
        ("subnet.route_table_id", Rule::Ref("properties/routeTable")),
        (
            "subnet.service_endpoints",
            Rule::Each("properties/serviceEndpoints", "service"),
        ),
        (
            "subnet.default_outbound_access_enabled",
            Rule::At("properties/defaultOutboundAccess"),
        ),
        (
            "subnet.private_link_service_network_policies_enabled",
            Rule::Switch("properties/privateLinkServiceNetworkPolicies"),
        ),
        ("ddos_protection_plan", Rule::Inline),
        (
            "ddos_protection_plan.id",
            Rule::Ref("properties/ddosProtectionPlan"),
        ),
        (
            "ddos_protection_plan.enable",
            Rule::At("properties/enableDdosProtection"),
        ),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(8, 8, 15)
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        _: &NetworkRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        encrypted(body);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        _: &NetworkRecord,
        _: &NetworkRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        encrypted(body);
        Ok(())
    }

    fn shown(found: &mut Json) {
        if found["properties"]["encryption"]["enabled"] == false {
            wire::remove(found, "properties/encryption");
        }
    }

    fn turn(id: &str) -> Option<&str> {
        Some(id)
    }

    fn complete(_: &Client, _: &Json, prior: Option<&NetworkRecord>, record: &mut NetworkRecord) {
        // Subnets that nobody wrote here are resources of their own.
        if prior.is_none_or(|p| p.subnet.is_empty()) {
            record.subnet.clear();
        }
    }
}
