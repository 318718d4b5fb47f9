//! Requests to the Azure port as clients send them, over a clock that the tests move.

use std::sync::Arc;

use serde_json::{Value, json};

use super::context::SUBSCRIPTION;
use super::schema::{Side, catalogue};
use crate::core::{Cloud, Core, Kept, Outcome, asking};
use crate::http::{HttpReply, HttpRequest};
use crate::{FaultSpec, ManualClock, Options};

mod every_operation;
mod network;
mod services;

/// A sandbox without sockets.
pub(super) struct Bench {
    pub(super) core: Core,
    pub(super) clock: Arc<ManualClock>,
}

/// The beginning of everything in the group of the tests.
pub(super) fn group() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/g")
}

/// The path of a resource in the group.
pub(super) fn at(path: &str) -> String {
    format!("{}/providers/{path}", group())
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

    /// A sandbox with a resource group.
    pub(super) fn grouped(faults: &str) -> Self {
        let bench = Self::new(faults);
        bench.done("PUT", &group(), &json!({ "location": "westeurope" }));
        bench
    }

    /// Sends a request and gives the whole answer; none when the connection is dropped.
    pub(super) fn ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&'static str, &str)],
        body: &Value,
    ) -> Option<HttpReply> {
        let url = url.trim_start_matches("http://sandbox");
        let mut request = asking(method, url, body);
        let mut all = vec![
            ("authorization", "Bearer x"),
            ("host", "sandbox"),
            ("content-type", "application/json"),
        ];
        all.extend(headers);
        for (name, value) in all {
            request
                .headers
                .insert(name, value.parse().expect("a header"));
        }
        if !request.query.iter().any(|(name, _)| name == "api-version") {
            let version = version(&request);
            request.query.push(("api-version".to_owned(), version));
        }
        match self.core.answer(Cloud::Azure, &request) {
            Outcome::Answer(reply, _) => {
                documented(&request, &reply);
                Some(reply)
            }
            Outcome::Drop => None,
        }
    }

    /// Sends a request and gives status and body.
    pub(super) fn send(&self, method: &str, url: &str, body: &Value) -> (u16, Value) {
        match self.ask(method, url, &[], body) {
            Some(reply) => (
                reply.status,
                serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
            ),
            None => (0, Value::Null),
        }
    }

    pub(super) fn get(&self, url: &str) -> Value {
        let (status, body) = self.send("GET", url, &Value::Null);
        assert_eq!(status, 200, "{url}: {body}");
        body
    }

    /// Sends a mutation, lets its work end and gives the answer; its operation must have succeeded.
    pub(super) fn done(&self, method: &str, url: &str, body: &Value) -> Value {
        let reply = self.ask(method, url, &[], body).expect("an answer");
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        assert!(
            matches!(reply.status, 200..=204),
            "{method} {url}: {} {answer}",
            reply.status
        );
        self.clock.advance(60_000);
        if let Some(operation) = header(&reply, "azure-asyncoperation") {
            assert_eq!(
                self.get(&operation)["status"],
                "Succeeded",
                "{method} {url}"
            );
        }
        answer
    }

    /// Status and code of a refusal.
    pub(super) fn refused(&self, method: &str, url: &str, body: &Value) -> (u16, String) {
        let (status, answer) = self.send(method, url, body);
        let code = answer["error"]["code"].as_str().unwrap_or_default();
        (status, code.to_owned())
    }
}

/// A header of an answer.
pub(super) fn header(reply: &HttpReply, name: &str) -> Option<String> {
    reply
        .headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.clone())
}

/// The version of the model that has the request.
pub(crate) fn version(request: &HttpRequest) -> String {
    match super::route(request, "") {
        Ok(call) => call
            .operation
            .map_or("2025-01-01", |operation| operation.version)
            .to_owned(),
        Err(_) => "2025-01-01".to_owned(),
    }
}

/// What is answered must be what the operation's model says.
fn documented(request: &HttpRequest, reply: &HttpReply) {
    let Ok(call) = super::route(request, "") else {
        return;
    };
    let Some(operation) = call.operation else {
        return;
    };
    let what = format!("{} {}", request.method, request.path);
    if reply.status < 300 {
        let known = operation.statuses.contains(&reply.status);
        assert!(known, "{what}: {} is not documented", reply.status);
    }
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let Some((schema, list)) = operation.answer.filter(|_| reply.status < 202) else {
        return;
    };
    let rows = if list {
        assert!(answer["value"].is_array(), "{what}: {answer}");
        answer["value"].as_array().cloned().unwrap_or_default()
    } else if answer.is_object() {
        vec![answer]
    } else {
        Vec::new()
    };
    for row in rows {
        let read = catalogue().read(operation.api, schema, "", row.clone(), Side::Answer);
        if let Err(problem) = read {
            panic!("{what}: {problem:?}: {row}");
        }
    }
}

