//! `aws_cloudcontrol_resource`: anything that AWS's Cloud Control API has, by CloudFormation's name of its type and its
//! properties. What the type cannot know of a resource, the stack file says: which properties cannot be changed.

use crate::batch::{self, Page};
use crate::client::Client;
use crate::cloudcontrol_request::{finish, status, token_of};
use crate::cloudcontrol_tags::{Place, TAGGING};
use crate::error::{absent_is_done, there};
use crate::family::CLOUDCONTROL;
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use futures::future::join_all;
use infra_cloud::declared::{declared, exported, fields, seen};
use infra_cloud::pending::{known, split};
use infra_model::path::{Path, Step};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// A resource of any type that the Cloud Control API supports: `AWS::Logs::LogGroup`, `AWS::SNS::Topic`, … Requests that take
/// time are waited for, and taken up again by a later run.
#[derive(Clone, Debug, Record)]
pub(crate) struct CloudControlRecord {
    /// CloudFormation's name of its type: `AWS::Logs::LogGroup`.
    #[record(required, force_new)]
    pub(crate) type_name: String,
    /// Its properties, as CloudFormation's reference names them. What is not said here is the service's affair, and no drift.
    #[record(optional)]
    pub(crate) properties: Value,
    /// How its type has tags, by CloudFormation's reference: `list` where each is a `Key` and a `Value`, `map` where they are a table,
    /// `none`. By default as the properties declare them. With tags, it carries the provider's and the marks that tell whose it is, which
    /// do not show; without, nothing but its identifier does, and a lost state cannot find it again.
    #[record(optional)]
    pub(crate) tagging: Option<String>,
    /// The property that holds the tags, where it is not `Tags`, such as `UserPoolTags`.
    #[record(optional)]
    pub(crate) tags_property: Option<String>,
    /// The properties that cannot be changed ("Update requires: Replacement" in CloudFormation's reference): a change of one
    /// replaces the resource.
    #[record(optional)]
    pub(crate) create_only: BTreeSet<String>,
    /// The role that Cloud Control takes on to do it; by default it uses the caller's rights.
    #[record(optional)]
    pub(crate) role_arn: Option<String>,
    /// The version of a private type.
    #[record(optional)]
    pub(crate) type_version_id: Option<String>,
    /// Properties of the answer that `output` has, such as `Arn`.
    #[record(optional)]
    pub(crate) export: BTreeSet<String>,
    /// The properties of the answer that `export` names.
    #[record(computed)]
    pub(crate) output: Value,
    /// Its primary identifier; parts are joined by `|`.
    #[record(computed)]
    pub(crate) identifier: Option<String>,
    /// Type and identifier: `AWS::Logs::LogGroup|shop`.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct CloudControl;

/// How long a token counts after it was first used.
/// <https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_CreateResource.html>
const TOKENS_LAST: Duration = Duration::from_hours(36);

/// Type and identifier.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((id, ""))
}

/// The properties that are not the same in both.
fn changed(prior: &Value, desired: &Value) -> BTreeSet<String> {
    let (old, new) = (fields(prior), fields(desired));
    let names = old.keys().chain(new.keys());
    let changed = names.filter(|name| old.get(*name) != new.get(*name));
    changed.cloned().collect()
}

/// What makes the new properties of the old ones (RFC 6902); others stay as they are.
fn patch(prior: &Value, desired: &Value) -> Json {
    let new = fields(desired);
    let operations = changed(prior, desired).into_iter().map(|name| {
        let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        match new.get(&name) {
            Some(value) => json!({ "op": "add", "path": path, "value": value }),
            None => json!({ "op": "remove", "path": path }),
        }
    });
    operations.collect()
}

/// The id of what is known by the request that makes it: as it was read before, else as the request tells; none while it does
/// not, or when it came to nothing.
async fn resolved(
    client: &Client,
    context: &CallContext,
    known: &str,
    prior: Option<&CloudControlRecord>,
) -> Result<Option<String>, ProviderError> {
    let (id, Some(request)) = split(known) else {
        return Ok(Some(known.to_owned()));
    };
    let read = prior.and_then(|p| p.id.as_deref());
    if let Some(read) = read.filter(|read| split(read).1.is_none()) {
        return Ok(Some(read.to_owned()));
    }
    if request.is_empty() {
        return Ok(None);
    }
    let event = there(status(client, context, request).await)?.flatten();
    let identifier = event.and_then(|event| event.identifier);
    Ok(identifier.map(|identifier| format!("{id}{identifier}")))
}

