//! The life that all of Google's resources share. A type says what its attributes are, where its collection is, and what is
//! otherwise; the rest is here: names chosen by us, operations that are journalled and waited for, labels that tell whose a
//! resource is, listings instead of many reads.

use crate::api::{Api, Create, Labelled, Operations, Parent, relative};
use crate::change::{awaited, change};
use crate::client::{Client, Request};
use crate::error;
use crate::family::SQL;
use crate::found::{find_many, marked, own, record};
use crate::kind::Kind;
use crate::labels::{self, Labels, MARKS};
use crate::late;
use crate::operation::{self, when_free};
use crate::wire;
use async_trait::async_trait;
pub(crate) use infra_cloud::fields::text;
use infra_cloud::pending::{known, split};
use infra_cloud::wait::{self, MINUTES};
use infra_model::kept::{Backups, Folder};
use infra_model::resource::{Imported, Item};
use infra_model::schema::{Attribute, Traits};
use infra_model::{
    Block, CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record,
    Recovered, Resource, Value, planning,
};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::marker::PhantomData;

/// A [`Kind`] as a [`Resource`].
pub(crate) struct Managed<K>(PhantomData<fn() -> K>);

#[async_trait]
impl<K: Kind> Resource<Client> for Managed<K> {
    type Record = K::Record;
    const TYPE: &'static str = K::TYPE;

