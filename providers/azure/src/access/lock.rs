//! `azurerm_management_lock`.

use crate::api::Api;
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_cloud::wait::{Pace, QUICK};
use infra_model::schema::Traits;
use infra_model::{ProviderError, Record, Value};
use serde_json::Value as Json;

/// Keeps a resource, a resource group or a subscription from being deleted or changed, with all that is in it: also role assignments and
/// diagnostic settings there.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LockRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What is locked, by its id.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) scope: String,
    /// `CanNotDelete`, or `ReadOnly`.
    #[record(required, force_new)]
    pub(crate) lock_level: String,
    /// What it is for, at most 512 characters.
    #[record(optional, force_new)]
    pub(crate) notes: Option<String>,
    /// Whether infra takes it away only with `--unprotect`, and so what it locks.
    #[record(optional, default = false, protects)]
    pub(crate) deletion_protection: bool,
    /// `{scope}/providers/Microsoft.Authorization/locks/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Lock;

const LEVELS: [&str; 2] = ["CanNotDelete", "ReadOnly"];

#[async_trait::async_trait]
impl Kind for Lock {
    type Record = LockRecord;
    const TYPE: &'static str = "azurerm_management_lock";
    const API: Api = Api::new(
        "Microsoft.Authorization/locks",
        "2020-05-01",
        "{scope}/providers/Microsoft.Authorization/locks/{name}",
    )
    .untagged();
    const ALL_SCOPES: bool = true;
    const RULES: Rules = &[
        ("lock_level", Rule::At("properties/level")),
        // What the lock itself is protected by is infra's business alone.
        ("deletion_protection", Rule::Own),
    ];
    const PACE: Pace = QUICK;

    fn traits() -> Traits {
        Traits::default().seconds(3, 2, 3)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let level = config.get("lock_level").and_then(Value::as_str);
        match level.filter(|level| !LEVELS.contains(level)) {
            Some(level) => vec![ProviderError::invalid(
                "lock_level",
                format!("`{level}` is not `CanNotDelete` or `ReadOnly`"),
            )],
            None => Vec::new(),
        }
    }

    fn complete(_: &Client, _: &Json, prior: Option<&LockRecord>, record: &mut LockRecord) {
        record.deletion_protection = prior.is_some_and(|p| p.deletion_protection);
    }
}
