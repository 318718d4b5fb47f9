//! Taking an object away: lifting its deletion protection, deleting it. Both work from what the state recorded, because the
//! stack file may not know the object any more, and both are journalled as operations of their own: a run that dies between
//! them leaves an object that the next plan reads as unprotected.

use super::{Run, lock};
use crate::codec;
use crate::events::Event;
use crate::plan::{Change, ChangeAction, Reason, pools};
use crate::sessions::{self, Connected};
use infra_model::address::ProviderAddress;
use infra_model::operation::{Action, Operation};
use infra_model::outside::{Ending, Fate, Made};
use infra_model::protection;
use infra_model::provider::CallContext;
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::schema::Schema;
use infra_model::value::Value;
use infra_state::{DeposedKey, Intent, Outcome, ResourceState, StateChange};
use serde_json::Value as Json;
use std::sync::Arc;

/// An object that goes.
struct Going<'a> {
    schema: &'a Arc<Schema>,
    /// As the state has it.
    resource: ResourceState,
    /// The same as a value.
    value: Value,
    /// Its key, when it is not the current object.
    deposed: Option<DeposedKey>,
}

/// Refuses to leave behind what has been made since the plan, or could not be asked for then.
fn undecided(made: Vec<Made>) -> Result<(), ProviderError> {
    if made.is_empty() {
        return Ok(());
    }
    let made: Vec<String> = made.into_iter().map(|made| made.told).collect();
    let (message, help) = Fate::undecided(&made);
    Err(ProviderError::new(
        ErrorKind::Conflict,
        format!("{message}\n{help}"),
    ))
}

