//! Pod security: the standards `baseline` and `restricted`, as the labels of a namespace enforce them.

use serde_json::Value;

use super::super::error::{ApiError, ApiResult};
use super::super::kinds::Resource;
use super::super::store::Session;
use super::super::value::{list, text};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const WARN: &str = "pod-security.kubernetes.io/warn";

/// Refuses a pod that its namespace does not take.
pub(super) fn check(session: &Session<'_>, pod: &Value) -> ApiResult<()> {
    let Some((level, version)) = level(session, text(pod, "/metadata/namespace"), ENFORCE) else {
        return Ok(());
    };
    let found = violations(&pod["spec"], &level);
    if found.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "violates PodSecurity \"{level}:{version}\": {}",
        found.join(", ")
    );
    let name = text(pod, "/metadata/name");
    Err(ApiError::forbidden("", "pods", name, &detail))
}

/// Warns of a pod, or of a template of pods.
pub(super) fn warn(session: &mut Session<'_>, resource: &Resource, new: &Value) {
    let spec = match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => &new["spec"],
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") | ("batch", "Job") => {
            &new["spec"]["template"]["spec"]
        }
        ("batch", "CronJob") => &new["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        _ => return,
    };
    let namespace = text(new, "/metadata/namespace");
    let Some((level, version)) = level(session, namespace, WARN) else {
        return;
    };
    let found = violations(spec, &level);
    if !found.is_empty() {
        let warning = format!(
            "would violate PodSecurity \"{level}:{version}\": {}",
            found.join(", ")
        );
        session.warnings.push(warning);
    }
}

/// The level that a label of a namespace asks for, and its version.
fn level(session: &Session<'_>, namespace: &str, label: &str) -> Option<(String, String)> {
    let namespace = session.find("", "namespaces", "", namespace)?;
    let labels = &namespace["metadata"]["labels"];
    let level = labels[label].as_str()?;
    if !matches!(level, "baseline" | "restricted") {
        return None;
    }
    let version = labels[format!("{label}-version")]
        .as_str()
        .unwrap_or("latest");
    Some((level.to_owned(), version.to_owned()))
}

/// Containers that something holds of, as messages name them.
fn containers(spec: &Value, holds: impl Fn(&Value) -> bool) -> Option<String> {
    let mut names = Vec::new();
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(spec, &format!("/{kind}")) {
            if holds(container) {
                names.push(format!("{:?}", text(container, "/name")));
            }
        }
    }
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("container {one}")),
        many => Some(format!("containers {}", many.join(", "))),
    }
}

const ADDABLE: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
];

/// What a spec has that a level forbids.
fn violations(spec: &Value, level: &str) -> Vec<String> {
    let mut found = Vec::new();
    baseline(spec, level, &mut found);
    if level == "restricted" {
        restricted(spec, &mut found);
    }
    found
}

