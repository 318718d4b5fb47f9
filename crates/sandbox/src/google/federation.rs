//! Workload identity federation: pools of identities from outside and who vouches for them. What is deleted is kept for 30 days,
//! and can be undeleted until then. <https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools>

use serde_json::{Value, json};

use super::context::{Ctx, Input, merge_masked, project_number, text, without_nulls};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use super::lro;
use crate::clock::{Millis, iso8601};
use crate::http::HttpReply;
use crate::latency::Work;

/// For how long what was deleted can be undeleted.
const KEPT: Millis = 30 * 24 * 3600 * 1000;

/// Pools, or providers of one.
struct Kind {
    table: &'static str,
    collection: &'static str,
    parameter: &'static str,
    terraform: &'static str,
    /// What a mask may name.
    fields: &'static [&'static str],
}

const POOLS: Kind = Kind {
    table: "iam.workloadIdentityPools",
    collection: "workloadIdentityPools",
    parameter: "workloadIdentityPoolId",
    terraform: "google_iam_workload_identity_pool",
    fields: &["displayName", "description", "disabled"],
};

const PROVIDERS: Kind = Kind {
    table: "iam.workloadIdentityPoolProviders",
    collection: "workloadIdentityPoolProviders",
    parameter: "workloadIdentityPoolProviderId",
    terraform: "google_iam_workload_identity_pool_provider",
    fields: &[
        "displayName",
        "description",
        "disabled",
        "attributeMapping",
        "attributeCondition",
        "oidc",
        "aws",
        "saml",
    ],
};

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let (project, place) = (input.project(), input.location());
    if place != "global" {
        let message = format!("Location {place} is not valid: pools are global.");
        return Err(GoogleError::bad(message));
    }
    let pools = format!("projects/{project}/locations/global/workloadIdentityPools");
    let names = input.names();
    let resource = input.method.resource.as_str();
    if resource.ends_with("operations") {
        let (last, of) = names.split_last().unwrap_or((&"", &[]));
        return lro::get(
            ctx,
            &format!("{pools}/{}/operations/{last}", of.join("/providers/")),
        );
    }
    let (kind, parent) = match resource {
        "workloadIdentityPools" => (&POOLS, pools),
        _ => {
            let pool = format!("{pools}/{}", names.first().copied().unwrap_or_default());
            let found = find(ctx, &POOLS, &pool)?;
            if matches!(input.method.verb, "create" | "undelete") {
                alive(&found)?;
            }
            (&PROVIDERS, format!("{pool}/providers"))
        }
    };
    let id = format!("{parent}/{}", input.name());
    match input.method.verb {
        "create" => create(ctx, kind, input, &parent),
        "list" => list(ctx, kind, input, &parent),
        "get" => Ok(HttpReply::json(200, &find(ctx, kind, &id)?.doc)),
        "patch" => {
            let mut item = alive(&find(ctx, kind, &id)?)?;
            let mask = input.query("updateMask");
            merge_masked(&mut item.doc, &input.body, mask, kind.fields)?;
            without_nulls(&mut item.doc);
            check(kind, &item.doc)?;
            Ok(written(ctx, kind, item))
        }
        "delete" => {
            let mut item = alive(&find(ctx, kind, &id)?)?;
            item.doc["state"] = "DELETED".into();
            item.doc["expireTime"] = iso8601(ctx.now + KEPT).into();
            item.gone_at = Some(ctx.now + KEPT);
            item.listed = None;
            Ok(written(ctx, kind, item))
        }
        _ => {
            let mut item = find(ctx, kind, &id)?;
            if item.doc["state"] != "DELETED" {
                let message = "The resource is not deleted.";
                return Err(GoogleError::precondition(message));
            }
            item.doc["state"] = "ACTIVE".into();
            item.doc.as_object_mut().map(|doc| doc.remove("expireTime"));
            item.gone_at = None;
            item.list_as(kind.terraform, "", None);
            Ok(written(ctx, kind, item))
        }
    }
}

fn find(ctx: &Ctx<'_>, kind: &Kind, id: &str) -> GoogleResult<Item> {
    let found = ctx.get(kind.table, id).map(|item| item.edit());
    found.ok_or_else(|| GoogleError::not_found("Requested entity was not found."))
}

/// What is not deleted.
fn alive(item: &Item) -> GoogleResult<Item> {
    if item.doc["state"] == "DELETED" {
        let message = "Requested entity was not found.";
        return Err(GoogleError::not_found(message));
    }
    Ok(item.clone())
}

