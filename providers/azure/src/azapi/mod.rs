//! `azapi_resource`: anything that Azure Resource Manager has, by its type, api-version and body.

mod body;
mod place;

use crate::client::{Client, Method, Request};
use crate::error::{self, is_stale};
use crate::found::{Standing, etag, failed, standing};
use crate::managed::{IN_USE, place as location_name, plan_location, text};
use crate::operation::{self, when_free};
use crate::tags::{self, MARKS, Tags};
use crate::{api, family};
use async_trait::async_trait;
use futures::future::join_all;
use infra_cloud::absence::there;
use infra_cloud::declared::{fields, seen};
use infra_cloud::overtaken::conflict;
use infra_cloud::pending::{known, split};
use infra_cloud::wait::{self, LONG, Progress, QUICK};
use infra_model::json::implied;
use infra_model::path::Path;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};
use place::Kind;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// A resource of any type of Azure's, by the api-version that its body is written for. Operations that take time are waited for.
#[derive(Clone, Debug, Record)]
pub(crate) struct AzapiRecord {
    /// Type and api-version: `Microsoft.App/managedEnvironments@2025-01-01`. Another version of the same type changes nothing by
    /// itself.
    #[record(required, rename = "type")]
    pub(crate) kind: String,
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The id of what it is in: a resource group, the resource that a child is of, or the one that an extension is about. By default
    /// the provider's subscription.
    #[record(optional, computed, force_new, compare = case_insensitive)]
    pub(crate) parent_id: Option<String>,
    /// Where it is, of what is in a region.
    #[record(optional, computed, force_new, compare = blanks)]
    pub(crate) location: Option<String>,
    /// Its other fields, as the API names them: `properties`, `sku`, `identity`, … What is not said here is the service's affair, and
    /// no drift.
    #[record(optional)]
    pub(crate) body: Value,
    /// How it is changed: `PUT` with all of the body, where what it leaves out may fall back to what the service does by default;
    /// `PATCH` with what changes of it; or `none`: then a change replaces it.
    #[record(optional, default = "PUT")]
    pub(crate) update: String,
    /// Tags. What has a location or tags carries the stack's default ones and infra's own too.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Fields of the answer that `output` has, by their paths: `properties.loginServer`; `*` is all of them.
    #[record(optional)]
    pub(crate) response_export_values: BTreeSet<String>,
    /// The fields that `response_export_values` names, each in its place: `output.properties.loginServer`.
    #[record(computed)]
    pub(crate) output: Value,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Azapi;

impl AzapiRecord {
    fn kind(&self) -> Result<Kind, ProviderError> {
        Kind::parse(&self.kind).ok_or_else(|| wrong_type(&self.kind))
    }

    /// Where it is, of what has its kind.
    fn place(&self, client: &Client) -> Result<(Kind, String), ProviderError> {
        let kind = self.kind()?;
        let parent = self
            .parent_id
            .clone()
            .unwrap_or_else(|| client.subscription());
        let id = kind
            .id(&parent, &self.name)
            .map_err(|why| ProviderError::invalid("parent_id", why))?;
        Ok((kind, id))
    }

    /// Whether it can have tags, as far as the stack tells: what is in a region can (Azure, "Resource types: tracked resources").
    fn tagged(&self) -> bool {
        self.location.is_some() || !self.tags.is_empty()
    }

