//! The configured client: SDK clients built on first use, and the one way to call them. Retries are ours, because only we
//! know the run's clock, its rate limits and whether a lost answer may be asked for again.

use crate::cluster_token;
use crate::config::Config;
use crate::credentials;
use crate::error;
use crate::family::Family;
use crate::poll::Polls;
use crate::tagged::Answers;
use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::BoxFuture;
use infra_cloud::retry::{Resend, retried};
use infra_model::clusters::ClusterToken;
use infra_model::provider::Environment;
use infra_model::{CallContext, ErrorKind, ProviderError, Timestamp};
use std::error::Error;
use std::future::Future;
use std::sync::OnceLock;

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
    /// Whether the tagging API answers, for the region and for what is global.
    tagging_answers: [Answers; 2],
}

#[derive(Default)]
struct Clients {
    autoscaling: OnceLock<aws_sdk_autoscaling::Client>,
    cloudcontrol: OnceLock<aws_sdk_cloudcontrol::Client>,
    ec2: OnceLock<aws_sdk_ec2::Client>,
    ecr: OnceLock<aws_sdk_ecr::Client>,
    eks: OnceLock<aws_sdk_eks::Client>,
    elbv2: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    iam: OnceLock<aws_sdk_iam::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    logs: OnceLock<aws_sdk_cloudwatchlogs::Client>,
    rds: OnceLock<aws_sdk_rds::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    secretsmanager: OnceLock<aws_sdk_secretsmanager::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
    // --- Route 53, Certificate Manager, Service Quotas ---
    route53: OnceLock<aws_sdk_route53::Client>,
    acm: OnceLock<aws_sdk_acm::Client>,
    servicequotas: OnceLock<aws_sdk_servicequotas::Client>,
    tagging: OnceLock<aws_sdk_resourcegroupstagging::Client>,
    tagging_global: OnceLock<aws_sdk_resourcegroupstagging::Client>,
    servicequotas_global: OnceLock<aws_sdk_servicequotas::Client>,
}

/// Where something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the region.
    Region,
    /// In the partition's first region, as all that is global.
    Global,
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
    cloudcontrol: aws_sdk_cloudcontrol;
    ec2: aws_sdk_ec2;
    ecr: aws_sdk_ecr;
    eks: aws_sdk_eks;
    elbv2: aws_sdk_elasticloadbalancingv2;
    iam: aws_sdk_iam;
    kms: aws_sdk_kms;
    logs: aws_sdk_cloudwatchlogs;
    rds: aws_sdk_rds;
    s3: aws_sdk_s3.force_path_style(path_style);
    secretsmanager: aws_sdk_secretsmanager;
    ssm: aws_sdk_ssm;
    sts: aws_sdk_sts;
    route53: aws_sdk_route53;
    acm: aws_sdk_acm;
    servicequotas: aws_sdk_servicequotas;
    tagging: aws_sdk_resourcegroupstagging;
}

/// Servers other than AWS rarely answer to `bucket.host`.
fn path_style(client: &Client) -> bool {
    client.config.endpoints.contains_key("s3")
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
        let sdk = credentials::load(&config, environment).await;
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
        let mut client = Client {
            config,
            region,
            account: String::new(),
            partition: String::new(),
            sdk,
            clients: Clients::default(),
            nat_gateways: Polls::default(),
            tagging_answers: Default::default(),
        };
        client.identify().await?;
        Ok(client)
    }

    /// The region that answers for what is global, as S3's quotas: "can only be viewed and managed from US East (N. Virginia)", Beijing
    /// and AWS GovCloud (US-West). <https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>
    fn home(&self) -> Region {
        Region::new(match self.partition.as_str() {
            "aws" => "us-east-1".to_owned(),
            "aws-cn" => "cn-north-1".to_owned(),
            "aws-us-gov" => "us-gov-west-1".to_owned(),
            _ => self.region.clone(),
        })
    }

    /// The tagging API for what is in a place.
    pub(crate) fn tagging_in(&self, place: Place) -> &aws_sdk_resourcegroupstagging::Client {
        match place {
            Place::Region => self.tagging(),
            Place::Global => self.clients.tagging_global.get_or_init(|| {
                let config = self.tagging().config().to_builder().region(self.home());
                aws_sdk_resourcegroupstagging::Client::from_conf(config.build())
            }),
        }
    }

    /// Service Quotas for what counts in a place.
    pub(crate) fn servicequotas_in(&self, place: Place) -> &aws_sdk_servicequotas::Client {
        match place {
            Place::Region => self.servicequotas(),
            Place::Global => self.clients.servicequotas_global.get_or_init(|| {
                let config = self.servicequotas().config().to_builder();
                aws_sdk_servicequotas::Client::from_conf(config.region(self.home()).build())
            }),
        }
    }

    /// Whether the tagging API answers for what is in a place.
    pub(crate) fn tagging_answers(&self, place: Place) -> &Answers {
        match place {
            Place::Region => &self.tagging_answers[0],
            Place::Global => &self.tagging_answers[1],
        }
    }

    /// An error with the endpoint that was asked, where that is what matters.
    fn located(&self, error: ProviderError) -> ProviderError {
        let own = self.config.endpoints.get(&error.service);
        let endpoint = match own.map(String::as_str).or(self.sdk.endpoint_url()) {
            Some(url) => url.to_owned(),
            None => format!("{} in {}", error.service, self.region),
        };
        let error = credentials::explained(error, self.config.profile.as_deref());
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

    /// A token for a cluster of this region.
    ///
    /// # Errors
    /// No credentials.
    pub(crate) async fn cluster_token(
        &self,
        cluster: &str,
        now: Timestamp,
    ) -> Result<ClusterToken, ProviderError> {
        cluster_token::of(&self.sdk, cluster, &self.region, now).await
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
        retried(context, family.name, operation, resend, &attempt).await
    }
}
