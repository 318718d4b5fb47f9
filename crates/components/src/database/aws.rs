//! `database` on AWS: an RDS instance with its key, subnets, parameters and firewall.

use super::{Clients, Engine, Inputs};
use crate::aws;
use crate::draft::Draft;
use crate::network::Site;
use crate::sizes::{self, Sizes};
use serde_json::{Map, Value as Json, json};

/// What the portable sizes are here.
const SIZES: Sizes = [
    ("small", "db.t4g.medium"),
    ("medium", "db.m7g.large"),
    ("large", "db.m7g.2xlarge"),
];

/// The major versions that RDS offers, as known when this was written.
const POSTGRES: [&str; 6] = ["18", "17", "16", "15", "14", "13"];
const MYSQL: [&str; 2] = ["8.4", "8.0"];

pub(super) fn expand(
    inputs: &Inputs,
    engine: Engine,
    site: &Site,
    clients: &Clients,
    draft: &mut Draft<'_>,
) {
    site.spans_two_zones("an RDS database", draft);
    check(inputs, draft);
    let (Some(major), Some(class)) = (major(inputs, engine, draft), class(inputs, draft)) else {
        return;
    };
    aws::key(
        draft,
        "database",
        format!("Database {}", draft.name("", 63)),
    );
    firewall(engine, site, clients, draft);
    let body = json!({
        "name": draft.name("database", 255),
        "description": format!("Private subnets of {}", site.reference),
        "subnet_ids": site.output("private_subnet_ids"),
        "tags": draft.tags("database", &[]),
    });
    draft.resource("aws_db_subnet_group", "this", body);
    parameters(engine, &major, draft);
    instance(inputs, engine, &class, major == inputs.version, draft);
    for (name, expression) in [
        ("id", "aws_db_instance.this.id"),
        ("endpoint", "aws_db_instance.this.endpoint"),
        ("address", "aws_db_instance.this.address"),
        ("port", "aws_db_instance.this.port"),
        ("database", "aws_db_instance.this.db_name"),
        ("username", "aws_db_instance.this.username"),
        (
            "secret_id",
            "aws_db_instance.this.master_user_secret[0].secret_arn",
        ),
        (
            "secret_scope",
            "aws_db_instance.this.master_user_secret[0].secret_arn",
        ),
        ("security_group_id", "aws_security_group.this.id"),
    ] {
        draft.output(name, expression);
    }
}

fn check(inputs: &Inputs, draft: &mut Draft<'_>) {
    let days = inputs.retention_days();
    if !(0..=35).contains(&days) {
        draft.refuse(
            "backups.retention_days",
            format!("RDS keeps backups for 0 to 35 days, not {days}"),
            "write `retention_days = 35`",
        );
    }
    if !(20..=65536).contains(&inputs.storage_gb) {
        draft.refuse(
            "storage_gb",
            format!(
                "RDS has 20 to 65536 GiB of storage, not {}",
                inputs.storage_gb
            ),
            "write `storage_gb = 20` or more",
        );
    }
}

/// The major version, which names the family of parameters.
fn major(inputs: &Inputs, engine: Engine, draft: &mut Draft<'_>) -> Option<String> {
    let offered: &[&str] = match engine {
        Engine::Postgres => &POSTGRES,
        Engine::MySql => &MYSQL,
    };
    let version = &inputs.version;
    let minor_of = |major: &str| {
        let minor = version.strip_prefix(major)?.strip_prefix('.')?;
        minor.parse::<u32>().ok()
    };
    let found = offered
        .iter()
        .find(|m| version == *m || minor_of(m).is_some());
    if found.is_none() {
        draft.refuse(
            "version",
            format!(
                "RDS does not offer {} {version}, as far as this version of infra knows",
                engine.name()
            ),
            format!(
                "write one of {}, or a minor version of one",
                offered.join(", ")
            ),
        );
    }
    found.map(|m| (*m).to_owned())
}

