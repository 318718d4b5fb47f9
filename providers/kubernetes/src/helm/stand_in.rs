//! What stands for a chart from the internet in the sandbox: the workloads and services that others wait for, and the record
//! that Helm would keep, so that `helm list` shows it.

use super::release::ReleaseRecord;
use super::render;
use super::stored::{self, OPERATION, Stored};
use crate::apply::{self, Settings};
use crate::client::Client;
use crate::deletion;
use crate::object::Reference;
use crate::options::Wait;
use infra_model::{CallContext, Operation, ProviderError};
use serde_json::{Value as Json, json};

/// What its status says.
pub(crate) const STATUS: &str = "deployed";
/// The version of what it installs: no version of anything.
const APP_VERSION: &str = "stand-in";
/// What a release of it is described as.
pub(crate) const WORDS: &str =
    "the sandbox reaches no internet: stand-ins take the place of what the chart installs";

/// What a release is to bring, as `KIND/NAME`.
///
/// # Errors
/// Text of another form, or a kind that has no stand-in.
pub(crate) fn parse(text: &str) -> Result<(&str, &str), ProviderError> {
    match text.split_once('/') {
        Some((kind @ ("Deployment" | "StatefulSet" | "DaemonSet" | "Service"), name))
            if !name.is_empty() =>
        {
            Ok((kind, name))
        }
        _ => Err(ProviderError::invalid(
            "provides",
            format!(
                "`{text}` is not Deployment/NAME, StatefulSet/NAME, DaemonSet/NAME or Service/NAME"
            ),
        )),
    }
}

/// Volumes that a chart's StatefulSet claims, as its templates make them of its values.
struct Claim {
    chart: &'static str,
    workload: &'static str,
    name: &'static str,
    /// Where the values are.
    table: &'static str,
    /// Whether there is one, unless the values say otherwise.
    usual: bool,
    /// The fields that say whether, how large and of which class.
    fields: [&'static str; 3],
    /// The size without a word.
    size: &'static str,
}

/// Read off the charts' templates.
const CLAIMS: &[Claim] = &[
    Claim {
        chart: "loki",
        workload: "loki",
        name: "storage",
        table: "/singleBinary/persistence",
        usual: true,
        fields: ["enabled", "size", "storageClass"],
        size: "10Gi",
    },
    Claim {
        chart: "vault",
        workload: "vault",
        name: "data",
        table: "/server/dataStorage",
        usual: true,
        fields: ["enabled", "size", "storageClass"],
        size: "10Gi",
    },
    Claim {
        chart: "vault",
        workload: "vault",
        name: "audit",
        table: "/server/auditStorage",
        usual: false,
        fields: ["enabled", "size", "storageClass"],
        size: "10Gi",
    },
    Claim {
        chart: "trivy-operator",
        workload: "trivy-server",
        name: "data",
        table: "/trivy",
        usual: true,
        fields: ["storageClassEnabled", "storageSize", "storageClassName"],
        size: "5Gi",
    },
];

/// The claims of a StatefulSet of a chart, with what mounts them.
fn volumes(chart: &str, workload: &str, values: &Json) -> Vec<(&'static str, Json)> {
    let of = |claim: &&Claim| claim.chart == chart && claim.workload == workload;
    let mut out = Vec::new();
    for claim in CLAIMS.iter().filter(of) {
        let table = values.pointer(claim.table).unwrap_or(&Json::Null);
        let [there, size, class] = claim.fields.map(|field| &table[field]);
        if !there.as_bool().unwrap_or(claim.usual) {
            continue;
        }
        let mut spec = json!({
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": size.as_str().unwrap_or(claim.size) } },
        });
        // What is empty leaves the class to the cluster.
        if let Some(class) = class.as_str().filter(|c| !c.is_empty()) {
            spec["storageClassName"] = json!(class);
        }
        let template = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": claim.name }, "spec": spec,
        });
        out.push((claim.name, template));
    }
    out
}

