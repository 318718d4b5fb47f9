//! `autoscaler`: pools of an EKS cluster grow when pods find no room, and shrink when nodes have little to do. GKE and AKS do that
//! themselves; EKS leaves it to the Cluster Autoscaler, which the cluster runs. Upstream has a chart for it, whose roles have lagged behind
//! what the program asks for (<https://github.com/kubernetes/autoscaler/issues/8678>): without one of them it runs and never adds a node.

use crate::control::Control;
use crate::flow::Pods;
use crate::identity::{Account, Grant};
use crate::inside::Inside;
use crate::node::Wait;
use crate::objects::{object, resources};
use crate::pins;
use infra_draft::cloud::Cloud;
use infra_model::Record;
use serde_json::{Value as Json, json};

/// Nodes as they are needed, between a pool's `min` and `max`: one more where a pod finds no room, one less where the pods of a node have
/// room elsewhere. GKE and AKS do this themselves, so that nothing is made there; on EKS the Cluster Autoscaler runs in the cluster.
#[derive(Record)]
pub(crate) struct Config {
    /// For how many minutes a node must have had little to do before it goes.
    #[record(optional, default = 10)]
    pub(crate) idle_minutes: i64,
}

/// The control.
pub(crate) struct Autoscaler;

/// Where it runs, and what it and its account are called.
const NAME: &str = "cluster-autoscaler";
const RBAC: &str = "rbac.authorization.k8s.io/v1";
/// Where it tells metrics and how it is.
const PORT: u16 = 8085;
/// The program's own number for nobody.
const NOBODY: u32 = 65534;

impl Control for Autoscaler {
    const NAME: &'static str = "autoscaler";
    const BASELINE: bool = true;
    type Config = Config;

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        if !(1..=1440).contains(&config.idle_minutes) {
            inside.draft.refuse(
                "autoscaler.idle_minutes",
                format!("a node does not wait for {} minutes", config.idle_minutes),
                "write from 1 to 1440",
            );
            return;
        }
        if let Cloud::Aws(_) = inside.site.cloud {
            install(config, inside);
        }
    }
}

fn install(config: &Config, inside: &mut Inside<'_>) {
    inside.namespace(NAME, "restricted");
    let pods = Pods::of(NAME, NAME, &[("app.kubernetes.io/name", NAME)]);
    let account = Account {
        name: NAME.to_owned(),
        namespace: NAME.to_owned(),
        service_account: inside.account(NAME),
        grants: vec![Grant::Scale(inside.site.output("name"))],
    };
    let lowered = inside.token_identity(&account, &pods);
    inside.draft.data("aws_region", "this", json!({}));
    let metadata = json!({ "metadata": { "annotations": lowered.annotations } });
    let mut before = lowered.before;
    before.push(inside.object(object(
        "v1",
        "ServiceAccount",
        NAME,
        &account.service_account,
        metadata,
    )));
    for rights in rights(&account.service_account) {
        before.push(inside.object(rights));
    }
    before.push(inside.object(disruption()));
    let deployment = deployment(config, &account.service_account, inside);
    let deployment = inside.waited(deployment, Wait::default().rollout());
    inside.after(&deployment, before);
    inside.calls_api(&pods);
    inside.scrape(&pods, PORT, "/metrics");
}