    /// Whether what is there was made by an operation. What has no tags is ours only when the operation knows its id: that is
    /// written down just before it is made, after a look that nothing is there.
    fn made_by(&self, operation: &Operation, found: &Json) -> bool {
        if self.tagged() {
            MARKS.made_by(operation, &tags::of(found))
        } else {
            operation.known_id.is_some()
        }
    }
}

fn wrong_type(said: &str) -> ProviderError {
    let text = format!(
        "`{said}` is no type with an api-version, such as Microsoft.App/managedEnvironments@2025-01-01"
    );
    ProviderError::invalid("type", text)
}

fn request(method: Method, kind: &Kind, id: &str) -> Request {
    Request::new(method, &*kind.name, "", id).query("api-version", &*kind.version)
}

async fn find(
    client: &Client,
    context: &CallContext,
    kind: &Kind,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    there(client.call(context, &request(Method::Get, kind, id)).await)
}

/// The attributes of what was found.
fn record(client: &Client, id: &str, found: &Json, prior: &AzapiRecord) -> AzapiRecord {
    let mut record = prior.clone();
    record.body = seen(&record.body, |said| body::declared(found, said));
    let location = found["location"].as_str();
    let same = |said: &&String| location.map(location_name) == Some(location_name(said));
    record.location = prior.location.as_ref().filter(same).cloned();
    if record.location.is_none() {
        record.location = location.map(location_name);
    }
    if record.tagged() {
        let defaults = &client.config().tags;
        record.tags = MARKS.split(tags::of(found), defaults, Some(&prior.tags)).0;
    }
    let paths = record.response_export_values.iter().map(String::as_str);
    record.output = implied(&body::exported(found, paths));
    record.id = Some(id.to_owned());
    record
}

#[async_trait]
impl Resource<Client> for Azapi {
    type Record = AzapiRecord;
    const TYPE: &'static str = "azapi_resource";

    fn traits() -> Traits {
        Traits::default().seconds(30, 20, 30).family(family::WRITE)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let block = AzapiRecord::block();
        let kind = |value: &Value| text(value, "type").and_then(|t| Kind::parse(&t));
        if let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) {
            let changes = |name: &str| prior.get(name) != planned.value.get(name);
            let fixed = text(&planned.value, "update").as_deref() == Some("none");
            let other = match (kind(prior), kind(&planned.value)) {
                (Some(old), Some(new)) => !old.name.eq_ignore_ascii_case(&new.name),
                _ => true,
            };
            if other {
                planned.replace.push(Path::attribute("type"));
            }
            if fixed && changes("body") {
                planned.replace.push(Path::attribute("body"));
            }
            if planned.replace.is_empty() {
                let shown = ["body", "tags", "type", "response_export_values"];
                if shown.into_iter().any(changes) {
                    planning::mark_unknown(planned, &block, &["output"]);
                }
                return Ok(());
            }
        }
        planning::mark_unknown(planned, &block, &["output", "id"]);
        let mut set = |name: &str, value: Value| {
            let old = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = old.with_attribute(name, value);
        };
        let subscription = request.provider.and_then(|p| text(p, "subscription_id"));
        if request.config.get("parent_id").is_none_or(Value::is_null)
            && let Some(subscription) = subscription
        {
            set("parent_id", format!("/subscriptions/{subscription}").into());
        }
        let said = |name: &str| text(&planned.value, name);
        if let (Some(kind), Some(parent), Some(name)) =
            (kind(&planned.value), said("parent_id"), said("name"))
            && let Ok(id) = kind.id(&parent, &name)
        {
            let old = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = old.with_attribute("id", id.into());
        }
        plan_location(request, planned);
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut wrong = Vec::new();
        let said = text(config, "type");
        let kind = said.as_deref().and_then(Kind::parse);
        if let (Some(said), None) = (&said, &kind) {
            wrong.push(wrong_type(said));
        }
        if let (Some(kind), Some(parent), Some(name)) =
            (kind, text(config, "parent_id"), text(config, "name"))
            && let Err(why) = kind.id(&parent, &name)
        {
            wrong.push(ProviderError::invalid("parent_id", why));
        }
        if text(config, "name").is_some_and(|name| name.contains('/')) {
            let message = "the name of a child is its last part alone, and `parent_id` the rest";
            wrong.push(ProviderError::invalid("name", message));
        }
        if let Some(word) = text(config, "update")
            && !["PUT", "PATCH", "none"].contains(&&*word)
        {
            let message = format!("`{word}` must be one of PUT, PATCH, none");
            wrong.push(ProviderError::invalid("update", message));
        }
        let body = config
            .get("body")
            .filter(|b| !b.is_null() && !b.is_unknown());
        match body.map(|body| body.entries()) {
            Some(None) => wrong.push(ProviderError::invalid(
                "body",
                "it must be a table of fields",
            )),
            Some(Some(entries)) => {
                for name in ["id", "name", "type", "location", "tags"] {
                    if entries.contains_key(name) {
                        let message = format!("`{name}` stands beside the body, not in it");
                        wrong.push(ProviderError::invalid("body", message));
                    }
                }
            }
            None => {}
        }
        wrong
    }

