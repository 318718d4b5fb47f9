//! Argo CD and Flux: told that there is something new, waited for until all of it is synchronised and healthy, and told to take it
//! away again.

use super::{Engine, RepositoryRecord, stand_in, work};
use crate::apply::{self, Settings};
use crate::client::{Call, Client};
use crate::fields::without_nulls;
use crate::object::Reference;
use crate::{deletion, discovery, family, wait};
use infra_cloud::absence::there;
use infra_cloud::wait::{Pace, Progress, until};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, json};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

const ARGO: &str = "argoproj.io/v1alpha1";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io/v1";
const SOURCE: &str = "source.toolkit.fluxcd.io/v1";
/// What Argo CD looks at, and takes away when it has looked.
const REFRESH: &str = "argocd.argoproj.io/refresh";
/// What Flux looks at.
const REQUESTED: &str = "reconcile.fluxcd.io/requestedAt";
/// By this an Application takes what it has made with it.
const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";

impl Engine {
    pub(super) fn is_flux(&self) -> bool {
        self.kind == "flux"
    }

    /// What watches the folder.
    pub(super) fn root(&self) -> Reference {
        let (version, kind) = self.unit();
        Reference::new(version, kind, Some(&self.namespace), &self.root)
    }

    /// What an engine calls a part that it synchronises.
    pub(super) fn unit(&self) -> (&'static str, &'static str) {
        if self.is_flux() {
            (KUSTOMIZE, "Kustomization")
        } else {
            (ARGO, "Application")
        }
    }
}

/// The root and, after it, the parts that files of the record are, each with what it is to be.
fn units(record: &RepositoryRecord) -> Vec<(Reference, Json)> {
    let engine = record.engine();
    let (version, kind) = engine.unit();
    let mut all = vec![(engine.root(), Json::Null)];
    for (path, value) in record.files.entries().into_iter().flatten() {
        // Those of apps are Flux's, and their owners': they stand among the objects.
        if engine.is_flux() && !path.starts_with("sync/") {
            continue;
        }
        // As the file has it: what is null is not said.
        let object = without_nulls(json::to_json(value));
        if object["apiVersion"] == version
            && object["kind"] == kind
            && let Some(reference) = Reference::of(&object)
        {
            all.push((reference, object));
        }
    }
    all
}

/// Waits until the engine has brought this commit to the cluster, and until all that it brought is as it must be.
pub(super) async fn synced(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &RepositoryRecord,
    limit: Duration,
) -> Result<(), ProviderError> {
    if client.is_sandbox() {
        stand_in::sync(client, context, operation, record).await?;
    } else {
        nudge(client, context, record).await?;
    }
    let watch = Watch {
        client,
        context,
        record,
        revisions: Mutex::new(BTreeMap::new()),
    };
    let pace = Pace {
        longest: Duration::from_secs(10),
        ..apply::pace(limit)
    };
    until(context, operation, pace, || watch.progress()).await
}

/// The record as it was found. Where nothing watches its folder, as after a way back that was not gone to its end, the cluster is not
/// as its commit says: the next apply sees to that.
pub(super) async fn watched(
    client: &Client,
    context: &CallContext,
    found: RepositoryRecord,
) -> RepositoryRecord {
    let root = apply::find(client, context, &found.engine().root()).await;
    RepositoryRecord {
        // A cluster that cannot be asked says nothing.
        commit: found.commit.filter(|_| !matches!(root, Ok(None))),
        ..found
    }
}

