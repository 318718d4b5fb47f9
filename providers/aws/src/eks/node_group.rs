//! `aws_eks_node_group`.

use super::{each, node_group_call as call, parts, tagging};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EKS;
use crate::late::About;
use crate::naming;
use crate::tags::Tags;
use crate::trust::Trust;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_eks::types::NodegroupStatus;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};
use std::collections::{BTreeMap, BTreeSet};

/// Machines of a cluster that EKS looks after.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NodeGroupRecord {
    /// The cluster.
    #[record(required, force_new)]
    pub(crate) cluster_name: String,
    /// Its name. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) node_group_name: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) node_group_name_prefix: Option<String>,
    /// The role of the machines.
    #[record(required, force_new)]
    pub(crate) node_role_arn: String,
    /// Where the machines stand.
    #[record(required, force_new)]
    pub(crate) subnet_ids: BTreeSet<String>,
    /// How many machines.
    #[record(block, min = 1, max = 1)]
    pub(crate) scaling_config: Vec<ScalingConfig>,
    /// `AL2023_x86_64_STANDARD`, …
    #[record(optional, computed, force_new)]
    pub(crate) ami_type: Option<String>,
    /// `ON_DEMAND`, `SPOT` or `CAPACITY_BLOCK`.
    #[record(optional, computed, force_new)]
    pub(crate) capacity_type: Option<String>,
    /// GiB of each machine's disk, where no launch template says it.
    #[record(optional, computed, force_new)]
    pub(crate) disk_size: Option<i32>,
    /// Instance types, where no launch template says it.
    #[record(optional, computed, force_new)]
    pub(crate) instance_types: Option<Vec<String>>,
    /// How machines are launched.
    #[record(block, max = 1)]
    pub(crate) launch_template: Vec<LaunchTemplate>,
    /// Labels of the nodes.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Taints of the nodes.
    #[record(block, set, max = 50)]
    pub(crate) taint: Vec<Taint>,
    /// How many machines are exchanged at a time.
    #[record(block, computed, max = 1)]
    pub(crate) update_config: Vec<UpdateConfig>,
    /// Whether machines that are unwell are exchanged.
    #[record(block, max = 1)]
    pub(crate) node_repair_config: Vec<NodeRepair>,
    /// Who may log in.
    #[record(block, max = 1, force_new)]
    pub(crate) remote_access: Vec<RemoteAccess>,
    /// The Kubernetes version; left out, the cluster's at creation.
    #[record(optional, computed)]
    pub(crate) version: Option<String>,
    /// The version of the image.
    #[record(optional, computed)]
    pub(crate) release_version: Option<String>,
    /// Whether machines are exchanged though pods cannot be drained.
    #[record(optional)]
    pub(crate) force_update_version: Option<bool>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `cluster:name`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// What it is made of.
    #[record(block, computed)]
    pub(crate) resources: Vec<Resources>,
    /// `ACTIVE`, …
    #[record(computed)]
    pub(crate) status: Option<String>,
}

/// How many machines.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct ScalingConfig {
    /// Now.
    #[record(required)]
    pub(crate) desired_size: i32,
    /// At most.
    #[record(required)]
    pub(crate) max_size: i32,
    /// At least.
    #[record(required)]
    pub(crate) min_size: i32,
}

/// How machines are launched.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct LaunchTemplate {
    /// The template's id.
    #[record(optional, computed, force_new)]
    pub(crate) id: Option<String>,
    /// The template's name.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// The template's version.
    #[record(required)]
    pub(crate) version: String,
}

/// What only some pods tolerate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Taint {
    /// The key.
    #[record(required)]
    pub(crate) key: String,
    /// The value.
    #[record(optional)]
    pub(crate) value: Option<String>,
    /// `NO_SCHEDULE`, `NO_EXECUTE` or `PREFER_NO_SCHEDULE`.
    #[record(required)]
    pub(crate) effect: String,
}

/// How many machines are exchanged at a time.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct UpdateConfig {
    /// So many.
    #[record(optional)]
    pub(crate) max_unavailable: Option<i32>,
    /// So many of a hundred.
    #[record(optional)]
    pub(crate) max_unavailable_percentage: Option<i32>,
}

/// Whether machines that are unwell are exchanged.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct NodeRepair {
    /// Whether they are.
    #[record(optional)]
    pub(crate) enabled: Option<bool>,
}

/// Who may log in.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RemoteAccess {
    /// The key pair.
    #[record(optional, force_new)]
    pub(crate) ec2_ssh_key: Option<String>,
    /// From where.
    #[record(optional, force_new)]
    pub(crate) source_security_group_ids: BTreeSet<String>,
}

/// What a node group is made of.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Resources {
    /// Its Auto Scaling groups.
    #[record(block, computed)]
    pub(crate) autoscaling_groups: Vec<AutoscalingGroup>,
    /// The security group through which is logged in.
    #[record(computed)]
    pub(crate) remote_access_security_group_id: Option<String>,
}

/// An Auto Scaling group.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AutoscalingGroup {
    /// Its name.
    #[record(computed)]
    pub(crate) name: Option<String>,
}

