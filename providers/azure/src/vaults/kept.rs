//! The life that keys, secrets and certificates share: made as versions under a name, read by their newest, kept for a while after
//! their end.

use super::object::{self, Address, Collection, Seen};
use super::uri_of;
use crate::client::{Client, Request};
use crate::family;
use crate::managed::text;
use async_trait::async_trait;
use futures::future::join_all;
use infra_cloud::wait;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use serde_json::Value as Json;
use std::marker::PhantomData;

/// What differs between keys, secrets and certificates.
#[async_trait]
pub(crate) trait Object: Send + Sync + 'static {
    /// With `name`, `key_vault_id`, `not_before_date`, `expiration_date`, `tags`, and (computed) `tags_all`, `version`,
    /// `versionless_id`, `resource_id`, `resource_versionless_id` and `id`.
    type Record: Record + Clone;
    const TYPE: &'static str;
    const COLLECTION: Collection;
    /// The attribute with its resource id without a version.
    const RESOURCE: &'static str = "resource_versionless_id";

    /// Expected durations; the family is the vaults'.
    fn traits() -> Traits;

    /// See [`Resource::validate`].
    fn validate(config: &Value) -> Vec<ProviderError> {
        let _ = config;
        Vec::new()
    }

    /// See [`Resource::plan`], of one that is there and stays.
    fn plan(config: &Value, prior: &Value, planned: &mut Planned) {
        let (_, _, _) = (config, prior, planned);
    }

    /// The call that makes a version; `url` is the address without one.
    fn making(
        client: &Client,
        operation: &Operation,
        url: &str,
        desired: &Self::Record,
    ) -> Result<Request, ProviderError>;

    /// Calls that a creation needs after its first one.
    async fn made(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        url: &str,
        desired: &Self::Record,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, operation, url, desired);
        Ok(())
    }

    /// Makes a change; the id of the newest version.
    async fn change(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        url: &str,
        prior: &Self::Record,
        desired: &Self::Record,
    ) -> Result<String, ProviderError>;

    /// The record of one that was found.
    async fn record(
        client: &Client,
        context: &CallContext,
        seen: Seen,
        found: &Json,
        prior: Option<&Self::Record>,
    ) -> Result<Self::Record, ProviderError>;
}

/// An [`Object`] as a resource.
pub(crate) struct Kept<O>(PhantomData<fn() -> O>);

/// An attribute that every record says.
fn said<O: Object>(record: &O::Record, name: &str) -> String {
    text(&record.to_value(), name).unwrap_or_default()
}

#[async_trait]
impl<O: Object> Resource<Client> for Kept<O> {
    type Record = O::Record;
    const TYPE: &'static str = O::TYPE;

    fn traits() -> Traits {
        O::traits().family(family::VAULT)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        O::validate(config)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            let place = |name: &str| planned.value.get(name).and_then(Value::as_str);
            if let (Some(vault), Some(name)) = (place("key_vault_id"), place("name")) {
                let resource = format!("{vault}/{}/{name}", O::COLLECTION.name);
                let value = std::mem::replace(&mut planned.value, Value::NULL);
                planned.value = value.with_attribute(O::RESOURCE, resource.into());
            }
            return Ok(());
        };
        O::plan(request.config, prior, planned);
        Ok(())
    }

    fn id(record: &O::Record) -> String {
        said::<O>(record, "id")
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<O::Record>],
    ) -> Vec<Result<Option<O::Record>, ProviderError>> {
        join_all(items.iter().map(|item| async move {
            let Some(address) = Address::parse(&item.id, O::COLLECTION) else {
                return Err(ProviderError::new(
                    ErrorKind::Invalid,
                    format!("`{}` is no {}'s address", item.id, O::COLLECTION.one),
                ));
            };
            let prior = item.prior.as_ref().map_or(Value::NULL, Record::to_value);
            let vault = text(&prior, "key_vault_id").filter(|v| !v.is_empty());
            let url = address.versionless(O::COLLECTION);
            let found = object::find_in(client, context, O::COLLECTION, &url, vault.as_deref());
            let Some(found) = found.await? else {
                return Ok(None);
            };
            let seen =
                object::seen(client, context, O::COLLECTION, &address, &found, &prior).await?;
            O::record(client, context, seen, &found, item.prior.as_ref())
                .await
                .map(Some)
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: O::Record,
    ) -> Result<O::Record, ProviderError> {
        let uri = uri_of(client, context, &said::<O>(&desired, "key_vault_id")).await?;
        let url = format!(
            "{uri}/{}/{}",
            O::COLLECTION.name,
            said::<O>(&desired, "name")
        );
        let id = match &operation.known_id {
            Some(id) => id.clone(),
            None => {
                let send = O::making(client, operation, &url, &desired)?;
                object::make(client, context, operation, O::COLLECTION, &url, send).await?
            }
        };
        O::made(client, context, operation, &url, &desired).await?;
        wait::settled::<_, Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: O::Record,
        desired: O::Record,
    ) -> Result<O::Record, ProviderError> {
        let url = text(&prior.to_value(), "versionless_id");
        let url = url.unwrap_or_else(|| Self::id(&prior));
        let newest = O::change(client, context, operation, &url, &prior, &desired).await?;
        wait::settled::<_, Self>(client, context, operation, &newest, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: O::Record,
    ) -> Result<(), ProviderError> {
        let Some(address) = Address::parse(&Self::id(&prior), O::COLLECTION) else {
            return Ok(());
        };
        let vault = said::<O>(&prior, "key_vault_id");
        object::remove(client, context, operation, O::COLLECTION, &address, &vault).await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: O::Record,
    ) -> Result<Recovered, ProviderError> {
        let vault = said::<O>(&desired, "key_vault_id");
        let name = said::<O>(&desired, "name");
        object::recovered(client, context, operation, O::COLLECTION, &vault, &name).await
    }

    /// It is where its configuration says.
    async fn rediscover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let (Some(vault), Some(name)) = (text(config, "key_vault_id"), text(config, "name")) else {
            return Ok(Vec::new());
        };
        let uri = uri_of(client, context, &vault).await?;
        let url = format!("{uri}/{}/{name}", O::COLLECTION.name);
        let found = object::find_in(client, context, O::COLLECTION, &url, Some(&vault)).await?;
        let id = found.map(|found| object::id_in(&found).unwrap_or(&url).to_owned());
        Ok(id.into_iter().collect())
    }

    fn import(id: &str) -> Result<Imported<O::Record>, ProviderError> {
        if Address::parse(id, O::COLLECTION).is_none() {
            let list = O::COLLECTION.name;
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not `https://VAULT.vault.azure.net/{list}/NAME/VERSION`"),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}
