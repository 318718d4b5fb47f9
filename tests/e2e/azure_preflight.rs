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

#[test]
fn a_region_that_there_is_not_is_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    oracles::record(&server);
    let stack = |location: &str| {
        format!(
            "[stack]\nname = \"t\"\n[resource.azurerm_resource_group.g]\nname = \"g\"\nlocation = \"{location}\"\n"
        )
    };
    planned(&server, &stack("West Europ"))
        .expect(1)
        .says(&["has no region `westeurop`", "did you mean `westeurope`?"]);
    planned(&server, &stack("West Europe")).expect(0);
    oracles::judge("azure", &server, true);
}

/// Somebody who is not the owner, and has what roles give.
#[test]
fn what_one_may_not_do_is_told() {
    const WHO: &str = "0f0e0d0c-0b0a-0908-0706-050403020100";
    let server = Server::sandbox(&["--latency", "none"]);
    oracles::record(&server);
    let flag = server.flag();
    let owner = Folder::new();
    let grants = |more: &str| {
        format!(
            r#"
[stack]
name = "owner"

[data.azurerm_subscription.this]

[resource.azurerm_resource_group.g]
name     = "theirs"
location = "westeurope"

[resource.azurerm_role_assignment.reads]
scope                = "${{data.azurerm_subscription.this.id}}"
role_definition_name = "Reader"
principal_id         = "{WHO}"
principal_type       = "ServicePrincipal"
{more}
"#
        )
    };
    let apply = |text: &str| {
        owner.write("stacks/t.toml", text);
        let run = ["apply", "-auto-approve", "stacks/t.toml", flag.as_str()];
        owner.run(&run).expect(0);
    };
    apply(&grants(""));
    let theirs = Folder::new();
    theirs.write(
        "stacks/t.toml",
        &format!(
            r#"
[stack]
name = "theirs"

[clouds.azure]
client_id = "{WHO}"

[resource.azurerm_virtual_network.n]
name                = "n"
resource_group_name = "theirs"
location            = "westeurope"
address_space       = ["10.0.0.0/16"]
"#
        ),
    );
    let run = |arguments: &[&str]| {
        let stack = ["stacks/t.toml", flag.as_str()];
        theirs.run(&[arguments, &stack].concat())
    };
    let told = "may not do `Microsoft.Network/virtualNetworks/write`";
    run(&["plan"]).expect(0).says(&[told]);
    // So it is.
    let refused = run(&["apply", "-auto-approve"]).expect(1);
    refused.says(&["AuthorizationFailed"]);
    apply(&grants(&format!(
        r#"
[resource.azurerm_role_assignment.networks]
scope                = "${{azurerm_resource_group.g.id}}"
role_definition_name = "Network Contributor"
principal_id         = "{WHO}"
principal_type       = "ServicePrincipal"
"#
    )));
    let plan = run(&["plan"]).expect(0);
    assert!(!plan.told().contains("may not do"), "{plan:?}");
    run(&["apply", "-auto-approve"]).expect(0);
    oracles::judge("azure", &server, true);
}

/// A network, and what is in it.
fn network(subnets: &str) -> String {
    format!(
        r#"
[stack]
name = "t"

[resource.azurerm_resource_group.g]
name     = "preflight"
location = "westeurope"

[resource.azurerm_virtual_network.n]
name                = "n"
resource_group_name = "${{azurerm_resource_group.g.name}}"
location            = "${{azurerm_resource_group.g.location}}"
address_space       = ["10.0.0.0/16"]
{subnets}
"#
    )
}

/// A subnet of that network.
fn subnet(name: &str, range: &str) -> String {
    format!(
        r#"
[resource.azurerm_subnet.{name}]
name                 = "{name}"
resource_group_name  = "${{azurerm_resource_group.g.name}}"
virtual_network_name = "${{azurerm_virtual_network.n.name}}"
address_prefixes     = ["{range}"]
"#
    )
}

#[test]
fn subnets_that_have_no_room_in_their_network_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    oracles::record(&server);
    let [a, b] = [subnet("a", "10.0.0.0/24"), subnet("b", "10.0.1.0/24")];
    planned(&server, &network(&format!("{a}{b}"))).expect(0);
    // In the same plan.
    let outside = subnet("b", "10.1.1.0/24");
    planned(&server, &network(&format!("{a}{outside}")))
        .expect(1)
        .says(&["10.1.1.0/24 is not within the virtual network `n`, which has 10.0.0.0/16"]);
    let both = subnet("b", "10.0.0.128/25");
    planned(&server, &network(&format!("{a}{both}")))
        .expect(1)
        .says(&["10.0.0.128/25 has addresses of azurerm_subnet.a, which is 10.0.0.0/24"]);
    let inline = "subnet = [{ name = \"a\", address_prefixes = [\"10.0.0.0/24\"] }, { name = \"b\", address_prefixes = [\"192.168.0.0/24\"] }]";
    planned(&server, &network(inline))
        .expect(1)
        .says(&["192.168.0.0/24 is not within the virtual network `n`"]);
    // In a network that is there, beside subnets of others.
    let folder = Folder::new();
    let flag = server.flag();
    folder.write("stacks/t.toml", &network(&a));
    folder
        .run(&["apply", "-auto-approve", "stacks/t.toml", &flag])
        .expect(0);
    let theirs = |range: &str| {
        let mut text = "[stack]\nname = \"other\"\n".to_owned();
        text.push_str(&subnet("b", range));
        text.replace("${azurerm_resource_group.g.name}", "preflight")
            .replace("${azurerm_virtual_network.n.name}", "n")
    };
    planned(&server, &theirs("10.0.1.0/24")).expect(0);
    // A stack made the network, and may be about to take the subnet away.
    planned(&server, &theirs("10.0.0.0/25"))
        .expect(0)
        .says(&["10.0.0.0/25 has addresses of the subnet `a`, which is 10.0.0.0/24"]);
    planned(&server, &theirs("10.9.0.0/24"))
        .expect(1)
        .says(&["10.9.0.0/24 is not within the virtual network `n`"]);
    oracles::judge("azure", &server, true);
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
    let mysql = |version: &str, sku: &str, more: &str| {
        database(version, sku, more).replace("azurerm_postgresql_", "azurerm_mysql_")
    };
    let right = "storage = { size_gb = 40 }\nzone = \"2\"\nhigh_availability = { mode = \"ZoneRedundant\" }";
    planned(&server, &mysql("8.4", "GP_Standard_D2ads_v5", right)).expect(0);
    for (version, sku, more, told) in [
        (
            "8.3",
            "GP_Standard_D2ads_v5",
            "",
            "westeurope offers no MySQL 8.3: there are 5.7, 8.0.21, 8.4",
        ),
        (
            "8.4",
            "GP_Standard_D2s_v9",
            "",
            "westeurope offers no servers of size `GP_Standard_D2s_v9`",
        ),
        (
            "8.4",
            "B_Standard_B2s",
            "high_availability = { mode = \"SameZone\" }",
            "`B_Standard_B2s` cannot have a standby of mode `SameZone`",
        ),
        (
            "8.4",
            "GP_Standard_D2ads_v5",
            "storage = { size_gb = 20000 }",
            "cannot have 20480000 MiB of storage",
        ),
    ] {
        planned(&server, &mysql(version, sku, more))
            .expect(1)
            .says(&[told]);
    }
    assert!(server.resources().is_empty());
    oracles::judge("azure", &server, true);
}
