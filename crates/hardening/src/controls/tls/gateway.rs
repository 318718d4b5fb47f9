//! The way in: the Gateway with its listeners, the redirect, and the routes of services.

use super::{ACCESS, Config, ENVOY, GATEWAY, Host, fact, issuer};
use crate::inside::Inside;
use crate::node::{Node, Wait, Where};
use crate::objects::{TLS_ENDED_BY, managed, object, resources};
use infra_draft::cloud::Cloud;
use infra_draft::input::escape;
use infra_model::Value;
use infra_model::expand::Known;
use serde_json::{Value as Json, json};

/// The Gateway's name.
pub(super) const NAME: &str = "main";
/// The class and the proxy's description.
const CLASS: &str = "envoy";

const API: &str = "gateway.networking.k8s.io/v1";
const ENVOY_API: &str = "gateway.envoyproxy.io/v1alpha1";

/// How connections get to the Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// By a load balancer of its own Service; TLS ends in the proxy.
    Own,
    /// By a `load_balancer` of the stack, which ends TLS and sends plain HTTP to this port of the nodes.
    NodePort(u16),
}

/// The load balancer of the stack before this cluster.
fn before(inside: &Inside<'_>) -> Option<Known> {
    let all = (inside.draft.instance.list)("load_balancer");
    let cluster = Some(inside.site.reference.as_str());
    let is_ours = |known: &Known| fact(known, "cluster").and_then(Value::as_str) == cluster;
    all.into_iter().find(is_ours)
}

/// A load balancer of the stack before this cluster is the entry; otherwise the Gateway has its own. Never both.
pub(super) fn entry(inside: &Inside<'_>) -> Entry {
    let ours = before(inside);
    let port = ours.and_then(|known| fact(&known, "node_port")?.as_i64());
    match port.and_then(|p| u16::try_from(p).ok()) {
        Some(port) => Entry::NodePort(port),
        None => Entry::Own,
    }
}

pub(super) fn expand(config: &Config, hosts: &[Host], entry: Entry, inside: &mut Inside<'_>) {
    inside.object(proxy(config, entry, inside));
    let parameters = json!({ "group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": CLASS, "namespace": ENVOY });
    let rest = json!({ "spec": {
        "controllerName": "gateway.envoyproxy.io/gatewayclass-controller",
        "parametersRef": parameters,
    } });
    let class = inside.waited(
        object(API, "GatewayClass", "", CLASS, rest),
        Wait::default().condition("Accepted"),
    );
    let earlier = [
        "helm_release.envoy_gateway".to_owned(),
        super::object_address("EnvoyProxy", ENVOY, CLASS),
    ];
    inside.after(&class, earlier);
    let gateway = gateway(hosts, entry, inside, class);
    inside.address = Some(format!(
        "try({gateway}.object.status.addresses[0].value, null)"
    ));
    inside.object(client_policy(config));
    if entry == Entry::Own && !hosts.is_empty() {
        inside.object(redirect(hosts));
    }
    for host in hosts {
        let listener = match entry {
            Entry::Own => listener_name(host),
            Entry::NodePort(_) => "http".to_owned(),
        };
        for (namespace, running) in &host.routes {
            inside.object(route(config, host, namespace, running, &listener));
        }
    }
}

/// How Envoy Gateway runs the proxies of this Gateway.
fn proxy(config: &Config, entry: Entry, inside: &Inside<'_>) -> Json {
    let annotations = match &inside.site.cloud {
        Cloud::Aws(_) => json!({
            "service.beta.kubernetes.io/aws-load-balancer-type": "nlb",
            "service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled": "true",
        }),
        Cloud::Google(_) => json!({ "cloud.google.com/l4-rbs": "enabled" }),
        Cloud::Azure(_) => json!({}),
    };
    let service = match entry {
        Entry::Own => json!({
            "type": "LoadBalancer",
            // The address of whoever calls is kept.
            "externalTrafficPolicy": "Local",
            "annotations": annotations,
        }),
        Entry::NodePort(port) => json!({
            "type": "NodePort",
            "externalTrafficPolicy": "Cluster",
            "patch": { "type": "StrategicMerge", "value": { "spec": { "ports": [
                { "name": "http-80", "port": 80, "protocol": "TCP", "targetPort": 10080, "nodePort": port },
            ] } } },
        }),
    };
    let labels = json!({ "matchLabels": { "gateway.envoyproxy.io/owning-gateway-name": NAME } });
    let spread = |key: &str| {
        json!({
            "topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": labels,
        })
    };
    let mut deployment = json!({
        "replicas": config.replicas,
        "pod": {
            "priorityClassName": inside.on("quotas").then_some("platform"),
            "topologySpreadConstraints": [spread("topology.kubernetes.io/zone"), spread("kubernetes.io/hostname")],
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        },
        "container": {
            "resources": resources(["100m", "256Mi"], ["1", "512Mi"]),
            "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "runAsNonRoot": true },
        },
    });
    // Beside the proxy runs what ends its connections. By itself it has no limit of processor, which policies refuse.
    let manager = json!({ "name": "shutdown-manager", "resources": resources(["10m", "32Mi"], ["100m", "64Mi"]) });
    deployment["patch"] = json!({
        "type": "StrategicMerge",
        "value": { "spec": { "template": { "spec": { "containers": [manager] } } } },
    });
    let kubernetes = json!({
        "envoyDeployment": deployment,
        "envoyService": service,
        "envoyPDB": (config.replicas > 1).then(|| json!({ "minAvailable": 1 })),
    });
    let spec = json!({
        "provider": { "type": "Kubernetes", "kubernetes": kubernetes },
        // Connections end before the proxy does.
        "shutdown": { "drainTimeout": "60s", "minDrainDuration": "10s" },
    });
    object(
        ENVOY_API,
        "EnvoyProxy",
        ENVOY,
        CLASS,
        json!({ "spec": spec }),
    )
}

