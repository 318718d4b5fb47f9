//! Who is signed in, as a token tells.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value as Json;

/// Who is signed in, as the token says: the claims that are named in "Access token claims reference" of Microsoft's identity
/// platform. A sandbox knows nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) tenant: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) application: Option<String>,
}

/// What a token says.
pub(crate) fn claims_of(token: &str) -> Claims {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let json: Json = URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    Claims {
        tenant: text("tid"),
        object: text("oid"),
        application: text("appid").or_else(|| text("azp")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_who_one_is() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"tid":"t","oid":"o","appid":"a"}"#);
        let claims = claims_of(&format!("x.{payload}.y"));
        let of = |s: &str| Some(s.to_owned());
        assert_eq!(
            (claims.tenant, claims.object, claims.application),
            (of("t"), of("o"), of("a"))
        );
        assert_eq!(claims_of("no token"), Claims::default());
    }
}
