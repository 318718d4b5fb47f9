//! Loki: one kind of process, three of it, everything in the bucket.

use super::{Config, NAMESPACE, PLATFORM, tenants};
use crate::azure;
use crate::control::plain;
use crate::flow::{Peer, Pods, Port};
use crate::identity::{Grant, Identity, Lowered};
use crate::inside::{Inside, Release};
use crate::objects::{object, resources};
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Where logs are sent and asked for.
pub(super) const GATEWAY: &str = "http://loki-gateway.logging.svc.cluster.local";

pub(super) fn expand(config: &Config, bucket: &str, inside: &mut Inside<'_>) {
    inside.namespace(NAMESPACE, "restricted");
    let part = |name: &str, component: &str| {
        Pods::of(
            NAMESPACE,
            name,
            &[
                ("app.kubernetes.io/name", "loki"),
                ("app.kubernetes.io/component", component),
            ],
        )
    };
    let (loki, gateway) = (
        part("loki", "single-binary"),
        part("loki-gateway", "gateway"),
    );
    let lowered = inside.identity(&Identity {
        name: "loki".to_owned(),
        pods: loki.clone(),
        service_account: "loki".to_owned(),
        grants: vec![Grant::Objects(bucket.to_owned())],
    });
    let values = values(config, bucket, &lowered, inside);
    inside.release(Release {
        chart: "loki",
        namespace: NAMESPACE,
        values,
        provides: &["StatefulSet/loki", "Deployment/loki-gateway"],
        after: lowered.before,
        ..Release::default()
    });
    let own = [Port::tcp(3100), Port::tcp(7946), Port::tcp(9095)];
    inside.allow(Peer::Pods(loki.clone()), Peer::Pods(loki.clone()), &own);
    inside.allow(
        Peer::Pods(gateway.clone()),
        Peer::Pods(loki.clone()),
        &[Port::tcp(3100)],
    );

    inside.scrape(&loki, 3100, "/metrics");
    if inside.on("monitoring") {
        let monitoring = crate::controls::monitoring::NAMESPACE;
        let grafana = Pods::of(
            monitoring,
            "grafana",
            &[("app.kubernetes.io/name", "grafana")],
        );
        inside.allow(Peer::Pods(grafana), Peer::Pods(gateway), &[Port::tcp(8080)]);
        let source = source(inside, monitoring);
        inside.object(source);
    }
}

fn values(config: &Config, bucket: &str, identity: &Lowered, inside: &mut Inside<'_>) -> Json {
    // On Azure the chart makes the container's name of it, elsewhere the bucket's.
    let name = format!("${{{bucket}.container}}");
    let (kind, mut storage) = match inside.site.cloud {
        // The bucket's address is the only output that says its region.
        Cloud::Aws(_) => (
            "s3",
            json!({ "s3": { "region": format!("${{regex(\"[.]s3[.]([a-z0-9-]+)[.]amazonaws\", {bucket}.url)[0]}}") } }),
        ),
        Cloud::Google(_) => ("gcs", json!({})),
        Cloud::Azure(_) => (
            "azure",
            // Of the environment follow where blobs are and where one logs in.
            json!({ "azure": {
                "accountName": format!("${{{bucket}.name}}"),
                "environment": azure::LOKI.here(inside),
                "useFederatedToken": true,
            } }),
        ),
    };
    storage["type"] = json!(kind);
    storage["bucketNames"] = json!({ "chunks": name, "ruler": name, "admin": name });
    let off = json!({ "enabled": false });
    let none = json!({ "replicas": 0 });
    let safe = json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    json!({
        "deploymentMode": "Monolithic",
        "loki": {
            // Each team has its own logs, told apart by Alloy.
            "auth_enabled": true,
            "commonConfig": { "replication_factor": config.replicas.min(3) },
            "storage": storage,
            "schemaConfig": { "configs": [{
                "from": "2024-04-01",
                "store": "tsdb",
                "object_store": kind,
                "schema": "v13",
                "index": { "prefix": "index_", "period": "24h" },
            }] },
            "limits_config": {
                "retention_period": format!("{}h", config.retention_days * 24),
                "allow_structured_metadata": true,
            },
            "querier": { "multi_tenant_queries_enabled": true },
            "compactor": { "retention_enabled": true, "delete_request_store": kind },
            "analytics": { "reporting_enabled": false },
            "podLabels": identity.labels,
            "podSecurityContext": {
                "fsGroup": 10001, "runAsGroup": 10001, "runAsUser": 10001, "runAsNonRoot": true,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
        },
        "serviceAccount": { "name": "loki", "annotations": identity.annotations },
        "singleBinary": {
            "replicas": config.replicas,
            "persistence": { "size": config.storage.as_deref().unwrap_or("20Gi") },
            "resources": resources(["200m", "512Mi"], ["1", "2Gi"]),
        },
        "read": none,
        "write": none,
        "backend": none,
        // By default they ask for ten gigabytes.
        "chunksCache": off,
        "resultsCache": off,
        "lokiCanary": off,
        "test": off,
        "monitoring": { "selfMonitoring": off },
        "sidecar": { "rules": off },
        "gateway": {
            "replicas": 2,
            "podSecurityContext": {
                "fsGroup": 101, "runAsGroup": 101, "runAsUser": 101,
                "runAsNonRoot": safe["runAsNonRoot"], "seccompProfile": safe["seccompProfile"],
            },
            "resources": resources(["10m", "32Mi"], ["100m", "128Mi"]),
            "metrics": off,
        },
        "networkPolicy": off,
    })
}

/// How Grafana asks: for the logs of everybody, since who may see Grafana is an administrator.
fn source(inside: &Inside<'_>, namespace: &str) -> Json {
    let mut all: BTreeSet<String> = tenants(inside).into_values().collect();
    all.insert(PLATFORM.to_owned());
    let tenants = all.into_iter().collect::<Vec<_>>().join("|");
    let source = json!({
        "apiVersion": 1,
        "datasources": [{
            "name": "Loki",
            "type": "loki",
            "uid": "loki",
            "access": "proxy",
            "url": GATEWAY,
            "jsonData": { "httpHeaderName1": "X-Scope-OrgID" },
            "secureJsonData": { "httpHeaderValue1": tenants },
        }],
    });
    let rest = plain(json!({
        "metadata": { "labels": { "grafana_datasource": "1" } },
        // JSON is YAML.
        "data": { "loki.yaml": source.to_string() },
    }));
    object("v1", "ConfigMap", namespace, "datasource-loki", rest)
}
