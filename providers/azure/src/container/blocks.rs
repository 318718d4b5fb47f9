//! Blocks of `azurerm_kubernetes_cluster`.

use infra_model::number::Number;
use infra_model::{Planned, Record, Type, Value};
use std::collections::BTreeSet;

/// Who reaches the API server.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct ApiServerAccess {
    /// Ranges that may; all without any.
    #[record(optional)]
    pub(crate) authorized_ip_ranges: BTreeSet<String>,
    /// Whether the API server has an address in the network.
    #[record(optional)]
    pub(crate) virtual_network_integration_enabled: Option<bool>,
    /// The subnet of that address.
    #[record(optional, compare = case_insensitive)]
    pub(crate) subnet_id: Option<String>,
}

/// The directory that people sign in with.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Directory {
    /// Its tenant.
    #[record(optional, computed)]
    pub(crate) tenant_id: Option<String>,
    /// Groups whose members administer the cluster.
    #[record(optional)]
    pub(crate) admin_group_object_ids: Vec<String>,
    /// Whether role assignments of Azure say who may do what in the cluster.
    #[record(optional)]
    pub(crate) azure_rbac_enabled: Option<bool>,
}

/// How the autoscaler decides.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct AutoScaler {
    /// Whether similar pools are kept alike.
    #[record(optional)]
    pub(crate) balance_similar_node_groups: Option<bool>,
    /// Whether pods of daemon sets leave empty nodes before these go.
    #[record(optional)]
    pub(crate) daemonset_eviction_for_empty_nodes_enabled: Option<bool>,
    /// Whether pods of daemon sets leave used nodes before these go.
    #[record(optional)]
    pub(crate) daemonset_eviction_for_occupied_nodes_enabled: Option<bool>,
    /// `least-waste`, `priority`, `most-pods` or `random`.
    #[record(optional, computed)]
    pub(crate) expander: Option<String>,
    /// Whether pods of daemon sets do not count.
    #[record(optional)]
    pub(crate) ignore_daemonsets_utilization_enabled: Option<bool>,
    /// Seconds that pods have to leave a node.
    #[record(optional, computed)]
    pub(crate) max_graceful_termination_sec: Option<String>,
    /// How long a node may take to come, such as `15m`.
    #[record(optional, computed)]
    pub(crate) max_node_provisioning_time: Option<String>,
    /// How many nodes may be unready.
    #[record(optional, computed)]
    pub(crate) max_unready_nodes: Option<i64>,
    /// Which share of the nodes may be unready.
    #[record(optional, computed)]
    pub(crate) max_unready_percentage: Option<Number>,
    /// How long a pod is left waiting before it counts.
    #[record(optional, computed)]
    pub(crate) new_pod_scale_up_delay: Option<String>,
    /// How often it looks.
    #[record(optional, computed)]
    pub(crate) scan_interval: Option<String>,
    /// How long after a node came none goes.
    #[record(optional, computed)]
    pub(crate) scale_down_delay_after_add: Option<String>,
    /// How long after a node went no other goes.
    #[record(optional, computed)]
    pub(crate) scale_down_delay_after_delete: Option<String>,
    /// How long after a failure no node goes.
    #[record(optional, computed)]
    pub(crate) scale_down_delay_after_failure: Option<String>,
    /// How long a node must be unneeded before it goes.
    #[record(optional, computed)]
    pub(crate) scale_down_unneeded: Option<String>,
    /// How long a node must be unready before it goes.
    #[record(optional, computed)]
    pub(crate) scale_down_unready: Option<String>,
    /// The use below which a node is not needed.
    #[record(optional, computed)]
    pub(crate) scale_down_utilization_threshold: Option<String>,
    /// How many empty nodes go at once.
    #[record(optional, computed)]
    pub(crate) empty_bulk_delete_max: Option<String>,
    /// Whether nodes with pods that use local storage stay.
    #[record(optional)]
    pub(crate) skip_nodes_with_local_storage: Option<bool>,
    /// Whether nodes with pods of the system stay.
    #[record(optional)]
    pub(crate) skip_nodes_with_system_pods: Option<bool>,
}

/// The key that secrets in etcd are encrypted with.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct KeyManagement {
    /// The key, with its version.
    #[record(required)]
    pub(crate) key_vault_key_id: String,
    /// `Public` or `Private`: how the vault is reached.
    #[record(optional, default = "Public")]
    pub(crate) key_vault_network_access: String,
}

/// Secrets of vaults as volumes.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct SecretsProvider {
    /// Whether new versions are picked up.
    #[record(optional)]
    pub(crate) secret_rotation_enabled: Option<bool>,
    /// How often they are looked for.
    #[record(optional, default = "2m")]
    pub(crate) secret_rotation_interval: String,
    /// The identity that reads vaults.
    #[record(block, computed)]
    pub(crate) secret_identity: Vec<AddonIdentity>,
}

