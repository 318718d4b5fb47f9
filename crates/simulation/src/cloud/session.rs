//! What a good provider does with such a cloud: ids are made durable before anything else, lost answers are looked up
//! rather than asked for twice, long operations are waited for.

use super::kinds::{Identity, Kind, SETTLE, Secret, Thing, kind_of};
use super::objects::{Request, Snapshot};
use super::{Cloud, refusal};
use async_trait::async_trait;
use infra_model::provider::{Finding, PreflightItem, Session};
use infra_model::{
    CallContext, ErrorKind, Operation, ProviderError, Random, ReadItem, Record, Recovered, Value,
};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct SimSession {
    pub(super) cloud: Cloud,
    pub(super) random: Arc<dyn Random>,
}

/// Between two looks at a long operation.
const POLL: Duration = Duration::from_secs(10);
/// How long a creation, and a deletion of what is in use, are waited for.
const PATIENCE: Duration = Duration::from_secs(300);
const IN_USE: Duration = Duration::from_secs(200);

impl SimSession {
    async fn look(
        &self,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<(Snapshot, i64)>, ProviderError> {
        self.cloud
            .ask(context, "Read", |objects, time| {
                objects.at(id, time).cloned().map(|found| (found, time))
            })
            .await
    }

    /// What an operation made, as far as it can be found.
    async fn find(
        &self,
        context: &CallContext,
        kind: &Kind,
        operation: &Operation,
        thing: &Thing,
    ) -> Result<Recovered, ProviderError> {
        let id = match kind.identity {
            Identity::Token | Identity::Tags => {
                let made = self
                    .cloud
                    .ask(context, "List", |objects, time| {
                        objects.made_by(&operation.id, time)
                    })
                    .await?;
                return Ok(made.map_or(Recovered::Absent, Recovered::Found));
            }
            Identity::Name => thing.name.clone(),
            Identity::Key => thing.place(),
        };
        let Some((found, _)) = self.look(context, &id).await? else {
            return Ok(Recovered::Absent);
        };
        // Without tags, what stands in the place is taken for one's own: it was not there before the intent.
        let own = kind.identity == Identity::Key || found.made_by.as_ref() == Some(&operation.id);
        Ok(if own {
            Recovered::Found(id)
        } else {
            Recovered::Foreign(id)
        })
    }

    /// The id of what the operation makes, durable.
    async fn begin(
        &self,
        context: &CallContext,
        kind: &'static Kind,
        operation: &Operation,
        thing: &Thing,
    ) -> Result<String, ProviderError> {
        if let Some(id) = &operation.known_id {
            return Ok(id.clone());
        }
        let own = |found: Recovered| match found {
            Recovered::Found(id) => Ok(Some(id)),
            Recovered::Absent => Ok(None),
            Recovered::Foreign(id) => Err(refusal(
                "AlreadyExists",
                ErrorKind::Conflict,
                format!("`{id}` exists already"),
            )),
        };
        let request = Request::Create {
            kind,
            token: operation.token.as_str().to_owned(),
            operation: operation.id.clone(),
            address: operation.address.clone(),
            thing: thing.clone(),
        };
        let safe = kind.identity == Identity::Token;
        let mut attempts = 0;
        let id = loop {
            match self.cloud.change(context, request.clone(), safe).await {
                Ok(id) => break id,
                Err(error) if error.kind == ErrorKind::Transient && !safe && attempts < 4 => {
                    attempts += 1;
                    context.clock.sleep(SETTLE).await;
                    let found = self.find(context, kind, operation, thing).await;
                    let found = found.and_then(own);
                    if let Some(id) = found.map_err(ProviderError::after_lost_answer)? {
                        break id;
                    }
                }
                Err(error) => return Err(error),
            }
        };
        context.events.id_known(operation, &id).await?;
        self.cloud.id_must_be_durable(&id);
        Ok(id)
    }

    /// Waits until it is there.
    async fn available(
        &self,
        context: &CallContext,
        operation: &Operation,
        id: &str,
    ) -> Result<(), ProviderError> {
        let began = context.clock.now();
        loop {
            let waited = context.clock.now().since(began);
            match self.look(context, id).await? {
                Some((found, _)) if found.deleting => {
                    return Err(gone(id));
                }
                Some((found, time)) if found.ready_at <= time => {
                    if found.fails {
                        let message = format!("`{id}` ended in FAILED");
                        return Err(refusal("Failed", ErrorKind::Failed, message));
                    }
                    return Ok(());
                }
                Some(_) => context.events.status(operation, "creating"),
                // What was just made may not be seen yet.
                None if waited < SETTLE => {}
                None => return Err(gone(id)),
            }
            if waited > PATIENCE {
                let message = format!("`{id}` is still being created");
                return Err(refusal("", ErrorKind::TimedOut, message));
            }
            context.clock.sleep(POLL).await;
        }
    }

    /// Sets what can be changed in place.
    async fn configure(
        &self,
        context: &CallContext,
        id: &str,
        thing: &Thing,
    ) -> Result<(), ProviderError> {
        let request = Request::Configure {
            id: id.to_owned(),
            thing: thing.clone(),
        };
        self.cloud.change(context, request, true).await.map(drop)
    }

    /// Waits until reads show what was asked for.
    async fn settled(
        &self,
        context: &CallContext,
        id: &str,
        desired: &Thing,
    ) -> Result<Value, ProviderError> {
        let began = context.clock.now();
        loop {
            if let Some((found, _)) = self.look(context, id).await? {
                let there = &found.thing;
                let same = there.size == desired.size
                    && there.note == desired.note
                    && there.secret == desired.secret
                    && there.links == desired.links;
                if same || context.clock.now().since(began) > SETTLE {
                    return Ok(found.thing.to_value());
                }
            } else if context.clock.now().since(began) > SETTLE {
                return Err(gone(id));
            }
            context.clock.sleep(Duration::from_millis(500)).await;
        }
    }
}

fn gone(id: &str) -> ProviderError {
    refusal(
        "NotFound",
        ErrorKind::NotFound,
        format!("`{id}` does not exist"),
    )
}

fn known(type_name: &str) -> Result<&'static Kind, ProviderError> {
    kind_of(type_name).ok_or_else(|| ProviderError::new(ErrorKind::Invalid, "no such type"))
}

