//! One resource type, typed: what a provider writes per type, and the adapter that the engine's untyped values pass through.

mod ephemeral;

use crate::kept::{Backups, Folder};
use crate::operation::Operation;
use crate::planning;
use crate::provider::{CallContext, PlanRequest, Planned, ReadItem, Recovered};
use crate::provider_error::{ErrorKind, ProviderError};
use crate::record::Record;
use crate::schema::{Schema, Traits};
use crate::value::Value;
use async_trait::async_trait;
pub use ephemeral::{DynEphemeral, EphemeralResource};
use std::marker::PhantomData;
use std::sync::Arc;

/// A managed resource type over a provider's configured client `C`. One file implements it.
#[async_trait]
pub trait Resource<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// Its attributes.
    type Record: Record + Clone;
    /// `aws_vpc`
    const TYPE: &'static str;
    /// Version of the stored shape; raise it with [`Resource::upgrade`].
    const VERSION: u32 = 0;

    /// Durations, settle time, API family.
    fn traits() -> Traits;

    /// Adjusts what the schema alone plans: unknown computed attributes after a change, replacement by rule, checks.
    ///
    /// # Errors
    /// Values known to be wrong.
    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let (_, _) = (request, planned);
        Ok(())
    }

    /// Checks a configuration that may hold unknown values.
    fn validate(config: &Value) -> Vec<ProviderError> {
        let _ = config;
        Vec::new()
    }

    /// Older state.
    ///
    /// # Errors
    /// Attributes that cannot be read.
    fn upgrade(version: u32, raw: serde_json::Value) -> Result<serde_json::Value, ProviderError> {
        let _ = version;
        Ok(raw)
    }

    /// The cloud's id of a value.
    fn id(record: &Self::Record) -> String;

    /// Reads many: one answer per item, in order. `prior` carries what is not readable (it is passed through).
    async fn read(
        client: &C,
        context: &CallContext,
        items: &[Item<Self::Record>],
    ) -> Vec<Result<Option<Self::Record>, ProviderError>>;

    /// Creates, or goes on with [`Operation::known_id`].
    async fn create(
        client: &C,
        context: &CallContext,
        operation: &Operation,
        desired: Self::Record,
    ) -> Result<Self::Record, ProviderError>;

    /// Changes in place.
    async fn update(
        client: &C,
        context: &CallContext,
        operation: &Operation,
        prior: Self::Record,
        desired: Self::Record,
    ) -> Result<Self::Record, ProviderError>;

    /// Deletes; absent is done.
    async fn delete(
        client: &C,
        context: &CallContext,
        operation: &Operation,
        prior: Self::Record,
    ) -> Result<(), ProviderError>;

    /// Finds what an interrupted create made.
    async fn recover(
        client: &C,
        context: &CallContext,
        operation: &Operation,
        desired: Self::Record,
    ) -> Result<Recovered, ProviderError>;

    /// Finds again what a lost state told of: see [`Session::rediscover`](crate::Session::rediscover).
    ///
    /// # Errors
    /// A type that bears no marks and whose configuration names nothing; errors of reading.
    async fn rediscover(
        client: &C,
        context: &CallContext,
        operation: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let _ = (client, context, operation, config);
        Err(untold(Self::TYPE, "is not found again without its id"))
    }

    /// What is directly in a folder: see [`Session::folder`](crate::Session::folder).
    ///
    /// # Errors
    /// A type that has no folders; errors of reading.
    async fn folder(
        client: &C,
        context: &CallContext,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        let _ = (client, context, id, path);
        Err(untold(Self::TYPE, "is not looked into"))
    }

    /// From when to when it could be had back: see [`Session::backups`](crate::Session::backups).
    ///
    /// # Errors
    /// A type that does not tell; errors of reading.
    async fn backups(
        client: &C,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        let _ = (client, context, id);
        Err(untold(Self::TYPE, "does not tell of backups"))
    }

    /// The id and the prior value from which [`Resource::read`] can read an import id. By default the import id is the id.
    ///
    /// # Errors
    /// An import id of the wrong form, with the right one in the message.
    fn import(id: &str) -> Result<Imported<Self::Record>, ProviderError> {
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// That a type does not answer a question.
#[must_use]
pub fn untold(type_name: &str, what: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, format!("{type_name} {what}"))
}

