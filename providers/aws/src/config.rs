//! The provider's configuration: what a stack says under `[clouds.aws]`, and the same resolved, as the state keeps it.
//! Credentials are never in it; they come from the SDK's standard chain.

use crate::role::lasting;
use infra_cloud::config::{check_endpoints, stated, variable};
use infra_model::provider::Environment;
use infra_model::{ProviderError, Record};
use std::collections::BTreeMap;
use std::time::Duration;

/// Amazon Web Services. Credentials come from the standard chain: environment, profile, SSO, web identity, instance
/// metadata.
#[derive(Clone, Debug, Default, Record)]
pub struct Config {
    /// The region. By default `AWS_REGION`, then the profile's.
    #[record(optional)]
    pub region: Option<String>,
    /// A profile of the shared configuration files.
    #[record(optional)]
    pub profile: Option<String>,
    /// A role to take on with the found credentials; of several, each is taken on with the one before. Not in a sandbox that a command
    /// starts itself, which has no such roles.
    #[record(block)]
    pub assume_role: Vec<AssumeRole>,
    /// A role to take on with a token of an OpenID Connect provider, such as that of a CI service; before any `assume_role`.
    #[record(block, max = 1)]
    pub assume_role_with_web_identity: Vec<WebIdentity>,
    /// Endpoints by service, such as `ec2`: `acm autoscaling cloudcontrol ec2 ecr eks elbv2 iam kms logs rds route53 s3
    /// secretsmanager servicequotas ssm sts tagging`. `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` go before.
    #[record(optional)]
    pub endpoints: BTreeMap<String, String>,
    /// Tags on everything that can have tags; a resource's own go before.
    #[record(optional)]
    pub tags: BTreeMap<String, String>,
    /// The account. When it is set, credentials of another account are refused.
    #[record(optional, computed)]
    pub account: Option<String>,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    #[record(optional, computed)]
    pub partition: Option<String>,
}

/// A role to take on.
#[derive(Clone, Debug, Default, Record)]
pub struct AssumeRole {
    /// Its ARN.
    #[record(required)]
    pub role_arn: String,
    /// What the session is called in the audit log.
    #[record(optional)]
    pub session_name: Option<String>,
    /// The external id that the role's trust policy asks for.
    #[record(optional)]
    pub external_id: Option<String>,
    /// For how long its credentials are good, such as `1h` or `1h30m`: 15 minutes to 12 hours, as the role allows, and an hour at most
    /// for a role that is taken on with another. They are renewed in time.
    #[record(optional)]
    pub duration: Option<String>,
    /// A policy, as JSON, that narrows what the session may do.
    #[record(optional)]
    pub policy: Option<String>,
    /// ARNs of managed policies that narrow it.
    #[record(optional)]
    pub policy_arns: Vec<String>,
    /// Tags of the session; the trust policy must allow `sts:TagSession`.
    #[record(optional)]
    pub tags: BTreeMap<String, String>,
    /// Those of the tags that go on to roles that are taken on with this one.
    #[record(optional)]
    pub transitive_tag_keys: Vec<String>,
    /// Who stands behind the session; the trust policy must allow `sts:SetSourceIdentity`.
    #[record(optional)]
    pub source_identity: Option<String>,
}

/// A role that is taken on with a token.
#[derive(Clone, Debug, Default, Record)]
pub struct WebIdentity {
    /// Its ARN.
    #[record(required)]
    pub role_arn: String,
    /// What the session is called in the audit log.
    #[record(optional)]
    pub session_name: Option<String>,
    /// For how long its credentials are good, such as `1h` or `1h30m`: 15 minutes to 12 hours, as the role allows. They are renewed in
    /// time.
    #[record(optional)]
    pub duration: Option<String>,
    /// A policy, as JSON, that narrows what the session may do.
    #[record(optional)]
    pub policy: Option<String>,
    /// ARNs of managed policies that narrow it.
    #[record(optional)]
    pub policy_arns: Vec<String>,
    /// The token itself. It is not kept.
    #[record(optional, sensitive)]
    pub web_identity_token: Option<String>,
    /// A file that holds the token, relative to the stack file. By default `AWS_WEB_IDENTITY_TOKEN_FILE`.
    #[record(optional)]
    pub web_identity_token_file: Option<String>,
}

