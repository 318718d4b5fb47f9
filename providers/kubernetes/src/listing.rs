//! Lists objects for those who only look.

use crate::client::Client;
use crate::config::Config;
use crate::read;
use infra_model::provider::Environment;
use infra_model::{CallContext, ProviderError};
use serde_json::Value as Json;

/// All objects of these kinds (API version and kind) of the cluster that a kubeconfig is for. Kinds that it does not serve are
/// left out.
///
/// # Errors
/// A cluster that cannot be asked.
pub async fn list(
    kubeconfig: &str,
    environment: &Environment,
    context: &CallContext,
    kinds: impl IntoIterator<Item = (&str, &str)>,
) -> Result<Vec<Json>, ProviderError> {
    let config = Config {
        kubeconfig: Some(kubeconfig.to_owned()),
        ..Config::default()
    };
    let client = Client::new(config, environment)?;
    let mut out = Vec::new();
    for (api_version, kind) in kinds {
        out.extend(read::everywhere(&client, context, api_version, kind).await?);
    }
    Ok(out)
}
