//! What the control plane calls on nodes and pods. In a GKE cluster of today it has no addresses in the network that calls would come
//! from: nodes reach it by Private Service Connect, and what it calls it calls through the tunnels that the agents in `kube-system` hold
//! open to it (<https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/>), so that a call comes from an agent's pod. GKE's
//! own rules let pods and nodes talk; this one says the same for the ports of webhooks, wherever those rules are switched off or forbidden.

use crate::draft::Draft;
use crate::google;
use crate::network::Site;
use serde_json::json;

/// The API's own services, kubelets, metrics-server, and where admission webhooks listen by custom: as on AWS.
const PORTS: [&str; 5] = ["443", "8443", "9443", "10250", "10251"];

pub(super) fn expand(site: &Site, tag: &str, draft: &mut Draft<'_>) {
    draft.resource(
        "google_compute_firewall",
        "webhooks",
        json!({
            "name": draft.name("webhooks", google::NAME),
            "network": site.output("id"),
            "description": "Control plane, by its agents on the nodes, to kubelets and webhooks",
            // Nodes, pods, and the control plane's own address in the network, if there is one.
            "source_ranges": [site.output("cidr")],
            "target_tags": [tag],
            "allow": [{ "protocol": "tcp", "ports": PORTS }],
        }),
    );
}
