//! `azurerm_lb`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::Client;
use crate::kind::Kind;
use crate::managed::recomputed;
use crate::wire::{Rule, Rules};
use infra_model::schema::Traits;
use infra_model::{PlanRequest, Planned, ProviderError, Record};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A load balancer. Its pools, probes and rules are resources of their own.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct BalancerRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// Addresses that it listens on.
    #[record(block)]
    pub(crate) frontend_ip_configuration: Vec<Frontend>,
    /// `Standard` or `Gateway`; Azure makes no new `Basic` ones.
    #[record(optional, force_new, default = "Standard")]
    pub(crate) sku: String,
    /// `Regional` or `Global`.
    #[record(optional, force_new, default = "Regional")]
    pub(crate) sku_tier: String,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// The first private address that it listens on.
    #[record(computed)]
    pub(crate) private_ip_address: Option<String>,
    /// All private addresses that it listens on.
    #[record(computed)]
    pub(crate) private_ip_addresses: Vec<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// An address that a load balancer listens on.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Frontend {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The public address.
    #[record(optional, compare = case_insensitive)]
    pub(crate) public_ip_address_id: Option<String>,
    /// The prefix that public addresses are from.
    #[record(optional, compare = case_insensitive)]
    pub(crate) public_ip_prefix_id: Option<String>,
    /// The subnet of a private address.
    #[record(optional, compare = case_insensitive)]
    pub(crate) subnet_id: Option<String>,
    /// The private address, with `private_ip_address_allocation = "Static"`.
    #[record(optional, computed)]
    pub(crate) private_ip_address: Option<String>,
    /// `Dynamic` or `Static`.
    #[record(optional, computed)]
    pub(crate) private_ip_address_allocation: Option<String>,
    /// `IPv4` or `IPv6`.
    #[record(optional, computed)]
    pub(crate) private_ip_address_version: Option<String>,
    /// The frontend of a gateway load balancer that it goes through.
    #[record(optional, compare = case_insensitive)]
    pub(crate) gateway_load_balancer_frontend_ip_configuration_id: Option<String>,
    /// Availability zones of a private address.
    #[record(optional, force_new)]
    pub(crate) zones: BTreeSet<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Balancer;

/// The load balancer itself, and what parts of it are.
pub(crate) const API: Api = Api::new(
    "Microsoft.Network/loadBalancers",
    VERSION,
    grouped!("Microsoft.Network/loadBalancers/{name}"),
);

#[async_trait::async_trait]
impl Kind for Balancer {
    type Record = BalancerRecord;
    const TYPE: &'static str = "azurerm_lb";
    const API: Api = API;
    const RULES: Rules = &[
        ("sku", Rule::At("sku/name")),
        ("sku_tier", Rule::At("sku/tier")),
        ("private_ip_address", Rule::Own),
        ("private_ip_addresses", Rule::Own),
        (
            "frontend_ip_configuration",
            Rule::Parts("properties/frontendIPConfigurations"),
        ),
        (
            "frontend_ip_configuration.public_ip_address_id",
            Rule::Ref("properties/publicIPAddress"),
        ),
        (
            "frontend_ip_configuration.public_ip_prefix_id",
            Rule::Ref("properties/publicIPPrefix"),
        ),
        (
            "frontend_ip_configuration.subnet_id",
            Rule::Ref("properties/subnet"),
        ),
        (
            "frontend_ip_configuration.private_ip_address",
            Rule::At("properties/privateIPAddress"),
        ),
        (
            "frontend_ip_configuration.private_ip_address_allocation",
            Rule::At("properties/privateIPAllocationMethod"),
        ),
        (
            "frontend_ip_configuration.private_ip_address_version",
            Rule::At("properties/privateIPAddressVersion"),
        ),
        (
            "frontend_ip_configuration.gateway_load_balancer_frontend_ip_configuration_id",
            Rule::Ref("properties/gatewayLoadBalancer"),
        ),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 12)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        recomputed::<BalancerRecord>(
            request,
            planned,
            &["frontend_ip_configuration"],
            &["private_ip_address", "private_ip_addresses"],
        );
        Ok(())
    }

    fn turn(id: &str) -> Option<&str> {
        Some(id)
    }

    fn complete(_: &Client, _: &Json, _: Option<&BalancerRecord>, record: &mut BalancerRecord) {
        let private = record
            .frontend_ip_configuration
            .iter()
            .filter_map(|f| f.private_ip_address.clone());
        record.private_ip_addresses = private.collect();
        record.private_ip_address = record.private_ip_addresses.first().cloned();
    }
}
