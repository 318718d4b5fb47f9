//! The provider's configuration: what a stack says under `[clouds.kubernetes]`, and the same resolved, as the state keeps it.
//! Credentials are never in what is resolved.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_cloud::config::{stated, variable};
use infra_model::clusters::ClusterLogin;
use infra_model::provider::Environment;
use infra_model::{ProviderError, Record};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A Kubernetes cluster. A cluster of the same stack is given by `host`, `cluster_ca_certificate` and one of `eks`, `gke` and
/// `aks`, which log in with the cloud's own credentials; any other by a kubeconfig.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Config {
    /// The URL of the API server.
    #[record(optional)]
    pub(crate) host: Option<String>,
    /// Certificates that the API server's is checked against, in PEM form.
    #[record(optional)]
    pub(crate) cluster_ca_certificate: Option<String>,
    /// The name that the API server's certificate has, where it is not the host of the URL.
    #[record(optional)]
    pub(crate) tls_server_name: Option<String>,
    /// Whether the API server's certificate is not checked. Only for experiments.
    #[record(optional)]
    pub(crate) insecure: Option<bool>,
    /// A bearer token.
    #[record(optional, sensitive)]
    pub(crate) token: Option<String>,
    /// The client's certificate in PEM form.
    #[record(optional)]
    pub(crate) client_certificate: Option<String>,
    /// The key of the client's certificate in PEM form.
    #[record(optional, sensitive)]
    pub(crate) client_key: Option<String>,
    /// A kubeconfig, its content.
    #[record(optional, sensitive)]
    pub(crate) kubeconfig: Option<String>,
    /// The path of a kubeconfig. By default, where neither `host` nor `kubeconfig` is set, `KUBE_CONFIG_PATH` or `KUBECONFIG`.
    #[record(optional)]
    pub(crate) config_path: Option<String>,
    /// The context of the kubeconfig; by default its current one.
    #[record(optional)]
    pub(crate) config_context: Option<String>,
    /// A program that prints credentials.
    #[record(block, max = 1)]
    pub(crate) exec: Vec<Exec>,
    /// Logs in to Amazon's clusters, with AWS credentials.
    #[record(block, max = 1)]
    pub(crate) eks: Vec<Eks>,
    /// Logs in to Google's clusters, with Google's application-default credentials.
    #[record(block, max = 1)]
    pub(crate) gke: Vec<Gke>,
    /// Logs in to Azure's clusters, with Azure credentials.
    #[record(block, max = 1)]
    pub(crate) aks: Vec<Aks>,
}

/// A program that prints credentials, as kubeconfigs name one.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Exec {
    /// `client.authentication.k8s.io/v1` or `client.authentication.k8s.io/v1beta1`.
    #[record(required)]
    pub(crate) api_version: String,
    /// The program.
    #[record(required)]
    pub(crate) command: String,
    /// Its arguments.
    #[record(optional)]
    pub(crate) args: Vec<String>,
    /// Its environment, beside the one that infra runs in.
    #[record(optional)]
    pub(crate) env: BTreeMap<String, String>,
}

/// Login to a cluster of Amazon's.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Eks {
    /// The cluster's name.
    #[record(required)]
    pub(crate) cluster: String,
    /// Its region.
    #[record(required)]
    pub(crate) region: String,
    /// A profile of the shared configuration files; by default as for `[clouds.aws]` without one.
    #[record(optional)]
    pub(crate) profile: Option<String>,
    /// A role to take on.
    #[record(optional)]
    pub(crate) role_arn: Option<String>,
}

/// Login to a cluster of Google's.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Gke {
    /// The cluster's name, or its whole path; only shown.
    #[record(optional)]
    pub(crate) cluster: Option<String>,
    /// A service account to act as, with the found credentials.
    #[record(optional)]
    pub(crate) impersonate_service_account: Option<String>,
}

/// Login to a cluster of Azure's that uses Microsoft Entra.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Aks {
    /// The cluster's name, or its whole id; only shown.
    #[record(optional)]
    pub(crate) cluster: Option<String>,
    /// The tenant; by default that of the credentials.
    #[record(optional)]
    pub(crate) tenant: Option<String>,
    /// Which Azure it is in: `public`, `usgovernment` or `china`; by default `ARM_ENVIRONMENT`, or `public`.
    #[record(optional)]
    pub(crate) environment: Option<String>,
    /// The server application that tokens are for; by default the one that AKS has everywhere.
    #[record(optional)]
    pub(crate) server_id: Option<String>,
}

