//! The Trivy operator: a report for each workload about the holes that are known in it.

use super::Config;
use crate::flow::{Peer, Pods, Port};
use crate::inside::{Inside, Release};
use crate::objects::resources;
use serde_json::json;

const NAMESPACE: &str = "trivy-system";
/// The account of the operator, its server and its jobs.
const ACCOUNT: &str = "trivy-operator";

pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    inside.namespace(NAMESPACE, "restricted");
    inside.crds("trivy-operator");
    let safe = json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "runAsUser": 10000,
        "capabilities": { "drop": ["ALL"] },
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    let pod = json!({
        "runAsNonRoot": true,
        "runAsUser": 10000,
        "runAsGroup": 10000,
        "fsGroup": 10000,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    // Jobs are known by who made them. They read the images that they look into, in the operator's own name.
    let jobs = Pods::of(
        NAMESPACE,
        "scans",
        &[("app.kubernetes.io/managed-by", "trivy-operator")],
    );
    let reader = inside
        .reads_images("trivy-operator", &jobs, ACCOUNT)
        .unwrap_or_default();
    let labels = reader.labels.as_object().into_iter().flatten();
    let labels: Vec<String> = labels
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    inside.release(Release {
        chart: "trivy-operator",
        namespace: NAMESPACE,
        values: json!({
            "excludeNamespaces": "kube-system",
            "operator": {
                // One that keeps the data of holes, so that not every scan fetches them.
                "builtInTrivyServer": true,
                "scanJobsConcurrentLimit": 3,
                "metricsVulnIdEnabled": false,
                // Files of nodes would need root on them.
                "infraAssessmentScannerEnabled": false,
                "clusterComplianceEnabled": false,
            },
            "trivyOperator": {
                "scanJobPodTemplatePodSecurityContext": pod,
                "scanJobPodTemplateContainerSecurityContext": safe,
                "scanJobPodTemplateLabels": (!labels.is_empty()).then(|| labels.join(",")),
            },
            "serviceAccount": (!reader.annotations.is_null()).then(|| json!({ "name": ACCOUNT, "annotations": reader.annotations })),
            "trivy": {
                "ignoreUnfixed": !config.unfixed,
                "severity": config.severity,
                "resources": resources(["100m", "100Mi"], ["500m", "500Mi"]),
                "server": {
                    "resources": resources(["200m", "512Mi"], ["1", "1Gi"]),
                    "podSecurityContext": pod,
                    "securityContext": safe,
                },
            },
            "serviceMonitor": { "enabled": false },
            "resources": resources(["100m", "128Mi"], ["1", "1Gi"]),
            "podSecurityContext": pod,
            "securityContext": safe,
        }),
        provides: &["Deployment/trivy-operator", "StatefulSet/trivy-server"],
        after: reader.before,
        ..Release::default()
    });
    let operator = Pods::of(
        NAMESPACE,
        "operator",
        &[("app.kubernetes.io/name", "trivy-operator")],
    );
    let server = Pods::of(
        NAMESPACE,
        "server",
        &[("app.kubernetes.io/name", "trivy-server")],
    );
    inside.calls_api(&operator);
    inside.calls_api(&jobs);
    inside.scrape(&operator, 8080, "/metrics");
    inside.allow(
        Peer::Pods(jobs.clone()),
        Peer::Pods(server.clone()),
        &[Port::tcp(4954)],
    );
    for pods in [operator, jobs, server] {
        // Registries, and where the data of holes and the operator's checks are.
        inside.allow(Peer::Pods(pods), Peer::Internet, &[Port::tcp(443)]);
    }
}
