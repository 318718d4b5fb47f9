//! The default node pool of a cluster: a block of `azurerm_kubernetes_cluster`, and an agent pool like any other to AKS.

use super::VERSION;
use super::node_pool::NodePool;
use super::pool::{self, KubeletConfig, UpgradeSettings};
use crate::api::Api;
use crate::client::{Client, Method, Request};
use crate::error::{self, is_stale};
use crate::found::{etag, fetch, without_shown_only};
use crate::kind::Kind;
use crate::operation;
use crate::wire::{self, Rule, Rules};
use infra_cloud::absence::absent_is_done;
use infra_cloud::fields::understood;
use infra_cloud::wait::{self, LONG, QUICK};
use infra_model::{CallContext, Operation, ProviderError, Record, Value};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The pool of nodes that runs what the cluster itself needs.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct DefaultPool {
    /// Its name: lowercase letters and digits, up to 12.
    #[record(required)]
    pub(crate) name: String,
    /// The size of its machines, such as `Standard_D2s_v5`.
    #[record(optional, computed)]
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
    #[record(optional, computed)]
    pub(crate) max_pods: Option<i64>,
    /// The subnet of its nodes.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) vnet_subnet_id: Option<String>,
    /// The subnet of its pods.
    #[record(optional, compare = case_insensitive)]
    pub(crate) pod_subnet_id: Option<String>,
    /// Availability zones.
    #[record(optional)]
    pub(crate) zones: BTreeSet<String>,
    /// The version of Kubernetes on its nodes.
    #[record(optional, computed, compare = version)]
    pub(crate) orchestrator_version: Option<String>,
    /// The size of disks.
    #[record(optional, computed)]
    pub(crate) os_disk_size_gb: Option<i64>,
    /// `Managed` or `Ephemeral`.
    #[record(optional, default = "Managed")]
    pub(crate) os_disk_type: String,
    /// `Ubuntu`, `AzureLinux`, …
    #[record(optional, computed)]
    pub(crate) os_sku: Option<String>,
    /// `OS` or `Temporary`: the disk of kubelet.
    #[record(optional, computed)]
    pub(crate) kubelet_disk_type: Option<String>,
    /// Labels of its nodes.
    #[record(optional)]
    pub(crate) node_labels: BTreeMap<String, String>,
    /// Whether only what the cluster itself needs runs there, by the taint `CriticalAddonsOnly=true:NoSchedule`.
    #[record(optional)]
    pub(crate) only_critical_addons_enabled: Option<bool>,
    /// Whether disks and caches are encrypted on the host too.
    #[record(optional, default = false)]
    pub(crate) host_encryption_enabled: bool,
    /// Whether cryptography is FIPS 140-2's.
    #[record(optional, default = false)]
    pub(crate) fips_enabled: bool,
    /// Whether nodes have public addresses.
    #[record(optional, default = false)]
    pub(crate) node_public_ip_enabled: bool,
    /// The prefix that these are from.
    #[record(optional, compare = case_insensitive)]
    pub(crate) node_public_ip_prefix_id: Option<String>,
    /// Whether ultra disks can be used.
    #[record(optional, default = false)]
    pub(crate) ultra_ssd_enabled: bool,
    /// `Delete` or `Deallocate`: what becomes of nodes that are not needed.
    #[record(optional, default = "Delete")]
    pub(crate) scale_down_mode: String,
    /// `VirtualMachineScaleSets`, or `AvailabilitySet`, which is on its way out.
    #[record(
        optional,
        force_new,
        default = "VirtualMachineScaleSets",
        rename = "type"
    )]
    pub(crate) kind: String,
    /// `OCIContainer` or `KataVmIsolation`.
    #[record(optional, computed)]
    pub(crate) workload_runtime: Option<String>,
    /// A part of a GPU: `MIG1g`, …
    #[record(optional)]
    pub(crate) gpu_instance: Option<String>,
    /// Reserved capacity.
    #[record(optional, compare = case_insensitive)]
    pub(crate) capacity_reservation_group_id: Option<String>,
    /// Dedicated hosts.
    #[record(optional, compare = case_insensitive)]
    pub(crate) host_group_id: Option<String>,
    /// Machines that stand near each other.
    #[record(optional, compare = case_insensitive)]
    pub(crate) proximity_placement_group_id: Option<String>,
    /// The name of a pool that stands in while this one is made anew, for what can only change in new nodes. Without it such a
    /// change replaces the cluster.
    #[record(optional)]
    pub(crate) temporary_name_for_rotation: Option<String>,
    /// Tags of its machines.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// How nodes are replaced when it is upgraded.
    #[record(block, max = 1, computed)]
    pub(crate) upgrade_settings: Vec<UpgradeSettings>,
    /// Kubelet.
    #[record(block, max = 1)]
    pub(crate) kubelet_config: Vec<KubeletConfig>,
}

