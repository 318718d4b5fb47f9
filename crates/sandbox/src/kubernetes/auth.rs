//! Who asks. Any bearer token will do, but there must be one; EKS's tokens must be what they claim to be: a presigned
//! `GetCallerIdentity` of STS, for a cluster, not too old.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::clusters::Found;
use super::error::{ApiError, ApiResult};
use super::request::Place;
use crate::aws::context::ACCOUNT;
use crate::clock::Millis;
use crate::faults::Pace;
use crate::http::HttpRequest;

/// How old a presigned URL in a token may be.
const LIFETIME: i64 = 15 * 60;

/// The user of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) groups: Vec<String>,
}

/// Reads the `Authorization` header.
pub(super) fn user(request: &HttpRequest, cluster: &Found, now: Millis) -> ApiResult<User> {
    let header = request.header("authorization").unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(ApiError::unauthorized());
    }
    of_token(token.trim(), cluster, now).ok_or_else(ApiError::unauthorized)
}

/// Refuses who asks a cluster that does not know yet who may do what in it. EKS does not know the user at all ("Unauthorized or access
/// denied", <https://docs.aws.amazon.com/eks/latest/userguide/troubleshooting.html>); GKE and AKS know users from outside, ask IAM and Azure
/// RBAC for each object (<https://cloud.google.com/kubernetes-engine/docs/how-to/iam>,
/// <https://learn.microsoft.com/azure/aks/manage-azure-rbac>), and let everybody see which kinds there are.
pub(super) fn admit(
    user: &User,
    cluster: &Found,
    pace: Pace,
    now: Millis,
    (verb, place): (&str, Option<&Place>),
) -> ApiResult<()> {
    if pace.knows(cluster.since, now) {
        return Ok(());
    }
    if cluster.cloud == "aws" {
        return Err(ApiError::unauthorized());
    }
    let Some(place) = place else {
        return Ok(());
    };
    let why = if cluster.cloud == "google" {
        format!(
            "requires one of [\"container.{}.{verb}\"] permission(s).",
            place.plural
        )
    } else {
        "User does not have access to the resource in Azure. Update role assignment to allow access."
            .to_owned()
    };
    let detail = format!(
        "User \"{}\" cannot {verb} resource \"{}\" in API group \"{}\": {why}",
        user.name, place.plural, place.group
    );
    Err(ApiError::forbidden(
        &place.group,
        &place.plural,
        place.name.as_deref().unwrap_or_default(),
        &detail,
    ))
}

/// The user of a token, if it is good.
pub(super) fn of_token(token: &str, cluster: &Found, now: Millis) -> Option<User> {
    let user = |name: String, groups: &[&str]| User {
        name,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    if let Some(encoded) = token.strip_prefix("k8s-aws-v1.") {
        return presigned(encoded, now).then(|| {
            user(
                format!("arn:aws:iam::{ACCOUNT}:user/sandbox"),
                &["system:masters", "system:authenticated"],
            )
        });
    }
    let name = match cluster.cloud {
        "google" => "sandbox@sandbox-project.iam.gserviceaccount.com",
        _ => "sandbox",
    };
    Some(user(
        name.to_owned(),
        &["system:masters", "system:authenticated"],
    ))
}

/// Whether a token holds a presigned call of `GetCallerIdentity` that names its cluster in a signed header.
fn presigned(encoded: &str, now: Millis) -> bool {
    let url = URL_SAFE_NO_PAD
        .decode(encoded.trim_end_matches('='))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((address, query)) = url.as_deref().and_then(|url| url.split_once('?')) else {
        return false;
    };
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let get = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map_or("", |(_, value)| value.as_str())
    };
    let host = address
        .split_once("://")
        .map_or(address, |(_, rest)| rest)
        .split('/')
        .next()
        .unwrap_or_default();
    let sts =
        host.starts_with("sts.") || host.starts_with("127.0.0.1") || host.starts_with("localhost");
    let scope = get("X-Amz-Credential")
        .split('/')
        .nth(3)
        .unwrap_or_default();
    let signed: Vec<&str> = get("X-Amz-SignedHeaders").split(';').collect();
    let age = signed_at(get("X-Amz-Date")).map(|at| now / 1000 - at);
    sts && get("Action") == "GetCallerIdentity"
        && scope == "sts"
        && !get("X-Amz-Signature").is_empty()
        && signed.contains(&"x-k8s-aws-id")
        && age.is_some_and(|age| (-300..=LIFETIME).contains(&age))
}

/// Seconds since 1970 of `20260131T080500Z`.
fn signed_at(text: &str) -> Option<i64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let time = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?;
    Some(time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_eks_is_a_signed_question_who_asks() {
        let good = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20231114%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20231114T221300Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=ab";
        let now = 1_700_000_000_000;
        let encode = |url: &str| URL_SAFE_NO_PAD.encode(url);
        assert!(presigned(&encode(good), now));
        assert!(!presigned(&encode(good), now + 3_600_000));
        for (from, to) in [
            ("GetCallerIdentity", "GetSessionToken"),
            ("%3Bx-k8s-aws-id", ""),
            ("sts.eu", "evil.eu"),
        ] {
            assert!(!presigned(&encode(&good.replace(from, to)), now), "{to}");
        }
        assert!(!presigned("nonsense", now));
    }
}
