//! Cloud Storage by its JSON API: buckets, and objects enough to fill and empty them.

mod bucket;
mod object;
mod upload;

use serde_json::json;

use super::agents;
use super::context::{Ctx, Input};
use super::error::{GoogleError, GoogleResult};
use crate::http::HttpReply;

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    match input.method.resource.as_str() {
        "buckets" => bucket::run(ctx, input),
        "objects" => object::run(ctx, input),
        _ => {
            // The service agent is made when it is first asked for.
            let agent = agents::make(ctx, input.project(), "storage");
            let email = &agent.doc["email"];
            Ok(HttpReply::json(
                200,
                &json!({ "kind": "storage#serviceAccount", "email_address": email }),
            ))
        }
    }
}

/// Refuses when a condition of the request on a generation does not hold.
fn check_condition(input: &Input<'_>, name: &str, current: &str) -> GoogleResult<()> {
    let is = input
        .query(&format!("{name}Match"))
        .is_none_or(|wanted| wanted == current);
    let is_not = input
        .query(&format!("{name}NotMatch"))
        .is_none_or(|wanted| wanted != current);
    if is && is_not {
        return Ok(());
    }
    Err(GoogleError::condition(
        "At least one of the pre-conditions you specified did not hold.",
    ))
}
