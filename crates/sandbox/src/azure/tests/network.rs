//! Networks and what is in them.

use serde_json::{Value, json};

use super::{Bench, at, header};

pub(super) fn network(bench: &Bench) {
    let body = json!({ "location": "westeurope", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } });
    bench.done("PUT", &at("Microsoft.Network/virtualNetworks/v"), &body);
}

pub(super) fn subnet(bench: &Bench, name: &str, range: &str) -> String {
    let path = at(&format!(
        "Microsoft.Network/virtualNetworks/v/subnets/{name}"
    ));
    bench.done(
        "PUT",
        &path,
        &json!({ "properties": { "addressPrefix": range } }),
    );
    path
}

#[test]
fn a_network_goes_through_its_states() {
    let bench = Bench::grouped("");
    let path = at("Microsoft.Network/virtualNetworks/v");
    let body = json!({ "location": "westeurope", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } });
    let reply = bench.ask("PUT", &path, &[], &body).expect("an answer");
    assert_eq!(reply.status, 201);
    let operation = header(&reply, "azure-asyncoperation").expect("an operation");
    assert_eq!(bench.get(&operation), json!({ "status": "InProgress" }));
    assert_eq!(
        bench.get(&path)["properties"]["provisioningState"],
        "Updating"
    );
    let subnet = format!("{path}/subnets/s");
    let range = json!({ "properties": { "addressPrefix": "10.0.0.0/24" } });
    assert_eq!(
        bench.refused("PUT", &subnet, &range),
        (429, "AnotherOperationInProgress".into())
    );
    bench.clock.advance(1000);
    assert_eq!(bench.get(&operation), json!({ "status": "Succeeded" }));
    let reply = bench.ask("PUT", &subnet, &[], &range).expect("an answer");
    assert_eq!(reply.status, 201);
    assert_eq!(
        bench.get(&subnet)["properties"]["provisioningState"],
        "Updating"
    );
    bench.clock.advance(1000);
    assert_eq!(
        bench.get(&subnet)["properties"]["provisioningState"],
        "Succeeded"
    );
    // A change that does not speak of subnets keeps them; one without them takes them away.
    bench.done("PUT", &path, &body);
    assert_eq!(bench.get(&path)["properties"]["subnets"][0]["name"], "s");
    let etag = bench.get(&path)["etag"]
        .as_str()
        .expect("an etag")
        .to_owned();
    let stale = bench
        .ask("PUT", &path, &[("if-match", "W/\"x\"")], &body)
        .expect("an answer");
    assert_eq!(stale.status, 412);
    let fresh = bench
        .ask("PUT", &path, &[("if-match", &etag)], &body)
        .expect("an answer");
    assert_eq!(fresh.status, 200);
    bench.clock.advance(1000);
    let none = bench
        .ask("PUT", &path, &[("if-none-match", "*")], &body)
        .expect("an answer");
    assert_eq!(none.status, 412);
    assert_eq!(bench.send("DELETE", &subnet, &Value::Null).0, 202);
    assert_eq!(
        bench.get(&subnet)["properties"]["provisioningState"],
        "Deleting"
    );
    bench.clock.advance(1000);
    assert_eq!(
        bench.refused("GET", &subnet, &Value::Null),
        (404, "NotFound".into())
    );
    assert_eq!(bench.send("DELETE", &subnet, &Value::Null).0, 204);
    bench.done("DELETE", &path, &Value::Null);
    assert_eq!(bench.send("DELETE", &path, &Value::Null).0, 204);
}

#[test]
fn ranges_are_checked() {
    let bench = Bench::grouped("");
    network(&bench);
    subnet(&bench, "s", "10.0.0.0/24");
    let path = at("Microsoft.Network/virtualNetworks/v/subnets/t");
    let cases = [
        ("10.0.0.0/25", "NetcfgSubnetRangesOverlap"),
        ("10.1.0.0/24", "NetcfgInvalidSubnet"),
        ("10.0.1.1/24", "InvalidCIDRNotation"),
        ("x", "InvalidAddressPrefixFormat"),
    ];
    for (range, code) in cases {
        let body = json!({ "properties": { "addressPrefix": range } });
        assert_eq!(
            bench.refused("PUT", &path, &body),
            (400, code.into()),
            "{range}"
        );
    }
    let unknown = json!({ "properties": { "addressPrefix": "10.0.1.0/24", "colour": "red" } });
    let (status, answer) = bench.send("PUT", &path, &unknown);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("InvalidRequestFormat"))
    );
    let missing = json!({ "properties": { "addressPrefix": "10.0.1.0/24", "natGateway": { "id": at("Microsoft.Network/natGateways/n") } } });
    assert_eq!(
        bench.refused("PUT", &path, &missing),
        (400, "InvalidResourceReference".into())
    );
    let invalid =
        json!({ "properties": { "addressPrefix": "10.0.1.0/24", "natGateway": { "id": "n" } } });
    assert_eq!(
        bench.refused("PUT", &path, &invalid),
        (400, "LinkedInvalidPropertyId".into())
    );
}
