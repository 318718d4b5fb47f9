//! Databases of an instance.

use serde_json::{Value, json};

use super::super::context::{Ctx, Input, fingerprint, merge, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::{base, find_idle, invalid, operation};
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::latency::Work;

const DATABASES: &str = "sql.databases";

/// Character set and collation that an engine has by default.
fn defaults(version: &str) -> (&'static str, &'static str) {
    if version.starts_with("POSTGRES") {
        ("UTF8", "en_US.UTF8")
    } else if version.starts_with("MYSQL_8") {
        ("utf8mb4", "utf8mb4_0900_ai_ci")
    } else if version.starts_with("MYSQL") {
        ("utf8", "utf8_general_ci")
    } else {
        ("UTF8", "SQL_Latin1_General_CP1_CI_AS")
    }
}

/// The databases that a new instance has.
pub(super) fn initial(ctx: &mut Ctx<'_>, instance: &str, version: &str) {
    let names: &[&str] = if version.starts_with("POSTGRES") {
        &["postgres"]
    } else if version.starts_with("MYSQL") {
        &["mysql", "information_schema", "performance_schema", "sys"]
    } else {
        &["master", "tempdb", "model", "msdb"]
    };
    let (charset, collation) = defaults(version);
    for name in names {
        let doc = json!({ "charset": charset, "collation": collation });
        ctx.put(
            DATABASES,
            Item::new(format!("{instance}/databases/{name}"), doc),
            None,
        );
    }
}

/// Takes all databases of an instance away at `done`.
pub(super) fn remove_all(ctx: &mut Ctx<'_>, instance: &str, done: Millis) {
    for item in ctx.list(DATABASES, &format!("{instance}/databases/")) {
        let mut item = item.edit();
        item.gone_at = Some(done);
        ctx.keep(DATABASES, item);
    }
}

fn show(ctx: &Ctx<'_>, input: &Input<'_>, item: &Item) -> Value {
    let mut doc = item.at(ctx.now).clone();
    let instance = operation::instance(input);
    doc["kind"] = "sql#database".into();
    doc["name"] = item.short().into();
    doc["instance"] = instance.clone().into();
    doc["project"] = input.project().into();
    doc["selfLink"] = format!(
        "{}/instances/{instance}/databases/{}",
        base(input),
        item.short()
    )
    .into();
    doc["etag"] = fingerprint(&doc).into();
    doc
}

/// Answers a request.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let instance = super::find(ctx, input)?;
    let prefix = format!("{}/databases/", instance.id);
    let id = format!("{prefix}{}", input.variable("database").unwrap_or_default());
    let missing = || {
        // Databases are looked for by another server than instances.
        GoogleError::not_found("Not Found").whole()
    };
    match input.method.verb {
        "list" => {
            let rows: Vec<_> = ctx
                .list(DATABASES, &prefix)
                .iter()
                .map(|item| show(ctx, input, item))
                .collect();
            Ok(HttpReply::json(
                200,
                &json!({ "kind": "sql#databasesList", "items": rows }),
            ))
        }
        "get" => {
            let item = ctx.get(DATABASES, &id).ok_or_else(missing)?;
            Ok(HttpReply::json(200, &show(ctx, input, &item)))
        }
        "insert" => insert(ctx, input, &prefix),
        "delete" => {
            find_idle(ctx, input)?;
            let mut item = ctx.get(DATABASES, &id).ok_or_else(missing)?.edit();
            let done = ctx.due(Work::CloudSqlQuick);
            if !ctx.fails() {
                item.gone_at = Some(done);
                item.deleting = true;
                ctx.keep(DATABASES, item);
            }
            Ok(begin(ctx, input, "DELETE_DATABASE", &id, done))
        }
        _ => {
            find_idle(ctx, input)?;
            let mut item = ctx.get(DATABASES, &id).ok_or_else(missing)?.edit();
            let mut wanted = json!({});
            for field in ["charset", "collation"] {
                if input.body[field].is_string() {
                    wanted[field] = input.body[field].clone();
                }
            }
            let done = ctx.due(Work::CloudSqlQuick);
            if !ctx.fails() {
                merge(&mut item.doc, &wanted);
                ctx.keep(DATABASES, item);
            }
            Ok(begin(ctx, input, "UPDATE_DATABASE", &id, done))
        }
    }
}

fn begin(ctx: &mut Ctx<'_>, input: &Input<'_>, kind: &str, id: &str, done: Millis) -> HttpReply {
    let instance = operation::instance(input);
    let below = format!("/databases/{}", super::super::item::short(id));
    operation::begin(ctx, input, &instance, kind, &below, done)
}

fn insert(ctx: &mut Ctx<'_>, input: &Input<'_>, prefix: &str) -> GoogleResult<HttpReply> {
    let instance = find_idle(ctx, input)?;
    let name = text(&input.body, "/name");
    if name.is_empty() {
        return Err(GoogleError::required("name"));
    }
    if name.len() > 63 || name.contains('/') {
        return Err(invalid(format!("Invalid database name \"{name}\"")));
    }
    let id = format!("{prefix}{name}");
    if ctx.get(DATABASES, &id).is_some() {
        return Err(invalid(format!(
            "failed to create database {name}. Detail: database \"{name}\" already exists"
        )));
    }
    let (charset, collation) = defaults(text(&instance.doc, "/databaseVersion"));
    let or = |field: &str, usual: &str| match text(&input.body, field) {
        "" => usual.to_owned(),
        given => given.to_owned(),
    };
    let doc =
        json!({ "charset": or("/charset", charset), "collation": or("/collation", collation) });
    if !ctx.fails() {
        let mut item = Item::new(id.clone(), doc);
        item.list_as("google_sql_database", text(&instance.doc, "/region"), None);
        ctx.put(DATABASES, item, None);
    }
    // It is made when it is answered.
    let done = ctx.now;
    Ok(begin(ctx, input, "CREATE_DATABASE", &id, done))
}