pub(crate) struct NodeGroup;

#[async_trait]
impl Resource<Client> for NodeGroup {
    type Record = NodeGroupRecord;
    const TYPE: &'static str = "aws_eks_node_group";

    fn traits() -> Traits {
        Traits::default()
            .seconds(120, 180, 240)
            .family(EKS.name)
            .unique(&["cluster_name", "node_group_name"])
            .carrying(
                "kubernetes",
                &["version", "release_version", "launch_template"],
            )
            .labelling("eks.amazonaws.com/nodegroup", "node_group_name")
            .referring(&["launch_template.id"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let names = ("node_group_name", "node_group_name_prefix");
        planning::adopt_prefix(&NodeGroupRecord::block(), request, planned, names);
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            return Ok(());
        };
        // Every exchange of machines takes the newest image, if no other is said.
        let said = |name: &str| request.config.get(name).is_some_and(|v| !v.is_null());
        let changed = |name: &str| planned.value.get(name) != prior.get(name);
        if !said("release_version") && (changed("version") || changed("launch_template")) {
            planning::mark_unknown(planned, &NodeGroupRecord::block(), &["release_version"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let scaling = config.get("scaling_config").and_then(Value::elements);
        let size = |name: &str| scaling?.first()?.get(name)?.as_i64();
        if let (Some(min), Some(desired), Some(max)) =
            (size("min_size"), size("desired_size"), size("max_size"))
            && !(min <= desired && desired <= max && max >= 1)
        {
            return vec![ProviderError::invalid(
                "scaling_config",
                "`min_size`, `desired_size` and `max_size` must rise in this order, and the last be at least 1",
            )];
        }
        Vec::new()
    }

    fn id(record: &NodeGroupRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<NodeGroupRecord>, ProviderError> {
        super::import(id)
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<NodeGroupRecord>],
    ) -> Vec<Result<Option<NodeGroupRecord>, ProviderError>> {
        each(items, |item| async move {
            let found = call::one(client, context, &item.id).await?;
            Ok(found.map(|found| call::record(client, found, item.prior.as_ref())))
        })
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: NodeGroupRecord,
    ) -> Result<NodeGroupRecord, ProviderError> {
        let name = name(&desired, operation);
        let key = format!("{}:{name}", desired.cluster_name);
        desired.node_group_name = Some(name);
        let request = call::create(client, operation, &desired);
        let id = super::begin(
            client,
            context,
            operation,
            "CreateNodegroup",
            About::Assumed(Trust {
                role: &desired.node_role_arn,
                service: "ec2.amazonaws.com",
                attribute: "node_role_arn",
            }),
            || find(client, context, operation, &key),
            || request.clone().send(),
            |_| Some(key.clone()),
        )
        .await?;
        call::active(client, context, operation, &id).await?;
        wait::settled::<NodeGroup>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: NodeGroupRecord,
        desired: NodeGroupRecord,
    ) -> Result<NodeGroupRecord, ProviderError> {
        let id = NodeGroup::id(&prior);
        call::update(client, context, operation, &prior, &desired).await?;
        let (before, own) = (&prior.tags_all, &desired.tags);
        let arn = prior.arn.as_deref();
        tagging::update(client, context, operation, arn, before, own).await?;
        wait::settled::<NodeGroup>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: NodeGroupRecord,
    ) -> Result<(), ProviderError> {
        let id = NodeGroup::id(&prior);
        let (cluster, name) = parts(&id)?;
        let Some(found) = call::one(client, context, &id).await? else {
            return Ok(());
        };
        if found.status != Some(NodegroupStatus::Deleting) {
            let busy = |e: &ProviderError| e.kind == ErrorKind::Conflict;
            let sent = wait::while_refused(context, operation, wait::MINUTES, busy, || {
                client.call(context, EKS, "DeleteNodegroup", || {
                    client
                        .eks()
                        .delete_nodegroup()
                        .cluster_name(cluster)
                        .nodegroup_name(name)
                        .send()
                })
            });
            absent_is_done(sent.await)?;
        }
        wait::until(context, operation, wait::LONG, || {
            let id = &id;
            async move {
                match call::one(client, context, id).await? {
                    None => Ok(Progress::Done(())),
                    Some(found) if found.status == Some(NodegroupStatus::DeleteFailed) => {
                        Err(call::failure(id, &found))
                    }
                    Some(found) => Ok(Progress::Pending(call::status(&found))),
                }
            }
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: NodeGroupRecord,
    ) -> Result<Recovered, ProviderError> {
        let key = format!("{}:{}", desired.cluster_name, name(&desired, operation));
        find(client, context, operation, &key).await
    }
}

fn name(record: &NodeGroupRecord, operation: &Operation) -> String {
    naming::chosen(
        record.node_group_name.as_deref(),
        record.node_group_name_prefix.as_deref(),
        operation,
    )
}

async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Recovered, ProviderError> {
    Ok(match call::one(client, context, id).await? {
        None => Recovered::Absent,
        Some(found) => tagging::whose(operation, id.to_owned(), &found.tags),
    })
}
