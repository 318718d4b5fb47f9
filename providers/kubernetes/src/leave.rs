//! What a cluster leaves behind when it is deleted with everything in it: load balancers, volumes, addresses. They are taken
//! away before, by whoever made them, while that is still running: first nobody makes them anew, then their owners go, then
//! what they left.

use crate::apply::{self, Settings};
use crate::client::{Call, Client};
use crate::object::Reference;
use crate::{deletion, discovery, family, read, wait};
use futures::future::try_join_all;
use infra_cloud::absence::there;
use infra_cloud::wait::{Progress, until};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Deployers, and what makes them leave things as they are without deleting what they deployed.
const DEPLOYERS: &[(&str, &str, fn() -> Json)] = &[
    ("argoproj.io/v1alpha1", "Application", let_be),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", suspend),
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease", suspend),
];
/// Their makers go first, and leave what they made.
const MAKERS: &[(&str, &str)] = &[("argoproj.io/v1alpha1", "ApplicationSet")];
/// Admission webhooks: a call that is refused because nobody answers any more holds everything up.
const WEBHOOKS: &[&str] = &[
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
];
const ADMISSION: &str = "admissionregistration.k8s.io/v1";
/// What load balancers are made for, besides Services; and databases, whose operators would hold on to their volumes.
const OWNERS: &[(&str, &str)] = &[
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("networking.k8s.io/v1", "Ingress"),
    ("postgresql.cnpg.io/v1", "Cluster"),
    ("acid.zalan.do/v1", "postgresql"),
];
/// What may mount a volume for longer than a moment.
const WORKLOADS: &[(&str, &str)] = &[
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
];
/// How far ownership is followed.
const GENERATIONS: usize = 5;
/// How long it may take until everything has gone.
const LIMIT: Duration = Duration::from_mins(15);
/// One emptying of a cluster.
struct Leaving<'a> {
    client: &'a Client,
    context: &'a CallContext,
    operation: &'a Operation,
}