impl Config {
    /// With what the environment gives, and checked. In a sandbox `INFRA_KUBERNETES_ENDPOINT` stands before the host, because a
    /// state that was made against a sandbox is read again under the sandbox's next address.
    ///
    /// # Errors
    /// No cluster, or more than one way to it or to log in.
    pub(crate) fn within(mut self, environment: &Environment) -> Result<Config, ProviderError> {
        let set = |text: Option<String>| text.filter(|t| !t.is_empty());
        self.host = set(self.host);
        self.kubeconfig = set(self.kubeconfig);
        self.config_path = set(self.config_path);
        match variable(environment, &["INFRA_KUBERNETES_ENDPOINT"]) {
            Some(endpoint) => self = self.in_sandbox(&endpoint),
            None if self.host.is_none()
                && self.kubeconfig.is_none()
                && self.config_path.is_none() =>
            {
                self.config_path = variable(environment, &["KUBE_CONFIG_PATH", "KUBECONFIG"]);
            }
            None => {}
        }
        let ways = [&self.host, &self.kubeconfig, &self.config_path];
        match ways.iter().filter(|way| way.is_some()).count() {
            1 => {}
            0 => {
                return Err(ProviderError::invalid(
                    "host",
                    "no cluster: set `host`, `config_path` or `kubeconfig` under [clouds.kubernetes], or KUBECONFIG",
                ));
            }
            _ => {
                return Err(ProviderError::invalid(
                    "host",
                    "`host`, `kubeconfig` and `config_path` are three ways to say which cluster; set one of them",
                ));
            }
        }
        if let Some(host) = &self.host
            && !host.starts_with("https://")
            && !host.starts_with("http://")
        {
            return Err(ProviderError::invalid(
                "host",
                format!("`{host}` is no URL; it begins with https://"),
            ));
        }
        if let Some(pem) = &self.cluster_ca_certificate
            && !pem.is_empty()
            && !pem.contains("-----BEGIN CERTIFICATE-----")
        {
            return Err(ProviderError::invalid(
                "cluster_ca_certificate",
                "this is no certificate in PEM form; clouds give it in base64, so `base64decode(…)` it",
            ));
        }
        let logins = [
            self.token.is_some(),
            !self.exec.is_empty(),
            !self.eks.is_empty(),
            !self.gke.is_empty(),
            !self.aks.is_empty(),
        ];
        if logins.iter().filter(|set| **set).count() > 1 {
            return Err(ProviderError::invalid(
                "token",
                "`token`, `exec`, `eks`, `gke` and `aks` are five ways to log in; set one of them",
            ));
        }
        Ok(self)
    }

    /// The same in a sandbox: its clusters are where the sandbox is now, and no other is ever reached. A stack that names one of
    /// the real world gets the sandbox's own, which belongs to no cloud.
    fn in_sandbox(self, endpoint: &str) -> Config {
        let authority = endpoint.rsplit("://").next().unwrap_or_default();
        let authority = authority.trim_end_matches('/');
        let of_sandbox = self.host.as_deref().and_then(|host| {
            let (scheme, rest) = host.split_once("://127.0.0.1:")?;
            let (_, name) = rest.split_once("/clusters/")?;
            Some(format!("{scheme}://{authority}/clusters/{name}"))
        });
        match of_sandbox {
            // Any token will do, and the state keeps none.
            Some(host) => Config {
                host: Some(host),
                token: self.login().is_none().then(|| "sandbox".to_owned()),
                ..self
            },
            None => Config {
                host: Some(format!("http://{authority}/clusters/local.local.local")),
                token: Some("sandbox".to_owned()),
                ..Config::default()
            },
        }
    }

    /// How to log in to the cluster of a cloud, where that is said.
    pub(crate) fn login(&self) -> Option<ClusterLogin> {
        let eks = self.eks.first().map(|eks| ClusterLogin::Eks {
            cluster: eks.cluster.clone(),
            region: eks.region.clone(),
            profile: eks.profile.clone(),
            role_arn: eks.role_arn.clone(),
        });
        let gke = self.gke.first().map(|gke| ClusterLogin::Gke {
            impersonate_service_account: gke.impersonate_service_account.clone(),
        });
        let aks = self.aks.first().map(|aks| ClusterLogin::Aks {
            tenant: aks.tenant.clone(),
            environment: aks.environment.clone(),
            server_id: aks.server_id.clone(),
        });
        eks.or(gke).or(aks)
    }

