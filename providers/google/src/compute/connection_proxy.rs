//! `google_compute_target_tcp_proxy` and `google_compute_target_ssl_proxy`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::json;

/// The end of TCP connections, in front of a backend service.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct TcpProxyRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The backend service.
    #[record(required, compare = resource_name)]
    pub(crate) backend_service: String,
    /// What is told of the client before its data: `NONE` or `PROXY_V1`.
    #[record(optional, default = "NONE")]
    pub(crate) proxy_header: String,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/targetTcpProxies/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// The end of TLS connections that carry anything, in front of a backend service.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SslProxyRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The backend service.
    #[record(required, compare = resource_name)]
    pub(crate) backend_service: String,
    /// Certificates, the first one for clients that name no host.
    #[record(required, compare = resource_name)]
    pub(crate) ssl_certificates: Vec<String>,
    /// A policy of TLS versions and ciphers.
    #[record(optional, compare = resource_name)]
    pub(crate) ssl_policy: Option<String>,
    /// What is told of the client before its data: `NONE` or `PROXY_V1`.
    #[record(optional, default = "NONE")]
    pub(crate) proxy_header: String,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/targetSslProxies/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

const RULES: Rules = &[("backend_service", Rule::Named("service"))];

pub(crate) struct TcpProxy;

#[async_trait]
impl Kind for TcpProxy {
    type Record = TcpProxyRecord;
    const TYPE: &'static str = "google_compute_target_tcp_proxy";
    const API: Api = super::api(
        "compute.targetTcpProxies",
        "projects/{project}/global/targetTcpProxies",
        Update::None,
    );
    const RULES: Rules = RULES;

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 10)
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &TcpProxyRecord,
        desired: &TcpProxyRecord,
    ) -> Result<(), ProviderError> {
        if prior.backend_service != desired.backend_service {
            let body = json!({ "service": desired.backend_service });
            super::set::<Self>(client, context, operation, id, "setBackendService", body).await?;
        }
        if prior.proxy_header != desired.proxy_header {
            let body = json!({ "proxyHeader": desired.proxy_header });
            super::set::<Self>(client, context, operation, id, "setProxyHeader", body).await?;
        }
        Ok(())
    }
}

pub(crate) struct SslProxy;

#[async_trait]
impl Kind for SslProxy {
    type Record = SslProxyRecord;
    const TYPE: &'static str = "google_compute_target_ssl_proxy";
    const API: Api = super::api(
        "compute.targetSslProxies",
        "projects/{project}/global/targetSslProxies",
        Update::None,
    );
    const RULES: Rules = RULES;

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 10)
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &SslProxyRecord,
        desired: &SslProxyRecord,
    ) -> Result<(), ProviderError> {
        if prior.backend_service != desired.backend_service {
            let body = json!({ "service": desired.backend_service });
            super::set::<Self>(client, context, operation, id, "setBackendService", body).await?;
        }
        if prior.ssl_certificates != desired.ssl_certificates {
            let body = json!({ "sslCertificates": desired.ssl_certificates });
            super::set::<Self>(client, context, operation, id, "setSslCertificates", body).await?;
        }
        if prior.ssl_policy != desired.ssl_policy {
            let body = json!({ "sslPolicy": desired.ssl_policy });
            super::set::<Self>(client, context, operation, id, "setSslPolicy", body).await?;
        }
        if prior.proxy_header != desired.proxy_header {
            let body = json!({ "proxyHeader": desired.proxy_header });
            super::set::<Self>(client, context, operation, id, "setProxyHeader", body).await?;
        }
        Ok(())
    }
}
