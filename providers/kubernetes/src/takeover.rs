//! Taking over what a GitOps engine has brought: who brings what, and how an object changes hands while it runs. It is applied as
//! the stack says by our name, and then the engine's names give up what they own, with the marks by which the engine knew it.

use crate::apply;
use crate::client::Client;
use crate::config_repository::merge;
use crate::deletion;
use crate::fields;
use crate::manifest;
use crate::object::Reference;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Str, Value, json};
use serde_json::{Map, Value as Json, json};

/// How the sandbox's stand-in for an engine writes objects.
pub(crate) const STAND_IN: &str = "gitops-stand-in";
/// The names by which engines write objects: `ArgoCDSSAManager` of Argo CD, `controllerName` of Flux's controllers.
const ENGINES: [&str; 4] = [
    "argocd-controller",
    "kustomize-controller",
    "helm-controller",
    STAND_IN,
];
/// The labels and annotations by which they know what is theirs.
pub(crate) const ARGO_MARK: &str = "argocd.argoproj.io/tracking-id";
pub(crate) const FLUX_MARKS: [&str; 2] = [
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
];
const HELM_MARKS: [&str; 2] = [
    "helm.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
];
/// By this name `helm` writes objects.
const HELM: &str = "helm";
/// How often an object that others write meanwhile is read again.
const AGAIN: usize = 5;

/// `NetworkPolicy.networking.k8s.io shop/back`
fn object(reference: &Reference) -> Str {
    let group = reference.group();
    let dot = if group.is_empty() { "" } else { "." };
    let namespace = reference.namespace.as_deref();
    let namespace = namespace.filter(|n| !n.is_empty() && *n != "default");
    let namespace = namespace.map(|n| format!("{n}/")).unwrap_or_default();
    format!(
        "{}{dot}{group} {namespace}{}",
        reference.kind, reference.name
    )
    .into()
}

fn release(namespace: &str, name: &str) -> Str {
    format!("release {namespace}/{name}").into()
}

fn definitions(url: &str) -> Str {
    format!("definitions of {url}").into()
}

/// What the engine has brought from a repository.
pub(crate) fn brings(type_name: &str, value: &Value) -> Vec<Str> {
    if type_name != "kubernetes_config_repository" {
        return Vec::new();
    }
    let mut all = Vec::new();
    let files = value.get("files").map(Value::unmark_deep);
    let files = files.as_ref().and_then(Value::entries);
    for (path, file) in files.into_iter().flatten() {
        all.extend(brought(path, &json::to_json(file)));
    }
    let copied = value.get("definition").and_then(Value::elements);
    for definition in copied.into_iter().flatten() {
        let url = definition.get("url").and_then(Value::as_str);
        all.extend(url.map(definitions));
    }
    all
}

/// What a file brings; nothing where it is a part of the engine.
fn brought(path: &str, file: &Json) -> Option<Str> {
    let text = |pointer: &str| file.pointer(pointer).and_then(Json::as_str);
    let reference = Reference::of(file)?;
    match (reference.group(), &*reference.kind) {
        ("argoproj.io", "Application") => {
            let name = text("/spec/source/helm/releaseName")?;
            Some(release(
                text("/spec/destination/namespace").unwrap_or_default(),
                name,
            ))
        }
        ("helm.toolkit.fluxcd.io", "HelmRelease") => Some(release(
            text("/spec/targetNamespace").unwrap_or_default(),
            text("/spec/releaseName")?,
        )),
        ("kustomize.toolkit.fluxcd.io", "Kustomization") if path.starts_with("sync/") => None,
        ("source.toolkit.fluxcd.io", "HelmRepository") => None,
        ("bitnami.com", "SealedSecret") => Some(object(&Reference {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            ..reference
        })),
        _ => Some(object(&reference)),
    }
}

/// The names of what a resource makes, as [`brings`] has them; none where that is not known yet.
pub(crate) fn known_as(type_name: &str, planned: &Value) -> Vec<Str> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = |kind: &str| {
        let metadata = planned.get("metadata")?.elements()?.first()?.clone();
        let namespace = text(metadata.get("namespace"));
        let name = text(metadata.get("name"));
        let reference = Reference::new("v1", kind, Some(&namespace), &name);
        (!name.is_empty()).then(|| object(&reference))
    };
    match type_name {
        "kubernetes_manifest" => {
            let manifest = planned.get("manifest");
            let identity = manifest.and_then(manifest::identity);
            identity.iter().map(object).collect()
        }
        "kubernetes_namespace" => named("Namespace").into_iter().collect(),
        "kubernetes_secret" => named("Secret").into_iter().collect(),
        "kubernetes_config_map" => named("ConfigMap").into_iter().collect(),
        "helm_release" => {
            let (namespace, name) = (text(planned.get("namespace")), text(planned.get("name")));
            vec![release(&namespace, &name)]
        }
        "kubernetes_crds" => {
            let urls = planned.get("urls").and_then(Value::elements);
            let urls = urls.into_iter().flatten().filter_map(Value::as_str);
            urls.map(definitions).collect()
        }
        _ => Vec::new(),
    }
}