#[test]
fn requests_are_refused_as_resource_manager_does() {
    let bench = Bench::grouped("");
    let network = at("Microsoft.Network/virtualNetworks/v");
    let cases = [
        ("GET", network.clone(), 404, "ResourceNotFound"),
        (
            "GET",
            network.replace("resourceGroups/g/", "resourceGroups/h/"),
            404,
            "ResourceGroupNotFound",
        ),
        (
            "GET",
            network.replace("50001", "50002"),
            404,
            "SubscriptionNotFound",
        ),
        (
            "GET",
            format!("{network}?api-version=2099-01-01"),
            400,
            "NoRegisteredProviderFound",
        ),
        (
            "GET",
            format!("{network}?api-version="),
            400,
            "MissingApiVersionParameter",
        ),
        (
            "GET",
            at("Microsoft.Network/virtualNetworkz/v"),
            404,
            "InvalidResourceType",
        ),
        (
            "GET",
            at("Microsoft.Nonsense/things/v"),
            404,
            "InvalidResourceNamespace",
        ),
        ("POST", network, 405, "MethodNotAllowed"),
    ];
    for (method, url, status, code) in cases {
        let refused = bench.refused(method, &url, &Value::Null);
        assert_eq!(refused, (status, code.to_owned()), "{method} {url}");
    }
    let request = asking("GET", &group(), &Value::Null);
    let Outcome::Answer(reply, _) = bench.core.answer(Cloud::Azure, &request) else {
        panic!("an answer")
    };
    assert_eq!(reply.status, 401);
    assert!(header(&reply, "www-authenticate").is_some());
    assert!(header(&reply, "x-ms-request-id").is_some());
}

#[test]
fn groups_are_made_listed_and_taken_away_with_everything() {
    let bench = Bench::grouped("");
    let tags = json!({ "location": "West Europe", "tags": { "a": "b" } });
    let (status, doc) = bench.send("PUT", &group(), &tags);
    assert_eq!((status, &doc["location"]), (200, &json!("westeurope")));
    assert_eq!(
        bench.refused("PUT", &group(), &json!({ "location": "northeurope" })),
        (409, "InvalidResourceGroupLocation".into())
    );
    let many: serde_json::Map<String, Value> =
        (0..51).map(|n| (n.to_string(), json!("x"))).collect();
    let body = json!({ "location": "westeurope", "tags": many });
    assert_eq!(bench.send("PUT", &group(), &body).0, 400);
    let network = json!({ "location": "westeurope", "tags": { "k": "v" }, "properties": {
        "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] },
        "subnets": [{ "name": "s", "properties": { "addressPrefix": "10.0.0.0/24" } }],
    } });
    bench.done("PUT", &at("Microsoft.Network/virtualNetworks/v"), &network);
    let all = format!(
        "{}/resources?$expand=createdTime,provisioningState&$filter=tagName eq 'K' and tagValue eq 'v'",
        group()
    );
    let all = bench.get(&all);
    assert_eq!(all["value"][0]["name"], "v");
    assert_eq!(all["value"][0]["provisioningState"], "Succeeded");
    assert_eq!(
        bench.core_resources(),
        [
            "azurerm_resource_group",
            "azurerm_subnet",
            "azurerm_virtual_network"
        ]
    );
    let reply = bench
        .ask("DELETE", &group(), &[], &Value::Null)
        .expect("an answer");
    assert_eq!(reply.status, 202);
    let location = header(&reply, "location").expect("a location");
    assert_eq!(bench.send("GET", &location, &Value::Null).0, 202);
    assert_eq!(
        bench.get(&group())["properties"]["provisioningState"],
        "Deleting"
    );
    assert_eq!(
        bench.refused("PUT", &at("Microsoft.Network/virtualNetworks/w"), &network),
        (409, "ResourceGroupBeingDeleted".into())
    );
    bench.clock.advance(60_000);
    assert_eq!(bench.send("GET", &location, &Value::Null).0, 204);
    assert_eq!(
        bench.refused("GET", &group(), &Value::Null),
        (404, "ResourceGroupNotFound".into())
    );
    assert!(bench.core_resources().is_empty());
}

