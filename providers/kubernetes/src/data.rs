//! Data sources.

use crate::client::Client;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record, Value};

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
        let _ = (client, context);
        Ok(config)
    }
}
