//! Roles that are taken on: `assume_role` and `assume_role_with_web_identity` of the configuration. The SDK's own providers know neither
//! source identities nor tags that go on, and answer a refusal with what it is inside.

use crate::config::{AssumeRole, Config, WebIdentity};
use crate::error;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_sts::config::{Credentials, ProvideCredentials};
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use infra_model::provider::Environment;
use infra_model::{ErrorKind, Path, ProviderError};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What a session is called that has no other name.
const SESSION: &str = "infra";

/// A role that is to be taken on, and by what.
#[derive(Debug)]
pub(crate) struct Taken {
    how: How,
    /// The endpoint of STS, where it is not AWS's.
    endpoint: Option<String>,
}

#[derive(Debug)]
enum How {
    /// By the credentials that are there.
    Role(AssumeRole),
    /// By a token of an identity provider.
    Web(WebIdentity, PathBuf),
}

/// A provider of the session's credentials.
#[derive(Debug)]
pub(crate) struct Session {
    client: aws_sdk_sts::Client,
    how: How,
}

impl Taken {
    /// The roles of a configuration, in the order in which each is taken on by the one before.
    pub(crate) fn all(config: &Config, environment: &Environment) -> Vec<Taken> {
        let web = config.assume_role_with_web_identity.iter().map(|web| {
            let file = web.web_identity_token_file.as_deref().unwrap_or_default();
            // Relative ones start in the folder of the stack file.
            How::Web(web.clone(), environment.directory.join(file))
        });
        let roles = config.assume_role.iter().cloned().map(How::Role);
        let endpoint = config.endpoints.get("sts");
        web.chain(roles)
            .map(|how| Taken {
                how,
                endpoint: endpoint.cloned(),
            })
            .collect()
    }

    /// Taken on with credentials.
    pub(crate) fn by(self, sdk: &SdkConfig) -> Session {
        // The SDK asks for credentials outside of any operation of ours, which would try again.
        let retries = RetryConfig::standard().with_max_attempts(5);
        let mut config = aws_sdk_sts::config::Builder::from(sdk).retry_config(retries);
        if let Some(url) = self.endpoint {
            config = config.endpoint_url(url);
        }
        Session {
            client: aws_sdk_sts::Client::from_conf(config.build()),
            how: self.how,
        }
    }
}

fn policies(arns: &[String]) -> Option<Vec<PolicyDescriptorType>> {
    let one = |arn: &String| PolicyDescriptorType::builder().arn(arn).build();
    (!arns.is_empty()).then(|| arns.iter().map(one).collect())
}

/// Seconds of a text that was checked.
fn seconds(duration: Option<&String>) -> Option<i32> {
    duration
        .and_then(|text| lasting(text))
        .and_then(|duration| i32::try_from(duration.as_secs()).ok())
}

/// `1h`, `90m`, `1h30m` or `3600s`.
pub(crate) fn lasting(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total += Duration::from_secs(number.checked_mul(unit)?);
        rest = &rest[digits + 1..];
    }
    (!total.is_zero()).then_some(total)
}

