//! `azurerm_storage_management_policy`.

use super::VERSION;
use crate::api::Api;
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What becomes of the blobs of a storage account with age. There is one of an account.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PolicyRecord {
    /// The storage account.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) storage_account_id: String,
    /// A rule.
    #[record(block)]
    pub(crate) rule: Vec<PolicyRule>,
    /// `{storage_account_id}/managementPolicies/default`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A rule of a policy.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PolicyRule {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Whether it holds.
    #[record(required)]
    pub(crate) enabled: bool,
    /// Which blobs it is about.
    #[record(block, min = 1, max = 1)]
    pub(crate) filters: Vec<Filters>,
    /// What becomes of them.
    #[record(block, min = 1, max = 1)]
    pub(crate) actions: Vec<Actions>,
}

/// Which blobs a rule is about.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Filters {
    /// `blockBlob` and `appendBlob`.
    #[record(required)]
    pub(crate) blob_types: BTreeSet<String>,
    /// Beginnings of their names, the container's first: `logs/2024-`.
    #[record(optional)]
    pub(crate) prefix_match: BTreeSet<String>,
    /// A tag that they have.
    #[record(block, set)]
    pub(crate) match_blob_index_tag: Vec<Tag>,
}

/// A tag of blobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Record)]
pub(crate) struct Tag {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// How it is compared: `==`.
    #[record(optional, default = "==")]
    pub(crate) operation: String,
    /// Its value.
    #[record(required)]
    pub(crate) value: String,
}

/// What becomes of blobs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Actions {
    /// Of blobs as they are.
    #[record(block, max = 1)]
    pub(crate) base_blob: Vec<Base>,
    /// Of their snapshots.
    #[record(block, max = 1)]
    pub(crate) snapshot: Vec<Snapshot>,
    /// Of their old versions.
    #[record(block, max = 1)]
    pub(crate) version: Vec<Version>,
}

/// What becomes of blobs as they are, after so many days.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Base {
    /// To the cool tier, since they changed.
    #[record(optional)]
    pub(crate) tier_to_cool_after_days_since_modification_greater_than: Option<i64>,
    /// To the cool tier, since they were read.
    #[record(optional)]
    pub(crate) tier_to_cool_after_days_since_last_access_time_greater_than: Option<i64>,
    /// To the cool tier, since they were made.
    #[record(optional)]
    pub(crate) tier_to_cool_after_days_since_creation_greater_than: Option<i64>,
    /// Whether reading them brings them back from there.
    #[record(optional, default = false)]
    pub(crate) auto_tier_to_hot_from_cool_enabled: bool,
    /// To the cold tier, since they changed.
    #[record(optional)]
    pub(crate) tier_to_cold_after_days_since_modification_greater_than: Option<i64>,
    /// To the cold tier, since they were read.
    #[record(optional)]
    pub(crate) tier_to_cold_after_days_since_last_access_time_greater_than: Option<i64>,
    /// To the cold tier, since they were made.
    #[record(optional)]
    pub(crate) tier_to_cold_after_days_since_creation_greater_than: Option<i64>,
    /// To the archive, since they changed.
    #[record(optional)]
    pub(crate) tier_to_archive_after_days_since_modification_greater_than: Option<i64>,
    /// To the archive, since they were read.
    #[record(optional)]
    pub(crate) tier_to_archive_after_days_since_last_access_time_greater_than: Option<i64>,
    /// To the archive, since they were made.
    #[record(optional)]
    pub(crate) tier_to_archive_after_days_since_creation_greater_than: Option<i64>,
    /// To the archive, but not sooner after they came from there.
    #[record(optional)]
    pub(crate) tier_to_archive_after_days_since_last_tier_change_greater_than: Option<i64>,
    /// They are deleted, since they changed.
    #[record(optional)]
    pub(crate) delete_after_days_since_modification_greater_than: Option<i64>,
    /// They are deleted, since they were read.
    #[record(optional)]
    pub(crate) delete_after_days_since_last_access_time_greater_than: Option<i64>,
    /// They are deleted, since they were made.
    #[record(optional)]
    pub(crate) delete_after_days_since_creation_greater_than: Option<i64>,
}

