//! What a type says of itself. To add one: a file with its `…Record` (documented, names and order as in Terraform's azurerm 4) and
//! `impl Kind`: `API` (the form of its ids gives everything else), `RULES` for fields that are not `properties/camelCase`, and
//! hooks where its life differs; its line in `registry.rs`; and its life in `tests/azure/<type>.toml`.

use crate::api::Api;
use crate::client::Client;
use crate::wire::Rules;
use async_trait::async_trait;
use infra_cloud::wait::{MINUTES, Pace};
use infra_model::kept::{Backups, Folder};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Value};
use serde_json::Value as Json;

/// How a change is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    /// The whole as it is there, with what changes, by `PUT`: what we do not know of stays.
    Whole,
    /// Only what changes, by `PATCH`; what is no longer said is null.
    Patch,
}

/// What differs from type to type. The life itself is in `managed.rs`.
#[async_trait]
pub(crate) trait Kind: Sized + Send + Sync + 'static {
    /// Its attributes. `id`, `tags` and `tags_all` (computed), `location` with `compare = blanks`, and ids of other resources
    /// with `compare = case_insensitive`, as everywhere.
    type Record: Record + Clone;
    /// `azurerm_virtual_network`
    const TYPE: &'static str;
    /// Where it is: name, api-version, form of its ids. Attributes in the form are not sent.
    const API: Api;
    /// Fields that are not `properties/camelCase` (`location`, `tags`, `zones`, `kind` at the root).
    const RULES: Rules = &[];
    /// Where the listing of the resources that it is a part of has it whole: `/properties/subnets`.
    const EMBEDDED: Option<&'static str> = None;
    /// Whether the listing of a subscription has those of everything in it, as it is of what can be at any scope.
    const ALL_SCOPES: bool = false;
    /// Where its tags are, if it has any.
    const TAGS: &'static str = "tags";
    /// Where it always is, of what can be in no region: `global`.
    const LOCATION: Option<&'static str> = None;
    /// How patiently its operations are waited for.
    const PACE: Pace = MINUTES;
    /// How changes are sent.
    const UPDATE: Update = Update::Whole;

    /// Expected durations; the family is Resource Manager's.
    fn traits() -> Traits;

    /// See [`infra_model::Resource::plan`].
    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let (_, _) = (request, planned);
        Ok(())
    }

    /// See [`infra_model::Resource::validate`].
    fn validate(config: &Value) -> Vec<ProviderError> {
        let _ = config;
        Vec::new()
    }

    /// An attribute of the id that the stack need not set: a name that is made of the operation, so that another attempt makes
    /// the same.
    fn default_of(client: &Client, operation: &Operation, name: &str) -> Option<String> {
        let (_, _, _) = (client, operation, name);
        None
    }

    /// Whether the id itself tells that what is under it was made by an operation.
    fn made_by(operation: &Operation, id: &str) -> bool {
        let (_, _) = (operation, id);
        false
    }

    /// What changes to it must wait their turn for: `Some(api::parent(id))` where Azure does not let siblings change at once.
    fn turn(id: &str) -> Option<&str> {
        let _ = id;
        None
    }

    /// Whether it is always there, so that creating it is changing it (`…/default`, a server's configuration).
    fn always_there() -> bool {
        false
    }

    /// Whether what was found counts as there: some services show what is deleted.
    fn is_there(found: &Json) -> bool {
        let _ = found;
        true
    }

    /// Adjusts the body of a creation; what it looks up is looked up here.
    async fn body(
        client: &Client,
        context: &CallContext,
        id: &str,
        desired: &Self::Record,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, id, desired, body);
        Ok(())
    }

    /// Adjusts the body of a change: the whole with the changes in it, or with [`Update::Patch`] only these. By default
    /// nothing more than [`Kind::RULES`] say.
    async fn changed(
        client: &Client,
        context: &CallContext,
        prior: &Self::Record,
        desired: &Self::Record,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, prior, desired, body);
        Ok(())
    }

    /// Calls that a creation needs after its first one.
    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &Self::Record,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, operation, id, desired);
        Ok(())
    }

    /// Calls that a change needs after the first one.
    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &Self::Record,
        desired: &Self::Record,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _, _) = (client, context, operation, id, prior, desired);
        Ok(())
    }

    /// Calls that a deletion needs before it.
    async fn deleting(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &Self::Record,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, operation, id, prior);
        Ok(())
    }

    /// Calls that a deletion needs after it, such as purging. With [`Kind::always_there`] they are the deletion.
    async fn deleted(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &Self::Record,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, operation, id, prior);
        Ok(())
    }

    /// More that reading needs to ask (keys, credentials): adds it to what was found. `prior` is none on import.
    async fn more(
        client: &Client,
        context: &CallContext,
        id: &str,
        prior: Option<&Self::Record>,
        found: &mut Json,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, id, prior, found);
        Ok(())
    }

    /// See [`Resource::folder`](infra_model::Resource::folder).
    async fn folder(
        client: &Client,
        context: &CallContext,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        let (_, _, _, _) = (client, context, id, path);
        Err(infra_model::resource::untold(
            Self::TYPE,
            "is not looked into",
        ))
    }

    /// See [`Resource::backups`](infra_model::Resource::backups).
    async fn backups(
        client: &Client,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        let (_, _, _) = (client, context, id);
        Err(infra_model::resource::untold(
            Self::TYPE,
            "does not tell of backups",
        ))
    }

    /// Adjusts what was found before it is shown.
    fn shown(found: &mut Json) {
        let _ = found;
    }

    /// Adjusts a record after it was read; `prior` is what the state said.
    fn complete(
        client: &Client,
        found: &Json,
        prior: Option<&Self::Record>,
        record: &mut Self::Record,
    ) {
        let (_, _, _, _) = (client, found, prior, record);
    }
}