    /// As a kubeconfig, with this token where the configuration has none of its own.
    pub(crate) fn as_kubeconfig(&self, token: Option<&str>) -> Json {
        let mut cluster = json!({ "server": self.host });
        if let Some(pem) = self
            .cluster_ca_certificate
            .as_ref()
            .filter(|p| !p.is_empty())
        {
            cluster["certificate-authority-data"] = json!(STANDARD.encode(pem));
        }
        if let Some(name) = &self.tls_server_name {
            cluster["tls-server-name"] = json!(name);
        }
        if self.insecure == Some(true) {
            cluster["insecure-skip-tls-verify"] = json!(true);
        }
        let mut user = json!({});
        if let Some(token) = self.token.as_deref().or(token) {
            user["token"] = json!(token);
        }
        if let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) {
            user["client-certificate-data"] = json!(STANDARD.encode(certificate));
            user["client-key-data"] = json!(STANDARD.encode(key));
        }
        if let Some(exec) = self.exec.first() {
            let env: Vec<Json> = exec
                .env
                .iter()
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect();
            user["exec"] = json!({
                "apiVersion": exec.api_version, "command": exec.command, "args": exec.args, "env": env,
                "interactiveMode": "Never",
            });
        }
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "infra",
            "clusters": [{ "name": "infra", "cluster": cluster }],
            "users": [{ "name": "infra", "user": user }],
            "contexts": [{ "name": "infra", "context": { "cluster": "infra", "user": "infra" } }],
        })
    }

    /// As the state keeps it: without credentials.
    pub(crate) fn to_json(&self) -> Json {
        stated(&Config {
            token: None,
            client_key: None,
            client_certificate: None,
            kubeconfig: None,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(host: &str) -> Config {
        Config {
            host: Some(host.to_owned()),
            ..Config::default()
        }
    }

    #[test]
    fn the_sandbox_moves_and_the_cluster_with_it() {
        let environment = Environment {
            variables: vec![(
                "INFRA_KUBERNETES_ENDPOINT".to_owned(),
                "http://127.0.0.1:9".to_owned(),
            )],
            ..Environment::default()
        };
        let moved = |host: &str| with(host).within(&environment).expect("is right").host;
        let recorded = with("http://127.0.0.1:1/clusters/main").within(&environment);
        assert!(recorded.expect("is right").token.is_some());
        assert_eq!(
            moved("https://127.0.0.1:4703/clusters/aws.eu-west-1.main").as_deref(),
            Some("https://127.0.0.1:9/clusters/aws.eu-west-1.main")
        );
        // A real one is not reached from there, neither by its name nor by a kubeconfig.
        let own = Some("http://127.0.0.1:9/clusters/local.local.local");
        assert_eq!(moved("https://k8s.example.com").as_deref(), own);
        let real = Config {
            config_path: Some("~/.kube/config".to_owned()),
            ..Config::default()
        };
        let within = real.within(&environment).expect("is right");
        assert_eq!((within.host.as_deref(), within.config_path), (own, None));
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_remedy() {
        let token = || Some("secret".to_owned());
        for (config, message) in [
            (Config::default(), "KUBECONFIG"),
            (with("k8s.example.com"), "https://"),
            (
                Config {
                    config_path: Some("a".into()),
                    ..with("https://x")
                },
                "set one of them",
            ),
            (
                Config {
                    cluster_ca_certificate: Some("TFMwdA==".into()),
                    ..with("https://x")
                },
                "base64decode",
            ),
            (
                Config {
                    token: token(),
                    gke: vec![Gke::default()],
                    ..with("https://x")
                },
                "five ways",
            ),
        ] {
            let error = config
                .within(&Environment::default())
                .expect_err("is wrong");
            assert!(error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn credentials_are_not_kept() {
        let config = Config {
            token: Some("hush".to_owned()),
            client_certificate: Some("hush".to_owned()),
            client_key: Some("hush".to_owned()),
            ..with("https://x")
        };
        let kept = config.to_json().to_string();
        assert!(
            kept.contains("https://x") && !kept.contains("hush"),
            "{kept}"
        );
        assert!(config.as_kubeconfig(None).to_string().contains("hush"));
    }
}
