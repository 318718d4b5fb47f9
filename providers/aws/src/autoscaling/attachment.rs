//! `aws_autoscaling_attachment`.

use crate::batch::{self, Page};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::AUTOSCALING;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_autoscaling::types::AutoScalingGroup as Group;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource, Value,
};

/// A load balancer's targets are a group's machines.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AttachmentRecord {
    /// The group.
    #[record(required, force_new)]
    pub(crate) autoscaling_group_name: String,
    /// The target group.
    #[record(optional, force_new)]
    pub(crate) lb_target_group_arn: Option<String>,
    /// A classic load balancer instead.
    #[record(optional, force_new)]
    pub(crate) elb: Option<String>,
    /// `group,target`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// How many names one call takes.
const NAMES: usize = 50;

pub(crate) struct Attachment;

#[async_trait]
impl Resource<Client> for Attachment {
    type Record = AttachmentRecord;
    const TYPE: &'static str = "aws_autoscaling_attachment";

    fn traits() -> Traits {
        Traits::default()
            .seconds(5, 2, 5)
            .family(AUTOSCALING.name)
            .unique(&["autoscaling_group_name", "elb", "lb_target_group_arn"])
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let given = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        if given("lb_target_group_arn") == given("elb") {
            return vec![ProviderError::invalid(
                "lb_target_group_arn",
                "say one of `lb_target_group_arn` and `elb`",
            )];
        }
        Vec::new()
    }

    fn id(record: &AttachmentRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    fn import(id: &str) -> Result<Imported<AttachmentRecord>, ProviderError> {
        parts(id)?;
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<AttachmentRecord>],
    ) -> Vec<Result<Option<AttachmentRecord>, ProviderError>> {
        let names: Vec<String> = items
            .iter()
            .map(|i| parts(&i.id).map(|p| p.0.to_owned()).unwrap_or_default())
            .collect();
        let found = batch::by_key(
            &names,
            NAMES,
            |g: &Group| g.auto_scaling_group_name.clone(),
            |names| groups(client, context, names),
        )
        .await;
        found
            .into_iter()
            .zip(items)
            .map(|(found, item)| {
                let (name, target) = parts(&item.id)?;
                let attached = found?.iter().any(|g| attached(g, target));
                let group = is_target_group(target);
                Ok(attached.then(|| AttachmentRecord {
                    autoscaling_group_name: name.to_owned(),
                    lb_target_group_arn: group.then(|| target.to_owned()),
                    elb: (!group).then(|| target.to_owned()),
                    id: Some(item.id.clone()),
                }))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: AttachmentRecord,
    ) -> Result<AttachmentRecord, ProviderError> {
        let id = key(&desired);
        if operation.known_id.is_none() {
            attach(client, context, operation, &desired).await?;
            context.events.id_known(operation, &id).await?;
        }
        if let Some(arn) = &desired.lb_target_group_arn {
            let name = &desired.autoscaling_group_name;
            added(client, context, operation, name, arn).await?;
        }
        wait::settled::<Attachment>(client, context, operation, &id, desired).await
    }

    /// Nothing can be changed in place.
    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: AttachmentRecord,
        desired: AttachmentRecord,
    ) -> Result<AttachmentRecord, ProviderError> {
        let id = Attachment::id(&prior);
        wait::settled::<Attachment>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: AttachmentRecord,
    ) -> Result<(), ProviderError> {
        let id = Attachment::id(&prior);
        let (name, target) = parts(&id)?;
        if !is_attached(client, context, &id).await? {
            return Ok(());
        }
        if is_target_group(target) {
            let sent = wait::while_refused(context, operation, wait::MINUTES, busy, || {
                client.call(
                    context,
                    AUTOSCALING,
                    "DetachLoadBalancerTargetGroups",
                    || {
                        client
                            .autoscaling()
                            .detach_load_balancer_target_groups()
                            .auto_scaling_group_name(name)
                            .target_group_arns(target)
                            .send()
                    },
                )
            });
            detached(client, context, &id, sent.await).await?;
        } else {
            let sent = wait::while_refused(context, operation, wait::MINUTES, busy, || {
                client.call(context, AUTOSCALING, "DetachLoadBalancers", || {
                    client
                        .autoscaling()
                        .detach_load_balancers()
                        .auto_scaling_group_name(name)
                        .load_balancer_names(target)
                        .send()
                })
            });
            detached(client, context, &id, sent.await).await?;
        }
        wait::until(context, operation, wait::MINUTES, || {
            let id = &id;
            async move {
                Ok(if is_attached(client, context, id).await? {
                    Progress::Pending("Removing".to_owned())
                } else {
                    Progress::Done(())
                })
            }
        })
        .await
    }

    /// It has no tags: an attachment that is there is what the operation made, and attaching twice is attaching once.
    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: AttachmentRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = key(&desired);
        Ok(if is_attached(client, context, &id).await? {
            Recovered::Found(id)
        } else {
            Recovered::Absent
        })
    }
}

