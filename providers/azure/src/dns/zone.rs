//! `azurerm_dns_zone`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire;
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A public zone. Deleting it deletes the records in it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ZoneRecord {
    /// The domain.
    #[record(required, force_new, compare = case_insensitive)]
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
    /// The name servers that the domain's registrar must name.
    #[record(computed)]
    pub(crate) name_servers: BTreeSet<String>,
    /// At most so many sets of records.
    #[record(computed)]
    pub(crate) max_number_of_record_sets: Option<i64>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Zone;

#[async_trait]
impl Kind for Zone {
    type Record = ZoneRecord;
    const TYPE: &'static str = "azurerm_dns_zone";
    const API: Api = Api::new(
        "Microsoft.Network/dnsZones",
        VERSION,
        grouped!("Microsoft.Network/dnsZones/{name}"),
    );
    const LOCATION: Option<&'static str> = Some("global");

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 15)
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        _: &ZoneRecord,
        _: &ZoneRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        // All of it is told, and none of it sent.
        wire::remove(body, "properties");
        Ok(())
    }
}
