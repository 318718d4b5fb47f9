//! The life that all of Azure's resources share. A type says what its attributes are, where it is, and what is otherwise; the
//! rest is here: ids chosen by us, operations that are journalled and waited for, tags that tell whose a resource is, changes
//! that never overwrite somebody else's, listings instead of many reads.

use crate::client::{Client, Method, Request};
use crate::error::{self, is_stale};
use crate::found::{
    self, Standing, etag, failure, find, record_of, standing, tags_of, whose, without_shown_only,
};
use crate::kind::{Kind, Update};
use crate::late;
use crate::operation;
use crate::tags::{self, MARKS};
use crate::wire;
use async_trait::async_trait;
pub(crate) use infra_cloud::fields::text;
use infra_cloud::overtaken::overtaken;
use infra_cloud::pending::{known, split};
use infra_cloud::wait::{self, Pace, Progress, QUICK};
use infra_model::kept::{Backups, Folder};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};
use serde_json::{Value as Json, json};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// How long a deletion is sent again while something still uses the resource.
pub(crate) const IN_USE: Pace = Pace {
    first: Duration::from_millis(200),
    longest: Duration::from_secs(10),
    limit: Duration::from_mins(10),
};

/// A [`Kind`] as a [`Resource`].
pub(crate) struct Managed<K>(PhantomData<fn() -> K>);

#[async_trait]
impl<K: Kind> Resource<Client> for Managed<K> {
    type Record = K::Record;
    const TYPE: &'static str = K::TYPE;

    fn traits() -> Traits {
        K::traits().family(crate::family::WRITE)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        K::plan(request, planned)?;
        plan_location(request, planned);
        plan_id(request, planned, |value| planned_id::<K>(request, value));
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
        found::read::<K>(client, context, items).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: K::Record,
    ) -> Result<K::Record, ProviderError> {
        let id = match operation.known_id.as_deref().map(split) {
            Some((id, Some(url))) => {
                let (of, pace) = (K::API.name, K::PACE);
                match operation::wait(client, context, operation, pace, of, "PUT", url).await {
                    // What it was refused for may be granted by now: it is begun again.
                    Err(error) if late::may_be_early(&error) => {
                        begin::<K>(client, context, operation, &desired).await?
                    }
                    ended => {
                        ended?;
                        context.events.id_known(operation, id).await?;
                        id.to_owned()
                    }
                }
            }
            _ => begin::<K>(client, context, operation, &desired).await?,
        };
        ready::<K>(client, context, operation, &id).await?;
        K::created(client, context, operation, &id, &desired).await?;
        settled::<K>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: K::Record,
        desired: K::Record,
    ) -> Result<K::Record, ProviderError> {
        let id = Self::id(&prior);
        change::<K>(client, context, operation, &id, &prior, &desired).await?;
        ready::<K>(client, context, operation, &id).await?;
        K::changing(client, context, operation, &id, &prior, &desired).await?;
        settled::<K>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: K::Record,
    ) -> Result<(), ProviderError> {
        let id = Self::id(&prior);
        K::deleting(client, context, operation, &id, &prior).await?;
        if !K::always_there() {
            remove::<K>(client, context, operation, &id).await?;
        }
        K::deleted(client, context, operation, &id, &prior).await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: K::Record,
    ) -> Result<Recovered, ProviderError> {
        let id = id_of::<K>(client, operation, &desired.to_value())?;
        let found = find::<K>(client, context, &id).await?;
        Ok(found.map_or(Recovered::Absent, |found| {
            whose::<K>(operation, &id, &found)
        }))
    }

    async fn rediscover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        if K::API.tags {
            return found::marked::<K>(client, context, operation).await;
        }
        // What bears no marks is where its configuration says.
        let Ok(id) = id_of::<K>(client, operation, config) else {
            return Ok(Vec::new());
        };
        let found = find::<K>(client, context, &id).await?;
        Ok(found.map(|_| id).into_iter().collect())
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
        K::API.import(id)
    }
}

/// The id that a value asks for.
fn id_of<K: Kind>(
    client: &Client,
    operation: &Operation,
    value: &Value,
) -> Result<String, ProviderError> {
    let given = |name: &'static str| {
        text(value, name)
            .filter(|v| !v.is_empty())
            .or_else(|| K::default_of(client, operation, name))
    };
    let id = K::API.filled(client.config().subscription(), given);
    id.map_err(|name| ProviderError::invalid(name, format!("`{name}` must be set")))
}

/// Plans the id of what is new: it is ours to choose, and so is known with what it is made of.
pub(crate) fn plan_id(
    request: &PlanRequest<'_>,
    planned: &mut Planned,
    id_of: impl Fn(&Value) -> Option<String>,
) {
    if request.prior.is_some() && planned.replace.is_empty() {
        return;
    }
    if let Some(id) = id_of(&planned.value) {
        let value = std::mem::replace(&mut planned.value, Value::NULL);
        planned.value = value.with_attribute("id", id.into());
    }
}

