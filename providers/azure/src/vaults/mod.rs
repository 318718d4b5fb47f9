//! Microsoft.KeyVault: vaults through Resource Manager, and their keys and secrets through the vaults themselves.

pub(crate) mod ephemeral;
pub(crate) mod kept;
pub(crate) mod key;
pub(crate) mod object;
pub(crate) mod secret;
pub(crate) mod vault;

use crate::client::{Answer, Client};
use crate::error;
use crate::found;
use crate::kind::Kind;
use infra_cloud::wait::{self, Pace};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use std::future::Future;
use std::time::Duration;

/// The version of Resource Manager's calls about vaults.
pub(crate) const VERSION: &str = "2026-05-15";
/// The version of the calls that vaults themselves answer.
pub(crate) const DATA: &str = "7.6";

/// How long a role that was just given may take until it is known everywhere (Azure, "Troubleshoot Azure RBAC": ten minutes).
const GRANT: Pace = Pace {
    first: Duration::from_secs(2),
    longest: Duration::from_secs(15),
    limit: Duration::from_mins(10),
};

/// The address of a vault, as Resource Manager tells it, without a slash at its end.
///
/// # Errors
/// What Resource Manager answers; there is no such vault.
pub(crate) async fn uri_of(
    client: &Client,
    context: &CallContext,
    vault: &str,
) -> Result<String, ProviderError> {
    let found = found::fetch(client, context, &vault::Vault::API, vault).await?;
    let uri = found
        .as_ref()
        .and_then(|f| f["properties"]["vaultUri"].as_str());
    let uri = uri.ok_or_else(|| error::gone(vault))?;
    Ok(uri.trim_end_matches('/').to_owned())
}

/// Makes a call again while it is denied: roles that were given by the same run take their time.
pub(crate) async fn once_granted<F>(
    context: &CallContext,
    operation: &Operation,
    call: impl Fn() -> F + Send + Sync,
) -> Result<Answer, ProviderError>
where
    F: Future<Output = Result<Answer, ProviderError>> + Send,
{
    let denied = |error: &ProviderError| {
        error.kind == ErrorKind::Denied && error.code != "AuthorizationFailed"
            || error.code == "KeyVaultAuthenticationFailure"
            || error
                .message
                .contains("does not have the required permissions")
    };
    wait::while_refused(context, operation, GRANT, denied, call).await
}