fn key(record: &AttachmentRecord) -> String {
    let target = record.lb_target_group_arn.as_ref().or(record.elb.as_ref());
    let target = target.map(String::as_str).unwrap_or_default();
    format!("{},{target}", record.autoscaling_group_name)
}

/// Neither ARNs nor names of load balancers have commas.
fn parts(id: &str) -> Result<(&str, &str), ProviderError> {
    id.rsplit_once(',').ok_or_else(|| {
        ProviderError::invalid(
            "id",
            format!("`{id}` is not `GROUP,TARGET_GROUP_ARN` or `GROUP,LOAD_BALANCER`"),
        )
    })
}

fn is_target_group(target: &str) -> bool {
    target.starts_with("arn:")
}

fn attached(group: &Group, target: &str) -> bool {
    let all = [group.target_group_arns(), group.load_balancer_names()];
    all.into_iter().flatten().any(|t| t == target)
}

async fn is_attached(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<bool, ProviderError> {
    let (name, target) = parts(id)?;
    let found = groups(client, context, vec![name.to_owned()]).await?;
    Ok(found.iter().any(|g| attached(g, target)))
}

/// What is attached no more is detached, also when the answer that said so was lost and the call sent again was refused.
async fn detached<T>(
    client: &Client,
    context: &CallContext,
    id: &str,
    sent: Result<T, ProviderError>,
) -> Result<(), ProviderError> {
    match sent {
        Err(error) if error.kind == ErrorKind::Invalid => {
            if is_attached(client, context, id).await? {
                Err(error)
            } else {
                Ok(())
            }
        }
        sent => absent_is_done(sent),
    }
}

/// Another change of the group, which passes.
fn busy(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Conflict || error.code == "ResourceContention"
}

async fn groups(
    client: &Client,
    context: &CallContext,
    names: Vec<String>,
) -> Result<Vec<Group>, ProviderError> {
    batch::all_pages(|token| {
        let request = client
            .autoscaling()
            .describe_auto_scaling_groups()
            .set_auto_scaling_group_names(Some(names.clone()))
            .set_next_token(token);
        async move {
            let answer = client
                .call(context, AUTOSCALING, "DescribeAutoScalingGroups", || {
                    request.clone().send()
                })
                .await?;
            Ok::<_, ProviderError>(Page {
                items: answer.auto_scaling_groups.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await
}

async fn attach(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &AttachmentRecord,
) -> Result<(), ProviderError> {
    let name = &desired.autoscaling_group_name;
    if let Some(arn) = &desired.lb_target_group_arn {
        wait::while_refused(context, operation, wait::MINUTES, busy, || {
            client.call(
                context,
                AUTOSCALING,
                "AttachLoadBalancerTargetGroups",
                || {
                    client
                        .autoscaling()
                        .attach_load_balancer_target_groups()
                        .auto_scaling_group_name(name)
                        .target_group_arns(arn)
                        .send()
                },
            )
        })
        .await?;
    }
    if let Some(elb) = &desired.elb {
        wait::while_refused(context, operation, wait::MINUTES, busy, || {
            client.call(context, AUTOSCALING, "AttachLoadBalancers", || {
                client
                    .autoscaling()
                    .attach_load_balancers()
                    .auto_scaling_group_name(name)
                    .load_balancer_names(elb)
                    .send()
            })
        })
        .await?;
    }
    Ok(())
}

/// Until the group's machines are registered; whether they are healthy is not waited for.
async fn added(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
    arn: &str,
) -> Result<(), ProviderError> {
    wait::until(context, operation, wait::MINUTES, || async move {
        let states = batch::all_pages(|token| {
            let request = client
                .autoscaling()
                .describe_load_balancer_target_groups()
                .auto_scaling_group_name(name)
                .set_next_token(token);
            async move {
                let answer = client
                    .call(
                        context,
                        AUTOSCALING,
                        "DescribeLoadBalancerTargetGroups",
                        || request.clone().send(),
                    )
                    .await?;
                Ok::<_, ProviderError>(Page {
                    items: answer.load_balancer_target_groups.unwrap_or_default(),
                    next: answer.next_token,
                })
            }
        })
        .await?;
        let state = states
            .iter()
            .find(|s| s.load_balancer_target_group_arn() == Some(arn))
            .and_then(|s| s.state());
        Ok(match state {
            Some("Added" | "InService") => Progress::Done(()),
            state => Progress::Pending(state.unwrap_or("appearing").to_owned()),
        })
    })
    .await
}
