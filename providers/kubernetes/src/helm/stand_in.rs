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

/// The objects of a release of a chart, in a namespace.
///
/// # Errors
/// What it is to bring is told in another form.
pub(crate) fn objects(
    release: &str,
    namespace: &str,
    chart: &str,
    provides: &[String],
) -> Result<Vec<Json>, ProviderError> {
    let default = [format!("Deployment/{release}")];
    let wanted = if provides.is_empty() {
        &default[..]
    } else {
        provides
    };
    wanted
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
                }
                _ => {}
            }
            Ok(json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec }))
        })
        .collect()
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
    let objects = objects(&record.name, &record.namespace, &chart, &record.provides)?;
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
