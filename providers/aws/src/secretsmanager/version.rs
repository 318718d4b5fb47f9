//! `aws_secretsmanager_secret_version`.

use super::described;
use crate::batch::{self, Page};
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::SECRETS;
use crate::recover::Lost;
use crate::wait;
use async_trait::async_trait;
use aws_smithy_types::Blob;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource, Value};
use std::collections::BTreeSet;

/// What a secret holds, in one version. The version that is current stays with its secret when it is destroyed here.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct VersionRecord {
    /// The secret's ARN or name.
    #[record(required, force_new)]
    pub(crate) secret_id: String,
    /// Text that is secret, stored encrypted in the state.
    #[record(optional, force_new, sensitive)]
    pub(crate) secret_string: Option<String>,
    /// Text that is secret, never stored.
    #[record(optional, write_only, sensitive)]
    pub(crate) secret_string_wo: Option<String>,
    /// Change it to send `secret_string_wo` as a new version.
    #[record(optional, force_new)]
    pub(crate) secret_string_wo_version: Option<i64>,
    /// Bytes that are secret, in base64, stored encrypted in the state.
    #[record(optional, force_new, sensitive)]
    pub(crate) secret_binary: Option<String>,
    /// Labels of the version. Left out, it becomes the current one, `AWSCURRENT`.
    #[record(optional, computed)]
    pub(crate) version_stages: BTreeSet<String>,
    /// Its id, unique in the secret.
    #[record(computed)]
    pub(crate) version_id: Option<String>,
    /// ARN of the secret.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// ARN of the secret, `|`, and the version's id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Version;

/// The label of the version that readers get.
const CURRENT: &str = "AWSCURRENT";

#[async_trait]
impl Resource<Client> for Version {
    type Record = VersionRecord;
    const TYPE: &'static str = "aws_secretsmanager_secret_version";

    fn traits() -> Traits {
        Traits::default().seconds(1, 1, 1).family(SECRETS.name)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &&str| config.get(name).is_some_and(|v| !v.is_null());
        let given = ["secret_string", "secret_string_wo", "secret_binary"];
        let mut wrong = Vec::new();
        if given.iter().filter(|name| said(name)).count() != 1 {
            wrong.push(ProviderError::invalid(
                "secret_string",
                "a version needs one of `secret_string`, `secret_string_wo` and `secret_binary`",
            ));
        }
        let binary = config.get("secret_binary").and_then(Value::as_str);
        if binary.is_some_and(|b| STANDARD.decode(b).is_err()) {
            let message = "this is not base64: write `${base64encode(…)}` or `${filebase64(…)}`";
            wrong.push(ProviderError::invalid("secret_binary", message));
        }
        wrong
    }

    fn id(record: &VersionRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<VersionRecord>, ProviderError> {
        parts(id)?;
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<VersionRecord>],
    ) -> Vec<Result<Option<VersionRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async {
            let (secret, version) = parts(&item.id)?;
            let Some(stages) = stages(client, context, secret, version).await? else {
                return Ok(None);
            };
            let said = match item.prior.clone() {
                // What a version holds never changes, so that it is not asked for again.
                Some(prior) => prior,
                None => match held(client, context, secret, version).await? {
                    Some(held) => held,
                    None => return Ok(None),
                },
            };
            Ok(Some(VersionRecord {
                secret_string_wo: None,
                version_stages: stages,
                version_id: Some(version.to_owned()),
                arn: Some(secret.to_owned()),
                id: Some(item.id.clone()),
                ..said
            }))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: VersionRecord,
    ) -> Result<VersionRecord, ProviderError> {
        let text = desired.secret_string.as_ref();
        let text = text.or(desired.secret_string_wo.as_ref());
        let bytes = desired.secret_binary.as_ref().map(|b| STANDARD.decode(b));
        let bytes = bytes
            .transpose()
            .map_err(|_| ProviderError::invalid("secret_binary", "this is not base64"))?;
        let stages: Vec<String> = desired.version_stages.iter().cloned().collect();
        let request = client
            .secretsmanager()
            .put_secret_value()
            .secret_id(&desired.secret_id)
            // The token becomes the version's id: sent again, it is the same version.
            .client_request_token(operation.token.as_str())
            .set_secret_string(text.cloned())
            .set_secret_binary(bytes.map(Blob::new))
            .set_version_stages(Some(stages).filter(|s| !s.is_empty()));
        let id = client
            .begin(
                context,
                operation,
                SECRETS,
                "PutSecretValue",
                Lost::Resend,
                || async {
                    let made = request.clone().send().await?;
                    let (arn, version) = (made.arn(), made.version_id());
                    Ok(arn.zip(version).map(|(arn, version)| key(arn, version)))
                },
                |made: &Option<String>| made.as_deref(),
            )
            .await?;
        wait::settled::<Version>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: VersionRecord,
        desired: VersionRecord,
    ) -> Result<VersionRecord, ProviderError> {
        let id = Version::id(&prior);
        let (secret, version) = parts(&id)?;
        let holders = described(client, context, secret).await?;
        let holders = holders
            .and_then(|d| d.version_ids_to_stages)
            .unwrap_or_default();
        for stage in desired.version_stages.difference(&prior.version_stages) {
            let mut versions = holders.iter();
            let holder = versions.find(|(_, stages)| stages.contains(stage));
            let holder = holder
                .map(|(id, _)| id.as_str())
                .filter(|id| *id != version);
            relabel(client, context, secret, stage, holder, Some(version)).await?;
        }
        let dropped = prior.version_stages.difference(&desired.version_stages);
        // The current label can only move on to another version.
        for stage in dropped.filter(|stage| *stage != CURRENT) {
            relabel(client, context, secret, stage, Some(version), None).await?;
        }
        wait::settled::<Version>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: VersionRecord,
    ) -> Result<(), ProviderError> {
        let id = Version::id(&prior);
        let (secret, version) = parts(&id)?;
        let Some(stages) = stages(client, context, secret, version).await? else {
            return Ok(());
        };
        // Without a label Secrets Manager deletes it by itself; the current label cannot be taken away.
        for stage in stages.iter().filter(|stage| *stage != CURRENT) {
            let gone = relabel(client, context, secret, stage, Some(version), None).await;
            absent_is_done(gone)?;
        }
        Ok(())
    }

