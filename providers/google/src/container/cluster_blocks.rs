//! The blocks of a cluster.

use infra_model::Record;
use std::collections::BTreeSet;

/// Where pods and services have their addresses.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct IpAllocation {
    /// The secondary range of pods.
    #[record(optional, computed, force_new)]
    pub(crate) cluster_secondary_range_name: Option<String>,
    /// The secondary range of services.
    #[record(optional, computed, force_new)]
    pub(crate) services_secondary_range_name: Option<String>,
    /// The addresses of pods, or their length such as `/16`.
    #[record(optional, computed, force_new)]
    pub(crate) cluster_ipv4_cidr_block: Option<String>,
    /// The addresses of services.
    #[record(optional, computed, force_new)]
    pub(crate) services_ipv4_cidr_block: Option<String>,
    /// `IPV4` or `IPV4_IPV6`.
    #[record(optional, computed, force_new)]
    pub(crate) stack_type: Option<String>,
}

/// Which nodes and endpoints have public addresses.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PrivateCluster {
    /// Whether nodes have private addresses only.
    #[record(optional, force_new)]
    pub(crate) enable_private_nodes: Option<bool>,
    /// Whether the API server has a private address only.
    #[record(optional)]
    pub(crate) enable_private_endpoint: Option<bool>,
    /// The range of the control plane, a /28.
    #[record(optional, computed, force_new)]
    pub(crate) master_ipv4_cidr_block: Option<String>,
    /// The private address of the API server.
    #[record(computed)]
    pub(crate) private_endpoint: Option<String>,
    /// The public address of the API server.
    #[record(computed)]
    pub(crate) public_endpoint: Option<String>,
}

/// From where the API server can be reached.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AuthorizedNetworks {
    /// Whether from Google Cloud's public addresses.
    #[record(optional, computed)]
    pub(crate) gcp_public_cidrs_access_enabled: Option<bool>,
    /// Ranges; none at all means nobody outside.
    #[record(block, set)]
    pub(crate) cidr_blocks: Vec<AuthorizedRange>,
}

/// A range.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AuthorizedRange {
    /// Its addresses.
    #[record(required)]
    pub(crate) cidr_block: String,
    /// Who is there.
    #[record(optional)]
    pub(crate) display_name: Option<String>,
}

/// Kubernetes' service accounts as Google's.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct WorkloadIdentity {
    /// `PROJECT.svc.id.goog`
    #[record(optional)]
    pub(crate) workload_pool: Option<String>,
}

/// Who decides about versions.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Channel {
    /// `UNSPECIFIED`, `RAPID`, `REGULAR`, `STABLE` or `EXTENDED`.
    #[record(required)]
    pub(crate) channel: String,
}

/// Encryption of Kubernetes' secrets.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Encryption {
    /// `ENCRYPTED` or `DECRYPTED`.
    #[record(required)]
    pub(crate) state: String,
    /// The key.
    #[record(optional)]
    pub(crate) key_name: Option<String>,
}

/// What is logged.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Logging {
    /// `SYSTEM_COMPONENTS`, `WORKLOADS`, `APISERVER`, `CONTROLLER_MANAGER`, `SCHEDULER`.
    #[record(required)]
    pub(crate) enable_components: Vec<String>,
}

/// What is measured.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Monitoring {
    /// `SYSTEM_COMPONENTS`, `APISERVER`, `SCHEDULER`, `CONTROLLER_MANAGER`, `STORAGE`, `HPA`, `POD`, …
    #[record(optional, computed)]
    pub(crate) enable_components: Vec<String>,
    /// Google's own Prometheus.
    #[record(block, max = 1, computed)]
    pub(crate) managed_prometheus: Vec<Enabled>,
}

/// A switch.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Enabled {
    /// Whether it is on.
    #[record(required)]
    pub(crate) enabled: bool,
}

/// A switch.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Disabled {
    /// Whether it is off.
    #[record(required)]
    pub(crate) disabled: bool,
}

/// Google's additions.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Addons {
    /// The controller of load balancers for Ingress.
    #[record(block, max = 1, computed)]
    pub(crate) http_load_balancing: Vec<Disabled>,
    /// Horizontal pod autoscaling.
    #[record(block, max = 1, computed)]
    pub(crate) horizontal_pod_autoscaling: Vec<Disabled>,
    /// Calico, where Dataplane V2 is not.
    #[record(block, max = 1, computed)]
    pub(crate) network_policy_config: Vec<Disabled>,
    /// Persistent disks.
    #[record(block, max = 1, computed)]
    pub(crate) gce_persistent_disk_csi_driver_config: Vec<Enabled>,
    /// Buckets as volumes.
    #[record(block, max = 1, computed)]
    pub(crate) gcs_fuse_csi_driver_config: Vec<Enabled>,
    /// Names cached on nodes.
    #[record(block, max = 1, computed)]
    pub(crate) dns_cache_config: Vec<Enabled>,
}

/// Who may run which images.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct BinaryAuthorization {
    /// `DISABLED` or `PROJECT_SINGLETON_POLICY_ENFORCE`.
    #[record(optional)]
    pub(crate) evaluation_mode: Option<String>,
}

/// What Google looks at.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecurityPosture {
    /// `DISABLED`, `BASIC` or `ENTERPRISE`.
    #[record(optional, computed)]
    pub(crate) mode: Option<String>,
    /// `VULNERABILITY_DISABLED`, `VULNERABILITY_BASIC` or `VULNERABILITY_ENTERPRISE`.
    #[record(optional, computed)]
    pub(crate) vulnerability_mode: Option<String>,
}

/// When Google may change the cluster.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Maintenance {
    /// Every day.
    #[record(block, max = 1)]
    pub(crate) daily_maintenance_window: Vec<Daily>,
    /// At times that come again.
    #[record(block, max = 1)]
    pub(crate) recurring_window: Vec<Recurring>,
}

/// Every day.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Daily {
    /// `03:00`, UTC.
    #[record(required)]
    pub(crate) start_time: String,
    /// For how long.
    #[record(computed)]
    pub(crate) duration: Option<String>,
}

/// At times that come again.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Recurring {
    /// The first one's beginning, RFC 3339.
    #[record(required)]
    pub(crate) start_time: String,
    /// The first one's end.
    #[record(required)]
    pub(crate) end_time: String,
    /// `FREQ=WEEKLY;BYDAY=SA,SU`
    #[record(required)]
    pub(crate) recurrence: String,
}

/// How clients know the API server, and it them.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct MasterAuth {
    /// The certificate of its authority, base64.
    #[record(computed)]
    pub(crate) cluster_ca_certificate: Option<String>,
}

/// Zones.
pub(crate) type Zones = BTreeSet<String>;
