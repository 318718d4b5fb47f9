use crate::fixture::{Fixture, at, native, readable, told, unfolded};
use serde_json::{Value as Json, json};

fn postgres(more: Json) -> Json {
    let mut inputs = json!({ "network": "main", "engine": "postgres", "version": "17" });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

#[test]
fn a_small_postgres() {
    let expansion = Fixture::with_cluster().add("database", "orders", &postgres(json!({})));
    insta::assert_snapshot!(unfolded(&expansion));
}

#[test]
fn it_is_private_and_encrypted_with_its_own_key() {
    let expansion = Fixture::with_cluster().add("database", "orders", &postgres(json!({})));
    let instance = native(&expansion, "aws_db_instance.this");
    assert_eq!(instance["publicly_accessible"], false);
    assert_eq!(instance["storage_encrypted"], true);
    assert_eq!(instance["kms_key_id"], "${aws_kms_key.this.arn}");
    assert_eq!(
        at(&expansion, "aws_db_subnet_group.this", "/subnet_ids"),
        "${network.main.private_subnet_ids}"
    );
}

#[test]
fn its_password_stays_in_the_secret_manager() {
    let expansion = Fixture::with_cluster().add("database", "orders", &postgres(json!({})));
    let instance = native(&expansion, "aws_db_instance.this");
    assert_eq!(instance["manage_master_user_password"], true);
    assert_eq!(instance.get("password"), None);
}

#[test]
fn it_speaks_tls_only() {
    for (engine, version, family, parameter) in [
        ("postgres", "17", "postgres17", "rds.force_ssl"),
        ("postgres", "16.4", "postgres16", "rds.force_ssl"),
        ("mysql", "8.4", "mysql8.4", "require_secure_transport"),
        ("mysql", "8.0.39", "mysql8.0", "require_secure_transport"),
    ] {
        let inputs = json!({ "network": "main", "engine": engine, "version": version });
        let expansion = Fixture::with_cluster().add("database", "orders", &inputs);
        let group = native(&expansion, "aws_db_parameter_group.this");
        assert_eq!(group["family"], family);
        assert_eq!(
            group["parameter"][0],
            json!({ "name": parameter, "value": "1" })
        );
        // A version that is pinned to the minor must not move by itself.
        let pinned = engine == "postgres" && version.contains('.') || version == "8.0.39";
        assert_eq!(
            at(
                &expansion,
                "aws_db_instance.this",
                "/auto_minor_version_upgrade"
            ),
            !pinned
        );
    }
}

#[test]
fn only_clients_reach_it() {
    let rules = |expansion: &_, name: &str| {
        at(
            expansion,
            &format!("aws_vpc_security_group_ingress_rule.{name}"),
            "/for_each",
        )
    };
    let mut fixture = Fixture::with_cluster();
    let expansion = fixture.add("database", "a", &postgres(json!({})));
    assert_eq!(
        rules(&expansion, "clusters"),
        json!({ "cluster.main": "${cluster.main.node_security_group_id}" })
    );
    let expansion = fixture.add(
        "database",
        "b",
        &postgres(json!({ "clients": ["main", "10.8.0.0/16"] })),
    );
    assert_eq!(
        rules(&expansion, "ranges"),
        json!({ "10.8.0.0/16": "10.8.0.0/16" })
    );
    let expansion = fixture.add("database", "c", &postgres(json!({ "clients": [] })));
    let natives = readable(&expansion)["natives"].clone();
    assert!(
        natives
            .get("aws_vpc_security_group_ingress_rule.clusters")
            .is_none()
    );
    assert_eq!(told(&expansion.diagnostics), "");
}

#[test]
fn a_database_that_nothing_reaches_is_said_aloud() {
    let expansion = Fixture::with_network().add("database", "orders", &postgres(json!({})));
    insta::assert_snapshot!(told(&expansion.diagnostics));
}

#[test]
fn a_protected_database_is_not_deleted_and_leaves_a_snapshot() {
    let mut fixture = Fixture::protected();
    fixture.add("network", "main", &json!({ "cloud": "aws" }));
    let inputs = postgres(
        json!({ "clients": [], "high_availability": true, "backups": { "retention_days": 14 } }),
    );
    let expansion = fixture.add("database", "orders", &inputs);
    let instance = native(&expansion, "aws_db_instance.this");
    assert_eq!(instance["deletion_protection"], true);
    assert_eq!(instance["skip_final_snapshot"], false);
    assert_eq!(instance["final_snapshot_identifier"], "shop-orders-final");
    assert_eq!(instance["multi_az"], true);
    assert_eq!(instance["backup_retention_period"], 14);
}

#[test]
fn what_is_refused() {
    let cases = [
        postgres(json!({ "engine": "postgre" })),
        postgres(json!({ "version": "9.6" })),
        postgres(json!({ "version": "17.x" })),
        postgres(json!({ "size": "huge" })),
        postgres(json!({ "instance": "m7g.large" })),
        postgres(json!({ "size": "small", "instance": "db.m7g.large" })),
        postgres(json!({ "storage_gb": 5 })),
        postgres(json!({ "storage_gb": 50, "max_storage_gb": 50 })),
        postgres(json!({ "backups": { "retention_days": 0 } })),
        postgres(json!({ "backups": { "retention_days": 90 } })),
        postgres(json!({ "backups": [{}, {}] })),
        postgres(json!({ "clients": ["mian", "10.0.0.0/99"] })),
        postgres(json!({ "database": "1st" })),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|c| Fixture::with_cluster().refused("database", c))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}
