//! Pods and templates of pods.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::error::Cause;
use super::super::meta::{LABEL, is_label};
use super::super::quantity;
use super::super::value::{list, members, remove, text};
use super::core::check_port;

/// Checks a spec at a path.
pub(super) fn check(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let at = |member: &str| format!("{path}.{member}");
    let containers = list(spec, "/containers");
    if containers.is_empty() {
        causes.push(Cause::required(at("containers"), ""));
    }
    let restart = text(spec, "/restartPolicy");
    if !["Always", "OnFailure", "Never"].contains(&restart) {
        let allowed = ["Always", "OnFailure", "Never"];
        causes.push(Cause::unsupported(
            at("restartPolicy"),
            &restart.into(),
            &allowed,
        ));
    }
    let mut volumes = BTreeSet::new();
    for (index, volume) in list(spec, "/volumes").iter().enumerate() {
        let name = text(volume, "/name");
        let path = format!("{path}.volumes[{index}].name");
        if !is_label(name) {
            causes.push(Cause::invalid(path, &name.into(), LABEL));
        } else if !volumes.insert(name) {
            causes.push(Cause::duplicate(path, &name.into()));
        }
        if volume.as_object().is_some_and(|members| members.len() > 2) {
            let path = at(&format!("volumes[{index}]"));
            causes.push(Cause::forbidden(
                path,
                "may not specify more than 1 volume type",
            ));
        }
    }
    let mut names = BTreeSet::new();
    for kind in ["initContainers", "containers"] {
        for (index, container) in list(spec, &format!("/{kind}")).iter().enumerate() {
            let path = format!("{path}.{kind}[{index}]");
            container_of(container, &path, &mut names, &volumes, causes);
        }
    }
}

fn container_of<'v>(
    container: &'v Value,
    path: &str,
    names: &mut BTreeSet<&'v str>,
    volumes: &BTreeSet<&str>,
    causes: &mut Vec<Cause>,
) {
    let name = text(container, "/name");
    if !is_label(name) {
        causes.push(Cause::invalid(format!("{path}.name"), &name.into(), LABEL));
    } else if !names.insert(name) {
        causes.push(Cause::duplicate(format!("{path}.name"), &name.into()));
    }
    let image = text(container, "/image");
    if image.is_empty() {
        causes.push(Cause::required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        causes.push(Cause::invalid(
            format!("{path}.image"),
            &image.into(),
            detail,
        ));
    }
    for (index, port) in list(container, "/ports").iter().enumerate() {
        let at = format!("{path}.ports[{index}].containerPort");
        check_port(&port["containerPort"], at, causes);
    }
    for (index, mount) in list(container, "/volumeMounts").iter().enumerate() {
        let volume = text(mount, "/name");
        if !volumes.contains(volume) {
            let at = format!("{path}.volumeMounts[{index}].name");
            causes.push(Cause::not_found(at, &volume.into()));
        }
        if text(mount, "/mountPath").is_empty() {
            causes.push(Cause::required(
                format!("{path}.volumeMounts[{index}].mountPath"),
                "",
            ));
        }
    }
    for part in ["limits", "requests"] {
        for (name, amount) in members(container, &format!("/resources/{part}")) {
            if quantity::read(amount).is_none() {
                let at = format!("{path}.resources.{part}[{name}]");
                causes.push(Cause::invalid(at, amount, quantity::FORM));
            }
        }
    }
    for (name, request) in members(container, "/resources/requests") {
        let limit = &container["resources"]["limits"][name.as_str()];
        if let (Some(asked), Some(most)) = (quantity::read(request), quantity::read(limit))
            && asked > most
        {
            let detail = format!(
                "must be less than or equal to {name} limit of {}",
                limit.as_str().unwrap_or_default()
            );
            causes.push(Cause::invalid(
                format!("{path}.resources.requests"),
                request,
                &detail,
            ));
        }
    }
    for (index, variable) in list(container, "/env").iter().enumerate() {
        if text(variable, "/name").is_empty() {
            causes.push(Cause::required(format!("{path}.env[{index}].name"), ""));
        }
    }
}

/// Most of a pod cannot change.
pub(super) fn check_change(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let frozen = |value: &Value| {
        let mut spec = value["spec"].clone();
        for member in [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
            "schedulingGates",
            "nodeName",
        ] {
            remove(&mut spec, member);
        }
        for kind in ["containers", "initContainers"] {
            if let Some(containers) = spec[kind].as_array_mut() {
                for container in containers {
                    remove(container, "image");
                    remove(container, "imagePullPolicy");
                }
            }
        }
        spec
    };
    if frozen(old) != frozen(new) {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        causes.push(Cause::forbidden("spec", detail));
    }
}
