//! The key of the cloud that unseals Vault.

use crate::azure;
use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use serde_json::json;

/// The stanza that unseals, the key's id, and what it needs.
pub(super) fn unseal(inside: &mut Inside<'_>) -> (String, String, Vec<String>) {
    match inside.site.cloud.clone() {
        Cloud::Aws(_) => {
            let body = json!({
                "description": "Unseals Vault",
                "enable_key_rotation": true,
                "deletion_window_in_days": 30,
                "tags": inside.draft.tags("vault", &[]),
            });
            let key = inside.cloud("aws_kms_key", "vault", body);
            let seal = "seal \"awskms\" {\n  region = \"${split(\":\", aws_kms_key.vault.arn)[3]}\"\n  kms_key_id = \"${aws_kms_key.vault.arn}\"\n}";
            (
                seal.to_owned(),
                "${aws_kms_key.vault.arn}".to_owned(),
                vec![key],
            )
        }
        Cloud::Google(_) => {
            let name = inside.draft.name("vault", 63);
            inside.cloud("google_kms_key_ring", "vault", json!({ "name": name }));
            let body = json!({
                "name": name,
                "key_ring": "${google_kms_key_ring.vault.id}",
                "rotation_period": "7776000s",
                "labels": inside.draft.labels(),
            });
            let key = inside.cloud("google_kms_crypto_key", "vault", body);
            // projects/PROJECT/locations/REGION/keyRings/RING
            let part =
                |index: usize| format!("${{split(\"/\", google_kms_key_ring.vault.id)[{index}]}}");
            let seal = format!(
                "seal \"gcpckms\" {{\n  project = \"{}\"\n  region = \"{}\"\n  key_ring = \"{name}\"\n  crypto_key = \"{name}\"\n}}",
                part(1),
                part(3)
            );
            (
                seal,
                "${google_kms_crypto_key.vault.id}".to_owned(),
                vec![key],
            )
        }
        Cloud::Azure(_) => {
            let operator = super::super::key_vault("vault", inside);
            let tags = inside.draft.plain_tags();
            let body = json!({
                "name": "unseal",
                "key_vault_id": "${azurerm_key_vault.vault.id}",
                "key_type": "RSA",
                "key_size": 3072,
                "key_opts": ["decrypt", "encrypt", "unwrapKey", "wrapKey"],
                "tags": tags,
            });
            let key = inside.cloud("azurerm_key_vault_key", "vault", body);
            inside.after(&key, [operator]);
            let environment = azure::SDK.here(inside);
            let seal = format!(
                "seal \"azurekeyvault\" {{\n  tenant_id = \"${{data.azurerm_client_config.this.tenant_id}}\"\n  environment = \"{environment}\"\n  vault_name = \"${{azurerm_key_vault.vault.name}}\"\n  key_name = \"unseal\"\n}}"
            );
            (
                seal,
                "${azurerm_key_vault_key.vault.resource_versionless_id}".to_owned(),
                vec![key],
            )
        }
    }
}