/// Takes away what would outlive the cluster. What is gone already is left alone, so it can be done again.
pub(crate) async fn all(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<(), ProviderError> {
    let leaving = Leaving {
        client,
        context,
        operation,
    };
    let done = leaving.run().await;
    done.map_err(|error| {
        let remedy = "the cluster is not deleted, because its load balancers and volumes would stay behind; when it cannot be reached any more, take what is in it out of the state (`infra state rm`), and look for what it left yourself";
        ProviderError {
            message: format!("{}; {remedy}", error.message),
            ..error
        }
    })
}

/// Stops what deploys, before what it has deployed goes.
pub(crate) async fn stop(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<(), ProviderError> {
    let leaving = Leaving {
        client,
        context,
        operation,
    };
    leaving.stop().await
}

impl Leaving<'_> {
    async fn run(&self) -> Result<(), ProviderError> {
        self.stop().await?;
        self.status("dropping admission webhooks that must answer");
        self.drop_webhooks(false).await?;
        self.status("deleting what has load balancers and databases");
        let mut owners = Vec::new();
        for (version, kind) in OWNERS {
            owners.extend(self.list(version, kind).await?);
        }
        self.delete_all(owners, "Foreground").await?;
        let services = self.balanced().await?;
        self.delete_roots(services).await?;
        self.status("deleting what holds volumes");
        let mut holders = Vec::new();
        for (version, kind) in WORKLOADS {
            let all = self.list(version, kind).await?;
            holders.extend(all.into_iter().filter(mounts));
        }
        self.delete_roots(holders).await?;
        let claims = self.list("v1", "PersistentVolumeClaim").await?;
        self.delete_all(claims, "Background").await?;
        self.gone().await
    }

    /// Nobody deploys anything any more, and what was deployed stays.
    async fn stop(&self) -> Result<(), ProviderError> {
        self.status("dropping admission webhooks that answer no more");
        self.drop_webhooks(true).await?;
        self.status("stopping what deploys");
        for (version, kind) in MAKERS {
            let makers = self.list(version, kind).await?;
            self.delete_all(makers, "Orphan").await?;
        }
        for (version, kind, change) in DEPLOYERS {
            for deployer in self.list(version, kind).await? {
                self.patch(&deployer, &change()).await?;
            }
        }
        Ok(())
    }

    /// Those that hold calls up when they do not answer; at first only those that nobody serves, for which not even a deployer can
    /// be stopped.
    async fn drop_webhooks(&self, only_dead: bool) -> Result<(), ProviderError> {
        for kind in WEBHOOKS {
            let mut closed = self.list(ADMISSION, kind).await?;
            closed.retain(holds_up);
            let mut dropped = Vec::new();
            for configuration in closed {
                let (client, context) = (self.client, self.context);
                let dead = || wait::unserved(client, context, &configuration);
                if !only_dead || dead().await?.is_some() {
                    dropped.push(configuration);
                }
            }
            self.delete_all(dropped, "Background").await?;
        }
        Ok(())
    }

    /// Waits until no load balancer and no volume that goes with its claim is left.
    async fn gone(&self) -> Result<(), ProviderError> {
        until(self.context, self.operation, apply::pace(LIMIT), || async {
            let mut left: Vec<String> = self.balanced().await?.iter().map(in_words).collect();
            let volumes = self.list("v1", "PersistentVolume").await?;
            let goes = |v: &&Json| {
                v["spec"]["persistentVolumeReclaimPolicy"].as_str() == Some("Delete")
                    && v["spec"]["claimRef"].is_object()
            };
            left.extend(volumes.iter().filter(goes).map(in_words));
            Ok(match left.as_slice() {
                [] => Progress::Done(()),
                [one] => Progress::Pending(format!("waiting for {one} to go")),
                [one, more @ ..] => {
                    Progress::Pending(format!("waiting for {one} and {} others to go", more.len()))
                }
            })
        })
        .await
    }

    /// Services with load balancers.
    async fn balanced(&self) -> Result<Vec<Json>, ProviderError> {
        let services = self.list("v1", "Service").await?;
        let balanced = |s: &Json| s["spec"]["type"].as_str() == Some("LoadBalancer");
        Ok(services.into_iter().filter(balanced).collect())
    }

    async fn list(&self, version: &str, kind: &str) -> Result<Vec<Json>, ProviderError> {
        read::everywhere(self.client, self.context, version, kind).await
    }

    async fn patch(&self, object: &Json, change: &Json) -> Result<(), ProviderError> {
        patch(self.client, self.context, object, change).await
    }

    /// Deletes what is behind objects: a controller would make them anew as long as what it makes them for is there.
    async fn delete_roots(&self, objects: Vec<Json>) -> Result<(), ProviderError> {
        let mut roots = Vec::new();
        let mut seen = BTreeSet::new();
        for object in objects {
            let root = self.root(object).await?;
            if seen.insert(apply::reference(&root)?) {
                roots.push(root);
            }
        }
        self.delete_all(roots, "Foreground").await
    }

    /// The object that an object is there for, by what its owners say.
    async fn root(&self, mut object: Json) -> Result<Json, ProviderError> {
        for _ in 0..GENERATIONS {
            let owners = object["metadata"]["ownerReferences"].as_array();
            let controls = |o: &&Json| o["controller"].as_bool() == Some(true);
            let Some(owner) = owners.into_iter().flatten().find(controls) else {
                break;
            };
            let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
            let namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
            let reference = Reference {
                api_version: text(&owner["apiVersion"]),
                kind: text(&owner["kind"]),
                namespace,
                name: text(&owner["name"]),
            };
            match apply::find(self.client, self.context, &reference).await? {
                Some(found) if found["metadata"]["uid"] == owner["uid"] => object = found,
                _ => break,
            }
        }
        Ok(object)
    }

    async fn delete_all(&self, objects: Vec<Json>, propagation: &str) -> Result<(), ProviderError> {
        let settings = Settings {
            propagation: propagation.to_owned(),
            delete: LIMIT,
            ..Settings::default()
        };
        let deletions = objects.iter().map(|object| async {
            let reference = apply::reference(object)?;
            let uid = object["metadata"]["uid"].as_str();
            let (client, context, operation) = (self.client, self.context, self.operation);
            let deleted = deletion::delete(client, context, operation, &reference, uid, &settings);
            match deleted.await {
                // What the cloud itself has put there is the cloud's.
                Err(error) if error.kind == ErrorKind::Denied => Ok(()),
                other => other,
            }
        });
        try_join_all(deletions).await.map(|_| ())
    }

    fn status(&self, text: &str) {
        self.context.events.status(self.operation, text);
    }
}

/// Merges a change into an object; one that is gone is left alone.
pub(crate) async fn patch(
    client: &Client,
    context: &CallContext,
    object: &Json,
    change: &Json,
) -> Result<(), ProviderError> {
    let reference = apply::reference(object)?;
    let place = discovery::must(client, context, &reference).await?;
    let call = Call {
        family: family::WRITE,
        name: format!("patch {}", reference.kind),
        method: http::Method::PATCH,
        path: format!("{}?fieldManager=infra", place.of(&reference)),
        content: "application/merge-patch+json",
        body: change.to_string().into_bytes(),
    };
    there(client.call(context, &call).await).map(|_| ())
}

/// For Argo CD's Applications: nothing is synchronised by itself, and nothing goes with the Application.
pub(crate) fn let_be() -> Json {
    json!({ "metadata": { "finalizers": null }, "spec": { "syncPolicy": { "automated": null } } })
}

/// For Flux.
pub(crate) fn suspend() -> Json {
    json!({ "spec": { "suspend": true } })
}

/// Whether calls are refused when nobody answers in the cluster. What answers from outside is the cloud's.
fn holds_up(configuration: &Json) -> bool {
    let mut webhooks = configuration["webhooks"].as_array().into_iter().flatten();
    webhooks.any(|w| w["failurePolicy"] != "Ignore" && w["clientConfig"]["service"].is_object())
}

/// Whether a workload's pods have volumes of their own, outside of what the cluster itself runs on.
fn mounts(workload: &Json) -> bool {
    let spec = &workload["spec"];
    let template = match workload["kind"].as_str() {
        Some("CronJob") => &spec["jobTemplate"]["spec"]["template"],
        _ => &spec["template"],
    };
    let volumes = template["spec"]["volumes"].as_array();
    let claimed = |v: &Json| v["persistentVolumeClaim"].is_object() || v["ephemeral"].is_object();
    let made = spec["volumeClaimTemplates"].as_array();
    made.is_some_and(|m| !m.is_empty()) || volumes.into_iter().flatten().any(claimed)
}

pub(crate) fn in_words(object: &Json) -> String {
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    match metadata["namespace"].as_str() {
        Some(namespace) => format!(
            "{} {namespace}/{}",
            text(&object["kind"]),
            text(&metadata["name"])
        ),
        None => format!("{} {}", text(&object["kind"]), text(&metadata["name"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_with_volumes_are_known_by_their_templates() {
        let pod = |volume: Json| json!({ "spec": { "volumes": [volume] } });
        let claim = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data" } });
        let config = json!({ "name": "config", "configMap": { "name": "c" } });
        let deployment = |volume: &Json| json!({ "kind": "Deployment", "spec": { "template": pod(volume.clone()) } });
        assert!(mounts(&deployment(&claim)));
        assert!(!mounts(&deployment(&config)));
        assert!(mounts(&json!({ "kind": "StatefulSet", "spec": {
            "template": pod(config.clone()), "volumeClaimTemplates": [{ "metadata": { "name": "data" } }] } })));
        assert!(mounts(&json!({ "kind": "CronJob", "spec": {
            "jobTemplate": { "spec": { "template": pod(claim) } } } })));
    }
}
