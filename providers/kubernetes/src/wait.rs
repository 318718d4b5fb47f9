//! What an object must have come to: conditions, a rollout, an established definition, a webhook that can be called.

use crate::apply;
use crate::client::{Call, Client};
use crate::object::{self, Reference};
use crate::options::Wait;
use infra_cloud::wait::Progress;
use infra_model::{CallContext, ErrorKind, ProviderError};
use regex::Regex;
use serde_json::Value as Json;

/// How far an object is.
///
/// # Errors
/// It has failed, and waiting longer would not help; errors of reading what a webhook needs.
pub(crate) async fn progress(
    client: &Client,
    context: &CallContext,
    live: Json,
    wanted: &Wait,
) -> Result<Progress<Json>, ProviderError> {
    if let Some(missing) = missing(&live, wanted)? {
        return Ok(Progress::Pending(missing));
    }
    if wanted.webhook == Some(true)
        && let Some(missing) = unserved(client, context, &live).await?
    {
        return Ok(Progress::Pending(missing));
    }
    Ok(Progress::Done(live))
}

/// The first thing that is missing, as far as the object itself tells.
fn missing(live: &Json, wanted: &Wait) -> Result<Option<String>, ProviderError> {
    if wanted.rollout == Some(true)
        && let Some(missing) = rollout(live)?
    {
        return Ok(Some(missing));
    }
    if wanted.established == Some(true) {
        let names: &[&str] = if live["kind"] == "APIService" {
            &["Available"]
        } else {
            &["NamesAccepted", "Established"]
        };
        for name in names {
            if condition(live, name).is_none_or(|c| c["status"] != "True") {
                return Ok(Some(format!("{name}: {}", said(condition(live, name)))));
            }
        }
    }
    for wanted in &wanted.condition {
        let found = condition(live, &wanted.kind);
        let reason = |c: &Json| wanted.reason.as_ref().is_none_or(|r| c["reason"] == **r);
        let stale = |c: &Json| {
            let (of, now) = (
                c["observedGeneration"].as_i64(),
                live["metadata"]["generation"].as_i64(),
            );
            of.zip(now).is_some_and(|(of, now)| of < now)
        };
        if found.is_none_or(|c| c["status"] != *wanted.status || !reason(c) || stale(c)) {
            return Ok(Some(format!("{}: {}", wanted.kind, said(found))));
        }
    }
    for (path, pattern) in &wanted.fields {
        let found = object::at(live, path).filter(|v| !v.is_null());
        let text = found.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let fits = match (&text, &**pattern) {
            (None, _) => false,
            (Some(text), "*") => !text.is_empty(),
            (Some(text), pattern) => expression(pattern)?.is_match(text),
        };
        if !fits {
            return Ok(Some(format!(
                "{path} is {}",
                text.as_deref().unwrap_or("not there")
            )));
        }
    }
    Ok(None)
}

/// A pattern of `wait.fields`: it must match as a whole.
pub(crate) fn expression(pattern: &str) -> Result<Regex, ProviderError> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|e| {
        ProviderError::invalid("wait", format!("`{pattern}` is no regular expression: {e}"))
    })
}

/// A condition of an object's status; of Gateway API objects also one that all parents of a route give.
fn condition<'j>(live: &'j Json, kind: &str) -> Option<&'j Json> {
    let all = |json: &'j Json| json["conditions"].as_array().into_iter().flatten();
    let parents = live["status"]["parents"].as_array().into_iter().flatten();
    all(&live["status"])
        .chain(parents.flat_map(all))
        .find(|c| c["type"] == kind)
}

/// A condition in words.
fn said(condition: Option<&Json>) -> String {
    let Some(condition) = condition else {
        return "not said yet".to_owned();
    };
    let text = |name: &str| condition[name].as_str().filter(|t| !t.is_empty());
    let mut words = text("status").unwrap_or("Unknown").to_owned();
    for more in [text("reason"), text("message")].into_iter().flatten() {
        words = format!("{words}, {more}");
    }
    words
}

