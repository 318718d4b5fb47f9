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
    // With tags, without, and a part of another resource.
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
    assert!(
        refused
            .stderr
            .contains("exists already and was not made by"),
        "{}",
        refused.stderr
    );
    run(&ours, "destroy").expect(0);
    assert_eq!(server.resources(), before);
}
