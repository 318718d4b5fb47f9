//! Jobs, whose pods end, and the cron jobs that make them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::cron::Schedule;
use super::super::kinds::{self, Resource};
use super::super::store::Session;
use super::super::value::{list, number, set, text};
use super::{
    condition, delete, is_deleting, is_over, is_ready, make_pod, owner_reference, pods_of,
    set_condition,
};

pub(super) fn reconcile(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) {
    let over = condition(object, "Complete") == "True" || condition(object, "Failed") == "True";
    if over {
        if let Some(seconds) = number(object, "/spec/ttlSecondsAfterFinished") {
            let ended = text(object, "/status/completionTime")
                .parse::<jiff::Timestamp>()
                .map_or(session.now, jiff::Timestamp::as_millisecond);
            let at = ended + seconds * 1000;
            if at <= session.now {
                delete(session, resource, object);
            } else {
                session.wake_at(at, id);
            }
        }
        return;
    }
    let now = session.time();
    let kind = kinds::known("", "pods");
    let pods = pods_of(session, object);
    let done = pods
        .iter()
        .filter(|pod| pod["status"]["phase"] == "Succeeded")
        .count();
    let failed = pods
        .iter()
        .filter(|pod| pod["status"]["phase"] == "Failed")
        .count();
    let active: Vec<&Arc<Value>> = pods
        .iter()
        .filter(|pod| !is_over(pod) && !is_deleting(pod))
        .collect();
    let parallel = usize::try_from(number(object, "/spec/parallelism").unwrap_or(1)).unwrap_or(0);
    let wanted = number(object, "/spec/completions").and_then(|count| usize::try_from(count).ok());
    let suspended = object["spec"]["suspend"] == true;
    let finished = match wanted {
        Some(wanted) => done >= wanted,
        // With no number of completions, one that succeeds is enough.
        None => done > 0 && active.is_empty(),
    };
    let mut running = active.len();
    if suspended {
        for pod in &active {
            delete(session, &kind, pod);
        }
        running = 0;
    } else if !finished {
        let rest = match wanted {
            Some(wanted) => wanted - done,
            None if done > 0 => running,
            None => parallel,
        };
        let mut index = done + running + failed;
        while running < rest.min(parallel) {
            let name = format!("{}-{}", text(object, "/metadata/name"), session.suffix(5));
            let indexed = object["spec"]["completionMode"] == "Indexed";
            let made = make_pod(session, object, &name, |pod| {
                if indexed {
                    let path = "metadata/annotations/batch.kubernetes.io~1job-completion-index";
                    set(pod, path, index.to_string());
                }
            });
            if !made {
                break;
            }
            index += 1;
            running += 1;
        }
    }
    let Some(old) = session.get(id) else { return };
    let ready = active.iter().filter(|pod| is_ready(pod)).count();
    let mut new = Value::clone(&old);
    let mut status = json!({ "ready": ready, "terminating": 0, "uncountedTerminatedPods": {} });
    if running > 0 {
        status["active"] = running.into();
    }
    for (member, count) in [("succeeded", done), ("failed", failed)] {
        if count > 0 {
            status[member] = count.into();
        }
    }
    for member in ["conditions", "startTime"] {
        if let Some(value) = old["status"].get(member) {
            status[member] = value.clone();
        }
    }
    if status.get("startTime").is_none() && !suspended {
        status["startTime"] = now.as_str().into();
    }
    if finished {
        status["completionTime"] = now.as_str().into();
        status["ready"] = 0.into();
    }
    set(&mut new, "status", status);
    if finished {
        super::operators::ended(session, object);
        let message = "Reached expected number of succeeded pods";
        set_condition(
            &mut new,
            "SuccessCriteriaMet",
            true,
            "CompletionsReached",
            message,
            &now,
        );
        set_condition(
            &mut new,
            "Complete",
            true,
            "CompletionsReached",
            message,
            &now,
        );
    }
    if suspended {
        set_condition(
            &mut new,
            "Suspended",
            true,
            "JobSuspended",
            "Job suspended",
            &now,
        );
    } else if condition(&old, "Suspended") == "True" {
        set_condition(
            &mut new,
            "Suspended",
            false,
            "JobResumed",
            "Job resumed",
            &now,
        );
    }
    session.update(resource, &old, new);
}