impl Session {
    async fn credentials(&self) -> Result<Credentials, ProviderError> {
        let given = match &self.how {
            How::Role(role) => self.by_credentials(role).await?,
            How::Web(web, file) => self.by_token(web, file).await?,
        };
        let given = given.ok_or_else(|| {
            ProviderError::new(ErrorKind::Other, "STS gave no credentials for the role")
        })?;
        let expiry = SystemTime::try_from(*given.expiration()).ok();
        Ok(Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            expiry,
            "assume_role",
        ))
    }

    async fn by_credentials(
        &self,
        role: &AssumeRole,
    ) -> Result<Option<aws_sdk_sts::types::Credentials>, ProviderError> {
        let tags = role.tags.iter().map(|(key, value)| {
            let tag = Tag::builder().key(key).value(value).build();
            tag.map_err(|e| ProviderError::invalid("assume_role", e.to_string()))
        });
        let tags: Vec<Tag> = tags.collect::<Result<_, _>>()?;
        let transitive = role.transitive_tag_keys.clone();
        let sent = self
            .client
            .assume_role()
            .role_arn(&role.role_arn)
            .role_session_name(role.session_name.as_deref().unwrap_or(SESSION))
            .set_external_id(role.external_id.clone())
            .set_duration_seconds(seconds(role.duration.as_ref()))
            .set_policy(role.policy.clone())
            .set_policy_arns(policies(&role.policy_arns))
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_transitive_tag_keys((!transitive.is_empty()).then_some(transitive))
            .set_source_identity(role.source_identity.clone())
            .send()
            .await;
        let answer = sent.map_err(|e| refused_role(role, error::typed("sts", "AssumeRole", &e)))?;
        Ok(answer.credentials)
    }

    async fn by_token(
        &self,
        web: &WebIdentity,
        file: &std::path::Path,
    ) -> Result<Option<aws_sdk_sts::types::Credentials>, ProviderError> {
        let token = match &web.web_identity_token {
            Some(token) => token.clone(),
            // Read each time: whoever keeps the file writes a new one before the old one is no longer good.
            None => std::fs::read_to_string(file).map_err(|why| {
                at(
                    "assume_role_with_web_identity",
                    ProviderError::new(
                        ErrorKind::Denied,
                        format!(
                            "the token file {} cannot be read ({why}): `web_identity_token_file`, or AWS_WEB_IDENTITY_TOKEN_FILE, names \
                             what the identity provider keeps there",
                            file.display()
                        ),
                    ),
                )
            })?,
        };
        let sent = self
            .client
            .assume_role_with_web_identity()
            .role_arn(&web.role_arn)
            .role_session_name(web.session_name.as_deref().unwrap_or(SESSION))
            .web_identity_token(token.trim())
            .set_duration_seconds(seconds(web.duration.as_ref()))
            .set_policy(web.policy.clone())
            .set_policy_arns(policies(&web.policy_arns))
            .send()
            .await;
        let answer = sent.map_err(|e| {
            refused_token(web, error::typed("sts", "AssumeRoleWithWebIdentity", &e))
        })?;
        Ok(answer.credentials)
    }
}

fn at(attribute: &str, error: ProviderError) -> ProviderError {
    ProviderError {
        attribute: Some(Path::attribute(attribute)),
        ..error
    }
}

/// What STS says of a role that cannot be taken on, and what to do. It does not tell a role that is not there from one that does not let
/// in who asks.
fn refused_role(role: &AssumeRole, error: ProviderError) -> ProviderError {
    // Of keys that are not good, or no longer, others tell.
    if error.code != "AccessDenied" {
        return at("assume_role", error);
    }
    let external = match &role.external_id {
        Some(_) => "its conditions must ask for the `external_id` that is given",
        None => "if its conditions ask for an external id, give it as `external_id`",
    };
    let message = format!(
        "the role {} cannot be taken on. STS does not tell which: there is no such role, or its trust policy does not allow \
         `sts:AssumeRole` to who asks ({external}), or the policies of who asks do not allow it. It says: {}",
        role.role_arn, error.message
    );
    at("assume_role", ProviderError { message, ..error })
}

fn refused_token(web: &WebIdentity, error: ProviderError) -> ProviderError {
    let remedy = match error.code.as_str() {
        "AccessDenied" => {
            "its trust policy must allow `sts:AssumeRoleWithWebIdentity` to the token's provider, and its conditions hold for the token's \
             `sub` and `aud`"
        }
        "InvalidIdentityToken" => {
            "the account needs an OpenID Connect provider (`aws_iam_openid_connect_provider`) for the token's issuer and audience"
        }
        "ExpiredTokenException" => "get a new token",
        _ => return at("assume_role_with_web_identity", error),
    };
    let message = format!(
        "the role {} cannot be taken on: {remedy}: {}",
        web.role_arn, error.message
    );
    at(
        "assume_role_with_web_identity",
        ProviderError {
            message,
            kind: ErrorKind::Denied,
            ..error
        },
    )
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            self.credentials()
                .await
                .map_err(CredentialsError::provider_error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, seconds) in [
            ("1h", Some(3600)),
            ("1h30m", Some(5400)),
            ("900s", Some(900)),
            ("15m", Some(900)),
            ("", None),
            ("1", None),
            ("h", None),
            ("1d", None),
            ("-1h", None),
            ("0s", None),
        ] {
            assert_eq!(lasting(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
