//! Envoy Gateway: a Gateway becomes a Deployment and a Service of type LoadBalancer in the operator's namespace, and
//! routes are accepted by the Gateways that they name.

use serde_json::{Value, json};

use super::super::super::kinds;
use super::super::super::store::Session;
use super::super::super::value::{list, number, set, text};
use super::super::delete;
use super::{Case, condition, later, ready, say, service, workload};

/// Its names.
pub(super) const NAMES: &[&str] = &["envoy-gateway", "gateway-helm"];

const CONTROLLER: &str = "gateway.envoyproxy.io/gatewayclass-controller";
const OWNER: &str = "gateway.envoyproxy.io/owning-gateway-name";
const OWNER_NAMESPACE: &str = "gateway.envoyproxy.io/owning-gateway-namespace";

pub(super) fn reconcile(session: &mut Session<'_>, case: &Case<'_>) {
    match case.kind() {
        "GatewayClass" => {
            if text(case.object, "/spec/controllerName") == CONTROLLER {
                ready(session, case, &["Accepted"], |_| {});
            }
        }
        "Gateway" => gateway(session, case),
        "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" | "UDPRoute" => route(session, case),
        "Backend" | "ListenerSet" => ready(session, case, &["Accepted", "Programmed"], |_| {}),
        "EnvoyProxy" | "ReferenceGrant" => {}
        _ => policy(session, case),
    }
}

fn labels(case: &Case<'_>) -> Value {
    json!({
        "app.kubernetes.io/name": "envoy", "app.kubernetes.io/component": "proxy",
        "app.kubernetes.io/managed-by": "envoy-gateway",
        OWNER: case.name(), OWNER_NAMESPACE: case.namespace(),
    })
}

/// The Service of a Gateway, and its Deployment, by one name.
fn name_of(namespace: &str, name: &str) -> String {
    let digest = super::super::super::hash(&format!("{namespace}/{name}"));
    let mut stem = format!("envoy-{namespace}-{name}");
    stem.truncate(50);
    format!("{}-{}", stem.trim_end_matches('-'), &digest[..8])
}

/// Whether its class is this operator's, and accepted.
fn is_ours(session: &Session<'_>, gateway: &Value) -> bool {
    let class = text(gateway, "/spec/gatewayClassName");
    session
        .find("gateway.networking.k8s.io", "gatewayclasses", "", class)
        .is_some_and(|class| text(&class, "/spec/controllerName") == CONTROLLER)
}

fn gateway(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    if !is_ours(session, object) {
        return later(session, case);
    }
    let name = name_of(case.namespace(), case.name());
    let labels = labels(case);
    let settings = proxy(session, case);
    let replicas = number(
        &settings,
        "/spec/provider/kubernetes/envoyDeployment/replicas",
    )
    .unwrap_or(1);
    let mut envoy = workload(
        "Deployment",
        &name,
        &labels,
        "docker.io/envoyproxy/envoy:distroless-v1.36",
        replicas,
    );
    set(&mut envoy, "metadata/namespace", case.home);
    let kind = kinds::known("apps", "deployments");
    let mut value = envoy;
    super::super::super::defaults::fill(&kind, &mut value);
    session.make(&kind, value);
    let mut front = service(&name, &labels, 80);
    set(&mut front, "metadata/namespace", case.home);
    let wanted = match text(&settings, "/spec/provider/kubernetes/envoyService/type") {
        "" => "LoadBalancer",
        wanted => wanted,
    };
    set(&mut front, "spec/type", wanted);
    set(&mut front, "spec/externalTrafficPolicy", "Local");
    for (key, value) in super::super::super::value::members(
        &settings,
        "/spec/provider/kubernetes/envoyService/annotations",
    ) {
        set(
            &mut front,
            &format!("metadata/annotations/{}", key.replace('/', "~1")),
            value.clone(),
        );
    }
    let mut ports: Vec<(String, i64)> = list(object, "/spec/listeners")
        .iter()
        .map(|listener| {
            (
                text(listener, "/protocol").to_lowercase(),
                number(listener, "/port").unwrap_or(80),
            )
        })
        .collect();
    ports.sort_by_key(|(_, port)| *port);
    ports.dedup_by_key(|(_, port)| *port);
    let ports: Vec<Value> = ports
        .iter()
        .map(|(protocol, port)| json!({ "name": format!("{protocol}-{port}"), "port": port, "targetPort": if *port < 1024 { port + 10_000 } else { *port } }))
        .collect();
    set(&mut front, "spec/ports", ports.clone());
    let kind = kinds::known("", "services");
    let id = kind.id(case.home, &name);
    match session.get(&id) {
        None => {
            super::super::super::defaults::fill(&kind, &mut front);
            super::super::super::rules::prepare(session, &kind, None, &mut front);
            session.make(&kind, front);
        }
        Some(old) => {
            let listed = |value: &Value| -> Vec<Option<i64>> {
                list(value, "/spec/ports")
                    .iter()
                    .map(|port| number(port, "/port"))
                    .collect()
            };
            if listed(&old) != listed(&front) {
                let mut new = Value::clone(&old);
                set(&mut new, "spec/ports", ports);
                super::super::super::defaults::fill(&kind, &mut new);
                super::super::super::rules::prepare(session, &kind, Some(&old), &mut new);
                session.update(&kind, &old, new);
            }
        }
    }
    let front = session.get(&id);
    let balanced = front
        .as_ref()
        .map(|front| list(front, "/status/loadBalancer/ingress").to_vec())
        .unwrap_or_default();
    let addresses: Vec<Value> = match (wanted, &front) {
        ("LoadBalancer", _) => balanced
            .iter()
            .map(|one| match text(one, "/ip") {
                "" => json!({ "type": "Hostname", "value": one["hostname"] }),
                ip => json!({ "type": "IPAddress", "value": ip }),
            })
            .collect(),
        (_, Some(front)) => {
            vec![json!({ "type": "IPAddress", "value": front["spec"]["clusterIP"] })]
        }
        _ => Vec::new(),
    };
    let programmed = !addresses.is_empty();
    let listeners = listeners(session, case);
    let waiting = listeners.iter().any(|(_, good)| !good);
    let routes: Vec<Value> = listeners.iter().map(|(status, _)| status.clone()).collect();
    say(session, case, |new, now, generation| {
        condition(
            new,
            "Accepted",
            true,
            "Accepted",
            "The Gateway has been scheduled by Envoy Gateway",
            now,
            generation,
        );
        let (reason, message) = if programmed {
            ("Programmed", "Address assigned to the Gateway")
        } else {
            (
                "AddressNotAssigned",
                "No addresses have been assigned to the Gateway",
            )
        };
        condition(
            new,
            "Programmed",
            programmed,
            reason,
            message,
            now,
            generation,
        );
        set(new, "status/addresses", addresses);
        let mut all = routes;
        for listener in &mut all {
            let before = list(new, "/status/listeners")
                .iter()
                .find(|old| old["name"] == listener["name"])
                .cloned()
                .unwrap_or_default();
            for one in listener["conditions"].as_array_mut().into_iter().flatten() {
                let kept = list(&before, "/conditions")
                    .iter()
                    .find(|old| old["type"] == one["type"] && old["status"] == one["status"]);
                one["lastTransitionTime"] =
                    kept.map_or(json!(now), |old| old["lastTransitionTime"].clone());
                one["observedGeneration"] = generation.clone();
            }
        }
        set(new, "status/listeners", all);
    });
    if waiting || !programmed {
        later(session, case);
    }
}