#[async_trait]
impl Session for SimSession {
    fn resolved(&self) -> serde_json::Value {
        serde_json::json!({ "region": "sim-1" })
    }

    async fn read_many(
        &self,
        context: &CallContext,
        _: &str,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>> {
        let found = self
            .cloud
            .ask(context, "Read", |objects, time| {
                let one = |item: &ReadItem| Some(objects.at(&item.id, time)?.thing.to_value());
                items.iter().map(one).collect::<Vec<_>>()
            })
            .await;
        match found {
            Ok(found) => found.into_iter().map(Ok).collect(),
            Err(error) => items.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn read_data(&self, _: &CallContext, _: &str, _: &Value) -> Result<Value, ProviderError> {
        Err(ProviderError::new(ErrorKind::Invalid, "no data sources"))
    }

    async fn create(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        if type_name == super::kinds::SECRET {
            let secret = Secret::from_value(desired)?;
            let bits = self.random.bits();
            return Ok(Secret {
                result: Some(format!("{}{bits:016x}", crate::stack::SECRET)),
                id: Some(format!("s{bits:x}")),
                ..secret
            }
            .to_value());
        }
        let (kind, thing) = (known(type_name)?, Thing::from_value(desired)?);
        let id = self.begin(context, kind, operation, &thing).await?;
        self.available(context, operation, &id).await?;
        if kind.two_calls || operation.known_id.is_some() {
            self.configure(context, &id, &thing).await?;
        }
        self.settled(context, &id, &thing).await
    }

    async fn update(
        &self,
        context: &CallContext,
        _: &Operation,
        _: &str,
        prior: &Value,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let id = Thing::from_value(prior)?.id.unwrap_or_default();
        let thing = Thing::from_value(desired)?;
        self.configure(context, &id, &thing).await?;
        self.settled(context, &id, &thing).await
    }

    async fn delete(
        &self,
        context: &CallContext,
        operation: &Operation,
        _: &str,
        prior: &Value,
    ) -> Result<(), ProviderError> {
        let id = Thing::from_value(prior)?.id.unwrap_or_default();
        let began = context.clock.now();
        let request = Request::Delete { id: id.clone() };
        loop {
            match self.cloud.change(context, request.clone(), true).await {
                Ok(_) => break,
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
                Err(error)
                    if error.code == "InUse" && context.clock.now().since(began) < IN_USE =>
                {
                    context.events.status(operation, "in use");
                    context.clock.sleep(POLL).await;
                }
                Err(error) => return Err(error),
            }
        }
        loop {
            if self.look(context, &id).await?.is_none() {
                return Ok(());
            }
            context.events.status(operation, "deleting");
            context.clock.sleep(POLL).await;
        }
    }

    async fn recover(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Recovered, ProviderError> {
        let thing = Thing::from_value(desired)?;
        self.find(context, known(type_name)?, operation, &thing)
            .await
    }

    async fn import(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let found = self.look(context, id).await?;
        found
            .filter(|(s, _)| s.kind.type_name == type_name)
            .map(|(s, _)| s.thing.to_value())
            .ok_or_else(|| gone(id))
    }

    async fn preflight(&self, _: &CallContext, _: &[PreflightItem]) -> Vec<Finding> {
        Vec::new()
    }
}