/// Says that there is something new; it would look by itself within minutes.
async fn nudge(
    client: &Client,
    context: &CallContext,
    record: &RepositoryRecord,
) -> Result<(), ProviderError> {
    let engine = record.engine();
    let root = engine.root();
    let now = jiff::Timestamp::from_millisecond(context.clock.now().0)
        .map_or_else(|_| String::new(), |t| t.to_string());
    if !engine.is_flux() {
        return annotate(client, context, &root, REFRESH, "normal").await;
    }
    let live = apply::find(client, context, &root).await?;
    let source = live.as_ref().map(|l| &l["spec"]["sourceRef"]["name"]);
    if let Some(name) = source.and_then(Json::as_str) {
        let source = Reference::new(SOURCE, "GitRepository", Some(&engine.namespace), name);
        annotate(client, context, &source, REQUESTED, &now).await?;
    }
    annotate(client, context, &root, REQUESTED, &now).await
}

async fn annotate(
    client: &Client,
    context: &CallContext,
    object: &Reference,
    name: &str,
    text: &str,
) -> Result<(), ProviderError> {
    let change = json!({ "metadata": { "annotations": { name: text } } });
    merge(client, context, object, "", &change).await
}

/// Changes fields of an object, or of a subresource (`/status`); what is not there is left.
pub(crate) async fn merge(
    client: &Client,
    context: &CallContext,
    object: &Reference,
    subresource: &str,
    change: &Json,
) -> Result<(), ProviderError> {
    let place = discovery::must(client, context, object).await?;
    let call = Call {
        family: family::WRITE,
        name: format!("patch {}", object.kind),
        method: http::Method::PATCH,
        path: format!(
            "{}{subresource}?fieldManager=infra-gitops",
            place.of(object)
        ),
        content: "application/merge-patch+json",
        body: change.to_string().into_bytes(),
    };
    there(client.call(context, &call).await).map(|_| ())
}

/// One wait.
struct Watch<'a> {
    client: &'a Client,
    context: &'a CallContext,
    record: &'a RepositoryRecord,
    /// Whether the folder is in a revision as it is in the record's commit.
    revisions: Mutex<BTreeMap<String, bool>>,
}

impl Watch<'_> {
    async fn progress(&self) -> Result<Progress<()>, ProviderError> {
        let engine = self.record.engine();
        for (reference, wanted) in units(self.record) {
            let name = format!("{} {}", reference.kind, reference.name);
            let Some(live) = apply::find(self.client, self.context, &reference).await? else {
                return Ok(Progress::Pending(format!("no {name} yet")));
            };
            let missing = if engine.is_flux() {
                self.behind(&live["status"]["lastAppliedRevision"])
                    .await?
                    .or_else(|| unready(&live))
            } else {
                self.argo(&live, &wanted).await?
            };
            if let Some(missing) = missing {
                return Ok(Progress::Pending(format!("{name}: {missing}")));
            }
        }
        for ready in &self.record.ready {
            let object = ready.reference();
            let name = format!("{} {}", object.kind, object.name);
            let Some(live) = apply::find(self.client, self.context, &object).await? else {
                return Ok(Progress::Pending(format!("no {name} yet")));
            };
            let state = wait::progress(self.client, self.context, live, &ready.wait()).await?;
            if let Progress::Pending(missing) = state {
                return Ok(Progress::Pending(format!("{name}: {missing}")));
            }
        }
        Ok(Progress::Done(()))
    }

    /// What an Application lacks.
    async fn argo(&self, live: &Json, wanted: &Json) -> Result<Option<String>, ProviderError> {
        let status = &live["status"];
        let text = |json: &Json| json.as_str().unwrap_or("not said yet").to_owned();
        // What it has last compared is the source that it shall have.
        let compared = &status["sync"]["comparedTo"]["source"];
        for place in ["/targetRevision", "/helm/valuesObject"] {
            let source = live["spec"]["source"].pointer(place);
            let asked = wanted["spec"]["source"].pointer(place);
            if asked.is_some() && source != asked {
                return Ok(Some("is not as the commit says yet".to_owned()));
            }
            if compared.pointer(place) != source {
                return Ok(Some("has not been compared yet".to_owned()));
            }
        }
        // Those of charts have the chart's version, and not a commit.
        let chart = live["spec"]["source"]["chart"].is_string();
        let image = live["spec"]["source"]["repoURL"]
            .as_str()
            .is_some_and(|url| url.starts_with("oci://"));
        if !chart
            && !image
            && let Some(behind) = self.behind(&status["sync"]["revision"]).await?
        {
            return Ok(Some(behind));
        }
        let (sync, health) = (&status["sync"]["status"], &status["health"]["status"]);
        if sync != "Synced" || health != "Healthy" {
            let why = [
                &status["operationState"]["message"],
                &status["health"]["message"],
            ];
            let why = why
                .iter()
                .find_map(|w| w.as_str().filter(|t| !t.is_empty()));
            let why = why.map(|w| format!(": {w}")).unwrap_or_default();
            return Ok(Some(format!("{}, {}{why}", text(sync), text(health))));
        }
        Ok(None)
    }

    /// Whether a revision, a commit or `BRANCH@sha1:COMMIT`, is an earlier one than the record's, in words.
    async fn behind(&self, said: &Json) -> Result<Option<String>, ProviderError> {
        let Some(said) = said.as_str().filter(|s| !s.is_empty()) else {
            return Ok(Some("no revision yet".to_owned()));
        };
        let revision = said.rsplit(':').next().unwrap_or(said).to_owned();
        if self.record.commit.as_deref() == Some(&*revision) {
            return Ok(None);
        }
        let known = self.known(&revision);
        let same = match known {
            Some(same) => same,
            None => {
                let same = work::is_same_in(self.client, self.record, revision.clone()).await?;
                self.note(&revision, same);
                same
            }
        };
        let short: String = revision.chars().take(12).collect();
        Ok((!same).then(|| format!("is at the revision {short}")))
    }

    fn known(&self, revision: &str) -> Option<bool> {
        let all = self.revisions.lock();
        all.ok().and_then(|all| all.get(revision).copied())
    }

    fn note(&self, revision: &str, same: bool) {
        if let Ok(mut all) = self.revisions.lock() {
            all.insert(revision.to_owned(), same);
        }
    }
}

