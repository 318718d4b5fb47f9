//! `AssumeRoleWithWebIdentity`: a role for whoever an OpenID Connect provider of the account says to be somebody.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>. The token's claims are held against
//! provider and trust policy; its signature is not, since the keys that would tell are fetched from the provider.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::assume::{check_policies, require, role, seconds};
use super::session;
use crate::aws::context::{Ctx, global_arn};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::iam::oidc_provider::OidcProvider;
use crate::aws::iam::trust::{Asker, Principal};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    name: super::UNSIGNED,
    accepts: &[
        "RoleArn",
        "RoleSessionName",
        "WebIdentityToken",
        "ProviderId",
        "PolicyArns.arn",
        "Policy",
        "DurationSeconds",
    ],
    handler: assume_role,
}];

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidIdentityToken", message)
}

/// The claims of a JSON Web Token.
fn claims(token: &str) -> AwsResult<Value> {
    let decoded = |part: &str| -> Option<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let parts: Vec<&str> = token.split('.').collect();
    let claims = match parts[..] {
        [header, claims, signature] if !signature.is_empty() => {
            decoded(header).and_then(|_| decoded(claims))
        }
        _ => None,
    };
    claims
        .filter(Value::is_object)
        .ok_or_else(|| invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"))
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

fn assume_role(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arn = require(params, "RoleArn")?;
    let name = require(params, "RoleSessionName")?;
    session::name(name)?;
    let claims = claims(require(params, "WebIdentityToken")?)?;
    let text = |claim: &str| claims[claim].as_str().unwrap_or_default();
    let issuer = text("iss");
    let bare = issuer.trim_start_matches("https://").trim_end_matches('/');
    let provider = global_arn("iam", &format!("oidc-provider/{bare}"));
    let Some(known) = ctx.get::<OidcProvider>(&provider) else {
        return Err(invalid(format!(
            "No OpenIDConnect provider found in your account for {issuer}"
        )));
    };
    let audiences = texts(&claims["aud"]);
    if !audiences.iter().any(|one| known.takes(one)) {
        return Err(invalid("Incorrect token audience"));
    }
    let now = ctx.now / 1000;
    match claims["exp"].as_i64() {
        Some(end) if end > now => {}
        Some(end) => {
            return Err(AwsError::new(
                "ExpiredTokenException",
                format!(
                    "Token expired: current date/time {now} must be before the expiration date/time {end}"
                ),
            ));
        }
        None => return Err(invalid("Missing a required claim: exp")),
    }
    if text("sub").is_empty() {
        return Err(invalid("Missing a required claim: sub"));
    }
    let mut context = BTreeMap::from([
        ("sts:RoleSessionName".to_owned(), vec![name.to_owned()]),
        ("aws:FederatedProvider".to_owned(), vec![provider.clone()]),
    ]);
    for claim in ["sub", "aud", "amr", "azp", "email"] {
        let values = texts(&claims[claim]);
        if !values.is_empty() {
            context.insert(format!("{bare}:{claim}"), values);
        }
    }
    let asker = Asker {
        action: "sts:AssumeRoleWithWebIdentity",
        principal: Principal::Federated(provider.clone()),
        context,
    };
    let role = role(ctx, arn)?.filter(|role| asker.is_let_in_by(role.trust()));
    let Some(role) = role else {
        return Err(AwsError::with_status(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ));
    };
    let seconds = seconds(params, &role, false)?;
    check_policies(ctx, params)?;
    let mut xml = Xml::new();
    session::begin(ctx, &role, name, seconds, &mut xml);
    xml.text("SubjectFromWebIdentityToken", text("sub"))
        .text("Provider", provider)
        .opt("Audience", audiences.first());
    Ok(xml)
}
