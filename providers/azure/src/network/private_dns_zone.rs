//! `azurerm_private_dns_zone`.

use crate::api::{Api, grouped};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use std::collections::BTreeMap;

/// The version of the calls about private zones.
pub(crate) const VERSION: &str = "2024-06-01";

/// A DNS zone that only linked virtual networks see.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ZoneRecord {
    /// Its domain.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// How many record sets it can have.
    #[record(computed)]
    pub(crate) max_number_of_record_sets: Option<i64>,
    /// How many links it can have.
    #[record(computed)]
    pub(crate) max_number_of_virtual_network_links: Option<i64>,
    /// How many links with registration it can have.
    #[record(computed)]
    pub(crate) max_number_of_virtual_network_links_with_registration: Option<i64>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Zone;

#[async_trait::async_trait]
impl Kind for Zone {
    type Record = ZoneRecord;
    const TYPE: &'static str = "azurerm_private_dns_zone";
    const API: Api = Api::new(
        "Microsoft.Network/privateDnsZones",
        VERSION,
        grouped!("Microsoft.Network/privateDnsZones/{name}"),
    );
    const RULES: Rules = &[(
        "max_number_of_virtual_network_links_with_registration",
        Rule::At("properties/maxNumberOfVirtualNetworkLinksWithRegistration"),
    )];
    const LOCATION: Option<&'static str> = Some("global");

    fn traits() -> Traits {
        Traits::default().seconds(35, 10, 35)
    }
}
