//! `azurerm_monitor_diagnostic_setting`.

use crate::api::Api;
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record, Value};
use serde_json::Value as Json;

/// Sends logs and metrics of a resource to where they are kept.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SettingRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) target_resource_id: String,
    /// The workspace of Log Analytics that they are sent to.
    #[record(optional, compare = case_insensitive)]
    pub(crate) log_analytics_workspace_id: Option<String>,
    /// `Dedicated` (a table for each kind of log) or `AzureDiagnostics` (one for all).
    #[record(optional, computed)]
    pub(crate) log_analytics_destination_type: Option<String>,
    /// The storage account that they are sent to.
    #[record(optional, compare = case_insensitive)]
    pub(crate) storage_account_id: Option<String>,
    /// The rule by which they may be sent to an event hub.
    #[record(optional, compare = case_insensitive)]
    pub(crate) eventhub_authorization_rule_id: Option<String>,
    /// The event hub.
    #[record(optional)]
    pub(crate) eventhub_name: Option<String>,
    /// The partner's solution that they are sent to.
    #[record(optional, compare = case_insensitive)]
    pub(crate) partner_solution_id: Option<String>,
    /// Logs that are sent.
    #[record(block, set)]
    pub(crate) enabled_log: Vec<Log>,
    /// Metrics that are sent.
    #[record(block, set)]
    pub(crate) enabled_metric: Vec<Metric>,
    /// `{target_resource_id}/providers/Microsoft.Insights/diagnosticSettings/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Logs that are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Record)]
pub(crate) struct Log {
    /// Their category, such as `kube-audit`.
    #[record(optional)]
    pub(crate) category: Option<String>,
    /// A group of categories: `allLogs` or `audit`.
    #[record(optional)]
    pub(crate) category_group: Option<String>,
}

/// Metrics that are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Record)]
pub(crate) struct Metric {
    /// Their category, such as `AllMetrics`.
    #[record(required)]
    pub(crate) category: String,
}

pub(crate) struct Setting;

const LISTS: [&str; 2] = ["logs", "metrics"];

fn switch_on(body: &mut Json) {
    for list in LISTS {
        let items = body["properties"][list].as_array_mut();
        for item in items.into_iter().flatten() {
            item["enabled"] = true.into();
        }
    }
    if let Some(properties) = body["properties"].as_object_mut() {
        properties.retain(|_, json| !json.is_null());
    }
}

#[async_trait]
impl Kind for Setting {
    type Record = SettingRecord;
    const TYPE: &'static str = "azurerm_monitor_diagnostic_setting";
    const API: Api = Api::new(
        "Microsoft.Insights/diagnosticSettings",
        "2021-05-01-preview",
        "{target_resource_id}/providers/Microsoft.Insights/diagnosticSettings/{name}",
    )
    .untagged();
    const RULES: Rules = &[
        (
            "log_analytics_workspace_id",
            Rule::At("properties/workspaceId"),
        ),
        (
            "log_analytics_destination_type",
            // Told by those resources only whose logs can go to tables of their own.
            Rule::Kept("properties/logAnalyticsDestinationType"),
        ),
        (
            "eventhub_authorization_rule_id",
            Rule::At("properties/eventHubAuthorizationRuleId"),
        ),
        ("eventhub_name", Rule::At("properties/eventHubName")),
        (
            "partner_solution_id",
            Rule::At("properties/marketplacePartnerId"),
        ),
        ("enabled_log", Rule::At("properties/logs")),
        ("enabled_metric", Rule::At("properties/metrics")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 5)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        let mut errors = Vec::new();
        let targets = [
            "log_analytics_workspace_id",
            "storage_account_id",
            "eventhub_authorization_rule_id",
            "partner_solution_id",
        ];
        if !targets.into_iter().any(said) {
            errors.push(ProviderError::invalid(
                "log_analytics_workspace_id",
                "logs are sent to a workspace, a storage account, an event hub or a partner's solution: give at least one",
            ));
        }
        for log in config
            .get("enabled_log")
            .and_then(Value::elements)
            .unwrap_or_default()
        {
            let said = |name: &str| log.get(name).is_some_and(|v| !v.is_null());
            if said("category") == said("category_group") {
                errors.push(ProviderError::invalid(
                    "enabled_log",
                    "logs are named by `category` or by `category_group`",
                ));
            }
        }
        errors
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        _: &SettingRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        switch_on(body);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &SettingRecord,
        desired: &SettingRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        // What was off stays off: it is named beside what is sent.
        let off = |list: &str, body: &Json| -> Vec<Json> {
            let items = body["properties"][list].as_array();
            items
                .into_iter()
                .flatten()
                .filter(|i| i["enabled"] == false)
                .cloned()
                .collect()
        };
        let kept = LISTS.map(|list| off(list, body));
        switch_on(body);
        for (list, kept) in LISTS.into_iter().zip(kept) {
            for item in kept {
                let items = body["properties"][list].as_array_mut();
                for same in items
                    .into_iter()
                    .flatten()
                    .filter(|i| i["category"] == item["category"])
                {
                    *same = item.clone();
                }
            }
        }
        if prior.enabled_log != desired.enabled_log && desired.enabled_log.is_empty() {
            wire::put(body, "properties/logs", Json::Array(Vec::new()));
        }
        Ok(())
    }

    /// Resources tell all their categories, also those that are not sent.
    fn shown(found: &mut Json) {
        for list in LISTS {
            if let Some(items) = found["properties"][list].as_array_mut() {
                items.retain(|item| item["enabled"] == true);
            }
        }
    }
}
