//! Kinds of the smaller groups: roles, network policies, definitions, classes, webhooks.

use serde_json::Value;

use super::super::error::Cause;
use super::super::kinds::{Resource, is_builtin_group};
use super::super::meta::{LABEL_1035, SUBDOMAIN, immutable, is_label_1035, is_subdomain};
use super::super::value::{list, text};

pub(super) fn check(
    resource: &Resource,
    old: Option<&Value>,
    new: &Value,
    causes: &mut Vec<Cause>,
) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            if let Some(old) = old
                && old["roleRef"] != new["roleRef"]
            {
                let detail = "cannot change roleRef";
                causes.push(Cause::invalid("roleRef", &new["roleRef"], detail));
            }
            for (index, subject) in list(new, "/subjects").iter().enumerate() {
                let kind = text(subject, "/kind");
                let path = format!("subjects[{index}]");
                match kind {
                    "ServiceAccount" if text(subject, "/namespace").is_empty() => {
                        causes.push(Cause::required(format!("{path}.namespace"), ""));
                    }
                    "ServiceAccount" | "User" | "Group" => {}
                    _ => causes.push(Cause::unsupported(
                        format!("{path}.kind"),
                        &kind.into(),
                        &["Group", "ServiceAccount", "User"],
                    )),
                }
            }
        }
        ("rbac.authorization.k8s.io", _) => {
            for (index, rule) in list(new, "/rules").iter().enumerate() {
                if list(rule, "/verbs").is_empty() {
                    let path = format!("rules[{index}].verbs");
                    causes.push(Cause::required(
                        path,
                        "verbs must contain at least one value",
                    ));
                }
            }
        }
        ("networking.k8s.io", "NetworkPolicy") => network_policy(new, causes),
        ("networking.k8s.io", "Ingress") => ingress(new, causes),
        ("apiextensions.k8s.io", _) => definition(old, new, causes),
        ("storage.k8s.io", "StorageClass") => {
            if let Some(old) = old {
                for member in [
                    "/provisioner",
                    "/parameters",
                    "/reclaimPolicy",
                    "/volumeBindingMode",
                ] {
                    immutable(old, new, member, causes);
                }
            }
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            if let Some(old) = old {
                immutable(old, new, "/value", causes);
            }
            let value = new["value"].as_i64().unwrap_or(0);
            let name = text(new, "/metadata/name");
            if value > 1_000_000_000 && !name.starts_with("system-") {
                let detail = "maximum allowed value of a user defined priority is 1000000000";
                causes.push(Cause::forbidden("value", detail));
            }
        }
        ("policy", "PodDisruptionBudget") => {
            let spec = &new["spec"];
            if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
                let detail = "minAvailable and maxUnavailable cannot be both set";
                causes.push(Cause::invalid("spec", spec, detail));
            }
        }
        ("admissionregistration.k8s.io", _) => webhooks(new, causes),
        _ => {}
    }
}

fn network_policy(new: &Value, causes: &mut Vec<Cause>) {
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(new, &format!("/spec/{direction}")).iter().enumerate() {
            for (at, peer) in list(rule, &format!("/{peers}")).iter().enumerate() {
                let path = format!("spec.{direction}[{index}].{peers}[{at}]");
                let selects =
                    !peer["podSelector"].is_null() || !peer["namespaceSelector"].is_null();
                let block = &peer["ipBlock"];
                if selects && !block.is_null() {
                    let detail = "may not specify both ipBlock and another peer";
                    causes.push(Cause::forbidden(path.clone(), detail));
                } else if !selects && block.is_null() {
                    causes.push(Cause::required(path.clone(), "must specify a peer"));
                }
                if let Some(cidr) = block["cidr"].as_str() {
                    let Ok(range) = cidr.parse::<ipnet::IpNet>() else {
                        let detail =
                            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
                        causes.push(Cause::invalid(
                            format!("{path}.ipBlock.cidr"),
                            &cidr.into(),
                            detail,
                        ));
                        continue;
                    };
                    for (number, except) in list(block, "/except").iter().enumerate() {
                        let inside = except
                            .as_str()
                            .and_then(|text| text.parse::<ipnet::IpNet>().ok())
                            .is_some_and(|net| range.contains(&net) && net != range);
                        if !inside {
                            let at = format!("{path}.ipBlock.except[{number}]");
                            let detail = "must be a strict subset of `cidr`";
                            causes.push(Cause::invalid(at, except, detail));
                        }
                    }
                }
            }
        }
    }
    for (index, kind) in list(new, "/spec/policyTypes").iter().enumerate() {
        if kind != "Ingress" && kind != "Egress" {
            let path = format!("spec.policyTypes[{index}]");
            causes.push(Cause::unsupported(path, kind, &["Egress", "Ingress"]));
        }
    }
}

fn ingress(new: &Value, causes: &mut Vec<Cause>) {
    let rules = list(new, "/spec/rules");
    if rules.is_empty() && new["spec"]["defaultBackend"].is_null() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        causes.push(Cause::invalid("spec", &new["spec"], detail));
    }
    for (index, rule) in rules.iter().enumerate() {
        for (at, path) in list(rule, "/http/paths").iter().enumerate() {
            let kind = text(path, "/pathType");
            let field = format!("spec.rules[{index}].http.paths[{at}]");
            if !["Exact", "Prefix", "ImplementationSpecific"].contains(&kind) {
                let allowed = ["Exact", "ImplementationSpecific", "Prefix"];
                causes.push(Cause::unsupported(
                    format!("{field}.pathType"),
                    &kind.into(),
                    &allowed,
                ));
            }
            let value = text(path, "/path");
            if kind != "ImplementationSpecific" && !value.starts_with('/') {
                let detail = "must be an absolute path";
                causes.push(Cause::invalid(
                    format!("{field}.path"),
                    &value.into(),
                    detail,
                ));
            }
        }
    }
}

