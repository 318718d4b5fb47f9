//! Pods: placed on a node that takes them, started when what they mount is there, over when their work is, gone when
//! they were asked to stop.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds::{self, Resource};
use super::super::quantity;
use super::super::selector::Selector;
use super::super::store::Session;
use super::super::value::{list, members, set, text};
use super::{event, is_deleting, is_over, owners, set_condition};
use crate::latency::Work;

/// Moves a pod on.
pub(super) fn reconcile(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) {
    changed(session, object);
    owners(session, object);
    super::budget::changed(session, text(object, "/metadata/namespace"));
    if is_deleting(object) {
        let held = !list(object, "/metadata/finalizers").is_empty();
        let stop = format!("{id}#stop");
        if !held && session.elapsed(&stop, Work::PodStop) {
            session.erase(&resource.table(), id);
        }
        return;
    }
    if text(object, "/spec/nodeName").is_empty() {
        return schedule(session, resource, object);
    }
    if !text(object, "/spec/schedulingGates/0/name").is_empty() || is_over(object) {
        return;
    }
    match text(object, "/status/phase") {
        "Running" => work(session, resource, id, object),
        _ => start(session, resource, id, object),
    }
}

/// Queues what selects pods, and who judges them.
pub(super) fn changed(session: &mut Session<'_>, pod: &Value) {
    super::operators::pods_changed(session);
    let namespace = text(pod, "/metadata/namespace");
    let labels = &pod["metadata"]["labels"];
    for service in session.of("", "services", namespace) {
        let selector = &service["spec"]["selector"];
        if selector.is_object() && Selector::of_map(selector).matches_labels(labels) {
            let name = text(&service, "/metadata/name");
            session.enqueue(&kinds::id("", "services", namespace, name));
        }
    }
    for budget in session.of("policy", "poddisruptionbudgets", namespace) {
        if Selector::of(&budget["spec"]["selector"]).matches_labels(labels) {
            let name = text(&budget, "/metadata/name");
            session.enqueue(&kinds::id(
                "policy",
                "poddisruptionbudgets",
                namespace,
                name,
            ));
        }
    }
}

/// Whether a pod tolerates a taint.
pub(super) fn tolerates(pod: &Value, taint: &Value) -> bool {
    list(pod, "/spec/tolerations").iter().any(|one| {
        let effect = text(one, "/effect");
        let key = text(one, "/key");
        let exists = text(one, "/operator") == "Exists";
        (effect.is_empty() || effect == text(taint, "/effect"))
            && (key == text(taint, "/key") || key.is_empty() && exists)
            && (exists || text(one, "/value") == text(taint, "/value"))
    })
}

/// Whether a node's labels and taints let a pod on it.
pub(super) fn fits(pod: &Value, node: &Value, cordoned: bool) -> bool {
    let labels = &node["metadata"]["labels"];
    let selected = members(pod, "/spec/nodeSelector").all(|(key, value)| labels[key] == *value);
    let terms = list(
        pod,
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    );
    let near = terms.is_empty()
        || terms.iter().any(|term| {
            let fields = list(term, "/matchFields")
                .iter()
                .all(|field| list(field, "/values").contains(&node["metadata"]["name"]));
            Selector::of(term).matches_labels(labels) && fields
        });
    let tainted = list(node, "/spec/taints")
        .iter()
        .any(|taint| text(taint, "/effect") != "PreferNoSchedule" && !tolerates(pod, taint));
    selected && near && !tainted && (cordoned || node["spec"]["unschedulable"] != true)
}

/// Whether required anti-affinity keeps a pod from a node.
fn repelled(session: &Session<'_>, pod: &Value, node: &Value) -> bool {
    let terms = list(
        pod,
        "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution",
    );
    if terms.is_empty() {
        return false;
    }
    let namespace = text(pod, "/metadata/namespace");
    let others = session.of("", "pods", namespace);
    terms.iter().any(|term| {
        let key = text(term, "/topologyKey");
        let selector = Selector::of(&term["labelSelector"]);
        others.iter().any(|other| {
            let at = text(other, "/spec/nodeName");
            if at.is_empty()
                || is_over(other)
                || !selector.matches_labels(&other["metadata"]["labels"])
            {
                return false;
            }
            let there = session.find("", "nodes", "", at);
            there.is_some_and(|there| {
                let (a, b) = (
                    &there["metadata"]["labels"][key],
                    &node["metadata"]["labels"][key],
                );
                !a.is_null() && a == b
            })
        })
    })
}

