//! Defaults of built-in kinds, as the API reference gives them.

use serde_json::{Map, Value, json};

use super::kinds::Resource;
use super::value::{default, text};

/// Fills in what an object leaves open.
pub(super) fn fill(resource: &Resource, value: &mut Value) {
    if resource.is_custom() {
        return;
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => pod_spec(value, "spec"),
        ("", "PodTemplate") => pod_spec(value, "template/spec"),
        ("", "Namespace") => {
            default(value, "spec/finalizers", json!(["kubernetes"]));
            default(value, "status/phase", "Active");
            let name = text(value, "/metadata/name").to_owned();
            default(value, "metadata/labels/kubernetes.io~1metadata.name", name);
        }
        ("", "Service") => service(value),
        ("", "Secret") => {
            default(value, "type", "Opaque");
            string_data(value);
        }
        ("", "PersistentVolumeClaim") => {
            default(value, "spec/volumeMode", "Filesystem");
            default(value, "status/phase", "Pending");
        }
        ("", "PersistentVolume") => {
            default(value, "spec/persistentVolumeReclaimPolicy", "Retain");
            default(value, "spec/volumeMode", "Filesystem");
            default(value, "status/phase", "Pending");
        }
        ("", "ReplicationController") => {
            default(value, "spec/replicas", 1);
            pod_spec(value, "spec/template/spec");
        }
        ("", "LimitRange") => limit_range(value),
        ("apps", "Deployment") => {
            default(value, "spec/replicas", 1);
            default(value, "spec/strategy/type", "RollingUpdate");
            if text(value, "/spec/strategy/type") == "RollingUpdate" {
                default(value, "spec/strategy/rollingUpdate/maxUnavailable", "25%");
                default(value, "spec/strategy/rollingUpdate/maxSurge", "25%");
            }
            default(value, "spec/revisionHistoryLimit", 10);
            default(value, "spec/progressDeadlineSeconds", 600);
            template(value);
        }
        ("apps", "ReplicaSet") => {
            default(value, "spec/replicas", 1);
            template(value);
        }
        ("apps", "StatefulSet") => {
            default(value, "spec/replicas", 1);
            default(value, "spec/podManagementPolicy", "OrderedReady");
            default(value, "spec/updateStrategy/type", "RollingUpdate");
            if text(value, "/spec/updateStrategy/type") == "RollingUpdate" {
                default(value, "spec/updateStrategy/rollingUpdate/partition", 0);
            }
            default(value, "spec/revisionHistoryLimit", 10);
            default(
                value,
                "spec/persistentVolumeClaimRetentionPolicy",
                json!({ "whenDeleted": "Retain", "whenScaled": "Retain" }),
            );
            each(value, "/spec/volumeClaimTemplates", |claim| {
                default(claim, "apiVersion", "v1");
                default(claim, "kind", "PersistentVolumeClaim");
                default(claim, "spec/volumeMode", "Filesystem");
                default(claim, "status/phase", "Pending");
            });
            template(value);
        }
        ("apps", "DaemonSet") => {
            default(value, "spec/updateStrategy/type", "RollingUpdate");
            if text(value, "/spec/updateStrategy/type") == "RollingUpdate" {
                default(value, "spec/updateStrategy/rollingUpdate/maxUnavailable", 1);
                default(value, "spec/updateStrategy/rollingUpdate/maxSurge", 0);
            }
            default(value, "spec/revisionHistoryLimit", 10);
            template(value);
        }
        ("batch", "Job") => job(value, "spec"),
        ("batch", "CronJob") => {
            default(value, "spec/concurrencyPolicy", "Allow");
            default(value, "spec/suspend", false);
            default(value, "spec/successfulJobsHistoryLimit", 3);
            default(value, "spec/failedJobsHistoryLimit", 1);
            pod_spec(value, "spec/jobTemplate/spec/template/spec");
        }
        ("networking.k8s.io", "NetworkPolicy") => {
            default(value, "spec/podSelector", json!({}));
            let egress = value.pointer("/spec/egress").is_some();
            let types = if egress {
                json!(["Ingress", "Egress"])
            } else {
                json!(["Ingress"])
            };
            default(value, "spec/policyTypes", types);
            for direction in ["ingress", "egress"] {
                each(value, &format!("/spec/{direction}"), |rule| {
                    each(rule, "/ports", |port| default(port, "protocol", "TCP"));
                });
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            default(value, "roleRef/apiGroup", "rbac.authorization.k8s.io");
            each(value, "/subjects", |subject| {
                let group = match text(subject, "/kind") {
                    "User" | "Group" => "rbac.authorization.k8s.io",
                    _ => return,
                };
                default(subject, "apiGroup", group);
            });
        }
        ("storage.k8s.io", "StorageClass") => {
            default(value, "reclaimPolicy", "Delete");
            default(value, "volumeBindingMode", "Immediate");
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            default(value, "preemptionPolicy", "PreemptLowerPriority");
        }
        ("autoscaling", "HorizontalPodAutoscaler") => {
            default(value, "spec/minReplicas", 1);
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            each(value, "/ports", |port| {
                default(port, "name", "");
                default(port, "protocol", "TCP");
            });
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            default(value, "spec/conversion/strategy", "None");
            let kind = text(value, "/spec/names/kind").to_owned();
            default(value, "spec/names/singular", kind.to_lowercase());
            default(value, "spec/names/listKind", format!("{kind}List"));
        }
        ("admissionregistration.k8s.io", _) => webhooks(value),
        _ => {}
    }
}

/// Calls on each item of a list.
fn each(value: &mut Value, pointer: &str, visit: impl Fn(&mut Value)) {
    if let Some(items) = value.pointer_mut(pointer).and_then(Value::as_array_mut) {
        items.iter_mut().for_each(visit);
    }
}

fn template(value: &mut Value) {
    if value.pointer("/spec/template").is_some() {
        default(value, "spec/template/metadata", json!({}));
        pod_spec(value, "spec/template/spec");
    }
}

/// `stringData` becomes `data`.
fn string_data(value: &mut Value) {
    use base64::Engine;
    let Some(Value::Object(plain)) = super::value::remove(value, "stringData") else {
        return;
    };
    for (key, text) in plain {
        let encoded =
            base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
        super::value::object(value, "data").insert(key, encoded.into());
    }
}

fn service(value: &mut Value) {
    default(value, "spec/type", "ClusterIP");
    default(value, "spec/sessionAffinity", "None");
    if text(value, "/spec/sessionAffinity") == "ClientIP" {
        default(
            value,
            "spec/sessionAffinityConfig/clientIP/timeoutSeconds",
            10_800,
        );
    }
    each(value, "/spec/ports", |port| {
        default(port, "protocol", "TCP");
        if port.get("targetPort").is_none() {
            let same = port["port"].clone();
            default(port, "targetPort", same);
        }
    });
    let kind = text(value, "/spec/type").to_owned();
    if kind != "ExternalName" {
        default(value, "spec/internalTrafficPolicy", "Cluster");
        default(value, "spec/ipFamilyPolicy", "SingleStack");
        default(value, "spec/ipFamilies", json!(["IPv4"]));
    }
    if matches!(kind.as_str(), "LoadBalancer" | "NodePort") {
        default(value, "spec/externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        default(value, "spec/allocateLoadBalancerNodePorts", true);
    }
    default(value, "status/loadBalancer", json!({}));
}

fn limit_range(value: &mut Value) {
    each(value, "/spec/limits", |limit| {
        if text(limit, "/type") != "Container" {
            return;
        }
        // A maximum is the default limit, and a limit the default request.
        for (from, to) in [
            ("max", "default"),
            ("default", "defaultRequest"),
            ("min", "defaultRequest"),
        ] {
            for (name, amount) in limit[from].as_object().cloned().unwrap_or_default() {
                let there = limit[to].get(&name).is_some();
                if !there {
                    super::value::object(limit, to).insert(name, amount);
                }
            }
        }
    });
}

fn job(value: &mut Value, path: &str) {
    let at = |name: &str| format!("{path}/{name}");
    let indexed = text(value, &format!("/{path}/completionMode")) == "Indexed";
    let completions = value.pointer(&format!("/{path}/completions")).is_some();
    let parallelism = value.pointer(&format!("/{path}/parallelism")).is_some();
    if !completions && !parallelism {
        default(value, &at("completions"), 1);
    }
    default(value, &at("parallelism"), 1);
    default(value, &at("backoffLimit"), 6);
    if !indexed {
        default(value, &at("completionMode"), "NonIndexed");
    }
    default(value, &at("suspend"), false);
    default(value, &at("manualSelector"), false);
    default(value, &at("podReplacementPolicy"), "TerminatingOrFailed");
    pod_spec(value, &at("template/spec"));
}

/// Of a pod, or of a template of pods.
fn pod_spec(value: &mut Value, path: &str) {
    let pointer = format!("/{path}");
    let Some(spec) = value.pointer_mut(&pointer).filter(|spec| spec.is_object()) else {
        return;
    };
    for (name, usual) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
    ] {
        default(spec, name, usual);
    }
    let account = text(spec, "/serviceAccountName").to_owned();
    if !account.is_empty() {
        default(spec, "serviceAccount", account);
    }
    for kind in ["containers", "initContainers", "ephemeralContainers"] {
        each(spec, &format!("/{kind}"), container);
    }
    each(spec, "/volumes", volume);
}

fn container(container: &mut Value) {
    let image = text(container, "/image");
    let last = image.rsplit('/').next().unwrap_or_default();
    let latest = !image.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    default(
        container,
        "imagePullPolicy",
        if latest { "Always" } else { "IfNotPresent" },
    );
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    default(container, "resources", json!({}));
    // What is limited and not asked for is asked for as it is limited.
    let limits = container["resources"]["limits"].as_object().cloned();
    for (name, amount) in limits.unwrap_or_default() {
        if container["resources"]["requests"].get(&name).is_none() {
            let requests = super::value::object(&mut container["resources"], "requests");
            requests.insert(name, amount);
        }
    }
    each(container, "/ports", |port| default(port, "protocol", "TCP"));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).filter(|probe| probe.is_object()) {
            for (name, usual) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                default(probe, name, usual);
            }
            if let Some(get) = probe.get_mut("httpGet") {
                default(get, "path", "/");
                default(get, "scheme", "HTTP");
            }
            if let Some(grpc) = probe.get_mut("grpc") {
                default(grpc, "service", "");
            }
        }
    }
    each(container, "/env", |variable| {
        if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef") {
            default(field, "apiVersion", "v1");
        }
    });
}

