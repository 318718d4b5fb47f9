//! What a plan on Azure tells before anything is begun.

use crate::oracles;
use crate::support::{Folder, Server, planned};

/// A cluster and a pool in it.
fn cluster(version: &str, size: &str, count: u32) -> String {
    format!(
        r#"
[stack]
name = "t"

[resource.azurerm_resource_group.g]
name     = "preflight"
location = "West Europe"

[resource.azurerm_kubernetes_cluster.k]
name                = "k"
resource_group_name = "${{azurerm_resource_group.g.name}}"
location            = "${{azurerm_resource_group.g.location}}"
dns_prefix          = "k"
kubernetes_version  = "{version}"
identity            = {{ type = "SystemAssigned" }}
default_node_pool   = {{ name = "system", vm_size = "Standard_D2s_v5", node_count = 1 }}

[resource.azurerm_kubernetes_cluster_node_pool.p]
name                  = "work"
kubernetes_cluster_id = "${{azurerm_kubernetes_cluster.k.id}}"
vm_size               = "{size}"
node_count            = {count}
"#
    )
}

#[test]
fn sizes_and_versions_that_a_region_does_not_offer_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let wrong = cluster("1.2", "Standard_Q1s", 1);
    planned(&server, &wrong).expect(1).says(&[
        "westeurope offers no Kubernetes 1.2",
        "westeurope offers no machines of size `Standard_Q1s`",
    ]);
    let right = cluster("1.34", "standard_d2s_v5", 2);
    planned(&server, &right).expect(0);
    // A quota may have been raised a moment ago.
    let many = cluster("1.34", "Standard_D2s_v5", 250);
    planned(&server, &many)
        .expect(0)
        .says(&["502 of `Total Regional vCPUs` are planned in westeurope"]);
    assert!(server.resources().is_empty());
    // A cluster that is there already tells where its pools will be.
    let folder = Folder::new();
    let flag = server.flag();
    let run = |arguments: &[&str]| folder.run(&[arguments, &["stacks/t.toml", &flag]].concat());
    folder.write("stacks/t.toml", &right);
    run(&["apply", "-auto-approve"]).expect(0);
    folder.write("stacks/t.toml", &cluster("1.34", "Standard_Q1s", 2));
    run(&["plan"]).expect(1).says(&["`Standard_Q1s`"]);
}

#[test]
fn a_name_that_somebody_else_has_is_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let stack = |group: &str| {
        format!(
            r#"
[stack]
name = "{group}"

[resource.azurerm_resource_group.g]
name     = "{group}"
location = "westeurope"

[resource.azurerm_storage_account.s]
name                     = "oneandonly"
resource_group_name      = "${{azurerm_resource_group.g.name}}"
location                 = "${{azurerm_resource_group.g.location}}"
account_tier             = "Standard"
account_replication_type = "LRS"
"#
        )
    };
    let folder = Folder::new();
    folder.write("stacks/t.toml", &stack("theirs"));
    let flag = server.flag();
    let run = |arguments: &[&str]| folder.run(&[arguments, &["stacks/t.toml", &flag]].concat());
    run(&["apply", "-auto-approve"]).expect(0);
    planned(&server, &stack("ours"))
        .expect(1)
        .says(&["the name `oneandonly` cannot be had"]);
    // What is replaced has its name itself.
    run(&["plan", "-replace", "azurerm_storage_account.s"]).expect(0);
}

/// A database.
fn database(version: &str, sku: &str, more: &str) -> String {
    format!(
        r#"
[stack]
name = "t"

[resource.azurerm_resource_group.g]
name     = "preflight"
location = "westeurope"

[resource.azurerm_postgresql_flexible_server.d]
name                   = "orders-of-ours"
resource_group_name    = "${{azurerm_resource_group.g.name}}"
location               = "${{azurerm_resource_group.g.location}}"
version                = "{version}"
sku_name               = "{sku}"
administrator_login    = "shop"
administrator_password = "correct-Horse-7"
{more}
"#
    )
}

#[test]
fn databases_that_a_region_does_not_offer_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    oracles::record(&server);
    let right =
        "storage_mb = 65536\nzone = \"2\"\nhigh_availability = { mode = \"ZoneRedundant\" }";
    planned(&server, &database("17", "GP_Standard_D2ds_v5", right)).expect(0);
    for (version, sku, more, told) in [
        (
            "9",
            "GP_Standard_D2ds_v5",
            "",
            "westeurope offers no PostgreSQL 9: there are",
        ),
        (
            "17",
            "GP_Standard_Q1s",
            "",
            "westeurope offers no servers of size `GP_Standard_Q1s`",
        ),
        (
            "17",
            "GP_Standard_B2s",
            "",
            "westeurope offers no servers of size `GP_Standard_B2s`",
        ),
        (
            "17",
            "GP_Standard_D2ds_v5",
            "zone = \"9\"",
            "cannot be had in zone 9 of westeurope",
        ),
        (
            "17",
            "B_Standard_B2s",
            "high_availability = { mode = \"SameZone\" }",
            "`B_Standard_B2s` cannot have a standby of mode `SameZone`",
        ),
        (
            "17",
            "GP_Standard_D2ds_v5",
            "storage_mb = 40960",
            "cannot have 40960 MiB of storage",
        ),
    ] {
        planned(&server, &database(version, sku, more))
            .expect(1)
            .says(&[told]);
    }
    assert!(server.resources().is_empty());
    oracles::judge("azure", &server, true);
}