/// What `kubectl rollout status` waits for, and its like for other kinds; none when it is there.
///
/// # Errors
/// [`ErrorKind::Failed`] when it has failed.
pub(crate) fn rollout(live: &Json) -> Result<Option<String>, ProviderError> {
    let (spec, status) = (&live["spec"], &live["status"]);
    let count = |json: &Json| json.as_i64().unwrap_or(0);
    let failed = |why: String| Err(ProviderError::new(ErrorKind::Failed, why));
    let kind = live["kind"].as_str().unwrap_or_default();
    let generation = live["metadata"]["generation"].as_i64().unwrap_or(0);
    let controllers = ["Deployment", "StatefulSet", "DaemonSet"];
    if controllers.contains(&kind) && count(&status["observedGeneration"]) < generation {
        return Ok(Some("not seen by its controller yet".to_owned()));
    }
    Ok(match kind {
        "Deployment" => {
            if let Some(stuck) = condition(live, "Progressing")
                && stuck["reason"] == "ProgressDeadlineExceeded"
            {
                return failed(format!(
                    "the rollout does not progress: {}",
                    said(Some(stuck))
                ));
            }
            let wanted = spec["replicas"].as_i64().unwrap_or(1);
            let (updated, all, available) = (
                count(&status["updatedReplicas"]),
                count(&status["replicas"]),
                count(&status["availableReplicas"]),
            );
            if updated < wanted {
                Some(format!("{updated} of {wanted} replicas updated"))
            } else if all > updated {
                Some(format!("{} old replicas are leaving", all - updated))
            } else if available < updated {
                Some(format!("{available} of {updated} replicas available"))
            } else {
                None
            }
        }
        "DaemonSet" => {
            let wanted = count(&status["desiredNumberScheduled"]);
            let (updated, available) = (
                count(&status["updatedNumberScheduled"]),
                count(&status["numberAvailable"]),
            );
            if updated < wanted && spec["updateStrategy"]["type"] != "OnDelete" {
                Some(format!("{updated} of {wanted} pods updated"))
            } else if available < wanted {
                Some(format!("{available} of {wanted} pods available"))
            } else {
                None
            }
        }
        "StatefulSet" => {
            let wanted = spec["replicas"].as_i64().unwrap_or(1);
            let ready = count(&status["readyReplicas"]);
            let partition = count(&spec["updateStrategy"]["rollingUpdate"]["partition"]);
            let updated = count(&status["updatedReplicas"]);
            let rolling = spec["updateStrategy"]["type"] != "OnDelete"
                && status["updateRevision"] != status["currentRevision"];
            if ready < wanted {
                Some(format!("{ready} of {wanted} replicas ready"))
            } else if rolling && updated < wanted - partition {
                Some(format!(
                    "{updated} of {} replicas updated",
                    wanted - partition
                ))
            } else {
                None
            }
        }
        "Job" => match (condition(live, "Complete"), condition(live, "Failed")) {
            (_, Some(c)) if c["status"] == "True" => {
                return failed(format!("the job has failed: {}", said(Some(c))));
            }
            (Some(c), _) if c["status"] == "True" => None,
            _ => Some(format!("{} pods running", count(&status["active"]))),
        },
        "Pod" => match status["phase"].as_str() {
            Some("Succeeded") => None,
            Some("Failed") => return failed(format!("the pod has failed: {}", status["message"])),
            _ => condition(live, "Ready")
                .is_none_or(|c| c["status"] != "True")
                .then(|| format!("Ready: {}", said(condition(live, "Ready")))),
        },
        "PersistentVolumeClaim" => (status["phase"] != "Bound").then(|| "not bound yet".to_owned()),
        "Service" if spec["type"] == "LoadBalancer" => status["loadBalancer"]["ingress"]
            .as_array()
            .is_none_or(Vec::is_empty)
            .then(|| "no address yet".to_owned()),
        "CustomResourceDefinition" => condition(live, "Established")
            .is_none_or(|c| c["status"] != "True")
            .then(|| "not established yet".to_owned()),
        _ => None,
    })
}

/// What a webhook configuration still lacks before it can be called: a CA bundle, or endpoints of a service.
pub(crate) async fn unserved(
    client: &Client,
    context: &CallContext,
    live: &Json,
) -> Result<Option<String>, ProviderError> {
    let hooks = live["webhooks"].as_array().into_iter().flatten();
    let conversion = &live["spec"]["conversion"]["webhook"];
    let configs = hooks.map(|hook| &hook["clientConfig"]).chain(
        conversion
            .is_object()
            .then_some(&conversion["clientConfig"]),
    );
    let mut seen: Vec<(String, String)> = Vec::new();
    for config in configs {
        let (Some(namespace), Some(name)) = (
            config["service"]["namespace"].as_str(),
            config["service"]["name"].as_str(),
        ) else {
            continue;
        };
        if config["caBundle"].as_str().is_none_or(str::is_empty) {
            return Ok(Some(format!("no CA bundle for {namespace}/{name} yet")));
        }
        let service = (namespace.to_owned(), name.to_owned());
        if seen.contains(&service) {
            continue;
        }
        let call = Call::get(
            "list EndpointSlice",
            format!(
                "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{name}"
            ),
        );
        let slices = client.call(context, &call).await?;
        if !has_endpoints(&slices) {
            // Where there is no controller for slices, the older kind says it.
            let older = Reference::new("v1", "Endpoints", Some(namespace), name);
            let endpoints = apply::find(client, context, &older).await?;
            let addresses = endpoints.as_ref().and_then(|e| e["subsets"].as_array());
            let ready = addresses
                .into_iter()
                .flatten()
                .any(|s| s["addresses"].as_array().is_some_and(|a| !a.is_empty()));
            if !ready {
                return Ok(Some(format!(
                    "{namespace}/{name} has no ready endpoints yet"
                )));
            }
        }
        seen.push(service);
    }
    Ok(None)
}

