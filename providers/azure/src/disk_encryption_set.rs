//! `azurerm_disk_encryption_set`.

use crate::api::{Api, grouped};
use crate::client::Client;
use crate::identity::{self, Identity};
use crate::kind::{Kind, Update};
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A key with which disks are encrypted. Its identity must be allowed to use the key before a disk can be made with it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SetRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is, such as `West Europe`.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// The key's address in its vault, with its version.
    #[record(required)]
    pub(crate) key_vault_key_id: String,
    /// Whether disks follow to the key's newest version.
    #[record(optional, default = false)]
    pub(crate) auto_key_rotation_enabled: bool,
    /// `EncryptionAtRestWithCustomerKey`, `EncryptionAtRestWithPlatformAndCustomerKeys` or
    /// `ConfidentialVmEncryptedWithCustomerKey`.
    #[record(optional, force_new, default = "EncryptionAtRestWithCustomerKey")]
    pub(crate) encryption_type: String,
    /// The application that reaches a vault of another tenant.
    #[record(optional)]
    pub(crate) federated_client_id: Option<String>,
    /// The identities that it uses the key with.
    #[record(block, min = 1, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// The address of the version that is in use.
    #[record(computed)]
    pub(crate) key_vault_key_url: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Set;

/// A key's address without its version.
fn versionless(url: &str) -> &str {
    match url.split_once("/keys/") {
        Some((vault, rest)) => {
            let name = rest.split('/').next().unwrap_or(rest);
            &url[..vault.len() + "/keys/".len() + name.len()]
        }
        None => url,
    }
}

#[async_trait]
impl Kind for Set {
    type Record = SetRecord;
    const TYPE: &'static str = "azurerm_disk_encryption_set";
    const API: Api = Api::new(
        "Microsoft.Compute/diskEncryptionSets",
        "2026-03-02",
        grouped!("Microsoft.Compute/diskEncryptionSets/{name}"),
    );
    const RULES: Rules = &[
        ("key_vault_key_id", Rule::At("properties/activeKey/keyUrl")),
        (
            "auto_key_rotation_enabled",
            Rule::At("properties/rotationToLatestKeyVersionEnabled"),
        ),
        ("identity", Rule::Own),
        (
            "key_vault_key_url",
            Rule::ShownOnly("properties/activeKey/keyUrl"),
        ),
    ];
    const UPDATE: Update = Update::Patch;

    fn traits() -> Traits {
        Traits::default().seconds(15, 15, 15)
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &SetRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        identity::put(body, &[], &desired.identity);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &SetRecord,
        desired: &SetRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        identity::put(body, &prior.identity, &desired.identity);
        Ok(())
    }

    fn complete(_: &Client, found: &Json, prior: Option<&SetRecord>, record: &mut SetRecord) {
        let said = prior.map(|p| &*p.identity).unwrap_or_default();
        record.identity = identity::found(found, said);
        // Moving on to the key's next version is what was asked for.
        if let Some(said) = prior.map(|p| &p.key_vault_key_id)
            && record.auto_key_rotation_enabled
            && versionless(said).eq_ignore_ascii_case(versionless(&record.key_vault_key_id))
        {
            record.key_vault_key_id.clone_from(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_in_another_version() {
        let one = "https://v.vault.azure.net/keys/k/0123";
        assert_eq!(versionless(one), "https://v.vault.azure.net/keys/k");
        assert_eq!(versionless(versionless(one)), versionless(one));
    }
}
