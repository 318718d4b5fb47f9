//! EKS: clusters, their nodes, add-ons and who may use them. One file a type; here is what all share: beginning, changing
//! and how ids are put together.

pub(crate) mod access_entry;
pub(crate) mod access_policy_association;
pub(crate) mod addon;
pub(crate) mod cluster;
mod cluster_auto;
mod cluster_call;
pub(crate) mod node_group;
mod node_group_call;
pub(crate) mod pod_identity_association;
mod tagging;

use crate::client::Client;
use crate::family::EKS;
use crate::recover;
use crate::wait::{self, Pace, Progress};
use aws_sdk_eks::types::{Update, UpdateStatus};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::join_all;
use infra_model::resource::{Imported, Item};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Recovered};
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

/// None of what is not there.
fn there<T>(answer: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
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

/// A role, or its permissions, that was just made is not known everywhere yet.
const ROLES: Pace = Pace {
    limit: Duration::from_mins(2),
    ..wait::QUICK
};

fn role_unknown(error: &ProviderError) -> bool {
    let message = error.message.to_ascii_lowercase();
    error.kind == ErrorKind::Invalid
        && (message.contains("role") || message.contains("principal"))
        && [
            "assume",
            "does not exist",
            "not found",
            "policies",
            "policy must",
            "invalid",
        ]
        .iter()
        .any(|part| message.contains(part))
}

/// Creates, or goes on with what the operation began, and makes the id durable. `send` carries the operation's token;
/// `find` tells whose it is when there is one already.
#[allow(clippy::too_many_arguments, reason = "one call's whole description")]
async fn begin<T, E, F, G>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    call: &'static str,
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
    let sent = wait::while_refused(context, operation, ROLES, role_unknown, || {
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

/// What an update is of.
#[derive(Clone, Copy)]
struct Target<'a> {
    cluster: &'a str,
    node_group: Option<&'a str>,
    addon: Option<&'a str>,
}

/// Sends a change, which waits for others to be over, and sees it through.
async fn change<T, E, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    target: Target<'_>,
    call: &'static str,
    send: impl Fn() -> F + Send + Sync,
    update: impl Fn(T) -> Option<Update> + Send + Sync,
) -> Result<(), ProviderError>
where
    T: Send,
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
{
    let busy = |e: &ProviderError| e.kind == ErrorKind::Conflict;
    let sent = wait::while_refused(context, operation, wait::LONG, busy, || {
        client.call(context, EKS, call, &send)
    })
    .await;
    let made = match sent {
        Ok(answer) => update(answer),
        // What an interrupted run had changed already.
        Err(error)
            if error.kind == ErrorKind::Invalid
                && (error.message.contains("No changes needed")
                    || error.message.contains("already at the desired")) =>
        {
            None
        }
        Err(error) => return Err(error),
    };
    let Some(id) = made.and_then(|u| u.id) else {
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
                        .name(target.cluster)
                        .set_nodegroup_name(target.node_group.map(str::to_owned))
                        .set_addon_name(target.addon.map(str::to_owned))
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
