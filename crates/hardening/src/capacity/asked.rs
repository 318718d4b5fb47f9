//! What pods ask for, read from what the controls write: charts' values, workloads, and the objects that operators make pods of.

use super::charts;
use serde_json::Value as Json;
use std::iter::Sum;

/// Pods that are alike.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What makes them, as people know it.
    pub(super) name: String,
    pub(super) count: Count,
    /// What one of them asks for, as far as that is written.
    pub(super) each: Requests,
    /// Of what two are never on the same one.
    pub(super) apart: Option<Apart>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Pods(i64),
    OnEachNode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    Nodes,
    Zones,
}

/// Requests of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    /// Thousandths of a processor.
    pub(super) cpu: i64,
    /// MiB.
    pub(super) memory: i64,
}

impl Requests {
    /// Of a container's `resources`; what is not written, or not known yet, is nothing.
    pub(super) fn of(resources: &Json) -> Requests {
        let text = |name: &str| match resources.pointer(&format!("/requests/{name}"))? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Requests {
            cpu: text("cpu").and_then(|t| thousandths(&t)).unwrap_or(0),
            memory: text("memory").and_then(|t| mebibytes(&t)).unwrap_or(0),
        }
    }

    fn of_containers(pod: &Json) -> Requests {
        let containers = pod["containers"].as_array().into_iter().flatten();
        containers.map(|c| Requests::of(&c["resources"])).sum()
    }
}

impl Sum for Requests {
    fn sum<I: Iterator<Item = Requests>>(all: I) -> Requests {
        all.fold(Requests::default(), |a, b| Requests {
            cpu: a.cpu + b.cpu,
            memory: a.memory + b.memory,
        })
    }
}

/// Kubernetes' quantities of processors: `250m`, `1`, `0.5`.
/// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
fn thousandths(text: &str) -> Option<i64> {
    match text.strip_suffix('m') {
        Some(thousandths) => decimal(thousandths, 1),
        None => decimal(text, 1000),
    }
}

/// Kubernetes' quantities of memory: `128Mi`, `1.5Gi`, `1G`.
fn mebibytes(text: &str) -> Option<i64> {
    const UNITS: &[(&str, i64)] = &[
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, bytes) = match unit {
        Some((unit, bytes)) => (text.strip_suffix(unit)?, *bytes),
        None => (text, 1),
    };
    Some(decimal(number, bytes)? >> 20)
}

/// A number such as `2` or `0.5`, times a unit, rounded down.
fn decimal(text: &str, unit: i64) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let tenths = 10_i64.checked_pow(part.len().try_into().ok()?)?;
    let part = part.parse::<i64>().ok()?.checked_mul(unit)? / tenths;
    whole
        .parse::<i64>()
        .ok()?
        .checked_mul(unit)?
        .checked_add(part)
}

/// What a node brings, `objects` being all objects beside it; its body as the overrides leave it.
pub(super) fn of_node(
    type_name: &str,
    body: &Json,
    chart: Option<&str>,
    objects: &[Json],
) -> Vec<Asked> {
    let mut out = Vec::new();
    match (type_name, chart) {
        ("helm_release", Some(chart)) => charts::asked(chart, &body["values"], &mut out),
        ("kubernetes_manifest", _) => of_object(&body["manifest"], objects, &mut out),
        _ => {}
    }
    out
}

