//! One step: write the intent, call the provider, write the outcome.

use super::settle::Settled;
use super::{End, Failure, Run, lock};
use crate::codec;
use crate::events::Event;
use crate::plan::{Change, ChangeAction, StepKind};
use crate::scope::Frame;
use infra_model::defect::Defect;
use infra_model::operation::{Action, Marking, Operation, OperationId, Token};
use infra_model::path::Path;
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::schema::Schema;
use infra_model::value::Value;
use infra_state::{Outcome, ResourceState, StateChange};
use std::sync::Arc;

impl Run<'_> {
    /// Runs one step to its end.
    pub(super) async fn step(&self, index: usize) -> End {
        let step = &self.plan.steps[index];
        let Some(i) = step.kind.change() else {
            return End::Done;
        };
        let change = &self.plan.changes[i];
        let (action, result) = match &step.kind {
            StepKind::Create(_) => (
                Action::Create,
                self.timed(index, change, Action::Create, async {
                    self.open_for(change).await?;
                    self.create(change).await
                })
                .await,
            ),
            StepKind::Update(_) => (
                Action::Update,
                self.timed(index, change, Action::Update, async {
                    self.open_for(change).await?;
                    self.update(change).await
                })
                .await,
            ),
            StepKind::Lift(_) => (
                Action::Update,
                self.timed(index, change, Action::Update, self.lift(change))
                    .await,
            ),
            StepKind::Leave(_) => (
                Action::Update,
                self.timed(index, change, Action::Update, self.leave(change))
                    .await,
            ),
            StepKind::Empty(_) => (
                Action::Update,
                self.timed(index, change, Action::Update, self.empty(change))
                    .await,
            ),
            StepKind::Release(_) => (
                Action::Update,
                self.timed(index, change, Action::Update, self.release(change))
                    .await,
            ),
            StepKind::Delete(_) => (
                Action::Delete,
                self.timed(index, change, Action::Delete, self.delete(change))
                    .await,
            ),
            StepKind::Read(_) => (Action::Update, self.read(change).await),
            StepKind::Import(_) => (Action::Update, self.import(change).await),
            StepKind::Forget(_) => (Action::Delete, self.forget(change)),
            StepKind::Record(_) | StepKind::Junction(_) => (Action::Update, Ok(())),
        };
        self.used(&step.kind).await;
        match result {
            Ok(()) => End::Done,
            Err(error) => End::Failed(Box::new(Failure {
                address: change.address.clone(),
                action,
                error,
                span: change.span,
            })),
        }
    }

    /// Tells of the beginning and the end, and learns how long it took.
    async fn timed(
        &self,
        index: usize,
        change: &Change,
        action: Action,
        work: impl Future<Output = Result<Option<String>, ProviderError>>,
    ) -> Result<(), ProviderError> {
        let started = self.engine.clock.now();
        let id = change
            .before
            .as_ref()
            .filter(|_| action != Action::Create)
            .and_then(codec::id_of);
        let critical = self.plan.steps[index].remaining == self.critical;
        self.observer.event(Event::Started {
            address: change.address.clone(),
            action,
            id,
            critical,
        });
        let result = work.await;
        let elapsed = self.engine.clock.now().since(started);
        match result {
            Ok(id) => {
                self.observer.event(Event::Finished {
                    address: change.address.clone(),
                    action,
                    id,
                    elapsed,
                });
                self.learn(change, action, elapsed);
                Ok(())
            }
            Err(error) => {
                self.observer.event(Event::Failed {
                    address: change.address.clone(),
                    action,
                    error: error.clone(),
                    elapsed,
                });
                Err(error)
            }
        }
    }

    fn learn(&self, change: &Change, action: Action, elapsed: std::time::Duration) {
        let type_name = &change.address.block.type_name;
        if self.schema(change).is_none_or(|s| s.traits.state_only) {
            return;
        }
        let name = match action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        };
        let new = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let known = self.input.store.read(|s| s.duration(type_name, name));
        let millis = known.map_or(new, |old| {
            u64::try_from(old.as_millis()).unwrap_or(new).midpoint(new)
        });
        // A lost estimate costs nothing; the next intent writes it.
        let _ = self.input.store.record(vec![StateChange::Duration {
            key: format!("{type_name}/{name}").into(),
            millis,
        }]);
    }

    pub(super) fn schema(&self, change: &Change) -> Option<&Arc<Schema>> {
        self.engine.schema(
            &change.provider.name,
            change.address.block.mode,
            &change.address.block.type_name,
        )
    }

    pub(super) fn operation(
        &self,
        change: &Change,
        action: Action,
        known_id: Option<String>,
        private: Option<serde_json::Value>,
    ) -> Operation {
        let (id, mut token) = self.input.store.new_operation();
        if Defect::TokenReused.is_present() {
            token = Token::new("", &OperationId(change.address.to_string().into()));
        }
        let started = self.engine.clock.now();
        Operation {
            id,
            token,
            address: change.address.clone(),
            action,
            started,
            known_id,
            hands_over: change.changes_hands(),
            marking: Marking::of(&self.program.stack, started),
            private,
        }
    }

    /// A new resource of the state.
    pub(super) fn new_resource(
        &self,
        change: &Change,
        value: &Value,
        id: String,
    ) -> Option<ResourceState> {
        let schema = self.schema(change)?;
        let (attributes, sensitive_paths) = codec::encode(schema, value);
        let resolved = self.sessions.get(&change.provider).map(|c| c.resolved);
        Some(ResourceState {
            provider: change.provider.clone(),
            provider_config: resolved.unwrap_or_default(),
            schema_version: schema.version,
            attributes,
            sensitive_paths,
            dependencies: change.dependencies.clone(),
            create_before_destroy: change.create_before_destroy,
            tainted: false,
            deposed: Default::default(),
            private: change.private.clone(),
            id,
        })
    }

    async fn create(&self, change: &Change) -> Result<Option<String>, ProviderError> {
        let schema = self
            .schema(change)
            .ok_or_else(|| ProviderError::new(ErrorKind::Other, "unknown resource type"))?;
        let connected = self.connected(change).await?;
        let settled = self.settle(change, schema, None, Some(&connected))?;
        let session = &*connected.session;
        let context = (self.sessions).context(&change.provider.name, session, self.news.clone());
        let depose = (change.action == ChangeAction::CreateThenDelete
            && !Defect::NotDeposed.is_present())
        .then(|| self.input.store.new_deposed_key());
        let operation = self.operation(change, Action::Create, None, settled.private.clone());
        if schema.traits.state_only {
            let value = connected
                .session
                .create(&context, &operation, &schema.type_name, &settled.desired)
                .await?;
            let (value, resource) = self.made(change, &settled, value)?;
            let change_of_state = StateChange::Put {
                address: change.address.clone(),
                resource,
                depose: depose.clone(),
            };
            self.record(change_of_state)?;
            return self.created(change, &settled, value, depose);
        }
        let intent = self.intent(
            change,
            schema,
            &operation,
            Some((&settled.planned, connected.resolved.clone())),
            None,
            depose.clone(),
        );
        let late = Defect::IntentAfterCall.is_present().then(|| intent.clone());
        if late.is_none() {
            self.begin(intent).await?;
        }
        let result = connected
            .session
            .create(&context, &operation, &schema.type_name, &settled.desired)
            .await;
        if let Some(intent) = late {
            self.begin(intent).await?;
        }
        match result {
            Ok(value) => {
                let (value, resource) = self.made(change, &settled, value)?;
                if !Defect::OutcomeNotWritten.is_present() {
                    self.outcome(&operation, Outcome::Created(resource)).await?;
                }
                self.created(change, &settled, value, depose)
            }
            Err(error) => {
                let id = self.news.id_of(&operation.id);
                let ended = self
                    .end_failed_create(
                        &connected,
                        &context,
                        &operation,
                        schema,
                        change,
                        &settled.desired,
                        id,
                        &error,
                    )
                    .await;
                if let Some(outcome) = ended {
                    self.outcome(&operation, outcome).await?;
                }
                Err(error)
            }
        }
    }

    /// What the provider returned, as value and as resource.
    fn made(
        &self,
        change: &Change,
        settled: &Settled,
        value: Value,
    ) -> Result<(Value, ResourceState), ProviderError> {
        let value = codec::carry_marks(&settled.planned, value);
        let id = codec::id_of(&value).unwrap_or_default();
        let resource = self
            .new_resource(change, &value, id)
            .ok_or_else(|| ProviderError::new(ErrorKind::Other, "unknown resource type"))?;
        Ok((
            value,
            ResourceState {
                private: settled.private.clone(),
                ..resource
            },
        ))
    }

    fn created(
        &self,
        change: &Change,
        settled: &Settled,
        value: Value,
        depose: Option<infra_state::DeposedKey>,
    ) -> Result<Option<String>, ProviderError> {
        if let Some(key) = depose {
            lock(&self.deposed).insert(change.address.clone(), key);
        }
        self.kept(change, settled, &value)?;
        Ok(codec::id_of(&value))
    }

    /// The value is known to all from here on; then promises and postconditions are checked.
    fn kept(&self, change: &Change, settled: &Settled, value: &Value) -> Result<(), ProviderError> {
        self.world.values().set(&change.address, value.clone());
        if let Some(path) = codec::broken_promise(&settled.planned, value) {
            let before = change.before.as_ref();
            let before = before.filter(|_| change.action == ChangeAction::Update);
            return Err(unpromised(before, &settled.planned, path));
        }
        let block = self.block(change)?;
        let frame = Frame {
            this: Some(value.clone()),
            ..settled.frame.clone()
        };
        let conditions = &block.lifecycle.postconditions;
        self.holds(conditions, &frame, change, "postcondition")
    }

    fn kept_as_it_is(
        &self,
        change: &Change,
        settled: &Settled,
        prior: &Value,
    ) -> Result<Option<String>, ProviderError> {
        let (value, resource) = self.made(change, settled, prior.clone())?;
        let put = StateChange::Put {
            address: change.address.clone(),
            resource,
            depose: None,
        };
        self.record(put)?;
        self.kept(change, settled, &value)?;
        Ok(codec::id_of(&value))
    }

    async fn update(&self, change: &Change) -> Result<Option<String>, ProviderError> {
        let schema = self
            .schema(change)
            .ok_or_else(|| ProviderError::new(ErrorKind::Other, "unknown resource type"))?;
        let prior = change
            .before
            .as_ref()
            .ok_or_else(|| ProviderError::new(ErrorKind::Other, "there is nothing to update"))?;
        let connected = self.connected(change).await?;
        let settled = self.settle(change, schema, Some(prior), Some(&connected))?;
        if codec::same(prior, &settled.planned) {
            // With all known there is nothing left to change.
            return self.kept_as_it_is(change, &settled, prior);
        }
        let session = &*connected.session;
        let context = (self.sessions).context(&change.provider.name, session, self.news.clone());
        let known = prior.without_unknowns();
        let operation = self.operation(
            change,
            Action::Update,
            codec::id_of(prior),
            settled.private.clone(),
        );
        if !schema.traits.state_only {
            let intent = self.intent(
                change,
                schema,
                &operation,
                Some((&settled.planned, connected.resolved.clone())),
                Some(prior),
                None,
            );
            self.begin(intent).await?;
        }
        let result = connected
            .session
            .update(
                &context,
                &operation,
                &schema.type_name,
                &known,
                &settled.desired,
            )
            .await;
        match result {
            Ok(value) => {
                let (value, resource) = self.made(change, &settled, value)?;
                if schema.traits.state_only {
                    let put = StateChange::Put {
                        address: change.address.clone(),
                        resource,
                        depose: None,
                    };
                    self.record(put)?;
                } else {
                    self.outcome(&operation, Outcome::Updated(resource)).await?;
                }
                self.kept(change, &settled, &value)?;
                Ok(codec::id_of(&value))
            }
            Err(error) => {
                if !schema.traits.state_only {
                    self.ended_without(&operation, &error).await?;
                }
                Err(error)
            }
        }
    }
}

