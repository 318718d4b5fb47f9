//! Cloud SQL: instances with their databases and users, by the current API and the older `v1beta4`.

mod backup;
mod database;
mod instance;
mod operation;
mod settings;
mod user;

use serde_json::json;

use super::context::{Ctx, Input};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use crate::http::HttpReply;

/// The table of instances.
pub(super) const INSTANCES: &str = "sql.instances";

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    match input.method.resource.as_str() {
        "instances" => instance::run(ctx, input),
        "databases" => database::run(ctx, input),
        "users" => user::run(ctx, input),
        "backupRuns" => backup::run(ctx, input),
        "operations" => operation::run(ctx, input),
        "tiers" => Ok(HttpReply::json(200, &settings::tiers())),
        _ => Ok(HttpReply::json(
            200,
            &json!({ "kind": "sql#flagsList", "items": settings::flags(input.query("databaseVersion")) }),
        )),
    }
}

/// The full name of the request's instance.
fn instance_id(input: &Input<'_>) -> String {
    format!(
        "projects/{}/instances/{}",
        input.project(),
        input.variable("instance").unwrap_or_default()
    )
}

/// The request's instance.
fn find(ctx: &Ctx<'_>, input: &Input<'_>) -> GoogleResult<Item> {
    ctx.get(INSTANCES, &instance_id(input))
        .map(|item| item.edit())
        .ok_or_else(|| {
            GoogleError::new(
                404,
                "instanceDoesNotExist",
                "NOT_FOUND",
                "The Cloud SQL instance does not exist.",
            )
        })
}

/// The request's instance, when it runs and nothing is being done to it.
fn find_idle(ctx: &Ctx<'_>, input: &Input<'_>) -> GoogleResult<Item> {
    let mut item = find(ctx, input)?;
    if item.busy(ctx.now) || item.hidden["until"].as_i64().unwrap_or(0) > ctx.now {
        return Err(GoogleError::new(
            409,
            "operationInProgress",
            "ABORTED",
            "Operation failed because another operation was already in progress. Try your request after the current operation is complete.",
        ));
    }
    item.settle(ctx.now);
    Ok(item)
}

/// What the service says of a request that cannot be.
fn invalid(message: impl Into<String>) -> GoogleError {
    GoogleError::invalid(format!("Invalid request: {}.", message.into()))
}

/// The beginning of links, by the version of the API.
fn base(input: &Input<'_>) -> String {
    let version = if input.method.api.ends_with("v1beta4") {
        "sql/v1beta4"
    } else {
        "v1"
    };
    format!(
        "https://sqladmin.googleapis.com/{version}/projects/{}",
        input.project()
    )
}
