//! Replays the recorded exchanges with the real services, where they are there (`../shared`, or `INFRA_SHARED`): every
//! request to a service that is served here must have the same status and members as it had then, but for what
//! `EXCEPTIONS` names.
#![allow(clippy::print_stderr, reason = "says that it was skipped")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Bench, NETWORKS};
use crate::google::context::project_number;

const PROJECT: &str = "sandbox-project";

/// Where an answer differs from the recorded one, and why: part of the request's line, the member (`-` is missing
/// here, `+` is not recorded, `status` is another status).
const EXCEPTIONS: &[(&str, &str)] = &[
    // Recorded from v1beta1; v1 does not have them, or has them otherwise.
    ("container.", "-clusterTelemetry"),
    ("container.", "-protectConfig"),
    ("container.", "+zone"),
    ("windowsnodeconfig: POST container.", "status"),
    ("windowsnodeconfig: GET container.", "status"),
    ("windowsnodeconfig: DELETE container.", "status"),
    // What documentation says is there, though recordings do not have it.
    ("container.", "+nodePools.selfLink"),
    ("container.", "+nodePools.etag"),
    ("/nodePools/", "+etag"),
    ("/nodePools/", "+locations"),
    (
        "container.",
        "+ipAllocationPolicy.clusterSecondaryRangeName",
    ),
    (
        "container.",
        "+autoscaling.autoprovisioningNodePoolDefaults.minCpuPlatform",
    ),
    ("/urlMaps", "+fingerprint"),
    ("/backendServices/", "+protocol"),
    ("/global/addresses/", "+status"),
    ("/global/addresses/", "+networkTier"),
    ("/global/addresses/", "+addressType"),
    ("/firewalls/", "+sourceRanges"),
    ("/firewalls/", "+logConfig"),
    ("/services/", "+config"),
    ("/networks/", "+routingConfig"),
    ("/b/", "+generation"),
    ("/setLabels", "+endTime"),
    ("/setLabels", "+region"),
    ("/v1/projects/${projectId}?", "+name"),
    ("/targetHttpProxies/", "+fingerprint"),
    ("/addresses/", "+users"),
    ("/networks/", "+subnetworks"),
    ("/storage/v1/b?", "+generation"),
    ("backupconfiguration-diff", "+upgradableDatabaseVersions"),
    // Operations that were recorded without.
    ("/urlMaps", "+user"),
    ("/urlMaps", "+targetLink"),
    ("/urlMaps", "+targetId"),
    ("/urlMaps", "+operationType"),
    ("/targetHttpProxies", "+user"),
    ("/targetHttpProxies", "+targetLink"),
    ("/targetHttpProxies", "+targetId"),
    ("/targetHttpProxies", "+operationType"),
    ("/setLabels", "+user"),
    ("/setLabels", "+targetLink"),
    ("/setLabels", "+targetId"),
    ("/setLabels", "+operationType"),
    ("/removePeering", "+user"),
    ("/removePeering", "+targetLink"),
    ("/removePeering", "+targetId"),
    ("/removePeering", "+operationType"),
    (
        "servicenetworkingconnection: GET compute.googleapis.com/compute/v1/projects/${projectId}/global/operations",
        "+user",
    ),
    (
        "servicenetworkingconnection: GET compute.googleapis.com/compute/v1/projects/${projectId}/global/operations",
        "+targetLink",
    ),
    (
        "servicenetworkingconnection: GET compute.googleapis.com/compute/v1/projects/${projectId}/global/operations",
        "+targetId",
    ),
    (
        "servicenetworkingconnection: GET compute.googleapis.com/compute/v1/projects/${projectId}/global/operations",
        "+operationType",
    ),
    ("containernodepool-subnetworkref", "+operationType"),
    ("containernodepool", "+progress"),
    (":enable?", "+metadata"),
    // Recorded before what was asked for was seen, or after it was forgotten.
    ("servicenetworkingconnection: GET", "+peerings"),
    ("/services/runtimeconfig", "+parent"),
    ("kmscryptokey: PATCH", "+primary.destroyTime"),
    (
        "containernodepool-subnetworkref: GET container.",
        "+nodePools.networkConfig.enablePrivateNodes",
    ),
    ("/forwardingRules/", "+labels"),
    ("/o?alt=json", "-prefixes"),
    // A managed certificate has no time before it is made; the secret of a proxy is never shown.
    ("computemanagedsslcertificate", "-expireTime"),
    ("computemanagedsslcertificate", "+managed"),
    ("/backendServices/", "-iap.oauth2ClientSecret"),
    // The user was made for another host.
    ("/users?alt=json&host=foo", "status"),
    // A URL map is changed over its fingerprint, says its documentation; it was recorded without.
    (
        ": PUT compute.googleapis.com/compute/v1/projects/${projectId}/global/urlMaps",
        "status",
    ),
    // Two maps under one placeholder.
    (
        ": GET compute.googleapis.com/compute/v1/projects/${projectId}/global/urlMaps",
        "status",
    ),
    // An address that a NAT gateway has cannot go.
    (
        "computerouternat-direct: DELETE compute.googleapis.com/compute/v1/projects/${projectId}/regions/us-central1/addresses",
        "status",
    ),
];

