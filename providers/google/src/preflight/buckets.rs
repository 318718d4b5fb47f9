//! Names of buckets, which are unique in the whole world, that somebody has.

use crate::client::{Client, Request};
use crate::family::STORAGE;
use crate::labels::{MARKS, of};
use futures::future::join_all;
use infra_cloud::preflight::{of_type, refused, text};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, ErrorKind, Path};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let asked = of_type(items, "google_storage_bucket")
        .into_iter()
        .map(|item| taken(client, context, item));
    join_all(asked).await.into_iter().flatten().collect()
}

/// A name that a bucket has. What these credentials may see may be what is replaced: if it carries no mark of this address, that
/// is a warning.
async fn taken(client: &Client, context: &CallContext, item: &PreflightItem) -> Option<Finding> {
    let name = text(&item.planned, "name")?;
    let request = Request::get(STORAGE, "storage.buckets.get", format!("b/{name}"))
        .query("fields", "name,labels");
    let (whose, fatal) = match client.call(context, &request).await {
        Ok(found) if MARKS.is_of(&of(found.get("labels")), &item.address) => return None,
        Ok(_) => ("there is a bucket of that name already", false),
        Err(error) if error.kind == ErrorKind::Denied => ("it is somebody else's", true),
        Err(_) => return None,
    };
    let message = format!("the name `{name}` cannot be had: {whose}");
    Some(Finding {
        fatal,
        ..refused(item, Path::attribute("name"), message)
    })
}
