//! Operations of GKE. One at a time works on a cluster.

use serde_json::{Value, json};

use super::super::context::{Ctx, Input, project_number};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::{Item, Operation, Phase};
use super::super::places;
use super::cluster::CLUSTERS;
use crate::clock::{Millis, iso8601_millis};
use crate::http::HttpReply;

/// `2026-01-31T00:05:00.250Z`, as GKE writes times.
fn time(at: Millis) -> String {
    iso8601_millis(at)
}

/// Refuses when another operation works on the cluster, or it does not run.
pub(super) fn idle(ctx: &Ctx<'_>, cluster: &Item) -> GoogleResult<()> {
    if cluster.deleting {
        let message = format!("Cluster \"{}\" is being deleted.", cluster.short());
        return Err(GoogleError::precondition(message));
    }
    let until = cluster.hidden["busy"]["until"].as_i64().unwrap_or(0);
    if until > ctx.now {
        let operation = cluster.hidden["busy"]["operation"]
            .as_str()
            .unwrap_or_default();
        let message = format!("Cluster is running incompatible operation {operation}.");
        return Err(GoogleError::precondition(message));
    }
    Ok(())
}

/// Begins an operation on a cluster or what is in it, and gives its answer. `target` is the full name.
pub(super) fn begin(
    ctx: &mut Ctx<'_>,
    cluster: &str,
    kind: &str,
    target: &str,
    done: Millis,
) -> HttpReply {
    let unique = ctx.uuid();
    let name = format!("operation-{}-{unique}", ctx.now);
    let mut parts = cluster.split('/');
    let (project, location) = (
        parts.nth(1).unwrap_or_default(),
        parts.nth(1).unwrap_or_default(),
    );
    let word = if places::is_zone(location) {
        "zones"
    } else {
        "locations"
    };
    let base = format!(
        "https://container.googleapis.com/v1/projects/{}/{word}/{location}",
        project_number(project)
    );
    let rest = target.split('/').skip(4).collect::<Vec<_>>().join("/");
    let doc = json!({
        "name": name,
        "zone": location,
        "operationType": kind,
        "selfLink": format!("{base}/operations/{name}"),
        "targetLink": format!("{base}/{rest}"),
        "startTime": time(ctx.now),
    });
    let error = ctx.fails().then(|| {
        let message = "Internal error: the operation was stopped by a fault of the sandbox.";
        json!({ "code": 13, "message": message })
    });
    let operation = Operation {
        id: format!("projects/{project}/locations/{location}/operations/{name}"),
        service: "container".to_owned(),
        doc,
        started: ctx.now,
        runs_at: ctx.now,
        done_at: done,
        error,
        response: Value::Null,
    };
    let shown = show(&operation, ctx.now.min(done - 1));
    ctx.put_operation(operation);
    if let Some(item) = ctx.get(CLUSTERS, cluster) {
        let mut item = item.edit();
        item.hidden["busy"] = json!({ "operation": name, "until": done });
        ctx.keep(CLUSTERS, item);
    }
    HttpReply::json(200, &shown)
}

fn show(operation: &Operation, now: Millis) -> Value {
    let mut doc = operation.doc.clone();
    let done = operation.phase(now) == Phase::Done;
    doc["status"] = if done { "DONE" } else { "RUNNING" }.into();
    if done {
        doc["endTime"] = time(operation.done_at).into();
        if doc["operationType"] == "CREATE_CLUSTER" {
            doc["progress"] = progress();
        }
        if let Some(error) = &operation.error {
            doc["error"] = error.clone();
            doc["statusMessage"] = error["message"].clone();
        }
    }
    doc
}

/// What the making of a cluster counts, at its end.
fn progress() -> Value {
    let counts = [
        ("CLUSTER_CONFIGURING", "8"),
        ("CLUSTER_CONFIGURING_TOTAL", "8"),
        ("CLUSTER_DEPLOYING", "12"),
        ("CLUSTER_DEPLOYING_TOTAL", "12"),
        ("CLUSTER_HEALTHCHECKING", "2"),
        ("CLUSTER_HEALTHCHECKING_TOTAL", "2"),
    ];
    let metrics = counts.map(|(name, count)| json!({ "name": name, "intValue": count }));
    json!({ "metrics": metrics })
}

/// `get`, `list`, `cancel`.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let prefix = format!(
        "projects/{}/locations/{}/operations/",
        input.project(),
        input.location()
    );
    if input.method.verb == "list" {
        let all = match input.location() {
            "-" => ctx.operations(&format!("projects/{}/locations/", input.project())),
            _ => ctx.operations(&prefix),
        };
        let shown: Vec<_> = all
            .iter()
            .filter(|operation| operation.service == "container")
            .map(|operation| show(operation, ctx.now))
            .collect();
        return Ok(HttpReply::json(200, &json!({ "operations": shown })));
    }
    let id = format!("{prefix}{}", input.name());
    let operation = ctx
        .operation(&id)
        .ok_or_else(|| GoogleError::not_found(format!("Not found: {id}.")))?;
    if input.method.verb == "cancel" {
        let message = format!("Operation {} cannot be cancelled.", input.name());
        return Err(GoogleError::precondition(message));
    }
    Ok(HttpReply::json(200, &show(&operation, ctx.now)))
}
