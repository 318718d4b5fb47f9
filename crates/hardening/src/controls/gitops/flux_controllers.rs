//! Flux's own controllers, as its release has them: one Deployment each. There is no chart of the project's own.

use super::flux::NAMESPACE;
use crate::identity::Lowered;
use crate::objects::{object, resources};
use serde_json::{Value as Json, json};

/// A controller.
pub(super) struct Controller {
    pub(super) name: &'static str,
    image: &'static str,
    /// What it does with the cluster beside its own kinds.
    applies: bool,
    /// Whether others fetch files from it.
    stores: bool,
    memory: &'static str,
}

/// Those of Flux 2.9.4.
pub(super) const CONTROLLERS: &[Controller] = &[
    Controller {
        name: "source-controller",
        image: "ghcr.io/fluxcd/source-controller:v1.9.4",
        applies: false,
        stores: true,
        memory: "1Gi",
    },
    Controller {
        name: "kustomize-controller",
        image: "ghcr.io/fluxcd/kustomize-controller:v1.9.4",
        applies: true,
        stores: false,
        memory: "1Gi",
    },
    Controller {
        name: "helm-controller",
        image: "ghcr.io/fluxcd/helm-controller:v1.6.3",
        applies: true,
        stores: false,
        memory: "1Gi",
    },
    Controller {
        name: "notification-controller",
        image: "ghcr.io/fluxcd/notification-controller:v1.9.3",
        applies: false,
        stores: false,
        memory: "512Mi",
    },
    Controller {
        name: "image-reflector-controller",
        image: "ghcr.io/fluxcd/image-reflector-controller:v1.2.4",
        applies: false,
        stores: true,
        memory: "512Mi",
    },
    Controller {
        name: "image-automation-controller",
        image: "ghcr.io/fluxcd/image-automation-controller:v1.2.4",
        applies: false,
        stores: false,
        memory: "512Mi",
    },
];

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// What a controller is made of, with its identity in the cloud if it has one, the Deployment last.
pub(super) fn objects(controller: &Controller, identity: &Lowered) -> Vec<Json> {
    let name = controller.name;
    let labels = json!({ "app": name });
    let annotations = &identity.annotations;
    let account = match annotations.as_object() {
        Some(some) if !some.is_empty() => json!({ "metadata": { "annotations": annotations } }),
        _ => json!({}),
    };
    let mut out = vec![
        object("v1", "ServiceAccount", NAMESPACE, name, account),
        binding(&format!("flux-{name}"), "flux-controllers", name),
    ];
    if controller.applies {
        // It takes on the account that each app has; what it may take on is everything.
        out.push(binding(
            &format!("flux-{name}-applies"),
            "cluster-admin",
            name,
        ));
    }
    if matches!(name, "source-controller" | "notification-controller") {
        let spec = json!({
            "selector": labels,
            "ports": [{ "name": "http", "port": 80, "targetPort": "http", "protocol": "TCP" }],
        });
        out.push(object(
            "v1",
            "Service",
            NAMESPACE,
            name,
            json!({ "spec": spec }),
        ));
    }
    out.push(deployment(controller, &labels, identity));
    out
}

fn deployment(controller: &Controller, labels: &Json, identity: &Lowered) -> Json {
    let name = controller.name;
    let mut arguments = vec![
        "--watch-all-namespaces=true".to_owned(),
        "--log-level=info".to_owned(),
        "--log-encoding=json".to_owned(),
        "--enable-leader-election".to_owned(),
    ];
    if name != "notification-controller" {
        let address = format!("http://notification-controller.{NAMESPACE}.svc.cluster.local./");
        arguments.insert(0, format!("--events-addr={address}"));
    }
    if name == "source-controller" {
        arguments.push("--storage-path=/data".to_owned());
        arguments.push(format!(
            "--storage-adv-addr=source-controller.{NAMESPACE}.svc.cluster.local."
        ));
    }
    if controller.applies {
        // An app's folder reaches no other namespace, and nothing is done in the controller's own name.
        arguments.push("--no-cross-namespace-refs=true".to_owned());
        arguments.push("--default-service-account=default".to_owned());
    }
    let mut mounts = vec![json!({ "name": "temp", "mountPath": "/tmp" })];
    let mut volumes = vec![json!({ "name": "temp", "emptyDir": {} })];
    if controller.stores {
        mounts.push(json!({ "name": "data", "mountPath": "/data" }));
        volumes.push(json!({ "name": "data", "emptyDir": {} }));
    }
    let mut ports = vec![
        json!({ "name": "http-prom", "containerPort": 8080, "protocol": "TCP" }),
        json!({ "name": "healthz", "containerPort": 9440, "protocol": "TCP" }),
    ];
    if matches!(name, "source-controller" | "notification-controller") {
        ports.push(json!({ "name": "http", "containerPort": 9090, "protocol": "TCP" }));
    }
    let container = json!({
        "name": "manager",
        "image": controller.image,
        "args": arguments,
        "env": [{ "name": "RUNTIME_NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } }],
        "ports": ports,
        "livenessProbe": { "httpGet": { "port": "healthz", "path": "/healthz" } },
        "readinessProbe": { "httpGet": { "port": "healthz", "path": "/readyz" } },
        "resources": resources(["100m", "64Mi"], ["1", controller.memory]),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "capabilities": { "drop": ["ALL"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "volumeMounts": mounts,
    });
    let spec = json!({
        "replicas": 1,
        "strategy": { "type": "Recreate" },
        "selector": { "matchLabels": labels },
        "template": {
            "metadata": { "labels": identity.labelled(labels.clone()) },
            "spec": {
                "serviceAccountName": name,
                "priorityClassName": "system-cluster-critical",
                "securityContext": { "fsGroup": 1337 },
                "containers": [container],
                "volumes": volumes,
            },
        },
    });
    object(
        "apps/v1",
        "Deployment",
        NAMESPACE,
        name,
        json!({ "metadata": { "labels": labels }, "spec": spec }),
    )
}

/// What all controllers may do: their own kinds, and what they tell and hold.
pub(super) fn role() -> Json {
    let all = |groups: &[&str]| json!({ "apiGroups": groups, "resources": ["*"], "verbs": ["*"] });
    let some = |group: &str, resources: &[&str], verbs: &[&str]| json!({ "apiGroups": [group], "resources": resources, "verbs": verbs });
    let read = &["get", "list", "watch"];
    let rules = json!([
        all(&[
            "source.toolkit.fluxcd.io",
            "kustomize.toolkit.fluxcd.io",
            "helm.toolkit.fluxcd.io",
            "notification.toolkit.fluxcd.io",
            "image.toolkit.fluxcd.io",
            "source.extensions.fluxcd.io",
        ]),
        some(
            "",
            &["namespaces", "secrets", "configmaps", "serviceaccounts"],
            read
        ),
        some("", &["events"], &["create", "patch"]),
        some(
            "",
            &["configmaps"],
            &[
                "get", "list", "watch", "create", "update", "patch", "delete"
            ]
        ),
        some("", &["configmaps/status"], &["get", "update", "patch"]),
        some("", &["serviceaccounts/token"], &["create"]),
        some(
            "coordination.k8s.io",
            &["leases"],
            &[
                "get", "list", "watch", "create", "update", "patch", "delete"
            ]
        ),
    ]);
    object(
        RBAC,
        "ClusterRole",
        "",
        "flux-controllers",
        json!({ "rules": rules }),
    )
}

fn binding(name: &str, role: &str, account: &str) -> Json {
    let rest = json!({
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": NAMESPACE }],
    });
    object(RBAC, "ClusterRoleBinding", "", name, rest)
}
