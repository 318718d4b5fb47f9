//! `google_container_cluster`.

use super::cluster_blocks::{
    Addons, AuthorizedNetworks, BinaryAuthorization, Channel, Enabled, Encryption, IpAllocation,
    Logging, Maintenance, MasterAuth, Monitoring, PrivateCluster, SecurityPosture,
    WorkloadIdentity, Zones,
};
use super::node_config::NodeConfig;
use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::client::{Client, Request};
use crate::family::CONTAINER;
use crate::found::find;
use crate::kind::Kind;
use crate::managed::run;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_cloud::absence::absent_is_done;
use infra_cloud::wait::{LONG, Pace};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Value};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A Kubernetes cluster.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ClusterRecord {
    /// Its name: lowercase letters, digits and `-`, up to 40.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// A region, or a zone. By default the provider's region.
    #[record(optional, computed, force_new)]
    pub(crate) location: Option<String>,
    /// Zones of the nodes.
    #[record(optional, computed)]
    pub(crate) node_locations: Zones,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The network.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) network: Option<String>,
    /// The subnetwork.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) subnetwork: Option<String>,
    /// The version that the control plane has at least, such as `1.34`. Raising it upgrades.
    #[record(optional)]
    pub(crate) min_master_version: Option<String>,
    /// Nodes in each zone of the pool that every cluster begins with.
    #[record(optional, force_new)]
    pub(crate) initial_node_count: Option<i64>,
    /// Whether that pool goes once the cluster is there.
    #[record(optional, force_new)]
    pub(crate) remove_default_node_pool: Option<bool>,
    /// `VPC_NATIVE` or `ROUTES`.
    #[record(optional, computed, force_new)]
    pub(crate) networking_mode: Option<String>,
    /// `ADVANCED_DATAPATH` for Dataplane V2, or `LEGACY_DATAPATH`.
    #[record(optional, computed, force_new)]
    pub(crate) datapath_provider: Option<String>,
    /// Whether Google runs the nodes.
    #[record(optional, force_new)]
    pub(crate) enable_autopilot: Option<bool>,
    /// Whether nodes prove what they are.
    #[record(optional, default = true)]
    pub(crate) enable_shielded_nodes: bool,
    /// Whether traffic inside a node can be seen by the network.
    #[record(optional, computed)]
    pub(crate) enable_intranode_visibility: Option<bool>,
    /// Whether infra refuses to delete it.
    #[record(optional, protects, default = true)]
    pub(crate) deletion_protection: bool,
    /// Labels.
    #[record(optional)]
    pub(crate) resource_labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// The machines of the pool that every cluster begins with; other pools are resources of their own.
    #[record(block, max = 1, force_new)]
    pub(crate) node_config: Vec<NodeConfig>,
    /// Addresses of pods and services.
    #[record(block, max = 1, computed, force_new)]
    pub(crate) ip_allocation_policy: Vec<IpAllocation>,
    /// Public addresses, or none.
    #[record(block, max = 1, computed)]
    pub(crate) private_cluster_config: Vec<PrivateCluster>,
    /// From where the API server can be reached.
    #[record(block, max = 1, computed)]
    pub(crate) master_authorized_networks_config: Vec<AuthorizedNetworks>,
    /// Kubernetes' service accounts as Google's.
    #[record(block, max = 1, computed)]
    pub(crate) workload_identity_config: Vec<WorkloadIdentity>,
    /// Who decides about versions.
    #[record(block, max = 1, computed)]
    pub(crate) release_channel: Vec<Channel>,
    /// Encryption of secrets.
    #[record(block, max = 1, computed)]
    pub(crate) database_encryption: Vec<Encryption>,
    /// Logs.
    #[record(block, max = 1, computed)]
    pub(crate) logging_config: Vec<Logging>,
    /// Measurements.
    #[record(block, max = 1, computed)]
    pub(crate) monitoring_config: Vec<Monitoring>,
    /// Additions.
    #[record(block, max = 1, computed)]
    pub(crate) addons_config: Vec<Addons>,
    /// Google's controller for Gateways: `CHANNEL_DISABLED` or `CHANNEL_STANDARD`.
    #[record(block, max = 1, computed)]
    pub(crate) gateway_api_config: Vec<Channel>,
    /// Who may run which images.
    #[record(block, max = 1)]
    pub(crate) binary_authorization: Vec<BinaryAuthorization>,
    /// What Google looks at.
    #[record(block, max = 1, computed)]
    pub(crate) security_posture_config: Vec<SecurityPosture>,
    /// Vertical pod autoscaling.
    #[record(block, max = 1, computed)]
    pub(crate) vertical_pod_autoscaling: Vec<Enabled>,
    /// Costs by namespace.
    #[record(block, max = 1, computed)]
    pub(crate) cost_management_config: Vec<Enabled>,
    /// Whether Services may claim addresses from outside.
    #[record(block, max = 1, computed)]
    pub(crate) service_external_ips_config: Vec<Enabled>,
    /// When Google may change it.
    #[record(block, max = 1)]
    pub(crate) maintenance_policy: Vec<Maintenance>,
    /// How clients know the API server.
    #[record(block, max = 1, computed)]
    pub(crate) master_auth: Vec<MasterAuth>,
    /// The address of the API server.
    #[record(computed)]
    pub(crate) endpoint: Option<String>,
    /// The version of the control plane.
    #[record(computed, compare = version)]
    pub(crate) master_version: Option<String>,
    /// The addresses of services.
    #[record(computed)]
    pub(crate) services_ipv4_cidr: Option<String>,
    /// The addresses of pods.
    #[record(computed)]
    pub(crate) cluster_ipv4_cidr: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/locations/{location}/clusters/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

