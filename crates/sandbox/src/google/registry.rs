//! Artifact Registry: repositories, without what is in them.

use serde_json::{Value, json};

use super::context::{Ctx, Input, merge_masked, text, without_nulls};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use super::{agents, labels, lro, places, policy};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;
use crate::latency::Work;

const REPOSITORIES: &str = "artifactregistry.repositories";
const METADATA: &str = "type.googleapis.com/google.devtools.artifactregistry.v1.OperationMetadata";
const TYPE: &str = "type.googleapis.com/google.devtools.artifactregistry.v1.Repository";

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let place = input.location();
    let parent = format!("projects/{}/locations/{place}", input.project());
    if input.method.resource == "projects.locations" || input.method.resource == "locations" {
        return Ok(locations(input));
    }
    if input.method.resource == "operations" {
        return lro::get(ctx, &format!("{parent}/operations/{}", input.name()));
    }
    if !places::is_region(place) && !matches!(place, "us" | "europe" | "asia") {
        return Err(GoogleError::bad(format!("Location {place} is not valid.")));
    }
    let id = format!("{parent}/repositories/{}", input.name());
    match input.method.verb {
        "create" => create(ctx, input, &parent),
        "get" => {
            let mut doc = find(ctx, &id)?.doc;
            doc["registryUri"] = format!(
                "{place}-{}.pkg.dev/{}/{}",
                text(&doc, "/format").to_lowercase(),
                input.project(),
                input.name()
            )
            .into();
            Ok(HttpReply::json(200, &doc))
        }
        "list" => {
            let rows = ctx
                .list(REPOSITORIES, &format!("{parent}/repositories/"))
                .iter()
                .map(|item| item.doc.clone())
                .collect();
            let size = input.size("pageSize", 100);
            let answer = input.paged(json!({}), "repositories", rows, size)?;
            Ok(HttpReply::json(200, &answer))
        }
        "patch" => patch(ctx, input, &id),
        "delete" => delete(ctx, input, &parent, &id),
        "getIamPolicy" => {
            find(ctx, &id)?;
            Ok(policy::get(ctx, &id))
        }
        _ => {
            find(ctx, &id)?;
            policy::set(ctx, &id, input)
        }
    }
}

fn locations(input: &Input<'_>) -> HttpReply {
    let one = |name: &str| {
        json!({
            "name": format!("projects/{}/locations/{name}", input.project()), "locationId": name,
        })
    };
    if input.method.verb == "get" {
        return HttpReply::json(200, &one(input.location()));
    }
    let all: Vec<_> = places::regions()
        .chain(["us", "europe", "asia"])
        .map(one)
        .collect();
    HttpReply::json(200, &json!({ "locations": all }))
}

/// A repository that is made; until then it is not there.
fn find(ctx: &Ctx<'_>, id: &str) -> GoogleResult<Item> {
    ctx.get(REPOSITORIES, id)
        .filter(|item| item.ready_at <= ctx.now)
        .map(|item| item.edit())
        .ok_or_else(|| GoogleError::not_found("Requested entity was not found."))
}

fn check(ctx: &Ctx<'_>, doc: &Value) -> GoogleResult<Vec<String>> {
    labels::check(doc.get("labels"))?;
    let mut links = Vec::new();
    let key = text(doc, "/kmsKeyName");
    if !key.is_empty() {
        if ctx.get(super::kms::KEYS, key).is_none() {
            return Err(GoogleError::bad(format!("KMS key {key} does not exist.")));
        }
        // As reported in https://github.com/hashicorp/terraform-provider-google/issues/13008.
        if !super::kms::usable(ctx, key, "gcp-sa-artifactregistry") {
            return Err(GoogleError::forbidden(
                "Permission denied on Cloud KMS key. Please ensure your Artifact Registry service account has been authorized to use the configured key.",
            ));
        }
        links.push(key.to_owned());
    }
    let upstream = doc["virtualRepositoryConfig"]["upstreamPolicies"].as_array();
    for policy in upstream.into_iter().flatten() {
        let repository = text(policy, "/repository");
        let found = find(ctx, repository)?;
        if found.doc["format"] != doc["format"] {
            return Err(GoogleError::bad(
                "Upstream repositories must have the format of the virtual one.",
            ));
        }
        links.push(repository.to_owned());
    }
    Ok(links)
}

