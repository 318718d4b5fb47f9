use crate::fixture::{Fixture, at, native, readable, told, unfolded};
use serde_json::{Value as Json, json};

const THIS: &str = "azurerm_postgresql_flexible_server.this";

fn shop(more: Json) -> Json {
    let mut inputs = json!({ "network": "main", "engine": "postgres", "version": "17" });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

const MYSQL: &str = "azurerm_mysql_flexible_server.this";

fn mysql(more: Json) -> Json {
    let mut inputs = shop(json!({ "engine": "mysql", "version": "8.4" }));
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

fn small() -> infra_model::expand::Expansion {
    Fixture::with_cluster_on("azure").add("database", "shop", &shop(json!({})))
}

#[test]
fn a_small_postgres() {
    insta::assert_snapshot!(unfolded(&small()));
}

#[test]
fn a_small_mysql() {
    let expansion = Fixture::with_cluster_on("azure").add("database", "shop", &mysql(json!({})));
    insta::assert_snapshot!(unfolded(&expansion));
}

/// The same inputs, outputs and promises, whatever the engine.
#[test]
fn mysql_is_as_safe_as_postgres() {
    let mut fixture = Fixture::with_cluster_on("azure");
    let postgres = fixture.add("database", "shop", &shop(json!({})));
    let expansion = fixture.add("database", "orders", &mysql(json!({})));
    assert_eq!(at(&expansion, MYSQL, "/public_network_access"), "Disabled");
    assert_eq!(
        at(&expansion, MYSQL, "/delegated_subnet_id"),
        "${network.main.id}/subnets/shop-main-mysql"
    );
    assert_eq!(
        at(&expansion, MYSQL, "/customer_managed_key/key_vault_key_id"),
        "${azurerm_key_vault_key.this.id}"
    );
    // Azure refuses keys of vaults that keep what is deleted for less.
    assert_eq!(
        at(
            &expansion,
            "azurerm_key_vault.this",
            "/soft_delete_retention_days"
        ),
        90
    );
    assert_eq!(at(&expansion, MYSQL, "/administrator_password"), Json::Null);
    assert_eq!(
        at(
            &expansion,
            "azurerm_mysql_flexible_server_configuration.this",
            "/for_each"
        ),
        json!({ "require_secure_transport": "ON", "tls_version": "TLSv1.2" })
    );
    let rule = native(&expansion, "azurerm_network_security_rule.clients");
    assert_eq!(rule["network_security_group_name"], "shop-main-mysql");
    assert_eq!(rule["destination_port_ranges"], json!(["3306"]));
    assert_eq!(rule["source_address_prefixes"], json!(["10.0.0.0/20"]));
    let names = |expansion: &infra_model::expand::Expansion| -> Vec<String> {
        let outputs = readable(expansion)["outputs"].clone();
        outputs
            .as_object()
            .expect("outputs")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(names(&expansion), names(&postgres));
}

#[test]
fn storage_and_standbys_of_mysql() {
    let of = |more: Json| Fixture::with_cluster_on("azure").add("database", "shop", &mysql(more));
    let standby = of(json!({ "high_availability": true, "storage_gb": 100 }));
    assert_eq!(at(&standby, MYSQL, "/sku_name"), "GP_Standard_D2ads_v5");
    assert_eq!(
        at(&standby, MYSQL, "/high_availability/mode"),
        "ZoneRedundant"
    );
    // With a standby it grows, asked or not.
    assert_eq!(
        at(&standby, MYSQL, "/storage"),
        json!({ "size_gb": 100, "auto_grow_enabled": true })
    );
    assert_eq!(
        at(&standby, MYSQL, "/lifecycle/ignore_changes"),
        json!([
            "zone",
            "high_availability[0].standby_availability_zone",
            "storage[0].size_gb"
        ])
    );
    let single = of(
        json!({ "version": "8.0", "storage_gb": 10, "backups": { "retention_days": 0, "point_in_time": false } }),
    );
    assert_eq!(at(&single, MYSQL, "/version"), "8.0.21");
    assert_eq!(
        at(&single, MYSQL, "/storage"),
        json!({ "size_gb": 20, "auto_grow_enabled": false })
    );
    assert_eq!(at(&single, MYSQL, "/backup_retention_days"), 1);
    let told = [told(&standby.diagnostics), told(&single.diagnostics)];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn it_is_private() {
    let expansion = small();
    assert_eq!(
        at(&expansion, THIS, "/public_network_access_enabled"),
        false
    );
    assert_eq!(
        at(&expansion, THIS, "/delegated_subnet_id"),
        "${network.main.id}/subnets/shop-main-database"
    );
    assert_eq!(
        at(&expansion, THIS, "/private_dns_zone_id"),
        "${azurerm_private_dns_zone.this.id}"
    );
    assert_eq!(
        at(
            &expansion,
            "azurerm_private_dns_zone_virtual_network_link.this",
            "/virtual_network_id"
        ),
        "${network.main.id}"
    );
}

#[test]
fn of_a_protected_stack_it_is_locked() {
    let mut fixture = Fixture::protected();
    fixture.add("network", "main", &json!({ "cloud": "azure" }));
    let expansion = fixture.add("database", "shop", &shop(json!({})));
    let other = fixture.add("database", "orders", &mysql(json!({})));
    let of_mysql = native(&other, "azurerm_management_lock.this");
    assert_eq!(
        of_mysql["scope"],
        "${azurerm_mysql_flexible_server.this.id}"
    );
    let lock = native(&expansion, "azurerm_management_lock.this");
    assert_eq!(
        lock["scope"],
        "${azurerm_postgresql_flexible_server.this.id}"
    );
    assert_eq!(lock["lock_level"], "CanNotDelete");
    assert_eq!(lock["deletion_protection"], true);
    let natives = readable(&small())["natives"].clone();
    assert_eq!(natives.get("azurerm_management_lock.this"), None);
}

#[test]
fn only_its_clients_reach_its_port() {
    let rule = native(&small(), "azurerm_network_security_rule.clients");
    assert_eq!(rule["network_security_group_name"], "shop-main-database");
    assert_eq!(rule["source_address_prefixes"], json!(["10.0.0.0/20"]));
    assert_eq!(rule["destination_port_ranges"], json!(["5432"]));
    let inputs = shop(json!({ "clients": ["10.8.0.0/16"] }));
    let expansion = Fixture::with_cluster_on("azure").add("database", "shop", &inputs);
    assert_eq!(
        at(
            &expansion,
            "azurerm_network_security_rule.clients",
            "/source_address_prefixes"
        ),
        json!(["10.8.0.0/16"])
    );
    let nobody =
        Fixture::with_network_on("azure").add("database", "shop", &shop(json!({ "clients": [] })));
    let natives = readable(&nobody)["natives"].clone();
    assert_eq!(natives.get("azurerm_network_security_rule.clients"), None);
}

#[test]
fn rules_of_one_group_have_places_of_their_own() {
    let mut fixture = Fixture::with_cluster_on("azure");
    let mut seen = std::collections::BTreeSet::new();
    for index in 0..100 {
        let expansion = fixture.add("database", &format!("db{index}"), &shop(json!({})));
        let place = at(
            &expansion,
            "azurerm_network_security_rule.clients",
            "/priority",
        );
        let place = place.as_i64().expect("a priority");
        assert!(
            (200..4000).contains(&place) && seen.insert(place),
            "{place}"
        );
    }
}

#[test]
fn connections_are_over_tls_12_or_newer() {
    assert_eq!(
        at(
            &small(),
            "azurerm_postgresql_flexible_server_configuration.this",
            "/for_each"
        ),
        json!({ "require_secure_transport": "ON", "ssl_min_protocol_version": "TLSv1.2" })
    );
}

#[test]
fn it_is_encrypted_with_its_own_key() {
    let expansion = small();
    let key = at(&expansion, THIS, "/customer_managed_key");
    assert_eq!(key["key_vault_key_id"], "${azurerm_key_vault_key.this.id}");
    // The grant comes first.
    let after = at(&expansion, THIS, "/depends_on");
    assert!(
        after
            .as_array()
            .expect("a list")
            .contains(&json!("azurerm_role_assignment.key"))
    );
}

#[test]
fn its_password_is_in_the_vault_and_nowhere_else() {
    let expansion = small();
    let secret = native(&expansion, "azurerm_key_vault_secret.admin");
    assert_eq!(
        secret["value_wo"],
        "${ephemeral.random_password.admin.result}"
    );
    assert_eq!(secret.get("value"), None);
    assert_eq!(
        at(&expansion, THIS, "/administrator_password_wo"),
        "${ephemeral.azurerm_key_vault_secret.admin.value}"
    );
    assert_eq!(at(&expansion, THIS, "/administrator_password"), Json::Null);
    assert_eq!(
        readable(&expansion)["natives"].get("random_password.admin"),
        None
    );
}

#[test]
fn sizes_storage_and_standbys() {
    let of = |more: Json| Fixture::with_cluster_on("azure").add("database", "shop", &shop(more));
    let standby = of(json!({ "high_availability": true, "storage_gb": 100 }));
    // What is burstable has no standby.
    assert_eq!(at(&standby, THIS, "/sku_name"), "GP_Standard_D2ds_v5");
    assert_eq!(
        at(&standby, THIS, "/high_availability/mode"),
        "ZoneRedundant"
    );
    assert_eq!(at(&standby, THIS, "/storage_mb"), 128 * 1024);
    let grows = of(json!({ "max_storage_gb": 500, "backups": { "retention_days": 3 } }));
    assert_eq!(at(&grows, THIS, "/auto_grow_enabled"), true);
    assert_eq!(at(&grows, THIS, "/backup_retention_days"), 7);
    insta::assert_snapshot!(told(&grows.diagnostics));
}

#[test]
fn what_is_refused() {
    let cases = [
        mysql(json!({ "version": "8.0.21" })),
        mysql(json!({ "storage_gb": 20000, "backups": { "retention_days": 36 } })),
        mysql(json!({ "instance": "B_Standard_B2s", "high_availability": true })),
        shop(json!({ "version": "17.4" })),
        shop(json!({ "instance": "db.m7g.large" })),
        shop(json!({ "instance": "B_Standard_B2s", "high_availability": true })),
        shop(json!({ "storage_gb": 40000, "backups": { "retention_days": 36 } })),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|c| Fixture::with_cluster_on("azure").refused("database", c))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}
