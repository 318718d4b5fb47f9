//! The provider's configuration: what a stack says under `[clouds.kubernetes]`, and the same resolved, as the state keeps it.
//! Credentials are never in what is resolved.

use infra_model::Record;
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
    /// A proxy to reach the API server through, as an URL.
    #[record(optional)]
    pub(crate) proxy_url: Option<String>,
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
    /// The server application that tokens are for; by default the one that AKS has everywhere.
    #[record(optional)]
    pub(crate) server_id: Option<String>,
}
