use crate::fixture::{Fixture, at, native, readable, unfolded};
use serde_json::{Value as Json, json};

const THIS: &str = "azurerm_storage_account.this";

fn bucket(more: Json) -> infra_model::expand::Expansion {
    let mut inputs = json!({ "cloud": "azure" });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    Fixture::new().add("bucket", "assets", &inputs)
}

#[test]
fn a_bucket() {
    insta::assert_snapshot!(unfolded(&bucket(json!({}))));
}

#[test]
fn it_cannot_be_reached_without_tls_12_nor_from_the_public_nor_with_a_shared_key() {
    let account = native(&bucket(json!({})), THIS);
    assert_eq!(account["https_traffic_only_enabled"], true);
    assert_eq!(account["min_tls_version"], "TLS1_2");
    assert_eq!(account["allow_nested_items_to_be_public"], false);
    assert_eq!(account["shared_access_key_enabled"], false);
    assert_eq!(account["local_user_enabled"], false);
    assert_eq!(
        at(
            &bucket(json!({})),
            "azurerm_storage_container.this",
            "/container_access_type"
        ),
        "private"
    );
}

#[test]
fn it_is_encrypted_with_its_own_key_and_versioned() {
    let expansion = bucket(json!({}));
    let key = native(
        &expansion,
        "azurerm_storage_account_customer_managed_key.this",
    );
    assert_eq!(key["key_vault_id"], "${azurerm_key_vault.this.id}");
    // Without a version it follows the newest.
    assert_eq!(key.get("key_version"), None);
    assert_eq!(
        at(
            &expansion,
            "azurerm_key_vault_key.this",
            "/rotation_policy/automatic/time_after_creation"
        ),
        "P90D"
    );
    assert_eq!(
        at(&expansion, THIS, "/blob_properties/versioning_enabled"),
        true
    );
    assert_eq!(
        at(
            &expansion,
            "azurerm_storage_management_policy.this",
            "/rule/0/actions"
        ),
        json!({ "version": { "delete_after_days_since_creation": 90 } })
    );
}

#[test]
fn its_name_is_short_and_nobody_elses() {
    let expansion = bucket(json!({}));
    assert_eq!(
        at(&expansion, THIS, "/name"),
        "shopassets${substr(sha256(\"${data.azurerm_client_config.this.subscription_id}/shop-assets\"), 0, 8)}"
    );
    let mut fixture = Fixture::new();
    fixture.0.stack.name = "a-stack-with-a-long-name".into();
    let expansion = fixture.add("bucket", "assets", &json!({ "cloud": "azure" }));
    let name = at(&expansion, THIS, "/name");
    let start = name
        .as_str()
        .and_then(|n| n.split('$').next())
        .expect("a name");
    assert_eq!(start, "astackwithalongn");
}

#[test]
fn names_and_retention() {
    let expansion = bucket(json!({
        "name": "shopassets", "versioning": false,
        "retention": [{ "prefix": "logs/", "archive_days": 30, "expire_days": 365 }],
    }));
    assert_eq!(at(&expansion, THIS, "/name"), "shopassets");
    assert_eq!(
        at(
            &expansion,
            "azurerm_storage_management_policy.this",
            "/rule"
        ),
        json!([{
            "name": "retention-0",
            "enabled": true,
            "filters": { "blob_types": ["blockBlob"], "prefix_match": ["shop-assets/logs/"] },
            "actions": { "base_blob": {
                "tier_to_cool_after_days_since_modification_greater_than": 30,
                "delete_after_days_since_modification_greater_than": 365,
            } },
        }])
    );
    let plain = bucket(json!({ "name": "?", "versioning": false }));
    assert_eq!(at(&plain, THIS, "/name"), "${input.name}");
    let natives = readable(&plain)["natives"].clone();
    assert_eq!(natives.get("azurerm_storage_management_policy.this"), None);
}

#[test]
fn what_is_refused() {
    let refused = |inputs: Json| Fixture::new().refused("bucket", &inputs);
    insta::assert_snapshot!(refused(json!({ "cloud": "azure", "name": "shop-assets" })), @r"
    name: `shop-assets` cannot be the name of a storage account
      help: use 3 to 24 lower-case letters and digits; or leave `name` out
    ");
}
