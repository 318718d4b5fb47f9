//! Settings of a server: each has a value from the beginning, and is never taken away.

use serde_json::{Value, json};

use super::server;
use crate::azure::context::{Ctx, Input, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Write};
use crate::azure::{engine, found, page};
use crate::http::HttpReply;
use crate::latency::Work;

pub(super) const KIND: Kind = Kind {
    create: Work::FlexibleServerQuick,
    update: Work::FlexibleServerQuick,
    prepare,
    ..Kind::plain(
        "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        "azurerm_postgresql_flexible_server_configuration",
    )
};

/// A setting: its name, type, value, what it may be, whether it takes effect at once.
struct Setting(&'static str, &'static str, &'static str, &'static str, bool);

const SETTINGS: [Setting; 30] = [
    Setting(
        "azure.extensions",
        "Set",
        "",
        "address_standardizer,btree_gin,btree_gist,citext,cube,dblink,hstore,intarray,ltree,pg_buffercache,pg_cron,pg_partman,pg_stat_statements,pg_trgm,pgaudit,pgcrypto,pgrowlocks,pgstattuple,postgis,postgres_fdw,tablefunc,unaccent,uuid-ossp,vector",
        true,
    ),
    Setting("autovacuum", "Boolean", "on", "on,off", true),
    Setting("autovacuum_max_workers", "Integer", "3", "1-262143", false),
    Setting(
        "backslash_quote",
        "Enumeration",
        "safe_encoding",
        "safe_encoding,on,off",
        true,
    ),
    Setting(
        "connection_throttle.enable",
        "Boolean",
        "off",
        "on,off",
        true,
    ),
    Setting("deadlock_timeout", "Integer", "1000", "1-2147483647", true),
    Setting(
        "default_statistics_target",
        "Integer",
        "100",
        "1-10000",
        true,
    ),
    Setting(
        "effective_cache_size",
        "Integer",
        "393216",
        "1-2147483647",
        true,
    ),
    Setting(
        "idle_in_transaction_session_timeout",
        "Integer",
        "0",
        "0-2147483647",
        true,
    ),
    Setting("log_checkpoints", "Boolean", "on", "on,off", true),
    Setting("log_connections", "Boolean", "on", "on,off", true),
    Setting("log_disconnections", "Boolean", "on", "on,off", true),
    Setting("log_lock_waits", "Boolean", "off", "on,off", true),
    Setting(
        "log_min_duration_statement",
        "Integer",
        "-1",
        "-1-2147483647",
        true,
    ),
    Setting(
        "log_statement",
        "Enumeration",
        "none",
        "none,ddl,mod,all",
        true,
    ),
    Setting("logfiles.retention_days", "Integer", "3", "1-7", true),
    Setting(
        "maintenance_work_mem",
        "Integer",
        "65536",
        "1024-2097151",
        true,
    ),
    Setting("max_connections", "Integer", "429", "25-5000", false),
    Setting("max_wal_senders", "Integer", "10", "5-100", false),
    Setting("max_worker_processes", "Integer", "8", "0-262143", false),
    Setting(
        "password_encryption",
        "Enumeration",
        "scram-sha-256",
        "md5,scram-sha-256",
        true,
    ),
    Setting(
        "pgaudit.log",
        "Set",
        "none",
        "none,read,write,function,role,ddl,misc,all",
        true,
    ),
    Setting("random_page_cost", "Numeric", "2", "0-1.79769e+308", true),
    Setting("require_secure_transport", "Boolean", "on", "on,off", true),
    Setting(
        "shared_buffers",
        "Integer",
        "131072",
        "16-1073741823",
        false,
    ),
    Setting(
        "shared_preload_libraries",
        "Set",
        "pg_cron,pg_stat_statements",
        "auto_explain,azure_storage,pg_cron,pg_hint_plan,pg_partman_bgw,pg_stat_statements,pgaudit,pglogical,timescaledb,wal2json",
        false,
    ),
    Setting(
        "ssl_min_protocol_version",
        "Enumeration",
        "TLSv1.2",
        "TLSv1.2,TLSv1.3",
        true,
    ),
    Setting("statement_timeout", "Integer", "0", "0-2147483647", true),
    Setting(
        "wal_level",
        "Enumeration",
        "replica",
        "replica,logical",
        false,
    ),
    Setting("work_mem", "Integer", "4096", "4096-2097151", true),
];

