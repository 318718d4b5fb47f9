//! What a type says of itself.

use crate::client::Client;
use async_trait::async_trait;
use infra_model::resource::Item;
use infra_model::{
    CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource, schema::Traits,
};
use std::marker::PhantomData;

/// A type.
pub(crate) trait Kind: Send + Sync + 'static {
    /// Its attributes.
    type Record: Record + Clone;
    /// `kubernetes_manifest`
    const TYPE: &'static str;
}

/// The life of a kind.
pub(crate) struct Managed<K>(PhantomData<fn() -> K>);

fn later<K: Kind>() -> ProviderError {
    ProviderError::new(
        ErrorKind::Other,
        format!(
            "this build of infra can plan {}, and not yet apply it",
            K::TYPE
        ),
    )
}

#[async_trait]
impl<K: Kind> Resource<Client> for Managed<K> {
    type Record = K::Record;
    const TYPE: &'static str = K::TYPE;

    fn traits() -> Traits {
        Traits::default()
    }

    fn id(_: &K::Record) -> String {
        String::new()
    }

    async fn read(
        _: &Client,
        _: &CallContext,
        items: &[Item<K::Record>],
    ) -> Vec<Result<Option<K::Record>, ProviderError>> {
        items.iter().map(|_| Err(later::<K>())).collect()
    }

    async fn create(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: K::Record,
    ) -> Result<K::Record, ProviderError> {
        Err(later::<K>())
    }

    async fn update(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: K::Record,
        _: K::Record,
    ) -> Result<K::Record, ProviderError> {
        Err(later::<K>())
    }

    async fn delete(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: K::Record,
    ) -> Result<(), ProviderError> {
        Err(later::<K>())
    }

    async fn recover(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: K::Record,
    ) -> Result<Recovered, ProviderError> {
        Err(later::<K>())
    }
}
