//! What is lost for good when an object goes: the provider says it, and a plan asks a person first.

use infra_model::Value;

/// The annotation with which a manifest says that it holds data itself, or, with `none`, that it holds none.
const DATA: &str = "infra/data";

/// Kinds that hold data, by group, and what goes with them.
const KINDS: &[(&str, &str, &str)] = &[
    ("", "Namespace", "everything in it"),
    ("", "PersistentVolumeClaim", "what is stored on its volume"),
    ("", "PersistentVolume", "the way to what is stored on it"),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "every object of its kind",
    ),
    ("postgresql.cnpg.io", "Cluster", "its databases"),
    ("acid.zalan.do", "postgresql", "its databases"),
    (
        "elasticsearch.k8s.elastic.co",
        "Elasticsearch",
        "its indices",
    ),
];

/// What would be lost with an object of a type, in a few words.
pub(crate) fn data(type_name: &str, value: &Value) -> Option<&'static str> {
    match type_name {
        "kubernetes_namespace" => Some("everything in it"),
        "kubernetes_crds" => {
            let kept = value.get("keep_on_destroy").and_then(Value::as_bool);
            (kept == Some(false)).then_some("every object of its kinds")
        }
        "kubernetes_manifest" => of_manifest(value.get("manifest")?),
        "kubernetes_secret" => {
            let metadata = value.get("metadata")?.elements()?.first()?;
            annotated(metadata)
                .filter(|held| *held)
                .map(|_| "what it holds")
        }
        _ => None,
    }
}

fn of_manifest(manifest: &Value) -> Option<&'static str> {
    match manifest.get("metadata").and_then(annotated) {
        Some(true) => return Some("what it holds"),
        Some(false) => return None,
        None => {}
    }
    let text = |name: &str| manifest.get(name).and_then(Value::as_str);
    let (version, kind) = (text("apiVersion")?, text("kind")?);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let known = KINDS.iter().find(|(g, k, _)| *g == group && *k == kind);
    known.map(|(_, _, what)| *what)
}

/// What an object says itself.
fn annotated(metadata: &Value) -> Option<bool> {
    let said = metadata.get("annotations")?.get(DATA)?;
    said.as_str().map(|text| text != "none")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest(json: serde_json::Value) -> Option<&'static str> {
        data(
            "kubernetes_manifest",
            &infra_model::json::implied(&json!({ "manifest": json })),
        )
    }

    #[test]
    fn databases_volumes_and_definitions_hold_data() {
        let of = |version: &str, kind: &str| {
            manifest(json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "a" } }))
        };
        assert_eq!(
            of("postgresql.cnpg.io/v1", "Cluster"),
            Some("its databases")
        );
        assert_eq!(of("v1", "Namespace"), Some("everything in it"));
        assert_eq!(of("cluster.x-k8s.io/v1beta1", "Cluster"), None);
        assert_eq!(of("apps/v1", "Deployment"), None);
    }

    #[test]
    fn an_object_says_it_itself() {
        let of = |kind: &str, said: &str| {
            manifest(
                json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": "a", "annotations": { "infra/data": said } } }),
            )
        };
        assert_eq!(of("Secret", "the sealing key"), Some("what it holds"));
        assert_eq!(of("Namespace", "none"), None);
    }
}
