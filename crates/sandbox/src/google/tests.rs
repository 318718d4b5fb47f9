//! Requests to the Google port as clients send them, over a clock that the tests move.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::core::{Cloud, Core, Kept, Outcome, asking, blank};
use crate::http::HttpRequest;
use crate::{FaultSpec, ManualClock, Options};

/// A sandbox without sockets.
pub(super) struct Bench {
    pub(super) core: Core,
    pub(super) clock: Arc<ManualClock>,
}

impl Bench {
    pub(super) fn new(faults: &str) -> Self {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let options = Options {
            clock: clock.clone(),
            faults: faults.parse::<FaultSpec>().expect("good faults"),
            ..Options::default()
        };
        let core = Core::open(&options).expect("opens");
        Self { core, clock }
    }

    /// Sends a request and gives status and body.
    pub(super) fn send(&self, method: &str, url: &str, body: &Value) -> (u16, Value) {
        let request = with_token(asking(method, url, body));
        match self.core.answer(Cloud::Google, &request) {
            Outcome::Answer(reply, _) => {
                let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
                if reply.status == 200 {
                    documented(&request, &body);
                }
                (reply.status, body)
            }
            Outcome::Drop => (0, Value::Null),
        }
    }

    pub(super) fn clock_now(&self) -> crate::Millis {
        self.core.clock.now()
    }

    pub(super) fn get(&self, url: &str) -> Value {
        let (status, body) = self.send("GET", url, &Value::Null);
        assert_eq!(status, 200, "{url}: {body}");
        body
    }

    /// Sends a mutation, lets its work end and gives the answer.
    pub(super) fn done(&self, method: &str, url: &str, body: &Value) -> Value {
        let (status, answer) = self.send(method, url, body);
        assert_eq!(status, 200, "{method} {url}: {answer}");
        self.clock.advance(60_000);
        answer
    }

    /// The reason or status of a refusal.
    pub(super) fn refused(&self, method: &str, url: &str, body: &Value) -> (u16, String) {
        let (status, answer) = self.send(method, url, body);
        let error = &answer["error"];
        let reason = error["errors"][0]["reason"].as_str();
        let reason = reason.or(error["status"].as_str()).unwrap_or_default();
        (status, reason.to_owned())
    }
}

/// As somebody who is logged in.
pub(super) fn with_token(mut request: HttpRequest) -> HttpRequest {
    let token = "Bearer sandbox".parse().expect("a header");
    request.headers.insert("authorization", token);
    request
}

/// What is answered must be what the method's documentation says.
fn documented(request: &HttpRequest, answer: &Value) {
    let Ok(call) = super::route(request) else {
        return;
    };
    if let Some(schema) = call.method.answer.filter(|_| answer.is_object()) {
        let read = super::schema::catalogue().read(call.method.api, schema, "", answer.clone());
        if let Err(error) = read {
            panic!(
                "{} {}: {}: {answer}",
                request.method, request.path, error.message
            );
        }
    }
}

mod data;
mod every_method;
mod gke;
mod identity;
mod load_balancing;
mod platform;
mod replay_tests;

const NETWORKS: &str = "/compute/v1/projects/p/global/networks";
const SUBNETWORKS: &str = "/compute/v1/projects/p/regions/europe-west1/subnetworks";

fn network(name: &str) -> Value {
    json!({ "name": name, "autoCreateSubnetworks": false })
}

fn subnetwork(name: &str, range: &str) -> Value {
    json!({ "name": name, "network": "projects/p/global/networks/n", "ipCidrRange": range })
}

#[test]
fn an_operation_runs_and_is_done_and_until_then_nothing_is_ready() {
    let bench = Bench::new("");
    let (status, operation) = bench.send("POST", NETWORKS, &network("n"));
    assert_eq!((status, &operation["status"]), (200, &json!("RUNNING")));
    assert_eq!(
        bench.refused("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/24")),
        (400, "resourceNotReady".into())
    );
    let link = operation["selfLink"].as_str().expect("a link");
    let path = link.trim_start_matches("https://www.googleapis.com");
    assert_eq!(bench.get(path)["status"], "RUNNING");
    bench.clock.advance(1000);
    assert_eq!(bench.get(path)["status"], "DONE");
    bench.done("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/24"));
    assert_eq!(
        bench.get(&format!("{NETWORKS}/n"))["subnetworks"][0],
        "https://www.googleapis.com/compute/v1/projects/p/regions/europe-west1/subnetworks/s"
    );
    let used = "resourceInUseByAnotherResource";
    let delete = format!("{NETWORKS}/n");
    assert_eq!(
        bench.refused("DELETE", &delete, &Value::Null),
        (400, used.into())
    );
    bench.done("DELETE", &format!("{SUBNETWORKS}/s"), &Value::Null);
    bench.done("DELETE", &delete, &Value::Null);
    assert_eq!(
        bench.refused("GET", &delete, &Value::Null),
        (404, "notFound".into())
    );
}

