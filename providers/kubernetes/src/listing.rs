//! Lists and deletes objects for those who come with a kubeconfig and no stack.

use crate::client::{Call, Client};
use crate::config::Config;
use crate::{apply, discovery, family, read};
use infra_cloud::absence::absent_is_done;
use infra_model::provider::Environment;
use infra_model::{CallContext, ProviderError, Record, json, schema};
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
    all(&client(kubeconfig, environment)?, context, kinds).await
}

/// The same of the cluster that a configuration of this provider's is for, as states record it.
///
/// # Errors
/// A cluster that cannot be asked, or a configuration of another shape.
pub async fn list_of(
    config: &Json,
    environment: &Environment,
    context: &CallContext,
    kinds: impl IntoIterator<Item = (&str, &str)>,
) -> Result<Vec<Json>, ProviderError> {
    let config = Config::block()
        .coerce(&json::implied(config))
        .map_err(|errors| ProviderError::invalid("host", schema::in_words(&errors)))?;
    let client = Client::new(Config::from_value(&config)?, environment)?;
    all(&client, context, kinds).await
}

async fn all(
    client: &Client,
    context: &CallContext,
    kinds: impl IntoIterator<Item = (&str, &str)>,
) -> Result<Vec<Json>, ProviderError> {
    let mut out = Vec::new();
    for (api_version, kind) in kinds {
        out.extend(read::everywhere(client, context, api_version, kind).await?);
    }
    Ok(out)
}

/// Deletes objects; what is gone already is done.
///
/// # Errors
/// A cluster that cannot be asked, or that refuses.
pub async fn delete(
    kubeconfig: &str,
    environment: &Environment,
    context: &CallContext,
    objects: &[Json],
) -> Result<(), ProviderError> {
    let client = client(kubeconfig, environment)?;
    for object in objects {
        let object = apply::reference(object)?;
        let place = discovery::must(&client, context, &object).await?;
        let call = Call {
            family: family::WRITE,
            method: http::Method::DELETE,
            ..Call::get(format!("delete {}", object.kind), place.of(&object))
        };
        absent_is_done(client.call(context, &call).await)?;
    }
    Ok(())
}

fn client(kubeconfig: &str, environment: &Environment) -> Result<Client, ProviderError> {
    let config = Config {
        kubeconfig: Some(kubeconfig.to_owned()),
        ..Config::default()
    };
    Client::new(config, environment)
}
