//! What Kyverno and Gatekeeper say of pods, and how that is told.

use super::Policy;
use crate::data::is_over;
use jiff::Timestamp;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A workload that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Broken {
    namespace: String,
    /// `Deployment grafana`
    workload: String,
    rule: String,
    message: String,
    /// What tells its pods from others.
    labels: Vec<(String, String)>,
}

/// What breaks a policy of Kyverno's, by the reports of pods by their uid: every pod that is not over must have been judged since the
/// policy was changed last (`timestamp` of `results`, in seconds), and by no exception but those that count (`exceptions` of its
/// `properties`, `pkg/utils/report/results.go` of Kyverno).
///
/// # Errors
/// What is not judged yet.
pub(super) fn by_kyverno(
    policy: &Policy,
    live: &Json,
    pods: &[&Json],
    reports: &BTreeMap<String, Json>,
    excepted: &[String],
) -> Result<Vec<Broken>, String> {
    let changed = changed(live).map(Timestamp::as_second);
    let (mut broken, mut waiting) = (Vec::new(), Vec::new());
    for pod in pods {
        let report = reports.get(text(pod, "/metadata/uid"));
        let results = report.and_then(|r| r["results"].as_array());
        let judged = results.into_iter().flatten().find(|result| {
            let at = result["timestamp"]["seconds"].as_i64();
            let by = text(result, "/properties/exceptions").split(',');
            let mut by = by.filter(|name| !name.is_empty());
            let counts = by.all(|name| excepted.iter().any(|known| known == name));
            result["policy"] == *policy.name && at >= changed && counts
        });
        match judged {
            Some(result) if result["result"] == "fail" || result["result"] == "error" => {
                broken.push(of_pod(pod, policy, text(result, "/message")));
            }
            Some(_) => {}
            None if is_over(pod) => {}
            None => waiting.push(*pod),
        }
    }
    match waiting[..] {
        [] => Ok(broken),
        [first, ..] => Err(format!(
            "Kyverno has not judged {} of {} pods by {} yet, {}/{} for one",
            waiting.len(),
            pods.len(),
            policy.rule,
            text(first, "/metadata/namespace"),
            text(first, "/metadata/name"),
        )),
    }
}

/// What breaks a constraint of Gatekeeper's, by its status: the audit must have begun after the constraint was changed last and the last
/// pod was made, and know the constraint as it is.
///
/// # Errors
/// What is not judged yet.
pub(super) fn by_gatekeeper(
    policy: &Policy,
    live: &Json,
    pods: &[&Json],
    namespaces: &[String],
) -> Result<Vec<Broken>, String> {
    let status = &live["status"];
    let generation = &live["metadata"]["generation"];
    let knows = |pod: &Json| {
        let operations = pod["operations"].as_array().into_iter().flatten();
        operations.clone().any(|o| o == "audit") && pod["observedGeneration"] == *generation
    };
    let known = status["byPod"].as_array().into_iter().flatten().any(knows);
    let audited = moment(&status["auditTimestamp"]);
    let running = pods.iter().filter(|pod| !is_over(pod));
    let made = running.filter_map(|pod| moment(&pod["metadata"]["creationTimestamp"]));
    let since = made.chain(changed(live)).max();
    if !known || audited.is_none() || audited < since {
        return Err(format!("Gatekeeper has not audited by {} yet", policy.rule));
    }
    let violations = status["violations"].as_array().into_iter().flatten();
    let here = violations.filter(|v| {
        let namespace = v["namespace"].as_str().unwrap_or_default();
        namespaces.iter().any(|n| n == namespace)
    });
    let mut broken: Vec<Broken> = here
        .map(|violation| {
            let (namespace, name) = (text(violation, "/namespace"), text(violation, "/name"));
            let message = text(violation, "/message");
            let is_it = |pod: &&&Json| {
                text(pod, "/metadata/name") == name && text(pod, "/metadata/namespace") == namespace
            };
            match pods.iter().find(is_it) {
                Some(pod) => of_pod(pod, policy, message),
                None => Broken {
                    namespace: namespace.to_owned(),
                    workload: format!("{} {name}", text(violation, "/kind")),
                    rule: policy.rule.clone(),
                    message: message.to_owned(),
                    labels: Vec::new(),
                },
            }
        })
        .collect();
    // Its status names no more than so many.
    let all = status["totalViolations"].as_u64().unwrap_or_default();
    let named = status["violations"].as_array().map_or(0, Vec::len) as u64;
    if all > named {
        broken.push(Broken {
            namespace: String::new(),
            workload: format!("{} more that Gatekeeper does not name", all - named),
            rule: policy.rule.clone(),
            message: "see its audit's log".to_owned(),
            labels: Vec::new(),
        });
    }
    Ok(broken)
}

