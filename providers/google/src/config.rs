//! The provider's configuration: what a stack says under `[clouds.google]`, and the same resolved, as the state keeps it.
//! Credentials are never in it; they come from Google's standard chain.

use infra_cloud::config::{check_endpoints, fill, not_secure, stated};
use infra_model::provider::Environment;
use infra_model::{ProviderError, Record};
use std::collections::BTreeMap;

/// Google Cloud. Credentials are the application-default ones: `GOOGLE_APPLICATION_CREDENTIALS` (a service account or
/// workload identity federation), a `gcloud` login, the metadata server.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Config {
    /// The project. By default `GOOGLE_PROJECT`, `GOOGLE_CLOUD_PROJECT`, `GCLOUD_PROJECT` or `CLOUDSDK_CORE_PROJECT`.
    #[record(optional)]
    pub(crate) project: Option<String>,
    /// The region of what names none. By default `GOOGLE_REGION`, `GOOGLE_CLOUD_REGION`, `GCLOUD_REGION` or
    /// `CLOUDSDK_COMPUTE_REGION`.
    #[record(optional)]
    pub(crate) region: Option<String>,
    /// The zone of what names none. By default `GOOGLE_ZONE`, `GOOGLE_CLOUD_ZONE`, `GCLOUD_ZONE` or `CLOUDSDK_COMPUTE_ZONE`.
    #[record(optional)]
    pub(crate) zone: Option<String>,
    /// A service account to act as, with the found credentials.
    #[record(optional)]
    pub(crate) impersonate_service_account: Option<String>,
    /// The project whose quota calls count against, where it is not that of the credentials.
    #[record(optional)]
    pub(crate) billing_project: Option<String>,
    /// Endpoints by service: `artifactregistry cloudresourcemanager compute container dns iam kms secretmanager
    /// servicenetworking serviceusage sql storage`. `INFRA_GOOGLE_ENDPOINT` goes before, for all of them.
    #[record(optional)]
    pub(crate) endpoints: BTreeMap<String, String>,
    /// Labels on everything that can have labels; a resource's own go before.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
}

/// Services by their key under `endpoints`.
pub(crate) const SERVICES: [&str; 13] = [
    "artifactregistry",
    "cloudresourcemanager",
    "compute",
    "container",
    "dns",
    "iam",
    "kms",
    "rest",
    "secretmanager",
    "servicenetworking",
    "serviceusage",
    "sql",
    "storage",
];

impl Config {
    /// With what the environment gives. `INFRA_GOOGLE_ENDPOINT` stands before the stack's own endpoints, because a state that
    /// was made against a sandbox is read again under the sandbox's next address.
    ///
    /// # Errors
    /// No project, an unknown service, or an endpoint that is no URL.
    pub(crate) fn within(mut self, environment: &Environment) -> Result<Config, ProviderError> {
        if let Some(url) = environment.variable("INFRA_GOOGLE_ENDPOINT") {
            for service in SERVICES {
                self.endpoints.insert(service.to_owned(), url.to_owned());
            }
        }
        let or = |own: &mut Option<String>, names: &[&str]| fill(own, environment, names);
        or(
            &mut self.project,
            &[
                "GOOGLE_PROJECT",
                "GOOGLE_CLOUD_PROJECT",
                "GCLOUD_PROJECT",
                "CLOUDSDK_CORE_PROJECT",
            ],
        );
        or(
            &mut self.region,
            &[
                "GOOGLE_REGION",
                "GOOGLE_CLOUD_REGION",
                "GCLOUD_REGION",
                "CLOUDSDK_COMPUTE_REGION",
            ],
        );
        or(
            &mut self.zone,
            &[
                "GOOGLE_ZONE",
                "GOOGLE_CLOUD_ZONE",
                "GCLOUD_ZONE",
                "CLOUDSDK_COMPUTE_ZONE",
            ],
        );
        if self.project.is_none() {
            return Err(ProviderError::invalid(
                "project",
                "no project: set `project` under [clouds.google], or GOOGLE_CLOUD_PROJECT",
            ));
        }
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), ProviderError> {
        check_endpoints(&self.endpoints, &SERVICES, |_, url| not_secure(url))
    }

    /// As the state keeps it: what is not set is left out.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        stated(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::environment;

    #[test]
    fn the_environment_fills_what_the_stack_leaves_out() {
        let config = Config {
            region: Some("europe-west1".to_owned()),
            ..Config::default()
        }
        .within(&environment(&[
            ("GOOGLE_CLOUD_PROJECT", "shop"),
            ("GOOGLE_REGION", "us-east1"),
            ("INFRA_GOOGLE_ENDPOINT", "http://127.0.0.1:4701"),
        ]))
        .expect("is right");
        assert_eq!(config.project.as_deref(), Some("shop"));
        assert_eq!(config.region.as_deref(), Some("europe-west1"));
        assert_eq!(config.endpoints["sql"], "http://127.0.0.1:4701");
        assert!(config.to_json().get("zone").is_none());
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_remedy() {
        let none = Config::default().within(&Environment::default());
        assert!(
            none.expect_err("no project")
                .message
                .contains("GOOGLE_CLOUD_PROJECT")
        );
        for (service, url, message) in [
            ("computer", "https://x", "did you mean `compute`?"),
            ("compute", "http://example.com", "is not an https:// URL"),
            (
                "compute",
                "http://127.0.0.1.example.com",
                "is not an https:// URL",
            ),
        ] {
            let config = Config {
                project: Some("p".to_owned()),
                endpoints: BTreeMap::from([(service.to_owned(), url.to_owned())]),
                ..Config::default()
            };
            let error = config
                .within(&Environment::default())
                .expect_err("is wrong");
            assert!(error.message.contains(message), "{error}");
        }
    }
}