pub(crate) struct Cluster;

/// The pool that every cluster begins with.
const DEFAULT_POOL: &str = "default-pool";

/// What `ClusterUpdate` calls the fields of a cluster, where it is not `desired` before the field's name.
const DESIRED: [(&str, &str); 3] = [
    ("locations", "desiredLocations"),
    (
        "enableIntraNodeVisibility",
        "desiredIntraNodeVisibilityConfig",
    ),
    ("enablePrivateEndpoint", "desiredEnablePrivateEndpoint"),
];

fn desired_name(field: &str) -> String {
    DESIRED.iter().find(|(name, _)| *name == field).map_or_else(
        || {
            let mut letters = field.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            format!("desired{}{}", first.unwrap_or_default(), letters.as_str())
        },
        |(_, desired)| (*desired).to_owned(),
    )
}

/// Networks are restricted by the block's presence.
fn restrict(body: &mut Map<String, Json>) {
    match body.get_mut("masterAuthorizedNetworksConfig") {
        Some(Json::Object(networks)) => {
            networks.insert("enabled".to_owned(), Json::Bool(true));
        }
        Some(off @ Json::Null) => *off = json!({ "enabled": false }),
        _ => {}
    }
}

#[async_trait]
impl Kind for Cluster {
    type Record = ClusterRecord;
    const TYPE: &'static str = "google_container_cluster";
    const API: Api = Api {
        service: CONTAINER,
        name: "container.projects.locations.clusters",
        collection: "projects/{project}/locations/{location}/clusters",
        key: "name",
        create: Create::Wrapped("cluster"),
        update: Update::Patch,
        items: "clusters",
        operations: Operations::Container,
        labels: Labelled::At("resource_labels", "/resourceLabels"),
    };
    const RULES: Rules = &[
        ("node_locations", Rule::Named("locations")),
        ("min_master_version", Rule::Own),
        ("initial_node_count", Rule::SentOnly),
        // The cluster shows there what its first pool has now, whichever that is.
        ("node_config", Rule::SentOnly),
        ("node_config.taint", Rule::Named("taints")),
        ("node_config.guest_accelerator", Rule::Named("accelerators")),
        (
            "node_config.guest_accelerator.type",
            Rule::Named("acceleratorType"),
        ),
        (
            "node_config.guest_accelerator.count",
            Rule::Named("acceleratorCount"),
        ),
        ("remove_default_node_pool", Rule::Own),
        ("networking_mode", Rule::Own),
        ("deletion_protection", Rule::Own),
        (
            "datapath_provider",
            Rule::Named("networkConfig/datapathProvider"),
        ),
        ("enable_autopilot", Rule::Named("autopilot/enabled")),
        (
            "enable_shielded_nodes",
            Rule::Named("shieldedNodes/enabled"),
        ),
        (
            "enable_intranode_visibility",
            Rule::Named("networkConfig/enableIntraNodeVisibility"),
        ),
        (
            "gateway_api_config",
            Rule::Named("networkConfig/gatewayApiConfig"),
        ),
        (
            "service_external_ips_config",
            Rule::Named("networkConfig/serviceExternalIpsConfig"),
        ),
        (
            "logging_config.enable_components",
            Rule::Named("componentConfig/enableComponents"),
        ),
        (
            "monitoring_config.enable_components",
            Rule::Named("componentConfig/enableComponents"),
        ),
        (
            "monitoring_config.managed_prometheus",
            Rule::Named("managedPrometheusConfig"),
        ),
        (
            "maintenance_policy.daily_maintenance_window",
            Rule::Named("window/dailyMaintenanceWindow"),
        ),
        (
            "maintenance_policy.recurring_window",
            Rule::Named("window/recurringWindow"),
        ),
        (
            "maintenance_policy.recurring_window.start_time",
            Rule::Named("window/startTime"),
        ),
        (
            "maintenance_policy.recurring_window.end_time",
            Rule::Named("window/endTime"),
        ),
        ("master_auth", Rule::ShownOnly),
        ("master_version", Rule::Named("currentMasterVersion")),
        ("gateway_api_config.channel", Rule::Named("channel")),
    ];
    const PACE: Pace = LONG;