fn gateway(hosts: &[Host], entry: Entry, inside: &mut Inside<'_>, class: String) -> String {
    let routes = json!({ "namespaces": {
        "from": "Selector", "selector": { "matchLabels": { ACCESS.0: ACCESS.1 } },
    } });
    let mut listeners = vec![json!({
        "name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": routes,
    })];
    if entry == Entry::Own {
        listeners.extend(hosts.iter().map(|host| {
            json!({
                "name": listener_name(host), "protocol": "HTTPS", "port": 443, "hostname": host.host,
                "tls": { "mode": "Terminate", "certificateRefs": [{ "kind": "Secret", "name": issuer::secret(host) }] },
                "allowedRoutes": routes,
            })
        }));
    }
    let mut rest = json!({ "spec": { "gatewayClassName": CLASS, "listeners": listeners } });
    // In the cluster nothing else tells that what comes in was encrypted.
    let ends = |known: &Known| fact(known, "ends_tls").and_then(Value::as_bool) == Some(true);
    if let Some(ended) = before(inside).filter(ends) {
        rest["metadata"] = json!({ "annotations": { TLS_ENDED_BY: ended.reference } });
    }
    let gateway = object(API, "Gateway", GATEWAY, NAME, rest);
    let body = json!({
        "manifest": managed(gateway),
        "wait": Wait::default().condition("Programmed").json(),
        "computed_fields": ["status.addresses"],
    });
    let address = inside.push_object(Node::new("kubernetes_manifest", "", Where::Cluster, body));
    inside.after(&address, [class]);
    address
}

fn listener_name(host: &Host) -> String {
    format!("https-{}", host.key)
}

fn client_policy(config: &Config) -> Json {
    let spec = json!({
        "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": NAME }],
        "tls": { "minVersion": config.min_version },
        // Asked by load balancers; it is not sent on.
        "healthCheck": { "path": "/healthz" },
        "timeout": { "http": { "requestReceivedTimeout": "60s", "idleTimeout": "300s" } },
    });
    object(
        ENVOY_API,
        "ClientTrafficPolicy",
        GATEWAY,
        NAME,
        json!({ "spec": spec }),
    )
}

/// Everything on port 80 is sent on to HTTPS. It names the hosts, as the challenge's routes do: among routes of one host
/// the exact path of a challenge goes before the prefix here, so a challenge is answered and not redirected, and everything
/// else is redirected while it is under way.
fn redirect(hosts: &[Host]) -> Json {
    let spec = json!({
        "parentRefs": [parent("http")],
        "hostnames": hosts.iter().map(|h| &h.host).collect::<Vec<_>>(),
        "rules": [{
            "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
            "filters": [{ "type": "RequestRedirect", "requestRedirect": { "scheme": "https", "statusCode": 301 } }],
        }],
    });
    object(
        API,
        "HTTPRoute",
        GATEWAY,
        "redirect-to-https",
        json!({ "spec": spec }),
    )
}

fn route(
    config: &Config,
    host: &Host,
    namespace: &str,
    running: &crate::app::Running,
    listener: &str,
) -> Json {
    let service = &running.service;
    let path = service.route.first().map_or("/", |r| r.path.as_str());
    let hsts = format!("max-age={}; includeSubDomains", config.hsts_seconds);
    let filters = (config.hsts_seconds > 0).then(|| {
        json!([{ "type": "ResponseHeaderModifier", "responseHeaderModifier": {
            "set": [{ "name": "Strict-Transport-Security", "value": hsts }],
        } }])
    });
    let spec = json!({
        "parentRefs": [parent(listener)],
        "hostnames": [host.host],
        "rules": [{
            "matches": [{ "path": { "type": "PathPrefix", "value": escape(path) } }],
            "filters": filters,
            "backendRefs": [{ "name": running.name, "port": service.port }],
        }],
    });
    object(
        API,
        "HTTPRoute",
        namespace,
        &running.name,
        json!({ "spec": spec }),
    )
}

fn parent(listener: &str) -> Json {
    json!({
        "group": "gateway.networking.k8s.io", "kind": "Gateway",
        "name": NAME, "namespace": GATEWAY, "sectionName": listener,
    })
}
