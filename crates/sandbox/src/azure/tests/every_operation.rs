//! Every operation of the models is served, and none breaks on bodies that its schema allows. What is answered is checked
//! against the models by the bench itself.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::{Bench, at, group};
use crate::azure::context::{SUBSCRIPTION, TENANT};
use crate::azure::schema::{Operation, Segment, catalogue};

/// A path of the operation; what it names may be there or not.
fn path(operation: &Operation, pick: &mut dyn FnMut(usize) -> usize) -> String {
    const NAMES: [&str; 3] = ["nnn", "xyz", "default"];
    let mut path = String::new();
    let mut first = true;
    for segment in &operation.path {
        match segment {
            Segment::Literal(text) => {
                path.push('/');
                path.push_str(text);
            }
            Segment::Scope => path.push_str(&match pick(3) {
                0 => group(),
                1 => at("Microsoft.Network/virtualNetworks/nnn"),
                _ => at("Microsoft.KeyVault/vaults/nnn"),
            }),
            Segment::Variable(name) => {
                path.push('/');
                path.push_str(match *name {
                    "subscriptionId" => SUBSCRIPTION,
                    "resourceGroupName" => "g",
                    "location" | "locationName" => "westeurope",
                    "resourceProviderNamespace" => "Microsoft.Quota",
                    "recordType" => ["A", "TXT", "CNAME"][pick(3)],
                    "operationKind" => "add",
                    "roleAssignmentName" | "roleDefinitionId" | "objectId" => {
                        "00000000-0000-4000-8000-000000000001"
                    }
                    "managementPolicyName" => "default",
                    "configurationName" => "work_mem",
                    // The first name is most often one that is there.
                    _ if first && pick(4) > 0 => "nnn",
                    _ => NAMES[pick(3)],
                });
                if !matches!(*name, "subscriptionId" | "resourceGroupName") {
                    first = false;
                }
            }
        }
    }
    path
}

/// Some of everything, so that operations find something.
fn bench() -> Bench {
    let bench = Bench::grouped("");
    for name in [
        "ContainerService",
        "DBforMySQL",
        "DBforPostgreSQL",
        "ContainerRegistry",
    ] {
        let path = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.{name}/register");
        bench.done("POST", &path, &Value::Null);
    }
    let put = |path: &str, properties: Value| {
        let body = json!({ "location": "westeurope", "properties": properties });
        bench.done("PUT", &at(path), &body);
    };
    put(
        "Microsoft.Network/virtualNetworks/nnn",
        json!({ "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] }, "subnets": [
            { "name": "nnn", "properties": { "addressPrefix": "10.0.0.0/24" } },
        ] }),
    );
    put("Microsoft.Network/networkSecurityGroups/nnn", json!({}));
    put("Microsoft.Network/routeTables/nnn", json!({}));
    put(
        "Microsoft.KeyVault/vaults/nnn",
        json!({ "tenantId": TENANT, "sku": { "family": "A", "name": "standard" } }),
    );
    let secrets = "/_vault/nnn/secrets/nnn";
    bench.done("PUT", secrets, &json!({ "value": "v" }));
    bench.done(
        "POST",
        "/_vault/nnn/keys/nnn/create",
        &json!({ "kty": "EC" }),
    );
    let account =
        json!({ "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } });
    bench.done(
        "PUT",
        &at("Microsoft.Storage/storageAccounts/nnn"),
        &account,
    );
    let pool = json!({ "name": "nnn", "mode": "System", "vmSize": "Standard_D2s_v5", "count": 1 });
    let cluster = json!({ "location": "westeurope", "identity": { "type": "SystemAssigned" }, "properties": {
        "dnsPrefix": "n", "agentPoolProfiles": [pool],
    } });
    bench.done(
        "PUT",
        &at("Microsoft.ContainerService/managedClusters/nnn"),
        &cluster,
    );
    let server = json!({ "location": "westeurope", "sku": { "name": "Standard_B1ms", "tier": "Burstable" }, "properties": {
        "administratorLogin": "app", "administratorLoginPassword": "Correct-horse-9",
    } });
    bench.done(
        "PUT",
        &at("Microsoft.DBforPostgreSQL/flexibleServers/nnn"),
        &server,
    );
    bench.done(
        "PUT",
        &at("Microsoft.DBforMySQL/flexibleServers/nnn"),
        &server,
    );
    for zone in ["dnsZones", "privateDnsZones"] {
        let path = at(&format!("Microsoft.Network/{zone}/nnn.example"));
        bench.done("PUT", &path, &json!({ "location": "global" }));
    }
    bench
}

#[test]
fn every_operation_is_served_and_none_breaks() {
    let mut random = StdRng::seed_from_u64(11);
    let mut pick = |of: usize| random.random_range(0..of);
    let mut served = 0;
    for round in 0..6 {
        let bench = bench();
        // What takes much away comes last.
        let mut operations: Vec<_> = catalogue().operations.iter().collect();
        operations.sort_by_key(|operation| operation.http == "DELETE");
        for operation in operations {
            if operation.name == "ResourceGroups_Delete" {
                continue;
            }
            let url = path(operation, &mut pick);
            let body = match operation.body {
                Some((schema, _)) => {
                    let mut body = catalogue().example(operation.api, schema, 4, &mut pick);
                    if body.get("location").is_some() {
                        body["location"] = "westeurope".into();
                    }
                    body
                }
                None => Value::Null,
            };
            let (status, answer) = bench.send(operation.http, &url, &body);
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            let what = format!(
                "round {round}: {} {url} {body}: {status} {message}",
                operation.http
            );
            assert!(status != 0 && status < 500, "{what}");
            assert!(!message.contains("The sandbox"), "{what}");
            // It found the operation, not another one of the same form.
            let log = crate::core::lock(&bench.core.requests);
            let last = serde_json::to_value(log.since(0).last()).expect("plain data");
            drop(log);
            // Listings of assignments have a name for each scope, and one for all.
            let found = last["operation"].as_str().unwrap_or_default();
            let same = found == operation.name || found.starts_with("RoleAssignments_ListFor");
            assert!(same && last["service"] == operation.api, "{what}: {last}");
            served += usize::from(status < 300);
            bench.clock.advance(5000);
        }
    }
    assert!(served > 300, "only {served} were not refused");
}