/// Plans the location of what is new as Azure will tell it: `westeurope` of `West Europe`.
pub(crate) fn plan_location(request: &PlanRequest<'_>, planned: &mut Planned) {
    if request.prior.is_some() && planned.replace.is_empty() {
        return;
    }
    let Some(said) = planned.value.get("location") else {
        return;
    };
    if let Some(text) = said.as_str() {
        let told = Value::from(place(text)).with_marks(said.marks());
        let value = std::mem::replace(&mut planned.value, Value::NULL);
        planned.value = value.with_attribute("location", told);
    }
}

/// A location's name, whichever way it was written.
pub(crate) fn place(text: &str) -> String {
    let written = text.chars().filter(|c| !c.is_whitespace());
    written.flat_map(char::to_lowercase).collect()
}

/// Plans that Azure computes the attributes or blocks `names` anew where any of `of` changes in place.
pub(crate) fn recomputed<R: Record>(
    request: &PlanRequest<'_>,
    planned: &mut Planned,
    of: &[&str],
    names: &[&str],
) {
    let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
        return;
    };
    if of.iter().all(|n| prior.get(n) == planned.value.get(n)) {
        return;
    }
    let block = R::block();
    planning::mark_unknown(planned, &block, names);
    for name in names {
        if let Some(nested) = block.blocks.get(*name) {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute(name, Value::Unknown(nested.value_type()));
        }
    }
}

/// The id that a value will have, as far as the provider's configuration is known.
fn planned_id<K: Kind>(request: &PlanRequest<'_>, value: &Value) -> Option<String> {
    let subscription = request.provider.and_then(|p| text(p, "subscription_id"));
    let subscription = match subscription {
        None if K::API.form.contains("{subscription}") => return None,
        subscription => subscription.unwrap_or_default(),
    };
    K::API.id_of(value, &subscription).ok()
}

/// The attributes that are in the id, and not in the body.
fn in_id<K: Kind>() -> Vec<&'static str> {
    K::API.attributes().collect()
}

/// Waits for one's turn where changes to a type must.
async fn turn<K: Kind>(client: &Client, id: &str) -> Option<OwnedMutexGuard<()>> {
    match K::turn(id) {
        Some(whole) => Some(client.turn(whole).await),
        None => None,
    }
}

/// Sends the creation and waits for its operation; the id.
async fn begin<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &K::Record,
) -> Result<String, ProviderError> {
    let (api, value) = (K::API, desired.to_value());
    let id = id_of::<K>(client, operation, &value)?;
    let mut body = wire::body(&K::Record::block(), &value, K::RULES, &id, &in_id::<K>());
    if let Some(location) = K::LOCATION {
        wire::put(&mut body, "location", location.into());
    }
    if api.tags {
        let all = MARKS.for_create(&client.config().tags, &tags_of(&value), operation);
        wire::put(&mut body, K::TAGS, tags::json(&all));
    }
    K::body(client, context, &id, desired, &mut body).await?;
    let _turn = turn::<K>(client, &id).await;
    // A `PUT` would overwrite what is there.
    match left::<K>(client, context, operation, &id).await? {
        None => {}
        Some(_) if K::always_there() => {}
        Some(found) => {
            if let Recovered::Foreign(id) = whose::<K>(operation, &id, &found) {
                return Err(error::foreign(&id));
            }
        }
    }
    if !api.tags {
        // Nothing on it will tell whose it is: this does.
        context.events.id_known(operation, &id).await?;
    }
    let request = Request::new(Method::Put, api.name, api.version, &*id).body(body);
    // Its operation may end in such a refusal too. Doing it again is doing it once.
    let sent = late::once_known(client, context, operation, &request, || {
        put(client, context, operation, K::PACE, &id, &request)
    });
    match sent.await {
        Ok(()) => {}
        // An attempt whose answer was lost may have made it.
        Err(error) if error.maybe_done && error.kind == ErrorKind::Conflict => {
            let found = find::<K>(client, context, &id).await?;
            let own = |found| matches!(whose::<K>(operation, &id, &found), Recovered::Found(_));
            if !found.is_some_and(own) {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    context.events.id_known(operation, &id).await?;
    Ok(id)
}

/// Sends a creation and waits for its operation, which is noted.
async fn put(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    id: &str,
    request: &Request,
) -> Result<(), ProviderError> {
    let answer = operation::begun(client, context, operation, pace, request).await?;
    let Some(url) = operation::of(client, &answer) else {
        return Ok(());
    };
    context.events.id_known(operation, &known(id, &url)).await?;
    operation::wait(client, context, operation, pace, &request.of, "PUT", &url).await
}

/// What is under an id, once a predecessor that is going has gone.
async fn left<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    wait::until(context, operation, K::PACE, || async move {
        let found = find::<K>(client, context, id).await?;
        let state = found
            .as_ref()
            .and_then(|f| f["properties"]["provisioningState"].as_str());
        Ok(match state {
            Some("Deleting") => Progress::Pending("the one before is going".to_owned()),
            _ => Progress::Done(found),
        })
    })
    .await
}

/// Waits until a resource that was written says that it is ready.
async fn ready<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    let start = context.clock.now();
    wait::until(context, operation, K::PACE, || async move {
        match find::<K>(client, context, id).await? {
            None if context.clock.now().since(start) < QUICK.limit => {
                Ok(Progress::Pending("appearing".to_owned()))
            }
            None => Err(error::gone(id)),
            Some(found) => match standing(&found) {
                Standing::Ready => Ok(Progress::Done(())),
                Standing::Going(state) => Ok(Progress::Pending(state)),
                Standing::Failed => Err(failure(&K::API, &found)),
            },
        }
    })
    .await
}

/// Reads what has just been made or changed, until what it should be is what reads say; what is read last when they never
/// agree, and the engine tells the difference.
pub(crate) async fn settled<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: K::Record,
) -> Result<K::Record, ProviderError> {
    wait::settled::<Client, Managed<K>>(client, context, operation, id, desired).await
}

