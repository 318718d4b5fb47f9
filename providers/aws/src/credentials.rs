//! Whose calls they are: what the configuration names, else what the SDK's standard chain finds; and why there is nobody.

use crate::config::Config;
use crate::role::Taken;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use infra_model::provider::Environment;
use infra_model::{ErrorKind, Path, ProviderError};
use std::time::Duration;

/// What the SDK needs to make calls: region and credentials, as the configuration and the standard chain have them, with the roles that
/// are taken on.
pub(crate) async fn load(config: &Config, environment: &Environment) -> SdkConfig {
    let mut sdk = base(config, environment).await;
    // The sandbox's credentials stand for all that a stack names: it has no such roles.
    if environment.is_sandbox() {
        return sdk;
    }
    for role in Taken::all(config, environment) {
        let provider = SharedCredentialsProvider::new(role.by(&sdk));
        sdk = sdk.to_builder().credentials_provider(provider).build();
    }
    sdk
}

async fn base(config: &Config, environment: &Environment) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(10))
                .operation_attempt_timeout(Duration::from_mins(1))
                .build(),
        );
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    // The sandbox's credentials stand for all that a stack names.
    match (&config.profile, given(environment)) {
        // A profile that the stack names goes before what the shell happens to have.
        (Some(profile), given) if !environment.is_sandbox() || given.is_none() => {
            let credentials = ProfileFileCredentialsProvider::builder();
            loader = loader
                .profile_name(profile)
                .credentials_provider(credentials.profile_name(profile).build());
        }
        (_, Some(given)) => loader = loader.credentials_provider(given),
        (_, None) => {}
    }
    loader.load().await
}

/// Credentials that were passed in; the SDK's own chain when there are none.
fn given(environment: &Environment) -> Option<Credentials> {
    Some(Credentials::new(
        environment.variable("AWS_ACCESS_KEY_ID")?,
        environment.variable("AWS_SECRET_ACCESS_KEY")?,
        environment.variable("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    ))
}

/// An error of credentials, said so that something can be done: the SDK tells what each link of its chain came to.
pub(crate) fn explained(error: ProviderError, profile: Option<&str>) -> ProviderError {
    match why(&error, profile) {
        Some(message) => ProviderError {
            message,
            attribute: profile
                .map(|_| Path::attribute("profile"))
                .or(error.attribute),
            service: String::new(),
            operation: String::new(),
            kind: ErrorKind::Denied,
            ..error
        },
        None => error,
    }
}

/// What to do about credentials that are not there or no longer good, by the words of the SDK and the codes of the services.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
fn why(error: &ProviderError, profile: Option<&str>) -> Option<String> {
    let said = error.message.as_str();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let login = match profile {
        Some(profile) => format!("`aws sso login --profile {profile}`"),
        None => "`aws sso login`".to_owned(),
    };
    // It is about a token, and said already.
    if error.operation == "AssumeRoleWithWebIdentity" {
        return None;
    }
    // A code is of an answer of the service's: something was signed, and is not taken.
    match error.code.as_str() {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            return Some(format!(
                "the credentials' session has ended ({}): log in again, with {login} or as they were got, and run the same command again",
                error.code
            ));
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => {
            return Some(format!(
                "AWS does not know the access key ({}): look at AWS_ACCESS_KEY_ID, and for temporary credentials AWS_SESSION_TOKEN, or \
                 at the profile's; it may have been deleted, or be of another partition",
                error.code
            ));
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            return Some(format!(
                "the secret key is not that of the access key, or this machine's clock is wrong ({}): {said}",
                error.code
            ));
        }
        "" => {}
        _ => return None,
    }
    if has(&[
        "SSO token has expired",
        "cached Login token is expired",
        "failed to refresh cached",
    ]) || (has(&["SSO"]) && has(&["UnauthorizedException", "invalid_grant"]))
    {
        return Some(format!("the login has ended: log in again with {login}"));
    }
    if has(&[
        "load the cached SSO token",
        "cached SSO token file",
        "to read `",
    ]) && has(&["SSO", "sso"])
    {
        return Some(format!("nobody has logged in yet: do so with {login}"));
    }
    match profile {
        Some(profile)
            if has(&[
                "was not defined",
                "the credential provider was not enabled",
                "No profiles were defined",
            ]) =>
        {
            return Some(format!(
                "the profile `{profile}`, which the stack names, is not defined, or has no credentials: look into ~/.aws/config and \
                 ~/.aws/credentials"
            ));
        }
        _ => {}
    }
    // What each link of the chain came to, each on a line of its own.
    has(&["no credentials found in chain", "the credential provider was not enabled"]).then(|| {
        "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile in AWS_PROFILE or as `profile` \
         under [clouds.aws], or log in with `aws sso login`; on a machine of AWS's, give it a role (INFRA_LOG=debug shows what was tried)"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sdk_says_becomes_what_to_do() {
        let no_answer = |said: &str| ProviderError::new(ErrorKind::Denied, said);
        let coded = |code: &str| ProviderError {
            code: code.to_owned(),
            ..no_answer("The security token included in the request is invalid")
        };
        for (error, profile, expected) in [
            (
                no_answer(
                    "no answer: the credential provider was not enabled: no credentials found in chain. Attempted:\n  Environment: x",
                ),
                None,
                "no AWS credentials were found: set AWS_ACCESS_KEY_ID",
            ),
            (
                no_answer(
                    "no answer: the credential provider was not enabled: profile `x` was not defined: y",
                ),
                Some("x"),
                "the profile `x`, which the stack names, is not defined",
            ),
            (
                no_answer(
                    "no answer: an error occurred while loading credentials: the SSO token has expired and cannot be refreshed",
                ),
                Some("x"),
                "log in again with `aws sso login --profile x`",
            ),
            (
                no_answer(
                    "no answer: an error occurred while loading credentials: failed to load the cached SSO token: failed to read `/h/.aws/sso/cache/1.json`",
                ),
                None,
                "nobody has logged in yet: do so with `aws sso login`",
            ),
            (
                coded("InvalidClientTokenId"),
                None,
                "AWS does not know the access key",
            ),
            (
                coded("ExpiredToken"),
                None,
                "the credentials' session has ended",
            ),
            (
                coded("SignatureDoesNotMatch"),
                None,
                "this machine's clock is wrong",
            ),
        ] {
            let told = explained(error, profile);
            assert!(told.message.contains(expected), "{told}");
            assert!(!told.message.contains('\n'), "{told}");
        }
        let other = no_answer("User: x is not authorized to perform: sts:GetCallerIdentity");
        assert_eq!(explained(other.clone(), None), other);
    }
}
