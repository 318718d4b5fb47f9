//! Cloud Control: resources of any type by their properties, made by requests that take their time.

mod types;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::types::{TYPES, Type};
use super::context::Ctx;
use super::error::{AwsError, AwsResult};
use super::json::{JsonOperation, JsonService};
use super::tagging::Tagged;
use crate::clock::Millis;
use crate::json_patch::{self, PatchError};
use crate::latency::Work;
use crate::tags::Tags;
use crate::token::Token;
use crate::world::{Document, Listed};

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "CloudApiService",
    operations: &[OPERATIONS],
};

/// What every request about a resource may say.
const COMMON: [&str; 4] = ["TypeName", "TypeVersionId", "RoleArn", "ClientToken"];

const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "CreateResource",
        accepts: &[COMMON[0], COMMON[1], COMMON[2], COMMON[3], "DesiredState"],
        handler: create,
    },
    JsonOperation {
        name: "GetResource",
        accepts: &[COMMON[0], COMMON[1], COMMON[2], "Identifier"],
        handler: get,
    },
    JsonOperation {
        name: "UpdateResource",
        accepts: &[
            COMMON[0],
            COMMON[1],
            COMMON[2],
            COMMON[3],
            "Identifier",
            "PatchDocument",
        ],
        handler: update,
    },
    JsonOperation {
        name: "DeleteResource",
        accepts: &[COMMON[0], COMMON[1], COMMON[2], COMMON[3], "Identifier"],
        handler: delete,
    },
    JsonOperation {
        name: "GetResourceRequestStatus",
        accepts: &["RequestToken"],
        handler: status,
    },
    JsonOperation {
        name: "ListResources",
        accepts: &[
            COMMON[0],
            COMMON[1],
            COMMON[2],
            "NextToken",
            "MaxResults",
            "ResourceModel",
        ],
        handler: list,
    },
];

/// A resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Made {
    /// `TYPE|IDENTIFIER`
    id: String,
    model: Map<String, Value>,
    /// When the request that makes it is done.
    ready_at: Millis,
    /// When the last request about it is done.
    busy_until: Millis,
    /// When the request that deletes it is done.
    gone_at: Option<Millis>,
}

impl Document for Made {
    const KIND: &'static str = "cloudcontrol/resource";

    fn id(&self) -> &str {
        &self.id
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_cloudcontrol_resource")
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }
}

/// A request.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Request {
    token: String,
    type_name: String,
    identifier: Option<String>,
    /// `CREATE`, `UPDATE` or `DELETE`.
    operation: String,
    begun: Millis,
    done_at: Millis,
    /// Code and message.
    failed: Option<(String, String)>,
}

impl Document for Request {
    const KIND: &'static str = "cloudcontrol/request";

    fn id(&self) -> &str {
        &self.token
    }
}

impl Request {
    #[allow(clippy::cast_precision_loss, reason = "times are far below 2^52")]
    fn event(&self, ctx: &Ctx<'_>) -> Value {
        let done = ctx.past(self.done_at);
        let status = match &self.failed {
            _ if !done => "IN_PROGRESS",
            Some(_) => "FAILED",
            None => "SUCCESS",
        };
        let mut event = json!({
            "TypeName": self.type_name,
            "RequestToken": self.token,
            "Operation": self.operation,
            "OperationStatus": status,
            "EventTime": self.begun as f64 / 1000.0,
        });
        if let Some(identifier) = self.identifier.as_ref().filter(|_| done) {
            event["Identifier"] = identifier.as_str().into();
        }
        if let Some((code, message)) = self.failed.as_ref().filter(|_| done) {
            event["ErrorCode"] = code.as_str().into();
            event["StatusMessage"] = message.as_str().into();
        }
        json!({ "ProgressEvent": event })
    }
}

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationException", message)
}

