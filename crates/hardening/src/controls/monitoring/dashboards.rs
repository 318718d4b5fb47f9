//! Dashboards, as config maps that Grafana's sidecar loads.

use super::databases::Databases;
use crate::control::plain;
use crate::objects::object;
use serde_json::{Value as Json, json};

/// A graph: title, unit, queries with their legends.
type Graph = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const SERVICES: &[Graph] = &[
    (
        "Requests",
        "reqps",
        &[("infra:requests:rate5m", "{{route_namespace}}/{{route}}")],
    ),
    (
        "Share of requests that fail",
        "percentunit",
        &[("infra:error_ratio:rate5m", "{{route_namespace}}/{{route}}")],
    ),
    (
        "Time that one request in a hundred takes",
        "ms",
        &[("infra:latency:p99_5m", "{{route_namespace}}/{{route}}")],
    ),
    (
        "Alerts that fire",
        "short",
        &[(
            r#"sum by (alertname) (ALERTS{alertstate="firing", alertname!~"Watchdog|InfoInhibitor"})"#,
            "{{alertname}}",
        )],
    ),
];

const CAPACITY: &[Graph] = &[
    (
        "Processors used of the quota",
        "percentunit",
        &[(
            r#"max by (namespace, resource) (kube_resourcequota{type="used"}) / on (namespace, resource) (max by (namespace, resource) (kube_resourcequota{type="hard"}) > 0)"#,
            "{{namespace}} {{resource}}",
        )],
    ),
    (
        "Memory requested of what nodes have",
        "percentunit",
        &[(
            r#"sum(kube_pod_container_resource_requests{resource="memory"}) / (sum(kube_node_status_allocatable{resource="memory"}) > 0)"#,
            "requested",
        )],
    ),
    (
        "Space left in volumes",
        "percentunit",
        &[(
            "min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes) / on (namespace, persistentvolumeclaim) (max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes) > 0)",
            "{{namespace}}/{{persistentvolumeclaim}}",
        )],
    ),
    (
        "Restarts of containers",
        "short",
        &[(
            "sum by (namespace) (increase(kube_pod_container_status_restarts_total[1h]))",
            "{{namespace}}",
        )],
    ),
];

const DATABASES: &[Graph] = &[
    (
        "Instances that answer",
        "short",
        &[("sum by (namespace) (cnpg_collector_up)", "{{namespace}}")],
    ),
    (
        "Replicas behind",
        "s",
        &[(
            "max by (namespace, pod) (cnpg_pg_replication_lag)",
            "{{namespace}}/{{pod}}",
        )],
    ),
    (
        "Age of the last backup",
        "s",
        &[(
            "time() - max by (namespace, pod) (barman_cloud_cloudnative_pg_io_last_available_backup_timestamp > 0)",
            "{{namespace}}/{{pod}}",
        )],
    ),
    (
        "Connections",
        "short",
        &[(
            "sum by (namespace, pod) (cnpg_backends_total)",
            "{{namespace}}/{{pod}}",
        )],
    ),
];

/// What Patroni tells of those that Zalando's operator runs.
const PATRONI: &[Graph] = &[
    (
        "Instances that answer",
        "short",
        &[(
            "sum by (namespace) (patroni_postgres_running)",
            "{{namespace}}",
        )],
    ),
    (
        "Replicas behind",
        "bytes",
        &[(
            "max by (namespace, scope) (patroni_xlog_location) - on (namespace, scope) group_right max by (namespace, scope, pod) (patroni_xlog_replayed_location > 0)",
            "{{namespace}}/{{pod}}",
        )],
    ),
    (
        "Log written",
        "Bps",
        &[(
            "sum by (namespace, scope) (rate(patroni_xlog_location[5m]))",
            "{{namespace}}/{{scope}}",
        )],
    ),
];

/// The dashboards.
pub(super) fn all(namespace: &str, databases: Option<&Databases>) -> Vec<Json> {
    let mut out = vec![
        dashboard(namespace, "services", "Services", SERVICES),
        dashboard(namespace, "capacity", "Capacity", CAPACITY),
    ];
    if let Some(databases) = databases {
        let graphs = if databases.zalando {
            PATRONI
        } else {
            DATABASES
        };
        out.push(dashboard(namespace, "databases", "Databases", graphs));
    }
    out
}

fn dashboard(namespace: &str, name: &str, title: &str, graphs: &[Graph]) -> Json {
    let source = json!({ "type": "prometheus", "uid": "prometheus" });
    let panels: Vec<Json> = graphs
        .iter()
        .zip(0_u32..)
        .map(|(&(title, unit, queries), index)| {
            let targets: Vec<Json> = queries
                .iter()
                .zip('A'..)
                .map(|(&(expr, legend), id)| json!({ "datasource": source, "expr": expr, "legendFormat": legend, "refId": id }))
                .collect();
            json!({
                "id": index + 1,
                "type": "timeseries",
                "title": title,
                "datasource": source,
                "fieldConfig": { "defaults": { "unit": unit, "min": 0 }, "overrides": [] },
                "gridPos": { "x": index % 2 * 12, "y": index / 2 * 9, "w": 12, "h": 9 },
                "targets": targets,
            })
        })
        .collect();
    let board = json!({
        "uid": format!("infra-{name}"),
        "title": title,
        "tags": ["infra"],
        "schemaVersion": 39,
        "editable": false,
        "refresh": "1m",
        "time": { "from": "now-6h", "to": "now" },
        "panels": panels,
    });
    let rest = plain(json!({
        "metadata": { "labels": { "grafana_dashboard": "1" } },
        "data": { format!("{name}.json"): board.to_string() },
    }));
    object(
        "v1",
        "ConfigMap",
        namespace,
        &format!("dashboard-{name}"),
        rest,
    )
}
