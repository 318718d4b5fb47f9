//! Clusters and node pools.

use serde_json::{Value, json};

use super::{Bench, NETWORKS, SUBNETWORKS, network, subnetwork};

const CLUSTERS: &str = "/v1/projects/p/locations/europe-west1/clusters";

fn bench() -> Bench {
    let bench = Bench::new("");
    bench.done("POST", NETWORKS, &network("n"));
    let mut subnet = subnetwork("s", "10.0.0.0/20");
    subnet["secondaryIpRanges"] = json!([
        { "rangeName": "pods", "ipCidrRange": "10.4.0.0/14" },
        { "rangeName": "services", "ipCidrRange": "10.8.0.0/20" },
    ]);
    bench.done("POST", SUBNETWORKS, &subnet);
    bench
}

fn cluster(more: &Value) -> Value {
    let mut cluster = json!({
        "name": "c", "network": "projects/p/global/networks/n", "subnetwork": "projects/p/regions/europe-west1/subnetworks/s",
        "initialNodeCount": 1,
        "ipAllocationPolicy": { "clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "services" },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        cluster[name] = value.clone();
    }
    json!({ "cluster": cluster })
}

#[test]
fn a_cluster_lives_through_its_states_and_takes_its_groups_with_it() {
    let bench = bench();
    let url = format!("{CLUSTERS}/c");
    let (status, operation) = bench.send("POST", CLUSTERS, &cluster(&json!({})));
    assert_eq!(
        (status, &operation["operationType"]),
        (200, &json!("CREATE_CLUSTER"))
    );
    assert_eq!(bench.get(&url)["status"], "PROVISIONING");
    assert_eq!(bench.get(&url)["endpoint"], Value::Null);
    let busy = bench.refused("DELETE", &url, &Value::Null);
    assert_eq!(busy, (400, "failedPrecondition".into()));
    bench.clock.advance(1000);
    let made = bench.get(&url);
    assert_eq!(made["status"], "RUNNING");
    assert_eq!(
        made["currentNodeCount"], 3,
        "one node in each of three zones"
    );
    assert_eq!(made["nodePools"][0]["name"], "default-pool");
    assert_eq!(made["clusterIpv4Cidr"], "10.4.0.0/14");
    assert!(
        made["masterAuth"]["clusterCaCertificate"]
            .as_str()
            .is_some_and(|ca| ca.len() > 400)
    );
    let manager = made["instanceGroupUrls"][0].as_str().expect("a group");
    let manager = manager
        .trim_start_matches("https://www.googleapis.com")
        .to_owned();
    assert_eq!(bench.get(&manager)["targetSize"], 1);

    // The subnetwork and its ranges are held.
    let subnet = format!("{SUBNETWORKS}/s");
    let used = (400, "resourceInUseByAnotherResource".to_owned());
    assert_eq!(bench.refused("DELETE", &subnet, &Value::Null), used);
    let print = bench.get(&subnet)["fingerprint"].clone();
    let patch = json!({ "fingerprint": print, "secondaryIpRanges": [] });
    assert_eq!(bench.refused("PATCH", &subnet, &patch), used);

    let pools = format!("{url}/nodePools");
    bench.done("DELETE", &format!("{pools}/default-pool"), &Value::Null);
    assert_eq!(
        bench.refused("GET", &manager, &Value::Null),
        (404, "notFound".into())
    );
    let pool = json!({ "nodePool": { "name": "workers", "initialNodeCount": 1, "config": { "machineType": "n2-standard-4" } } });
    bench.done("POST", &pools, &pool);
    assert_eq!(
        bench.refused("POST", &pools, &pool),
        (409, "alreadyExists".into())
    );
    bench.done(
        "POST",
        &format!("{pools}/workers:setSize"),
        &json!({ "nodeCount": 2 }),
    );
    assert_eq!(bench.get(&url)["currentNodeCount"], 6);
    bench.done(
        "PUT",
        &format!("{pools}/workers"),
        &json!({ "labels": { "labels": { "a": "b" } }, "nodeVersion": "-" }),
    );
    assert_eq!(
        bench.get(&format!("{pools}/workers"))["config"]["labels"]["a"],
        "b"
    );

    bench.done("DELETE", &url, &Value::Null);
    assert_eq!(
        bench.refused("GET", &url, &Value::Null),
        (404, "notFound".into())
    );
    bench.done("DELETE", &subnet, &Value::Null);
    bench.done("DELETE", &format!("{NETWORKS}/n"), &Value::Null);
    let now = bench.clock_now();
    let left = crate::core::lock(&bench.core.world).resources(now);
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_a_cluster_needs_is_checked() {
    let bench = bench();
    for more in [
        json!({ "network": "projects/p/global/networks/none" }),
        json!({ "subnetwork": "none" }),
        json!({ "initialClusterVersion": "1.19" }),
        json!({ "initialNodeCount": 0 }),
        json!({ "name": "Upper" }),
        json!({ "ipAllocationPolicy": { "clusterSecondaryRangeName": "none" } }),
        json!({ "locations": ["us-central1-a"] }),
        json!({ "nodeConfig": { "machineType": "huge" } }),
        json!({ "nodeConfig": { "serviceAccount": "none@p.iam.gserviceaccount.com" } }),
        json!({ "workloadIdentityConfig": { "workloadPool": "other.svc.id.goog" } }),
        json!({ "privateClusterConfig": { "masterIpv4CidrBlock": "10.0.0.0/28" } }),
        json!({ "nodePools": [{ "name": "a", "initialNodeCount": 1 }] }),
        json!({ "unknown": 1 }),
    ] {
        let (status, reason) = bench.refused("POST", CLUSTERS, &cluster(&more));
        assert_eq!((status, reason.as_str()), (400, "badRequest"), "{more}");
    }
}

#[test]
fn one_field_is_updated_at_a_time_and_labels_need_their_fingerprint() {
    let bench = bench();
    let url = format!("{CLUSTERS}/c");
    bench.done(
        "POST",
        CLUSTERS,
        &cluster(&json!({ "initialClusterVersion": "1.32", "releaseChannel": { "channel": 4 } })),
    );
    let two = json!({ "update": { "desiredReleaseChannel": { "channel": 2 }, "desiredLoggingService": "none" } });
    assert_eq!(bench.refused("PUT", &url, &two), (400, "badRequest".into()));
    let (status, _) = bench.send(
        "PUT",
        &url,
        &json!({ "update": { "desiredMasterVersion": "1.33" } }),
    );
    assert_eq!(status, 200);
    assert_eq!(bench.get(&url)["status"], "RECONCILING");
    bench.clock.advance(10_000);
    let shown = bench.get(&url);
    assert!(
        shown["currentMasterVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with("1.33"))
    );
    let skip = json!({ "update": { "desiredNodeVersion": "1.34" } });
    assert_eq!(
        bench.refused("PUT", &url, &skip),
        (400, "badRequest".into())
    );
    let labels = format!("{url}:setResourceLabels");
    let stale = json!({ "resourceLabels": { "a": "b" }, "labelFingerprint": "00000000" });
    assert_eq!(
        bench.refused("POST", &labels, &stale),
        (412, "conditionNotMet".into())
    );
    let fresh =
        json!({ "resourceLabels": { "a": "b" }, "labelFingerprint": shown["labelFingerprint"] });
    bench.done("POST", &labels, &fresh);
    assert_eq!(bench.get(&url)["resourceLabels"]["a"], "b");
    let numbers = bench.get(&format!("{url}?$alt=json;enum-encoding=int"));
    assert_eq!(numbers["status"], 2, "numbers for those who ask for them");
}

#[test]
fn a_cluster_that_fails_says_so() {
    let bench = Bench::new("fail:container.clusters.create*1");
    bench.done("POST", NETWORKS, &network("n"));
    bench.done("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/20"));
    let operation = bench.done(
        "POST",
        CLUSTERS,
        &cluster(&json!({ "ipAllocationPolicy": {} })),
    );
    assert_eq!(bench.get(&format!("{CLUSTERS}/c"))["status"], "ERROR");
    let name = operation["name"].as_str().expect("a name");
    let operation = bench.get(&format!(
        "/v1/projects/p/locations/europe-west1/operations/{name}"
    ));
    assert_eq!(operation["error"]["code"], 13);
    bench.done("DELETE", &format!("{CLUSTERS}/c"), &Value::Null);
}

#[test]
fn an_auto_mode_network_goes_after_its_clusters_with_its_subnetworks() {
    let bench = Bench::new("");
    let auto = json!({ "name": "auto", "autoCreateSubnetworks": true });
    bench.done("POST", NETWORKS, &auto);
    let made = json!({ "cluster": { "name": "c", "network": "auto", "initialNodeCount": 1 } });
    bench.done("POST", CLUSTERS, &made);
    let address = json!({
        "name": "a", "addressType": "INTERNAL",
        "subnetwork": "projects/p/regions/europe-west1/subnetworks/auto",
    });
    let addresses = "/compute/v1/projects/p/regions/europe-west1/addresses";
    bench.done("POST", addresses, &address);
    let url = format!("{NETWORKS}/auto");
    let in_use = (400, "resourceInUseByAnotherResource".to_owned());
    assert_eq!(bench.refused("DELETE", &url, &Value::Null), in_use);
    bench.done("DELETE", &format!("{CLUSTERS}/c"), &Value::Null);
    let held = "what stands in a subnetwork holds the network";
    assert_eq!(
        bench.refused("DELETE", &url, &Value::Null),
        in_use,
        "{held}"
    );
    bench.done("DELETE", &format!("{addresses}/a"), &Value::Null);
    bench.done("DELETE", &url, &Value::Null);
    assert_eq!(bench.send("GET", &url, &Value::Null).0, 404);
    let subnetwork = format!("{SUBNETWORKS}/auto");
    assert_eq!(bench.send("GET", &subnetwork, &Value::Null).0, 404);
}
