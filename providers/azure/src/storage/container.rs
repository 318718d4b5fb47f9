//! `azurerm_storage_container`.

use super::VERSION;
use crate::api::Api;
use crate::client::Client;
use crate::kind::{Kind, Update};
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A container of a storage account. Deleting it deletes the blobs in it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ContainerRecord {
    /// Its name: 3 to 63 lower-case letters, digits and single hyphens.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The storage account.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) storage_account_id: String,
    /// `private`, `blob` (who knows a blob's name reads it) or `container` (everybody lists and reads).
    #[record(optional, default = "private")]
    pub(crate) container_access_type: String,
    /// The encryption scope of blobs that say none.
    #[record(optional, computed, force_new)]
    pub(crate) default_encryption_scope: Option<String>,
    /// Whether blobs may say another one.
    #[record(optional, force_new, default = true)]
    pub(crate) encryption_scope_override_enabled: bool,
    /// What is noted on it; names in lower case.
    #[record(optional)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// Whether something keeps blobs from being changed.
    #[record(computed)]
    pub(crate) has_immutability_policy: Option<bool>,
    /// Whether a legal hold keeps blobs from being deleted.
    #[record(computed)]
    pub(crate) has_legal_hold: Option<bool>,
    /// `{storage_account_id}/blobServices/default/containers/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Container;

const ACCESS: &str = "properties/publicAccess";
const WORDS: [(&str, &str); 3] = [
    ("private", "None"),
    ("blob", "Blob"),
    ("container", "Container"),
];

fn translate(
    body: &mut Json,
    from: impl Fn(&(&'static str, &'static str)) -> (&'static str, &'static str),
) {
    let word = wire::get(body, ACCESS)
        .and_then(Json::as_str)
        .map(str::to_owned);
    let found = WORDS
        .iter()
        .map(from)
        .find(|(theirs, _)| word.as_deref() == Some(*theirs));
    if let Some((_, ours)) = found {
        wire::put(body, ACCESS, ours.into());
    }
}

#[async_trait]
impl Kind for Container {
    type Record = ContainerRecord;
    const TYPE: &'static str = "azurerm_storage_container";
    const API: Api = Api::new(
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        VERSION,
        "{storage_account_id}/blobServices/default/containers/{name}",
    )
    .untagged();
    const RULES: Rules = &[
        ("container_access_type", Rule::At(ACCESS)),
        (
            "encryption_scope_override_enabled",
            Rule::Not("properties/denyEncryptionScopeOverride"),
        ),
    ];
    const UPDATE: Update = Update::Patch;

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 3)
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &ContainerRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        translate(body, |pair| *pair);
        // It may be denied only together with a scope.
        if desired.encryption_scope_override_enabled {
            wire::remove(body, "properties/denyEncryptionScopeOverride");
        }
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        _: &ContainerRecord,
        _: &ContainerRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        translate(body, |pair| *pair);
        Ok(())
    }

    /// Azure shows containers that it keeps after their end.
    fn is_there(found: &Json) -> bool {
        found["properties"]["deleted"] != true
    }

    fn shown(found: &mut Json) {
        translate(found, |(ours, theirs)| (theirs, ours));
    }
}
