//! Secrets, repositories, zones of names, enabled APIs.

use serde_json::{Value, json};

use super::Bench;

#[test]
fn a_secret_has_versions() {
    let bench = Bench::new("");
    let secrets = "/v1/projects/p/secrets";
    assert_eq!(
        bench.refused("POST", &format!("{secrets}?secretId=s"), &json!({})),
        (400, "INVALID_ARGUMENT".into())
    );
    let secret = json!({ "replication": { "automatic": {} } });
    let made = bench.done("POST", &format!("{secrets}?secretId=s"), &secret);
    assert!(
        made["name"]
            .as_str()
            .is_some_and(|name| !name.contains("/p/")),
        "by the project's number"
    );
    assert_eq!(
        bench.refused("POST", &format!("{secrets}?secretId=s"), &secret),
        (409, "ALREADY_EXISTS".into())
    );
    let named = bench.get(&format!("/v1/{}", made["name"].as_str().expect("text")));
    assert_eq!(named["name"], made["name"], "and is found by it");
    for data in ["b25l", "dHdv"] {
        bench.done(
            "POST",
            &format!("{secrets}/s:addVersion"),
            &json!({ "payload": { "data": data } }),
        );
    }
    let latest = bench.get(&format!("{secrets}/s/versions/latest:access"));
    assert_eq!(latest["payload"]["data"], "dHdv");
    bench.done(
        "POST",
        &format!("{secrets}/s/versions/1:destroy"),
        &json!({}),
    );
    assert_eq!(
        bench.refused(
            "GET",
            &format!("{secrets}/s/versions/1:access"),
            &Value::Null
        ),
        (400, "FAILED_PRECONDITION".into())
    );
    assert_eq!(bench.get(&format!("{secrets}/s/versions"))["totalSize"], 2);
    let log = crate::core::lock(&bench.core.requests);
    let shown = serde_json::to_string(&log.since(0)).expect("plain data");
    assert!(!shown.contains("dHdv"), "payloads stay out of the log");
    drop(log);
    let stale = json!({ "etag": "\"x\"", "labels": { "a": "b" } });
    assert_eq!(
        bench.refused("PATCH", &format!("{secrets}/s?updateMask=labels"), &stale),
        (400, "FAILED_PRECONDITION".into())
    );
    bench.done(
        "PATCH",
        &format!("{secrets}/s?updateMask=labels"),
        &json!({ "labels": { "a": "b" } }),
    );
    let binding = json!([{ "role": "roles/secretmanager.secretAccessor", "members": ["user:a@example.com"] }]);
    let set = json!({ "policy": { "bindings": binding } });
    bench.done("POST", &format!("{secrets}/s:setIamPolicy"), &set);
    bench.done("DELETE", &format!("{secrets}/s"), &Value::Null);
    assert_eq!(
        bench.refused("GET", &format!("{secrets}/s"), &Value::Null),
        (404, "NOT_FOUND".into())
    );
    bench.done("POST", &format!("{secrets}?secretId=s"), &secret);
    let policy = bench.get(&format!("{secrets}/s:getIamPolicy"));
    assert_eq!(
        policy["bindings"],
        Value::Null,
        "the policy went with the secret"
    );
}

#[test]
fn a_repository_takes_its_time() {
    let bench = Bench::new("");
    let url = "/v1/projects/p/locations/europe-west1/repositories";
    let (status, operation) = bench.send(
        "POST",
        &format!("{url}?repositoryId=r"),
        &json!({ "format": 1 }),
    );
    assert_eq!((status, &operation["done"]), (200, &Value::Null));
    assert_eq!(
        bench.refused("GET", &format!("{url}/r"), &Value::Null),
        (404, "NOT_FOUND".into())
    );
    bench.clock.advance(1000);
    let operation = bench.get(&format!(
        "/v1/{}",
        operation["name"].as_str().expect("text")
    ));
    assert_eq!(operation["response"]["format"], "DOCKER");
    assert_eq!(
        bench.get(&format!("{url}/r"))["registryUri"],
        "europe-west1-docker.pkg.dev/p/r"
    );
    assert_eq!(
        bench.get(&format!("{url}/r?$alt=json;enum-encoding=int"))["format"],
        1
    );
    bench.done(
        "PATCH",
        &format!("{url}/r?updateMask=description"),
        &json!({ "description": "d" }),
    );
    bench.done("DELETE", &format!("{url}/r"), &Value::Null);
    assert_eq!(
        bench.refused("GET", &format!("{url}/r"), &Value::Null),
        (404, "NOT_FOUND".into())
    );
}

