//! Backups of instances: where they are switched on there is one, made when the instance was, and what is written is archived up to a
//! moment ago.

use serde_json::{Value, json};

use super::super::context::{Ctx, Input, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::{base, find, invalid};
use crate::clock::{Millis, iso8601_millis};
use crate::http::HttpReply;

/// So far behind is what is archived.
const BEHIND: Millis = 60_000;

/// Answers a request about backups.
pub(super) fn run(ctx: &Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let instance = find(ctx, input)?;
    let run = made(ctx, input, &instance);
    if input.method.verb == "list" {
        let answer = json!({ "kind": "sql#backupRunsList" });
        let rows = run.into_iter().collect();
        let answer = input.paged(answer, "items", rows, input.size("maxResults", 100))?;
        return Ok(HttpReply::json(200, &answer));
    }
    let asked = input.variable("id").unwrap_or_default();
    let run = run.filter(|run| text(run, "/id") == asked);
    let run = run.ok_or_else(|| GoogleError::not_found("The backup run does not exist."))?;
    Ok(HttpReply::json(200, &run))
}

/// From when to when an instance can be restored.
pub(super) fn times(ctx: &Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let instance = find(ctx, input)?;
    let settings = &instance.doc["settings"]["backupConfiguration"];
    if settings["pointInTimeRecoveryEnabled"] != true {
        return Err(invalid(
            "Point-in-time recovery is not enabled for the instance",
        ));
    }
    Ok(HttpReply::json(
        200,
        &json!({
            "kind": "sql#getLatestRecoveryTime",
            "earliestRecoveryTime": instance.doc["createTime"],
            "latestRecoveryTime": iso8601_millis(ctx.now - BEHIND),
        }),
    ))
}

/// The backup that there is.
fn made(ctx: &Ctx<'_>, input: &Input<'_>, instance: &Item) -> Option<Value> {
    let settings = &instance.doc["settings"]["backupConfiguration"];
    if settings["enabled"] != true || instance.busy(ctx.now) {
        return None;
    }
    let time = &instance.doc["createTime"];
    let id: String = text(&instance.doc, "/createTime")
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let name = instance.short();
    Some(json!({
        "kind": "sql#backupRun", "id": id, "instance": name, "status": "SUCCESSFUL", "type": "AUTOMATED", "backupKind": "SNAPSHOT",
        "enqueuedTime": time, "windowStartTime": time, "startTime": time, "endTime": time,
        "selfLink": format!("{}/instances/{name}/backupRuns/{id}", base(input)),
    }))
}
