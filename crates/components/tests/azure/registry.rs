use crate::fixture::{Fixture, at, native, readable, unfolded};
use serde_json::{Value as Json, json};

const THIS: &str = "azurerm_container_registry.this";

fn registry(more: Json) -> infra_model::expand::Expansion {
    let mut inputs = json!({ "cloud": "azure" });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    Fixture::with_cluster_on("azure").add("registry", "web", &inputs)
}

#[test]
fn a_registry() {
    insta::assert_snapshot!(unfolded(&registry(json!({ "clusters": ["main"] }))));
}

#[test]
fn nobody_reads_it_without_logging_in_and_nobody_logs_in_with_its_password() {
    let made = native(&registry(json!({})), THIS);
    assert_eq!(made["admin_enabled"], false);
    assert_eq!(made["anonymous_pull_enabled"], false);
    assert_eq!(
        made["encryption"]["key_vault_key_id"],
        "${azurerm_key_vault_key.this.versionless_id}"
    );
}

#[test]
fn only_nodes_of_clusters_that_are_named_pull() {
    let pull = native(
        &registry(json!({ "clusters": ["main"] })),
        "azurerm_role_assignment.pull",
    );
    assert_eq!(
        pull["for_each"],
        json!({ "main": "${cluster.main.node_role}" })
    );
    assert_eq!(pull["role_definition_name"], "AcrPull");
    let natives = readable(&registry(json!({})))["natives"].clone();
    assert_eq!(natives.get("azurerm_role_assignment.pull"), None);
}

#[test]
fn its_name_is_short_and_nobody_elses() {
    assert_eq!(
        at(&registry(json!({})), THIS, "/name"),
        "shopweb${substr(sha256(\"${data.azurerm_client_config.this.subscription_id}/shop-web\"), 0, 8)}"
    );
    assert_eq!(
        at(&registry(json!({ "name": "?" })), THIS, "/name"),
        "${input.name}"
    );
}

#[test]
fn what_is_refused() {
    let refused = |inputs: Json| Fixture::new().refused("registry", &inputs);
    let told = [
        refused(json!({ "cloud": "azure", "name": "shop-web" })),
        refused(json!({ "cloud": "azure", "keep_untagged_days": 400 })),
    ];
    insta::assert_snapshot!(told.join("\n\n"));
}
