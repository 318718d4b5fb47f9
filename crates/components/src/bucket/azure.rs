//! `bucket` on Azure: a storage account with its key, and a container in it.

use super::Inputs;
use crate::azure;
use crate::draft::Draft;
use crate::input::escape;
use serde_json::{Value as Json, json};

const ARCHIVE: &str = "tier_to_cool_after_days_since_modification_greater_than";
const EXPIRE: &str = "delete_after_days_since_modification_greater_than";

pub(super) fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
    check(inputs, draft);
    let group = azure::own_group(draft);
    azure::encryption(draft, &group, "bucket", true, "");
    account(inputs, &group, draft);
    draft.resource(
        "azurerm_storage_account_customer_managed_key",
        "this",
        json!({
            "storage_account_id": "${azurerm_storage_account.this.id}",
            "key_vault_id": "${azurerm_key_vault.this.id}",
            // Without a version: it follows the key's newest.
            "key_name": "${azurerm_key_vault_key.this.name}",
            "user_assigned_identity_id": "${azurerm_user_assigned_identity.this.id}",
            "depends_on": ["azurerm_role_assignment.key"],
        }),
    );
    draft.resource(
        "azurerm_storage_container",
        "this",
        json!({
            "name": draft.name("", 63),
            "storage_account_id": "${azurerm_storage_account.this.id}",
            "container_access_type": "private",
            // No object is written before the key is there.
            "depends_on": ["azurerm_storage_account_customer_managed_key.this"],
        }),
    );
    let rules = rules(inputs, &draft.name("", 63));
    if !rules.is_empty() {
        draft.resource(
            "azurerm_storage_management_policy",
            "this",
            json!({ "storage_account_id": "${azurerm_storage_account.this.id}", "rule": rules }),
        );
    }
    draft.output("id", "azurerm_storage_account.this.id");
    draft.output("name", "azurerm_storage_account.this.name");
    draft.output("container", "azurerm_storage_container.this.name");
    draft.output("arn", "azurerm_storage_container.this.id");
    draft.output(
        "url",
        "\"${azurerm_storage_account.this.primary_blob_endpoint}${azurerm_storage_container.this.name}\"",
    );
    draft.output("key_id", "azurerm_key_vault_key.this.versionless_id");
}

fn account(inputs: &Inputs, group: &str, draft: &mut Draft<'_>) {
    let name = match &inputs.name {
        Some(name) => name.json("input.name"),
        None => {
            // 24 characters, less eight that nobody else has.
            let start: String = draft.start(24).replace('-', "").chars().take(16).collect();
            json!(format!("{start}${{{}}}", azure::unique(draft)))
        }
    };
    let days = inputs.keep_versions_days.clamp(1, 365);
    let retention = inputs.versioning.then(|| json!({ "days": days }));
    let mut body = azure::account(name, group);
    body["identity"] = json!({ "type": "UserAssigned", "identity_ids": ["${azurerm_user_assigned_identity.this.id}"] });
    body["blob_properties"] = json!({
        "versioning_enabled": inputs.versioning,
        "delete_retention_policy": retention,
        "container_delete_retention_policy": retention,
    });
    body["tags"] = draft.plain_tags();
    draft.resource("azurerm_storage_account", "this", body);
}

fn rules(inputs: &Inputs, container: &str) -> Vec<Json> {
    let mut rules = Vec::new();
    let rule = |name: &str, prefix: String, actions: Json| {
        json!({
            "name": name,
            "enabled": true,
            "filters": { "blob_types": ["blockBlob"], "prefix_match": [prefix] },
            "actions": actions,
        })
    };
    if inputs.versioning {
        let days = json!({ "delete_after_days_since_creation": inputs.keep_versions_days });
        rules.push(rule(
            "old-versions",
            format!("{container}/"),
            json!({ "version": days }),
        ));
    }
    for (index, retention) in inputs.retention.iter().enumerate() {
        let mut base = serde_json::Map::new();
        if let Some(days) = retention.archive_days {
            base.insert(ARCHIVE.into(), json!(days));
        }
        if let Some(days) = retention.expire_days {
            base.insert(EXPIRE.into(), json!(days));
        }
        let prefix = format!("{container}/{}", escape(&retention.prefix));
        rules.push(rule(
            &format!("retention-{index}"),
            prefix,
            json!({ "base_blob": base }),
        ));
    }
    rules
}

fn check(inputs: &Inputs, draft: &mut Draft<'_>) {
    // https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name
    let Some(name) = inputs.name.as_ref().and_then(|n| n.known()) else {
        return;
    };
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=24).contains(&name.len()) || !name.chars().all(legal) {
        draft.refuse(
            "name",
            format!("`{name}` cannot be the name of a storage account"),
            "use 3 to 24 lower-case letters and digits; or leave `name` out",
        );
    }
}