/// Services by their key under `endpoints`, and as `AWS_ENDPOINT_URL_…` names them.
const SERVICES: [(&str, &str); 18] = [
    ("autoscaling", "AUTO_SCALING"),
    ("cloudcontrol", "CLOUDCONTROL"),
    ("ec2", "EC2"),
    ("ecr", "ECR"),
    ("eks", "EKS"),
    ("elbv2", "ELASTIC_LOAD_BALANCING_V2"),
    ("iam", "IAM"),
    ("kms", "KMS"),
    ("logs", "CLOUDWATCH_LOGS"),
    ("rds", "RDS"),
    ("s3", "S3"),
    ("secretsmanager", "SECRETS_MANAGER"),
    ("ssm", "SSM"),
    ("sts", "STS"),
    ("route53", "ROUTE_53"),
    ("acm", "ACM"),
    ("servicequotas", "SERVICE_QUOTAS"),
    ("tagging", "RESOURCE_GROUPS_TAGGING_API"),
];

impl Config {
    /// With the endpoints and the region that the environment gives. `AWS_ENDPOINT_URL` stands before the stack's own
    /// endpoints, because a state that was made against a sandbox is read again under the sandbox's next address.
    ///
    /// # Errors
    /// An unknown service, or an endpoint that is no URL.
    pub fn within(mut self, environment: &Environment) -> Result<Config, ProviderError> {
        if let Some(url) = environment.variable("AWS_ENDPOINT_URL") {
            self.everywhere(url);
        }
        for (service, variable) in SERVICES {
            if let Some(url) = environment.variable(&format!("AWS_ENDPOINT_URL_{variable}")) {
                self.endpoints.insert(service.to_owned(), url.to_owned());
            }
        }
        self.region = self
            .region
            .filter(|r| !r.is_empty())
            .or_else(|| variable(environment, &["AWS_REGION", "AWS_DEFAULT_REGION"]));
        self.profile = self
            .profile
            .or_else(|| variable(environment, &["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]));
        for web in &mut self.assume_role_with_web_identity {
            web.web_identity_token_file = web
                .web_identity_token_file
                .take()
                .or_else(|| variable(environment, &["AWS_WEB_IDENTITY_TOKEN_FILE"]));
        }
        self.check()?;
        self.check_roles()?;
        Ok(self)
    }

    /// One endpoint for every service.
    pub(crate) fn everywhere(&mut self, url: &str) {
        for (service, _) in SERVICES {
            self.endpoints.insert(service.to_owned(), url.to_owned());
        }
    }

    fn check(&self) -> Result<(), ProviderError> {
        let is_not = |_: &str, url: &str| {
            let host = url
                .strip_prefix("http://")
                .or_else(|| url.strip_prefix("https://"));
            let right = host.is_some_and(|host| !host.is_empty());
            (!right).then_some("an http:// or https:// URL")
        };
        let services = SERVICES.map(|(key, _)| key);
        check_endpoints(&self.endpoints, &services, is_not)
    }

    fn check_roles(&self) -> Result<(), ProviderError> {
        let roles = self.assume_role.iter();
        let roles = roles.map(|r| ("assume_role", r.duration.as_ref()));
        let webs = self.assume_role_with_web_identity.iter();
        let webs = webs.map(|w| ("assume_role_with_web_identity", w.duration.as_ref()));
        let bounds = Duration::from_mins(15)..=Duration::from_hours(12);
        for (attribute, duration) in roles.chain(webs) {
            let Some(duration) = duration else { continue };
            if !lasting(duration).is_some_and(|d| bounds.contains(&d)) {
                let message = format!(
                    "`duration` is `{duration}`: 15 minutes to 12 hours are possible, written as `1h`, `90m` or `1h30m`"
                );
                return Err(ProviderError::invalid(attribute, message));
            }
        }
        for web in &self.assume_role_with_web_identity {
            if web.web_identity_token.is_none() && web.web_identity_token_file.is_none() {
                return Err(ProviderError::invalid(
                    "assume_role_with_web_identity",
                    "no token: set `web_identity_token_file`, `web_identity_token` or AWS_WEB_IDENTITY_TOKEN_FILE",
                ));
            }
        }
        Ok(())
    }

    /// As the state keeps it: what is not set is left out, and the token too.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut kept = self.clone();
        for web in &mut kept.assume_role_with_web_identity {
            web.web_identity_token = None;
        }
        stated(&kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::environment;
    use infra_model::json::from_json;

    #[test]
    fn a_resolved_configuration_is_a_configuration() {
        let config = Config {
            region: Some("eu-west-1".to_owned()),
            account: Some("123456789012".to_owned()),
            partition: Some("aws".to_owned()),
            tags: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
            assume_role: vec![AssumeRole {
                role_arn: "arn:aws:iam::123456789012:role/x".to_owned(),
                ..AssumeRole::default()
            }],
            ..Config::default()
        };
        let json = config.to_json();
        assert!(json.get("profile").is_none(), "{json}");
        let value = from_json(&json, &Config::block().implied_type()).expect("fits");
        Config::block().coerce(&value).expect("is accepted");
        assert_eq!(Config::from_value(&value).expect("reads").to_json(), json);
    }

    #[test]
    fn the_environment_gives_endpoints_and_region() {
        let config = Config {
            endpoints: BTreeMap::from([("ec2".to_owned(), "http://127.0.0.1:1".to_owned())]),
            ..Config::default()
        }
        .within(&environment(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:2"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:3"),
            ("AWS_DEFAULT_REGION", "us-east-2"),
        ]))
        .expect("is right");
        assert_eq!(config.endpoints["ec2"], "http://127.0.0.1:2");
        assert_eq!(config.endpoints["s3"], "http://127.0.0.1:3");
        assert_eq!(config.region.as_deref(), Some("us-east-2"));
    }

    #[test]
    fn roles_need_a_token_and_a_duration_that_can_be() {
        let web = |file: Option<&str>, token: Option<&str>| WebIdentity {
            role_arn: "arn:aws:iam::123456789012:role/x".to_owned(),
            web_identity_token_file: file.map(str::to_owned),
            web_identity_token: token.map(str::to_owned),
            ..WebIdentity::default()
        };
        let of = |web: WebIdentity, variables: &[(&str, &str)]| {
            let config = Config {
                assume_role_with_web_identity: vec![web],
                ..Config::default()
            };
            config.within(&environment(variables))
        };
        let kept = of(web(None, Some("secret.token.x")), &[]).expect("is right");
        assert!(!kept.to_json().to_string().contains("secret"));
        let named = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token")];
        let kept = of(web(None, None), &named).expect("is right");
        let file = &kept.assume_role_with_web_identity[0].web_identity_token_file;
        assert_eq!(file.as_deref(), Some("/run/token"));
        let error = of(web(None, None), &[]).expect_err("no token");
        assert!(error.message.contains("no token"), "{error}");
        for duration in ["5m", "13h", "soon"] {
            let config = Config {
                assume_role: vec![AssumeRole {
                    duration: Some(duration.to_owned()),
                    ..AssumeRole::default()
                }],
                ..Config::default()
            };
            let error = config.within(&environment(&[])).expect_err("is wrong");
            assert!(error.message.contains(duration), "{error}");
        }
    }

    #[test]
    fn wrong_endpoints_are_refused() {
        for (key, url, message) in [
            ("ec3", "http://x", "did you mean `ec2`?"),
            ("ec2", "localhost:1", "is not an http:// or https:// URL"),
        ] {
            let config = Config {
                endpoints: BTreeMap::from([(key.to_owned(), url.to_owned())]),
                ..Config::default()
            };
            let error = config
                .within(&Environment::default())
                .expect_err("is wrong");
            assert!(error.message.contains(message), "{error}");
        }
    }
}
