//! Cloud KMS: key rings, keys and their versions. Rings and keys stay forever; versions are destroyed.

use serde_json::{Value, json};

use super::context::{Ctx, Input, merge_masked, text, without_nulls};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use super::{labels, places, policy};
use crate::clock::{Millis, iso8601_millis};
use crate::http::HttpReply;

const RINGS: &str = "kms.keyRings";
/// The table of keys.
pub(crate) const KEYS: &str = "kms.cryptoKeys";
const VERSIONS: &str = "kms.cryptoKeyVersions";

/// Multi-regions of KMS, besides the regions.
const WIDE: [&str; 10] = [
    "global", "us", "europe", "asia", "asia1", "eur3", "eur4", "nam3", "nam4", "in",
];

fn location(input: &Input<'_>) -> String {
    format!(
        "projects/{}/locations/{}",
        input.project(),
        input.location()
    )
}

/// The full name of the request's ring, key or version, as deep as its path goes.
fn id(input: &Input<'_>) -> String {
    let words = ["keyRings", "cryptoKeys", "cryptoKeyVersions"];
    let mut id = location(input);
    for (word, name) in words.iter().zip(input.names()) {
        id = format!("{id}/{word}/{name}");
    }
    id
}

fn find(ctx: &Ctx<'_>, table: &str, id: &str) -> GoogleResult<Item> {
    let word = match table {
        RINGS => "KeyRing",
        KEYS => "CryptoKey",
        _ => "CryptoKeyVersion",
    };
    ctx.get(table, id)
        .map(|item| item.edit())
        .ok_or_else(|| GoogleError::not_found(format!("{word} {id} not found.")))
}

/// Whether a service's agent may use a key by now, by a role on the key, its ring or its project. Nothing but late access asks: agents may
/// use every key otherwise.
pub(crate) fn usable(ctx: &Ctx<'_>, key: &str, agent: &str) -> bool {
    if !ctx.frame.pace.is_late() {
        return true;
    }
    let ring = key.split("/cryptoKeys/").next().unwrap_or_default();
    let project = key.split("/locations/").next().unwrap_or_default();
    let domain = format!("@{agent}.iam.gserviceaccount.com");
    [key, ring, project].iter().any(|resource| {
        policy::granted(ctx, resource, |role, member| {
            role.contains("cloudkms.") && member.ends_with(&domain)
        })
    })
}

fn check_id(id: &str) -> GoogleResult<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=63).contains(&id.len()) && id.chars().all(good) {
        return Ok(());
    }
    Err(GoogleError::bad(
        "Resource IDs must match [a-zA-Z0-9_-]{1,63}.",
    ))
}

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let place = input.location();
    if !places::is_region(place) && !WIDE.contains(&place) {
        let message = format!("Location {place} is not supported by Cloud KMS.");
        return Err(GoogleError::bad(message));
    }
    let id = id(input);
    let answer = match (input.method.resource.as_str(), input.method.verb) {
        ("keyRings", "create") => create_ring(ctx, input)?,
        ("keyRings", "get") => find(ctx, RINGS, &id)?.doc,
        ("keyRings", "list") => list(ctx, input, RINGS, &format!("{id}/keyRings/"), "keyRings")?,
        ("keyRings.cryptoKeys", "create") => create_key(ctx, input, &id)?,
        ("keyRings.cryptoKeys", "get") => show_key(ctx, &find(ctx, KEYS, &id)?),
        ("keyRings.cryptoKeys", "list") => {
            find(ctx, RINGS, &id)?;
            list(ctx, input, KEYS, &format!("{id}/cryptoKeys/"), "cryptoKeys")?
        }
        ("keyRings.cryptoKeys", "patch") => patch_key(ctx, input, &id)?,
        ("keyRings.cryptoKeys", "updatePrimaryVersion") => primary(ctx, input, &id)?,
        ("keyRings", "getIamPolicy") => {
            find(ctx, RINGS, &id)?;
            return Ok(policy::get(ctx, &id));
        }
        ("keyRings.cryptoKeys", "getIamPolicy") => {
            find(ctx, KEYS, &id)?;
            return Ok(policy::get(ctx, &id));
        }
        ("keyRings", "setIamPolicy") => {
            find(ctx, RINGS, &id)?;
            return policy::set(ctx, &id, input);
        }
        ("keyRings.cryptoKeys", "setIamPolicy") => {
            find(ctx, KEYS, &id)?;
            return policy::set(ctx, &id, input);
        }
        (_, "create") => {
            let key = find(ctx, KEYS, &id)?;
            add_version(ctx, &key)
        }
        (_, "list") => {
            find(ctx, KEYS, &id)?;
            list(
                ctx,
                input,
                VERSIONS,
                &format!("{id}/cryptoKeyVersions/"),
                "cryptoKeyVersions",
            )?
        }
        (_, "get") => show_version(&find(ctx, VERSIONS, &id)?, ctx.now),
        _ => change_version(ctx, input, &id)?,
    };
    Ok(HttpReply::json(200, &answer))
}

