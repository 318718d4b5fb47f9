//! Secret Manager: secrets and their versions.

use base64::Engine;
use serde_json::{Value, json};

use super::context::{Ctx, Input, fingerprint, merge_masked, project_number, text, without_nulls};
use super::error::{GoogleError, GoogleResult};
use super::item::{Item, short};
use super::{labels, places, policy};
use crate::clock::iso8601_millis;
use crate::http::HttpReply;
use crate::kubernetes::clusters::{PUSHED_BY, Pushed};

const SECRETS: &str = "secretmanager.secrets";
const VERSIONS: &str = "secretmanager.versions";

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let prefix = format!("projects/{}/secrets/", input.project());
    let names = input.names();
    let id = format!("{prefix}{}", names.first().copied().unwrap_or_default());
    let answer = match (input.method.resource.as_str(), input.method.verb) {
        ("secrets", "create") => {
            let name = input.query("secretId").unwrap_or_default();
            create(ctx, name, &input.body, &prefix)?
        }
        ("secrets", "list") => {
            let rows = ctx
                .list(SECRETS, &prefix)
                .iter()
                .map(|item| show(item))
                .collect();
            listing(input, rows, "secrets")?
        }
        ("secrets", "get") => show(&find(ctx, &id)?),
        ("secrets", "patch") => patch(ctx, input, &id)?,
        ("secrets", "delete") => {
            let item = find(ctx, &id)?;
            check_etag(input.query("etag"), &item.doc)?;
            for version in ctx.list(VERSIONS, &format!("{id}/versions/")) {
                ctx.remove(VERSIONS, &version.id);
            }
            ctx.remove(SECRETS, &id);
            policy::forget(ctx, &id);
            json!({})
        }
        ("secrets", "addVersion") => add_version(ctx, &input.body, &id)?,
        ("secrets", "getIamPolicy") => {
            find(ctx, &id)?;
            return Ok(policy::get(ctx, &id));
        }
        ("secrets", "setIamPolicy") => {
            find(ctx, &id)?;
            return policy::set(ctx, &id, input);
        }
        (_, "list") => {
            find(ctx, &id)?;
            let mut rows: Vec<_> = ctx
                .list(VERSIONS, &format!("{id}/versions/"))
                .iter()
                .map(|item| show(item))
                .collect();
            rows.sort_by_key(|row| {
                std::cmp::Reverse(short(text(row, "/name")).parse::<u64>().unwrap_or(0))
            });
            listing(input, rows, "versions")?
        }
        _ => version(ctx, input, &id)?,
    };
    Ok(HttpReply::json(200, &answer))
}

fn listing(input: &Input<'_>, rows: Vec<Value>, name: &str) -> GoogleResult<Value> {
    let mut answer = json!({});
    if !rows.is_empty() {
        answer["totalSize"] = rows.len().into();
    }
    input.paged(answer, name, rows, input.size("pageSize", 100))
}

/// The name with the project's number, as the service shows it.
fn numbered(id: &str) -> String {
    let mut parts: Vec<_> = id.split('/').map(str::to_owned).collect();
    if let Some(project) = parts.get_mut(1) {
        *project = project_number(project);
    }
    parts.join("/")
}

fn show(item: &Item) -> Value {
    let mut doc = item.doc.clone();
    doc["etag"] = etag(&item.doc).into();
    doc
}

fn etag(doc: &Value) -> String {
    format!("\"{}\"", fingerprint(doc))
}

fn check_etag(sent: Option<&str>, doc: &Value) -> GoogleResult<()> {
    let sent = sent.unwrap_or_default();
    if sent.is_empty() || sent.trim_matches('"') == etag(doc).trim_matches('"') {
        return Ok(());
    }
    Err(GoogleError::new(
        400,
        "failedPrecondition",
        "FAILED_PRECONDITION",
        "The etag provided in the request does not match the resource's current etag.",
    ))
}

fn find(ctx: &Ctx<'_>, id: &str) -> GoogleResult<Item> {
    ctx.get(SECRETS, id)
        .map(|item| item.edit())
        .ok_or_else(|| GoogleError::not_found(format!("Secret [{}] not found.", numbered(id))))
}

