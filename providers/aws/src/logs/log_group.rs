//! `aws_cloudwatch_log_group`.

use crate::batch::{self, Page};
use crate::client::{Client, Place};
use crate::error::there;
use crate::family::LOGS;
use crate::late::{About, once_known};
use crate::naming;
use crate::tagged::{self, Asked};
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::types::{LogGroup as Found, LogGroupClass};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use std::collections::HashMap;

/// A place for log streams that are kept alike.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LogGroupRecord {
    /// Its name. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// How many days events are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
    /// 2922, 3288 or 3653; 0 for ever.
    #[record(optional, default = 0)]
    pub(crate) retention_in_days: i32,
    /// ARN of the key that encrypts new events. Its policy must let `logs.REGION.amazonaws.com` use it.
    #[record(optional)]
    pub(crate) kms_key_id: Option<String>,
    /// `STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`.
    #[record(optional, computed, force_new)]
    pub(crate) log_group_class: Option<String>,
    /// Whether it stays, with what is in it, when it is destroyed here.
    #[record(optional, default = false)]
    pub(crate) skip_destroy: bool,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// Its name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN, without `:*` at the end.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

pub(crate) struct LogGroup;

/// What `PutRetentionPolicy` takes:
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.
const DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// The most names that `DescribeLogGroups` takes.
const IDENTIFIERS: usize = 50;

#[async_trait]
impl Resource<Client> for LogGroup {
    type Record = LogGroupRecord;
    const TYPE: &'static str = "aws_cloudwatch_log_group";

    fn traits() -> Traits {
        Traits::default()
            .seconds(1, 1, 1)
            .family(LOGS.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<LogGroupRecord>(request, planned, ("name", "name_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut wrong = naming::check(config, 512, "_-/.#");
        let days = config.get("retention_in_days").and_then(Value::as_i64);
        if days.is_some_and(|d| d != 0 && !DAYS.contains(&d)) {
            let all = DAYS.map(|d| d.to_string()).join(", ");
            wrong.push(ProviderError::invalid(
                "retention_in_days",
                format!("CloudWatch keeps events for 0 (for ever), {all} days"),
            ));
        }
        wrong
    }

    fn id(record: &LogGroupRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<LogGroupRecord>],
    ) -> Vec<Result<Option<LogGroupRecord>, ProviderError>> {
        let names: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = described(client, context, &names).await;
        let arn_of = |item: &Item<_>| client.arn("logs", &format!("log-group:{}", item.id));
        let asked = items.iter().zip(&found).map(|(item, found)| Asked {
            arn: matches!(found, Ok(Some(_))).then(|| arn_of(item)),
            last: item.prior.as_ref().map(|p| &p.tags_all),
        });
        let own = |arn: String| async move { tags_of(client, context, &arn).await };
        let tagged = tagged::read(client, context, Place::Region, asked.collect(), own).await;
        let both = found.into_iter().zip(tagged).zip(items);
        both.map(|((found, tagged), item)| {
            let (Some(found), Some(tagged)) = (found?, tagged?) else {
                return Ok(None);
            };
            let prior = item.prior.as_ref();
            let (tags, tags_all) =
                tags::split(tagged, &client.config().tags, prior.map(|p| &p.tags));
            // A class that a server does not tell is the usual one.
            let class = found.log_group_class.unwrap_or(LogGroupClass::Standard);
            Ok(Some(LogGroupRecord {
                name_prefix: prior.and_then(|p| p.name_prefix.clone()),
                skip_destroy: prior.is_some_and(|p| p.skip_destroy),
                retention_in_days: found.retention_in_days.unwrap_or_default(),
                kms_key_id: found.kms_key_id,
                log_group_class: Some(class.as_str().to_owned()),
                tags,
                tags_all,
                id: found.log_group_name.clone(),
                name: found.log_group_name,
                arn: Some(arn_of(item)),
            }))
        })
        .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: LogGroupRecord,
    ) -> Result<LogGroupRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let marked = tags::for_create(&client.config().tags, &desired.tags, operation);
        let class = desired.log_group_class.as_deref().map(LogGroupClass::from);
        let request = client
            .logs()
            .create_log_group()
            .log_group_name(&name)
            .set_kms_key_id(desired.kms_key_id.clone())
            .set_log_group_class(class)
            .set_tags(Some(marked.into_iter().collect()));
        let about = About::Key(desired.kms_key_id.as_deref().unwrap_or_default());
        let id = once_known(client, context, operation, about, key_unheard, || {
            client.begin_named(
                context,
                operation,
                LOGS,
                "CreateLogGroup",
                || find(client, context, operation, &name),
                // The answer says nothing; the name is known.
                || async { request.clone().send().await.map(|_| name.clone()) },
                |made: &String| Some(made.as_str()),
            )
        })
        .await?;
        if desired.retention_in_days != 0 {
            retain(client, context, operation, &id, desired.retention_in_days).await?;
        }
        wait::settled::<LogGroup>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: LogGroupRecord,
        desired: LogGroupRecord,
    ) -> Result<LogGroupRecord, ProviderError> {
        let id = LogGroup::id(&prior);
        if prior.retention_in_days != desired.retention_in_days {
            retain(client, context, operation, &id, desired.retention_in_days).await?;
        }
        if prior.kms_key_id != desired.kms_key_id {
            encrypt(client, context, operation, &id, desired.kms_key_id.as_ref()).await?;
        }
        retag(client, context, operation, &prior, &desired).await?;
        wait::settled::<LogGroup>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: LogGroupRecord,
    ) -> Result<(), ProviderError> {
        if prior.skip_destroy {
            return Ok(());
        }
        let request = client
            .logs()
            .delete_log_group()
            .log_group_name(LogGroup::id(&prior));
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, LOGS, "DeleteLogGroup", || request.clone().send())
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: LogGroupRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &name(&desired, operation)).await
    }
}