/// Makes the Job of a schedule whose time has come.
pub(super) fn cron(session: &mut Session<'_>, resource: &Resource, id: &str, object: &Arc<Value>) {
    if is_deleting(object) {
        return;
    }
    let kind = kinds::known("batch", "jobs");
    let jobs: Vec<Arc<Value>> = session
        .dependents(text(object, "/metadata/uid"))
        .into_iter()
        .map(|(_, job)| job)
        .collect();
    let running: Vec<&Arc<Value>> = jobs
        .iter()
        .filter(|job| condition(job, "Complete") != "True" && condition(job, "Failed") != "True")
        .collect();
    let mut new = Value::clone(object);
    let suspended = object["spec"]["suspend"] == true;
    if let Some(schedule) = Schedule::read(text(object, "/spec/schedule")).filter(|_| !suspended) {
        let since = match text(object, "/status/lastScheduleTime") {
            "" => text(object, "/metadata/creationTimestamp"),
            last => last,
        };
        let since = since
            .parse::<jiff::Timestamp>()
            .map_or(session.now / 1000, jiff::Timestamp::as_second);
        let mut due = None;
        let mut next = schedule.next(since);
        // Of times that passed unseen only the last counts.
        while let Some(at) = next.filter(|at| at * 1000 <= session.now) {
            due = Some(at);
            next = schedule.next(at);
        }
        let allowed = match text(object, "/spec/concurrencyPolicy") {
            "Forbid" => running.is_empty(),
            "Replace" => {
                for job in &running {
                    delete(session, &kind, job);
                }
                true
            }
            _ => true,
        };
        if let Some(at) = due.filter(|_| allowed) {
            make_job(session, &kind, object, at);
            set(
                &mut new,
                "status/lastScheduleTime",
                crate::clock::iso8601(at * 1000),
            );
        }
        if let Some(at) = next {
            session.wake_at(at * 1000, id);
        }
    }
    history(session, &kind, object, &jobs);
    let active: Vec<Value> = running
        .iter()
        .map(|job| {
            json!({
                "apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"],
                "namespace": job["metadata"]["namespace"], "uid": job["metadata"]["uid"],
            })
        })
        .collect();
    if !active.is_empty() || !list(object, "/status/active").is_empty() {
        set(&mut new, "status/active", active);
    }
    session.update(resource, object, new);
}

fn make_job(session: &mut Session<'_>, kind: &Resource, object: &Value, at: i64) {
    let template = &object["spec"]["jobTemplate"];
    let mut job = json!({
        "metadata": {
            "name": format!("{}-{}", text(object, "/metadata/name"), at / 60),
            "namespace": object["metadata"]["namespace"],
            "ownerReferences": [owner_reference(object)],
        },
        "spec": template["spec"],
    });
    for member in ["labels", "annotations"] {
        if let Some(value) = template["metadata"].get(member) {
            set(&mut job, &format!("metadata/{member}"), value.clone());
        }
    }
    let uid = session.uuid();
    set(&mut job, "metadata/uid", uid);
    super::super::rules::prepare(session, kind, None, &mut job);
    session.make(kind, job);
}

/// Finished jobs beyond the limits go.
fn history(session: &mut Session<'_>, kind: &Resource, object: &Value, jobs: &[Arc<Value>]) {
    for (word, limit, usual) in [
        ("Complete", "successfulJobsHistoryLimit", 3),
        ("Failed", "failedJobsHistoryLimit", 1),
    ] {
        let limit = number(object, &format!("/spec/{limit}")).unwrap_or(usual);
        let mut over: Vec<&Arc<Value>> = jobs
            .iter()
            .filter(|job| condition(job, word) == "True")
            .collect();
        over.sort_by_key(|job| text(job, "/metadata/name").to_owned());
        let surplus = over
            .len()
            .saturating_sub(usize::try_from(limit).unwrap_or(0));
        for job in over.into_iter().take(surplus) {
            delete(session, kind, job);
        }
    }
}
