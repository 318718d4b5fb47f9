//! Calls over REST by a client of our own, for what has no official crate that speaks it: Service Networking, Cloud Storage's JSON
//! API (the crate is gRPC only), betas, and `google_rest_resource`, which is any API.

use crate::access::{Access, USER_AGENT, no_token, retry_after};
use crate::client::Request;
use crate::error;
use google_cloud_auth::credentials::CacheableResource;
use infra_model::{ErrorKind, ProviderError};
use reqwest::Method;
use serde_json::Value as Json;
use std::sync::OnceLock;
use std::time::Duration;

/// The client, which is made for the first call.
#[derive(Debug, Default)]
pub(crate) struct Http(OnceLock<reqwest::Client>);

impl Http {
    fn client(&self) -> Result<&reqwest::Client, ProviderError> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(1))
            .user_agent(USER_AGENT)
            .build()
            .map_err(|e| ProviderError::new(ErrorKind::Other, format!("no HTTP client: {e}")))?;
        Ok(self.0.get_or_init(|| client))
    }

    /// Makes a call once.
    ///
    /// # Errors
    /// The service's answer, typed; why there is none.
    pub(crate) async fn call(
        &self,
        access: &Access,
        request: &Request,
    ) -> Result<Json, ProviderError> {
        let service = request.service;
        let failed = |kind: ErrorKind, message: String| ProviderError {
            service: service.name.to_owned(),
            operation: request.call.clone(),
            ..ProviderError::new(kind, message)
        };
        let endpoint = access.endpoint(service, request.host.as_deref());
        let credentials = access.credentials(&endpoint);
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
            .client()?
            .request(request.method.clone(), url)
            .query(&request.query)
            .headers(headers);
        if let Some(project) = &access.config.billing_project {
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
        let retry_after = retry_after(answer.headers());
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
}
