//! Every method of the discovery documents is served, and none breaks on bodies that its schema allows.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::{Bench, NETWORKS, SUBNETWORKS, network, subnetwork};
use crate::google::schema::{Method, Segment, catalogue};

/// A path of the method; what it names may be there or not.
fn path(method: &Method, names: &[&str], pick: &mut dyn FnMut(usize) -> usize) -> String {
    let mut path = String::new();
    for segment in &method.path {
        path.push('/');
        match segment {
            Segment::Literal(text) => path.push_str(text),
            Segment::Variable(name, verb) => {
                path.push_str(match *name {
                    "project" | "projectsId" | "projectId" | "v1Id1" | "v1beta1Id1" => "p",
                    "resource" if method.service == "cloudresourcemanager" => "p",
                    "v1Id" | "v1beta1Id" => "projects",
                    "region" | "location" | "locationsId" => "europe-west1",
                    "zone" => "europe-west1-b",
                    "operationsId" if method.service == "servicenetworking" => "pssn.x",
                    "operationsId" | "operation" | "operationId"
                        if method.service == "container" =>
                    {
                        "operation-x"
                    }
                    "servicesId" if method.service == "servicenetworking" => {
                        "servicenetworking.googleapis.com"
                    }
                    _ => names[pick(names.len())],
                });
                if let Some(verb) = verb {
                    path.push(':');
                    path.push_str(verb);
                }
            }
        }
    }
    path
}

fn bench() -> Bench {
    let bench = Bench::new("");
    bench.done("POST", NETWORKS, &network("n"));
    bench.done("POST", SUBNETWORKS, &subnetwork("n", "10.9.0.0/20"));
    let global = "/compute/v1/projects/p/global";
    bench.done(
        "POST",
        &format!("{global}/healthChecks"),
        &json!({ "name": "hc", "type": "TCP" }),
    );
    let service = json!({ "name": "n", "healthChecks": ["global/healthChecks/hc"] });
    bench.done("POST", &format!("{global}/backendServices"), &service);
    let cluster = json!({ "cluster": { "name": "n", "network": "n", "subnetwork": "n", "initialNodeCount": 1 } });
    bench.done(
        "POST",
        "/v1/projects/p/locations/europe-west1/clusters",
        &cluster,
    );
    let instance = json!({ "name": "n", "databaseVersion": "POSTGRES_15", "settings": { "tier": "db-f1-micro" } });
    bench.done("POST", "/v1/projects/p/instances", &instance);
    bench.done(
        "POST",
        "/storage/v1/b?project=p",
        &json!({ "name": "bucket" }),
    );
    bench.done(
        "POST",
        "/dns/v1/projects/p/managedZones",
        &json!({ "name": "n", "dnsName": "n.example." }),
    );
    let keys = "/v1/projects/p/locations/europe-west1/keyRings";
    bench.done("POST", &format!("{keys}?keyRingId=n"), &Value::Null);
    bench.done(
        "POST",
        &format!("{keys}/n/cryptoKeys?cryptoKeyId=n"),
        &json!({ "purpose": "ENCRYPT_DECRYPT" }),
    );
    bench.done(
        "POST",
        "/v1/projects/p/secrets?secretId=n",
        &json!({ "replication": { "automatic": {} } }),
    );
    bench.done(
        "POST",
        "/v1/projects/p/locations/europe-west1/repositories?repositoryId=n",
        &json!({ "format": "DOCKER" }),
    );
    bench
}

#[test]
fn every_method_is_served_and_none_breaks() {
    let mut random = StdRng::seed_from_u64(7);
    let mut pick = |of: usize| random.random_range(0..of);
    let names = ["n", "x", "default-pool", "bucket", "1"];
    for round in 0..5 {
        let bench = bench();
        for method in &catalogue().methods {
            let url = path(method, &names, &mut pick);
            let body = match method.body {
                Some(schema) => catalogue().example(method.api, schema, 4, &mut pick),
                None => Value::Null,
            };
            let (status, answer) = bench.send(method.http, &url, &body);
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            let what = format!(
                "round {round}: {} {url} {body}: {status} {message}",
                method.http
            );
            assert!(status != 0 && status < 500, "{what}");
            assert!(!message.contains("The sandbox"), "{what}");
            // It found the method, not another one of the same form.
            let log = crate::core::lock(&bench.core.requests);
            let last = serde_json::to_value(log.since(0).last()).expect("plain data");
            let (service, operation) = (&last["service"], &last["operation"]);
            drop(log);
            assert_eq!(
                (service, operation),
                (&json!(method.service), &json!(method.name)),
                "{what}"
            );
            bench.clock.advance(5000);
        }
    }
}
