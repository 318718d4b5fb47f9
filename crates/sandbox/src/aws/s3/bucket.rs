//! Buckets: their names, which are unique in the account, and the region that each is in. Settings are in
//! `settings`.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use super::object::Version;
use super::{Level, Operation, REGION_HEADER, Request, answer, empty, malformed, payload};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::document::Element;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::tagging::Tagged;
use crate::clock::{Millis, iso8601_millis};
use crate::http::HttpReply;
use crate::tags::{Characters, Tags};
use crate::world::{Document, Listed, Scope, Stored};

/// Buckets per account.
pub(crate) const QUOTA: usize = 10_000;

/// The region whose buckets have no location.
const FIRST_REGION: &str = "us-east-1";

/// A bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(super) name: String,
    pub(super) region: String,
    pub(crate) created: Millis,
    /// `Enabled`, `Suspended` or empty.
    pub(super) versioning: String,
    pub(super) object_lock: bool,
    /// Settings by the query parameter that names them, as the XML inside their root (a policy as its JSON).
    pub(super) settings: BTreeMap<String, String>,
}

impl Document for Bucket {
    const KIND: &'static str = "s3/bucket";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.name
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_s3_bucket")
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ListBuckets",
        method: Method::GET,
        level: Level::Service,
        marker: "",
        handler: list,
    },
    Operation {
        name: "CreateBucket",
        method: Method::PUT,
        level: Level::Bucket,
        marker: "",
        handler: create,
    },
    Operation {
        name: "HeadBucket",
        method: Method::HEAD,
        level: Level::Bucket,
        marker: "",
        handler: head,
    },
    Operation {
        name: "DeleteBucket",
        method: Method::DELETE,
        level: Level::Bucket,
        marker: "",
        handler: delete,
    },
    Operation {
        name: "GetBucketLocation",
        method: Method::GET,
        level: Level::Bucket,
        marker: "location",
        handler: location,
    },
];

/// The bucket that a request names, when the request came to its region.
pub(super) fn find(ctx: &Ctx<'_>, request: &Request<'_>) -> AwsResult<Stored<Bucket>> {
    let name = &request.bucket;
    let Some(bucket) = ctx.get::<Bucket>(name) else {
        let error =
            AwsError::with_status(404, "NoSuchBucket", "The specified bucket does not exist");
        return Err(error.member("BucketName", name.as_str()));
    };
    if let Some(owner) = request.http.header("x-amz-expected-bucket-owner")
        && owner != ACCOUNT
    {
        return Err(AwsError::with_status(403, "AccessDenied", "Access Denied"));
    }
    if bucket.region != ctx.region {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
        return Err(AwsError::with_status(301, "PermanentRedirect", message)
            .member("Bucket", name.as_str())
            .member(
                "Endpoint",
                format!("{name}.s3.{}.amazonaws.com", bucket.region),
            )
            .member(REGION_HEADER, bucket.region.as_str()));
    }
    Ok(bucket)
}

/// Whether a name follows the rules of general purpose buckets.
fn valid_name(name: &str) -> bool {
    let character = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|c| character(c) || c == '-' || c == '.')
        && name.starts_with(character)
        && name.ends_with(character)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
}

/// What the body of CreateBucket says: the location and tags.
fn configuration(request: &Request<'_>) -> AwsResult<(Option<String>, Tags)> {
    let body = payload::read(request.http)?;
    if body.is_empty() {
        return Ok((None, Tags::default()));
    }
    let root = Element::parse(&body)
        .filter(|root| {
            root.name == "CreateBucketConfiguration" && root.only(&["LocationConstraint", "Tags"])
        })
        .ok_or_else(malformed)?;
    let location = root
        .text_of("LocationConstraint")
        .filter(|text| !text.is_empty())
        .map(str::to_owned);
    let tags = root
        .child("Tags")
        .map(read_tags)
        .transpose()?
        .unwrap_or_default();
    Ok((location, tags))
}

/// Tags below an element.
pub(super) fn read_tags(set: &Element) -> AwsResult<Tags> {
    if !set.only(&["Tag"]) {
        return Err(malformed());
    }
    let mut pairs = Vec::new();
    for tag in set.all("Tag") {
        let (Some(key), Some(value)) = (tag.child("Key"), tag.child("Value")) else {
            return Err(malformed());
        };
        pairs.push((key.text.clone(), value.text.clone()));
    }
    Tags::from_pairs(pairs, Characters::Restricted)
        .map_err(|error| AwsError::new("InvalidTag", error.to_string()))
}

