//! Attributes of load balancers, target groups and listeners: texts by key, which a table per type ties to a record's fields.

use super::tagging;
use crate::client::Client;
use crate::family::{ELB_READ, ELB_WRITE};
use crate::tags::{self, Tags};
use aws_sdk_elasticloadbalancingv2::types::{
    ListenerAttribute, LoadBalancerAttribute, TargetGroupAttribute,
};
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::{CallContext, ErrorKind, ProviderError};
use std::collections::BTreeMap;

/// Values by key.
pub(super) type Pairs = BTreeMap<String, String>;

/// One attribute and the field that it is.
pub(super) struct Attribute<R> {
    /// `idle_timeout.timeout_seconds`
    pub(super) key: &'static str,
    /// The kinds of things that have it, as the type tells them apart; empty for all.
    pub(super) kinds: &'static [&'static str],
    /// What a new one has.
    pub(super) default: &'static str,
    /// The field; none when AWS decides.
    pub(super) get: fn(&R) -> Option<String>,
    /// Sets the field.
    pub(super) set: fn(&mut R, &str),
}

impl<R> Attribute<R> {
    fn fits(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// Fills the fields: what this kind does not have stays as it was said, or is as a new one has it.
pub(super) fn fill<R>(
    table: &[Attribute<R>],
    kind: &str,
    found: &Pairs,
    prior: Option<&R>,
    record: &mut R,
) {
    for attribute in table {
        let value = if attribute.fits(kind) {
            found.get(attribute.key).cloned()
        } else {
            prior.and_then(attribute.get)
        };
        (attribute.set)(record, value.as_deref().unwrap_or(attribute.default));
    }
}

/// What must be set so that the attributes are as the record says.
pub(super) fn wanted<R>(
    table: &[Attribute<R>],
    kind: &str,
    record: &R,
    found: &Pairs,
) -> Vec<(String, String)> {
    table
        .iter()
        .filter(|a| a.fits(kind))
        .filter_map(|a| Some((a, (a.get)(record)?)))
        .filter(|(a, value)| found.get(a.key).map_or(a.default, String::as_str) != value)
        .map(|(a, value)| (a.key.to_owned(), value))
        .collect()
}

/// What has attributes.
#[derive(Clone, Copy)]
pub(super) enum Of {
    LoadBalancer,
    TargetGroup,
    Listener,
}

/// All attributes of one.
pub(super) async fn read(
    client: &Client,
    context: &CallContext,
    of: Of,
    arn: &str,
) -> Result<Pairs, ProviderError> {
    macro_rules! describe {
        ($call:literal, $method:ident, $arn:ident) => {
            client
                .call(context, ELB_READ, $call, || {
                    client.elbv2().$method().$arn(arn).send()
                })
                .await?
                .attributes
                .unwrap_or_default()
                .into_iter()
                .filter_map(|a| Some((a.key?, a.value.unwrap_or_default())))
                .collect()
        };
    }
    Ok(match of {
        Of::LoadBalancer => describe!(
            "DescribeLoadBalancerAttributes",
            describe_load_balancer_attributes,
            load_balancer_arn
        ),
        Of::TargetGroup => describe!(
            "DescribeTargetGroupAttributes",
            describe_target_group_attributes,
            target_group_arn
        ),
        Of::Listener => describe!(
            "DescribeListenerAttributes",
            describe_listener_attributes,
            listener_arn
        ),
    })
}

/// Sets attributes of one.
pub(super) async fn set(
    client: &Client,
    context: &CallContext,
    of: Of,
    arn: &str,
    pairs: &[(String, String)],
) -> Result<(), ProviderError> {
    if pairs.is_empty() {
        return Ok(());
    }
    macro_rules! modify {
        ($call:literal, $method:ident, $arn:ident, $kind:ident) => {{
            let attributes: Vec<$kind> = pairs
                .iter()
                .map(|(k, v)| $kind::builder().key(k).value(v).build())
                .collect();
            client
                .call(context, ELB_WRITE, $call, || {
                    client
                        .elbv2()
                        .$method()
                        .$arn(arn)
                        .set_attributes(Some(attributes.clone()))
                        .send()
                })
                .await?;
        }};
    }
    match of {
        Of::LoadBalancer => modify!(
            "ModifyLoadBalancerAttributes",
            modify_load_balancer_attributes,
            load_balancer_arn,
            LoadBalancerAttribute
        ),
        Of::TargetGroup => modify!(
            "ModifyTargetGroupAttributes",
            modify_target_group_attributes,
            target_group_arn,
            TargetGroupAttribute
        ),
        Of::Listener => modify!(
            "ModifyListenerAttributes",
            modify_listener_attributes,
            listener_arn,
            ListenerAttribute
        ),
    }
    Ok(())
}

/// Tags and attributes.
pub(super) struct Beside {
    pub(super) tags: Tags,
    pub(super) attributes: Pairs,
}

/// What makes a record of a listed thing: its ARN, the record, and where the record keeps its tags.
pub(super) struct Making<T, R> {
    pub(super) of: Of,
    pub(super) arn: fn(&T) -> Option<String>,
    pub(super) record: fn(T, &Pairs, Option<&R>) -> R,
    pub(super) tags: fn(&mut R) -> (&mut Tags, &mut Tags),
    pub(super) prior_tags: fn(&R) -> &Tags,
}

/// The records of what was found, with the tags and attributes that other calls tell; one that vanished between is absent.
pub(super) async fn records<T: Send, R: Send + Sync>(
    client: &Client,
    context: &CallContext,
    items: &[Item<R>],
    found: Vec<Result<Option<T>, ProviderError>>,
    making: Making<T, R>,
) -> Vec<Result<Option<R>, ProviderError>> {
    let there: Vec<String> = found
        .iter()
        .filter_map(|f| (making.arn)(f.as_ref().ok()?.as_ref()?))
        .collect();
    let mut beside = beside(client, context, making.of, &there).await;
    found
        .into_iter()
        .zip(items)
        .map(|(found, item)| {
            let Some(found) = found? else {
                return Ok(None);
            };
            let Some(beside) = beside.remove(&item.id).transpose()? else {
                return Ok(None);
            };
            let prior = item.prior.as_ref();
            let split = tags::split(
                beside.tags,
                &client.config().tags,
                prior.map(making.prior_tags),
            );
            let mut record = (making.record)(found, &beside.attributes, prior);
            let (own, all) = (making.tags)(&mut record);
            (*own, *all) = split;
            Ok(Some(record))
        })
        .collect()
}

/// Tags and attributes of each ARN that there is.
pub(super) async fn beside(
    client: &Client,
    context: &CallContext,
    of: Of,
    arns: &[String],
) -> BTreeMap<String, Result<Beside, ProviderError>> {
    let attributes = join_all(arns.iter().map(|arn| read(client, context, of, arn)));
    let (mut tags, attributes) = futures::join!(tagging::read(client, context, arns), attributes);
    arns.iter()
        .zip(attributes)
        .filter_map(|(arn, attributes)| {
            let both = match (tags.remove(arn)?, attributes) {
                (_, Err(error)) if error.kind == ErrorKind::NotFound => return None,
                (Ok(tags), Ok(attributes)) => Ok(Beside { tags, attributes }),
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
            Some((arn.clone(), both))
        })
        .collect()
}

/// `true` or `false` as a field.
pub(super) fn on(value: &str) -> bool {
    value == "true"
}

/// A number as a field.
pub(super) fn number(value: &str) -> i64 {
    value.parse().unwrap_or_default()
}

/// A text as a field; none when it is empty.
pub(super) fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}
