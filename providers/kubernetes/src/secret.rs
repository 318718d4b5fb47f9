//! `kubernetes_secret`.

use crate::apply::Settings;
use crate::kind::Kind;
use crate::metadata::{self, Metadata};
use crate::object::Reference;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::{PlanRequest, Planned, ProviderError, Record, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A secret.
#[derive(Clone, Debug, Record)]
pub(crate) struct SecretRecord {
    /// `NAMESPACE/NAME`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its metadata.
    #[record(block, min = 1, max = 1)]
    pub(crate) metadata: Vec<Metadata>,
    /// Its entries, as text.
    #[record(optional, sensitive)]
    pub(crate) data: Option<BTreeMap<String, String>>,
    /// Entries that are no text, in base64.
    #[record(optional, sensitive)]
    pub(crate) binary_data: Option<BTreeMap<String, String>>,
    /// Entries that are sent and never stored, not even in the state. They are sent when the secret is made and when
    /// `data_wo_revision` changes.
    #[record(optional, sensitive, write_only)]
    pub(crate) data_wo: Option<BTreeMap<String, String>>,
    /// Changes when `data_wo` is to be sent again.
    #[record(optional)]
    pub(crate) data_wo_revision: Option<i64>,
    /// What the secret is for: `Opaque`, `kubernetes.io/tls`, …
    #[record(optional, force_new, rename = "type", default = "Opaque")]
    pub(crate) kind: String,
    /// Whether its entries can never change.
    #[record(optional)]
    pub(crate) immutable: Option<bool>,
}

/// The type.
pub(crate) struct Secret;

impl Secret {
    fn metadata(record: &SecretRecord) -> Metadata {
        record.metadata.first().cloned().unwrap_or_default()
    }
}

impl Kind for Secret {
    type Record = SecretRecord;
    const TYPE: &'static str = "kubernetes_secret";

    fn id(record: &SecretRecord) -> String {
        Self::metadata(record).id()
    }

    fn object(id: &str) -> Result<Reference, ProviderError> {
        let (namespace, name) = metadata::parse(id)?;
        Ok(Reference::new("v1", "Secret", Some(&namespace), &name))
    }

    fn settings(_: &SecretRecord) -> Result<Settings, ProviderError> {
        Ok(Settings {
            propagation: "Background".to_owned(),
            ..Settings::default()
        })
    }

    fn made(desired: SecretRecord, live: &Json) -> SecretRecord {
        let mut metadata = Self::metadata(&desired);
        metadata.uid = metadata::uid(live);
        SecretRecord {
            id: Some(metadata.id()),
            metadata: vec![metadata],
            ..desired
        }
    }

    fn uid(record: &SecretRecord) -> Option<String> {
        Self::metadata(record).uid
    }

    fn body(record: &SecretRecord) -> Result<Json, ProviderError> {
        let metadata = Self::metadata(record).body();
        let mut data = Map::new();
        for texts in [&record.data, &record.data_wo] {
            for (name, text) in texts.iter().flatten() {
                data.insert(name.clone(), json!(STANDARD.encode(text)));
            }
        }
        for (name, bytes) in record.binary_data.iter().flatten() {
            data.insert(name.clone(), json!(bytes));
        }
        let mut body = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": record.kind });
        if !data.is_empty() {
            body["data"] = Json::Object(data);
        }
        if let Some(immutable) = record.immutable {
            body["immutable"] = json!(immutable);
        }
        Ok(body)
    }

    fn found(prior: Option<SecretRecord>, body: &Json, live: &Json) -> SecretRecord {
        let metadata = Metadata::found(body, live);
        let (mut data, mut binary) = (BTreeMap::new(), BTreeMap::new());
        let was_binary = |name: &str| {
            let prior = prior.as_ref().and_then(|p| p.binary_data.as_ref());
            prior.is_some_and(|p| p.contains_key(name))
        };
        for (name, encoded) in metadata::texts(&body["data"]) {
            let bytes = STANDARD.decode(&encoded).ok();
            match bytes.and_then(|b| String::from_utf8(b).ok()) {
                Some(text) if !was_binary(&name) => data.insert(name, text),
                _ => binary.insert(name, encoded),
            };
        }
        SecretRecord {
            id: Some(metadata.id()),
            metadata: vec![metadata],
            data: Some(data)
                .filter(|d| !d.is_empty() || prior.as_ref().is_some_and(|p| p.data.is_some())),
            binary_data: Some(binary).filter(|d| {
                !d.is_empty() || prior.as_ref().is_some_and(|p| p.binary_data.is_some())
            }),
            data_wo: None,
            data_wo_revision: prior.as_ref().and_then(|p| p.data_wo_revision),
            kind: live["type"].as_str().unwrap_or("Opaque").to_owned(),
            immutable: body["immutable"].as_bool(),
        }
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        metadata::plan_id(planned);
        metadata::plan_immutable(
            request,
            planned,
            &["data", "binary_data", "data_wo_revision"],
        );
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let entries = config.get("binary_data").and_then(Value::entries);
        let mut errors = Vec::new();
        for (name, value) in entries.into_iter().flatten() {
            if value
                .as_str()
                .is_some_and(|text| STANDARD.decode(text).is_err())
            {
                errors.push(ProviderError::invalid(
                    "binary_data",
                    format!("`{name}` is not in base64; text belongs into `data`"),
                ));
            }
        }
        errors
    }
}