/// The EnvoyProxy that a Gateway or its class names.
fn proxy(session: &Session<'_>, case: &Case<'_>) -> Value {
    let own = &case.object["spec"]["infrastructure"]["parametersRef"];
    let class = session.find(
        "gateway.networking.k8s.io",
        "gatewayclasses",
        "",
        text(case.object, "/spec/gatewayClassName"),
    );
    let found = if own["kind"] == "EnvoyProxy" {
        session.find(
            "gateway.envoyproxy.io",
            "envoyproxies",
            case.namespace(),
            text(own, "/name"),
        )
    } else {
        class.and_then(|class| {
            let reference = &class["spec"]["parametersRef"];
            session.find(
                "gateway.envoyproxy.io",
                "envoyproxies",
                text(reference, "/namespace"),
                text(reference, "/name"),
            )
        })
    };
    found.map(|found| Value::clone(&found)).unwrap_or_default()
}

/// The status of each listener, and whether all that it refers to is there.
fn listeners(session: &Session<'_>, case: &Case<'_>) -> Vec<(Value, bool)> {
    let routes: Vec<_> = ["httproutes", "grpcroutes", "tlsroutes", "tcproutes"]
        .iter()
        .flat_map(|plural| session.all("gateway.networking.k8s.io", plural))
        .collect();
    list(case.object, "/spec/listeners")
        .iter()
        .map(|listener| {
            let missing = list(listener, "/tls/certificateRefs").iter().find(|reference| {
                let namespace = match text(reference, "/namespace") {
                    "" => case.namespace(),
                    namespace => namespace,
                };
                session
                    .find("", "secrets", namespace, text(reference, "/name"))
                    .is_none()
            });
            let good = missing.is_none();
            let attached = routes
                .iter()
                .filter(|route| {
                    list(route, "/spec/parentRefs").iter().any(|parent| {
                        let section = text(parent, "/sectionName");
                        names(case, route, parent) && (section.is_empty() || section == text(listener, "/name"))
                    })
                })
                .count();
            let one = |kind: &str, status: bool, reason: &str, message: String| {
                json!({
                    "type": kind, "status": if status { "True" } else { "False" }, "reason": reason, "message": message,
                })
            };
            let said = missing.map_or_else(String::new, |reference| {
                format!("Secret {} does not exist", text(reference, "/name"))
            });
            let kinds: &[&str] = match text(listener, "/protocol") {
                "TLS" => &["TLSRoute"],
                "TCP" => &["TCPRoute"],
                "UDP" => &["UDPRoute"],
                _ => &["HTTPRoute", "GRPCRoute"],
            };
            let kinds: Vec<Value> = kinds
                .iter()
                .map(|kind| json!({ "group": "gateway.networking.k8s.io", "kind": kind }))
                .collect();
            let conditions = [
                one("Accepted", true, "Accepted", "Listener has been successfully translated".to_owned()),
                one("Programmed", good, if good { "Programmed" } else { "Invalid" }, said.clone()),
                one("ResolvedRefs", good, if good { "ResolvedRefs" } else { "InvalidCertificateRef" }, said),
            ];
            let status = json!({
                "name": listener["name"], "attachedRoutes": attached, "supportedKinds": kinds, "conditions": conditions,
            });
            (status, good)
        })
        .collect()
}

