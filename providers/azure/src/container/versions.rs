//! `azurerm_kubernetes_service_versions`.

use super::VERSION;
use crate::client::{Client, Request};
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};
use serde_json::Value as Json;

/// The versions of Kubernetes that a region offers.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct VersionsRecord {
    /// The region. By default the provider's.
    #[record(optional, computed, compare = blanks)]
    pub(crate) location: Option<String>,
    /// Only versions that begin so, such as `1.34.`.
    #[record(optional)]
    pub(crate) version_prefix: Option<String>,
    /// Whether previews count.
    #[record(optional, default = true)]
    pub(crate) include_preview: bool,
    /// All of them, the oldest first.
    #[record(computed)]
    pub(crate) versions: Vec<String>,
    /// The newest.
    #[record(computed)]
    pub(crate) latest_version: Option<String>,
    /// What new clusters get.
    #[record(computed)]
    pub(crate) default_version: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Versions;

/// `[1, 34, 2]`
fn numbers(version: &str) -> Vec<u64> {
    version.split('.').filter_map(|p| p.parse().ok()).collect()
}

/// Every patch version of an answer that is wanted, the oldest first, and the default one.
fn offered(answer: &Json, prefix: &str, previews: bool) -> (Vec<String>, Option<String>) {
    let minors = answer["values"].as_array();
    let wanted = minors
        .into_iter()
        .flatten()
        .filter(|minor| previews || minor["isPreview"] != true);
    let mut versions = Vec::new();
    let mut default = None;
    for minor in wanted {
        let patches = minor["patchVersions"].as_object().into_iter().flatten();
        let mut patches: Vec<String> = patches
            .map(|(version, _)| version.clone())
            .filter(|version| version.starts_with(prefix))
            .collect();
        patches.sort_by_key(|v| numbers(v));
        if minor["isDefault"] == true {
            default = patches.last().cloned();
        }
        versions.extend(patches);
    }
    versions.sort_by_key(|v| numbers(v));
    (versions, default)
}

#[async_trait]
impl DataSource<Client> for Versions {
    type Record = VersionsRecord;
    const TYPE: &'static str = "azurerm_kubernetes_service_versions";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: VersionsRecord,
    ) -> Result<VersionsRecord, ProviderError> {
        let location = config
            .location
            .or_else(|| client.config().location.clone())
            .ok_or_else(|| {
                ProviderError::invalid(
                    "location",
                    "`location` is set neither here nor under [clouds.azure]",
                )
            })?;
        let plain: String = location.split_whitespace().collect();
        let id = format!(
            "{}/providers/Microsoft.ContainerService/locations/{}/kubernetesVersions",
            client.subscription(),
            plain.to_lowercase()
        );
        let of = "Microsoft.ContainerService/locations/kubernetesVersions";
        let answer = client
            .call(context, &Request::get(of, VERSION, &*id))
            .await?;
        let prefix = config.version_prefix.clone().unwrap_or_default();
        let (versions, default) = offered(&answer, &prefix, config.include_preview);
        Ok(VersionsRecord {
            location: Some(location),
            latest_version: versions.last().cloned(),
            default_version: default.or_else(|| versions.last().cloned()),
            versions,
            id: Some(id),
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_in_order_of_their_numbers() {
        let answer = json!({ "values": [
            { "version": "1.35", "isPreview": true, "patchVersions": { "1.35.0": {} } },
            { "version": "1.34", "isDefault": true, "patchVersions": { "1.34.10": {}, "1.34.2": {} } },
            { "version": "1.9", "patchVersions": { "1.9.1": {} } },
        ] });
        let (versions, default) = offered(&answer, "", true);
        assert_eq!(versions, ["1.9.1", "1.34.2", "1.34.10", "1.35.0"]);
        assert_eq!(default.as_deref(), Some("1.34.10"));
        let (stable, _) = offered(&answer, "1.3", false);
        assert_eq!(stable, ["1.34.2", "1.34.10"]);
    }
}
