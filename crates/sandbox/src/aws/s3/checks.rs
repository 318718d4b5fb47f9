//! What S3 demands of a bucket's settings. Each check may complete the document as S3 does before keeping it.

use serde_json::Value;

use super::bucket::Bucket;
use super::malformed;
use crate::aws::context::Ctx;
use crate::aws::document::Element;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::references;

fn ensure(holds: bool) -> AwsResult<()> {
    if holds { Ok(()) } else { Err(malformed()) }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidArgument", message)
}

pub(super) fn encryption(ctx: &Ctx<'_>, _: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&["Rule"]) && root.children.len() == 1)?;
    let rule = &mut root.children[0];
    ensure(rule.only(&[
        "ApplyServerSideEncryptionByDefault",
        "BucketKeyEnabled",
        "BlockedEncryptionTypes",
    ]))?;
    if let Some(default) = rule.child("ApplyServerSideEncryptionByDefault") {
        ensure(default.only(&["SSEAlgorithm", "KMSMasterKeyID"]))?;
        let algorithm = default.text_of("SSEAlgorithm").unwrap_or_default();
        ensure(matches!(algorithm, "AES256" | "aws:kms" | "aws:kms:dsse"))?;
        match default.text_of("KMSMasterKeyID") {
            Some(_) if algorithm == "AES256" => {
                let message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";
                return Err(invalid(message));
            }
            // S3 does not look the key up when the setting is made, but refuses what cannot be a key.
            Some(key) if !references::may_be_key(ctx, key) => {
                return Err(AwsError::new(
                    "KMS.NotFoundException",
                    format!("Invalid keyId '{key}'"),
                ));
            }
            _ => {}
        }
    }
    if rule.child("BucketKeyEnabled").is_none() {
        rule.children
            .push(Element::leaf("BucketKeyEnabled", "false"));
    }
    Ok(())
}

pub(super) fn public_access_block(_: &Ctx<'_>, _: &Bucket, root: &mut Element) -> AwsResult<()> {
    let names = [
        "BlockPublicAcls",
        "IgnorePublicAcls",
        "BlockPublicPolicy",
        "RestrictPublicBuckets",
    ];
    ensure(root.only(&names))?;
    let mut children = Vec::new();
    for name in names {
        let value = root.text_of(name).unwrap_or("false").to_ascii_lowercase();
        ensure(matches!(value.as_str(), "true" | "false"))?;
        children.push(Element::leaf(name, &value));
    }
    root.children = children;
    Ok(())
}

pub(super) fn ownership(_: &Ctx<'_>, bucket: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&["Rule"]) && root.children.len() == 1)?;
    let value = root.children[0]
        .text_of("ObjectOwnership")
        .unwrap_or_default();
    ensure(matches!(
        value,
        "BucketOwnerEnforced" | "BucketOwnerPreferred" | "ObjectWriter"
    ))?;
    if value == "BucketOwnerEnforced"
        && bucket
            .settings
            .get("acl")
            .is_some_and(|acl| acl.contains("/groups/"))
    {
        let message =
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(AwsError::new(
            "InvalidBucketAclWithObjectOwnership",
            message,
        ));
    }
    Ok(())
}

