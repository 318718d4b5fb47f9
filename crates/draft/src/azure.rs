//! What components and the inside of clusters both make on Azure. Whoever uses it declares the data source `azurerm_client_config.this`.

use serde_json::{Value as Json, json};

/// A vault, in the region of the configuration, whose deleted contents can be had back for so many days.
#[must_use]
pub fn vault(name: &str, group: &str, days: i64, tags: Json) -> Json {
    json!({
        "name": name,
        "resource_group_name": group,
        "location": "${data.azurerm_client_config.this.location}",
        "tenant_id": "${data.azurerm_client_config.this.tenant_id}",
        "sku_name": "standard",
        "rbac_authorization_enabled": true,
        // Nothing may be encrypted with a key that can be destroyed for good by mistake.
        "purge_protection_enabled": true,
        "soft_delete_retention_days": days,
        "tags": tags,
    })
}

/// The right of the one who applies to write in a vault, by the vault's block name.
#[must_use]
pub fn vault_operator(vault: &str) -> Json {
    json!({
        "scope": format!("${{azurerm_key_vault.{vault}.id}}"),
        "role_definition_name": "Key Vault Administrator",
        "principal_id": "${data.azurerm_client_config.this.object_id}",
        // It stays with the one who made the stack: others are given the role where they are given the rest of theirs.
        "lifecycle": { "ignore_changes": ["principal_id"] },
    })
}
