//! What all EC2 types share: filtered lists, tags in the create call, tag changes, finding by the operation's tag.

use crate::client::Client;
use crate::family::{EC2_TAGS, EC2_WRITE};
use crate::recover::{Lost, found};
use crate::tags::{self, Tags};
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification, UnsuccessfulItem};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::BoxFuture;
use infra_model::{CallContext, Operation, ProviderError, Recovered, Resource};
use std::future::Future;
use std::time::Duration;

/// How long a new resource may be missing from lists.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// Every page of a filtered `Describe…`.
macro_rules! list {
    ($client:expr, $context:expr, $call:literal: $method:ident.$set:ident($filters:expr) -> $items:ident) => {{
        let (client, context) = ($client, $context);
        let filters: Vec<aws_sdk_ec2::types::Filter> = $filters;
        $crate::batch::all_pages(move |token| {
            let filters = filters.clone();
            async move {
                let answer = client
                    .call(context, $crate::family::EC2_READ, $call, || {
                        client
                            .ec2()
                            .$method()
                            .$set(Some(filters.clone()))
                            .set_next_token(token.clone())
                            .send()
                    })
                    .await?;
                Ok::<_, infra_model::ProviderError>($crate::batch::Page {
                    items: answer.$items.unwrap_or_default(),
                    next: answer.next_token,
                })
            }
        })
    }};
}
pub(crate) use list;

/// A filter that takes any of the values.
pub(crate) fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().map(Into::into).collect()))
        .build()
}

/// The tags of a new resource, for its create call.
pub(crate) fn specification(
    client: &Client,
    operation: &Operation,
    kind: ResourceType,
    own: &Tags,
) -> TagSpecification {
    let all = tags::for_create(&client.config().tags, own, operation);
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(to_sdk(&all)))
        .build()
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect()
}

/// `tags` and `tags_all` of what EC2 says.
pub(crate) fn read(client: &Client, found: &[Tag], prior: Option<&Tags>) -> (Tags, Tags) {
    let found = found
        .iter()
        .filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())))
        .collect();
    tags::split(found, &client.config().tags, prior)
}

/// Brings the tags of a resource from what they were, defaults included, to its own and the present defaults.
pub(crate) async fn update(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior_all: &Tags,
    own: &Tags,
) -> Result<(), ProviderError> {
    let defaults = &client.config().tags;
    let (set, gone) = tags::changes(defaults, prior_all, own, operation);
    if !gone.is_empty() {
        let gone: Vec<Tag> = gone.iter().map(|k| Tag::builder().key(k).build()).collect();
        client
            .call(context, EC2_TAGS, "DeleteTags", || {
                client
                    .ec2()
                    .delete_tags()
                    .resources(id)
                    .set_tags(Some(gone.clone()))
                    .send()
            })
            .await?;
    }
    write(client, context, id, &set).await
}

/// Writes tags as they are.
pub(crate) async fn write(
    client: &Client,
    context: &CallContext,
    id: &str,
    tags: &Tags,
) -> Result<(), ProviderError> {
    client
        .call(context, EC2_TAGS, "CreateTags", || {
            client
                .ec2()
                .create_tags()
                .resources(id)
                .set_tags(Some(to_sdk(tags)))
                .send()
        })
        .await
        .map(|_| ())
}

/// The first item that a call on several reports as not done.
pub(crate) fn all_done(call: &str, items: &[UnsuccessfulItem]) -> Result<(), ProviderError> {
    match items.iter().find_map(|i| i.error()) {
        None => Ok(()),
        Some(error) => Err(crate::error::of_item(
            "ec2",
            call,
            error.code().unwrap_or_default(),
            error.message().unwrap_or("not done, and no reason given"),
        )),
    }
}

/// Ids of what carries the operation's tag: normally none or one.
pub(crate) async fn tagged(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<Vec<String>, ProviderError> {
    let filters = vec![
        filter("key", [tags::OPERATION]),
        filter("value", [operation.id.to_string()]),
    ];
    let found =
        list!(client, context, "DescribeTags": describe_tags.set_filters(filters) -> tags).await?;
    Ok(found.into_iter().filter_map(|t| t.resource_id).collect())
}

/// Begins a creation whose API has no token: a lost answer is looked up by the operation's tag.
pub(crate) async fn begin<T, E, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    call: &'static str,
    send: impl Fn() -> F + Send + Sync,
    id_of: impl Fn(&T) -> Option<&str> + Send + Sync,
) -> Result<String, ProviderError>
where
    T: Send + Sync,
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
{
    let find = || -> BoxFuture<'_, Result<Option<String>, ProviderError>> {
        Box::pin(async { Ok(tagged(client, context, operation).await?.pop()) })
    };
    let lost = Lost::LookUp(SETTLE, &find);
    client
        .begin(context, operation, EC2_WRITE, call, lost, send, id_of)
        .await
}

/// Finds by the operation's tag what is still there.
pub(crate) async fn recover<R: Resource<Client>>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<Recovered, ProviderError> {
    let candidates = tagged(client, context, operation).await?;
    found::<R>(client, context, candidates).await
}
