//! Ephemeral resources, typed.

use super::Typed;
use crate::planning;
use crate::provider::{CallContext, Opened, Renewed};
use crate::provider_error::ProviderError;
use crate::record::Record;
use crate::schema::{Schema, Traits};
use crate::time::Timestamp;
use crate::value::Value;
use async_trait::async_trait;
use std::marker::PhantomData;
use std::sync::Arc;

/// An ephemeral resource over a provider's client `C`: opened when a run needs it, never stored.
#[async_trait]
pub trait EphemeralResource<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// Its attributes.
    type Record: Record + Clone;
    /// `random_password`
    const TYPE: &'static str;
    /// Opens it: the configuration with the computed attributes filled.
    async fn open(
        client: &C,
        context: &CallContext,
        config: Self::Record,
    ) -> Result<Self::Record, ProviderError>;
    /// What [`EphemeralResource::renew`] and [`EphemeralResource::close`] need to know of what was opened, and when it must be
    /// renewed.
    fn lease(record: &Self::Record) -> (Option<serde_json::Value>, Option<Timestamp>) {
        let _ = record;
        (None, None)
    }
    /// Makes it last longer.
    async fn renew(
        client: &C,
        context: &CallContext,
        private: Option<&serde_json::Value>,
    ) -> Result<Renewed, ProviderError> {
        let (_, _) = (client, context);
        let private = private.cloned();
        Ok(Renewed {
            renew_at: None,
            private,
        })
    }
    /// Gives it up.
    async fn close(
        client: &C,
        context: &CallContext,
        private: Option<&serde_json::Value>,
    ) -> Result<(), ProviderError> {
        let _ = (client, context, private);
        Ok(())
    }
}

/// An ephemeral resource as the engine's values see it.
#[async_trait]
#[allow(missing_docs, reason = "mirrors `EphemeralResource`")]
pub trait DynEphemeral<C>: Send + Sync {
    fn schema(&self) -> &Arc<Schema>;
    async fn open(
        &self,
        client: &C,
        context: &CallContext,
        config: &Value,
    ) -> Result<Opened, ProviderError>;
    async fn renew(
        &self,
        client: &C,
        context: &CallContext,
        private: Option<&serde_json::Value>,
    ) -> Result<Renewed, ProviderError>;
    async fn close(
        &self,
        client: &C,
        context: &CallContext,
        private: Option<&serde_json::Value>,
    ) -> Result<(), ProviderError>;
}

impl<R> Typed<R> {
    /// Registers an ephemeral resource.
    #[must_use]
    pub fn register_ephemeral<C: Send + Sync + 'static>() -> Box<dyn DynEphemeral<C>>
    where
        R: EphemeralResource<C>,
    {
        let schema = Schema::new(
            R::TYPE,
            0,
            R::Record::doc(),
            R::Record::block(),
            Traits::default(),
        );
        Box::new(TypedEphemeral::<R> {
            schema: Arc::new(schema),
            kind: PhantomData,
        })
    }
}

struct TypedEphemeral<R> {
    schema: Arc<Schema>,
    kind: PhantomData<fn() -> R>,
}

#[async_trait]
impl<C: Send + Sync + 'static, R: EphemeralResource<C>> DynEphemeral<C> for TypedEphemeral<R> {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    async fn open(
        &self,
        client: &C,
        context: &CallContext,
        config: &Value,
    ) -> Result<Opened, ProviderError> {
        let config = planning::with_defaults(&self.schema.block, config);
        let record = R::open(client, context, R::Record::from_value(&config)?).await?;
        let (private, renew_at) = R::lease(&record);
        Ok(Opened {
            value: record.to_value(),
            renew_at,
            private,
        })
    }

    async fn renew(
        &self,
        client: &C,
        context: &CallContext,
        private: Option<&serde_json::Value>,
    ) -> Result<Renewed, ProviderError> {
        R::renew(client, context, private).await
    }

    async fn close(
        &self,
        client: &C,
        context: &CallContext,
        private: Option<&serde_json::Value>,
    ) -> Result<(), ProviderError> {
        R::close(client, context, private).await
    }
}