/// The list, and what can be done. `exceptions` is where they are written.
pub(super) fn told(broken: &[Broken], exceptions: Option<&str>) -> String {
    let mut out = format!(
        "{} would be refused by rules that are not enforced yet:\n",
        match broken.len() {
            1 => "1 thing that runs".to_owned(),
            many => format!("{many} things that run"),
        }
    );
    for one in broken {
        let place = match one.namespace.as_str() {
            "" => String::new(),
            namespace => format!("{namespace}: "),
        };
        out.push_str(&format!(
            "  {place}{}: {}: {}\n",
            one.workload, one.rule, one.message
        ));
    }
    out.push_str("Nothing is refused before they are mended, or excepted by name");
    let Some(place) = exceptions else {
        return out;
    };
    let mut workloads: BTreeMap<(&str, &[(String, String)]), Vec<&str>> = BTreeMap::new();
    for one in broken.iter().filter(|one| !one.labels.is_empty()) {
        let rules = workloads.entry((&one.namespace, &one.labels)).or_default();
        if !rules.contains(&one.rule.as_str()) {
            rules.push(&one.rule);
        }
    }
    out.push_str(" in the stack file:");
    for ((namespace, labels), rules) in workloads {
        let labels: Vec<String> = labels
            .iter()
            .map(|(k, v)| format!("{k:?} = {v:?}"))
            .collect();
        out.push_str(&format!(
            "\n\n  [[{place}]]\n  namespace = {namespace:?}\n  labels    = {{ {} }}\n  rules     = {rules:?}\n  reason    = \"…\"",
            labels.join(", ")
        ));
    }
    out
}

fn of_pod(pod: &Json, policy: &Policy, message: &str) -> Broken {
    Broken {
        namespace: text(pod, "/metadata/namespace").to_owned(),
        workload: workload(pod),
        rule: policy.rule.clone(),
        message: message.to_owned(),
        labels: labels(pod),
    }
}

/// Whose pod it is.
fn workload(pod: &Json) -> String {
    let owners = pod["metadata"]["ownerReferences"].as_array();
    let mut owners = owners.into_iter().flatten();
    let Some(owner) = owners.find(|owner| owner["controller"] == true) else {
        return format!("Pod {}", text(pod, "/metadata/name"));
    };
    let (kind, name) = (text(owner, "/kind"), text(owner, "/name"));
    // `deployment/util/deployment_util.go` of Kubernetes: a ReplicaSet has the name of its Deployment, and the hash of its template.
    let hash = text(pod, "/metadata/labels/pod-template-hash");
    match name.strip_suffix(hash).and_then(|n| n.strip_suffix('-')) {
        Some(name) if kind == "ReplicaSet" && !hash.is_empty() => format!("Deployment {name}"),
        _ => format!("{kind} {name}"),
    }
}