    fn traits() -> Traits {
        K::traits().family(K::API.service.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        K::plan(request, planned)?;
        let block = K::Record::block();
        if request.prior.is_none() || !planned.replace.is_empty() {
            name_it(&K::API, &block, request, planned);
        } else if request.prior.is_some_and(|prior| *prior != planned.value) {
            let moving: Vec<&str> = ["fingerprint", "label_fingerprint", "etag"]
                .into_iter()
                .filter(|n| block.attributes.get(*n).is_some_and(|a| !a.optional))
                .collect();
            planning::mark_unknown(planned, &block, &moving);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        K::validate(config)
    }

    fn id(record: &K::Record) -> String {
        text(&record.to_value(), "id").unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<K::Record>],
    ) -> Vec<Result<Option<K::Record>, ProviderError>> {
        let whole = items
            .iter()
            .map(|item| K::API.whole_of(split(&item.id).0, client));
        let whole: Vec<Result<String, ProviderError>> = whole.collect();
        let ids: Vec<&str> = whole.iter().flatten().map(|id| &**id).collect();
        let mut found = find_many::<K>(client, context, &ids).await.into_iter();
        whole
            .iter()
            .zip(items)
            .map(|(id, item)| {
                let id = id.as_ref().map_err(Clone::clone)?;
                let Some(found) = found.next() else {
                    return Ok(None);
                };
                found?
                    .map(|found| record::<K>(client, id, found, item.prior.as_ref()))
                    .transpose()
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: K::Record,
    ) -> Result<K::Record, ProviderError> {
        let api = K::API;
        let id = match &operation.known_id {
            Some(known) => {
                let (id, pending) = split(known);
                if let Some(path) = pending {
                    finish::<K>(client, context, operation, &verb(&api, "insert"), path).await?;
                    context.events.id_known(operation, id).await?;
                }
                id.to_owned()
            }
            None => begin::<K>(client, context, operation, &desired).await?,
        };
        K::created(client, context, operation, &id, &desired).await?;
        settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: K::Record,
        desired: K::Record,
    ) -> Result<K::Record, ProviderError> {
        let id = Self::id(&prior);
        let seen = change::<K>(client, context, operation, &id, &prior, &desired).await?;
        K::changing(client, context, operation, &id, &seen, &desired).await?;
        let awaited = awaited::<K>(&seen, &prior, &desired)?;
        settled::<Self>(client, context, operation, &id, awaited).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: K::Record,
    ) -> Result<(), ProviderError> {
        let id = Self::id(&prior);
        K::deleting(client, context, operation, &id, &prior).await?;
        if K::stays() {
            return Ok(());
        }
        let api = K::API;
        let id = &*id;
        // What depends on it may take a while to let go of it, also after the call was accepted.
        wait::while_in_use(context, operation, MINUTES, || async move {
            let request = Request::send(
                api.service,
                verb(&api, "delete"),
                Method::DELETE,
                id,
                Json::Null,
            );
            run::<K>(client, context, operation, id, request).await
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: K::Record,
    ) -> Result<Recovered, ProviderError> {
        let value = desired.to_value();
        let collection = K::API.collection_of(&value, client)?;
        let id = format!("{collection}/{}", key_of::<K>(client, operation, &desired)?);
        // The run that was interrupted may have been waiting for its service.
        late::once_known(client, context, operation, &[], || {
            own::<K>(client, context, operation, &id, &desired)
        })
        .await
    }

    async fn rediscover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        marked::<K>(client, context, operation, config).await
    }

    async fn folder(
        client: &Client,
        context: &CallContext,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        K::folder(client, context, id, path).await
    }

    async fn backups(
        client: &Client,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        K::backups(client, context, id).await
    }

    fn import(id: &str) -> Result<Imported<K::Record>, ProviderError> {
        K::API.import(relative(id))
    }
}

/// `compute.networks.insert`; services other than Compute, SQL and Storage say `create`.
pub(crate) fn verb(api: &Api, verb: &str) -> String {
    let verb = match (verb, api.create) {
        ("insert", Create::Insert) => "insert",
        ("insert", _) => "create",
        (verb, _) => verb,
    };
    format!("{}.{verb}", api.name)
}

fn key_of<K: Kind>(
    client: &Client,
    operation: &Operation,
    desired: &K::Record,
) -> Result<String, ProviderError> {
    let named = K::name(client, desired, operation);
    let named = named.or_else(|| text(&desired.to_value(), K::API.key));
    named.ok_or_else(|| ProviderError::invalid(K::API.key, format!("`{}` must be set", K::API.key)))
}

/// Plans the id and the parts of the path that the configuration gives: names are ours to choose, so they are known.
pub(crate) fn name_it(api: &Api, block: &Block, request: &PlanRequest<'_>, planned: &mut Planned) {
    let of = |name: &str| {
        let config = request.provider?;
        let name = if name == "location" { "region" } else { name };
        text(config, name)
    };
    let mut value = std::mem::replace(&mut planned.value, Value::NULL);
    for name in api
        .path_attributes()
        .filter(|n| matches!(*n, "project" | "region" | "zone" | "location"))
    {
        let open = value.get(name).is_some_and(Value::is_unknown);
        let defaulted = request.config.get(name).is_none_or(Value::is_null);
        if !open || !defaulted {
            continue;
        }
        let told = match api.parent_of(&value, name) {
            Parent::Unknown => None,
            Parent::Tells(part) => Some(part),
            Parent::Silent => of(name),
        };
        if let Some(told) = told {
            value = value.with_attribute(name, told.into());
        }
    }
    let known = |name: &str| value.get(name).is_none_or(|v| !v.is_unknown());
    let all_known = api.path_attributes().chain([api.key]).all(known);
    let key = text(&value, api.key);
    if let (true, Some(key), Ok(collection)) = (all_known, key, api.path(&value, |_| None))
        && block.attributes.get("id").is_some_and(|a| a.computed)
        && block
            .attributes
            .get(api.key)
            .is_some_and(|a| a.required || a.optional)
    {
        value = value.with_attribute("id", format!("{collection}/{key}").into());
    }
    planned.value = value;
}

/// Sends the creation and waits for it; the id.
async fn begin<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &K::Record,
) -> Result<String, ProviderError> {
    let (api, value) = (K::API, desired.to_value());
    let collection = api.collection_of(&value, client)?;
    let key = key_of::<K>(client, operation, desired)?;
    let id = format!("{collection}/{key}");
    let mut body = wire::body(&K::Record::block(), &value, K::RULES);
    for name in api.path_attributes() {
        body.remove(&wire::camel(name));
    }
    if let Some((attribute, pointer)) = api.labels.place() {
        let own = labels_of(&value, attribute);
        let all = MARKS.for_create(&client.config().labels, &own, operation);
        wire::put(
            &mut body,
            pointer.trim_start_matches('/'),
            labels::json(&all),
        );
    }
    // A name that was made up; what has none of its own has a key that only the service tells.
    let is_named = |a: &Attribute| a.optional && a.computed;
    if K::Record::block()
        .attributes
        .get(api.key)
        .is_some_and(is_named)
    {
        body.insert(wire::camel(api.key), key.clone().into());
    }
    K::body(client, desired, &mut body);
    let body = Json::Object(body);
    let (body, named) = match api.create {
        Create::Insert | Create::Bare => (body, None),
        Create::Wrapped(name) => (json!({ name: body }), None),
        Create::Named(parameter) => (body, Some(parameter)),
    };
    let call = verb(&api, "insert");
    let mut request = Request::send(
        api.service,
        &*call,
        Method::POST,
        K::posted_to(&collection),
        body,
    );
    for (name, value) in K::query(client, desired) {
        request = request.query(name, value);
    }
    if let Some(parameter) = named {
        request = request.query(parameter, key);
    }
    let request = with_token(request, &api, operation, "");
    match when_free(client, context, operation, K::PACE, &request).await {
        Ok(answer) => {
            if let Some(path) = operation::path(api.operations, &id, &answer) {
                context
                    .events
                    .id_known(operation, &known(&id, &path))
                    .await?;
                finish::<K>(client, context, operation, &call, &path).await?;
            }
        }
        // Taken, perhaps by an earlier attempt whose answer was lost.
        Err(error) if is_taken(&error) => {
            // What has neither labels nor Compute's tokens is not ours when no answer was lost: it was there before the call.
            let untold = api.labels == Labelled::No && api.operations != Operations::Compute;
            let owner = if untold && !error.maybe_done {
                Recovered::Foreign(id.clone())
            } else {
                own::<K>(client, context, operation, &id, desired).await?
            };
            match owner {
                Recovered::Found(_) => {}
                _ if K::revive(client, context, operation, &id, desired).await? => {}
                Recovered::Absent => return Err(error),
                Recovered::Foreign(id) => {
                    return Err(ProviderError {
                        maybe_done: false,
                        kind: ErrorKind::Conflict,
                        message: error::foreign(&id).message,
                        ..error
                    });
                }
            }
        }
        Err(error) => return Err(error),
    }
    context.events.id_known(operation, &id).await?;
    Ok(id)
}

pub(crate) fn is_taken(error: &ProviderError) -> bool {
    // Cloud SQL passes on what its database says, as an invalid request.
    let says = |words: &str| error.message.contains(words);
    let in_database = error.service == SQL.name
        && error.kind == ErrorKind::Invalid
        && (says("already exists") || says("database exists"));
    let conflict = matches!(
        error.code.as_str(),
        "alreadyExists"
            | "ALREADY_EXISTS"
            | "instanceAlreadyExists"
            | "conflict"
            | "RESOURCE_ALREADY_EXISTS"
    );
    conflict || in_database
}

/// Compute takes the operation's token as `requestId`; other services have no field for one, and names that only one can have.
pub(crate) fn with_token(
    request: Request,
    api: &Api,
    operation: &Operation,
    purpose: &str,
) -> Request {
    if api.operations != Operations::Compute {
        return request;
    }
    let token = if purpose.is_empty() {
        operation.token.as_uuid()
    } else {
        operation.token.derived(purpose).as_uuid()
    };
    request.query("requestId", token)
}

/// Sends a call on a member and waits for its operation.
pub(crate) async fn run<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    request: Request,
) -> Result<Json, ProviderError> {
    operation::run(client, context, operation, &K::API, K::PACE, id, request).await
}

async fn finish<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    call: &str,
    path: &str,
) -> Result<Json, ProviderError> {
    operation::wait(
        client,
        context,
        operation,
        K::API.service,
        call,
        path,
        K::PACE,
    )
    .await
}

/// [`wait::settled`] with this provider's client.
pub(crate) async fn settled<R: Resource<Client>>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: R::Record,
) -> Result<R::Record, ProviderError> {
    wait::settled::<Client, R>(client, context, operation, id, desired).await
}

