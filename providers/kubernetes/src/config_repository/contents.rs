//! What stands in the folder: objects as YAML, definitions as they were published, and a page that says whose it is.

use super::RepositoryRecord;
use crate::client::Client;
use crate::crds::{fetched, permitted};
use crate::fields::without_nulls;
use infra_model::{CallContext, Operation, ProviderError, json};
use infra_repository::object::in_order;
use infra_repository::yaml;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The page's name.
pub(super) const PAGE: &str = "README.md";

/// The files by their paths from the root of the repository.
///
/// # Errors
/// Definitions that cannot be fetched, or are others than were pinned.
pub(super) async fn of(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &RepositoryRecord,
) -> Result<BTreeMap<String, Vec<u8>>, ProviderError> {
    let mut all = BTreeMap::new();
    let mut add = |path: &str, content: String| {
        all.insert(format!("{}/{path}", record.path), content.into_bytes());
    };
    add(PAGE, page(record));
    for (path, value) in record.files.entries().into_iter().flatten() {
        add(path, text(&json::to_json(value)));
    }
    for definition in &record.definition {
        let content = if client.is_sandbox() {
            let stand_ins = permitted(&definition.provides)?;
            let texts: Vec<String> = stand_ins.values().map(text).collect();
            texts.join("---\n")
        } else {
            let url = &definition.url;
            context.events.status(operation, &format!("fetching {url}"));
            fetched(url, Some(&definition.sha256)).await?
        };
        add(&definition.path, content);
    }
    Ok(all)
}

/// An object as a file has it.
pub(super) fn text(object: &Json) -> String {
    yaml::document(&in_order(&without_nulls(object.clone())))
}

/// The line by which a folder says whose it is.
pub(super) fn mark(owner: &str) -> String {
    format!("<!-- infra: {owner} -->")
}

fn page(record: &RepositoryRecord) -> String {
    let (path, owner) = (&record.path, &record.owner);
    format!(
        "{}\n# {path}\n\n`infra` writes this folder for {owner}, and a GitOps engine brings it to the cluster. What is changed here by hand is put right by\nthe next `infra apply`; what stands beside this folder is not touched.\n",
        mark(owner)
    )
}

/// Whether a path leads to something below a folder, in words that every file system and every shell leaves alone.
pub(super) fn is_path(path: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && p != "."
            && p != ".."
            && p != ".git"
            && p.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_become_yaml_in_the_order_that_people_write() {
        let object = json!({ "spec": { "a": null, "b": 1 }, "metadata": { "name": "x" }, "kind": "K", "apiVersion": "v1" });
        assert_eq!(
            text(&object),
            "apiVersion: v1\nkind: K\nmetadata:\n  name: x\nspec:\n  b: 1\n"
        );
    }

    #[test]
    fn paths_stay_below_their_folder() {
        for good in ["platform", "clusters/prod/platform", "a-b_c.yaml"] {
            assert!(is_path(good), "{good}");
        }
        for bad in [
            "",
            "/platform",
            "platform/",
            "a//b",
            "../a",
            "a/.git/config",
            "a b",
            "a\"b",
        ] {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
