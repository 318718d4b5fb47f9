//! Databases, firewall rules and administrators of a server.

use serde_json::json;

use super::server;
use crate::azure::context::{Ctx, TENANT, default, set, text};
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
        "Microsoft.DBforPostgreSQL/flexibleServers/databases",
        "azurerm_postgresql_flexible_server_database",
    )
};

pub(super) const FIREWALL: Kind = Kind {
    prepare: prepare_firewall,
    ..child(
        "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
        "azurerm_postgresql_flexible_server_firewall_rule",
    )
};

pub(super) const ADMINISTRATOR: Kind = Kind {
    prepare: prepare_administrator,
    ..child(
        "Microsoft.DBforPostgreSQL/flexibleServers/administrators",
        "azurerm_postgresql_flexible_server_active_directory_administrator",
    )
};

/// Databases that every server has.
const OWN: [&str; 3] = ["azure_maintenance", "azure_sys", "postgres"];

/// Makes the databases that every server has.
pub(super) fn begin(ctx: &mut Ctx<'_>, server: &Id, until: Millis) {
    for name in OWN {
        let id = server.child("databases", name);
        let doc = engine::document(&id, json!({ "charset": "UTF8", "collation": "en_US.utf8" }));
        let mut item = Item::new(&id.text, doc.clone(), ctx.now);
        engine::work(&mut item, "Creating", until, "", doc);
        item.settle(ctx.now);
        ctx.put(item);
    }
}

fn prepare_database(_ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let good = (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(word);
    if !good || ["template0", "template1"].contains(&name) {
        return Err(ArmError::bad(
            "InvalidDatabaseName",
            format!("Specified database name '{name}' is invalid."),
        ));
    }
    default(&mut write.doc, "/properties/charset", "UTF8");
    default(&mut write.doc, "/properties/collation", "en_US.utf8");
    let charset = text(&write.doc, "/properties/charset").to_uppercase();
    if !["UTF8", "SQL_ASCII", "LATIN1", "WIN1252"].contains(&charset.as_str()) {
        return Err(ArmError::bad(
            "InvalidCharset",
            format!("Specified character set '{charset}' is invalid."),
        ));
    }
    for member in ["charset", "collation"] {
        if write.changed(&format!("/properties/{member}")) {
            return Err(ArmError::bad(
                "DatabasePropertyCannotBeChanged",
                format!("The {member} of a database cannot be changed."),
            ));
        }
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

fn prepare_administrator(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let owner = engine::find(ctx, &server::KIND, &write.id.parent())?;
    if text(
        owner.at(ctx.now),
        "/properties/authConfig/activeDirectoryAuth",
    ) != "Enabled"
    {
        return Err(ArmError::bad(
            "ActiveDirectoryAuthNotEnabled",
            "Microsoft Entra authentication is not enabled on the server.",
        ));
    }
    let object = write.id.name().to_owned();
    if uuid::Uuid::parse_str(&object).is_err()
        || text(&write.doc, "/properties/principalName").is_empty()
    {
        return Err(ArmError::bad(
            "InvalidPrincipal",
            format!(
                "An administrator is named by its object ID and has a name: '{object}' is none or has none."
            ),
        ));
    }
    set(&mut write.doc, "/properties/objectId", object);
    default(&mut write.doc, "/properties/principalType", "User");
    default(&mut write.doc, "/properties/tenantId", TENANT);
    Ok(())
}
