//! Everything that an HTTPS load balancer is made of, and what holds what.

use serde_json::{Value, json};

use super::{Bench, NETWORKS, SUBNETWORKS, network, subnetwork};

const GLOBAL: &str = "/compute/v1/projects/p/global";
const REGION: &str = "/compute/v1/projects/p/regions/europe-west1";

#[test]
fn a_load_balancer_is_built_and_taken_down_in_order() {
    let bench = Bench::new("");
    bench.done("POST", NETWORKS, &network("n"));
    bench.done("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/24"));
    let post = |what: &str, body: Value| bench.done("POST", &format!("{GLOBAL}/{what}"), &body);
    let zone = "/compute/v1/projects/p/zones/europe-west1-b";
    bench.done(
        "POST",
        &format!("{zone}/networkEndpointGroups"),
        &json!({
            "name": "neg", "networkEndpointType": "GCE_VM_IP_PORT", "network": "global/networks/n",
            "subnetwork": "regions/europe-west1/subnetworks/s", "defaultPort": 80,
        }),
    );
    post("healthChecks", json!({ "name": "hc", "type": "HTTP" }));
    let backend = json!({
        "name": "bs", "healthChecks": ["global/healthChecks/hc"], "protocol": "HTTP",
        "backends": [{ "group": "zones/europe-west1-b/networkEndpointGroups/neg", "maxRatePerEndpoint": 100 }],
    });
    post("backendServices", backend);
    post(
        "urlMaps",
        json!({ "name": "um", "defaultService": "global/backendServices/bs" }),
    );
    post(
        "sslCertificates",
        json!({ "name": "cert", "managed": { "domains": ["example.com"] } }),
    );
    post(
        "targetHttpsProxies",
        json!({
            "name": "proxy", "urlMap": "global/urlMaps/um", "sslCertificates": ["global/sslCertificates/cert"],
        }),
    );
    post("addresses", json!({ "name": "ip" }));
    post(
        "forwardingRules",
        json!({
            "name": "fr", "target": "global/targetHttpsProxies/proxy", "portRange": "443",
            "IPAddress": "global/addresses/ip", "labels": { "a": "b" },
        }),
    );
    let rule = bench.get(&format!("{GLOBAL}/forwardingRules/fr"));
    let address = bench.get(&format!("{GLOBAL}/addresses/ip"));
    assert_eq!(rule["portRange"], "443-443");
    assert_eq!(rule["IPAddress"], address["address"]);
    assert_eq!(address["status"], "IN_USE");
    assert_eq!(address["users"][0], rule["selfLink"]);
    let taken = json!({ "name": "fr2", "target": "global/targetHttpsProxies/proxy", "portRange": "443", "IPAddress": address["address"] });
    assert_eq!(
        bench.refused("POST", &format!("{GLOBAL}/forwardingRules"), &taken),
        (400, "invalid".into())
    );

    let used = (400, "resourceInUseByAnotherResource".to_owned());
    let chain = [
        "forwardingRules/fr",
        "targetHttpsProxies/proxy",
        "sslCertificates/cert",
        "urlMaps/um",
        "backendServices/bs",
        "healthChecks/hc",
    ];
    for held in chain.iter().skip(1).chain(&["addresses/ip"]) {
        assert_eq!(
            bench.refused("DELETE", &format!("{GLOBAL}/{held}"), &Value::Null),
            used,
            "{held}"
        );
    }
    for one in chain.iter().chain(&["addresses/ip"]) {
        bench.done("DELETE", &format!("{GLOBAL}/{one}"), &Value::Null);
    }
}

#[test]
fn a_change_lets_go_of_what_it_replaces() {
    let bench = Bench::new("");
    for name in ["a", "b"] {
        let check = json!({ "name": name, "type": "TCP" });
        bench.done("POST", &format!("{GLOBAL}/healthChecks"), &check);
    }
    bench.done(
        "POST",
        &format!("{GLOBAL}/backendServices"),
        &json!({ "name": "bs", "healthChecks": ["global/healthChecks/a"] }),
    );
    let service = bench.get(&format!("{GLOBAL}/backendServices/bs"));
    let patch =
        json!({ "healthChecks": ["global/healthChecks/b"], "fingerprint": service["fingerprint"] });
    let (status, _) = bench.send("PATCH", &format!("{GLOBAL}/backendServices/bs"), &patch);
    assert_eq!(status, 200);
    // While it changes, both are held and nothing else can change it.
    let delete_a = format!("{GLOBAL}/healthChecks/a");
    let used = (400, "resourceInUseByAnotherResource".to_owned());
    assert_eq!(bench.refused("DELETE", &delete_a, &Value::Null), used);
    let again = bench.refused("PATCH", &format!("{GLOBAL}/backendServices/bs"), &patch);
    assert_eq!(again, (400, "resourceNotReady".into()));
    bench.clock.advance(1000);
    bench.done("DELETE", &delete_a, &Value::Null);
    assert_eq!(
        bench.refused("DELETE", &format!("{GLOBAL}/healthChecks/b"), &Value::Null),
        used
    );
    let stale = bench.refused("PATCH", &format!("{GLOBAL}/backendServices/bs"), &patch);
    assert_eq!(stale, (412, "conditionNotMet".into()));
}