/// The instance class.
fn class(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<String> {
    if let Some(instance) = &inputs.instance {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if instance.starts_with("db.")
            && instance.split('.').count() == 3
            && instance.chars().all(legal)
        {
            return Some(instance.clone());
        }
        draft.refuse(
            "instance",
            format!("`{instance}` is not an RDS instance class"),
            "write one such as `instance = \"db.m7g.large\"`, or a size: `size = \"medium\"`",
        );
        return None;
    }
    let size = inputs.size.as_deref().unwrap_or("small");
    sizes::machine(&SIZES, size, "size", "any instance class", draft)
}

fn firewall(engine: Engine, site: &Site, clients: &Clients, draft: &mut Draft<'_>) {
    aws::security_group(draft, "this", "database", "Database", &site.output("id"));
    let port = engine.port();
    let mut rule = |name: &str, each: Map<String, Json>, source: &str, description: &str| {
        if each.is_empty() {
            return;
        }
        let mut body = json!({
            "for_each": each,
            "security_group_id": "${aws_security_group.this.id}",
            "description": description,
            "ip_protocol": "tcp", "from_port": port, "to_port": port,
        });
        body[source] = json!("${each.value}");
        draft.resource("aws_vpc_security_group_ingress_rule", name, body);
    };
    let clusters = clients.clusters.iter();
    let clusters = clusters.map(|c| {
        (
            c.reference.clone(),
            json!(c.output("node_security_group_id")),
        )
    });
    rule(
        "clusters",
        clusters.collect(),
        "referenced_security_group_id",
        "From the nodes of ${each.key}",
    );
    let ranges = clients.ranges.iter().map(|r| (r.clone(), json!(r)));
    rule("ranges", ranges.collect(), "cidr_ipv4", "From ${each.key}");
}

fn parameters(engine: Engine, major: &str, draft: &mut Draft<'_>) {
    let family = format!("{}{major}", engine.name());
    let suffix = family.replace('.', "-");
    let parameters = match engine {
        Engine::Postgres => json!([
            { "name": "rds.force_ssl", "value": "1" },
            { "name": "ssl_min_protocol_version", "value": "TLSv1.2" },
        ]),
        // MySQL from 8.0.28 knows no TLS older than 1.2.
        Engine::MySql => json!([{ "name": "require_secure_transport", "value": "1" }]),
    };
    let body = json!({
        "name": draft.name(&suffix, 255),
        "family": family,
        "description": "Connections over TLS 1.2 or newer only",
        "parameter": parameters,
        "tags": draft.tags(&suffix, &[]),
        // The next major version's group is there before the database moves to it.
        "lifecycle": { "create_before_destroy": true },
    });
    draft.resource("aws_db_parameter_group", "this", body);
}

fn instance(
    inputs: &Inputs,
    engine: Engine,
    class: &str,
    follow_minors: bool,
    draft: &mut Draft<'_>,
) {
    let name = draft.name("", 63);
    let keep = draft.protect();
    let final_snapshot = keep.then(|| draft.name("final", 255));
    let body = json!({
        "identifier": name,
        "engine": engine.name(),
        "engine_version": inputs.version,
        "auto_minor_version_upgrade": follow_minors,
        // The version in the stack file is the decision; without this RDS refuses to follow it.
        "allow_major_version_upgrade": true,
        "instance_class": class,
        "storage_type": "gp3",
        "allocated_storage": inputs.storage_gb,
        "max_allocated_storage": inputs.max_storage_gb,
        "storage_encrypted": true,
        "kms_key_id": "${aws_kms_key.this.arn}",
        "db_name": inputs.database_name(draft.instance.name),
        "username": inputs.username.json("input.username"),
        "manage_master_user_password": true,
        "port": engine.port(),
        "multi_az": inputs.high_availability,
        "db_subnet_group_name": "${aws_db_subnet_group.this.name}",
        "vpc_security_group_ids": ["${aws_security_group.this.id}"],
        "parameter_group_name": "${aws_db_parameter_group.this.name}",
        "publicly_accessible": false,
        "backup_retention_period": inputs.retention_days(),
        "copy_tags_to_snapshot": true,
        "deletion_protection": keep,
        "delete_automated_backups": !keep,
        "skip_final_snapshot": !keep,
        "final_snapshot_identifier": final_snapshot,
        // A protected database changes in its maintenance window, any other at once.
        "apply_immediately": !keep,
        "tags": draft.tags("", &[]),
    });
    draft.resource("aws_db_instance", "this", body);
}
