//! `database` on Azure: a flexible server of PostgreSQL or MySQL without a public address, in the network's subnet for it, with its
//! key, its name in a private zone, and its administrator's password in a vault.

use super::{Clients, Engine, Inputs};
use crate::azure::{self, LOCATION, Opening};
use crate::draft::Draft;
use crate::network::Site;
use crate::sizes::{self, Sizes};
use serde_json::{Value as Json, json};
use std::ops::RangeInclusive;

/// What is otherwise from one engine to the other.
struct Service {
    server: &'static str,
    database: &'static str,
    configuration: &'static str,
    /// What the portable sizes are here.
    sizes: Sizes,
    /// A size that it has.
    example: &'static str,
    /// The versions that Azure offers, as known when this was written, and what it calls them.
    versions: &'static [(&'static str, &'static str)],
    /// What the network says of its subnet.
    subnet: &'static str,
    /// The domain of its servers.
    domain: &'static str,
    /// Backups are kept for so many days.
    kept: RangeInclusive<i64>,
    /// What every connection must be like.
    settings: [(&'static str, &'static str); 2],
}

const POSTGRES: Service = Service {
    server: "azurerm_postgresql_flexible_server",
    database: "azurerm_postgresql_flexible_server_database",
    configuration: "azurerm_postgresql_flexible_server_configuration",
    sizes: [
        ("small", "B_Standard_B2s"),
        ("medium", "GP_Standard_D2ds_v5"),
        ("large", "GP_Standard_D8ds_v5"),
    ],
    example: "GP_Standard_D2ds_v5",
    versions: &[
        ("18", "18"),
        ("17", "17"),
        ("16", "16"),
        ("15", "15"),
        ("14", "14"),
        ("13", "13"),
    ],
    subnet: "database_name",
    domain: azure::POSTGRES_DOMAIN,
    kept: 7..=35,
    settings: [
        ("require_secure_transport", "ON"),
        ("ssl_min_protocol_version", "TLSv1.2"),
    ],
};

const MYSQL: Service = Service {
    server: "azurerm_mysql_flexible_server",
    database: "azurerm_mysql_flexible_database",
    configuration: "azurerm_mysql_flexible_server_configuration",
    sizes: [
        ("small", "B_Standard_B2s"),
        ("medium", "GP_Standard_D2ads_v5"),
        ("large", "GP_Standard_D8ads_v5"),
    ],
    example: "GP_Standard_D2ads_v5",
    versions: &[("8.4", "8.4"), ("8.0", "8.0.21")],
    subnet: "mysql_name",
    domain: azure::MYSQL_DOMAIN,
    kept: 1..=35,
    // Of 1.2 Azure allows the ciphers of FIPS alone.
    settings: [
        ("require_secure_transport", "ON"),
        ("tls_version", "TLSv1.2"),
    ],
};

/// The sizes of PostgreSQL's storage, in GiB.
const STORAGE: [i64; 11] = [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32767];

/// The least and the most of MySQL's, whatever its machine.
const MYSQL_STORAGE: RangeInclusive<i64> = 20..=16384;

pub(super) fn expand(
    inputs: &Inputs,
    engine: Engine,
    site: &Site,
    clients: &Clients,
    draft: &mut Draft<'_>,
) {
    let service = match engine {
        Engine::Postgres => &POSTGRES,
        Engine::MySql => &MYSQL,
    };
    let (Some(version), Some(sku), Some(storage)) = (
        version(inputs, engine, service, draft),
        sku(inputs, service, draft),
        storage(inputs, engine, draft),
    ) else {
        return;
    };
    let days = days(inputs, service, draft);
    let group = azure::group_of(site, draft);
    match engine {
        Engine::Postgres => azure::vault(draft, &group),
        // MySQL's keys must be in a vault that keeps what is deleted as long as it can
        // (https://learn.microsoft.com/azure/mysql/flexible-server/concepts-customer-managed-key).
        Engine::MySql => azure::vault_kept(draft, &group, azure::LONGEST),
    }
    // The key's version is fixed in the server, so that a new one is a decision.
    azure::encryption_within(draft, &group, "database", false, "database");
    password(draft);
    zone(service, site, &group, draft);
    let mut body = json!({
        "name": format!("{}-${{{}}}", draft.start(54), azure::unique(draft)),
        "resource_group_name": group,
        "location": LOCATION,
        "version": version,
        "sku_name": sku,
    });
    let own = match engine {
        Engine::Postgres => json!({
            "storage_mb": storage * 1024,
            "auto_grow_enabled": inputs.max_storage_gb.is_some(),
            "public_network_access_enabled": false,
        }),
        Engine::MySql => json!({
            "storage": { "size_gb": storage, "auto_grow_enabled": grows(inputs, engine) },
            "public_network_access": "Disabled",
        }),
    };
    let more = json!({
        "delegated_subnet_id": format!("${{{}.id}}/subnets/{}", site.reference, site.fact(service.subnet)),
        "private_dns_zone_id": "${azurerm_private_dns_zone.this.id}",
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
        "lifecycle": { "ignore_changes": ignored(inputs, engine) },
    });
    let entries = body.as_object_mut().expect("a body is an object");
    for part in [own, more] {
        entries.extend(part.as_object().cloned().unwrap_or_default());
    }
    draft.resource(service.server, "this", body);
    contents(inputs, engine, service, &group, draft);
    let inside = [service.configuration, service.database].map(|t| format!("{t}.this"));
    let server = format!("{}.this", service.server);
    let inside = [&*inside[0], &*inside[1]];
    azure::lock(draft, &server, "fqdn", &inside);
    firewall(engine, service, site, clients, &group, draft);
    outputs(engine, service, site, draft);
}

