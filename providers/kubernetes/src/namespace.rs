//! `kubernetes_namespace`.

use crate::kind::Kind;
use crate::metadata::ClusterMetadata;
use crate::options::Timeouts;
use infra_model::Record;

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

impl Kind for Namespace {
    type Record = NamespaceRecord;
    const TYPE: &'static str = "kubernetes_namespace";
}
