use crate::fixture::{Fixture, at, native, readable, unfolded};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

const THIS: &str = "google_sql_database_instance.this";

fn shop(more: Json) -> Json {
    let mut inputs = json!({ "network": "main", "engine": "postgres", "version": "17" });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

fn small() -> Expansion {
    Fixture::with_cluster_on("google").add("database", "shop", &shop(json!({})))
}

#[test]
fn a_small_postgres() {
    insta::assert_snapshot!(unfolded(&small()));
}

#[test]
fn it_is_private() {
    let network = at(&small(), THIS, "/settings/ip_configuration");
    assert_eq!(network["ipv4_enabled"], false);
    assert_eq!(network["private_network"], "${network.main.id}");
}

#[test]
fn connections_are_encrypted() {
    assert_eq!(
        at(&small(), THIS, "/settings/ip_configuration/ssl_mode"),
        "ENCRYPTED_ONLY"
    );
}

#[test]
fn it_is_encrypted_with_its_own_key() {
    let expansion = small();
    assert_eq!(
        at(&expansion, THIS, "/encryption_key_name"),
        "${google_kms_crypto_key.this.id}"
    );
    assert_eq!(
        at(&expansion, "google_kms_crypto_key.this", "/rotation_period"),
        "7776000s"
    );
    // Cloud SQL's agent is made, and may use it, before the instance is asked for.
    let agent = native(&expansion, "google_project_service_identity.this");
    assert_eq!(agent["service"], "sqladmin.googleapis.com");
    let grant = native(&expansion, "google_kms_crypto_key_iam_member.this");
    assert_eq!(
        grant["member"],
        "serviceAccount:service-${data.google_project.this.number}@gcp-sa-cloud-sql.iam.gserviceaccount.com"
    );
    let after = at(&expansion, THIS, "/depends_on");
    let grant = json!("google_kms_crypto_key_iam_member.this");
    assert!(after.as_array().expect("a list").contains(&grant));
}

#[test]
fn its_password_is_in_the_secret_manager_and_nowhere_else() {
    let expansion = small();
    let version = native(&expansion, "google_secret_manager_secret_version.this");
    assert_eq!(
        version["secret_data_wo"],
        "${ephemeral.random_password.admin.result}"
    );
    assert_eq!(version.get("secret_data"), None);
    let admin = native(&expansion, "google_sql_user.admin");
    assert_eq!(
        admin["password_wo"],
        "${ephemeral.google_secret_manager_secret_version.this.secret_data}"
    );
    assert_eq!(admin.get("password"), None);
    // Another number makes another password, and the user gets it.
    assert_eq!(
        admin["password_wo_version"],
        "${google_secret_manager_secret_version.this.secret_data_wo_version}"
    );
    let natives = readable(&expansion)["natives"].clone();
    assert_eq!(natives.get("random_password.admin"), None);
}

#[test]
fn only_its_clients_get_out_to_it() {
    let expansion = small();
    let closed = native(&expansion, "google_compute_firewall.closed");
    assert_eq!(closed["direction"], "EGRESS");
    assert_eq!(closed["deny"], json!([{ "protocol": "all" }]));
    let open = native(&expansion, "google_compute_firewall.clients");
    assert_eq!(
        open["target_tags"],
        json!(["${cluster.main.node_security_group_id}"])
    );
    assert_eq!(
        open["allow"],
        json!([{ "protocol": "tcp", "ports": ["5432"] }])
    );
    let nobody =
        Fixture::with_network_on("google").add("database", "shop", &shop(json!({ "clients": [] })));
    let natives = readable(&nobody)["natives"].clone();
    assert_eq!(natives.get("google_compute_firewall.clients"), None);
}

#[test]
fn backups_are_kept_and_any_moment_can_be_restored() {
    let backups = at(&small(), THIS, "/settings/backup_configuration");
    assert_eq!(backups["enabled"], true);
    assert_eq!(backups["point_in_time_recovery_enabled"], true);
}

#[test]
fn a_protected_one_is_not_deleted_by_chance() {
    let mut fixture = Fixture::protected();
    fixture.add("network", "main", &json!({ "cloud": "google" }));
    let expansion = fixture.add("database", "shop", &shop(json!({ "clients": [] })));
    assert_eq!(at(&expansion, THIS, "/deletion_protection"), true);
    assert_eq!(
        at(&expansion, THIS, "/settings/deletion_protection_enabled"),
        true
    );
}