#[test]
fn ranges_names_and_duplicates_are_checked() {
    let bench = Bench::new("");
    bench.done("POST", NETWORKS, &network("n"));
    assert_eq!(
        bench.refused("POST", NETWORKS, &network("n")),
        (409, "alreadyExists".into())
    );
    assert_eq!(
        bench.refused("POST", NETWORKS, &network("N")),
        (400, "invalid".into())
    );
    bench.done("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/24"));
    for range in ["10.0.0.0/16", "10.0.0.1/24", "10.1.0.0/30", "x"] {
        let refused = bench.refused("POST", SUBNETWORKS, &subnetwork("t", range));
        assert_eq!(refused, (400, "invalid".into()), "{range}");
    }
    let url = format!("{SUBNETWORKS}/s/expandIpCidrRange");
    bench.done("POST", &url, &json!({ "ipCidrRange": "10.0.0.0/23" }));
    let subnetwork = bench.get(&format!("{SUBNETWORKS}/s"));
    assert_eq!(subnetwork["ipCidrRange"], "10.0.0.0/23");
    let stale = json!({ "fingerprint": "AAAAAAAAAAA=", "privateIpGoogleAccess": true });
    assert_eq!(
        bench.refused("PATCH", &format!("{SUBNETWORKS}/s"), &stale),
        (412, "conditionNotMet".into())
    );
    let fresh = json!({ "fingerprint": subnetwork["fingerprint"], "privateIpGoogleAccess": true });
    bench.done("PATCH", &format!("{SUBNETWORKS}/s"), &fresh);
    assert_eq!(
        bench.get(&format!("{SUBNETWORKS}/s"))["privateIpGoogleAccess"],
        true
    );
}

#[test]
fn a_project_is_known_by_its_number_too() {
    let bench = Bench::new("");
    bench.done("POST", NETWORKS, &network("n"));
    let number = super::context::project_number("p");
    let by_number = NETWORKS.replace("projects/p/", &format!("projects/{number}/"));
    assert_eq!(bench.get(&format!("{by_number}/n"))["name"], "n");
    let mut subnet = subnetwork("s", "10.0.0.0/24");
    subnet["network"] = format!("projects/{number}/global/networks/n").into();
    bench.done("POST", SUBNETWORKS, &subnet);
    assert_eq!(
        bench.get(&format!("{SUBNETWORKS}/s"))["network"],
        "https://www.googleapis.com/compute/v1/projects/p/global/networks/n"
    );
}

#[test]
fn who_does_not_say_who_they_are_is_refused_and_so_is_what_is_no_project() {
    let bench = Bench::new("");
    let request = asking("GET", NETWORKS, &Value::Null);
    let Outcome::Answer(reply, _) = bench.core.answer(Cloud::Google, &request) else {
        panic!("an answer")
    };
    let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(reply.status, 401, "{answer}");
    assert_eq!(answer["error"]["status"], "UNAUTHENTICATED");
    assert_eq!(
        answer["error"]["details"][0]["reason"],
        "CREDENTIALS_MISSING"
    );
    for wrong in ["Not_Legal", "-p", "p-", "example.com:", &"p".repeat(64)] {
        let url = NETWORKS.replace("projects/p/", &format!("projects/{wrong}/"));
        let refused = bench.refused("GET", &url, &Value::Null);
        assert_eq!(refused, (400, "invalid".into()), "{wrong}");
    }
    for right in ["my-project-1", "example.com:p", "123456789"] {
        bench.get(&NETWORKS.replace("projects/p/", &format!("projects/{right}/")));
    }
}

#[test]
fn a_request_id_names_the_same_request_in_whatever_order_its_labels_are() {
    let bench = Bench::new("");
    let url = "/compute/v1/projects/p/regions/europe-west1/addresses?requestId=0e5c3f4e-2f6b-4a49-9d0e-0b6f8a6d7c12";
    let first = bench.done(
        "POST",
        url,
        &json!({ "name": "a", "labels": { "a": "1", "b": "2" } }),
    );
    let again = bench.done(
        "POST",
        url,
        &json!({ "labels": { "b": "2", "a": "1" }, "name": "a" }),
    );
    assert_eq!(first["name"], again["name"]);
    assert_eq!(
        bench.refused(
            "POST",
            url,
            &json!({ "name": "a", "labels": { "a": "1", "b": "3" } })
        ),
        (400, "invalid".into())
    );
}

