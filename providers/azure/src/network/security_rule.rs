//! `azurerm_network_security_rule`.

use super::VERSION;
use crate::api::{self, Api, grouped};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::schema::Traits;
use infra_model::{ProviderError, Record, Value};
use std::collections::BTreeSet;

/// A rule of a network security group.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RuleRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// The network security group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) network_security_group_name: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// `Tcp`, `Udp`, `Icmp`, `Esp`, `Ah` or `*`.
    #[record(required, compare = case_insensitive)]
    pub(crate) protocol: String,
    /// A port, a range such as `8000-8999`, or `*`.
    #[record(optional)]
    pub(crate) source_port_range: Option<String>,
    /// Several of them.
    #[record(optional)]
    pub(crate) source_port_ranges: BTreeSet<String>,
    /// A port, a range such as `8000-8999`, or `*`.
    #[record(optional)]
    pub(crate) destination_port_range: Option<String>,
    /// Several of them.
    #[record(optional)]
    pub(crate) destination_port_ranges: BTreeSet<String>,
    /// A range, `*`, or a tag such as `VirtualNetwork`, `AzureLoadBalancer`, `Internet`.
    #[record(optional)]
    pub(crate) source_address_prefix: Option<String>,
    /// Several ranges.
    #[record(optional)]
    pub(crate) source_address_prefixes: BTreeSet<String>,
    /// Application security groups that it comes from.
    #[record(optional, compare = case_insensitive)]
    pub(crate) source_application_security_group_ids: BTreeSet<String>,
    /// A range, `*`, or a tag.
    #[record(optional)]
    pub(crate) destination_address_prefix: Option<String>,
    /// Several ranges.
    #[record(optional)]
    pub(crate) destination_address_prefixes: BTreeSet<String>,
    /// Application security groups that it goes to.
    #[record(optional, compare = case_insensitive)]
    pub(crate) destination_application_security_group_ids: BTreeSet<String>,
    /// `Allow` or `Deny`.
    #[record(required)]
    pub(crate) access: String,
    /// 100 to 4096: lower ones go before.
    #[record(required)]
    pub(crate) priority: i64,
    /// `Inbound` or `Outbound`.
    #[record(required)]
    pub(crate) direction: String,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct SecurityRule;

/// One of each pair must be said.
const PAIRS: [(&str, &[&str]); 4] = [
    ("source_port_range", &["source_port_ranges"]),
    ("destination_port_range", &["destination_port_ranges"]),
    (
        "source_address_prefix",
        &[
            "source_address_prefixes",
            "source_application_security_group_ids",
        ],
    ),
    (
        "destination_address_prefix",
        &[
            "destination_address_prefixes",
            "destination_application_security_group_ids",
        ],
    ),
];

#[async_trait::async_trait]
impl Kind for SecurityRule {
    type Record = RuleRecord;
    const TYPE: &'static str = "azurerm_network_security_rule";
    const API: Api = Api::new(
        "Microsoft.Network/networkSecurityGroups/securityRules",
        VERSION,
        grouped!(
            "Microsoft.Network/networkSecurityGroups/{network_security_group_name}/securityRules/{name}"
        ),
    )
    .untagged();
    const EMBEDDED: Option<&'static str> = Some("/properties/securityRules");
    const RULES: Rules = &[
        (
            "source_application_security_group_ids",
            Rule::Ref("properties/sourceApplicationSecurityGroups"),
        ),
        (
            "destination_application_security_group_ids",
            Rule::Ref("properties/destinationApplicationSecurityGroups"),
        ),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(4, 4, 4)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        PAIRS
            .iter()
            .filter(|(one, others)| !said(one) && !others.iter().any(|o| said(o)))
            .map(|(one, others)| {
                let all: Vec<String> = others.iter().map(|o| format!("`{o}`")).collect();
                ProviderError::invalid(one, format!("`{one}` or {} must be set", all.join(" or ")))
            })
            .collect()
    }

    fn turn(id: &str) -> Option<&str> {
        Some(api::parent(id))
    }
}