/// The labels by which charts know their pods, or all that do not change from one pod to the next.
fn labels(pod: &Json) -> Vec<(String, String)> {
    const USUAL: [&str; 4] = ["app.kubernetes.io/name", "app", "k8s-app", "name"];
    const PASSING: [&str; 8] = [
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "controller-uid",
        "batch.kubernetes.io/job-completion-index",
    ];
    let all = pod["metadata"]["labels"].as_object();
    let all = || {
        let pairs = all.into_iter().flatten();
        pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
    };
    let usual = USUAL.iter().find_map(|key| all().find(|(k, _)| k == key));
    match usual {
        Some(one) => vec![one],
        None => all()
            .filter(|(k, _)| !PASSING.contains(&k.as_str()))
            .collect(),
    }
}

/// When an object was last changed by who writes it, which is not who writes its status.
fn changed(live: &Json) -> Option<Timestamp> {
    let entries = live["metadata"]["managedFields"].as_array();
    let written = entries.into_iter().flatten();
    let times = written
        .filter(|entry| entry["subresource"].as_str().unwrap_or_default().is_empty())
        .filter_map(|entry| moment(&entry["time"]));
    times
        .chain(moment(&live["metadata"]["creationTimestamp"]))
        .max()
}

fn moment(text: &Json) -> Option<Timestamp> {
    text.as_str()?.parse().ok()
}

