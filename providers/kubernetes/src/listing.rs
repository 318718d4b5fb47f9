//! Lists objects for those who only look.

use crate::client::{Call, Client};
use crate::config::Config;
use infra_model::provider::Environment;
use infra_model::{CallContext, ErrorKind, ProviderError};
use serde_json::{Value as Json, json};

/// Objects of a page.
const PAGE: usize = 500;

/// All objects of these kinds (API version, kind, plural) of the cluster that a kubeconfig is for. Kinds that it does not serve are
/// left out.
///
/// # Errors
/// A cluster that cannot be asked.
pub async fn list(
    kubeconfig: &str,
    environment: &Environment,
    context: &CallContext,
    kinds: impl IntoIterator<Item = (&str, &str, &str)>,
) -> Result<Vec<Json>, ProviderError> {
    let config = Config {
        kubeconfig: Some(kubeconfig.to_owned()),
        ..Config::default()
    };
    let client = Client::new(config, environment)?;
    let mut out = Vec::new();
    for (api_version, kind, plural) in kinds {
        let root = if api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let mut next = String::new();
        loop {
            let mut path = format!("/{root}/{api_version}/{plural}?limit={PAGE}");
            if !next.is_empty() {
                let token: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
                path = format!("{path}&continue={token}");
            }
            let call = Call::get(format!("list {kind}"), path);
            let mut page = match client.call(context, &call).await {
                Ok(page) => page,
                Err(error) if error.kind == ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            if let Json::Array(items) = page["items"].take() {
                out.extend(items.into_iter().map(|mut item| {
                    // Lists of the cluster's own kinds say it once for all.
                    item["apiVersion"] = json!(api_version);
                    item["kind"] = json!(kind);
                    item
                }));
            }
            match page["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => token.clone_into(&mut next),
                _ => break,
            }
        }
    }
    Ok(out)
}