fn require<'a>(body: &'a Value, name: &str) -> AwsResult<&'a str> {
    let found = body[name].as_str().filter(|text| !text.is_empty());
    found.ok_or_else(|| {
        validation(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

fn type_of(body: &Value) -> AwsResult<&'static Type> {
    let name = require(body, "TypeName")?;
    TYPES.iter().find(|t| t.name == name).ok_or_else(|| {
        AwsError::new(
            "TypeNotFoundException",
            format!("The type '{name}' cannot be found."),
        )
    })
}

fn not_found(type_name: &str, identifier: &str) -> AwsError {
    AwsError::new(
        "ResourceNotFoundException",
        format!("Resource of type '{type_name}' with identifier '{identifier}' was not found."),
    )
}

/// The resource that a request is about.
fn found(ctx: &Ctx<'_>, body: &Value) -> AwsResult<(&'static Type, Made)> {
    let kind = type_of(body)?;
    let identifier = require(body, "Identifier")?;
    let made = ctx.get::<Made>(&format!("{}|{identifier}", kind.name));
    let made = made.filter(|made| ctx.past(made.ready_at));
    let made = made.ok_or_else(|| not_found(kind.name, identifier))?;
    Ok((kind, (*made).clone()))
}

fn parsed(body: &Value, name: &str) -> AwsResult<Value> {
    serde_json::from_str(require(body, name)?)
        .map_err(|why| validation(format!("{name} is not valid JSON: {why}")))
}

/// The request that was made with the same token, if there is one.
fn again(ctx: &Ctx<'_>, operation: &str, body: &Value) -> AwsResult<Option<Value>> {
    let Some(token) = body["ClientToken"].as_str() else {
        return Ok(None);
    };
    match ctx.token(operation, token, &body.to_string()) {
        Token::New => Ok(None),
        Token::Seen(request) => {
            let request = ctx.get::<Request>(request.as_str().unwrap_or_default());
            Ok(request.map(|request| request.event(ctx)))
        }
        Token::Mismatch => Err(AwsError::new(
            "ClientTokenConflictException",
            format!("The client token '{token}' was used for another request."),
        )),
    }
}

/// Nothing else may be done with a resource meanwhile.
fn idle(ctx: &Ctx<'_>, made: &Made) -> AwsResult<()> {
    if ctx.past(made.busy_until) {
        return Ok(());
    }
    Err(AwsError::new(
        "ConcurrentOperationException",
        format!("The resource '{}' is being operated on.", made.id),
    ))
}

/// Begins a request.
fn begin(
    ctx: &mut Ctx<'_>,
    body: &Value,
    operation: &str,
    identifier: Option<String>,
    failed: Option<(String, String)>,
) -> AwsResult<(Value, Millis)> {
    let request = Request {
        token: ctx.new_uuid(),
        type_name: require(body, "TypeName")?.to_owned(),
        identifier,
        operation: operation.to_owned(),
        begun: ctx.now,
        done_at: ctx.due(Work::CloudControlRequest),
        failed,
    };
    let (answer, done_at) = (request.event(ctx), request.done_at);
    ctx.remember(
        operation,
        body["ClientToken"].as_str(),
        &body.to_string(),
        request.token.clone(),
    );
    ctx.put(request);
    Ok((answer, done_at))
}

fn create(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let kind = type_of(body)?;
    if let Some(answer) = again(ctx, "CREATE", body)? {
        return Ok(answer);
    }
    let Value::Object(model) = parsed(body, "DesiredState")? else {
        return Err(validation("DesiredState must be an object"));
    };
    if let Some(why) = kind.wrong(&model) {
        let failed = Some(("InvalidRequest".to_owned(), why));
        return Ok(begin(ctx, body, "CREATE", None, failed)?.0);
    }
    let (model, identifier) = kind.complete(ctx, model);
    let id = format!("{}|{identifier}", kind.name);
    if ctx.exists::<Made>(&id) {
        let why = format!(
            "Resource of type '{}' with identifier '{identifier}' already exists.",
            kind.name
        );
        let failed = Some(("AlreadyExists".to_owned(), why));
        return Ok(begin(ctx, body, "CREATE", Some(identifier), failed)?.0);
    }
    let (answer, done_at) = begin(ctx, body, "CREATE", Some(identifier), None)?;
    ctx.put(Made {
        id,
        model,
        ready_at: done_at,
        busy_until: done_at,
        gone_at: None,
    });
    Ok(answer)
}

/// What an answer shows of a resource.
fn description(kind: &Type, made: &Made) -> Value {
    let (_, identifier) = made.id.split_once('|').unwrap_or_default();
    let mut model = made.model.clone();
    model.retain(|name, _| !kind.write_only.contains(&name.as_str()));
    json!({
        "Identifier": identifier,
        "Properties": Value::Object(model).to_string(),
    })
}

fn get(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (kind, made) = found(ctx, body)?;
    Ok(json!({
        "TypeName": kind.name,
        "ResourceDescription": description(kind, &made),
    }))
}

fn update(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (kind, mut made) = found(ctx, body)?;
    if let Some(answer) = again(ctx, "UPDATE", body)? {
        return Ok(answer);
    }
    idle(ctx, &made)?;
    let patch = parsed(body, "PatchDocument")?;
    let mut model = Value::Object(made.model.clone());
    json_patch::apply(&mut model, &patch).map_err(|error| match error {
        PatchError::Malformed(why) | PatchError::Inapplicable(why) => validation(why),
    })?;
    let Value::Object(model) = model else {
        return Err(validation("PatchDocument leaves no object"));
    };
    if kind
        .create_only
        .iter()
        .any(|name| model.get(*name) != made.model.get(*name))
    {
        return Err(AwsError::new(
            "NotUpdatableException",
            "Invalid patch update: createOnlyProperties cannot be updated",
        ));
    }
    let identifier = Some(require(body, "Identifier")?.to_owned());
    if let Some(why) = kind.wrong(&kind.said(&model)) {
        let failed = Some(("InvalidRequest".to_owned(), why));
        return Ok(begin(ctx, body, "UPDATE", identifier, failed)?.0);
    }
    let (answer, done_at) = begin(ctx, body, "UPDATE", identifier, None)?;
    made.model = model;
    made.busy_until = done_at;
    ctx.put(made);
    Ok(answer)
}

fn delete(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    if let Some(answer) = again(ctx, "DELETE", body)? {
        return Ok(answer);
    }
    let (_, mut made) = found(ctx, body)?;
    idle(ctx, &made)?;
    let identifier = Some(require(body, "Identifier")?.to_owned());
    let (answer, done_at) = begin(ctx, body, "DELETE", identifier, None)?;
    made.busy_until = done_at;
    made.gone_at = Some(done_at);
    ctx.put(made);
    Ok(answer)
}

fn status(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let token = require(body, "RequestToken")?;
    let request = ctx.get::<Request>(token).ok_or_else(|| {
        AwsError::new(
            "RequestTokenNotFoundException",
            format!("Request with token '{token}' was not found."),
        )
    })?;
    Ok(request.event(ctx))
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let kind = type_of(body)?;
    let limit = match body.get("MaxResults").map(Value::as_u64) {
        None => 100,
        Some(Some(limit)) if (1..=100).contains(&limit) => limit as usize,
        Some(_) => return Err(validation("MaxResults must be between 1 and 100")),
    };
    let prefix = format!("{}|", kind.name);
    let made: Vec<_> = ctx
        .list::<Made>()
        .into_iter()
        .filter(|made| made.id.starts_with(&prefix) && ctx.past(made.ready_at))
        .collect();
    let token = body["NextToken"].as_str();
    let bad = || validation("The pagination token is invalid");
    let page = super::context::page(made, |made| &made.id, token, Some(limit), bad)?;
    let mut answer = json!({
        "TypeName": kind.name,
        "ResourceDescriptions":
            page.items.iter().map(|made| description(kind, made)).collect::<Vec<_>>(),
    });
    if let Some(next) = page.next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

/// What has tags in the region: a list of keys and values, or an object, by its schema.
pub(super) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    let made = ctx.list::<Made>().into_iter();
    made.filter_map(|made| {
        let arn = made
            .model
            .get("Arn")
            .or_else(|| made.model.get("TopicArn"))?;
        let mut tags = Tags::default();
        match made.model.get("Tags")? {
            Value::Object(all) => all.iter().for_each(|(key, value)| {
                tags.set(key, value.as_str().unwrap_or_default());
            }),
            all => all.as_array()?.iter().for_each(|tag| {
                let said = |name: &str| tag.get(name).and_then(Value::as_str);
                tags.set(
                    said("Key").unwrap_or_default(),
                    said("Value").unwrap_or_default(),
                );
            }),
        }
        Some(Tagged::new(
            arn.as_str()?.trim_end_matches(":*").to_owned(),
            tags,
        ))
    })
    .collect()
}
