//! `delivery = "gitops"`: the same nodes in the same order, but most of them committed to a repository, from which Argo CD or Flux
//! brings them to the cluster. What remains in the graph is the bootstrap: the engine and what it needs, what cannot be committed,
//! and what waits for resources of the cloud that wait for the cluster themselves.

mod render;
mod share;

pub(crate) use render::{SOURCE, argo_root, flux_root};

use crate::inside::Inside;
use crate::node::{Node, Where};
use infra_draft::draft::Draft;
use infra_model::ProviderAddress;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The type of the resource that stands for everything that is committed.
pub(crate) const TYPE: &str = "kubernetes_config_repository";
/// What it, the Application or Kustomization that watches it, and what that may do are called.
pub(crate) const NAME: &str = "platform";

/// A node, and all that comes before it.
pub(crate) struct Ordered {
    pub(crate) node: Node,
    pub(crate) after: BTreeSet<String>,
}

/// How the control `gitops` wants nodes committed.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) flux: bool,
    /// The engine's namespace.
    pub(crate) namespace: &'static str,
    /// Where commits are pushed to.
    pub(crate) repository: Json,
    /// What the cluster calls the same repository.
    pub(crate) watched: Json,
    pub(crate) branch: String,
    /// The folder.
    pub(crate) path: String,
    pub(crate) login: Json,
    /// The engine's own nodes, by address: they are there before anything is committed.
    pub(crate) bootstrap: BTreeSet<String>,
}

/// What a cluster needs of the draft to write nodes.
pub(crate) struct Providers<'a> {
    pub(crate) cluster: &'a ProviderAddress,
    pub(crate) cloud: &'a ProviderAddress,
}

/// Writes nodes as resources, each for itself.
pub(crate) fn directly(draft: &mut Draft<'_>, providers: &Providers<'_>, nodes: Vec<Ordered>) {
    let builtin = ProviderAddress::default_of("builtin");
    for Ordered { node, after } in nodes {
        let mut body = node.body;
        if !after.is_empty() {
            body["depends_on"] = json!(after);
        }
        let provider = match node.place {
            Where::Cluster => providers.cluster,
            Where::Cloud => providers.cloud,
            Where::Builtin => &builtin,
        };
        draft.resource_of(provider, node.type_name, &node.name, body);
    }
}

/// Commits what can be committed, and writes the rest as resources. Expressions of outputs look at the cluster afterwards.
pub(crate) fn committed(
    draft: &mut Draft<'_>,
    providers: &Providers<'_>,
    delivery: &Delivery,
    sealing: Option<&str>,
    nodes: Vec<Ordered>,
    outputs: &mut [&mut String],
) {
    let share = share::of(&nodes, delivery, sealing.is_some());
    let repository = format!("{TYPE}.{NAME}");
    let mut files = render::Files::new(delivery);
    let mut rest = Vec::new();
    let mut before = BTreeSet::new();
    let mut bodies = BTreeMap::new();
    for ordered in nodes {
        let address = ordered.node.address();
        if !share.committed.contains(&address) {
            rest.push(ordered);
            continue;
        }
        let Ordered { mut node, after } = ordered;
        draft.hand_over((node.type_name, &node.name), (TYPE, NAME));
        node.body = draft.shaped(node.type_name, &node.name, node.body);
        let (inner, outer): (BTreeSet<String>, BTreeSet<String>) =
            after.into_iter().partition(|a| share.committed.contains(a));
        // What waits for the cluster itself cannot be waited for.
        before.extend(outer.into_iter().filter(|a| !share.late.contains(a)));
        if node.type_name == "kubernetes_secret" {
            let sealed = seal(draft, &mut node, sealing.unwrap_or_default());
            before.insert(sealed);
        }
        files.add(&node, inner);
        bodies.insert(address, node.body);
    }
    before.extend(delivery.bootstrap.iter().cloned());
    let mut looked_at = BTreeSet::new();
    for ordered in &mut rest {
        let waits = ordered.after.iter().any(|a| share.committed.contains(a));
        ordered.after.retain(|a| !share.committed.contains(a));
        if waits {
            ordered.after.insert(repository.clone());
        }
        let mut looked = BTreeSet::new();
        read(&mut ordered.node.body, &share.committed, &mut looked);
        looked_at.extend(looked);
    }
    let mut body = files.body(draft.instance);
    body["depends_on"] = json!(before);
    draft.resource_of(providers.cluster, TYPE, NAME, body);
    directly(draft, providers, rest);
    for output in outputs {
        **output = read_text(output, &share.committed, &mut looked_at);
    }
    for name in &looked_at {
        let Some(object) = bodies.get(&format!("kubernetes_manifest.{name}")) else {
            continue;
        };
        let manifest = &object["manifest"];
        let body = json!({
            "api_version": manifest["apiVersion"],
            "kind": manifest["kind"],
            "metadata": { "name": manifest["metadata"]["name"], "namespace": manifest["metadata"]["namespace"] },
            "depends_on": [repository],
        });
        draft.data_of(providers.cluster, "kubernetes_resource", name, body);
    }
}

