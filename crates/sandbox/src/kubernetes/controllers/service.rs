//! Services: their endpoints, and the load balancers that clouds make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::clusters::{Address, Exposed, source};
use super::super::kinds::{self, Resource};
use super::super::selector::Selector;
use super::super::store::Session;
use super::super::value::{hold, list, members, number, remove, same, set, text};
use super::{event, is_deleting, is_over, is_ready, owner_reference};
use crate::latency::Work;

const CLEANUP: &str = "service.kubernetes.io/load-balancer-cleanup";

pub(super) fn reconcile(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) {
    endpoints(session, object);
    balancer(session, resource, id, object);
}

/// A Service as its cloud sees it.
fn exposed(object: &Value) -> Exposed {
    let ports = list(object, "/spec/ports").iter();
    let port = |value: &Value, pointer: &str| {
        number(value, pointer)
            .and_then(|number| u16::try_from(number).ok())
            .unwrap_or(0)
    };
    Exposed {
        namespace: text(object, "/metadata/namespace").to_owned(),
        name: text(object, "/metadata/name").to_owned(),
        uid: text(object, "/metadata/uid").to_owned(),
        annotations: members(object, "/metadata/annotations")
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect::<BTreeMap<_, _>>(),
        ports: ports
            .map(|one| {
                (
                    port(one, "/port"),
                    port(one, "/nodePort"),
                    text(one, "/protocol").to_owned(),
                )
            })
            .collect(),
        sources: list(object, "/spec/loadBalancerSourceRanges")
            .iter()
            .filter_map(|range| range.as_str().map(str::to_owned))
            .collect(),
        address: object["spec"]["loadBalancerIP"].as_str().map(str::to_owned),
    }
}

fn balancer(session: &mut Session<'_>, resource: &Resource, id: &str, object: &Arc<Value>) {
    let held = list(object, "/metadata/finalizers")
        .iter()
        .any(|name| name == CLEANUP);
    let wanted = text(object, "/spec/type") == "LoadBalancer" && !is_deleting(object);
    if !wanted {
        if held {
            withdraw(session, object);
            if is_deleting(object) {
                session.let_go(resource, id, CLEANUP);
                if let Some(left) = session.get(id)
                    && list(&left, "/metadata/finalizers").is_empty()
                {
                    session.erase(&resource.table(), id);
                }
            } else {
                let mut new = Value::clone(object);
                set(&mut new, "status/loadBalancer", json!({}));
                session.update(resource, object, new);
                session.let_go(resource, id, CLEANUP);
            }
        }
        return;
    }
    if !held {
        let mut new = Value::clone(object);
        hold(&mut new, CLEANUP);
        session.update(resource, object, new);
        return;
    }
    let there = !list(object, "/status/loadBalancer/ingress").is_empty();
    if !there && !session.elapsed(&format!("{id}#balancer"), Work::ServiceBalancer) {
        return;
    }
    let service = exposed(object);
    let cloud = source(session.cluster.cloud);
    let result = session.lend(|frame, cluster| cloud.expose(frame, cluster, &service));
    let Some(old) = session.get(id) else { return };
    match result {
        Ok(address) => {
            let entry = match address {
                Address::Host(name) => json!({ "hostname": name }),
                Address::Ip(ip) => json!({ "ip": ip, "ipMode": "VIP" }),
            };
            let mut new = Value::clone(&old);
            set(&mut new, "status/loadBalancer/ingress", json!([entry]));
            if session.update(resource, &old, new) {
                event(
                    session,
                    &old,
                    false,
                    "EnsuredLoadBalancer",
                    "Ensured load balancer",
                );
                super::operators::gateways(session);
            }
        }
        Err(message) => {
            let message =
                format!("Error syncing load balancer: failed to ensure load balancer: {message}");
            event(session, &old, true, "SyncLoadBalancerFailed", &message);
            let at = session.now + 1000;
            session.wake_at(at, id);
        }
    }
}

fn withdraw(session: &mut Session<'_>, object: &Value) {
    let service = exposed(object);
    let cloud = source(session.cluster.cloud);
    session.lend(|frame, cluster| (cloud.withdraw(frame, cluster, &service), ()));
}

/// What goes with a Service: its endpoints.
pub(super) fn gone(session: &mut Session<'_>, object: &Value) {
    let namespace = text(object, "/metadata/namespace");
    let name = text(object, "/metadata/name");
    let kind = kinds::known("", "endpoints");
    session.erase(&kind.table(), &kind.id(namespace, name));
}

