//! Service accounts, policies, keys.

use serde_json::{Value, json};

use super::Bench;

const ACCOUNTS: &str = "/v1/projects/my-project/serviceAccounts";
const PROJECT: &str = "/v3/projects/my-project";
const RINGS: &str = "/v1/projects/my-project/locations/europe-west1/keyRings";

#[test]
fn members_must_exist_and_policies_are_written_over_what_was_read() {
    let bench = Bench::new("");
    let account = json!({ "accountId": "runner", "serviceAccount": { "displayName": "Runner" } });
    assert_eq!(
        bench.refused("POST", ACCOUNTS, &json!({ "accountId": "x" })),
        (400, "badRequest".into())
    );
    let email = "runner@my-project.iam.gserviceaccount.com";
    let policy = bench.done("POST", &format!("{PROJECT}:getIamPolicy"), &json!({}));
    let mut wanted = policy.clone();
    if let Some(bindings) = wanted["bindings"].as_array_mut() {
        bindings.push(json!({ "role": "roles/storage.admin", "members": [format!("serviceAccount:{email}")] }));
    }
    let write = |policy: &Value| json!({ "policy": policy });
    let set = format!("{PROJECT}:setIamPolicy");
    assert_eq!(
        bench.refused("POST", &set, &write(&wanted)),
        (400, "badRequest".into())
    );
    bench.done("POST", ACCOUNTS, &account);
    assert_eq!(
        bench.refused("POST", ACCOUNTS, &account),
        (409, "alreadyExists".into())
    );
    bench.done("POST", &set, &write(&wanted));
    assert_eq!(
        bench.refused("POST", &set, &write(&wanted)),
        (409, "aborted".into()),
        "read before the write"
    );
    let first = bench
        .send("POST", "/v1/projects/my-project:getIamPolicy", &json!({}))
        .1;
    assert_eq!(first["bindings"][1]["role"], "roles/storage.admin");
    let pool = json!({ "policy": { "bindings": [{
        "role": "roles/iam.workloadIdentityUser", "members": ["serviceAccount:my-project.svc.id.goog[ns/app]"],
    }] } });
    assert_eq!(
        bench.refused("POST", &format!("{ACCOUNTS}/{email}:setIamPolicy"), &pool),
        (400, "badRequest".into())
    );
    bench.done(
        "PATCH",
        &format!("{ACCOUNTS}/{email}"),
        &json!({ "serviceAccount": { "displayName": "R" }, "updateMask": "displayName" }),
    );
    assert_eq!(
        bench.get(&format!("/v1/projects/-/serviceAccounts/{email}"))["displayName"],
        "R"
    );
    bench.done("DELETE", &format!("{ACCOUNTS}/{email}"), &Value::Null);
    assert_eq!(
        bench.refused("GET", &format!("{ACCOUNTS}/{email}"), &Value::Null),
        (404, "notFound".into())
    );
}

#[test]
fn a_key_stays_and_its_versions_go() {
    let bench = Bench::new("");
    bench.done("POST", &format!("{RINGS}?keyRingId=ring"), &Value::Null);
    let keys = format!("{RINGS}/ring/cryptoKeys");
    let hourly = json!({ "purpose": "ENCRYPT_DECRYPT", "rotationPeriod": "3600s" });
    assert_eq!(
        bench.refused("POST", &format!("{keys}?cryptoKeyId=k"), &hourly),
        (400, "INVALID_ARGUMENT".into())
    );
    let key = json!({ "purpose": 1, "rotationPeriod": "7776000s", "labels": { "a": "b" } });
    let made = bench.done("POST", &format!("{keys}?cryptoKeyId=k"), &key);
    assert_eq!(made["primary"]["state"], "ENABLED");
    assert_eq!(
        bench.refused("POST", &format!("{keys}?cryptoKeyId=k"), &key),
        (409, "ALREADY_EXISTS".into())
    );
    let live = || {
        crate::core::lock(&bench.core.world)
            .resources(bench.clock_now())
            .len()
    };
    assert_eq!(live(), 1);
    assert_eq!(
        bench.send("DELETE", &format!("{keys}/k"), &Value::Null).0,
        404,
        "there is no such method"
    );
    bench.done(
        "POST",
        &format!("{keys}/k/cryptoKeyVersions/1:destroy"),
        &json!({}),
    );
    assert_eq!(live(), 0);
    assert_eq!(
        bench.refused(
            "POST",
            &format!("{keys}/k/cryptoKeyVersions/1:destroy"),
            &json!({})
        ),
        (400, "FAILED_PRECONDITION".into())
    );
    bench.clock.advance(31 * 24 * 3_600_000);
    assert_eq!(
        bench.get(&format!("{keys}/k/cryptoKeyVersions/1"))["state"],
        "DESTROYED"
    );
    bench.done(
        "PATCH",
        &format!("{keys}/k?updateMask=labels"),
        &json!({ "labels": { "c": "d" } }),
    );
    assert_eq!(
        bench.get(&format!("{keys}/k"))["labels"],
        json!({ "c": "d" })
    );
}
