//! The way in: the Gateway with its listeners, the redirect, and the routes of services.

use super::{Config, ENVOY, GATEWAY, Host, fact, issuer};
use crate::inside::Inside;
use crate::node::{Node, Wait, Where};
use crate::objects::{TLS_ENDED_BY, managed, object, resources};
use infra_draft::cloud::Cloud;
use infra_draft::input::escape;
use infra_model::Value;
use infra_model::expand::Known;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// The Gateway's name.
pub(super) const NAME: &str = "main";
/// The class and the proxy's description.
const CLASS: &str = "envoy";

const API: &str = "gateway.networking.k8s.io/v1";
const ENVOY_API: &str = "gateway.envoyproxy.io/v1alpha1";

/// A `load_balancer` of the stack before the Gateway, which ends TLS and sends plain HTTP on. Without one the Gateway's own Service is
/// the load balancer, and TLS ends in the proxy. Never both.
pub(super) struct Balancer {
    /// `load_balancer.web`: how expressions reach it.
    pub(super) reference: String,
    /// The port of the nodes that it sends to.
    port: u16,
    /// The address in the network that it sends to instead, where it reaches no ports of nodes.
    address: Option<String>,
    /// Whether only the network reaches it.
    pub(super) internal: bool,
    /// Whether what reaches it is encrypted.
    ends_tls: bool,
    /// Whether it was told to send to the Gateway, and not to a port that may be anything's.
    to_gateway: bool,
}

/// The load balancer of the stack before this cluster.
pub(super) fn before(inside: &Inside<'_>) -> Option<Balancer> {
    let all = (inside.draft.instance.list)("load_balancer");
    let cluster = Some(inside.site.reference.as_str());
    let is_ours = |known: &Known| fact(known, "cluster").and_then(Value::as_str) == cluster;
    let ours = all.into_iter().find(is_ours)?;
    let port = fact(&ours, "node_port")?.as_i64()?;
    let address = fact(&ours, "gateway_address").and_then(Value::as_str);
    let is = |name: &str| fact(&ours, name).and_then(Value::as_bool) == Some(true);
    Some(Balancer {
        port: u16::try_from(port).ok()?,
        address: address.map(str::to_owned),
        internal: is("internal"),
        ends_tls: is("ends_tls"),
        to_gateway: fact(&ours, "gateway").is_some(),
        reference: ours.reference,
    })
}

/// A load balancer that was told to send to a Gateway which nobody makes.
pub(crate) fn refuse_without(inside: &mut Inside<'_>) {
    if let Some(balancer) = before(inside).filter(|balancer| balancer.to_gateway) {
        inside.draft.refuse(
            "tls",
            format!(
                "{} sends to the Gateway, which the control `tls` makes: it is off",
                balancer.reference
            ),
            "switch the control on, or give the load balancer a `cluster` and a `node_port` as its target",
        );
    }
}

pub(super) fn expand(
    config: &Config,
    hosts: &[Host],
    before: Option<&Balancer>,
    inside: &mut Inside<'_>,
) {
    inside.object(proxy(config, before, inside));
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
    let gateway = gateway(hosts, before, inside, class);
    inside.address = Some(match before {
        Some(balancer) => format!("{}.dns_name", balancer.reference),
        None => format!("try({gateway}.object.status.addresses[0].value, null)"),
    });
    inside.object(client_policy(config, before, &inside.site.cloud));
    if before.is_none() && !hosts.is_empty() {
        inside.object(redirect(hosts));
    }
    for host in hosts {
        let listener = match before {
            None => listener_name(host),
            Some(_) => "http".to_owned(),
        };
        for (namespace, running) in &host.routes {
            inside.object(route(config, host, namespace, running, &listener));
        }
    }
}