fn schedule(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let now = session.time();
    let nodes = session.all("", "nodes");
    let pods = session.all("", "pods");
    let mut best: Option<(usize, &Arc<Value>)> = None;
    let mut full = 0;
    for node in &nodes {
        if !fits(object, node, false) || repelled(session, object, node) {
            continue;
        }
        let here: Vec<&Arc<Value>> = pods
            .iter()
            .filter(|pod| pod["spec"]["nodeName"] == node["metadata"]["name"] && !is_over(pod))
            .collect();
        let most = quantity::read(&node["status"]["allocatable"]["pods"]).unwrap_or(110_000) / 1000;
        let crowded = here.len() as i128 >= most;
        let short = ["cpu", "memory"].iter().any(|name| {
            let asked = requested(object, name);
            let used: i128 = here.iter().map(|pod| requested(pod, name)).sum();
            let has = quantity::read(&node["status"]["allocatable"][*name]).unwrap_or(i128::MAX);
            asked > 0 && used + asked > has
        });
        if crowded || short {
            full += 1;
            continue;
        }
        if best.is_none_or(|(count, _)| here.len() < count) {
            best = Some((here.len(), node));
        }
    }
    let mut new = Value::clone(object);
    super::super::value::default(&mut new, "status/phase", "Pending");
    match best {
        Some((_, node)) => {
            set(&mut new, "spec/nodeName", text(node, "/metadata/name"));
            set_condition(&mut new, "PodScheduled", true, "", "", &now);
            session.update(resource, object, new);
            for volume in list(object, "/spec/volumes") {
                let claim = claim_of(object, volume);
                if !claim.is_empty() {
                    let namespace = text(object, "/metadata/namespace");
                    session.enqueue(&kinds::id("", "persistentvolumeclaims", namespace, &claim));
                }
            }
        }
        None => {
            let message = format!(
                "0/{} nodes are available: {} Insufficient resources, {} node(s) didn't match the pod's node affinity/selector or had untolerated taints.",
                nodes.len(),
                full,
                nodes.len() - full
            );
            set_condition(
                &mut new,
                "PodScheduled",
                false,
                "Unschedulable",
                &message,
                &now,
            );
            if session.update(resource, object, new) {
                event(session, object, true, "FailedScheduling", &message);
            }
        }
    }
}

fn requested(pod: &Value, name: &str) -> i128 {
    list(pod, "/spec/containers")
        .iter()
        .filter_map(|one| quantity::read(&one["resources"]["requests"][name]))
        .sum()
}

/// The claim of a volume, also of one made with its pod.
pub(super) fn claim_of(pod: &Value, volume: &Value) -> String {
    if volume["ephemeral"].is_object() {
        return format!("{}-{}", text(pod, "/metadata/name"), text(volume, "/name"));
    }
    text(volume, "/persistentVolumeClaim/claimName").to_owned()
}

/// What a pod waits for: reason and message.
fn missing(session: &mut Session<'_>, pod: &Value) -> Option<(&'static str, String)> {
    let namespace = text(pod, "/metadata/namespace").to_owned();
    for volume in list(pod, "/spec/volumes") {
        for (source, plural, member) in [
            ("configMap", "configmaps", "name"),
            ("secret", "secrets", "secretName"),
        ] {
            let name = text(volume, &format!("/{source}/{member}"));
            if !name.is_empty()
                && volume[source]["optional"] != true
                && session.find("", plural, &namespace, name).is_none()
            {
                let word = source.to_lowercase();
                let message = format!(
                    "MountVolume.SetUp failed for volume {:?} : {word} {name:?} not found",
                    text(volume, "/name")
                );
                return Some(("ContainerCreating", message));
            }
        }
        let claim = claim_of(pod, volume);
        if !claim.is_empty() {
            if volume["ephemeral"].is_object() {
                super::storage::ephemeral(session, pod, volume, &claim);
            }
            let found = session.find("", "persistentvolumeclaims", &namespace, &claim);
            match found {
                None => {
                    return Some((
                        "ContainerCreating",
                        format!("persistentvolumeclaim {claim:?} not found"),
                    ));
                }
                Some(found) if text(&found, "/status/phase") != "Bound" => {
                    return Some((
                        "ContainerCreating",
                        format!("persistentvolumeclaim {claim:?} is not bound"),
                    ));
                }
                Some(_) => {}
            }
        }
    }
    for kind in ["initContainers", "containers"] {
        for container in list(pod, &format!("/spec/{kind}")) {
            let from = list(container, "/envFrom").iter();
            let refs = list(container, "/env")
                .iter()
                .map(|variable| &variable["valueFrom"])
                .chain(from);
            for reference in refs {
                for (source, plural) in [
                    ("configMapKeyRef", "configmaps"),
                    ("secretKeyRef", "secrets"),
                    ("configMapRef", "configmaps"),
                    ("secretRef", "secrets"),
                ] {
                    let name = text(reference, &format!("/{source}/name"));
                    if name.is_empty() || reference[source]["optional"] == true {
                        continue;
                    }
                    let Some(found) = session.find("", plural, &namespace, name) else {
                        let word = plural.trim_end_matches('s');
                        return Some((
                            "CreateContainerConfigError",
                            format!("{word} {name:?} not found"),
                        ));
                    };
                    let key = text(reference, &format!("/{source}/key"));
                    if !key.is_empty()
                        && found["data"].get(key).is_none()
                        && found["binaryData"].get(key).is_none()
                    {
                        return Some((
                            "CreateContainerConfigError",
                            format!("couldn't find key {key} in {plural} {namespace}/{name}"),
                        ));
                    }
                }
            }
        }
    }
    None
}