#[test]
fn a_zone_with_records_is_not_deleted() {
    let bench = Bench::new("");
    let zones = "/dns/v1/projects/p/managedZones";
    assert_eq!(
        bench.refused(
            "POST",
            zones,
            &json!({ "name": "z", "dnsName": "example.com" })
        ),
        (400, "invalid".into())
    );
    let zone = bench.done(
        "POST",
        zones,
        &json!({ "name": "z", "dnsName": "example.com.", "description": "d" }),
    );
    assert_eq!(zone["nameServers"].as_array().map(Vec::len), Some(4));
    let record = |data: &str| json!({ "name": "www.example.com.", "type": "A", "ttl": 300, "rrdatas": [data] });
    assert_eq!(
        bench.refused("POST", &format!("{zones}/z/rrsets"), &record("x")),
        (400, "invalid".into())
    );
    bench.done("POST", &format!("{zones}/z/rrsets"), &record("192.0.2.1"));
    let change =
        |old: &str, new: &str| json!({ "deletions": [record(old)], "additions": [record(new)] });
    assert_eq!(
        bench.refused(
            "POST",
            &format!("{zones}/z/changes"),
            &change("192.0.2.9", "192.0.2.2")
        ),
        (412, "conditionNotMet".into())
    );
    bench.done(
        "POST",
        &format!("{zones}/z/changes"),
        &change("192.0.2.1", "192.0.2.2"),
    );
    let shown = bench.get(&format!("{zones}/z/rrsets/www.example.com./A"));
    assert_eq!(shown["rrdatas"], json!(["192.0.2.2"]));
    let alias = json!({ "name": "www.example.com.", "type": "CNAME", "ttl": 300, "rrdatas": ["example.com."] });
    assert_eq!(
        bench.refused("POST", &format!("{zones}/z/rrsets"), &alias),
        (400, "cnameResourceRecordSetConflict".into())
    );
    assert_eq!(
        bench.refused("DELETE", &format!("{zones}/z"), &Value::Null),
        (400, "containerNotEmpty".into())
    );
    bench.done(
        "DELETE",
        &format!("{zones}/z/rrsets/www.example.com./A"),
        &Value::Null,
    );
    assert_eq!(
        bench.send("DELETE", &format!("{zones}/z"), &Value::Null).0,
        204
    );
}

#[test]
fn apis_are_enabled_and_one_that_is_not_says_so_when_asked_to() {
    let bench = Bench::new("refuse:compute.networks.list=SERVICE_DISABLED*1");
    let services = "/v1/projects/p/services";
    assert_eq!(
        bench.get(&format!("{services}/compute.googleapis.com"))["state"],
        "ENABLED"
    );
    assert_eq!(
        bench.get(&format!("{services}/run.googleapis.com"))["state"],
        "DISABLED"
    );
    let operation = bench.done(
        "POST",
        &format!("{services}/run.googleapis.com:enable"),
        &json!({}),
    );
    let operation = bench.get(&format!(
        "/v1/{}",
        operation["name"].as_str().expect("text")
    ));
    assert_eq!(operation["response"]["service"]["state"], "ENABLED");
    assert_eq!(
        bench.get(&format!("{services}/run.googleapis.com"))["state"],
        "ENABLED"
    );
    let (status, answer) = bench.send(
        "GET",
        "/compute/v1/projects/p/global/networks",
        &Value::Null,
    );
    assert_eq!(
        (status, &answer["error"]["details"][0]["reason"]),
        (403, &json!("SERVICE_DISABLED"))
    );
    let identity = "/v1beta1/projects/p/services/sqladmin.googleapis.com:generateServiceIdentity";
    let identity = bench.done("POST", identity, &Value::Null);
    assert_eq!(identity["done"], true);
}

#[test]
fn what_is_not_served_is_said_and_tokens_are_given() {
    let bench = Bench::new("");
    assert_eq!(
        bench.send("GET", "/v1/projects/p/topics", &Value::Null).0,
        404
    );
    assert_eq!(bench.send("PATCH", "/storage/v1/b", &json!({})).0, 404);
    assert_eq!(
        bench.send("POST", "/token", &Value::Null).1["token_type"],
        "Bearer"
    );
    let unknown = bench.refused(
        "GET",
        "/compute/v1/projects/p/global/networks?colour=red",
        &Value::Null,
    );
    assert_eq!(unknown, (400, "badRequest".into()));
}
