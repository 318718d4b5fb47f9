//! Tokens of EKS clusters: a presigned call of STS's `GetCallerIdentity` that names the cluster in a signed header, as
//! `aws eks get-token` makes them (docs: EKS user guide, "Grant IAM users access to Kubernetes"; the form is that of
//! aws-iam-authenticator). Nothing is sent.

use crate::config::{AssumeRole, Config};
use crate::credentials::load;
use aws_config::SdkConfig;
use aws_sdk_sts::config::ProvideCredentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use infra_model::clusters::ClusterToken;
use infra_model::provider::Environment;
use infra_model::{ErrorKind, ProviderError, Timestamp};
use std::time::{Duration, UNIX_EPOCH};

/// Clusters take a token for a quarter of an hour; one minute is left for clocks that differ.
const LIFETIME: Duration = Duration::from_mins(14);
/// How long the presigned call itself is good for.
const PRESIGNED: Duration = Duration::from_mins(1);
/// The header that names the cluster.
const CLUSTER: &str = "x-k8s-aws-id";

/// A token for a cluster, by the credentials that the environment, a profile or the machine gives.
///
/// # Errors
/// No credentials.
pub async fn cluster_token(
    cluster: &str,
    region: &str,
    profile: Option<&str>,
    role_arn: Option<&str>,
    environment: &Environment,
    now: Timestamp,
) -> Result<ClusterToken, ProviderError> {
    let config = Config {
        region: Some(region.to_owned()),
        profile: profile.map(str::to_owned),
        assume_role: role_arn
            .map(|role| AssumeRole {
                role_arn: role.to_owned(),
                ..AssumeRole::default()
            })
            .into_iter()
            .collect(),
        ..Config::default()
    }
    .within(environment)?;
    let sdk = load(&config, environment).await;
    of(&sdk, cluster, region, now).await
}

/// A token for a cluster, by the credentials of a configuration.
///
/// # Errors
/// No credentials.
pub(crate) async fn of(
    sdk: &SdkConfig,
    cluster: &str,
    region: &str,
    now: Timestamp,
) -> Result<ClusterToken, ProviderError> {
    let denied = |why: String| {
        ProviderError::new(
            ErrorKind::Denied,
            format!("no AWS credentials to log in to the cluster {cluster} with: {why}"),
        )
    };
    let provider = sdk
        .credentials_provider()
        .ok_or_else(|| denied("none are configured".to_owned()))?;
    let credentials = provider
        .provide_credentials()
        .await
        .map_err(|e| denied(crate::error::causes_of(&e)))?;
    let url = presigned(cluster, region, &credentials.into(), now)
        .ok_or_else(|| denied("the call cannot be signed".to_owned()))?;
    Ok(ClusterToken {
        token: format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url)),
        expires: now.plus(LIFETIME),
    })
}

fn presigned(cluster: &str, region: &str, identity: &Identity, now: Timestamp) -> Option<String> {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    let host = format!("sts.{region}.{domain}");
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(PRESIGNED);
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).ok()?);
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("sts")
        .time(time)
        .settings(settings)
        .build()
        .ok()?
        .into();
    let headers = [("host", &*host), (CLUSTER, cluster)];
    let request =
        SignableRequest::new("GET", &*url, headers.into_iter(), SignableBody::empty()).ok()?;
    let (instructions, _) = sign(request, &parameters).ok()?.into_parts();
    let encode = |text: &str| {
        const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'_')
            .remove(b'.')
            .remove(b'~');
        percent_encoding::utf8_percent_encode(text, KEPT).to_string()
    };
    let mut signed = url;
    for (name, value) in instructions.params() {
        signed = format!("{signed}&{name}={}", encode(value));
    }
    Some(signed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sts::config::Credentials;

    #[test]
    fn a_token_is_a_presigned_call_that_names_the_cluster() {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "secret",
            Some("session".to_owned()),
            None,
            "test",
        );
        let now = Timestamp(1_700_000_000_000);
        let url = presigned("main", "eu-west-1", &credentials.into(), now).expect("signs");
        for part in [
            "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
            "&X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "&X-Amz-Credential=AKIDEXAMPLE%2F20231114%2Feu-west-1%2Fsts%2Faws4_request",
            "&X-Amz-Date=20231114T221320Z",
            "&X-Amz-Expires=60",
            "&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id",
            "&X-Amz-Security-Token=session",
            "&X-Amz-Signature=",
        ] {
            assert!(url.contains(part), "{part} in {url}");
        }
        assert!(!url.contains("secret"));
    }

    #[tokio::test]
    async fn credentials_come_from_the_environment() {
        let environment = Environment {
            variables: [
                ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .to_vec(),
            ..Environment::default()
        };
        let now = Timestamp(1_700_000_000_000);
        let token = cluster_token("main", "eu-west-1", None, None, &environment, now)
            .await
            .expect("is made");
        let url = URL_SAFE_NO_PAD
            .decode(
                token
                    .token
                    .strip_prefix("k8s-aws-v1.")
                    .expect("has the prefix"),
            )
            .expect("is base64");
        assert!(String::from_utf8_lossy(&url).starts_with("https://sts.eu-west-1."));
        assert_eq!(token.expires, Timestamp(1_700_000_840_000));
    }
}
