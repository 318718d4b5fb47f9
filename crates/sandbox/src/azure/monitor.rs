//! Microsoft.Insights: which logs and metrics of a resource go where.

use serde_json::{Value, json};

use super::context::{Ctx, Input, check_reference, items, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::{engine, found, page};
use crate::http::HttpReply;

const NAME: &str = "Microsoft.Insights/diagnosticSettings";

/// Most settings of a resource.
const MOST: usize = 5;

/// Types that have logs and metrics: type, categories of logs, category of metrics.
const CATEGORIES: [(&str, &[&str], &str); 15] = [
    (
        "microsoft.containerservice/managedclusters",
        &[
            "kube-apiserver",
            "kube-audit",
            "kube-audit-admin",
            "kube-controller-manager",
            "kube-scheduler",
            "cluster-autoscaler",
            "cloud-controller-manager",
            "guard",
            "csi-azuredisk-controller",
            "csi-azurefile-controller",
            "csi-snapshot-controller",
        ],
        "AllMetrics",
    ),
    (
        "microsoft.dbformysql/flexibleservers",
        &["MySqlAuditLogs", "MySqlSlowLogs"],
        "AllMetrics",
    ),
    (
        "microsoft.dbforpostgresql/flexibleservers",
        &[
            "PostgreSQLLogs",
            "PostgreSQLFlexSessions",
            "PostgreSQLFlexQueryStoreRuntime",
            "PostgreSQLFlexQueryStoreWaitStats",
            "PostgreSQLFlexTableStats",
            "PostgreSQLFlexDatabaseXacts",
        ],
        "AllMetrics",
    ),
    (
        "microsoft.keyvault/vaults",
        &["AuditEvent", "AzurePolicyEvaluationDetails"],
        "AllMetrics",
    ),
    (
        "microsoft.containerregistry/registries",
        &[
            "ContainerRegistryRepositoryEvents",
            "ContainerRegistryLoginEvents",
        ],
        "AllMetrics",
    ),
    (
        "microsoft.network/networksecuritygroups",
        &[
            "NetworkSecurityGroupEvent",
            "NetworkSecurityGroupRuleCounter",
        ],
        "",
    ),
    (
        "microsoft.network/virtualnetworks",
        &["VMProtectionAlerts"],
        "AllMetrics",
    ),
    (
        "microsoft.network/publicipaddresses",
        &[
            "DDoSProtectionNotifications",
            "DDoSMitigationFlowLogs",
            "DDoSMitigationReports",
        ],
        "AllMetrics",
    ),
    (
        "microsoft.network/loadbalancers",
        &["LoadBalancerHealthEvent"],
        "AllMetrics",
    ),
    (
        "microsoft.network/applicationgateways",
        &[
            "ApplicationGatewayAccessLog",
            "ApplicationGatewayPerformanceLog",
            "ApplicationGatewayFirewallLog",
        ],
        "AllMetrics",
    ),
    ("microsoft.network/natgateways", &[], "AllMetrics"),
    ("microsoft.network/networkinterfaces", &[], "AllMetrics"),
    (
        "microsoft.operationalinsights/workspaces",
        &["Audit", "SummaryLogs", "Jobs"],
        "AllMetrics",
    ),
    ("microsoft.storage/storageaccounts", &[], "Transaction"),
    (
        "microsoft.storage/storageaccounts/blobservices",
        &["StorageRead", "StorageWrite", "StorageDelete"],
        "Transaction",
    ),
];

fn categories(kind: &str) -> Option<(&'static [&'static str], &'static str)> {
    CATEGORIES
        .iter()
        .find(|(name, _, _)| name.eq_ignore_ascii_case(kind))
        .map(|(_, logs, metrics)| (*logs, *metrics))
}

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let scope = Id::new(input.variable("scope"));
    let kind = scope.kind();
    // The blob service of an account is there from the beginning.
    let owner = if kind.to_lowercase().ends_with("/blobservices") {
        scope.parent()
    } else {
        scope.clone()
    };
    if !engine::exists(ctx, &owner.text) {
        return Err(engine::missing(ctx, &kind, &scope));
    }
    let Some((logs, metrics)) = categories(&kind) else {
        return Err(ArmError::bad(
            "ResourceTypeNotSupported",
            format!("The resource type '{kind}' doesn't support diagnostic settings."),
        ));
    };
    match input.operation.name {
        "DiagnosticSettingsCategory_List" | "DiagnosticSettingsCategory_Get" => {
            let row = |name: &str, what: &str| {
                let id = format!(
                    "{}/providers/Microsoft.Insights/diagnosticSettingsCategories/{name}",
                    scope.text
                );
                let groups = if what == "Logs" {
                    json!(["allLogs"])
                } else {
                    json!([])
                };
                json!({
                    "id": id, "name": name, "type": "Microsoft.Insights/diagnosticSettingsCategories",
                    "properties": { "categoryType": what, "categoryGroups": groups },
                })
            };
            let mut rows: Vec<Value> = logs.iter().map(|name| row(name, "Logs")).collect();
            if !metrics.is_empty() {
                rows.push(row(metrics, "Metrics"));
            }
            if input.operation.name == "DiagnosticSettingsCategory_List" {
                return page::reply(ctx, input, rows).map(Some);
            }
            let wanted = input.variable("name");
            match rows
                .iter()
                .find(|row| text(row, "/name").eq_ignore_ascii_case(wanted))
            {
                Some(row) => found(row),
                None => Err(missing(wanted)),
            }
        }
        "DiagnosticSettings_List" => {
            let rows = ctx
                .of_kind(&format!("{}/providers/{NAME}/", scope.text), NAME)
                .iter()
                .map(|item| item.doc.clone())
                .collect();
            page::reply(ctx, input, rows).map(Some)
        }
        "DiagnosticSettings_Get" => match ctx.get(&input.id.text) {
            Some(item) => found(&item.doc),
            None => Err(missing(input.id.name())),
        },
        "DiagnosticSettings_Delete" => {
            let status = if ctx.remove(&input.id.text) { 200 } else { 204 };
            Ok(Some(HttpReply::new(status, "application/json", "")))
        }
        _ => write(ctx, input, &scope, logs, metrics).map(Some),
    }
}

