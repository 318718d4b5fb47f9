//! Names of buckets, which are unique in the whole world, that somebody has.

use crate::client::Client;
use crate::family::S3;
use crate::s3::tagging;
use crate::tags;
use futures::future::join_all;
use infra_cloud::preflight::{of_type, refused, text};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, ErrorKind, Path};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let asked = of_type(items, "aws_s3_bucket")
        .into_iter()
        .map(|item| taken(client, context, item));
    join_all(asked).await.into_iter().flatten().collect()
}

/// A name that a bucket has (S3, `HeadBucket`: 200 for what one may see, 403 for what is another's, 301 for one in another
/// region, 404 when there is none).
async fn taken(client: &Client, context: &CallContext, item: &PreflightItem) -> Option<Finding> {
    let name = text(&item.planned, "bucket")?;
    let look = client
        .call(context, S3, "HeadBucket", || {
            client.s3().head_bucket().bucket(name).send()
        })
        .await;
    let (whose, fatal) = match look {
        Ok(_) if is_own(client, context, item, name).await => return None,
        Ok(_) => ("this account has a bucket of that name", false),
        // What a stack has, it has just been able to read.
        Err(error) if error.kind == ErrorKind::Denied => ("it is somebody else's", true),
        Err(error) if error.is_passing() || error.kind == ErrorKind::NotFound => return None,
        Err(_) => ("there is a bucket of that name in another region", false),
    };
    let message = format!("the name `{name}` cannot be had: {whose}");
    Some(Finding {
        fatal,
        ..refused(item, Path::attribute("bucket"), message)
    })
}

/// Whether it is what is replaced, or what an interrupted run began. What was imported shows no mark, so that a bucket of this
/// account is no more than a warning.
async fn is_own(client: &Client, context: &CallContext, item: &PreflightItem, name: &str) -> bool {
    let found = tagging::read(client, context, name).await;
    !matches!(found, Ok(Some(all)) if !tags::is_of(&all, &item.address))
}
