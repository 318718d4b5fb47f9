//! `google_container_node_pool`.

use super::node_config::NodeConfig;
use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::client::Client;
use crate::family::CONTAINER;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_cloud::wait::{LONG, Pace};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Value, planning,
};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes of one kind.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NodePoolRecord {
    /// Its name: lowercase letters, digits and `-`, up to 40. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with, up to 24 characters. A pool whose name is made up is made anew before the old one goes.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// The cluster, by name or id.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) cluster: String,
    /// The cluster's location. By default that of its id, then the provider's region.
    #[record(optional, computed, force_new)]
    pub(crate) location: Option<String>,
    /// Nodes in each zone, where they are not scaled by need. What others make of it does not show.
    #[record(optional)]
    pub(crate) node_count: Option<i64>,
    /// Nodes in each zone at the beginning.
    #[record(optional, force_new)]
    pub(crate) initial_node_count: Option<i64>,
    /// Zones.
    #[record(optional, computed)]
    pub(crate) node_locations: BTreeSet<String>,
    /// The most pods of a node.
    #[record(optional, computed, force_new)]
    pub(crate) max_pods_per_node: Option<i64>,
    /// The version; that of the control plane without.
    #[record(optional, computed, compare = version)]
    pub(crate) version: Option<String>,
    /// How many, by need.
    #[record(block, max = 1)]
    pub(crate) autoscaling: Vec<Autoscaling>,
    /// What Google does by itself.
    #[record(block, max = 1, computed)]
    pub(crate) management: Vec<Management>,
    /// How nodes are exchanged.
    #[record(block, max = 1, computed)]
    pub(crate) upgrade_settings: Vec<Upgrade>,
    /// Addresses.
    #[record(block, max = 1, computed)]
    pub(crate) network_config: Vec<PoolNetwork>,
    /// Machines.
    #[record(block, max = 1, computed)]
    pub(crate) node_config: Vec<NodeConfig>,
    /// The groups of machines, one in each zone.
    #[record(computed)]
    pub(crate) instance_group_urls: Vec<String>,
    /// The same as instance groups, for backend services.
    #[record(computed)]
    pub(crate) managed_instance_group_urls: Vec<String>,
    /// The project. By default that of the cluster's id, then the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/locations/{location}/clusters/{cluster}/nodePools/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// How many, by need.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Autoscaling {
    /// At least so many in each zone.
    #[record(optional)]
    pub(crate) min_node_count: Option<i64>,
    /// At most so many in each zone.
    #[record(optional)]
    pub(crate) max_node_count: Option<i64>,
    /// At least so many in all zones together.
    #[record(optional)]
    pub(crate) total_min_node_count: Option<i64>,
    /// At most so many in all zones together.
    #[record(optional)]
    pub(crate) total_max_node_count: Option<i64>,
    /// `BALANCED` or `ANY`.
    #[record(optional, computed)]
    pub(crate) location_policy: Option<String>,
}

/// What Google does by itself.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Management {
    /// Whether broken nodes are exchanged.
    #[record(optional, default = true)]
    pub(crate) auto_repair: bool,
    /// Whether nodes follow the control plane's version.
    #[record(optional, default = true)]
    pub(crate) auto_upgrade: bool,
}

/// How nodes are exchanged.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Upgrade {
    /// So many more than needed meanwhile.
    #[record(optional, computed)]
    pub(crate) max_surge: Option<i64>,
    /// So many fewer than needed meanwhile.
    #[record(optional, computed)]
    pub(crate) max_unavailable: Option<i64>,
    /// `SURGE` or `BLUE_GREEN`.
    #[record(optional, computed)]
    pub(crate) strategy: Option<String>,
}

/// Addresses.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PoolNetwork {
    /// Whether nodes have private addresses only.
    #[record(optional, computed)]
    pub(crate) enable_private_nodes: Option<bool>,
    /// The secondary range of pods.
    #[record(optional, computed, force_new)]
    pub(crate) pod_range: Option<String>,
}

/// The longest name is 40; an operation's id is 16 of it.
const MADE_UP_FROM: usize = 24;

pub(crate) struct NodePool;

#[async_trait]
impl Kind for NodePool {
    type Record = NodePoolRecord;
    const TYPE: &'static str = "google_container_node_pool";
    const API: Api = Api {
        service: CONTAINER,
        name: "container.projects.locations.clusters.nodePools",
        collection: "projects/{project}/locations/{location}/clusters/{cluster}/nodePools",
        key: "name",
        create: Create::Wrapped("nodePool"),
        update: Update::Patch,
        items: "nodePools",
        operations: Operations::Container,
        labels: Labelled::At("node_config.resource_labels", "/config/resourceLabels"),
    };
    const RULES: Rules = &[
        ("name_prefix", Rule::Own),
        ("node_count", Rule::Own),
        ("initial_node_count", Rule::SentOnly),
        ("node_locations", Rule::Named("locations")),
        (
            "max_pods_per_node",
            Rule::Named("maxPodsConstraint/maxPodsPerNode"),
        ),
        ("node_config", Rule::Named("config")),
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
    ];
    const PACE: Pace = LONG;

