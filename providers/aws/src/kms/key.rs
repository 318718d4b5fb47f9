//! `aws_kms_key`.

use super::{BRIEF, key_view, unheard};
use crate::client::Client;
use crate::document;
use crate::error::absent_is_done;
use crate::family::KMS;
use crate::late::{About, once_known};
use crate::recover::{self, Lost};
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use futures::future::BoxFuture;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Type,
    Value,
};
use std::time::Duration;

/// A key that never leaves KMS.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct KeyRecord {
    /// What it is for.
    #[record(optional, computed)]
    pub(crate) description: Option<String>,
    /// What it does: `ENCRYPT_DECRYPT`, `SIGN_VERIFY`, `GENERATE_VERIFY_MAC` or `KEY_AGREEMENT`.
    #[record(optional, force_new, default = "ENCRYPT_DECRYPT")]
    pub(crate) key_usage: String,
    /// What kind of key it is.
    #[record(optional, force_new, default = "SYMMETRIC_DEFAULT")]
    pub(crate) customer_master_key_spec: String,
    /// The custom key store that holds it.
    #[record(optional, force_new)]
    pub(crate) custom_key_store_id: Option<String>,
    /// Who may use and manage it, in JSON. Left out, the account's own policies decide.
    #[record(optional, computed, compare = json)]
    pub(crate) policy: Option<String>,
    /// Whether a policy is accepted that locks its author out.
    #[record(optional, default = false)]
    pub(crate) bypass_policy_lockout_safety_check: bool,
    /// How many days a deleted key can be brought back, 7 to 30.
    #[record(optional)]
    pub(crate) deletion_window_in_days: Option<i32>,
    /// Whether it can be used.
    #[record(optional, default = true)]
    pub(crate) is_enabled: bool,
    /// Whether KMS renews its material.
    #[record(optional, default = false)]
    pub(crate) enable_key_rotation: bool,
    /// How often it does, in days, 90 to 2560.
    #[record(optional, computed)]
    pub(crate) rotation_period_in_days: Option<i32>,
    /// Whether it can have replicas in other regions.
    #[record(optional, computed, force_new)]
    pub(crate) multi_region: Option<bool>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// Its id.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its id.
    #[record(computed)]
    pub(crate) key_id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

pub(crate) struct Key;

#[async_trait]
impl Resource<Client> for Key {
    type Record = KeyRecord;
    const TYPE: &'static str = "aws_kms_key";

    fn traits() -> Traits {
        Traits::default().seconds(5, 3, 1).family(KMS.name)
    }

    /// The period follows from rotation being switched on.
    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let rotates = |value: &Value| value.get("enable_key_rotation").cloned();
        let said = request.config.get("rotation_period_in_days");
        if planned.replace.is_empty()
            && let Some(prior) = request.prior
            && rotates(prior) != rotates(&planned.value)
            && said.is_none_or(Value::is_null)
        {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            let unknown = Value::Unknown(Type::Number);
            planned.value = value.with_attribute("rotation_period_in_days", unknown);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        document::check(config, "policy")
    }

