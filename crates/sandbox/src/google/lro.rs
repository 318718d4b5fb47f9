//! Operations of the services on gRPC: `done`, `response`, `error`.

use serde_json::{Value, json};

use super::context::Ctx;
use super::error::{GoogleError, GoogleResult};
use super::item::{Operation, Phase};
use crate::clock::Millis;
use crate::http::HttpReply;

/// Begins an operation under a full name, and gives its answer.
pub(crate) fn begin(
    ctx: &mut Ctx<'_>,
    name: &str,
    service: &str,
    metadata: Value,
    response: Value,
    done: Millis,
) -> HttpReply {
    let mut doc = json!({ "name": name });
    if !metadata.is_null() {
        doc["metadata"] = metadata;
    }
    let error = ctx.fails().then(|| {
        json!({ "code": 13, "message": "Internal error: stopped by a fault of the sandbox.", "details": [] })
    });
    let operation = Operation {
        id: name.to_owned(),
        service: service.to_owned(),
        doc,
        started: ctx.now,
        runs_at: ctx.now,
        done_at: done,
        error,
        response,
    };
    let shown = show(&operation, ctx.now.min(done - 1));
    ctx.put_operation(operation);
    HttpReply::json(200, &shown)
}

fn show(operation: &Operation, now: Millis) -> Value {
    let mut doc = operation.doc.clone();
    if operation.phase(now) == Phase::Done {
        doc["done"] = true.into();
        match &operation.error {
            Some(error) => doc["error"] = error.clone(),
            None => doc["response"] = operation.response.clone(),
        }
    }
    doc
}

/// Answers `operations.get`.
pub(crate) fn get(ctx: &Ctx<'_>, name: &str) -> GoogleResult<HttpReply> {
    let operation = ctx
        .operation(name)
        .ok_or_else(|| GoogleError::not_found("Requested entity was not found."))?;
    Ok(HttpReply::json(200, &show(&operation, ctx.now)))
}
