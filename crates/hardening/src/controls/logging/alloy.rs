//! Alloy reads logs through the Kubernetes API: no files of nodes, no root. (Promtail, which did this once, is no longer maintained.)

use super::{NAMESPACE, PLATFORM, loki, tenants};
use crate::control::plain;
use crate::flow::{Peer, Pods, Port};
use crate::inside::{Inside, Release};
use crate::objects::resources;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

pub(super) fn expand(inside: &mut Inside<'_>) {
    let pods = Pods::of(NAMESPACE, "alloy", &[("app.kubernetes.io/name", "alloy")]);
    let gateway = Pods::of(
        NAMESPACE,
        "loki-gateway",
        &[
            ("app.kubernetes.io/name", "loki"),
            ("app.kubernetes.io/component", "gateway"),
        ],
    );
    inside.calls_api(&pods);
    // They agree on who reads which pod.
    inside.allow(
        Peer::Pods(pods.clone()),
        Peer::Pods(pods.clone()),
        &[Port::tcp(12345)],
    );
    inside.allow(
        Peer::Pods(pods.clone()),
        Peer::Pods(gateway),
        &[Port::tcp(8080)],
    );
    inside.scrape(&pods, 12345, "/metrics");
    let values = values(&configuration(&tenants(inside)));
    inside.release(Release {
        chart: "alloy",
        namespace: NAMESPACE,
        values,
        provides: &["StatefulSet/alloy"],
        after: vec!["helm_release.loki".to_owned()],
        ..Release::default()
    });
}

fn values(configuration: &str) -> Json {
    let safe = json!({
        "runAsUser": 473,
        "runAsGroup": 473,
        "runAsNonRoot": true,
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
    });
    json!({
        "crds": { "create": false },
        "controller": { "type": "statefulset", "replicas": 2 },
        "global": { "podSecurityContext": {
            "fsGroup": 473, "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" },
        } },
        "alloy": {
            "clustering": { "enabled": true },
            "enableReporting": false,
            "mounts": { "varlog": false },
            "securityContext": safe,
            "resources": resources(["100m", "128Mi"], ["500m", "512Mi"]),
            "configMap": { "content": plain(json!(configuration)) },
        },
        "configReloader": {
            "resources": resources(["10m", "32Mi"], ["50m", "64Mi"]),
            "securityContext": safe,
        },
    })
}

/// What Alloy does, in its own language, as its own formatter would write it.
fn configuration(tenants: &BTreeMap<String, String>) -> String {
    let mut out = String::from(
        "discovery.kubernetes \"pods\" {\n\trole = \"pod\"\n}\n\ndiscovery.relabel \"pods\" {\n\ttargets = discovery.kubernetes.pods.targets\n",
    );
    let copied = [
        ("__meta_kubernetes_namespace", "namespace"),
        ("__meta_kubernetes_pod_name", "pod"),
        ("__meta_kubernetes_pod_container_name", "container"),
        ("__meta_kubernetes_pod_label_app_kubernetes_io_name", "app"),
        ("__meta_kubernetes_pod_node_name", "node"),
    ];
    let mut rule = |lines: &[(&str, String)]| {
        out.push_str("\n\trule {\n");
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in lines {
            out.push_str(&format!("\t\t{name:width$} = {value}\n"));
        }
        out.push_str("\t}\n");
    };
    for (from, to) in copied {
        rule(&[
            ("source_labels", format!("[{from:?}]")),
            ("target_label", format!("{to:?}")),
        ]);
    }
    // Whose it is: the platform's unless its namespace is a team's.
    rule(&[
        ("target_label", "\"team\"".to_owned()),
        ("replacement", format!("{PLATFORM:?}")),
    ]);
    for (namespace, team) in tenants {
        rule(&[
            (
                "source_labels",
                "[\"__meta_kubernetes_namespace\"]".to_owned(),
            ),
            ("regex", format!("{namespace:?}")),
            ("target_label", "\"team\"".to_owned()),
            ("replacement", format!("{team:?}")),
        ]);
    }
    out.push_str("}\n\nloki.source.kubernetes \"pods\" {\n\ttargets    = discovery.relabel.pods.output\n\tforward_to = [loki.process.tenants.receiver]\n\n\tclustering {\n\t\tenabled = true\n\t}\n}\n");
    out.push_str("\nloki.process \"tenants\" {\n\tstage.tenant {\n\t\tlabel = \"team\"\n\t}\n\n\tforward_to = [loki.write.default.receiver]\n}\n");
    out.push_str(&format!(
        "\nloki.write \"default\" {{\n\tendpoint {{\n\t\turl = \"{}/loki/api/v1/push\"\n\t}}\n}}\n",
        loki::GATEWAY
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_has_its_tenant() {
        let tenants = BTreeMap::from([("shop".to_owned(), "web".to_owned())]);
        insta::assert_snapshot!(configuration(&tenants));
    }
}
