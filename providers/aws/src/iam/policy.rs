//! `aws_iam_policy`.

use super::{account, arn, check_name, document, list, tagging};
use crate::client::{Client, Place};
use crate::error::{absent_is_done, there};
use crate::family::IAM;
use crate::naming;
use crate::tagged::{self, Asked};
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_iam::types::Policy as Found;
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Value,
};

/// A policy that roles, users and groups share.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PolicyRecord {
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
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The policy document, in JSON.
    #[record(required, compare = json)]
    pub(crate) policy: String,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// Its ARN.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// Its id, which no other policy ever has.
    #[record(computed)]
    pub(crate) policy_id: Option<String>,
}

pub(crate) struct Policy;

#[async_trait]
impl Resource<Client> for Policy {
    type Record = PolicyRecord;
    const TYPE: &'static str = "aws_iam_policy";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(IAM.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<PolicyRecord>(request, planned, ("name", "name_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = check_name(config, 128);
        errors.extend(crate::document::check(config, "policy"));
        errors
    }

    fn id(record: &PolicyRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<PolicyRecord>],
    ) -> Vec<Result<Option<PolicyRecord>, ProviderError>> {
        let listed = account::documents(client, context);
        let listed = account::for_many(items.len(), listed).await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        // Of the same policy as before nothing but document and tags can change, and the listing lacks only the tags.
        let same = |item: &Item<PolicyRecord>| {
            let (found, _) = listed.get(&item.id)?;
            let known = item.prior.as_ref()?.policy_id == found.policy_id;
            known.then(|| item.id.clone())
        };
        let asked = items.iter().map(|item| Asked {
            arn: same(item),
            last: item.prior.as_ref().map(|p| &p.tags_all),
        });
        let own = |arn: String| async move {
            let found = get(client, context, &arn).await?;
            Ok(found.map(|found| tagging::from_sdk(found.tags())))
        };
        let tagged = tagged::read(client, context, Place::Global, asked.collect(), own).await;
        join_all(items.iter().zip(tagged).map(|(item, tagged)| async {
            let text = listed.get(&item.id).map(|(_, text)| text.clone());
            if let (Some(tags), Some(text), Some(prior)) = (tagged?, &text, &item.prior) {
                return Ok(Some(again(client, prior, tags, text)));
            }
            let Some(found) = get(client, context, &item.id).await? else {
                return Ok(None);
            };
            let text = match text {
                Some(text) => text,
                None => match document_of(client, context, &found).await? {
                    Some(text) => text,
                    None => return Ok(None),
                },
            };
            Ok(Some(record(client, found, &text, item.prior.as_ref())))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: PolicyRecord,
    ) -> Result<PolicyRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let request = client
            .iam()
            .create_policy()
            .policy_name(&name)
            .path(&desired.path)
            .set_description(desired.description.clone())
            .policy_document(&desired.policy)
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)?));
        let id = client
            .begin_named(
                context,
                operation,
                IAM,
                "CreatePolicy",
                || find(client, context, operation, &desired),
                || request.clone().send(),
                |made| made.policy()?.arn(),
            )
            .await?;
        wait::settled::<Policy>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: PolicyRecord,
        desired: PolicyRecord,
    ) -> Result<PolicyRecord, ProviderError> {
        let id = Policy::id(&prior);
        if prior.policy != desired.policy {
            // Five versions are the most.
            prune(client, context, &id, 4).await?;
            let request = client
                .iam()
                .create_policy_version()
                .policy_arn(&id)
                .policy_document(&desired.policy)
                .set_as_default(true);
            client
                .call(context, IAM, "CreatePolicyVersion", || {
                    request.clone().send()
                })
                .await?;
        }
        tagging::update!(client, context, operation, &prior.tags_all, &desired.tags,
            policy_arn(&id), "TagPolicy": tag_policy, "UntagPolicy": untag_policy);
        wait::settled::<Policy>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: PolicyRecord,
    ) -> Result<(), ProviderError> {
        let id = Policy::id(&prior);
        absent_is_done(prune(client, context, &id, 1).await)?;
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, IAM, "DeletePolicy", || {
                client.iam().delete_policy().policy_arn(&id).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: PolicyRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &desired).await
    }
}