/// What becomes of snapshots, so many days since they were made.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Snapshot {
    /// To the cool tier.
    #[record(optional)]
    pub(crate) change_tier_to_cool_after_days_since_creation: Option<i64>,
    /// To the cold tier.
    #[record(optional)]
    pub(crate) tier_to_cold_after_days_since_creation_greater_than: Option<i64>,
    /// To the archive.
    #[record(optional)]
    pub(crate) change_tier_to_archive_after_days_since_creation: Option<i64>,
    /// To the archive, but not sooner after they came from there.
    #[record(optional)]
    pub(crate) tier_to_archive_after_days_since_last_tier_change_greater_than: Option<i64>,
    /// They are deleted.
    #[record(optional)]
    pub(crate) delete_after_days_since_creation_greater_than: Option<i64>,
}

/// What becomes of old versions, so many days since they were made.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Version {
    /// To the cool tier.
    #[record(optional)]
    pub(crate) change_tier_to_cool_after_days_since_creation: Option<i64>,
    /// To the cold tier.
    #[record(optional)]
    pub(crate) tier_to_cold_after_days_since_creation_greater_than: Option<i64>,
    /// To the archive.
    #[record(optional)]
    pub(crate) change_tier_to_archive_after_days_since_creation: Option<i64>,
    /// To the archive, but not sooner after they came from there.
    #[record(optional)]
    pub(crate) tier_to_archive_after_days_since_last_tier_change_greater_than: Option<i64>,
    /// They are deleted.
    #[record(optional)]
    pub(crate) delete_after_days_since_creation: Option<i64>,
}

pub(crate) struct Policy;

/// The rules of one action's attributes: where each stands.
macro_rules! ages {
    ($($block:literal: { $($name:literal => $field:literal),* $(,)? }),* $(,)?) => {
        &[
            ("rule", Rule::At("properties/policy/rules")),
            ("rule.filters", Rule::At("definition/filters")),
            ("rule.filters.match_blob_index_tag", Rule::At("blobIndexMatch")),
            ("rule.filters.match_blob_index_tag.operation", Rule::At("op")),
            ("rule.actions", Rule::At("definition/actions")),
            (
                "rule.actions.base_blob.auto_tier_to_hot_from_cool_enabled",
                Rule::At("enableAutoTierToHotFromCool"),
            ),
            $($((concat!("rule.actions.", $block, ".", $name), Rule::At($field)),)*)*
        ]
    };
}

/// What rules say that their attributes do not, and without what is off anyway.
fn mark(body: &mut Json) {
    let rules = body["properties"]["policy"]["rules"].as_array_mut();
    for rule in rules.into_iter().flatten() {
        rule["type"] = "Lifecycle".into();
        let back = "definition/actions/baseBlob/enableAutoTierToHotFromCool";
        if wire::get(rule, back) == Some(&Json::Bool(false)) {
            wire::remove(rule, back);
        }
    }
}

