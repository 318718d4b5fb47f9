//! EKS: clusters, their nodes, add-ons and who may use them. One file a type; here is what all share: beginning, changing
//! and how ids are put together.

pub(crate) mod access_entry;
pub(crate) mod access_policy_association;
pub(crate) mod addon;
pub(crate) mod cluster;
pub(crate) mod cluster_auto;
mod cluster_call;
pub(crate) mod node_group;
mod node_group_call;
pub(crate) mod pod_identity_association;
mod tagging;

use crate::client::Client;
use crate::error::there;
use crate::family::EKS;
use crate::late::{About, once_known};
use crate::recover;
use crate::wait::{self, Pace, Progress};
use aws_sdk_eks::types::{Update, UpdateStatus};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::join_all;
use infra_cloud::read;
use infra_model::resource::{Imported, Item};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Recovered, Resource};
use std::collections::BTreeSet;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

/// Cluster and name of `cluster:name`; ARNs as names have more colons.
fn parts(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once(':')
        .filter(|(cluster, name)| !cluster.is_empty() && !name.is_empty())
        .ok_or_else(|| ProviderError::invalid("id", format!("`{id}` is not `CLUSTER:NAME`")))
}

/// The import id of what is under a cluster is its id.
fn import<R>(id: &str) -> Result<Imported<R>, ProviderError> {
    parts(id)?;
    Ok(Imported {
        id: id.to_owned(),
        prior: None,
    })
}

/// Reads one by one, all at once: EKS describes no more than one a call.
async fn each<R, F>(
    items: &[Item<R>],
    one: impl Fn(Item<R>) -> F,
) -> Vec<Result<Option<R>, ProviderError>>
where
    R: Clone,
    F: Future<Output = Result<Option<R>, ProviderError>>,
{
    join_all(items.iter().cloned().map(one)).await
}

/// A record as it is now.
async fn now<R: Resource<Client>>(
    client: &Client,
    context: &CallContext,
    prior: &R::Record,
) -> Result<R::Record, ProviderError> {
    let id = R::id(prior);
    let found = read::one::<_, R>(client, context, &id, Some(prior.clone())).await?;
    found.ok_or_else(|| failed(format!("`{id}` is gone")))
}

fn set(found: &[String]) -> BTreeSet<String> {
    found.iter().cloned().collect()
}

fn list(said: &BTreeSet<String>) -> Option<Vec<String>> {
    Some(said.iter().cloned().collect())
}

fn time(found: Option<&DateTime>) -> Option<String> {
    found?.fmt(Format::DateTime).ok()
}

fn failed(message: String) -> ProviderError {
    ProviderError {
        service: EKS.service.to_owned(),
        ..ProviderError::new(ErrorKind::Other, message)
    }
}

/// Why the cloud says that something failed: `CODE: message; …`.
fn reasons<'a>(issues: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> String {
    let all: Vec<String> = issues
        .map(|(code, message)| {
            format!(
                "{}: {}",
                code.unwrap_or("unknown"),
                message.unwrap_or("no reason given")
            )
        })
        .collect();
    if all.is_empty() {
        "EKS gives no reason".to_owned()
    } else {
        all.join("; ")
    }
}

/// An entry that was just made is not known everywhere yet.
const ENTRIES: Pace = Pace {
    limit: Duration::from_mins(2),
    ..wait::QUICK
};

/// Whether a refusal is about a role or principal. EKS has no error of its own for one that has not spread yet; it says
/// `InvalidParameterException` in words that differ from call to call and are documented nowhere (the tests have those that
/// people have reported), and what they share is what they are about. What is truly wrong is told at once where there is no such
/// role, and otherwise when it can no longer be new.
fn role_unknown(error: &ProviderError) -> bool {
    let message = error.message.to_ascii_lowercase();
    let words = || message.split(|c: char| !c.is_ascii_alphanumeric());
    let about = words().any(|w| matches!(w, "role" | "noderole" | "principal" | "principalarn"));
    // Permissions of the caller do not come by waiting.
    error.kind == ErrorKind::Invalid && about && !message.contains("not allowed")
}

/// Creates, or goes on with what the operation began, and makes the id durable. `send` carries the operation's token;
/// `find` tells whose it is when there is one already; `about` is what roles are named.
#[allow(clippy::too_many_arguments, reason = "one call's whole description")]
async fn begin<T, E, F, G>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    call: &'static str,
    about: About<'_>,
    find: impl Fn() -> G + Send + Sync,
    send: impl Fn() -> F + Send + Sync,
    id_of: impl Fn(T) -> Option<String> + Send + Sync,
) -> Result<String, ProviderError>
where
    T: Send,
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    G: Future<Output = Result<Recovered, ProviderError>> + Send,
{
    if let Some(id) = &operation.known_id {
        return Ok(id.clone());
    }
    let sent = once_known(client, context, operation, about, role_unknown, || {
        client.call(context, EKS, call, &send)
    })
    .await;
    let id = match sent {
        Ok(answer) => {
            id_of(answer).ok_or_else(|| failed(format!("{call} answered without an id")))?
        }
        Err(error) if error.kind == ErrorKind::Conflict => match find().await? {
            Recovered::Found(id) => id,
            Recovered::Foreign(id) => {
                return Err(ProviderError {
                    request_id: error.request_id,
                    ..recover::taken(EKS, call, &id)
                });
            }
            Recovered::Absent => return Err(error),
        },
        Err(error) => return Err(error),
    };
    context.events.id_known(operation, &id).await?;
    Ok(id)
}