fn has_endpoints(slices: &Json) -> bool {
    let items = slices["items"].as_array().into_iter().flatten();
    let mut endpoints = items.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    endpoints.any(|e| {
        e["conditions"]["ready"] != false
            && e["addresses"].as_array().is_some_and(|a| !a.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Condition;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn rollouts_are_what_kubectl_says() {
        let status = |kind: &str, spec: Json, status: Json| {
            let live = json!({"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status});
            rollout(&live).map_err(|e| e.message)
        };
        let done = json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2, "readyReplicas": 2});
        for (kind, spec, state, expected) in [
            ("Deployment", json!({"replicas": 2}), done.clone(), None),
            (
                "Deployment",
                json!({"replicas": 3}),
                done.clone(),
                Some("2 of 3 replicas updated"),
            ),
            (
                "Deployment",
                json!({"replicas": 2}),
                json!({"observedGeneration": 1}),
                Some("not seen by its controller yet"),
            ),
            (
                "Deployment",
                json!({"replicas": 2}),
                json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 3, "availableReplicas": 2}),
                Some("1 old replicas are leaving"),
            ),
            (
                "Deployment",
                json!({"replicas": 0}),
                json!({"observedGeneration": 2}),
                None,
            ),
            ("StatefulSet", json!({"replicas": 2}), done.clone(), None),
            (
                "StatefulSet",
                json!({"replicas": 3}),
                done.clone(),
                Some("2 of 3 replicas ready"),
            ),
            (
                "StatefulSet",
                json!({"replicas": 2}),
                json!({"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"}),
                Some("1 of 2 replicas updated"),
            ),
            (
                "DaemonSet",
                json!({}),
                json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 1}),
                Some("1 of 3 pods available"),
            ),
            (
                "DaemonSet",
                json!({}),
                json!({"observedGeneration": 2}),
                None,
            ),
            (
                "Job",
                json!({}),
                json!({"conditions": [{"type": "Complete", "status": "True"}]}),
                None,
            ),
            (
                "Job",
                json!({}),
                json!({"active": 1}),
                Some("1 pods running"),
            ),
            (
                "PersistentVolumeClaim",
                json!({}),
                json!({"phase": "Pending"}),
                Some("not bound yet"),
            ),
            (
                "Service",
                json!({"type": "LoadBalancer"}),
                json!({}),
                Some("no address yet"),
            ),
            ("Service", json!({"type": "ClusterIP"}), json!({}), None),
            ("ConfigMap", json!({}), json!({}), None),
        ] {
            assert_eq!(
                status(kind, spec, state).expect("goes on").as_deref(),
                expected,
                "{kind}"
            );
        }
        let stuck = json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]});
        assert!(status("Deployment", json!({}), stuck).is_err());
        let failed = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]});
        assert!(
            status("Job", json!({}), failed)
                .expect_err("has failed")
                .contains("BackoffLimitExceeded")
        );
    }

    #[test]
    fn conditions_count_for_the_present_generation() {
        let wait = Wait {
            condition: vec![Condition {
                kind: "Ready".into(),
                status: "True".into(),
                reason: None,
            }],
            ..Wait::default()
        };
        let live = |condition: Json| json!({"metadata": {"generation": 2}, "status": {"conditions": [condition]}});
        for (condition, missing_is) in [
            (json!({"type": "Ready", "status": "True"}), None),
            (
                json!({"type": "Ready", "status": "True", "observedGeneration": 2}),
                None,
            ),
            (
                json!({"type": "Ready", "status": "True", "observedGeneration": 1}),
                Some("Ready: True"),
            ),
            (
                json!({"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "no"}),
                Some("Ready: False, DoesNotExist, no"),
            ),
            (
                json!({"type": "Other", "status": "True"}),
                Some("Ready: not said yet"),
            ),
        ] {
            assert_eq!(
                missing(&live(condition), &wait)
                    .expect("goes on")
                    .as_deref(),
                missing_is
            );
        }
        let fields = Wait {
            fields: BTreeMap::from([("status.phase".to_owned(), "Run.*".to_owned())]),
            ..Wait::default()
        };
        assert_eq!(
            missing(&json!({"status": {"phase": "Running"}}), &fields),
            Ok(None)
        );
        assert_eq!(
            missing(&json!({}), &fields),
            Ok(Some("status.phase is not there".to_owned()))
        );
    }

    #[test]
    fn endpoints_are_ready_ones() {
        let slice = |ready: Json| json!({"items": [{"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}]}]});
        assert!(has_endpoints(&slice(json!(true))) && has_endpoints(&slice(Json::Null)));
        assert!(!has_endpoints(&slice(json!(false))) && !has_endpoints(&json!({"items": []})));
    }
}