    fn traits() -> Traits {
        Traits::default()
            .seconds(120, 180, 120)
            .carrying("kubernetes", &["version", "node_config"])
            .labelling("cloud.google.com/gke-nodepool", "name")
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let names = ("name", "name_prefix");
        planning::adopt_prefix(&NodePoolRecord::block(), request, planned, names);
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).filter(|v| !v.is_null());
        let prefix = said("name_prefix");
        if said("name").is_some() && prefix.is_some() {
            let message = "say `name` or `name_prefix`, not both";
            return vec![ProviderError::invalid("name_prefix", message)];
        }
        let long = |text: &str| text.len() > MADE_UP_FROM;
        if prefix.and_then(Value::as_str).is_some_and(long) {
            let message = format!("use at most {MADE_UP_FROM} characters: 16 follow");
            return vec![ProviderError::invalid("name_prefix", message)];
        }
        Vec::new()
    }

    fn name(_: &Client, desired: &NodePoolRecord, operation: &Operation) -> Option<String> {
        let said = desired.name.clone().filter(|name| !name.is_empty());
        let prefix = desired.name_prefix.as_deref().unwrap_or("infra-");
        said.or_else(|| Some(format!("{prefix}{}", operation.id)))
    }

    /// The pools of all clusters.
    async fn listed(
        client: &Client,
        context: &CallContext,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Json>, ProviderError> {
        let clusters = super::clusters(client, context, ids).await?;
        let pools = clusters.into_iter().flat_map(|(id, mut cluster)| {
            let pools = match cluster["nodePools"].take() {
                Json::Array(pools) => pools,
                _ => Vec::new(),
            };
            let named = move |pool: Json| {
                let name = pool["name"].as_str()?;
                Some((format!("{id}/nodePools/{name}"), pool))
            };
            pools.into_iter().filter_map(named)
        });
        Ok(pools.collect())
    }

    fn body(_: &Client, desired: &NodePoolRecord, body: &mut Map<String, Json>) {
        if let Some(scaling) = body.get_mut("autoscaling") {
            scaling["enabled"] = Json::Bool(true);
        }
        let least = desired
            .autoscaling
            .first()
            .and_then(|a| a.min_node_count)
            .unwrap_or(0);
        let count = desired.node_count.or(desired.initial_node_count);
        body.insert("initialNodeCount".to_owned(), count.unwrap_or(least).into());
    }

    fn shown(found: &mut Json) {
        let groups = found["instanceGroupUrls"].as_array().into_iter().flatten();
        let groups: Vec<Json> = groups
            .filter_map(Json::as_str)
            .map(|url| {
                url.replace("/instanceGroupManagers/", "/instanceGroups/")
                    .into()
            })
            .collect();
        found["managedInstanceGroupUrls"] = Json::Array(groups);
        if found["autoscaling"]["enabled"] != Json::Bool(true)
            && let Some(found) = found.as_object_mut()
        {
            found.remove("autoscaling");
        }
    }

    async fn send_patch(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &NodePoolRecord,
        desired: &NodePoolRecord,
        mut patch: Map<String, Json>,
    ) -> Result<(), ProviderError> {
        let change = |verb: &'static str, body: Json| {
            super::change::<Self>(client, context, operation, id, verb, body)
        };
        if let Some(mut scaling) = patch.remove("autoscaling") {
            match &mut scaling {
                Json::Object(fields) => drop(fields.insert("enabled".to_owned(), true.into())),
                off => *off = json!({ "enabled": false }),
            }
            change("setAutoscaling", json!({ "autoscaling": scaling })).await?;
        }
        if let Some(management) = patch.remove("management") {
            change("setManagement", json!({ "management": management })).await?;
        }
        if let (true, Some(count)) = (prior.node_count != desired.node_count, desired.node_count) {
            change("setSize", json!({ "nodeCount": count })).await?;
        }
        let mut update = Map::new();
        if let Some(Json::Object(config)) = patch.remove("config") {
            let old = prior.node_config.first().cloned().unwrap_or_default();
            let old = crate::wire::body(
                &NodeConfig::block(),
                &old.to_value(),
                &[("taint", Rule::Named("taints"))],
            );
            for (field, value) in config {
                if old.get(&field) == Some(&value) {
                    continue;
                }
                // Lists and maps are wrapped, so that none and an empty one differ.
                let value = match field.as_str() {
                    "taints" | "tags" | "labels" => json!({ &*field: value }),
                    "resourceLabels" => json!({ "labels": value }),
                    _ => value,
                };
                update.insert(field, value);
            }
        }
        for (field, name) in [
            ("version", "nodeVersion"),
            ("locations", "locations"),
            ("upgradeSettings", "upgradeSettings"),
            ("networkConfig", "nodeNetworkConfig"),
        ] {
            if let Some(value) = patch.remove(field) {
                update.insert(name.to_owned(), value);
            }
        }
        for (name, value) in update {
            // One change at a time, as the API wants it.
            change("update", json!({ name: value })).await?;
        }
        Ok(())
    }
}
