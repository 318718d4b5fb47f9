//! Nodes that are about to go: they take no new pods, and the pods on them are evicted, so that others are there before they end,
//! as far as PodDisruptionBudgets say that they must be. Clouds do less: GKE heeds no budget when it deletes a pool, EKS waits for
//! five minutes, and AKS moves nothing.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/>
//! <https://docs.cloud.google.com/kubernetes-engine/docs/concepts/node-pools>
//! <https://docs.aws.amazon.com/eks/latest/userguide/delete-managed-node-group.html>
//! <https://learn.microsoft.com/azure/aks/delete-node-pool>

use crate::apply;
use crate::client::{Call, Client};
use crate::discovery::{self, Place};
use crate::error::{self, BUDGET};
use crate::object::Reference;
use crate::{evictions, family, read};
use futures::future::{join_all, try_join_all};
use infra_cloud::absence::there;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long it may take until one more pod has gone, besides the time that pods have to end.
const LIMIT: Duration = Duration::from_mins(15);
/// The pause after a look at what is left: short at first, for pods that end at once.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// One emptying of nodes.
struct Vacating<'a> {
    client: &'a Client,
    context: &'a CallContext,
    operation: &'a Operation,
    nodes: Place,
    pods: Place,
}

/// Moves what runs on the nodes with a label to others. Nodes that are empty already are left alone, so it can be done again.
pub(crate) async fn nodes(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    (label, value): (&str, &str),
) -> Result<(), ProviderError> {
    let place = |kind: &'static str| async move {
        let reference = Reference::new("v1", kind, None, "");
        discovery::must(client, context, &reference).await
    };
    let vacating = Vacating {
        client,
        context,
        operation,
        nodes: place("Node").await?,
        pods: place("Pod").await?,
    };
    let selector: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("labelSelector", &format!("{label}={value}"))
        .finish();
    vacating.run(&selector).await
}

impl Vacating<'_> {
    async fn run(&self, selector: &str) -> Result<(), ProviderError> {
        let mut known = BTreeSet::new();
        let mut last = self.context.clock.now();
        let mut pauses = PAUSES.into_iter();
        let mut pause = PAUSES[0];
        loop {
            let nodes = self.cordoned(selector).await?;
            let left = self.movable(&nodes).await?;
            if left.is_empty() {
                return Ok(());
            }
            let uids: BTreeSet<String> = left.iter().map(|p| text(p, "uid").to_owned()).collect();
            if known.iter().any(|uid| !uids.contains(uid)) {
                last = self.context.clock.now();
            }
            known = uids;
            let held = self.evict(&nodes, &left).await?;
            self.tell(&nodes, &left, &held);
            let grace = left
                .iter()
                .filter_map(|pod| pod["metadata"]["deletionGracePeriodSeconds"].as_u64());
            let limit = LIMIT + Duration::from_secs(grace.max().unwrap_or(0));
            if self.context.clock.now().since(last) >= limit {
                return Err(stuck(&left, &held));
            }
            pause = pauses.next().unwrap_or(pause);
            self.context.clock.sleep(pause).await;
        }
    }

    /// The nodes' names, after none of them takes new pods any more.
    async fn cordoned(&self, selector: &str) -> Result<BTreeSet<String>, ProviderError> {
        let (client, context) = (self.client, self.context);
        let found = read::list(client, context, &self.nodes, "Node", None, selector).await?;
        let open = found.iter().filter(|n| n["spec"]["unschedulable"] != true);
        let cordons = open.map(|node| async {
            let reference = Reference::new("v1", "Node", None, text(node, "name"));
            let call = Call {
                family: family::WRITE,
                name: "patch Node".to_owned(),
                method: http::Method::PATCH,
                path: format!("{}?fieldManager=infra", self.nodes.of(&reference)),
                content: "application/merge-patch+json",
                body: json!({ "spec": { "unschedulable": true } })
                    .to_string()
                    .into_bytes(),
            };
            // A node may have gone by itself.
            there(client.call(context, &call).await).map(|_| ())
        });
        try_join_all(cordons).await?;
        Ok(found
            .iter()
            .map(|node| text(node, "name").to_owned())
            .collect())
    }

    /// Pods on these nodes that can be elsewhere.
    async fn movable(&self, nodes: &BTreeSet<String>) -> Result<Vec<Json>, ProviderError> {
        if nodes.is_empty() {
            return Ok(Vec::new());
        }
        let (client, context) = (self.client, self.context);
        let mut pods = read::list(client, context, &self.pods, "Pod", None, "").await?;
        pods.retain(|pod| nodes.contains(node_of(pod)) && moves(pod));
        pods.sort_by_cached_key(|pod| (node_of(pod).to_owned(), evictions::name(pod)));
        Ok(pods)
    }

    /// Evicts what is on the first nodes, a tenth of all at a time; the pods that may not go yet, and why.
    async fn evict(
        &self,
        nodes: &BTreeSet<String>,
        left: &[Json],
    ) -> Result<Vec<(String, String)>, ProviderError> {
        let occupied: BTreeSet<&str> = left.iter().map(node_of).collect();
        let turn: BTreeSet<&str> = occupied
            .into_iter()
            .take(nodes.len().div_ceil(10))
            .collect();
        let due = left
            .iter()
            .filter(|pod| turn.contains(node_of(pod)) && !apply::is_leaving(pod));
        let answers =
            join_all(due.map(|pod| async move { (pod, self.evict_one(pod).await) })).await;
        let mut held = Vec::new();
        for (pod, answer) in answers {
            match answer {
                Err(error) if error.code == BUDGET => {
                    held.push((evictions::name(pod), error.message));
                }
                other => drop(there(other)?),
            }
        }
        Ok(held)
    }

    async fn evict_one(&self, pod: &Json) -> Result<Json, ProviderError> {
        let (namespace, name) = (text(pod, "namespace"), text(pod, "name"));
        let reference = Reference::new("v1", "Pod", Some(namespace), name);
        let eviction = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": { "namespace": namespace, "name": name },
            // Not its successor of the same name.
            "deleteOptions": { "preconditions": { "uid": text(pod, "uid") } },
        });
        let call = Call {
            family: family::WRITE,
            name: "evict Pod".to_owned(),
            method: http::Method::POST,
            path: format!("{}/eviction", self.pods.of(&reference)),
            content: "application/json",
            body: eviction.to_string().into_bytes(),
        };
        match self.client.call(self.context, &call).await {
            // Another pod has its name by now.
            Err(error) if error.kind == ErrorKind::Conflict && error.code != BUDGET => {
                Ok(Json::Null)
            }
            other => other,
        }
    }

    fn tell(&self, nodes: &BTreeSet<String>, left: &[Json], held: &[(String, String)]) {
        let mut status = format!(
            "moving {} off {}",
            counted(left.len(), "pod"),
            counted(nodes.len(), "node")
        );
        if let Some((pod, why)) = held.first() {
            status = format!("{status}; {pod} stays for now: {why}");
        }
        self.context.events.status(self.operation, &status);
    }
}

