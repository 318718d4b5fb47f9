//! `azurerm_kubernetes_cluster_node_pool`.

use super::VERSION;
use super::pool::{self, KubeletConfig, UpgradeSettings};
use crate::api::{self, Api};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{self, Rule, Rules};
use infra_cloud::wait::{LONG, Pace};
use infra_model::number::Number;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record, Value};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A pool of nodes of a cluster, beside its default one.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PoolRecord {
    /// Its name: lowercase letters and digits, up to 12.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The cluster.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) kubernetes_cluster_id: String,
    /// The size of its machines, such as `Standard_D2s_v5`.
    #[record(optional, computed, force_new)]
    pub(crate) vm_size: Option<String>,
    /// How many nodes; where an autoscaler decides, to begin with.
    #[record(optional, computed)]
    pub(crate) node_count: Option<i64>,
    /// Whether an autoscaler decides, between `min_count` and `max_count`.
    #[record(optional, default = false)]
    pub(crate) auto_scaling_enabled: bool,
    /// At least so many nodes.
    #[record(optional)]
    pub(crate) min_count: Option<i64>,
    /// At most so many nodes.
    #[record(optional)]
    pub(crate) max_count: Option<i64>,
    /// At most so many pods on a node.
    #[record(optional, computed, force_new)]
    pub(crate) max_pods: Option<i64>,
    /// `User`, or `System` for what the cluster itself needs.
    #[record(optional, default = "User")]
    pub(crate) mode: String,
    /// The subnet of its nodes.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) vnet_subnet_id: Option<String>,
    /// The subnet of its pods.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) pod_subnet_id: Option<String>,
    /// Availability zones.
    #[record(optional, force_new)]
    pub(crate) zones: BTreeSet<String>,
    /// The version of Kubernetes on its nodes.
    #[record(optional, computed, compare = version)]
    pub(crate) orchestrator_version: Option<String>,
    /// The size of disks.
    #[record(optional, computed, force_new)]
    pub(crate) os_disk_size_gb: Option<i64>,
    /// `Managed` or `Ephemeral`.
    #[record(optional, force_new, default = "Managed")]
    pub(crate) os_disk_type: String,
    /// `Ubuntu`, `AzureLinux`, …
    #[record(optional, computed)]
    pub(crate) os_sku: Option<String>,
    /// `Linux` or `Windows`.
    #[record(optional, force_new, default = "Linux")]
    pub(crate) os_type: String,
    /// `OS` or `Temporary`: the disk of kubelet.
    #[record(optional, computed, force_new)]
    pub(crate) kubelet_disk_type: Option<String>,
    /// Labels of its nodes.
    #[record(optional)]
    pub(crate) node_labels: BTreeMap<String, String>,
    /// Taints of its nodes, such as `key=value:NoSchedule`.
    #[record(optional)]
    pub(crate) node_taints: Vec<String>,
    /// `Regular` or `Spot`.
    #[record(optional, force_new, default = "Regular")]
    pub(crate) priority: String,
    /// `Delete` or `Deallocate`: what becomes of spot nodes that are taken away.
    #[record(optional, force_new)]
    pub(crate) eviction_policy: Option<String>,
    /// The most to pay for a spot node, in US dollars an hour; -1 is what others pay.
    #[record(optional, force_new)]
    pub(crate) spot_max_price: Option<Number>,
    /// Whether disks and caches are encrypted on the host too.
    #[record(optional, force_new, default = false)]
    pub(crate) host_encryption_enabled: bool,
    /// Whether cryptography is FIPS 140-2's.
    #[record(optional, force_new, default = false)]
    pub(crate) fips_enabled: bool,
    /// Whether nodes have public addresses.
    #[record(optional, force_new, default = false)]
    pub(crate) node_public_ip_enabled: bool,
    /// The prefix that these are from.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) node_public_ip_prefix_id: Option<String>,
    /// Whether ultra disks can be used.
    #[record(optional, force_new, default = false)]
    pub(crate) ultra_ssd_enabled: bool,
    /// `Delete` or `Deallocate`: what becomes of nodes that are not needed.
    #[record(optional, default = "Delete")]
    pub(crate) scale_down_mode: String,
    /// `OCIContainer` or `KataVmIsolation`.
    #[record(optional, computed, force_new)]
    pub(crate) workload_runtime: Option<String>,
    /// A part of a GPU: `MIG1g`, …
    #[record(optional, force_new)]
    pub(crate) gpu_instance: Option<String>,
    /// Reserved capacity.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) capacity_reservation_group_id: Option<String>,
    /// Dedicated hosts.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) host_group_id: Option<String>,
    /// Machines that stand near each other.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) proximity_placement_group_id: Option<String>,
    /// How nodes are replaced when it is upgraded.
    #[record(block, max = 1, computed)]
    pub(crate) upgrade_settings: Vec<UpgradeSettings>,
    /// Kubelet.
    #[record(block, max = 1, force_new)]
    pub(crate) kubelet_config: Vec<KubeletConfig>,
    /// Tags of its machines.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct NodePool;

#[async_trait::async_trait]
impl Kind for NodePool {
    type Record = PoolRecord;
    const TYPE: &'static str = "azurerm_kubernetes_cluster_node_pool";
    const API: Api = Api::new(
        "Microsoft.ContainerService/managedClusters/agentPools",
        VERSION,
        "{kubernetes_cluster_id}/agentPools/{name}",
    );
    const TAGS: &'static str = "properties/tags";
    const RULES: Rules = pool::rules!("properties/");
    const PACE: Pace = LONG;

    fn traits() -> Traits {
        Traits::default()
            .seconds(180, 120, 180)
            .carrying("kubernetes", &["orchestrator_version"])
            // `agentpool` is the older name of the same label.
            // https://learn.microsoft.com/azure/aks/use-labels
            .labelling("kubernetes.azure.com/agentpool", "name")
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let known = |name: &str| config.get(name).filter(|v| !v.is_null() && !v.is_unknown());
        let scaled = known("auto_scaling_enabled").and_then(Value::as_bool) == Some(true);
        let mut wrong = Vec::new();
        for name in ["min_count", "max_count"] {
            let said = config.get(name).is_some_and(|v| !v.is_null());
            if said && !scaled && known("auto_scaling_enabled").is_none() {
                let text = format!("`{name}` is for pools with `auto_scaling_enabled = true`");
                wrong.push(ProviderError::invalid(name, text));
            }
            if scaled && !said {
                let text = format!("`{name}` must be set where `auto_scaling_enabled` is");
                wrong.push(ProviderError::invalid(name, text));
            }
        }
        wrong
    }

    fn turn(id: &str) -> Option<&str> {
        // AKS changes one thing of a cluster at a time.
        Some(api::parent(id))
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &PoolRecord,
        desired: &PoolRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        let same = prior.node_count == desired.node_count;
        if desired.auto_scaling_enabled && same {
            // The autoscaler's number is what is there, and stays.
            return Ok(());
        }
        if let Some(count) = desired.node_count {
            wire::put(body, "properties/count", json!(count));
        }
        Ok(())
    }

    fn shown(found: &mut Json) {
        // Nodes that are not spot nodes have no price.
        let price = &found["properties"]["spotMaxPrice"];
        if price.as_f64() == Some(-1.0) && found["properties"]["scaleSetPriority"] != "Spot" {
            wire::remove(found, "properties/spotMaxPrice");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags;

    #[test]
    fn a_pool_is_tagged_where_it_can_be() {
        assert_eq!(NodePool::TAGS, "properties/tags");
        let found = json!({ "properties": { "tags": { "infra:operation": "o" } } });
        assert_eq!(tags::at(&found, NodePool::TAGS)["infra:operation"], "o");
    }
}
