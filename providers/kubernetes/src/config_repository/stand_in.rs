//! What stands for the GitOps engine in the sandbox, where no engine runs: the commit is read back from the repository and applied
//! as the engine would, in its order and only as far as what came before is ready; what is gone from the repository is taken out
//! of the cluster. Only then does the status say that it is synchronised. In place of charts come stand-ins, as for
//! `helm_release`.

use super::engine::merge;
use super::{RepositoryRecord, work};
use crate::apply::{self, Settings};
use crate::client::Client;
use crate::deletion;
use crate::helm::stand_in;
use crate::object::Reference;
use crate::options::Wait;
use crate::takeover::{ARGO_MARK, FLUX_MARKS, STAND_IN};
use crate::yaml;
use infra_model::{CallContext, Operation, ProviderError};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const WORDS: &str = "no GitOps engine runs in the sandbox: infra reads the commit back and applies it in its order, in its place";
/// Where it is kept what the last commit brought.
const INVENTORY: &str = "infra-stand-in-inventory";

/// The wave of an object by Argo CD's annotation.
fn wave(object: &Json) -> i64 {
    let said = object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str();
    said.and_then(|w| w.parse().ok()).unwrap_or(0)
}

/// Whether an object stays when it is gone from the repository.
fn stays(object: &Json) -> bool {
    let annotations = &object["metadata"]["annotations"];
    let argo = annotations["argocd.argoproj.io/sync-options"].as_str();
    argo.is_some_and(|o| o.split(',').any(|o| o.trim() == "Prune=false"))
        || annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
        || object["kind"] == "CustomResourceDefinition"
}

/// When an object is ready, as far as the engines know its kind.
fn healthy(object: &Json) -> Option<Wait> {
    match object["kind"].as_str() {
        Some("Deployment" | "StatefulSet" | "DaemonSet") => Some(Wait {
            rollout: Some(true),
            ..Wait::default()
        }),
        Some("CustomResourceDefinition") => Some(Wait {
            established: Some(true),
            ..Wait::default()
        }),
        _ => None,
    }
}

/// The objects of the files under a folder.
fn below(texts: &BTreeMap<String, String>, folder: &str) -> Result<Vec<Json>, ProviderError> {
    let folder = format!("{}/", folder.trim_start_matches("./").trim_end_matches('/'));
    let mut all = Vec::new();
    for (path, text) in texts {
        if path.starts_with(&folder) && path.ends_with(".yaml") {
            all.extend(yaml::documents(text, path)?);
        }
    }
    Ok(all)
}

/// One that applies.
struct Applying<'a> {
    client: &'a Client,
    context: &'a CallContext,
    operation: &'a Operation,
    record: &'a RepositoryRecord,
    texts: BTreeMap<String, String>,
    commit: String,
    /// What was applied, and whether it stays when it is gone from the repository.
    seen: BTreeMap<String, bool>,
}

/// Brings the newest commit to the sandbox's cluster.
pub(super) async fn sync(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &RepositoryRecord,
) -> Result<(), ProviderError> {
    context.events.status(operation, WORDS);
    let newest = work::texts(client, record).await?;
    let mut applying = Applying::new(client, context, operation, record, newest);
    let before = applying.inventory().await?;
    let engine = record.engine();
    let Some(root) = apply::find(client, context, &engine.root()).await? else {
        return Ok(());
    };
    if engine.is_flux() {
        applying.kustomization(&root).await?;
    } else {
        applying.application(&root).await?;
    }
    applying.prune(&before).await?;
    applying.keep().await
}

/// Takes away what was brought.
pub(super) async fn withdraw(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &RepositoryRecord,
) -> Result<(), ProviderError> {
    let nothing = <(String, BTreeMap<String, String>)>::default();
    let applying = Applying::new(client, context, operation, record, nothing);
    applying.prune(&applying.inventory().await?).await?;
    forget(client, context, operation, record).await
}

/// Forgets what was brought.
pub(super) async fn forget(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &RepositoryRecord,
) -> Result<(), ProviderError> {
    let settings = Settings::default();
    let kept = kept(record);
    deletion::delete(client, context, operation, &kept, None, &settings).await
}

fn kept(record: &RepositoryRecord) -> Reference {
    let engine = record.engine();
    Reference::new("v1", "ConfigMap", Some(&engine.namespace), INVENTORY)
}

