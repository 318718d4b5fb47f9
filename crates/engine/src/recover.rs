//! What interrupted runs left unfinished: looked up before every plan, finished before every apply. Recovery never deletes.

use crate::apply::{half_made, unharmed};
use crate::codec;
use crate::engine::{Engine, Input};
use crate::error::EngineError;
use crate::events::{Event, Observer};
use crate::sessions::{Connected, Sessions};
use futures::stream::{FuturesUnordered, StreamExt};
use infra_model::address::{Address, Mode};
use infra_model::codes::Code;
use infra_model::defect::Defect;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::operation::{Action, Marking, Operation};
use infra_model::provider::{NoEvents, Recovered};
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::schema::Schema;
use infra_model::value::Value;
use infra_state::{Intent, Outcome, ResourceState, StateError, Unfinished};
use std::sync::Arc;

/// What recovery did.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Creations that were found and, when finishing, finished.
    pub adopted: Vec<(Address, String)>,
    /// Operations that had done nothing.
    pub abandoned: Vec<Address>,
    /// Still unfinished.
    pub pending: Vec<Address>,
    /// What could not be recovered, and remarks.
    pub diagnostics: Diagnostics,
}

impl Engine {
    /// Looks up what unfinished operations made and records their ids; with `finish`, also waits for and completes them.
    ///
    /// # Errors
    /// A state that cannot be written.
    pub async fn recover(
        &self,
        input: Input<'_>,
        finish: bool,
        observer: &dyn Observer,
    ) -> Result<Recovery, EngineError> {
        let sessions = Sessions::new(self);
        let mut recovery = Recovery::default();
        let mut running: FuturesUnordered<_> = input
            .store
            .unfinished()
            .into_iter()
            .map(|unfinished| {
                let sessions = &sessions;
                async move {
                    let address = unfinished.intent.address.clone();
                    (
                        address,
                        self.recover_one(input, sessions, unfinished, finish, observer)
                            .await,
                    )
                }
            })
            .collect();
        while let Some((address, result)) = running.next().await {
            match result {
                Ok(Ended::Adopted(id)) => recovery.adopted.push((address, id)),
                Ok(Ended::Abandoned) => recovery.abandoned.push(address),
                Ok(Ended::Pending) => recovery.pending.push(address),
                Ok(Ended::Foreign(id)) => {
                    let message = format!(
                        "{address} was not created: `{id}` exists and was not made by this stack"
                    );
                    let help = format!(
                        "bring it under management with `infra import {address} {id}`, or choose another name"
                    );
                    recovery.diagnostics.push(
                        Diagnostic::warning(Code::LeftAlone, message)
                            .about(&address)
                            .help(help),
                    );
                    recovery.abandoned.push(address);
                }
                Err(Problem::State(error)) => return Err(error.into()),
                Err(Problem::Cloud(error)) => {
                    let message = format!(
                        "what an interrupted run began on {address} cannot be finished: {error}"
                    );
                    recovery.diagnostics.push(
                        Diagnostic::error(Code::Unfinished, message)
                            .about(&address)
                            .help("run again; nothing is lost"),
                    );
                    recovery.pending.push(address);
                }
            }
        }
        Ok(recovery)
    }