/// Whether a parent reference of a route names the Gateway.
fn names(case: &Case<'_>, route: &Value, parent: &Value) -> bool {
    let namespace = match text(parent, "/namespace") {
        "" => text(route, "/metadata/namespace"),
        namespace => namespace,
    };
    let kind = text(parent, "/kind");
    (kind.is_empty() || kind == "Gateway")
        && text(parent, "/name") == case.name()
        && namespace == case.namespace()
}

fn route(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    let mut parents = Vec::new();
    let mut waiting = false;
    for parent in list(object, "/spec/parentRefs") {
        let namespace = match text(parent, "/namespace") {
            "" => case.namespace(),
            namespace => namespace,
        };
        let found = session.find(
            "gateway.networking.k8s.io",
            "gateways",
            namespace,
            text(parent, "/name"),
        );
        let ours = found.is_some_and(|found| is_ours(session, &found));
        if !ours {
            waiting = true;
            continue;
        }
        let missing = list(object, "/spec/rules")
            .iter()
            .flat_map(|rule| list(rule, "/backendRefs"))
            .find(|backend| {
                let kind = text(backend, "/kind");
                let place = match text(backend, "/namespace") {
                    "" => case.namespace(),
                    place => place,
                };
                (kind.is_empty() || kind == "Service")
                    && session
                        .find("", "services", place, text(backend, "/name"))
                        .is_none()
            });
        waiting |= missing.is_some();
        parents.push((
            parent.clone(),
            missing.map(|backend| text(backend, "/name").to_owned()),
        ));
    }
    say(session, case, |new, now, generation| {
        let before = list(new, "/status/parents").to_vec();
        let shown: Vec<Value> = parents
            .iter()
            .map(|(parent, missing)| {
                let old = before.iter().find(|old| old["parentRef"] == *parent);
                let mut holder = json!({ "status": { "conditions": old.map(|old| old["conditions"].clone()).unwrap_or(json!([])) } });
                condition(&mut holder, "Accepted", true, "Accepted", "Route is accepted", now, generation);
                match missing {
                    None => condition(&mut holder, "ResolvedRefs", true, "ResolvedRefs", "Resolved all the Object references for the Route", now, generation),
                    Some(name) => condition(&mut holder, "ResolvedRefs", false, "BackendNotFound", &format!("Service {name} not found"), now, generation),
                }
                json!({ "parentRef": parent, "controllerName": CONTROLLER, "conditions": holder["status"]["conditions"] })
            })
            .collect();
        set(new, "status/parents", shown);
    });
    super::gateways(session);
    if waiting {
        later(session, case);
    }
}

/// A policy is accepted by what it targets.
fn policy(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    let mut targets = list(object, "/spec/targetRefs").to_vec();
    if let Some(target) = object["spec"].get("targetRef") {
        targets.push(target.clone());
    }
    let namespace = case.namespace().to_owned();
    say(session, case, |new, now, generation| {
        let before = list(new, "/status/ancestors").to_vec();
        let shown: Vec<Value> = targets
            .iter()
            .map(|target| {
                let reference = json!({
                    "group": target["group"], "kind": target["kind"], "name": target["name"], "namespace": namespace,
                });
                let old = before.iter().find(|old| old["ancestorRef"]["name"] == target["name"]);
                let mut holder = json!({ "status": { "conditions": old.map(|old| old["conditions"].clone()).unwrap_or(json!([])) } });
                condition(&mut holder, "Accepted", true, "Accepted", "Policy has been accepted.", now, generation);
                json!({ "ancestorRef": reference, "controllerName": CONTROLLER, "conditions": holder["status"]["conditions"] })
            })
            .collect();
        set(new, "status/ancestors", shown);
    });
}

/// What a Gateway had goes with it.
pub(super) fn gone(session: &mut Session<'_>, old: &Value) {
    let (namespace, name) = (
        text(old, "/metadata/namespace"),
        text(old, "/metadata/name"),
    );
    for (group, plural) in [("", "services"), ("apps", "deployments")] {
        for object in session.all(group, plural) {
            let labels = &object["metadata"]["labels"];
            if labels[OWNER] == name && labels[OWNER_NAMESPACE] == namespace {
                let kind = kinds::known(group, plural);
                delete(session, &kind, &object);
            }
        }
    }
}