/// Logs and metrics of containers.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct LogAgent {
    /// The workspace that they go to.
    #[record(required, compare = case_insensitive)]
    pub(crate) log_analytics_workspace_id: String,
    /// Whether the agent signs in with a managed identity.
    #[record(optional)]
    pub(crate) msi_auth_for_monitoring_enabled: Option<bool>,
    /// The identity of the agent.
    #[record(block, computed)]
    pub(crate) oms_agent_identity: Vec<AddonIdentity>,
}

/// The identity of an addon.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct AddonIdentity {
    /// As applications know it.
    #[record(computed)]
    pub(crate) client_id: Option<String>,
    /// As the directory knows it.
    #[record(computed)]
    pub(crate) object_id: Option<String>,
    /// Its resource.
    #[record(computed)]
    pub(crate) user_assigned_identity_id: Option<String>,
}

/// The identity of nodes, which pulls images.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct KubeletIdentity {
    /// As applications know it.
    #[record(optional, computed, force_new)]
    pub(crate) client_id: Option<String>,
    /// As the directory knows it.
    #[record(optional, computed, force_new)]
    pub(crate) object_id: Option<String>,
    /// Its resource.
    #[record(optional, computed, force_new, compare = case_insensitive)]
    pub(crate) user_assigned_identity_id: Option<String>,
}

/// Who may sign in to Linux nodes.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct LinuxProfile {
    /// The user's name.
    #[record(required, force_new)]
    pub(crate) admin_username: String,
    /// The user's key.
    #[record(block, min = 1, max = 1)]
    pub(crate) ssh_key: Vec<SshKey>,
}

/// A key.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct SshKey {
    /// The public key.
    #[record(required)]
    pub(crate) key_data: String,
}

/// The networks of pods and Services.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct NetworkProfile {
    /// `azure`, `kubenet` or `none`.
    #[record(required, force_new)]
    pub(crate) network_plugin: String,
    /// `overlay`: pods have addresses of their own range.
    #[record(optional)]
    pub(crate) network_plugin_mode: Option<String>,
    /// `calico`, `azure` or `cilium`.
    #[record(optional, computed)]
    pub(crate) network_policy: Option<String>,
    /// `azure` or `cilium`.
    #[record(optional, default = "azure")]
    pub(crate) network_data_plane: String,
    /// `bridge` or `transparent`.
    #[record(optional, computed, force_new)]
    pub(crate) network_mode: Option<String>,
    /// The range of pods.
    #[record(optional, computed, force_new)]
    pub(crate) pod_cidr: Option<String>,
    /// The ranges of pods, one of each family.
    #[record(optional, computed, force_new)]
    pub(crate) pod_cidrs: Vec<String>,
    /// The range of Services.
    #[record(optional, computed, force_new)]
    pub(crate) service_cidr: Option<String>,
    /// The ranges of Services, one of each family.
    #[record(optional, computed, force_new)]
    pub(crate) service_cidrs: Vec<String>,
    /// The address of the cluster's DNS, in the range of Services.
    #[record(optional, computed, force_new)]
    pub(crate) dns_service_ip: Option<String>,
    /// `IPv4`, `IPv6`.
    #[record(optional, computed, force_new)]
    pub(crate) ip_versions: Vec<String>,
    /// `standard`, or `basic`, which is on its way out.
    #[record(optional, force_new, default = "standard")]
    pub(crate) load_balancer_sku: String,
    /// `loadBalancer`, `userDefinedRouting`, `managedNATGateway`, `userAssignedNATGateway` or `none`.
    #[record(optional, default = "loadBalancer")]
    pub(crate) outbound_type: String,
    /// The load balancer's way out.
    #[record(block, max = 1, computed)]
    pub(crate) load_balancer_profile: Vec<BalancerProfile>,
    /// The way out of `managedNATGateway`.
    #[record(block, max = 1, computed)]
    pub(crate) nat_gateway_profile: Vec<NatProfile>,
    /// Network observability and security.
    #[record(block, max = 1)]
    pub(crate) advanced_networking: Vec<AdvancedNetworking>,
}

/// Network observability and security.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct AdvancedNetworking {
    /// Whether flows are observed.
    #[record(optional, default = false)]
    pub(crate) observability_enabled: bool,
    /// Whether policies may be about names and applications.
    #[record(optional, default = false)]
    pub(crate) security_enabled: bool,
}

