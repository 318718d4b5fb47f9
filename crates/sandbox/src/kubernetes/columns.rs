//! The columns that `kubectl get` shows of built-in kinds, beside name and age.

use serde_json::{Value, json};

use super::table::{age, duration};
use super::value::{condition, is_deleting, list, members, number, text};
use crate::clock::Millis;

/// Names and priorities; those of priority 1 are shown by `-o wide` alone.
pub(super) fn of(group: &str, kind: &str) -> &'static [(&'static str, i64)] {
    match (group, kind) {
        ("", "Namespace") => &[("Status", 0)],
        ("", "Pod") => &[
            ("Ready", 0),
            ("Status", 0),
            ("Restarts", 0),
            ("IP", 1),
            ("Node", 1),
        ],
        ("", "Service") => &[
            ("Type", 0),
            ("Cluster-IP", 0),
            ("External-IP", 0),
            ("Port(s)", 0),
            ("Selector", 1),
        ],
        ("", "ConfigMap") => &[("Data", 0)],
        ("", "Secret") => &[("Type", 0), ("Data", 0)],
        ("", "Node") => &[
            ("Status", 0),
            ("Roles", 0),
            ("Version", 0),
            ("Internal-IP", 1),
        ],
        ("", "Endpoints") => &[("Endpoints", 0)],
        ("", "PersistentVolumeClaim") => &[
            ("Status", 0),
            ("Volume", 0),
            ("Capacity", 0),
            ("Access Modes", 0),
            ("StorageClass", 0),
        ],
        ("", "PersistentVolume") => &[
            ("Capacity", 0),
            ("Access Modes", 0),
            ("Reclaim Policy", 0),
            ("Status", 0),
            ("Claim", 0),
            ("StorageClass", 0),
        ],
        ("", "Event") => &[("Type", 0), ("Reason", 0), ("Object", 0), ("Message", 0)],
        ("", "ResourceQuota") => &[("Request", 0)],
        ("apps", "Deployment") => &[
            ("Ready", 0),
            ("Up-to-date", 0),
            ("Available", 0),
            ("Containers", 1),
            ("Images", 1),
        ],
        ("apps", "ReplicaSet") => &[("Desired", 0), ("Current", 0), ("Ready", 0)],
        ("apps", "StatefulSet") => &[("Ready", 0), ("Images", 1)],
        ("apps", "DaemonSet") => &[
            ("Desired", 0),
            ("Current", 0),
            ("Ready", 0),
            ("Up-to-date", 0),
            ("Available", 0),
        ],
        ("batch", "Job") => &[("Status", 0), ("Completions", 0), ("Duration", 0)],
        ("batch", "CronJob") => &[
            ("Schedule", 0),
            ("Suspend", 0),
            ("Active", 0),
            ("Last Schedule", 0),
        ],
        ("networking.k8s.io", "Ingress") => &[("Class", 0), ("Hosts", 0), ("Address", 0)],
        ("networking.k8s.io", "NetworkPolicy") => &[("Pod-Selector", 0)],
        ("apiextensions.k8s.io", "CustomResourceDefinition") => &[("Created At", 0)],
        ("storage.k8s.io", "StorageClass") => &[
            ("Provisioner", 0),
            ("ReclaimPolicy", 0),
            ("VolumeBindingMode", 0),
            ("AllowVolumeExpansion", 0),
        ],
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => &[("Role", 0)],
        ("policy", "PodDisruptionBudget") => &[
            ("Min Available", 0),
            ("Max Unavailable", 0),
            ("Allowed Disruptions", 0),
        ],
        ("scheduling.k8s.io", "PriorityClass") => &[("Value", 0), ("Global-Default", 0)],
        ("autoscaling", "HorizontalPodAutoscaler") => &[
            ("Reference", 0),
            ("MinPods", 0),
            ("MaxPods", 0),
            ("Replicas", 0),
        ],
        ("discovery.k8s.io", "EndpointSlice") => &[("AddressType", 0), ("Endpoints", 0)],
        _ => &[],
    }
}

fn count(value: &Value, pointer: &str) -> Value {
    number(value, pointer).unwrap_or(0).into()
}

fn or_none(text: String) -> Value {
    if text.is_empty() {
        "<none>".into()
    } else {
        text.into()
    }
}

fn joined<'v>(items: impl Iterator<Item = &'v str>) -> String {
    items.collect::<Vec<_>>().join(",")
}

fn at(value: &Value, pointer: &str) -> Value {
    or_none(match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    })
}

fn labels(value: &Value, pointer: &str) -> Value {
    let pairs: Vec<String> = members(value, pointer)
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    or_none(pairs.join(","))
}

fn modes(value: &Value, pointer: &str) -> Value {
    let short = |mode: &Value| match mode.as_str().unwrap_or_default() {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        _ => "RWOP",
    };
    joined(list(value, pointer).iter().map(short)).into()
}

