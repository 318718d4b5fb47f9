//! The configured client: SDK clients built on first use, and the one way to call them. Retries are ours, because only we
//! know the run's clock, its rate limits and whether a lost answer may be asked for again.

use crate::config::Config;
use crate::error;
use crate::family::Family;
use crate::poll::Polls;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::Credentials;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::BoxFuture;
use infra_model::provider::Environment;
use infra_model::{CallContext, ErrorKind, ProviderError};
use std::error::Error;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::time::Duration;

/// How often a throttled call is sent again before the error is given back.
const THROTTLED_ATTEMPTS: u32 = 12;
/// How often a call is sent again after a failure that may pass.
const TRANSIENT_ATTEMPTS: u32 = 6;

/// The configured client of one account and region.
pub struct Client {
    config: Config,
    region: String,
    account: String,
    partition: String,
    sdk: SdkConfig,
    clients: Clients,
    /// NAT gateways that are being made or deleted.
    pub(crate) nat_gateways: Polls<aws_sdk_ec2::types::NatGateway>,
}

#[derive(Default)]
struct Clients {
    autoscaling: OnceLock<aws_sdk_autoscaling::Client>,
    ec2: OnceLock<aws_sdk_ec2::Client>,
    eks: OnceLock<aws_sdk_eks::Client>,
    elbv2: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    iam: OnceLock<aws_sdk_iam::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    rds: OnceLock<aws_sdk_rds::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
}

macro_rules! services {
    ($($name:ident: $sdk:ident $(. $option:ident($argument:expr))*;)*) => {
        impl Client {
            $(
                /// The service's SDK client, built on first use.
                pub fn $name(&self) -> &$sdk::Client {
                    self.clients.$name.get_or_init(|| {
                        let builder = $sdk::config::Builder::from(&self.sdk)
                            $(.$option($argument(self)))*;
                        $sdk::Client::from_conf(match self.config.endpoints.get(stringify!($name)) {
                            Some(url) => builder.endpoint_url(url),
                            None => builder,
                        }.build())
                    })
                }
            )*
        }
    };
}

services! {
    autoscaling: aws_sdk_autoscaling;
    ec2: aws_sdk_ec2;
    eks: aws_sdk_eks;
    elbv2: aws_sdk_elasticloadbalancingv2;
    iam: aws_sdk_iam;
    kms: aws_sdk_kms;
    rds: aws_sdk_rds;
    s3: aws_sdk_s3.force_path_style(path_style);
    sts: aws_sdk_sts;
}

/// Servers other than AWS rarely answer to `bucket.host`.
fn path_style(client: &Client) -> bool {
    client.config.endpoints.contains_key("s3")
}

/// What may be done when the answer to a mutating call is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// The same call again: it has a token, or doing it twice is doing it once.
    Safe,
    /// Nothing: the caller looks up what happened.
    Never,
}

impl Client {
    /// Connects: finds region and credentials, and asks whose they are.
    ///
    /// # Errors
    /// No region, no valid credentials, or credentials of another account than the configured one.
    pub async fn connect(
        config: Config,
        environment: &Environment,
    ) -> Result<Client, ProviderError> {
        let mut config = config.within(environment)?;
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
        if let Some(profile) = &config.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(credentials) = given_credentials(environment) {
            loader = loader.credentials_provider(credentials);
        }
        let mut sdk = loader.load().await;
        let region = sdk.region().map(ToString::to_string).ok_or_else(|| {
            ProviderError::invalid(
                "region",
                "no region: set `region` under [clouds.aws], or AWS_REGION",
            )
        })?;
        if config.endpoints.is_empty()
            && let Some(url) = sdk.endpoint_url()
        {
            config.everywhere(url);
        }
        if let Some(role) = config.assume_role.first() {
            sdk = assume(&sdk, role, config.endpoints.get("sts")).await;
        }
        let mut client = Client {
            config,
            region,
            account: String::new(),
            partition: String::new(),
            sdk,
            clients: Clients::default(),
            nat_gateways: Polls::default(),
        };
        client.identify().await?;
        Ok(client)
    }

    /// An error with the endpoint that was asked, where that is what matters.
    fn located(&self, error: ProviderError) -> ProviderError {
        let own = self.config.endpoints.get(&error.service);
        let endpoint = match own.map(String::as_str).or(self.sdk.endpoint_url()) {
            Some(url) => url.to_owned(),
            None => format!("{} in {}", error.service, self.region),
        };
        error::from_endpoint(error, &endpoint)
    }

