//! How services are reached: where they are, as whom, and against whose quota.

use crate::config::{Config, SERVICES};
use crate::family::Service;
use google_cloud_auth::credentials::{
    Builder, CacheableResource, Credentials, CredentialsProvider, EntityTag, impersonated,
};
use google_cloud_auth::errors::CredentialsError;
use http::{Extensions, HeaderMap, HeaderValue};
use infra_cloud::config::is_loopback;
use infra_model::cause::innermost;
use infra_model::clusters::ClusterToken;
use infra_model::provider::Environment;
use infra_model::{ErrorKind, ProviderError, Timestamp};
use std::time::Duration;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The official crate gives only tokens that are good for a few minutes more, and does not say until when.
const TOKEN_LIFETIME: Duration = Duration::from_mins(4);

/// What calls say they come from.
pub(crate) const USER_AGENT: &str = concat!("infra/", env!("CARGO_PKG_VERSION"));

/// The way to the services of one configuration.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) config: Config,
    credentials: Credentials,
    /// For endpoints on this machine, which must not see real ones.
    local: Credentials,
}

impl Access {
    /// Finds the credentials. No call is made.
    ///
    /// # Errors
    /// There are none, and an endpoint wants some.
    pub(crate) fn find(config: Config) -> Result<Access, ProviderError> {
        let local = Credentials::from(Local(EntityTag::new()));
        let is_local = |service: &str| {
            let own = config.endpoints.get(service);
            own.is_some_and(|url| is_loopback(url))
        };
        let credentials = if SERVICES.iter().all(|s| is_local(s)) {
            local.clone()
        } else {
            credentials(&config)?
        };
        Ok(Access {
            config,
            credentials,
            local,
        })
    }

    /// Where a service is, when the configuration says so.
    pub(crate) fn own_endpoint(&self, service: Service) -> Option<&str> {
        let own = self.config.endpoints.get(service.name);
        own.map(|url| url.trim_end_matches('/'))
    }

    /// Where a service is; `host` is for those that have none of their own.
    pub(crate) fn endpoint(&self, service: Service, host: Option<&str>) -> String {
        self.own_endpoint(service).map_or_else(
            || format!("https://{}", host.unwrap_or(service.host)),
            str::to_owned,
        )
    }

    /// What an endpoint may see.
    pub(crate) fn credentials(&self, endpoint: &str) -> &Credentials {
        if is_loopback(endpoint) {
            &self.local
        } else {
            &self.credentials
        }
    }
}

/// A token that is nobody's, for what stands in for Google on this machine: like Google it refuses calls without one.
#[derive(Debug)]
struct Local(EntityTag);

impl CredentialsProvider for Local {
    async fn headers(
        &self,
        extensions: Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        if extensions.get::<EntityTag>() == Some(&self.0) {
            return Ok(CacheableResource::NotModified);
        }
        let token = HeaderValue::from_static("Bearer sandbox");
        Ok(CacheableResource::New {
            entity_tag: self.0.clone(),
            data: HeaderMap::from_iter([(http::header::AUTHORIZATION, token)]),
        })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

/// How long a service wants to be left alone.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Why there is no token, from the innermost cause, and what most often helps.
pub(crate) fn no_token(error: &(dyn std::error::Error + 'static)) -> String {
    format!("no access token: {}; {LOG_IN}", innermost(error))
}

const LOG_IN: &str = "where nobody is logged in, run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS";

/// The application-default credentials, or those of the account that they act as.
fn credentials(config: &Config) -> Result<Credentials, ProviderError> {
    let built = match &config.impersonate_service_account {
        None => Builder::default().with_scopes([SCOPE]).build(),
        Some(account) => Builder::default().build().and_then(|source| {
            impersonated::Builder::from_source_credentials(source)
                .with_target_principal(account)
                .with_scopes([SCOPE])
                .build()
        }),
    };
    built.map_err(|e| {
        ProviderError::new(
            ErrorKind::Denied,
            format!("no Google credentials: {e}; {LOG_IN}"),
        )
    })
}

/// A token of Google's for a cluster's API server, by the application-default credentials.
///
/// # Errors
/// No credentials, or none that give a token.
pub(crate) async fn cluster_token(
    impersonate: Option<&str>,
    environment: &Environment,
    now: Timestamp,
) -> Result<ClusterToken, ProviderError> {
    // A sandbox takes any.
    let local = environment.variable("INFRA_GOOGLE_ENDPOINT");
    if local.is_some_and(is_loopback) {
        return Ok(ClusterToken {
            token: "sandbox".to_owned(),
            expires: now.plus(TOKEN_LIFETIME),
        });
    }
    let config = Config {
        impersonate_service_account: impersonate.map(str::to_owned),
        ..Config::default()
    };
    let denied = |why: String| ProviderError::new(ErrorKind::Denied, why);
    let headers = credentials(&config)?
        .headers(http::Extensions::new())
        .await
        .map_err(|e| denied(no_token(&e)))?;
    let CacheableResource::New { data, .. } = headers else {
        return Err(denied("Google gave no token".to_owned()));
    };
    let token = data
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or_else(|| denied("Google gave no token".to_owned()))?;
    Ok(ClusterToken {
        token: token.to_owned(),
        expires: now.plus(TOKEN_LIFETIME),
    })
}
