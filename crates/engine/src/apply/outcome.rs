//! Intents, and what is made of creations that failed on the way.

use super::{Run, news};
use crate::codec;
use crate::plan::Change;
use crate::sessions::Connected;
use infra_model::defect::Defect;
use infra_model::operation::Operation;
use infra_model::provider::{CallContext, ReadItem};
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::schema::Schema;
use infra_model::value::Value;
use infra_state::{DeposedKey, Intent, Outcome, ResourceState, StateChange};
use serde_json::Value as Json;
use std::sync::Arc;

impl Run<'_> {
    /// What is durable before the call.
    pub(super) fn intent(
        &self,
        change: &Change,
        schema: &Schema,
        operation: &Operation,
        planned: Option<(&Value, Arc<Json>)>,
        prior: Option<&Value>,
        deposed: Option<DeposedKey>,
    ) -> Intent {
        let lookup_only = planned.as_ref().is_some_and(|(value, _)| {
            value.deep_marks().ephemeral || schema.block.attributes.values().any(|a| a.write_only)
        });
        let (provider_config, (planned, sensitive_paths)) = match planned {
            Some((value, config)) => (config, codec::encode(schema, &value.without_unknowns())),
            None => (Arc::default(), (Json::Null, Vec::new())),
        };
        let (prior, prior_sensitive_paths) = match prior {
            Some(value) => {
                let (json, paths) = codec::encode(schema, value);
                (Some(json), paths)
            }
            None => (None, Vec::new()),
        };
        Intent {
            operation: operation.id.clone(),
            time: operation.started,
            address: change.address.clone(),
            action: operation.action,
            type_name: schema.type_name.clone(),
            schema_version: schema.version,
            provider: change.provider.clone(),
            provider_config,
            prior_id: operation.known_id.clone(),
            deposed,
            dependencies: change.dependencies.clone(),
            planned,
            sensitive_paths,
            token: operation.token.clone(),
            create_before_destroy: change.create_before_destroy,
            private: operation.private.clone(),
            prior,
            prior_sensitive_paths,
            lookup_only,
            hands_over: operation.hands_over,
        }
    }

    /// Records that a change or a deletion failed: refused, or failed on the way; what is there now is read by the next plan.
    pub(super) async fn ended_without(
        &self,
        operation: &Operation,
        error: &ProviderError,
    ) -> Result<(), ProviderError> {
        let outcome = if error.is_definite_refusal() {
            Outcome::Refused
        } else {
            Outcome::Failed { resource: None }
        };
        self.outcome(operation, outcome).await
    }

    /// Makes an intent durable: only then may the call be sent.
    pub(super) async fn begin(&self, intent: Intent) -> Result<(), ProviderError> {
        let begun = self.input.store.intent(intent).await;
        begun.map_err(|e| news::unwritable(&e))
    }

    /// Records how an operation ended.
    pub(super) async fn outcome(
        &self,
        operation: &Operation,
        outcome: Outcome,
    ) -> Result<(), ProviderError> {
        let ended = self.input.store.outcome(&operation.id, outcome).await;
        ended.map_err(|e| news::unwritable(&e))
    }

    /// Records what has no effect outside the state.
    pub(super) fn record(&self, change: StateChange) -> Result<(), ProviderError> {
        let recorded = self.input.store.record(vec![change]);
        recorded.map_err(|e| news::unwritable(&e))
    }

    /// How a failed creation ends: `None` leaves it unfinished, for the next run to look up or go on waiting.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call site; a struct would only rename them"
    )]
    pub(super) async fn end_failed_create(
        &self,
        connected: &Connected,
        context: &CallContext,
        operation: &Operation,
        schema: &Schema,
        change: &Change,
        desired: &Value,
        id: Option<String>,
        error: &ProviderError,
    ) -> Option<Outcome> {
        let Some(id) = id else {
            if Defect::LostAnswerIsRefusal.is_present() {
                return Some(Outcome::Refused);
            }
            return error.is_definite_refusal().then_some(Outcome::Refused);
        };
        if error.is_passing() {
            return None;
        }
        let error = &unharmed(operation, error);
        let (outcome, _) = half_made(connected, context, schema, desired, &id, error, |value| {
            self.new_resource(change, value, id.clone())
                .map(|r| ResourceState {
                    private: operation.private.clone(),
                    ..r
                })
        })
        .await?;
        Some(outcome)
    }
}

/// What failed on something that changes hands says nothing against that: it was there before, and is not made anew.
pub(crate) fn unharmed(operation: &Operation, error: &ProviderError) -> ProviderError {
    let kind = match error.kind {
        ErrorKind::Failed if operation.hands_over => ErrorKind::Other,
        kind => kind,
    };
    ProviderError {
        kind,
        ..error.clone()
    }
}

/// A resource that exists although its creation failed: adopted as it is, to be finished by an update; tainted only when the
/// cloud says that it failed. `None` when it cannot be read now.
pub(crate) async fn half_made(
    connected: &Connected,
    context: &CallContext,
    schema: &Schema,
    desired: &Value,
    id: &str,
    error: &ProviderError,
    resource: impl FnOnce(&Value) -> Option<ResourceState>,
) -> Option<(Outcome, Option<Value>)> {
    let prior = desired.clone().with_attribute("id", Value::from(id));
    let item = ReadItem {
        id: id.to_owned(),
        prior,
    };
    let look = || async {
        let items = std::slice::from_ref(&item);
        let answers = connected
            .session
            .read_many(context, &schema.type_name, items);
        answers.await.pop()
    };
    let mut found = look().await?;
    if matches!(found, Ok(None)) && !Defect::HalfMadeAbsentAtOnce.is_present() {
        // It was made just now, and may not be seen yet.
        context.clock.sleep(schema.traits.settle).await;
        found = look().await?;
    }
    match found {
        Ok(Some(value)) => {
            let value = codec::carry_marks(desired, value);
            let resource = resource(&value)?;
            let outcome = if error.kind == ErrorKind::Failed && !Defect::TaintForgotten.is_present()
            {
                Outcome::Failed {
                    resource: Some(ResourceState {
                        tainted: true,
                        ..resource
                    }),
                }
            } else {
                Outcome::Adopted(resource)
            };
            Some((outcome, Some(value)))
        }
        Ok(None) => Some((Outcome::Abandoned, None)),
        Err(_) => None,
    }
}
