//! Buckets and their policies.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, default, merge, project_number, text, without_nulls};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::super::{kms, labels, places, policy};
use super::{check_condition, object};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;

const BUCKETS: &str = "storage.buckets";

/// Places that are no regions, with what they are.
const WIDE: [(&str, &str); 7] = [
    ("US", "multi-region"),
    ("EU", "multi-region"),
    ("ASIA", "multi-region"),
    ("NAM4", "dual-region"),
    ("EUR4", "dual-region"),
    ("EUR5", "dual-region"),
    ("ASIA1", "dual-region"),
];

const CLASSES: [&str; 7] = [
    "STANDARD",
    "NEARLINE",
    "COLDLINE",
    "ARCHIVE",
    "MULTI_REGIONAL",
    "REGIONAL",
    "DURABLE_REDUCED_AVAILABILITY",
];

/// The request's bucket.
pub(super) fn find(ctx: &Ctx<'_>, name: &str) -> GoogleResult<Item> {
    ctx.get(BUCKETS, name)
        .map(|item| item.edit())
        .ok_or_else(|| GoogleError::not_found("The specified bucket does not exist."))
}

/// Answers a request.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let name = input.name().to_owned();
    match input.method.verb {
        "insert" => insert(ctx, input),
        "list" => list(ctx, input),
        "get" => {
            let item = find(ctx, &name)?;
            check_condition(
                input,
                "ifMetageneration",
                text(&item.doc, "/metageneration"),
            )?;
            Ok(HttpReply::json(200, &item.doc))
        }
        "patch" | "update" => change(ctx, input),
        "delete" => {
            let item = find(ctx, &name)?;
            check_condition(
                input,
                "ifMetageneration",
                text(&item.doc, "/metageneration"),
            )?;
            if object::any(ctx, &name) {
                return Err(GoogleError::new(
                    409,
                    "conflict",
                    "FAILED_PRECONDITION",
                    "The bucket you tried to delete is not empty.",
                ));
            }
            ctx.remove(BUCKETS, &name);
            policy::forget(ctx, &format!("buckets/{name}"));
            Ok(HttpReply::new(204, "application/json", ""))
        }
        "testIamPermissions" => {
            find(ctx, &name)?;
            let asked = input
                .request
                .query
                .iter()
                .filter(|(key, _)| key == "permissions");
            let all: Vec<_> = asked.map(|(_, value)| value).collect();
            Ok(HttpReply::json(
                200,
                &json!({ "kind": "storage#testIamPermissionsResponse", "permissions": all }),
            ))
        }
        _ => {
            let item = find(ctx, &name)?;
            iam(ctx, input, &item)
        }
    }
}

fn check_name(name: &str) -> GoogleResult<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let length = if name.contains('.') { 222 } else { 63 };
    if (3..=length).contains(&name.len())
        && name.chars().all(good)
        && name.starts_with(ends)
        && name.ends_with(ends)
        && !name.starts_with("goog")
        && !name.contains("google")
        && !name.contains("..")
    {
        return Ok(());
    }
    Err(GoogleError::invalid(format!(
        "Invalid bucket name: '{name}'"
    )))
}

fn location_type(location: &str) -> Option<&'static str> {
    let wide = WIDE.iter().find(|(name, _)| *name == location);
    match wide {
        Some((_, kind)) => Some(kind),
        None => places::is_region(&location.to_lowercase()).then_some("region"),
    }
}