    async fn listed(
        client: &Client,
        context: &CallContext,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Json>, ProviderError> {
        super::clusters(client, context, ids).await
    }

    fn traits() -> Traits {
        Traits::default()
            .seconds(420, 120, 240)
            .hosting("kubernetes")
            .versioned("min_master_version")
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let wanted = "min_master_version";
        if planned.replace.is_empty() {
            infra_cloud::minors::one_at_a_time(prior, "master_version", &planned.value, wanted)?;
        }
        let text = |value: &Value| crate::managed::text(value, wanted);
        if text(prior) != text(&planned.value) {
            infra_model::planning::mark_unknown(
                planned,
                &ClusterRecord::block(),
                &["master_version"],
            );
        }
        Ok(())
    }

    fn body(_: &Client, desired: &ClusterRecord, body: &mut Map<String, Json>) {
        restrict(body);
        if let Some(version) = &desired.min_master_version {
            body.insert("initialClusterVersion".to_owned(), version.as_str().into());
        }
        let aliases = desired.networking_mode.as_deref() != Some("ROUTES");
        if let Some(Json::Object(policy)) = body.get_mut("ipAllocationPolicy") {
            policy.insert("useIpAliases".to_owned(), aliases.into());
        } else if aliases {
            body.insert(
                "ipAllocationPolicy".to_owned(),
                json!({ "useIpAliases": true }),
            );
        }
        if desired.enable_autopilot != Some(true) {
            body.entry("initialNodeCount").or_insert_with(|| 1.into());
        }
    }

    fn shown(found: &mut Json) {
        // The cluster itself tells short names only.
        for name in ["network", "subnetwork"] {
            if let Some(full) = found["networkConfig"][name].as_str().map(str::to_owned) {
                found[name] = full.into();
            }
        }
        if found["masterAuthorizedNetworksConfig"]["enabled"] != Json::Bool(true)
            && let Some(found) = found.as_object_mut()
        {
            found.remove("masterAuthorizedNetworksConfig");
        }
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &ClusterRecord,
    ) -> Result<(), ProviderError> {
        if desired.remove_default_node_pool != Some(true) {
            return Ok(());
        }
        let pool = format!("{id}/nodePools/{DEFAULT_POOL}");
        let request = Request::send(
            CONTAINER,
            "container.projects.locations.clusters.nodePools.delete",
            Method::DELETE,
            pool,
            Json::Null,
        );
        absent_is_done(run::<Self>(client, context, operation, id, request).await)
    }

    async fn send_patch(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &ClusterRecord,
        desired: &ClusterRecord,
        mut patch: Map<String, Json>,
    ) -> Result<(), ProviderError> {
        restrict(&mut patch);
        if let Some(labels) = patch.remove("resourceLabels") {
            let now = find::<Self>(client, context, id).await?.unwrap_or_default();
            let body =
                json!({ "resourceLabels": labels, "labelFingerprint": now["labelFingerprint"] });
            super::change::<Self>(client, context, operation, id, "setResourceLabels", body)
                .await?;
        }
        if let Some(policy) = patch.remove("maintenancePolicy") {
            let now = find::<Self>(client, context, id).await?.unwrap_or_default();
            let mut policy = policy;
            if !policy.is_object() {
                policy = json!({});
            }
            policy["resourceVersion"] = now["maintenancePolicy"]["resourceVersion"].clone();
            let body = json!({ "maintenancePolicy": policy });
            super::change::<Self>(client, context, operation, id, "setMaintenancePolicy", body)
                .await?;
        }
        let mut changes: Vec<(String, Json)> = Vec::new();
        if let (true, Some(version)) = (
            prior.min_master_version != desired.min_master_version,
            &desired.min_master_version,
        ) {
            changes.push(("desiredMasterVersion".to_owned(), version.as_str().into()));
        }
        // What lies inside `networkConfig` is changed by names of its own, and so is the private endpoint.
        if let Some(Json::Object(network)) = patch.remove("networkConfig") {
            for (field, value) in network {
                let value = match field.as_str() {
                    "enableIntraNodeVisibility" => json!({ "enabled": value }),
                    _ => value,
                };
                changes.push((desired_name(&field), value));
            }
        }
        if let Some(private) = patch.remove("privateClusterConfig") {
            let only = private["enablePrivateEndpoint"].as_bool().unwrap_or(false);
            changes.push(("desiredEnablePrivateEndpoint".to_owned(), only.into()));
        }
        changes.extend(
            patch
                .into_iter()
                .map(|(field, value)| (desired_name(&field), value)),
        );
        // Each names the one field that it changes, so that what others change meanwhile stays. The cluster's etag would not
        // do: it changes with every pool, ours included.
        for (field, value) in changes {
            let body = json!({ "update": { field: value } });
            super::change::<Self>(client, context, operation, id, "update", body).await?;
        }
        Ok(())
    }
}