fn volume(volume: &mut Value) {
    let sources = volume.as_object().map_or(0, Map::len);
    if sources <= 1 {
        default(volume, "emptyDir", json!({}));
    }
    for (source, member, usual) in [
        ("configMap", "defaultMode", json!(420)),
        ("secret", "defaultMode", json!(420)),
        ("projected", "defaultMode", json!(420)),
        ("downwardAPI", "defaultMode", json!(420)),
        ("hostPath", "type", json!("")),
    ] {
        if let Some(found) = volume.get_mut(source).filter(|found| found.is_object()) {
            default(found, member, usual);
        }
    }
    each(volume, "/projected/sources", |source| {
        if let Some(token) = source.get_mut("serviceAccountToken") {
            default(token, "expirationSeconds", 3600);
        }
        each(source, "/downwardAPI/items", field_ref);
    });
    each(volume, "/downwardAPI/items", field_ref);
    if let Some(template) = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec") {
        default(template, "volumeMode", "Filesystem");
    }
}

fn field_ref(item: &mut Value) {
    if let Some(field) = item.get_mut("fieldRef") {
        default(field, "apiVersion", "v1");
    }
}

fn webhooks(value: &mut Value) {
    let mutating = text(value, "/kind") == "MutatingWebhookConfiguration";
    each(value, "/webhooks", |webhook| {
        for (name, usual) in [
            ("failurePolicy", json!("Fail")),
            ("matchPolicy", json!("Equivalent")),
            ("namespaceSelector", json!({})),
            ("objectSelector", json!({})),
            ("timeoutSeconds", json!(10)),
        ] {
            default(webhook, name, usual);
        }
        if mutating {
            default(webhook, "reinvocationPolicy", "Never");
        }
        if let Some(service) = webhook.pointer_mut("/clientConfig/service") {
            default(service, "port", 443);
        }
        each(webhook, "/rules", |rule| default(rule, "scope", "*"));
    });
    if text(value, "/kind") == "ValidatingAdmissionPolicy" {
        default(value, "spec/failurePolicy", "Fail");
        if value.pointer("/spec/matchConstraints").is_some() {
            default(value, "spec/matchConstraints/matchPolicy", "Equivalent");
            default(value, "spec/matchConstraints/namespaceSelector", json!({}));
            default(value, "spec/matchConstraints/objectSelector", json!({}));
            each(value, "/spec/matchConstraints/resourceRules", |rule| {
                default(rule, "scope", "*");
            });
        }
    }
}
