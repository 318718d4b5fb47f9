//! `azurerm_public_ip`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::kind::Kind;
use crate::managed::recomputed;
use crate::wire::{Rule, Rules};
use infra_model::schema::Traits;
use infra_model::{PlanRequest, Planned, ProviderError, Record};
use std::collections::{BTreeMap, BTreeSet};

/// A public address.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AddressRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// `Static`, which is all that the sku `Standard` can, or `Dynamic`.
    #[record(required)]
    pub(crate) allocation_method: String,
    /// Availability zones, such as `["1", "2", "3"]`.
    #[record(optional, force_new)]
    pub(crate) zones: BTreeSet<String>,
    /// `VirtualNetworkInherited`, `Enabled` or `Disabled`.
    #[record(optional, default = "VirtualNetworkInherited")]
    pub(crate) ddos_protection_mode: String,
    /// The plan of `ddos_protection_mode = "Enabled"`.
    #[record(optional, compare = case_insensitive)]
    pub(crate) ddos_protection_plan_id: Option<String>,
    /// Its name in the region's domain, such as `shop` in `shop.westeurope.cloudapp.azure.com`.
    #[record(optional)]
    pub(crate) domain_name_label: Option<String>,
    /// `NoReuse`, `ResourceGroupReuse`, `SubscriptionReuse` or `TenantReuse`: who may use the label when it is free again.
    #[record(optional, force_new)]
    pub(crate) domain_name_label_scope: Option<String>,
    /// Minutes until an idle connection ends, 4 to 30.
    #[record(optional, default = 4)]
    pub(crate) idle_timeout_in_minutes: i64,
    /// `IPv4` or `IPv6`.
    #[record(optional, force_new, default = "IPv4")]
    pub(crate) ip_version: String,
    /// A prefix that it is taken from.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) public_ip_prefix_id: Option<String>,
    /// The name that the address is looked up to.
    #[record(optional)]
    pub(crate) reverse_fqdn: Option<String>,
    /// `Standard` or `StandardV2`; Azure makes no new `Basic` ones.
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
    /// The address.
    #[record(computed)]
    pub(crate) ip_address: Option<String>,
    /// Its full name, with a label.
    #[record(computed)]
    pub(crate) fqdn: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct PublicIp;

#[async_trait::async_trait]
impl Kind for PublicIp {
    type Record = AddressRecord;
    const TYPE: &'static str = "azurerm_public_ip";
    const API: Api = Api::new(
        "Microsoft.Network/publicIPAddresses",
        VERSION,
        grouped!("Microsoft.Network/publicIPAddresses/{name}"),
    );
    const RULES: Rules = &[
        (
            "allocation_method",
            Rule::At("properties/publicIPAllocationMethod"),
        ),
        (
            "ddos_protection_mode",
            Rule::At("properties/ddosSettings/protectionMode"),
        ),
        (
            "ddos_protection_plan_id",
            Rule::Ref("properties/ddosSettings/ddosProtectionPlan"),
        ),
        (
            "domain_name_label",
            Rule::At("properties/dnsSettings/domainNameLabel"),
        ),
        (
            "domain_name_label_scope",
            Rule::At("properties/dnsSettings/domainNameLabelScope"),
        ),
        (
            "reverse_fqdn",
            Rule::At("properties/dnsSettings/reverseFqdn"),
        ),
        ("fqdn", Rule::At("properties/dnsSettings/fqdn")),
        ("ip_version", Rule::At("properties/publicIPAddressVersion")),
        (
            "public_ip_prefix_id",
            Rule::Ref("properties/publicIPPrefix"),
        ),
        ("sku", Rule::At("sku/name")),
        ("sku_tier", Rule::At("sku/tier")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 12)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        recomputed::<AddressRecord>(request, planned, &["domain_name_label"], &["fqdn"]);
        recomputed::<AddressRecord>(request, planned, &["allocation_method"], &["ip_address"]);
        Ok(())
    }

    fn turn(id: &str) -> Option<&str> {
        Some(id)
    }
}
