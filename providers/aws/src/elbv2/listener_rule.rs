//! `aws_lb_listener_rule`.

use super::action::{self, Action};
use super::condition::{self, Condition};
use super::{list, parent, tagging, there};
use crate::batch;
use crate::client::Client;
use crate::family::ELB_WRITE;
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{Rule as Found, RulePriorityPair};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource, Value};

/// What a listener does with requests of a certain kind.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ListenerRuleRecord {
    /// The listener.
    #[record(required, force_new)]
    pub(crate) listener_arn: String,
    /// 1 to 50000; the lowest rule that takes a request decides. Left out, the rule comes last.
    #[record(optional, computed)]
    pub(crate) priority: Option<i32>,
    /// What is asked of a request; all of these.
    #[record(block, set, min = 1)]
    pub(crate) condition: Vec<Condition>,
    /// What is done with it.
    #[record(block, min = 1)]
    pub(crate) action: Vec<Action>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// The ARN.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

/// The last priority.
const LAST: i32 = 50_000;

pub(crate) struct ListenerRule;

#[async_trait]
impl Resource<Client> for ListenerRule {
    type Record = ListenerRuleRecord;
    const TYPE: &'static str = "aws_lb_listener_rule";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(ELB_WRITE.name)
            .unique(&["listener_arn", "priority"])
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let priority = config.get("priority").and_then(Value::as_i64);
        if priority.is_some_and(|p| !(1..=i64::from(LAST)).contains(&p)) {
            return vec![ProviderError::invalid(
                "priority",
                format!("`priority` must be between 1 and {LAST}"),
            )];
        }
        Vec::new()
    }

    fn id(record: &ListenerRuleRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ListenerRuleRecord>],
    ) -> Vec<Result<Option<ListenerRuleRecord>, ProviderError>> {
        let listeners: Vec<String> = items
            .iter()
            .map(|i| parent(&i.id).unwrap_or_default())
            .collect();
        let listings = batch::by_key(
            &listeners,
            1,
            |r: &Found| r.rule_arn.as_deref().and_then(parent),
            |arns| async move {
                match arns.first() {
                    Some(arn) => rules(client, context, arn).await,
                    None => Ok(Vec::new()),
                }
            },
        )
        .await;
        let found: Vec<Result<Option<Found>, ProviderError>> = listings
            .into_iter()
            .zip(items)
            .map(|(listing, item)| {
                Ok(listing?
                    .into_iter()
                    .find(|r| r.rule_arn.as_ref() == Some(&item.id)))
            })
            .collect();
        let there: Vec<String> = found
            .iter()
            .filter_map(|f| f.as_ref().ok()?.as_ref()?.rule_arn.clone())
            .collect();
        let mut tags = tagging::read(client, context, &there).await;
        found
            .into_iter()
            .zip(items)
            .map(|(found, item)| {
                let (Some(rule), Some(found_tags)) = (found?, tags.remove(&item.id).transpose()?)
                else {
                    return Ok(None);
                };
                let prior = item.prior.as_ref();
                let (tags, tags_all) =
                    tags::split(found_tags, &client.config().tags, prior.map(|p| &p.tags));
                Ok(Some(ListenerRuleRecord {
                    listener_arn: parent(&item.id).unwrap_or_default(),
                    priority: priority(&rule),
                    condition: condition::from_sdk(rule.conditions()),
                    action: action::from_sdk(rule.actions(), prior.map(|p| p.action.as_slice())),
                    tags,
                    tags_all,
                    id: rule.rule_arn.clone(),
                    arn: rule.rule_arn,
                }))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ListenerRuleRecord,
    ) -> Result<ListenerRuleRecord, ProviderError> {
        let said = desired.priority;
        let mut attempts = 0;
        let arn = loop {
            let priority = match said {
                Some(priority) => priority,
                None if operation.known_id.is_some() => LAST,
                None => next_priority(client, context, &desired.listener_arn).await?,
            };
            let request = client
                .elbv2()
                .create_rule()
                .listener_arn(&desired.listener_arn)
                .priority(priority)
                .set_conditions(Some(condition::to_sdk(&desired.condition)))
                .set_actions(Some(action::to_sdk(&desired.action)))
                .set_tags(Some(tagging::for_create(client, operation, &desired.tags)));
            let made = client
                .begin_named(
                    context,
                    operation,
                    ELB_WRITE,
                    "CreateRule",
                    || find(client, context, operation, &desired),
                    || request.clone().send(),
                    |made| made.rules().first()?.rule_arn(),
                )
                .await;
            match made {
                // Another rule was made at the same time.
                Err(error)
                    if said.is_none()
                        && error.code.starts_with("PriorityInUse")
                        && attempts < 20 =>
                {
                    attempts += 1;
                }
                made => break made?,
            }
        };
        wait::settled::<ListenerRule>(client, context, operation, &arn, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ListenerRuleRecord,
        desired: ListenerRuleRecord,
    ) -> Result<ListenerRuleRecord, ProviderError> {
        let arn = ListenerRule::id(&prior);
        if prior.priority != desired.priority
            && let Some(priority) = desired.priority
        {
            let pair = RulePriorityPair::builder()
                .rule_arn(&arn)
                .priority(priority)
                .build();
            client
                .call(context, ELB_WRITE, "SetRulePriorities", || {
                    client
                        .elbv2()
                        .set_rule_priorities()
                        .rule_priorities(pair.clone())
                        .send()
                })
                .await?;
        }
        if prior.condition != desired.condition || prior.action != desired.action {
            client
                .call(context, ELB_WRITE, "ModifyRule", || {
                    client
                        .elbv2()
                        .modify_rule()
                        .rule_arn(&arn)
                        .set_conditions(Some(condition::to_sdk(&desired.condition)))
                        .set_actions(Some(action::to_sdk(&desired.action)))
                        .send()
                })
                .await?;
        }
        let (before, own) = (&prior.tags_all, &desired.tags);
        tagging::update(client, context, operation, &arn, before, own).await?;
        wait::settled::<ListenerRule>(client, context, operation, &arn, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ListenerRuleRecord,
    ) -> Result<(), ProviderError> {
        let arn = ListenerRule::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, ELB_WRITE, "DeleteRule", || {
                client.elbv2().delete_rule().rule_arn(&arn).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ListenerRuleRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &desired).await
    }
}

/// None of the default rule, which is the listener's own.
fn priority(rule: &Found) -> Option<i32> {
    rule.priority()?.parse().ok()
}

async fn rules(
    client: &Client,
    context: &CallContext,
    listener: &str,
) -> Result<Vec<Found>, ProviderError> {
    let listed =
        list!(client, context, "DescribeRules": describe_rules.listener_arn(listener) => rules);
    there(listed.await)
}

async fn next_priority(
    client: &Client,
    context: &CallContext,
    listener: &str,
) -> Result<i32, ProviderError> {
    let found = rules(client, context, listener).await?;
    let last = found.iter().filter_map(priority).max().unwrap_or(0);
    Ok((last + 1).min(LAST))
}

/// What has the priority, or any rule when AWS's order is good enough, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &ListenerRuleRecord,
) -> Result<Recovered, ProviderError> {
    let found = rules(client, context, &desired.listener_arn).await?;
    let arns = found
        .into_iter()
        .filter(|r| match (priority(r), desired.priority) {
            (Some(is), Some(wanted)) => is == wanted,
            (is, None) => is.is_some(),
            _ => false,
        })
        .filter_map(|r| r.rule_arn);
    let found = tagging::whose(client, context, operation, arns.collect()).await?;
    Ok(match found {
        // Without a priority of its own the rule takes nobody's place.
        Recovered::Foreign(_) if desired.priority.is_none() => Recovered::Absent,
        found => found,
    })
}
