//! Deleting an object, and saying what holds it up: a finalizer, dependents, somebody who makes them anew.

use crate::apply::{self, PASSING, Settings, is_leaving, pace};
use crate::client::{Call, Client};
use crate::discovery::{self, Place};
use crate::family;
use crate::object::Reference;
use crate::read;
use futures::future::try_join_all;
use infra_cloud::absence::absent_is_done;
use infra_cloud::wait::{Progress, until, while_refused};
use infra_model::time::Timestamp;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What the garbage collector holds an object by until what it owns has gone.
const FOREGROUND: &str = "foregroundDeletion";
/// After so long it is asked whether somebody makes anew what the object owns.
const SUSPICION: Duration = Duration::from_secs(10);
/// The kinds of what operators make for their objects.
const OWNED: &[(&str, &str)] = &[
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "Job"),
];
/// So many dependents are named; of more it is said that there are more.
const NAMED: usize = 3;

/// One deletion.
struct Deletion<'a> {
    client: &'a Client,
    context: &'a CallContext,
    operation: &'a Operation,
    object: &'a Reference,
    place: Place,
    uid: Option<&'a str>,
    settings: &'a Settings,
    start: Timestamp,
    /// Whether it goes without waiting for what it owns.
    alone: AtomicBool,
}

/// Deletes an object and waits until it is gone. The one of this uid: what others made under its name since stays.
pub(crate) async fn delete(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    object: &Reference,
    uid: Option<&str>,
    settings: &Settings,
) -> Result<(), ProviderError> {
    let Some(place) = discovery::place(client, context, &object.api_version, &object.kind).await?
    else {
        return Ok(());
    };
    let deletion = Deletion {
        client,
        context,
        operation,
        object,
        place,
        uid,
        settings,
        start: context.clock.now(),
        alone: AtomicBool::new(false),
    };
    match deletion.send(&settings.propagation).await {
        // Another one has taken its place.
        Err(error) if uid.is_some() && error.kind == ErrorKind::Conflict => return Ok(()),
        other => absent_is_done(other)?,
    }
    deletion.gone().await
}

impl Deletion<'_> {
    async fn send(&self, propagation: &str) -> Result<(), ProviderError> {
        let mut body = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation });
        if let Some(uid) = self.uid {
            body["preconditions"] = json!({ "uid": uid });
        }
        let call = Call {
            family: family::WRITE,
            name: format!("delete {}", self.object.kind),
            method: http::Method::DELETE,
            path: self.place.of(self.object),
            content: "application/json",
            body: body.to_string().into_bytes(),
        };
        let patience = pace(self.settings.delete.min(PASSING));
        let passes = |e: &ProviderError| e.kind == ErrorKind::Transient;
        while_refused(self.context, self.operation, patience, passes, || {
            self.client.call(self.context, &call)
        })
        .await
        .map(|_| ())
    }

    async fn gone(&self) -> Result<(), ProviderError> {
        let gone = until(
            self.context,
            self.operation,
            pace(self.settings.delete),
            || async {
                let live = apply::get(self.client, self.context, &self.place, self.object).await?;
                Ok(match live {
                    None => Progress::Done(()),
                    Some(live) if self.uid.is_some_and(|u| live["metadata"]["uid"] != *u) => {
                        Progress::Done(())
                    }
                    Some(live) => Progress::Pending(self.waits_for(&live).await?),
                })
            },
        )
        .await;
        gone.map_err(|error| {
            if error.kind != ErrorKind::TimedOut {
                return error;
            }
            ProviderError {
                message: format!("{}. {}", error.message, remedy(self.object)),
                ..error
            }
        })
    }

    /// What it waits for, in words. Where it waits for what it owns, and somebody makes that anew, it goes without waiting any more:
    /// the garbage collector takes what it owned when it is gone, and nobody has a reason to make it again.
    async fn waits_for(&self, live: &Json) -> Result<String, ProviderError> {
        let waited = self.context.clock.now().since(self.start);
        if finalizers(live) != [FOREGROUND] || waited < SUSPICION {
            return Ok(leaving(live));
        }
        let dependents = self.dependents(live).await?;
        let anew: Vec<&Json> = dependents.iter().filter(|d| is_later(d, live)).collect();
        if anew.is_empty() {
            return Ok(match dependents.as_slice() {
                [] => leaving(live),
                some => format!("waits for what it owns: {}", list(some.iter())),
            });
        }
        if !self.alone.swap(true, Ordering::Relaxed) {
            match self.send("Background").await {
                Err(error) if error.kind == ErrorKind::Conflict => {}
                other => absent_is_done(other)?,
            }
        }
        Ok(format!(
            "waits no more for what it owns, which is made anew: {}",
            list(anew.into_iter())
        ))
    }

    /// What it owns that keeps it from going.
    async fn dependents(&self, live: &Json) -> Result<Vec<Json>, ProviderError> {
        let namespace = self.object.namespace.as_deref();
        let lists = OWNED.iter().map(|(version, kind)| async move {
            match discovery::place(self.client, self.context, version, kind).await? {
                Some(place) => {
                    read::list(self.client, self.context, &place, kind, namespace, "").await
                }
                None => Ok(Vec::new()),
            }
        });
        let all = try_join_all(lists).await?.into_iter().flatten();
        let blocks = |object: &Json| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners
                .into_iter()
                .flatten()
                .any(|o| o["uid"] == live["metadata"]["uid"] && o["blockOwnerDeletion"] == true)
        };
        Ok(all.filter(blocks).collect())
    }
}