impl Run<'_> {
    /// The object that a change takes away; none when it is gone already.
    fn going(&self, change: &Change) -> Result<Option<Going<'_>>, ProviderError> {
        let schema = self
            .schema(change)
            .ok_or_else(|| ProviderError::new(ErrorKind::Other, "unknown resource type"))?;
        let deposed = change
            .deposed
            .clone()
            .or_else(|| lock(&self.deposed).get(&change.address).cloned());
        let found = self.input.store.read(|s| {
            let resource = s.resource(&change.address)?;
            match &deposed {
                Some(key) => resource.deposed.get(key).cloned().map(ResourceState::from),
                None => Some(resource.clone()),
            }
        });
        let Some(resource) = found else {
            return Ok(None);
        };
        let provider = self
            .engine
            .provider(&resource.provider.name)
            .ok_or_else(|| ProviderError::new(ErrorKind::Invalid, "unknown provider"))?;
        let value = codec::decode_resource(&**provider, schema, &resource)?;
        Ok(Some(Going {
            schema,
            resource,
            value,
            deposed,
        }))
    }

    /// Where an object is, whatever the stack file says now.
    async fn reach(&self, going: &Going<'_>) -> Result<(Connected, CallContext), ProviderError> {
        let resource = &going.resource;
        self.through(&resource.provider, &resource.provider_config)
            .await
    }

    /// A session by a configuration that the state recorded, and what calls of it may use.
    async fn through(
        &self,
        provider: &ProviderAddress,
        config: &Json,
    ) -> Result<(Connected, CallContext), ProviderError> {
        let connected = self.sessions.reconnect(provider, config).await?;
        let context =
            (self.sessions).context(&provider.name, &*connected.session, self.news.clone());
        Ok((connected, context))
    }

    /// Begins what is done to an object before it is deleted, as an operation of its own.
    async fn begin_change(
        &self,
        change: &Change,
        going: &Going<'_>,
        planned: &Value,
    ) -> Result<Operation, ProviderError> {
        let resource = &going.resource;
        let id = Some(resource.id.clone());
        let operation = self.operation(change, Action::Update, id, resource.private.clone());
        let planned = (planned, resource.provider_config.clone());
        let intent = Intent {
            dependencies: resource.dependencies.clone(),
            ..self.intent(
                change,
                going.schema,
                &operation,
                Some(planned),
                Some(&going.value),
                going.deposed.clone(),
            )
        };
        self.begin(intent).await?;
        Ok(operation)
    }

    /// Lifts the deletion protection of an object that is about to be deleted.
    pub(super) async fn lift(&self, change: &Change) -> Result<Option<String>, ProviderError> {
        let Some(going) = self.going(change)? else {
            return Ok(None);
        };
        let (schema, resource) = (going.schema, &going.resource);
        let desired = protection::lifted(&schema.block, &going.value);
        let (connected, context) = self.reach(&going).await?;
        let operation = self.begin_change(change, &going, &desired).await?;
        self.observer.event(Event::Status {
            address: change.address.clone(),
            status: "lifting deletion protection".to_owned(),
        });
        let updated = connected
            .session
            .update(
                &context,
                &operation,
                &schema.type_name,
                &going.value.without_unknowns(),
                &desired.without_unknowns(),
            )
            .await;
        let value = match updated {
            Ok(value) => codec::carry_marks(&desired, value),
            Err(error) => {
                self.ended_without(&operation, &error).await?;
                return Err(error);
            }
        };
        let changed = self.with_value(resource, &change.address, &value);
        let changed =
            changed.ok_or_else(|| ProviderError::new(ErrorKind::Other, "unknown resource type"))?;
        self.outcome(&operation, Outcome::Updated(changed)).await?;
        match protection::holding(&schema.block, &value)
            .into_iter()
            .next()
        {
            None => Ok(codec::id_of(&value)),
            Some(path) => Err(ProviderError {
                attribute: Some(path),
                ..ProviderError::new(
                    ErrorKind::Other,
                    "the cloud has accepted to lift the deletion protection and still has it",
                )
            }),
        }
    }

    /// Takes away what the objects inside a host would leave behind when they end with it: as an operation on the host.
    pub(super) async fn leave(&self, change: &Change) -> Result<Option<String>, ProviderError> {
        let Some(going) = self.going(change)? else {
            return Ok(None);
        };
        let operation = self.begin_change(change, &going, &going.value).await?;
        self.observer.event(Event::Status {
            address: change.address.clone(),
            status: "emptying it".to_owned(),
        });
        let left = self.leave_with(change, &operation).await;
        self.closed(&operation, left, &going).await
    }

    /// Through every configuration that something was managed with which ends with this host.
    async fn leave_with(&self, host: &Change, operation: &Operation) -> Result<(), ProviderError> {
        let ends = |change: &&Change| matches!(&change.reason, Some(Reason::WithHost(at)) if *at == host.address);
        let ending = self.plan.changes.iter().filter(ends);
        let configurations = (self.input.store)
            .read(|state| sessions::recorded(ending.filter_map(|c| state.resource(&c.address))));
        for (provider, config) in configurations {
            let (connected, context) = self.through(&provider, &config).await?;
            match self.plan.fate {
                Some(fate) => {
                    let session = &connected.session;
                    session
                        .settle(&context, operation, Ending::Host, fate)
                        .await?;
                }
                None => undecided(
                    connected
                        .session
                        .made_outside(&context, &[Ending::Host])
                        .await?,
                )?,
            }
            connected.session.leave(&context, operation).await?;
        }
        Ok(())
    }

    /// Moves what runs on a pool to others, as an operation on the pool: through every configuration that manages something in its
    /// cluster.
    pub(super) async fn empty(&self, change: &Change) -> Result<Option<String>, ProviderError> {
        let Some(going) = self.going(change)? else {
            return Ok(None);
        };
        let (label, attribute) = going.schema.traits.nodes;
        let Some(name) = going.value.get(attribute).and_then(Value::as_str) else {
            return Ok(None);
        };
        let operation = self.begin_change(change, &going, &going.value).await?;
        let changes = &self.plan.changes;
        let ways = (self.input.store).read(|s| pools::ways(self.engine, s, changes, change));
        let moved = async {
            for (provider, config) in ways {
                let (connected, context) = self.through(&provider, &config).await?;
                (connected.session)
                    .vacate(&context, &operation, (label, name))
                    .await?;
            }
            Ok(())
        };
        self.closed(&operation, moved.await, &going).await
    }

    /// Ends an operation that leaves its object as it is.
    async fn closed(
        &self,
        operation: &Operation,
        done: Result<(), ProviderError>,
        going: &Going<'_>,
    ) -> Result<Option<String>, ProviderError> {
        if let Err(error) = done {
            self.ended_without(operation, &error).await?;
            return Err(error);
        }
        let unchanged = Outcome::Updated(going.resource.clone());
        self.outcome(operation, unchanged).await?;
        Ok(Some(going.resource.id.clone()))
    }

    /// Stops a resource from bringing what others take over: as a change of it that leaves all as it is.
    pub(super) async fn release(&self, change: &Change) -> Result<Option<String>, ProviderError> {
        let Some(going) = self.going(change)? else {
            return Ok(None);
        };
        let (connected, context) = self.reach(&going).await?;
        let operation = self.begin_change(change, &going, &going.value).await?;
        let value = going.value.without_unknowns();
        let type_name = &going.schema.type_name;
        let stopped = connected
            .session
            .update(&context, &operation, type_name, &value, &value)
            .await;
        self.closed(&operation, stopped.map(|_| ()), &going).await
    }

    /// Whether a resource that goes for good makes things outside of its host.
    fn tends(&self, change: &Change, prior: &Value) -> bool {
        let provider = self.engine.provider(&change.provider.name);
        let type_name = &change.address.block.type_name;
        change.action == ChangeAction::Delete
            && !change.changes_hands()
            && provider.is_some_and(|p| p.tends(type_name, prior))
    }

    /// Deletes an object.
    pub(super) async fn delete(&self, change: &Change) -> Result<Option<String>, ProviderError> {
        let Some(going) = self.going(change)? else {
            return Ok(None);
        };
        let (schema, resource) = (going.schema, &going.resource);
        let address = change.address.clone();
        let id = resource.id.clone();
        if schema.traits.state_only {
            let gone = match going.deposed {
                Some(key) => StateChange::RemoveDeposed { address, key },
                None => StateChange::Remove { address },
            };
            self.record(gone)?;
            return Ok(Some(id));
        }
        let (connected, context) = self.reach(&going).await?;
        let operation = self.operation(
            change,
            Action::Delete,
            Some(id.clone()),
            resource.private.clone(),
        );
        let deposed = going.deposed.clone();
        let intent = Intent {
            provider_config: resource.provider_config.clone(),
            ..self.intent(
                change,
                schema,
                &operation,
                None,
                Some(&going.value),
                deposed,
            )
        };
        self.begin(intent).await?;
        let prior = going.value.without_unknowns();
        let type_name: &str = &schema.type_name;
        let deleted = async {
            if let Some(fate) = self.plan.fate.filter(|_| self.tends(change, &prior)) {
                let value = &prior;
                let ending = Ending::Resource { type_name, value };
                let session = &connected.session;
                session.settle(&context, &operation, ending, fate).await?;
            }
            let session = &connected.session;
            session
                .delete(&context, &operation, type_name, &prior)
                .await
        };
        match deleted.await {
            Ok(()) => {
                self.outcome(&operation, Outcome::Deleted).await?;
                Ok(Some(id))
            }
            Err(error) => {
                self.ended_without(&operation, &error).await?;
                Err(error)
            }
        }
    }
}