#[async_trait]
impl Kind for Policy {
    type Record = PolicyRecord;
    const TYPE: &'static str = "azurerm_storage_management_policy";
    const API: Api = Api::new(
        "Microsoft.Storage/storageAccounts/managementPolicies",
        VERSION,
        "{storage_account_id}/managementPolicies/default",
    )
    .untagged()
    .unlisted();
    const RULES: Rules = ages! {
        "base_blob": {
            "tier_to_cool_after_days_since_modification_greater_than" => "tierToCool/daysAfterModificationGreaterThan",
            "tier_to_cool_after_days_since_last_access_time_greater_than" => "tierToCool/daysAfterLastAccessTimeGreaterThan",
            "tier_to_cool_after_days_since_creation_greater_than" => "tierToCool/daysAfterCreationGreaterThan",
            "tier_to_cold_after_days_since_modification_greater_than" => "tierToCold/daysAfterModificationGreaterThan",
            "tier_to_cold_after_days_since_last_access_time_greater_than" => "tierToCold/daysAfterLastAccessTimeGreaterThan",
            "tier_to_cold_after_days_since_creation_greater_than" => "tierToCold/daysAfterCreationGreaterThan",
            "tier_to_archive_after_days_since_modification_greater_than" => "tierToArchive/daysAfterModificationGreaterThan",
            "tier_to_archive_after_days_since_last_access_time_greater_than" => "tierToArchive/daysAfterLastAccessTimeGreaterThan",
            "tier_to_archive_after_days_since_creation_greater_than" => "tierToArchive/daysAfterCreationGreaterThan",
            "tier_to_archive_after_days_since_last_tier_change_greater_than" => "tierToArchive/daysAfterLastTierChangeGreaterThan",
            "delete_after_days_since_modification_greater_than" => "delete/daysAfterModificationGreaterThan",
            "delete_after_days_since_last_access_time_greater_than" => "delete/daysAfterLastAccessTimeGreaterThan",
            "delete_after_days_since_creation_greater_than" => "delete/daysAfterCreationGreaterThan",
        },
        "snapshot": {
            "change_tier_to_cool_after_days_since_creation" => "tierToCool/daysAfterCreationGreaterThan",
            "tier_to_cold_after_days_since_creation_greater_than" => "tierToCold/daysAfterCreationGreaterThan",
            "change_tier_to_archive_after_days_since_creation" => "tierToArchive/daysAfterCreationGreaterThan",
            "tier_to_archive_after_days_since_last_tier_change_greater_than" => "tierToArchive/daysAfterLastTierChangeGreaterThan",
            "delete_after_days_since_creation_greater_than" => "delete/daysAfterCreationGreaterThan",
        },
        "version": {
            "change_tier_to_cool_after_days_since_creation" => "tierToCool/daysAfterCreationGreaterThan",
            "tier_to_cold_after_days_since_creation_greater_than" => "tierToCold/daysAfterCreationGreaterThan",
            "change_tier_to_archive_after_days_since_creation" => "tierToArchive/daysAfterCreationGreaterThan",
            "tier_to_archive_after_days_since_last_tier_change_greater_than" => "tierToArchive/daysAfterLastTierChangeGreaterThan",
            "delete_after_days_since_creation" => "delete/daysAfterCreationGreaterThan",
        },
    };

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 3)
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        _: &PolicyRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        mark(body);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        _: &PolicyRecord,
        _: &PolicyRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        mark(body);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Value;
    use serde_json::json;

    #[test]
    fn a_rule_goes_and_comes_back() {
        let rule = json!({
            "name": "old", "enabled": true,
            "filters": [{ "blob_types": ["blockBlob"], "prefix_match": ["a/"], "match_blob_index_tag": [] }],
            "actions": [{
                "base_blob": [{ "tier_to_cool_after_days_since_modification_greater_than": 30 }],
                "snapshot": [],
                "version": [{ "delete_after_days_since_creation": 90 }],
            }],
        });
        let block = PolicyRecord::block();
        let said = json!({ "storage_account_id": "/a", "rule": [rule], "id": null });
        let value = infra_model::json::from_json(&said, &block.implied_type()).expect("a policy");
        let mut body = wire::body(&block, &value, Policy::RULES, "", &["storage_account_id"]);
        mark(&mut body);
        assert_eq!(
            body["properties"]["policy"]["rules"][0],
            json!({
                "name": "old", "enabled": true, "type": "Lifecycle",
                "definition": {
                    "filters": { "blobTypes": ["blockBlob"], "prefixMatch": ["a/"] },
                    "actions": {
                        "baseBlob": { "tierToCool": { "daysAfterModificationGreaterThan": 30 } },
                        "version": { "delete": { "daysAfterCreationGreaterThan": 90 } },
                    },
                },
            })
        );
        let shown = wire::shown(&block, &body, &Value::NULL, Policy::RULES);
        assert_eq!(
            shown["rule"][0]["actions"][0]["version"][0]["delete_after_days_since_creation"],
            90
        );
    }
}