/// What a chart leaves to its operator, where others bring the definitions: Prometheus and Alertmanager, which claim volumes.
fn custom(chart: &str, release: &str, namespace: &str, values: &Json) -> Vec<Json> {
    if chart != "kube-prometheus-stack" || values.pointer("/crds/enabled") != Some(&json!(false)) {
        return Vec::new();
    }
    let one = |kind: &str, table: &str, storage: &str| {
        let said = values.pointer(table).unwrap_or(&Json::Null);
        let mut spec = json!({ "replicas": said["replicas"].as_i64().unwrap_or(1) });
        for (field, value) in [("storage", storage), ("secrets", "secrets")] {
            if !said[value].is_null() {
                spec[field] = said[value].clone();
            }
        }
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": kind,
            "metadata": { "name": format!("{release}-{}", kind.to_lowercase()), "namespace": namespace },
            "spec": spec,
        })
    };
    vec![
        one("Prometheus", "/prometheus/prometheusSpec", "storageSpec"),
        one("Alertmanager", "/alertmanager/alertmanagerSpec", "storage"),
    ]
}

/// The objects of a release of a chart, in a namespace.
///
/// # Errors
/// What it is to bring is told in another form.
pub(crate) fn objects(
    (release, namespace): (&str, &str),
    chart: &str,
    provides: &[String],
    values: &Json,
) -> Result<Vec<Json>, ProviderError> {
    let default = [format!("Deployment/{release}")];
    let wanted = if provides.is_empty() {
        &default[..]
    } else {
        provides
    };
    let made: Result<Vec<Json>, ProviderError> = wanted
        .iter()
        .map(|text| {
            let (kind, name) = parse(text)?;
            let labels = json!({
                "app.kubernetes.io/name": chart,
                "app.kubernetes.io/instance": release,
                "app.kubernetes.io/component": name,
            });
            let mut all = labels.clone();
            all["app.kubernetes.io/managed-by"] = json!("Helm");
            let metadata = json!({
                "name": name,
                "namespace": namespace,
                "labels": all,
                "annotations": {
                    "meta.helm.sh/release-name": release,
                    "meta.helm.sh/release-namespace": namespace,
                    "infra/stand-in": WORDS,
                },
            });
            if kind == "Service" {
                // It leads to whatever of the release is named alike, or to all of it.
                let same = wanted.iter().any(|w| !w.starts_with("Service/") && w.ends_with(&format!("/{name}")));
                let mut selector = labels;
                if !same && let Some(map) = selector.as_object_mut() {
                    map.remove("app.kubernetes.io/component");
                }
                return Ok(json!({
                    "apiVersion": "v1", "kind": kind, "metadata": metadata,
                    "spec": { "selector": selector, "ports": [{ "name": "https", "port": 443, "targetPort": 8443, "protocol": "TCP" }] },
                }));
            }
            let mut spec = json!({
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": all },
                    "spec": {
                        "securityContext": { "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" } },
                        "containers": [{
                            "name": "stand-in",
                            "image": "registry.k8s.io/pause:3.10",
                            "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "cpu": "10m", "memory": "16Mi" } },
                            "securityContext": { "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } },
                        }],
                    },
                },
            });
            match kind {
                "Deployment" => spec["replicas"] = json!(1),
                "StatefulSet" => {
                    spec["replicas"] = json!(1);
                    spec["serviceName"] = json!(name);
                    let volumes = volumes(chart, name, values);
                    if !volumes.is_empty() {
                        let mounts = volumes.iter().map(|(name, _)| {
                            json!({ "name": name, "mountPath": format!("/{name}") })
                        });
                        spec["template"]["spec"]["containers"][0]["volumeMounts"] = mounts.collect();
                        spec["volumeClaimTemplates"] = volumes.into_iter().map(|(_, claim)| claim).collect();
                    }
                }
                _ => {}
            }
            Ok(json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec }))
        })
        .collect();
    let mut made = made?;
    made.extend(custom(chart, release, namespace, values));
    Ok(made)
}