/// One exchange.
struct Exchange {
    method: String,
    url: String,
    body: Value,
    status: u16,
    answer: Value,
}

fn exchanges(text: &str) -> Vec<Exchange> {
    text.split("\n---\n").filter_map(exchange).collect()
}

fn exchange(text: &str) -> Option<Exchange> {
    let text = text.trim();
    let (line, _) = text.split_once('\n')?;
    let (method, url) = line.split_once(' ')?;
    let (_, url) = url.split_once("https://")?;
    // The answer begins at the first line that is a status.
    let at = text.match_indices('\n').map(|(at, _)| at + 1).find(|at| {
        let line = text[*at..].lines().next().unwrap_or_default();
        let (code, _) = line.split_once(' ').unwrap_or_default();
        code.len() == 3 && code.parse::<u16>().is_ok()
    })?;
    let (request, answer) = text.split_at(at);
    let body = |text: &str| -> Value {
        let at = text.find("\n{").or(text.find("\n[")).map(|at| at + 1);
        at.and_then(|at| serde_json::from_str(text[at..].trim()).ok())
            .unwrap_or(Value::Null)
    };
    Some(Exchange {
        method: method.to_owned(),
        url: url.to_owned(),
        body: body(request),
        status: answer.get(..3)?.parse().ok()?,
        answer: body(answer),
    })
}

/// Names for placeholders. Recordings have one placeholder for several resources: each new one gets a name of its own,
/// until it is deleted again.
#[derive(Default)]
struct Names {
    depth: BTreeMap<String, Vec<u32>>,
    next: u32,
    operation: String,
    /// URL maps have names as they were, but a placeholder in paths.
    maps: Vec<String>,
}

impl Names {
    fn name(&self, placeholder: &str) -> String {
        match placeholder {
            "projectId" => PROJECT.to_owned(),
            "projectNumber" => project_number(PROJECT),
            "operationID" => self.operation.clone(),
            "urlMapID" => self
                .maps
                .last()
                .cloned()
                .unwrap_or_else(|| "none".to_owned()),
            other => {
                let number = self.depth.get(other).and_then(|stack| stack.last());
                let plain = other.to_lowercase();
                number.map_or(plain.clone(), |number| format!("{plain}-{number}"))
            }
        }
    }

    fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(before);
            filled.push_str(&self.name(name));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// The placeholder that names the resource of a path.
    fn last(url: &str) -> Option<&str> {
        let path = url.split('?').next()?;
        let (_, after) = path.rsplit_once("${")?;
        let (name, _) = after.split_once('}')?;
        (!name.starts_with("project") && name != "operationID").then_some(name)
    }