/// What it may do in the cluster.
/// <https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/examples/cluster-autoscaler-autodiscover.yaml>;
/// since 1.32 it waits until it has seen attachments of volumes, and since 1.35 claims of devices, before it does anything.
fn rights(account: &str) -> [Json; 4] {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({ "apiGroups": [group], "resources": resources, "verbs": verbs });
    let named = |group: &str, resource: &str, names: &[&str], verbs: &[&str]| json!({ "apiGroups": [group], "resources": [resource], "resourceNames": names, "verbs": verbs });
    let look = &["get", "list", "watch"];
    let everywhere = json!({ "rules": [
        rule("", &["events"], &["create", "patch"]),
        rule("", &["pods/eviction"], &["create"]),
        rule("", &["pods/status"], &["update"]),
        // It taints those that it empties, and puts none there.
        rule("", &["nodes"], &["get", "list", "watch", "update"]),
        rule(
            "",
            &["namespaces", "pods", "services", "replicationcontrollers", "persistentvolumeclaims", "persistentvolumes"],
            look,
        ),
        rule("apps", &["daemonsets", "replicasets", "statefulsets"], look),
        rule("batch", &["cronjobs", "jobs"], look),
        rule("policy", &["poddisruptionbudgets"], look),
        rule("resource.k8s.io", &["deviceclasses", "resourceclaims", "resourceslices"], look),
        rule(
            "storage.k8s.io",
            &["storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"],
            look,
        ),
    ] });
    let at_home = json!({ "rules": [
        rule("", &["configmaps"], &["create", "list", "watch"]),
        named("", "configmaps", &["cluster-autoscaler-status"], &["get", "update", "delete"]),
        rule("coordination.k8s.io", &["leases"], &["create"]),
        named("coordination.k8s.io", "leases", &[NAME], &["get", "update"]),
    ] });
    let bound = |kind: &str| {
        json!({
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": NAME },
            "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": NAME }],
        })
    };
    [
        object(RBAC, "ClusterRole", "", NAME, everywhere),
        object(RBAC, "ClusterRoleBinding", "", NAME, bound("ClusterRole")),
        object(RBAC, "Role", NAME, NAME, at_home),
        object(RBAC, "RoleBinding", NAME, NAME, bound("Role")),
    ]
}

fn labels() -> Json {
    json!({ "app.kubernetes.io/name": NAME })
}

fn disruption() -> Json {
    let spec = json!({ "minAvailable": 1, "selector": { "matchLabels": labels() } });
    object(
        "policy/v1",
        "PodDisruptionBudget",
        NAME,
        NAME,
        json!({ "spec": spec }),
    )
}

fn deployment(config: &Config, account: &str, inside: &Inside<'_>) -> Json {
    let cluster = inside.site.output("name");
    let probe = json!({ "httpGet": { "path": "/health-check", "port": "http" }, "initialDelaySeconds": 15 });
    let container = json!({
        "name": NAME,
        "image": pins::autoscaler(&inside.site.kubernetes),
        "command": ["./cluster-autoscaler"],
        "args": [
            "--cloud-provider=aws",
            format!("--namespace={NAME}"),
            // EKS tags the groups of its node groups so.
            format!("--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/{cluster}"),
            // A pool is a group in each zone.
            "--balance-similar-node-groups=true",
            "--expander=least-waste",
            // Nearly every node has a pod of the system's, or one that keeps something for as long as it lives.
            "--skip-nodes-with-system-pods=false",
            "--skip-nodes-with-local-storage=false",
            format!("--scale-down-unneeded-time={}m", config.idle_minutes),
        ],
        // The node's own metadata, which would tell it, is closed to pods.
        "env": [{ "name": "AWS_REGION", "value": "${data.aws_region.this.region}" }],
        "ports": [{ "name": "http", "containerPort": PORT }],
        "livenessProbe": probe,
        "resources": resources(["100m", "300Mi"], ["500m", "1Gi"]),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
    });
    let spec = json!({
        // One works, and the other takes over.
        "replicas": 2,
        "selector": { "matchLabels": labels() },
        "template": {
            "metadata": { "labels": labels() },
            "spec": {
                "serviceAccountName": account,
                "priorityClassName": "system-cluster-critical",
                "securityContext": {
                    "runAsNonRoot": true,
                    "runAsUser": NOBODY,
                    "runAsGroup": NOBODY,
                    "seccompProfile": { "type": "RuntimeDefault" },
                },
                "topologySpreadConstraints": [{
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": { "matchLabels": labels() },
                }],
                "containers": [container],
            },
        },
    });
    object("apps/v1", "Deployment", NAME, NAME, json!({ "spec": spec }))
}
