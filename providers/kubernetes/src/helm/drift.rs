//! Whether a release's objects are there, ready, and as they were rendered.

use super::render;
use crate::client::Client;
use crate::object::Reference;
use crate::{apply, fields, read, wait};
use infra_model::{CallContext, ProviderError};
use serde_json::Value as Json;

/// The objects of a manifest, each with what is there of it.
pub(crate) async fn live(
    client: &Client,
    context: &CallContext,
    manifest: &str,
    namespace: &str,
) -> Result<Vec<(Reference, Json, Option<Json>)>, ProviderError> {
    let objects = render::objects(manifest, namespace)?;
    let references: Vec<Result<Reference, ProviderError>> = objects
        .iter()
        .map(|(reference, _)| Ok(reference.clone()))
        .collect();
    let found = read::many(client, context, &references).await;
    objects
        .into_iter()
        .zip(found)
        .map(|((reference, wanted), live)| Ok((reference, wanted, live?)))
        .collect()
}

/// What somebody else has changed of it since: `KIND/NAMESPACE/NAME: PATH`.
pub(crate) fn changed(
    objects: &[(Reference, Json, Option<Json>)],
    managers: &[&str],
) -> Vec<String> {
    let mut all = Vec::new();
    for (reference, wanted, live) in objects {
        let key = render::key(reference);
        let Some(live) = live.as_ref().filter(|live| !apply::is_leaving(live)) else {
            all.push(format!("{key}: it is gone"));
            continue;
        };
        let wanted = as_kept(wanted);
        let owned = fields::owned_by(live, |name, _| managers.contains(&name));
        let seen = fields::found(&wanted, live, &owned);
        let mut paths = Vec::new();
        fields::differences(&wanted, &seen, "", &mut paths);
        all.extend(paths.into_iter().map(|path| format!("{key}: {path}")));
    }
    all
}

/// Entries of secrets as the server keeps them, and nothing that is null.
fn as_kept(wanted: &Json) -> Json {
    let mut wanted = wanted.clone();
    if let Some(map) = wanted.as_object_mut() {
        map.remove("status");
        if map.get("kind").is_some_and(|k| k == "Secret") {
            map.remove("stringData");
        }
    }
    if let Some(metadata) = wanted["metadata"].as_object_mut() {
        metadata.remove("creationTimestamp");
        // It is where it is.
        metadata.remove("namespace");
    }
    fields::without_nulls(wanted)
}

/// The first object that is not ready; none when all are.
///
/// # Errors
/// An object that has failed.
pub(crate) fn unready(
    objects: &[(Reference, Json, Option<Json>)],
    jobs: bool,
) -> Result<Option<String>, ProviderError> {
    for (reference, _, live) in objects {
        if reference.kind == "Job" && !jobs {
            continue;
        }
        let name = format!("{} {}", reference.kind, reference.name);
        let Some(live) = live else {
            return Ok(Some(format!("{name} is not there yet")));
        };
        let state = wait::rollout(live).map_err(|e| ProviderError {
            message: format!("{name}: {}", e.message),
            ..e
        })?;
        if let Some(missing) = state {
            return Ok(Some(format!("{name}: {missing}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn live_edits_are_told_by_their_place() {
        let wanted = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "creationTimestamp": null}, "spec": {"replicas": 2, "paused": false}});
        let reference = Reference::new("apps/v1", "Deployment", Some("shop"), "web");
        let live = |replicas: i64, fields: Json| {
            let mut live = wanted.clone();
            live["spec"]["replicas"] = json!(replicas);
            live["metadata"]["managedFields"] =
                json!([{"manager": "helm", "operation": "Update", "fieldsV1": fields}]);
            vec![(reference.clone(), wanted.clone(), Some(live))]
        };
        let ours = json!({"f:spec": {"f:replicas": {}, "f:paused": {}}});
        assert_eq!(
            changed(&live(2, ours.clone()), &["helm"]),
            Vec::<String>::new()
        );
        // Set by a webhook when it was installed.
        assert_eq!(changed(&live(3, ours), &["helm"]), Vec::<String>::new());
        let edited = changed(&live(5, json!({"f:spec": {"f:paused": {}}})), &["helm"]);
        assert_eq!(edited, ["Deployment/shop/web: spec.replicas"]);
        let gone = changed(&[(reference.clone(), wanted.clone(), None)], &["helm"]);
        assert_eq!(gone, ["Deployment/shop/web: it is gone"]);
        assert!(
            unready(&[(reference, wanted, None)], false)
                .expect("goes on")
                .is_some()
        );
    }
}
