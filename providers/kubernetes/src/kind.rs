//! What a type says of itself, and the life that all types of one object share.

use crate::apply::{self, Settings};
use crate::client::Client;
use crate::fields;
use crate::object::Reference;
use crate::{deletion, family, read};
use async_trait::async_trait;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Value,
};
use serde_json::Value as Json;
use std::marker::PhantomData;

/// A type whose resources are one object each.
pub(crate) trait Kind: Send + Sync + 'static {
    /// Its attributes.
    type Record: Record + Clone;
    /// `kubernetes_manifest`
    const TYPE: &'static str;

    /// The id of a record.
    fn id(record: &Self::Record) -> String;

    /// Which object an id means.
    ///
    /// # Errors
    /// An id of another form, with the right one in the message.
    fn object(id: &str) -> Result<Reference, ProviderError>;

    /// The object as it is applied.
    ///
    /// # Errors
    /// What cannot be one.
    fn body(record: &Self::Record) -> Result<Json, ProviderError>;

    /// How it is applied.
    ///
    /// # Errors
    /// A duration that is none.
    fn settings(record: &Self::Record) -> Result<Settings, ProviderError>;

    /// A record that was asked for, with what the server has decided.
    fn made(desired: Self::Record, live: &Json) -> Self::Record;

    /// The record of what is there: of the body that was last applied as it is found by now, or of a whole object when it is
    /// imported.
    fn found(prior: Option<Self::Record>, body: &Json, live: &Json) -> Self::Record;

    /// The uid of the object.
    fn uid(record: &Self::Record) -> Option<String>;

    /// Adjusts what the schema alone plans.
    ///
    /// # Errors
    /// Values known to be wrong.
    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError>;

    /// Checks a configuration that may hold unknown values.
    fn validate(config: &Value) -> Vec<ProviderError> {
        let _ = config;
        Vec::new()
    }

    /// Expected seconds to create, update and delete.
    const SECONDS: (u64, u64, u64) = (2, 2, 2);
}

/// The life of a kind.
pub(crate) struct Managed<K>(PhantomData<fn() -> K>);

#[async_trait]
impl<K: Kind> Resource<Client> for Managed<K> {
    type Record = K::Record;
    const TYPE: &'static str = K::TYPE;

    fn traits() -> Traits {
        let (create, update, delete) = K::SECONDS;
        Traits {
            // An API server answers from what it has stored.
            settle: std::time::Duration::ZERO,
            plans_online: true,
            ..Traits::default()
        }
        .seconds(create, update, delete)
        .family(family::WRITE)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        K::plan(request, planned)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        K::validate(config)
    }

    fn id(record: &K::Record) -> String {
        K::id(record)
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<K::Record>],
    ) -> Vec<Result<Option<K::Record>, ProviderError>> {
        let objects: Vec<Result<Reference, ProviderError>> =
            items.iter().map(|item| K::object(&item.id)).collect();
        let live = read::many(client, context, &objects).await;
        items
            .iter()
            .zip(live)
            .map(|(item, live)| {
                let Some(live) = live?.filter(|live| !apply::is_leaving(live)) else {
                    return Ok(None);
                };
                let Some(prior) = item.prior.clone().filter(|p| !K::id(p).is_empty()) else {
                    let whole = apply::without_marks(crate::object::without_server_fields(&live));
                    return Ok(Some(K::found(None, &whole, &live)));
                };
                let manager = K::settings(&prior)?.manager;
                let body = K::body(&prior)?;
                let owned = fields::owned(&live, &manager);
                let seen = fields::found(&body, &live, &owned);
                Ok(Some(K::found(Some(prior), &seen, &live)))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: K::Record,
    ) -> Result<K::Record, ProviderError> {
        let (body, settings) = (K::body(&desired)?, K::settings(&desired)?);
        let id = K::id(&desired);
        let live = apply::create(client, context, operation, &id, &body, &settings).await?;
        Ok(K::made(desired, &live))
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: K::Record,
        desired: K::Record,
    ) -> Result<K::Record, ProviderError> {
        let (body, settings) = (K::body(&desired)?, K::settings(&desired)?);
        let before = K::settings(&prior)?;
        let live = apply::update(client, context, operation, &body, &before, &settings).await?;
        Ok(K::made(desired, &live))
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: K::Record,
    ) -> Result<(), ProviderError> {
        let object = K::object(&K::id(&prior))?;
        let (uid, settings) = (K::uid(&prior), K::settings(&prior)?);
        deletion::delete(
            client,
            context,
            operation,
            &object,
            uid.as_deref(),
            &settings,
        )
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: K::Record,
    ) -> Result<Recovered, ProviderError> {
        let object = apply::reference(&K::body(&desired)?)?;
        let id = K::id(&desired);
        let found = apply::begun(client, context, operation, &object).await?;
        Ok(match found.filter(|live| !apply::is_leaving(live)) {
            None => Recovered::Absent,
            Some(live) if apply::is_own(&live, operation) => Recovered::Found(id),
            // It is there for whoever takes it over.
            Some(_) if operation.hands_over => Recovered::Absent,
            Some(_) => Recovered::Foreign(id),
        })
    }

    fn import(id: &str) -> Result<Imported<K::Record>, ProviderError> {
        K::object(id)?;
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}
