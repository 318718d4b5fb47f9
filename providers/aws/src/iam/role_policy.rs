//! `aws_iam_role_policy`.

use super::{account, check_name, document};
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::IAM;
use crate::naming;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_iam::types::RoleDetail;
use futures::future::join_all;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};

/// A policy inside a role.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RolePolicyRecord {
    /// Its name within the role. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// The role's name.
    #[record(required, force_new)]
    pub(crate) role: String,
    /// The policy document, in JSON.
    #[record(required, compare = json)]
    pub(crate) policy: String,
    /// `role:name`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct RolePolicy;

#[async_trait]
impl Resource<Client> for RolePolicy {
    type Record = RolePolicyRecord;
    const TYPE: &'static str = "aws_iam_role_policy";

    fn traits() -> Traits {
        Traits::default()
            .seconds(1, 1, 1)
            .family(IAM.name)
            .unique(&["role", "name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<RolePolicyRecord>(request, planned, ("name", "name_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = check_name(config, 128);
        errors.extend(crate::document::check(config, "policy"));
        errors
    }

    fn id(record: &RolePolicyRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<RolePolicyRecord>, ProviderError> {
        parse(id)?;
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RolePolicyRecord>],
    ) -> Vec<Result<Option<RolePolicyRecord>, ProviderError>> {
        let listed = account::details(client, context);
        let listed = account::for_many(items.len(), listed).await;
        join_all(items.iter().map(|item| async {
            let (role, name) = parse(&item.id)?;
            let listed = listed.as_ref().map_err(Clone::clone)?;
            let found = match listed.get(role).and_then(|detail| inline(detail, name)) {
                Some(found) => found,
                None => match get(client, context, role, name).await? {
                    Some(found) => found,
                    None => return Ok(None),
                },
            };
            let prior = item.prior.as_ref();
            Ok(Some(RolePolicyRecord {
                name: Some(name.to_owned()),
                name_prefix: prior.and_then(|p| p.name_prefix.clone()),
                role: role.to_owned(),
                policy: document(&found, prior.map(|p| &*p.policy)),
                id: Some(item.id.clone()),
            }))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: RolePolicyRecord,
    ) -> Result<RolePolicyRecord, ProviderError> {
        let name = name(&desired, operation);
        let id = format!("{}:{name}", desired.role);
        put(client, context, operation, &name, &desired).await?;
        if operation.known_id.is_none() {
            context.events.id_known(operation, &id).await?;
        }
        desired.name = Some(name);
        wait::settled::<RolePolicy>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RolePolicyRecord,
        desired: RolePolicyRecord,
    ) -> Result<RolePolicyRecord, ProviderError> {
        let id = RolePolicy::id(&prior);
        let (_, name) = parse(&id)?;
        put(client, context, operation, name, &desired).await?;
        wait::settled::<RolePolicy>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: RolePolicyRecord,
    ) -> Result<(), ProviderError> {
        let id = RolePolicy::id(&prior);
        let (role, name) = parse(&id)?;
        let gone = client.call(context, IAM, "DeleteRolePolicy", || {
            let request = client.iam().delete_role_policy();
            request.role_name(role).policy_name(name).send()
        });
        absent_is_done(gone.await)
    }

    /// Putting it again does no harm, so whatever stands there is gone on with.
    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RolePolicyRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = format!("{}:{}", desired.role, name(&desired, operation));
        crate::recover::found::<RolePolicy>(client, context, vec![id]).await
    }
}

/// The document of a policy among a role's.
fn inline(role: &RoleDetail, name: &str) -> Option<String> {
    let mut policies = role.role_policy_list().iter();
    let policy = policies.find(|policy| policy.policy_name() == Some(name))?;
    policy.policy_document.clone()
}

/// The document of one policy; none when there is no such policy, or role.
async fn get(
    client: &Client,
    context: &CallContext,
    role: &str,
    name: &str,
) -> Result<Option<String>, ProviderError> {
    let answer = client
        .call(context, IAM, "GetRolePolicy", || {
            let request = client.iam().get_role_policy();
            request.role_name(role).policy_name(name).send()
        })
        .await;
    Ok(there(answer)?.map(|found| found.policy_document))
}

fn name(record: &RolePolicyRecord, operation: &Operation) -> String {
    let (name, prefix) = (record.name.as_deref(), record.name_prefix.as_deref());
    naming::chosen(name, prefix, operation)
}

fn parse(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once(':')
        .ok_or_else(|| ProviderError::invalid("id", format!("`{id}` is not `role:name`")))
}

async fn put(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
    record: &RolePolicyRecord,
) -> Result<(), ProviderError> {
    let request = client
        .iam()
        .put_role_policy()
        .role_name(&record.role)
        .policy_name(name)
        .policy_document(&record.policy);
    // The role may just have been made.
    let unheard = |error: &ProviderError| error.kind == ErrorKind::NotFound;
    let pace = wait::Pace {
        limit: std::time::Duration::from_secs(20),
        ..wait::QUICK
    };
    wait::while_refused(context, operation, pace, unheard, || {
        client.call(context, IAM, "PutRolePolicy", || request.clone().send())
    })
    .await?;
    Ok(())
}
