//! The configured client: one pipeline of the official `azure_core` for each audience, and the one way to make a call.

use crate::claims::{Claims, claims_of};
use crate::config::Config;
use crate::container::bridge;
use crate::credentials::{self, SIGN_IN};
use crate::{error, family};
use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind as CoreError;
pub(crate) use azure_core::http::Method;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{
    ClientOptions, Context, Pipeline, PipelineSendOptions, Request as Raw, RetryOptions, Url,
};
use futures::future::BoxFuture;
use infra_cloud::config::is_loopback;
use infra_cloud::part::Turns;
use infra_cloud::retry::{Resend, retried};
use infra_model::cause::innermost;
use infra_model::provider::Environment;
use infra_model::{CallContext, ErrorKind, ProviderError};
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// The version of the calls about resource providers.
const PROVIDERS: &str = "2025-04-01";
/// For whom tokens for blobs are, in every cloud of Azure's
/// (<https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory>).
const BLOBS: &str = "https://storage.azure.com/.default";
/// How long a registration may take.
const REGISTRATION: Duration = Duration::from_mins(15);

/// The configured client of one subscription.
pub(crate) struct Client {
    config: Config,
    manager: Pipeline,
    vaults: Pipeline,
    blobs: Pipeline,
    /// None for endpoints on this machine.
    credential: Option<Arc<dyn TokenCredential>>,
    /// Who changes a resource that several of ours share.
    turns: Turns,
}

/// Whom a call is for, which decides the token that goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Azure Resource Manager.
    Manager,
    /// The vaults themselves.
    Vaults,
    /// The blobs of accounts, which are answered for in XML: the body is the text of it.
    Blobs,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) audience: Audience,
    /// `Microsoft.Network/virtualNetworks`, which errors name.
    pub(crate) of: String,
    pub(crate) method: Method,
    /// A path such as a resource's id, or a whole URL.
    pub(crate) path: String,
    /// The api-version; empty when the URL has one.
    pub(crate) version: &'static str,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Json>,
    pub(crate) resend: Resend,
    /// Whether the subscription is registered with the resource provider for it where that was never done.
    registers: bool,
}

impl Request {
    /// A call of Resource Manager; doing it twice is doing it once.
    pub(crate) fn new(
        method: Method,
        of: impl Into<String>,
        version: &'static str,
        path: impl Into<String>,
    ) -> Request {
        Request {
            audience: Audience::Manager,
            of: of.into(),
            method,
            path: path.into(),
            version,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            resend: Resend::Safe,
            registers: true,
        }
    }

    /// A call that reads.
    pub(crate) fn get(
        of: impl Into<String>,
        version: &'static str,
        path: impl Into<String>,
    ) -> Request {
        Request::new(Method::Get, of, version, path)
    }

    pub(crate) fn body(mut self, body: Json) -> Request {
        self.body = Some(body);
        self
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.query.push((name, value.into()));
        self
    }

    /// Only while the resource is as it was read: what `If-Match` says. Nothing without an etag.
    pub(crate) fn if_match(mut self, etag: Option<&str>) -> Request {
        let etag = etag.filter(|e| !e.is_empty());
        self.headers
            .extend(etag.map(|e| ("if-match", e.to_owned())));
        self
    }

    /// A question that may go unanswered: nothing is registered for it.
    pub(crate) fn unregistered(mut self) -> Request {
        self.registers = false;
        self
    }

    fn family(&self) -> &'static str {
        match (self.audience, self.method) {
            (Audience::Vaults, _) => family::VAULT,
            (_, Method::Get | Method::Head) => family::READ,
            (_, Method::Delete) => family::DELETE,
            _ => family::WRITE,
        }
    }

    /// `PUT`, as errors say what was done.
    pub(crate) fn verb(&self) -> String {
        self.method.as_ref().to_owned()
    }
}

/// What a call was answered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Json,
    /// `Azure-AsyncOperation`
    pub(crate) operation: Option<String>,
    /// `Location`
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) request_id: Option<String>,
}

/// For endpoints on this machine, which must not see real tokens: the official policy refuses plain HTTP. What it brings names the
/// application that the configuration names, if any.
#[derive(Debug)]
struct Dummy(String);

