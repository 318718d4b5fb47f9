//! What components promise on Azure, in the sandbox: another Azure's names, records of traffic, disks under a key of one's own, locks. And
//! that grants are read by lists.

use crate::support::Stack;
use crate::types::attributes;

/// Everything that has a name of its Azure's in it.
fn shop(environment: &str, location: &str, protect: bool) -> String {
    format!(
        r#"
[stack]
name    = "t"
protect = {protect}

[clouds.azure]
environment = "{environment}"
location    = "{location}"

[network.main]
cloud = "azure"

[cluster.main]
network    = "main"
kubernetes = "1.34"
pools      = {{ work = {{ size = "small", min = 1, max = 2 }} }}

[database.shop]
network = "main"
engine  = "postgres"
version = "17"

[database.orders]
network = "main"
engine  = "mysql"
version = "8.4"

[bucket.files]
cloud = "azure"

[registry.images]
cloud = "azure"

[outputs.database]
value = "${{database.shop.address}}"

[outputs.orders]
value = "${{database.orders.endpoint}}"

[outputs.bucket]
value = "${{bucket.files.url}}"

[outputs.registry]
value = "${{registry.images.host}}"

[outputs.cluster]
value = "${{cluster.main.endpoint}}"
"#
    )
}

/// Names are those of the Azure that is named, in what is planned, in what is made, and in how one logs in.
#[test]
fn another_azure_has_names_of_its_own() {
    for (environment, location, domains) in [
        (
            "usgovernment",
            "usgovvirginia",
            [
                "postgres.database.usgovcloudapi.net",
                "mysql.database.usgovcloudapi.net",
                "core.usgovcloudapi.net",
                "azurecr.us",
                "containerservice.azure.us",
            ],
        ),
        (
            "china",
            "chinanorth3",
            [
                "postgres.database.chinacloudapi.cn",
                "mysql.database.chinacloudapi.cn",
                "core.chinacloudapi.cn",
                "azurecr.cn",
                "service.azk8s.cn",
            ],
        ),
    ] {
        let stack = Stack::sandboxed();
        stack
            .folder
            .write("stacks/t.toml", &shop(environment, location, false));
        let plan = stack.run(&["plan"]).expect(0);
        for domain in &domains[..2] {
            let zone = format!(".private.{domain}");
            assert!(plan.stdout.contains(&zone), "{}", plan.stdout);
        }
        for public in ["azure.com", "windows.net", "azurecr.io", "azure.net"] {
            assert!(!plan.stdout.contains(public), "{public}\n{}", plan.stdout);
        }
        stack.run(&["apply", "-auto-approve"]).expect(0);
        let told = stack.folder.run(&["output", "-json"]).expect(0).json();
        for (output, domain) in ["database", "orders", "bucket", "registry", "cluster"]
            .into_iter()
            .zip(domains)
        {
            let value = told[output]["value"].as_str().unwrap_or_default();
            assert!(value.contains(domain), "{output} = {value}");
        }
        stack.run(&["plan", "-detailed-exitcode"]).expect(0);
        stack
            .run(&["destroy", "-auto-approve", "--allow-data-loss", "**"])
            .expect(0);
        assert!(stack.server.resources().is_empty());
    }
}

#[test]
fn a_protected_database_is_locked_until_it_is_unprotected() {
    let stack = Stack::sandboxed();
    stack
        .folder
        .write("stacks/t.toml", &shop("public", "westeurope", true));
    stack.run(&["apply", "-auto-approve"]).expect(0);
    stack.run(&["plan", "-detailed-exitcode"]).expect(0);
    for (server, version) in [
        (
            "database.shop.azurerm_postgresql_flexible_server.this",
            "2026-10-01",
        ),
        (
            "database.orders.azurerm_mysql_flexible_server.this",
            "2024-12-30",
        ),
    ] {
        let server = attributes(&stack.folder, server);
        let id = server["id"].as_str().expect("an id");
        // Nobody else can delete it either.
        let path = format!("{id}?api-version={version}");
        let answer = stack.server.ask_azure("DELETE", &path);
        assert_eq!(answer["error"]["code"], "ScopeLocked", "{answer}");
    }
    let lose = ["--allow-data-loss", "**"];
    let refused = stack
        .run(&[&["destroy", "-auto-approve"][..], &lose].concat())
        .expect(1);
    assert!(refused.stderr.contains("--unprotect"), "{}", refused.stderr);
    stack
        .run(&[&["destroy", "-auto-approve", "--unprotect"][..], &lose].concat())
        .expect(0);
    assert!(stack.server.resources().is_empty());
}