/// The cells of an object, as many as there are columns.
pub(super) fn cells(group: &str, kind: &str, value: &Value, now: Millis) -> Vec<Value> {
    let count = |pointer: &str| count(value, pointer);
    let at = |pointer: &str| at(value, pointer);
    match (group, kind) {
        ("", "Namespace") => vec![at("/status/phase")],
        ("", "Pod") => pod(value),
        ("", "Service") => service(value),
        ("", "ConfigMap") => {
            let size = members(value, "/data").count() + members(value, "/binaryData").count();
            vec![size.into()]
        }
        ("", "Secret") => vec![at("/type"), members(value, "/data").count().into()],
        ("", "Node") => {
            let ready = condition(value, "Ready") == "True";
            let mut status = if ready { "Ready" } else { "NotReady" }.to_owned();
            if value["spec"]["unschedulable"] == true {
                status.push_str(",SchedulingDisabled");
            }
            let address = list(value, "/status/addresses");
            let internal = address.iter().find(|one| one["type"] == "InternalIP");
            vec![
                status.into(),
                "<none>".into(),
                at("/status/nodeInfo/kubeletVersion"),
                internal.map_or(Value::Null, |one| one["address"].clone()),
            ]
        }
        ("", "Endpoints") => {
            let subsets = list(value, "/subsets").iter();
            let found: Vec<String> = subsets
                .flat_map(|subset| {
                    let port = number(subset, "/ports/0/port").unwrap_or(0);
                    list(subset, "/addresses")
                        .iter()
                        .map(move |one| format!("{}:{port}", text(one, "/ip")))
                })
                .collect();
            vec![or_none(found.join(","))]
        }
        ("", "PersistentVolumeClaim") => vec![
            at("/status/phase"),
            at("/spec/volumeName"),
            at("/status/capacity/storage"),
            modes(value, "/status/accessModes"),
            at("/spec/storageClassName"),
        ],
        ("", "PersistentVolume") => vec![
            at("/spec/capacity/storage"),
            modes(value, "/spec/accessModes"),
            at("/spec/persistentVolumeReclaimPolicy"),
            at("/status/phase"),
            format!(
                "{}/{}",
                text(value, "/spec/claimRef/namespace"),
                text(value, "/spec/claimRef/name")
            )
            .into(),
            at("/spec/storageClassName"),
        ],
        ("", "Event") => vec![
            at("/type"),
            at("/reason"),
            format!(
                "{}/{}",
                text(value, "/involvedObject/kind").to_lowercase(),
                text(value, "/involvedObject/name")
            )
            .into(),
            at("/message"),
        ],
        ("", "ResourceQuota") => {
            let parts: Vec<String> = members(value, "/status/hard")
                .map(|(name, hard)| {
                    let used = value["status"]["used"][name.as_str()]
                        .as_str()
                        .unwrap_or("0");
                    format!("{name}: {used}/{}", hard.as_str().unwrap_or_default())
                })
                .collect();
            vec![parts.join(", ").into()]
        }
        ("apps", "Deployment") => {
            let containers = list(value, "/spec/template/spec/containers").iter();
            vec![
                format!(
                    "{}/{}",
                    count("/status/readyReplicas"),
                    count("/spec/replicas")
                )
                .into(),
                count("/status/updatedReplicas"),
                count("/status/availableReplicas"),
                joined(containers.clone().map(|one| text(one, "/name"))).into(),
                joined(containers.map(|one| text(one, "/image"))).into(),
            ]
        }
        ("apps", "ReplicaSet") => vec![
            count("/spec/replicas"),
            count("/status/replicas"),
            count("/status/readyReplicas"),
        ],
        ("apps", "StatefulSet") => {
            let containers = list(value, "/spec/template/spec/containers").iter();
            vec![
                format!(
                    "{}/{}",
                    count("/status/readyReplicas"),
                    count("/spec/replicas")
                )
                .into(),
                joined(containers.map(|one| text(one, "/image"))).into(),
            ]
        }
        ("apps", "DaemonSet") => vec![
            count("/status/desiredNumberScheduled"),
            count("/status/currentNumberScheduled"),
            count("/status/numberReady"),
            count("/status/updatedNumberScheduled"),
            count("/status/numberAvailable"),
        ],
        ("batch", "Job") => job(value, now),
        ("batch", "CronJob") => vec![
            at("/spec/schedule"),
            if value["spec"]["suspend"] == true {
                "True"
            } else {
                "False"
            }
            .into(),
            list(value, "/status/active").len().into(),
            match text(value, "/status/lastScheduleTime") {
                "" => "<none>".into(),
                time => age(now, time).into(),
            },
        ],
        ("networking.k8s.io", "Ingress") => {
            let hosts = joined(
                list(value, "/spec/rules")
                    .iter()
                    .map(|rule| text(rule, "/host")),
            );
            let addresses = list(value, "/status/loadBalancer/ingress").iter();
            let addresses = addresses.map(|one| match text(one, "/ip") {
                "" => text(one, "/hostname"),
                ip => ip,
            });
            vec![
                at("/spec/ingressClassName"),
                if hosts.is_empty() {
                    "*".into()
                } else {
                    hosts.into()
                },
                joined(addresses).into(),
            ]
        }
        ("networking.k8s.io", "NetworkPolicy") => {
            vec![labels(value, "/spec/podSelector/matchLabels")]
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            vec![at("/metadata/creationTimestamp")]
        }
        ("storage.k8s.io", "StorageClass") => vec![
            at("/provisioner"),
            at("/reclaimPolicy"),
            at("/volumeBindingMode"),
            (value["allowVolumeExpansion"] == true).into(),
        ],
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            vec![
                format!(
                    "{}/{}",
                    text(value, "/roleRef/kind"),
                    text(value, "/roleRef/name")
                )
                .into(),
            ]
        }
        ("policy", "PodDisruptionBudget") => vec![
            at("/spec/minAvailable"),
            at("/spec/maxUnavailable"),
            count("/status/disruptionsAllowed"),
        ],
        ("scheduling.k8s.io", "PriorityClass") => {
            vec![count("/value"), (value["globalDefault"] == true).into()]
        }
        ("autoscaling", "HorizontalPodAutoscaler") => vec![
            format!(
                "{}/{}",
                text(value, "/spec/scaleTargetRef/kind"),
                text(value, "/spec/scaleTargetRef/name")
            )
            .into(),
            at("/spec/minReplicas"),
            count("/spec/maxReplicas"),
            count("/status/currentReplicas"),
        ],
        ("discovery.k8s.io", "EndpointSlice") => {
            let endpoints = list(value, "/endpoints").iter();
            vec![
                at("/addressType"),
                or_none(joined(endpoints.map(|one| text(one, "/addresses/0")))),
            ]
        }
        _ => Vec::new(),
    }
}

