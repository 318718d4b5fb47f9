//! Which workloads charts bring, and where the values say how many pods of them there are and what each asks for. What a chart's
//! own defaults would ask is not counted; `capacity::the_table_of_charts_is_what_they_render` holds the table against the charts.

use super::asked::{Apart, Asked, Count, Requests};
use serde_json::Value as Json;

/// How many pods a workload has.
#[derive(Clone, Copy)]
enum Replicas {
    /// As the value at this pointer says; one without it.
    Said(&'static str),
    /// One.
    One,
    /// One on each node.
    Node,
}

struct Workload {
    chart: &'static str,
    name: &'static str,
    replicas: Replicas,
    /// Pointers to the resources of its containers.
    containers: &'static [&'static str],
    /// Whether two of its pods are never on one node.
    apart: bool,
}

const fn of(
    chart: &'static str,
    name: &'static str,
    replicas: Replicas,
    containers: &'static [&'static str],
) -> Workload {
    Workload {
        chart,
        name,
        replicas,
        containers,
        apart: false,
    }
}

/// The same with required anti-affinity, which is the chart's default.
const fn apart(mut workload: Workload) -> Workload {
    workload.apart = true;
    workload
}

use Replicas::{Node, One, Said};

#[rustfmt::skip]
const WORKLOADS: &[Workload] = &[
    of("alloy", "StatefulSet/alloy", Said("/controller/replicas"), &["/alloy/resources", "/configReloader/resources"]),
    of("argo-cd", "Deployment/argo-cd-argocd-applicationset-controller", Said("/applicationSet/replicas"), &["/applicationSet/resources"]),
    of("argo-cd", "Deployment/argo-cd-argocd-repo-server", Said("/repoServer/replicas"), &["/repoServer/resources"]),
    of("argo-cd", "Deployment/argo-cd-argocd-server", Said("/server/replicas"), &["/server/resources"]),
    of("argo-cd", "Deployment/argo-cd-argocd-redis", One, &["/redis/resources"]),
    of("argo-cd", "StatefulSet/argo-cd-argocd-application-controller", Said("/controller/replicas"), &["/controller/resources"]),
    of("cert-manager", "Deployment/cert-manager", Said("/replicaCount"), &["/resources"]),
    of("cert-manager", "Deployment/cert-manager-cainjector", Said("/cainjector/replicaCount"), &["/cainjector/resources"]),
    of("cert-manager", "Deployment/cert-manager-webhook", Said("/webhook/replicaCount"), &["/webhook/resources"]),
    of("cloudnative-pg", "Deployment/cloudnative-pg", Said("/replicaCount"), &["/resources"]),
    of("crossplane", "Deployment/crossplane", Said("/replicas"), &["/resourcesCrossplane"]),
    of("crossplane", "Deployment/crossplane-rbac-manager", One, &["/resourcesRBACManager"]),
    of("eck-operator", "StatefulSet/elastic-operator", Said("/replicaCount"), &["/resources"]),
    of("envoy-gateway", "Deployment/envoy-gateway", Said("/deployment/replicas"), &["/deployment/envoyGateway/resources"]),
    of("external-secrets", "Deployment/external-secrets", Said("/replicaCount"), &["/resources"]),
    of("external-secrets", "Deployment/external-secrets-cert-controller", One, &["/certController/resources"]),
    of("external-secrets", "Deployment/external-secrets-webhook", Said("/webhook/replicaCount"), &["/webhook/resources"]),
    of("gatekeeper", "Deployment/gatekeeper-audit", One, &["/audit/resources"]),
    of("gatekeeper", "Deployment/gatekeeper-controller-manager", Said("/replicas"), &["/controllerManager/resources"]),
    of("kube-prometheus-stack", "Alertmanager/kube-prometheus-stack-alertmanager", Said("/alertmanager/alertmanagerSpec/replicas"),
        &["/alertmanager/alertmanagerSpec/resources", "/prometheusOperator/prometheusConfigReloader/resources"]),
    of("kube-prometheus-stack", "DaemonSet/kube-prometheus-stack-prometheus-node-exporter", Node, &["/prometheus-node-exporter/resources"]),
    of("kube-prometheus-stack", "Deployment/kube-prometheus-stack-grafana", One,
        &["/grafana/resources", "/grafana/sidecar/resources", "/grafana/sidecar/resources"]),
    of("kube-prometheus-stack", "Deployment/kube-prometheus-stack-kube-state-metrics", One, &["/kube-state-metrics/resources"]),
    of("kube-prometheus-stack", "Deployment/kube-prometheus-stack-operator", One, &["/prometheusOperator/resources"]),
    of("kube-prometheus-stack", "Prometheus/kube-prometheus-stack-prometheus", Said("/prometheus/prometheusSpec/replicas"),
        &["/prometheus/prometheusSpec/resources", "/prometheusOperator/prometheusConfigReloader/resources"]),
    of("kyverno", "Deployment/kyverno-admission-controller", Said("/admissionController/replicas"), &["/admissionController/container/resources"]),
    of("kyverno", "Deployment/kyverno-background-controller", Said("/backgroundController/replicas"), &["/backgroundController/resources"]),
    of("kyverno", "Deployment/kyverno-cleanup-controller", Said("/cleanupController/replicas"), &["/cleanupController/resources"]),
    of("kyverno", "Deployment/kyverno-reports-controller", Said("/reportsController/replicas"), &["/reportsController/resources"]),
    apart(of("loki", "Deployment/loki-gateway", Said("/gateway/replicas"), &["/gateway/resources"])),
    apart(of("loki", "StatefulSet/loki", Said("/singleBinary/replicas"), &["/singleBinary/resources"])),
    of("plugin-barman-cloud", "Deployment/plugin-barman-cloud", One, &["/resources"]),
    of("policy-controller", "Deployment/policy-controller-webhook", Said("/webhook/replicaCount"), &["/webhook/resources"]),
    of("sealed-secrets", "Deployment/sealed-secrets-controller", One, &["/resources"]),
    of("trivy-operator", "Deployment/trivy-operator", One, &["/resources"]),
    of("trivy-operator", "StatefulSet/trivy-server", One, &["/trivy/server/resources"]),
    apart(of("vault", "StatefulSet/vault", Said("/server/ha/replicas"), &["/server/resources"])),
    of("zalando-postgres-operator", "Deployment/zalando-postgres-operator", One, &["/resources"]),
];

/// What the pods of a chart ask for, by its name in the table of charts, with these values.
pub(super) fn asked(chart: &str, values: &Json, out: &mut Vec<Asked>) {
    for workload in WORKLOADS.iter().filter(|w| w.chart == chart) {
        let count = match workload.replicas {
            Replicas::Said(pointer) => {
                let said = values.pointer(pointer).and_then(Json::as_i64);
                Count::Pods(said.unwrap_or(1))
            }
            Replicas::One => Count::Pods(1),
            Replicas::Node => Count::OnEachNode,
        };
        let containers = workload.containers.iter();
        let resources = containers.filter_map(|pointer| values.pointer(pointer));
        out.push(Asked {
            name: workload.name.to_owned(),
            count,
            each: resources.map(Requests::of).sum(),
            apart: workload.apart.then_some(Apart::Nodes),
        });
    }
}

/// The table for tests: chart, workload, how many containers, and whether its pods are never on one node.
pub(super) fn table() -> impl Iterator<Item = (&'static str, &'static str, usize, bool)> {
    WORKLOADS
        .iter()
        .map(|w| (w.chart, w.name, w.containers.len(), w.apart))
}