fn create(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let name = &request.bucket;
    if !valid_name(name) {
        return Err(
            AwsError::new("InvalidBucketName", "The specified bucket is not valid.")
                .member("BucketName", name.as_str()),
        );
    }
    let (location, tags) = configuration(request)?;
    let region = match location {
        None if ctx.region == FIRST_REGION => FIRST_REGION.to_owned(),
        None => return Err(illegal_location("unspecified")),
        Some(location) if location == ctx.region && location != FIRST_REGION => location,
        Some(location) if ctx.region == FIRST_REGION && location != FIRST_REGION => {
            if !crate::aws::regions::exists(&location) {
                let message = "The specified location-constraint is not valid";
                return Err(AwsError::new("InvalidLocationConstraint", message));
            }
            location
        }
        Some(location) if location == FIRST_REGION && ctx.region == FIRST_REGION => {
            let message = "The specified location-constraint is not valid";
            return Err(AwsError::new("InvalidLocationConstraint", message));
        }
        Some(location) => return Err(illegal_location(&location)),
    };
    let done = || empty(200).with("location", format!("/{name}"));
    if let Some(old) = ctx.get::<Bucket>(name) {
        // The oldest region answers as if it had made it again.
        if old.region == region && region == FIRST_REGION {
            return Ok(done());
        }
        let message =
            "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(
            AwsError::with_status(409, "BucketAlreadyOwnedByYou", message)
                .member("BucketName", name.as_str()),
        );
    }
    if ctx.count::<Bucket>() >= QUOTA {
        let message = "You have attempted to create more buckets than allowed";
        return Err(AwsError::new("TooManyBuckets", message));
    }
    let ownership = request
        .http
        .header("x-amz-object-ownership")
        .unwrap_or("BucketOwnerEnforced");
    if !matches!(
        ownership,
        "BucketOwnerEnforced" | "BucketOwnerPreferred" | "ObjectWriter"
    ) {
        return Err(AwsError::new(
            "InvalidArgument",
            "Invalid x-amz-object-ownership header",
        ));
    }
    if ownership == "BucketOwnerEnforced"
        && request
            .http
            .header("x-amz-acl")
            .is_some_and(|acl| acl != "private")
    {
        let message =
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(AwsError::new(
            "InvalidBucketAclWithObjectOwnership",
            message,
        ));
    }
    let object_lock = request
        .http
        .header("x-amz-bucket-object-lock-enabled")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let mut settings = BTreeMap::new();
    settings.insert(
        "ownershipControls".to_owned(),
        format!("<Rule><ObjectOwnership>{ownership}</ObjectOwnership></Rule>"),
    );
    settings.insert(
        "publicAccessBlock".to_owned(),
        super::settings::PUBLIC_ACCESS_BLOCKED.to_owned(),
    );
    if object_lock {
        let enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
        settings.insert("object-lock".to_owned(), enabled.to_owned());
    }
    let bucket = Bucket {
        name: name.clone(),
        region,
        created: ctx.now,
        versioning: if object_lock {
            "Enabled".to_owned()
        } else {
            String::new()
        },
        object_lock,
        settings,
    };
    ctx.put_tagged(bucket, tags);
    Ok(done().with("x-amz-bucket-arn", format!("arn:aws:s3:::{name}")))
}

fn illegal_location(location: &str) -> AwsError {
    let message = format!(
        "The {location} location constraint is incompatible for the region specific endpoint this request was sent to."
    );
    AwsError::new("IllegalLocationConstraintException", message)
}

fn head(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = find(ctx, request)?;
    Ok(empty(200)
        .with(REGION_HEADER, &bucket.region)
        .with("x-amz-access-point-alias", "false"))
}

fn delete(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = find(ctx, request)?;
    if ctx.referred::<Version>(&bucket.name) {
        let message = if bucket.versioning.is_empty() {
            "The bucket you tried to delete is not empty"
        } else {
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        };
        return Err(AwsError::with_status(409, "BucketNotEmpty", message)
            .member("BucketName", bucket.name.as_str()));
    }
    ctx.delete::<Bucket>(&bucket.name);
    Ok(empty(204))
}

fn location(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = find(ctx, request)?;
    let region = if bucket.region == FIRST_REGION {
        ""
    } else {
        bucket.region.as_str()
    };
    Ok(answer("LocationConstraint", |xml| {
        xml.raw(region);
    }))
}

fn list(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let query = |name| request.http.query(name).filter(|value| !value.is_empty());
    let prefix = query("prefix").unwrap_or_default();
    let limit = match query("max-buckets").map(str::parse::<usize>) {
        None => None,
        Some(Ok(limit @ 1..=10_000)) => Some(limit),
        Some(_) => {
            return Err(AwsError::new(
                "InvalidArgument",
                "max-buckets must be between 1 and 10000",
            ));
        }
    };
    let mut buckets = ctx.list::<Bucket>();
    buckets.retain(|bucket| {
        bucket.name.starts_with(prefix)
            && query("bucket-region").is_none_or(|region| bucket.region == region)
    });
    let bad = || {
        AwsError::new(
            "InvalidArgument",
            "The continuation token provided is incorrect",
        )
    };
    let page = crate::aws::context::page(
        buckets,
        |bucket| bucket.name.as_str(),
        query("continuation-token"),
        limit,
        bad,
    )?;
    let regions = limit.is_some() || query("bucket-region").is_some();
    Ok(answer("ListAllMyBucketsResult", |xml| {
        xml.node("Owner", |xml| {
            xml.text("ID", OWNER);
        });
        xml.list("Buckets", "Bucket", &page.items, |xml, bucket| {
            xml.text("Name", &bucket.name)
                .text("CreationDate", iso8601_millis(bucket.created))
                .opt("BucketRegion", regions.then_some(&bucket.region))
                .text("BucketArn", format!("arn:aws:s3:::{}", bucket.name));
        });
        xml.opt("ContinuationToken", page.next.as_deref());
        xml.opt("Prefix", query("prefix"));
    }))
}

/// The canonical id of the account.
pub(super) const OWNER: &str = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a";

/// What has tags in the region: buckets.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    let buckets = ctx.list::<Bucket>().into_iter();
    let here = buckets.filter(|bucket| bucket.region == ctx.region);
    here.map(|bucket| {
        Tagged::new(
            format!("arn:aws:s3:::{}", bucket.name),
            bucket.tags().clone(),
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::valid_name;

    #[test]
    fn names() {
        for name in ["abc", "my-bucket.logs", "0bucket9"] {
            assert!(valid_name(name), "{name}");
        }
        let long = "a".repeat(64);
        for name in [
            "ab",
            "My",
            "a_b",
            "-abc",
            "abc-",
            "a..b",
            "192.168.5.4",
            "xn--abc",
            "abc-s3alias",
            &long,
        ] {
            assert!(!valid_name(name), "{name}");
        }
    }
}
