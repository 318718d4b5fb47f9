//! The life that all settings of buckets share: they are put whole, read whole, and cleared; their bucket is their id.

use super::BRIEF;
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::S3;
use crate::wait;
use async_trait::async_trait;
use futures::future::join_all;
use infra_cloud::read;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Value,
};
use std::marker::PhantomData;

/// The bucket, and the account that must own it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) bucket: String,
    pub(super) owner: Option<String>,
}

impl Place {
    /// `bucket`, or `bucket,account`.
    pub(super) fn parse(id: &str) -> Place {
        match id.split_once(',') {
            Some((bucket, owner)) => Place {
                bucket: bucket.to_owned(),
                owner: Some(owner.to_owned()),
            },
            None => Place {
                bucket: id.to_owned(),
                owner: None,
            },
        }
    }

    pub(super) fn id(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{},{owner}", self.bucket),
            None => self.bucket.clone(),
        }
    }
}

/// One kind of setting.
#[async_trait]
pub(crate) trait Setting: Send + Sync + 'static {
    type Record: Record + Clone;
    const TYPE: &'static str;

    /// Where it is.
    fn place(record: &Self::Record) -> Place;

    /// See [`Resource::plan`].
    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let (_, _) = (request, planned);
        Ok(())
    }

    /// See [`Resource::validate`].
    fn validate(config: &Value) -> Vec<ProviderError> {
        let _ = config;
        Vec::new()
    }

    /// Reads it; none, or an error of kind not found, when it is not there.
    async fn get(
        client: &Client,
        context: &CallContext,
        place: &Place,
        prior: Option<&Self::Record>,
    ) -> Result<Option<Self::Record>, ProviderError>;

    /// Puts it in the place of what is there.
    async fn put(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &Self::Record,
    ) -> Result<(), ProviderError>;

    /// Brings back what a bucket without it has.
    async fn clear(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &Self::Record,
    ) -> Result<(), ProviderError>;
}

/// A setting as a resource type.
pub(crate) struct Of<S>(PhantomData<fn() -> S>);

#[async_trait]
impl<S: Setting> Resource<Client> for Of<S> {
    type Record = S::Record;
    const TYPE: &'static str = S::TYPE;

    fn traits() -> Traits {
        Traits::default()
            .seconds(1, 1, 1)
            .family(S3.name)
            .unique(&["bucket"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        S::plan(request, planned)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        S::validate(config)
    }

    fn id(record: &S::Record) -> String {
        S::place(record).id()
    }

    fn import(id: &str) -> Result<Imported<S::Record>, ProviderError> {
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<S::Record>],
    ) -> Vec<Result<Option<S::Record>, ProviderError>> {
        join_all(items.iter().map(|item| async {
            let place = Place::parse(&item.id);
            let found = S::get(client, context, &place, item.prior.as_ref()).await;
            Ok(there(found)?.flatten())
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: S::Record,
    ) -> Result<S::Record, ProviderError> {
        let place = S::place(&desired);
        let id = place.id();
        let unheard = |error: &ProviderError| error.code == "NoSuchBucket";
        wait::while_refused(context, operation, BRIEF, unheard, || {
            S::put(client, context, operation, &place, &desired)
        })
        .await?;
        if operation.known_id.is_none() {
            context.events.id_known(operation, &id).await?;
        }
        wait::settled::<Of<S>>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: S::Record,
        desired: S::Record,
    ) -> Result<S::Record, ProviderError> {
        let place = S::place(&desired);
        S::put(client, context, operation, &place, &desired).await?;
        wait::settled::<Of<S>>(client, context, operation, &place.id(), desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: S::Record,
    ) -> Result<(), ProviderError> {
        let place = S::place(&prior);
        absent_is_done(S::clear(client, context, operation, &place, &prior).await)
    }

    /// Putting it again does no harm, so whatever stands there is gone on with.
    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: S::Record,
    ) -> Result<Recovered, ProviderError> {
        let id = S::place(&desired).id();
        let found = read::one::<_, Of<S>>(client, context, &id, Some(desired)).await?;
        Ok(match found {
            Some(_) => Recovered::Found(id),
            None => Recovered::Absent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_bucket_and_perhaps_its_owner() {
        for id in ["reports", "reports,123456789012"] {
            assert_eq!(Place::parse(id).id(), id);
        }
        let place = Place::parse("reports,123456789012");
        assert_eq!(place.bucket, "reports");
        assert_eq!(place.owner.as_deref(), Some("123456789012"));
    }
}