/// Takes a Secret from what it was unsealed from, which would go on writing it and takes it along when it goes.
pub(crate) async fn unsealed(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    object: &Reference,
) -> Result<(), ProviderError> {
    let is_seal = |owner: &Json| {
        let version = owner["apiVersion"].as_str().unwrap_or_default();
        owner["kind"] == "SealedSecret" && version.starts_with("bitnami.com/")
    };
    if object.kind != "Secret" {
        return Ok(());
    }
    let Some(live) = apply::find(client, context, object).await? else {
        return Ok(());
    };
    let owners = live["metadata"]["ownerReferences"].as_array();
    let owners: Vec<&Json> = owners.into_iter().flatten().collect();
    let Some(seal) = owners.iter().find(|o| is_seal(o)) else {
        return Ok(());
    };
    // First it is nobody's: then nothing that deletes its owner reaches it.
    let rest: Vec<&Json> = owners.iter().copied().filter(|o| !is_seal(o)).collect();
    let change = json!({ "metadata": { "ownerReferences": rest } });
    merge(client, context, object, "", &change).await?;
    let text = |name: &str| seal[name].as_str().unwrap_or_default();
    let namespace = object.namespace.as_deref();
    let reference = Reference::new(text("apiVersion"), "SealedSecret", namespace, text("name"));
    let settings = apply::Settings {
        propagation: "Orphan".to_owned(),
        ..apply::Settings::default()
    };
    let uid = seal["uid"].as_str();
    deletion::delete(client, context, operation, &reference, uid, &settings).await
}

/// The engines that have applied an object.
pub(crate) fn appliers(live: &Json) -> Vec<&str> {
    let entries = entries(live).filter(|e| e["operation"] == "Apply" && is_engines(e));
    entries.filter_map(|e| e["manager"].as_str()).collect()
}

fn entries(live: &Json) -> impl Iterator<Item = &Json> {
    let entries = live["metadata"]["managedFields"].as_array();
    entries.into_iter().flatten()
}

/// Whether fields are an engine's; those of a status are nobody's to take.
fn is_engines(entry: &Json) -> bool {
    let name = entry["manager"].as_str().unwrap_or_default();
    let part = entry["subresource"].as_str().unwrap_or_default();
    ENGINES.contains(&name) && part.is_empty()
}

/// What is left of an engine on an object goes: its marks, and its name on fields, which become an heir's, or nobody's.
pub(crate) async fn disowned(
    client: &Client,
    context: &CallContext,
    object: &Reference,
    live: Json,
    heir: Option<&str>,
) -> Result<(), ProviderError> {
    let mut found = Some(live);
    for _ in 0..AGAIN {
        let Some(change) = found.as_ref().and_then(|live| without_engine(live, heir)) else {
            return Ok(());
        };
        match merge(client, context, object, "", &change).await {
            // Somebody has written it meanwhile.
            Err(error) if error.kind == ErrorKind::Conflict => {
                found = apply::find(client, context, object).await?;
            }
            other => return other,
        }
    }
    Err(ProviderError::new(
        ErrorKind::Conflict,
        format!(
            "others write {} {} faster than it can be taken over; run again when they are done",
            object.kind, object.name
        ),
    ))
}

/// The same of the objects of a chart, which are `helm`'s then.
pub(crate) async fn chart(
    client: &Client,
    context: &CallContext,
    objects: Vec<(Reference, Json, Option<Json>)>,
) -> Result<(), ProviderError> {
    for (reference, _, live) in objects {
        if let Some(live) = live.filter(|live| !apply::is_leaving(live)) {
            disowned(client, context, &reference, live, Some(HELM)).await?;
        }
    }
    Ok(())
}

/// The change that takes an engine off an object; none where nothing of it is left.
fn without_engine(live: &Json, heir: Option<&str>) -> Option<Json> {
    let mut kept: Vec<Json> = entries(live).filter(|e| !is_engines(e)).cloned().collect();
    let mut changed = false;
    for entry in entries(live).filter(|e| is_engines(e)) {
        changed = true;
        if let Some(heir) = heir {
            inherit(&mut kept, entry, heir);
        }
    }
    let metadata = &live["metadata"];
    let mut marks = json!({});
    let named = FLUX_MARKS.iter().chain(&HELM_MARKS);
    for (place, name) in named
        .map(|name| ("labels", *name))
        .chain([("annotations", ARGO_MARK)])
    {
        if metadata[place].get(name).is_some() {
            marks[place][name] = Json::Null;
            changed = true;
        }
    }
    if !changed {
        return None;
    }
    marks["managedFields"] = json!(kept);
    marks["resourceVersion"] = metadata["resourceVersion"].clone();
    Some(json!({ "metadata": marks }))
}