fn create(ctx: &mut Ctx<'_>, input: &Input<'_>, parent: &str) -> GoogleResult<HttpReply> {
    let name = input.query("repositoryId").unwrap_or_default();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=63).contains(&name.len())
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(good)
        || name.ends_with('-')
    {
        let message = format!(
            "invalid repository ID \"{name}\": it may only contain lowercase letters, numbers, and hyphens, and must begin with a letter"
        );
        return Err(GoogleError::bad(message));
    }
    let id = format!("{parent}/repositories/{name}");
    if ctx.get(REPOSITORIES, &id).is_some() {
        return Err(GoogleError::exists("the repository already exists"));
    }
    let mut doc = input.body.clone();
    without_nulls(&mut doc);
    if text(&doc, "/format").is_empty() || doc["format"] == "FORMAT_UNSPECIFIED" {
        return Err(GoogleError::bad("a repository format must be specified"));
    }
    let mode = text(&doc, "/mode").to_owned();
    if mode.is_empty() || mode == "MODE_UNSPECIFIED" {
        doc["mode"] = "STANDARD_REPOSITORY".into();
    }
    if doc["mode"] == "REMOTE_REPOSITORY" && !doc["remoteRepositoryConfig"].is_object() {
        return Err(GoogleError::bad(
            "a remote repository needs a remoteRepositoryConfig",
        ));
    }
    let links = check(ctx, &doc)?;
    let now = iso8601_millis(ctx.now);
    doc["name"] = id.clone().into();
    doc["satisfiesPzi"] = true.into();
    let (state, why) = if doc["mode"] == "STANDARD_REPOSITORY" {
        (
            "SCANNING_DISABLED",
            "API containerscanning.googleapis.com is not enabled.".to_owned(),
        )
    } else {
        (
            "SCANNING_UNSUPPORTED",
            format!("Repository mode {} is not supported.", text(&doc, "/mode")),
        )
    };
    doc["vulnerabilityScanningConfig"] =
        json!({ "enablementState": state, "enablementStateReason": why, "lastEnableTime": now });
    let mut response = doc.clone();
    response["@type"] = TYPE.into();
    doc["createTime"] = now.clone().into();
    doc["updateTime"] = now.into();
    let done = ctx.due(Work::RepositoryCreate);
    let mut item = Item::new(id, doc);
    item.links = links;
    item.ready_at = done;
    item.gone_at = ctx.fails().then_some(done);
    item.list_as(
        "google_artifact_registry_repository",
        input.location(),
        None,
    );
    let labels = item.doc.get("labels").cloned();
    ctx.put(REPOSITORIES, item, labels.as_ref());
    agents::make(ctx, input.project(), "artifactregistry");
    Ok(begin(ctx, parent, response, done))
}

fn begin(
    ctx: &mut Ctx<'_>,
    parent: &str,
    response: Value,
    done: crate::clock::Millis,
) -> HttpReply {
    let name = format!("{parent}/operations/{}", ctx.uuid());
    lro::begin(
        ctx,
        &name,
        "artifactregistry",
        json!({ "@type": METADATA }),
        response,
        done,
    )
}

fn patch(ctx: &mut Ctx<'_>, input: &Input<'_>, id: &str) -> GoogleResult<HttpReply> {
    let mut item = find(ctx, id)?;
    let allowed = [
        "description",
        "labels",
        "cleanupPolicies",
        "cleanupPolicyDryRun",
        "dockerConfig",
        "virtualRepositoryConfig",
        "vulnerabilityScanningConfig",
        "remoteRepositoryConfig",
    ];
    let mut body = input.body.clone();
    if input.query("updateMask").is_none()
        && let Some(members) = body.as_object_mut()
    {
        members.retain(|name, _| allowed.contains(&name.as_str()));
    }
    merge_masked(&mut item.doc, &body, input.query("updateMask"), &allowed)?;
    item.links = check(ctx, &item.doc)?;
    item.doc["updateTime"] = iso8601_millis(ctx.now).into();
    let labels = item.doc.get("labels").cloned();
    let shown = item.doc.clone();
    ctx.put(REPOSITORIES, item, labels.as_ref());
    Ok(HttpReply::json(200, &shown))
}

fn delete(ctx: &mut Ctx<'_>, input: &Input<'_>, parent: &str, id: &str) -> GoogleResult<HttpReply> {
    let mut item = find(ctx, id)?;
    if let Some(holder) = ctx.holders(id).first() {
        let message = format!(
            "repository {} is an upstream of {}",
            input.name(),
            holder.id
        );
        return Err(GoogleError::precondition(message));
    }
    let done = ctx.due(Work::RepositoryCreate);
    if !ctx.fails() {
        item.gone_at = Some(done);
        item.deleting = true;
        ctx.keep(REPOSITORIES, item);
        policy::forget(ctx, id);
    }
    let response = json!({ "@type": "type.googleapis.com/google.protobuf.Empty" });
    Ok(begin(ctx, parent, response, done))
}