fn insert(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let project = ctx.project_id(input.query("project").unwrap_or_default());
    if project.is_empty() {
        return Err(GoogleError::required("project"));
    }
    ctx.know_project(&project);
    let mut body = input.body.clone();
    without_nulls(&mut body);
    let name = text(&body, "/name").to_owned();
    if name.is_empty() {
        return Err(GoogleError::required("bucket.name"));
    }
    check_name(&name)?;
    if let Some(other) = ctx.get(BUCKETS, &name) {
        let own = other.hidden["project"] == project;
        let message = if own {
            "Your previous request to create the named bucket succeeded and you already own it."
        } else {
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
        };
        return Err(GoogleError::new(409, "conflict", "ALREADY_EXISTS", message));
    }
    let location = match text(&body, "/location") {
        "" => "US".to_owned(),
        location => location.to_uppercase(),
    };
    let kind = location_type(&location).ok_or_else(|| {
        GoogleError::invalid(format!(
            "The specified location constraint is not valid: {location}"
        ))
    })?;
    let mut doc = body.as_object().cloned().unwrap_or_default();
    check_placement(&doc, &location)?;
    let kind = match doc.get("customPlacementConfig") {
        Some(_) => "dual-region",
        None => kind,
    };
    let links = settle(ctx, &mut doc)?;
    let now = iso8601_millis(ctx.now);
    for (field, value) in [
        ("kind", json!("storage#bucket")),
        ("id", json!(name)),
        (
            "selfLink",
            json!(format!("https://www.googleapis.com/storage/v1/b/{name}")),
        ),
        ("projectNumber", json!(project_number(&project))),
        ("generation", json!((ctx.now * 1000).to_string())),
        ("metageneration", json!("1")),
        ("location", json!(location)),
        ("locationType", json!(kind)),
        ("timeCreated", json!(now)),
        ("updated", json!(now)),
        ("etag", json!("CAE=")),
    ] {
        doc.insert(field.into(), value);
    }
    if kind != "region" {
        default(&mut doc, "rpo", "DEFAULT");
    }
    let mut item = Item::new(name, Value::Object(doc));
    item.hidden = json!({ "project": project });
    item.links = links;
    item.list_as("google_storage_bucket", &location.to_lowercase(), None);
    let labels = item.doc.get("labels").cloned();
    let shown = item.doc.clone();
    ctx.put(BUCKETS, item, labels.as_ref());
    Ok(HttpReply::json(200, &shown))
}

/// Checks a bucket and fills in what the server decides; gives what it refers to.
fn settle(ctx: &Ctx<'_>, doc: &mut Map<String, Value>) -> GoogleResult<Vec<String>> {
    labels::check(doc.get("labels"))?;
    if doc.get("labels") == Some(&json!({})) {
        doc.remove("labels");
    }
    default(doc, "storageClass", "STANDARD");
    let class = doc["storageClass"].as_str().unwrap_or_default().to_owned();
    if !CLASSES.contains(&class.as_str()) {
        return Err(GoogleError::invalid(format!(
            "Invalid storage class: {class}"
        )));
    }
    let now = iso8601_millis(ctx.now);
    let later = iso8601_millis(ctx.now + 90 * 24 * 3_600_000);
    let iam = doc.entry("iamConfiguration").or_insert_with(|| json!({}));
    let uniform = iam["uniformBucketLevelAccess"]["enabled"] == true;
    let locked = iam["uniformBucketLevelAccess"]["lockedTime"].clone();
    let locked = if locked.is_string() {
        locked
    } else {
        json!(later)
    };
    let access = if uniform {
        json!({ "enabled": true, "lockedTime": locked })
    } else {
        json!({ "enabled": false })
    };
    iam["uniformBucketLevelAccess"] = access.clone();
    iam["bucketPolicyOnly"] = access;
    match text(iam, "/publicAccessPrevention") {
        "" | "unspecified" => iam["publicAccessPrevention"] = "inherited".into(),
        "inherited" | "enforced" => {}
        other => {
            return Err(GoogleError::invalid(format!(
                "Invalid public access prevention: {other}"
            )));
        }
    }
    let soft = doc
        .entry("softDeletePolicy")
        .or_insert_with(|| json!({ "retentionDurationSeconds": "604800" }));
    let seconds: i64 = text(soft, "/retentionDurationSeconds")
        .parse()
        .unwrap_or(604_800);
    if seconds != 0 && !(604_800..=7_776_000).contains(&seconds) {
        return Err(GoogleError::invalid(
            "The soft delete retention must be 0 or between 7 and 90 days.",
        ));
    }
    if !soft["effectiveTime"].is_string() {
        soft["effectiveTime"] = now.clone().into();
    }
    if doc
        .get("lifecycle")
        .is_some_and(|lifecycle| lifecycle["rule"].as_array().is_none_or(Vec::is_empty))
    {
        doc.remove("lifecycle");
    }
    for rule in doc
        .get("lifecycle")
        .and_then(|lifecycle| lifecycle["rule"].as_array())
        .into_iter()
        .flatten()
    {
        check_rule(rule)?;
    }
    check_pages(doc)?;
    if let Some(autoclass) = doc.get_mut("autoclass") {
        if autoclass["enabled"] == true {
            if let Some(members) = autoclass.as_object_mut() {
                default(members, "terminalStorageClass", "NEARLINE");
                default(members, "terminalStorageClassUpdateTime", now.clone());
                default(members, "toggleTime", now);
            }
        } else {
            doc.remove("autoclass");
        }
    }
    if let Some(policy) = doc.get_mut("retentionPolicy") {
        if text(policy, "/retentionPeriod")
            .parse::<i64>()
            .is_ok_and(|period| period > 0)
        {
            if !policy["effectiveTime"].is_string() {
                policy["effectiveTime"] = iso8601_millis(ctx.now).into();
            }
        } else {
            return Err(GoogleError::invalid(
                "The retention period must be positive.",
            ));
        }
    }
    let key = text(&Value::Object(doc.clone()), "/encryption/defaultKmsKeyName").to_owned();
    if key.is_empty() {
        return Ok(Vec::new());
    }
    if ctx.get(kms::KEYS, &key).is_none() {
        return Err(GoogleError::invalid(format!(
            "The KMS key {key} does not exist or cannot be used."
        )));
    }
    // As reported in https://github.com/googleapis/google-cloud-java/issues/3594.
    if !kms::usable(ctx, &key, "gs-project-accounts") {
        return Err(GoogleError::forbidden(
            "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized to use this key.",
        ));
    }
    Ok(vec![key])
}

