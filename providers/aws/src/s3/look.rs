//! Buckets looked for and looked into: which carry the marks of an operation, and what is in a folder.

use super::bucket::listed;
use super::tagging;
use crate::batch::{self, Page};
use crate::client::Client;
use crate::family::S3;
use crate::tags;
use futures::{StreamExt, stream};
use infra_model::kept::{Folder, Stored};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Timestamp};

/// So many buckets are asked for their tags at a time: a listing does not tell them.
const AT_A_TIME: usize = 16;

/// The buckets that carry the marks of an operation, of all or of those whose name begins so. What nobody may read is not ours.
pub(super) async fn marked(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: Option<&str>,
) -> Result<Vec<String>, ProviderError> {
    let listed = listed(client, context, name).await?;
    let names: Vec<String> = listed.into_iter().filter_map(|b| b.name).collect();
    let tagged = names.into_iter().map(|name| async move {
        let tags = tagging::read(client, context, &name).await;
        (name, tags)
    });
    let mut tagged = stream::iter(tagged).buffered(AT_A_TIME);
    let mut found = Vec::new();
    while let Some((name, tags)) = tagged.next().await {
        match tags {
            Ok(tags) => {
                if tags.is_some_and(|tags| tags::are_of(&tags, operation)) {
                    found.push(name);
                }
            }
            // Of another region, or not ours.
            Err(error) if error.kind == ErrorKind::Denied || error.code == "PermanentRedirect" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// What is directly in a folder.
pub(super) async fn folder(
    client: &Client,
    context: &CallContext,
    bucket: &str,
    path: &str,
) -> Result<Folder, ProviderError> {
    let request = client
        .s3()
        .list_objects_v2()
        .bucket(bucket)
        .prefix(path)
        .delimiter("/");
    let pages = batch::all_pages(|token| {
        let request = request.clone().set_continuation_token(token);
        async move {
            let answer = client
                .call(context, S3, "ListObjectsV2", || request.clone().send())
                .await?;
            Ok(Page {
                next: answer.next_continuation_token.clone(),
                items: vec![answer],
            })
        }
    });
    let mut found = Folder::default();
    for page in pages.await? {
        let folders = page.common_prefixes.unwrap_or_default().into_iter();
        found.folders.extend(folders.filter_map(|f| f.prefix));
        let objects = page.contents.unwrap_or_default().into_iter();
        found.objects.extend(objects.filter_map(|o| {
            Some(Stored {
                name: o.key?,
                written: Timestamp(o.last_modified?.to_millis().ok()?),
            })
        }));
    }
    Ok(found)
}
