//! The configured client: one HTTP client, Google's credentials, and the one way to call a service.

use crate::config::Config;
use crate::error;
use crate::family::Service;
use futures::future::BoxFuture;
use google_cloud_auth::credentials::{
    Builder, CacheableResource, Credentials, anonymous, impersonated,
};
use infra_cloud::cause::innermost;
use infra_cloud::config::is_loopback;
use infra_cloud::part::Turns;
use infra_cloud::retry::{Resend, retried};
use infra_model::clusters::ClusterToken;
use infra_model::provider::Environment;
use infra_model::{CallContext, ErrorKind, ProviderError, Timestamp};
use reqwest::Method;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::time::Duration;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The official crate gives only tokens that are good for a few minutes more, and does not say until when.
const TOKEN_LIFETIME: Duration = Duration::from_mins(4);

/// The configured client of one project.
pub(crate) struct Client {
    config: Config,
    credentials: Credentials,
    /// For endpoints on this machine, which must not see real ones.
    anonymous: Credentials,
    http: reqwest::Client,
    /// Who changes a list or a policy that several resources share.
    pub(crate) turns: Turns,
}

/// One request, before it is addressed.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) service: Service,
    /// Where the service is, when it has no host of its own.
    pub(crate) host: Option<String>,
    /// `compute.networks.insert`, as the API's reference and audit logs name it.
    pub(crate) call: String,
    pub(crate) method: Method,
    /// What follows the service's base: `projects/p/global/networks`.
    pub(crate) path: String,
    pub(crate) query: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Option<Json>,
    pub(crate) resend: Resend,
}

impl Request {
    /// A call that reads.
    pub(crate) fn get(
        service: Service,
        call: impl Into<String>,
        path: impl Into<String>,
    ) -> Request {
        Request {
            service,
            host: None,
            call: call.into(),
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: None,
            resend: Resend::Safe,
        }
    }

    /// A call that changes something; doing it twice is doing it once.
    pub(crate) fn send(
        service: Service,
        call: impl Into<String>,
        method: Method,
        path: impl Into<String>,
        body: Json,
    ) -> Request {
        Request {
            method,
            body: (!body.is_null()).then_some(body),
            ..Request::get(service, call, path)
        }
    }