/// A Secret becomes what only the cluster can open; the address of the resource that seals it.
fn seal(draft: &mut Draft<'_>, node: &mut Node, certificate: &str) -> String {
    let body = std::mem::take(&mut node.body);
    let metadata = &body["metadata"];
    let sealed = json!({
        "certificate_pem": format!("${{{certificate}}}"),
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "data": body["data"],
    });
    draft.builtin("sealed_secret", &node.name, sealed);
    let address = format!("sealed_secret.{}", node.name);
    let mut template = json!({ "metadata": metadata });
    if body["type"].is_string() {
        template["type"] = body["type"].clone();
    }
    let spec =
        json!({ "encryptedData": format!("${{{address}.encrypted_data}}"), "template": template });
    let object = crate::objects::object(
        "bitnami.com/v1alpha1",
        "SealedSecret",
        metadata["namespace"].as_str().unwrap_or_default(),
        metadata["name"].as_str().unwrap_or_default(),
        json!({ "spec": spec }),
    );
    node.body = json!({ "manifest": crate::objects::managed(object) });
    address
}

/// Expressions that look at an object that is committed look at the object as the cluster has it; the names of those.
pub(crate) fn read(
    body: &mut Json,
    committed: &BTreeSet<String>,
    looked_at: &mut BTreeSet<String>,
) {
    match body {
        Json::String(text) => *text = read_text(text, committed, looked_at),
        Json::Array(items) => {
            for item in items {
                read(item, committed, looked_at);
            }
        }
        Json::Object(fields) => {
            for field in Map::values_mut(fields) {
                read(field, committed, looked_at);
            }
        }
        _ => {}
    }
}

/// The same of one text.
pub(crate) fn read_text(
    text: &str,
    committed: &BTreeSet<String>,
    looked_at: &mut BTreeSet<String>,
) -> String {
    const HEAD: &str = "kubernetes_manifest.";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(HEAD) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let name: String = from[HEAD.len()..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let address = format!("{HEAD}{name}");
        if committed.contains(&address) {
            out.push_str(&format!("data.kubernetes_resource.{name}"));
            looked_at.insert(name);
        } else {
            out.push_str(&address);
        }
        rest = &from[address.len()..];
    }
    out.push_str(rest);
    out
}

/// Whose folder it is: the stack's, with the copy's, and the hardening's name.
pub(crate) fn owner(instance: &infra_model::expand::Instance<'_>) -> String {
    let key = instance.key.map(ToString::to_string).unwrap_or_default();
    let copy = instance.stack.instance.as_ref();
    let copy = copy.map(|copy| format!("@{copy}")).unwrap_or_default();
    format!("{}{copy}/{}{key}", instance.stack.name, instance.name)
}

impl Inside<'_> {
    /// Nodes of the engine that brings all others, by address; nothing when everything is brought directly.
    pub(crate) fn bootstrap(&mut self, addresses: impl IntoIterator<Item = String>) {
        if let Some(delivery) = &mut self.delivery {
            delivery.bootstrap.extend(addresses);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_look_at_the_cluster_where_the_object_is_committed() {
        let committed = BTreeSet::from(["kubernetes_manifest.gateway".to_owned()]);
        let mut looked = BTreeSet::new();
        let text =
            "${try(kubernetes_manifest.gateway.object.a, kubernetes_manifest.gateway_2.object.a)}";
        assert_eq!(
            read_text(text, &committed, &mut looked),
            "${try(data.kubernetes_resource.gateway.object.a, kubernetes_manifest.gateway_2.object.a)}"
        );
        assert_eq!(looked.into_iter().collect::<Vec<_>>(), ["gateway"]);
    }
}