    fn id(record: &AzapiRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<AzapiRecord>],
    ) -> Vec<Result<Option<AzapiRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async {
            let id = split(&item.id).0;
            let Some(prior) = &item.prior else {
                return Err(unversioned(id));
            };
            let found = find(client, context, &prior.kind()?, id).await?;
            Ok(found.map(|found| record(client, id, &found, prior)))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AzapiRecord,
    ) -> Result<AzapiRecord, ProviderError> {
        let (kind, id) = desired.place(client)?;
        if let Some((_, Some(url))) = operation.known_id.as_deref().map(split) {
            operation::wait(client, context, operation, LONG, &kind.name, "PUT", url).await?;
            context.events.id_known(operation, &id).await?;
        } else {
            begin(client, context, operation, &kind, &id, &desired).await?;
        }
        ready(client, context, operation, &kind, &id).await?;
        wait::settled::<Client, Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: AzapiRecord,
        desired: AzapiRecord,
    ) -> Result<AzapiRecord, ProviderError> {
        let (kind, id) = (desired.kind()?, Self::id(&prior));
        change(client, context, operation, (&kind, &id), &prior, &desired).await?;
        ready(client, context, operation, &kind, &id).await?;
        wait::settled::<Client, Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: AzapiRecord,
    ) -> Result<(), ProviderError> {
        let (kind, id) = (&prior.kind()?, &Self::id(&prior));
        wait::while_in_use(context, operation, IN_USE, || {
            operation::run(
                client,
                context,
                operation,
                LONG,
                request(Method::Delete, kind, id),
            )
        })
        .await?;
        wait::until(context, operation, LONG, || async move {
            Ok(match find(client, context, kind, id).await? {
                None => Progress::Done(()),
                Some(_) => Progress::Pending("deleting".to_owned()),
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AzapiRecord,
    ) -> Result<Recovered, ProviderError> {
        let (kind, id) = desired.place(client)?;
        Ok(match find(client, context, &kind, &id).await? {
            None => Recovered::Absent,
            Some(found) if desired.made_by(operation, &found) => Recovered::Found(id),
            Some(_) => Recovered::Foreign(id),
        })
    }

    fn import(id: &str) -> Result<Imported<AzapiRecord>, ProviderError> {
        let (id, version) = id
            .split_once("?api-version=")
            .ok_or_else(|| unversioned(id))?;
        let name = place::kind_of(id).ok_or_else(|| unversioned(id))?;
        let kind = format!("{name}@{version}");
        if Kind::parse(&kind).is_none() {
            return Err(unversioned(id));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: Some(AzapiRecord {
                kind,
                name: api::short(id).to_owned(),
                parent_id: Some(place::parent_of(id).to_owned()),
                location: None,
                // Nothing is declared yet.
                body: Value::NULL,
                update: "PUT".to_owned(),
                tags: BTreeMap::new(),
                response_export_values: BTreeSet::new(),
                output: Value::NULL,
                id: Some(id.to_owned()),
            }),
        })
    }
}

fn unversioned(id: &str) -> ProviderError {
    let form = "/subscriptions/{subscription}/resourceGroups/{group}/providers/{type}/{name}?api-version={version}";
    ProviderError::new(ErrorKind::Invalid, format!("`{id}` is not `{form}`"))
}

/// Sends the creation and waits for its operation. A `PUT` would overwrite what is there: that is looked at before.
async fn begin(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    kind: &Kind,
    id: &str,
    desired: &AzapiRecord,
) -> Result<(), ProviderError> {
    let left = wait::until(context, operation, LONG, || async move {
        let found = find(client, context, kind, id).await?;
        let going = |f: &Json| f["properties"]["provisioningState"] == "Deleting";
        Ok(if found.as_ref().is_some_and(going) {
            Progress::Pending("the one before is going".to_owned())
        } else {
            Progress::Done(found)
        })
    })
    .await?;
    if left.is_some_and(|found| !desired.made_by(operation, &found)) {
        return Err(error::foreign(id));
    }
    if !desired.tagged() {
        // Nothing on it will tell whose it is: this does.
        context.events.id_known(operation, id).await?;
    }
    let defaults = &client.config().tags;
    let all = MARKS.for_create(defaults, &desired.tags, operation);
    let request = request(Method::Put, kind, id).body(whole(desired, &all));
    let answer = when_free(client, context, operation, LONG, &request).await?;
    if let Some(url) = operation::of(client, &answer) {
        context.events.id_known(operation, &known(id, &url)).await?;
        operation::wait(client, context, operation, LONG, &kind.name, "PUT", &url).await?;
    }
    context.events.id_known(operation, id).await
}

/// All that a stack declares of a resource, with these tags where it can have any.
fn whole(desired: &AzapiRecord, all: &Tags) -> Json {
    let mut out = Json::Object(fields(&desired.body));
    if let Some(location) = &desired.location {
        out["location"] = location.as_str().into();
    }
    if desired.tagged() {
        out["tags"] = tags::json(all);
    }
    out
}

/// Waits until a resource that was written says that it is ready.
async fn ready(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    kind: &Kind,
    id: &str,
) -> Result<(), ProviderError> {
    let start = context.clock.now();
    wait::until(context, operation, LONG, || async move {
        match find(client, context, kind, id).await? {
            None if context.clock.now().since(start) < QUICK.limit => {
                Ok(Progress::Pending("appearing".to_owned()))
            }
            None => Err(error::gone(id)),
            Some(found) => match standing(&found) {
                Standing::Ready => Ok(Progress::Done(())),
                Standing::Going(state) => Ok(Progress::Pending(state)),
                Standing::Failed => Err(failed(&kind.name, &found)),
            },
        }
    })
    .await
}

/// Sends what changes, under the etag of what was read just before where there is one, and only when that is still what was
/// planned with.
async fn change(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    (kind, id): (&Kind, &str),
    prior: &AzapiRecord,
    desired: &AzapiRecord,
) -> Result<(), ProviderError> {
    let (old, new) = (&fields(&prior.body), &fields(&desired.body));
    // While somebody is faster, what they made of it is looked at again.
    wait::while_refused(context, operation, QUICK, is_stale, || async move {
        let Some(found) = find(client, context, kind, id).await? else {
            return Err(error::gone(id));
        };
        let is = |said: &Map<String, Json>| {
            let said = Json::Object(said.clone());
            body::declared(&found, &said) == said
        };
        if old != new && !is(old) && !is(new) {
            return Err(conflict(id, Path::attribute("body"), None));
        }
        let there = tags::of(&found);
        let all = MARKS.for_update(&client.config().tags, &desired.tags, operation, &there);
        let retagged = desired.tagged() && prior.tags != desired.tags;
        if old == new && !retagged {
            return Ok(());
        }
        let call = if desired.update == "PATCH" {
            let mut patch = Json::Object(body::patch(old, new));
            if retagged {
                patch["tags"] = tags::json(&all);
            }
            request(Method::Patch, kind, id).body(patch)
        } else {
            request(Method::Put, kind, id).body(whole(desired, &all))
        };
        let call = call.if_match(etag(&found));
        operation::run(client, context, operation, LONG, call)
            .await
            .map(|_| ())
    })
    .await
}