fn check(ctx: &Ctx<'_>, doc: &Value) -> GoogleResult<()> {
    labels::check(doc.get("labels"))?;
    let mut keys = vec![text(
        doc,
        "/replication/automatic/customerManagedEncryption/kmsKeyName",
    )];
    let replicas = doc["replication"]["userManaged"]["replicas"].as_array();
    for replica in replicas.into_iter().flatten() {
        let place = text(replica, "/location");
        if !places::is_region(place) {
            return Err(GoogleError::bad(format!(
                "Location [{place}] is not supported."
            )));
        }
        keys.push(text(replica, "/customerManagedEncryption/kmsKeyName"));
    }
    for key in keys.into_iter().filter(|key| !key.is_empty()) {
        if ctx.get(super::kms::KEYS, key).is_none() {
            return Err(GoogleError::precondition(format!(
                "Cloud KMS key {key} does not exist or cannot be used."
            )));
        }
    }
    let rotation = doc["rotation"].is_object();
    if rotation && doc["topics"].as_array().is_none_or(Vec::is_empty) {
        return Err(GoogleError::bad("Rotation needs at least one topic."));
    }
    Ok(())
}

fn create(ctx: &mut Ctx<'_>, name: &str, sent: &Value, prefix: &str) -> GoogleResult<Value> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !(1..=255).contains(&name.len()) || !name.chars().all(good) {
        return Err(GoogleError::bad(
            "The provided Secret ID does not match the expected format [[a-zA-Z_0-9\\-]{1,255}].",
        ));
    }
    let id = format!("{prefix}{name}");
    if ctx.get(SECRETS, &id).is_some() {
        return Err(GoogleError::exists(format!(
            "Secret [{}] already exists.",
            numbered(&id)
        )));
    }
    let mut doc = sent.clone();
    without_nulls(&mut doc);
    let automatic = doc["replication"]["automatic"].is_object();
    let managed = doc["replication"]["userManaged"]["replicas"]
        .as_array()
        .is_some_and(|list| !list.is_empty());
    if automatic == managed {
        return Err(GoogleError::bad(
            "Secret.replication must be given: automatic or userManaged.",
        ));
    }
    check(ctx, &doc)?;
    if let Some(members) = doc.as_object_mut() {
        members.remove("etag");
        members.remove("ttl");
    }
    doc["name"] = numbered(&id).into();
    doc["createTime"] = iso8601_millis(ctx.now).into();
    let mut item = Item::new(id, doc);
    item.list_as("google_secret_manager_secret", "", None);
    let labels = item.doc.get("labels").cloned();
    let shown = show(&item);
    ctx.put(SECRETS, item, labels.as_ref());
    Ok(shown)
}

fn patch(ctx: &mut Ctx<'_>, input: &Input<'_>, id: &str) -> GoogleResult<Value> {
    let mut item = find(ctx, id)?;
    check_etag(input.body["etag"].as_str(), &item.doc)?;
    let Some(mask) = input.query("updateMask") else {
        return Err(GoogleError::bad("The update mask must name a field."));
    };
    let allowed = [
        "labels",
        "annotations",
        "topics",
        "expireTime",
        "rotation",
        "versionAliases",
        "versionDestroyTtl",
        "replication",
    ];
    merge_masked(&mut item.doc, &input.body, Some(mask), &allowed)?;
    check(ctx, &item.doc)?;
    let labels = item.doc.get("labels").cloned();
    let shown = show(&item);
    ctx.put(SECRETS, item, labels.as_ref());
    Ok(shown)
}