    fn id(record: &KeyRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<KeyRecord>],
    ) -> Vec<Result<Option<KeyRecord>, ProviderError>> {
        key_view::read(client, context, items).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: KeyRecord,
    ) -> Result<KeyRecord, ProviderError> {
        let marked = tags::for_create(&client.config().tags, &desired.tags, operation);
        let request = client
            .kms()
            .create_key()
            .set_description(desired.description.clone())
            .key_usage(KeyUsageType::from(&*desired.key_usage))
            .key_spec(KeySpec::from(&*desired.customer_master_key_spec))
            .set_custom_key_store_id(desired.custom_key_store_id.clone())
            .set_policy(desired.policy.clone())
            .bypass_policy_lockout_safety_check(desired.bypass_policy_lockout_safety_check)
            .set_multi_region(desired.multi_region)
            .set_tags(Some(key_view::to_sdk(&marked)?));
        // The call has no token.
        let ours = || -> BoxFuture<'_, Result<Option<String>, ProviderError>> {
            Box::pin(async {
                let found = key_view::of_operation(client, context, operation).await?;
                Ok(found.into_iter().next())
            })
        };
        let lost = Lost::LookUp(Duration::from_secs(5), &ours);
        let call = "CreateKey";
        let about = About::Roles(desired.policy.as_deref().unwrap_or_default());
        let id = once_known(client, context, operation, about, unheard_principal, || {
            client.begin(
                context,
                operation,
                KMS,
                call,
                lost,
                || request.clone().send(),
                |made| Some(made.key_metadata()?.key_id()),
            )
        })
        .await?;
        configure(client, context, operation, &id, None, &desired).await?;
        wait::settled::<Key>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: KeyRecord,
        desired: KeyRecord,
    ) -> Result<KeyRecord, ProviderError> {
        let id = Key::id(&prior);
        configure(client, context, operation, &id, Some(&prior), &desired).await?;
        let defaults = &client.config().tags;
        let (set, gone) = tags::changes(defaults, &prior.tags_all, &desired.tags, operation);
        let kms = client.kms();
        if !gone.is_empty() {
            let request = kms.untag_resource().key_id(&id).set_tag_keys(Some(gone));
            client
                .call(context, KMS, "UntagResource", || request.clone().send())
                .await?;
        }
        let set = key_view::to_sdk(&set)?;
        let request = kms.tag_resource().key_id(&id).set_tags(Some(set));
        client
            .call(context, KMS, "TagResource", || request.clone().send())
            .await?;
        wait::settled::<Key>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: KeyRecord,
    ) -> Result<(), ProviderError> {
        let id = Key::id(&prior);
        let request = client
            .kms()
            .schedule_key_deletion()
            .key_id(&id)
            .set_pending_window_in_days(prior.deletion_window_in_days);
        let gone = client
            .call(context, KMS, "ScheduleKeyDeletion", || {
                request.clone().send()
            })
            .await;
        match gone {
            // It may be pending already.
            Err(error) if error.code == "KMSInvalidStateException" => {
                match key_view::described(client, context, &id).await {
                    Ok(None) => Ok(()),
                    _ => Err(error),
                }
            }
            gone => absent_is_done(gone),
        }
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: KeyRecord,
    ) -> Result<Recovered, ProviderError> {
        let candidates = key_view::of_operation(client, context, operation).await?;
        recover::found::<Key>(client, context, candidates).await
    }

    async fn rediscover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let marked = |tags: &Tags| tags::are_of(tags, operation);
        key_view::tagged(client, context, marked).await
    }
}

/// A policy that names a principal which is not known everywhere yet.
fn unheard_principal(error: &ProviderError) -> bool {
    error.code.starts_with("MalformedPolicyDocument") && error.message.contains("principal")
}

/// Brings a key from what it was, or from what a new one is, to what is desired. A disabled key cannot be set up, so that
/// it is enabled first and disabled last.
async fn configure(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: Option<&KeyRecord>,
    desired: &KeyRecord,
) -> Result<(), ProviderError> {
    let kms = client.kms();
    macro_rules! send {
        ($call:literal, $request:expr) => {{
            let request = $request.key_id(id);
            wait::while_refused(context, operation, BRIEF, unheard, || {
                client.call(context, KMS, $call, || request.clone().send())
            })
            .await?;
        }};
    }
    let enabled = prior.is_none_or(|p| p.is_enabled);
    // A resumed creation may have come as far as disabling it.
    let resumed = prior.is_none() && operation.known_id.is_some();
    if resumed || (desired.is_enabled && !enabled) {
        send!("EnableKey", kms.enable_key());
    }
    let rotates = |r: &KeyRecord| (r.enable_key_rotation, r.rotation_period_in_days);
    let (rotation, period) = rotates(desired);
    if rotation && prior.map(rotates) != Some((rotation, period)) {
        let request = kms.enable_key_rotation();
        send!(
            "EnableKeyRotation",
            request.set_rotation_period_in_days(period)
        );
    } else if !rotation && prior.is_some_and(|p| p.enable_key_rotation) {
        send!("DisableKeyRotation", kms.disable_key_rotation());
    }
    if let Some(prior) = prior {
        if prior.description != desired.description {
            let text = desired.description.clone().unwrap_or_default();
            send!(
                "UpdateKeyDescription",
                kms.update_key_description().description(text)
            );
        }
        if let Some(policy) = desired
            .policy
            .as_ref()
            .filter(|p| prior.policy.as_ref() != Some(p))
        {
            let about = About::Roles(policy);
            let bypass = desired.bypass_policy_lockout_safety_check;
            let request = kms.put_key_policy().policy_name("default").policy(policy);
            let request = request
                .bypass_policy_lockout_safety_check(bypass)
                .key_id(id);
            once_known(client, context, operation, about, unheard_principal, || {
                client.call(context, KMS, "PutKeyPolicy", || request.clone().send())
            })
            .await?;
        }
    }
    if !desired.is_enabled && enabled {
        send!("DisableKey", kms.disable_key());
    }
    Ok(())
}
