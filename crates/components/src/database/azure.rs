//! `database` on Azure: a PostgreSQL flexible server without a public address, in the network's subnet for databases, with its
//! key, its name in a private zone, and its administrator's password in a vault.

use super::{Clients, Engine, Inputs};
use crate::azure::{self, LOCATION, Opening};
use crate::draft::Draft;
use crate::network::Site;
use crate::sizes::{self, Sizes};
use serde_json::{Value as Json, json};

/// What the portable sizes are here.
const SIZES: Sizes = [
    ("small", "B_Standard_B2s"),
    ("medium", "GP_Standard_D2ds_v5"),
    ("large", "GP_Standard_D8ds_v5"),
];

/// The major versions that Azure offers, as known when this was written.
const POSTGRES: [&str; 6] = ["18", "17", "16", "15", "14", "13"];

/// The sizes of its storage, in GiB.
const STORAGE: [i64; 11] = [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32767];

/// Backups are kept for so many days.
const KEPT: std::ops::RangeInclusive<i64> = 7..=35;

pub(super) fn expand(
    inputs: &Inputs,
    engine: Engine,
    site: &Site,
    clients: &Clients,
    draft: &mut Draft<'_>,
) {
    if engine != Engine::Postgres {
        draft.refuse(
            "engine",
            format!(
                "a database of {} cannot be built on Azure yet",
                engine.name()
            ),
            "write `engine = \"postgres\"`",
        );
        return;
    }
    let (Some(version), Some(sku), Some(storage)) = (
        version(inputs, draft),
        sku(inputs, draft),
        storage(inputs, draft),
    ) else {
        return;
    };
    let days = days(inputs, draft);
    let group = azure::group_of(site, draft);
    // The key's version is fixed in the server, so that a new one is a decision.
    azure::encryption(draft, &group, "database", false, "database");
    password(draft);
    zone(site, &group, draft);
    let body = json!({
        "name": format!("{}-${{{}}}", draft.start(54), azure::unique(draft)),
        "resource_group_name": group,
        "location": LOCATION,
        "version": version,
        "sku_name": sku,
        "storage_mb": storage * 1024,
        "auto_grow_enabled": inputs.max_storage_gb.is_some(),
        "delegated_subnet_id": format!("${{{}.id}}/subnets/{}", site.reference, site.fact("database_name")),
        "private_dns_zone_id": "${azurerm_private_dns_zone.this.id}",
        "public_network_access_enabled": false,
        "administrator_login": inputs.username.json("input.username"),
        "administrator_password_wo": "${ephemeral.azurerm_key_vault_secret.admin.value}",
        "administrator_password_wo_version": "${azurerm_key_vault_secret.admin.value_wo_version}",
        "backup_retention_days": days,
        "geo_redundant_backup_enabled": false,
        "high_availability": inputs.high_availability.then(|| json!({ "mode": "ZoneRedundant" })),
        "identity": { "type": "UserAssigned", "identity_ids": ["${azurerm_user_assigned_identity.this.id}"] },
        "customer_managed_key": {
            "key_vault_key_id": "${azurerm_key_vault_key.this.id}",
            "primary_user_assigned_identity_id": "${azurerm_user_assigned_identity.this.id}",
        },
        "tags": draft.plain_tags(),
        // Without the grant it cannot use its key, without the link nobody finds it, and its subnet comes with the network.
        "depends_on": [
            "azurerm_role_assignment.key",
            "azurerm_private_dns_zone_virtual_network_link.this",
            site.reference,
        ],
        // After a failover the zones have changed places, and storage has grown by itself, perhaps.
        "lifecycle": { "ignore_changes": ignored(inputs) },
    });
    draft.resource("azurerm_postgresql_flexible_server", "this", body);
    contents(inputs, draft);
    let inside = [
        "azurerm_postgresql_flexible_server_configuration.this",
        "azurerm_postgresql_flexible_server_database.this",
    ];
    let server = "azurerm_postgresql_flexible_server.this";
    azure::lock(draft, server, "fqdn", &inside);
    firewall(engine, site, clients, &group, draft);
    outputs(engine, site, draft);
}

