//! Data sources.

use crate::client::Client;
use crate::object::Reference;
use crate::{apply, discovery};
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record, Value, json};

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
