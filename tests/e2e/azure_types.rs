//! The full life of every Azure type in the sandbox. The tables are in `tests/azure/`.

use crate::support::{Folder, Server};
use crate::types;

#[test]
fn every_type_lives_in_the_sandbox() {
    types::in_the_sandbox("azure");
}

#[test]
fn every_type_has_a_table() {
    types::all_have_tables("azure", &*infra_azure::provider());
}

#[test]
fn what_others_made_is_not_taken_over() {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    // With tags, without, and a part of another resource; the same of any other type.
    let group =
        "[resource.azurerm_resource_group.g]\nname = \"shared\"\nlocation = \"westeurope\"\n";
    let resources = r#"
[resource.azurerm_virtual_network.a]
name                = "their-network"
resource_group_name = "shared"
location            = "westeurope"
address_space       = ["10.0.0.0/16"]

[resource.azurerm_subnet.a]
name                 = "their-subnet"
resource_group_name  = "shared"
virtual_network_name = "their-network"
address_prefixes     = ["10.0.0.0/24"]
depends_on           = ["azurerm_virtual_network.a"]

[resource.azapi_resource.tagged]
type      = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
parent_id = "/subscriptions/00000000-0000-4000-8000-5a4db0c50001/resourceGroups/shared"
name      = "their-identity"
location  = "westeurope"

[resource.azapi_resource.untagged]
type       = "Microsoft.Network/virtualNetworks/subnets@2026-03-01"
parent_id  = "/subscriptions/00000000-0000-4000-8000-5a4db0c50001/resourceGroups/shared/providers/Microsoft.Network/virtualNetworks/their-network"
name       = "their-other-subnet"
body       = { properties = { addressPrefix = "10.0.1.0/24" } }
depends_on = ["azurerm_subnet.a"]
"#;
    let folder = |name: &str, text: &str| {
        let folder = Folder::new();
        let text = format!("[stack]\nname = \"{name}\"\n{text}");
        folder.write("stacks/t.toml", &text);
        folder
    };
    let run = |folder: &Folder, command: &str| {
        folder.run(&[command, "-auto-approve", "stacks/t.toml", flag.as_str()])
    };
    let both = folder("group", group);
    let (theirs, ours) = (folder("theirs", resources), folder("ours", resources));
    run(&both, "apply").expect(0);
    run(&theirs, "apply").expect(0);
    let before = server.resources();
    let refused = run(&ours, "apply").expect(1);
    // What depends on something that is refused is not tried.
    for name in ["azurerm_virtual_network.a", "azapi_resource.tagged"] {
        let told = format!("{name} could not be created");
        assert!(refused.stderr.contains(&told), "{}", refused.stderr);
    }
    let told = "exists already and was not made by";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    run(&ours, "destroy").expect(0);
    // A child alone.
    let child = resources.rsplit_once("[resource.").expect("a child").1;
    let child = format!("[resource.{child}").replace("depends_on = [\"azurerm_subnet.a\"]\n", "");
    let ours = folder("ours", &child);
    let refused = run(&ours, "apply").expect(1);
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    run(&ours, "destroy").expect(0);
    assert_eq!(server.resources(), before);
}

/// What is inside a cluster ends with it: nothing asks an API server that is going.
#[test]
fn what_is_in_a_cluster_is_let_go_with_it() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::new();
    let stack = r#"
[stack]
name = "inside"

[resource.azurerm_resource_group.g]
name     = "inside"
location = "westeurope"

[resource.azurerm_kubernetes_cluster.k]
name                = "inside"
resource_group_name = "${azurerm_resource_group.g.name}"
location            = "${azurerm_resource_group.g.location}"
dns_prefix          = "inside"
identity            = { type = "SystemAssigned" }
default_node_pool   = { name = "system", vm_size = "Standard_D2s_v5", node_count = 1 }

[clouds.kubernetes]
host                   = "${azurerm_kubernetes_cluster.k.kube_config[0].host}"
cluster_ca_certificate = "${base64decode(azurerm_kubernetes_cluster.k.kube_config[0].cluster_ca_certificate)}"
aks                    = { cluster = "${azurerm_kubernetes_cluster.k.name}" }

[resource.kubernetes_config_map.c]
metadata = { name = "inside", namespace = "default" }
data     = { a = "b" }
"#;
    folder.write("stacks/t.toml", stack);
    let flag = server.flag();
    let run = |arguments: &[&str]| {
        let stack = ["stacks/t.toml", flag.as_str()];
        folder.run(&[arguments, &stack].concat())
    };
    run(&["apply", "-auto-approve"]).expect(0);
    run(&["plan", "-detailed-exitcode"]).expect(0);
    let plan = run(&["plan", "-destroy"]).expect(0);
    let why = "it ends with azurerm_kubernetes_cluster.k";
    assert!(plan.stdout.contains(why), "{}", plan.stdout);
    run(&["destroy", "-auto-approve"]).expect(0);
    let left = server.resources();
    assert!(left.is_empty(), "left on the server: {left:#?}");
}

#[test]
fn a_gateway_has_a_certificate_of_ones_own_and_another_one_at_once() {
    let server = Server::sandbox(&["--latency", "none"]);
    let (folder, flag) = (Folder::new(), server.flag());
    folder.write(
        "stacks/t.toml",
        r#"
[stack]
name = "t"

[clouds.azure]
subscription_id = "00000000-0000-4000-8000-5a4db0c50001"
location        = "westeurope"

[network.main]
cloud = "azure"

[cluster.main]
network    = "main"
kubernetes = "1.34"
pools      = { work = { size = "small", min = 1, max = 2 } }

# Its keys have RFC 8017's form, which vaults do not take.
[resource.tls_private_key.k]
algorithm = "RSA"

[resource.tls_self_signed_cert.c]
private_key_pem       = "${tls_private_key.k.private_key_pem}"
validity_period_hours = 720
allowed_uses          = ["server_auth"]
subject               = { common_name = "shop.example.com" }

[load_balancer.web]
network = "main"
listen  = [
  { port = 80, protocol = "http" },
  { port = 443, protocol = "https", certificate = { pem = "${tls_self_signed_cert.c.cert_pem}", key = "${tls_private_key.k.private_key_pem}" } },
]
target = { cluster = "main", node_port = 30080 }
"#,
    );
    let run = |arguments: &[&str]| folder.run(&[arguments, &["stacks/t.toml", &flag]].concat());
    run(&["apply", "-auto-approve"]).expect(0);
    run(&["plan", "-detailed-exitcode"]).expect(0);
    let state = std::fs::read_to_string(folder.path().join("state/t.json")).expect("a state");
    assert!(!state.contains("PRIVATE KEY"));
    // The gateway takes the version, so that it has the new one with the same apply.
    let again = run(&["apply", "-auto-approve", "-replace", "tls_private_key.k"]).expect(0);
    assert!(!again.stdout.contains("PRIVATE KEY") && !again.stderr.contains("PRIVATE KEY"));
    again.says(&["2 added, 2 changed, 2 destroyed"]);
    run(&["plan", "-detailed-exitcode"]).expect(0);
    run(&["destroy", "-auto-approve"]).expect(0);
    assert!(server.resources().is_empty());
}