/// Whether storage grows by itself: MySQL's always does where there is a standby.
fn grows(inputs: &Inputs, engine: Engine) -> bool {
    inputs.max_storage_gb.is_some() || engine == Engine::MySql && inputs.high_availability
}

fn ignored(inputs: &Inputs, engine: Engine) -> Vec<&'static str> {
    let mut ignored = vec!["zone"];
    if inputs.high_availability {
        ignored.push("high_availability[0].standby_availability_zone");
    }
    if grows(inputs, engine) {
        ignored.push(match engine {
            Engine::Postgres => "storage_mb",
            Engine::MySql => "storage[0].size_gb",
        });
    }
    ignored
}

/// The major version, as Azure calls it: the minor one is Azure's to choose.
fn version(
    inputs: &Inputs,
    engine: Engine,
    service: &Service,
    draft: &mut Draft<'_>,
) -> Option<&'static str> {
    let version = inputs.version.as_str();
    let offered = service.versions.iter().find(|(name, _)| *name == version);
    if offered.is_none() {
        let all: Vec<&str> = service.versions.iter().map(|(name, _)| *name).collect();
        let engine = engine.name();
        draft.refuse(
            "version",
            format!(
                "Azure does not offer {engine} {version}, as far as this version of infra knows"
            ),
            format!(
                "write one of {}; minor versions are Azure's to choose",
                all.join(", ")
            ),
        );
    }
    offered.map(|(_, own)| *own)
}

/// The kind of machine.
fn sku(inputs: &Inputs, service: &Service, draft: &mut Draft<'_>) -> Option<String> {
    let example = service.example;
    if let Some(instance) = &inputs.instance {
        let known = ["B_", "GP_", "MO_"]
            .iter()
            .any(|tier| instance.starts_with(tier));
        if !known {
            draft.refuse(
                "instance",
                format!("`{instance}` is not a size of Azure's databases"),
                format!(
                    "write one such as `instance = \"{example}\"`, or a size: `size = \"medium\"`"
                ),
            );
            return None;
        }
        if inputs.high_availability && instance.starts_with("B_") {
            draft.refuse(
                "high_availability",
                format!("on Azure `{instance}` has no standby"),
                format!("write an instance that starts with GP_ or MO_, such as \"{example}\""),
            );
        }
        return Some(instance.clone());
    }
    let size = match inputs.size.as_deref().unwrap_or("small") {
        // What is cheap has no standby.
        "small" if inputs.high_availability => "medium",
        size => size,
    };
    sizes::machine(&service.sizes, size, "size", "any size", draft)
}

/// The least storage that is enough.
fn storage(inputs: &Inputs, engine: Engine, draft: &mut Draft<'_>) -> Option<i64> {
    let asked = inputs.storage_gb;
    let (found, (least, most), next) = match engine {
        Engine::Postgres => {
            let found = STORAGE.iter().copied().find(|size| *size >= asked);
            (
                found,
                (STORAGE[0], STORAGE[10]),
                ", the next of 32, 64, 128, … GiB",
            )
        }
        Engine::MySql => {
            let (least, most) = (*MYSQL_STORAGE.start(), *MYSQL_STORAGE.end());
            let found = (asked <= most).then(|| asked.max(least));
            (found, (least, most), "")
        }
    };
    if found.is_none() || asked < 1 {
        draft.refuse(
            "storage_gb",
            format!("Azure's databases have {least} to {most} GiB of storage, not {asked}"),
            format!("write `storage_gb = {least}` or more"),
        );
    }
    if inputs.max_storage_gb.is_some() {
        draft.remark(
            "max_storage_gb",
            "on Azure the storage of a database that grows by itself is not held to a limit",
            format!("leave `max_storage_gb` out to have it stay as large as `storage_gb`{next}"),
        );
    } else if grows(inputs, engine) {
        draft.remark(
            "high_availability",
            "on Azure the storage of a MySQL database with a standby grows by itself, and is not held to a limit",
            "look at what it costs from time to time",
        );
    }
    found
}

