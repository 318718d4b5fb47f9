//! Projects and their policies, by the first and the third version of the API.

use serde_json::{Value, json};

use super::context::{Ctx, Input, project_number};
use super::error::GoogleResult;
use super::policy;
use crate::http::HttpReply;

const CREATED: &str = "2024-01-01T00:00:00Z";

/// Whoever made the project owns it.
fn initial() -> Value {
    json!({
        "version": 1,
        "bindings": [{ "role": "roles/owner", "members": ["user:owner@example.com"] }],
    })
}

fn project(input: &Input<'_>, id: &str) -> Value {
    if input.method.api.ends_with("v1") {
        return json!({
            "projectNumber": project_number(id), "projectId": id, "name": id, "lifecycleState": "ACTIVE",
            "createTime": CREATED,
        });
    }
    json!({
        "name": format!("projects/{}", project_number(id)), "projectId": id, "displayName": id,
        "state": "ACTIVE", "createTime": CREATED, "updateTime": CREATED,
        "etag": "W/\"1d2d3a4b5c6d7e8f\"",
    })
}

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let id = input
        .variable("resource")
        .unwrap_or(input.project())
        .to_owned();
    let resource = format!("projects/{id}");
    let answer = match input.method.verb {
        "getIamPolicy" => {
            let mut policy = policy::read(ctx, &resource, &initial());
            policy::hide(&mut policy);
            policy
        }
        "setIamPolicy" => policy::write(ctx, &resource, &initial(), &input.body["policy"])?,
        "testIamPermissions" => json!({ "permissions": input.body["permissions"] }),
        "list" | "search" => json!({ "projects": [project(input, "sandbox-project")] }),
        _ => project(input, &id),
    };
    Ok(HttpReply::json(200, &answer))
}
