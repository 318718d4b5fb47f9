//! The configured client: the one way to call a service, through its official crate where it has one.

use crate::access::Access;
use crate::config::Config;
use crate::family::Service;
use crate::http::Http;
use crate::official::{self, Clients, Outcome};
use futures::future::BoxFuture;
use infra_cloud::part::Turns;
use infra_cloud::retry::{Resend, retried};
use infra_model::provider::Environment;
use infra_model::{CallContext, ProviderError};
use reqwest::Method;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::sync::Arc;

/// The configured client of one project.
pub(crate) struct Client {
    access: Arc<Access>,
    official: Clients,
    http: Http,
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
        let access = Arc::new(Access::find(config.within(environment)?)?);
        Ok(Client {
            official: Clients::new(Arc::clone(&access)),
            access,
            http: Http::default(),
            turns: Turns::default(),
        })
    }

    /// The resolved configuration.
    #[must_use]
    pub(crate) fn config(&self) -> &Config {
        &self.access.config
    }

    /// The project of what names none.
    pub(crate) fn project(&self) -> &str {
        self.access.config.project.as_deref().unwrap_or_default()
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

    /// Makes a call once.
    async fn attempt(&self, request: &Request) -> Result<Json, ProviderError> {
        if request.service.official
            && let Outcome::Answered(answer) = official::call(&self.official, request).await
        {
            return answer;
        }
        self.http.call(&self.access, request).await
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