/// The labels of a value, under a dotted attribute.
pub(crate) fn labels_of(value: &Value, attribute: &str) -> Labels {
    let mut value = value.clone();
    for name in attribute.split('.') {
        let inner = match value.elements() {
            Some(items) => items.first().cloned().unwrap_or(Value::NULL),
            None => value,
        };
        value = inner.get(name).cloned().unwrap_or(Value::NULL);
    }
    let entries = value.entries().into_iter().flatten();
    entries
        .filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_in_every_services_words() {
        use ErrorKind::{Conflict, Invalid};
        for (service, kind, code, message, taken) in [
            ("compute", Conflict, "alreadyExists", "exists", true),
            (
                "sql",
                Invalid,
                "invalid",
                "Invalid request: failed to create database shop. Detail: database \"shop\" already exists.",
                true,
            ),
            (
                "sql",
                Invalid,
                "invalid",
                "User \"shop\" already exists.",
                true,
            ),
            ("sql", Invalid, "invalid", "the tier is unknown", false),
            (
                "compute",
                Invalid,
                "invalid",
                "a rule already exists",
                false,
            ),
            (
                "compute",
                Conflict,
                "resourceNotReady",
                "it is not ready",
                false,
            ),
        ] {
            let error = ProviderError {
                service: service.to_owned(),
                code: code.to_owned(),
                ..ProviderError::new(kind, message)
            };
            assert_eq!(is_taken(&error), taken, "{message}");
        }
    }
}
