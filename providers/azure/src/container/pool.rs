//! What a cluster's default pool and its other pools have in common: the fields of an agent pool.

use infra_model::Record;

/// How nodes are replaced when a pool is upgraded.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct UpgradeSettings {
    /// How many nodes more there may be meanwhile: a number or a share such as `33%`.
    #[record(optional)]
    pub(crate) max_surge: Option<String>,
    /// How many nodes may be missing meanwhile.
    #[record(optional)]
    pub(crate) max_unavailable: Option<String>,
    /// Minutes that pods have to leave a node.
    #[record(optional)]
    pub(crate) drain_timeout_in_minutes: Option<i64>,
    /// Minutes to wait after each node.
    #[record(optional)]
    pub(crate) node_soak_duration_in_minutes: Option<i64>,
    /// `Cordon` or `Schedule`: what becomes of nodes that cannot be emptied.
    #[record(optional)]
    pub(crate) undrainable_node_behavior: Option<String>,
}

/// Kubelet.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct KubeletConfig {
    /// System calls that pods may set although they are not safe.
    #[record(optional)]
    pub(crate) allowed_unsafe_sysctls: Vec<String>,
    /// How many files a container's log has.
    #[record(optional)]
    pub(crate) container_log_max_line: Option<i64>,
    /// How big a container's log file is, in MB.
    #[record(optional)]
    pub(crate) container_log_max_size_mb: Option<i64>,
    /// Whether CPU limits hold.
    #[record(optional)]
    pub(crate) cpu_cfs_quota_enabled: Option<bool>,
    /// The period of CPU limits, such as `100ms`.
    #[record(optional)]
    pub(crate) cpu_cfs_quota_period: Option<String>,
    /// `none` or `static`.
    #[record(optional)]
    pub(crate) cpu_manager_policy: Option<String>,
    /// The share of the disk from which on images are removed.
    #[record(optional)]
    pub(crate) image_gc_high_threshold: Option<i64>,
    /// The share of the disk down to which images are removed.
    #[record(optional)]
    pub(crate) image_gc_low_threshold: Option<i64>,
    /// How many processes a pod may have.
    #[record(optional)]
    pub(crate) pod_max_pid: Option<i64>,
    /// `none`, `best-effort`, `restricted` or `single-numa-node`.
    #[record(optional)]
    pub(crate) topology_manager_policy: Option<String>,
}

/// What of an agent pool is not named as usual, from where its fields are.
macro_rules! rules {
    ($at:literal) => {
        &[
            (
                "auto_scaling_enabled",
                Rule::At(concat!($at, "enableAutoScaling")),
            ),
            (
                "capacity_reservation_group_id",
                Rule::At(concat!($at, "capacityReservationGroupID")),
            ),
            (
                "eviction_policy",
                Rule::At(concat!($at, "scaleSetEvictionPolicy")),
            ),
            ("fips_enabled", Rule::At(concat!($at, "enableFIPS"))),
            ("gpu_instance", Rule::At(concat!($at, "gpuInstanceProfile"))),
            (
                "host_encryption_enabled",
                Rule::At(concat!($at, "enableEncryptionAtHost")),
            ),
            ("host_group_id", Rule::At(concat!($at, "hostGroupID"))),
            ("kubelet_config", Rule::At(concat!($at, "kubeletConfig"))),
            (
                "kubelet_config.container_log_max_line",
                Rule::At("containerLogMaxFiles"),
            ),
            (
                "kubelet_config.container_log_max_size_mb",
                Rule::At("containerLogMaxSizeMB"),
            ),
            (
                "kubelet_config.cpu_cfs_quota_enabled",
                Rule::At("cpuCfsQuota"),
            ),
            ("kubelet_config.pod_max_pid", Rule::At("podMaxPids")),
            ("node_count", Rule::At(concat!($at, "count"))),
            (
                "node_public_ip_enabled",
                Rule::At(concat!($at, "enableNodePublicIP")),
            ),
            (
                "node_public_ip_prefix_id",
                Rule::At(concat!($at, "nodePublicIPPrefixID")),
            ),
            ("only_critical_addons_enabled", Rule::Own),
            ("os_disk_size_gb", Rule::At(concat!($at, "osDiskSizeGB"))),
            ("os_sku", Rule::At(concat!($at, "osSKU"))),
            ("pod_subnet_id", Rule::At(concat!($at, "podSubnetID"))),
            ("priority", Rule::At(concat!($at, "scaleSetPriority"))),
            (
                "proximity_placement_group_id",
                Rule::At(concat!($at, "proximityPlacementGroupID")),
            ),
            ("tags", Rule::ShownOnly("tags")),
            ("temporary_name_for_rotation", Rule::Own),
            (
                "ultra_ssd_enabled",
                Rule::At(concat!($at, "enableUltraSSD")),
            ),
            ("vnet_subnet_id", Rule::At(concat!($at, "vnetSubnetID"))),
            ("zones", Rule::At(concat!($at, "availabilityZones"))),
        ]
    };
}
pub(crate) use rules;
