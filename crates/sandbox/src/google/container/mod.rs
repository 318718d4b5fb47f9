//! GKE: clusters and node pools. Methods under `zones` are those under `locations` with older names.

mod cluster;
pub(crate) mod kubernetes;
mod network;
mod operation;
mod pool;
mod pool_update;
mod update;
mod version;

use super::context::{Ctx, Input};
use super::error::{GoogleError, GoogleResult};
use super::places;
use crate::http::HttpReply;

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let location = input.location();
    let place = places::is_region(location) || places::is_zone(location);
    if !place && location != "-" {
        let message = format!("Location \"{location}\" does not exist.");
        return Err(GoogleError::bad(message));
    }
    if input.method.resource == "operations" {
        return operation::run(ctx, input);
    }
    if input.method.resource == "clusters.nodePools" {
        return match input.method.verb {
            "create" => pool::create(ctx, input),
            "get" => pool::get(ctx, input),
            "list" => pool::list(ctx, input),
            "delete" => pool::delete(ctx, input),
            _ => pool_update::run(ctx, input),
        };
    }
    match input.method.verb {
        "getServerConfig" | "getServerconfig" => {
            Ok(HttpReply::json(200, &version::server_config()))
        }
        "create" => cluster::create(ctx, input),
        "get" => cluster::get(ctx, input),
        "list" => cluster::list(ctx, input),
        "delete" => cluster::delete(ctx, input),
        _ => update::run(ctx, input),
    }
}

/// Whether a cluster of the project has workload identity.
pub(crate) fn has_workload_pool(ctx: &Ctx<'_>, project: &str) -> bool {
    ctx.list(cluster::CLUSTERS, &format!("projects/{project}/"))
        .iter()
        .any(|item| item.at(ctx.now)["workloadIdentityConfig"]["workloadPool"].is_string())
}

/// A message of GKE's that something is not as it must be.
fn bad(message: impl Into<String>) -> GoogleError {
    GoogleError::bad(message)
}
