//! What the types without effect outside the state have in common: they are made once, read as they were stored, and their
//! deletion is nothing.

use crate::provider::Client;
use async_trait::async_trait;
use infra_model::provider::Recovered;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Resource, Value,
};
use std::marker::PhantomData;

/// A type whose values exist only in the state.
#[async_trait]
pub(crate) trait StateOnly: Send + Sync + 'static {
    type Record: Record + Clone;
    const TYPE: &'static str;

    fn id(record: &Self::Record) -> String;

    /// The whole value of a new one.
    async fn make(
        client: &Client,
        context: &CallContext,
        desired: Self::Record,
    ) -> Result<Self::Record, ProviderError>;

    /// The whole value after a change in place.
    fn change(prior: Self::Record, desired: Self::Record) -> Self::Record {
        let _ = prior;
        desired
    }

    /// What time alone has changed.
    fn refresh(context: &CallContext, prior: Self::Record) -> Self::Record {
        let _ = context;
        prior
    }

    async fn unmake(context: &CallContext, prior: Self::Record) {
        let (_, _) = (context, prior);
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let (_, _) = (request, planned);
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let _ = config;
        Vec::new()
    }

    /// The record of an import id.
    fn import(id: &str) -> Result<Self::Record, ProviderError> {
        let _ = id;
        Err(ProviderError::new(
            ErrorKind::Invalid,
            format!(
                "{} cannot be imported: it exists only in a state",
                Self::TYPE
            ),
        ))
    }
}

/// Makes a resource type of it.
pub(crate) struct InState<T>(PhantomData<fn() -> T>);

#[async_trait]
impl<T: StateOnly> Resource<Client> for InState<T> {
    type Record = T::Record;
    const TYPE: &'static str = T::TYPE;

    fn traits() -> Traits {
        Traits::state_only()
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        T::plan(request, planned)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        T::validate(config)
    }

    fn id(record: &Self::Record) -> String {
        T::id(record)
    }

    async fn read(
        _: &Client,
        context: &CallContext,
        items: &[Item<Self::Record>],
    ) -> Vec<Result<Option<Self::Record>, ProviderError>> {
        let known = items.iter().map(|item| item.prior.clone());
        known
            .map(|prior| Ok(prior.map(|p| T::refresh(context, p))))
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: Self::Record,
    ) -> Result<Self::Record, ProviderError> {
        T::make(client, context, desired).await
    }

    async fn update(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        prior: Self::Record,
        desired: Self::Record,
    ) -> Result<Self::Record, ProviderError> {
        Ok(T::change(prior, desired))
    }

    async fn delete(
        _: &Client,
        context: &CallContext,
        _: &Operation,
        prior: Self::Record,
    ) -> Result<(), ProviderError> {
        T::unmake(context, prior).await;
        Ok(())
    }

    /// Nothing outside the state can have been made.
    async fn recover(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: Self::Record,
    ) -> Result<Recovered, ProviderError> {
        Ok(Recovered::Absent)
    }

    fn import(id: &str) -> Result<Imported<Self::Record>, ProviderError> {
        let record = T::import(id)?;
        Ok(Imported {
            id: T::id(&record),
            prior: Some(record),
        })
    }
}

/// A computed attribute of a made record.
pub(crate) fn made(attribute: Option<&String>) -> String {
    attribute.cloned().unwrap_or_default()
}

/// Checks a known number of a configuration.
pub(crate) fn check_at_least(
    config: &Value,
    name: &str,
    least: i64,
    errors: &mut Vec<ProviderError>,
) {
    if let Some(number) = config.get(name).and_then(Value::as_i64)
        && number < least
    {
        errors.push(ProviderError::invalid(
            name,
            format!("`{name}` must be at least {least}, and is {number}"),
        ));
    }
}
