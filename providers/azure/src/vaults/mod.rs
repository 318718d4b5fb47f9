//! Microsoft.KeyVault: vaults through Resource Manager, and their keys, secrets and certificates through the vaults themselves.

pub(crate) mod certificate;
pub(crate) mod ephemeral;
pub(crate) mod issuer;
pub(crate) mod kept;
pub(crate) mod key;
pub(crate) mod object;
mod pkcs12;
pub(crate) mod policy;
pub(crate) mod secret;
pub(crate) mod vault;

use crate::client::{Answer, Client, Request};
use crate::error;
use crate::found;
use crate::kind::Kind;
use crate::late;
use infra_model::{CallContext, Operation, ProviderError};

/// The version of Resource Manager's calls about vaults.
pub(crate) const VERSION: &str = "2026-05-15";
/// The version of the calls that vaults themselves answer.
pub(crate) const DATA: &str = "7.6";

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

/// Makes a call of a vault's, again while the caller's role in it is not known everywhere yet.
pub(crate) async fn once_granted(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    request: &Request,
) -> Result<Answer, ProviderError> {
    late::once_known(client, context, operation, request, || {
        client.send(context, request)
    })
    .await
}
