//! The machines of a node pool.

use infra_model::Record;
use std::collections::{BTreeMap, BTreeSet};

/// A pool's machines. A change of what is not marked otherwise replaces the machines one after the other, in place.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NodeConfig {
    /// `e2-standard-4`, …
    #[record(optional, computed)]
    pub(crate) machine_type: Option<String>,
    /// GB of the boot disk.
    #[record(optional, computed)]
    pub(crate) disk_size_gb: Option<i64>,
    /// `pd-balanced`, `pd-ssd`, `pd-standard`, `hyperdisk-balanced`.
    #[record(optional, computed)]
    pub(crate) disk_type: Option<String>,
    /// `COS_CONTAINERD` or `UBUNTU_CONTAINERD`.
    #[record(optional, computed, compare = case_insensitive)]
    pub(crate) image_type: Option<String>,
    /// The service account's address.
    #[record(optional, computed, force_new)]
    pub(crate) service_account: Option<String>,
    /// What its tokens are good for.
    #[record(optional, computed, force_new)]
    pub(crate) oauth_scopes: BTreeSet<String>,
    /// Kubernetes' labels.
    #[record(optional, computed)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Google's labels.
    #[record(optional)]
    pub(crate) resource_labels: BTreeMap<String, String>,
    /// Network tags, for firewall rules.
    #[record(optional)]
    pub(crate) tags: Vec<String>,
    /// The machines' metadata.
    #[record(optional, computed, force_new)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// Whether they are cheap and may go at any time.
    #[record(optional, force_new)]
    pub(crate) spot: Option<bool>,
    /// The same, for a day at most.
    #[record(optional, force_new)]
    pub(crate) preemptible: Option<bool>,
    /// The key of the boot disks.
    #[record(optional, force_new)]
    pub(crate) boot_disk_kms_key: Option<String>,
    /// Disks of the machine itself, of 375 GB each.
    #[record(optional, force_new)]
    pub(crate) local_ssd_count: Option<i64>,
    /// The oldest processors, such as `Intel Ice Lake`.
    #[record(optional, force_new)]
    pub(crate) min_cpu_platform: Option<String>,
    /// Graphics processors.
    #[record(block, force_new)]
    pub(crate) guest_accelerator: Vec<Accelerator>,
    /// Kubernetes' taints.
    #[record(block)]
    pub(crate) taint: Vec<Taint>,
    /// Proof of what was booted.
    #[record(block, max = 1, computed, force_new)]
    pub(crate) shielded_instance_config: Vec<Shielded>,
    /// What pods see of the metadata server.
    #[record(block, max = 1, computed)]
    pub(crate) workload_metadata_config: Vec<WorkloadMetadata>,
    /// Google's network card.
    #[record(block, max = 1)]
    pub(crate) gvnic: Vec<Gvnic>,
}

/// Graphics processors of one kind.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Accelerator {
    /// `nvidia-tesla-t4`, `nvidia-l4`, …
    #[record(required, force_new)]
    pub(crate) r#type: String,
    /// How many.
    #[record(required, force_new)]
    pub(crate) count: i64,
}

/// A taint.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Taint {
    /// Its key.
    #[record(required)]
    pub(crate) key: String,
    /// Its value.
    #[record(required)]
    pub(crate) value: String,
    /// `NO_SCHEDULE`, `PREFER_NO_SCHEDULE` or `NO_EXECUTE`.
    #[record(required)]
    pub(crate) effect: String,
}

/// Proof of what was booted.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Shielded {
    /// Whether only signed code boots.
    #[record(optional, default = false)]
    pub(crate) enable_secure_boot: bool,
    /// Whether what boots is measured.
    #[record(optional, default = true)]
    pub(crate) enable_integrity_monitoring: bool,
}

/// The metadata server.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct WorkloadMetadata {
    /// `GKE_METADATA` or `GCE_METADATA`.
    #[record(required)]
    pub(crate) mode: String,
}

/// Google's network card.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Gvnic {
    /// Whether it is used.
    #[record(required)]
    pub(crate) enabled: bool,
}