fn missing(name: &str) -> ArmError {
    ArmError::new(
        404,
        "ResourceNotFound",
        format!("The diagnostic setting or category '{name}' doesn't exist."),
    )
}

fn write(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    scope: &Id,
    logs: &[&str],
    metrics: &str,
) -> ArmResult<HttpReply> {
    let refuse = |message: String| Err(ArmError::bad("BadRequest", message));
    let mut properties = input.body["properties"].clone();
    let mut links = Vec::new();
    let mut sinks = Vec::new();
    for member in [
        "workspaceId",
        "storageAccountId",
        "eventHubAuthorizationRuleId",
        "marketplacePartnerId",
    ] {
        let id = text(&properties, &format!("/{member}")).to_owned();
        if id.is_empty() {
            continue;
        }
        check_reference(&id, &format!("properties.{member}"))?;
        if matches!(member, "workspaceId" | "storageAccountId") && !engine::exists(ctx, &id) {
            return Err(ArmError::new(
                404,
                "ResourceNotFound",
                format!("The resource '{id}' of the diagnostic setting was not found."),
            ));
        }
        links.push(id.to_lowercase());
        sinks.push(id.to_lowercase());
    }
    if sinks.is_empty() {
        return refuse("At least one data sink needs to be specified.".to_owned());
    }
    let on = |list: &str| items(&properties, &format!("/{list}")).any(|one| one["enabled"] == true);
    if !on("logs") && !on("metrics") {
        return refuse("At least one log or metric category must be enabled.".to_owned());
    }
    for one in items(&properties, "/logs") {
        let (category, group) = (text(one, "/category"), text(one, "/categoryGroup"));
        if category.is_empty() == group.is_empty() {
            return refuse("A log has either a category or a category group.".to_owned());
        }
        let known = if group.is_empty() {
            logs.iter().any(|name| name.eq_ignore_ascii_case(category))
        } else {
            !logs.is_empty() && matches!(group, "allLogs" | "audit")
        };
        if !known {
            return refuse(format!("Category '{category}{group}' is not supported."));
        }
    }
    for one in items(&properties, "/metrics") {
        let category = text(one, "/category");
        let known = category.eq_ignore_ascii_case(metrics)
            || metrics == "Transaction" && category == "Capacity";
        if metrics.is_empty() || !known {
            return refuse(format!("Metric category '{category}' is not supported."));
        }
    }
    let others = ctx.of_kind(&format!("{}/providers/{NAME}/", scope.text), NAME);
    let key = input.id.key();
    if others.len() >= MOST && !others.iter().any(|other| other.id == key) {
        return refuse(format!(
            "The limit of {MOST} diagnostic settings was reached."
        ));
    }
    let words = |value: &Value| -> Vec<String> {
        items(value, "/logs")
            .chain(items(value, "/metrics"))
            .filter(|one| one["enabled"] == true)
            .map(|one| format!("{}{}", text(one, "/category"), text(one, "/categoryGroup")))
            .collect()
    };
    let own = words(&properties);
    for other in others.iter().filter(|other| other.id != key) {
        let theirs = words(&other.doc["properties"]);
        if let Some(sink) = other.links.iter().find(|link| sinks.contains(link))
            && let Some(word) = own.iter().find(|word| theirs.contains(word))
        {
            return Err(ArmError::conflict(
                "Conflict",
                format!(
                    "Data sink '{sink}' is already used in diagnostic setting '{}' for category '{word}'. Data sinks can't be reused in different settings on the same category for the same resource.",
                    text(&other.doc, "/name")
                ),
            ));
        }
    }
    for list in ["logs", "metrics"] {
        if properties[list].is_null() {
            properties[list] = json!([]);
        }
    }
    let mut doc = engine::document(&input.id, properties);
    doc["type"] = NAME.into();
    let mut item = Item::new(&input.id.text, doc.clone(), ctx.now);
    item.links = links;
    item.list_as(
        "azurerm_monitor_diagnostic_setting",
        &input.id.text,
        "",
        None,
    );
    ctx.put(item);
    Ok(HttpReply::json(200, &doc))
}