/// Why a Kustomization is not ready, in its own words.
fn unready(live: &Json) -> Option<String> {
    let conditions = live["status"]["conditions"].as_array();
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|c| c["type"] == "Ready");
    match ready {
        Some(ready) if ready["status"] == "True" => None,
        Some(ready) => Some(
            ready["message"]
                .as_str()
                .unwrap_or("is not ready")
                .to_owned(),
        ),
        None => Some("not ready yet".to_owned()),
    }
}

/// Lets the engine take away all that it has brought, its root with it.
pub(super) async fn withdraw(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &RepositoryRecord,
) -> Result<(), ProviderError> {
    let engine = record.engine();
    let root = engine.root();
    let limits = record.limits()?;
    let live = match apply::find(client, context, &root).await {
        Ok(live) => live,
        // The whole cluster may be gone.
        Err(error) if error.kind == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if client.is_sandbox() {
        stand_in::withdraw(client, context, operation, record).await?;
    } else if live.is_some() && !engine.is_flux() {
        let change = json!({ "metadata": { "finalizers": [CASCADE] } });
        merge(client, context, &root, "", &change).await?;
    }
    if live.is_none() {
        return Ok(());
    }
    let settings = Settings {
        propagation: "Foreground".to_owned(),
        delete: limits.delete,
        ..Settings::default()
    };
    deletion::delete(client, context, operation, &root, None, &settings).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kustomization_says_why_it_is_not_ready() {
        let with = |conditions: Json| json!({ "status": { "conditions": conditions } });
        assert_eq!(
            unready(&with(json!([{ "type": "Ready", "status": "True" }]))),
            None
        );
        let failed = json!([{ "type": "Ready", "status": "False", "message": "no such path" }]);
        assert_eq!(unready(&with(failed)).as_deref(), Some("no such path"));
        assert!(unready(&json!({})).is_some());
    }
}