/// A place where what a provider returned is not what was planned: what an update left as it was is somebody else's doing.
fn unpromised(before: Option<&Value>, planned: &Value, path: Path) -> ProviderError {
    let of = |value: &Value| path.get(value).map(Value::unmark_deep);
    let error = if before.is_some_and(|before| of(before).is_some() && of(before) == of(planned)) {
        let message = format!(
            "somebody else has changed `{path}` meanwhile; what was planned is done, and the next plan shows the other change as drift"
        );
        ProviderError {
            code: ProviderError::CHANGED_MEANWHILE.to_owned(),
            ..ProviderError::new(ErrorKind::Conflict, message)
        }
    } else {
        let message = format!(
            "the provider returned another `{path}` than was planned; this is a bug in the provider"
        );
        ProviderError::new(ErrorKind::Other, message)
    };
    ProviderError {
        attribute: Some(path),
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_update_left_as_it_was_is_changed_by_somebody_else() {
        let value = |size: i64, note: &str| {
            Value::object([("size", Value::from(size)), ("note", note.into())])
        };
        let (before, planned) = (value(1, "ours"), value(2, "ours"));
        for (actual, before, kind) in [
            (value(2, "theirs"), Some(&before), ErrorKind::Conflict),
            (value(3, "ours"), Some(&before), ErrorKind::Other),
            // Of what is new nothing was anybody else's.
            (value(2, "theirs"), None, ErrorKind::Other),
        ] {
            let path = codec::broken_promise(&planned, &actual).expect("differs");
            let error = unpromised(before, &planned, path);
            assert_eq!(error.kind, kind, "{}", error.message);
        }
    }
}
