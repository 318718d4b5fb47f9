//! Questions that are answered and not kept: who am I, may I. Everybody may do everything here.

use std::sync::Arc;

use serde_json::{Value, json};

use super::auth::{self, User};
use super::error::{ApiError, ApiResult};
use super::kinds::Resource;
use super::store::Session;
use super::value::text;
use crate::http::HttpReply;

/// Answers a review.
pub(super) fn answer(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    body: &Value,
    user: &User,
) -> ApiResult<HttpReply> {
    let info = |user: &User| json!({ "username": user.name, "groups": user.groups });
    let mut answer = body.clone();
    if !answer.is_object() {
        return Err(ApiError::bad("the body is no object"));
    }
    answer["kind"] = resource.kind.as_str().into();
    answer["apiVersion"] = resource.api_version().into();
    if !answer["metadata"].is_object() {
        answer["metadata"] = json!({});
    }
    answer["metadata"]["creationTimestamp"] = session.time().into();
    answer["status"] = match resource.kind.as_str() {
        "TokenReview" => {
            let token = text(body, "/spec/token");
            match auth::of_token(token, &session.cluster, session.now) {
                Some(user) if !token.is_empty() => {
                    json!({ "authenticated": true, "user": info(&user) })
                }
                _ => json!({ "authenticated": false, "error": "invalid bearer token" }),
            }
        }
        "SelfSubjectReview" => json!({ "userInfo": info(user) }),
        "SelfSubjectRulesReview" => json!({
            "resourceRules": [{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }],
            "nonResourceRules": [{ "verbs": ["*"], "nonResourceURLs": ["*"] }],
            "incomplete": false,
        }),
        "SelfSubjectAccessReview" | "SubjectAccessReview" | "LocalSubjectAccessReview" => {
            json!({ "allowed": true, "reason": "the sandbox allows everything" })
        }
        _ => return Err(ApiError::method()),
    };
    Ok(HttpReply::json(201, &answer))
}