fn ignored(inputs: &Inputs) -> Vec<&'static str> {
    let mut ignored = vec!["zone"];
    if inputs.high_availability {
        ignored.push("high_availability[0].standby_availability_zone");
    }
    if inputs.max_storage_gb.is_some() {
        ignored.push("storage_mb");
    }
    ignored
}

/// The major version: Azure chooses the minor one.
fn version<'a>(inputs: &'a Inputs, draft: &mut Draft<'_>) -> Option<&'a str> {
    let version = inputs.version.as_str();
    if POSTGRES.contains(&version) {
        return Some(version);
    }
    draft.refuse(
        "version",
        format!("Azure does not offer postgres {version}, as far as this version of infra knows"),
        format!(
            "write one of {}; minor versions are Azure's to choose",
            POSTGRES.join(", ")
        ),
    );
    None
}

/// The kind of machine.
fn sku(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<String> {
    if let Some(instance) = &inputs.instance {
        let known = ["B_", "GP_", "MO_"]
            .iter()
            .any(|tier| instance.starts_with(tier));
        if !known {
            draft.refuse(
                "instance",
                format!("`{instance}` is not a size of Azure's databases"),
                "write one such as `instance = \"GP_Standard_D2ds_v5\"`, or a size: `size = \"medium\"`",
            );
            return None;
        }
        if inputs.high_availability && instance.starts_with("B_") {
            draft.refuse(
                "high_availability",
                format!("on Azure `{instance}` has no standby"),
                "write an instance that starts with GP_ or MO_, such as \"GP_Standard_D2ds_v5\"",
            );
        }
        return Some(instance.clone());
    }
    let size = match inputs.size.as_deref().unwrap_or("small") {
        // What is cheap has no standby.
        "small" if inputs.high_availability => "medium",
        size => size,
    };
    sizes::machine(&SIZES, size, "size", "any size", draft)
}

/// The least storage that is enough.
fn storage(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<i64> {
    let asked = inputs.storage_gb;
    let found = STORAGE.iter().copied().find(|size| *size >= asked);
    if found.is_none() || asked < 1 {
        draft.refuse(
            "storage_gb",
            format!("Azure's databases have 32 to 32767 GiB of storage, not {asked}"),
            "write `storage_gb = 32` or more",
        );
    }
    if inputs.max_storage_gb.is_some() {
        draft.remark(
            "max_storage_gb",
            "on Azure the storage of a database that grows by itself is not held to a limit",
            "leave `max_storage_gb` out to have it stay as large as `storage_gb`, the next of 32, 64, 128, … GiB",
        );
    }
    found
}

/// For how many days backups are kept.
fn days(inputs: &Inputs, draft: &mut Draft<'_>) -> i64 {
    let days = inputs.retention_days();
    let (least, most) = (*KEPT.start(), *KEPT.end());
    if !(0..=most).contains(&days) {
        draft.refuse(
            "backups.retention_days",
            format!("Azure keeps a database's backups for {least} to {most} days, not {days}"),
            format!("write `retention_days = {most}`"),
        );
    } else if days < least {
        draft.remark(
            "backups.retention_days",
            format!("Azure keeps a database's backups for at least {least} days"),
            format!("write `retention_days = {least}`: it is what you get"),
        );
    }
    days.clamp(least, most)
}

/// The administrator's password: drawn while applying, written to the vault, and from there to the server. It is nowhere else.
fn password(draft: &mut Draft<'_>) {
    draft.ephemeral(
        "random_password",
        "admin",
        json!({ "length": 32, "override_special": "-_.~" }),
    );
    let body = json!({
        "name": "administrator",
        "key_vault_id": "${azurerm_key_vault.this.id}",
        "value_wo": "${ephemeral.random_password.admin.result}",
        // Another number makes another password.
        "value_wo_version": 1,
        "content_type": "password",
        "tags": draft.plain_tags(),
        "depends_on": ["azurerm_role_assignment.operator"],
    });
    draft.resource("azurerm_key_vault_secret", "admin", body);
    draft.ephemeral(
        "azurerm_key_vault_secret",
        "admin",
        json!({
            "name": "${azurerm_key_vault_secret.admin.name}",
            "key_vault_id": "${azurerm_key_vault_secret.admin.key_vault_id}",
            // Known once it is there: nothing is asked for before.
            "version": "${azurerm_key_vault_secret.admin.version}",
        }),
    );
}

/// A private zone in which the network finds the server by its name.
fn zone(site: &Site, group: &str, draft: &mut Draft<'_>) {
    let body = json!({
        "name": format!("{}.private.{}", draft.name("", 63), azure::POSTGRES_DOMAIN),
        "resource_group_name": group,
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_private_dns_zone", "this", body);
    let body = json!({
        "name": draft.name("", 80),
        "resource_group_name": group,
        "private_dns_zone_name": "${azurerm_private_dns_zone.this.name}",
        "virtual_network_id": site.output("id"),
        "registration_enabled": false,
        "tags": draft.plain_tags(),
    });
    draft.resource(
        "azurerm_private_dns_zone_virtual_network_link",
        "this",
        body,
    );
}

/// The first database, and what every connection must be like.
fn contents(inputs: &Inputs, draft: &mut Draft<'_>) {
    let server = "${azurerm_postgresql_flexible_server.this.id}";
    draft.resource(
        "azurerm_postgresql_flexible_server_configuration",
        "this",
        json!({
            "for_each": { "require_secure_transport": "ON", "ssl_min_protocol_version": "TLSv1.2" },
            "name": "${each.key}",
            "server_id": server,
            "value": "${each.value}",
        }),
    );
    draft.resource(
        "azurerm_postgresql_flexible_server_database",
        "this",
        json!({ "name": inputs.database_name(draft.instance.name), "server_id": server }),
    );
}

/// Lets its clients in to the subnet of the databases.
fn firewall(engine: Engine, site: &Site, clients: &Clients, group: &str, draft: &mut Draft<'_>) {
    let mut from: Vec<Json> = Vec::new();
    if !clients.clusters.is_empty() {
        // Pods come with the addresses of their nodes.
        from.push(json!(site.fact("private_range")));
    }
    from.extend(clients.ranges.iter().map(|range| json!(range)));
    if from.is_empty() {
        return;
    }
    let priority = azure::priority(draft, &format!("{} databases", site.reference));
    let opening = Opening {
        group,
        security_group: site.fact("database_name"),
        priority,
        from: json!(from),
        ports: json!([engine.port().to_string()]),
        description: "Clients to the database",
    };
    azure::open(draft, "clients", &opening);
}

fn outputs(engine: Engine, site: &Site, draft: &mut Draft<'_>) {
    let port = engine.port();
    let address = "azurerm_postgresql_flexible_server.this.fqdn";
    let endpoint = format!("\"${{{address}}}:{port}\"");
    let firewall = azure::beside(site, "networkSecurityGroups", site.fact("database_name"));
    let firewall = format!("\"{firewall}\"");
    for (name, expression) in [
        ("id", "azurerm_postgresql_flexible_server.this.id"),
        ("endpoint", &*endpoint),
        ("address", address),
        ("port", &port.to_string()),
        (
            "database",
            "azurerm_postgresql_flexible_server_database.this.name",
        ),
        (
            "username",
            "azurerm_postgresql_flexible_server.this.administrator_login",
        ),
        ("secret_id", "azurerm_key_vault_secret.admin.versionless_id"),
        (
            "secret_scope",
            "azurerm_key_vault_secret.admin.resource_versionless_id",
        ),
        ("security_group_id", &firewall),
    ] {
        draft.output(name, expression);
    }
}