/// Installs or upgrades: applies the objects, waits for them, and writes the record of the revision.
///
/// # Errors
/// Those of applying.
pub(crate) async fn install(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &ReleaseRecord,
    values: &Json,
) -> Result<(), ProviderError> {
    context.events.status(operation, WORDS);
    let chart = record.chart().short_name().to_owned();
    let settings = Settings {
        force: true,
        wait: record.wait.then(|| Wait {
            rollout: Some(true),
            ..Wait::default()
        }),
        create: record.patience(),
        update: record.patience(),
        ..Settings::default()
    };
    if record.create_namespace {
        let namespace = Reference::new("v1", "Namespace", None, &record.namespace);
        if apply::find(client, context, &namespace).await?.is_none() {
            let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": record.namespace } });
            let plain = Settings::default();
            apply::update(client, context, operation, &body, &plain, &plain).await?;
        }
    }
    let place = (record.name.as_str(), record.namespace.as_str());
    let objects = objects(place, &chart, &record.provides, values)?;
    for body in &objects {
        apply::update(client, context, operation, body, &settings, &settings).await?;
    }
    let before = stored::revisions(client, context, &record.namespace, Some(&record.name)).await?;
    let revision = before.last().map_or(1, |last| last.revision + 1);
    let maker = before.last().and_then(|last| last.operation.clone());
    let maker = maker.unwrap_or_else(|| operation.id.0.to_string());
    let manifest: Vec<String> = objects.iter().map(|o| format!("---\n{o}\n")).collect();
    let now = jiff::Timestamp::from_millisecond(context.clock.now().0)
        .map_or_else(|_| String::new(), |t| t.to_string());
    let version = record.version.clone().unwrap_or_else(|| "0.0.0".to_owned());
    let release = json!({
        "name": record.name,
        "namespace": record.namespace,
        "version": revision,
        "info": { "first_deployed": now, "last_deployed": now, "deleted": "", "description": WORDS, "status": STATUS },
        "chart": { "metadata": { "apiVersion": "v2", "name": chart, "version": version, "appVersion": APP_VERSION }, "templates": [], "values": {} },
        "config": values,
        "manifest": manifest.concat(),
        "hooks": [],
    });
    let name = format!("sh.helm.release.v1.{}.v{revision}", record.name);
    let body = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": { "name": name, "namespace": record.namespace, "labels": {
            "owner": "helm", "name": record.name, "status": STATUS, "version": revision.to_string(), OPERATION: maker,
        }},
        "data": { "release": stored::pack(&release) },
    });
    let plain = Settings::default();
    apply::update(client, context, operation, &body, &plain, &plain).await?;
    // One revision is enough: there is nothing to go back to.
    for old in before {
        let name = format!("sh.helm.release.v1.{}.v{}", old.name, old.revision);
        let secret = Reference::new("v1", "Secret", Some(&old.namespace), &name);
        deletion::delete(client, context, operation, &secret, None, &plain).await?;
    }
    Ok(())
}

/// Whether a revision is one of stand-ins.
pub(crate) fn is_one(revision: &Stored) -> bool {
    let release = revision.release();
    release.is_ok_and(|r| r["chart"]["metadata"]["appVersion"] == APP_VERSION)
}

/// Takes away all that its revisions made.
///
/// # Errors
/// Those of deleting.
pub(crate) async fn uninstall(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &ReleaseRecord,
    revisions: Vec<Stored>,
) -> Result<(), ProviderError> {
    let settings = Settings {
        delete: record.patience(),
        ..Settings::default()
    };
    for revision in revisions {
        let release = revision.release()?;
        let manifest = release["manifest"].as_str().unwrap_or_default();
        for (reference, _) in render::objects(manifest, &record.namespace)? {
            deletion::delete(client, context, operation, &reference, None, &settings).await?;
        }
        let name = format!(
            "sh.helm.release.v1.{}.v{}",
            revision.name, revision.revision
        );
        let secret = Reference::new("v1", "Secret", Some(&revision.namespace), &name);
        deletion::delete(client, context, operation, &secret, None, &settings).await?;
    }
    Ok(())
}
