//! Elasticsearch keeps, Kibana shows, Filebeat collects; all three run by the operator of Elastic's.

use super::{Config, NAMESPACE};
use crate::control::plain;
use crate::flow::{Peer, Pods, Port};
use crate::inside::{Inside, Release};
use crate::node::{Node, Wait, Where, identifier};
use crate::objects::{object, resources};
use crate::pins;
use serde_json::{Value as Json, json};

const OPERATOR: &str = "elastic-system";
/// What the three are called.
const NAME: &str = "logs";
const VERSION: &str = pins::ELASTIC;
/// The kinds that the charts define.
const KINDS: &[&str] = &[
    "elasticsearch.k8s.elastic.co/v1/Elasticsearch",
    "kibana.k8s.elastic.co/v1/Kibana",
    "beat.k8s.elastic.co/v1beta1/Beat",
];

pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    operator(inside);
    // Filebeat reads the logs of the node, which no stricter standard lets it.
    inside.namespace(NAMESPACE, "privileged");
    let storage = config.storage.as_deref().unwrap_or("100Gi");
    let elasticsearch = inside.waited(
        elasticsearch(config, storage),
        Wait::default()
            .field("status.health", "^green$")
            .field("status.phase", "^Ready$"),
    );
    let kibana = inside.waited(kibana(), Wait::default().field("status.health", "^green$"));
    inside.after(&kibana, [elasticsearch.clone()]);
    let mut before = vec![elasticsearch];
    for object in account() {
        before.push(inside.object(object));
    }
    before.push(inside.object(lifecycle(config)));
    let filebeat = inside.waited(
        filebeat(),
        Wait::default().field("status.health", "^green$"),
    );
    inside.after(&filebeat, before);
    flows(inside);
}

fn operator(inside: &mut Inside<'_>) {
    inside.namespace(OPERATOR, "restricted");
    let chart = inside.chart("eck-operator-crds");
    let name = identifier(&["elastic"]);
    let body = json!({
        "chart": { "repository": chart.repository, "name": chart.chart, "version": chart.version, "digest": chart.digest },
        "provides": KINDS,
    });
    let mut node = Node::new("kubernetes_crds", name, Where::Cluster, body);
    node.kinds = KINDS
        .iter()
        .filter_map(|k| {
            let mut parts = k.split('/');
            Some(format!("{}/{}", parts.next()?, parts.nth(1)?))
        })
        .collect();
    inside.push(node);
    let pods = Pods::of(
        OPERATOR,
        "operator",
        &[("app.kubernetes.io/name", "elastic-operator")],
    );
    inside.calls_api(&pods);
    inside.called_by_api(&pods, 9443);
    inside.release(Release {
        chart: "eck-operator",
        namespace: OPERATOR,
        values: json!({
            "installCRDs": false,
            "replicaCount": 2,
            "podDisruptionBudget": { "enabled": true, "minAvailable": 1 },
            "priorityClassName": "system-cluster-critical",
            "resources": resources(["100m", "150Mi"], ["1", "1Gi"]),
            "webhook": { "enabled": true, "failurePolicy": "Fail" },
            "telemetry": { "disabled": true },
        }),
        serves: &[
            "elasticsearch.k8s.elastic.co",
            "kibana.k8s.elastic.co",
            "beat.k8s.elastic.co",
        ],
        provides: &["StatefulSet/elastic-operator"],
        ..Release::default()
    });
}

fn elasticsearch(config: &Config, storage: &str) -> Json {
    let container =
        json!({ "name": "elasticsearch", "resources": resources(["500m", "4Gi"], ["2", "4Gi"]) });
    let spec = json!({
        "version": VERSION,
        "nodeSets": [{
            "name": "default",
            "count": config.replicas,
            // Without it a privileged container would have to change a setting of the node.
            "config": { "node.store.allow_mmap": false },
            "podTemplate": { "spec": { "containers": [container] } },
            "volumeClaimTemplates": [{
                "metadata": { "name": "elasticsearch-data" },
                "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": storage } } },
            }],
        }],
        // Volumes go only with the object itself, and that is not deleted by a plan without a word.
        "volumeClaimDeletePolicy": "DeleteOnScaledownAndClusterDeletion",
    });
    object(
        "elasticsearch.k8s.elastic.co/v1",
        "Elasticsearch",
        NAMESPACE,
        NAME,
        json!({ "spec": spec }),
    )
}