impl Bench {
    /// Types of live resources.
    pub(super) fn core_resources(&self) -> Vec<String> {
        let now = crate::clock::Clock::now(self.clock.as_ref());
        let mut world = crate::core::lock(&self.core.world);
        drop(world.begin(now));
        let all = world.resources(now);
        all.into_iter().map(|one| one.resource).collect()
    }
}

#[test]
fn listings_are_paged() {
    let bench = Bench::grouped("");
    let body = json!({ "location": "westeurope" });
    for name in 0..5 {
        let path = format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/p{name}");
        bench.done("PUT", &path, &body);
    }
    let mut url = format!("/subscriptions/{SUBSCRIPTION}/resourcegroups?$top=4");
    let mut names = Vec::new();
    for _ in 0..5 {
        let page = bench.get(&url);
        names.extend(
            page["value"]
                .as_array()
                .expect("rows")
                .iter()
                .map(|row| row["name"].clone()),
        );
        match page["nextLink"].as_str() {
            Some(next) => next.clone_into(&mut url),
            None => break,
        }
    }
    assert_eq!(names, ["g", "p0", "p1", "p2", "p3", "p4"]);
}

#[test]
fn a_provider_is_registered_before_it_is_used() {
    let bench = Bench::grouped("");
    let path = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService");
    assert_eq!(bench.get(&path)["registrationState"], "NotRegistered");
    let cluster = at("Microsoft.ContainerService/managedClusters/c");
    let body = json!({ "location": "westeurope" });
    assert_eq!(
        bench.refused("PUT", &cluster, &body),
        (409, "MissingSubscriptionRegistration".into())
    );
    let (_, answer) = bench.send("POST", &format!("{path}/register"), &Value::Null);
    assert_eq!(answer["registrationState"], "Registering");
    bench.clock.advance(60_000);
    assert_eq!(bench.get(&path)["registrationState"], "Registered");
}

#[test]
fn tags_of_any_resource_are_changed_at_its_scope() {
    let bench = Bench::grouped("");
    let tags = format!("{}/providers/Microsoft.Resources/tags/default", group());
    let merge = json!({ "operation": "Merge", "properties": { "tags": { "a": "1" } } });
    bench.done("PATCH", &tags, &merge);
    assert_eq!(bench.get(&group())["tags"], json!({ "a": "1" }));
    assert_eq!(bench.get(&tags)["properties"]["tags"], json!({ "a": "1" }));
}

#[test]
fn faults_strike_azure_too() {
    let faults = "throttle:ResourceGroups_List*1,lost:VirtualNetworks_CreateOrUpdate*1,fail:VirtualNetworks_CreateOrUpdate*1";
    let bench = Bench::grouped(faults);
    let list = format!("/subscriptions/{SUBSCRIPTION}/resourcegroups");
    let reply = bench
        .ask("GET", &list, &[], &Value::Null)
        .expect("an answer");
    assert_eq!(
        (reply.status, header(&reply, "retry-after").as_deref()),
        (429, Some("1"))
    );
    let path = at("Microsoft.Network/virtualNetworks/v");
    let body = json!({ "location": "westeurope", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } });
    // Lost and failing: begun, not answered, and failed when its time has come.
    assert_eq!(bench.send("PUT", &path, &body).0, 0);
    assert_eq!(
        bench.get(&path)["properties"]["provisioningState"],
        "Updating"
    );
    bench.clock.advance(60_000);
    assert_eq!(
        bench.get(&path)["properties"]["provisioningState"],
        "Failed"
    );
    bench.done("PUT", &path, &body);
    assert_eq!(
        bench.get(&path)["properties"]["provisioningState"],
        "Succeeded"
    );
}

#[test]
fn a_world_goes_on_where_it_was_left() {
    let kept = Kept::new();
    let open = || Bench {
        core: kept.open(),
        clock: kept.clock.clone(),
    };
    let bench = open();
    bench.done("PUT", &group(), &json!({ "location": "westeurope" }));
    network::network(&bench);
    let path = at("Microsoft.Network/virtualNetworks/v/subnets/s");
    let body = json!({ "properties": { "addressPrefix": "10.0.0.0/24" } });
    let reply = bench.ask("PUT", &path, &[], &body).expect("an answer");
    let operation = header(&reply, "azure-asyncoperation").expect("an operation");
    drop(bench);
    // What was begun before is done in time.
    kept.clock.advance(60_000);
    let bench = open();
    assert_eq!(bench.get(&operation), json!({ "status": "Succeeded" }));
    assert_eq!(
        bench.get(&path)["properties"]["provisioningState"],
        "Succeeded"
    );
    assert!(
        bench
            .core_resources()
            .contains(&"azurerm_subnet".to_owned())
    );
}