async fn find(
    client: &Client,
    context: &CallContext,
    id: &str,
    prior: Option<&CloudControlRecord>,
) -> Result<Option<Json>, ProviderError> {
    let (type_name, identifier) = parts(id);
    let answer = client.call(context, CLOUDCONTROL, "GetResource", || {
        client
            .cloudcontrol()
            .get_resource()
            .type_name(type_name)
            .identifier(identifier)
            .set_role_arn(prior.and_then(|p| p.role_arn.clone()))
            .set_type_version_id(prior.and_then(|p| p.type_version_id.clone()))
            .send()
    });
    let Some(found) = there(answer.await)? else {
        return Ok(None);
    };
    let text = found.resource_description.and_then(|d| d.properties);
    let text = text.unwrap_or_else(|| "{}".to_owned());
    serde_json::from_str(&text).map(Some).map_err(|why| {
        let message = format!("the properties of {id} are no JSON: {why}");
        ProviderError::new(ErrorKind::Other, message)
    })
}

fn place_of(record: &CloudControlRecord) -> Option<Place> {
    let properties = Json::Object(fields(&record.properties));
    let (tagging, property) = (record.tagging.as_deref(), record.tags_property.as_deref());
    Place::of(tagging, property, &properties)
}

/// The identifiers of a type's resources that carry tags of which something holds. A listing may tell less of each than asking for it.
async fn tagged(
    client: &Client,
    context: &CallContext,
    type_name: &str,
    place: &Place,
    holds: impl Fn(&Tags) -> bool + Send + Sync,
) -> Result<Vec<String>, ProviderError> {
    let all = batch::all_pages(|token| {
        let request = client
            .cloudcontrol()
            .list_resources()
            .type_name(type_name)
            .set_next_token(token);
        async move {
            let answer = client
                .call(context, CLOUDCONTROL, "ListResources", || {
                    request.clone().send()
                })
                .await?;
            Ok::<_, ProviderError>(Page {
                items: answer.resource_descriptions.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await?;
    let mut ours = Vec::new();
    for one in all {
        let Some(identifier) = one.identifier else {
            continue;
        };
        let text = one.properties.unwrap_or_default();
        let listed: Json = serde_json::from_str(&text).unwrap_or_default();
        let id = format!("{type_name}|{identifier}");
        let found = if listed.get(&place.property).is_some() {
            Some(listed)
        } else {
            find(client, context, &id, None).await?
        };
        if found.is_some_and(|found| holds(&place.read(&found))) {
            ours.push(id);
        }
    }
    Ok(ours)
}

fn record(
    client: &Client,
    id: &str,
    mut found: Json,
    prior: Option<&CloudControlRecord>,
) -> CloudControlRecord {
    let (type_name, identifier) = parts(id);
    let mut record = prior.cloned().unwrap_or_else(|| CloudControlRecord {
        type_name: type_name.to_owned(),
        // Nothing is declared yet.
        properties: Value::NULL,
        tagging: None,
        tags_property: None,
        create_only: BTreeSet::new(),
        role_arn: None,
        type_version_id: None,
        export: BTreeSet::new(),
        output: Value::NULL,
        identifier: None,
        id: None,
    });
    if let Some(place) = place_of(&record) {
        let said = Json::Object(fields(&record.properties));
        found = place.shown(&client.config().tags, found, &said);
    }
    record.properties = seen(&record.properties, |said| declared(&found, said));
    record.output = exported(&found, &record.export);
    record.identifier = Some(identifier.to_owned());
    record.id = Some(id.to_owned());
    record
}

#[async_trait]
impl Resource<Client> for CloudControl {
    type Record = CloudControlRecord;
    const TYPE: &'static str = "aws_cloudcontrol_resource";

    fn traits() -> Traits {
        Traits::default()
            .seconds(30, 30, 30)
            .family(CLOUDCONTROL.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let block = CloudControlRecord::block();
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let of = |value: &Value, name: &str| value.get(name).cloned().unwrap_or(Value::NULL);
        let [old, new] = [prior, &planned.value].map(|value| of(value, "properties"));
        let fixed: BTreeSet<String> = of(&planned.value, "create_only")
            .elements()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        if planned.replace.is_empty() {
            for name in changed(&old, &new).intersection(&fixed) {
                let inside = Path::attribute("properties");
                planned
                    .replace
                    .push(inside.join(Step::Attribute(name.as_str().into())));
            }
        }
        if !planned.replace.is_empty() {
            planning::mark_unknown(planned, &block, &["output", "identifier", "id"]);
        } else if old != new || of(prior, "export") != of(&planned.value, "export") {
            planning::mark_unknown(planned, &block, &["output"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut wrong = Vec::new();
        let known = |name: &str| config.get(name).filter(|v| !v.is_null() && !v.is_unknown());
        let name = known("type_name").and_then(Value::as_str);
        if name.is_some_and(|name| name.split("::").filter(|part| !part.is_empty()).count() < 3) {
            wrong.push(ProviderError::invalid(
                "type_name",
                "it must be CloudFormation's name of a type, such as AWS::Logs::LogGroup",
            ));
        }
        if known("properties").is_some_and(|properties| properties.entries().is_none()) {
            wrong.push(ProviderError::invalid(
                "properties",
                "it must be a table of properties",
            ));
        }
        let tagging = known("tagging").and_then(Value::as_str);
        if tagging.is_some_and(|tagging| !TAGGING.contains(&tagging)) {
            let message = format!("it must be one of {}", TAGGING.join(", "));
            wrong.push(ProviderError::invalid("tagging", message));
        }
        wrong
    }

    fn id(record: &CloudControlRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<CloudControlRecord>],
    ) -> Vec<Result<Option<CloudControlRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async {
            let prior = item.prior.as_ref();
            let Some(id) = resolved(client, context, &item.id, prior).await? else {
                return Ok(None);
            };
            let found = find(client, context, &id, prior).await?;
            Ok(found.map(|found| record(client, &id, found, prior)))
        }))
        .await
    }

    /// That the request is sent with the operation's token is made durable before it is: one that is taken up without an answer is
    /// sent again with the same token, and AWS does it once.
    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: CloudControlRecord,
    ) -> Result<CloudControlRecord, ProviderError> {
        let begun = format!("{}|", desired.type_name);
        let known_id = operation.known_id.as_deref().map(split);
        let id = if let Some((id, None)) = known_id {
            id.to_owned()
        } else {
            let request = match known_id {
                Some((_, Some(request))) if !request.is_empty() => {
                    Begun::Request(request.to_owned())
                }
                sent => begin(client, context, operation, &desired, &begun, sent.is_some()).await?,
            };
            let id = match request {
                Begun::Made(id) => id,
                Begun::Request(request) => {
                    let identifier = finish(client, context, operation, &request).await?;
                    format!("{begun}{identifier}")
                }
            };
            context.events.id_known(operation, &id).await?;
            id
        };
        wait::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: CloudControlRecord,
        desired: CloudControlRecord,
    ) -> Result<CloudControlRecord, ProviderError> {
        let id = Self::id(&prior);
        let mut patch = patch(&prior.properties, &desired.properties);
        if let (Some(place), false) = (place_of(&desired), patch == json!([])) {
            let there = find(client, context, &id, Some(&prior))
                .await?
                .unwrap_or_default();
            let [old, new] = [&prior, &desired].map(|r| Json::Object(fields(&r.properties)));
            let tags = &client.config().tags;
            let wanted = place.for_update(tags, operation, [&old, &new, &there]);
            if let Json::Array(operations) = &mut patch {
                let at = format!("/{}", place.property);
                operations.retain(|one| one["path"] != *at);
                operations.extend(wanted);
            }
        }
        if patch != json!([]) {
            let (type_name, identifier) = parts(&id);
            let document = patch.to_string();
            let answer = client.call(context, CLOUDCONTROL, "UpdateResource", || {
                client
                    .cloudcontrol()
                    .update_resource()
                    .type_name(type_name)
                    .identifier(identifier)
                    .patch_document(&document)
                    .client_token(operation.token.as_str())
                    .set_role_arn(desired.role_arn.clone())
                    .set_type_version_id(desired.type_version_id.clone())
                    .send()
            });
            let request = token_of(answer.await?.progress_event)?;
            finish(client, context, operation, &request).await?;
        }
        wait::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: CloudControlRecord,
    ) -> Result<(), ProviderError> {
        let id = Self::id(&prior);
        let (type_name, identifier) = parts(split(&id).0);
        let answer = client.call(context, CLOUDCONTROL, "DeleteResource", || {
            client
                .cloudcontrol()
                .delete_resource()
                .type_name(type_name)
                .identifier(identifier)
                .client_token(operation.token.as_str())
                .set_role_arn(prior.role_arn.clone())
                .set_type_version_id(prior.type_version_id.clone())
                .send()
        });
        let Some(answer) = there(answer.await)? else {
            return Ok(());
        };
        let request = token_of(answer.progress_event)?;
        absent_is_done(finish(client, context, operation, &request).await.map(drop))
    }

    /// Nothing was sent yet: an operation that got so far has an id.
    async fn recover(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: CloudControlRecord,
    ) -> Result<Recovered, ProviderError> {
        Ok(Recovered::Absent)
    }

    async fn rediscover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let type_name = config.get("type_name").and_then(Value::as_str);
        let (Some(type_name), Some(place)) = (type_name, Place::of_value(config)) else {
            let why = "carries no marks where the stack file does not say how its type has tags (`tagging`)";
            return Err(infra_model::resource::untold(Self::TYPE, why));
        };
        let ours = |found: &Tags| tags::are_of(found, operation);
        tagged(client, context, type_name, &place, ours).await
    }

    fn import(id: &str) -> Result<Imported<CloudControlRecord>, ProviderError> {
        let (type_name, identifier) = parts(id);
        if !type_name.contains("::") || identifier.is_empty() {
            let form = "the id is type and identifier: AWS::Logs::LogGroup|shop";
            return Err(ProviderError::new(ErrorKind::Invalid, form));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// What a creation has come to.
enum Begun {
    /// A request, by its token.
    Request(String),
    /// The resource, by its id: it was found by the mark of the operation that made it.
    Made(String),
}

/// Sends the creation, whose token is known afterwards. `again` when it may have been sent before.
async fn begin(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &CloudControlRecord,
    begun: &str,
    again: bool,
) -> Result<Begun, ProviderError> {
    let place = place_of(desired);
    if !again {
        let before = known(begun, "");
        context.events.id_known(operation, &before).await?;
    } else if context.clock.now().since(operation.started) >= TOKENS_LAST {
        if let Some(place) = place {
            let mark = |found: &Tags| {
                found.get(tags::OPERATION).map(String::as_str) == Some(&*operation.id.0)
            };
            let made = tagged(client, context, &desired.type_name, &place, mark).await?;
            if let Some(id) = made.into_iter().next() {
                return Ok(Begun::Made(id));
            }
        }
        return Err(ProviderError::new(
            ErrorKind::Other,
            "it was begun more than 36 hours ago, and whether it was made cannot be told any more: look for it in the account, and import it if it is there",
        ));
    }
    let mut state = fields(&desired.properties);
    if let Some(place) = &place {
        state = place.for_create(&client.config().tags, operation, state);
    }
    let state = Json::Object(state).to_string();
    let answer = client.call(context, CLOUDCONTROL, "CreateResource", || {
        client
            .cloudcontrol()
            .create_resource()
            .type_name(&desired.type_name)
            .desired_state(&state)
            .client_token(operation.token.as_str())
            .set_role_arn(desired.role_arn.clone())
            .set_type_version_id(desired.type_version_id.clone())
            .send()
    });
    let request = token_of(answer.await?.progress_event)?;
    let waiting = known(begun, &request);
    context.events.id_known(operation, &waiting).await?;
    Ok(Begun::Request(request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::implied;

    #[test]
    fn ids_are_type_and_identifier() {
        let id = "AWS::ApiGateway::Stage|api|live";
        assert_eq!(parts(id), ("AWS::ApiGateway::Stage", "api|live"));
        for (id, right) in [
            ("AWS::Logs::LogGroup|shop", true),
            ("AWS::Logs::LogGroup", false),
            ("shop", false),
        ] {
            assert_eq!(CloudControl::import(id).is_ok(), right, "{id}");
        }
    }

    #[test]
    fn a_patch_has_what_changes_and_nothing_else() {
        let of = |value: Json| implied(&value);
        let prior = of(json!({ "a": 1, "b": [1], "c/d": "x", "e": "same" }));
        let desired = of(json!({ "a": 2, "b": [1, 2], "e": "same", "f": {} }));
        let expected = json!([
            { "op": "add", "path": "/a", "value": 2 },
            { "op": "add", "path": "/b", "value": [1, 2] },
            { "op": "remove", "path": "/c~1d" },
            { "op": "add", "path": "/f", "value": {} },
        ]);
        assert_eq!(patch(&prior, &desired), expected);
        assert_eq!(patch(&prior, &prior), json!([]));
    }
}