/// One instance to read.
#[derive(Clone, Debug)]
pub struct Item<R> {
    /// The cloud's id.
    pub id: String,
    /// What the state says; none on import.
    pub prior: Option<R>,
}

/// A parsed import id.
#[derive(Clone, Debug)]
pub struct Imported<R> {
    /// The cloud's id.
    pub id: String,
    /// What else the import id told.
    pub prior: Option<R>,
}

/// A resource type as the engine's values see it.
#[async_trait]
#[allow(
    missing_docs,
    reason = "each mirrors the method of `Session` or `Provider` of the same name"
)]
pub trait DynResource<C>: Send + Sync {
    fn schema(&self) -> &Arc<Schema>;
    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError>;
    fn validate(&self, config: &Value) -> Vec<ProviderError>;
    fn upgrade(
        &self,
        version: u32,
        raw: serde_json::Value,
    ) -> Result<serde_json::Value, ProviderError>;
    async fn read(
        &self,
        client: &C,
        context: &CallContext,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>>;
    async fn create(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        desired: &Value,
    ) -> Result<Value, ProviderError>;
    async fn update(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        prior: &Value,
        desired: &Value,
    ) -> Result<Value, ProviderError>;
    async fn delete(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        prior: &Value,
    ) -> Result<(), ProviderError>;
    async fn recover(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        desired: &Value,
    ) -> Result<Recovered, ProviderError>;
    async fn import(
        &self,
        client: &C,
        context: &CallContext,
        id: &str,
    ) -> Result<Value, ProviderError>;
    async fn rediscover(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError>;
    async fn folder(
        &self,
        client: &C,
        context: &CallContext,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError>;
    async fn backups(
        &self,
        client: &C,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError>;
}

/// The adapter from [`Resource`] to [`DynResource`].
pub struct Typed<R> {
    schema: Arc<Schema>,
    kind: PhantomData<fn() -> R>,
}

impl<R> Typed<R> {
    /// Registers a type: the one line in a provider's registry.
    #[must_use]
    pub fn register<C: Send + Sync + 'static>() -> Box<dyn DynResource<C>>
    where
        R: Resource<C>,
    {
        let schema = Schema::new(
            R::TYPE,
            R::VERSION,
            R::Record::doc(),
            R::Record::block(),
            R::traits(),
        )
        .importing(R::import("").err().map(|e| e.message));
        Box::new(Typed::<R> {
            schema: Arc::new(schema),
            kind: PhantomData,
        })
    }
}

#[async_trait]
impl<C: Send + Sync + 'static, R: Resource<C>> DynResource<C> for Typed<R> {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        let mut planned = planning::by_schema(&self.schema, request);
        R::plan(request, &mut planned)?;
        Ok(planned)
    }

    fn validate(&self, config: &Value) -> Vec<ProviderError> {
        R::validate(config)
    }

    fn upgrade(
        &self,
        version: u32,
        raw: serde_json::Value,
    ) -> Result<serde_json::Value, ProviderError> {
        match version.cmp(&R::VERSION) {
            std::cmp::Ordering::Equal => Ok(raw),
            std::cmp::Ordering::Less => R::upgrade(version, raw),
            std::cmp::Ordering::Greater => Err(ProviderError::new(
                ErrorKind::Invalid,
                format!(
                    "{} was stored by a newer version of infra (schema version {version}, this one knows {})",
                    R::TYPE,
                    R::VERSION
                ),
            )),
        }
    }

    async fn read(
        &self,
        client: &C,
        context: &CallContext,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>> {
        let mut answers: Vec<Result<Option<Value>, ProviderError>> =
            Vec::with_capacity(items.len());
        let mut typed = Vec::with_capacity(items.len());
        let mut places = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            answers.push(Ok(None));
            match R::Record::from_value(&item.prior) {
                Ok(prior) => {
                    typed.push(Item {
                        id: item.id.clone(),
                        prior: Some(prior),
                    });
                    places.push(place);
                }
                Err(error) => answers[place] = Err(error.into()),
            }
        }
        for (place, answer) in places
            .into_iter()
            .zip(R::read(client, context, &typed).await)
        {
            answers[place] = answer.map(|found| found.map(|record| record.to_value()));
        }
        answers
    }

    async fn create(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let desired = R::Record::from_value(desired)?;
        Ok(R::create(client, context, operation, desired)
            .await?
            .to_value())
    }

    async fn update(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        prior: &Value,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let (prior, desired) = (
            R::Record::from_value(prior)?,
            R::Record::from_value(desired)?,
        );
        Ok(R::update(client, context, operation, prior, desired)
            .await?
            .to_value())
    }

    async fn delete(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        prior: &Value,
    ) -> Result<(), ProviderError> {
        R::delete(client, context, operation, R::Record::from_value(prior)?).await
    }

    async fn recover(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        desired: &Value,
    ) -> Result<Recovered, ProviderError> {
        R::recover(client, context, operation, R::Record::from_value(desired)?).await
    }

    async fn import(
        &self,
        client: &C,
        context: &CallContext,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let imported = R::import(id)?;
        let item = Item {
            id: imported.id,
            prior: imported.prior,
        };
        match R::read(client, context, &[item]).await.pop() {
            Some(Ok(Some(record))) => Ok(record.to_value()),
            Some(Err(error)) => Err(error),
            Some(Ok(None)) | None => Err(ProviderError::new(
                ErrorKind::NotFound,
                format!("there is no {} with the id `{id}`", R::TYPE),
            )),
        }
    }

    async fn rediscover(
        &self,
        client: &C,
        context: &CallContext,
        operation: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        R::rediscover(client, context, operation, config).await
    }

    async fn folder(
        &self,
        client: &C,
        context: &CallContext,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        R::folder(client, context, id, path).await
    }

    async fn backups(
        &self,
        client: &C,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        R::backups(client, context, id).await
    }
}

/// A data source over a provider's client `C`.
#[async_trait]
pub trait DataSource<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// Its attributes.
    type Record: Record + Clone;
    /// `aws_availability_zones`
    const TYPE: &'static str;
    /// Reads it: the configuration with the computed attributes filled.
    async fn read(
        client: &C,
        context: &CallContext,
        config: Self::Record,
    ) -> Result<Self::Record, ProviderError>;
}

/// A data source as the engine's values see it.
#[async_trait]
#[allow(missing_docs, reason = "mirrors `DataSource`")]
pub trait DynDataSource<C>: Send + Sync {
    fn schema(&self) -> &Arc<Schema>;
    async fn read(
        &self,
        client: &C,
        context: &CallContext,
        config: &Value,
    ) -> Result<Value, ProviderError>;
}

impl<R> Typed<R> {
    /// Registers a data source.
    #[must_use]
    pub fn register_data<C: Send + Sync + 'static>() -> Box<dyn DynDataSource<C>>
    where
        R: DataSource<C>,
    {
        let schema = Schema::new(
            R::TYPE,
            0,
            R::Record::doc(),
            R::Record::block(),
            Traits::default(),
        );
        Box::new(TypedData::<R> {
            schema: Arc::new(schema),
            kind: PhantomData,
        })
    }
}

struct TypedData<R> {
    schema: Arc<Schema>,
    kind: PhantomData<fn() -> R>,
}

#[async_trait]
impl<C: Send + Sync + 'static, R: DataSource<C>> DynDataSource<C> for TypedData<R> {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    async fn read(
        &self,
        client: &C,
        context: &CallContext,
        config: &Value,
    ) -> Result<Value, ProviderError> {
        let config = planning::with_defaults(&self.schema.block, config);
        Ok(R::read(client, context, R::Record::from_value(&config)?)
            .await?
            .to_value())
    }
}
