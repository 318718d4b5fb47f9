//! Definitions that accept every field, made from no more than group, version and kind: for the sandbox, which reaches no
//! internet to take the real ones from.

use infra_model::ProviderError;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A kind that is defined somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provided {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) cluster: bool,
}

impl Provided {
    /// `GROUP/VERSION/KIND[:Namespaced|Cluster]`
    ///
    /// # Errors
    /// Text of another form.
    pub(crate) fn parse(text: &str) -> Result<Provided, ProviderError> {
        let wrong = || {
            ProviderError::invalid(
                "provides",
                format!(
                    "`{text}` is not GROUP/VERSION/KIND or GROUP/VERSION/KIND:Cluster, as in cert-manager.io/v1/Certificate"
                ),
            )
        };
        let (kind, scope) = text.split_once(':').unwrap_or((text, "Namespaced"));
        let parts: Vec<&str> = kind.split('/').collect();
        let [group, version, kind] = parts[..] else {
            return Err(wrong());
        };
        if [group, version, kind].contains(&"") || !["Namespaced", "Cluster"].contains(&scope) {
            return Err(wrong());
        }
        Ok(Provided {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            cluster: scope == "Cluster",
        })
    }

    /// The name of its definition.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", plural(&self.kind, &self.group), self.group)
    }
}

/// The plural that definitions have by custom: an English one. Gatekeeper's constraints have none.
fn plural(kind: &str, group: &str) -> String {
    let kind = kind.to_lowercase();
    if group == "constraints.gatekeeper.sh" {
        return kind;
    }
    let vowel = |c: char| "aeiou".contains(c);
    if let Some(stem) = kind.strip_suffix('y')
        && !stem.ends_with(vowel)
    {
        return format!("{stem}ies");
    }
    if ["s", "x", "ch", "sh"].iter().any(|end| kind.ends_with(end)) {
        return format!("{kind}es");
    }
    format!("{kind}s")
}

/// Who approved a definition of a protected group: an address, or `unapproved` with a reason
/// (`apiextensions.KubeAPIApprovedAnnotation` in `k8s.io/apiextensions-apiserver`).
const APPROVED: &str = "api-approved.kubernetes.io";

/// Whether a group is one of those that Kubernetes keeps for itself.
fn is_protected(group: &str) -> bool {
    [".k8s.io", ".kubernetes.io"]
        .iter()
        .any(|end| group.ends_with(end))
}

/// One definition for each kind, with all its versions, by name.
pub(crate) fn definitions(kinds: &[Provided]) -> BTreeMap<String, Json> {
    let mut by_name: BTreeMap<String, Vec<&Provided>> = BTreeMap::new();
    for kind in kinds {
        by_name.entry(kind.name()).or_default().push(kind);
    }
    by_name
        .into_iter()
        .map(|(name, versions)| {
            let first = versions[0];
            let last = versions.len() - 1;
            let anything =
                json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
            let versions: Vec<Json> = versions
                .iter()
                .enumerate()
                .map(|(i, v)| {
                    json!({
                        "name": v.version, "served": true, "storage": i == last,
                        "schema": { "openAPIV3Schema": anything }, "subresources": { "status": {} },
                    })
                })
                .collect();
            let mut metadata = json!({ "name": name });
            if is_protected(&first.group) {
                metadata["annotations"] = json!({ APPROVED: "unapproved, a stand-in" });
            }
            let definition = json!({
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": metadata,
                "spec": {
                    "group": first.group,
                    "scope": if first.cluster { "Cluster" } else { "Namespaced" },
                    "names": {
                        "kind": first.kind,
                        "listKind": format!("{}List", first.kind),
                        "plural": plural(&first.kind, &first.group),
                        "singular": first.kind.to_lowercase(),
                    },
                    "versions": versions,
                },
            });
            (name, definition)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_have_the_names_that_real_ones_have() {
        for (kind, name) in [
            (
                "cert-manager.io/v1/Certificate",
                "certificates.cert-manager.io",
            ),
            (
                "gateway.networking.k8s.io/v1/GatewayClass:Cluster",
                "gatewayclasses.gateway.networking.k8s.io",
            ),
            (
                "gateway.networking.k8s.io/v1/Gateway",
                "gateways.gateway.networking.k8s.io",
            ),
            (
                "gateway.envoyproxy.io/v1alpha1/SecurityPolicy",
                "securitypolicies.gateway.envoyproxy.io",
            ),
            (
                "monitoring.coreos.com/v1/Prometheus",
                "prometheuses.monitoring.coreos.com",
            ),
            ("acid.zalan.do/v1/postgresql", "postgresqls.acid.zalan.do"),
            (
                "constraints.gatekeeper.sh/v1beta1/K8sAllowedRepos:Cluster",
                "k8sallowedrepos.constraints.gatekeeper.sh",
            ),
        ] {
            let kind = Provided::parse(kind).expect("is one");
            assert_eq!(kind.name(), name);
        }
        for wrong in ["", "v1/ConfigMap", "a/b/c:Everywhere", "a//c"] {
            assert!(Provided::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn definitions_of_protected_groups_say_that_nobody_approved_them() {
        let kinds = ["gateway.networking.k8s.io/v1/Gateway", "a.io/v1/Thing"]
            .map(|k| Provided::parse(k).expect("is one"));
        let made = definitions(&kinds);
        let said = |name: &str| made[name]["metadata"]["annotations"][APPROVED].clone();
        let gateway = said("gateways.gateway.networking.k8s.io");
        assert!(
            gateway
                .as_str()
                .is_some_and(|t| t.starts_with("unapproved"))
        );
        assert!(said("things.a.io").is_null());
    }

    #[test]
    fn versions_of_one_kind_are_one_definition() {
        let kinds =
            ["a.io/v1beta1/Thing", "a.io/v1/Thing"].map(|k| Provided::parse(k).expect("is one"));
        let made = definitions(&kinds);
        let versions = &made["things.a.io"]["spec"]["versions"];
        assert_eq!(versions[0]["storage"], false);
        assert_eq!(
            (&versions[1]["name"], &versions[1]["storage"]),
            (&json!("v1"), &json!(true))
        );
    }
}