fn record(client: &Client, found: Found, text: &str, prior: Option<&PolicyRecord>) -> PolicyRecord {
    let (tags, tags_all) = tags::split(
        tagging::from_sdk(found.tags()),
        &client.config().tags,
        prior.map(|p| &p.tags),
    );
    PolicyRecord {
        name_prefix: prior.and_then(|p| p.name_prefix.clone()),
        policy: document(text, prior.map(|p| &*p.policy)),
        tags,
        tags_all,
        name: found.policy_name,
        path: found.path.unwrap_or_else(|| "/".to_owned()),
        description: found.description.filter(|d| !d.is_empty()),
        id: found.arn.clone(),
        arn: found.arn,
        policy_id: found.policy_id,
    }
}

/// The policy of a record, with the document and tags that it has now.
fn again(client: &Client, prior: &PolicyRecord, tags: Tags, text: &str) -> PolicyRecord {
    let (tags, tags_all) = tags::split(tags, &client.config().tags, Some(&prior.tags));
    PolicyRecord {
        policy: document(text, Some(&prior.policy)),
        tags,
        tags_all,
        ..prior.clone()
    }
}

fn name(record: &PolicyRecord, operation: &Operation) -> String {
    let (name, prefix) = (record.name.as_deref(), record.name_prefix.as_deref());
    naming::chosen(name, prefix, operation)
}

async fn get(
    client: &Client,
    context: &CallContext,
    arn: &str,
) -> Result<Option<Found>, ProviderError> {
    let answer = client
        .call(context, IAM, "GetPolicy", || {
            client.iam().get_policy().policy_arn(arn).send()
        })
        .await;
    Ok(there(answer)?.and_then(|a| a.policy))
}

/// The document of a policy's default version; none when it is gone.
async fn document_of(
    client: &Client,
    context: &CallContext,
    policy: &Found,
) -> Result<Option<String>, ProviderError> {
    let request = client
        .iam()
        .get_policy_version()
        .set_policy_arn(policy.arn.clone())
        .set_version_id(policy.default_version_id.clone());
    let answer = client
        .call(context, IAM, "GetPolicyVersion", || request.clone().send())
        .await;
    let version = there(answer)?.map(|a| a.policy_version.and_then(|v| v.document));
    Ok(version.map(Option::unwrap_or_default))
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &PolicyRecord,
) -> Result<Recovered, ProviderError> {
    let name = name(desired, operation);
    let arn = arn(client, &format!("policy{}{name}", desired.path));
    let found = get(client, context, &arn).await?;
    Ok(tagging::whose(
        operation,
        arn,
        found.as_ref().map(Found::tags),
    ))
}

/// Deletes the oldest versions that do not count, until so many are left.
async fn prune(
    client: &Client,
    context: &CallContext,
    arn: &str,
    left: usize,
) -> Result<(), ProviderError> {
    let listing = list!(client, context, "ListPolicyVersions":
        list_policy_versions.policy_arn(arn) => a: a.versions.unwrap_or_default());
    let mut versions = listing.await?;
    versions.sort_by_key(|v| v.create_date.map(|d| d.secs()));
    let surplus = versions.len().saturating_sub(left);
    let idle = versions.into_iter().filter(|v| !v.is_default_version);
    for version in idle.take(surplus) {
        let request = client
            .iam()
            .delete_policy_version()
            .policy_arn(arn)
            .set_version_id(version.version_id);
        let call = "DeletePolicyVersion";
        absent_is_done(
            client
                .call(context, IAM, call, || request.clone().send())
                .await,
        )?;
    }
    Ok(())
}