fn baseline(spec: &Value, level: &str, found: &mut Vec<String>) {
    let host: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .iter()
        .filter(|name| spec[**name] == true)
        .map(|name| format!("{name}=true"))
        .collect();
    if !host.is_empty() {
        found.push(format!("host namespaces ({})", host.join(", ")));
    }
    if let Some(who) = containers(spec, |one| one["securityContext"]["privileged"] == true) {
        found.push(format!(
            "privileged ({who} must not set securityContext.privileged=true)"
        ));
    }
    let added = |container: &Value| {
        let added = list(container, "/securityContext/capabilities/add").to_vec();
        added
            .into_iter()
            .any(|name| !ADDABLE.contains(&name.as_str().unwrap_or_default()))
    };
    if level == "baseline"
        && let Some(who) = containers(spec, added)
    {
        found.push(format!(
            "non-default capabilities ({who} must not include other than the default ones in securityContext.capabilities.add)"
        ));
    }
    let host_paths: Vec<String> = list(spec, "/volumes")
        .iter()
        .filter(|volume| volume["hostPath"].is_object())
        .map(|volume| format!("{:?}", text(volume, "/name")))
        .collect();
    if level == "baseline" && !host_paths.is_empty() {
        let word = if host_paths.len() == 1 {
            "volume"
        } else {
            "volumes"
        };
        found.push(format!(
            "hostPath volumes ({word} {})",
            host_paths.join(", ")
        ));
    }
    let ports = |container: &Value| {
        list(container, "/ports")
            .iter()
            .any(|port| port["hostPort"].as_i64().unwrap_or(0) != 0)
    };
    if let Some(who) = containers(spec, ports) {
        found.push(format!("hostPort ({who} uses hostPorts)"));
    }
    let seccomp = |context: &Value| context["seccompProfile"]["type"] == "Unconfined";
    if seccomp(&spec["securityContext"])
        || containers(spec, |one| seccomp(&one["securityContext"])).is_some()
    {
        found.push(
            "seccompProfile (must not set securityContext.seccompProfile.type to \"Unconfined\")"
                .to_owned(),
        );
    }
    if let Some(who) = containers(
        spec,
        |one| matches!(one["securityContext"]["procMount"].as_str(), Some(kind) if kind != "Default"),
    ) {
        found.push(format!(
            "procMount ({who} must not set securityContext.procMount)"
        ));
    }
    let sysctls: Vec<String> = list(spec, "/securityContext/sysctls")
        .iter()
        .map(|one| text(one, "/name"))
        .filter(|name| !SYSCTLS.contains(name))
        .map(str::to_owned)
        .collect();
    if !sysctls.is_empty() {
        found.push(format!("forbidden sysctls ({})", sysctls.join(", ")));
    }
}

fn restricted(spec: &Value, found: &mut Vec<String>) {
    if let Some(who) = containers(spec, |one| {
        one["securityContext"]["allowPrivilegeEscalation"] != false
    }) {
        found.push(format!(
            "allowPrivilegeEscalation != false ({who} must set securityContext.allowPrivilegeEscalation=false)"
        ));
    }
    let unrestricted = |container: &Value| {
        let capabilities = &container["securityContext"]["capabilities"];
        let drops = list(capabilities, "/drop").iter().any(|name| name == "ALL");
        let adds = list(capabilities, "/add")
            .iter()
            .any(|name| name != "NET_BIND_SERVICE");
        !drops || adds
    };
    if let Some(who) = containers(spec, unrestricted) {
        found.push(format!(
            "unrestricted capabilities ({who} must set securityContext.capabilities.drop=[\"ALL\"])"
        ));
    }
    const VOLUMES: [&str; 10] = [
        "name",
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
        "image",
    ];
    for volume in list(spec, "/volumes") {
        let kind = volume
            .as_object()
            .into_iter()
            .flatten()
            .find(|(name, _)| !VOLUMES.contains(&name.as_str()));
        if let Some((kind, _)) = kind {
            found.push(format!(
                "restricted volume types (volume {:?} uses restricted volume type {kind:?})",
                text(volume, "/name")
            ));
        }
    }
    let pod = &spec["securityContext"];
    let root = |container: &Value| match container["securityContext"]["runAsNonRoot"].as_bool() {
        Some(flag) => !flag,
        None => pod["runAsNonRoot"] != true,
    };
    if let Some(who) = containers(spec, root) {
        found.push(format!(
            "runAsNonRoot != true (pod or {who} must set securityContext.runAsNonRoot=true)"
        ));
    }
    let zero = |context: &Value| context["runAsUser"].as_i64() == Some(0);
    if zero(pod) || containers(spec, |one| zero(&one["securityContext"])).is_some() {
        found.push("runAsUser=0 (must not set runAsUser=0)".to_owned());
    }
    let good = |context: &Value| {
        matches!(
            context["seccompProfile"]["type"].as_str(),
            Some("RuntimeDefault" | "Localhost")
        )
    };
    let open = |container: &Value| {
        let own = &container["securityContext"];
        if own["seccompProfile"].is_null() {
            !good(pod)
        } else {
            !good(own)
        }
    };
    if let Some(who) = containers(spec, open) {
        found.push(format!(
            "seccompProfile (pod or {who} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
        ));
    }
}