#[test]
fn the_description_of_a_subnetwork_stays() {
    let bench = Bench::new("");
    bench.done("POST", NETWORKS, &network("n"));
    bench.done("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/24"));
    let url = format!("{SUBNETWORKS}/s");
    let fingerprint = bench.get(&url)["fingerprint"].clone();
    let body = json!({ "fingerprint": fingerprint, "description": "another" });
    assert_eq!(bench.refused("PATCH", &url, &body), (400, "invalid".into()));
}

#[test]
fn a_request_id_names_one_operation() {
    let bench = Bench::new("");
    let url = format!("{NETWORKS}?requestId=0e5c3f4e-2f6b-4a49-9d0e-0b6f8a6d7c11");
    let first = bench.done("POST", &url, &network("n"));
    let again = bench.done("POST", &url, &network("n"));
    assert_eq!(first["name"], again["name"]);
    assert_eq!(
        first["clientOperationId"],
        "0e5c3f4e-2f6b-4a49-9d0e-0b6f8a6d7c11"
    );
    let without = bench.done("POST", NETWORKS, &network("other"));
    assert!(without["clientOperationId"].is_null(), "{without}");
    let found = bench.get(
        "/compute/v1/projects/p/global/operations?filter=clientOperationId=%220e5c3f4e-2f6b-4a49-9d0e-0b6f8a6d7c11%22",
    );
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found["items"][0]["name"], first["name"]);
    assert_eq!(
        bench.refused("POST", &url, &network("m")),
        (400, "invalid".into())
    );
    let zero = format!("{NETWORKS}?requestId=00000000-0000-0000-0000-000000000000");
    assert_eq!(
        bench.refused("POST", &zero, &network("m")),
        (400, "invalid".into())
    );
}

#[test]
fn a_stuck_operation_is_waited_for_in_vain_and_another_is_not() {
    let bench = Bench::new("stuck:compute.networks.insert*1,slow:compute.networks.insert=100*1");
    let operation = bench.done("POST", NETWORKS, &network("n"));
    let name = operation["name"].as_str().expect("a name");
    let operation = format!("/compute/v1/projects/p/global/operations/{name}");
    assert_eq!(bench.get(&operation)["status"], "RUNNING");
    assert_eq!(
        bench.refused("DELETE", &format!("{NETWORKS}/n"), &Value::Null),
        (400, "resourceNotReady".into())
    );
    let (_, slow) = bench.send("POST", NETWORKS, &network("m"));
    let name = slow["name"].as_str().expect("a name");
    let request = HttpRequest {
        path: format!("/compute/v1/projects/p/global/operations/{name}/wait"),
        ..blank()
    };
    let request = with_token(request);
    let Outcome::Answer(reply, delay) = bench.core.answer(Cloud::Google, &request) else {
        panic!("an answer")
    };
    assert!(delay.is_some_and(|delay| delay > 0), "{delay:?}");
    let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(answer["status"], "DONE");
}

#[test]
fn a_world_goes_on_where_it_was_left() {
    let kept = Kept::new();
    let open = || Bench {
        core: kept.open(),
        clock: kept.clock.clone(),
    };
    let bench = open();
    bench.done("POST", NETWORKS, &network("n"));
    let (_, operation) = bench.send("POST", SUBNETWORKS, &subnetwork("s", "10.0.0.0/24"));
    drop(bench);
    // What was begun before is done in time.
    kept.clock.advance(60_000);
    let bench = open();
    let link = operation["selfLink"].as_str().expect("a link");
    let path = link.trim_start_matches("https://www.googleapis.com");
    assert_eq!(bench.get(path)["status"], "DONE");
    assert_eq!(
        bench.refused("DELETE", &format!("{NETWORKS}/n"), &Value::Null),
        (400, "resourceInUseByAnotherResource".into())
    );
}

#[test]
fn faults_strike_google_too() {
    let faults = "throttle:compute.networks.list*1,fail:compute.networks.insert*1,lost:compute.networks.insert*1";
    let bench = Bench::new(faults);
    assert_eq!(
        bench.refused("GET", NETWORKS, &Value::Null),
        (403, "rateLimitExceeded".into())
    );
    // Lost and failing: begun, not answered, and undone when its time has come.
    assert_eq!(bench.send("POST", NETWORKS, &network("n")).0, 0);
    assert_eq!(bench.get(NETWORKS)["items"][0]["name"], "n");
    bench.clock.advance(60_000);
    assert_eq!(bench.get(NETWORKS)["items"], Value::Null);
    let operations = bench.get("/compute/v1/projects/p/global/operations");
    assert_eq!(
        operations["items"][0]["error"]["errors"][0]["code"],
        "INTERNAL_ERROR"
    );
}
