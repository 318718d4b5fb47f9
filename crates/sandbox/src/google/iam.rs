//! Service accounts of projects. Their policies are in `policy`.

use serde_json::{Value, json};

use super::context::{Ctx, Input, etag, text};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use super::{federation, policy};
use crate::clock::iso8601;
use crate::http::HttpReply;

const ACCOUNTS: &str = "iam.serviceAccounts";

/// How many a project may have.
const LIMIT: usize = 100;

/// Whether a service account with this address is there, and others know it by now: "you might need to wait for 60 seconds or more before
/// you use the service account" (<https://cloud.google.com/iam/docs/service-accounts-create>).
pub(crate) fn account_known(ctx: &Ctx<'_>, email: &str) -> bool {
    let domain = email.split_once('@').map_or("", |(_, domain)| domain);
    let project = domain
        .strip_suffix(".iam.gserviceaccount.com")
        .unwrap_or_default();
    ctx.get(
        ACCOUNTS,
        &format!("projects/{project}/serviceAccounts/{email}"),
    )
    .is_some_and(|account| {
        let made = account.hidden["created"].as_i64().unwrap_or_default();
        ctx.frame.pace.knows(made, ctx.now)
    })
}

/// The request's account, by address or number; the project `-` is any.
fn find(ctx: &Ctx<'_>, input: &Input<'_>) -> GoogleResult<Item> {
    let name = input.name();
    let domain = name.split_once('@').map_or("", |(_, domain)| domain);
    let project = match input.project() {
        "-" => domain
            .strip_suffix(".iam.gserviceaccount.com")
            .unwrap_or_default(),
        project => project,
    };
    let prefix = format!("projects/{project}/serviceAccounts/");
    let found = ctx.get(ACCOUNTS, &format!("{prefix}{name}")).or_else(|| {
        let mut all = ctx.list(ACCOUNTS, &prefix).into_iter();
        all.find(|item| item.doc["uniqueId"] == name)
    });
    found
        .map(|item| item.edit())
        .ok_or_else(|| GoogleError::not_found("Unknown service account"))
}

fn show(item: &Item) -> Value {
    let mut doc = item.doc.clone();
    doc["etag"] = etag(&item.doc).into();
    doc
}

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if input.method.resource.starts_with("workloadIdentityPools") {
        return federation::run(ctx, input);
    }
    let empty = HttpReply::json(200, &json!({}));
    match (input.method.resource.as_str(), input.method.verb) {
        ("serviceAccounts", "create") => create(ctx, input),
        ("serviceAccounts", "list") => list(ctx, input),
        ("serviceAccounts", "get") => Ok(HttpReply::json(200, &show(&find(ctx, input)?))),
        ("serviceAccounts", "patch") => {
            let mask = text(&input.body, "/updateMask").to_owned();
            let fields: Vec<_> = mask
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .collect();
            change(ctx, input, &input.body["serviceAccount"], &fields)
        }
        ("serviceAccounts", "update") => {
            let account = find(ctx, input)?;
            let sent = text(&input.body, "/etag");
            if !sent.is_empty() && sent != etag(&account.doc) {
                let message = "There were concurrent changes to the service account.";
                return Err(GoogleError::new(409, "aborted", "ABORTED", message));
            }
            change(ctx, input, &input.body, &["displayName", "description"])
        }
        ("serviceAccounts", "disable" | "enable") => {
            let mut account = find(ctx, input)?;
            let members = account.doc.as_object_mut();
            if let Some(members) = members {
                members.remove("disabled");
                if input.method.verb == "disable" {
                    members.insert("disabled".into(), true.into());
                }
            }
            ctx.keep(ACCOUNTS, account);
            Ok(empty)
        }
        ("serviceAccounts", "delete") => {
            let account = find(ctx, input)?;
            ctx.remove(ACCOUNTS, &account.id);
            policy::forget(ctx, &account.id);
            Ok(empty)
        }
        ("serviceAccounts", "getIamPolicy") => {
            let account = find(ctx, input)?;
            Ok(policy::get(ctx, &account.id))
        }
        ("serviceAccounts", "setIamPolicy") => {
            let account = find(ctx, input)?;
            policy::set(ctx, &account.id, input)
        }
        _ => keys(ctx, input),
    }
}