/// Checks the pages that a bucket shows, and who may use it
/// (<https://cloud.google.com/storage/docs/json_api/v1/buckets>, `website`, `cors`).
fn check_pages(doc: &mut Map<String, Value>) -> GoogleResult<()> {
    for (field, empty) in [("website", json!({})), ("cors", json!([]))] {
        if doc.get(field) == Some(&empty) {
            doc.remove(field);
        }
    }
    let methods = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "*",
    ];
    for rule in doc
        .get("cors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let mut named = rule["method"].as_array().into_iter().flatten();
        if let Some(other) = named.find(|one| !methods.contains(&one.as_str().unwrap_or_default()))
        {
            return Err(GoogleError::invalid(format!(
                "Invalid CORS method: {other}"
            )));
        }
        if rule["maxAgeSeconds"].as_i64().is_some_and(|age| age < 0) {
            return Err(GoogleError::invalid("maxAgeSeconds must not be negative."));
        }
    }
    Ok(())
}

/// Checks the two regions of a dual-region.
fn check_placement(doc: &Map<String, Value>, location: &str) -> GoogleResult<()> {
    let Some(config) = doc.get("customPlacementConfig") else {
        return Ok(());
    };
    let regions = config["dataLocations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let known = |one: &Value| {
        let name = one.as_str().unwrap_or_default().to_lowercase();
        places::is_region(&name)
    };
    if regions.len() != 2 || regions[0] == regions[1] || !regions.iter().all(known) {
        return Err(GoogleError::invalid(
            "A custom dual-region needs exactly two different regions in dataLocations.",
        ));
    }
    if !["US", "EU", "ASIA"].contains(&location) {
        return Err(GoogleError::invalid(format!(
            "The location {location} cannot hold a custom dual-region."
        )));
    }
    Ok(())
}

fn check_rule(rule: &Value) -> GoogleResult<()> {
    let action = text(rule, "/action/type");
    if !matches!(
        action,
        "Delete" | "SetStorageClass" | "AbortIncompleteMultipartUpload"
    ) {
        return Err(GoogleError::invalid(format!(
            "Invalid lifecycle action: '{action}'"
        )));
    }
    if action == "SetStorageClass" && !CLASSES.contains(&text(rule, "/action/storageClass")) {
        return Err(GoogleError::invalid(
            "A SetStorageClass action needs a storage class.",
        ));
    }
    if rule["condition"].as_object().is_none_or(Map::is_empty) {
        return Err(GoogleError::invalid("A lifecycle rule needs a condition."));
    }
    Ok(())
}