    pub(crate) fn query(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Request {
        self.query.push((name.into(), value.into()));
        self
    }
}

impl Client {
    /// Connects: finds project and credentials. No call is made.
    ///
    /// # Errors
    /// No project, an endpoint that is no URL, or no credentials.
    pub(crate) async fn connect(
        config: Config,
        environment: &Environment,
    ) -> Result<Client, ProviderError> {
        let config = config.within(environment)?;
        let anonymous = anonymous::Builder::new().build();
        let local = |service: &str| {
            config
                .endpoints
                .get(service)
                .is_some_and(|u| is_loopback(u))
        };
        let credentials = if crate::config::SERVICES.iter().all(|s| local(s)) {
            anonymous.clone()
        } else {
            credentials(&config)?
        };
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(1))
            .user_agent(concat!("infra/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| ProviderError::new(ErrorKind::Other, format!("no HTTP client: {e}")))?;
        Ok(Client {
            config,
            credentials,
            anonymous,
            http,
            turns: Turns::default(),
        })
    }

    /// The resolved configuration.
    #[must_use]
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The project of what names none.
    pub(crate) fn project(&self) -> &str {
        self.config.project.as_deref().unwrap_or_default()
    }

    /// Makes a call.
    ///
    /// # Errors
    /// The service's answer, typed, after retries.
    pub(crate) async fn call(
        &self,
        context: &CallContext,
        request: &Request,
    ) -> Result<Json, ProviderError> {
        let family = if request.method == Method::GET {
            request.service.read
        } else {
            request.service.write
        };
        let attempt =
            || -> BoxFuture<'_, Result<Json, ProviderError>> { Box::pin(self.attempt(request)) };
        retried(
            context,
            family.name,
            &request.call,
            request.resend,
            &attempt,
        )
        .await
    }

    async fn attempt(&self, request: &Request) -> Result<Json, ProviderError> {
        let service = request.service;
        let failed = |kind: ErrorKind, message: String| ProviderError {
            service: service.name.to_owned(),
            operation: request.call.clone(),
            ..ProviderError::new(kind, message)
        };
        let own = self.config.endpoints.get(service.name);
        let endpoint = own.map_or_else(
            || {
                format!(
                    "https://{}",
                    request.host.as_deref().unwrap_or(service.host)
                )
            },
            |url| url.trim_end_matches('/').to_owned(),
        );
        let credentials = if is_loopback(&endpoint) {
            &self.anonymous
        } else {
            &self.credentials
        };
        let headers = match credentials.headers(http::Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => data,
            Ok(CacheableResource::NotModified) => http::HeaderMap::new(),
            Err(e) if e.is_transient() => {
                return Err(failed(ErrorKind::Transient, no_token(&e)));
            }
            Err(e) => return Err(failed(ErrorKind::Denied, no_token(&e))),
        };
        let url = match service.base {
            "" => format!("{endpoint}/{}", request.path),
            base => format!("{endpoint}/{base}/{}", request.path),
        };
        let mut call = self
            .http
            .request(request.method.clone(), url)
            .query(&request.query)
            .headers(headers);
        if let Some(project) = &self.config.billing_project {
            call = call.header("x-goog-user-project", project);
        }
        match &request.body {
            Some(body) => call = call.json(body),
            // Google's front end wants a length with every POST.
            None if request.method == Method::POST => call = call.header("content-length", "0"),
            None => {}
        }
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(e) => {
                let why = e.without_url();
                let cause = std::error::Error::source(&why)
                    .map_or_else(|| why.to_string(), ToString::to_string);
                return Err(failed(
                    ErrorKind::Transient,
                    format!("no answer from {endpoint}: {cause}"),
                ));
            }
        };
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get("retry-after")
            .and_then(|v| v.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = match answer.bytes().await {
            Ok(body) => body,
            Err(e) => {
                return Err(failed(
                    ErrorKind::Transient,
                    format!("the answer of {endpoint} broke off: {}", e.without_url()),
                ));
            }
        };
        let json = serde_json::from_slice(&body);
        if !status.is_success() {
            let body = json.unwrap_or_default();
            return Err(error::of_answer(
                service.name,
                &request.call,
                status.as_u16(),
                &body,
                retry_after,
            ));
        }
        if body.is_empty() {
            return Ok(Json::Null);
        }
        json.map_err(|e| {
            failed(
                ErrorKind::Transient,
                format!("{endpoint} answered no JSON: {e}"),
            )
        })
    }

    /// All items of a listing, over all its pages.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn list(
        &self,
        context: &CallContext,
        request: Request,
        items: &str,
    ) -> Result<Vec<Json>, ProviderError> {
        let mut all = Vec::new();
        for mut page in self.pages(context, request).await? {
            if let Some(Json::Array(found)) = page.get_mut(items).map(Json::take) {
                all.extend(found);
            }
        }
        Ok(all)
    }

    /// All pages of a listing.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn pages(
        &self,
        context: &CallContext,
        request: Request,
    ) -> Result<Vec<Json>, ProviderError> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut page = request.clone();
            if let Some(token) = token {
                page = page.query("pageToken", token);
            }
            let answer = self.call(context, &page).await?;
            let next = answer.get("nextPageToken").and_then(Json::as_str);
            token = next.filter(|next| !next.is_empty()).map(str::to_owned);
            all.push(answer);
            if token.is_none() {
                return Ok(all);
            }
        }
    }
}

/// Why there is no token, from the innermost cause, and what most often helps.
fn no_token(error: &(dyn std::error::Error + 'static)) -> String {
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
