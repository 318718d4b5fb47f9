//! Before a cluster goes: what its controllers made outside of it goes first. Load balancers, addresses and disks outlive the
//! cluster and hold its network, so what they were made for is deleted while the controllers run.

use crate::apply::{self, Settings};
use crate::client::{Call, Client};
use crate::discovery;
use crate::family;
use crate::object::Reference;
use crate::read;
use futures::future::try_join_all;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// What makes everything anew that is deleted: it is told to rest, without touching what it manages.
const KEEPERS: [(&str, &str, &str); 4] = [
    (
        "argoproj.io/v1alpha1",
        "ApplicationSet",
        r#"{"spec":{"syncPolicy":{"applicationsSync":"create-only"}}}"#,
    ),
    (
        "argoproj.io/v1alpha1",
        "Application",
        r#"{"spec":{"syncPolicy":{"automated":null}}}"#,
    ),
    (
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        r#"{"spec":{"suspend":true}}"#,
    ),
    (
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        r#"{"spec":{"suspend":true}}"#,
    ),
];

/// What refuses deletions when its server is away.
const HOOKS: [&str; 2] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
];

/// What owns load balancers and disks, before what it owns.
const OWNERS: [(&str, &str); 4] = [
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("postgresql.cnpg.io/v1", "Cluster"),
    ("acid.zalan.do/v1", "postgresql"),
    ("apps/v1", "StatefulSet"),
];

/// What the cloud's own controllers make something for.
const MADE_FOR: [(&str, &str); 3] = [
    ("networking.k8s.io/v1", "Ingress"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
];

/// How long each step may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// Takes all of it away, and waits until it is gone.
///
/// # Errors
/// The cluster cannot be reached, or something does not go.
pub(crate) async fn all(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<(), ProviderError> {
    for (version, kind, patch) in KEEPERS {
        for object in everywhere(client, context, version, kind).await? {
            rest(client, context, &object, patch).await?;
        }
    }
    for kind in HOOKS {
        let hooks = everywhere(client, context, "admissionregistration.k8s.io/v1", kind).await?;
        let closed: Vec<Json> = hooks.into_iter().filter(fails_closed).collect();
        remove(client, context, operation, closed, true).await?;
    }
    for kinds in [&OWNERS[..], &MADE_FOR[..]] {
        for (version, kind) in kinds {
            let found = everywhere(client, context, version, kind).await?;
            let found = found.into_iter().filter(leaves_something).collect();
            remove(client, context, operation, found, false).await?;
        }
    }
    Ok(())
}

/// All objects of a kind, complete with what the list is of; nothing where there is no such kind.
async fn everywhere(
    client: &Client,
    context: &CallContext,
    version: &str,
    kind: &str,
) -> Result<Vec<Json>, ProviderError> {
    let Some(place) = discovery::place(client, context, version, kind).await? else {
        return Ok(Vec::new());
    };
    let mut items = read::list(client, context, &place, kind, None, "").await?;
    for item in &mut items {
        item["apiVersion"] = json!(version);
        item["kind"] = json!(kind);
    }
    Ok(items)
}

/// Whether something outside the cluster was made for it.
fn leaves_something(object: &Json) -> bool {
    object["kind"] != "Service" || object["spec"]["type"] == "LoadBalancer"
}

fn fails_closed(hook: &Json) -> bool {
    let mut hooks = hook["webhooks"].as_array().into_iter().flatten();
    // What serves from outside the cluster is the cloud's.
    hooks.any(|h| h["failurePolicy"] != "Ignore" && h["clientConfig"]["service"].is_object())
}

async fn remove(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    objects: Vec<Json>,
    forgiving: bool,
) -> Result<(), ProviderError> {
    let settings = Settings {
        delete: PATIENCE,
        ..Settings::default()
    };
    let gone = objects.iter().map(|object| {
        let settings = &settings;
        async move {
            let reference = apply::reference(object)?;
            let status = format!("deleting {} {}", reference.kind, reference.name);
            context.events.status(operation, &status);
            let uid = object["metadata"]["uid"].as_str();
            let gone = apply::delete(client, context, operation, &reference, uid, settings).await;
            match gone {
                // The cloud keeps its own.
                Err(error) if forgiving && error.kind == ErrorKind::Denied => Ok(()),
                other => other,
            }
        }
    });
    try_join_all(gone).await.map(|_| ())
}

/// Tells a controller to leave what it manages alone.
async fn rest(
    client: &Client,
    context: &CallContext,
    object: &Json,
    patch: &str,
) -> Result<(), ProviderError> {
    let reference: Reference = apply::reference(object)?;
    let place = discovery::must(client, context, &reference).await?;
    let call = Call {
        family: family::WRITE,
        name: format!("patch {}", reference.kind),
        method: http::Method::PATCH,
        path: format!("{}?fieldManager=infra", place.of(&reference)),
        content: "application/merge-patch+json",
        body: patch.as_bytes().to_vec(),
    };
    infra_cloud::absence::absent_is_done(client.call(context, &call).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leaves_something_is_deleted() {
        assert!(leaves_something(
            &json!({"kind": "Service", "spec": {"type": "LoadBalancer"}})
        ));
        assert!(!leaves_something(
            &json!({"kind": "Service", "spec": {"type": "ClusterIP"}})
        ));
        assert!(leaves_something(&json!({"kind": "PersistentVolumeClaim"})));
        let hook = |policy: &str, config: Json| json!({"webhooks": [{"failurePolicy": policy, "clientConfig": config}]});
        let service = json!({"service": {"name": "a"}});
        assert!(fails_closed(&hook("Fail", service.clone())));
        assert!(!fails_closed(&hook("Ignore", service)));
        assert!(!fails_closed(&hook(
            "Fail",
            json!({"url": "https://10.0.0.1"})
        )));
    }
}
