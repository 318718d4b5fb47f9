//! `azurerm_dns_a_record`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record, Value};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The IPv4 addresses of a name in a public zone.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ARecord {
    /// The name in the zone; `@` for the zone's own.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) name: String,
    /// The resource group of the zone.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// The zone.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) zone_name: String,
    /// For how many seconds answers are remembered.
    #[record(required)]
    pub(crate) ttl: i64,
    /// The addresses.
    #[record(optional)]
    pub(crate) records: BTreeSet<String>,
    /// A resource of Azure's whose addresses they are, such as a public address, instead.
    #[record(optional, compare = case_insensitive)]
    pub(crate) target_resource_id: Option<String>,
    /// Notes on it.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// The whole name.
    #[record(computed)]
    pub(crate) fqdn: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct A;

/// The API calls them metadata.
fn notes(desired: &ARecord, body: &mut Json) {
    wire::put(body, "properties/metadata", json!(desired.tags));
}

#[async_trait]
impl Kind for A {
    type Record = ARecord;
    const TYPE: &'static str = "azurerm_dns_a_record";
    const API: Api = Api::new(
        "Microsoft.Network/dnsZones/A",
        VERSION,
        grouped!("Microsoft.Network/dnsZones/{zone_name}/A/{name}"),
    )
    .untagged();
    const RULES: Rules = &[
        ("ttl", Rule::At("properties/TTL")),
        ("records", Rule::Each("properties/ARecords", "ipv4Address")),
        ("target_resource_id", Rule::Ref("properties/targetResource")),
        ("tags", Rule::At("properties/metadata")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 3)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        if said("records") == said("target_resource_id") {
            return vec![ProviderError::invalid(
                "records",
                "a name has either `records` or `target_resource_id`",
            )];
        }
        Vec::new()
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        _: &ARecord,
        desired: &ARecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        notes(desired, body);
        wire::remove(body, "properties/fqdn");
        Ok(())
    }
}
