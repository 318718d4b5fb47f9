//! `azurerm_route_table`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A route table: which way packets of a subnet go.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct TableRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// Whether routes learnt by BGP go into it.
    #[record(optional, default = true)]
    pub(crate) bgp_route_propagation_enabled: bool,
    /// Its routes, all of them. Routes that others put into the table are left alone while none is given here.
    #[record(block, set)]
    pub(crate) route: Vec<Route>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// The subnets that use it.
    #[record(computed)]
    pub(crate) subnets: BTreeSet<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A route.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Route {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Where packets go to: a range, or a service tag.
    #[record(required)]
    pub(crate) address_prefix: String,
    /// `VirtualNetworkGateway`, `VnetLocal`, `Internet`, `VirtualAppliance` or `None`.
    #[record(required)]
    pub(crate) next_hop_type: String,
    /// The address of `VirtualAppliance`.
    #[record(optional)]
    pub(crate) next_hop_in_ip_address: Option<String>,
}

pub(crate) struct RouteTable;

#[async_trait::async_trait]
impl Kind for RouteTable {
    type Record = TableRecord;
    const TYPE: &'static str = "azurerm_route_table";
    const API: Api = Api::new(
        "Microsoft.Network/routeTables",
        VERSION,
        grouped!("Microsoft.Network/routeTables/{name}"),
    );
    const RULES: Rules = &[
        (
            "bgp_route_propagation_enabled",
            Rule::Not("properties/disableBgpRoutePropagation"),
        ),
        ("route", Rule::Parts("properties/routes")),
        (
            "route.next_hop_in_ip_address",
            Rule::At("properties/nextHopIpAddress"),
        ),
        ("subnets", Rule::Ref("properties/subnets")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 6)
    }

    fn turn(id: &str) -> Option<&str> {
        Some(id)
    }

    fn complete(_: &Client, _: &Json, prior: Option<&TableRecord>, record: &mut TableRecord) {
        // Routes that nobody wrote here are others'.
        if prior.is_none_or(|p| p.route.is_empty()) {
            record.route.clear();
        }
        // Which subnets use it is told by these; as something that changes with every one it would always look like drift.
        if let Some(prior) = prior {
            record.subnets.clone_from(&prior.subnets);
        }
    }
}