fn name(record: &LogGroupRecord, operation: &Operation) -> String {
    let (name, prefix) = (record.name.as_deref(), record.name_prefix.as_deref());
    naming::chosen(name, prefix, operation)
}

/// Logs refuses a key that it may not use yet, or that is not known everywhere yet.
fn key_unheard(error: &ProviderError) -> bool {
    let message = error.message.to_ascii_lowercase();
    matches!(error.kind, ErrorKind::Invalid | ErrorKind::Denied) && message.contains("kms key")
}

/// The groups of the names, fifty a call. One by itself is asked for by prefix, which every server understands.
async fn described(
    client: &Client,
    context: &CallContext,
    names: &[String],
) -> Vec<Result<Option<Found>, ProviderError>> {
    let found = batch::by_key(
        names,
        IDENTIFIERS,
        |g: &Found| g.log_group_name.clone(),
        |chunk| listed(client, context, chunk),
    );
    let first = |found: Result<Vec<Found>, ProviderError>| Ok(found?.into_iter().next());
    found.await.into_iter().map(first).collect()
}

async fn listed(
    client: &Client,
    context: &CallContext,
    names: Vec<String>,
) -> Result<Vec<Found>, ProviderError> {
    let request = client.logs().describe_log_groups();
    let request = match &*names {
        [name] => request.log_group_name_prefix(name),
        _ => request.set_log_group_identifiers(Some(names)),
    };
    batch::all_pages(|token| {
        let request = request.clone().set_next_token(token);
        async move {
            let answer = client
                .call(context, LOGS, "DescribeLogGroups", || {
                    request.clone().send()
                })
                .await?;
            Ok(Page {
                items: answer.log_groups.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await
}

/// The tags; none when the group is gone.
async fn tags_of(
    client: &Client,
    context: &CallContext,
    arn: &str,
) -> Result<Option<Tags>, ProviderError> {
    let request = client.logs().list_tags_for_resource().resource_arn(arn);
    let answer = client
        .call(context, LOGS, "ListTagsForResource", || {
            request.clone().send()
        })
        .await;
    Ok(there(answer)?.map(|a| a.tags.unwrap_or_default().into_iter().collect()))
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let found = described(client, context, &[name.to_owned()]).await.pop();
    if found.transpose()?.flatten().is_none() {
        return Ok(Recovered::Absent);
    }
    let arn = client.arn("logs", &format!("log-group:{name}"));
    let tagged = tags_of(client, context, &arn).await?;
    Ok(tags::whose(operation, name.to_owned(), tagged.as_ref()))
}

/// Keeps events for so many days, or for ever.
async fn retain(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
    days: i32,
) -> Result<(), ProviderError> {
    let logs = client.logs();
    let busy = |error: &ProviderError| error.kind == ErrorKind::Conflict;
    wait::while_refused(context, operation, wait::QUICK, busy, || async {
        if days == 0 {
            let request = logs.delete_retention_policy().log_group_name(name);
            let call = "DeleteRetentionPolicy";
            client
                .call(context, LOGS, call, || request.clone().send())
                .await
                .map(|_| ())
        } else {
            let request = logs.put_retention_policy().log_group_name(name);
            let request = request.retention_in_days(days);
            client
                .call(context, LOGS, "PutRetentionPolicy", || {
                    request.clone().send()
                })
                .await
                .map(|_| ())
        }
    })
    .await
}

/// Encrypts new events with a key, or with CloudWatch's own.
async fn encrypt(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
    key: Option<&String>,
) -> Result<(), ProviderError> {
    let logs = client.logs();
    let about = About::Key(key.map_or("", String::as_str));
    once_known(client, context, operation, about, key_unheard, || async {
        match key {
            Some(key) => {
                let request = logs.associate_kms_key().log_group_name(name);
                let request = request.kms_key_id(key);
                client
                    .call(context, LOGS, "AssociateKmsKey", || request.clone().send())
                    .await
                    .map(|_| ())
            }
            None => {
                let request = logs.disassociate_kms_key().log_group_name(name);
                let call = "DisassociateKmsKey";
                client
                    .call(context, LOGS, call, || request.clone().send())
                    .await
                    .map(|_| ())
            }
        }
    })
    .await
}

/// Brings tags from what they were, defaults included, to the resource's own and the present defaults.
async fn retag(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    prior: &LogGroupRecord,
    desired: &LogGroupRecord,
) -> Result<(), ProviderError> {
    let arn = prior.arn.as_deref().unwrap_or_default();
    let defaults = &client.config().tags;
    let (set, gone) = tags::changes(defaults, &prior.tags_all, &desired.tags, operation);
    let logs = client.logs();
    if !gone.is_empty() {
        let request = logs.untag_resource().resource_arn(arn);
        let request = request.set_tag_keys(Some(gone));
        client
            .call(context, LOGS, "UntagResource", || request.clone().send())
            .await?;
    }
    let set: HashMap<String, String> = set.into_iter().collect();
    let request = logs.tag_resource().resource_arn(arn).set_tags(Some(set));
    client
        .call(context, LOGS, "TagResource", || request.clone().send())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::from_json;
    use serde_json::json;

    #[test]
    fn days_that_cloudwatch_does_not_keep_are_refused_with_those_that_it_does() {
        let said = |days: i64| {
            let config = json!({ "name": "app", "retention_in_days": days });
            let ty = LogGroupRecord::block().implied_type();
            LogGroup::validate(&from_json(&config, &ty).expect("fits"))
        };
        assert!(said(0).is_empty() && said(90).is_empty());
        let [error] = &said(45)[..] else {
            panic!("45 days are accepted");
        };
        assert!(error.message.contains("30, 60"), "{error}");
    }
}