/// Whether an object was made after the other one was deleted. Both moments are texts of one form, in UTC.
fn is_later(object: &Json, deleted: &Json) -> bool {
    let at = |json: &Json, name: &str| json["metadata"][name].as_str().map(str::to_owned);
    let (made, gone) = (
        at(object, "creationTimestamp"),
        at(deleted, "deletionTimestamp"),
    );
    made.zip(gone).is_some_and(|(made, gone)| made > gone)
}

/// Objects by name, with who writes them and what holds them.
fn list<'j>(objects: impl ExactSizeIterator<Item = &'j Json>) -> String {
    let more = objects.len().saturating_sub(NAMED);
    let mut words: Vec<String> = objects
        .take(NAMED)
        .map(|object| {
            let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
            let mut words = format!(
                "{} {}",
                text(&object["kind"]),
                text(&object["metadata"]["name"])
            );
            let makers = makers(object);
            if !makers.is_empty() {
                words = format!("{words} (by {})", makers.join(", "));
            }
            if is_leaving(object) && !finalizers(object).is_empty() {
                words = format!("{words}, which {}", leaving(object));
            }
            words
        })
        .collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

/// Who has written an object's fields, by the names of field managers, without us and those who keep its status.
pub(crate) fn makers(object: &Json) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array();
    let entries = entries.into_iter().flatten();
    let names: BTreeSet<&str> = entries
        .filter(|e| e["subresource"].as_str().is_none_or(str::is_empty))
        .filter_map(|e| e["manager"].as_str())
        .filter(|m| !m.is_empty() && *m != "infra")
        .collect();
    names.into_iter().map(|m| format!("`{m}`")).collect()
}

/// What can be done about an object that does not go.
pub(crate) fn remedy(object: &Reference) -> String {
    let named = match &object.namespace {
        Some(namespace) => format!("{} -n {namespace}", object.name),
        None => object.name.clone(),
    };
    format!(
        "What holds it is the controller that its finalizers name: is it running? Without it, take them away: kubectl patch {} {named} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'",
        object.kind.to_lowercase(),
    )
}

fn texts(json: &Json) -> Vec<&str> {
    let all = json.as_array().into_iter().flatten();
    all.filter_map(Json::as_str).collect()
}

fn finalizers(live: &Json) -> Vec<&str> {
    let mut finalizers = texts(&live["metadata"]["finalizers"]);
    finalizers.extend(texts(&live["spec"]["finalizers"]));
    finalizers
}

/// What a deletion waits for, in words.
pub(crate) fn leaving(live: &Json) -> String {
    let finalizers = finalizers(live);
    // A namespace says what is left in it.
    let conditions = live["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    let left: Vec<&str> = conditions
        .filter(|c| c["status"] == "True" && is_leaving(live))
        .filter(|c| {
            matches!(
                c["type"].as_str(),
                Some(
                    "NamespaceContentRemaining"
                        | "NamespaceFinalizersRemaining"
                        | "NamespaceDeletionDiscoveryFailure"
                )
            )
        })
        .filter_map(|c| c["message"].as_str())
        .collect();
    match (finalizers.is_empty(), left.is_empty()) {
        (_, false) => format!("is being deleted: {}", left.join("; ")),
        (false, true) => format!(
            "is being deleted, held by the finalizers {}",
            finalizers.join(", ")
        ),
        (true, true) => "is being deleted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_says_what_holds_it() {
        let held = json!({"metadata": {"deletionTimestamp": "x", "finalizers": ["a.io/b"]}});
        assert_eq!(
            leaving(&held),
            "is being deleted, held by the finalizers a.io/b"
        );
        let namespace = json!({"metadata": {"deletionTimestamp": "x"}, "spec": {"finalizers": ["kubernetes"]}, "status": {"conditions": [
            {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 2 resource instances"}]}});
        assert_eq!(
            leaving(&namespace),
            "is being deleted: pods. has 2 resource instances"
        );
    }

    #[test]
    fn what_is_made_anew_is_named_with_who_makes_it() {
        let owner = json!({"metadata": {"deletionTimestamp": "2026-01-31T12:00:00Z"}});
        let child = |made: &str| {
            json!({"kind": "ConfigMap", "metadata": {"name": "child", "creationTimestamp": made, "managedFields": [
                {"manager": "operator", "operation": "Update"}, {"manager": "infra", "operation": "Apply"},
                {"manager": "status", "operation": "Update", "subresource": "status"}]}})
        };
        assert!(is_later(&child("2026-01-31T12:00:01Z"), &owner));
        assert!(!is_later(&child("2026-01-31T12:00:00Z"), &owner));
        let children = vec![child("2026-01-31T12:00:01Z"); 5];
        let one = "ConfigMap child (by `operator`)";
        assert_eq!(
            list(children.iter()),
            format!("{one}, {one}, {one}, 2 more")
        );
    }
}
