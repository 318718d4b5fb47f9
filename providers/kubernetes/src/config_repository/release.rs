//! How an engine lets go of what it has brought: whatever watches the folder or a part of it goes without taking anything along.
//! It can be done again at any time.

use super::engine::merge;
use super::{RepositoryRecord, stand_in};
use crate::apply::{self, Settings};
use crate::client::Client;
use crate::deletion;
use crate::fields::without_nulls;
use crate::leave::{let_be, suspend};
use crate::object::Reference;
use infra_cloud::wait::{Progress, until};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, json};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// After so long an engine has seen that it is to do nothing any more, or says what it is doing.
const SEEN: Duration = Duration::from_secs(2);
/// How long an engine may take to end what it is doing. Afterwards it is taken for one that does not run any more.
const IDLE: Duration = Duration::from_mins(2);

/// One release.
struct Releasing<'a> {
    client: &'a Client,
    context: &'a CallContext,
    operation: &'a Operation,
}

/// Stops what brings the folder: first what would bring the others again.
pub(super) async fn stop(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &RepositoryRecord,
) -> Result<(), ProviderError> {
    let said = "the GitOps engine lets go of what it has brought; nothing of that is deleted";
    context.events.status(operation, said);
    let releasing = Releasing {
        client,
        context,
        operation,
    };
    let mut all = vec![record.engine().root()];
    all.extend(units(record));
    let mut there = false;
    for unit in &all {
        there |= releasing.still(unit).await?.is_some();
    }
    if there && !client.is_sandbox() {
        context.clock.sleep(SEEN).await;
    }
    for unit in &all {
        releasing.unit(unit).await?;
    }
    if client.is_sandbox() {
        stand_in::forget(client, context, operation, record).await?;
    }
    Ok(())
}

/// The parts of the engine that files of the record are.
fn units(record: &RepositoryRecord) -> Vec<Reference> {
    let flux = record.engine().is_flux();
    let mut all = Vec::new();
    for (path, value) in record.files.entries().into_iter().flatten() {
        let object = without_nulls(json::to_json(value));
        let Some(reference) = Reference::of(&object) else {
            continue;
        };
        let is_unit = match &*reference.kind {
            "Application" => !flux && reference.group() == "argoproj.io",
            // Those of apps stand among the objects.
            "Kustomization" => flux && path.starts_with("sync/"),
            "HelmRelease" | "HelmRepository" => flux,
            _ => false,
        };
        if is_unit {
            all.push(reference);
        }
    }
    // Parts that make others go before those.
    all.sort_by_key(|unit| match &*unit.kind {
        "Kustomization" => 0,
        "HelmRepository" => 2,
        _ => 1,
    });
    all
}

impl Releasing<'_> {
    async fn find(&self, unit: &Reference) -> Result<Option<Json>, ProviderError> {
        match apply::find(self.client, self.context, unit).await {
            // The whole cluster may be gone.
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            other => other,
        }
    }

    /// Keeps a part of the engine from doing anything by itself; the part, where it is there.
    async fn still(&self, unit: &Reference) -> Result<Option<Json>, ProviderError> {
        let Some(live) = self.find(unit).await? else {
            return Ok(None);
        };
        let still = match &*unit.kind {
            "Application" => Some(let_be()),
            "Kustomization" | "HelmRelease" => Some(suspend()),
            _ => None,
        };
        if let Some(still) = still {
            merge(self.client, self.context, unit, "", &still).await?;
        }
        Ok(Some(live))
    }

    /// Takes a part of the engine away, and leaves what it has brought. It does nothing by itself before: then there is nothing
    /// that it would do when it goes, whether its controller runs or not.
    async fn unit(&self, unit: &Reference) -> Result<(), ProviderError> {
        // A part that makes it may have set it going again.
        let Some(live) = self.still(unit).await? else {
            return Ok(());
        };
        self.idle(unit).await?;
        // What holds a part until its controller has cleaned up after it, which would be nothing now.
        let free = json!({ "metadata": { "finalizers": null } });
        merge(self.client, self.context, unit, "", &free).await?;
        let settings = Settings {
            propagation: "Background".to_owned(),
            ..Settings::default()
        };
        let (client, context, operation) = (self.client, self.context, self.operation);
        let uid = live["metadata"]["uid"].as_str();
        deletion::delete(client, context, operation, unit, uid, &settings).await?;
        // A suspended release leaves its chart's archive behind (`reconcileDelete` of Flux's helm-controller).
        let chart = live["status"]["helmChart"].as_str();
        if let Some((namespace, name)) = chart.and_then(|c| c.split_once('/')) {
            let version = "source.toolkit.fluxcd.io/v1";
            let chart = Reference::new(version, "HelmChart", Some(namespace), name);
            Box::pin(self.unit(&chart)).await?;
        }
        Ok(())
    }

    /// Waits until it has ended what it was doing.
    async fn idle(&self, unit: &Reference) -> Result<(), ProviderError> {
        let pace = apply::pace(IDLE);
        let idle = until(self.context, self.operation, pace, || async {
            let Some(live) = self.find(unit).await? else {
                return Ok(Progress::Done(()));
            };
            let Some(doing) = at_work(&live) else {
                return Ok(Progress::Done(()));
            };
            if doing == RUNNING {
                // As `argocd app terminate-op` does.
                let end = json!({ "status": { "operationState": { "phase": TERMINATING } } });
                merge(self.client, self.context, unit, "", &end).await?;
            }
            Ok(Progress::Pending(format!(
                "{} {} ends what it is doing ({doing})",
                unit.kind, unit.name
            )))
        });
        match idle.await {
            Err(error) if error.kind == ErrorKind::TimedOut => Ok(()),
            other => other,
        }
    }
}

const RUNNING: &str = "Running";
const TERMINATING: &str = "Terminating";

/// What a part of an engine is doing at this moment, in its own words; none when it waits for something to do.
fn at_work(live: &Json) -> Option<&str> {
    let phase = live["status"]["operationState"]["phase"].as_str();
    if let Some(phase) = phase.filter(|p| [RUNNING, TERMINATING].contains(p)) {
        return Some(phase);
    }
    // Asked for, and not begun yet: it is carried out whether the part may do anything by itself or not.
    if live["operation"].is_object() {
        return Some("Requested");
    }
    let conditions = live["status"]["conditions"].as_array();
    let working = |c: &&Json| {
        c["type"] == "Reconciling" && c["status"] == "True" && c["reason"] == "Progressing"
    };
    let found = conditions.into_iter().flatten().find(working)?;
    Some(found["reason"].as_str().unwrap_or("Reconciling"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_its_next_try_is_not_at_work() {
        let flux = |reason: &str| json!({ "status": { "conditions": [{ "type": "Reconciling", "status": "True", "reason": reason }] } });
        assert_eq!(at_work(&flux("Progressing")), Some("Progressing"));
        assert_eq!(at_work(&flux("ProgressingWithRetry")), None);
        let argo = |phase: &str| json!({ "status": { "operationState": { "phase": phase } } });
        assert_eq!(at_work(&argo("Running")), Some("Running"));
        assert_eq!(at_work(&argo("Succeeded")), None);
        let asked = json!({ "operation": { "sync": {} }, "status": argo("Succeeded")["status"] });
        assert_eq!(at_work(&asked), Some("Requested"));
        assert_eq!(at_work(&json!({})), None);
    }
}
