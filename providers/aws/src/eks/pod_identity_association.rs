//! `aws_eks_pod_identity_association`.

use super::{each, tagging, there};
use crate::batch::{self, Page};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EKS;
use crate::late::{About, once_known};
use crate::tags::Tags;
use crate::trust::Trust;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_eks::types::PodIdentityAssociation as Found;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource};

/// The role that a service account takes.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PodIdentityRecord {
    /// The cluster.
    #[record(required, force_new)]
    pub(crate) cluster_name: String,
    /// The service account's namespace.
    #[record(required, force_new)]
    pub(crate) namespace: String,
    /// The service account.
    #[record(required, force_new)]
    pub(crate) service_account: String,
    /// The role.
    #[record(required)]
    pub(crate) role_arn: String,
    /// A role, perhaps of another account, that the first one takes.
    #[record(optional)]
    pub(crate) target_role_arn: Option<String>,
    /// Whether sessions go without tags that say for whom they are.
    #[record(optional, computed)]
    pub(crate) disable_session_tags: Option<bool>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `a-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// `a-…`
    #[record(computed)]
    pub(crate) association_id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) association_arn: Option<String>,
    /// What the target role's trust can ask for.
    #[record(computed)]
    pub(crate) external_id: Option<String>,
}

pub(crate) struct PodIdentity;

#[async_trait]
impl Resource<Client> for PodIdentity {
    type Record = PodIdentityRecord;
    const TYPE: &'static str = "aws_eks_pod_identity_association";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(EKS.name)
            .unique(&["cluster_name", "namespace", "service_account"])
    }

    fn id(record: &PodIdentityRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<PodIdentityRecord>, ProviderError> {
        let Some((cluster, association)) = id.split_once(',') else {
            return Err(ProviderError::invalid(
                "id",
                format!("`{id}` is not `CLUSTER,ASSOCIATION_ID`"),
            ));
        };
        Ok(Imported {
            id: association.to_owned(),
            prior: Some(PodIdentityRecord {
                cluster_name: cluster.to_owned(),
                ..PodIdentityRecord::default()
            }),
        })
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<PodIdentityRecord>],
    ) -> Vec<Result<Option<PodIdentityRecord>, ProviderError>> {
        each(items, |item| async move {
            let Some(prior) = &item.prior else {
                return Err(ProviderError::invalid(
                    "cluster_name",
                    "an association is read by its cluster and its id",
                ));
            };
            let found = one(client, context, &prior.cluster_name, &item.id).await?;
            Ok(found.map(|found| record(client, found, prior)))
        })
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: PodIdentityRecord,
    ) -> Result<PodIdentityRecord, ProviderError> {
        let request = client
            .eks()
            .create_pod_identity_association()
            .client_request_token(operation.token.as_str())
            .cluster_name(&desired.cluster_name)
            .namespace(&desired.namespace)
            .service_account(&desired.service_account)
            .role_arn(&desired.role_arn)
            .set_target_role_arn(desired.target_role_arn.clone())
            .set_disable_session_tags(desired.disable_session_tags)
            .set_tags(tagging::for_create(client, operation, &desired.tags));
        let id = super::begin(
            client,
            context,
            operation,
            "CreatePodIdentityAssociation",
            about(&desired, &arns(&desired)),
            || find(client, context, operation, &desired),
            || request.clone().send(),
            |made| made.association.and_then(|a| a.association_id),
        )
        .await?;
        wait::settled::<PodIdentity>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: PodIdentityRecord,
        desired: PodIdentityRecord,
    ) -> Result<PodIdentityRecord, ProviderError> {
        let id = PodIdentity::id(&prior);
        if prior.role_arn != desired.role_arn
            || prior.target_role_arn != desired.target_role_arn
            || prior.disable_session_tags != desired.disable_session_tags
        {
            let request = client
                .eks()
                .update_pod_identity_association()
                .client_request_token(operation.token.as_str())
                .cluster_name(&prior.cluster_name)
                .association_id(&id)
                .role_arn(&desired.role_arn)
                .set_target_role_arn(match (&prior.target_role_arn, &desired.target_role_arn) {
                    // An empty one takes it away.
                    (Some(_), None) => Some(String::new()),
                    (_, role) => role.clone(),
                })
                .set_disable_session_tags(desired.disable_session_tags);
            once_known(
                client,
                context,
                operation,
                about(&desired, &arns(&desired)),
                super::role_unknown,
                || {
                    client.call(context, EKS, "UpdatePodIdentityAssociation", || {
                        request.clone().send()
                    })
                },
            )
            .await?;
        }
        let (before, own) = (&prior.tags_all, &desired.tags);
        let arn = prior.association_arn.as_deref();
        tagging::update(client, context, operation, arn, before, own).await?;
        wait::settled::<PodIdentity>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: PodIdentityRecord,
    ) -> Result<(), ProviderError> {
        let id = PodIdentity::id(&prior);
        let sent = client.call(context, EKS, "DeletePodIdentityAssociation", || {
            client
                .eks()
                .delete_pod_identity_association()
                .cluster_name(&prior.cluster_name)
                .association_id(&id)
                .send()
        });
        absent_is_done(sent.await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: PodIdentityRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &desired).await
    }
}

/// What a refusal of its role may be about. A role that is taken on by its role trusts that, and no service.
fn about<'a>(record: &'a PodIdentityRecord, arns: &'a str) -> About<'a> {
    match record.target_role_arn {
        Some(_) => About::Roles(arns),
        None => About::Assumed(Trust {
            role: &record.role_arn,
            service: "pods.eks.amazonaws.com",
            attribute: "role_arn",
        }),
    }
}

/// The roles that it names.
fn arns(record: &PodIdentityRecord) -> String {
    let target = record.target_role_arn.as_deref().unwrap_or_default();
    format!("{} {target}", record.role_arn)
}

/// An association by its id.
pub(super) async fn one(
    client: &Client,
    context: &CallContext,
    cluster: &str,
    id: &str,
) -> Result<Option<Found>, ProviderError> {
    let answer = client.call(context, EKS, "DescribePodIdentityAssociation", || {
        client
            .eks()
            .describe_pod_identity_association()
            .cluster_name(cluster)
            .association_id(id)
            .send()
    });
    Ok(there(answer.await)?.and_then(|a| a.association))
}

/// A service account has one association: whose it is.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &PodIdentityRecord,
) -> Result<Recovered, ProviderError> {
    let listing = batch::all_pages(|token| {
        let request = client
            .eks()
            .list_pod_identity_associations()
            .cluster_name(&desired.cluster_name)
            .namespace(&desired.namespace)
            .service_account(&desired.service_account)
            .set_next_token(token);
        async move {
            let answer = client
                .call(context, EKS, "ListPodIdentityAssociations", || {
                    request.clone().send()
                })
                .await?;
            Ok::<_, ProviderError>(Page {
                items: answer.associations.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await;
    let first = there(listing)?.unwrap_or_default().into_iter().next();
    let Some(id) = first.and_then(|a| a.association_id) else {
        return Ok(Recovered::Absent);
    };
    Ok(
        match one(client, context, &desired.cluster_name, &id).await? {
            None => Recovered::Absent,
            Some(found) => tagging::whose(operation, id, &found.tags),
        },
    )
}

fn record(client: &Client, found: Found, prior: &PodIdentityRecord) -> PodIdentityRecord {
    let (tags, tags_all) = tagging::split(client, found.tags, Some(&prior.tags));
    PodIdentityRecord {
        cluster_name: found.cluster_name.unwrap_or_default(),
        namespace: found.namespace.unwrap_or_default(),
        service_account: found.service_account.unwrap_or_default(),
        role_arn: found.role_arn.unwrap_or_default(),
        target_role_arn: found.target_role_arn.filter(|r| !r.is_empty()),
        disable_session_tags: Some(found.disable_session_tags == Some(true)),
        tags,
        tags_all,
        id: found.association_id.clone(),
        association_id: found.association_id,
        association_arn: found.association_arn,
        external_id: found.external_id,
    }
}
