//! `aws_kms_alias`.

use super::{BRIEF, list, unheard};
use crate::batch;
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::KMS;
use crate::naming;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_kms::types::AliasListEntry as Found;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Type,
    Value,
};

/// A name of a key.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AliasRecord {
    /// The name, beginning with `alias/`. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with, beginning with `alias/`.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// The key's id or ARN.
    #[record(required)]
    pub(crate) target_key_id: String,
    /// The name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// ARN of the key.
    #[record(computed)]
    pub(crate) target_key_arn: Option<String>,
}

pub(crate) struct Alias;

#[async_trait]
impl Resource<Client> for Alias {
    type Record = AliasRecord;
    const TYPE: &'static str = "aws_kms_alias";

    fn traits() -> Traits {
        Traits::default()
            .seconds(1, 1, 1)
            .family(KMS.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<AliasRecord>(request, planned, ("name", "name_prefix"));
        let target = |value: &Value| value.get("target_key_id").cloned();
        if planned.replace.is_empty()
            && let Some(prior) = request.prior
            && target(prior) != target(&planned.value)
        {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("target_key_arn", Value::Unknown(Type::String));
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let wrong = |attribute: &&str| {
            let name = config.get(attribute).and_then(Value::as_str);
            name.is_some_and(|n| !n.starts_with("alias/") || n.starts_with("alias/aws/"))
        };
        let message = "must begin with `alias/`, and not with `alias/aws/`, which is AWS' own";
        ["name", "name_prefix"]
            .into_iter()
            .filter(wrong)
            .map(|attribute| ProviderError::invalid(attribute, message))
            .collect()
    }

    fn id(record: &AliasRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<AliasRecord>],
    ) -> Vec<Result<Option<AliasRecord>, ProviderError>> {
        let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = batch::by_listing(
            &ids,
            |a: &Found| a.alias_name.clone(),
            |name| aliases(client, context, name),
        )
        .await;
        found
            .into_iter()
            .zip(items)
            .map(|(found, item)| {
                let Some((found, key)) =
                    found?.and_then(|f| f.target_key_id.clone().map(|k| (f, k)))
                else {
                    return Ok(None);
                };
                let prior = item.prior.as_ref();
                let said = prior.map(|p| &p.target_key_id).filter(|s| same(s, &key));
                Ok(Some(AliasRecord {
                    name_prefix: prior.and_then(|p| p.name_prefix.clone()),
                    target_key_id: said.unwrap_or(&key).clone(),
                    target_key_arn: Some(client.arn("kms", &format!("key/{key}"))),
                    id: found.alias_name.clone(),
                    name: found.alias_name,
                    arn: found.alias_arn,
                }))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: AliasRecord,
    ) -> Result<AliasRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let request = client
            .kms()
            .create_alias()
            .alias_name(&name)
            .target_key_id(&desired.target_key_id);
        let id = wait::while_refused(context, operation, BRIEF, unheard, || {
            client.begin_named(
                context,
                operation,
                KMS,
                "CreateAlias",
                || find(client, context, &name, &desired),
                // The answer says nothing; the name is known.
                || async { request.clone().send().await.map(|_| name.clone()) },
                |made: &String| Some(made.as_str()),
            )
        })
        .await?;
        wait::settled::<Alias>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: AliasRecord,
        desired: AliasRecord,
    ) -> Result<AliasRecord, ProviderError> {
        let id = Alias::id(&prior);
        let request = client
            .kms()
            .update_alias()
            .alias_name(&id)
            .target_key_id(&desired.target_key_id);
        wait::while_refused(context, operation, BRIEF, unheard, || {
            client.call(context, KMS, "UpdateAlias", || request.clone().send())
        })
        .await?;
        wait::settled::<Alias>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: AliasRecord,
    ) -> Result<(), ProviderError> {
        let request = client.kms().delete_alias().alias_name(Alias::id(&prior));
        let gone = client.call(context, KMS, "DeleteAlias", || request.clone().send());
        absent_is_done(gone.await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AliasRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = name(&desired, operation);
        find(client, context, &name, &desired).await
    }
}

fn name(record: &AliasRecord, operation: &Operation) -> String {
    let prefix = record.name_prefix.as_deref().unwrap_or("alias/");
    naming::chosen(record.name.as_deref(), Some(prefix), operation)
}

/// Whether an id or ARN means the key.
fn same(said: &str, key: &str) -> bool {
    said == key || said.rsplit('/').next() == Some(key)
}

async fn aliases(
    client: &Client,
    context: &CallContext,
    name: Option<String>,
) -> Result<Vec<Found>, ProviderError> {
    let mut found = list!(client, context, "ListAliases": list_aliases => aliases).await?;
    if name.is_some() {
        found.retain(|a| a.alias_name == name);
    }
    Ok(found)
}

/// What has the name. Aliases have no tags: one that names the same key is what was asked for, and any other is not ours.
async fn find(
    client: &Client,
    context: &CallContext,
    name: &str,
    desired: &AliasRecord,
) -> Result<Recovered, ProviderError> {
    let found = aliases(client, context, Some(name.to_owned())).await?;
    Ok(match found.first().map(|a| a.target_key_id()) {
        None => Recovered::Absent,
        Some(Some(key)) if same(&desired.target_key_id, key) => Recovered::Found(name.to_owned()),
        Some(_) => Recovered::Foreign(name.to_owned()),
    })
}