fn definition(old: Option<&Value>, new: &Value, causes: &mut Vec<Cause>) {
    let spec = &new["spec"];
    let (group, plural) = (text(spec, "/group"), text(spec, "/names/plural"));
    let name = text(new, "/metadata/name");
    if name != format!("{plural}.{group}") {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &name.into(), detail));
    }
    if !is_subdomain(group) || !group.contains('.') {
        causes.push(Cause::invalid("spec.group", &group.into(), SUBDOMAIN));
    }
    if is_builtin_group(group) {
        causes.push(Cause::forbidden("spec.group", "the group is built in"));
    }
    if group.ends_with(".k8s.io") || group.ends_with(".kubernetes.io") {
        let annotation = &new["metadata"]["annotations"]["api-approved.kubernetes.io"];
        if annotation.is_null() {
            let detail = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111";
            causes.push(Cause::required(
                "metadata.annotations[api-approved.kubernetes.io]",
                detail,
            ));
        }
    }
    if !is_label_1035(plural) {
        causes.push(Cause::invalid(
            "spec.names.plural",
            &plural.into(),
            LABEL_1035,
        ));
    }
    let scope = text(spec, "/scope");
    if !["Cluster", "Namespaced"].contains(&scope) {
        causes.push(Cause::unsupported(
            "spec.scope",
            &scope.into(),
            &["Cluster", "Namespaced"],
        ));
    }
    let versions = list(spec, "/versions");
    let stored = versions.iter().filter(|version| version["storage"] == true);
    if stored.count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid(
            "spec.versions",
            &versions.len().into(),
            detail,
        ));
    }
    for (index, version) in versions.iter().enumerate() {
        let schema = &version["schema"]["openAPIV3Schema"];
        let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
        if schema.is_null() {
            causes.push(Cause::required(path, "schemas are required"));
            continue;
        }
        structural(schema, &path, causes);
    }
    if spec["preserveUnknownFields"] == true {
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        causes.push(Cause::invalid(
            "spec.preserveUnknownFields",
            &true.into(),
            detail,
        ));
    }
    if let Some(old) = old {
        for member in [
            "/spec/group",
            "/spec/scope",
            "/spec/names/plural",
            "/spec/names/kind",
        ] {
            immutable(old, new, member, causes);
        }
        let served = list(old, "/status/storedVersions");
        for (index, stored) in served.iter().enumerate() {
            if !versions.iter().any(|version| version["name"] == *stored) {
                let path = format!("status.storedVersions[{index}]");
                let detail =
                    "missing from spec.versions; a version that is stored cannot be removed";
                causes.push(Cause::invalid(path, stored, detail));
            }
        }
    }
}

/// A schema says what type everything is.
fn structural(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let typed = schema["type"].is_string()
        || schema["x-kubernetes-int-or-string"] == true
        || schema["x-kubernetes-preserve-unknown-fields"] == true;
    if !typed {
        causes.push(Cause::required(
            format!("{path}.type"),
            "must not be empty for specified object fields",
        ));
    }
    for (name, member) in super::super::value::members(schema, "/properties") {
        structural(member, &format!("{path}.properties[{name}]"), causes);
    }
    if schema["type"] == "array" {
        if schema["items"].is_object() {
            structural(&schema["items"], &format!("{path}.items"), causes);
        } else {
            causes.push(Cause::required(
                format!("{path}.items"),
                "must be specified",
            ));
        }
    }
    if schema["additionalProperties"].is_object() {
        if schema["properties"].is_object() {
            let detail = "additionalProperties and properties are mutual exclusive";
            causes.push(Cause::forbidden(
                format!("{path}.additionalProperties"),
                detail,
            ));
        }
        structural(
            &schema["additionalProperties"],
            &format!("{path}.additionalProperties"),
            causes,
        );
    }
}

fn webhooks(new: &Value, causes: &mut Vec<Cause>) {
    for (index, webhook) in list(new, "/webhooks").iter().enumerate() {
        let path = format!("webhooks[{index}]");
        let name = text(webhook, "/name");
        if name.split('.').count() < 3 {
            let detail = "should be a domain with at least three segments separated by dots";
            causes.push(Cause::invalid(format!("{path}.name"), &name.into(), detail));
        }
        let effects = text(webhook, "/sideEffects");
        if !["None", "NoneOnDryRun"].contains(&effects) {
            causes.push(Cause::unsupported(
                format!("{path}.sideEffects"),
                &effects.into(),
                &["None", "NoneOnDryRun"],
            ));
        }
        let seconds = webhook["timeoutSeconds"].as_i64().unwrap_or(10);
        if !(1..=30).contains(&seconds) {
            let detail = "the timeout value must be between 1 and 30 seconds";
            causes.push(Cause::invalid(
                format!("{path}.timeoutSeconds"),
                &seconds.into(),
                detail,
            ));
        }
        let client = &webhook["clientConfig"];
        if client["service"].is_null() == client["url"].is_null() {
            let detail = "exactly one of url or service is required";
            causes.push(Cause::required(format!("{path}.clientConfig"), detail));
        }
    }
}