    fn push(&mut self, placeholder: &str) {
        self.next += 1;
        let number = self.next;
        self.depth
            .entry(placeholder.to_owned())
            .or_default()
            .push(number);
    }

    fn pop(&mut self, placeholder: &str) {
        if let Some(stack) = self.depth.get_mut(placeholder) {
            stack.pop();
        }
    }
}

/// Whether a request is to something that is served here.
fn served(url: &str) -> bool {
    let host = url.split('.').next().unwrap_or_default();
    let services = [
        "compute",
        "container",
        "sqladmin",
        "iam",
        "cloudkms",
        "secretmanager",
        "artifactregistry",
        "serviceusage",
        "servicenetworking",
        "cloudresourcemanager",
        "storage",
    ];
    let others = [
        // Names of groups are placeholders in paths, not those that the cluster had.
        "/gke-containercluster-",
        // Instances are not served.
        "/addInstances",
        "/removeInstances",
        "/listInstances",
        // Projects are not made here.
        "/v1/projects/project-${uniqueId}?",
        "/v1/projects?",
        "/instanceTemplates",
        "/images/",
        "/zones/us-central1-a/instances",
        "/acl",
    ];
    let project = host == "cloudresourcemanager" && url.contains("/operations/");
    services.contains(&host) && !others.iter().any(|path| url.contains(path)) && !project
}

/// Members of an answer at any depth; of lists those of the first item.
fn members(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    // Keys that clients chose, and what is kept whole as it was sent.
    let free = [
        "labels",
        "resourceLabels",
        "userLabels",
        "annotations",
        "metadata",
        "domainStatus",
    ];
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                if !free.contains(&name.as_str()) {
                    members(value, &path, found);
                }
                found.insert(path);
            }
        }
        Value::Array(list) => {
            if let Some(first) = list.first() {
                members(first, path, found);
            }
        }
        _ => {}
    }
}

struct Replay {
    bench: Bench,
    names: Names,
    file: String,
    differences: Vec<String>,
    compared: usize,
}

impl Replay {
    fn new(file: &str) -> Self {
        let bench = Bench::new("");
        // Every recorded project has a default network.
        let networks = NETWORKS.replace("projects/p/", &format!("projects/{PROJECT}/"));
        bench.done(
            "POST",
            &networks,
            &json!({ "name": "default", "autoCreateSubnetworks": true }),
        );
        Self {
            bench,
            names: Names::default(),
            file: file.to_owned(),
            differences: Vec::new(),
            compared: 0,
        }
    }

    fn url(&self, exchange: &Exchange) -> String {
        let url = self.names.fill(&exchange.url);
        let (_, path) = url.split_once('/').unwrap_or_default();
        let path = if url.starts_with("container.") {
            path.replacen("v1beta1/", "v1/", 1)
        } else {
            path.to_owned()
        };
        format!("/{path}")
    }

    /// What recordings do not show of what was there before.
    fn prepare(&mut self, exchange: &Exchange) {
        let url = self.url(exchange);
        let path = url.split('?').next().unwrap_or_default().to_owned();
        let (status, _) = self.bench.send("GET", &path, &Value::Null);
        let existing = exchange.method == "GET" && exchange.status == 200 && status == 404;
        if existing && path.contains("/networks/") {
            let (networks, name) = path.rsplit_once('/').unwrap_or_default();
            self.bench.done(
                "POST",
                networks,
                &json!({
                    "name": name, "description": "Default network for the project", "autoCreateSubnetworks": true,
                }),
            );
        }
        // Another resource under the same placeholder.
        if exchange.method == "GET"
            && exchange.status == 404
            && status == 200
            && let Some(placeholder) = Names::last(&exchange.url)
        {
            self.names.push(placeholder);
        }
    }

