//! What is alerted about. Every ratio has a guarded denominator: where nothing happens, nothing is wrong.

use super::Config;
use super::databases::Databases;
use crate::control::plain;
use crate::objects::object;
use serde_json::{Value as Json, json};

/// The rules, one object for each group.
pub(super) fn all(
    config: &Config,
    namespace: &str,
    databases: Option<&Databases>,
    certificates: bool,
) -> Vec<Json> {
    let mut groups = vec![("services", services(config)), ("capacity", capacity())];
    if certificates {
        groups.push(("certificates", certificate_rules()));
    }
    if let Some(databases) = databases {
        groups.push(("databases", databases.rules()));
    }
    let one = |(name, rules)| group(namespace, name, rules);
    groups.into_iter().map(one).collect()
}

/// A group of rules, as an object.
pub(super) fn group(namespace: &str, name: &str, rules: Vec<Json>) -> Json {
    let name = format!("infra-{name}");
    // The operator reads no templates, and the language must not.
    let spec = plain(json!({ "groups": [{ "name": name, "rules": rules }] }));
    object(
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        namespace,
        &name,
        json!({ "spec": spec }),
    )
}

/// Whether a job that makes backups every day, by its namespace and name, still does. One that never has is as old as it is.
pub(super) fn job_is_late(namespace: &str, job: &str) -> Json {
    let of = |series: &str| {
        format!(
            r#"max by (namespace, cronjob) ({series}{{namespace="{namespace}", cronjob="{job}"}})"#
        )
    };
    let (done, made) = (
        of("kube_cronjob_status_last_successful_time"),
        of("kube_cronjob_created"),
    );
    alert(
        "BackupIsOld",
        "critical",
        15,
        &format!("time() - ({done} or {made}) > 36 * 3600"),
        "the job {{ $labels.namespace }}/{{ $labels.cronjob }} has not succeeded for {{ $value | humanizeDuration }}",
    )
}

fn record(name: &str, expression: &str) -> Json {
    json!({ "record": name, "expr": expression })
}

pub(super) fn alert(
    name: &str,
    severity: &str,
    minutes: u32,
    expression: &str,
    summary: &str,
) -> Json {
    json!({
        "alert": name,
        "expr": expression,
        "for": format!("{minutes}m"),
        "labels": { "severity": severity },
        "annotations": { "summary": summary },
    })
}

/// Requests that the gateway hands to a service, by the route's namespace and name. Envoy Gateway calls its clusters
/// `httproute/NAMESPACE/NAME/rule/N`.
fn by_route(series: &str) -> String {
    format!(
        r#"label_replace(label_replace({series}{{envoy_cluster_name=~"httproute/.+"}}, "route_namespace", "$1", "envoy_cluster_name", "httproute/([^/]+)/.*"), "route", "$1", "envoy_cluster_name", "httproute/[^/]+/([^/]+)/.*")"#
    )
}