fn pod(value: &Value) -> Vec<Value> {
    let statuses = list(value, "/status/containerStatuses");
    let ready = statuses.iter().filter(|one| one["ready"] == true).count();
    let total = list(value, "/spec/containers").len();
    let restarts: i64 = statuses
        .iter()
        .filter_map(|one| one["restartCount"].as_i64())
        .sum();
    let waiting = statuses
        .iter()
        .find_map(|one| one["state"]["waiting"]["reason"].as_str());
    let status = if is_deleting(value) {
        "Terminating"
    } else if let Some(reason) = waiting {
        reason
    } else {
        match text(value, "/status/phase") {
            "Succeeded" => "Completed",
            "Failed" => "Error",
            phase => phase,
        }
    };
    vec![
        format!("{ready}/{total}").into(),
        status.into(),
        restarts.into(),
        at(value, "/status/podIP"),
        at(value, "/spec/nodeName"),
    ]
}

fn service(value: &Value) -> Vec<Value> {
    let kind = text(value, "/spec/type");
    let balancers = list(value, "/status/loadBalancer/ingress").iter();
    let addresses = joined(balancers.map(|one| match text(one, "/ip") {
        "" => text(one, "/hostname"),
        ip => ip,
    }));
    let external = match kind {
        "ExternalName" => text(value, "/spec/externalName").to_owned(),
        "LoadBalancer" if addresses.is_empty() => "<pending>".to_owned(),
        _ => addresses,
    };
    let ports: Vec<String> = list(value, "/spec/ports")
        .iter()
        .map(|port| {
            let number_of = |name: &str| number(port, name).unwrap_or(0);
            match number_of("/nodePort") {
                0 => format!("{}/{}", number_of("/port"), text(port, "/protocol")),
                node => format!("{}:{node}/{}", number_of("/port"), text(port, "/protocol")),
            }
        })
        .collect();
    vec![
        kind.into(),
        at(value, "/spec/clusterIP"),
        or_none(external),
        or_none(ports.join(",")),
        labels(value, "/spec/selector"),
    ]
}

fn job(value: &Value, now: Millis) -> Vec<Value> {
    let status = if condition(value, "Complete") == "True" {
        "Complete"
    } else if condition(value, "Failed") == "True" {
        "Failed"
    } else if value["spec"]["suspend"] == true {
        "Suspended"
    } else {
        "Running"
    };
    let done = number(value, "/status/succeeded").unwrap_or(0);
    let wanted = number(value, "/spec/completions").unwrap_or(1);
    let start = text(value, "/status/startTime").parse::<jiff::Timestamp>();
    let end = text(value, "/status/completionTime")
        .parse::<jiff::Timestamp>()
        .map_or(now, jiff::Timestamp::as_millisecond);
    let took = start.map_or_else(
        |_| String::new(),
        |start| duration((end - start.as_millisecond()).max(0) / 1000),
    );
    vec![
        status.into(),
        format!("{done}/{wanted}").into(),
        json!(took),
    ]
}
