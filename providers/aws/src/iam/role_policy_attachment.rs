//! `aws_iam_role_policy_attachment`.

use super::{account, list};
use crate::batch;
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::IAM;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_iam::types::RoleDetail;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource};

/// A managed policy on a role.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AttachmentRecord {
    /// The role's name.
    #[record(required, force_new)]
    pub(crate) role: String,
    /// ARN of the policy.
    #[record(required, force_new)]
    pub(crate) policy_arn: String,
    /// `role/policy_arn`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct RolePolicyAttachment;

#[async_trait]
impl Resource<Client> for RolePolicyAttachment {
    type Record = AttachmentRecord;
    const TYPE: &'static str = "aws_iam_role_policy_attachment";

    fn traits() -> Traits {
        Traits::default()
            .seconds(1, 1, 1)
            .family(IAM.name)
            .unique(&["role", "policy_arn"])
    }

    fn id(record: &AttachmentRecord) -> String {
        format!("{}/{}", record.role, record.policy_arn)
    }

    fn import(id: &str) -> Result<Imported<AttachmentRecord>, ProviderError> {
        parse(id)?;
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }

    /// One listing of the account for many; otherwise, and of what that does not have, one per role.
    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<AttachmentRecord>],
    ) -> Vec<Result<Option<AttachmentRecord>, ProviderError>> {
        let listed = account::details(client, context);
        let listed = match account::for_many(items.len(), listed).await {
            Ok(listed) => listed,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let has = |item: &Item<AttachmentRecord>| {
            parse(&item.id).is_ok_and(|(role, arn)| {
                let detail = listed.get(role);
                detail.is_some_and(|detail| is_on(detail, arn))
            })
        };
        let role_of = |item: &Item<AttachmentRecord>| match item.id.split_once('/') {
            Some((role, _)) if !has(item) => role.to_owned(),
            _ => String::new(),
        };
        let roles: Vec<String> = items.iter().map(role_of).collect();
        let found = batch::by_key(
            &roles,
            1,
            |(role, _): &(String, String)| Some(role.clone()),
            |roles| attached(client, context, roles.concat()),
        )
        .await;
        found
            .into_iter()
            .zip(items)
            .map(|(found, item)| {
                let (role, policy_arn) = parse(&item.id)?;
                let there = has(item) || found?.iter().any(|(_, arn)| arn == policy_arn);
                Ok(there.then(|| AttachmentRecord {
                    role: role.to_owned(),
                    policy_arn: policy_arn.to_owned(),
                    id: Some(item.id.clone()),
                }))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AttachmentRecord,
    ) -> Result<AttachmentRecord, ProviderError> {
        let id = RolePolicyAttachment::id(&desired);
        let request = client
            .iam()
            .attach_role_policy()
            .role_name(&desired.role)
            .policy_arn(&desired.policy_arn);
        // Role and policy may just have been made.
        let unheard = |error: &ProviderError| error.kind == ErrorKind::NotFound;
        let pace = wait::Pace {
            limit: std::time::Duration::from_secs(20),
            ..wait::QUICK
        };
        wait::while_refused(context, operation, pace, unheard, || {
            client.call(context, IAM, "AttachRolePolicy", || request.clone().send())
        })
        .await?;
        if operation.known_id.is_none() {
            context.events.id_known(operation, &id).await?;
        }
        wait::settled::<RolePolicyAttachment>(client, context, operation, &id, desired).await
    }

    async fn update(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: AttachmentRecord,
        desired: AttachmentRecord,
    ) -> Result<AttachmentRecord, ProviderError> {
        Ok(desired)
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: AttachmentRecord,
    ) -> Result<(), ProviderError> {
        let request = client
            .iam()
            .detach_role_policy()
            .role_name(&prior.role)
            .policy_arn(&prior.policy_arn);
        let gone = client.call(context, IAM, "DetachRolePolicy", || request.clone().send());
        absent_is_done(gone.await)
    }

    /// Attaching again does no harm, so whatever stands there is gone on with.
    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: AttachmentRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = RolePolicyAttachment::id(&desired);
        crate::recover::found::<RolePolicyAttachment>(client, context, vec![id]).await
    }
}

fn parse(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once('/')
        .ok_or_else(|| ProviderError::invalid("id", format!("`{id}` is not `role/policy_arn`")))
}

/// Whether a managed policy is on a role.
fn is_on(role: &RoleDetail, arn: &str) -> bool {
    let mut policies = role.attached_managed_policies().iter();
    policies.any(|policy| policy.policy_arn() == Some(arn))
}

/// The role's managed policies, each with the role; none when there is no role.
async fn attached(
    client: &Client,
    context: &CallContext,
    role: String,
) -> Result<Vec<(String, String)>, ProviderError> {
    let name = role.as_str();
    let listing = list!(client, context, "ListAttachedRolePolicies":
        list_attached_role_policies.role_name(name) => a: a.attached_policies.unwrap_or_default());
    match listing.await {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
        found => Ok(found?
            .into_iter()
            .filter_map(|p| Some((role.clone(), p.policy_arn?)))
            .collect()),
    }
}
