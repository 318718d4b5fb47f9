//! `aws_eks_access_entry`.

use super::{each, list, parts, set, tagging, there, time};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EKS;
use crate::late::About;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_eks::types::AccessEntry as Found;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource,
    planning,
};
use std::collections::BTreeSet;

/// Who may use a cluster.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AccessEntryRecord {
    /// The cluster.
    #[record(required, force_new)]
    pub(crate) cluster_name: String,
    /// The role or user.
    #[record(required, force_new)]
    pub(crate) principal_arn: String,
    /// The groups that it is in, in Kubernetes.
    #[record(optional, computed)]
    pub(crate) kubernetes_groups: Option<BTreeSet<String>>,
    /// `STANDARD`, or what kind of node it is.
    #[record(optional, force_new, default = "STANDARD", rename = "type")]
    pub(crate) kind: String,
    /// Its name in Kubernetes.
    #[record(optional, computed)]
    pub(crate) user_name: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `cluster:principal`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The entry's ARN.
    #[record(computed)]
    pub(crate) access_entry_arn: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) created_at: Option<String>,
    /// When it was last changed.
    #[record(computed)]
    pub(crate) modified_at: Option<String>,
}

pub(crate) struct AccessEntry;

#[async_trait]
impl Resource<Client> for AccessEntry {
    type Record = AccessEntryRecord;
    const TYPE: &'static str = "aws_eks_access_entry";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(EKS.name)
            .unique(&["cluster_name", "principal_arn"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if planned.replace.is_empty() && request.prior.is_some_and(|p| *p != planned.value) {
            planning::mark_unknown(planned, &AccessEntryRecord::block(), &["modified_at"]);
        }
        Ok(())
    }

    fn id(record: &AccessEntryRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<AccessEntryRecord>, ProviderError> {
        super::import(id)
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<AccessEntryRecord>],
    ) -> Vec<Result<Option<AccessEntryRecord>, ProviderError>> {
        each(items, |item| async move {
            let found = one(client, context, &item.id).await?;
            Ok(found.map(|found| record(client, found, item)))
        })
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AccessEntryRecord,
    ) -> Result<AccessEntryRecord, ProviderError> {
        let groups = desired.kubernetes_groups.as_ref().and_then(list);
        let request = client
            .eks()
            .create_access_entry()
            .client_request_token(operation.token.as_str())
            .cluster_name(&desired.cluster_name)
            .principal_arn(&desired.principal_arn)
            .set_kubernetes_groups(groups.filter(|g| !g.is_empty()))
            .r#type(&desired.kind)
            .set_username(desired.user_name.clone())
            .set_tags(tagging::for_create(client, operation, &desired.tags));
        let key = key(&desired);
        let id = super::begin(
            client,
            context,
            operation,
            "CreateAccessEntry",
            About::Roles(&desired.principal_arn),
            || find(client, context, operation, &key),
            || request.clone().send(),
            |_| Some(key.clone()),
        )
        .await?;
        wait::settled::<AccessEntry>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: AccessEntryRecord,
        desired: AccessEntryRecord,
    ) -> Result<AccessEntryRecord, ProviderError> {
        let id = AccessEntry::id(&prior);
        if prior.kubernetes_groups != desired.kubernetes_groups
            || prior.user_name != desired.user_name
        {
            client
                .call(context, EKS, "UpdateAccessEntry", || {
                    client
                        .eks()
                        .update_access_entry()
                        .client_request_token(operation.token.as_str())
                        .cluster_name(&desired.cluster_name)
                        .principal_arn(&desired.principal_arn)
                        .set_kubernetes_groups(desired.kubernetes_groups.as_ref().and_then(list))
                        .set_username(desired.user_name.clone())
                        .send()
                })
                .await?;
        }
        let (before, own) = (&prior.tags_all, &desired.tags);
        let arn = prior.access_entry_arn.as_deref();
        tagging::update(client, context, operation, arn, before, own).await?;
        wait::settled::<AccessEntry>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: AccessEntryRecord,
    ) -> Result<(), ProviderError> {
        let sent = client.call(context, EKS, "DeleteAccessEntry", || {
            client
                .eks()
                .delete_access_entry()
                .cluster_name(&prior.cluster_name)
                .principal_arn(&prior.principal_arn)
                .send()
        });
        absent_is_done(sent.await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AccessEntryRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &key(&desired)).await
    }
}

fn key(record: &AccessEntryRecord) -> String {
    format!("{}:{}", record.cluster_name, record.principal_arn)
}

async fn one(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Found>, ProviderError> {
    let (cluster, principal) = parts(id)?;
    let answer = client.call(context, EKS, "DescribeAccessEntry", || {
        client
            .eks()
            .describe_access_entry()
            .cluster_name(cluster)
            .principal_arn(principal)
            .send()
    });
    Ok(there(answer.await)?.and_then(|a| a.access_entry))
}

async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Recovered, ProviderError> {
    Ok(match one(client, context, id).await? {
        None => Recovered::Absent,
        Some(found) => tagging::whose(operation, id.to_owned(), &found.tags),
    })
}

fn record(client: &Client, found: Found, item: Item<AccessEntryRecord>) -> AccessEntryRecord {
    let groups = set(found.kubernetes_groups());
    let prior = item.prior.as_ref();
    let (tags, tags_all) = tagging::split(client, found.tags, prior.map(|p| &p.tags));
    AccessEntryRecord {
        cluster_name: found.cluster_name.unwrap_or_default(),
        principal_arn: found.principal_arn.unwrap_or_default(),
        kubernetes_groups: Some(groups),
        kind: found.r#type.unwrap_or_default(),
        user_name: found.username,
        tags,
        tags_all,
        id: Some(item.id),
        access_entry_arn: found.access_entry_arn,
        created_at: time(found.created_at.as_ref()),
        modified_at: time(found.modified_at.as_ref()),
    }
}
