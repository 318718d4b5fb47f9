//! Databases, storage, vaults, registries, zones, roles.

use serde_json::{Value, json};

use super::network::{network, subnet};
use super::{Bench, at, group, header};
use crate::azure::context::{SUBSCRIPTION, TENANT};

fn register(bench: &Bench, name: &str) {
    let path = format!("/subscriptions/{SUBSCRIPTION}/providers/{name}/register");
    bench.done("POST", &path, &Value::Null);
}

fn vault(bench: &Bench, name: &str, more: Value) -> String {
    let mut properties =
        json!({ "tenantId": TENANT, "sku": { "family": "A", "name": "standard" } });
    for (key, value) in more.as_object().into_iter().flatten() {
        properties[key.as_str()] = value.clone();
    }
    let path = at(&format!("Microsoft.KeyVault/vaults/{name}"));
    let body = json!({ "location": "westeurope", "properties": properties });
    bench.done("PUT", &path, &body);
    path
}

#[test]
fn a_vault_is_kept_after_it_is_deleted() {
    let bench = Bench::grouped("");
    let path = vault(&bench, "first", json!({ "enablePurgeProtection": true }));
    assert_eq!(
        bench.get(&path)["properties"]["vaultUri"],
        "http://sandbox/_vault/first/"
    );
    bench.done("PUT", "/_vault/first/secrets/a", &json!({ "value": "x" }));
    bench.done("DELETE", &path, &Value::Null);
    assert_eq!(
        bench.refused("GET", "/_vault/first/secrets/a", &Value::Null),
        (404, "VaultNotFound".into())
    );
    assert!(
        !bench
            .core_resources()
            .contains(&"azurerm_key_vault_secret".to_owned())
    );
    let deleted = format!(
        "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/first"
    );
    assert_eq!(
        bench.get(&deleted)["properties"]["purgeProtectionEnabled"],
        true
    );
    assert_eq!(
        bench.refused("POST", &format!("{deleted}/purge"), &Value::Null),
        (400, "DeletedVaultPurge".into())
    );
    let body = json!({ "location": "westeurope", "properties": {
        "createMode": "recover", "tenantId": TENANT, "sku": { "family": "A", "name": "standard" },
    } });
    bench.done("PUT", &path, &body);
    assert_eq!(bench.get("/_vault/first/secrets/a")["value"], "x");
    // After its time it is gone for good.
    bench.done("DELETE", &path, &Value::Null);
    bench.clock.advance(91 * 24 * 3_600_000);
    assert_eq!(bench.send("GET", &deleted, &Value::Null).0, 404);
}

