//! `kubernetes_namespace`.

use crate::apply::Settings;
use crate::kind::Kind;
use crate::metadata::{self, ClusterMetadata};
use crate::object::Reference;
use crate::options::{self, Timeouts, Wait};
use infra_model::{PlanRequest, Planned, ProviderError, Record, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A namespace. What is in it goes with it.
#[derive(Clone, Debug, Record)]
pub(crate) struct NamespaceRecord {
    /// Its name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its metadata.
    #[record(block, min = 1, max = 1)]
    pub(crate) metadata: Vec<ClusterMetadata>,
    /// Whether its default service account is waited for, which pods need.
    #[record(optional, default = false)]
    pub(crate) wait_for_default_service_account: bool,
    /// How long is waited.
    #[record(block, max = 1)]
    pub(crate) timeouts: Vec<Timeouts>,
}

/// The type.
pub(crate) struct Namespace;

impl Namespace {
    fn metadata(record: &NamespaceRecord) -> ClusterMetadata {
        record.metadata.first().cloned().unwrap_or_default()
    }
}

impl Kind for Namespace {
    type Record = NamespaceRecord;
    const TYPE: &'static str = "kubernetes_namespace";
    const SECONDS: (u64, u64, u64) = (1, 1, 10);

    fn id(record: &NamespaceRecord) -> String {
        Self::metadata(record).name
    }

    fn object(id: &str) -> Result<Reference, ProviderError> {
        if id.is_empty() || id.contains('/') {
            return Err(ProviderError::invalid(
                "id",
                format!("`{id}` is not the name of a namespace"),
            ));
        }
        Ok(Reference::new("v1", "Namespace", None, id))
    }

    fn body(record: &NamespaceRecord) -> Result<Json, ProviderError> {
        let m = Self::metadata(record);
        let metadata = metadata::body(&m.name, None, &m.labels, &m.annotations);
        Ok(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }))
    }

    fn settings(record: &NamespaceRecord) -> Result<Settings, ProviderError> {
        let mut settings = options::settings(None, None, record.timeouts.first())?;
        // A namespace is deleted with what is in it, whatever is asked.
        settings.propagation = "Background".to_owned();
        settings.wait = Some(Wait {
            fields: BTreeMap::from([("status.phase".to_owned(), "Active".to_owned())]),
            ..Wait::default()
        });
        settings.companion = record.wait_for_default_service_account.then(|| {
            let name = Self::metadata(record).name;
            Reference::new("v1", "ServiceAccount", Some(&name), "default")
        });
        Ok(settings)
    }

    fn made(desired: NamespaceRecord, live: &Json) -> NamespaceRecord {
        let mut metadata = Self::metadata(&desired);
        metadata.uid = metadata::uid(live);
        NamespaceRecord {
            id: Some(metadata.name.clone()),
            metadata: vec![metadata],
            ..desired
        }
    }

    fn found(prior: Option<NamespaceRecord>, body: &Json, live: &Json) -> NamespaceRecord {
        let mut labels = metadata::texts(&body["metadata"]["labels"]);
        if prior.is_none() {
            // The server's own.
            labels.remove("kubernetes.io/metadata.name");
        }
        let name = live["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        NamespaceRecord {
            id: Some(name.clone()),
            metadata: vec![ClusterMetadata {
                name,
                labels,
                annotations: metadata::texts(&body["metadata"]["annotations"]),
                uid: metadata::uid(live),
            }],
            wait_for_default_service_account: prior
                .as_ref()
                .is_some_and(|p| p.wait_for_default_service_account),
            timeouts: prior.map(|p| p.timeouts).unwrap_or_default(),
        }
    }

    fn uid(record: &NamespaceRecord) -> Option<String> {
        Self::metadata(record).uid
    }

    fn plan(_: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        metadata::plan_id(planned);
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        options::validate(config)
    }
}