fn find(name: &str) -> ArmResult<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.0.eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            ArmError::new(
                404,
                "ConfigurationNotExists",
                format!("The configuration '{name}' does not exist for PostgreSQL server."),
            )
        })
}

fn document(server: &Id, setting: &Setting, value: &str, source: &str, pending: bool) -> Value {
    let Setting(name, kind, usual, allowed, dynamic) = setting;
    engine::document(
        &server.child("configurations", name),
        json!({
            "value": value, "source": source, "defaultValue": usual, "dataType": kind, "allowedValues": allowed,
            "description": format!("The server parameter {name}."), "isDynamicConfig": dynamic, "isReadOnly": false,
            "isConfigPendingRestart": pending, "documentationLink": format!("https://www.postgresql.org/docs/current/runtime-config.html#{name}"),
        }),
    )
}

fn shown(ctx: &Ctx<'_>, server: &Id, setting: &Setting) -> Value {
    let id = server.child("configurations", setting.0);
    match ctx.get(&id.text) {
        Some(item) => item.at(ctx.now).clone(),
        None => document(server, setting, setting.2, "system-default", false),
    }
}

/// Answers a request; a change goes on as one of any type.
pub(super) fn run(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    owner: &Item,
) -> ArmResult<Option<HttpReply>> {
    let server = Id::new(text(&owner.doc, "/id"));
    if input.operation.name == "Configurations_ListByServer" {
        let rows = SETTINGS
            .iter()
            .map(|setting| shown(ctx, &server, setting))
            .collect();
        return page::reply(ctx, input, rows).map(Some);
    }
    let setting = find(input.variable("configurationName"))?;
    if input.operation.http == "GET" {
        return found(&shown(ctx, &server, setting));
    }
    let id = server.child("configurations", setting.0);
    if ctx.get(&id.text).is_none() && input.is_patch() {
        // What a client has never set is there all the same.
        let doc = document(&server, setting, setting.2, "system-default", false);
        ctx.put(Item::new(&id.text, doc, ctx.now));
    }
    Ok(None)
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let setting = find(write.id.name())?;
    let server = write.id.parent();
    let value = match text(&write.doc, "/properties/value") {
        "" if setting.1 != "Set" => setting.2.to_owned(),
        value => value.to_owned(),
    };
    let Setting(name, kind, usual, allowed, dynamic) = setting;
    let words = |value: &str| {
        allowed
            .split(',')
            .any(|word| word.eq_ignore_ascii_case(value))
    };
    let good = match *kind {
        "Boolean" | "Enumeration" => words(&value),
        "Set" => value
            .split(',')
            .all(|one| one.trim().is_empty() || words(one.trim())),
        _ => value
            .parse::<f64>()
            .is_ok_and(|number| within(number, allowed)),
    };
    if !good {
        return Err(ArmError::bad(
            "InvalidParameterValue",
            format!(
                "The value '{value}' of the server parameter '{name}' is not allowed: {allowed}."
            ),
        ));
    }
    let source = match text(&write.doc, "/properties/source") {
        "system-default" => "system-default",
        _ if value == *usual => "system-default",
        _ => "user-override",
    };
    let changed =
        text(write.before, "/properties/value") != value && !(write.creates() && value == *usual);
    write.doc = document(&server, setting, &value, source, changed && !dynamic);
    let _ = (ctx, server::NAME);
    Ok(())
}

/// Whether a number is within `-1-2147483647`.
fn within(number: f64, range: &str) -> bool {
    let cut = range
        .get(1..)
        .and_then(|rest| rest.find('-'))
        .map(|at| at + 1);
    let Some(cut) = cut else { return true };
    let least: f64 = range[..cut].parse().unwrap_or(f64::MIN);
    let most: f64 = range[cut + 1..].parse().unwrap_or(f64::MAX);
    (least..=most).contains(&number)
}

/// After a restart nothing waits for one.
pub(super) fn restarted(ctx: &mut Ctx<'_>, owner: &Item) {
    for item in ctx.of_kind(&format!("{}/configurations/", owner.id), KIND.name) {
        let mut item = item.edit();
        item.settle(ctx.now);
        set(&mut item.doc, "/properties/isConfigPendingRestart", false);
        ctx.put(item);
    }
}
