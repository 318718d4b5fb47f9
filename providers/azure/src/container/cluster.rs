//! `azurerm_kubernetes_cluster`.

use super::blocks::{
    self, ApiServerAccess, AutoScaler, Defender, Directory, KeyManagement, KubeletIdentity,
    LinuxProfile, LogAgent, Metrics, NetworkProfile, SecretsProvider, StorageProfile,
    WorkloadScaler,
};
use super::default_pool::{self, DefaultPool};
use super::kubeconfig::{self, KubeConfig};
use super::{VERSION, addons};
use crate::api::{Api, grouped};
use crate::client::{Client, Method, Request};
use crate::identity::{self, Identity};
use crate::kind::Kind;
use crate::managed::recomputed;
use crate::wire::{self, Rules};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_cloud::wait::{LONG, Pace};
use infra_model::path::Step;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, Path, PlanRequest, Planned, ProviderError, Record, Value,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A Kubernetes cluster that Azure manages (AKS).
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ClusterRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// The pool of nodes that runs what the cluster itself needs.
    #[record(block, min = 1, max = 1)]
    pub(crate) default_node_pool: Vec<DefaultPool>,
    /// The beginning of the API server's name.
    #[record(optional, force_new)]
    pub(crate) dns_prefix: Option<String>,
    /// The same of a private cluster with a zone of its own.
    #[record(optional, force_new)]
    pub(crate) dns_prefix_private_cluster: Option<String>,
    /// The version of Kubernetes, such as `1.34`. By default the newest that Azure recommends.
    #[record(optional, computed, compare = version)]
    pub(crate) kubernetes_version: Option<String>,
    /// `Free`, `Standard` or `Premium`: what the API server's availability is worth.
    #[record(optional, default = "Free")]
    pub(crate) sku_tier: String,
    /// `KubernetesOfficial`, or `AKSLongTermSupport` with `sku_tier = "Premium"`.
    #[record(optional, default = "KubernetesOfficial")]
    pub(crate) support_plan: String,
    /// `patch`, `rapid`, `node-image` or `stable`: how it upgrades by itself.
    #[record(optional)]
    pub(crate) automatic_upgrade_channel: Option<String>,
    /// `Unmanaged`, `SecurityPatch`, `NodeImage` or `None`: how nodes upgrade by themselves.
    #[record(optional, default = "NodeImage")]
    pub(crate) node_os_upgrade_channel: String,
    /// The resource group of nodes, which Azure makes.
    #[record(optional, computed, force_new)]
    pub(crate) node_resource_group: Option<String>,
    /// Whether the API server has only a private address.
    #[record(optional, force_new, default = false)]
    pub(crate) private_cluster_enabled: bool,
    /// Whether a private cluster has a public name.
    #[record(optional, default = false)]
    pub(crate) private_cluster_public_fqdn_enabled: bool,
    /// The private DNS zone of a private cluster, `System` or `None`.
    #[record(optional, computed, force_new, compare = case_insensitive)]
    pub(crate) private_dns_zone_id: Option<String>,
    /// Who reaches the API server.
    #[record(block, max = 1)]
    pub(crate) api_server_access_profile: Vec<ApiServerAccess>,
    /// Whether nobody can sign in without the directory.
    #[record(optional, default = false)]
    pub(crate) local_account_disabled: bool,
    /// Whether Kubernetes asks who may do what.
    #[record(optional, force_new, default = true)]
    pub(crate) role_based_access_control_enabled: bool,
    /// The directory that people sign in with.
    #[record(block, max = 1)]
    pub(crate) azure_active_directory_role_based_access_control: Vec<Directory>,
    /// Whether others can trust tokens of the cluster's service accounts.
    #[record(optional, default = false)]
    pub(crate) oidc_issuer_enabled: bool,
    /// Whether pods can act as identities of the directory.
    #[record(optional, default = false)]
    pub(crate) workload_identity_enabled: bool,
    /// Whether commands can be run in it through Azure.
    #[record(optional, default = true)]
    pub(crate) run_command_enabled: bool,
    /// The key that disks of nodes and volumes are encrypted with.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) disk_encryption_set_id: Option<String>,
    /// The identities that the control plane acts with.
    #[record(block, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// The identity of nodes, which pulls images.
    #[record(block, max = 1, computed)]
    pub(crate) kubelet_identity: Vec<KubeletIdentity>,
    /// The key that secrets in etcd are encrypted with.
    #[record(block, max = 1)]
    pub(crate) key_management_service: Vec<KeyManagement>,
    /// Secrets of vaults as volumes.
    #[record(block, max = 1)]
    pub(crate) key_vault_secrets_provider: Vec<SecretsProvider>,
    /// Logs and metrics of containers.
    #[record(block, max = 1)]
    pub(crate) oms_agent: Vec<LogAgent>,
    /// Whether Azure Policy looks at what runs in it.
    #[record(optional)]
    pub(crate) azure_policy_enabled: Option<bool>,
    /// Whether images that nobody uses are removed.
    #[record(optional)]
    pub(crate) image_cleaner_enabled: Option<bool>,
    /// How often, in hours.
    #[record(optional)]
    pub(crate) image_cleaner_interval_hours: Option<i64>,
    /// Whether costs are told by namespace.
    #[record(optional)]
    pub(crate) cost_analysis_enabled: Option<bool>,
    /// Who may sign in to Linux nodes.
    #[record(block, max = 1)]
    pub(crate) linux_profile: Vec<LinuxProfile>,
    /// The networks of pods and Services.
    #[record(block, max = 1, computed)]
    pub(crate) network_profile: Vec<NetworkProfile>,
    /// How the autoscaler decides.
    #[record(block, max = 1, computed)]
    pub(crate) auto_scaler_profile: Vec<AutoScaler>,
    /// Drivers of storage.
    #[record(block, max = 1, computed)]
    pub(crate) storage_profile: Vec<StorageProfile>,
    /// What scales workloads.
    #[record(block, max = 1)]
    pub(crate) workload_autoscaler_profile: Vec<WorkloadScaler>,
    /// Microsoft Defender.
    #[record(block, max = 1)]
    pub(crate) microsoft_defender: Vec<Defender>,
    /// Managed Prometheus.
    #[record(block, max = 1)]
    pub(crate) monitor_metrics: Vec<Metrics>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// The version of Kubernetes that it has.
    #[record(computed, compare = version)]
    pub(crate) current_kubernetes_version: Option<String>,
    /// The API server's name.
    #[record(computed)]
    pub(crate) fqdn: Option<String>,
    /// Its name in the private zone.
    #[record(computed)]
    pub(crate) private_fqdn: Option<String>,
    /// Its name for Azure's portal.
    #[record(computed)]
    pub(crate) portal_fqdn: Option<String>,
    /// Who makes tokens of service accounts.
    #[record(computed)]
    pub(crate) oidc_issuer_url: Option<String>,
    /// The resource group of nodes, by its id.
    #[record(computed)]
    pub(crate) node_resource_group_id: Option<String>,
    /// How a user reaches it.
    #[record(block, computed)]
    pub(crate) kube_config: Vec<KubeConfig>,
    /// The same as a file.
    #[record(computed, sensitive)]
    pub(crate) kube_config_raw: Option<String>,
    /// How its administrator reaches it, where the directory is used and local accounts are.
    #[record(block, computed)]
    pub(crate) kube_admin_config: Vec<KubeConfig>,
    /// The same as a file.
    #[record(computed, sensitive)]
    pub(crate) kube_admin_config_raw: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Cluster;