/// What a run says that has waited for long enough.
fn stuck(left: &[Json], held: &[(String, String)]) -> ProviderError {
    let mut pods: Vec<String> = held
        .iter()
        .map(|(pod, why)| format!("{pod} ({why})"))
        .collect();
    if pods.is_empty() {
        pods = left.iter().map(evictions::name).collect();
    }
    let more = pods.len().saturating_sub(5);
    pods.truncate(5);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    error::of(
        ErrorKind::Conflict,
        "evict Pod",
        format!(
            "pods do not leave the nodes that are to go: {}{more}. The pool is not deleted, and its nodes take no new pods. Give these pods more replicas, or a budget that allows one to be away, or delete them yourself, and apply again; `kubectl uncordon` takes the nodes back",
            pods.join(", ")
        ),
    )
}

/// Whether a pod can be elsewhere: not what belongs to each node, and not what has ended.
fn moves(pod: &Json) -> bool {
    let mut owners = pod["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten();
    let of_each_node = owners.any(|o| o["controller"] == true && o["kind"] == "DaemonSet");
    let of_the_kubelet = pod["metadata"]["annotations"]["kubernetes.io/config.mirror"].is_string();
    let over = matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    !of_each_node && !of_the_kubelet && !over
}

fn node_of(pod: &Json) -> &str {
    pod["spec"]["nodeName"].as_str().unwrap_or_default()
}

fn text<'j>(object: &'j Json, field: &str) -> &'j str {
    object["metadata"][field].as_str().unwrap_or_default()
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_node_or_is_over_stays() {
        let owned = |kind: &str| json!({ "metadata": { "ownerReferences": [{ "kind": kind, "controller": true }] } });
        assert!(moves(&owned("ReplicaSet")));
        assert!(!moves(&owned("DaemonSet")));
        assert!(moves(
            &json!({ "metadata": {}, "status": { "phase": "Running" } })
        ));
        assert!(!moves(
            &json!({ "metadata": {}, "status": { "phase": "Succeeded" } })
        ));
        let mirror =
            json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "x" } } });
        assert!(!moves(&mirror));
    }

    #[test]
    fn what_does_not_go_is_named_with_what_keeps_it() {
        let pod =
            |i: usize| json!({ "metadata": { "namespace": "shop", "name": format!("web-{i}") } });
        let held = [(
            "shop/web-0".to_owned(),
            "The disruption budget web needs 1".to_owned(),
        )];
        let error = stuck(&[pod(0), pod(1)], &held);
        assert!(
            error
                .message
                .contains("shop/web-0 (The disruption budget web needs 1). The pool"),
            "{error}"
        );
        let many: Vec<Json> = (0..7).map(pod).collect();
        assert!(stuck(&many, &[]).message.contains("shop/web-4 and 2 more."));
    }
}
