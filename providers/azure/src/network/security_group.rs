//! `azurerm_network_security_group`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A network security group: what may pass to and from a subnet or network interface.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct GroupRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// Its rules, all of them. Leave it out where rules are `azurerm_network_security_rule`s of their own.
    #[record(block, set)]
    pub(crate) security_rule: Vec<InlineRule>,
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

/// A rule.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct InlineRule {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
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
}

pub(crate) struct SecurityGroup;

#[async_trait::async_trait]
impl Kind for SecurityGroup {
    type Record = GroupRecord;
    const TYPE: &'static str = "azurerm_network_security_group";
    const API: Api = Api::new(
        "Microsoft.Network/networkSecurityGroups",
        VERSION,
        grouped!("Microsoft.Network/networkSecurityGroups/{name}"),
    );
    const RULES: Rules = &[
        ("security_rule", Rule::Parts("properties/securityRules")),
        (
            "security_rule.source_application_security_group_ids",
            Rule::Ref("properties/sourceApplicationSecurityGroups"),
        ),
        (
            "security_rule.destination_application_security_group_ids",
            Rule::Ref("properties/destinationApplicationSecurityGroups"),
        ),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 6)
    }

    fn turn(id: &str) -> Option<&str> {
        Some(id)
    }

    fn complete(_: &Client, _: &Json, prior: Option<&GroupRecord>, record: &mut GroupRecord) {
        // Rules that nobody wrote here are resources of their own.
        if prior.is_none_or(|p| p.security_rule.is_empty()) {
            record.security_rule.clear();
        }
    }
}
