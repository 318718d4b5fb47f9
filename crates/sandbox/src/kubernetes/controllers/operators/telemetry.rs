//! Prometheus, Grafana and Elastic: what becomes a workload, and what only is read.

use serde_json::json;

use super::super::super::store::Session;
use super::super::super::value::{list, number, set, text};
use super::{Case, child, claiming, later, ready, say, service, workload};

pub(super) fn reconcile(session: &mut Session<'_>, case: &Case<'_>) {
    match case.kind() {
        "Prometheus" | "Alertmanager" | "ThanosRuler" | "PrometheusAgent" => {
            let word = case.kind().to_lowercase();
            let image = format!("quay.io/prometheus/{word}:latest-sandbox");
            let port = if word == "alertmanager" { 9093 } else { 9090 };
            stateful(
                session,
                case,
                &format!("{word}-{}", case.name()),
                &format!("{word}-operated"),
                &image,
                port,
            );
        }
        "Grafana" => {
            let labels = json!({ "app": case.name() });
            let name = format!("{}-deployment", case.name());
            child(
                session,
                case,
                "apps",
                "deployments",
                workload(
                    "Deployment",
                    &name,
                    &labels,
                    "docker.io/grafana/grafana:12.1.0",
                    1,
                ),
            );
            child(
                session,
                case,
                "",
                "services",
                service(&format!("{}-service", case.name()), &labels, 3000),
            );
            ready(session, case, &["GrafanaReady"], |new| {
                set(new, "status/stage", "complete");
                set(new, "status/stageStatus", "success");
            });
        }
        kind if kind.starts_with("Grafana") => {
            let said = format!("{}Synchronized", kind.trim_start_matches("Grafana"));
            ready(session, case, &[said.as_str()], |_| {});
        }
        _ => {}
    }
}

fn stateful(
    session: &mut Session<'_>,
    case: &Case<'_>,
    name: &str,
    front: &str,
    image: &str,
    port: u16,
) {
    let wanted = number(case.object, "/spec/replicas").unwrap_or(1);
    let labels = json!({ "app.kubernetes.io/instance": case.name(), "app.kubernetes.io/managed-by": "prometheus-operator", "operator.prometheus.io/name": case.name() });
    let mut pods = workload("StatefulSet", name, &labels, image, wanted);
    let template = &case.object["spec"]["storage"]["volumeClaimTemplate"];
    if template.is_object() {
        let mut claim = template.clone();
        if text(&claim, "/metadata/name").is_empty() {
            set(&mut claim, "metadata/name", format!("{name}-db"));
        }
        claiming(&mut pods, vec![claim]);
    }
    child(session, case, "apps", "statefulsets", pods);
    child(session, case, "", "services", service(front, &labels, port));
    let up = session
        .find("apps", "statefulsets", case.namespace(), name)
        .map_or(0, |found| {
            number(&found, "/status/readyReplicas").unwrap_or(0)
        });
    say(session, case, |new, now, generation| {
        super::condition(new, "Available", up >= wanted, "", "", now, generation);
        super::condition(new, "Reconciled", true, "", "", now, generation);
        for (member, count) in [
            ("replicas", wanted),
            ("updatedReplicas", wanted),
            ("availableReplicas", up),
            ("unavailableReplicas", wanted - up),
        ] {
            set(new, &format!("status/{member}"), count);
        }
        set(new, "status/paused", false);
    });
    if up < wanted {
        later(session, case);
    }
}

/// Elasticsearch, Kibana and their like.
pub(super) fn elastic(session: &mut Session<'_>, case: &Case<'_>) {
    let labels = json!({ "common.k8s.elastic.co/type": case.kind().to_lowercase(), "elasticsearch.k8s.elastic.co/cluster-name": case.name() });
    let image = format!("docker.elastic.co/{}", text(case.object, "/spec/version"));
    let (word, port) = match case.kind() {
        "Elasticsearch" => ("es", 9200),
        "Kibana" => ("kb", 5601),
        _ => return ready(session, case, &[], |new| set(new, "status/health", "green")),
    };
    let mut wanted = Vec::new();
    if word == "es" {
        for nodes in list(case.object, "/spec/nodeSets") {
            let name = format!("{}-es-{}", case.name(), text(nodes, "/name"));
            let count = number(nodes, "/count").unwrap_or(1);
            let mut pods = workload("StatefulSet", &name, &labels, &image, count);
            let claims = list(nodes, "/volumeClaimTemplates");
            // Without a word the operator claims a small one.
            let usual = json!({
                "metadata": { "name": "elasticsearch-data" },
                "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
            });
            claiming(
                &mut pods,
                if claims.is_empty() {
                    vec![usual]
                } else {
                    claims.to_vec()
                },
            );
            wanted.push((name, count, pods));
        }
    } else {
        let name = format!("{}-kb-default", case.name());
        let pods = workload("StatefulSet", &name, &labels, &image, 1);
        wanted.push((name, 1, pods));
    }
    let mut green = true;
    for (name, count, pods) in wanted {
        child(session, case, "apps", "statefulsets", pods);
        let found = session.find("apps", "statefulsets", case.namespace(), &name);
        let up = found.map_or(0, |f| number(&f, "/status/readyReplicas").unwrap_or(0));
        green &= up >= count;
    }
    child(
        session,
        case,
        "",
        "services",
        service(&format!("{}-{word}-http", case.name()), &labels, port),
    );
    if !green {
        say(session, case, |new, _, _| {
            set(new, "status/health", "red");
            set(new, "status/phase", "ApplyingChanges");
        });
        return later(session, case);
    }
    ready(session, case, &["ReconciliationComplete"], |new| {
        set(new, "status/health", "green");
        set(new, "status/phase", "Ready");
    });
}
