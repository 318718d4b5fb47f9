//! `aws_ecr_lifecycle_policy`.

use crate::client::Client;
use crate::document;
use crate::error::{absent_is_done, there};
use crate::family::ECR;
use crate::recover::taken;
use crate::wait;
use async_trait::async_trait;
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::schema::{Compare, Traits};
use infra_model::{
    CallContext, Operation, ProviderError, Record, Recovered, Resource, Value, planning,
};

/// Which images of a repository are deleted with age or number.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LifecyclePolicyRecord {
    /// The repository's name.
    #[record(required, force_new)]
    pub(crate) repository: String,
    /// The rules, in JSON.
    #[record(required, compare = json)]
    pub(crate) policy: String,
    /// The repository's name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The account whose registry the repository is in.
    #[record(computed)]
    pub(crate) registry_id: Option<String>,
}

pub(crate) struct LifecyclePolicy;

#[async_trait]
impl Resource<Client> for LifecyclePolicy {
    type Record = LifecyclePolicyRecord;
    const TYPE: &'static str = "aws_ecr_lifecycle_policy";

    fn traits() -> Traits {
        Traits::default()
            .seconds(1, 1, 1)
            .family(ECR.name)
            .unique(&["repository"])
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        document::check(config, "policy")
    }

    fn id(record: &LifecyclePolicyRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<LifecyclePolicyRecord>],
    ) -> Vec<Result<Option<LifecyclePolicyRecord>, ProviderError>> {
        join_all(
            items
                .iter()
                .map(|item| get(client, context, &item.id, item.prior.as_ref())),
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: LifecyclePolicyRecord,
    ) -> Result<LifecyclePolicyRecord, ProviderError> {
        // Putting one overwrites: what somebody else wrote there is not taken over.
        if operation.known_id.is_none() {
            if let Recovered::Foreign(id) = find(client, context, &desired).await? {
                return Err(taken(ECR, "PutLifecyclePolicy", &id));
            }
            context
                .events
                .id_known(operation, &desired.repository)
                .await?;
        }
        put(client, context, operation, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: LifecyclePolicyRecord,
        desired: LifecyclePolicyRecord,
    ) -> Result<LifecyclePolicyRecord, ProviderError> {
        put(client, context, operation, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: LifecyclePolicyRecord,
    ) -> Result<(), ProviderError> {
        let request = client
            .ecr()
            .delete_lifecycle_policy()
            .repository_name(prior.repository);
        let call = "DeleteLifecyclePolicy";
        let gone = client.call(context, ECR, call, || request.clone().send());
        absent_is_done(gone.await)
    }

    /// It has no tags: what says the same is what the operation wrote.
    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: LifecyclePolicyRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, &desired).await
    }
}

async fn get(
    client: &Client,
    context: &CallContext,
    repository: &str,
    prior: Option<&LifecyclePolicyRecord>,
) -> Result<Option<LifecyclePolicyRecord>, ProviderError> {
    let request = client
        .ecr()
        .get_lifecycle_policy()
        .repository_name(repository);
    let answer = client
        .call(context, ECR, "GetLifecyclePolicy", || {
            request.clone().send()
        })
        .await;
    Ok(there(answer)?.map(|found| LifecyclePolicyRecord {
        repository: repository.to_owned(),
        policy: document::as_said(
            found.lifecycle_policy_text.unwrap_or_default(),
            prior.map(|p| &*p.policy),
        ),
        id: Some(repository.to_owned()),
        registry_id: found.registry_id,
    }))
}

async fn put(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: LifecyclePolicyRecord,
) -> Result<LifecyclePolicyRecord, ProviderError> {
    let id = desired.repository.clone();
    let request = client
        .ecr()
        .put_lifecycle_policy()
        .repository_name(&id)
        .lifecycle_policy_text(&desired.policy);
    client
        .call(context, ECR, "PutLifecyclePolicy", || {
            request.clone().send()
        })
        .await?;
    wait::settled::<LifecyclePolicy>(client, context, operation, &id, desired).await
}

async fn find(
    client: &Client,
    context: &CallContext,
    desired: &LifecyclePolicyRecord,
) -> Result<Recovered, ProviderError> {
    let id = desired.repository.clone();
    let Some(found) = get(client, context, &id, None).await? else {
        return Ok(Recovered::Absent);
    };
    let (said, is) = (Value::from(&*desired.policy), Value::from(&*found.policy));
    Ok(if planning::same(Compare::Json, &said, &is) {
        Recovered::Found(id)
    } else {
        Recovered::Foreign(id)
    })
}