fn start(session: &mut Session<'_>, resource: &Resource, id: &str, object: &Arc<Value>) {
    let now = session.time();
    if let Some((reason, message)) = missing(session, object) {
        let mut new = Value::clone(object);
        set(&mut new, "status/phase", "Pending");
        let statuses = statuses(
            object,
            "containers",
            &json!({ "waiting": { "reason": reason, "message": message } }),
            false,
        );
        set(&mut new, "status/containerStatuses", statuses);
        set_condition(&mut new, "Ready", false, "ContainersNotReady", "", &now);
        if session.update(resource, object, new) {
            event(session, object, true, "Failed", &message);
        }
        // What is missing may come; nobody says so to the pod.
        let at = session.now + 200;
        session.wake_at(at, id);
        return;
    }
    if !session.elapsed(id, Work::PodStart) {
        return;
    }
    let mut new = Value::clone(object);
    set(&mut new, "status/phase", "Running");
    super::super::value::default(&mut new, "status/startTime", now.as_str());
    let node = session.find("", "nodes", "", text(object, "/spec/nodeName"));
    let host = node.map_or_else(String::new, |node| {
        text(&node, "/status/addresses/0/address").to_owned()
    });
    let address = if object["spec"]["hostNetwork"] == true {
        host.clone()
    } else {
        let number = u32::from_str_radix(&session.tx_mut().hex(4), 16).unwrap_or_default();
        format!("10.244.{}.{}", number >> 8, (number & 255).max(2))
    };
    set(&mut new, "status/hostIP", host.as_str());
    set(&mut new, "status/hostIPs", json!([{ "ip": host }]));
    set(&mut new, "status/podIP", address.as_str());
    set(&mut new, "status/podIPs", json!([{ "ip": address }]));
    set(&mut new, "status/qosClass", class(object));
    let running = json!({ "running": { "startedAt": now } });
    set(
        &mut new,
        "status/containerStatuses",
        statuses(object, "containers", &running, true),
    );
    let done = json!({ "terminated": { "exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now } });
    if !list(object, "/spec/initContainers").is_empty() {
        set(
            &mut new,
            "status/initContainerStatuses",
            statuses(object, "initContainers", &done, true),
        );
    }
    for kind in ["Initialized", "ContainersReady", "Ready"] {
        set_condition(&mut new, kind, true, "", "", &now);
    }
    session.update(resource, object, new);
}

fn statuses(pod: &Value, kind: &str, state: &Value, ready: bool) -> Vec<Value> {
    let containers = list(pod, &format!("/spec/{kind}")).iter();
    containers
        .map(|container| {
            json!({
                "name": container["name"], "image": container["image"],
                "imageID": format!("sandbox/{}", text(container, "/image")),
                "containerID": format!("containerd://{}", super::super::hash(&format!("{}{}", text(pod, "/metadata/uid"), text(container, "/name")))),
                "ready": ready, "started": ready, "restartCount": 0, "state": state, "lastState": {},
            })
        })
        .collect()
}

fn class(pod: &Value) -> &'static str {
    let containers = list(pod, "/spec/containers");
    let has =
        |part: &str, name: &str, container: &Value| !container["resources"][part][name].is_null();
    let none = containers.iter().all(|one| {
        ["limits", "requests"].iter().all(|part| {
            one["resources"][*part]
                .as_object()
                .is_none_or(serde_json::Map::is_empty)
        })
    });
    let guaranteed = containers.iter().all(|one| {
        ["cpu", "memory"].iter().all(|name| {
            has("limits", name, one)
                && one["resources"]["limits"][*name] == one["resources"]["requests"][*name]
        })
    });
    match (none, guaranteed) {
        (true, _) => "BestEffort",
        (_, true) => "Guaranteed",
        _ => "Burstable",
    }
}

/// A running pod that is to end ends after a while.
fn work(session: &mut Session<'_>, resource: &Resource, id: &str, object: &Arc<Value>) {
    if text(object, "/spec/restartPolicy") == "Always" || !session.elapsed(id, Work::PodRun) {
        return;
    }
    let now = session.time();
    let mut new = Value::clone(object);
    set(&mut new, "status/phase", "Succeeded");
    let done = json!({ "terminated": { "exitCode": 0, "reason": "Completed", "startedAt": object["status"]["startTime"], "finishedAt": now } });
    set(
        &mut new,
        "status/containerStatuses",
        statuses(object, "containers", &done, false),
    );
    for kind in ["ContainersReady", "Ready"] {
        set_condition(&mut new, kind, false, "PodCompleted", "", &now);
    }
    session.update(resource, object, new);
}
