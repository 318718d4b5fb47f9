//! `aws_iam_role`.

use super::{account, check_name, document, list, tagging, unheard_principal};
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::IAM;
use crate::late::{About, once_known};
use crate::naming;
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_iam::types::Role as Found;
use aws_smithy_types::date_time::Format;
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Value,
};

/// An identity that services and people take on.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RoleRecord {
    /// Its name. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// Where it stands, such as `/teams/shop/`.
    #[record(optional, force_new, default = "/")]
    pub(crate) path: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Who may take it: a policy document, in JSON.
    #[record(required, compare = json)]
    pub(crate) assume_role_policy: String,
    /// For how many seconds it can be taken at most.
    #[record(optional, default = 3600)]
    pub(crate) max_session_duration: i32,
    /// ARN of the policy beyond which none of its permissions go.
    #[record(optional)]
    pub(crate) permissions_boundary: Option<String>,
    /// Whether a destroy also takes off the policies that others put on it.
    #[record(optional, default = false)]
    pub(crate) force_detach_policies: bool,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// The name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// Its id, which no other role ever has.
    #[record(computed)]
    pub(crate) unique_id: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) create_date: Option<String>,
}

pub(crate) struct Role;

#[async_trait]
impl Resource<Client> for Role {
    type Record = RoleRecord;
    const TYPE: &'static str = "aws_iam_role";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(IAM.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<RoleRecord>(request, planned, ("name", "name_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = check_name(config, 64);
        errors.extend(crate::document::check(config, "assume_role_policy"));
        errors
    }

    fn id(record: &RoleRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RoleRecord>],
    ) -> Vec<Result<Option<RoleRecord>, ProviderError>> {
        let listed = account::roles(client, context);
        let listed = account::for_many(items.len(), listed).await;
        join_all(items.iter().map(|item| async {
            let found = match listed.as_ref().map_err(Clone::clone)?.get(&item.id) {
                Some(found) => Some(found.clone()),
                None => get(client, context, &item.id).await?,
            };
            Ok(found.map(|found| record(client, found, item.prior.as_ref())))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: RoleRecord,
    ) -> Result<RoleRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let request = client
            .iam()
            .create_role()
            .role_name(&name)
            .path(&desired.path)
            .set_description(desired.description.clone())
            .assume_role_policy_document(&desired.assume_role_policy)
            .max_session_duration(desired.max_session_duration)
            .set_permissions_boundary(desired.permissions_boundary.clone())
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)?));
        let about = About::Roles(&desired.assume_role_policy);
        let id = once_known(client, context, operation, about, unheard_principal, || {
            client.begin_named(
                context,
                operation,
                IAM,
                "CreateRole",
                || find(client, context, operation, &name),
                || request.clone().send(),
                |made| Some(made.role()?.role_name()),
            )
        })
        .await?;
        wait::settled::<Role>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RoleRecord,
        desired: RoleRecord,
    ) -> Result<RoleRecord, ProviderError> {
        let id = Role::id(&prior);
        let iam = client.iam();
        if prior.assume_role_policy != desired.assume_role_policy {
            let request = iam
                .update_assume_role_policy()
                .role_name(&id)
                .policy_document(&desired.assume_role_policy);
            let about = About::Roles(&desired.assume_role_policy);
            once_known(client, context, operation, about, unheard_principal, || {
                client.call(context, IAM, "UpdateAssumeRolePolicy", || {
                    request.clone().send()
                })
            })
            .await?;
        }
        if prior.description != desired.description
            || prior.max_session_duration != desired.max_session_duration
        {
            let request = iam
                .update_role()
                .role_name(&id)
                .description(desired.description.clone().unwrap_or_default())
                .max_session_duration(desired.max_session_duration);
            client
                .call(context, IAM, "UpdateRole", || request.clone().send())
                .await?;
        }
        if prior.permissions_boundary != desired.permissions_boundary {
            bound(client, context, &id, desired.permissions_boundary.as_ref()).await?;
        }
        tagging::update!(client, context, operation, &prior.tags_all, &desired.tags,
            role_name(&id), "TagRole": tag_role, "UntagRole": untag_role);
        wait::settled::<Role>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RoleRecord,
    ) -> Result<(), ProviderError> {
        let id = Role::id(&prior);
        if prior.force_detach_policies {
            absent_is_done(detach(client, context, &id).await)?;
        }
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, IAM, "DeleteRole", || {
                client.iam().delete_role().role_name(&id).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RoleRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = name(&desired, operation);
        find(client, context, operation, &name).await
    }
}

