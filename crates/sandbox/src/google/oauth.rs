//! Tokens for whoever asks: `/token` of OAuth, so that service account files that name it work. None is checked.

use http::Method;
use serde_json::json;

use crate::http::{HttpReply, HttpRequest};

/// Answers a request for a token.
pub(crate) fn answer(request: &HttpRequest) -> Option<HttpReply> {
    let wanted = request.method == Method::POST
        && matches!(request.path.as_str(), "/token" | "/oauth2/v4/token");
    wanted.then(|| {
        HttpReply::json(
            200,
            &json!({ "access_token": "sandbox", "expires_in": 3599, "token_type": "Bearer" }),
        )
    })
}