const CLASSES: [&str; 6] = [
    "GLACIER",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

fn days(element: &Element, name: &str) -> AwsResult<Option<u32>> {
    match element.text_of(name).map(str::parse::<u32>) {
        None => Ok(None),
        Some(Ok(days)) => Ok(Some(days)),
        Some(Err(_)) => Err(malformed()),
    }
}

pub(super) fn lifecycle(_: &Ctx<'_>, _: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&["Rule"]) && (1..=1000).contains(&root.children.len()))?;
    let mut ids = std::collections::BTreeSet::new();
    for (index, rule) in root.children.iter_mut().enumerate() {
        let actions = [
            "Expiration",
            "Transition",
            "NoncurrentVersionExpiration",
            "NoncurrentVersionTransition",
            "AbortIncompleteMultipartUpload",
        ];
        ensure(rule.children.iter().all(|child| {
            let name = child.name.as_str();
            actions.contains(&name) || ["ID", "Prefix", "Filter", "Status"].contains(&name)
        }))?;
        ensure(matches!(
            rule.text_of("Status"),
            Some("Enabled" | "Disabled")
        ))?;
        // One of the two, the older Prefix or Filter.
        ensure(rule.child("Prefix").is_some() != rule.child("Filter").is_some())?;
        if let Some(filter) = rule.child("Filter") {
            ensure(
                filter.children.len() <= 1
                    && filter.only(&[
                        "Prefix",
                        "Tag",
                        "And",
                        "ObjectSizeGreaterThan",
                        "ObjectSizeLessThan",
                    ]),
            )?;
        }
        if !actions.iter().any(|action| rule.child(action).is_some()) {
            return Err(AwsError::new(
                "InvalidRequest",
                "At least one action needs to be specified in a rule",
            ));
        }
        let id = match rule.text_of("ID").filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => {
                rule.children.retain(|child| child.name != "ID");
                let id = format!("{:032x}", index + 1);
                rule.children.insert(0, Element::leaf("ID", &id));
                id
            }
        };
        if id.len() > 255 {
            return Err(invalid("ID length should not exceed allowed limit of 255"));
        }
        if !ids.insert(id) {
            return Err(invalid(
                "RuleId must be unique. Found same ID for more than one rule",
            ));
        }
        rule_dates(rule)?;
    }
    Ok(())
}

fn rule_dates(rule: &Element) -> AwsResult<()> {
    let mut last = 0;
    for transition in rule.all("Transition") {
        let class = transition.text_of("StorageClass").unwrap_or_default();
        ensure(CLASSES.contains(&class) && transition.only(&["Days", "Date", "StorageClass"]))?;
        let after = days(transition, "Days")?;
        ensure(after.is_some() != transition.child("Date").is_some())?;
        let after = after.unwrap_or(0);
        if matches!(class, "STANDARD_IA" | "ONEZONE_IA")
            && after < 30
            && transition.child("Date").is_none()
        {
            return Err(invalid(format!(
                "'Days' in Transition action must be greater than or equal to 30 for storageClass '{class}'"
            )));
        }
        last = last.max(after);
    }
    if let Some(expiration) = rule.child("Expiration") {
        ensure(
            expiration.children.len() == 1
                && expiration.only(&["Days", "Date", "ExpiredObjectDeleteMarker"]),
        )?;
        if let Some(after) = days(expiration, "Days")? {
            if after == 0 {
                return Err(invalid(
                    "'Days' for Expiration action must be a positive integer",
                ));
            }
            if after <= last {
                let message = "'Days' in the Expiration action for filter must be greater than 'Days' in the Transition action";
                return Err(invalid(message));
            }
        }
    }
    for action in rule
        .all("NoncurrentVersionExpiration")
        .chain(rule.all("NoncurrentVersionTransition"))
    {
        ensure(action.only(&["NoncurrentDays", "NewerNoncurrentVersions", "StorageClass"]))?;
        if days(action, "NoncurrentDays")?.unwrap_or(0) == 0 {
            return Err(invalid("'NoncurrentDays' must be a positive integer"));
        }
    }
    if let Some(abort) = rule.child("AbortIncompleteMultipartUpload")
        && days(abort, "DaysAfterInitiation")?.unwrap_or(0) == 0
    {
        return Err(invalid("'DaysAfterInitiation' must be a positive integer"));
    }
    Ok(())
}

pub(super) fn cors(_: &Ctx<'_>, _: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&["CORSRule"]) && (1..=100).contains(&root.children.len()))?;
    for rule in &root.children {
        ensure(rule.only(&[
            "ID",
            "AllowedHeader",
            "AllowedMethod",
            "AllowedOrigin",
            "ExposeHeader",
            "MaxAgeSeconds",
        ]))?;
        ensure(rule.child("AllowedOrigin").is_some() && rule.child("AllowedMethod").is_some())?;
        for method in rule.all("AllowedMethod") {
            if !matches!(
                method.text.as_str(),
                "GET" | "PUT" | "POST" | "DELETE" | "HEAD"
            ) {
                let message = format!(
                    "Found unsupported HTTP method in CORS config. Unsupported method is {}",
                    method.text
                );
                return Err(AwsError::new("InvalidRequest", message));
            }
        }
    }
    Ok(())
}

