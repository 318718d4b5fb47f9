//! The API without its sockets: what the controllers do in time, what admission refuses, what a file keeps.

mod pushed;

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::clock::{Clock, ManualClock};
use crate::core::{Cloud, Core, Outcome, asking};
use crate::http::HttpReply;
use crate::{Latency, Options};

/// A cluster and the clock that it follows.
struct Cluster {
    core: Core,
    clock: Arc<ManualClock>,
}

impl Cluster {
    fn new(options: Options) -> Self {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let options = Options {
            clock: clock.clone(),
            latency: Latency::Realistic,
            ..options
        };
        let core = Core::open(&options).expect("opens");
        Self { core, clock }
    }

    fn send(&self, method: Method, path: &str, kind: &str, body: &Value) -> HttpReply {
        let url = format!("/clusters/local{path}");
        let mut request = asking(method.as_str(), &url, body);
        for (name, value) in [("authorization", "Bearer x"), ("content-type", kind)] {
            let value = value.parse().expect("a header");
            request.headers.insert(name, value);
        }
        match self.core.answer(Cloud::Kubernetes, &request) {
            Outcome::Answer(reply, _) => reply,
            Outcome::Drop => panic!("dropped"),
        }
    }

    fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let reply = self.send(method, path, "application/json", body);
        let value = serde_json::from_slice(&reply.body).expect("JSON");
        (reply.status, value)
    }

    fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask(Method::GET, path, &Value::Null);
        assert_eq!(status, 200, "{value}");
        value
    }

    fn make(&self, path: &str, body: &Value) -> Value {
        let (status, value) = self.ask(Method::POST, path, body);
        assert_eq!(status, 201, "{value}");
        value
    }

    fn apply(&self, path: &str, body: &Value) -> (u16, Value) {
        let reply = self.send(Method::PATCH, path, "application/apply-patch+yaml", body);
        let value = serde_json::from_slice(&reply.body).expect("JSON");
        (reply.status, value)
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn web(replicas: i64) -> Value {
    let labels = json!({"app": "web"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "x:1"}]}},
        },
    })
}

#[test]
fn workloads_follow_the_clock() {
    let cluster = Cluster::new(Options::default());
    cluster.make(DEPLOYMENTS, &web(2));
    let ready = || cluster.get(&format!("{DEPLOYMENTS}/web"))["status"]["readyReplicas"].clone();
    assert_eq!(ready(), Value::Null);
    cluster.clock.advance(60_000);
    assert_eq!(ready(), 2);
    let path = format!("{DEPLOYMENTS}/web");
    let (status, _) = cluster.ask(Method::DELETE, &path, &Value::Null);
    assert_eq!(status, 200);
    cluster.clock.advance(60_000);
    let pods = cluster.get("/api/v1/namespaces/default/pods");
    assert_eq!(pods["items"], json!([]));
}

#[test]
fn a_conflict_names_the_other_manager_and_what_is_let_go_goes() {
    let cluster = Cluster::new(Options::default());
    let map = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    let one = format!("{MAPS}/a?fieldManager=one");
    let two = format!("{MAPS}/a?fieldManager=two");
    assert_eq!(
        cluster.apply(&one, &map(json!({"k": "1", "l": "1"}))).0,
        201
    );
    let (status, refused) = cluster.apply(&two, &map(json!({"k": "2", "m": "2"})));
    assert_eq!(status, 409);
    assert_eq!(
        refused["message"],
        "Apply failed with 1 conflict: conflict with \"one\": .data.k"
    );
    let forced = format!("{two}&force=true");
    assert_eq!(
        cluster.apply(&forced, &map(json!({"k": "2", "m": "2"}))).0,
        200
    );
    // One does not have k any more: it may leave it alone. What it no longer speaks of goes.
    let (status, left) = cluster.apply(&one, &map(Value::Null));
    assert_eq!((status, &left["data"]), (200, &json!({"k": "2", "m": "2"})));
    // The same again is no change.
    let version = left["metadata"]["resourceVersion"].clone();
    let (_, again) = cluster.apply(&two, &map(json!({"k": "2", "m": "2"})));
    assert_eq!(again["metadata"]["resourceVersion"], version);
    let entries = again["metadata"]["managedFields"]
        .as_array()
        .expect("a list");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(
        entries[0]["fieldsV1"],
        json!({"f:data": {"f:k": {}, "f:m": {}}})
    );
}

#[test]
fn a_webhook_that_nobody_serves_refuses_and_one_that_is_ignored_does_not() {
    let cluster = Cluster::new(Options::default());
    let hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let hook = |policy: &str| {
        json!({
            "metadata": {"name": policy.to_lowercase()},
            "webhooks": [{
                "name": format!("{}.hooks.example.com", policy.to_lowercase()), "failurePolicy": policy, "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"namespace": "default", "name": "hook"}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
            }],
        })
    };
    cluster.make(hooks, &hook("Ignore"));
    cluster.make(MAPS, &json!({"metadata": {"name": "a"}}));
    cluster.make(hooks, &hook("Fail"));
    let (status, refused) = cluster.ask(Method::POST, MAPS, &json!({"metadata": {"name": "b"}}));
    assert_eq!(status, 500);
    let message = refused["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("failed calling webhook \"fail.hooks.example.com\""),
        "{message}"
    );
    cluster.make(
        "/api/v1/namespaces/default/services",
        &json!({"metadata": {"name": "hook"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 443}]}}),
    );
    cluster.make(DEPLOYMENTS, &web(1));
    cluster.clock.advance(60_000);
    cluster.make(MAPS, &json!({"metadata": {"name": "b"}}));
}

#[test]
fn a_trial_leaves_nothing_and_old_versions_are_gone() {
    let cluster = Cluster::new(Options::default());
    let trial = format!("{MAPS}?dryRun=All");
    cluster.make(&trial, &json!({"metadata": {"name": "a"}}));
    let (status, _) = cluster.ask(Method::GET, &format!("{MAPS}/a"), &Value::Null);
    assert_eq!(status, 404);
    let (status, bad) = cluster.ask(
        Method::POST,
        &format!("{MAPS}?dryRun=Some"),
        &json!({"metadata": {"name": "a"}}),
    );
    assert_eq!((status, &bad["reason"]), (400, &json!("BadRequest")));
    let world = crate::core::lock(&cluster.core.world);
    assert!(
        world
            .since("local/local/local/local", world.version())
            .is_some()
    );
}

#[test]
fn a_world_file_keeps_objects_and_what_they_wait_for() {
    let folder = std::env::temp_dir().join(format!("sandbox-{}", uuid::Uuid::new_v4()));
    let options = || Options {
        world: Some(folder.join("world")),
        ..Options::default()
    };
    let uid = {
        let cluster = Cluster::new(options());
        cluster.make(DEPLOYMENTS, &web(1))["metadata"]["uid"].clone()
    };
    let cluster = Cluster::new(options());
    let path = format!("{DEPLOYMENTS}/web");
    assert_eq!(cluster.get(&path)["metadata"]["uid"], uid);
    cluster.clock.advance(60_000);
    assert!(cluster.clock.now() > 0);
    assert_eq!(cluster.get(&path)["status"]["readyReplicas"], 1);
    // Who asks for what was before this process hears that it is gone.
    let world = crate::core::lock(&cluster.core.world);
    assert!(world.since("local/local/local/local", 1).is_none());
    drop(world);
    drop(cluster);
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}