/// Gives fields to an heir, who has one entry for a version.
fn inherit(kept: &mut Vec<Json>, entry: &Json, heir: &str) {
    let is_heirs = |e: &&mut Json| {
        e["manager"] == heir
            && e["operation"] == "Update"
            && e["apiVersion"] == entry["apiVersion"]
            && e["subresource"].as_str().unwrap_or_default().is_empty()
    };
    let fields = entry["fieldsV1"].as_object();
    match kept.iter_mut().find(is_heirs) {
        Some(own) => {
            if let (Some(own), Some(fields)) = (own["fieldsV1"].as_object_mut(), fields) {
                fields::merge(own, fields);
            }
        }
        None => {
            let mut entry = entry.clone();
            entry["manager"] = json!(heir);
            entry["operation"] = json!("Update");
            let empty = Map::is_empty;
            if !fields.is_none_or(empty) {
                kept.push(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_brings_what_its_files_are_and_no_part_of_the_engine() {
        let at = |version: &str, kind: &str, namespace: &str| {
            json!({
            "apiVersion": version, "kind": kind, "metadata": { "name": "a", "namespace": namespace } })
        };
        let with = |mut object: Json, spec: Json| {
            object["spec"] = spec;
            object
        };
        let helm = json!({ "source": { "helm": { "releaseName": "r" } }, "destination": { "namespace": "n" } });
        let flux = json!({ "releaseName": "r", "targetNamespace": "n" });
        let unit = at(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            "flux-system",
        );
        let value = json::implied(&json!({
            "files": {
                "a": at("v1", "Namespace", ""),
                "b": at("networking.k8s.io/v1", "NetworkPolicy", "shop"),
                "c": at("bitnami.com/v1alpha1", "SealedSecret", "shop"),
                "d": with(at("argoproj.io/v1alpha1", "Application", "argocd"), helm),
                "e": with(at("helm.toolkit.fluxcd.io/v2", "HelmRelease", "flux-system"), flux),
                "f": at("argoproj.io/v1alpha1", "Application", "argocd"),
                "g": at("source.toolkit.fluxcd.io/v1", "HelmRepository", "flux-system"),
                "objects/apps.yaml": unit,
                "sync/a.yaml": unit,
            },
            "definition": [{ "url": "https://example.com/a.yaml" }],
        }));
        let all = brings("kubernetes_config_repository", &value);
        let all: Vec<&str> = all.iter().map(|n| &**n).collect();
        assert_eq!(
            all,
            [
                "Namespace a",
                "NetworkPolicy.networking.k8s.io shop/a",
                "Secret shop/a",
                "release n/r",
                "release n/r",
                "Kustomization.kustomize.toolkit.fluxcd.io flux-system/a",
                "definitions of https://example.com/a.yaml",
            ]
        );
        assert!(brings("kubernetes_manifest", &value).is_empty());
    }

    #[test]
    fn resources_are_known_by_the_same_names() {
        let known = |type_name: &str, value: Json| {
            let names = known_as(type_name, &json::implied(&value));
            names.first().map(ToString::to_string).unwrap_or_default()
        };
        let policy = json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "a", "namespace": "shop" } });
        assert_eq!(
            known("kubernetes_manifest", json!({ "manifest": policy })),
            "NetworkPolicy.networking.k8s.io shop/a"
        );
        let metadata = json!({ "metadata": [{ "name": "a", "namespace": "shop" }] });
        assert_eq!(known("kubernetes_secret", metadata), "Secret shop/a");
        let metadata = json!({ "metadata": [{ "name": "a" }] });
        assert_eq!(known("kubernetes_namespace", metadata), "Namespace a");
        let release = json!({ "name": "r", "namespace": "n" });
        assert_eq!(known("helm_release", release), "release n/r");
        let crds = json!({ "urls": ["https://example.com/a.yaml"] });
        assert_eq!(
            known("kubernetes_crds", crds),
            "definitions of https://example.com/a.yaml"
        );
        assert_eq!(known("kubernetes_manifest", json!({})), "");
    }

    #[test]
    fn fields_of_an_engine_become_an_heirs() {
        let entry = |manager: &str, operation: &str, fields: Json| {
            json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields })
        };
        let live = json!({ "metadata": {
            "resourceVersion": "7",
            "annotations": { ARGO_MARK: "x", "mine": "y" },
            "managedFields": [
                entry("argocd-controller", "Apply", json!({ "f:data": { "f:a": {} } })),
                entry("helm", "Update", json!({ "f:data": { "f:b": {} } })),
                entry("kubectl", "Update", json!({ "f:data": { "f:c": {} } })),
            ],
        } });
        let change = without_engine(&live, Some("helm")).expect("something is left of it");
        assert_eq!(
            change,
            json!({ "metadata": {
                "resourceVersion": "7",
                "annotations": { ARGO_MARK: null },
                "managedFields": [
                    entry("helm", "Update", json!({ "f:data": { "f:b": {}, "f:a": {} } })),
                    entry("kubectl", "Update", json!({ "f:data": { "f:c": {} } })),
                ],
            } })
        );
        let change = without_engine(&live, None).expect("something is left of it");
        let left = change["metadata"]["managedFields"].as_array().map(Vec::len);
        assert_eq!(left, Some(2));
        assert_eq!(
            without_engine(&json!({ "metadata": {} }), Some("helm")),
            None
        );
    }
}