pub(super) fn website(_: &Ctx<'_>, _: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&[
        "IndexDocument",
        "ErrorDocument",
        "RedirectAllRequestsTo",
        "RoutingRules",
    ]))?;
    let index = root
        .child("IndexDocument")
        .and_then(|index| index.text_of("Suffix"));
    if root.child("RedirectAllRequestsTo").is_none()
        && index.is_none_or(|suffix| suffix.is_empty() || suffix.contains('/'))
    {
        return Err(invalid("The IndexDocument Suffix is not well formed"));
    }
    Ok(())
}

pub(super) fn replication(ctx: &Ctx<'_>, bucket: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&["Role", "Rule"]) && root.child("Rule").is_some())?;
    if bucket.versioning != "Enabled" {
        let message =
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration";
        return Err(AwsError::new("InvalidRequest", message));
    }
    let role = root.text_of("Role").unwrap_or_default();
    if !references::knows_role(ctx, role) {
        return Err(invalid(
            "Invalid Role specified in replication configuration",
        ));
    }
    for rule in root.all("Rule") {
        ensure(matches!(
            rule.text_of("Status"),
            Some("Enabled" | "Disabled")
        ))?;
        let target = rule
            .child("Destination")
            .and_then(|destination| destination.text_of("Bucket"));
        let name = target
            .and_then(|arn| arn.strip_prefix("arn:aws:s3:::"))
            .ok_or_else(malformed)?;
        let target = ctx.get::<Bucket>(name);
        if target.is_none_or(|target| target.versioning != "Enabled") {
            let message = "Destination bucket must exist and have versioning enabled.";
            return Err(AwsError::new("InvalidRequest", message));
        }
    }
    Ok(())
}

pub(super) fn object_lock(_: &Ctx<'_>, bucket: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&["ObjectLockEnabled", "Rule"]))?;
    if bucket.versioning != "Enabled" {
        let message =
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration";
        return Err(AwsError::with_status(409, "InvalidBucketState", message));
    }
    ensure(root.text_of("ObjectLockEnabled") == Some("Enabled"))?;
    if let Some(rule) = root.child("Rule") {
        let retention = rule.child("DefaultRetention").ok_or_else(malformed)?;
        ensure(matches!(
            retention.text_of("Mode"),
            Some("GOVERNANCE" | "COMPLIANCE")
        ))?;
        ensure(days(retention, "Days")?.is_some() != days(retention, "Years")?.is_some())?;
    }
    Ok(())
}

pub(super) fn logging(ctx: &Ctx<'_>, _: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&["LoggingEnabled"]))?;
    let Some(enabled) = root.child("LoggingEnabled") else {
        return Ok(());
    };
    ensure(enabled.only(&[
        "TargetBucket",
        "TargetPrefix",
        "TargetGrants",
        "TargetObjectKeyFormat",
    ]))?;
    let target = enabled.text_of("TargetBucket").ok_or_else(malformed)?;
    ensure(enabled.child("TargetPrefix").is_some())?;
    if !ctx.exists::<Bucket>(target) {
        let message = "The target bucket for logging does not exist";
        return Err(AwsError::new("InvalidTargetBucketForLogging", message));
    }
    Ok(())
}

pub(super) fn accelerate(_: &Ctx<'_>, bucket: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(matches!(
        root.text_of("Status"),
        Some("Enabled" | "Suspended")
    ))?;
    if bucket.name.contains('.') {
        let message =
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names";
        return Err(AwsError::new("InvalidRequest", message));
    }
    Ok(())
}

pub(super) fn request_payment(_: &Ctx<'_>, _: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(matches!(
        root.text_of("Payer"),
        Some("BucketOwner" | "Requester")
    ))
}

