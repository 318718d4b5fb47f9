//! `registry` on Azure: a container registry with its key, and who pulls from it.

use super::{Inputs, check_name};
use crate::azure::{self, LOCATION};
use crate::cluster::Target as Cluster;
use crate::draft::Draft;
use serde_json::{Map, Value as Json, json};

/// The longest time that manifests without a tag are kept.
const LONGEST_DAYS: i64 = 365;

pub(super) fn expand(inputs: &Inputs, clusters: &[(String, Cluster)], draft: &mut Draft<'_>) {
    check(inputs, draft);
    let group = azure::own_group(draft);
    azure::encryption(draft, &group, "registry", true, "");
    let name = match &inputs.name {
        Some(name) => name.json("input.name"),
        None => {
            let start: String = draft.start(50).replace('-', "").chars().take(40).collect();
            json!(format!("{start}${{{}}}", azure::unique(draft)))
        }
    };
    let days = inputs.keep_untagged_days;
    let body = json!({
        "name": name,
        "resource_group_name": group,
        "location": LOCATION,
        // Keys of one's own and the end of what has no tag need the largest one.
        "sku": "Premium",
        "admin_enabled": false,
        "anonymous_pull_enabled": false,
        "retention_policy_in_days": (days > 0).then_some(days),
        "identity": { "type": "UserAssigned", "identity_ids": ["${azurerm_user_assigned_identity.this.id}"] },
        "encryption": {
            // Without a version: it follows the key's newest.
            "key_vault_key_id": "${azurerm_key_vault_key.this.versionless_id}",
            "identity_client_id": "${azurerm_user_assigned_identity.this.client_id}",
        },
        "tags": draft.plain_tags(),
        "depends_on": ["azurerm_role_assignment.key"],
    });
    draft.resource("azurerm_container_registry", "this", body);
    pull(clusters, draft);
    let this = "azurerm_container_registry.this";
    draft.output("id", format!("{this}.id"));
    draft.output("name", format!("{this}.name"));
    draft.output("arn", format!("{this}.id"));
    let image = draft.name("", 128);
    draft.output("url", format!("\"${{{this}.login_server}}/{image}\""));
    draft.output("host", format!("{this}.login_server"));
    draft.output("key_id", "azurerm_key_vault_key.this.versionless_id");
}

/// Lets the nodes of clusters pull images.
fn pull(clusters: &[(String, Cluster)], draft: &mut Draft<'_>) {
    if clusters.is_empty() {
        return;
    }
    let each: Map<String, Json> = clusters
        .iter()
        .map(|(name, cluster)| (name.clone(), json!(cluster.output("node_role"))))
        .collect();
    draft.resource(
        "azurerm_role_assignment",
        "pull",
        json!({
            "for_each": each,
            "scope": "${azurerm_container_registry.this.id}",
            "role_definition_name": "AcrPull",
            "principal_id": "${each.value}",
            "principal_type": "ServicePrincipal",
        }),
    );
}

fn check(inputs: &Inputs, draft: &mut Draft<'_>) {
    // https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcontainerregistry
    check_name(
        inputs,
        |name| (5..=50).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric()),
        "use 5 to 50 letters and digits",
        draft,
    );
    if inputs.keep_untagged_days > LONGEST_DAYS {
        draft.refuse(
            "keep_untagged_days",
            format!(
                "Azure keeps images without a tag for at most {LONGEST_DAYS} days, or for ever"
            ),
            format!("write `keep_untagged_days = {LONGEST_DAYS}` or less, or 0 to keep them"),
        );
    }
}
