//! What a type says of itself: its attributes, where its collection is, and what differs from the life that all share.

use crate::api::Api;
use crate::change::send_patch;
use crate::client::Client;
use crate::managed::text;
use crate::wire::Rules;
use async_trait::async_trait;
use infra_cloud::wait::{MINUTES, Pace};
use infra_model::kept::{Backups, Folder};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// What differs from type to type.
#[async_trait]
pub(crate) trait Kind: Sized + Send + Sync + 'static {
    /// Its attributes.
    type Record: Record + Clone;
    /// `google_compute_network`
    const TYPE: &'static str;
    /// Its collection.
    const API: Api;
    /// Fields that are not named or shown as usual.
    const RULES: Rules = &[];
    /// How patiently its operations are waited for.
    const PACE: Pace = MINUTES;

    /// Expected durations and settle time; the family is the service's.
    fn traits() -> Traits;

    /// See [`Resource::plan`].
    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let (_, _) = (request, planned);
        Ok(())
    }

    /// See [`Resource::validate`].
    fn validate(config: &Value) -> Vec<ProviderError> {
        let _ = config;
        Vec::new()
    }

    /// The last part of the id, where it is not an attribute that the stack sets.
    fn name(client: &Client, desired: &Self::Record, operation: &Operation) -> Option<String> {
        let (_, _, _) = (client, desired, operation);
        None
    }

    /// Adjusts the body of a creation.
    fn body(client: &Client, desired: &Self::Record, body: &mut Map<String, Json>) {
        let (_, _, _) = (client, desired, body);
    }

    /// Where creations are posted to, where it is not the collection.
    fn posted_to(collection: &str) -> String {
        collection.to_owned()
    }

    /// More of the creation's query.
    fn query(client: &Client, desired: &Self::Record) -> Vec<(&'static str, String)> {
        let (_, _) = (client, desired);
        Vec::new()
    }

    /// What neither the service nor the state tells.
    fn complete(client: &Client, record: &mut Self::Record) {
        let (_, _) = (client, record);
    }

    /// Adjusts what was found before it is shown.
    fn shown(found: &mut Json) {
        let _ = found;
    }

    /// Whether what was found counts as there: some services show what is deleted.
    fn is_there(found: &Json) -> bool {
        let _ = found;
        true
    }

    /// Adjusts what is sent for a change; the fields that change are in it.
    fn patch(prior: &Self::Record, desired: &Self::Record, patch: &mut Map<String, Json>) {
        let (_, _, _) = (prior, desired, patch);
    }

    /// Whether what [`Kind::send_patch`] sends names what was planned with, so that the service refuses a change of anything else: then
    /// it is not looked at before.
    fn guards(prior: &Self::Record, patch: &Map<String, Json>) -> bool {
        !patch.is_empty() && text(&prior.to_value(), "fingerprint").is_some()
    }

    /// What one listing over several collections has of these ids, where the service has such a listing. What it lacks is asked for
    /// by itself.
    async fn listed(
        client: &Client,
        context: &CallContext,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Json>, ProviderError> {
        let (_, _, _) = (client, context, ids);
        Ok(BTreeMap::new())
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

    /// Whether the service keeps it for ever: then deleting is `deleting`, and forgetting.
    fn stays() -> bool {
        false
    }

    /// Whether what was found after a lost answer is what was asked for, where nothing else tells whose it is.
    fn is_as_asked(found: &Json, desired: &Self::Record) -> bool {
        let (_, _) = (found, desired);
        true
    }

    /// Takes over what stands in the place of a new resource, where that is right: something that the service keeps for ever,
    /// and nobody uses any more. Whether it did.
    async fn revive(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &Self::Record,
    ) -> Result<bool, ProviderError> {
        let (_, _, _, _, _) = (client, context, operation, id, desired);
        Ok(false)
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

    /// Calls that a change needs after the patch.
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

    /// Sends what changes: by one `PATCH`, unless the service wants it otherwise.
    async fn send_patch(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &Self::Record,
        desired: &Self::Record,
        patch: Map<String, Json>,
    ) -> Result<(), ProviderError> {
        let _ = desired;
        send_patch::<Self>(client, context, operation, id, prior, patch).await
    }

    /// What must go before the resource can.
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
}