pub(super) fn notification(_: &Ctx<'_>, _: &Bucket, root: &mut Element) -> AwsResult<()> {
    ensure(root.only(&[
        "TopicConfiguration",
        "QueueConfiguration",
        "CloudFunctionConfiguration",
        "EventBridgeConfiguration",
    ]))
}

/// Checks a bucket policy.
pub(super) fn policy(bucket: &str, text: &str) -> AwsResult<()> {
    let wrong = |message: &str| AwsError::new("MalformedPolicy", message);
    let Ok(Value::Object(policy)) = serde_json::from_str::<Value>(text) else {
        return Err(wrong(
            "Policies must be valid JSON and the first byte must be '{'",
        ));
    };
    if policy
        .get("Version")
        .is_some_and(|version| version != "2012-10-17" && version != "2008-10-17")
    {
        return Err(wrong("The policy must contain a valid version string"));
    }
    if let Some(name) = policy
        .keys()
        .find(|name| !["Version", "Id", "Statement"].contains(&name.as_str()))
    {
        return Err(wrong(&format!("Unknown field {name}")));
    }
    let statements = statements(policy.get("Statement"));
    if statements.is_empty() {
        return Err(wrong("Missing required field Statement"));
    }
    let own = format!("arn:aws:s3:::{bucket}");
    for statement in statements {
        let has = |names: [&str; 2]| names.iter().any(|name| statement.get(*name).is_some());
        if !matches!(
            statement.get("Effect").and_then(Value::as_str),
            Some("Allow" | "Deny")
        ) {
            return Err(wrong("Missing required field Effect"));
        }
        if !has(["Principal", "NotPrincipal"]) {
            return Err(wrong("Missing required field Principal"));
        }
        if !has(["Action", "NotAction"]) {
            return Err(wrong("Missing required field Action"));
        }
        if !has(["Resource", "NotResource"]) {
            return Err(wrong("Missing required field Resource"));
        }
        let actions = strings(
            statement
                .get("Action")
                .or_else(|| statement.get("NotAction")),
        );
        if !actions
            .iter()
            .all(|action| *action == "*" || action.to_ascii_lowercase().starts_with("s3:"))
        {
            return Err(wrong("Policy has invalid action"));
        }
        let resources = strings(
            statement
                .get("Resource")
                .or_else(|| statement.get("NotResource")),
        );
        let inside = |resource: &&str| {
            resource
                .strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*']))
        };
        if resources.is_empty() || !resources.iter().all(inside) {
            return Err(wrong("Policy has invalid resource"));
        }
    }
    Ok(())
}

fn statements(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value @ Value::Object(_)) => vec![value],
        _ => Vec::new(),
    }
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    }
}

/// Whether a policy allows something to everyone without a condition.
pub(super) fn is_public(text: &str) -> bool {
    let policy: Value = serde_json::from_str(text).unwrap_or_default();
    statements(policy.get("Statement"))
        .into_iter()
        .any(|statement| {
            let principal = statement.get("Principal");
            let everyone = principal.and_then(Value::as_str) == Some("*")
                || strings(principal.and_then(|principal| principal.get("AWS"))).contains(&"*");
            statement.get("Effect").and_then(Value::as_str) == Some("Allow")
                && everyone
                && statement.get("Condition").is_none()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        let statement = |effect: &str, principal: &str, resource: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":"{principal}","Action":"s3:*","Resource":"{resource}"}}]}}"#
            )
        };
        let public = statement("Allow", "*", "arn:aws:s3:::b/*");
        assert!(policy("b", &public).is_ok() && is_public(&public));
        assert!(!is_public(&statement("Deny", "*", "arn:aws:s3:::b/*")));
        for bad in [
            "x",
            "{}",
            &statement("Allow", "*", "arn:aws:s3:::other/*"),
            &statement("Maybe", "*", "arn:aws:s3:::b"),
        ] {
            assert_eq!(
                policy("b", bad).expect_err("refused").code,
                "MalformedPolicy",
                "{bad}"
            );
        }
    }
}
