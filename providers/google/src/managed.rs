//! The life that all of Google's resources share. A type says what its attributes are, where its collection is, and what is
//! otherwise; the rest is here: names chosen by us, operations that are journalled and waited for, labels that tell whose a
//! resource is, listings instead of many reads.

use crate::api::{Api, Create, Labelled, Operations, Update, relative};
use crate::client::{Client, Request};
use crate::labels::{self, Labels};
use crate::operation::{self, known, split};
use crate::wire::{self, Rules};
use async_trait::async_trait;
use futures::future::join_all;
use infra_cloud::absence::there;
use infra_cloud::wait::{self, MINUTES, Pace};
use infra_model::resource::{Imported, Item};
use infra_model::schema::{Compare, Traits};
use infra_model::{
    Block, CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record,
    Recovered, Resource, Value, planning,
};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// From so many members of one collection on, a listing is asked for instead of each of them.
const LIST_FROM: usize = 4;

/// What differs from type to type.
#[async_trait]
pub(crate) trait Kind: Sized + Send + Sync + 'static {
    /// Its attributes.
    type Record: Record + Clone;
    /// `google_compute_network`
    const TYPE: &'static str;
    /// Its collection.
    const API: Api;
    /// Fields that are not named or shown as usual.
    const RULES: Rules = &[];
    /// How patiently its operations are waited for.
    const PACE: Pace = MINUTES;

    /// Expected durations and settle time; the family is the service's.
    fn traits() -> Traits;

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

    /// The last part of the id, where it is not an attribute that the stack sets.
    fn name(client: &Client, desired: &Self::Record) -> Option<String> {
        let (_, _) = (client, desired);
        None
    }

    /// Adjusts the body of a creation.
    fn body(client: &Client, desired: &Self::Record, body: &mut Map<String, Json>) {
        let (_, _, _) = (client, desired, body);
    }

    /// Where creations are posted to, where it is not the collection.
    fn posted_to(collection: &str) -> String {
        collection.to_owned()
    }

    /// More of the creation's query.
    fn query(client: &Client, desired: &Self::Record) -> Vec<(&'static str, String)> {
        let (_, _) = (client, desired);
        Vec::new()
    }

    /// What neither the service nor the state tells.
    fn complete(client: &Client, record: &mut Self::Record) {
        let (_, _) = (client, record);
    }

    /// Adjusts what was found before it is shown.
    fn shown(found: &mut Json) {
        let _ = found;
    }

    /// Whether what was found counts as there: some services show what is deleted.
    fn is_there(found: &Json) -> bool {
        let _ = found;
        true
    }

    /// Adjusts what is sent for a change; the fields that change are in it.
    fn patch(prior: &Self::Record, desired: &Self::Record, patch: &mut Map<String, Json>) {
        let (_, _, _) = (prior, desired, patch);
    }

    /// Whether the service keeps it for ever: then deleting is `deleting`, and forgetting.
    fn stays() -> bool {
        false
    }

    /// Takes over what stands in the place of a new resource, where that is right: something that the service keeps for ever,
    /// and nobody uses any more. Whether it did.
    async fn revive(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &Self::Record,
    ) -> Result<bool, ProviderError> {
        let (_, _, _, _, _) = (client, context, operation, id, desired);
        Ok(false)
    }

    /// Calls that a creation needs after its first one.
    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &Self::Record,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, operation, id, desired);
        Ok(())
    }

    /// Calls that a change needs after the patch.
    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &Self::Record,
        desired: &Self::Record,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _, _) = (client, context, operation, id, prior, desired);
        Ok(())
    }

    /// Sends what changes: by one `PATCH`, unless the service wants it otherwise.
    async fn send_patch(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &Self::Record,
        desired: &Self::Record,
        patch: Map<String, Json>,
    ) -> Result<(), ProviderError> {
        let _ = desired;
        send_patch::<Self>(client, context, operation, id, prior, patch).await
    }

    /// What must go before the resource can.
    async fn deleting(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &Self::Record,
    ) -> Result<(), ProviderError> {
        let (_, _, _, _, _) = (client, context, operation, id, prior);
        Ok(())
    }
}

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
        let ids: Vec<&str> = items.iter().map(|i| split(&i.id).0).collect();
        let found = find_many::<K>(client, context, &ids).await;
        found
            .into_iter()
            .zip(items.iter().zip(ids))
            .map(|(found, (item, id))| {
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
        let (api, block) = (K::API, K::Record::block());
        let (old, new) = (prior.to_value(), desired.to_value());
        let mut patch = wire::patch(&block, &old, &new, K::RULES);
        relabel::<K>(client, context, operation, &id, &old, &new, &mut patch).await?;
        for name in api.path_attributes().chain([api.key]) {
            patch.remove(&wire::camel(name));
        }
        K::patch(&prior, &desired, &mut patch);
        // First what is guarded by the fingerprint that was seen: every change makes another one.
        K::send_patch(client, context, operation, &id, &prior, &desired, patch).await?;
        K::changing(client, context, operation, &id, &prior, &desired).await?;
        settled::<Self>(client, context, operation, &id, desired).await
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
        let id = format!("{collection}/{}", key_of::<K>(client, &desired, &value)?);
        own::<K>(client, context, operation, &id).await
    }

    fn import(id: &str) -> Result<Imported<K::Record>, ProviderError> {
        let id = relative(id);
        if K::API.parts(id).is_none() {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not `{}`", K::API.form()),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// The fields that change, in one call.
async fn send_patch<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: &K::Record,
    mut patch: Map<String, Json>,
) -> Result<(), ProviderError> {
    let api = K::API;
    if patch.is_empty() || api.update == Update::None {
        return Ok(());
    }
    let mask = patch.keys().cloned().collect::<Vec<_>>().join(",");
    if let Some(fingerprint) = text(&prior.to_value(), "fingerprint") {
        patch.insert("fingerprint".to_owned(), Json::String(fingerprint));
    }
    let mut request = Request::send(
        api.service,
        verb(&api, "patch"),
        Method::PATCH,
        id,
        Json::Object(patch),
    );
    if api.update == Update::Masked {
        request = request.query("updateMask", mask);
    }
    let request = with_token(request, &api, operation, "patch");
    run::<K>(client, context, operation, id, request)
        .await
        .map(|_| ())
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

pub(crate) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn key_of<K: Kind>(
    client: &Client,
    desired: &K::Record,
    value: &Value,
) -> Result<String, ProviderError> {
    let named = K::name(client, desired).or_else(|| text(value, K::API.key));
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
        if let (true, true, Some(default)) = (open, defaulted, of(name)) {
            value = value.with_attribute(name, default.into());
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
    let key = key_of::<K>(client, desired, &value)?;
    let id = format!("{collection}/{key}");
    let mut body = wire::body(&K::Record::block(), &value, K::RULES);
    for name in api.path_attributes() {
        body.remove(&wire::camel(name));
    }
    if let Some((attribute, pointer)) = api.labels.place() {
        let own = labels_of(&value, attribute);
        let all = labels::for_create(&client.config().labels, &own, operation);
        wire::put(
            &mut body,
            pointer.trim_start_matches('/'),
            labels::json(&all),
        );
    }
    K::body(client, desired, &mut body);
    let body = Json::Object(body);
    let (body, named) = match api.create {
        Create::Insert | Create::Create => (body, None),
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
    request.query.extend(K::query(client, desired));
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
        Err(error) if error.kind == ErrorKind::Conflict && is_taken(&error) => {
            match own::<K>(client, context, operation, &id).await? {
                Recovered::Found(_) => {}
                _ if K::revive(client, context, operation, &id, desired).await? => {}
                Recovered::Absent => return Err(error),
                Recovered::Foreign(id) => {
                    return Err(ProviderError {
                        message: format!(
                            "`{id}` exists already and was not made by this stack: import it, or choose another name"
                        ),
                        maybe_done: false,
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

fn is_taken(error: &ProviderError) -> bool {
    matches!(
        error.code.as_str(),
        "alreadyExists"
            | "ALREADY_EXISTS"
            | "instanceAlreadyExists"
            | "conflict"
            | "RESOURCE_ALREADY_EXISTS"
    )
}

/// Compute takes the operation's token as `requestId`; other services have no field for one, and names that only one can have.
fn with_token(request: Request, api: &Api, operation: &Operation, purpose: &str) -> Request {
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
    let answer = when_free(client, context, operation, K::PACE, &request).await?;
    match operation::path(K::API.operations, id, &answer) {
        Some(path) => finish::<K>(client, context, operation, &request.call, &path).await,
        None => Ok(answer),
    }
}

/// Makes a call, and makes it again while the resource or its parent is busy with another operation.
pub(crate) async fn when_free(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    request: &Request,
) -> Result<Json, ProviderError> {
    let busy = |error: &ProviderError| {
        error.kind == ErrorKind::Conflict
            && (matches!(
                error.code.as_str(),
                "resourceNotReady" | "operationInProgress"
            ) || error.code == "FAILED_PRECONDITION" && error.message.contains("operation"))
    };
    wait::while_refused(context, operation, pace, busy, || {
        client.call(context, request)
    })
    .await
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

/// Whose the resource of an id is.
async fn own<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Recovered, ProviderError> {
    let Some(found) = find::<K>(client, context, id).await? else {
        return Ok(Recovered::Absent);
    };
    let ours = match (K::API.labels.place(), K::API.operations) {
        (Some((_, pointer)), _) => {
            labels::of(found.pointer(pointer)).get(labels::OPERATION)
                == Some(&operation.id.to_string())
        }
        // Compute keeps its operations for two weeks, with the token that each was asked for with.
        (None, Operations::Compute) => was_ours::<K>(client, context, operation, id).await?,
        (None, _) => made_since(&found, operation),
    };
    Ok(if ours {
        Recovered::Found(id.to_owned())
    } else {
        Recovered::Foreign(id.to_owned())
    })
}

/// Whether Compute remembers the insertion of this resource under the operation's token.
async fn was_ours<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<bool, ProviderError> {
    // projects/p/global/…, projects/p/regions/r/…, projects/p/zones/z/…
    let parts: Vec<&str> = id.split('/').collect();
    let scope = if parts.get(2) == Some(&"global") {
        3
    } else {
        4
    };
    let place = parts.get(..scope).unwrap_or_default().join("/");
    let token = operation.token.as_uuid();
    let request = Request::get(
        K::API.service,
        "compute.operations.list",
        format!("{place}/operations"),
    )
    .query("filter", format!("clientOperationId=\"{token}\""));
    let found = client.list(context, request, "items").await?;
    Ok(found.iter().any(|o| {
        o["clientOperationId"] == Json::String(token.clone())
            && o["targetLink"]
                .as_str()
                .is_some_and(|link| relative(link) == id)
    }))
}

/// Whether a resource without labels was made since the operation began: it is in a place that only one can have.
fn made_since(found: &Json, operation: &Operation) -> bool {
    let made = [
        "createTime",
        "creationTimestamp",
        "creationTime",
        "timeCreated",
    ]
    .iter()
    .find_map(|name| found[*name].as_str()?.parse::<jiff::Timestamp>().ok());
    // What shows no time lives under a parent of ours.
    made.is_none_or(|made| made.as_millisecond() + 5_000 >= operation.started.0)
}

/// What is under an id.
pub(crate) async fn find<K: Kind>(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    let request = Request::get(K::API.service, verb(&K::API, "get"), id);
    let found = there(client.call(context, &request).await)?;
    Ok(found.filter(K::is_there))
}

/// What is under each id: one listing for the many of one collection.
async fn find_many<K: Kind>(
    client: &Client,
    context: &CallContext,
    ids: &[&str],
) -> Vec<Result<Option<Json>, ProviderError>> {
    let mut collections: BTreeMap<&str, usize> = BTreeMap::new();
    for id in ids {
        *collections.entry(parent(id)).or_default() += 1;
    }
    let listed: BTreeMap<&str, _> = join_all(
        collections
            .into_iter()
            .filter(|(_, members)| *members >= LIST_FROM && !K::API.items.is_empty())
            .map(|(collection, _)| async move {
                (collection, list::<K>(client, context, collection).await)
            }),
    )
    .await
    .into_iter()
    .collect();
    join_all(ids.iter().map(|id| {
        let listed = listed.get(parent(id));
        async move {
            match listed {
                Some(Ok(members)) => Ok(members.get(*id).cloned().filter(K::is_there)),
                Some(Err(error)) => Err(error.clone()),
                None => find::<K>(client, context, id).await,
            }
        }
    }))
    .await
}

fn parent(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// All members of a collection by id.
async fn list<K: Kind>(
    client: &Client,
    context: &CallContext,
    collection: &str,
) -> Result<BTreeMap<String, Json>, ProviderError> {
    let request = Request::get(K::API.service, verb(&K::API, "list"), collection);
    let found = there(client.list(context, request, K::API.items).await)?;
    let members = found.unwrap_or_default().into_iter().filter_map(|member| {
        let name = member["name"].as_str()?;
        let name = crate::api::short(name);
        Some((format!("{collection}/{name}"), member))
    });
    Ok(members.collect())
}

/// The attributes of what was found.
fn record<K: Kind>(
    client: &Client,
    id: &str,
    mut found: Json,
    prior: Option<&K::Record>,
) -> Result<K::Record, ProviderError> {
    K::shown(&mut found);
    let block = K::Record::block();
    let prior = prior.map_or(Value::NULL, Record::to_value);
    let mut all = Labels::new();
    if let Some((attribute, pointer)) = K::API.labels.place() {
        let said = labels_of(&prior, attribute);
        let (own, effective) = labels::split(
            labels::of(found.pointer(pointer)),
            &client.config().labels,
            Some(&said),
        );
        if let Some(place) = found.pointer_mut(pointer) {
            *place = labels::json(&own);
        }
        all = effective;
    }
    let mut shown = wire::shown(&block, &found, &prior, K::RULES);
    let mut set = |name: &str, json: Json| {
        if block.attributes.contains_key(name) {
            shown[name] = json;
        }
    };
    for (name, part) in K::API.parts(id).unwrap_or_default() {
        let said = prior.get(name).filter(|said| {
            let compare = block
                .attributes
                .get(name)
                .map(|a| a.compare)
                .unwrap_or_default();
            planning::same(compare, said, &part.into())
        });
        let whole = match name {
            "project" | "region" | "zone" | "location" => None,
            name if name == K::API.key => None,
            name if !is_reference(&block, name) => None,
            // A parent is named in full.
            _ => id
                .find(&format!("/{part}/"))
                .map(|at| &id[..=at + part.len()]),
        };
        let shown = whole.unwrap_or(part);
        set(
            name,
            said.map_or_else(|| shown.into(), infra_model::json::to_json),
        );
    }
    set("id", id.into());
    set("effective_labels", labels::json(&all));
    let value = infra_model::json::from_json(&shown, &block.implied_type()).map_err(|e| {
        ProviderError::new(
            ErrorKind::Other,
            format!("`{id}` was answered in a shape that is not understood: {e}"),
        )
    })?;
    let mut record = K::Record::from_value(&value)?;
    K::complete(client, &mut record);
    Ok(record)
}

fn is_reference(block: &Block, name: &str) -> bool {
    let attribute = block.attributes.get(name);
    attribute.is_some_and(|a| a.compare == Compare::ResourceName)
}

/// The labels of a value, under a dotted attribute.
fn labels_of(value: &Value, attribute: &str) -> Labels {
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

/// Brings labels and marks up to date: in the patch, or by Compute's `setLabels`.
async fn relabel<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: &Value,
    desired: &Value,
    patch: &mut Map<String, Json>,
) -> Result<(), ProviderError> {
    let Some((attribute, pointer)) = K::API.labels.place() else {
        return Ok(());
    };
    let field = pointer
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let touched = patch.remove(field).is_some();
    let whole = attribute.contains('.');
    let (old, new) = (labels_of(prior, attribute), labels_of(desired, attribute));
    if old == new && !(whole && touched) && text_map(prior) == text_map(desired) {
        return Ok(());
    }
    let Some(found) = find::<K>(client, context, id).await? else {
        return Ok(());
    };
    let there = labels::of(found.pointer(pointer));
    let all = labels::for_update(&client.config().labels, &new, operation, &there);
    if K::API.labels != Labelled::BySetLabels {
        if whole && touched {
            // The labels lie inside a block that changes as a whole.
            let mut sent = wire::body(&K::Record::block(), desired, K::RULES);
            if let Some(block) = sent.remove(field) {
                patch.insert(field.to_owned(), block);
            }
        }
        wire::put(patch, pointer.trim_start_matches('/'), labels::json(&all));
        return Ok(());
    }
    let body =
        json!({ "labels": labels::json(&all), "labelFingerprint": found["labelFingerprint"] });
    let request = Request::send(
        K::API.service,
        verb(&K::API, "setLabels"),
        Method::POST,
        format!("{id}/setLabels"),
        body,
    );
    // Global ones take no token.
    let request = if id.contains("/global/") {
        request
    } else {
        with_token(request, &K::API, operation, "labels")
    };
    run::<K>(client, context, operation, id, request)
        .await
        .map(|_| ())
}

/// `effective_labels`, which tell a change of the defaults.
fn text_map(value: &Value) -> Labels {
    labels_of(value, "effective_labels")
}
