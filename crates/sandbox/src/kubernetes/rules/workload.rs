//! Deployments, stateful sets, daemon sets, jobs and cron jobs.

use serde_json::{Value, json};

use super::super::cron;
use super::super::error::Cause;
use super::super::kinds::Resource;
use super::super::meta::immutable;
use super::super::selector::Selector;
use super::super::value::{default, remove, text};
use super::pod;

/// A Job selects its pods by its own uid.
pub(super) fn prepare_job(old: Option<&Value>, new: &mut Value) {
    if let Some(old) = old {
        for path in ["spec/selector", "spec/template/metadata/labels"] {
            let pointer = format!("/{path}");
            if let Some(value) = old.pointer(&pointer) {
                default(new, path, value.clone());
            }
        }
        return;
    }
    if new["spec"]["manualSelector"] == true {
        return;
    }
    let uid = text(new, "/metadata/uid").to_owned();
    let name = text(new, "/metadata/name").to_owned();
    for (key, value) in [
        ("batch.kubernetes.io~1controller-uid", &uid),
        ("controller-uid", &uid),
        ("batch.kubernetes.io~1job-name", &name),
        ("job-name", &name),
    ] {
        let path = format!("spec/template/metadata/labels/{key}");
        super::super::value::set(new, &path, value.as_str());
    }
    default(
        new,
        "spec/selector",
        json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid } }),
    );
}

pub(super) fn check(
    resource: &Resource,
    old: Option<&Value>,
    new: &Value,
    causes: &mut Vec<Cause>,
) {
    match resource.kind.as_str() {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            selected(new, causes);
            pod::check(
                &new["spec"]["template"]["spec"],
                "spec.template.spec",
                causes,
            );
            let restart = text(new, "/spec/template/spec/restartPolicy");
            if restart != "Always" {
                causes.push(Cause::unsupported(
                    "spec.template.spec.restartPolicy",
                    &restart.into(),
                    &["Always"],
                ));
            }
            if new["spec"]["replicas"]
                .as_i64()
                .is_some_and(|count| count < 0)
            {
                let value = &new["spec"]["replicas"];
                causes.push(Cause::invalid(
                    "spec.replicas",
                    value,
                    "must be greater than or equal to 0",
                ));
            }
            if let Some(old) = old {
                immutable(old, new, "/spec/selector", causes);
                if resource.kind == "StatefulSet" {
                    stateful(old, new, causes);
                }
            }
        }
        "Job" => {
            job(&new["spec"], "spec", causes);
            if let Some(old) = old {
                for member in ["completions", "selector", "completionMode"] {
                    immutable(old, new, &format!("/spec/{member}"), causes);
                }
                let suspended = old["spec"]["suspend"] == true;
                if !suspended {
                    immutable(old, new, "/spec/template", causes);
                }
            }
        }
        "CronJob" => {
            let schedule = text(new, "/spec/schedule");
            if cron::Schedule::read(schedule).is_none() {
                let detail = format!(
                    "expected exactly 5 fields, found {}: {schedule:?}",
                    schedule.split(' ').count()
                );
                causes.push(Cause::invalid("spec.schedule", &schedule.into(), &detail));
            }
            let name = text(new, "/metadata/name");
            if name.len() > 52 {
                causes.push(Cause::invalid(
                    "metadata.name",
                    &name.into(),
                    "must be no more than 52 characters",
                ));
            }
            job(
                &new["spec"]["jobTemplate"]["spec"],
                "spec.jobTemplate.spec",
                causes,
            );
        }
        _ => {}
    }
}

fn job(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let template = &spec["template"]["spec"];
    pod::check(template, &format!("{path}.template.spec"), causes);
    let restart = text(template, "/restartPolicy");
    if restart == "Always" {
        causes.push(Cause::unsupported(
            format!("{path}.template.spec.restartPolicy"),
            &restart.into(),
            &["OnFailure", "Never"],
        ));
    }
}

fn selected(new: &Value, causes: &mut Vec<Cause>) {
    let selector = Selector::of(&new["spec"]["selector"]);
    let labels = &new["spec"]["template"]["metadata"]["labels"];
    if selector.is_empty() {
        let detail = "empty selector is invalid for deployment";
        causes.push(Cause::invalid(
            "spec.selector",
            &new["spec"]["selector"],
            detail,
        ));
    } else if !selector.matches_labels(labels) {
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            labels,
            "`selector` does not match template `labels`",
        ));
    }
}

fn stateful(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let frozen = |value: &Value| {
        let mut spec = value["spec"].clone();
        for member in [
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
            "revisionHistoryLimit",
            "selector",
        ] {
            remove(&mut spec, member);
        }
        spec
    };
    if frozen(old) != frozen(new) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        causes.push(Cause::forbidden("spec", detail));
    }
}
