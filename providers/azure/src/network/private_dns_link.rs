//! `azurerm_private_dns_zone_virtual_network_link`.

use super::private_dns_zone::VERSION;
use crate::api::{Api, grouped};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use std::collections::BTreeMap;

/// A virtual network that sees a private DNS zone.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LinkRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group of the zone.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// The zone.
    #[record(required, force_new)]
    pub(crate) private_dns_zone_name: String,
    /// The virtual network.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) virtual_network_id: String,
    /// Whether machines of the network get records by themselves.
    #[record(optional, default = false)]
    pub(crate) registration_enabled: bool,
    /// `Default` or `NxDomainRedirect`: what becomes of names that the zone does not know.
    #[record(optional, computed)]
    pub(crate) resolution_policy: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct ZoneLink;

#[async_trait::async_trait]
impl Kind for ZoneLink {
    type Record = LinkRecord;
    const TYPE: &'static str = "azurerm_private_dns_zone_virtual_network_link";
    const API: Api = Api::new(
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        VERSION,
        grouped!(
            "Microsoft.Network/privateDnsZones/{private_dns_zone_name}/virtualNetworkLinks/{name}"
        ),
    );
    const RULES: Rules = &[("virtual_network_id", Rule::Ref("properties/virtualNetwork"))];
    const LOCATION: Option<&'static str> = Some("global");

    fn traits() -> Traits {
        Traits::default().seconds(35, 15, 45)
    }
}