/// A load balancer's way out.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct BalancerProfile {
    /// `NodeIPConfiguration` or `NodeIP`.
    #[record(optional, computed)]
    pub(crate) backend_pool_type: Option<String>,
    /// How many ports a node has; 0 leaves it to Azure.
    #[record(optional, computed)]
    pub(crate) outbound_ports_allocated: Option<i64>,
    /// Minutes until an idle connection ends.
    #[record(optional, computed)]
    pub(crate) idle_timeout_in_minutes: Option<i64>,
    /// How many addresses Azure makes.
    #[record(optional, computed)]
    pub(crate) managed_outbound_ip_count: Option<i64>,
    /// How many IPv6 addresses Azure makes.
    #[record(optional, computed)]
    pub(crate) managed_outbound_ipv6_count: Option<i64>,
    /// Prefixes that addresses are from.
    #[record(optional)]
    pub(crate) outbound_ip_prefix_ids: BTreeSet<String>,
    /// Addresses of one's own.
    #[record(optional)]
    pub(crate) outbound_ip_address_ids: BTreeSet<String>,
    /// The addresses that it goes out with.
    #[record(computed)]
    pub(crate) effective_outbound_ips: BTreeSet<String>,
}

/// A managed NAT gateway.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct NatProfile {
    /// Minutes until an idle connection ends.
    #[record(optional, computed)]
    pub(crate) idle_timeout_in_minutes: Option<i64>,
    /// How many addresses Azure makes.
    #[record(optional, computed)]
    pub(crate) managed_outbound_ip_count: Option<i64>,
    /// The addresses that it goes out with.
    #[record(computed)]
    pub(crate) effective_outbound_ips: BTreeSet<String>,
}

/// Drivers of storage.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct StorageProfile {
    /// Blobs.
    #[record(optional, default = false)]
    pub(crate) blob_driver_enabled: bool,
    /// Disks.
    #[record(optional, default = true)]
    pub(crate) disk_driver_enabled: bool,
    /// File shares.
    #[record(optional, default = true)]
    pub(crate) file_driver_enabled: bool,
    /// Snapshots.
    #[record(optional, default = true)]
    pub(crate) snapshot_controller_enabled: bool,
}

/// What scales workloads.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct WorkloadScaler {
    /// KEDA: by events.
    #[record(optional, default = false)]
    pub(crate) keda_enabled: bool,
    /// By what pods use.
    #[record(optional, default = false)]
    pub(crate) vertical_pod_autoscaler_enabled: bool,
}

/// Microsoft Defender.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Defender {
    /// The workspace that findings go to.
    #[record(required, compare = case_insensitive)]
    pub(crate) log_analytics_workspace_id: String,
}

/// Managed Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Metrics {
    /// Annotations that become labels, such as `pods=[a,b]`.
    #[record(optional)]
    pub(crate) annotations_allowed: Option<String>,
    /// Labels that become labels.
    #[record(optional)]
    pub(crate) labels_allowed: Option<String>,
}

/// Plans that the addresses to go out with are not known where those that are asked for change.
pub(crate) fn plan_outbound(prior: &Value, planned: &mut Planned) {
    let first = |value: &Value, name: &str| value.get(name)?.elements()?.first().cloned();
    let profile = |value: &Value| first(value, "network_profile");
    let (Some(old), Some(new)) = (profile(prior), profile(&planned.value)) else {
        return;
    };
    let asked = [
        "managed_outbound_ip_count",
        "managed_outbound_ipv6_count",
        "outbound_ip_prefix_ids",
        "outbound_ip_address_ids",
    ];
    let kinds = [
        ("load_balancer_profile", BalancerProfile::block()),
        ("nat_gateway_profile", NatProfile::block()),
    ];
    let mut opened = new.clone();
    for (name, block) in kinds {
        let (was, Some(way)) = (first(&old, name), first(&new, name)) else {
            continue;
        };
        let same = |was: &Value| asked.iter().all(|a| was.get(a) == way.get(a));
        if !was.is_some_and(|was| same(&was)) {
            let addresses = Value::Unknown(Type::set(Type::String));
            let way = way.with_attribute("effective_outbound_ips", addresses);
            opened = opened.with_attribute(name, Value::list(block.implied_type(), vec![way]));
        }
    }
    if opened != new {
        let list = Value::list(NetworkProfile::block().implied_type(), vec![opened]);
        let value = std::mem::replace(&mut planned.value, Value::NULL);
        planned.value = value.with_attribute("network_profile", list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::from_json;
    use serde_json::json;

    #[test]
    fn other_addresses_to_go_out_with_are_not_known_yet() {
        let value = |count: i64, minutes: i64| {
            let way = json!([{
                "managed_outbound_ip_count": count, "idle_timeout_in_minutes": minutes,
                "effective_outbound_ips": ["a"],
            }]);
            let profile = json!([{ "load_balancer_profile": way }]);
            let block = NetworkProfile::block().implied_type();
            let list = from_json(&profile, &Type::list(block)).expect("fits");
            Value::object([("network_profile", list)])
        };
        let known = |count: i64, minutes: i64| {
            let mut planned = Planned {
                value: value(count, minutes),
                replace: Vec::new(),
                private: None,
            };
            plan_outbound(&value(1, 30), &mut planned);
            planned.value.is_wholly_known()
        };
        assert!(known(1, 30) && known(1, 4));
        assert!(!known(2, 30));
    }
}
