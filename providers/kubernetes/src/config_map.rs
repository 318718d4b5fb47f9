//! `kubernetes_config_map`.

use crate::kind::Kind;
use crate::metadata::Metadata;
use infra_model::Record;
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

impl Kind for ConfigMap {
    type Record = ConfigMapRecord;
    const TYPE: &'static str = "kubernetes_config_map";
}
