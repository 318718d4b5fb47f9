//! `azurerm_log_analytics_workspace`.

use crate::api::{Api, grouped};
use crate::client::{Client, Method, Request};
use crate::identity::{self, Identity};
use crate::kind::{Kind, Update};
use crate::managed::recomputed;
use crate::operation;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_cloud::absence::absent_is_done;
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The version of its calls.
const VERSION: &str = "2025-07-01";

/// A workspace of Log Analytics, where logs are kept. It is deleted for good, with what is in it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct WorkspaceRecord {
    /// Its name: 4 to 63 letters, digits and hyphens.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is, such as `West Europe`.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// `PerGB2018`, `CapacityReservation`, …: how it is paid for.
    #[record(optional, default = "PerGB2018", compare = case_insensitive)]
    pub(crate) sku: String,
    /// For how many days logs are kept: 30 to 730.
    #[record(optional, computed)]
    pub(crate) retention_in_days: Option<i64>,
    /// At most so many gigabytes a day; -1 for any.
    #[record(optional, default = -1)]
    pub(crate) daily_quota_gb: i64,
    /// So many gigabytes a day are paid for in advance: 100, 200, …
    #[record(optional)]
    pub(crate) reservation_capacity_in_gb_per_day: Option<i64>,
    /// Whether logs are taken from the internet.
    #[record(optional, default = true)]
    pub(crate) internet_ingestion_enabled: bool,
    /// Whether logs are read from the internet.
    #[record(optional, default = true)]
    pub(crate) internet_query_enabled: bool,
    /// Whether who may read a resource may read its logs.
    #[record(optional, default = true)]
    pub(crate) allow_resource_only_permissions: bool,
    /// Whether its shared keys can be used.
    #[record(optional, default = true)]
    pub(crate) local_authentication_enabled: bool,
    /// Whether saved queries need a key of one's own.
    #[record(optional)]
    pub(crate) cmk_for_query_forced: Option<bool>,
    /// Whether logs are gone after 30 days at once.
    #[record(optional)]
    pub(crate) immediate_data_purge_on_30_days_enabled: Option<bool>,
    /// The rule by which logs are taken that say none.
    #[record(optional, compare = case_insensitive)]
    pub(crate) data_collection_rule_id: Option<String>,
    /// The identities that it acts with.
    #[record(block, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its identifier, which agents and queries name.
    #[record(computed)]
    pub(crate) workspace_id: Option<String>,
    /// The first of its shared keys; none where they cannot be used.
    #[record(computed, sensitive)]
    pub(crate) primary_shared_key: Option<String>,
    /// The second of its shared keys.
    #[record(computed, sensitive)]
    pub(crate) secondary_shared_key: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Workspace;

#[async_trait]
impl Kind for Workspace {
    type Record = WorkspaceRecord;
    const TYPE: &'static str = "azurerm_log_analytics_workspace";
    const API: Api = Api::new(
        "Microsoft.OperationalInsights/workspaces",
        VERSION,
        grouped!("Microsoft.OperationalInsights/workspaces/{name}"),
    );
    const RULES: Rules = &[
        ("sku", Rule::At("properties/sku/name")),
        (
            "reservation_capacity_in_gb_per_day",
            Rule::At("properties/sku/capacityReservationLevel"),
        ),
        (
            "daily_quota_gb",
            Rule::At("properties/workspaceCapping/dailyQuotaGb"),
        ),
        (
            "internet_ingestion_enabled",
            Rule::Switch("properties/publicNetworkAccessForIngestion"),
        ),
        (
            "internet_query_enabled",
            Rule::Switch("properties/publicNetworkAccessForQuery"),
        ),
        (
            "allow_resource_only_permissions",
            Rule::At("properties/features/enableLogAccessUsingOnlyResourcePermissions"),
        ),
        (
            "local_authentication_enabled",
            Rule::Not("properties/features/disableLocalAuth"),
        ),
        (
            "cmk_for_query_forced",
            Rule::At("properties/forceCmkForQuery"),
        ),
        (
            "immediate_data_purge_on_30_days_enabled",
            Rule::At("properties/features/immediatePurgeDataOn30Days"),
        ),
        (
            "data_collection_rule_id",
            Rule::At("properties/defaultDataCollectionRuleResourceId"),
        ),
        ("identity", Rule::Own),
        ("workspace_id", Rule::At("properties/customerId")),
        (
            "primary_shared_key",
            Rule::ShownOnly("keys/primarySharedKey"),
        ),
        (
            "secondary_shared_key",
            Rule::ShownOnly("keys/secondarySharedKey"),
        ),
    ];
    const UPDATE: Update = Update::Patch;

    fn traits() -> Traits {
        Traits::default().seconds(30, 10, 15)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let keys = ["primary_shared_key", "secondary_shared_key"];
        let of = ["local_authentication_enabled"];
        recomputed::<WorkspaceRecord>(request, planned, &of, &keys);
        Ok(())
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &WorkspaceRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        identity::put(body, &[], &desired.identity);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &WorkspaceRecord,
        desired: &WorkspaceRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        identity::put(body, &prior.identity, &desired.identity);
        // A change of the reservation alone must name what it is of.
        if body["properties"].get("sku").is_some() {
            body["properties"]["sku"]["name"] = desired.sku.as_str().into();
        }
        Ok(())
    }

    async fn more(
        client: &Client,
        context: &CallContext,
        id: &str,
        _: Option<&WorkspaceRecord>,
        found: &mut Json,
    ) -> Result<(), ProviderError> {
        if found["properties"]["features"]["disableLocalAuth"] == true {
            return Ok(());
        }
        let path = format!("{id}/sharedKeys");
        let request = Request::new(Method::Post, Self::API.name, VERSION, path);
        match client.call(context, &request).await {
            Ok(keys) => {
                found["keys"] = keys;
                Ok(())
            }
            // Whoever may not see the keys may still see the workspace.
            Err(error) if error.kind == ErrorKind::Denied => {
                found["keys"] = json!({});
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Otherwise Azure keeps it for two weeks, and its name with it.
    async fn deleting(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        _: &WorkspaceRecord,
    ) -> Result<(), ProviderError> {
        let request =
            Request::new(Method::Delete, Self::API.name, VERSION, id).query("force", "true");
        absent_is_done(operation::run(client, context, operation, Self::PACE, request).await)
    }

    fn complete(
        _: &Client,
        found: &Json,
        prior: Option<&WorkspaceRecord>,
        record: &mut WorkspaceRecord,
    ) {
        let said = prior.map(|p| &*p.identity).unwrap_or_default();
        record.identity = identity::found(found, said);
    }
}