/// Keeps a change, which is made at once, and answers with its operation.
fn written(ctx: &mut Ctx<'_>, kind: &Kind, item: Item) -> HttpReply {
    let done = ctx.due(Work::ComputeQuick);
    let name = format!("{}/operations/{}", item.id, ctx.hex(24));
    let answer = item.doc.clone();
    if !ctx.fails() {
        ctx.keep(kind.table, item);
    }
    lro::begin(ctx, &name, "iam", Value::Null, answer, done)
}

fn list(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
    parent: &str,
) -> GoogleResult<HttpReply> {
    let deleted = input.flag("showDeleted");
    let all = ctx.list(kind.table, &format!("{parent}/"));
    let rows = all
        .iter()
        .filter(|item| !item.id[parent.len() + 1..].contains('/'))
        .filter(|item| deleted || item.doc["state"] != "DELETED")
        .map(|item| item.doc.clone())
        .collect();
    let size = input.size("pageSize", 50);
    let answer = input.paged(json!({}), kind.collection, rows, size)?;
    Ok(HttpReply::json(200, &answer))
}

fn create(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
    parent: &str,
) -> GoogleResult<HttpReply> {
    let name = input.query(kind.parameter).unwrap_or_default();
    let good = (4..=32).contains(&name.len())
        && !name.starts_with("gcp-")
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !good {
        let message = format!(
            "Invalid {}: \"{name}\": it must be 4-32 characters of [a-z0-9-], and not begin with gcp-.",
            kind.parameter
        );
        return Err(GoogleError::bad(message));
    }
    let id = format!("{parent}/{name}");
    // Also while it is deleted.
    if ctx.get(kind.table, &id).is_some() {
        return Err(GoogleError::exists("Requested entity already exists"));
    }
    let mut doc = input.body.clone();
    without_nulls(&mut doc);
    check(kind, &doc)?;
    let project = input.project();
    let whole = id.replacen(project, &project_number(project), 1);
    doc["name"] = whole.into();
    doc["state"] = "ACTIVE".into();
    let mut item = Item::new(id, doc);
    item.list_as(kind.terraform, "", None);
    let done = ctx.due(Work::ComputeQuick);
    let name = format!("{}/operations/{}", item.id, ctx.hex(24));
    let answer = item.doc.clone();
    if !ctx.fails() {
        ctx.put(kind.table, item, None);
    }
    Ok(lro::begin(ctx, &name, "iam", Value::Null, answer, done))
}

/// What the reference says of the fields (`WorkloadIdentityPool`, `WorkloadIdentityPoolProvider`).
fn check(kind: &Kind, doc: &Value) -> GoogleResult<()> {
    let longest = [
        ("displayName", 32),
        ("description", 256),
        ("attributeCondition", 4096),
    ];
    for (field, most) in longest {
        if text(doc, &format!("/{field}")).chars().count() > most {
            let message = format!("{field} cannot exceed {most} characters.");
            return Err(GoogleError::bad(message));
        }
    }
    if kind.collection == POOLS.collection {
        return Ok(());
    }
    let kinds = ["oidc", "aws", "saml", "x509"];
    if kinds.iter().filter(|name| doc[**name].is_object()).count() != 1 {
        let message = "Exactly one of oidc, aws, saml and x509 must be specified.";
        return Err(GoogleError::bad(message));
    }
    let issuer = text(doc, "/oidc/issuerUri");
    if doc["oidc"].is_object() && !issuer.starts_with("https://") {
        let message = format!("Invalid issuer URI: \"{issuer}\": it must be an HTTPS endpoint.");
        return Err(GoogleError::bad(message));
    }
    let account = text(doc, "/aws/accountId");
    let digits = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    if doc["aws"].is_object() && !digits {
        return Err(GoogleError::bad(format!(
            "Invalid AWS account ID: \"{account}\"."
        )));
    }
    let subject = text(&doc["attributeMapping"], "/google.subject");
    if subject.is_empty() && !doc["aws"].is_object() {
        let message = "The attribute mapping must include google.subject.";
        return Err(GoogleError::bad(message));
    }
    let audiences = doc["oidc"]["allowedAudiences"].as_array();
    if audiences.is_some_and(|all| all.len() > 10) {
        let message = "At most 10 audiences can be allowed.";
        return Err(GoogleError::bad(message));
    }
    Ok(())
}