const RULES: Rules = pool::rules!("");

/// The taint of [`DefaultPool::only_critical_addons_enabled`].
const CRITICAL: &str = "CriticalAddonsOnly=true:NoSchedule";

/// What only new nodes can have: a change needs other ones.
const FIXED: [&str; 19] = [
    "name",
    "vm_size",
    "max_pods",
    "pod_subnet_id",
    "zones",
    "os_disk_size_gb",
    "os_disk_type",
    "os_sku",
    "kubelet_disk_type",
    "only_critical_addons_enabled",
    "host_encryption_enabled",
    "fips_enabled",
    "node_public_ip_enabled",
    "node_public_ip_prefix_id",
    "ultra_ssd_enabled",
    "gpu_instance",
    "capacity_reservation_group_id",
    "host_group_id",
    "proximity_placement_group_id",
];

/// Whether a change of the block needs other nodes. What is not known yet may be as it was.
pub(crate) fn needs_other_nodes(old: &Value, new: &Value) -> bool {
    let block = DefaultPool::block();
    FIXED
        .iter()
        .any(|name| match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if !new.is_unknown() => {
                let compare = block.attributes[*name].compare;
                !infra_model::planning::same(compare, old, new)
            }
            _ => false,
        })
}

/// The pool as AKS's fields.
pub(crate) fn body(pool: &DefaultPool) -> Json {
    let mut out = wire::object(&DefaultPool::block(), &pool.to_value(), RULES);
    out["mode"] = json!("System");
    out["osType"] = json!("Linux");
    if pool.only_critical_addons_enabled == Some(true) {
        out["nodeTaints"] = json!([CRITICAL]);
    }
    if !pool.tags.is_empty() {
        out["tags"] = json!(pool.tags);
    }
    out
}

/// The default pool among a cluster's: the one that was said, the one that stands in for it, or the first of the system's.
fn among<'a>(pools: &'a [Json], said: Option<&DefaultPool>) -> Option<&'a Json> {
    let named = |name: &str| pools.iter().find(|p| p["name"].as_str() == Some(name));
    let said = said
        .and_then(|s| named(&s.name).or_else(|| named(s.temporary_name_for_rotation.as_deref()?)));
    said.or_else(|| pools.iter().find(|p| p["mode"] == "System"))
        .or_else(|| pools.first())
}

/// The block as it was found.
///
/// # Errors
/// An answer in another shape.
pub(crate) fn found(
    cluster: &Json,
    said: &[DefaultPool],
) -> Result<Vec<DefaultPool>, ProviderError> {
    let pools = cluster["properties"]["agentPoolProfiles"].as_array();
    let said = said.first();
    let Some(pool) = pools.and_then(|pools| among(pools, said)) else {
        return Ok(Vec::new());
    };
    let block = DefaultPool::block();
    let prior = said.map_or(Value::NULL, Record::to_value);
    let mut shown = wire::shown_object(&block, pool, &prior, RULES);
    let tainted = pool["nodeTaints"].as_array().into_iter().flatten();
    let critical = tainted.into_iter().any(|t| t == CRITICAL);
    let unsaid = said.is_none_or(|s| s.only_critical_addons_enabled.is_none());
    shown["only_critical_addons_enabled"] = match (critical, unsaid) {
        (false, true) => Json::Null,
        (critical, _) => json!(critical),
    };
    shown["tags"] = pool["tags"].clone();
    Ok(vec![understood(&block, "a node pool", &shown)?])
}

