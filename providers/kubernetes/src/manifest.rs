//! `kubernetes_manifest`: any object.

use crate::kind::Kind;
use crate::options::{FieldManager, Timeouts, Wait};
use infra_model::{Record, Value};
use std::collections::BTreeSet;

/// Any Kubernetes object, applied on the server: what the manifest says is owned by infra and kept as it says; what others add
/// is left alone. A custom resource and the definition of its kind may be made by one apply.
#[derive(Clone, Debug, Record)]
pub(crate) struct ManifestRecord {
    /// `apiVersion=…,kind=…,namespace=…,name=…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The object, with `apiVersion`, `kind` and `metadata.name`. `status` has no place in it.
    #[record(required)]
    pub(crate) manifest: Value,
    /// What is there of it: the fields that the manifest has, as the server keeps them, those of `computed_fields`, and the
    /// `uid`.
    #[record(computed)]
    pub(crate) object: Value,
    /// Paths of fields that others decide, such as `spec.replicas` or `status.loadBalancer.ingress`: they are in `object` as they are, and
    /// another value than the manifest's is no difference.
    #[record(optional)]
    pub(crate) computed_fields: BTreeSet<String>,
    /// What becomes of an object's dependents when it is deleted: `Foreground`, `Background` or `Orphan`.
    #[record(optional, default = "Foreground")]
    pub(crate) deletion_propagation: String,
    /// What must have come true before the object counts as made.
    #[record(block, max = 1)]
    pub(crate) wait: Vec<Wait>,
    /// Who applies.
    #[record(block, max = 1)]
    pub(crate) field_manager: Vec<FieldManager>,
    /// How long is waited.
    #[record(block, max = 1)]
    pub(crate) timeouts: Vec<Timeouts>,
}

/// The type.
pub(crate) struct Manifest;

impl Kind for Manifest {
    type Record = ManifestRecord;
    const TYPE: &'static str = "kubernetes_manifest";
}