fn kibana() -> Json {
    let container =
        json!({ "name": "kibana", "resources": resources(["200m", "1Gi"], ["1", "2Gi"]) });
    // The operator's own, which it gives no security context.
    let init = json!({
        "name": "elastic-internal-init",
        "securityContext": {
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
    });
    let spec = json!({
        "version": VERSION,
        "count": 2,
        "elasticsearchRef": { "name": NAME },
        "config": { "telemetry.optIn": false },
        "podTemplate": { "spec": { "initContainers": [init], "containers": [container] } },
    });
    object(
        "kibana.k8s.elastic.co/v1",
        "Kibana",
        NAMESPACE,
        NAME,
        json!({ "spec": spec }),
    )
}

/// The account of Filebeat, which asks the API whose a log is.
fn account() -> [Json; 3] {
    let name = "filebeat";
    let rules = json!([{
        "apiGroups": ["", "apps", "batch"],
        "resources": ["namespaces", "pods", "nodes", "replicasets", "jobs"],
        "verbs": ["get", "list", "watch"],
    }]);
    let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "infra-filebeat" });
    let subjects = json!([{ "kind": "ServiceAccount", "name": name, "namespace": NAMESPACE }]);
    let rbac = "rbac.authorization.k8s.io/v1";
    [
        object("v1", "ServiceAccount", NAMESPACE, name, json!({})),
        object(
            rbac,
            "ClusterRole",
            "",
            "infra-filebeat",
            json!({ "rules": rules }),
        ),
        object(
            rbac,
            "ClusterRoleBinding",
            "",
            "infra-filebeat",
            json!({ "roleRef": role, "subjects": subjects }),
        ),
    ]
}

/// When indices are closed and deleted.
fn lifecycle(config: &Config) -> Json {
    let policy = json!({ "policy": { "phases": {
        "hot": { "actions": { "rollover": { "max_age": "1d", "max_primary_shard_size": "30gb" } } },
        "delete": { "min_age": format!("{}d", config.retention_days), "actions": { "delete": {} } },
    } } });
    object(
        "v1",
        "ConfigMap",
        NAMESPACE,
        "filebeat-lifecycle",
        json!({ "data": { "policy.json": policy.to_string() } }),
    )
}

fn filebeat() -> Json {
    let logs = "/var/log/containers";
    let config = json!({
        "filebeat.inputs": [{
            "type": "filestream",
            "id": "containers",
            "paths": [format!("{logs}/*.log")],
            "parsers": [{ "container": {} }],
            "prospector": { "scanner": { "symlinks": true } },
            "processors": [{ "add_kubernetes_metadata": {
                "host": "${NODE_NAME}",
                "matchers": [{ "logs_path": { "logs_path": format!("{logs}/") } }],
            } }],
        }],
        "setup.ilm.enabled": true,
        "setup.ilm.policy_file": "/usr/share/filebeat/lifecycle/policy.json",
        "setup.ilm.overwrite": true,
    });
    let mount =
        |name: &str, path: &str| json!({ "name": name, "mountPath": path, "readOnly": true });
    let folder = |name: &str, path: &str| json!({ "name": name, "hostPath": { "path": path } });
    let container = json!({
        "name": "filebeat",
        "resources": resources(["100m", "200Mi"], ["500m", "500Mi"]),
        // The files belong to root; nothing more than reading them is needed.
        "securityContext": {
            "runAsUser": 0,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "env": [{ "name": "NODE_NAME", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } }],
        "volumeMounts": [
            mount("containers", logs),
            mount("pods", "/var/log/pods"),
            mount("lifecycle", "/usr/share/filebeat/lifecycle"),
        ],
    });
    let pod = json!({
        "serviceAccountName": "filebeat",
        "automountServiceAccountToken": true,
        "tolerations": [{ "operator": "Exists" }],
        "securityContext": { "seccompProfile": { "type": "RuntimeDefault" } },
        "containers": [container],
        "volumes": [
            folder("containers", logs),
            folder("pods", "/var/log/pods"),
            { "name": "lifecycle", "configMap": { "name": "filebeat-lifecycle" } },
        ],
    });
    let spec = plain(json!({
        "type": "filebeat",
        "version": VERSION,
        "elasticsearchRef": { "name": NAME },
        "kibanaRef": { "name": NAME },
        "config": config,
        "daemonSet": { "podTemplate": { "spec": pod } },
    }));
    object(
        "beat.k8s.elastic.co/v1beta1",
        "Beat",
        NAMESPACE,
        NAME,
        json!({ "spec": spec }),
    )
}

fn flows(inside: &mut Inside<'_>) {
    let operator = Pods::of(
        OPERATOR,
        "operator",
        &[("app.kubernetes.io/name", "elastic-operator")],
    );
    let elasticsearch = Pods::of(
        NAMESPACE,
        "elasticsearch",
        &[("elasticsearch.k8s.elastic.co/cluster-name", NAME)],
    );
    let kibana = Pods::of(NAMESPACE, "kibana", &[("kibana.k8s.elastic.co/name", NAME)]);
    let filebeat = Pods::of(NAMESPACE, "filebeat", &[("beat.k8s.elastic.co/name", NAME)]);
    inside.calls_api(&filebeat);
    let both = [Port::tcp(9200), Port::tcp(9300)];
    inside.allow(
        Peer::Pods(elasticsearch.clone()),
        Peer::Pods(elasticsearch.clone()),
        &both,
    );
    for from in [&operator, &kibana, &filebeat] {
        inside.allow(
            Peer::Pods(from.clone()),
            Peer::Pods(elasticsearch.clone()),
            &[Port::tcp(9200)],
        );
    }
    for from in [&operator, &filebeat] {
        inside.allow(
            Peer::Pods(from.clone()),
            Peer::Pods(kibana.clone()),
            &[Port::tcp(5601)],
        );
    }
}
