//! From flows to policies: in each namespace one that denies everything, one that allows DNS, and one for each set of pods that
//! takes part in a flow.

use super::namespace_selector;
use crate::flow::{Flow, Peer, Pods, Port};
use crate::inside::Inside;
use crate::objects::object;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// What flows mean on this cluster.
pub(super) struct Rules {
    /// Where nodes are; none where ranges never stand for them.
    pub(super) nodes: Option<String>,
    /// Where the Kubernetes API answers.
    pub(super) api: Vec<String>,
    /// Where DNS answers beside its pods.
    pub(super) dns: Vec<String>,
    /// What the internet is not.
    pub(super) forbidden: Vec<String>,
}

/// Ports of the Kubernetes API: of its service, and where it listens itself.
const API: [Port; 2] = [Port::tcp(443), Port::tcp(6443)];
const DNS: [Port; 2] = [Port::udp(53), Port::tcp(53)];

/// What pods may do: incoming and outgoing rules.
#[derive(Default)]
struct Allowed {
    ingress: Vec<Json>,
    egress: Vec<Json>,
}

pub(super) fn write(rules: &Rules, inside: &mut Inside<'_>) {
    let mut by_pods: BTreeMap<Pods, Allowed> = BTreeMap::new();
    for flow in inside.flows.clone() {
        let ports: Vec<Json> = flow.ports.iter().map(|p| p.json()).collect();
        if let Peer::Pods(pods) = &flow.to
            && inside.namespaces.contains_key(&pods.namespace)
        {
            let rule = json!({ "from": rules.sources(&flow), "ports": ports });
            by_pods.entry(pods.clone()).or_default().ingress.push(rule);
        }
        if let Peer::Pods(pods) = &flow.from
            && inside.namespaces.contains_key(&pods.namespace)
        {
            let ports = match flow.to {
                Peer::Api => API.iter().map(|p| p.json()).collect(),
                _ => ports,
            };
            let rule = json!({ "to": rules.targets(&flow), "ports": ports });
            by_pods.entry(pods.clone()).or_default().egress.push(rule);
        }
    }
    let mut allowing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (pods, allowed) in by_pods {
        let policy = policy(&pods.namespace, &pods.name, &pods.labels, allowed);
        let address = inside.object(policy);
        allowing.entry(pods.namespace).or_default().push(address);
    }
    let names: Vec<(String, bool)> = inside
        .namespaces
        .iter()
        .map(|(n, s)| (n.clone(), s.app))
        .collect();
    for (name, app) in names {
        let mut gates = allowing.remove(&name).unwrap_or_default();
        gates.push(inside.object(policy(&name, "allow-dns", &BTreeMap::new(), rules.names())));
        let deny = json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] } });
        let deny = inside.object(object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            &name,
            "default-deny",
            deny,
        ));
        if app {
            // Nothing runs there before it is locked.
            inside.after(&deny, gates.clone());
            gates.push(deny);
        } else {
            // The platform's own installs undisturbed, and is locked then.
            let releases = inside
                .nodes
                .iter()
                .filter(|n| n.type_name == "helm_release");
            let here = releases.filter(|n| n.namespace() == Some(name.as_str()));
            let here: Vec<String> = here.map(crate::node::Node::address).collect();
            inside.after(&deny, gates.iter().cloned().chain(here));
        }
        if let Some(namespace) = inside.namespaces.get_mut(&name) {
            namespace.gates.extend(gates);
        }
    }
}

impl Rules {
    /// Who opens a flow; nothing for everybody.
    fn sources(&self, flow: &Flow) -> Json {
        match &flow.from {
            Peer::Pods(pods) => json!([peer(pods)]),
            Peer::Range(range) => json!([{ "ipBlock": { "cidr": range } }]),
            // Load balancers and nodes stand between, with addresses of their own; and no policy can name the control plane.
            Peer::Internet | Peer::Api | Peer::Nodes => Json::Null,
        }
    }

    /// Where a flow goes; nothing for everywhere.
    fn targets(&self, flow: &Flow) -> Json {
        match &flow.to {
            Peer::Pods(pods) => json!([peer(pods)]),
            Peer::Range(range) => json!([self.block(range)]),
            Peer::Internet => json!([self.block("0.0.0.0/0")]),
            Peer::Nodes => match &self.nodes {
                Some(range) => json!([self.block(range)]),
                None => Json::Null,
            },
            Peer::Api => self.api.iter().map(|range| self.block(range)).collect(),
        }
    }

    /// A range, without what is never meant by it.
    fn block(&self, range: &str) -> Json {
        let Ok(whole) = range.parse::<ipnet::Ipv4Net>() else {
            return json!({ "ipBlock": { "cidr": range } });
        };
        let inner = |text: &&String| {
            text.parse::<ipnet::Ipv4Net>()
                .is_ok_and(|n| whole.contains(&n) && whole != n)
        };
        let except: Vec<&String> = self.forbidden.iter().filter(inner).collect();
        if except.is_empty() {
            json!({ "ipBlock": { "cidr": range } })
        } else {
            json!({ "ipBlock": { "cidr": range, "except": except } })
        }
    }

    /// Every pod may ask for names.
    fn names(&self) -> Allowed {
        let ports: Vec<Json> = DNS.iter().map(|p| p.json()).collect();
        let pods = Pods::of("kube-system", "dns", &[("k8s-app", "kube-dns")]);
        let mut to = vec![peer(&pods)];
        to.extend(
            self.dns
                .iter()
                .map(|range| json!({ "ipBlock": { "cidr": range } })),
        );
        Allowed {
            ingress: Vec::new(),
            egress: vec![json!({ "to": to, "ports": ports })],
        }
    }
}

fn peer(pods: &Pods) -> Json {
    let mut out = json!({ "namespaceSelector": namespace_selector(&pods.namespace) });
    if !pods.labels.is_empty() {
        out["podSelector"] = selector(&pods.labels);
    }
    out
}

fn selector(labels: &BTreeMap<String, String>) -> Json {
    if labels.is_empty() {
        return json!({});
    }
    let escaped = labels
        .iter()
        .map(|(k, v)| (k.clone(), json!(infra_draft::input::escape(v))));
    json!({ "matchLabels": escaped.collect::<Map<_, _>>() })
}

fn policy(
    namespace: &str,
    name: &str,
    labels: &BTreeMap<String, String>,
    allowed: Allowed,
) -> Json {
    let mut spec = Map::from_iter([("podSelector".to_owned(), selector(labels))]);
    let mut types = Vec::new();
    for (kind, key, rules) in [
        ("Ingress", "ingress", allowed.ingress),
        ("Egress", "egress", allowed.egress),
    ] {
        if !rules.is_empty() {
            types.push(kind);
            spec.insert(key.into(), rules.into_iter().map(without_empty).collect());
        }
    }
    spec.insert("policyTypes".into(), json!(types));
    let rest = json!({ "spec": spec });
    object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        namespace,
        name,
        rest,
    )
}

/// A rule without ends or ports says "all": it is said by leaving them out.
fn without_empty(mut rule: Json) -> Json {
    if let Some(fields) = rule.as_object_mut() {
        fields.retain(|_, v| !v.is_null() && v.as_array().is_none_or(|a| !a.is_empty()));
    }
    rule
}