fn endpoints(session: &mut Session<'_>, object: &Arc<Value>) {
    let selector = &object["spec"]["selector"];
    if selector.as_object().is_none_or(serde_json::Map::is_empty) || is_deleting(object) {
        return;
    }
    let namespace = text(object, "/metadata/namespace").to_owned();
    let name = text(object, "/metadata/name").to_owned();
    let selector = Selector::of_map(selector);
    let unready_too = object["spec"]["publishNotReadyAddresses"] == true;
    let pods: Vec<Arc<Value>> = session
        .of("", "pods", &namespace)
        .into_iter()
        .filter(|pod| {
            selector.matches_labels(&pod["metadata"]["labels"])
                && !text(pod, "/status/podIP").is_empty()
                && !is_over(pod)
                && !is_deleting(pod)
        })
        .collect();
    let address = |pod: &Arc<Value>| {
        json!({
            "ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"],
            "targetRef": { "kind": "Pod", "name": pod["metadata"]["name"], "namespace": namespace, "uid": pod["metadata"]["uid"] },
        })
    };
    let ready: Vec<Value> = pods
        .iter()
        .filter(|pod| unready_too || is_ready(pod))
        .map(address)
        .collect();
    let unready: Vec<Value> = pods
        .iter()
        .filter(|pod| !unready_too && !is_ready(pod))
        .map(address)
        .collect();
    let ports: Vec<Value> = list(object, "/spec/ports")
        .iter()
        .map(|port| {
            let mut shown = json!({ "port": target(port, &pods), "protocol": port["protocol"] });
            if let Some(name) = port.get("name") {
                shown["name"] = name.clone();
            }
            shown
        })
        .collect();
    let mut subset = json!({ "ports": ports });
    if !ready.is_empty() {
        subset["addresses"] = ready.clone().into();
    }
    if !unready.is_empty() {
        subset["notReadyAddresses"] = unready.into();
    }
    let subsets = if pods.is_empty() {
        json!([])
    } else {
        json!([subset])
    };
    let kind = kinds::known("", "endpoints");
    let labels = object["metadata"]["labels"].clone();
    write(session, &kind, &namespace, &name, object, |new| {
        if !labels.is_null() {
            set(new, "metadata/labels", labels.clone());
        }
        if subsets.as_array().is_some_and(Vec::is_empty) {
            remove(new, "subsets");
        } else {
            set(new, "subsets", subsets.clone());
        }
    });
    let kind = kinds::known("discovery.k8s.io", "endpointslices");
    let slice = format!(
        "{name}-{}",
        super::super::hash(text(object, "/metadata/uid"))
            .get(..5)
            .unwrap_or("slice")
    );
    let endpoints: Vec<Value> = pods
        .iter()
        .map(|pod| {
            let up = unready_too || is_ready(pod);
            json!({
                "addresses": [pod["status"]["podIP"]],
                "conditions": { "ready": up, "serving": up, "terminating": false },
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": { "kind": "Pod", "name": pod["metadata"]["name"], "namespace": namespace, "uid": pod["metadata"]["uid"] },
            })
        })
        .collect();
    write(session, &kind, &namespace, &slice, object, |new| {
        set(
            new,
            "metadata/labels/kubernetes.io~1service-name",
            name.as_str(),
        );
        set(
            new,
            "metadata/labels/endpointslice.kubernetes.io~1managed-by",
            "endpointslice-controller.k8s.io",
        );
        set(new, "addressType", "IPv4");
        set(new, "endpoints", endpoints.clone());
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| {
                let mut port = port.clone();
                super::super::value::default(&mut port, "name", "");
                port
            })
            .collect();
        set(new, "ports", ports);
    });
}

/// The port of the pods that a port of a Service leads to.
fn target(port: &Value, pods: &[Arc<Value>]) -> Value {
    let wanted = &port["targetPort"];
    if let Some(name) = wanted.as_str() {
        let found = pods.iter().find_map(|pod| {
            list(pod, "/spec/containers")
                .iter()
                .flat_map(|container| list(container, "/ports"))
                .find(|one| one["name"] == name)
                .map(|one| one["containerPort"].clone())
        });
        return found.unwrap_or_else(|| port["port"].clone());
    }
    wanted.clone()
}

/// Makes or changes what a Service has; what depends on its endpoints is looked at again.
fn write(
    session: &mut Session<'_>,
    kind: &Resource,
    namespace: &str,
    name: &str,
    owner: &Value,
    change: impl Fn(&mut Value),
) {
    match session.get(&kind.id(namespace, name)) {
        Some(old) => {
            let mut new = Value::clone(&old);
            change(&mut new);
            if same(&old, &new) {
                return;
            }
            session.update(kind, &old, new);
        }
        None => {
            if super::super::admission::namespace(session, kind, namespace, name).is_err() {
                return;
            }
            let mut new = json!({ "metadata": { "name": name, "namespace": namespace } });
            if kind.kind == "EndpointSlice" {
                set(
                    &mut new,
                    "metadata/ownerReferences",
                    json!([owner_reference(owner)]),
                );
            }
            change(&mut new);
            session.make(kind, new);
        }
    }
    let waiting: BTreeSet<String> = session
        .page("apiregistration.k8s.io/apiservices/", None, usize::MAX)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    for id in waiting {
        session.enqueue(&id);
    }
}