    /// Asks whose credentials these are.
    async fn identify(&mut self) -> Result<(), ProviderError> {
        // Before the run has a clock and a gate: the SDK's own retries do for this one call.
        let retries = RetryConfig::standard().with_max_attempts(5);
        let mut config = aws_sdk_sts::config::Builder::from(&self.sdk).retry_config(retries);
        if let Some(url) = self.config.endpoints.get("sts") {
            config = config.endpoint_url(url);
        }
        let who = aws_sdk_sts::Client::from_conf(config.build())
            .get_caller_identity()
            .send()
            .await
            .map_err(|e| self.located(error::typed("sts", "GetCallerIdentity", &e)))?;
        let account = who.account().unwrap_or_default().to_owned();
        if let Some(expected) = self.config.account.as_ref().filter(|a| **a != account) {
            return Err(ProviderError {
                attribute: Some(infra_model::Path::attribute("account")),
                ..ProviderError::new(
                    ErrorKind::Denied,
                    format!("the credentials are of account {account}, not of {expected}"),
                )
            });
        }
        self.partition = who
            .arn()
            .and_then(|arn| arn.split(':').nth(1))
            .unwrap_or("aws")
            .to_owned();
        self.account = account;
        self.config.region = Some(self.region.clone());
        self.config.account = Some(self.account.clone());
        self.config.partition = Some(self.partition.clone());
        Ok(())
    }

    /// The resolved configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// `eu-west-1`
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// `arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1` of `ec2` and `vpc/vpc-1`.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition, self.region, self.account
        )
    }

    /// Makes a call that may safely be sent again: one that reads, or one with a token.
    ///
    /// # Errors
    /// The cloud's answer, typed, after retries.
    pub async fn call<T, E, F>(
        &self,
        context: &CallContext,
        family: Family,
        operation: &'static str,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<T, ProviderError>
    where
        T: Send,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        self.call_as(context, family, operation, Resend::Safe, send)
            .await
    }

    /// Makes a call, saying whether it may be sent again after its answer was lost.
    ///
    /// # Errors
    /// The cloud's answer, typed, after retries.
    pub async fn call_as<T, E, F>(
        &self,
        context: &CallContext,
        family: Family,
        operation: &'static str,
        resend: Resend,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<T, ProviderError>
    where
        T: Send,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let attempt = || -> BoxFuture<'_, Result<T, ProviderError>> {
            let call = send();
            Box::pin(async move {
                call.await
                    .map_err(|e| self.located(error::typed(family.service, operation, &e)))
            })
        };
        retried(context, family, operation, resend, &attempt).await
    }
}

