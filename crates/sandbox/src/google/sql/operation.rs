//! Operations of Cloud SQL.

use serde_json::{Value, json};

use super::super::context::{Ctx, Input, USER};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::{Operation, Phase};
use super::{INSTANCES, base, instance_id};
use crate::clock::{Millis, iso8601_millis};
use crate::http::HttpReply;

/// Begins an operation on the request's instance and gives its answer; one that is due now is done in it.
pub(super) fn begin(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    instance: &str,
    kind: &str,
    below: &str,
    done: Millis,
) -> HttpReply {
    let name = ctx.uuid();
    let link = format!("{}/instances/{instance}{below}", base(input));
    let doc = json!({
        "kind": "sql#operation",
        "name": name,
        "operationType": kind,
        "targetId": instance,
        "targetLink": link,
        "targetProject": input.project(),
        "user": USER,
        "insertTime": iso8601_millis(ctx.now),
        "selfLink": format!("{}/operations/{name}", base(input)),
    });
    let error = ctx.fails().then(|| {
        json!({
            "kind": "sql#operationErrors",
            "errors": [{ "kind": "sql#operationError", "code": "INTERNAL_ERROR", "message": "An internal error has occurred." }],
        })
    });
    let operation = Operation {
        id: format!("projects/{}/operations/{name}", input.project()),
        service: "sql".to_owned(),
        doc,
        started: ctx.now,
        runs_at: ctx.runs_at(done),
        done_at: done,
        error,
        response: Value::Null,
    };
    let quick = matches!(
        kind,
        "CREATE_USER" | "UPDATE_USER" | "DELETE_USER" | "CREATE_DATABASE"
    );
    let shown = if quick {
        show(&operation, ctx.now)
    } else {
        first(&operation)
    };
    ctx.put_operation(operation);
    let id = format!("projects/{}/instances/{instance}", input.project());
    if let Some(item) = ctx.get(INSTANCES, &id) {
        let mut item = item.edit();
        item.hidden["until"] = done.into();
        ctx.keep(INSTANCES, item);
    }
    HttpReply::json(200, &shown)
}

/// As the answer to the request shows it: nothing has begun.
fn first(operation: &Operation) -> Value {
    let mut doc = operation.doc.clone();
    doc["status"] = "PENDING".into();
    doc
}

fn show(operation: &Operation, now: Millis) -> Value {
    let mut doc = first(operation);
    let phase = operation.phase(now);
    if phase != Phase::Pending {
        doc["status"] = "RUNNING".into();
        doc["startTime"] = iso8601_millis(operation.runs_at).into();
    }
    if phase == Phase::Done {
        doc["status"] = "DONE".into();
        doc["endTime"] = iso8601_millis(operation.done_at).into();
        if let Some(error) = &operation.error {
            doc["error"] = error.clone();
        }
    }
    doc
}

/// `get` and `list`.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let prefix = format!("projects/{}/operations/", input.project());
    if input.method.verb == "get" {
        let operation = ctx
            .operation(&format!("{prefix}{}", input.name()))
            .ok_or_else(|| {
                GoogleError::new(
                    404,
                    "operationDoesNotExist",
                    "NOT_FOUND",
                    "The Cloud SQL operation does not exist.",
                )
            })?;
        return Ok(HttpReply::json(200, &show(&operation, ctx.now)));
    }
    let wanted = input.query("instance").map(super::super::item::short);
    let rows = ctx
        .operations(&prefix)
        .iter()
        .filter(|operation| operation.service == "sql")
        .filter(|operation| wanted.is_none_or(|name| operation.doc["targetId"] == name))
        .map(|operation| show(operation, ctx.now))
        .collect();
    let answer = json!({ "kind": "sql#operationsList", "items": [] });
    let answer = input.paged(answer, "items", rows, input.size("maxResults", 100))?;
    Ok(HttpReply::json(200, &answer))
}

/// The short name of the request's instance.
pub(super) fn instance(input: &Input<'_>) -> String {
    super::super::item::short(&instance_id(input)).to_owned()
}
