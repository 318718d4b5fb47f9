//! `aws_eks_access_policy_association`.

use super::{each, list, set, there, time};
use crate::batch::{self, Page};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EKS;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_eks::types as sdk;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource};
use std::collections::BTreeSet;

/// What who has an access entry may do.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PolicyAssociationRecord {
    /// The cluster.
    #[record(required, force_new)]
    pub(crate) cluster_name: String,
    /// The access entry's role or user.
    #[record(required, force_new)]
    pub(crate) principal_arn: String,
    /// What may be done, as `arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy`.
    #[record(required, force_new)]
    pub(crate) policy_arn: String,
    /// Where.
    #[record(block, min = 1, max = 1, force_new)]
    pub(crate) access_scope: Vec<AccessScope>,
    /// `cluster#principal#policy`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) associated_at: Option<String>,
    /// When it was last changed.
    #[record(computed)]
    pub(crate) modified_at: Option<String>,
}

/// Where something may be done.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct AccessScope {
    /// `cluster` or `namespace`.
    #[record(required, force_new, rename = "type")]
    pub(crate) kind: String,
    /// The namespaces.
    #[record(optional, force_new)]
    pub(crate) namespaces: BTreeSet<String>,
}

pub(crate) struct PolicyAssociation;

#[async_trait]
impl Resource<Client> for PolicyAssociation {
    type Record = PolicyAssociationRecord;
    const TYPE: &'static str = "aws_eks_access_policy_association";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(EKS.name)
            .unique(&["cluster_name", "principal_arn", "policy_arn"])
    }

    fn id(record: &PolicyAssociationRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<PolicyAssociationRecord>, ProviderError> {
        parts(id)?;
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<PolicyAssociationRecord>],
    ) -> Vec<Result<Option<PolicyAssociationRecord>, ProviderError>> {
        each(items, |item| async move {
            let found = one(client, context, &item.id).await?;
            let (cluster, principal, policy) = parts(&item.id)?;
            Ok(found.map(|found| PolicyAssociationRecord {
                cluster_name: cluster.to_owned(),
                principal_arn: principal.to_owned(),
                policy_arn: policy.to_owned(),
                access_scope: scope(&found).into_iter().collect(),
                associated_at: time(found.associated_at.as_ref()),
                modified_at: time(found.modified_at.as_ref()),
                id: Some(item.id.clone()),
            }))
        })
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: PolicyAssociationRecord,
    ) -> Result<PolicyAssociationRecord, ProviderError> {
        let id = key(&desired);
        if operation.known_id.is_none() {
            let scope = desired.access_scope.first().map(|s| {
                sdk::AccessScope::builder()
                    .r#type(sdk::AccessScopeType::from(s.kind.as_str()))
                    .set_namespaces(list(&s.namespaces).filter(|n| !n.is_empty()))
                    .build()
            });
            // The entry may have been made a moment ago.
            let absent = |e: &ProviderError| e.kind == ErrorKind::NotFound;
            wait::while_refused(context, operation, super::ENTRIES, absent, || {
                client.call(context, EKS, "AssociateAccessPolicy", || {
                    client
                        .eks()
                        .associate_access_policy()
                        .cluster_name(&desired.cluster_name)
                        .principal_arn(&desired.principal_arn)
                        .policy_arn(&desired.policy_arn)
                        .set_access_scope(scope.clone())
                        .send()
                })
            })
            .await?;
            context.events.id_known(operation, &id).await?;
        }
        wait::settled::<PolicyAssociation>(client, context, operation, &id, desired).await
    }

    /// Nothing can be changed in place.
    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: PolicyAssociationRecord,
        desired: PolicyAssociationRecord,
    ) -> Result<PolicyAssociationRecord, ProviderError> {
        let id = PolicyAssociation::id(&prior);
        wait::settled::<PolicyAssociation>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: PolicyAssociationRecord,
    ) -> Result<(), ProviderError> {
        let sent = client.call(context, EKS, "DisassociateAccessPolicy", || {
            client
                .eks()
                .disassociate_access_policy()
                .cluster_name(&prior.cluster_name)
                .principal_arn(&prior.principal_arn)
                .policy_arn(&prior.policy_arn)
                .send()
        });
        absent_is_done(sent.await)
    }

    /// It has no tags: what is as it should be is what the operation made.
    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: PolicyAssociationRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = key(&desired);
        Ok(match one(client, context, &id).await? {
            None => Recovered::Absent,
            Some(found) if scope(&found).as_ref() == desired.access_scope.first() => {
                Recovered::Found(id)
            }
            Some(_) => Recovered::Foreign(id),
        })
    }
}

fn key(record: &PolicyAssociationRecord) -> String {
    let (cluster, principal) = (&record.cluster_name, &record.principal_arn);
    format!("{cluster}#{principal}#{}", record.policy_arn)
}

fn parts(id: &str) -> Result<(&str, &str, &str), ProviderError> {
    let mut parts = id.splitn(3, '#');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(cluster), Some(principal), Some(policy)) => Ok((cluster, principal, policy)),
        _ => Err(ProviderError::invalid(
            "id",
            format!("`{id}` is not `CLUSTER#PRINCIPAL_ARN#POLICY_ARN`"),
        )),
    }
}

fn scope(found: &sdk::AssociatedAccessPolicy) -> Option<AccessScope> {
    let scope = found.access_scope.as_ref()?;
    Some(AccessScope {
        kind: scope.r#type.as_ref()?.as_str().to_owned(),
        namespaces: set(scope.namespaces()),
    })
}

async fn one(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<sdk::AssociatedAccessPolicy>, ProviderError> {
    let (cluster, principal, policy) = parts(id)?;
    let listing = batch::all_pages(|token| {
        let request = client
            .eks()
            .list_associated_access_policies()
            .cluster_name(cluster)
            .principal_arn(principal)
            .set_next_token(token);
        async move {
            let answer = client
                .call(context, EKS, "ListAssociatedAccessPolicies", || {
                    request.clone().send()
                })
                .await?;
            Ok::<_, ProviderError>(Page {
                items: answer.associated_access_policies.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await;
    let mut all = there(listing)?.unwrap_or_default().into_iter();
    Ok(all.find(|a| a.policy_arn.as_deref() == Some(policy)))
}