/// One permit per attempt; no permit is held while waiting.
async fn retried<'a, T: Send>(
    context: &CallContext,
    family: Family,
    operation: &'static str,
    resend: Resend,
    attempt: &(dyn Fn() -> BoxFuture<'a, Result<T, ProviderError>> + Send + Sync),
) -> Result<T, ProviderError> {
    let (mut throttled, mut transient) = (0, 0);
    loop {
        let permit = context.enter(family.name).await?;
        let result = attempt().await;
        drop(permit);
        let error = match result {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let tries = match error.kind {
            ErrorKind::Throttled => {
                context.gate.throttled(context.provider, family.name);
                throttled += 1;
                if throttled >= THROTTLED_ATTEMPTS {
                    return Err(if transient > 0 {
                        error.after_lost_answer()
                    } else {
                        error
                    });
                }
                throttled
            }
            ErrorKind::Transient if resend == Resend::Safe => {
                transient += 1;
                if transient >= TRANSIENT_ATTEMPTS {
                    return Err(error);
                }
                transient
            }
            // A refusal of this attempt says nothing about one whose answer was lost.
            _ if transient > 0 => return Err(error.after_lost_answer()),
            _ => return Err(error),
        };
        tracing::debug!(operation, %error, tries, "sending again");
        let pause = error
            .retry_after
            .unwrap_or_else(|| backoff(context, operation, tries));
        context.clock.sleep(pause).await;
    }
}

/// 200 ms, doubled each time up to 20 s, of which the second half varies, so that many do not come back at once.
fn backoff(context: &CallContext, operation: &str, tries: u32) -> Duration {
    let whole = (200_u64 << tries.min(7).saturating_sub(1)).min(20_000);
    let mut hasher = DefaultHasher::new();
    (operation, tries, context.clock.now()).hash(&mut hasher);
    Duration::from_millis(whole / 2 + hasher.finish() % (whole / 2 + 1))
}

/// Credentials that were passed in; the SDK's own chain when there are none.
fn given_credentials(environment: &Environment) -> Option<Credentials> {
    Some(Credentials::new(
        environment.variable("AWS_ACCESS_KEY_ID")?,
        environment.variable("AWS_SECRET_ACCESS_KEY")?,
        environment.variable("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    ))
}

async fn assume(
    sdk: &SdkConfig,
    role: &crate::config::AssumeRole,
    endpoint: Option<&String>,
) -> SdkConfig {
    let mut base = sdk.to_builder();
    if let Some(url) = endpoint {
        base.set_endpoint_url(Some(url.clone()));
    }
    let mut provider = AssumeRoleProvider::builder(&role.role_arn)
        .session_name(role.session_name.as_deref().unwrap_or("infra"))
        .configure(&base.build());
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    let provider = provider.build().await;
    sdk.to_builder()
        .credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(
            provider,
        ))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::EC2_WRITE;
    use crate::testing::World;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    /// Runs a call that fails with these kinds, one after the other, and then works; how it ended, and how often it was sent.
    async fn sent(failures: &[ErrorKind], resend: Resend) -> (Result<(), ErrorKind>, usize, usize) {
        let world = Arc::new(World::default());
        let left = Mutex::new(failures.to_vec());
        let sent = AtomicUsize::new(0);
        let attempt = || -> BoxFuture<'_, Result<(), ProviderError>> {
            sent.fetch_add(1, Ordering::Relaxed);
            let mut left = left.lock().expect("not poisoned");
            let next = (!left.is_empty()).then(|| left.remove(0));
            Box::pin(async move { next.map_or(Ok(()), |kind| Err(ProviderError::new(kind, "no"))) })
        };
        let result = retried(&world.context(), EC2_WRITE, "Call", resend, &attempt).await;
        assert_eq!(
            world.entered.load(Ordering::Relaxed),
            sent.load(Ordering::Relaxed),
            "one permit for each attempt"
        );
        (
            result.map_err(|e| e.kind),
            sent.load(Ordering::Relaxed),
            world.throttled.load(Ordering::Relaxed),
        )
    }

    #[tokio::test]
    async fn a_refusal_after_a_lost_answer_is_not_definite() {
        use ErrorKind::{Denied, Throttled, Transient};
        for (first, definite) in [(Transient, false), (Throttled, true)] {
            let left = Mutex::new(vec![first, Denied]);
            let attempt = || -> BoxFuture<'_, Result<(), ProviderError>> {
                let kind = left.lock().expect("not poisoned").remove(0);
                Box::pin(async move { Err(ProviderError::new(kind, "no")) })
            };
            let world = Arc::new(World::default());
            let context = world.context();
            let error = retried(&context, EC2_WRITE, "Call", Resend::Safe, &attempt).await;
            let error = error.expect_err("is refused");
            assert_eq!(error.kind, Denied);
            assert_eq!(error.is_definite_refusal(), definite, "after {first:?}");
        }
    }

    #[tokio::test]
    async fn calls_are_sent_again_only_when_that_is_safe() {
        use ErrorKind::{Denied, Throttled, Transient};
        for (failures, resend, expected) in [
            (vec![Throttled, Throttled], Resend::Safe, (Ok(()), 3, 2)),
            (vec![Throttled], Resend::Never, (Ok(()), 2, 1)),
            (vec![Transient, Transient], Resend::Safe, (Ok(()), 3, 0)),
            (vec![Transient], Resend::Never, (Err(Transient), 1, 0)),
            (vec![Denied], Resend::Safe, (Err(Denied), 1, 0)),
            (vec![Transient; 20], Resend::Safe, (Err(Transient), 6, 0)),
            (vec![Throttled; 20], Resend::Safe, (Err(Throttled), 12, 12)),
        ] {
            assert_eq!(
                sent(&failures, resend).await,
                expected,
                "{failures:?} {resend:?}"
            );
        }
    }
}