fn create(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let name = text(&input.body, "/accountId");
    let good = (6..=30).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !good {
        let message = format!(
            "The account ID \"{name}\" does not have a length between 6 and 30, or does not match [a-z]([-a-z0-9]*[a-z0-9])."
        );
        return Err(GoogleError::bad(message));
    }
    let project = input.project();
    let email = format!("{name}@{project}.iam.gserviceaccount.com");
    let id = format!("projects/{project}/serviceAccounts/{email}");
    if ctx.get(ACCOUNTS, &id).is_some() {
        let message =
            format!("Service account {name} already exists within project projects/{project}.");
        return Err(GoogleError::exists(message).detail(json!({
            "@type": "type.googleapis.com/google.rpc.ResourceInfo", "resourceName": id,
        })));
    }
    if ctx
        .list(ACCOUNTS, &format!("projects/{project}/serviceAccounts/"))
        .len()
        >= LIMIT
    {
        let message =
            format!("Service account limit of {LIMIT} on projects/{project} has been reached.");
        return Err(GoogleError::new(
            429,
            "rateLimitExceeded",
            "RESOURCE_EXHAUSTED",
            message,
        ));
    }
    let mut doc = json!({
        "name": id, "projectId": project, "email": email,
        "uniqueId": format!("10{}", ctx.number()), "oauth2ClientId": format!("11{}", ctx.number()),
    });
    for field in ["displayName", "description"] {
        let value = text(&input.body["serviceAccount"], &format!("/{field}"));
        check_length(field, value)?;
        if !value.is_empty() {
            doc[field] = value.into();
        }
    }
    let mut item = Item::new(id, doc);
    item.hidden = json!({ "created": ctx.now });
    item.list_as("google_service_account", "", None);
    let shown = show(&item);
    ctx.put(ACCOUNTS, item, None);
    Ok(HttpReply::json(200, &shown))
}

fn check_length(field: &str, value: &str) -> GoogleResult<()> {
    let most = if field == "displayName" { 100 } else { 256 };
    if value.len() > most {
        let message = format!("The {field} is longer than {most} bytes.");
        return Err(GoogleError::bad(message));
    }
    Ok(())
}

fn list(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let prefix = format!("projects/{}/serviceAccounts/", input.project());
    let rows = ctx
        .list(ACCOUNTS, &prefix)
        .iter()
        .map(|item| show(item))
        .collect();
    let answer = input.paged(
        json!({}),
        "accounts",
        rows,
        input.size("pageSize", 20).min(100),
    )?;
    Ok(HttpReply::json(200, &answer))
}

fn change(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    wanted: &Value,
    fields: &[&str],
) -> GoogleResult<HttpReply> {
    let mut account = find(ctx, input)?;
    if fields.is_empty() {
        return Err(GoogleError::bad("The update mask must name a field."));
    }
    for field in fields {
        let name = match *field {
            "displayName" | "display_name" => "displayName",
            "description" => "description",
            other => return Err(GoogleError::bad(format!("Invalid update mask: {other}"))),
        };
        let value = text(wanted, &format!("/{name}"));
        check_length(name, value)?;
        match (value, account.doc.as_object_mut()) {
            ("", Some(doc)) => drop(doc.remove(name)),
            _ => account.doc[name] = value.into(),
        }
    }
    let shown = show(&account);
    ctx.keep(ACCOUNTS, account);
    Ok(HttpReply::json(200, &shown))
}

/// The key that Google itself keeps; clients make none here.
fn keys(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let account = find(ctx, input)?;
    let name = format!(
        "{}/keys/{}",
        account.id,
        crate::token::fingerprint(&account.id)
    );
    let key = json!({
        "name": name, "keyAlgorithm": "KEY_ALG_RSA_2048", "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": "SYSTEM_MANAGED", "validAfterTime": iso8601(0), "validBeforeTime": iso8601(ctx.now + 86_400_000),
    });
    Ok(HttpReply::json(200, &json!({ "keys": [key] })))
}
