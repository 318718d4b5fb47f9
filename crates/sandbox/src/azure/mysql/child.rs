//! Databases and firewall rules of a server.

use serde_json::json;

use super::server;
use crate::azure::context::{Ctx, default, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Write};
use crate::azure::{engine, flexible};
use crate::clock::Millis;
use crate::latency::Work;

const fn child(name: &'static str, listed: &'static str) -> Kind {
    Kind {
        create: Work::FlexibleServerQuick,
        update: Work::FlexibleServerQuick,
        delete: Work::FlexibleServerQuick,
        ..Kind::plain(name, listed)
    }
}

pub(super) const DATABASE: Kind = Kind {
    prepare: prepare_database,
    guard: guard_database,
    ..child(
        "Microsoft.DBforMySQL/flexibleServers/databases",
        "azurerm_mysql_flexible_database",
    )
};

pub(super) const FIREWALL: Kind = Kind {
    prepare: prepare_firewall,
    ..child(
        "Microsoft.DBforMySQL/flexibleServers/firewallRules",
        "azurerm_mysql_flexible_server_firewall_rule",
    )
};

/// Databases that every server has.
const OWN: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// Character sets, and how their collations begin (<https://dev.mysql.com/doc/refman/8.4/en/charset-charsets.html>).
const CHARSETS: [(&str, &str); 8] = [
    ("utf8mb4", "utf8mb4_"),
    ("utf8mb3", "utf8mb3_"),
    ("utf8", "utf8_"),
    ("latin1", "latin1_"),
    ("latin2", "latin2_"),
    ("ascii", "ascii_"),
    ("utf16", "utf16_"),
    ("binary", "binary"),
];

/// Makes the databases that every server has.
pub(super) fn begin(ctx: &mut Ctx<'_>, server: &Id, until: Millis) {
    for name in OWN {
        let id = server.child("databases", name);
        let doc = engine::document(
            &id,
            json!({ "charset": "utf8mb4", "collation": "utf8mb4_0900_ai_ci" }),
        );
        let mut item = Item::new(&id.text, doc.clone(), ctx.now);
        engine::work(&mut item, "Creating", until, "", doc);
        item.settle(ctx.now);
        ctx.put(item);
    }
}

fn prepare_database(_ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name();
    // An identifier: 1 to 64 characters (https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html).
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
    if !(1..=64).contains(&name.len()) || !name.chars().all(word) {
        return Err(ArmError::bad(
            "InvalidDatabaseName",
            format!("Specified database name '{name}' is invalid."),
        ));
    }
    default(&mut write.doc, "/properties/charset", "utf8mb4");
    let charset = text(&write.doc, "/properties/charset").to_lowercase();
    let known = CHARSETS.iter().find(|(name, _)| *name == charset);
    let Some((_, start)) = known else {
        return Err(ArmError::bad(
            "InvalidCharset",
            format!("Specified character set '{charset}' is invalid."),
        ));
    };
    if *start == "utf8mb4_" {
        let usual = "utf8mb4_0900_ai_ci";
        default(&mut write.doc, "/properties/collation", usual);
    }
    let collation = text(&write.doc, "/properties/collation").to_lowercase();
    if !collation.starts_with(start) {
        return Err(ArmError::bad(
            "InvalidCollation",
            format!(
                "Specified collation '{collation}' is not one of the character set '{charset}'."
            ),
        ));
    }
    Ok(())
}

fn guard_database(_ctx: &Ctx<'_>, _item: &Item, id: &Id) -> ArmResult<()> {
    if OWN.contains(&id.name()) {
        return Err(ArmError::bad(
            "SystemDatabaseCannotBeDeleted",
            format!(
                "The database '{}' is the service's own: it cannot be deleted.",
                id.name()
            ),
        ));
    }
    Ok(())
}

fn prepare_firewall(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let owner = engine::find(ctx, &server::KIND, &write.id.parent())?;
    flexible::open(write, &owner)
}
