//! The order in which things are made, from what they are: definitions first, then namespaces, limits, charts, and objects when
//! their kind is defined and the webhooks that judge them serve. Whatever needs nothing else needs the cluster.

use crate::delivery::{self, Ordered, Providers};
use crate::inside::Inside;
use crate::node::{Node, Where, identifier};
use crate::objects::MANAGED_BY;
use crate::storage;
use infra_draft::draft::Draft;
use infra_draft::input::escape;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Writes everything into the draft.
pub(crate) fn write(inside: Inside<'_>) -> Draft<'_> {
    let index = Index::new(&inside);
    let mut nodes = namespaces(&inside);
    let Inside {
        mut draft,
        site,
        nodes: rest,
        namespaces,
        mut address,
        sealing_certificate,
        delivery,
        ..
    } = inside;
    nodes.extend(rest);
    let mut ordered = Vec::with_capacity(nodes.len());
    for node in nodes {
        let mut after: BTreeSet<String> = node.after.iter().cloned().collect();
        after.extend(index.before(&node));
        if let Some(namespace) = node.namespace().and_then(|n| namespaces.get(n))
            && makes_pods(&node)
        {
            after.extend(namespace.gates.iter().cloned());
        }
        // A claim that names no class has the one that is the default when it is made. Who brings all others claims nothing.
        let bootstrap = delivery.as_ref().map(|d| &d.bootstrap);
        if claims_volumes(&node) && bootstrap.is_none_or(|b| !b.contains(&node.address())) {
            after.extend(index.default_class.iter().cloned());
        }
        // It may be one of its namespace's gates, or the chart whose webhook judges what it brings itself.
        after.remove(&node.address());
        if after.is_empty() && node.place == Where::Cluster {
            after.insert(site.reference.clone());
        }
        ordered.push(Ordered { node, after });
    }
    let providers = Providers {
        cluster: &site.provider,
        cloud: site.cloud.provider(),
    };
    match delivery {
        None => delivery::directly(&mut draft, &providers, ordered),
        Some(delivery) => {
            let sealing = sealing_certificate.as_deref();
            let mut outputs: Vec<&mut String> = address.iter_mut().collect();
            delivery::committed(
                &mut draft,
                &providers,
                &delivery,
                sealing,
                ordered,
                &mut outputs,
            );
        }
    }
    draft.output("address", address.as_deref().unwrap_or("null"));
    draft.output(
        "sealing_certificate",
        sealing_certificate.as_deref().unwrap_or("null"),
    );
    draft.output("cluster", format!("{}.name", site.reference));
    let names = namespaces.keys().map(|n| json!(n)).collect::<Vec<_>>();
    draft.output("namespaces", Json::Array(names));
    draft
}

/// What makes what.
struct Index {
    /// Addresses of definitions by `GROUP/KIND`.
    definitions: BTreeMap<String, String>,
    /// Addresses of releases by the API group that their webhooks judge.
    webhooks: BTreeMap<&'static str, Vec<String>>,
    /// Addresses of namespaces by name.
    namespaces: BTreeMap<String, String>,
    /// Addresses of classes of volumes by name.
    classes: BTreeMap<String, String>,
    /// That of the class of claims that name none.
    default_class: Option<String>,
}

impl Index {
    fn new(inside: &Inside<'_>) -> Index {
        let mut index = Index {
            definitions: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            classes: BTreeMap::new(),
            default_class: None,
        };
        for node in &inside.nodes {
            if node.type_name == "kubernetes_crds" {
                let kinds = node.kinds.iter().map(|k| (k.clone(), node.address()));
                index.definitions.extend(kinds);
            }
            if let Some(object) = node.object()
                && object["kind"] == "StorageClass"
                && let Some(name) = object["metadata"]["name"].as_str()
            {
                index.classes.insert(name.to_owned(), node.address());
                if object["metadata"]["annotations"][storage::IS_DEFAULT] == "true" {
                    index.default_class = Some(node.address());
                }
            }
            for group in &node.serves {
                index
                    .webhooks
                    .entry(group)
                    .or_default()
                    .push(node.address());
            }
        }
        for name in inside.namespaces.keys() {
            let address = namespace_address(name);
            index.namespaces.insert(name.clone(), address);
        }
        index
    }

    /// What comes before a node because of what it is.
    fn before(&self, node: &Node) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        self.classes_in(&node.body, &mut out);
        out.extend(
            node.namespace()
                .and_then(|n| self.namespaces.get(n))
                .cloned(),
        );
        // Those of a chart's objects; definitions make theirs, and have no objects of them.
        let charts: &[String] = match node.type_name {
            "kubernetes_crds" => &[],
            _ => &node.kinds,
        };
        for kind in charts.iter().cloned().chain(node.object().map(kind_of)) {
            out.extend(self.definitions.get(&kind).cloned());
            let group = kind.split('/').next().unwrap_or_default();
            out.extend(self.webhooks.get(group).into_iter().flatten().cloned());
        }
        out
    }

    /// The classes of volumes that are named anywhere in a body.
    fn classes_in(&self, body: &Json, out: &mut BTreeSet<String>) {
        match body {
            Json::Object(fields) => {
                for (name, value) in fields {
                    let named = ["storageClass", "storageClassName"].contains(&name.as_str());
                    match value.as_str().filter(|_| named) {
                        Some(class) => out.extend(self.classes.get(class).cloned()),
                        None => self.classes_in(value, out),
                    }
                }
            }
            Json::Array(items) => items.iter().for_each(|i| self.classes_in(i, out)),
            _ => {}
        }
    }
}

