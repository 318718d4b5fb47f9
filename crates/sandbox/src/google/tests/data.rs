//! Cloud SQL with its private connection, and storage.

use http::Method;
use serde_json::{Value, json};

use super::{Bench, NETWORKS, network, with_token};
use crate::core::{Cloud, Outcome, blank};
use crate::http::HttpRequest;

const INSTANCES: &str = "/v1/projects/sandbox-project/instances";
const CONNECTIONS: &str = "/v1/services/servicenetworking.googleapis.com/connections";

fn instance(more: &Value) -> Value {
    let mut body = json!({
        "name": "db", "databaseVersion": "POSTGRES_15", "region": "europe-west1", "settings": { "tier": "db-custom-2-7680" },
    });
    super::super::context::merge(&mut body, more);
    body
}

#[test]
fn a_private_instance_needs_a_connection_and_holds_it() {
    let bench = Bench::new("");
    let networks = NETWORKS.replace("projects/p/", "projects/sandbox-project/");
    let addresses = networks.replace("networks", "addresses");
    bench.done("POST", &networks, &network("n"));
    let private = json!({ "settings": { "ipConfiguration": {
        "ipv4Enabled": false, "privateNetwork": "projects/sandbox-project/global/networks/n",
    } } });
    assert_eq!(
        bench.refused("POST", INSTANCES, &instance(&private)),
        (400, "invalid".into())
    );
    let number = super::super::context::project_number("sandbox-project");
    let name = format!("projects/{number}/global/networks/n");
    let connection = json!({ "network": name, "reservedPeeringRanges": ["range"] });
    assert_eq!(
        bench.refused("POST", CONNECTIONS, &connection),
        (400, "badRequest".into())
    );
    let range = json!({ "name": "range", "purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 16, "network": "global/networks/n" });
    bench.done("POST", &addresses, &range);
    let operation = bench.done("POST", CONNECTIONS, &connection);
    let name = operation["name"].as_str().expect("a name");
    assert_eq!(
        bench.get(&format!("/v1/{name}"))["response"]["peering"],
        "servicenetworking-googleapis-com"
    );
    bench.done("POST", INSTANCES, &instance(&private));
    let shown = bench.get(&format!("{INSTANCES}/db"));
    assert_eq!(shown["state"], "RUNNABLE");
    assert_eq!(shown["ipAddresses"][0]["type"], "PRIVATE");
    let range = bench.get(&format!("{addresses}/range"));
    let net: ipnet::Ipv4Net = format!("{}/16", range["address"].as_str().expect("text"))
        .parse()
        .expect("a range");
    let address: std::net::Ipv4Addr = shown["ipAddresses"][0]["ipAddress"]
        .as_str()
        .expect("text")
        .parse()
        .expect("an address");
    assert!(net.contains(&address));

    let consumer = json!({ "consumerNetwork": format!("projects/{number}/global/networks/n") });
    let connection = format!("{CONNECTIONS}/servicenetworking-googleapis-com");
    assert_eq!(
        bench.refused("POST", &connection, &consumer),
        (400, "failedPrecondition".into())
    );
    assert_eq!(
        bench.refused("DELETE", &format!("{networks}/n"), &Value::Null),
        (400, "resourceInUseByAnotherResource".into())
    );
    bench.done("DELETE", &format!("{INSTANCES}/db"), &Value::Null);
    bench.done("POST", &connection, &consumer);
    bench.done("DELETE", &format!("{addresses}/range"), &Value::Null);
    bench.done("DELETE", &format!("{networks}/n"), &Value::Null);
}

#[test]
fn an_instance_is_guarded_by_its_version_and_its_protection() {
    let bench = Bench::new("");
    let url = format!("{INSTANCES}/db");
    for more in [
        json!({ "settings": { "tier": "db-custom-3-7680" } }),
        json!({ "settings": { "tier": "huge" } }),
        json!({ "databaseVersion": "POSTGRES_16" }),
        json!({ "settings": { "availabilityType": "REGIONAL" } }),
        json!({ "settings": { "dataDiskSizeGb": 5 } }),
        json!({ "settings": { "ipConfiguration": { "ipv4Enabled": false } } }),
        json!({ "settings": { "backupConfiguration": { "pointInTimeRecoveryEnabled": true } } }),
    ] {
        assert_eq!(
            bench.refused("POST", INSTANCES, &instance(&more)),
            (400, "invalid".into()),
            "{more}"
        );
    }
    let (status, operation) = bench.send(
        "POST",
        INSTANCES,
        &instance(&json!({ "settings": { "deletionProtectionEnabled": true } })),
    );
    assert_eq!((status, &operation["status"]), (200, &json!("PENDING")));
    assert_eq!(bench.get(&url)["state"], "PENDING_CREATE");
    assert_eq!(
        bench.refused("DELETE", &url, &Value::Null),
        (409, "operationInProgress".into())
    );
    bench.clock.advance(60_000);
    assert_eq!(
        bench.refused("POST", INSTANCES, &instance(&json!({}))),
        (409, "instanceAlreadyExists".into())
    );
    assert_eq!(
        bench.refused("DELETE", &url, &Value::Null),
        (400, "invalid".into())
    );
    let off = |version: &str| json!({ "settings": { "settingsVersion": version, "deletionProtectionEnabled": false } });
    assert_eq!(
        bench.refused("PATCH", &url, &off("7")),
        (412, "staleData".into())
    );
    bench.done("PATCH", &url, &off("1"));
    assert_eq!(bench.get(&url)["settings"]["settingsVersion"], "2");
    assert_eq!(
        bench
            .refused(
                "PATCH",
                &url,
                &json!({ "settings": { "dataDiskSizeGb": "5" } })
            )
            .0,
        400
    );

    let user = json!({ "name": "app", "password": "secret" });
    let made = bench.done("POST", &format!("{url}/users"), &user);
    assert_eq!(made["status"], "DONE");
    assert_eq!(
        bench.refused("POST", &format!("{url}/users"), &user),
        (400, "invalid".into())
    );
    assert_eq!(bench.get(&format!("{url}/users/app"))["name"], "app");
    bench.done(
        "POST",
        &format!("{url}/databases"),
        &json!({ "name": "app" }),
    );
    let database = bench.get("/sql/v1beta4/projects/sandbox-project/instances/db/databases/app");
    assert_eq!(database["charset"], "UTF8");
    bench.done("DELETE", &format!("{url}/databases/app"), &Value::Null);
    bench.done("DELETE", &format!("{url}/users?name=app"), &Value::Null);
    assert_eq!(
        bench.get(&format!("{url}/users"))["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    bench.done("DELETE", &url, &Value::Null);
    assert_eq!(
        bench.refused("GET", &url, &Value::Null),
        (404, "instanceDoesNotExist".into())
    );
}

/// Sends bytes.
fn raw(
    bench: &Bench,
    method: Method,
    path: &str,
    query: &str,
    kind: &str,
    body: &[u8],
) -> (u16, Vec<u8>) {
    let mut request = HttpRequest {
        method,
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        body: body.to_vec(),
        ..blank()
    };
    request
        .headers
        .insert("content-type", kind.parse().expect("a header"));
    let request = with_token(request);
    match bench.core.answer(Cloud::Google, &request) {
        Outcome::Answer(reply, _) => (reply.status, reply.body),
        Outcome::Drop => (0, Vec::new()),
    }
}

#[test]
fn a_bucket_with_objects_is_not_deleted() {
    let bench = Bench::new("");
    let buckets = "/storage/v1/b?project=sandbox-project";
    let bucket = json!({ "name": "my-bucket", "location": "europe-west1", "versioning": { "enabled": true } });
    assert_eq!(
        bench.refused("POST", buckets, &json!({ "name": "Bad_Name" })),
        (400, "invalid".into())
    );
    assert_eq!(
        bench.refused(
            "POST",
            buckets,
            &json!({ "name": "my-bucket", "location": "moon" })
        ),
        (400, "invalid".into())
    );
    let made = bench.done("POST", buckets, &bucket);
    assert_eq!(
        (&made["location"], &made["locationType"]),
        (&json!("EUROPE-WEST1"), &json!("region"))
    );
    assert_eq!(
        bench.refused("POST", buckets, &bucket),
        (409, "conflict".into())
    );
    let upload = "/upload/storage/v1/b/my-bucket/o";
    let (status, _) = raw(
        &bench,
        Method::POST,
        upload,
        "uploadType=media&name=a/b.txt",
        "text/plain",
        b"one",
    );
    assert_eq!(status, 200);
    bench.clock.advance(1000);
    let multipart = "--x\r\ncontent-type: application/json\r\n\r\n{\"name\":\"a/b.txt\"}\r\n--x\r\ncontent-type: text/plain\r\n\r\ntwo\r\n--x--";
    let (status, _) = raw(
        &bench,
        Method::POST,
        upload,
        "uploadType=multipart",
        "multipart/related; boundary=x",
        multipart.as_bytes(),
    );
    assert_eq!(status, 200);
    let object = "/storage/v1/b/my-bucket/o/a%2Fb.txt";
    let (_, data) = raw(&bench, Method::GET, object, "alt=media", "", b"");
    assert_eq!(data, b"two");
    assert_eq!(
        bench.get("/storage/v1/b/my-bucket/o?delimiter=/")["prefixes"],
        json!(["a/"])
    );
    let conflict = (409, "conflict".to_owned());
    assert_eq!(
        bench.refused("DELETE", "/storage/v1/b/my-bucket", &Value::Null),
        conflict
    );
    assert_eq!(bench.send("DELETE", object, &Value::Null).0, 204);
    assert_eq!(bench.get("/storage/v1/b/my-bucket/o")["items"], Value::Null);
    // Old versions are in it still.
    assert_eq!(
        bench.refused("DELETE", "/storage/v1/b/my-bucket", &Value::Null),
        conflict
    );
    let all = bench.get("/storage/v1/b/my-bucket/o?versions=true");
    for version in all["items"].as_array().expect("two") {
        let generation = version["generation"].as_str().expect("text");
        assert_eq!(
            bench
                .send(
                    "DELETE",
                    &format!("{object}?generation={generation}"),
                    &Value::Null
                )
                .0,
            204
        );
    }
    let patched = bench.done(
        "PATCH",
        "/storage/v1/b/my-bucket?ifMetagenerationMatch=1",
        &json!({ "labels": { "a": "b" } }),
    );
    assert_eq!(patched["metageneration"], "2");
    assert_eq!(
        bench.refused(
            "PATCH",
            "/storage/v1/b/my-bucket?ifMetagenerationMatch=1",
            &json!({})
        ),
        (412, "conditionNotMet".into())
    );
    let mut policy = bench.get("/storage/v1/b/my-bucket/iam");
    policy["bindings"] = json!([{ "role": "roles/storage.objectViewer", "members": ["allUsers"] }]);
    bench.done("PUT", "/storage/v1/b/my-bucket/iam", &policy);
    assert_eq!(
        bench.refused("PUT", "/storage/v1/b/my-bucket/iam", &policy),
        (412, "conditionNotMet".into())
    );
    assert_eq!(
        bench
            .send("DELETE", "/storage/v1/b/my-bucket", &Value::Null)
            .0,
        204
    );
}