/// How Envoy Gateway runs the proxies of this Gateway.
fn proxy(config: &Config, before: Option<&Balancer>, inside: &Inside<'_>) -> Json {
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
        "envoyService": service(before, &inside.site.cloud),
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

/// The Service by which connections get to the proxies.
fn service(before: Option<&Balancer>, cloud: &Cloud) -> Json {
    let of_its_own = |annotations: Json| {
        json!({
            "type": "LoadBalancer",
            // The address of whoever calls is kept.
            "externalTrafficPolicy": "Local",
            "annotations": annotations,
        })
    };
    match before {
        None => of_its_own(match cloud {
            Cloud::Aws(_) => json!({
                "service.beta.kubernetes.io/aws-load-balancer-type": "nlb",
                "service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled": "true",
            }),
            Cloud::Google(_) => json!({ "cloud.google.com/l4-rbs": "enabled" }),
            Cloud::Azure(_) => json!({}),
        }),
        // https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/
        Some(Balancer {
            address: Some(address),
            ..
        }) => of_its_own(json!({
            "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
            "service.beta.kubernetes.io/azure-load-balancer-ipv4": address,
        })),
        Some(Balancer { port, .. }) => json!({
            "type": "NodePort",
            "externalTrafficPolicy": "Cluster",
            "patch": { "type": "StrategicMerge", "value": { "spec": { "ports": [
                { "name": "http-80", "port": 80, "protocol": "TCP", "targetPort": 10080, "nodePort": port },
            ] } } },
        }),
    }
}

fn gateway(
    hosts: &[Host],
    before: Option<&Balancer>,
    inside: &mut Inside<'_>,
    class: String,
) -> String {
    let mut plain = BTreeSet::from([GATEWAY]);
    if before.is_some() {
        plain.extend(hosts.iter().flat_map(namespaces));
    }
    let mut listeners = vec![json!({
        "name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": routes_of(&plain),
    })];
    if before.is_none() {
        listeners.extend(hosts.iter().map(|host| {
            json!({
                "name": listener_name(host), "protocol": "HTTPS", "port": 443, "hostname": host.host,
                "tls": { "mode": "Terminate", "certificateRefs": [{ "kind": "Secret", "name": issuer::secret(host) }] },
                "allowedRoutes": routes_of(&namespaces(host).collect()),
            })
        }));
    }
    let mut rest = json!({ "spec": { "gatewayClassName": CLASS, "listeners": listeners } });
    // In the cluster nothing else tells that what comes in was encrypted.
    if let Some(ended) = before.filter(|balancer| balancer.ends_tls) {
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

/// The namespaces that have a part of a host.
fn namespaces(host: &Host) -> impl Iterator<Item = &str> {
    host.routes.iter().map(|(namespace, _)| namespace.as_str())
}

/// Whose routes a listener takes: of namespaces by their names, which nobody gives themselves.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>
fn routes_of(namespaces: &BTreeSet<&str>) -> Json {
    json!({ "namespaces": { "from": "Selector", "selector": { "matchExpressions": [
        { "key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces },
    ] } } })
}

fn listener_name(host: &Host) -> String {
    format!("https-{}", host.key)
}

/// How many addresses a load balancer adds to X-Forwarded-For: whoever called it, and on Google Cloud its own
/// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html,
/// https://cloud.google.com/load-balancing/docs/https#x-forwarded-for_header,
/// https://learn.microsoft.com/azure/application-gateway/rewrite-http-headers-url#server-variables).
fn hops(cloud: &Cloud) -> u32 {
    match cloud {
        Cloud::Aws(_) | Cloud::Azure(_) => 1,
        Cloud::Google(_) => 2,
    }
}

fn client_policy(config: &Config, before: Option<&Balancer>, cloud: &Cloud) -> Json {
    // Who called and whether that was encrypted is what the load balancer says; whoever called it cannot say so by themselves.
    let client = before.map(|_| json!({ "xForwardedFor": { "numTrustedHops": hops(cloud) } }));
    let spec = json!({
        "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": NAME }],
        "tls": { "minVersion": config.min_version },
        "clientIPDetection": client,
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