/// What an object is, as `GROUP/KIND`; the group of the cluster's oldest kinds is empty.
fn kind_of(object: &Json) -> String {
    let text = |name: &str| object.get(name).and_then(Json::as_str).unwrap_or_default();
    let group = text("apiVersion").rsplit_once('/');
    format!("{}/{}", group.map_or("", |(group, _)| group), text("kind"))
}

/// Kinds of which no pods come.
const WITHOUT_PODS: [&str; 12] = [
    "ClientTrafficPolicy",
    "ConfigMap",
    "HTTPRoute",
    "LimitRange",
    "NetworkPolicy",
    "PodMonitor",
    "PrometheusRule",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "ServiceAccount",
    "ServiceMonitor",
];

/// Whether pods may come of it, which limits must be there for.
pub(crate) fn makes_pods(node: &Node) -> bool {
    if node.type_name == "helm_release" {
        return true;
    }
    let kind = node
        .object()
        .and_then(|o| o.get("kind"))
        .and_then(Json::as_str);
    kind.is_some_and(|k| !WITHOUT_PODS.contains(&k))
}

/// Kinds of objects that claim volumes.
const WITH_VOLUMES: [&str; 4] = ["Cluster", "Elasticsearch", "StatefulSet", "postgresql"];

/// Whether volumes may be claimed by what comes of it.
fn claims_volumes(node: &Node) -> bool {
    let kind = node.object().and_then(|o| o["kind"].as_str());
    node.type_name == "helm_release" || kind.is_some_and(|k| WITH_VOLUMES.contains(&k))
}

/// The address of a namespace that is made.
pub(crate) fn namespace_address(name: &str) -> String {
    format!("kubernetes_namespace.{}", identifier(&[name]))
}

fn namespaces(inside: &Inside<'_>) -> Vec<Node> {
    let one = |(name, namespace): (&String, &crate::inside::Namespace)| {
        let mut labels: Map<String, Json> = namespace
            .labels
            .iter()
            .map(|(k, v)| (k.clone(), json!(escape(v))))
            .collect();
        labels.insert(MANAGED_BY.0.into(), json!(MANAGED_BY.1));
        let body = json!({ "metadata": { "name": name, "labels": labels } });
        Node::new(
            "kubernetes_namespace",
            identifier(&[name]),
            Where::Cluster,
            body,
        )
    };
    inside.namespaces.iter().map(one).collect()
}