/// For how many days backups are kept.
fn days(inputs: &Inputs, service: &Service, draft: &mut Draft<'_>) -> i64 {
    let days = inputs.retention_days();
    let (least, most) = (*service.kept.start(), *service.kept.end());
    if !(0..=most).contains(&days) {
        draft.refuse(
            "backups.retention_days",
            format!("Azure keeps a database's backups for {least} to {most} days, not {days}"),
            format!("write `retention_days = {most}`"),
        );
    } else if days < least {
        draft.remark(
            "backups.retention_days",
            format!(
                "Azure keeps a database's backups for at least {least} day{}",
                if least == 1 { "" } else { "s" }
            ),
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
fn zone(service: &Service, site: &Site, group: &str, draft: &mut Draft<'_>) {
    let body = json!({
        "name": format!("{}.private.{}", draft.name("", 63), service.domain),
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
fn contents(
    inputs: &Inputs,
    engine: Engine,
    service: &Service,
    group: &str,
    draft: &mut Draft<'_>,
) {
    let server = service.server;
    // How its parts name the server, and what a database must say.
    let (of, more) = match engine {
        Engine::Postgres => (
            json!({ "server_id": format!("${{{server}.this.id}}") }),
            json!({}),
        ),
        Engine::MySql => (
            json!({ "resource_group_name": group, "server_name": format!("${{{server}.this.name}}") }),
            json!({ "charset": "utf8mb4", "collation": "utf8mb4_unicode_ci" }),
        ),
    };
    // Another server has the same id, and nothing in it: the address is known anew with it.
    let anew = json!({ "lifecycle": { "replace_triggered_by": [format!("{server}.this.fqdn")] } });
    let body = |mut body: Json, parts: &[&Json]| {
        let entries = body.as_object_mut().expect("a body is an object");
        for part in parts {
            entries.extend(part.as_object().cloned().unwrap_or_default());
        }
        body
    };
    let settings: serde_json::Map<String, Json> = service
        .settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let each = json!({ "for_each": settings, "name": "${each.key}" });
    let setting = body(each, &[&of, &json!({ "value": "${each.value}" }), &anew]);
    draft.resource(service.configuration, "this", setting);
    let name = json!({ "name": inputs.database_name(draft.instance.name) });
    draft.resource(service.database, "this", body(name, &[&of, &more, &anew]));
}

/// Lets its clients in to the subnet of the databases.
fn firewall(
    engine: Engine,
    service: &Service,
    site: &Site,
    clients: &Clients,
    group: &str,
    draft: &mut Draft<'_>,
) {
    let mut from: Vec<Json> = Vec::new();
    if !clients.clusters.is_empty() {
        // Pods come with the addresses of their nodes.
        from.push(json!(site.fact("private_range")));
    }
    from.extend(clients.ranges.iter().map(|range| json!(range)));
    if from.is_empty() {
        return;
    }
    let rules = match engine {
        Engine::Postgres => "databases",
        Engine::MySql => "MySQL databases",
    };
    let priority = azure::priority(draft, &format!("{} {rules}", site.reference));
    let opening = Opening {
        group,
        security_group: site.fact(service.subnet),
        priority,
        from: json!(from),
        ports: json!([engine.port().to_string()]),
        description: "Clients to the database",
    };
    azure::open(draft, "clients", &opening);
}

fn outputs(engine: Engine, service: &Service, site: &Site, draft: &mut Draft<'_>) {
    let port = engine.port();
    let of = |attribute: &str| format!("{}.this.{attribute}", service.server);
    let endpoint = format!("\"${{{}}}:{port}\"", of("fqdn"));
    let firewall = azure::beside(site, "networkSecurityGroups", site.fact(service.subnet));
    let firewall = format!("\"{firewall}\"");
    for (name, expression) in [
        ("id", of("id")),
        ("endpoint", endpoint),
        ("address", of("fqdn")),
        ("port", port.to_string()),
        ("database", format!("{}.this.name", service.database)),
        ("username", of("administrator_login")),
        (
            "secret_id",
            "azurerm_key_vault_secret.admin.versionless_id".to_owned(),
        ),
        (
            "secret_scope",
            "azurerm_key_vault_secret.admin.resource_versionless_id".to_owned(),
        ),
        ("security_group_id", firewall),
    ] {
        draft.output(name, expression);
    }
}