fn list(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let project = ctx.project_id(input.query("project").unwrap_or_default());
    if project.is_empty() {
        return Err(GoogleError::required("project"));
    }
    let rows = ctx
        .list(BUCKETS, input.query("prefix").unwrap_or_default())
        .iter()
        .filter(|item| item.hidden["project"] == project)
        .map(|item| item.doc.clone())
        .collect();
    let answer = json!({ "kind": "storage#buckets" });
    let answer = input.paged(answer, "items", rows, input.size("maxResults", 1000))?;
    Ok(HttpReply::json(200, &answer))
}

/// What a change keeps.
const SERVER: [&str; 12] = [
    "kind",
    "id",
    "name",
    "selfLink",
    "projectNumber",
    "generation",
    "metageneration",
    "location",
    "locationType",
    "timeCreated",
    "rpo",
    "softDeletePolicy",
];

fn change(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let mut item = find(ctx, input.name())?;
    check_condition(
        input,
        "ifMetageneration",
        text(&item.doc, "/metageneration"),
    )?;
    let before = item.doc.clone();
    let doc = if input.method.verb == "patch" {
        let mut doc = before.clone();
        merge(&mut doc, &input.body);
        doc
    } else {
        let mut doc = input.body.clone();
        without_nulls(&mut doc);
        for field in SERVER {
            if doc.get(field).is_none() && !before[field].is_null() {
                doc[field] = before[field].clone();
            }
        }
        doc
    };
    let mut members = doc.as_object().cloned().unwrap_or_default();
    for field in [
        "kind",
        "id",
        "selfLink",
        "projectNumber",
        "generation",
        "timeCreated",
        "locationType",
    ] {
        members.insert(field.into(), before[field].clone());
    }
    for field in ["name", "location"] {
        let wanted = members
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_uppercase();
        if wanted != text(&before, &format!("/{field}")).to_uppercase() {
            return Err(GoogleError::invalid(format!(
                "The {field} of a bucket cannot be changed."
            )));
        }
        members.insert(field.into(), before[field].clone());
    }
    if before["retentionPolicy"]["isLocked"] == true
        && members.get("retentionPolicy") != before.get("retentionPolicy")
    {
        return Err(GoogleError::forbidden(
            "The retention policy of the bucket is locked.",
        ));
    }
    item.links = settle(ctx, &mut members)?;
    let number: u64 = text(&before, "/metageneration").parse().unwrap_or(1);
    members.insert("metageneration".into(), (number + 1).to_string().into());
    members.insert("updated".into(), iso8601_millis(ctx.now).into());
    use base64::Engine;
    let tag = [8, u8::try_from(number + 1).unwrap_or(u8::MAX)];
    let etag = base64::engine::general_purpose::STANDARD.encode(tag);
    members.insert("etag".into(), etag.into());
    item.doc = Value::Object(members);
    let labels = item.doc.get("labels").cloned();
    let shown = item.doc.clone();
    ctx.put(BUCKETS, item, labels.as_ref());
    Ok(HttpReply::json(200, &shown))
}

/// `getIamPolicy` and `setIamPolicy`: the body is the policy itself.
fn iam(ctx: &mut Ctx<'_>, input: &Input<'_>, bucket: &Item) -> GoogleResult<HttpReply> {
    let name = bucket.short().to_owned();
    let project = text(&bucket.hidden, "/project");
    let initial = json!({
        "version": 1,
        "bindings": [
            { "role": "roles/storage.legacyBucketOwner", "members": [format!("projectEditor:{project}"), format!("projectOwner:{project}")] },
            { "role": "roles/storage.legacyBucketReader", "members": [format!("projectViewer:{project}")] },
        ],
    });
    let resource = format!("buckets/{name}");
    let mut policy = if input.method.verb == "setIamPolicy" {
        policy::write(ctx, &resource, &initial, &input.body).map_err(|error| match error.code {
            409 => GoogleError::condition("The policy was changed since its etag was read."),
            _ => error,
        })?
    } else {
        policy::read(ctx, &resource, &initial)
    };
    policy::hide(&mut policy);
    policy["kind"] = "storage#policy".into();
    policy["resourceId"] = format!("projects/_/buckets/{name}").into();
    Ok(HttpReply::json(200, &policy))
}
