//! `google_compute_target_http_proxy` and `google_compute_target_https_proxy`; those of connections are in `connection_proxy`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::json;

/// The end of HTTP connections, in front of a URL map.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct HttpProxyRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The URL map.
    #[record(required, compare = resource_name)]
    pub(crate) url_map: String,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/targetHttpProxies/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// The end of TLS connections, in front of a URL map.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct HttpsProxyRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The URL map.
    #[record(required, compare = resource_name)]
    pub(crate) url_map: String,
    /// Certificates, the first one for clients that name no host.
    #[record(optional, compare = resource_name)]
    pub(crate) ssl_certificates: Vec<String>,
    /// A policy of TLS versions and ciphers.
    #[record(optional, compare = resource_name)]
    pub(crate) ssl_policy: Option<String>,
    /// `NONE`, `ENABLE` or `DISABLE`.
    #[record(optional, default = "NONE")]
    pub(crate) quic_override: String,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/targetHttpsProxies/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

pub(crate) struct HttpProxy;

#[async_trait]
impl Kind for HttpProxy {
    type Record = HttpProxyRecord;
    const TYPE: &'static str = "google_compute_target_http_proxy";
    const API: Api = super::api(
        "compute.targetHttpProxies",
        "projects/{project}/global/targetHttpProxies",
        Update::None,
    );

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 10)
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &HttpProxyRecord,
        desired: &HttpProxyRecord,
    ) -> Result<(), ProviderError> {
        if prior.url_map == desired.url_map {
            return Ok(());
        }
        // Unlike all other calls on a proxy, this one is not below `global`.
        let id = id.replace("/global/", "/");
        let body = json!({ "urlMap": desired.url_map });
        super::set::<Self>(client, context, operation, &id, "setUrlMap", body).await
    }
}

pub(crate) struct HttpsProxy;

#[async_trait]
impl Kind for HttpsProxy {
    type Record = HttpsProxyRecord;
    const TYPE: &'static str = "google_compute_target_https_proxy";
    const API: Api = super::api(
        "compute.targetHttpsProxies",
        "projects/{project}/global/targetHttpsProxies",
        Update::None,
    );

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 10)
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &HttpsProxyRecord,
        desired: &HttpsProxyRecord,
    ) -> Result<(), ProviderError> {
        // These two are not below `global`, the other two are: Compute's reference, "targetHttpsProxies".
        let above = id.replace("/global/", "/");
        if prior.url_map != desired.url_map {
            let body = json!({ "urlMap": desired.url_map });
            super::set::<Self>(client, context, operation, &above, "setUrlMap", body).await?;
        }
        if prior.ssl_certificates != desired.ssl_certificates {
            let body = json!({ "sslCertificates": desired.ssl_certificates });
            super::set::<Self>(
                client,
                context,
                operation,
                &above,
                "setSslCertificates",
                body,
            )
            .await?;
        }
        if prior.ssl_policy != desired.ssl_policy {
            let body = json!({ "sslPolicy": desired.ssl_policy });
            super::set::<Self>(client, context, operation, id, "setSslPolicy", body).await?;
        }
        if prior.quic_override != desired.quic_override {
            let body = json!({ "quicOverride": desired.quic_override });
            super::set::<Self>(client, context, operation, id, "setQuicOverride", body).await?;
        }
        Ok(())
    }
}
