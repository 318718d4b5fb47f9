//! What a cluster has beside Kubernetes itself, which Azure keeps in ways of its own: addons, encryption of secrets, findings and
//! metrics. What is no longer asked for is switched off by name.

use super::blocks::{
    AddonIdentity, Defender, KeyManagement, LogAgent, Metrics, NetworkProfile, SecretsProvider,
};
use super::cluster::ClusterRecord;
use crate::wire::{get, put as place, remove};
use serde_json::{Value as Json, json};

const SECRETS: &str = "properties/addonProfiles/azureKeyvaultSecretsProvider";
const LOGS: &str = "properties/addonProfiles/omsagent";
const POLICY: &str = "properties/addonProfiles/azurepolicy";
const KMS: &str = "properties/securityProfile/azureKeyVaultKms";
const DEFENDER: &str = "properties/securityProfile/defender";
const METRICS: &str = "properties/azureMonitorProfile/metrics";
const FLOWS: &str = "properties/networkProfile/advancedNetworking";

fn flag(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn secrets(block: &SecretsProvider) -> Json {
    json!({ "enabled": true, "config": {
        "enableSecretRotation": flag(block.secret_rotation_enabled == Some(true)),
        "rotationPollInterval": block.secret_rotation_interval,
    } })
}

fn logs(block: &LogAgent) -> Json {
    json!({ "enabled": true, "config": {
        "logAnalyticsWorkspaceResourceID": block.log_analytics_workspace_id,
        "useAADAuth": flag(block.msi_auth_for_monitoring_enabled == Some(true)),
    } })
}

fn kms(block: &KeyManagement) -> Json {
    json!({
        "enabled": true, "keyId": block.key_vault_key_id, "keyVaultNetworkAccess": block.key_vault_network_access,
    })
}

fn defender(block: &Defender) -> Json {
    json!({
        "logAnalyticsWorkspaceResourceId": block.log_analytics_workspace_id, "securityMonitoring": { "enabled": true },
    })
}

fn metrics(block: &Metrics) -> Json {
    json!({ "enabled": true, "kubeStateMetrics": {
        "metricAnnotationsAllowList": block.annotations_allowed.clone().unwrap_or_default(),
        "metricLabelsAllowlist": block.labels_allowed.clone().unwrap_or_default(),
    } })
}

fn flows(profile: Option<&NetworkProfile>) -> Option<Json> {
    let block = profile?.advanced_networking.first()?;
    Some(json!({
        "enabled": block.observability_enabled || block.security_enabled,
        "observability": { "enabled": block.observability_enabled },
        "security": { "enabled": block.security_enabled },
    }))
}

/// Puts into a body what is asked for, and switches off what was and is not any more; what did not change is left alone.
pub(super) fn put(body: &mut Json, prior: Option<&ClusterRecord>, desired: &ClusterRecord) {
    let off = || json!({ "enabled": false });
    let mut change = |field: &str, old: Option<Json>, new: Option<Json>, off: Json| match (old, new)
    {
        (old, Some(new)) if old.as_ref() != Some(&new) => place(body, field, new),
        (Some(_), None) => place(body, field, off),
        _ => {}
    };
    let old = |of: &dyn Fn(&ClusterRecord) -> Option<Json>| prior.and_then(of);
    let of = |c: &ClusterRecord| c.key_vault_secrets_provider.first().map(secrets);
    change(SECRETS, old(&of), of(desired), off());
    let of = |c: &ClusterRecord| c.oms_agent.first().map(logs);
    change(LOGS, old(&of), of(desired), off());
    let of = |c: &ClusterRecord| c.azure_policy_enabled.map(|on| json!({ "enabled": on }));
    change(POLICY, old(&of), of(desired), off());
    let of = |c: &ClusterRecord| c.key_management_service.first().map(kms);
    change(KMS, old(&of), of(desired), off());
    let of = |c: &ClusterRecord| c.microsoft_defender.first().map(defender);
    let unwatched = json!({ "securityMonitoring": { "enabled": false } });
    change(DEFENDER, old(&of), of(desired), unwatched);
    let of = |c: &ClusterRecord| c.monitor_metrics.first().map(metrics);
    change(METRICS, old(&of), of(desired), off());
    let of = |c: &ClusterRecord| flows(c.network_profile.first());
    change(FLOWS, old(&of), of(desired), off());
}

fn is_on(found: &Json, field: &str) -> bool {
    get(found, field).is_some_and(|f| f["enabled"] == true)
}

/// What is switched off is not there.
pub(super) fn shown(found: &mut Json) {
    if !is_on(found, FLOWS) {
        remove(found, FLOWS);
    }
    // What no cluster was asked for is off everywhere.
    for field in [
        "properties/securityProfile/imageCleaner",
        "properties/metricsProfile/costAnalysis",
    ] {
        if !is_on(found, field) {
            remove(found, field);
        }
    }
}

fn text(found: &Json, field: &str) -> Option<String> {
    get(found, field).and_then(Json::as_str).map(str::to_owned)
}

fn is_true(found: &Json, field: &str) -> bool {
    text(found, field).is_some_and(|t| t.eq_ignore_ascii_case("true"))
}

fn identity(found: &Json, addon: &str) -> Vec<AddonIdentity> {
    let identity = get(found, &format!("{addon}/identity"));
    let of = |identity: &Json| AddonIdentity {
        client_id: text(identity, "clientId"),
        object_id: text(identity, "objectId"),
        user_assigned_identity_id: text(identity, "resourceId"),
    };
    identity.into_iter().map(of).collect()
}

/// An id as it was said, where only letter case differs.
fn as_said(found: String, said: Option<&String>) -> String {
    match said {
        Some(said) if said.eq_ignore_ascii_case(&found) => said.clone(),
        _ => found,
    }
}

/// A switch that nobody spoke of and that is off was not spoken of.
fn spoken(on: bool, said: Option<bool>) -> Option<bool> {
    if on || said.is_some() { Some(on) } else { None }
}

/// Fills the blocks of a record from what was found.
pub(super) fn complete(found: &Json, prior: Option<&ClusterRecord>, record: &mut ClusterRecord) {
    record.key_vault_secrets_provider.clear();
    if is_on(found, SECRETS) {
        let said = prior.and_then(|p| p.key_vault_secrets_provider.first());
        let rotates = is_true(found, &format!("{SECRETS}/config/enableSecretRotation"));
        let interval = text(found, &format!("{SECRETS}/config/rotationPollInterval"));
        record.key_vault_secrets_provider.push(SecretsProvider {
            secret_rotation_enabled: spoken(rotates, said.and_then(|s| s.secret_rotation_enabled)),
            secret_rotation_interval: interval.unwrap_or_else(|| "2m".to_owned()),
            secret_identity: identity(found, SECRETS),
        });
    }
    record.oms_agent.clear();
    if is_on(found, LOGS) {
        let said = prior.and_then(|p| p.oms_agent.first());
        let workspace = get(found, &format!("{LOGS}/config"))
            .and_then(Json::as_object)
            .and_then(|config| {
                // Its letter case differs between answers.
                let key = "loganalyticsworkspaceresourceid";
                let mut entries = config.iter();
                entries.find_map(|(k, v)| (k.to_ascii_lowercase() == key).then(|| v.as_str())?)
            });
        let signs_in = is_true(found, &format!("{LOGS}/config/useAADAuth"));
        record.oms_agent.push(LogAgent {
            log_analytics_workspace_id: as_said(
                workspace.unwrap_or_default().to_owned(),
                said.map(|s| &s.log_analytics_workspace_id),
            ),
            msi_auth_for_monitoring_enabled: spoken(
                signs_in,
                said.and_then(|s| s.msi_auth_for_monitoring_enabled),
            ),
            oms_agent_identity: identity(found, LOGS),
        });
    }
    let said = prior.and_then(|p| p.azure_policy_enabled);
    record.azure_policy_enabled = spoken(is_on(found, POLICY), said);
    record.key_management_service.clear();
    if is_on(found, KMS) {
        record.key_management_service.push(KeyManagement {
            key_vault_key_id: text(found, &format!("{KMS}/keyId")).unwrap_or_default(),
            key_vault_network_access: text(found, &format!("{KMS}/keyVaultNetworkAccess"))
                .unwrap_or_else(|| "Public".to_owned()),
        });
    }
    record.microsoft_defender.clear();
    if is_on(found, &format!("{DEFENDER}/securityMonitoring")) {
        let workspace = text(
            found,
            &format!("{DEFENDER}/logAnalyticsWorkspaceResourceId"),
        );
        let said = prior.and_then(|p| p.microsoft_defender.first());
        record.microsoft_defender.push(Defender {
            log_analytics_workspace_id: as_said(
                workspace.unwrap_or_default(),
                said.map(|s| &s.log_analytics_workspace_id),
            ),
        });
    }
    record.monitor_metrics.clear();
    if is_on(found, METRICS) {
        let allowed = |list: &str| {
            text(found, &format!("{METRICS}/kubeStateMetrics/{list}")).filter(|t| !t.is_empty())
        };
        record.monitor_metrics.push(Metrics {
            annotations_allowed: allowed("metricAnnotationsAllowList"),
            labels_allowed: allowed("metricLabelsAllowlist"),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_kms(id: &str) -> ClusterRecord {
        ClusterRecord {
            key_management_service: vec![KeyManagement {
                key_vault_key_id: id.to_owned(),
                key_vault_network_access: "Public".to_owned(),
            }],
            ..ClusterRecord::default()
        }
    }

    #[test]
    fn what_goes_is_switched_off_and_what_stays_is_not_sent() {
        let (with, without) = (with_kms("https://v/keys/k/1"), ClusterRecord::default());
        let mut body = json!({});
        put(&mut body, None, &with);
        assert_eq!(
            body["properties"]["securityProfile"]["azureKeyVaultKms"]["keyId"],
            "https://v/keys/k/1"
        );
        let mut read = ClusterRecord::default();
        complete(&body, None, &mut read);
        assert_eq!(read.key_management_service, with.key_management_service);
        let mut same = json!({});
        put(&mut same, Some(&with), &with);
        assert_eq!(same, json!({}));
        put(&mut body, Some(&with), &without);
        assert_eq!(
            body["properties"]["securityProfile"]["azureKeyVaultKms"],
            json!({ "enabled": false })
        );
        complete(&body, Some(&with), &mut read);
        assert!(read.key_management_service.is_empty());
    }
}
