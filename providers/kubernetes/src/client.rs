//! The connection to one cluster: made when it is first needed, and again when its credentials end.

use crate::config::Config;
use crate::discovery::Discovery;
use crate::error;
use infra_cloud::retry::{Resend, retried};
use infra_model::clusters::{ClusterLogin, ClusterToken};
use infra_model::provider::Environment;
use infra_model::{CallContext, ErrorKind, ProviderError};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value as Json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// A token that ends within this is not used any more.
const EARLY: Duration = Duration::from_mins(2);
/// Whether a call is about objects, and not about which kinds there are, which every user of a cluster may ask.
fn is_of_objects(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let parts = path.trim_matches('/').split('/').count();
    let about_kinds = if path.starts_with("/apis") { 3 } else { 2 };
    parts > about_kinds
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A cluster.
pub(crate) struct Client {
    config: Config,
    environment: Environment,
    link: Mutex<Option<Link>>,
    /// Whether a call about objects was answered: from then on a refusal is meant so.
    let_in: AtomicBool,
    pub(crate) discovery: Discovery,
    /// The `helm` program, once it was looked for.
    pub(crate) helm: tokio::sync::OnceCell<crate::helm::program::Helm>,
}

/// A connection, and the token that it has.
#[derive(Clone)]
struct Link {
    kube: kube::Client,
    token: Option<Arc<ClusterToken>>,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) family: &'static str,
    /// `apply Deployment`, as errors name it.
    pub(crate) name: String,
    pub(crate) method: http::Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) content: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A call that reads.
    pub(crate) fn get(name: impl Into<String>, path: impl Into<String>) -> Call {
        Call {
            family: crate::family::READ,
            name: name.into(),
            method: http::Method::GET,
            path: path.into(),
            content: "application/json",
            body: Vec::new(),
        }
    }
}

impl Client {
    /// With a checked configuration. Nothing is sent yet.
    pub(crate) fn new(config: Config, environment: &Environment) -> Result<Client, ProviderError> {
        Ok(Client {
            config: config.within(environment)?,
            environment: environment.clone(),
            link: Mutex::new(None),
            let_in: AtomicBool::new(false),
            discovery: Discovery::default(),
            helm: tokio::sync::OnceCell::new(),
        })
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// What it may know of the world.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Whether the cluster is a sandbox's.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.environment.is_sandbox()
    }

    /// Whether the cluster has answered a call about objects. One that was made just now may not know yet who may do what in it.
    pub(crate) fn was_let_in(&self) -> bool {
        self.let_in.load(Ordering::Relaxed)
    }

    /// Makes a call until it is answered. Doing the same twice is doing it once for all calls of this provider: it reads,
    /// applies, and deletes one object by its uid.
    pub(crate) async fn call(
        &self,
        context: &CallContext,
        call: &Call,
    ) -> Result<Json, ProviderError> {
        retried(context, call.family, &call.name, Resend::Safe, &|| {
            Box::pin(self.attempt(context, call.clone()))
        })
        .await
    }

    async fn attempt(&self, context: &CallContext, call: Call) -> Result<Json, ProviderError> {
        let answer = self.send(context, &call).await;
        match &answer {
            // A token may be called back before its time; once, another one is asked for.
            Err(error) if error.code == "Unauthorized" && self.login().is_some() => {
                *self.link.lock().await = None;
                self.send(context, &call).await
            }
            _ => answer,
        }
    }

    async fn send(&self, context: &CallContext, call: &Call) -> Result<Json, ProviderError> {
        let link = self.link(context).await?;
        let request = http::Request::builder()
            .method(call.method.clone())
            .uri(&*call.path)
            .header("content-type", call.content)
            .header("accept", "application/json")
            .body(call.body.clone())
            .map_err(|e| error::of(ErrorKind::Invalid, &call.name, e.to_string()))?;
        let answer = tokio::time::timeout(PATIENCE, link.kube.request_text(request)).await;
        let text = match answer {
            Ok(answer) => answer.map_err(|e| error::of_call(&call.name, e))?,
            Err(_) => {
                let message = format!("no answer within {} seconds", PATIENCE.as_secs());
                return Err(error::of(ErrorKind::Transient, &call.name, message));
            }
        };
        if is_of_objects(&call.path) {
            self.let_in.store(true, Ordering::Relaxed);
        }
        serde_json::from_str(&text).map_err(|_| {
            let message = "what answers is no Kubernetes API server: its answer is no JSON";
            error::of(ErrorKind::Other, &call.name, message)
        })
    }

