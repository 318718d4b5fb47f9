//! `database` on Google Cloud: a Cloud SQL instance without a public address, its key, its first database and administrator, the
//! administrator's password in Secret Manager, and firewall rules that let only its clients out to it.

use super::{Clients, Engine, Inputs};
use crate::draft::Draft;
use crate::google;
use crate::network::Site;
use crate::sizes::{self, Sizes};
use serde_json::json;

/// What the portable sizes are here.
const SIZES: Sizes = [
    ("small", "db-custom-1-3840"),
    ("medium", "db-custom-2-7680"),
    ("large", "db-custom-8-32768"),
];

/// The versions that Cloud SQL offers, as known when this was written, and what it calls them.
const POSTGRES: [&str; 6] = ["18", "17", "16", "15", "14", "13"];
const MYSQL: [&str; 2] = ["8.4", "8.0"];

pub(super) fn expand(
    inputs: &Inputs,
    engine: Engine,
    site: &Site,
    clients: &Clients,
    draft: &mut Draft<'_>,
) {
    let (Some(version), Some(tier)) = (version(inputs, engine, draft), tier(inputs, draft)) else {
        return;
    };
    check(inputs, clients, draft);
    // The name of an instance is taken for a week after its end.
    draft.builtin("random_id", "this", json!({ "byte_length": 4 }));
    google::key(draft, "database", google::Agent::Databases);
    instance(inputs, engine, &version, &tier, site, draft);
    let name = inputs.database_name(draft.instance.name);
    draft.resource(
        "google_sql_database",
        "this",
        json!({ "name": name, "instance": "${google_sql_database_instance.this.id}" }),
    );
    administrator(inputs, draft);
    firewall(engine, site, clients, draft);
    let port = engine.port();
    let endpoint = format!("\"${{google_sql_database_instance.this.private_ip_address}}:{port}\"");
    for (name, expression) in [
        ("id", "google_sql_database_instance.this.id"),
        ("endpoint", &*endpoint),
        (
            "address",
            "google_sql_database_instance.this.private_ip_address",
        ),
        ("port", &port.to_string()),
        ("database", "google_sql_database.this.name"),
        ("username", "google_sql_user.admin.name"),
        ("secret_id", "google_secret_manager_secret.this.id"),
        ("secret_scope", "google_secret_manager_secret.this.id"),
        ("security_group_id", "google_compute_firewall.closed.id"),
    ] {
        draft.output(name, expression);
    }
}

fn check(inputs: &Inputs, clients: &Clients, draft: &mut Draft<'_>) {
    let days = inputs.retention_days();
    if !(0..=365).contains(&days) {
        draft.refuse(
            "backups.retention_days",
            format!("Cloud SQL keeps 0 to 365 backups, one a day, not {days}"),
            "write `retention_days = 35`",
        );
    }
    if !(10..=65536).contains(&inputs.storage_gb) {
        draft.refuse(
            "storage_gb",
            format!(
                "Cloud SQL has 10 to 65536 GiB of storage, not {}",
                inputs.storage_gb
            ),
            "write `storage_gb = 20` or more",
        );
    }
    if let Some(range) = clients.ranges.first() {
        draft.remark(
            "clients",
            format!("on Google Cloud nothing holds `{range}` to the database: who comes from outside the network is let in by the routes to it"),
            "exchange routes only with networks that may reach it",
        );
    }
}

/// `POSTGRES_17`, `MYSQL_8_4`: Cloud SQL chooses the minor version.
fn version(inputs: &Inputs, engine: Engine, draft: &mut Draft<'_>) -> Option<String> {
    let offered: &[&str] = match engine {
        Engine::Postgres => &POSTGRES,
        Engine::MySql => &MYSQL,
    };
    let version = &inputs.version;
    if offered.contains(&version.as_str()) {
        return Some(format!(
            "{}_{}",
            engine.name().to_uppercase(),
            version.replace('.', "_")
        ));
    }
    draft.refuse(
        "version",
        format!(
            "Cloud SQL does not offer {} {version}, as far as this version of infra knows",
            engine.name()
        ),
        format!(
            "write one of {}; minor versions are Google's to choose",
            offered.join(", ")
        ),
    );
    None
}