#[async_trait]
impl Policy for Dummy {
    async fn send(
        &self,
        context: &Context,
        request: &mut Raw,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        request.insert_header("authorization", format!("Bearer {}", self.0));
        next[0].send(context, request, &next[1..]).await
    }
}

fn pipeline(authorization: Arc<dyn Policy>) -> Pipeline {
    // Calls are sent again by `retried`, which knows the run's clock and limits.
    let options = ClientOptions {
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    };
    Pipeline::new(
        Some("infra"),
        option_env!("CARGO_PKG_VERSION"),
        options,
        Vec::new(),
        vec![authorization],
        None,
    )
}

impl Client {
    /// Connects: finds subscription and credentials. No call is made.
    ///
    /// # Errors
    /// No subscription, an endpoint that is no URL, or no credentials.
    pub(crate) fn connect(
        config: Config,
        environment: &Environment,
    ) -> Result<Client, ProviderError> {
        let (config, sign_in) = config.within(environment)?;
        if is_loopback(config.resource_manager()) {
            let who = config.client_id.as_deref();
            let token = who.map_or_else(|| "sandbox".to_owned(), |who| format!("sandbox:{who}"));
            let dummy = pipeline(Arc::new(Dummy(token)));
            return Ok(Client {
                config,
                manager: dummy.clone(),
                vaults: dummy.clone(),
                blobs: dummy,
                credential: None,
                turns: Turns::default(),
            });
        }
        let credential = credentials::of(&config, sign_in)?;
        let scoped = |scope: String| {
            pipeline(Arc::new(BearerTokenAuthorizationPolicy::new(
                Arc::clone(&credential),
                vec![scope],
            )))
        };
        let manager = scoped(manager_scope(&config));
        let vaults = scoped(format!("https://{}/.default", config.vault_domain()));
        let blobs = scoped(BLOBS.to_owned());
        Ok(Client {
            config,
            manager,
            vaults,
            blobs,
            credential: Some(credential),
            turns: Turns::default(),
        })
    }

    /// The resolved configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The pipeline to Resource Manager.
    pub(crate) fn manager(&self) -> &Pipeline {
        &self.manager
    }