/// One change of pools under way.
struct Pools<'a> {
    client: &'a Client,
    context: &'a CallContext,
    operation: &'a Operation,
    cluster: &'a str,
}

const API: Api = <NodePool as Kind>::API;

impl Pools<'_> {
    fn id(&self, name: &str) -> String {
        format!("{}/agentPools/{name}", self.cluster)
    }

    async fn find(&self, name: &str) -> Result<Option<Json>, ProviderError> {
        fetch(self.client, self.context, &API, &self.id(name)).await
    }

    async fn send(&self, request: Request) -> Result<(), ProviderError> {
        operation::run(self.client, self.context, self.operation, LONG, request)
            .await
            .map(|_| ())
    }

    async fn make(&self, name: &str, properties: Json) -> Result<(), ProviderError> {
        let mut body = properties;
        wire::remove(&mut body, "name");
        let id = self.id(name);
        let request =
            Request::new(Method::Put, API.name, VERSION, id).body(json!({ "properties": body }));
        self.send(request).await
    }

    async fn delete(&self, name: &str) -> Result<(), ProviderError> {
        let request = Request::new(Method::Delete, API.name, VERSION, self.id(name));
        absent_is_done(self.send(request).await)
    }
}

/// Changes the default pool: in place, or by another that stands in while it is made anew. What an interrupted change left is
/// gone on with: each step looks at what is there.
///
/// # Errors
/// What AKS answers; a change that needs other nodes without a name for those that stand in.
pub(crate) async fn change(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    cluster: &str,
    prior: &DefaultPool,
    desired: &DefaultPool,
) -> Result<(), ProviderError> {
    if prior == desired {
        return Ok(());
    }
    let pools = Pools {
        client,
        context,
        operation,
        cluster,
    };
    if needs_other_nodes(&prior.to_value(), &desired.to_value()) {
        let Some(standin) = &desired.temporary_name_for_rotation else {
            return Err(ProviderError::invalid(
                "default_node_pool",
                "this change needs other nodes: set `temporary_name_for_rotation` to the name of a pool that stands in \
                 meanwhile",
            ));
        };
        let mut body = body(desired);
        // A pool that is new takes the cluster's version, unless one is said.
        if desired.orchestrator_version == prior.orchestrator_version {
            wire::remove(&mut body, "orchestratorVersion");
        }
        if pools.find(standin).await?.is_none() {
            pools.make(standin, body.clone()).await?;
        }
        pools.delete(&prior.name).await?;
        pools.make(&desired.name, body).await?;
        return pools.delete(standin).await;
    }
    // While somebody is faster, or an answer was lost, what is there is looked at again.
    wait::while_refused(context, operation, QUICK, is_stale, || {
        pools.change(prior, desired)
    })
    .await
}

impl Pools<'_> {
    /// Changes a pool in place, under the etag of what was read just before.
    async fn change(
        &self,
        prior: &DefaultPool,
        desired: &DefaultPool,
    ) -> Result<(), ProviderError> {
        let Some(found) = self.find(&desired.name).await? else {
            return Err(error::gone(&self.id(&desired.name)));
        };
        let block = DefaultPool::block();
        let mut whole = without_shown_only(&found);
        let (old, new) = (prior.to_value(), desired.to_value());
        for change in wire::object_changes(&block, &old, &new, RULES) {
            let field = format!("properties/{}", change.field);
            match change.json {
                Some(json) => wire::put(&mut whole, &field, json),
                None => wire::remove(&mut whole, &field),
            }
        }
        if desired.auto_scaling_enabled {
            // The autoscaler's number is not ours.
            wire::put(
                &mut whole,
                "properties/count",
                found["properties"]["count"].clone(),
            );
        }
        wire::put(&mut whole, "properties/tags", json!(desired.tags));
        let request = Request::new(Method::Put, API.name, VERSION, self.id(&desired.name))
            .body(whole)
            .if_match(etag(&found));
        self.send(request).await
    }
}
