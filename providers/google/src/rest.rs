//! `google_rest_resource`: anything that a REST API of Google's has, by its path and body. What the type cannot know of a
//! resource, the stack file says: how it gets its name, how it is changed.

use crate::change::{STALE, is_stale};
use crate::client::Client;
use crate::error;
use crate::family::REST;
use crate::labels::MARKS;
use crate::managed::{is_taken, settled, text};
use crate::operation::when_free;
use crate::rest_call::{find, finish, pending, request, run, with_token};
use crate::rest_labels::Place;
use async_trait::async_trait;
use futures::future::join_all;
use infra_cloud::absence::absent_is_done;
use infra_cloud::declared::{declared, exported, fields, seen};
use infra_cloud::overtaken;
use infra_cloud::pending::{known, split};
use infra_cloud::wait::{self, LONG};
use infra_model::path::Path;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// A resource of any REST API of Google Cloud that has a name which the caller chooses, a collection in which it is made, and
/// answers to GET, PATCH or PUT, and DELETE. Operations that take time are waited for.
#[derive(Clone, Debug, Record)]
pub(crate) struct RestRecord {
    /// The URL of its collection, as the API's reference has it: `https://pubsub.googleapis.com/v1/projects/{project}/topics`.
    /// `{project}`, `{region}` and `{zone}` are the provider's.
    #[record(required, force_new)]
    pub(crate) collection: String,
    /// Its name in the collection.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Its fields, as the API names them. What is not said here is the service's affair, and no drift.
    #[record(optional)]
    pub(crate) body: Value,
    /// How it is made: `POST` to the collection, or `PUT` to its own path.
    #[record(optional, default = "POST")]
    pub(crate) create: String,
    /// How it is changed: `PATCH` with the fields that change, `PUT` with all of them, or `none`: then a change replaces it.
    #[record(optional, default = "PATCH")]
    pub(crate) update: String,
    /// Whether a PATCH says in `updateMask` which fields it has.
    #[record(optional, default = false)]
    pub(crate) update_mask: bool,
    /// The query parameter that has the name when it is made, such as `topicId`; by default the field `name` of the body has it.
    #[record(optional)]
    pub(crate) name_parameter: Option<String>,
    /// The field in which the body stands when it is made, such as `cluster`.
    #[record(optional)]
    pub(crate) wrapped_in: Option<String>,
    /// The query parameter that has the operation's token, with which a call that is sent twice is done once. `requestId` by
    /// default for Compute Engine.
    #[record(optional)]
    pub(crate) token_parameter: Option<String>,
    /// The field that holds its labels, such as `labels`, `resourceLabels` or `settings.userLabels`; `none` where it has none. By default
    /// `labels`, where the body declares them. With labels, it carries the provider's and the marks that tell whose it is, which do not
    /// show; without, nothing but its name does.
    #[record(optional)]
    pub(crate) labels_field: Option<String>,
    /// Fields of the answer that `output` has.
    #[record(optional)]
    pub(crate) export: BTreeSet<String>,
    /// The fields of the answer that `export` names.
    #[record(computed)]
    pub(crate) output: Value,
    /// Host and path: `pubsub.googleapis.com/v1/projects/p/topics/t`.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Rest;

const SCHEME: &str = "https://";

/// An id with these placeholders filled; none when one has no value.
fn filled(
    collection: &str,
    name: &str,
    of: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut path = collection.trim_end_matches('/').to_owned();
    for placeholder in ["project", "region", "zone"] {
        let written = format!("{{{placeholder}}}");
        if path.contains(&written) {
            let value = of(placeholder).filter(|v| !v.is_empty());
            let value = value.ok_or_else(|| {
                format!("`{written}` stands in it, and the provider has no {placeholder}")
            })?;
            path = path.replace(&written, &value);
        }
    }
    Ok(format!("{}/{name}", path.trim_start_matches(SCHEME)))
}

fn id_of(client: &Client, record: &RestRecord) -> Result<String, ProviderError> {
    let config = client.config();
    filled(&record.collection, &record.name, |name| match name {
        "project" => Some(client.project().to_owned()),
        "region" => config.region.clone(),
        _ => config.zone.clone(),
    })
    .map_err(|why| ProviderError::invalid("collection", why))
}

fn place_of(record: &RestRecord) -> Option<Place> {
    Place::of(
        record.labels_field.as_deref(),
        &Json::Object(fields(&record.body)),
    )
}

fn record(client: &Client, id: &str, found: &Json, prior: Option<&RestRecord>) -> RestRecord {
    let (collection, name) = id.rsplit_once('/').unwrap_or(("", id));
    let mut record = prior.cloned().unwrap_or_else(|| RestRecord {
        collection: format!("{SCHEME}{collection}"),
        name: name.to_owned(),
        // Nothing is declared yet.
        body: Value::NULL,
        create: "POST".to_owned(),
        update: "PATCH".to_owned(),
        update_mask: false,
        name_parameter: None,
        wrapped_in: None,
        token_parameter: None,
        labels_field: None,
        export: BTreeSet::new(),
        output: Value::NULL,
        id: None,
    });
    let said = Json::Object(fields(&record.body));
    let found = match place_of(&record) {
        Some(place) => &place.shown(&client.config().labels, found.clone(), &said),
        None => found,
    };
    record.body = seen(&record.body, |said| declared(found, said));
    record.output = exported(found, &record.export);
    record.id = Some(id.to_owned());
    record
}

#[async_trait]
impl Resource<Client> for Rest {
    type Record = RestRecord;
    const TYPE: &'static str = "google_rest_resource";

