//! `azurerm_nat_gateway`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use std::collections::{BTreeMap, BTreeSet};

/// A way out to the internet for the machines of subnets.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct GatewayRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// Minutes until an idle connection ends, 4 to 120.
    #[record(optional, default = 4)]
    pub(crate) idle_timeout_in_minutes: i64,
    /// `Standard` or `StandardV2`.
    #[record(optional, force_new, default = "Standard")]
    pub(crate) sku_name: String,
    /// The availability zone, of which `Standard` has at most one.
    #[record(optional, force_new)]
    pub(crate) zones: BTreeSet<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Azure's own identifier of it.
    #[record(computed)]
    pub(crate) resource_guid: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct NatGateway;

/// The gateway itself, and what parts of it are.
pub(crate) const API: Api = Api::new(
    "Microsoft.Network/natGateways",
    VERSION,
    grouped!("Microsoft.Network/natGateways/{name}"),
);

#[async_trait::async_trait]
impl Kind for NatGateway {
    type Record = GatewayRecord;
    const TYPE: &'static str = "azurerm_nat_gateway";
    const API: Api = API;
    const RULES: Rules = &[("sku_name", Rule::At("sku/name"))];

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 15)
    }

    fn turn(id: &str) -> Option<&str> {
        Some(id)
    }
}