fn name(record: &RoleRecord, operation: &Operation) -> String {
    let (name, prefix) = (record.name.as_deref(), record.name_prefix.as_deref());
    naming::chosen(name, prefix, operation)
}

fn record(client: &Client, found: Found, prior: Option<&RoleRecord>) -> RoleRecord {
    let (tags, tags_all) = tags::split(
        tagging::from_sdk(found.tags()),
        &client.config().tags,
        prior.map(|p| &p.tags),
    );
    RoleRecord {
        name_prefix: prior.and_then(|p| p.name_prefix.clone()),
        assume_role_policy: document(
            found.assume_role_policy_document().unwrap_or_default(),
            prior.map(|p| &*p.assume_role_policy),
        ),
        max_session_duration: found.max_session_duration.unwrap_or(3600),
        permissions_boundary: found
            .permissions_boundary
            .and_then(|b| b.permissions_boundary_arn),
        force_detach_policies: prior.is_some_and(|p| p.force_detach_policies),
        tags,
        tags_all,
        name: Some(found.role_name.clone()),
        path: found.path,
        description: found.description.filter(|d| !d.is_empty()),
        id: Some(found.role_name),
        arn: Some(found.arn),
        unique_id: Some(found.role_id),
        create_date: found.create_date.fmt(Format::DateTime).ok(),
    }
}

async fn get(
    client: &Client,
    context: &CallContext,
    name: &str,
) -> Result<Option<Found>, ProviderError> {
    let answer = client
        .call(context, IAM, "GetRole", || {
            client.iam().get_role().role_name(name).send()
        })
        .await;
    Ok(there(answer)?.and_then(|a| a.role))
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let found = get(client, context, name).await?;
    let tags = found.as_ref().map(Found::tags);
    Ok(tagging::whose(operation, name.to_owned(), tags))
}

async fn bound(
    client: &Client,
    context: &CallContext,
    name: &str,
    boundary: Option<&String>,
) -> Result<(), ProviderError> {
    let iam = client.iam();
    if let Some(arn) = boundary {
        let request = iam
            .put_role_permissions_boundary()
            .role_name(name)
            .permissions_boundary(arn);
        let call = "PutRolePermissionsBoundary";
        client
            .call(context, IAM, call, || request.clone().send())
            .await?;
        return Ok(());
    }
    let request = iam.delete_role_permissions_boundary().role_name(name);
    let call = "DeleteRolePermissionsBoundary";
    absent_is_done(
        client
            .call(context, IAM, call, || request.clone().send())
            .await,
    )
}

/// Takes off all policies.
async fn detach(client: &Client, context: &CallContext, name: &str) -> Result<(), ProviderError> {
    let iam = client.iam();
    let attached = list!(client, context, "ListAttachedRolePolicies":
        list_attached_role_policies.role_name(name) => a: a.attached_policies.unwrap_or_default());
    for policy in attached.await? {
        let request = iam
            .detach_role_policy()
            .role_name(name)
            .set_policy_arn(policy.policy_arn);
        let call = client.call(context, IAM, "DetachRolePolicy", || request.clone().send());
        absent_is_done(call.await)?;
    }
    let inline = list!(client, context, "ListRolePolicies":
        list_role_policies.role_name(name) => a: a.policy_names);
    for policy in inline.await? {
        let request = iam.delete_role_policy().role_name(name).policy_name(policy);
        let call = client.call(context, IAM, "DeleteRolePolicy", || request.clone().send());
        absent_is_done(call.await)?;
    }
    Ok(())
}