fn services(config: &Config) -> Vec<Json> {
    let rate = |series: &str, selector: &str| {
        let all = by_route(series).replacen(
            "envoy_cluster_name=~",
            &format!("{selector}envoy_cluster_name=~"),
            1,
        );
        // A rate is taken of the counter itself, before it gets other labels.
        let bare = format!(r#"{series}{{{selector}envoy_cluster_name=~"httproute/.+"}}"#);
        format!(
            "sum by (route_namespace, route) ({})",
            all.replacen(&bare, &format!("rate({bare}[5m])"), 1)
        )
    };
    let buckets = {
        let bare = r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"httproute/.+"}"#;
        by_route("envoy_cluster_upstream_rq_time_bucket").replacen(
            bare,
            &format!("rate({bare}[5m])"),
            1,
        )
    };
    let share = super::error_rate(config);
    // Without the rounding 0.07 would be 7.000000000000001 %.
    let percent = (share * 1e6).round() / 1e4;
    let late = config.latency_ms;
    vec![
        record(
            "infra:requests:rate5m",
            &rate("envoy_cluster_upstream_rq_xx", ""),
        ),
        record(
            "infra:errors:rate5m",
            &rate(
                "envoy_cluster_upstream_rq_xx",
                r#"envoy_response_code_class="5","#,
            ),
        ),
        // A service that has never failed has no series of failures.
        record(
            "infra:error_ratio:rate5m",
            "(infra:errors:rate5m or infra:requests:rate5m * 0) / (infra:requests:rate5m > 0)",
        ),
        record(
            "infra:latency:p99_5m",
            &format!("histogram_quantile(0.99, sum by (route_namespace, route, le) ({buckets}))"),
        ),
        alert(
            "HighErrorRate",
            "critical",
            5,
            &format!("infra:error_ratio:rate5m > {share}"),
            &format!(
                "{{{{ $value | humanizePercentage }}}} of the requests to {{{{ $labels.route_namespace }}}}/{{{{ $labels.route }}}} fail, more than {percent} %"
            ),
        ),
        alert(
            "HighLatency",
            "warning",
            10,
            &format!(
                "infra:latency:p99_5m > {late} and on (route_namespace, route) infra:requests:rate5m > 0"
            ),
            &format!(
                "one request in a hundred to {{{{ $labels.route_namespace }}}}/{{{{ $labels.route }}}} takes {{{{ $value | humanize }}}} ms, more than {late}"
            ),
        ),
    ]
}

fn capacity() -> Vec<Json> {
    vec![
        alert(
            "ContainerMemoryNearLimit",
            "warning",
            10,
            r#"max by (namespace, pod, container) (container_memory_working_set_bytes{container!="", container!="POD"})
  / on (namespace, pod, container) (max by (namespace, pod, container) (kube_pod_container_resource_limits{resource="memory"}) > 0) > 0.9"#,
            "{{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.container }}) uses {{ $value | humanizePercentage }} of its memory limit",
        ),
        alert(
            "ContainerThrottled",
            "warning",
            15,
            r#"sum by (namespace, pod, container) (rate(container_cpu_cfs_throttled_periods_total{container!=""}[5m]))
  / (sum by (namespace, pod, container) (rate(container_cpu_cfs_periods_total{container!=""}[5m])) > 0) > 0.5"#,
            "{{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.container }}) waits for the processor in {{ $value | humanizePercentage }} of its periods",
        ),
        alert(
            "NodePressure",
            "warning",
            5,
            r#"max by (node, condition) (kube_node_status_condition{condition=~"MemoryPressure|DiskPressure|PIDPressure", status="true"}) == 1"#,
            "node {{ $labels.node }} tells {{ $labels.condition }}",
        ),
        alert(
            "VolumeFillsUp",
            "critical",
            10,
            r"min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes)
  / on (namespace, persistentvolumeclaim) (max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes) > 0) < 0.1",
            "the volume {{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} left",
        ),
        alert(
            "QuotaNearlyUsed",
            "warning",
            15,
            r#"max by (namespace, resource) (kube_resourcequota{type="used"})
  / on (namespace, resource) (max by (namespace, resource) (kube_resourcequota{type="hard"}) > 0) > 0.9"#,
            "the namespace {{ $labels.namespace }} uses {{ $value | humanizePercentage }} of its quota of {{ $labels.resource }}",
        ),
    ]
}

fn certificate_rules() -> Vec<Json> {
    vec![
        alert(
            "CertificateExpires",
            "critical",
            60,
            // Those that have never been issued have no time of expiry.
            "min by (namespace, name) (certmanager_certificate_expiration_timestamp_seconds > 0) - time() < 14 * 86400",
            "the certificate {{ $labels.namespace }}/{{ $labels.name }} expires in {{ $value | humanizeDuration }} and was not renewed",
        ),
        alert(
            "CertificateNotReady",
            "warning",
            30,
            r#"max by (namespace, name) (certmanager_certificate_ready_status{condition!="True"}) == 1"#,
            "the certificate {{ $labels.namespace }}/{{ $labels.name }} is not ready",
        ),
    ]
}