#[test]
fn nat_gateways_are_parts_of_routers() {
    let bench = Bench::new("");
    bench.done("POST", NETWORKS, &network("n"));
    bench.done("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/24"));
    bench.done(
        "POST",
        &format!("{REGION}/addresses"),
        &json!({ "name": "ip" }),
    );
    bench.done(
        "POST",
        &format!("{REGION}/routers"),
        &json!({ "name": "r", "network": "global/networks/n" }),
    );
    let router = format!("{REGION}/routers/r");
    let nat = |option: &str, ips: Value| {
        json!({ "nats": [{
        "name": "nat", "natIpAllocateOption": option, "natIps": ips, "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
    }] })
    };
    assert_eq!(
        bench.refused("PATCH", &router, &nat("MANUAL_ONLY", json!([]))),
        (400, "required".into())
    );
    assert_eq!(
        bench.refused(
            "PATCH",
            &router,
            &nat("AUTO_ONLY", json!(["regions/europe-west1/addresses/none"]))
        ),
        (404, "notFound".into())
    );
    bench.done(
        "PATCH",
        &router,
        &nat("MANUAL_ONLY", json!(["regions/europe-west1/addresses/ip"])),
    );
    assert_eq!(
        bench.get(&format!("{REGION}/addresses/ip"))["status"],
        "IN_USE"
    );
    let kinds = |bench: &Bench| -> Vec<String> {
        let now = bench.clock_now();
        let all = crate::core::lock(&bench.core.world).resources(now);
        all.into_iter().map(|one| one.resource).collect()
    };
    assert!(kinds(&bench).contains(&"google_compute_router_nat".to_owned()));
    let other = json!({ "name": "r2", "network": "global/networks/n", "nats": nat("AUTO_ONLY", json!([]))["nats"] });
    assert_eq!(
        bench.refused("POST", &format!("{REGION}/routers"), &other),
        (400, "invalid".into())
    );
    bench.done("PATCH", &router, &json!({ "nats": [] }));
    assert!(!kinds(&bench).contains(&"google_compute_router_nat".to_owned()));
    bench.done("DELETE", &format!("{REGION}/addresses/ip"), &Value::Null);
}

#[test]
fn firewalls_and_addresses_are_checked() {
    let bench = Bench::new("");
    bench.done("POST", NETWORKS, &network("n"));
    bench.done("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/24"));
    let firewall = |more: Value| {
        let mut body = json!({ "name": "f", "network": "global/networks/n", "allowed": [{ "IPProtocol": "tcp", "ports": ["22"] }] });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let firewalls = format!("{GLOBAL}/firewalls");
    for more in [
        json!({ "denied": [{ "IPProtocol": "tcp" }] }),
        json!({ "allowed": [{ "IPProtocol": "tcp", "ports": ["70000"] }] }),
        json!({ "allowed": [{ "IPProtocol": "icmp", "ports": ["1"] }] }),
        json!({ "sourceRanges": ["nowhere"] }),
        json!({ "priority": 70000 }),
        json!({ "sourceTags": ["a"], "targetServiceAccounts": ["b"] }),
    ] {
        assert_eq!(
            bench.refused("POST", &firewalls, &firewall(more.clone())),
            (400, "invalid".into()),
            "{more}"
        );
    }
    bench.done("POST", &firewalls, &firewall(json!({})));
    assert_eq!(
        bench.get(&format!("{firewalls}/f"))["sourceRanges"][0],
        "0.0.0.0/0"
    );

    let internal = json!({ "name": "i", "addressType": "INTERNAL", "subnetwork": "regions/europe-west1/subnetworks/s" });
    bench.done("POST", &format!("{REGION}/addresses"), &internal);
    assert_eq!(
        bench.get(&format!("{REGION}/addresses/i"))["address"],
        "10.0.0.2"
    );
    let outside = json!({ "name": "o", "addressType": "INTERNAL", "subnetwork": "regions/europe-west1/subnetworks/s", "address": "10.1.0.5" });
    assert_eq!(
        bench.refused("POST", &format!("{REGION}/addresses"), &outside),
        (400, "invalid".into())
    );
    for name in 0..20 {
        bench.done(
            "POST",
            &format!("{REGION}/addresses"),
            &json!({ "name": format!("e{name}") }),
        );
    }
    let over = bench.refused(
        "POST",
        &format!("{REGION}/addresses"),
        &json!({ "name": "e20" }),
    );
    assert_eq!(over, (403, "quotaExceeded".into()));
    let page = bench.get(&format!("{REGION}/addresses?maxResults=15"));
    let next = page["nextPageToken"].as_str().expect("more");
    let rest = bench.get(&format!(
        "{REGION}/addresses?maxResults=15&pageToken={next}"
    ));
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(6));
    let all = bench.get("/compute/v1/projects/p/aggregated/addresses?filter=name=i");
    assert_eq!(
        all["items"]["regions/europe-west1"]["addresses"][0]["name"],
        "i"
    );
}