fn of_object(object: &Json, objects: &[Json], out: &mut Vec<Asked>) {
    let text = |pointer: &str| {
        let found = object.pointer(pointer).and_then(Json::as_str);
        found.unwrap_or_default()
    };
    let group = text("/apiVersion").split('/').next().unwrap_or_default();
    let kind = text("/kind");
    let name = format!("{kind}/{}", text("/metadata/name"));
    let spec = &object["spec"];
    let pods = |value: &Json| Count::Pods(value.as_i64().unwrap_or(1));
    let mut push = |name: &str, count: Count, each: Requests, apart: Option<Apart>| {
        out.push(Asked {
            name: name.to_owned(),
            count,
            each,
            apart,
        });
    };
    match (group, kind) {
        ("apps", "Deployment" | "StatefulSet") => {
            let each = Requests::of_containers(&spec["template"]["spec"]);
            push(&name, pods(&spec["replicas"]), each, None);
        }
        ("apps", "DaemonSet") => {
            let each = Requests::of_containers(&spec["template"]["spec"]);
            push(&name, Count::OnEachNode, each, None);
        }
        ("postgresql.cnpg.io", "Cluster") => {
            let sidecar = archiver(object, objects);
            let each = [Requests::of(&spec["resources"]), sidecar]
                .into_iter()
                .sum();
            push(&name, pods(&spec["instances"]), each, apart(spec));
        }
        ("postgresql.cnpg.io", "Pooler") => {
            let each = Requests::of_containers(&spec["template"]["spec"]);
            push(&name, pods(&spec["instances"]), each, None);
        }
        ("acid.zalan.do", "postgresql") => {
            let each = Requests::of(&spec["resources"]);
            push(&name, pods(&spec["numberOfInstances"]), each, None);
            let pooler = &spec["connectionPooler"];
            if pooler.is_object() {
                let each = Requests::of(&pooler["resources"]);
                let name = format!("{name}'s pooler");
                push(&name, pods(&pooler["numberOfInstances"]), each, None);
            }
        }
        ("elasticsearch.k8s.elastic.co", "Elasticsearch") => {
            for set in spec["nodeSets"].as_array().into_iter().flatten() {
                let each = Requests::of_containers(&set["podTemplate"]["spec"]);
                push(&name, pods(&set["count"]), each, None);
            }
        }
        ("kibana.k8s.elastic.co", "Kibana") => {
            let each = Requests::of_containers(&spec["podTemplate"]["spec"]);
            push(&name, pods(&spec["count"]), each, None);
        }
        ("beat.k8s.elastic.co", "Beat") if spec["daemonSet"].is_object() => {
            let each = Requests::of_containers(&spec["daemonSet"]["podTemplate"]["spec"]);
            push(&name, Count::OnEachNode, each, None);
        }
        ("gateway.envoyproxy.io", "EnvoyProxy") => {
            let deployment = &spec["provider"]["kubernetes"]["envoyDeployment"];
            let beside = &deployment["patch"]["value"]["spec"]["template"]["spec"];
            let proxy = Requests::of(&deployment["container"]["resources"]);
            let each = [proxy, Requests::of_containers(beside)].into_iter().sum();
            push(&name, pods(&deployment["replicas"]), each, None);
        }
        ("pkg.crossplane.io", "Provider" | "Function") => {
            push(&name, Count::Pods(1), package(spec, objects), None);
        }
        _ => {}
    }
}

/// What the archiver beside a Postgres asks for: its object store says.
fn archiver(cluster: &Json, objects: &[Json]) -> Requests {
    let plugins = cluster["spec"]["plugins"].as_array().into_iter().flatten();
    let stores = plugins.filter_map(|p| p["parameters"]["barmanObjectName"].as_str());
    stores
        .filter_map(|store| {
            objects.iter().find(|o| {
                o["kind"] == "ObjectStore"
                    && o["metadata"]["name"] == store
                    && o["metadata"]["namespace"] == cluster["metadata"]["namespace"]
            })
        })
        .map(|store| Requests::of(&store["spec"]["instanceSidecarConfiguration"]["resources"]))
        .sum()
}

/// Where instances of CloudNativePG are never two.
fn apart(spec: &Json) -> Option<Apart> {
    let affinity = &spec["affinity"];
    if affinity["podAntiAffinityType"] != "required" {
        return None;
    }
    match affinity["topologyKey"].as_str() {
        Some("topology.kubernetes.io/zone") => Some(Apart::Zones),
        _ => Some(Apart::Nodes),
    }
}

/// What the pod of a package of Crossplane's asks for: its runtime says.
fn package(spec: &Json, objects: &[Json]) -> Requests {
    let name = &spec["runtimeConfigRef"]["name"];
    let runtime = objects
        .iter()
        .find(|o| o["kind"] == "DeploymentRuntimeConfig" && o["metadata"]["name"] == *name);
    runtime.map_or_else(Requests::default, |r| {
        Requests::of_containers(&r["spec"]["deploymentTemplate"]["spec"]["template"]["spec"])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, expected) in [
            ("250m", Some(250)),
            ("2", Some(2000)),
            ("0.5", Some(500)),
            ("1.25", Some(1250)),
            ("${var.cpu}", None),
        ] {
            assert_eq!(thousandths(text), expected, "{text}");
        }
        for (text, expected) in [
            ("128Mi", Some(128)),
            ("4Gi", Some(4096)),
            ("1.5Gi", Some(1536)),
            ("1G", Some(953)),
            ("1048576", Some(1)),
            ("a lot", None),
        ] {
            assert_eq!(mebibytes(text), expected, "{text}");
        }
    }
}