    async fn link(&self, context: &CallContext) -> Result<Link, ProviderError> {
        let now = context.clock.now();
        let mut held = self.link.lock().await;
        let fresh = |token: &ClusterToken| token.expires > now.plus(EARLY);
        if let Some(link) = &*held
            && link.token.as_deref().is_none_or(fresh)
        {
            return Ok(link.clone());
        }
        let token = self.token(context).await?;
        let (kubeconfig, options) = self.kubeconfig(token.as_ref())?;
        let refused = |e: &dyn std::fmt::Display| {
            ProviderError::new(
                ErrorKind::Invalid,
                format!("the configuration of the cluster cannot be used: {e}"),
            )
        };
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|e| refused(&e))?;
        // Calls are sent again by whoever makes them, at the pace of the run.
        config.default_retry = false;
        let kube = kube::Client::try_from(config).map_err(|e| refused(&e))?;
        let link = Link {
            kube,
            token: token.map(Arc::new),
        };
        *held = Some(link.clone());
        Ok(link)
    }

    /// How to log in to the cluster of a cloud.
    fn login(&self) -> Option<ClusterLogin> {
        self.config.login()
    }

    /// A token of the cloud's, where the configuration says so.
    pub(crate) async fn token(
        &self,
        context: &CallContext,
    ) -> Result<Option<ClusterToken>, ProviderError> {
        let Some(login) = self.login() else {
            return Ok(None);
        };
        let logins = self.environment.logins.0.as_ref().ok_or_else(|| {
            ProviderError::new(
                ErrorKind::Denied,
                "this build of infra cannot log in to clusters of clouds",
            )
        })?;
        let now = context.clock.now();
        logins.token(&login, &self.environment, now).await.map(Some)
    }

    /// The configuration as a kubeconfig, with a token of the cloud's where there is one.
    pub(crate) fn kubeconfig(
        &self,
        token: Option<&ClusterToken>,
    ) -> Result<(Kubeconfig, KubeConfigOptions), ProviderError> {
        let options = KubeConfigOptions {
            context: self.config.config_context.clone(),
            ..KubeConfigOptions::default()
        };
        let refused = |attribute: &str, what: &str, e: &dyn std::fmt::Display| {
            ProviderError::invalid(attribute, format!("{what} cannot be read: {e}"))
        };
        if let Some(text) = &self.config.kubeconfig {
            // The text of an error might quote what is secret.
            let found = Kubeconfig::from_yaml(text)
                .map_err(|_| refused("kubeconfig", "the kubeconfig", &"it is none"))?;
            return Ok((found, options));
        }
        if let Some(path) = &self.config.config_path {
            let at = self.environment.directory.join(path);
            let found = Kubeconfig::read_from(&at)
                .map_err(|e| refused("config_path", &format!("the kubeconfig {path}"), &e))?;
            return Ok((found, options));
        }
        let json = self.config.as_kubeconfig(token.map(|t| t.token.as_str()));
        let found = serde_json::from_str(&json.to_string())
            .map_err(|_| refused("host", "the configuration", &"it is incomplete"))?;
        Ok((found, options))
    }
}

#[cfg(test)]
mod tests {
    use super::is_of_objects;

    #[test]
    fn what_everybody_may_ask_says_nothing_of_access() {
        for path in ["/api", "/api/v1", "/apis", "/apis/apps/v1", "/version"] {
            assert!(!is_of_objects(path), "{path}");
        }
        for path in [
            "/api/v1/namespaces",
            "/api/v1/namespaces/a?fieldManager=infra",
            "/apis/apps/v1/deployments",
            "/apis/apps/v1/namespaces/a/deployments/b",
        ] {
            assert!(is_of_objects(path), "{path}");
        }
    }
}
