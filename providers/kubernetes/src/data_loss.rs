//! What holds data: a plan deletes or replaces it only when a person has named it.

use infra_model::Value;

/// The label of keys of Sealed Secrets.
const SEALING: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// What would be lost with an object, in a few words; none when it can be made again as it was.
pub(crate) fn holds(type_name: &str, value: &Value) -> Option<&'static str> {
    match type_name {
        "kubernetes_secret" => {
            let metadata = value.get("metadata")?.elements()?.first()?;
            metadata.get("labels")?.get(SEALING)?;
            Some("whatever is sealed with this key")
        }
        "kubernetes_namespace" => Some("everything in the namespace"),
        "kubernetes_config_repository" => {
            Some("everything that the GitOps engine has brought to the cluster")
        }
        "kubernetes_crds" => {
            let kept = value.get("keep_on_destroy").and_then(Value::as_bool);
            (kept == Some(false)).then_some("every object of the defined kinds")
        }
        "kubernetes_manifest" => {
            let manifest = value.get("manifest")?;
            let text = |name: &str| {
                manifest
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let (version, kind) = (text("apiVersion"), text("kind"));
            let group = version.split_once('/').map_or("", |(group, _)| group);
            match (group, kind) {
                ("", "Namespace") => Some("everything in the namespace"),
                ("", "PersistentVolumeClaim" | "PersistentVolume") => {
                    Some("what is stored on the volume")
                }
                ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                    Some("every object of the defined kind")
                }
                ("postgresql.cnpg.io", "Cluster") | ("acid.zalan.do", "postgresql") => {
                    Some("the databases in it")
                }
                ("elasticsearch.k8s.elastic.co", "Elasticsearch") => Some("what is stored in it"),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::implied;
    use serde_json::json;

    #[test]
    fn what_holds_data_says_so() {
        let of = |type_name: &str, value: serde_json::Value| {
            holds(type_name, &implied(&value)).is_some()
        };
        let manifest =
            |version: &str, kind: &str| json!({"manifest": {"apiVersion": version, "kind": kind}});
        assert!(of("kubernetes_namespace", json!({})));
        let key =
            |labels: serde_json::Value| json!({"metadata": [{"name": "a", "labels": labels}]});
        assert!(of("kubernetes_secret", key(json!({SEALING: "active"}))));
        assert!(!of("kubernetes_secret", key(json!({"app": "web"}))));
        assert!(of(
            "kubernetes_manifest",
            manifest("v1", "PersistentVolumeClaim")
        ));
        assert!(of(
            "kubernetes_manifest",
            manifest("postgresql.cnpg.io/v1", "Cluster")
        ));
        assert!(!of(
            "kubernetes_manifest",
            manifest("cluster.x-k8s.io/v1", "Cluster")
        ));
        assert!(!of(
            "kubernetes_manifest",
            manifest("apps/v1", "Deployment")
        ));
        assert!(of("kubernetes_crds", json!({"keep_on_destroy": false})));
        assert!(!of("kubernetes_crds", json!({"keep_on_destroy": true})));
        assert!(!of("helm_release", json!({})));
    }
}
