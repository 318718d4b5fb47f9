//! `aws_s3_bucket`.

use super::{BRIEF, busy, change, malformed, tagging};
use crate::batch::{self, Page};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::S3;
use crate::naming;
use crate::tags::{self, Tags};
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier,
    ObjectLockEnabled,
};
use futures::future::join_all;
use infra_model::kept::Folder;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Timestamp, Value,
};

/// A bucket for objects. Its settings are resources of their own.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct BucketRecord {
    /// Its name, which nobody else in the world has. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) bucket: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) bucket_prefix: Option<String>,
    /// Whether a destroy also deletes all that is in it.
    #[record(optional, default = false)]
    pub(crate) force_destroy: bool,
    /// Whether objects can be locked. Locking cannot be switched off.
    #[record(optional, computed, force_new)]
    pub(crate) object_lock_enabled: Option<bool>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// The name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// `reports.s3.amazonaws.com`
    #[record(computed)]
    pub(crate) bucket_domain_name: Option<String>,
    /// `reports.s3.eu-west-1.amazonaws.com`
    #[record(computed)]
    pub(crate) bucket_regional_domain_name: Option<String>,
    /// The region that it is in.
    #[record(computed)]
    pub(crate) bucket_region: Option<String>,
    /// The region that it is in.
    #[record(computed)]
    pub(crate) region: Option<String>,
}

/// What is wrong with a bucket's name
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
fn bad_name(name: &str) -> Option<String> {
    const PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let legal = (3..=63).contains(&name.len())
        && name.chars().all(|c| word(c) || c == '-' || c == '.')
        && name.starts_with(word)
        && name.ends_with(word)
        && !name.contains("..");
    if !legal {
        let why = "must be 3 to 63 lower-case letters, digits, hyphens and dots, first and last a letter or digit";
        return Some(why.to_owned());
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("must not look like an address".to_owned());
    }
    let begins = PREFIXES.iter().find(|prefix| name.starts_with(**prefix));
    let ends = SUFFIXES.iter().find(|suffix| name.ends_with(**suffix));
    let kept = |part: &str| format!("has `{part}`, which S3 keeps for itself");
    begins.or(ends).map(|part| kept(part))
}

/// The one region whose buckets have no location.
const FIRST_REGION: &str = "us-east-1";

pub(crate) struct Bucket;

#[async_trait]
impl Resource<Client> for Bucket {
    type Record = BucketRecord;
    const TYPE: &'static str = "aws_s3_bucket";