/// The machine.
fn tier(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<String> {
    if let Some(instance) = &inputs.instance {
        if instance.starts_with("db-") {
            return Some(instance.clone());
        }
        draft.refuse(
            "instance",
            format!("`{instance}` is not a tier of Cloud SQL"),
            "write one such as `instance = \"db-custom-2-7680\"`, or a size: `size = \"medium\"`",
        );
        return None;
    }
    let size = inputs.size.as_deref().unwrap_or("small");
    sizes::machine(&SIZES, size, "size", "any tier", draft)
}

fn instance(
    inputs: &Inputs,
    engine: Engine,
    version: &str,
    tier: &str,
    site: &Site,
    draft: &mut Draft<'_>,
) {
    let days = inputs.retention_days();
    let moments = days > 0 && inputs.backups.first().is_none_or(|b| b.point_in_time);
    let postgres = engine == Engine::Postgres;
    let body = json!({
        "name": format!("{}-${{random_id.this.hex}}", draft.name("", 80)),
        "database_version": version,
        "deletion_protection": draft.protect(),
        "encryption_key_name": "${google_kms_crypto_key.this.id}",
        "settings": {
            "tier": tier,
            "edition": "ENTERPRISE",
            "availability_type": if inputs.high_availability { "REGIONAL" } else { "ZONAL" },
            "disk_size": inputs.storage_gb,
            "disk_type": "PD_SSD",
            "disk_autoresize": inputs.max_storage_gb.is_some(),
            "disk_autoresize_limit": inputs.max_storage_gb.unwrap_or(0),
            "deletion_protection_enabled": draft.protect(),
            "user_labels": draft.labels(),
            "ip_configuration": {
                "ipv4_enabled": false,
                "private_network": site.output("id"),
                "ssl_mode": "ENCRYPTED_ONLY",
            },
            "backup_configuration": {
                "enabled": days > 0,
                "point_in_time_recovery_enabled": postgres.then_some(moments),
                "binary_log_enabled": (!postgres).then_some(moments),
                "transaction_log_retention_days": moments.then(|| days.clamp(1, 7)),
                "backup_retention_settings": (days > 0).then(|| json!({ "retained_backups": days })),
            },
            "insights_config": { "query_insights_enabled": true },
        },
        // Without the grant it cannot use its key; a private address comes through the network's connection to Google's services.
        "depends_on": ["google_kms_crypto_key_iam_member.this", site.reference],
        // It has grown by itself since, perhaps.
        "lifecycle": inputs.max_storage_gb.map(|_| json!({ "ignore_changes": ["settings[0].disk_size"] })),
    });
    draft.resource("google_sql_database_instance", "this", body);
}

/// The administrator. The password is drawn while applying, written to Secret Manager, and from there to the instance. It is nowhere
/// else.
fn administrator(inputs: &Inputs, draft: &mut Draft<'_>) {
    draft.ephemeral(
        "random_password",
        "admin",
        json!({ "length": 32, "override_special": "-_.~" }),
    );
    let body = json!({
        "secret_id": format!("{}-${{random_id.this.hex}}", draft.name("database", 200)),
        "replication": { "auto": {} },
        "labels": draft.labels(),
    });
    draft.resource("google_secret_manager_secret", "this", body);
    draft.resource(
        "google_secret_manager_secret_version",
        "this",
        json!({
            "secret": "${google_secret_manager_secret.this.id}",
            "secret_data_wo": "${ephemeral.random_password.admin.result}",
            // Another number makes another password.
            "secret_data_wo_version": 1,
        }),
    );
    draft.ephemeral(
        "google_secret_manager_secret_version",
        "this",
        json!({
            "secret": "${google_secret_manager_secret_version.this.secret}",
            // Known once it is there: nothing is asked for before.
            "version": "${google_secret_manager_secret_version.this.version}",
        }),
    );
    draft.resource(
        "google_sql_user",
        "admin",
        json!({
            "name": inputs.username.json("input.username"),
            "instance": "${google_sql_database_instance.this.id}",
            "password_wo": "${ephemeral.google_secret_manager_secret_version.this.secret_data}",
            "password_wo_version": "${google_secret_manager_secret_version.this.secret_data_wo_version}",
        }),
    );
}

/// Nothing in the network gets out to the database but its clients: Cloud SQL has no firewall of its own inside.
fn firewall(engine: Engine, site: &Site, clients: &Clients, draft: &mut Draft<'_>) {
    let address = "${google_sql_database_instance.this.private_ip_address}/32";
    draft.resource(
        "google_compute_firewall",
        "closed",
        json!({
            "name": draft.name("closed", google::NAME),
            "network": site.output("id"),
            "description": "Nobody to the database, but its clients",
            "direction": "EGRESS",
            "priority": 1000,
            "destination_ranges": [address],
            "deny": [{ "protocol": "all" }],
        }),
    );
    let tags: Vec<String> = clients
        .clusters
        .iter()
        .map(|cluster| cluster.output("node_security_group_id"))
        .collect();
    if tags.is_empty() {
        return;
    }
    draft.resource(
        "google_compute_firewall",
        "clients",
        json!({
            "name": draft.name("clients", google::NAME),
            "network": site.output("id"),
            "description": "Clients to the database",
            "direction": "EGRESS",
            "priority": 900,
            "destination_ranges": [address],
            "target_tags": tags,
            "allow": [{ "protocol": "tcp", "ports": [engine.port().to_string()] }],
        }),
    );
}