fn text<'j>(json: &'j Json, pointer: &str) -> &'j str {
    json.pointer(pointer)
        .and_then(Json::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(kind: &str) -> Policy {
        Policy {
            kind: kind.to_owned(),
            name: "scan-no-root".to_owned(),
            rule: "no-root".to_owned(),
            ..Policy::default()
        }
    }

    /// Written at 12:00:00; its status was written later.
    fn live() -> Json {
        json!({
            "metadata": {
                "generation": 2,
                "creationTimestamp": "2026-01-31T11:00:00Z",
                "managedFields": [
                    { "manager": "infra", "time": "2026-01-31T12:00:00Z" },
                    { "manager": "kyverno", "subresource": "status", "time": "2026-01-31T12:30:00Z" },
                ],
            },
        })
    }

    fn pod(name: &str, phase: &str) -> Json {
        json!({
            "metadata": {
                "namespace": "monitoring", "name": name, "uid": name,
                "creationTimestamp": "2026-01-31T11:30:00Z",
                "labels": { "app.kubernetes.io/name": "grafana", "pod-template-hash": "66" },
                "ownerReferences": [{ "kind": "ReplicaSet", "name": "graf-66", "controller": true }],
            },
            "status": { "phase": phase },
        })
    }

    fn report(result: &str, seconds_later: i64) -> Json {
        let written: Timestamp = "2026-01-31T12:00:00Z".parse().expect("a moment");
        json!({ "results": [
            { "policy": "other", "result": "fail", "timestamp": { "seconds": i64::MAX } },
            { "policy": "scan-no-root", "result": result, "message": "no: main",
              "timestamp": { "seconds": written.as_second() + seconds_later } },
        ] })
    }

    fn kyverno(pods: &[Json], reports: &[(&str, Json)]) -> Result<Vec<Broken>, String> {
        let pods: Vec<&Json> = pods.iter().collect();
        let named = reports
            .iter()
            .map(|(uid, r)| ((*uid).to_owned(), r.clone()));
        by_kyverno(
            &policy("ValidatingPolicy"),
            &live(),
            &pods,
            &named.collect(),
            &["known".to_owned()],
        )
    }

    #[test]
    fn kyverno_has_judged_when_every_running_pod_has_a_result_since_the_policy_was_written() {
        let pods = [
            pod("a", "Running"),
            pod("b", "Pending"),
            pod("done", "Succeeded"),
        ];
        let missing = kyverno(&pods, &[("a", report("pass", 0))]).expect_err("waits");
        assert_eq!(
            missing,
            "Kyverno has not judged 1 of 3 pods by no-root yet, monitoring/b for one"
        );
        // What it said of the policy before is not about this one.
        let stale = [("a", report("fail", 0)), ("b", report("pass", -1))];
        assert!(kyverno(&pods, &stale).is_err());
        let clean = [("a", report("pass", 0)), ("b", report("skip", 1))];
        assert_eq!(kyverno(&pods, &clean), Ok(Vec::new()));
        // An exception that is on its way out says nothing of what comes after it.
        let skipped = |by: &str| {
            let mut report = report("skip", 1);
            report["results"][1]["properties"] = json!({ "exceptions": by });
            kyverno(&pods, &[("a", report), ("b", self::report("pass", 1))])
        };
        assert_eq!(skipped("known"), Ok(Vec::new()));
        assert!(skipped("known,gone").is_err());
    }

    #[test]
    fn what_breaks_a_rule_is_told_by_workload_with_the_exception_to_write() {
        let pods = [pod("a", "Running"), pod("b", "Running")];
        let reports = [("a", report("fail", 5)), ("b", report("error", 5))];
        let mut broken = kyverno(&pods, &reports).expect("all is judged");
        broken.dedup();
        let told = told(&broken, Some("hardening.main.policy.exceptions"));
        assert_eq!(
            told,
            "1 thing that runs would be refused by rules that are not enforced yet:\n  \
             monitoring: Deployment graf: no-root: no: main\n\
             Nothing is refused before they are mended, or excepted by name in the stack file:\n\n  \
             [[hardening.main.policy.exceptions]]\n  namespace = \"monitoring\"\n  \
             labels    = { \"app.kubernetes.io/name\" = \"grafana\" }\n  rules     = [\"no-root\"]\n  reason    = \"…\""
        );
    }

    #[test]
    fn gatekeeper_has_judged_when_an_audit_began_after_the_constraint_and_the_last_pod() {
        let namespaces = ["monitoring".to_owned()];
        let pods = [pod("a", "Running")];
        let pods: Vec<&Json> = pods.iter().collect();
        let look = |status: Json| {
            let mut constraint = live();
            constraint["status"] = status;
            by_gatekeeper(&policy("InfraNoRoot"), &constraint, &pods, &namespaces)
        };
        let by = |operation: &str, generation: i64| json!([{ "operations": [operation], "observedGeneration": generation }]);
        let violation = |namespace: &str, name: &str| json!({ "kind": "Pod", "namespace": namespace, "name": name, "message": "no: main" });
        let at = "2026-01-31T12:00:00Z";
        for unfinished in [
            json!({}),
            json!({ "byPod": by("audit", 2) }),
            json!({ "byPod": by("audit", 2), "auditTimestamp": "2026-01-31T11:59:59Z" }),
            json!({ "byPod": by("audit", 1), "auditTimestamp": at }),
            json!({ "byPod": by("webhook", 2), "auditTimestamp": at }),
        ] {
            assert!(look(unfinished.clone()).is_err(), "{unfinished}");
        }
        let clean = json!({ "byPod": by("audit", 2), "auditTimestamp": at, "totalViolations": 0 });
        assert_eq!(look(clean), Ok(Vec::new()));
        let violations = [violation("monitoring", "a"), violation("shop", "x")];
        let found = look(json!({
            "byPod": by("audit", 2), "auditTimestamp": at, "totalViolations": 5, "violations": violations,
        }));
        let found = found.expect("it is audited");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].workload, "Deployment graf");
        assert!(found[1].workload.starts_with("3 more"), "{found:?}");
    }

    #[test]
    fn pods_without_the_usual_labels_are_known_by_those_that_stay() {
        let labelled = |labels: Json| labels_of(&json!({ "metadata": { "labels": labels } }));
        fn labels_of(pod: &Json) -> String {
            format!("{:?}", labels(pod))
        }
        assert_eq!(
            labelled(json!({ "role": "x", "controller-revision-hash": "1" })),
            "[(\"role\", \"x\")]"
        );
        assert_eq!(
            labelled(json!({ "app": "a", "role": "x" })),
            "[(\"app\", \"a\")]"
        );
        let bare = json!({ "metadata": { "name": "p" } });
        assert_eq!(workload(&bare), "Pod p");
    }
}
