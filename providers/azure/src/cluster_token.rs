//! Tokens of AKS clusters that use Microsoft Entra: for the server application that AKS has everywhere, as `kubelogin` asks for
//! them (AKS docs, "Use Microsoft Entra ID authorization for control plane").

use crate::config::Config;
use crate::credentials;
use infra_cloud::config::is_loopback;
use infra_model::clusters::ClusterToken;
use infra_model::provider::Environment;
use infra_model::{ErrorKind, ProviderError, Timestamp};
use std::time::Duration;

/// The server application.
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// A token for a cluster's API server, by the credentials that `[clouds.azure]` would find in the environment, from the authority of
/// the Azure that is named (`public`, `usgovernment`, `china`). The server application is the same one in all of them.
///
/// # Errors
/// An Azure that there is not, no credentials, or none that give a token.
pub async fn cluster_token(
    tenant: Option<&str>,
    cloud: Option<&str>,
    server_id: Option<&str>,
    environment: &Environment,
    now: Timestamp,
) -> Result<ClusterToken, ProviderError> {
    // A sandbox takes any.
    let local = environment.variable("INFRA_AZURE_ENDPOINT");
    if local.is_some_and(is_loopback) {
        return Ok(ClusterToken {
            token: "sandbox".to_owned(),
            expires: now.plus(Duration::from_mins(10)),
        });
    }
    let config = Config {
        tenant_id: tenant.map(str::to_owned),
        environment: cloud.map(str::to_owned),
        ..Config::default()
    };
    let (mut config, sign_in) = config.without_subscription(environment)?;
    // A token is of no subscription; that of `az` is asked for under one only where Terraform's variable names it.
    if environment.variable("ARM_SUBSCRIPTION_ID").is_none() {
        config.subscription_id = None;
    }
    let scope = format!("{}/.default", server_id.unwrap_or(SERVER));
    let token = credentials::of(&config, sign_in)?
        .get_token(&[&scope], None)
        .await
        .map_err(|e| {
            ProviderError::new(
                ErrorKind::Denied,
                format!(
                    "Azure gives no token for the cluster: {e}; {}",
                    credentials::SIGN_IN
                ),
            )
        })?;
    Ok(ClusterToken {
        token: token.token.secret().to_owned(),
        expires: Timestamp(token.expires_on.unix_timestamp().saturating_mul(1000)),
    })
}
