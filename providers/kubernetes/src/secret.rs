//! `kubernetes_secret`.

use crate::kind::Kind;
use crate::metadata::Metadata;
use infra_model::Record;
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

impl Kind for Secret {
    type Record = SecretRecord;
    const TYPE: &'static str = "kubernetes_secret";
}