/// A change that EKS makes in its own time.
#[derive(Clone, Copy)]
struct Change<'a> {
    call: &'static str,
    cluster: &'a str,
    node_group: Option<&'a str>,
    addon: Option<&'a str>,
    /// What roles are named.
    about: About<'a>,
}

/// Sends a change, which waits for others to be over, and sees it through. A change that changes nothing is refused as
/// invalid, in words that are documented nowhere: whether that is why, `made` tells by what is there. An interrupted run may
/// have made it.
async fn change<T, E, F, G>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    what: Change<'_>,
    send: impl Fn() -> F + Send + Sync,
    update: impl Fn(T) -> Option<Update> + Send + Sync,
    made: impl Fn() -> G + Send + Sync,
) -> Result<(), ProviderError>
where
    T: Send,
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    G: Future<Output = Result<bool, ProviderError>> + Send,
{
    let call = what.call;
    let busy = |e: &ProviderError| e.kind == ErrorKind::Conflict;
    let sent = once_known(client, context, operation, what.about, role_unknown, || {
        wait::while_refused(context, operation, wait::LONG, busy, || {
            client.call(context, EKS, call, &send)
        })
    })
    .await;
    let begun = match sent {
        Ok(answer) => update(answer),
        Err(error) if error.kind != ErrorKind::Invalid => return Err(error),
        Err(refused) => match made().await {
            Ok(true) => None,
            Ok(false) | Err(_) => return Err(refused),
        },
    };
    let Some(id) = begun.and_then(|u| u.id) else {
        return Ok(());
    };
    wait::until(context, operation, wait::LONG, || {
        let id = &id;
        async move {
            let answer = client
                .call(context, EKS, "DescribeUpdate", || {
                    client
                        .eks()
                        .describe_update()
                        .name(what.cluster)
                        .set_nodegroup_name(what.node_group.map(str::to_owned))
                        .set_addon_name(what.addon.map(str::to_owned))
                        .update_id(id)
                        .send()
                })
                .await?;
            let Some(found) = answer.update() else {
                return Ok(Progress::Pending("appearing".to_owned()));
            };
            match found.status() {
                Some(UpdateStatus::Successful) => Ok(Progress::Done(())),
                Some(status @ (UpdateStatus::Failed | UpdateStatus::Cancelled)) => {
                    let why = reasons(found.errors().iter().map(|e| {
                        (
                            e.error_code().map(aws_sdk_eks::types::ErrorCode::as_str),
                            e.error_message(),
                        )
                    }));
                    Err(failed(format!(
                        "{call} ended as {}: {why}",
                        status.as_str()
                    )))
                }
                status => Ok(Progress::Pending(
                    status.map_or("InProgress", UpdateStatus::as_str).to_owned(),
                )),
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that people have met, with where they reported them.
    #[test]
    fn a_role_that_has_not_spread_is_told_from_what_is_wrong() {
        let passes = [
            // github.com/terraform-aws-modules/terraform-aws-eks/issues/2406
            "Role with arn: arn:aws:iam::123456789012:role/x, could not be assumed because it does not exist or the trusted entity is not correct",
            // github.com/pulumi/pulumi-eks/issues/203
            "Error in role params",
            // github.com/eksctl-io/eksctl/issues/3290
            "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole arn:aws:iam::123456789012:role/x",
            // github.com/terraform-aws-modules/terraform-aws-eks/issues/2969
            "The specified principalArn is invalid: invalid principal.",
            // github.com/hashicorp/terraform-provider-aws/pull/34717
            "Role provided in the request does not exist",
            // github.com/hashicorp/terraform-provider-aws/issues/41483
            "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue.",
        ];
        let stands = [
            // github.com/hashicorp/terraform-provider-aws/issues/36447
            "The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role",
            // github.com/hashicorp/terraform-provider-aws/issues/14492
            "Requested Nodegroup release version 1.17.9-20200723 is invalid. Allowed release version is 1.16.13-20200723",
            // github.com/aws-quickstart/quickstart-amazon-eks-cluster-resource-provider/issues/38
            "No changes needed for the logging config provided",
            "unsupported Kubernetes version 1.99 of the controllers",
        ];
        for (messages, expected) in [(&passes[..], true), (&stands[..], false)] {
            for message in messages {
                let error = ProviderError::new(ErrorKind::Invalid, *message);
                assert_eq!(role_unknown(&error), expected, "{message}");
            }
        }
        let denied = ProviderError::new(ErrorKind::Denied, passes[0]);
        assert!(!role_unknown(&denied));
    }
}