#[test]
fn a_secret_is_versioned_deleted_recovered_and_purged() {
    let bench = Bench::grouped("");
    vault(&bench, "first", json!({}));
    let secret = "/_vault/first/secrets/a";
    let first = bench.done("PUT", secret, &json!({ "value": "1" }));
    bench.done(
        "PUT",
        secret,
        &json!({ "value": "2", "contentType": "text" }),
    );
    let id = first["id"].as_str().expect("an id").to_owned();
    assert_eq!(bench.get(&id)["value"], "1");
    assert_eq!(bench.get(secret)["value"], "2");
    let off = json!({ "attributes": { "enabled": false } });
    bench.done("PATCH", secret, &off);
    assert_eq!(
        bench.refused("GET", secret, &Value::Null),
        (403, "Forbidden".into())
    );
    bench.done("DELETE", secret, &Value::Null);
    assert_eq!(
        bench.refused("GET", secret, &Value::Null),
        (404, "SecretNotFound".into())
    );
    assert_eq!(
        bench.refused("PUT", secret, &json!({ "value": "3" })),
        (409, "Conflict".into())
    );
    bench.done(
        "POST",
        "/_vault/first/deletedsecrets/a/recover",
        &Value::Null,
    );
    bench.done("DELETE", secret, &Value::Null);
    bench.done("DELETE", "/_vault/first/deletedsecrets/a", &Value::Null);
    bench.done("PUT", secret, &json!({ "value": "4" }));
    assert_eq!(
        bench.get("/_vault/first/secrets/a/versions")["value"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    // The log has no values.
    let log = crate::core::lock(&bench.core.requests);
    let text = serde_json::to_string(&log.since(0)).expect("plain data");
    assert!(!text.contains("\"value\":\"4\""));
}

#[test]
fn who_brings_no_token_is_told_where_to_get_one() {
    let bench = Bench::grouped("");
    vault(&bench, "first", json!({}));
    let request = crate::core::asking("GET", "/_vault/first/secrets/a", &Value::Null);
    let crate::core::Outcome::Answer(reply, _) =
        bench.core.answer(crate::core::Cloud::Azure, &request)
    else {
        panic!("an answer")
    };
    let challenge = header(&reply, "www-authenticate").expect("a challenge");
    assert_eq!(reply.status, 401);
    assert!(
        challenge.contains("resource=\"https://vault.azure.net\""),
        "{challenge}"
    );
}

#[test]
fn names_of_accounts_are_those_of_the_whole_cloud() {
    let bench = Bench::grouped("");
    let other = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/h");
    bench.done("PUT", &other, &json!({ "location": "westeurope" }));
    let body =
        json!({ "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } });
    bench.done("PUT", &at("Microsoft.Storage/storageAccounts/taken"), &body);
    let again = format!("{other}/providers/Microsoft.Storage/storageAccounts/taken");
    assert_eq!(
        bench.refused("PUT", &again, &body),
        (409, "StorageAccountAlreadyTaken".into())
    );
    let moved = json!({ "location": "northeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } });
    assert_eq!(
        bench.refused(
            "PUT",
            &at("Microsoft.Storage/storageAccounts/taken"),
            &moved
        ),
        (409, "InvalidResourceLocation".into())
    );
    // It is accepted without a body, and its result is where the location says.
    let path = at("Microsoft.Storage/storageAccounts/second");
    let reply = bench.ask("PUT", &path, &[], &body).expect("an answer");
    assert_eq!((reply.status, reply.body.len()), (202, 0));
    let location = header(&reply, "location").expect("a location");
    assert_eq!(bench.send("GET", &location, &Value::Null).0, 202);
    bench.clock.advance(60_000);
    assert_eq!(bench.get(&location)["name"], "second");
}

#[test]
fn an_account_uses_a_key_of_a_protected_vault_only() {
    let bench = Bench::grouped("");
    vault(&bench, "open", json!({}));
    vault(&bench, "shut", json!({ "enablePurgeProtection": true }));
    for name in ["open", "shut"] {
        let path = format!("/_vault/{name}/keys/k/create");
        bench.done("POST", &path, &json!({ "kty": "RSA" }));
    }
    let body = |vault: &str, key: &str| {
        json!({
            "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" }, "identity": { "type": "SystemAssigned" },
            "properties": { "encryption": { "keySource": "Microsoft.Keyvault", "keyvaultproperties": {
                "keyvaulturi": format!("http://sandbox/_vault/{vault}/"), "keyname": key,
            } } },
        })
    };
    let path = at("Microsoft.Storage/storageAccounts/keyed");
    for (vault, key, code) in [
        ("open", "k", "KeyVaultPropertiesNotSupported"),
        ("shut", "x", "KeyVaultEncryptionKeyNotFound"),
    ] {
        assert_eq!(
            bench.refused("PUT", &path, &body(vault, key)),
            (400, code.into())
        );
    }
    bench.done("PUT", &path, &body("shut", "k"));
    let back = json!({ "properties": { "encryption": { "keySource": "Microsoft.Storage" } } });
    bench.done("PATCH", &path, &back);
    let encryption = &bench.get(&path)["properties"]["encryption"];
    assert_eq!(encryption["keyvaultproperties"], Value::Null);
}

#[test]
fn a_workspace_comes_back_unless_it_was_taken_away_by_force() {
    let bench = Bench::grouped("");
    let path = at("Microsoft.OperationalInsights/workspaces/logs");
    let body = json!({ "location": "westeurope", "properties": {} });
    let id = |bench: &Bench| bench.get(&path)["properties"]["customerId"].clone();
    bench.done("PUT", &path, &body);
    let first = id(&bench);
    bench.done("DELETE", &path, &Value::Null);
    bench.done("PUT", &path, &body);
    assert_eq!(id(&bench), first);
    bench.done("DELETE", &format!("{path}?force=true"), &Value::Null);
    bench.done("PUT", &path, &body);
    assert_ne!(id(&bench), first);
}

#[test]
fn a_server_is_busy_while_anything_of_it_changes() {
    let bench = Bench::grouped("");
    register(&bench, "Microsoft.DBforPostgreSQL");
    let path = at("Microsoft.DBforPostgreSQL/flexibleServers/db1");
    let body = json!({ "location": "westeurope", "sku": { "name": "Standard_B1ms", "tier": "Burstable" }, "properties": {
        "administratorLogin": "app", "administratorLoginPassword": "Correct-horse-9",
    } });
    let weak = json!({ "location": "westeurope", "sku": { "name": "Standard_B1ms", "tier": "Burstable" }, "properties": {
        "administratorLogin": "app", "administratorLoginPassword": "weak",
    } });
    assert_eq!(
        bench.refused("PUT", &path, &weak),
        (400, "PasswordNotComplex".into())
    );
    let reply = bench.ask("PUT", &path, &[], &body).expect("an answer");
    assert_eq!(reply.status, 202);
    assert_eq!(bench.get(&path)["properties"]["state"], "Provisioning");
    let database = format!("{path}/databases/shop");
    let empty = json!({ "properties": {} });
    assert_eq!(
        bench.refused("PUT", &database, &empty),
        (409, "ServerIsBusy".into())
    );
    bench.clock.advance(60_000);
    assert_eq!(bench.get(&path)["properties"]["state"], "Ready");
    assert_eq!(bench.send("PUT", &database, &empty).0, 202);
    let rule = format!("{path}/firewallRules/all");
    let range = json!({ "properties": { "startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0" } });
    assert_eq!(
        bench.refused("PUT", &rule, &range),
        (409, "ServerIsBusy".into())
    );
    bench.clock.advance(60_000);
    bench.done("PUT", &rule, &range);
    // The password is kept nowhere that a reader sees.
    assert!(!bench.get(&path).to_string().contains("Correct-horse"));
    let ha = json!({ "properties": { "highAvailability": { "mode": "ZoneRedundant" } } });
    assert_eq!(
        bench.refused("PATCH", &path, &ha),
        (400, "HANotSupportedForBurstableSkuType".into())
    );
}

#[test]
fn a_reference_that_is_not_ready_is_to_be_tried_again() {
    let bench = Bench::grouped("");
    network(&bench);
    let nsg = at("Microsoft.Network/networkSecurityGroups/n");
    let reply = bench
        .ask("PUT", &nsg, &[], &json!({ "location": "westeurope" }))
        .expect("an answer");
    assert_eq!(reply.status, 201);
    let path = at("Microsoft.Network/virtualNetworks/v/subnets/s");
    let body = json!({ "properties": { "addressPrefix": "10.0.0.0/24", "networkSecurityGroup": { "id": nsg } } });
    let (status, answer) = bench.send("PUT", &path, &body);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (429, &json!("RetryableError"))
    );
    assert_eq!(
        answer["error"]["details"][0]["code"],
        "ReferencedResourceNotProvisioned"
    );
    bench.clock.advance(1000);
    bench.done("PUT", &path, &body);
    assert_eq!(bench.get(&nsg)["properties"]["subnets"][0]["id"], path);
}

#[test]
fn a_group_that_others_use_is_not_taken_away() {
    let bench = Bench::grouped("");
    network(&bench);
    let subnet = subnet(&bench, "s", "10.0.0.0/24");
    let other = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/h");
    bench.done("PUT", &other, &json!({ "location": "westeurope" }));
    let lb = format!("{other}/providers/Microsoft.Network/loadBalancers/lb");
    let body = json!({ "location": "westeurope", "sku": { "name": "Standard" }, "properties": {
        "frontendIPConfigurations": [{ "name": "f", "properties": { "subnet": { "id": subnet } } }],
    } });
    bench.done("PUT", &lb, &body);
    let reply = bench
        .ask("DELETE", &group(), &[], &Value::Null)
        .expect("an answer");
    let location = header(&reply, "location").expect("a location");
    bench.clock.advance(60_000);
    let (status, answer) = bench.send("GET", &location, &Value::Null);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (409, &json!("ResourceGroupDeletionBlocked"))
    );
    assert_eq!(
        bench.get(&group())["properties"]["provisioningState"],
        "Succeeded"
    );
    bench.done("DELETE", &other, &Value::Null);
    bench.done("DELETE", &group(), &Value::Null);
    assert!(bench.core_resources().is_empty());
}

#[test]
fn a_cluster_owns_a_group_that_goes_with_it() {
    let bench = Bench::grouped("");
    register(&bench, "Microsoft.ContainerService");
    let path = at("Microsoft.ContainerService/managedClusters/k");
    let pool =
        json!({ "name": "system", "mode": "System", "vmSize": "Standard_D4s_v5", "count": 2 });
    let body = json!({ "location": "westeurope", "identity": { "type": "SystemAssigned" }, "properties": {
        "dnsPrefix": "k", "kubernetesVersion": "1.33.3", "agentPoolProfiles": [pool],
    } });
    let reply = bench.ask("PUT", &path, &[], &body).expect("an answer");
    assert_eq!(reply.status, 201);
    assert_eq!(
        bench.get(&path)["properties"]["provisioningState"],
        "Creating"
    );
    let credentials = format!("{path}/listClusterAdminCredential");
    assert_eq!(bench.send("POST", &credentials, &Value::Null).0, 404);
    bench.clock.advance(60_000);
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/MC_g_k_westeurope");
    assert_eq!(bench.get(&group)["managedBy"], path);
    let owned = bench.core_resources();
    for kind in [
        "azurerm_lb",
        "azurerm_public_ip",
        "azurerm_linux_virtual_machine_scale_set",
        "azurerm_virtual_network",
    ] {
        assert!(owned.contains(&kind.to_owned()), "{kind}");
    }
    // More cores than the quota of the family has.
    let pools = format!("{path}/agentPools/big");
    let many =
        json!({ "properties": { "mode": "User", "vmSize": "Standard_D64s_v5", "count": 6 } });
    assert_eq!(
        bench.refused("PUT", &pools, &many),
        (400, "ErrCode_InsufficientVCPUQuota".into())
    );
    // The control plane first, then the nodes, one minor version at a time.
    let mut newer = body.clone();
    newer["properties"]["kubernetesVersion"] = "1.35.0".into();
    assert_eq!(
        bench.refused("PUT", &path, &newer),
        (400, "OperationNotAllowed".into())
    );
    newer["properties"]["kubernetesVersion"] = "1.34.1".into();
    bench.done("PUT", &path, &newer);
    let cluster = bench.get(&path);
    assert_eq!(cluster["properties"]["currentKubernetesVersion"], "1.34.1");
    assert_eq!(
        cluster["properties"]["agentPoolProfiles"][0]["currentOrchestratorVersion"],
        "1.33.3"
    );
    bench.done("DELETE", &path, &Value::Null);
    assert_eq!(bench.send("GET", &group, &Value::Null).0, 404);
    assert_eq!(bench.core_resources(), ["azurerm_resource_group"]);
}