    /// `/subscriptions/…`
    pub(crate) fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.config.subscription())
    }

    /// Where the blobs of an account are: as the account says, and in an emulator below its own address.
    pub(crate) fn blobs(&self, account: &str, endpoint: &str) -> String {
        let manager = self.config.resource_manager();
        if is_loopback(manager) {
            return format!("{manager}/_blob/{account}/");
        }
        endpoint.to_owned()
    }

    /// Waits for one's turn at a resource that several of ours share; letter case says nothing, as in ids.
    pub(crate) async fn turn(&self, whole: &str) -> OwnedMutexGuard<()> {
        self.turns.at(&whole.to_ascii_lowercase()).await
    }

    /// Makes a call; the body of the answer.
    ///
    /// # Errors
    /// The service's answer, typed, after retries.
    pub(crate) async fn call(
        &self,
        context: &CallContext,
        request: &Request,
    ) -> Result<Json, ProviderError> {
        self.send(context, request).await.map(|answer| answer.body)
    }

    /// Makes a call, after registering the subscription with the resource provider where that was never done.
    ///
    /// # Errors
    /// The service's answer, typed, after retries.
    pub(crate) async fn send(
        &self,
        context: &CallContext,
        request: &Request,
    ) -> Result<Answer, ProviderError> {
        match self.sent(context, request).await {
            Err(error) if request.registers && error.code == "MissingSubscriptionRegistration" => {
                self.register(context, request, &error).await?;
                self.sent(context, request).await
            }
            other => other,
        }
    }

    async fn sent(
        &self,
        context: &CallContext,
        request: &Request,
    ) -> Result<Answer, ProviderError> {
        let attempt =
            || -> BoxFuture<'_, Result<Answer, ProviderError>> { Box::pin(self.attempt(request)) };
        let (family, call) = (
            request.family(),
            format!("{} {}", request.verb(), request.of),
        );
        retried(context, family, &call, request.resend, &attempt).await
    }

    /// Registers the subscription with the resource provider of a call (Azure, "Azure resource providers and types").
    async fn register(
        &self,
        context: &CallContext,
        request: &Request,
        refused: &ProviderError,
    ) -> Result<(), ProviderError> {
        let Some(namespace) = namespace(&request.path) else {
            return Err(refused.clone());
        };
        let _turn = self.turn(&format!("registration of {namespace}")).await;
        let path = format!("{}/providers/{namespace}", self.subscription());
        let state = |answer: &Json| answer["registrationState"].as_str() == Some("Registered");
        let look = Request::get(namespace, PROVIDERS, &*path);
        if state(&self.sent(context, &look).await?.body) {
            // Somebody else of this run did it meanwhile.
            return Ok(());
        }
        tracing::info!(
            namespace,
            "registering the subscription with the resource provider"
        );
        let register = Request::new(
            Method::Post,
            namespace,
            PROVIDERS,
            format!("{path}/register"),
        );
        self.sent(context, &register).await?;
        let start = context.clock.now();
        loop {
            if state(&self.sent(context, &look).await?.body) {
                return Ok(());
            }
            if context.clock.now().since(start) > REGISTRATION {
                return Err(ProviderError::new(
                    ErrorKind::TimedOut,
                    format!(
                        "the subscription is still being registered with `{namespace}`; the next run goes on"
                    ),
                ));
            }
            context.clock.sleep(Duration::from_secs(2)).await;
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Answer, ProviderError> {
        let failed = |kind: ErrorKind, message: String| ProviderError {
            service: request.of.clone(),
            operation: request.verb(),
            ..ProviderError::new(kind, message)
        };
        let endpoint = self.config.resource_manager();
        let address = if request.path.starts_with('/') {
            format!("{endpoint}{}", request.path)
        } else {
            request.path.clone()
        };
        let mut url = Url::parse(&address)
            .map_err(|e| failed(ErrorKind::Invalid, format!("`{address}` is no URL: {e}")))?;
        if !request.version.is_empty() || !request.query.is_empty() {
            let mut pairs = url.query_pairs_mut();
            if !request.version.is_empty() {
                pairs.append_pair("api-version", request.version);
            }
            for (name, value) in &request.query {
                pairs.append_pair(name, value);
            }
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut raw = Raw::new(url, request.method);
        let accepted = match request.audience {
            Audience::Blobs => "application/xml",
            _ => "application/json",
        };
        raw.insert_header("accept", accepted);
        for (name, value) in &request.headers {
            raw.insert_header(*name, value.clone());
        }
        match &request.body {
            Some(body) => {
                raw.insert_header("content-type", "application/json");
                raw.set_body(body.to_string().into_bytes());
            }
            None if matches!(request.method, Method::Post | Method::Put | Method::Patch) => {
                raw.insert_header("content-length", "0");
            }
            None => {}
        }
        let pipeline = match request.audience {
            Audience::Manager => &self.manager,
            Audience::Vaults => &self.vaults,
            Audience::Blobs => &self.blobs,
        };
        let exchanged = match bridge::call(self, request)? {
            Some(call) => call.await,
            None => exchange(pipeline, raw).await,
        };
        let exchanged = match exchanged {
            Ok(exchanged) => exchanged,
            Err(e) if is_about_tokens(&e) => {
                let message = format!("no access token: {e}; where nobody is signed in, {SIGN_IN}");
                return Err(failed(ErrorKind::Denied, message));
            }
            Err(e) => {
                let message = format!("no answer from {host}: {}", innermost(&e));
                return Err(failed(ErrorKind::Transient, message));
            }
        };
        let (status, headers) = (exchanged.status, &exchanged.headers);
        let bytes = &*exchanged.body;
        let json = serde_json::from_slice::<Json>(bytes);
        let answer = Answer {
            status,
            operation: header(headers, "azure-asyncoperation"),
            location: header(headers, "location"),
            retry_after: header(headers, "retry-after")
                .and_then(|v| v.parse().ok())
                .map(Duration::from_secs),
            request_id: header(headers, "x-ms-correlation-request-id")
                .or_else(|| header(headers, "x-ms-request-id")),
            body: Json::Null,
        };
        if !(200..300).contains(&status) {
            let body = json.unwrap_or_default();
            return Err(error::of_answer(request, &answer, &body));
        }
        if request.audience == Audience::Blobs {
            let body = String::from_utf8_lossy(bytes).into_owned().into();
            return Ok(Answer { body, ..answer });
        }
        let body = match json {
            Ok(body) => body,
            Err(_) if bytes.is_empty() => Json::Null,
            Err(e) => {
                let message = format!("{host} answered no JSON: {e}");
                return Err(failed(ErrorKind::Transient, message));
            }
        };
        Ok(Answer { body, ..answer })
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// No token.
    pub(crate) async fn claims(&self) -> Result<Claims, ProviderError> {
        let Some(credential) = &self.credential else {
            // An emulator signs nobody in: the application that is named stands for who would be.
            return Ok(Claims {
                object: self.config.client_id.clone(),
                ..Claims::default()
            });
        };
        let scope = manager_scope(&self.config);
        let token = credential.get_token(&[&scope], None).await.map_err(|e| {
            let kind = if is_about_tokens(&e) {
                ErrorKind::Denied
            } else {
                ErrorKind::Transient
            };
            ProviderError::new(
                kind,
                format!("no access token: {e}; where nobody is signed in, {SIGN_IN}"),
            )
        })?;
        Ok(claims_of(token.token.secret()))
    }

    /// All items of a listing, over all its pages.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn list(
        &self,
        context: &CallContext,
        mut request: Request,
    ) -> Result<Vec<Json>, ProviderError> {
        let mut all = Vec::new();
        loop {
            let mut answer = self.call(context, &request).await?;
            if let Some(Json::Array(found)) = answer.get_mut("value").map(Json::take) {
                all.extend(found);
            }
            match answer["nextLink"].as_str() {
                Some(next) if !next.is_empty() => {
                    request.path = self.relative(next).to_owned();
                    request.version = "";
                    request.query.clear();
                }
                _ => return Ok(all),
            }
        }
    }

    /// A URL of Resource Manager's as a path, so that it stays good under another endpoint.
    pub(crate) fn relative<'a>(&self, url: &'a str) -> &'a str {
        let rest = url.strip_prefix(self.config.resource_manager());
        rest.filter(|r| r.starts_with('/')).unwrap_or(url)
    }
}