/// Two engines stand in one network, each in a subnet of its own; what was in a server is in the one after it.
#[test]
fn another_server_has_its_database_again() {
    let stack = Stack::sandboxed();
    let text = |standby: bool| {
        format!(
            r#"
[stack]
name = "t"

[clouds.azure]
location = "westeurope"

[network.main]
cloud     = "azure"
nat       = "none"
flow_logs = false

[database.shop]
network = "main"
engine  = "postgres"
version = "17"
clients = ["10.0.0.0/20"]

[database.orders]
network           = "main"
engine            = "mysql"
version           = "8.4"
size              = "medium"
clients           = ["10.0.0.0/20"]
high_availability = {standby}
"#
        )
    };
    stack.folder.write("stacks/t.toml", &text(false));
    stack.run(&["apply", "-auto-approve"]).expect(0);
    stack.run(&["plan", "-detailed-exitcode"]).expect(0);
    // A standby in another zone is decided when a server is made.
    stack.folder.write("stacks/t.toml", &text(true));
    let told = stack.run(&["apply", "-auto-approve"]).expect(0);
    let server = "database.orders.azurerm_mysql_flexible_server.this must be replaced";
    assert!(told.stdout.contains(server), "{}", told.stdout);
    stack.run(&["plan", "-detailed-exitcode"]).expect(0);
    stack.run(&["destroy", "-auto-approve"]).expect(0);
    assert!(stack.server.resources().is_empty());
}

/// What a network, a cluster and so on make stays as it was made, and the record of traffic goes with the network.
#[test]
fn traffic_is_recorded_and_disks_have_a_key() {
    let stack = Stack::sandboxed();
    stack
        .folder
        .write("stacks/t.toml", &shop("public", "West Europe", false));
    stack.run(&["apply", "-auto-approve"]).expect(0);
    stack.run(&["plan", "-detailed-exitcode"]).expect(0);
    let of = |target: &str| attributes(&stack.folder, target);
    let log = of("network.main.azurerm_network_watcher_flow_log.this");
    let network = of("network.main.azurerm_virtual_network.this");
    assert_eq!(log["target_resource_id"], network["id"]);
    assert_eq!(log["network_watcher_name"], "NetworkWatcher_westeurope");
    assert_eq!(log["enabled"], true);
    let cluster = of("cluster.main.azurerm_kubernetes_cluster.this");
    let set = of("cluster.main.azurerm_disk_encryption_set.this");
    assert_eq!(cluster["disk_encryption_set_id"], set["id"]);
    stack
        .run(&["destroy", "-auto-approve", "--allow-data-loss", "**"])
        .expect(0);
    assert!(stack.server.resources().is_empty());
}

#[test]
fn dozens_of_grants_at_as_many_scopes_are_listed() {
    let stack = Stack::sandboxed();
    stack.write(
        r#"
[stack]
name = "t"

[resource.azurerm_resource_group.g]
count    = 12
name     = "g${count.index}"
location = "westeurope"

[resource.azurerm_user_assigned_identity.who]
name                = "who"
resource_group_name = "${azurerm_resource_group.g[0].name}"
location            = "westeurope"

[resource.azurerm_role_assignment.r]
count                = 12
scope                = "${azurerm_resource_group.g[count.index].id}"
role_definition_name = "Reader"
principal_id         = "${azurerm_user_assigned_identity.who.principal_id}"
principal_type       = "ServicePrincipal"

[resource.azurerm_management_lock.l]
count      = 12
name       = "kept"
scope      = "${azurerm_resource_group.g[count.index].id}"
lock_level = "CanNotDelete"
depends_on = ["azurerm_role_assignment.r"]
"#,
    );
    stack.run(&["apply", "-auto-approve"]).expect(0);
    let count = |api: &str, name: &str| {
        let counts = stack.server.get("/_sandbox/counts");
        counts[api][name].as_u64().unwrap_or_default()
    };
    let of = || {
        [
            count("authorization", "RoleAssignments_Get"),
            count("authorization", "RoleAssignments_ListForSubscription"),
            count("locks", "ManagementLocks_GetByScope"),
            count("locks", "ManagementLocks_ListAtSubscriptionLevel"),
        ]
    };
    let before = of();
    stack.run(&["plan", "-detailed-exitcode"]).expect(0);
    let after = of();
    let calls: Vec<u64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
    assert_eq!(calls, [0, 1, 0, 1]);
    stack.run(&["destroy", "-auto-approve"]).expect(0);
    assert!(stack.server.resources().is_empty());
}
