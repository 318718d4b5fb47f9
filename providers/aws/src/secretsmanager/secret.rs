//! `aws_secretsmanager_secret`.

use super::described;
use crate::batch::{self, Page};
use crate::client::Client;
use crate::document;
use crate::error::{absent_is_done, there};
use crate::family::SECRETS;
use crate::late::{About, once_known};
use crate::naming;
use crate::tags::{self, Tags};
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretOutput;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput as Found;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use aws_smithy_types::date_time::Format;
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Value,
};

/// A secret, without what it holds: that is its versions'.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecretRecord {
    /// Its name. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// ARN, id or alias of the key that encrypts it. Left out, it is AWS' own key for Secrets Manager.
    #[record(optional)]
    pub(crate) kms_key_id: Option<String>,
    /// Who may do what with it, in JSON; `{}` takes a policy away.
    #[record(optional, computed, compare = json)]
    pub(crate) policy: Option<String>,
    /// How many days a deleted secret can be brought back, 7 to 30, and its name is taken; 0 deletes it at once.
    #[record(optional, default = 30)]
    pub(crate) recovery_window_in_days: i64,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// Its ARN.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN, which ends in six random letters.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

pub(crate) struct Secret;

/// AWS' own key.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

#[async_trait]
impl Resource<Client> for Secret {
    type Record = SecretRecord;
    const TYPE: &'static str = "aws_secretsmanager_secret";