/// What came back, before it is understood.
#[derive(Debug)]
pub(crate) struct Exchanged {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// Sends a request; every status is an answer.
///
/// # Errors
/// No token, or no answer.
pub(crate) async fn exchange(
    pipeline: &Pipeline,
    mut request: Raw,
) -> azure_core::Result<Exchanged> {
    let unchecked = PipelineSendOptions {
        skip_checks: true,
        ..PipelineSendOptions::default()
    };
    let answer = pipeline
        .send(&Context::new(), &mut request, Some(unchecked))
        .await?;
    let (status, headers, body) = answer.deconstruct();
    Ok(Exchanged {
        status: status.into(),
        headers,
        body: body.as_ref().to_vec(),
    })
}

fn manager_scope(config: &Config) -> String {
    format!("{}/.default", config.cloud().resource_manager)
}

fn header(headers: &Headers, name: &'static str) -> Option<String> {
    headers.get_optional_string(&HeaderName::from_static(name))
}

/// The resource provider of a path: the last one that it names.
fn namespace(path: &str) -> Option<&str> {
    let at = path.rfind("/providers/")? + "/providers/".len();
    path[at..].split('/').next().filter(|n| !n.is_empty())
}

/// Whether signing in failed, and not for want of a network.
fn is_about_tokens(error: &azure_core::Error) -> bool {
    if !matches!(error.kind(), CoreError::Credential) {
        return false;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(core) = inner.downcast_ref::<azure_core::Error>()
            && matches!(core.kind(), CoreError::Connection)
        {
            return false;
        }
        cause = inner.source();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_provider_of_a_path_is_the_last_one() {
        let vnet =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v";
        assert_eq!(namespace(vnet), Some("Microsoft.Network"));
        let scoped = format!("{vnet}/providers/Microsoft.Authorization/roleAssignments/r");
        assert_eq!(namespace(&scoped), Some("Microsoft.Authorization"));
        assert_eq!(namespace("/subscriptions/s/resourceGroups/g"), None);
    }
}
