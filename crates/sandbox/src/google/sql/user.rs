//! Users of an instance. Passwords are taken and forgotten.

use serde_json::{Value, json};

use super::super::context::{Ctx, Input, fingerprint, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::{find, find_idle, invalid, operation};
use crate::clock::Millis;
use crate::http::HttpReply;

const USERS: &str = "sql.users";

/// The user that a new instance has.
pub(super) fn initial(ctx: &mut Ctx<'_>, instance: &str, version: &str) {
    let name = if version.starts_with("POSTGRES") {
        "postgres"
    } else if version.starts_with("MYSQL") {
        "root"
    } else {
        "sqlserver"
    };
    let doc = json!({ "name": name, "host": "" });
    ctx.put(USERS, Item::new(id(instance, name, ""), doc), None);
}

/// Takes all users of an instance away at `done`.
pub(super) fn remove_all(ctx: &mut Ctx<'_>, instance: &str, done: Millis) {
    for item in ctx.list(USERS, &format!("{instance}/users/")) {
        let mut item = item.edit();
        item.gone_at = Some(done);
        ctx.keep(USERS, item);
    }
}

/// A user by name and host; any host is the same as none.
fn id(instance: &str, name: &str, host: &str) -> String {
    match host {
        "" | "%" => format!("{instance}/users/{name}"),
        host => format!("{instance}/users/{name}%{host}"),
    }
}

fn show(input: &Input<'_>, item: &Item) -> Value {
    let mut doc = item.doc.clone();
    doc["kind"] = "sql#user".into();
    doc["instance"] = operation::instance(input).into();
    doc["project"] = input.project().into();
    doc["iamStatus"] = "IAM_STATUS_UNSPECIFIED".into();
    if doc["passwordPolicy"].is_null() {
        doc["passwordPolicy"] = json!({ "status": {} });
    }
    doc["etag"] = fingerprint(&doc).into();
    doc
}

/// Answers a request.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let instance = find(ctx, input)?;
    let host = input.query("host").unwrap_or_default().to_owned();
    let missing = || GoogleError::not_found("The requested user does not exist.");
    match input.method.verb {
        "list" => {
            let rows: Vec<_> = ctx
                .list(USERS, &format!("{}/users/", instance.id))
                .iter()
                .map(|item| show(input, item))
                .collect();
            let mut answer = json!({ "kind": "sql#usersList" });
            if !rows.is_empty() {
                answer["items"] = rows.into();
            }
            Ok(HttpReply::json(200, &answer))
        }
        "get" => {
            let id = id(
                &instance.id,
                input.variable("name").unwrap_or_default(),
                &host,
            );
            let item = ctx.get(USERS, &id).ok_or_else(missing)?;
            Ok(HttpReply::json(200, &show(input, &item)))
        }
        "insert" => insert(ctx, input),
        "update" => {
            find_idle(ctx, input)?;
            let name = input
                .query("name")
                .unwrap_or(text(&input.body, "/name"))
                .to_owned();
            let host = if host.is_empty() {
                text(&input.body, "/host").to_owned()
            } else {
                host
            };
            let id = id(&instance.id, &name, &host);
            let mut item = ctx.get(USERS, &id).ok_or_else(missing)?.edit();
            if input.body["passwordPolicy"].is_object() {
                item.doc["passwordPolicy"] = input.body["passwordPolicy"].clone();
            }
            ctx.keep(USERS, item);
            Ok(begin(ctx, input, "UPDATE_USER"))
        }
        _ => {
            find_idle(ctx, input)?;
            let name = input.query("name").unwrap_or_default().to_owned();
            let id = id(&instance.id, &name, &host);
            if ctx.get(USERS, &id).is_none() {
                return Err(missing());
            }
            if !ctx.fails() {
                ctx.remove(USERS, &id);
            }
            Ok(begin(ctx, input, "DELETE_USER"))
        }
    }
}

/// Changes of users are done when they are answered.
fn begin(ctx: &mut Ctx<'_>, input: &Input<'_>, kind: &str) -> HttpReply {
    let instance = operation::instance(input);
    let done = ctx.now;
    operation::begin(ctx, input, &instance, kind, "", done)
}

fn insert(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let instance = find_idle(ctx, input)?;
    let body = &input.body;
    let (name, host) = (text(body, "/name"), text(body, "/host"));
    if name.is_empty() {
        return Err(GoogleError::required("name"));
    }
    let version = text(&instance.doc, "/databaseVersion");
    let kind = text(body, "/type");
    let built_in = matches!(kind, "" | "BUILT_IN");
    let postgres = version.starts_with("POSTGRES");
    if postgres && !matches!(host, "" | "%") {
        return Err(invalid("PostgreSQL users have no host"));
    }
    if built_in && version.starts_with("SQLSERVER") && text(body, "/password").is_empty() {
        return Err(invalid("A password is required"));
    }
    if kind.starts_with("CLOUD_IAM") {
        let flag = if postgres {
            "cloudsql.iam_authentication"
        } else {
            "cloudsql_iam_authentication"
        };
        let flags = instance.doc["settings"]["databaseFlags"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if !flags
            .iter()
            .any(|one| one["name"] == flag && one["value"] == "on")
        {
            return Err(invalid(format!("IAM users need the flag {flag} to be on")));
        }
        if !text(body, "/password").is_empty() {
            return Err(invalid("IAM users have no password"));
        }
    }
    let id = id(&instance.id, name, host);
    if ctx.get(USERS, &id).is_some() {
        return Err(invalid(format!("User \"{name}\" already exists")));
    }
    if !ctx.fails() {
        let mut doc = json!({ "name": name, "host": host });
        if !built_in {
            doc["type"] = kind.into();
        }
        if body["passwordPolicy"].is_object() {
            doc["passwordPolicy"] = body["passwordPolicy"].clone();
        }
        let mut item = Item::new(id, doc);
        item.list_as("google_sql_user", text(&instance.doc, "/region"), None);
        ctx.put(USERS, item, None);
    }
    Ok(begin(ctx, input, "CREATE_USER"))
}