    async fn recover_one(
        &self,
        input: Input<'_>,
        sessions: &Sessions,
        unfinished: Unfinished,
        finish: bool,
        observer: &dyn Observer,
    ) -> Result<Ended, Problem> {
        let Unfinished { intent, id } = unfinished;
        let store = input.store;
        if intent.action != Action::Create {
            // Whether it happened is read by the refresh that follows.
            if finish {
                store.outcome(&intent.operation, Outcome::Abandoned).await?;
                return Ok(Ended::Abandoned);
            }
            return Ok(Ended::Pending);
        }
        observer.event(Event::Recovering {
            address: intent.address.clone(),
            id: id.clone(),
        });
        let provider = self
            .provider(&intent.provider.name)
            .ok_or_else(|| unknown(&intent))?;
        let schema = self
            .schema(&intent.provider.name, Mode::Managed, &intent.type_name)
            .ok_or_else(|| unknown(&intent))?;
        let desired = codec::decode(
            &**provider,
            schema,
            intent.schema_version,
            &intent.planned,
            &intent.sensitive_paths,
        )?;
        let connected = sessions
            .reconnect(&intent.provider, &intent.provider_config)
            .await?;
        let operation = Operation {
            id: intent.operation.clone(),
            token: intent.token.clone(),
            address: intent.address.clone(),
            action: Action::Create,
            started: intent.time,
            known_id: id,
            hands_over: intent.hands_over,
            // As it was sent: another end would be another request under the same token.
            marking: input
                .program
                .map(|p| Marking::of(&p.stack, intent.time))
                .unwrap_or_default(),
            private: intent.private.clone(),
        };
        let Some(id) = self
            .find(
                &intent.provider.name,
                sessions,
                &connected,
                &operation,
                schema,
                &desired,
                finish,
            )
            .await?
        else {
            if finish {
                store.outcome(&operation.id, Outcome::Abandoned).await?;
                return Ok(Ended::Abandoned);
            }
            return Ok(Ended::Pending);
        };
        let id = match id {
            Recovered::Found(id) => id,
            Recovered::Foreign(id) => {
                if finish {
                    store.outcome(&operation.id, Outcome::Abandoned).await?;
                }
                return Ok(Ended::Foreign(id));
            }
            Recovered::Absent => return Ok(Ended::Abandoned),
        };
        if operation.known_id.is_none() {
            match store.early_id(&operation.id, &id).await {
                Ok(()) | Err(StateError::ReadOnly) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !finish {
            return Ok(Ended::Adopted(id));
        }
        if Defect::RecoveryDeletes.is_present() {
            let events = Arc::new(NoEvents);
            let context = sessions.context(&intent.provider.name, &*connected.session, events);
            let found = desired.clone().with_attribute("id", Value::from(&*id));
            let type_name = &schema.type_name;
            connected
                .session
                .delete(&context, &operation, type_name, &found)
                .await?;
            store.outcome(&operation.id, Outcome::Abandoned).await?;
            return Ok(Ended::Abandoned);
        }
        observer.event(Event::Recovering {
            address: intent.address.clone(),
            id: Some(id.clone()),
        });
        let operation = Operation {
            known_id: Some(id.clone()),
            ..operation
        };
        self.resume(
            input, sessions, &connected, &intent, &operation, schema, &desired, id,
        )
        .await
    }

    /// The id of what the operation made: known, or looked up until its settle time has passed.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call site; a struct would only rename them"
    )]
    async fn find(
        &self,
        provider: &str,
        sessions: &Sessions,
        connected: &Connected,
        operation: &Operation,
        schema: &Schema,
        desired: &Value,
        finish: bool,
    ) -> Result<Option<Recovered>, Problem> {
        if let Some(id) = &operation.known_id {
            return Ok(Some(Recovered::Found(id.clone())));
        }
        let context = sessions.context(provider, &*connected.session, Arc::new(NoEvents));
        let mut found = connected
            .session
            .recover(&context, operation, &schema.type_name, desired)
            .await?;
        // The call may have been sent long after its intent, just before the run was cut short: only from now on is it
        // certain that nobody sends it. Another one's object may be the predecessor's, which is going and still seen.
        let wait = if Defect::RecoveryDoesNotWait.is_present() {
            let age = self.clock.now().since(operation.started);
            schema.traits.settle.saturating_sub(age)
        } else {
            schema.traits.settle
        };
        if finish && !matches!(found, Recovered::Found(_)) && !wait.is_zero() {
            self.clock.sleep(wait).await;
            found = connected
                .session
                .recover(&context, operation, &schema.type_name, desired)
                .await?;
        }
        Ok((found != Recovered::Absent).then_some(found))
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call site; a struct would only rename them"
    )]
    async fn resume(
        &self,
        input: Input<'_>,
        sessions: &Sessions,
        connected: &Connected,
        intent: &Intent,
        operation: &Operation,
        schema: &Schema,
        desired: &Value,
        id: String,
    ) -> Result<Ended, Problem> {
        let events = Arc::new(NoEvents);
        let context = sessions.context(&intent.provider.name, &*connected.session, events);
        let resource = |value: &Value| {
            let (attributes, sensitive_paths) = codec::encode(schema, value);
            Some(ResourceState {
                provider: intent.provider.clone(),
                provider_config: intent.provider_config.clone(),
                schema_version: schema.version,
                attributes,
                sensitive_paths,
                dependencies: intent.dependencies.clone(),
                create_before_destroy: intent.create_before_destroy,
                tainted: false,
                deposed: Default::default(),
                private: intent.private.clone(),
                id: id.clone(),
            })
        };
        let made = if intent.lookup_only {
            // A secret belonged to it that is not stored: it can be looked up, never sent again.
            Err(ProviderError::new(
                ErrorKind::Other,
                "its creation cannot be repeated",
            ))
        } else {
            connected
                .session
                .create(&context, operation, &schema.type_name, desired)
                .await
        };
        let outcome = match made {
            Ok(value) => Outcome::Adopted(
                resource(&codec::carry_marks(desired, value)).ok_or_else(|| unknown(intent))?,
            ),
            Err(error) if error.is_passing() && !Defect::RecoveryAdoptsTooEarly.is_present() => {
                return Err(error.into());
            }
            Err(error) => {
                let error = unharmed(operation, &error);
                match half_made(connected, &context, schema, desired, &id, &error, resource).await {
                    Some((outcome, _)) => outcome,
                    None => return Err(error.into()),
                }
            }
        };
        let gone = outcome == Outcome::Abandoned;
        input.store.outcome(&operation.id, outcome).await?;
        Ok(if gone {
            Ended::Abandoned
        } else {
            Ended::Adopted(id)
        })
    }
}

fn unknown(intent: &Intent) -> ProviderError {
    ProviderError::new(
        ErrorKind::Other,
        format!(
            "this build of infra does not know the type {}",
            intent.type_name
        ),
    )
}

enum Ended {
    Adopted(String),
    Abandoned,
    Pending,
    Foreign(String),
}

enum Problem {
    State(StateError),
    Cloud(ProviderError),
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        Problem::State(error)
    }
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        Problem::Cloud(error)
    }
}
