//! `kubernetes_config_map`.

use crate::apply::Settings;
use crate::kind::Kind;
use crate::metadata::{self, Metadata};
use crate::object::Reference;
use infra_model::{PlanRequest, Planned, ProviderError, Record};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A config map.
#[derive(Clone, Debug, Record)]
pub(crate) struct ConfigMapRecord {
    /// `NAMESPACE/NAME`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its metadata.
    #[record(block, min = 1, max = 1)]
    pub(crate) metadata: Vec<Metadata>,
    /// Its entries.
    #[record(optional)]
    pub(crate) data: BTreeMap<String, String>,
    /// Entries that are no text, in base64.
    #[record(optional)]
    pub(crate) binary_data: BTreeMap<String, String>,
    /// Whether its entries can never change.
    #[record(optional)]
    pub(crate) immutable: Option<bool>,
}

/// The type.
pub(crate) struct ConfigMap;

impl ConfigMap {
    fn metadata(record: &ConfigMapRecord) -> Metadata {
        record.metadata.first().cloned().unwrap_or_default()
    }
}

impl Kind for ConfigMap {
    type Record = ConfigMapRecord;
    const TYPE: &'static str = "kubernetes_config_map";

    fn id(record: &ConfigMapRecord) -> String {
        Self::metadata(record).id()
    }

    fn object(id: &str) -> Result<Reference, ProviderError> {
        let (namespace, name) = metadata::parse(id)?;
        Ok(Reference::new("v1", "ConfigMap", Some(&namespace), &name))
    }

    fn settings(_: &ConfigMapRecord) -> Result<Settings, ProviderError> {
        Ok(Settings {
            propagation: "Background".to_owned(),
            ..Settings::default()
        })
    }

    fn made(desired: ConfigMapRecord, live: &Json) -> ConfigMapRecord {
        let mut metadata = Self::metadata(&desired);
        metadata.uid = metadata::uid(live);
        ConfigMapRecord {
            id: Some(metadata.id()),
            metadata: vec![metadata],
            ..desired
        }
    }

    fn uid(record: &ConfigMapRecord) -> Option<String> {
        Self::metadata(record).uid
    }

    fn body(record: &ConfigMapRecord) -> Result<Json, ProviderError> {
        let metadata = Self::metadata(record).body();
        let mut body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata });
        if !record.data.is_empty() {
            body["data"] = json!(record.data);
        }
        if !record.binary_data.is_empty() {
            body["binaryData"] = json!(record.binary_data);
        }
        if let Some(immutable) = record.immutable {
            body["immutable"] = json!(immutable);
        }
        Ok(body)
    }

    fn found(_: Option<ConfigMapRecord>, body: &Json, live: &Json) -> ConfigMapRecord {
        let metadata = Metadata::found(body, live);
        ConfigMapRecord {
            id: Some(metadata.id()),
            metadata: vec![metadata],
            data: metadata::texts(&body["data"]),
            binary_data: metadata::texts(&body["binaryData"]),
            immutable: body["immutable"].as_bool(),
        }
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        metadata::plan_id(planned);
        metadata::plan_immutable(request, planned, &["data", "binary_data"]);
        Ok(())
    }
}