    fn traits() -> Traits {
        Traits::default()
            .seconds(1, 1, 1)
            .family(SECRETS.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<SecretRecord>(request, planned, ("name", "name_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut wrong = document::check(config, "policy");
        wrong.extend(naming::check(config, 512, "/_+=.@-"));
        let days = config
            .get("recovery_window_in_days")
            .and_then(Value::as_i64);
        if days.is_some_and(|d| d != 0 && !(7..=30).contains(&d)) {
            wrong.push(ProviderError::invalid(
                "recovery_window_in_days",
                "a deleted secret can be brought back for 7 to 30 days; 0 deletes it at once",
            ));
        }
        wrong
    }

    fn id(record: &SecretRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    /// One by one: the listing of all lags behind changes.
    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<SecretRecord>],
    ) -> Vec<Result<Option<SecretRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async {
            let (found, policy) = futures::join!(
                described(client, context, &item.id),
                policy(client, context, &item.id)
            );
            match found?.filter(|f| f.deleted_date.is_none()) {
                Some(found) => Ok(Some(record(client, found, policy?, item.prior.as_ref()))),
                None => Ok(None),
            }
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: SecretRecord,
    ) -> Result<SecretRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let marked = tags::for_create(&client.config().tags, &desired.tags, operation);
        let request = client
            .secretsmanager()
            .create_secret()
            .name(&name)
            // It is the token of the first version, which there is none of; the secret itself has no token.
            .client_request_token(operation.token.as_str())
            .set_description(desired.description.clone())
            .set_kms_key_id(desired.kms_key_id.clone())
            .set_tags(Some(to_sdk(&marked)));
        let id = wait::while_refused(context, operation, wait::BRIEF, still_going, || {
            client.begin_named(
                context,
                operation,
                SECRETS,
                "CreateSecret",
                || async {
                    let found = described(client, context, &name).await?;
                    if let Some(date) = found.as_ref().and_then(|f| f.deleted_date) {
                        return Err(scheduled(&name, date.fmt(Format::DateTime).ok()));
                    }
                    Ok(whose(operation, found))
                },
                || request.clone().send(),
                CreateSecretOutput::arn,
            )
        })
        .await?;
        set_policy(client, context, operation, &id, None, &desired).await?;
        wait::settled::<Secret>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SecretRecord,
        desired: SecretRecord,
    ) -> Result<SecretRecord, ProviderError> {
        let id = Secret::id(&prior);
        let sm = client.secretsmanager();
        if prior.description != desired.description || prior.kms_key_id != desired.kms_key_id {
            let key = desired.kms_key_id.as_deref().unwrap_or(DEFAULT_KEY);
            let changed = prior.kms_key_id != desired.kms_key_id;
            let request = sm
                .update_secret()
                .secret_id(&id)
                .client_request_token(operation.token.as_str())
                .description(desired.description.clone().unwrap_or_default())
                .set_kms_key_id(changed.then(|| key.to_owned()));
            client
                .call(context, SECRETS, "UpdateSecret", || request.clone().send())
                .await?;
        }
        let before = prior.policy.as_deref();
        set_policy(client, context, operation, &id, before, &desired).await?;
        retag(client, context, operation, &prior, &desired).await?;
        wait::settled::<Secret>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SecretRecord,
    ) -> Result<(), ProviderError> {
        let id = Secret::id(&prior);
        let request = client.secretsmanager().delete_secret().secret_id(&id);
        let request = match prior.recovery_window_in_days {
            0 => request.force_delete_without_recovery(true),
            days => request.recovery_window_in_days(days),
        };
        let sent = client
            .call(context, SECRETS, "DeleteSecret", || request.clone().send())
            .await;
        match sent {
            // It may be going already.
            Err(error) if error.code == "InvalidRequestException" => {
                let found = described(client, context, &id).await?;
                if found.is_some_and(|f| f.deleted_date.is_none()) {
                    return Err(error);
                }
            }
            sent => absent_is_done(sent)?,
        }
        // Its name is free, or taken for the days of the window, when this is seen.
        wait::until(context, operation, wait::BRIEF, || async {
            let found = described(client, context, &id).await?;
            Ok(match found.filter(|f| f.deleted_date.is_none()) {
                None => Progress::Done(()),
                Some(_) => Progress::Pending("deleting".to_owned()),
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: SecretRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = name(&desired, operation);
        let found = described(client, context, &name).await?;
        let found = found.filter(|f| f.deleted_date.is_none());
        Ok(whose(operation, found))
    }

    async fn rediscover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        marked(client, context, operation).await
    }
}

/// The secrets that carry the marks of an operation. A filter matches what begins like it, so that each is looked at again.
async fn marked(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<Vec<String>, ProviderError> {
    let marks = tags::marks(operation);
    let filter =
        |key: FilterNameStringType, text: &str| Filter::builder().key(key).values(text).build();
    let address = marks.get(tags::ADDRESS).map_or("", String::as_str);
    let request = client
        .secretsmanager()
        .list_secrets()
        .filters(filter(FilterNameStringType::TagKey, tags::ADDRESS))
        .filters(filter(FilterNameStringType::TagValue, address));
    let found = batch::all_pages(|token| {
        let request = request.clone().set_next_token(token);
        async move {
            let answer = client
                .call(context, SECRETS, "ListSecrets", || request.clone().send())
                .await?;
            Ok(Page {
                items: answer.secret_list.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    });
    let ours = found.await?.into_iter();
    let ours = ours.filter(|s| tags::are_of(&from_sdk(s.tags.clone()), operation));
    Ok(ours.filter_map(|s| s.arn).collect())
}

fn name(record: &SecretRecord, operation: &Operation) -> String {
    let (name, prefix) = (record.name.as_deref(), record.name_prefix.as_deref());
    naming::chosen(name, prefix, operation)
}

/// Secrets Manager still has a secret of the name that was deleted at once.
fn still_going(error: &ProviderError) -> bool {
    error.code == "InvalidRequestException" && error.message.contains("scheduled for deletion")
}

/// The name is taken until the date.
fn scheduled(name: &str, date: Option<String>) -> ProviderError {
    let date = date.map_or_else(String::new, |d| format!(" on {d}"));
    ProviderError {
        service: SECRETS.service.to_owned(),
        operation: "CreateSecret".to_owned(),
        code: "ScheduledForDeletion".to_owned(),
        ..ProviderError::invalid(
            "name",
            format!(
                "a secret `{name}` was deleted{date} and can still be brought back: restore it \
                 (`aws secretsmanager restore-secret`) and import it, delete it for good \
                 (`--force-delete-without-recovery`), or choose another name"
            ),
        )
    }
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect()
}

fn from_sdk(found: Option<Vec<Tag>>) -> Tags {
    let found = found.unwrap_or_default().into_iter();
    found
        .filter_map(|t| Some((t.key?, t.value.unwrap_or_default())))
        .collect()
}

/// Whether the operation made what was found.
fn whose(operation: &Operation, found: Option<Found>) -> Recovered {
    let Some(found) = found else {
        return Recovered::Absent;
    };
    let tagged = from_sdk(found.tags);
    tags::whose(operation, found.arn.unwrap_or_default(), Some(&tagged))
}

fn record(
    client: &Client,
    found: Found,
    policy: Option<String>,
    prior: Option<&SecretRecord>,
) -> SecretRecord {
    let tagged = from_sdk(found.tags);
    let (tags, tags_all) = tags::split(tagged, &client.config().tags, prior.map(|p| &p.tags));
    let said = prior.and_then(|p| p.policy.as_deref());
    SecretRecord {
        name_prefix: prior.and_then(|p| p.name_prefix.clone()),
        description: found.description.filter(|d| !d.is_empty()),
        kms_key_id: found.kms_key_id.filter(|k| k != DEFAULT_KEY),
        policy: match policy {
            Some(found) => Some(document::as_said(found, said)),
            // What was said to mean none stays said.
            None => said.filter(|s| is_none(s)).map(str::to_owned),
        },
        recovery_window_in_days: prior.map_or(30, |p| p.recovery_window_in_days),
        tags,
        tags_all,
        id: found.arn.clone(),
        name: found.name,
        arn: found.arn,
    }
}

/// Whether a policy that was said means that there is none.
fn is_none(policy: &str) -> bool {
    policy
        .chars()
        .filter(|c| !c.is_whitespace())
        .eq("{}".chars())
}

/// Its policy; none where it has none, or is being deleted, which its description tells.
async fn policy(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<String>, ProviderError> {
    let request = client.secretsmanager().get_resource_policy().secret_id(id);
    let answer = client
        .call(context, SECRETS, "GetResourcePolicy", || {
            request.clone().send()
        })
        .await;
    Ok(there(answer)?
        .and_then(|a| a.resource_policy)
        .filter(|p| !p.is_empty()))
}

/// Writes, or takes away, the policy where another is desired than there is.
async fn set_policy(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    before: Option<&str>,
    desired: &SecretRecord,
) -> Result<(), ProviderError> {
    let Some(policy) = desired.policy.as_deref().filter(|p| Some(*p) != before) else {
        return Ok(());
    };
    let sm = client.secretsmanager();
    if is_none(policy) {
        let request = sm.delete_resource_policy().secret_id(id);
        let call = "DeleteResourcePolicy";
        client
            .call(context, SECRETS, call, || request.clone().send())
            .await?;
        return Ok(());
    }
    let unheard = |error: &ProviderError| {
        error.code == "MalformedPolicyDocumentException" && error.message.contains("principal")
    };
    let request = sm.put_resource_policy().secret_id(id);
    let request = request.resource_policy(policy);
    let about = About::Roles(policy);
    once_known(client, context, operation, about, unheard, || {
        client.call(context, SECRETS, "PutResourcePolicy", || {
            request.clone().send()
        })
    })
    .await?;
    Ok(())
}

/// Brings tags from what they were, defaults included, to the resource's own and the present defaults.
async fn retag(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    prior: &SecretRecord,
    desired: &SecretRecord,
) -> Result<(), ProviderError> {
    let id = Secret::id(prior);
    let defaults = &client.config().tags;
    let (set, gone) = tags::changes(defaults, &prior.tags_all, &desired.tags, operation);
    let sm = client.secretsmanager();
    if !gone.is_empty() {
        let request = sm.untag_resource().secret_id(&id).set_tag_keys(Some(gone));
        client
            .call(context, SECRETS, "UntagResource", || request.clone().send())
            .await?;
    }
    let request = sm.tag_resource().secret_id(&id);
    let request = request.set_tags(Some(to_sdk(&set)));
    client
        .call(context, SECRETS, "TagResource", || request.clone().send())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::ErrorKind;

    #[test]
    fn a_name_that_is_scheduled_for_deletion_says_until_when_and_what_to_do() {
        let error = scheduled("app", Some("2026-01-31T00:00:00Z".to_owned()));
        assert_eq!(error.kind, ErrorKind::Invalid);
        for part in ["`app`", "2026-01-31", "restore-secret", "another name"] {
            assert!(error.message.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn an_empty_policy_means_none() {
        assert!(is_none("{}") && is_none(" { }\n"));
        assert!(!is_none(r#"{"Statement":[]}"#));
    }
}