    fn traits() -> Traits {
        Traits::default()
            .seconds(3, 1, 2)
            .family(S3.name)
            .unique(&["bucket"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<BucketRecord>(request, planned, ("bucket", "bucket_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let Some(name) = config.get("bucket").and_then(Value::as_str) else {
            return Vec::new();
        };
        let problem = bad_name(name).map(|why| format!("`{name}` {why}"));
        let told = problem.map(|why| ProviderError::invalid("bucket", why));
        told.into_iter().collect()
    }

    fn id(record: &BucketRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<BucketRecord>],
    ) -> Vec<Result<Option<BucketRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async {
            let prior = item.prior.as_ref();
            let Some(found) = tagging::read(client, context, &item.id).await? else {
                return Ok(None);
            };
            let locked = match prior.and_then(|p| p.object_lock_enabled) {
                Some(true) => true,
                _ => object_lock(client, context, &item.id).await?,
            };
            let (tags, tags_all) =
                tags::split(found, &client.config().tags, prior.map(|p| &p.tags));
            Ok(Some(BucketRecord {
                tags,
                tags_all,
                ..record(client, &item.id, locked, prior)
            }))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: BucketRecord,
    ) -> Result<BucketRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.bucket = Some(name.clone());
        let marked = tags::for_create(&client.config().tags, &desired.tags, operation);
        let region = client.region();
        let configuration = CreateBucketConfiguration::builder()
            .set_location_constraint(
                (region != FIRST_REGION).then(|| BucketLocationConstraint::from(region)),
            )
            .set_tags(Some(tagging::to_sdk(&marked)?))
            .build();
        let request = client
            .s3()
            .create_bucket()
            .bucket(&name)
            .create_bucket_configuration(configuration)
            .set_object_lock_enabled_for_bucket(desired.object_lock_enabled.filter(|l| *l));
        // A name is not free again at once after its bucket was deleted.
        let id = wait::while_refused(context, operation, BRIEF, busy, || {
            client.begin_named(
                context,
                operation,
                S3,
                "CreateBucket",
                || find(client, context, operation, &name),
                // The answer is an address; the name is known.
                || async { request.clone().send().await.map(|_| name.clone()) },
                |made: &String| Some(made.as_str()),
            )
        })
        .await?;
        tagged(client, context, operation, &id, &marked).await?;
        wait::settled::<Bucket>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: BucketRecord,
        desired: BucketRecord,
    ) -> Result<BucketRecord, ProviderError> {
        let id = Bucket::id(&prior);
        let (before, own) = (&prior.tags_all, &desired.tags);
        tagging::update(client, context, operation, &id, before, own).await?;
        wait::settled::<Bucket>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: BucketRecord,
    ) -> Result<(), ProviderError> {
        let id = Bucket::id(&prior);
        let pace = wait::Pace {
            limit: std::time::Duration::from_mins(2),
            ..wait::QUICK
        };
        // Something may still be written while it is emptied.
        let filled = |error: &ProviderError| prior.force_destroy && error.code == "BucketNotEmpty";
        let gone = wait::while_refused(context, operation, pace, filled, || async {
            if prior.force_destroy {
                empty(client, context, operation, &id).await?;
            }
            change(client, context, operation, "DeleteBucket", || {
                client.s3().delete_bucket().bucket(&id).send()
            })
            .await
        });
        absent_is_done(gone.await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: BucketRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = name(&desired, operation);
        find(client, context, operation, &name).await
    }

    async fn rediscover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let name = config.get("bucket").and_then(Value::as_str);
        super::look::marked(client, context, operation, name).await
    }

    async fn folder(
        client: &Client,
        context: &CallContext,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        super::look::folder(client, context, id, path).await
    }
}

fn name(record: &BucketRecord, operation: &Operation) -> String {
    naming::chosen(
        record.bucket.as_deref(),
        record.bucket_prefix.as_deref(),
        operation,
    )
}

fn record(
    client: &Client,
    name: &str,
    object_lock: bool,
    prior: Option<&BucketRecord>,
) -> BucketRecord {
    let (region, partition) = (client.region(), client.partition());
    let suffix = match partition {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    BucketRecord {
        bucket: Some(name.to_owned()),
        bucket_prefix: prior.and_then(|p| p.bucket_prefix.clone()),
        force_destroy: prior.is_some_and(|p| p.force_destroy),
        object_lock_enabled: Some(object_lock),
        id: Some(name.to_owned()),
        arn: Some(format!("arn:{partition}:s3:::{name}")),
        bucket_domain_name: Some(format!("{name}.s3.{suffix}")),
        bucket_regional_domain_name: Some(format!("{name}.s3.{region}.{suffix}")),
        bucket_region: Some(region.to_owned()),
        region: Some(region.to_owned()),
        ..BucketRecord::default()
    }
}

async fn object_lock(
    client: &Client,
    context: &CallContext,
    bucket: &str,
) -> Result<bool, ProviderError> {
    let answer = client
        .call(context, S3, "GetObjectLockConfiguration", || {
            client
                .s3()
                .get_object_lock_configuration()
                .bucket(bucket)
                .send()
        })
        .await;
    match answer {
        Ok(found) => Ok(found
            .object_lock_configuration()
            .and_then(|c| c.object_lock_enabled())
            == Some(&ObjectLockEnabled::Enabled)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let tags = match tagging::read(client, context, name).await {
        Ok(None) => return Ok(Recovered::Absent),
        Ok(Some(tags)) => tags,
        // Someone else's, or one of ours in another region.
        Err(error) if error.kind == ErrorKind::Denied || error.code == "PermanentRedirect" => {
            return Ok(Recovered::Foreign(name.to_owned()));
        }
        Err(error) => return Err(error),
    };
    let ours = match tags.get(tags::OPERATION) {
        Some(id) => **id == *operation.id.0,
        // A server that takes no tags with the bucket: it is ours when it came after the intent, which found no bucket.
        None if tags.is_empty() => made_since(client, context, name, operation.started).await?,
        None => false,
    };
    Ok(if ours {
        Recovered::Found(name.to_owned())
    } else {
        Recovered::Foreign(name.to_owned())
    })
}

/// How many buckets a page has.
const BUCKETS: i32 = 1_000;

/// The account's buckets, or those of a prefix.
pub(crate) async fn listed(
    client: &Client,
    context: &CallContext,
    prefix: Option<&str>,
) -> Result<Vec<aws_sdk_s3::types::Bucket>, ProviderError> {
    // Without a size of its pages a listing is refused to accounts whose quota was raised:
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>.
    let request = client.s3().list_buckets().max_buckets(BUCKETS);
    let request = request.set_prefix(prefix.map(str::to_owned));
    batch::all_pages(|token| {
        let request = request.clone().set_continuation_token(token);
        async move {
            let answer = client
                .call(context, S3, "ListBuckets", || request.clone().send())
                .await?;
            Ok(Page {
                items: answer.buckets.unwrap_or_default(),
                next: answer.continuation_token,
            })
        }
    })
    .await
}

/// Whether a bucket was made since a moment.
async fn made_since(
    client: &Client,
    context: &CallContext,
    name: &str,
    since: Timestamp,
) -> Result<bool, ProviderError> {
    let listed = listed(client, context, Some(name)).await?;
    let made = listed.into_iter().find(|b| b.name() == Some(name));
    Ok(made
        .and_then(|bucket| bucket.creation_date)
        .is_some_and(|made| no_older(made.secs(), since)))
}

/// Buckets are listed with the whole second in which they were made: it may have begun before the moment.
fn no_older(second: i64, moment: Timestamp) -> bool {
    second >= moment.0.div_euclid(1000)
}

/// Sees to the tags where the create call did not take them.
async fn tagged(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    bucket: &str,
    marked: &Tags,
) -> Result<(), ProviderError> {
    let found = wait::until(context, operation, wait::QUICK, || async move {
        Ok(match tagging::read(client, context, bucket).await? {
            Some(tags) => Progress::Done(tags),
            None => Progress::Pending("appearing".to_owned()),
        })
    })
    .await?;
    if found.contains_key(tags::OPERATION) {
        return Ok(());
    }
    tagging::put(client, context, operation, bucket, marked).await
}

/// Deletes all objects, their versions and the marks of deleted ones, page by page.
async fn empty(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    bucket: &str,
) -> Result<(), ProviderError> {
    loop {
        // What is listed is deleted, so that the first page is always the next.
        let page = client
            .call(context, S3, "ListObjectVersions", || {
                client.s3().list_object_versions().bucket(bucket).send()
            })
            .await?;
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = page
            .delete_markers()
            .iter()
            .map(|m| (m.key(), m.version_id()));
        let objects = versions
            .chain(markers)
            .filter_map(|(key, version)| Some((key?, version)))
            .map(|(key, version)| {
                ObjectIdentifier::builder()
                    .key(key)
                    .set_version_id(version.map(str::to_owned))
                    .build()
                    .map_err(malformed)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if objects.is_empty() {
            return Ok(());
        }
        context
            .events
            .status(operation, &format!("deleting {} objects", objects.len()));
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(malformed)?;
        let answer = client
            .call(context, S3, "DeleteObjects", || {
                client
                    .s3()
                    .delete_objects()
                    .bucket(bucket)
                    .delete(delete.clone())
                    .send()
            })
            .await?;
        if let Some(refused) = answer.errors().first() {
            return Err(ProviderError {
                service: "s3".to_owned(),
                operation: "DeleteObjects".to_owned(),
                code: refused.code().unwrap_or_default().to_owned(),
                ..ProviderError::new(
                    ErrorKind::Denied,
                    format!(
                        "`{}` cannot be deleted: {}",
                        refused.key().unwrap_or_default(),
                        refused.message().unwrap_or_default()
                    ),
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_of_the_same_second_is_not_older() {
        assert!(no_older(12, Timestamp(12_345)));
        assert!(!no_older(11, Timestamp(12_345)));
    }
}
