//! What a cluster has from its beginning: namespaces, its own Service, classes, roles, and a node for each machine
//! that its cloud has made.

use serde_json::{Value, json};

use super::super::clusters::{Machine, source};
use super::super::kinds;
use super::super::store::Session;
use super::super::value::text;
use super::super::version;
use super::delete;

/// Makes what is missing, and follows the cloud's machines.
pub(super) fn ensure(session: &mut Session<'_>) {
    if session.find("", "namespaces", "", "kube-system").is_none() {
        begin(session);
    }
    nodes(session);
}

fn begin(session: &mut Session<'_>) {
    let namespaces = kinds::known("", "namespaces");
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        session.make(&namespaces, json!({ "metadata": { "name": name } }));
    }
    let [a, b] = super::super::rules::SERVICE_RANGE;
    let services = kinds::known("", "services");
    let address = format!("{a}.{b}.0.1");
    session.make(
        &services,
        json!({
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": { "component": "apiserver", "provider": "kubernetes" },
            },
            "spec": {
                "clusterIP": address, "clusterIPs": [address],
                "ports": [{ "name": "https", "port": 443, "targetPort": 443 }],
            },
        }),
    );
    let endpoints = kinds::known("", "endpoints");
    session.make(
        &endpoints,
        json!({
            "metadata": { "name": "kubernetes", "namespace": "default" },
            "subsets": [{ "addresses": [{ "ip": "192.0.2.250" }], "ports": [{ "name": "https", "port": 443, "protocol": "TCP" }] }],
        }),
    );
    let slices = kinds::known("discovery.k8s.io", "endpointslices");
    session.make(
        &slices,
        json!({
            "metadata": { "name": "kubernetes", "namespace": "default", "labels": { "kubernetes.io/service-name": "kubernetes" } },
            "addressType": "IPv4",
            "endpoints": [{ "addresses": ["192.0.2.250"], "conditions": { "ready": true } }],
            "ports": [{ "name": "https", "port": 443 }],
        }),
    );
    let priorities = kinds::known("scheduling.k8s.io", "priorityclasses");
    for (name, value) in [
        ("system-cluster-critical", 2_000_000_000u32),
        ("system-node-critical", 2_000_001_000),
    ] {
        session.make(
            &priorities,
            json!({ "metadata": { "name": name }, "value": value }),
        );
    }
    roles(session);
    classes(session);
    let leases = kinds::known("coordination.k8s.io", "leases");
    for name in ["kube-controller-manager", "kube-scheduler"] {
        session.make(
            &leases,
            json!({
                "metadata": { "name": name, "namespace": "kube-system" },
                "spec": { "holderIdentity": name, "leaseDurationSeconds": 15 },
            }),
        );
    }
}

fn roles(session: &mut Session<'_>) {
    let roles = kinds::known("rbac.authorization.k8s.io", "clusterroles");
    let every = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let reads =
        json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"] }]);
    for (name, rules) in [
        ("cluster-admin", every.clone()),
        ("admin", every.clone()),
        ("edit", every),
        ("view", reads.clone()),
        (
            "system:auth-delegator",
            json!([{ "apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"] }]),
        ),
        ("system:discovery", reads),
    ] {
        session.make(
            &roles,
            json!({
                "metadata": { "name": name, "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" } },
                "rules": rules,
            }),
        );
    }
    let bindings = kinds::known("rbac.authorization.k8s.io", "clusterrolebindings");
    session.make(
        &bindings,
        json!({
            "metadata": { "name": "cluster-admin" },
            "roleRef": { "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "Group", "name": "system:masters" }],
        }),
    );
    let bound = kinds::known("rbac.authorization.k8s.io", "roles");
    session.make(
        &bound,
        json!({
            "metadata": { "name": "extension-apiserver-authentication-reader", "namespace": "kube-system" },
            "rules": [{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"] }],
        }),
    );
}

fn classes(session: &mut Session<'_>) {
    // As the clouds make them: EKS's is not the default one.
    let (name, provisioner, default) = match session.cluster.cloud {
        "aws" => ("gp2", "kubernetes.io/aws-ebs", false),
        "google" => ("standard-rwo", "pd.csi.storage.gke.io", true),
        "azure" => ("default", "disk.csi.azure.com", true),
        _ => ("standard", "sandbox.local/volume", true),
    };
    let resource = kinds::known("storage.k8s.io", "storageclasses");
    let mut class = json!({
        "metadata": { "name": name },
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": default,
    });
    if default {
        class["metadata"]["annotations"] =
            json!({ "storageclass.kubernetes.io/is-default-class": "true" });
    }
    session.make(&resource, class);
}

/// Makes nodes of new machines and takes those away whose machine is gone.
fn nodes(session: &mut Session<'_>) {
    let machines = source(session.cluster.cloud).machines(session.frame(), &session.cluster);
    let resource = kinds::known("", "nodes");
    let existing = session.all("", "nodes");
    for machine in &machines {
        let there = existing
            .iter()
            .any(|node| node["metadata"]["name"] == machine.name.as_str());
        if !there {
            let value = node(session, machine);
            session.make(&resource, value);
        }
    }
    for node in existing {
        let gone = !machines
            .iter()
            .any(|machine| node["metadata"]["name"] == machine.name.as_str());
        // Nodes that a client has made stay.
        if gone && !text(&node, "/spec/providerID").is_empty() {
            for pod in session.all("", "pods") {
                if pod["spec"]["nodeName"] == node["metadata"]["name"] {
                    let pods = kinds::known("", "pods");
                    let id = pods.id(
                        text(&pod, "/metadata/namespace"),
                        text(&pod, "/metadata/name"),
                    );
                    session.erase(&pods.table(), &id);
                }
            }
            delete(session, &resource, &node);
        }
    }
}

fn node(session: &Session<'_>, machine: &Machine) -> Value {
    let mut labels = json!({
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/hostname": machine.name,
        "node.kubernetes.io/instance-type": machine.machine_type,
        "topology.kubernetes.io/region": machine.region,
        "topology.kubernetes.io/zone": machine.zone,
    });
    for (key, value) in &machine.labels {
        labels[key.as_str()] = value.as_str().into();
    }
    let taints: Vec<Value> = machine
        .taints
        .iter()
        .map(|(key, value, effect)| json!({ "key": key, "value": value, "effect": effect }))
        .collect();
    let (cpu, memory) = machine.size;
    let amounts = |cpu: u64, memory: u64| {
        json!({
            "cpu": format!("{cpu}m"), "memory": format!("{memory}Mi"),
            "ephemeral-storage": "100Gi", "pods": machine.max_pods.to_string(),
        })
    };
    let now = session.time();
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
        "lastTransitionTime": now, "lastHeartbeatTime": now,
    });
    json!({
        "metadata": { "name": machine.name, "labels": labels },
        "spec": { "providerID": machine.provider_id, "taints": taints },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": machine.address },
                { "type": "Hostname", "address": machine.name },
            ],
            "capacity": amounts(cpu, memory),
            "allocatable": amounts(cpu.saturating_sub(80), memory.saturating_sub(memory / 10)),
            "conditions": [ready],
            "nodeInfo": {
                "kubeletVersion": version::git(session.cluster.cloud, &session.cluster.version),
                "kubeProxyVersion": "", "osImage": "Sandbox Linux", "operatingSystem": "linux", "architecture": "amd64",
                "containerRuntimeVersion": "containerd://2.0.0", "kernelVersion": "6.12.0",
                "bootID": "", "machineID": machine.name, "systemUUID": machine.name,
            },
        },
    })
}
