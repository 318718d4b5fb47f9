//! Operations of compute: global, of a region, of a zone.

use serde_json::{Value, json};

use super::super::context::{Ctx, Input, USER, pacific};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::{Operation, Phase};
use super::filter;
use super::kind::Place;
use super::reference::{PREFIX, missing};
use crate::clock::Millis;
use crate::http::HttpReply;

/// How long `wait` waits at most.
const LONGEST_WAIT: Millis = 120_000;

/// Begins an operation on a resource and gives its answer.
pub(crate) fn begin(
    ctx: &mut Ctx<'_>,
    place: &Place,
    kind: &str,
    target: (&str, &str),
    request: Option<&str>,
    done: Millis,
) -> (String, HttpReply) {
    let (target, target_id) = target;
    let hex = ctx.hex(16);
    let name = format!("operation-{}-{}-{}", ctx.now, &hex[..8], &hex[8..]);
    let id = format!("{}/operations/{name}", place.path());
    let mut doc = json!({
        "kind": "compute#operation",
        "id": ctx.number(),
        "name": name,
        "operationType": kind,
        "targetLink": format!("{PREFIX}{target}"),
        "targetId": target_id,
        "user": USER,
        "insertTime": pacific(ctx.now),
        "selfLink": format!("{PREFIX}{id}"),
    });
    if let Some(request) = request {
        doc["clientOperationId"] = request.into();
    }
    if place.word() != "global" {
        doc[place.word()] = format!("{PREFIX}{}", place.path()).into();
    }
    let error = ctx.fails().then(|| {
        json!({ "errors": [{
            "code": "INTERNAL_ERROR",
            "message": "Internal error. Please try again or contact Google Support.",
        }] })
    });
    let operation = Operation {
        id: id.clone(),
        service: "compute".to_owned(),
        doc,
        started: ctx.now,
        runs_at: ctx.runs_at(done),
        done_at: done,
        error,
        response: Value::Null,
    };
    // The answer is as of before the work, but labels are set in it.
    let shown = match kind {
        "setLabels" => show(&operation, ctx.now),
        _ => show(&operation, ctx.now.min(done - 1)),
    };
    ctx.put_operation(operation);
    (id, HttpReply::json(200, &shown))
}

/// The answer to a request that began this operation before.
pub(crate) fn again(ctx: &Ctx<'_>, id: &str) -> GoogleResult<HttpReply> {
    let operation = ctx.operation(id).ok_or_else(|| missing(id))?;
    Ok(HttpReply::json(200, &show(&operation, ctx.now)))
}

/// An operation as readers see it.
fn show(operation: &Operation, now: Millis) -> Value {
    let mut doc = operation.doc.clone();
    let phase = match operation.phase(now) {
        Phase::Pending if operation.runs_at == operation.started => Phase::Running,
        phase => phase,
    };
    let (status, progress) = match phase {
        Phase::Pending => ("PENDING", 0),
        Phase::Running => ("RUNNING", 0),
        Phase::Done => ("DONE", 100),
    };
    doc["status"] = status.into();
    doc["progress"] = progress.into();
    if phase != Phase::Pending {
        doc["startTime"] = pacific(operation.runs_at).into();
    }
    if phase == Phase::Done {
        doc["endTime"] = pacific(operation.done_at).into();
        if let Some(error) = &operation.error {
            doc["error"] = error.clone();
            doc["httpErrorStatusCode"] = 500.into();
            doc["httpErrorMessage"] = "INTERNAL SERVER ERROR".into();
        }
    }
    doc
}

/// `get`, `wait`, `list`, `aggregatedList`, `delete`.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let place = Place {
        project: input.project().to_owned(),
        location: input.location().to_owned(),
    };
    let prefix = format!("{}/operations/", place.path());
    match input.method.verb {
        "get" => {
            let id = format!("{prefix}{}", input.name());
            let operation = ctx.operation(&id).ok_or_else(|| missing(&id))?;
            Ok(HttpReply::json(200, &show(&operation, ctx.now)))
        }
        "wait" => {
            let id = format!("{prefix}{}", input.name());
            let operation = ctx.operation(&id).ok_or_else(|| missing(&id))?;
            // What will be is known already: the answer is made now and given then.
            let then = operation.done_at.clamp(ctx.now, ctx.now + LONGEST_WAIT);
            let mut reply = HttpReply::json(200, &show(&operation, then));
            reply.delay = u64::try_from(then - ctx.now).unwrap_or_default();
            Ok(reply)
        }
        "delete" => {
            let id = format!("{prefix}{}", input.name());
            if !ctx.frame.tx.delete::<Operation>("", &id) {
                return Err(missing(&id));
            }
            Ok(HttpReply::new(204, "application/json", ""))
        }
        "list" => {
            let shown = ctx
                .operations(&prefix)
                .iter()
                .map(|operation| show(operation, ctx.now))
                .collect();
            let items = filter::apply(shown, input)?;
            let answer = json!({
                "kind": "compute#operationList",
                "id": prefix.trim_end_matches('/'),
                "selfLink": format!("{PREFIX}{prefix}"),
                "items": [],
            });
            let answer = input.paged(answer, "items", items, filter::size(input)?)?;
            Ok(HttpReply::json(200, &answer))
        }
        _ => Err(GoogleError::not_found(format!(
            "The sandbox does not serve compute.{}",
            input.method.name
        ))),
    }
}