fn list(
    ctx: &Ctx<'_>,
    input: &Input<'_>,
    table: &str,
    prefix: &str,
    name: &str,
) -> GoogleResult<Value> {
    let all = ctx.list(table, prefix);
    let rows: Vec<_> = all
        .iter()
        .filter(|item| !item.id[prefix.len()..].contains('/'))
        .map(|item| match table {
            KEYS => show_key(ctx, item),
            VERSIONS => show_version(item, ctx.now),
            _ => item.doc.clone(),
        })
        .collect();
    let mut answer = json!({});
    if !rows.is_empty() {
        answer["totalSize"] = rows.len().into();
    }
    input.paged(answer, name, rows, input.size("pageSize", 100))
}

fn create_ring(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<Value> {
    let name = input.query("keyRingId").unwrap_or_default();
    check_id(name)?;
    let id = format!("{}/keyRings/{name}", location(input));
    if ctx.get(RINGS, &id).is_some() {
        return Err(GoogleError::exists(format!("KeyRing {id} already exists.")));
    }
    let doc = json!({ "name": id, "createTime": iso8601_millis(ctx.now) });
    // Not listed: it cannot be deleted, so nobody can be asked to have done it.
    ctx.put(RINGS, Item::new(id, doc.clone()), None);
    Ok(doc)
}

/// Whole seconds of a duration such as `7776000s`.
fn seconds(text: &str) -> Option<f64> {
    text.strip_suffix('s')?.parse().ok()
}

fn check_key(doc: &Value, now: Millis) -> GoogleResult<()> {
    labels::check(doc.get("labels"))?;
    let period = text(doc, "/rotationPeriod");
    if !period.is_empty() {
        let good = seconds(period).is_some_and(|period| period == 0.0 || period >= 86_400.0);
        if !good {
            return Err(GoogleError::bad(
                "The rotation period must be at least 24 hours.",
            ));
        }
        if doc["purpose"] != "ENCRYPT_DECRYPT" {
            let message = "Only keys of purpose ENCRYPT_DECRYPT are rotated automatically.";
            return Err(GoogleError::bad(message));
        }
    }
    let next = text(doc, "/nextRotationTime");
    if !next.is_empty()
        && next
            .parse::<jiff::Timestamp>()
            .map_or(true, |at| at.as_millisecond() < now - 60_000)
    {
        return Err(GoogleError::bad(
            "The next rotation time must be in the future.",
        ));
    }
    Ok(())
}

fn create_key(ctx: &mut Ctx<'_>, input: &Input<'_>, ring: &str) -> GoogleResult<Value> {
    find(ctx, RINGS, ring)?;
    let name = input.query("cryptoKeyId").unwrap_or_default();
    check_id(name)?;
    let id = format!("{ring}/cryptoKeys/{name}");
    if ctx.get(KEYS, &id).is_some() {
        return Err(GoogleError::exists(format!(
            "CryptoKey {id} already exists."
        )));
    }
    let mut doc = input.body.clone();
    without_nulls(&mut doc);
    let purpose = text(&doc, "/purpose").to_owned();
    if purpose.is_empty() || purpose.ends_with("UNSPECIFIED") {
        return Err(GoogleError::bad(
            "The purpose of a CryptoKey must be given.",
        ));
    }
    let symmetric = purpose == "ENCRYPT_DECRYPT";
    let algorithm = text(&doc, "/versionTemplate/algorithm");
    if algorithm.is_empty() && !symmetric {
        let message = format!("The algorithm of a CryptoKey of purpose {purpose} must be given.");
        return Err(GoogleError::bad(message));
    }
    if algorithm.is_empty() {
        doc["versionTemplate"]["algorithm"] = "GOOGLE_SYMMETRIC_ENCRYPTION".into();
    } else if symmetric != (algorithm == "GOOGLE_SYMMETRIC_ENCRYPTION") {
        let message = format!("Algorithm {algorithm} is not valid for purpose {purpose}.");
        return Err(GoogleError::bad(message));
    }
    if text(&doc, "/versionTemplate/protectionLevel").is_empty() {
        doc["versionTemplate"]["protectionLevel"] = "SOFTWARE".into();
    }
    check_key(&doc, ctx.now)?;
    doc["name"] = id.clone().into();
    doc["createTime"] = iso8601_millis(ctx.now).into();
    if text(&doc, "/destroyScheduledDuration").is_empty() {
        doc["destroyScheduledDuration"] = "2592000s".into();
    }
    let mut item = Item::new(id, doc);
    item.list_as("google_kms_crypto_key", input.location(), None);
    let labels = item.doc.get("labels").cloned();
    if input.flag("skipInitialVersionCreation") {
        // Without versions there is nothing that lives.
        item.listed = None;
        ctx.put(KEYS, item.clone(), labels.as_ref());
    } else {
        ctx.put(KEYS, item.clone(), labels.as_ref());
        add_version(ctx, &item);
    }
    let item = find(ctx, KEYS, &item.id)?;
    Ok(show_key(ctx, &item))
}

fn show_key(ctx: &Ctx<'_>, item: &Item) -> Value {
    let mut doc = item.doc.clone();
    let primary = item.hidden["primary"].as_str().unwrap_or_default();
    if let Some(version) = ctx.get(VERSIONS, primary) {
        doc["primary"] = show_version(&version, ctx.now);
    }
    doc
}

fn add_version(ctx: &mut Ctx<'_>, key: &Item) -> Value {
    let prefix = format!("{}/cryptoKeyVersions/", key.id);
    let id = format!("{prefix}{}", ctx.list(VERSIONS, &prefix).len() + 1);
    let now = iso8601_millis(ctx.now);
    let doc = json!({
        "name": id, "state": "ENABLED", "createTime": now, "generateTime": now,
        "protectionLevel": key.doc["versionTemplate"]["protectionLevel"],
        "algorithm": key.doc["versionTemplate"]["algorithm"],
    });
    ctx.put(VERSIONS, Item::new(id.clone(), doc.clone()), None);
    let mut key = key.clone();
    if key.doc["purpose"] == "ENCRYPT_DECRYPT" && key.hidden["primary"].is_null() {
        key.hidden = json!({ "primary": id });
    }
    let region = key.id.split('/').nth(3).unwrap_or_default().to_owned();
    key.list_as("google_kms_crypto_key", &region, None);
    ctx.keep(KEYS, key);
    doc
}

/// A version as readers see it: one whose destruction is due has been destroyed.
fn show_version(item: &Item, now: Millis) -> Value {
    let mut doc = item.doc.clone();
    let due = item.hidden["destroyAt"].as_i64();
    if let Some(due) = due.filter(|_| doc["state"] == "DESTROY_SCHEDULED")
        && due <= now
    {
        doc["state"] = "DESTROYED".into();
        doc["destroyEventTime"] = doc["destroyTime"].clone();
        if let Some(members) = doc.as_object_mut() {
            members.remove("destroyTime");
        }
    }
    doc
}

fn patch_key(ctx: &mut Ctx<'_>, input: &Input<'_>, id: &str) -> GoogleResult<Value> {
    let mut item = find(ctx, KEYS, id)?;
    let allowed = [
        "labels",
        "rotationPeriod",
        "nextRotationTime",
        "versionTemplate",
        "purpose",
        "name",
    ];
    let before = item.doc["purpose"].clone();
    merge_masked(
        &mut item.doc,
        &input.body,
        input.query("updateMask"),
        &allowed,
    )?;
    if item.doc["purpose"] != before {
        return Err(GoogleError::bad(
            "The purpose of a CryptoKey cannot be changed.",
        ));
    }
    check_key(&item.doc, ctx.now)?;
    let labels = item.doc.get("labels").cloned();
    let shown = show_key(ctx, &item);
    ctx.put(KEYS, item, labels.as_ref());
    Ok(shown)
}

fn primary(ctx: &mut Ctx<'_>, input: &Input<'_>, id: &str) -> GoogleResult<Value> {
    let mut item = find(ctx, KEYS, id)?;
    let version = format!(
        "{id}/cryptoKeyVersions/{}",
        text(&input.body, "/cryptoKeyVersionId")
    );
    let found = find(ctx, VERSIONS, &version)?;
    if found.doc["state"] != "ENABLED" {
        let message = format!("{version} is not enabled.");
        return Err(GoogleError::precondition(message));
    }
    item.hidden = json!({ "primary": version });
    let shown = show_key(ctx, &item);
    ctx.keep(KEYS, item);
    Ok(shown)
}

/// `destroy`, `restore`, and enabling and disabling by `patch`.
fn change_version(ctx: &mut Ctx<'_>, input: &Input<'_>, id: &str) -> GoogleResult<Value> {
    let mut item = find(ctx, VERSIONS, id)?;
    item.doc = show_version(&item, ctx.now);
    let state = text(&item.doc, "/state").to_owned();
    let wrong = |state: &str| {
        GoogleError::precondition(format!(
            "{id} is in state {state}, which does not allow this."
        ))
    };
    let key_id = id
        .split("/cryptoKeyVersions/")
        .next()
        .unwrap_or_default()
        .to_owned();
    let key = find(ctx, KEYS, &key_id)?;
    match input.method.verb {
        "destroy" => {
            if !matches!(state.as_str(), "ENABLED" | "DISABLED") {
                return Err(wrong(&state));
            }
            let wait = seconds(text(&key.doc, "/destroyScheduledDuration")).unwrap_or(2_592_000.0);
            let at = ctx.now + (wait * 1000.0) as Millis;
            item.doc["state"] = "DESTROY_SCHEDULED".into();
            item.doc["destroyTime"] = iso8601_millis(at).into();
            item.hidden = json!({ "destroyAt": at });
        }
        "restore" => {
            if state != "DESTROY_SCHEDULED" {
                return Err(wrong(&state));
            }
            item.doc["state"] = "DISABLED".into();
            if let Some(members) = item.doc.as_object_mut() {
                members.remove("destroyTime");
            }
        }
        _ => {
            let wanted = text(&input.body, "/state");
            if !matches!(state.as_str(), "ENABLED" | "DISABLED")
                || !matches!(wanted, "ENABLED" | "DISABLED")
            {
                return Err(wrong(&state));
            }
            item.doc["state"] = wanted.into();
        }
    }
    let shown = item.doc.clone();
    ctx.keep(VERSIONS, item);
    relist(ctx, key);
    Ok(shown)
}

/// A key all of whose versions are destroyed, or will be, does not count as live.
fn relist(ctx: &mut Ctx<'_>, mut key: Item) {
    let versions = ctx.list(VERSIONS, &format!("{}/cryptoKeyVersions/", key.id));
    let live = versions
        .iter()
        .any(|version| matches!(text(&version.doc, "/state"), "ENABLED" | "DISABLED"));
    let region = key.id.split('/').nth(3).unwrap_or_default().to_owned();
    key.listed = None;
    if live {
        key.list_as("google_kms_crypto_key", &region, None);
    }
    ctx.keep(KEYS, key);
}