fn add_version(ctx: &mut Ctx<'_>, sent: &Value, id: &str) -> GoogleResult<Value> {
    let mut secret = find(ctx, id)?;
    let data = text(sent, "/payload/data");
    let engine = base64::engine::general_purpose::STANDARD;
    let bytes = engine
        .decode(data)
        .map_err(|_| GoogleError::bad("Secret Payload must be base64."))?;
    if bytes.is_empty() {
        return Err(GoogleError::bad("Secret Payload cannot be empty."));
    }
    if bytes.len() > 65_536 {
        return Err(GoogleError::bad(
            "Secret Payload cannot be larger than 65536 bytes.",
        ));
    }
    let number = secret.hidden["versions"].as_u64().unwrap_or(0) + 1;
    secret.hidden = json!({ "versions": number });
    let replication = if secret.doc["replication"]["automatic"].is_object() {
        json!({ "automatic": {} })
    } else {
        let replicas = secret.doc["replication"]["userManaged"]["replicas"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let places: Vec<_> = replicas
            .iter()
            .map(|replica| json!({ "location": replica["location"] }))
            .collect();
        json!({ "userManaged": { "replicas": places } })
    };
    ctx.keep(SECRETS, secret);
    let version = format!("{id}/versions/{number}");
    let mut doc = json!({
        "name": numbered(&version), "createTime": iso8601_millis(ctx.now), "state": "ENABLED",
        "replicationStatus": replication,
    });
    if !sent["payload"]["dataCrc32c"].is_null() {
        doc["clientSpecifiedPayloadChecksum"] = true.into();
    }
    let mut item = Item::new(version, doc);
    item.hidden = json!({ "data": data });
    item.list_as("google_secret_manager_secret_version", "", None);
    let shown = show(&item);
    ctx.put(VERSIONS, item, None);
    Ok(shown)
}

/// The newest version that has not been destroyed.
fn latest(ctx: &Ctx<'_>, prefix: &str) -> Option<Item> {
    let mut all: Vec<_> = ctx
        .list(VERSIONS, prefix)
        .iter()
        .map(super::super::world::Stored::edit)
        .collect();
    all.sort_by_key(|item| item.short().parse::<u64>().unwrap_or(0));
    all.into_iter()
        .rfind(|item| item.doc["state"] != "DESTROYED")
}

/// What External Secrets puts into a secret, unless it holds that already or is somebody else's; what is not there is made
/// (`providers/v1/gcp/secretmanager/client.go`, `PushSecret`).
pub(crate) fn push(ctx: &mut Ctx<'_>, pushed: &Pushed) -> Result<(), String> {
    let (key, by) = PUSHED_BY;
    let said = |error: GoogleError| format!("rpc error: {}", error.message);
    let prefix = format!("projects/{}/secrets/", pushed.place);
    let id = format!("{prefix}{}", pushed.key);
    let data = base64::engine::general_purpose::STANDARD.encode(&pushed.value);
    if ctx.get(SECRETS, &id).is_none() {
        let secret = json!({ "replication": { "automatic": {} }, "labels": { key: by } });
        create(ctx, &pushed.key, &secret, &prefix).map_err(said)?;
    }
    let secret = find(ctx, &id).map_err(said)?;
    if secret.doc["labels"][key] != by {
        return Err(format!(
            "secret {} is not managed by external secrets",
            pushed.key
        ));
    }
    let held = latest(ctx, &format!("{id}/versions/"));
    if held.is_some_and(|held| held.hidden["data"] == *data) {
        return Ok(());
    }
    let sent = json!({ "payload": { "data": data } });
    add_version(ctx, &sent, &id).map(drop).map_err(said)
}

/// One version: `get`, `access`, and the states that it goes through.
fn version(ctx: &mut Ctx<'_>, input: &Input<'_>, id: &str) -> GoogleResult<Value> {
    let name = input.name();
    let prefix = format!("{id}/versions/");
    let found = if name == "latest" {
        latest(ctx, &prefix)
    } else {
        ctx.get(VERSIONS, &format!("{prefix}{name}"))
            .map(|item| item.edit())
    };
    let Some(mut item) = found else {
        find(ctx, id)?;
        let full = numbered(&format!("{prefix}{name}"));
        return Err(GoogleError::not_found(format!(
            "Secret Version [{full}] not found."
        )));
    };
    let state = text(&item.doc, "/state").to_owned();
    let wrong = || {
        GoogleError::precondition(format!(
            "Secret Version [{}] is in {state} state.",
            text(&item.doc, "/name")
        ))
    };
    match input.method.verb {
        "get" => return Ok(show(&item)),
        "access" => {
            if state != "ENABLED" {
                return Err(wrong());
            }
            return Ok(
                json!({ "name": item.doc["name"], "payload": { "data": item.hidden["data"] } }),
            );
        }
        _ if state == "DESTROYED" => return Err(wrong()),
        _ => {}
    }
    check_etag(input.body["etag"].as_str(), &item.doc)?;
    match input.method.verb {
        "enable" => item.doc["state"] = "ENABLED".into(),
        "disable" => item.doc["state"] = "DISABLED".into(),
        _ => {
            item.doc["state"] = "DESTROYED".into();
            item.doc["destroyTime"] = iso8601_millis(ctx.now).into();
            item.hidden = Value::Null;
            item.listed = None;
        }
    }
    let shown = show(&item);
    ctx.keep(VERSIONS, item);
    Ok(shown)
}