/// Sends what changes, under the etag of what was read just before, and only when that is still what was planned with.
async fn change<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: &K::Record,
    desired: &K::Record,
) -> Result<(), ProviderError> {
    let block = K::Record::block();
    let (old, new) = (prior.to_value(), desired.to_value());
    let mut changes = wire::changes(&block, &old, &new, K::RULES, id, &in_id::<K>());
    changes.retain(|c| c.name != "tags");
    let _turn = turn::<K>(client, id).await;
    let (changes, old, new) = (&changes, &old, &new);
    // While somebody is faster, what they made of it is looked at again.
    wait::while_refused(context, operation, QUICK, is_stale, || async move {
        let Some(found) = find::<K>(client, context, id).await? else {
            return Err(error::gone(id));
        };
        let seen = record_of::<K>(client, id, found.clone(), Some(prior))?.to_value();
        if let Some(conflict) = overtaken(&K::Record::block(), id, old, new, &seen) {
            return Err(conflict);
        }
        let mut body = match K::UPDATE {
            Update::Whole => without_shown_only(&found),
            Update::Patch => json!({}),
        };
        for change in changes {
            match (&change.json, K::UPDATE) {
                (Some(json), Update::Whole) => {
                    let there = wire::get(&body, &change.field).cloned();
                    let merged = wire::merged(there, change.was.as_ref(), json);
                    wire::put(&mut body, &change.field, merged);
                }
                (Some(json), Update::Patch) => wire::put(&mut body, &change.field, json.clone()),
                (None, Update::Whole) => wire::remove(&mut body, &change.field),
                (None, Update::Patch) => wire::put(&mut body, &change.field, Json::Null),
            }
        }
        let retagged =
            K::API.tags && (tags_of(old) != tags_of(new) || all_tags(old) != all_tags(new));
        if K::API.tags {
            // Tags that are not to change stay as they are by now.
            let own = tags_of(if retagged { new } else { &seen });
            let there = tags::at(&found, K::TAGS);
            let all = MARKS.for_update(&client.config().tags, &own, operation, &there);
            wire::put(&mut body, K::TAGS, tags::json(&all));
        }
        let before = body.clone();
        K::changed(client, context, prior, desired, &mut body).await?;
        if changes.is_empty() && !retagged && before == body {
            // What changes is no business of this resource's own.
            return Ok(());
        }
        let method = match K::UPDATE {
            Update::Whole => Method::Put,
            Update::Patch => Method::Patch,
        };
        let request = Request::new(method, K::API.name, K::API.version, id)
            .body(body)
            .if_match(etag(&found));
        operation::run(client, context, operation, K::PACE, request)
            .await
            .map(|_| ())
    })
    .await
}

/// `tags_all`, which tell a change of the defaults.
fn all_tags(value: &Value) -> Option<&Value> {
    value.get("tags_all")
}

/// Deletes and waits until it is gone. What depends on it may take a while to let go of it.
pub(crate) async fn remove<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    let _turn = turn::<K>(client, id).await;
    let api = K::API;
    // Whether it was accepted without an operation to be followed.
    let unfollowed = &AtomicBool::new(false);
    wait::while_in_use(context, operation, IN_USE, || async move {
        let request = Request::new(Method::Delete, api.name, api.version, id);
        let answer = operation::run(client, context, operation, K::PACE, request).await?;
        let followed = answer.status != 202 || operation::of(client, &answer).is_some();
        unfollowed.store(!followed, Ordering::Relaxed);
        Ok(())
    })
    .await?;
    if !unfollowed.load(Ordering::Relaxed) {
        return Ok(());
    }
    wait::until(context, operation, K::PACE, || async move {
        Ok(match find::<K>(client, context, id).await? {
            None => Progress::Done(()),
            Some(_) => Progress::Pending("deleting".to_owned()),
        })
    })
    .await
}