/// Asks for a kubeconfig.
async fn credentials(
    client: &Client,
    context: &CallContext,
    id: &str,
    whose: &str,
) -> Result<Option<String>, ProviderError> {
    let of = <Cluster as Kind>::API.name;
    let request = Request::new(Method::Post, of, VERSION, format!("{id}/{whose}"));
    let answer = match client.call(context, &request).await {
        Ok(answer) => answer,
        // One may see a cluster without being allowed to use it.
        Err(error) if error.kind == ErrorKind::Denied => return Ok(None),
        Err(error) => return Err(error),
    };
    let encoded = answer["kubeconfigs"][0]["value"]
        .as_str()
        .unwrap_or_default();
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    Ok(String::from_utf8(bytes).ok().filter(|t| !t.is_empty()))
}

#[async_trait::async_trait]
impl Kind for Cluster {
    type Record = ClusterRecord;
    const TYPE: &'static str = "azurerm_kubernetes_cluster";
    const API: Api = Api::new(
        "Microsoft.ContainerService/managedClusters",
        VERSION,
        grouped!("Microsoft.ContainerService/managedClusters/{name}"),
    );
    const RULES: Rules = super::cluster_rules::RULES;
    const PACE: Pace = LONG;

    fn traits() -> Traits {
        Traits::default()
            .seconds(300, 240, 300)
            .hosting("kubernetes")
            .versioned("kubernetes_version")
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            return Ok(());
        };
        let (runs, wanted) = ("current_kubernetes_version", "kubernetes_version");
        infra_cloud::minors::one_at_a_time(prior, runs, &planned.value, wanted)?;
        let pool = |value: &Value| -> Option<Value> {
            value.get("default_node_pool")?.elements()?.first().cloned()
        };
        let (Some(old), Some(new)) = (pool(prior), pool(&planned.value)) else {
            return Ok(());
        };
        let standin = new.get("temporary_name_for_rotation");
        if default_pool::needs_other_nodes(&old, &new) && standin.is_none_or(Value::is_null) {
            planned
                .replace
                .push(Path(vec![Step::Attribute("default_node_pool".into())]));
        }
        let mut follows =
            |of: &[&str], names: &[&str]| recomputed::<ClusterRecord>(request, planned, of, names);
        // Another version of Kubernetes has other names for what it has.
        follows(&["kubernetes_version"], &["current_kubernetes_version"]);
        follows(&["oidc_issuer_enabled"], &["oidc_issuer_url"]);
        follows(&["private_cluster_public_fqdn_enabled"], &["fqdn"]);
        follows(
            &[
                "local_account_disabled",
                "azure_active_directory_role_based_access_control",
            ],
            &[
                "kube_config",
                "kube_config_raw",
                "kube_admin_config",
                "kube_admin_config_raw",
            ],
        );
        blocks::plan_outbound(prior, planned);
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        let truth = |name: &str| config.get(name).and_then(Value::as_bool);
        let mut wrong = Vec::new();
        if !said("dns_prefix") && !said("dns_prefix_private_cluster") {
            let text = "`dns_prefix` or `dns_prefix_private_cluster` must be set";
            wrong.push(ProviderError::invalid("dns_prefix", text));
        }
        let issuer = config.get("oidc_issuer_enabled");
        if truth("workload_identity_enabled") == Some(true)
            && !issuer.is_some_and(Value::is_unknown)
            && truth("oidc_issuer_enabled") != Some(true)
        {
            let text = "`workload_identity_enabled` needs `oidc_issuer_enabled = true`";
            wrong.push(ProviderError::invalid("workload_identity_enabled", text));
        }
        wrong
    }

    fn turn(id: &str) -> Option<&str> {
        Some(id)
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &ClusterRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        let pools: Vec<Json> = desired
            .default_node_pool
            .iter()
            .map(default_pool::body)
            .collect();
        wire::put(body, "properties/agentPoolProfiles", Json::Array(pools));
        wire::put(body, "sku/name", json!("Base"));
        identity::put(body, &[], &desired.identity);
        if !desired
            .azure_active_directory_role_based_access_control
            .is_empty()
        {
            wire::put(body, "properties/aadProfile/managed", json!(true));
        }
        addons::put(body, None, desired);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &ClusterRecord,
        desired: &ClusterRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        identity::put(body, &prior.identity, &desired.identity);
        if !desired
            .azure_active_directory_role_based_access_control
            .is_empty()
        {
            wire::put(body, "properties/aadProfile/managed", json!(true));
        }
        addons::put(body, Some(prior), desired);
        Ok(())
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &ClusterRecord,
        desired: &ClusterRecord,
    ) -> Result<(), ProviderError> {
        let pools = prior
            .default_node_pool
            .first()
            .zip(desired.default_node_pool.first());
        let Some((old, new)) = pools else {
            return Ok(());
        };
        let _turn = client.turn(id).await;
        default_pool::change(client, context, operation, id, old, new).await
    }

    async fn more(
        client: &Client,
        context: &CallContext,
        id: &str,
        _: Option<&ClusterRecord>,
        found: &mut Json,
    ) -> Result<(), ProviderError> {
        // One that is being made or has failed has no credentials.
        if matches!(
            found["properties"]["provisioningState"].as_str(),
            Some("Creating" | "Failed" | "Deleting" | "Canceled")
        ) {
            return Ok(());
        }
        if let Some(text) = credentials(client, context, id, "listClusterUserCredential").await? {
            found["userConfig"] = text.into();
        }
        let directory = found["properties"]["aadProfile"].is_object();
        let local = found["properties"]["disableLocalAccounts"] != true;
        if directory
            && local
            && let Some(text) =
                credentials(client, context, id, "listClusterAdminCredential").await?
        {
            found["adminConfig"] = text.into();
        }
        Ok(())
    }

    fn shown(found: &mut Json) {
        addons::shown(found);
        let group = found["properties"]["nodeResourceGroup"].as_str();
        let subscription = found["id"].as_str().and_then(|id| id.split('/').nth(2));
        if let (Some(group), Some(subscription)) = (group, subscription) {
            found["nodeGroup"] =
                format!("/subscriptions/{subscription}/resourceGroups/{group}").into();
        }
        // `none` is how Azure says that it was not asked for.
        let channel = "properties/autoUpgradeProfile/upgradeChannel";
        if wire::get(found, channel).is_some_and(|c| c == "none") {
            wire::remove(found, channel);
        }
    }

    fn complete(
        _: &Client,
        found: &Json,
        prior: Option<&ClusterRecord>,
        record: &mut ClusterRecord,
    ) {
        let said = prior.map_or(&[][..], |p| &p.default_node_pool);
        if let Ok(pool) = default_pool::found(found, said) {
            record.default_node_pool = pool;
        }
        record.identity = identity::found(found, prior.map_or(&[][..], |p| &p.identity));
        let read = |raw: &Option<String>| raw.iter().map(|t| kubeconfig::parse(t)).collect();
        record.kube_config = read(&record.kube_config_raw);
        record.kube_admin_config = read(&record.kube_admin_config_raw);
        addons::complete(found, prior, record);
    }
}