    /// Puts what the server has given out in the place of its placeholders.
    fn current(&self, url: &str, body: &mut Value) {
        let path = url.split('?').next().unwrap_or_default();
        let path = match path.rsplit_once('/') {
            Some((path, verb)) if verb.starts_with("set") => path,
            _ => path.split(':').next().unwrap_or(path),
        };
        let (_, current) = self.bench.send("GET", path, &Value::Null);
        for field in ["fingerprint", "labelFingerprint"] {
            if body.get(field).is_some_and(Value::is_string) {
                body[field] = current[field].clone();
            }
        }
        if body.pointer("/settings/settingsVersion").is_some() {
            body["settings"]["settingsVersion"] = current["settings"]["settingsVersion"].clone();
        }
        if let Some(map) = body.as_object_mut() {
            map.remove("etag");
        }
        let policy = body.get_mut("policy").and_then(Value::as_object_mut);
        if let Some(map) = policy {
            map.remove("etag");
        }
    }

    fn run(&mut self, exchange: &Exchange) {
        self.prepare(exchange);
        let url = self.url(exchange);
        let mut body: Value = serde_json::from_str(&self.names.fill(&exchange.body.to_string()))
            .unwrap_or(Value::Null);
        if !body.is_null() {
            self.current(&url, &mut body);
        }
        self.bench.clock.advance(60_000);
        let (status, answer) = self.bench.send(&exchange.method, &url, &body);
        if let Some(name) = answer["name"]
            .as_str()
            .filter(|_| exchange.method != "GET" && url.contains("/v1"))
        {
            self.names.operation = name.rsplit('/').next().unwrap_or(name).to_owned();
        }
        if exchange.method == "DELETE"
            && status < 300
            && let Some(placeholder) = Names::last(&exchange.url)
        {
            self.bench.clock.advance(60_000);
            self.names.pop(placeholder);
        }
        if url.contains("/urlMaps") && exchange.method == "POST" && status == 200 {
            self.names
                .maps
                .push(body["name"].as_str().unwrap_or_default().to_owned());
        }
        if url.contains("/urlMaps/") && exchange.method == "DELETE" && status == 200 {
            self.names.maps.pop();
        }
        self.compared += 1;
        let line = format!("{}: {} {}", self.file, exchange.method, exchange.url);
        if status != exchange.status {
            let difference = format!(
                "{line}: status: {status} {answer}, recorded {}",
                exchange.status
            );
            self.differ(&line, "status", difference);
            return;
        }
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        members(&answer, "", &mut ours);
        members(&exchange.answer, "", &mut theirs);
        for member in theirs.difference(&ours) {
            self.differ(&line, &format!("-{member}"), format!("{line}: -{member}"));
        }
        for member in ours.difference(&theirs) {
            self.differ(&line, &format!("+{member}"), format!("{line}: +{member}"));
        }
    }

    fn differ(&mut self, line: &str, what: &str, difference: String) {
        let excepted = EXCEPTIONS.iter().any(|(part, member)| {
            let below = what
                .strip_prefix(member)
                .is_some_and(|rest| rest.starts_with('.'));
            line.contains(part) && (what == *member || below)
        });
        if !excepted {
            self.differences.push(difference);
        }
    }
}

#[test]
fn recorded_exchanges_are_answered_as_they_were() {
    let shared = std::env::var_os("INFRA_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = shared.join("reference/google-http");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is not there", folder.display());
        return;
    };
    let mut differences = Vec::new();
    let mut compared = 0;
    let mut paths: Vec<_> = files.flatten().map(|file| file.path()).collect();
    paths.sort();
    for path in paths {
        if path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable recording");
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut replay = Replay::new(&name);
        let mut mine = true;
        for exchange in exchanges(&text) {
            // Operations are of the mutation before them.
            let operation = exchange.url.contains("${operationID}");
            mine = if operation {
                mine
            } else {
                served(&exchange.url)
            };
            if mine {
                replay.run(&exchange);
            }
        }
        compared += replay.compared;
        differences.extend(replay.differences);
    }
    eprintln!("{compared} exchanges compared");
    assert!(
        compared > 400,
        "{compared} exchanges: the recordings were not read"
    );
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
