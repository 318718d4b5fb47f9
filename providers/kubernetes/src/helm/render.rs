//! What a release renders, object by object: for the plan, for the wait, and to see what was changed since.

use crate::object::Reference;
use crate::yaml;
use infra_model::ProviderError;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// An object's text longer than this is only told by its digest: dashboards and bundles are as long as that.
const LONG: usize = 16 * 1024;

/// The objects of a rendered manifest, with their namespace filled in.
///
/// # Errors
/// Text that is no YAML.
pub(crate) fn objects(
    manifest: &str,
    namespace: &str,
) -> Result<Vec<(Reference, Json)>, ProviderError> {
    let found = yaml::documents(manifest, "what the chart renders")?;
    Ok(found
        .into_iter()
        .filter_map(|object| {
            let mut reference = Reference::of(&object)?;
            reference
                .namespace
                .get_or_insert_with(|| namespace.to_owned());
            Some((reference, object))
        })
        .collect())
}

/// The texts of the objects for the plan, by `KIND/NAMESPACE/NAME`. Of secrets only their names.
///
/// # Errors
/// Text that is no YAML.
pub(crate) fn texts(
    manifest: &str,
    namespace: &str,
) -> Result<BTreeMap<String, String>, ProviderError> {
    let mut all = BTreeMap::new();
    for text in yaml::split(manifest) {
        for (reference, object) in objects(text, namespace)? {
            let shown = if reference.kind == "Secret" {
                let entries = ["data", "stringData"]
                    .iter()
                    .filter_map(|name| object[*name].as_object());
                let names: Vec<&String> = entries.flat_map(serde_json::Map::keys).collect();
                format!("(a secret with {} entries)", names.len())
            } else if text.len() > LONG {
                format!(
                    "({} bytes, sha256 {})",
                    text.len(),
                    hex::encode(Sha256::digest(text))
                )
            } else {
                let lines = text.lines().filter(|line| !line.starts_with("# Source:"));
                lines.collect::<Vec<_>>().join("\n") + "\n"
            };
            all.insert(key(&reference), shown);
        }
    }
    Ok(all)
}

/// `KIND/NAMESPACE/NAME`
pub(crate) fn key(reference: &Reference) -> String {
    let namespace = reference.namespace.as_deref().unwrap_or_default();
    format!("{}/{namespace}/{}", reference.kind, reference.name)
}

/// Digest of what is shown of them.
pub(crate) fn digest(texts: &BTreeMap<String, String>) -> String {
    let mut hasher = Sha256::new();
    for (name, text) in texts {
        hasher.update(name);
        hasher.update([0]);
        hasher.update(text);
        hasher.update([0]);
    }
    format!("sha256:{}", hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let manifest = "---\n# Source: a/b.yaml\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  password: hush\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: other\ndata:\n  a: '1'\n";
        let all = texts(manifest, "shop").expect("is YAML");
        assert_eq!(
            all.keys().collect::<Vec<_>>(),
            ["ConfigMap/other/c", "Secret/shop/s"]
        );
        assert!(
            !all.values()
                .any(|text| text.contains("hush") || text.contains("Source"))
        );
        assert_eq!(all["Secret/shop/s"], "(a secret with 1 entries)");
    }
}
