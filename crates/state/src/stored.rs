//! The shape in which resources, intents and outcomes are written, in snapshot and journal alike: sensitive values sealed,
//! provider configurations named instead of repeated. Shapes only; `codec` converts.

use crate::document::{DependencyRef, DeposedKey};
use infra_model::checked::Checked;
use infra_model::{Action, Address, OperationId, Path, ProviderAddress, Str, Timestamp, Token};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[allow(clippy::ptr_arg, reason = "serde hands over the field as it is")]
fn none<T: Clone>(list: &Cow<'_, [T]>) -> bool {
    list.is_empty()
}

fn no(flag: &bool) -> bool {
    !flag
}

/// A current or deposed object.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredObject<'a> {
    pub(crate) provider: Cow<'a, ProviderAddress>,
    pub(crate) provider_config: Str,
    pub(crate) schema_version: u32,
    pub(crate) id: Cow<'a, str>,
    pub(crate) attributes: Cow<'a, Json>,
    #[serde(default, skip_serializing_if = "none")]
    pub(crate) sensitive_paths: Cow<'a, [Path]>,
    #[serde(default, skip_serializing_if = "none")]
    pub(crate) dependencies: Cow<'a, [DependencyRef]>,
    #[serde(default, skip_serializing_if = "no")]
    pub(crate) create_before_destroy: bool,
    #[serde(default, skip_serializing_if = "no")]
    pub(crate) tainted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) private: Option<Cow<'a, Json>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) deposed: BTreeMap<DeposedKey, StoredObject<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredOutput<'a> {
    #[serde(rename = "type")]
    pub(crate) ty: Json,
    pub(crate) value: Cow<'a, Json>,
    #[serde(default, skip_serializing_if = "no")]
    pub(crate) sensitive: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredIntent<'a> {
    pub(crate) operation: OperationId,
    pub(crate) time: Timestamp,
    pub(crate) address: Cow<'a, Address>,
    pub(crate) action: Action,
    #[serde(rename = "type")]
    pub(crate) type_name: Str,
    pub(crate) schema_version: u32,
    pub(crate) provider: Cow<'a, ProviderAddress>,
    pub(crate) provider_config: Str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prior_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deposed: Option<DeposedKey>,
    #[serde(default, skip_serializing_if = "none")]
    pub(crate) dependencies: Cow<'a, [DependencyRef]>,
    pub(crate) planned: Cow<'a, Json>,
    #[serde(default, skip_serializing_if = "none")]
    pub(crate) sensitive_paths: Cow<'a, [Path]>,
    pub(crate) token: Token,
    #[serde(default, skip_serializing_if = "no")]
    pub(crate) create_before_destroy: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) private: Option<Cow<'a, Json>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prior: Option<Cow<'a, Json>>,
    #[serde(default, skip_serializing_if = "none")]
    pub(crate) prior_sensitive_paths: Cow<'a, [Path]>,
    #[serde(default, skip_serializing_if = "no")]
    pub(crate) lookup_only: bool,
    #[serde(default, skip_serializing_if = "no")]
    pub(crate) hands_over: bool,
    /// The id that was learnt before the end; only in snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoredOutcome<'a> {
    Created(StoredObject<'a>),
    Updated(StoredObject<'a>),
    Deleted,
    Refused,
    Failed(Option<StoredObject<'a>>),
    Adopted(StoredObject<'a>),
    Abandoned,
    Forgotten,
    Moved {
        to: Cow<'a, Address>,
        /// Everything that moves, sealed for the new address.
        resource: Option<StoredObject<'a>>,
    },
    Deposed(DeposedKey),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoredChange<'a> {
    Put {
        address: Cow<'a, Address>,
        resource: StoredObject<'a>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        depose: Option<DeposedKey>,
    },
    Remove {
        address: Cow<'a, Address>,
    },
    RemoveDeposed {
        address: Cow<'a, Address>,
        key: DeposedKey,
    },
    Forget {
        address: Cow<'a, Address>,
    },
    Move {
        from: Cow<'a, Address>,
        to: Cow<'a, Address>,
        /// Everything that moves, sealed for the new address.
        resource: Option<StoredObject<'a>>,
    },
    Depose {
        address: Cow<'a, Address>,
        key: DeposedKey,
    },
    Restore {
        address: Cow<'a, Address>,
        key: DeposedKey,
    },
    Taint {
        address: Cow<'a, Address>,
        tainted: bool,
    },
    Provider {
        address: Cow<'a, Address>,
        from: ProviderAddress,
        to: ProviderAddress,
    },
    Depends {
        address: Cow<'a, Address>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deposed: Option<DeposedKey>,
        dependencies: Cow<'a, [DependencyRef]>,
    },
    Output {
        name: Str,
        output: Option<StoredOutput<'a>>,
    },
    Checked {
        checked: Cow<'a, [Checked]>,
    },
    Duration {
        key: Str,
        millis: u64,
    },
    StackFile {
        path: Str,
    },
}

/// One journal record.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoredRecord<'a> {
    /// Names a provider configuration that later records use.
    Config {
        key: Str,
        value: Cow<'a, Json>,
    },
    Intent(Box<StoredIntent<'a>>),
    Id {
        operation: Cow<'a, OperationId>,
        id: Cow<'a, str>,
    },
    Outcome {
        operation: Cow<'a, OperationId>,
        result: Box<StoredOutcome<'a>>,
    },
    Changes(Vec<StoredChange<'a>>),
}
