//! Data sources.

use crate::client::Client;
use crate::object::Reference;
use crate::{apply, discovery, read};
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record, Value, json};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Any object of a cluster, whole.
#[derive(Clone, Debug, Record)]
pub(crate) struct ResourceRecord {
    /// `v1`, `apps/v1`, …
    #[record(required)]
    pub(crate) api_version: String,
    /// `Service`, …
    #[record(required)]
    pub(crate) kind: String,
    /// Which one.
    #[record(block, min = 1, max = 1)]
    pub(crate) metadata: Vec<Which>,
    /// The object, with its status.
    #[record(computed)]
    pub(crate) object: Value,
}

/// An object's name and namespace.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Which {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Its namespace, where its kind has one; by default `default`.
    #[record(optional)]
    pub(crate) namespace: Option<String>,
}

/// The data source.
pub(crate) struct AnyResource;

#[async_trait]
impl DataSource<Client> for AnyResource {
    type Record = ResourceRecord;
    const TYPE: &'static str = "kubernetes_resource";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: ResourceRecord,
    ) -> Result<ResourceRecord, ProviderError> {
        let which = config.metadata.first().cloned().unwrap_or_default();
        let object = Reference::new(
            &config.api_version,
            &config.kind,
            which.namespace.as_deref(),
            &which.name,
        );
        let place = discovery::must(client, context, &object).await?;
        let live = apply::get(client, context, &place, &object).await?;
        let live = live.ok_or_else(|| {
            let message = format!("there is no {} {}", object.kind, object.name);
            crate::error::of(
                ErrorKind::NotFound,
                &format!("get {}", object.kind),
                message,
            )
        })?;
        let mut whole = live.clone();
        if let Some(metadata) = whole["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        let value = json::implied(&whole);
        let secret = object.kind == "Secret" && object.api_version == "v1";
        Ok(ResourceRecord {
            object: if secret { value.sensitive() } else { value },
            ..config
        })
    }
}

/// How many pods some selectors select, of those that run or are about to.
#[derive(Clone, Debug, Record)]
pub(crate) struct PodsRecord {
    /// The selectors.
    #[record(block, min = 1)]
    pub(crate) select: Vec<Select>,
    /// The number of pods, by the name of the selector.
    #[record(computed)]
    pub(crate) counts: BTreeMap<String, i64>,
}

/// A selector of pods of a namespace.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Select {
    /// What `counts` calls it.
    #[record(required)]
    pub(crate) name: String,
    /// The namespace.
    #[record(required)]
    pub(crate) namespace: String,
    /// The labels that the pods have; without any, all of the namespace are meant.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
}

impl Select {
    /// As the API wants it: `a=b,c=d`, quoted for a query.
    fn query(&self) -> String {
        let terms: Vec<String> = self
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let terms: String = form_urlencoded::byte_serialize(terms.join(",").as_bytes()).collect();
        format!("labelSelector={terms}")
    }
}

/// The data source.
pub(crate) struct Pods;

#[async_trait]
impl DataSource<Client> for Pods {
    type Record = PodsRecord;
    const TYPE: &'static str = "kubernetes_pods";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: PodsRecord,
    ) -> Result<PodsRecord, ProviderError> {
        let place =
            discovery::must(client, context, &Reference::new("v1", "Pod", None, "")).await?;
        let mut counts = BTreeMap::new();
        for select in &config.select {
            let query = select.query();
            let namespace = Some(select.namespace.as_str());
            let found = read::list(client, context, &place, "Pod", namespace, &query).await?;
            let there = found
                .iter()
                .filter(|pod| !apply::is_leaving(pod) && !is_over(pod));
            counts.insert(
                select.name.clone(),
                i64::try_from(there.count()).unwrap_or(i64::MAX),
            );
        }
        Ok(PodsRecord { counts, ..config })
    }
}

/// Whether a pod has done what it was for.
pub(crate) fn is_over(pod: &Json) -> bool {
    matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_a_query() {
        let select = |labels: &[(&str, &str)]| Select {
            labels: labels
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..Select::default()
        };
        assert_eq!(
            select(&[("app.kubernetes.io/name", "front"), ("tier", "web")]).query(),
            "labelSelector=app.kubernetes.io%2Fname%3Dfront%2Ctier%3Dweb"
        );
        assert_eq!(select(&[]).query(), "labelSelector=");
    }
}