    fn traits() -> Traits {
        Traits::default()
            .seconds(20, 10, 20)
            .family(REST.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let block = RestRecord::block();
        let changes = |name: &str| {
            let prior = request.prior.and_then(|prior| prior.get(name));
            prior.is_none_or(|prior| planned.value.get(name) != Some(prior))
        };
        let (body, export) = (changes("body"), changes("export"));
        if request.prior.is_some() && planned.replace.is_empty() {
            if body && text(&planned.value, "update").as_deref() == Some("none") {
                planned.replace.push(Path::attribute("body"));
            } else {
                if body || export {
                    planning::mark_unknown(planned, &block, &["output"]);
                }
                return Ok(());
            }
        }
        planning::mark_unknown(planned, &block, &["output", "id"]);
        let of = |name: &str| text(request.provider?, name);
        let known = (
            text(&planned.value, "collection"),
            text(&planned.value, "name"),
        );
        if let (Some(collection), Some(name)) = known
            && let Ok(id) = filled(&collection, &name, of)
        {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("id", id.into());
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut wrong = Vec::new();
        if let Some(url) = text(config, "collection") {
            let host = url.strip_prefix(SCHEME).and_then(|r| r.split('/').next());
            // Whoever is asked gets the credentials to see.
            if !host.is_some_and(|host| host.ends_with(".googleapis.com")) {
                wrong.push(ProviderError::invalid(
                    "collection",
                    "it must be the URL of a Google API, such as https://pubsub.googleapis.com/v1/projects/{project}/topics",
                ));
            }
        }
        for (name, words) in [
            ("create", &["POST", "PUT"][..]),
            ("update", &["PATCH", "PUT", "none"]),
        ] {
            if let Some(word) = text(config, name)
                && !words.contains(&&*word)
            {
                let message = format!("`{word}` must be one of {}", words.join(", "));
                wrong.push(ProviderError::invalid(name, message));
            }
        }
        let body = config
            .get("body")
            .filter(|b| !b.is_null() && !b.is_unknown());
        if body.is_some_and(|body| body.entries().is_none()) {
            wrong.push(ProviderError::invalid(
                "body",
                "it must be a table of fields",
            ));
        }
        wrong
    }

    fn id(record: &RestRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RestRecord>],
    ) -> Vec<Result<Option<RestRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async {
            let id = split(&item.id).0;
            let found = find(client, context, id).await?;
            Ok(found.map(|found| record(client, id, &found, item.prior.as_ref())))
        }))
        .await
    }

    /// That nothing had the name is made durable before the call, so that what has it afterwards is known to be ours.
    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RestRecord,
    ) -> Result<RestRecord, ProviderError> {
        let (id, send) = match operation.known_id.as_deref().map(split) {
            None => {
                let id = id_of(client, &desired)?;
                if find(client, context, &id).await?.is_some() {
                    return Err(error::foreign(&id));
                }
                let begun = known(&id, "");
                context.events.id_known(operation, &begun).await?;
                (id, true)
            }
            Some((id, Some(""))) => {
                let there = find(client, context, id).await?.is_some();
                (id.to_owned(), !there)
            }
            Some((id, Some(at))) => {
                finish(client, context, operation, "create", at).await?;
                (id.to_owned(), false)
            }
            Some((id, None)) => (id.to_owned(), false),
        };
        if send {
            make(client, context, operation, &id, &desired).await?;
        }
        context.events.id_known(operation, &id).await?;
        settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RestRecord,
        desired: RestRecord,
    ) -> Result<RestRecord, ProviderError> {
        let id = Self::id(&prior);
        if fields(&prior.body) != fields(&desired.body) {
            let (id, prior, desired) = (&*id, &prior, &desired);
            // While somebody is faster, what they made of it is looked at again.
            wait::while_refused(context, operation, STALE, is_stale, || {
                change(client, context, operation, id, prior, desired)
            })
            .await?;
        }
        settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RestRecord,
    ) -> Result<(), ProviderError> {
        let id = Self::id(&prior);
        let id = &*id;
        let call = with_token(
            request(Method::DELETE, id, Json::Null),
            &prior,
            operation,
            "",
        );
        let call = &call;
        let done = wait::while_in_use(context, operation, LONG, || async move {
            run(client, context, operation, id, call.clone()).await
        });
        absent_is_done(done.await)
    }

    /// An operation that has sent anything has an id; one whose id was lost is known by its mark. What has the name otherwise is somebody
    /// else's.
    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RestRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = id_of(client, &desired)?;
        let found = find(client, context, &id).await?;
        let made = |found: &Json| {
            let place = place_of(&desired);
            place.is_some_and(|place| MARKS.made_by(operation, &place.read(found)))
        };
        Ok(match found {
            Some(found) if made(&found) => Recovered::Found(id),
            Some(_) => Recovered::Foreign(id),
            None => Recovered::Absent,
        })
    }

    async fn rediscover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let config_of = client.config();
        let named = (text(config, "collection"), text(config, "name"));
        let (Some(collection), Some(name)) = named else {
            return Ok(Vec::new());
        };
        let id = filled(&collection, &name, |name| match name {
            "project" => Some(client.project().to_owned()),
            "region" => config_of.region.clone(),
            _ => config_of.zone.clone(),
        })
        .map_err(|why| ProviderError::invalid("collection", why))?;
        let body = config.get("body").map(infra_model::json::to_json);
        let field = text(config, "labels_field");
        let place = Place::of(field.as_deref(), &body.unwrap_or(Json::Null));
        let found = find(client, context, &id).await?;
        // Where it bears no marks, its name is all that tells.
        let ours = found
            .filter(|found| place.is_none_or(|place| MARKS.are_of(&place.read(found), operation)));
        Ok(ours.map(|_| id).into_iter().collect())
    }

    fn import(id: &str) -> Result<Imported<RestRecord>, ProviderError> {
        let id = id.trim_start_matches(SCHEME);
        let host = id.split('/').next().unwrap_or_default();
        if !host.ends_with(".googleapis.com") || id.matches('/').count() < 2 {
            let form = "the id is host and path: pubsub.googleapis.com/v1/projects/p/topics/t";
            return Err(ProviderError::new(ErrorKind::Invalid, form));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// Sends what changes, unless somebody else has changed that since it was planned; a `PUT` writes all that was said.
async fn change(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: &RestRecord,
    desired: &RestRecord,
) -> Result<(), ProviderError> {
    let Some(found) = find(client, context, id).await? else {
        return Err(error::gone(id));
    };
    let whole = desired.update == "PUT";
    let (old, new) = (fields(&prior.body), fields(&desired.body));
    let seen = fields(&record(client, id, &found, Some(prior)).body);
    if let Some(conflict) = overtaken::of_fields("body", id, [&old, &new, &seen], whole) {
        return Err(conflict);
    }
    let mut body = if whole {
        new
    } else {
        let gone = old.keys().filter(|name| !new.contains_key(*name));
        let gone = gone.map(|name| (name.clone(), Json::Null));
        let changed = new
            .iter()
            .filter(|(name, value)| old.get(*name) != Some(value));
        let changed = changed.map(|(name, value)| (name.clone(), value.clone()));
        changed.chain(gone).collect::<Map<_, _>>()
    };
    if let Some(place) = place_of(desired) {
        let said = Json::Object(fields(&desired.body));
        let defaults = &client.config().labels;
        place.for_update(defaults, operation, &mut body, (&said, &found), whole);
    }
    let mask = body.keys().cloned().collect::<Vec<_>>().join(",");
    let mut purpose = "patch".to_owned();
    // Where the service has one, it refuses what was changed in between.
    for name in ["fingerprint", "etag"] {
        let guard = found.get(name).filter(|guard| guard.is_string());
        if let Some(guard) = guard.filter(|_| !body.contains_key(name)) {
            purpose = format!("{purpose}{guard}");
            body.insert(name.to_owned(), guard.clone());
        }
    }
    let method = if whole { Method::PUT } else { Method::PATCH };
    let mut call = request(method, id, Json::Object(body));
    if !whole && desired.update_mask {
        call = call.query("updateMask", mask);
    }
    let call = with_token(call, desired, operation, &purpose);
    run(client, context, operation, id, call).await
}

/// Sends the creation and waits for it.
async fn make(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: &RestRecord,
) -> Result<(), ProviderError> {
    let mut body = fields(&desired.body);
    if let Some(place) = place_of(desired) {
        place.for_create(&client.config().labels, operation, &mut body);
    }
    let call = if desired.create == "PUT" {
        request(Method::PUT, id, Json::Object(body))
    } else {
        if desired.name_parameter.is_none() {
            body.insert("name".to_owned(), Json::String(desired.name.clone()));
        }
        let body = match &desired.wrapped_in {
            Some(field) => json!({ field: body }),
            None => Json::Object(body),
        };
        let collection = id.rsplit_once('/').map_or(id, |(collection, _)| collection);
        let call = request(Method::POST, collection, body);
        match &desired.name_parameter {
            Some(parameter) => call.query(parameter.clone(), &*desired.name),
            None => call,
        }
    };
    let call = with_token(call, desired, operation, "");
    match when_free(client, context, operation, LONG, &call).await {
        Ok(answer) => match pending(id, &answer) {
            Some(at) => {
                context.events.id_known(operation, &known(id, &at)).await?;
                finish(client, context, operation, &call.call, &at).await
            }
            None => Ok(()),
        },
        // There was nothing before, and an answer was lost: this is what the first attempt made.
        Err(error) if is_taken(&error) && (error.maybe_done || operation.known_id.is_some()) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_host_and_path() {
        let of = |name: &str| (name == "project").then(|| "p".to_owned());
        let topics = "https://pubsub.googleapis.com/v1/projects/{project}/topics";
        assert_eq!(
            filled(topics, "t", of).as_deref(),
            Ok("pubsub.googleapis.com/v1/projects/p/topics/t")
        );
        let zonal =
            "https://compute.googleapis.com/compute/v1/projects/{project}/zones/{zone}/disks";
        assert!(filled(zonal, "d", of).is_err_and(|why| why.contains("no zone")));
    }

    #[test]
    fn credentials_go_to_google_alone() {
        for (url, right) in [
            ("https://pubsub.googleapis.com/v1/projects/p/topics", true),
            ("https://example.com/v1/things", false),
            ("http://pubsub.googleapis.com/v1/projects/p/topics", false),
            ("https://googleapis.com.example.com/v1", false),
        ] {
            let config = Value::object([("collection", url.into())]);
            assert_eq!(Rest::validate(&config).is_empty(), right, "{url}");
        }
    }
}
