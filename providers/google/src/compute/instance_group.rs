//! `google_compute_instance_group`.

use crate::api::{Api, Update};
use crate::client::{Client, Request};
use crate::family::COMPUTE;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// A group of machines of a zone that are managed one by one.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct InstanceGroupRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The network; that of the first machine without one.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) network: Option<String>,
    /// Ports by name.
    #[record(block, set)]
    pub(crate) named_port: Vec<NamedPort>,
    /// The machines that belong to it, by URL. Without it, others may put machines in.
    #[record(optional)]
    pub(crate) instances: Option<BTreeSet<String>>,
    /// How many machines it has.
    #[record(computed)]
    pub(crate) size: Option<i64>,
    /// The zone. By default the provider's.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) zone: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/zones/{zone}/instanceGroups/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

/// A port.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NamedPort {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Its number.
    #[record(required)]
    pub(crate) port: i64,
}

pub(crate) struct InstanceGroup;

async fn call(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    verb: &str,
    instances: Vec<&String>,
) -> Result<(), ProviderError> {
    if instances.is_empty() {
        return Ok(());
    }
    let members: Vec<Json> = instances.iter().map(|i| json!({ "instance": i })).collect();
    let body = json!({ "instances": members });
    super::set::<InstanceGroup>(client, context, operation, id, verb, body).await
}

#[async_trait]
impl Kind for InstanceGroup {
    type Record = InstanceGroupRecord;
    const TYPE: &'static str = "google_compute_instance_group";
    const API: Api = super::api(
        "compute.instanceGroups",
        "projects/{project}/zones/{zone}/instanceGroups",
        Update::None,
    );
    const RULES: Rules = &[
        ("named_port", Rule::Named("namedPorts")),
        ("instances", Rule::Own),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(8, 8, 8)
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &InstanceGroupRecord,
    ) -> Result<(), ProviderError> {
        let wanted = desired.instances.iter().flatten().collect();
        call(client, context, operation, id, "addInstances", wanted).await
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &InstanceGroupRecord,
        desired: &InstanceGroupRecord,
    ) -> Result<(), ProviderError> {
        let empty = BTreeSet::new();
        let (old, new) = (
            prior.instances.as_ref().unwrap_or(&empty),
            desired.instances.as_ref().unwrap_or(&empty),
        );
        let gone = old.difference(new).collect();
        call(client, context, operation, id, "removeInstances", gone).await?;
        let more = new.difference(old).collect();
        call(client, context, operation, id, "addInstances", more).await?;
        let ports = |record: &InstanceGroupRecord| -> Vec<Json> {
            let ports = record.named_port.iter();
            ports
                .map(|p| json!({ "name": p.name, "port": p.port }))
                .collect()
        };
        if ports(prior) != ports(desired) {
            let now = client
                .call(
                    context,
                    &Request::get(COMPUTE, "compute.instanceGroups.get", id),
                )
                .await?;
            let body = json!({ "namedPorts": ports(desired), "fingerprint": now["fingerprint"] });
            super::set::<Self>(client, context, operation, id, "setNamedPorts", body).await?;
        }
        Ok(())
    }
}
