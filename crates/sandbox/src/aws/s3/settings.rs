//! Settings of buckets: one table says how each is named, what it is when nobody has set it, and which rules a new
//! one must pass (`checks`).

use http::Method;

use super::bucket::{self, Bucket, OWNER};
use super::checks;
use super::{Level, Operation, Request, answer, empty, malformed, payload};
use crate::aws::context::Ctx;
use crate::aws::document::Element;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::references::unknown_principal;
use crate::aws::xml::Xml;
use crate::http::HttpReply;
use crate::tags::Tags;

/// A kind of setting that is kept as XML.
struct Setting {
    /// The query parameter.
    marker: &'static str,
    root: &'static str,
    unset: Unset,
    check: fn(&Ctx<'_>, &Bucket, &mut Element) -> AwsResult<()>,
}

/// What a GET answers when nothing is set.
enum Unset {
    Xml(&'static str),
    Error(&'static str, &'static str),
}

/// What new buckets have.
pub(super) const PUBLIC_ACCESS_BLOCKED: &str = "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>";

const SETTINGS: &[Setting] = &[
    Setting {
        marker: "encryption",
        root: "ServerSideEncryptionConfiguration",
        unset: Unset::Xml(
            "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>",
        ),
        check: checks::encryption,
    },
    Setting {
        marker: "publicAccessBlock",
        root: "PublicAccessBlockConfiguration",
        unset: Unset::Error(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
        check: checks::public_access_block,
    },
    Setting {
        marker: "ownershipControls",
        root: "OwnershipControls",
        unset: Unset::Error(
            "OwnershipControlsNotFoundError",
            "The bucket ownership controls were not found",
        ),
        check: checks::ownership,
    },
    Setting {
        marker: "lifecycle",
        root: "LifecycleConfiguration",
        unset: Unset::Error(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        ),
        check: checks::lifecycle,
    },
    Setting {
        marker: "cors",
        root: "CORSConfiguration",
        unset: Unset::Error(
            "NoSuchCORSConfiguration",
            "The CORS configuration does not exist",
        ),
        check: checks::cors,
    },
    Setting {
        marker: "website",
        root: "WebsiteConfiguration",
        unset: Unset::Error(
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        ),
        check: checks::website,
    },
    Setting {
        marker: "replication",
        root: "ReplicationConfiguration",
        unset: Unset::Error(
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        ),
        check: checks::replication,
    },
    Setting {
        marker: "object-lock",
        root: "ObjectLockConfiguration",
        unset: Unset::Error(
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
        check: checks::object_lock,
    },
    Setting {
        marker: "logging",
        root: "BucketLoggingStatus",
        unset: Unset::Xml(""),
        check: checks::logging,
    },
    Setting {
        marker: "accelerate",
        root: "AccelerateConfiguration",
        unset: Unset::Xml(""),
        check: checks::accelerate,
    },
    Setting {
        marker: "requestPayment",
        root: "RequestPaymentConfiguration",
        unset: Unset::Xml("<Payer>BucketOwner</Payer>"),
        check: checks::request_payment,
    },
    Setting {
        marker: "notification",
        root: "NotificationConfiguration",
        unset: Unset::Xml(""),
        check: checks::notification,
    },
];

const fn get(name: &'static str, marker: &'static str) -> Operation {
    Operation {
        name,
        method: Method::GET,
        level: Level::Bucket,
        marker,
        handler: read,
    }
}

const fn put(name: &'static str, marker: &'static str) -> Operation {
    Operation {
        name,
        method: Method::PUT,
        level: Level::Bucket,
        marker,
        handler: write,
    }
}

const fn delete(name: &'static str, marker: &'static str) -> Operation {
    Operation {
        name,
        method: Method::DELETE,
        level: Level::Bucket,
        marker,
        handler: remove,
    }
}

const fn other(
    name: &'static str,
    method: Method,
    marker: &'static str,
    handler: fn(&mut Ctx<'_>, &Request<'_>) -> AwsResult<HttpReply>,
) -> Operation {
    Operation {
        name,
        method,
        level: Level::Bucket,
        marker,
        handler,
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    get("GetBucketEncryption", "encryption"),
    put("PutBucketEncryption", "encryption"),
    delete("DeleteBucketEncryption", "encryption"),
    get("GetPublicAccessBlock", "publicAccessBlock"),
    put("PutPublicAccessBlock", "publicAccessBlock"),
    delete("DeletePublicAccessBlock", "publicAccessBlock"),
    get("GetBucketOwnershipControls", "ownershipControls"),
    put("PutBucketOwnershipControls", "ownershipControls"),
    delete("DeleteBucketOwnershipControls", "ownershipControls"),
    get("GetBucketLifecycleConfiguration", "lifecycle"),
    put("PutBucketLifecycleConfiguration", "lifecycle"),
    delete("DeleteBucketLifecycle", "lifecycle"),
    get("GetBucketCors", "cors"),
    put("PutBucketCors", "cors"),
    delete("DeleteBucketCors", "cors"),
    get("GetBucketWebsite", "website"),
    put("PutBucketWebsite", "website"),
    delete("DeleteBucketWebsite", "website"),
    get("GetBucketReplication", "replication"),
    put("PutBucketReplication", "replication"),
    delete("DeleteBucketReplication", "replication"),
    get("GetObjectLockConfiguration", "object-lock"),
    put("PutObjectLockConfiguration", "object-lock"),
    get("GetBucketLogging", "logging"),
    put("PutBucketLogging", "logging"),
    get("GetBucketAccelerateConfiguration", "accelerate"),
    put("PutBucketAccelerateConfiguration", "accelerate"),
    get("GetBucketRequestPayment", "requestPayment"),
    put("PutBucketRequestPayment", "requestPayment"),
    get("GetBucketNotificationConfiguration", "notification"),
    put("PutBucketNotificationConfiguration", "notification"),
    other("GetBucketVersioning", Method::GET, "versioning", versioning),
    other(
        "PutBucketVersioning",
        Method::PUT,
        "versioning",
        put_versioning,
    ),
    other("GetBucketTagging", Method::GET, "tagging", tagging),
    other("PutBucketTagging", Method::PUT, "tagging", put_tagging),
    other(
        "DeleteBucketTagging",
        Method::DELETE,
        "tagging",
        delete_tagging,
    ),
    other(
        "GetBucketPolicyStatus",
        Method::GET,
        "policyStatus",
        policy_status,
    ),
    other("GetBucketPolicy", Method::GET, "policy", policy),
    other("PutBucketPolicy", Method::PUT, "policy", put_policy),
    other(
        "DeleteBucketPolicy",
        Method::DELETE,
        "policy",
        delete_policy,
    ),
    other("GetBucketAcl", Method::GET, "acl", acl),
    other("PutBucketAcl", Method::PUT, "acl", put_acl),
];

fn setting(request: &Request<'_>) -> &'static Setting {
    SETTINGS
        .iter()
        .find(|setting| setting.marker == request.operation.marker)
        .expect("each operation of the table above that comes here has its setting")
}

fn read(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let setting = setting(request);
    let inside = match (bucket.settings.get(setting.marker), &setting.unset) {
        (Some(inside), _) => inside.as_str(),
        (None, Unset::Xml(inside)) => inside,
        (None, Unset::Error(code, message)) => {
            return Err(AwsError::with_status(404, *code, *message)
                .member("BucketName", bucket.name.as_str()));
        }
    };
    let reply = answer(setting.root, |xml| {
        xml.raw(inside);
    });
    Ok(match setting.marker {
        "lifecycle" => reply.with(
            MINIMUM_SIZE,
            bucket
                .settings
                .get(MINIMUM_SIZE)
                .map_or(ALL_CLASSES, String::as_str),
        ),
        _ => reply,
    })
}

/// The header, also the key under which a bucket keeps it.
const MINIMUM_SIZE: &str = "x-amz-transition-default-minimum-object-size";
const ALL_CLASSES: &str = "all_storage_classes_128K";

fn write(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut bucket = bucket::find(ctx, request)?.edit();
    let setting = setting(request);
    let mut element = request.document(setting.root)?;
    (setting.check)(ctx, &bucket, &mut element)?;
    let mut xml = Xml::new();
    if !element.children.is_empty() {
        element.inside(&mut xml);
    }
    bucket
        .settings
        .insert(setting.marker.to_owned(), xml.as_str().to_owned());
    let mut reply = empty(200);
    match setting.marker {
        "lifecycle" => {
            let size = request.http.header(MINIMUM_SIZE).unwrap_or(ALL_CLASSES);
            if !matches!(size, ALL_CLASSES | "varies_by_storage_class") {
                return Err(AwsError::new(
                    "InvalidArgument",
                    format!("Invalid value for {MINIMUM_SIZE}"),
                ));
            }
            bucket
                .settings
                .insert(MINIMUM_SIZE.to_owned(), size.to_owned());
            reply = reply.with(MINIMUM_SIZE, size);
        }
        "object-lock" => bucket.object_lock = true,
        "ownershipControls" if xml.as_str().contains(">BucketOwnerEnforced<") => {
            bucket.settings.remove("acl");
        }
        _ => {}
    }
    ctx.put(bucket);
    Ok(reply)
}

fn remove(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut bucket = bucket::find(ctx, request)?.edit();
    if bucket.settings.remove(request.operation.marker).is_some() {
        ctx.put(bucket);
    }
    Ok(empty(204))
}

fn versioning(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    Ok(answer("VersioningConfiguration", |xml| {
        if !bucket.versioning.is_empty() {
            xml.text("Status", &bucket.versioning);
        }
    }))
}

fn put_versioning(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut bucket = bucket::find(ctx, request)?.edit();
    let element = request.document("VersioningConfiguration")?;
    let status = element.text_of("Status").unwrap_or_default();
    if !element.only(&["Status", "MfaDelete"]) || !matches!(status, "Enabled" | "Suspended") {
        return Err(AwsError::new(
            "IllegalVersioningConfigurationException",
            "The Versioning element must be specified",
        ));
    }
    if element.text_of("MfaDelete") == Some("Enabled") {
        return Err(AwsError::with_status(
            403,
            "AccessDenied",
            "Mfa Authentication must be used for this request",
        ));
    }
    if status == "Suspended" && (bucket.object_lock || bucket.settings.contains_key("replication"))
    {
        let message = "An Object Lock or replication configuration is present on this bucket, so the versioning state cannot be changed.";
        return Err(AwsError::with_status(409, "InvalidBucketState", message));
    }
    bucket.versioning = status.to_owned();
    ctx.put(bucket);
    Ok(empty(200))
}

fn tagging(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    if bucket.tags().is_empty() {
        return Err(
            AwsError::with_status(404, "NoSuchTagSet", "The TagSet does not exist")
                .member("BucketName", bucket.name.as_str()),
        );
    }
    Ok(answer("Tagging", |xml| write_tags(xml, bucket.tags())))
}

/// Writes `TagSet`.
pub(super) fn write_tags(xml: &mut Xml, tags: &Tags) {
    xml.list("TagSet", "Tag", tags.iter(), |xml, (key, value)| {
        xml.text("Key", key).text("Value", value);
    });
}

fn put_tagging(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let element = request.document("Tagging")?;
    let tags = bucket::read_tags(element.child("TagSet").ok_or_else(malformed)?)?;
    ctx.set_tags::<Bucket>(&bucket.name, tags);
    Ok(empty(204))
}

fn delete_tagging(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    ctx.set_tags::<Bucket>(&bucket.name, Tags::default());
    Ok(empty(204))
}

fn stored_policy(bucket: &Bucket) -> AwsResult<&str> {
    bucket
        .settings
        .get("policy")
        .map(String::as_str)
        .ok_or_else(|| {
            AwsError::with_status(
                404,
                "NoSuchBucketPolicy",
                "The bucket policy does not exist",
            )
            .member("BucketName", bucket.name.as_str())
        })
}

fn policy(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    Ok(HttpReply::new(
        200,
        "application/json",
        stored_policy(&bucket)?,
    ))
}

fn policy_status(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    let public = checks::is_public(stored_policy(&bucket)?);
    Ok(answer("PolicyStatus", |xml| {
        xml.text("IsPublic", public);
    }))
}

fn put_policy(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut bucket = bucket::find(ctx, request)?.edit();
    let body = String::from_utf8(payload::read(request.http)?)
        .map_err(|_| AwsError::new("MalformedPolicy", "Policies must be valid JSON"))?;
    checks::policy(&bucket.name, &body)?;
    if unknown_principal(ctx, &body).is_some() {
        return Err(AwsError::new(
            "MalformedPolicy",
            "Invalid principal in policy",
        ));
    }
    let blocks = |name: &str| {
        bucket
            .settings
            .get("publicAccessBlock")
            .is_some_and(|xml| xml.contains(&format!("<{name}>true</{name}>")))
    };
    if blocks("BlockPublicPolicy") && checks::is_public(&body) {
        let message = "User is not authorized to perform: s3:PutBucketPolicy because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.";
        return Err(AwsError::with_status(403, "AccessDenied", message));
    }
    bucket.settings.insert("policy".to_owned(), body);
    // "This date can change when making changes to your bucket, such as editing its bucket policy" (S3, `Bucket`).
    bucket.created = ctx.now;
    ctx.put(bucket);
    Ok(empty(204))
}

fn delete_policy(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    remove(ctx, request)
}

fn acl(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let bucket = bucket::find(ctx, request)?;
    Ok(answer("AccessControlPolicy", |xml| {
        match bucket.settings.get("acl") {
            Some(inside) => {
                xml.raw(inside);
            }
            None => {
                grants(xml, "private");
            }
        }
    }))
}

/// Writes owner and grants of a canned list; false when there is no such.
pub(super) fn grants(xml: &mut Xml, canned: &str) -> bool {
    let everyone = "http://acs.amazonaws.com/groups/global/AllUsers";
    let authenticated = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
    let delivery = "http://acs.amazonaws.com/groups/s3/LogDelivery";
    let groups: &[(&str, &str)] = match canned {
        "private" => &[],
        "public-read" => &[(everyone, "READ")],
        "public-read-write" => &[(everyone, "READ"), (everyone, "WRITE")],
        "authenticated-read" => &[(authenticated, "READ")],
        "log-delivery-write" => &[(delivery, "WRITE"), (delivery, "READ_ACP")],
        _ => return false,
    };
    let schema = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    xml.node("Owner", |xml| {
        xml.text("ID", OWNER);
    });
    xml.node("AccessControlList", |xml| {
        xml.raw(&format!(
            "<Grant><Grantee {schema} xsi:type=\"CanonicalUser\"><ID>{OWNER}</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>"
        ));
        for (group, permission) in groups {
            xml.raw(&format!(
                "<Grant><Grantee {schema} xsi:type=\"Group\"><URI>{group}</URI></Grantee><Permission>{permission}</Permission></Grant>"
            ));
        }
    });
    true
}

fn put_acl(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut bucket = bucket::find(ctx, request)?.edit();
    let ownership = bucket
        .settings
        .get("ownershipControls")
        .map_or("", String::as_str);
    if ownership.contains(">BucketOwnerEnforced<") {
        return Err(AwsError::new(
            "AccessControlListNotSupported",
            "The bucket does not allow ACLs",
        ));
    }
    let mut xml = Xml::new();
    match request.http.header("x-amz-acl") {
        Some(canned) => {
            if !grants(&mut xml, canned) {
                return Err(AwsError::new(
                    "InvalidArgument",
                    format!("Invalid x-amz-acl {canned}"),
                ));
            }
        }
        None => {
            let element = request.document("AccessControlPolicy")?;
            if element.child("Owner").is_none() || element.child("AccessControlList").is_none() {
                return Err(AwsError::new("MalformedACLError", malformed().message));
            }
            element.inside(&mut xml);
        }
    }
    let blocked = bucket
        .settings
        .get("publicAccessBlock")
        .is_some_and(|block| block.contains("<BlockPublicAcls>true</BlockPublicAcls>"));
    if blocked && xml.as_str().contains("/groups/global/") {
        let message = "User is not authorized to perform: s3:PutBucketAcl because public access control lists (ACLs) are prevented by the BlockPublicAcls setting in S3 Block Public Access.";
        return Err(AwsError::with_status(403, "AccessDenied", message));
    }
    bucket
        .settings
        .insert("acl".to_owned(), xml.as_str().to_owned());
    ctx.put(bucket);
    Ok(empty(200))
}
