//! Logging in to the clusters of clouds: the providers do not know each other, and the binary knows them all.

use async_trait::async_trait;
use infra_model::clusters::{ClusterLogin, ClusterLogins, ClusterToken, Logins};
use infra_model::provider::Environment;
use infra_model::{ProviderError, Timestamp};
use std::sync::Arc;

/// By the credentials of each cloud.
struct Clouds;

/// For the environment of providers.
pub(crate) fn logins() -> Logins {
    Logins(Some(Arc::new(Clouds)))
}

#[async_trait]
impl ClusterLogins for Clouds {
    async fn token(
        &self,
        login: &ClusterLogin,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<ClusterToken, ProviderError> {
        match login {
            #[cfg(feature = "aws")]
            ClusterLogin::Eks {
                cluster,
                region,
                profile,
                role_arn,
            } => {
                let (profile, role) = (profile.as_deref(), role_arn.as_deref());
                infra_aws::cluster_token(cluster, region, profile, role, environment, now).await
            }
            #[cfg(not(feature = "aws"))]
            ClusterLogin::Eks { .. } => Err(ProviderError::new(
                infra_model::ErrorKind::Invalid,
                "this build of infra has no provider `aws`",
            )),
            ClusterLogin::Gke {
                impersonate_service_account,
            } => {
                let account = impersonate_service_account.as_deref();
                infra_google::cluster_token(account, environment, now).await
            }
            ClusterLogin::Aks {
                tenant,
                environment: cloud,
                server_id,
            } => {
                let (tenant, server) = (tenant.as_deref(), server_id.as_deref());
                infra_azure::cluster_token(tenant, cloud.as_deref(), server, environment, now).await
            }
        }
    }
}