    /// The operation's token is the version's id.
    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: VersionRecord,
    ) -> Result<Recovered, ProviderError> {
        let found = described(client, context, &desired.secret_id).await?;
        let Some(arn) = found.and_then(|f| f.arn) else {
            return Ok(Recovered::Absent);
        };
        let version = operation.token.as_str();
        Ok(match stages(client, context, &arn, version).await? {
            Some(_) => Recovered::Found(key(&arn, version)),
            None => Recovered::Absent,
        })
    }

    /// It bears no marks: the version that readers of its secret get.
    async fn rediscover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let Some(secret) = config.get("secret_id").and_then(Value::as_str) else {
            return Ok(Vec::new());
        };
        let found = described(client, context, secret).await?;
        let Some(found) = found.filter(|f| f.deleted_date.is_none()) else {
            return Ok(Vec::new());
        };
        let arn = found.arn.unwrap_or_default();
        let versions = found.version_ids_to_stages.unwrap_or_default();
        let current = versions
            .iter()
            .find(|(_, stages)| stages.iter().any(|s| s == CURRENT));
        Ok(current.map(|(id, _)| key(&arn, id)).into_iter().collect())
    }
}

fn key(arn: &str, version: &str) -> String {
    format!("{arn}|{version}")
}

fn parts(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once('|')
        .filter(|(arn, version)| !arn.is_empty() && !version.is_empty())
        .ok_or_else(|| {
            ProviderError::invalid("id", format!("`{id}` is not `SECRET_ARN|VERSION_ID`"))
        })
}

/// The labels of a version; none where there is no such version, or its secret is gone or scheduled for deletion.
async fn stages(
    client: &Client,
    context: &CallContext,
    secret: &str,
    version: &str,
) -> Result<Option<BTreeSet<String>>, ProviderError> {
    let found = described(client, context, secret).await?;
    let Some(found) = found.filter(|f| f.deleted_date.is_none()) else {
        return Ok(None);
    };
    let labelled = found.version_ids_to_stages.unwrap_or_default();
    if let Some(stages) = labelled.get(version) {
        return Ok(Some(stages.iter().cloned().collect()));
    }
    let request = client
        .secretsmanager()
        .list_secret_version_ids()
        .secret_id(secret)
        .include_deprecated(true);
    let all = batch::all_pages(|token| {
        let request = request.clone().set_next_token(token);
        async move {
            let answer = client
                .call(context, SECRETS, "ListSecretVersionIds", || {
                    request.clone().send()
                })
                .await?;
            Ok::<_, ProviderError>(Page {
                items: answer.versions.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    });
    let all = there(all.await)?.unwrap_or_default();
    let known = all.iter().any(|v| v.version_id() == Some(version));
    Ok(known.then(BTreeSet::new))
}

/// What a version that is imported holds.
async fn held(
    client: &Client,
    context: &CallContext,
    secret: &str,
    version: &str,
) -> Result<Option<VersionRecord>, ProviderError> {
    let request = client
        .secretsmanager()
        .get_secret_value()
        .secret_id(secret)
        .version_id(version);
    let answer = client
        .call(context, SECRETS, "GetSecretValue", || {
            request.clone().send()
        })
        .await;
    Ok(there(answer)?.map(|found| VersionRecord {
        secret_id: secret.to_owned(),
        secret_string: found.secret_string,
        secret_binary: found.secret_binary.map(|b| STANDARD.encode(b)),
        ..VersionRecord::default()
    }))
}

/// Takes a label from one version and gives it to another.
async fn relabel(
    client: &Client,
    context: &CallContext,
    secret: &str,
    stage: &str,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), ProviderError> {
    let request = client
        .secretsmanager()
        .update_secret_version_stage()
        .secret_id(secret)
        .version_stage(stage)
        .set_remove_from_version_id(from.map(str::to_owned))
        .set_move_to_version_id(to.map(str::to_owned));
    client
        .call(context, SECRETS, "UpdateSecretVersionStage", || {
            request.clone().send()
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf";
        let id = key(arn, "0123");
        assert_eq!(parts(&id).expect("is one"), (arn, "0123"));
        for wrong in [arn, "|v", "arn|"] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }
}
