//! The token endpoint of Entra ID: any client gets a token, which nobody checks.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::context::{CLIENT, PRINCIPAL, TENANT};
use crate::http::{HttpReply, HttpRequest};

/// Answers `/{tenant}/oauth2/v2.0/token`, and what clients read before they ask there.
pub(crate) fn answer(request: &HttpRequest) -> Option<HttpReply> {
    let segments = request.segments();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [_, "oauth2", "token"] | [_, "oauth2", "v2.0", "token"]
            if request.method == http::Method::POST =>
        {
            Some(HttpReply::json(
                200,
                &json!({ "token_type": "Bearer", "expires_in": 86_399, "ext_expires_in": 86_399, "access_token": jwt() }),
            ))
        }
        _ => None,
    }
}

/// A token with the claims that clients look at, and no signature.
fn jwt() -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "typ": "JWT", "alg": "none" }));
    let claims = part(json!({
        "aud": "https://management.azure.com", "tid": TENANT, "appid": CLIENT, "oid": PRINCIPAL, "sub": PRINCIPAL,
        "idtyp": "app", "ver": "1.0",
    }));
    format!("{header}.{claims}.sandbox")
}
