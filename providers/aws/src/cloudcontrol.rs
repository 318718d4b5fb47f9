//! `aws_cloudcontrol_resource`: anything that AWS's Cloud Control API has, by CloudFormation's name of its type and its
//! properties. What the type cannot know of a resource, the stack file says: which properties cannot be changed.

use crate::client::Client;
use crate::error::{self, absent_is_done, there};
use crate::family::CLOUDCONTROL;
use crate::wait::{self, LONG, Progress};
use async_trait::async_trait;
use aws_sdk_cloudcontrol::types::{HandlerErrorCode, OperationStatus, ProgressEvent};
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

/// What came of a request: its identifier as soon as it has one.
fn progress(event: &ProgressEvent) -> Result<Progress<Option<String>>, ProviderError> {
    let status = event.operation_status.as_ref();
    match status {
        Some(OperationStatus::Success) => Ok(Progress::Done(event.identifier.clone())),
        Some(OperationStatus::Failed | OperationStatus::CancelComplete) => {
            let code = event.error_code.as_ref();
            let message = event.status_message.clone().unwrap_or_else(|| {
                let status = status.map_or("", OperationStatus::as_str);
                format!("the request is {status}")
            });
            let call = event.operation.as_ref().map_or("", |o| o.as_str());
            let name = code.map_or("", HandlerErrorCode::as_str);
            let mut error = error::of_item(CLOUDCONTROL.service, call, name, &message);
            if let Some(kind) = code.and_then(kind) {
                error.kind = kind;
            }
            error.request_id.clone_from(&event.request_token);
            Err(error)
        }
        status => {
            let word = status.map_or("PENDING", OperationStatus::as_str);
            Ok(Progress::Pending(word.to_lowercase().replace('_', " ")))
        }
    }
}

/// What a handler's error means.
/// <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html>
fn kind(code: &HandlerErrorCode) -> Option<ErrorKind> {
    Some(match code {
        HandlerErrorCode::AccessDenied
        | HandlerErrorCode::InvalidCredentials
        | HandlerErrorCode::UnauthorizedTaggingOperation => ErrorKind::Denied,
        HandlerErrorCode::AlreadyExists | HandlerErrorCode::ResourceConflict => ErrorKind::Conflict,
        HandlerErrorCode::InvalidRequest | HandlerErrorCode::NotUpdatable => ErrorKind::Invalid,
        HandlerErrorCode::NotFound => ErrorKind::NotFound,
        HandlerErrorCode::ServiceLimitExceeded => ErrorKind::Quota,
        HandlerErrorCode::Throttling => ErrorKind::Throttled,
        HandlerErrorCode::InternalFailure
        | HandlerErrorCode::NetworkFailure
        | HandlerErrorCode::ServiceInternalError
        | HandlerErrorCode::ServiceTimeout => ErrorKind::Transient,
        _ => return None,
    })
}

/// Where a request stands, by its token.
async fn status(
    client: &Client,
    context: &CallContext,
    request: &str,
) -> Result<Option<ProgressEvent>, ProviderError> {
    let answer = client.call(context, CLOUDCONTROL, "GetResourceRequestStatus", || {
        client
            .cloudcontrol()
            .get_resource_request_status()
            .request_token(request)
            .send()
    });
    Ok(answer.await?.progress_event)
}

/// Waits for a request, by its token; its identifier.
async fn finish(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    request: &str,
) -> Result<String, ProviderError> {
    let identifier = wait::until(context, operation, LONG, || async move {
        let event = status(client, context, request).await?;
        event
            .as_ref()
            .map_or_else(|| Ok(Progress::Pending("pending".to_owned())), progress)
    })
    .await?;
    Ok(identifier.unwrap_or_default())
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

/// The request's token, by which it is asked for.
fn token_of(event: Option<ProgressEvent>) -> Result<String, ProviderError> {
    event.and_then(|event| event.request_token).ok_or_else(|| {
        ProviderError::new(
            ErrorKind::Other,
            "Cloud Control accepted the request and gave no token of it",
        )
    })
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

fn record(id: &str, found: &Json, prior: Option<&CloudControlRecord>) -> CloudControlRecord {
    let (type_name, identifier) = parts(id);
    let mut record = prior.cloned().unwrap_or_else(|| CloudControlRecord {
        type_name: type_name.to_owned(),
        // Nothing is declared yet.
        properties: Value::NULL,
        create_only: BTreeSet::new(),
        role_arn: None,
        type_version_id: None,
        export: BTreeSet::new(),
        output: Value::NULL,
        identifier: None,
        id: None,
    });
    record.properties = seen(&record.properties, |said| declared(found, said));
    record.output = exported(found, &record.export);
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
            Ok(found.map(|found| record(&id, &found, prior)))
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
                Some((_, Some(request))) if !request.is_empty() => request.to_owned(),
                sent => begin(client, context, operation, &desired, &begun, sent.is_some()).await?,
            };
            let identifier = finish(client, context, operation, &request).await?;
            let id = format!("{begun}{identifier}");
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
        let patch = patch(&prior.properties, &desired.properties);
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

/// Sends the creation, whose token is known afterwards. `again` when it may have been sent before.
async fn begin(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &CloudControlRecord,
    begun: &str,
    again: bool,
) -> Result<String, ProviderError> {
    if !again {
        let before = known(begun, "");
        context.events.id_known(operation, &before).await?;
    } else if context.clock.now().since(operation.started) >= TOKENS_LAST {
        return Err(ProviderError::new(
            ErrorKind::Other,
            "it was begun more than 36 hours ago, and whether it was made cannot be told any more: look for it in the account, and import it if it is there",
        ));
    }
    let state = Json::Object(fields(&desired.properties)).to_string();
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
    Ok(request)
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

    #[test]
    fn a_failed_request_says_why() {
        let event = ProgressEvent::builder()
            .operation_status(OperationStatus::Failed)
            .error_code(HandlerErrorCode::ServiceLimitExceeded)
            .status_message("no more topics")
            .request_token("r-1")
            .build();
        let error = progress(&event).expect_err("failed");
        assert_eq!(error.kind, ErrorKind::Quota);
        assert_eq!(error.code, "ServiceLimitExceeded");
        assert_eq!(error.message, "no more topics");
        assert_eq!(error.request_id.as_deref(), Some("r-1"));
    }
}
