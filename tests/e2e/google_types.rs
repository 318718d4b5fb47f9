//! The full life of every Google type in the sandbox. The tables are in `tests/google/`.

use crate::support::{Folder, Server};
use crate::types;

#[test]
fn every_type_lives_in_the_sandbox() {
    types::in_the_sandbox("google");
}

#[test]
fn every_type_has_a_table() {
    types::all_have_tables("google", &*infra_google::provider());
}

#[test]
fn what_others_made_is_not_taken_over() {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    // With labels, with Compute's tokens, and with neither.
    let resources = r#"
[resource.google_service_account.a]
account_id = "their-account"

[resource.google_compute_network.a]
name                    = "their-network"
auto_create_subnetworks = false

[resource.google_artifact_registry_repository.a]
repository_id = "their-images"
location      = "europe-west1"
format        = "DOCKER"
"#;
    let folder = |name: &str| {
        let folder = Folder::new();
        let text = format!("[stack]\nname = \"{name}\"\n{resources}");
        folder.write("stacks/t.toml", &text);
        folder
    };
    let (theirs, ours) = (folder("theirs"), folder("ours"));
    let run = |folder: &Folder, command: &str| {
        folder.run(&[command, "-auto-approve", "stacks/t.toml", flag.as_str()])
    };
    run(&theirs, "apply").expect(0);
    let before = server.resources();
    assert_eq!(before.len(), 3);
    let refused = run(&ours, "apply").expect(1);
    let told = refused
        .stderr
        .matches("exists already and was not made by")
        .count();
    assert!(told >= 3, "{}", refused.stderr);
    run(&ours, "destroy").expect(0);
    assert_eq!(server.resources(), before);
}