impl<'a> Applying<'a> {
    /// With a commit and the texts that are in it.
    fn new(
        client: &'a Client,
        context: &'a CallContext,
        operation: &'a Operation,
        record: &'a RepositoryRecord,
        (commit, texts): (String, BTreeMap<String, String>),
    ) -> Applying<'a> {
        Applying {
            client,
            context,
            operation,
            record,
            texts,
            commit,
            seen: BTreeMap::new(),
        }
    }

    /// What the last commit brought, by id, and whether it stays.
    async fn inventory(&self) -> Result<BTreeMap<String, bool>, ProviderError> {
        let found = apply::find(self.client, self.context, &kept(self.record)).await?;
        let text = found.as_ref().and_then(|f| f["data"]["objects"].as_str());
        Ok(text
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default())
    }

    async fn keep(&self) -> Result<(), ProviderError> {
        let kept = kept(self.record);
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": kept.name, "namespace": kept.namespace },
            "data": { "objects": json!(self.seen).to_string() },
        });
        self.apply(&body, None).await
    }

    /// Applies an object, and waits until it is as it shall be.
    async fn apply(&self, object: &Json, wait: Option<Wait>) -> Result<(), ProviderError> {
        let settings = Settings {
            manager: STAND_IN.to_owned(),
            force: true,
            wait,
            ..Settings::default()
        };
        let (client, context, operation) = (self.client, self.context, self.operation);
        let object = self.tracked(object.clone());
        apply::update(client, context, operation, &object, &settings, &settings).await?;
        Ok(())
    }

    /// With the marks by which the engine knows what is its own.
    fn tracked(&self, mut object: Json) -> Json {
        let engine = self.record.engine();
        let mut marks = Vec::new();
        let place = if engine.is_flux() {
            let [name, namespace] = FLUX_MARKS;
            marks.extend([(name, engine.root), (namespace, engine.namespace)]);
            "labels"
        } else {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            marks.push((ARGO_MARK, format!("{}:{name}", engine.root)));
            "annotations"
        };
        for (name, text) in marks {
            object["metadata"][place][name] = json!(text);
        }
        object
    }

    fn note(&mut self, object: &Json) -> Result<(), ProviderError> {
        let reference = apply::reference(object)?;
        self.seen.insert(reference.to_string(), stays(object));
        Ok(())
    }

    /// An Application: its objects wave by wave, those that are Applications themselves with all that they bring.
    async fn application(&mut self, application: &Json) -> Result<(), ProviderError> {
        let source = &application["spec"]["source"];
        let url = source["repoURL"].as_str().unwrap_or_default();
        if source["chart"].is_string() || url.starts_with("oci://") {
            let namespace = application["spec"]["destination"]["namespace"].as_str();
            let release = source["helm"]["releaseName"].as_str();
            let name = url.rsplit('/').next().unwrap_or_default();
            let chart = source["chart"].as_str().unwrap_or(name);
            let place = (release.unwrap_or_default(), namespace.unwrap_or_default());
            self.chart(place, chart, &source["helm"]["valuesObject"])
                .await?;
        } else {
            let folder = source["path"].as_str().unwrap_or_default();
            let mut waves: BTreeMap<i64, Vec<Json>> = BTreeMap::new();
            for object in below(&self.texts, folder)? {
                waves.entry(wave(&object)).or_default().push(object);
            }
            for objects in waves.into_values() {
                self.wave(&objects, "Application").await?;
            }
        }
        let status = json!({ "status": {
            "sync": {
                "status": "Synced", "revision": self.commit,
                "comparedTo": { "source": source, "destination": application["spec"]["destination"] },
            },
            "health": { "status": "Healthy" },
        } });
        let reference = apply::reference(application)?;
        merge(self.client, self.context, &reference, "/status", &status).await
    }

    /// A Kustomization: its objects; those that are Kustomizations themselves after those that they depend on.
    async fn kustomization(&mut self, kustomization: &Json) -> Result<(), ProviderError> {
        let folder = kustomization["spec"]["path"].as_str().unwrap_or_default();
        let objects = below(&self.texts, folder)?;
        // Those among the objects of a part are apps', which are not brought here.
        let root = kustomization["metadata"]["name"] == *self.record.engine().root;
        let (mut parts, others): (Vec<Json>, Vec<Json>) = objects
            .into_iter()
            .partition(|o| root && o["kind"] == "Kustomization");
        self.wave(&others, "").await?;
        let mut done: BTreeSet<String> = BTreeSet::new();
        while !parts.is_empty() {
            let depends = |part: &Json| {
                let all = part["spec"]["dependsOn"].as_array();
                let names = all.into_iter().flatten().filter_map(|d| d["name"].as_str());
                names.map(str::to_owned).collect::<Vec<_>>()
            };
            let open = |part: &Json| depends(part).iter().all(|name| done.contains(name));
            let (now, later): (Vec<Json>, Vec<Json>) = parts.into_iter().partition(open);
            if now.is_empty() {
                return Err(ProviderError::invalid(
                    "files",
                    "Kustomizations wait for each other, or for one that is not there",
                ));
            }
            self.wave(&now, "Kustomization").await?;
            done.extend(
                now.iter()
                    .filter_map(|p| p["metadata"]["name"].as_str().map(str::to_owned)),
            );
            parts = later;
        }
        let revision = format!("{}@sha1:{}", self.record.branch, self.commit);
        let status = json!({ "status": {
            "lastAppliedRevision": revision,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "message": WORDS,
                "lastTransitionTime": "1970-01-01T00:00:00Z",
                "observedGeneration": kustomization["metadata"]["generation"],
            }],
        } });
        let reference = apply::reference(kustomization)?;
        merge(self.client, self.context, &reference, "/status", &status).await
    }

    /// Objects that wait for nothing of each other: all are applied, then all are waited for. Those of a kind bring more.
    async fn wave(&mut self, objects: &[Json], kind: &str) -> Result<(), ProviderError> {
        for object in objects {
            self.apply(object, None).await?;
            self.note(object)?;
        }
        for object in objects {
            match object["kind"].as_str().unwrap_or_default() {
                "Application" if kind == "Application" => {
                    Box::pin(self.application(object)).await?;
                }
                "Kustomization" if kind == "Kustomization" => {
                    Box::pin(self.kustomization(object)).await?;
                }
                "HelmRelease" => {
                    let spec = &object["spec"];
                    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
                    let (name, place) =
                        (text(&spec["releaseName"]), text(&spec["targetNamespace"]));
                    let chart = text(&spec["chart"]["spec"]["chart"]);
                    self.chart((&name, &place), &chart, &spec["values"]).await?;
                }
                _ => {
                    if let Some(wait) = healthy(object) {
                        self.apply(object, Some(wait)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What stands for a release of a chart.
    async fn chart(
        &mut self,
        (release, namespace): (&str, &str),
        chart: &str,
        values: &Json,
    ) -> Result<(), ProviderError> {
        self.context.events.status(self.operation, stand_in::WORDS);
        let none = Vec::new();
        let provides = self.record.provides.get(release).unwrap_or(&none);
        for object in stand_in::objects((release, namespace), chart, provides, values)? {
            self.note(&object)?;
            self.apply(&object, healthy(&object)).await?;
        }
        Ok(())
    }

    /// Deletes what an inventory has and nothing has applied since, but for what stays; what others may wait for last: the later
    /// ones depend on the earlier.
    async fn prune(&self, before: &BTreeMap<String, bool>) -> Result<(), ProviderError> {
        let settings = Settings {
            propagation: "Background".to_owned(),
            ..Settings::default()
        };
        let gone = |id: &str, stays: bool| !stays && !self.seen.contains_key(id);
        for (id, _) in before.iter().rev().filter(|(id, stays)| gone(id, **stays)) {
            let reference = Reference::parse(id)?;
            let (client, context, operation) = (self.client, self.context, self.operation);
            deletion::delete(client, context, operation, &reference, None, &settings).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_and_what_stays_are_read_from_annotations() {
        let with = |name: &str, text: &str| json!({ "kind": "Namespace", "metadata": { "annotations": { name: text } } });
        assert_eq!(wave(&with("argocd.argoproj.io/sync-wave", "7")), 7);
        assert_eq!(wave(&json!({})), 0);
        assert!(stays(&with(
            "argocd.argoproj.io/sync-options",
            "Prune=false,Delete=false"
        )));
        assert!(stays(&with(
            "kustomize.toolkit.fluxcd.io/prune",
            "disabled"
        )));
        assert!(!stays(&with("a", "b")));
    }

    #[test]
    fn files_belong_to_their_folder_and_no_other() {
        let texts = BTreeMap::from([
            ("platform/objects/a.yaml".to_owned(), "a: 1\n".to_owned()),
            ("platform/objects-b/a.yaml".to_owned(), "b: 1\n".to_owned()),
            ("platform/objects/README.md".to_owned(), "c: 1\n".to_owned()),
        ]);
        assert_eq!(
            below(&texts, "./platform/objects").expect("are YAML"),
            [json!({ "a": 1 })]
        );
    }
}
