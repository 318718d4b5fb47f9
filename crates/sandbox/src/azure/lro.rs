//! Operations that go on after their answer: where clients ask for them, and what they are told.

use serde_json::{Value, json};

use super::context::{Ctx, Input};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Operation;
use crate::clock::{Millis, iso8601_millis};
use crate::http::{HttpReply, HttpRequest};
use crate::world::Stored;

/// The id of a new operation, and the headers that name it.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) operation: String,
    headers: Vec<(&'static str, String)>,
}

impl Begun {
    /// Adds the headers to an answer.
    pub(crate) fn onto(&self, mut reply: HttpReply) -> HttpReply {
        for (name, value) in &self.headers {
            reply = reply.with(name, value.as_str());
        }
        reply
    }
}

/// Where the status and the result of an operation are.
fn paths(api: &str, namespace: &str, id: &Id, location: &str, name: &str) -> (String, String) {
    let subscription = format!("/subscriptions/{}", id.subscription());
    let at = |noun: &str| {
        format!("{subscription}/providers/{namespace}/locations/{location}/{noun}/{name}")
    };
    let in_group =
        |noun: &str| format!("{}/providers/{namespace}/{noun}/{name}", id.group_id().text);
    match api {
        "containerservice" => (at("operations"), at("operationresults")),
        "mysql" | "postgresql" => (at("azureAsyncOperation"), at("operationResults")),
        "storage" => (String::new(), at("asyncoperations")),
        "compute" => (at("DiskOperations"), at("DiskOperations")),
        "privatedns" => (
            in_group("privateDnsOperationStatuses"),
            in_group("privateDnsOperationResults"),
        ),
        "dns" => (
            in_group("dnsOperationStatuses"),
            in_group("dnsOperationResults"),
        ),
        "containerregistry" | "loganalytics" => (at("operationStatuses"), at("operationResults")),
        "resources" => {
            let path = format!("{subscription}/operationresults/{name}");
            (String::new(), path)
        }
        _ => (at("operations"), at("operationResults")),
    }
}

/// Services that name the status of an operation although their model documents the result alone.
const BOTH: [&str; 5] = ["network", "privatedns", "dns", "compute", "mysql"];

/// Begins an operation on a resource that is done at a time.
pub(crate) fn begin(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    id: &Id,
    location: &str,
    until: Millis,
    error: Option<&ArmError>,
) -> Begun {
    let name = ctx.uuid();
    let operation = input.operation;
    let (status, result) = paths(operation.api, operation.namespace(), id, location, &name);
    let url = |path: &str, monitor: bool| {
        let monitor = if monitor { "monitor=true&" } else { "" };
        format!("{}{path}?{monitor}api-version={}", ctx.base, input.version)
    };
    let mut headers = Vec::new();
    if !status.is_empty() && (operation.has("async") || BOTH.contains(&operation.api)) {
        headers.push(("azure-asyncoperation", url(&status, false)));
    }
    if operation.has("location") {
        let monitor = status == result || operation.api == "storage";
        headers.push(("location", url(&result, monitor)));
    }
    if !headers.is_empty() {
        headers.push(("retry-after", ctx.retry_after(until).to_string()));
    }
    ctx.put_operation(Operation {
        id: name.clone(),
        status_path: status.to_ascii_lowercase(),
        result_path: result.to_ascii_lowercase(),
        started: ctx.now,
        done_at: until,
        error: error.map_or(Value::Null, ArmError::members),
        resource: id.text.clone(),
        deletes: operation.http == "DELETE" || operation.name.contains("Purge"),
        bare: operation.api == "network",
        version: input.version.clone(),
    });
    Begun {
        operation: name,
        headers,
    }
}

/// The operation that a path asks for.
pub(crate) fn find<'w>(ctx: &Ctx<'w>, path: &str) -> Option<Stored<Operation>> {
    let name = path.rsplit('/').next()?;
    let operation = ctx.operation(name)?;
    let path = path.to_ascii_lowercase();
    (operation.status_path == path || operation.result_path == path).then_some(operation)
}

/// Whether a path has the form of an operation's.
pub(crate) fn is_path(path: &str) -> bool {
    let mut segments = path.rsplit('/');
    let (name, noun) = (
        segments.next().unwrap_or_default(),
        segments.next().unwrap_or_default().to_ascii_lowercase(),
    );
    noun.contains("operation") && uuid::Uuid::parse_str(name).is_ok()
}

/// Answers a request for an operation.
pub(crate) fn answer(ctx: &mut Ctx<'_>, request: &HttpRequest) -> ArmResult<HttpReply> {
    let Some(operation) = find(ctx, &request.path) else {
        let name = request.path.rsplit('/').next().unwrap_or_default();
        return Err(ArmError::new(
            404,
            "OperationNotFound",
            format!("The entity {name} is not found."),
        ));
    };
    let running = operation.done_at > ctx.now;
    let monitors = request.query("monitor") == Some("true");
    let same = operation.status_path == operation.result_path;
    let wants_status = operation.status_path == request.path.to_ascii_lowercase();
    if wants_status && !(same && monitors) {
        return Ok(status(ctx, &operation, running));
    }
    if running {
        let host = &ctx.base;
        let query = request
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&");
        let reply = HttpReply::new(202, "application/json", "")
            .with("location", format!("{host}{}?{query}", request.path))
            .with(
                "retry-after",
                ctx.retry_after(operation.done_at).to_string(),
            );
        return Ok(reply);
    }
    if !operation.error.is_null() {
        return Ok(HttpReply::json(409, &json!({ "error": operation.error })));
    }
    if operation.deletes {
        return Ok(HttpReply::new(204, "application/json", ""));
    }
    Ok(match super::engine::shown(ctx, &operation.resource) {
        Some(doc) => HttpReply::json(200, &doc),
        None => HttpReply::new(204, "application/json", ""),
    })
}

fn status(ctx: &Ctx<'_>, operation: &Operation, running: bool) -> HttpReply {
    let word = match (running, operation.error.is_null()) {
        (true, _) => "InProgress",
        (false, true) => "Succeeded",
        (false, false) => "Failed",
    };
    let mut body = json!({ "status": word });
    if !operation.bare {
        body["name"] = operation.id.clone().into();
        body["startTime"] = iso8601_millis(operation.started).into();
        if !running {
            body["endTime"] = iso8601_millis(operation.done_at).into();
        }
    }
    if word == "Failed" {
        body["error"] = operation.error.clone();
    }
    let reply = HttpReply::json(200, &body);
    if running {
        reply.with(
            "retry-after",
            ctx.retry_after(operation.done_at).to_string(),
        )
    } else {
        reply
    }
}
