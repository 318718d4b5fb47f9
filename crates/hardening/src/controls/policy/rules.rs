//! What pods are judged by, once, in the Common Expression Language that Kyverno and Gatekeeper both speak. A rule gives the
//! names of what breaks it, so that a refusal can say them.

use serde_json::{Value as Json, json};

/// A rule.
pub(super) struct Rule {
    /// `no-root`
    pub(super) name: &'static str,
    /// Gatekeeper's kind for it.
    pub(super) kind: &'static str,
    /// What a refusal says, before the names of what breaks the rule.
    pub(super) message: &'static str,
    /// An expression over the pod: the names of what breaks the rule.
    pub(super) broken: &'static str,
}

/// The one rule that has a parameter: the list that image names must begin with.
pub(super) const REGISTRIES: &str = "trusted-registries";

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "no-root",
        kind: "InfraNoRoot",
        message: "containers must not run as root: set runAsNonRoot, or runAsUser to another user than 0",
        broken: "variables.all.filter(c, !(c.?securityContext.?runAsUser.orValue(object.spec.?securityContext.?runAsUser.orValue(-1)) > 0 \
            || (c.?securityContext.?runAsUser.orValue(object.spec.?securityContext.?runAsUser.orValue(-1)) == -1 \
            && c.?securityContext.?runAsNonRoot.orValue(object.spec.?securityContext.?runAsNonRoot.orValue(false))))).map(c, c.name)",
    },
    Rule {
        name: "limits-required",
        kind: "InfraLimitsRequired",
        message: "containers must have limits of cpu and memory",
        // Containers for debugging cannot have any.
        broken: "variables.lasting.filter(c, !['cpu', 'memory'].all(r, r in c.?resources.?limits.orValue({}) \
            || r in object.spec.?resources.?limits.orValue({}))).map(c, c.name)",
    },
    Rule {
        name: REGISTRIES,
        kind: "InfraTrustedRegistries",
        message: "images must come from a trusted registry",
        // A name without a host is one of Docker Hub's.
        broken: "variables.all.map(c, !c.image.contains('/') ? 'docker.io/library/' + c.image \
            : c.image.split('/')[0].matches('[.:]|^localhost$') ? c.image : 'docker.io/' + c.image) \
            .filter(i, !variables.registries.exists(r, i.startsWith(r)))",
    },
    Rule {
        name: "pinned-images",
        kind: "InfraPinnedImages",
        message: "images must be named by a digest, or by a tag other than latest",
        broken: "variables.all.filter(c, !c.image.matches('@sha256:[0-9a-f]{64}$') \
            && !(!c.image.contains('@') && c.image.matches(':[^/:]+$') && !c.image.endsWith(':latest'))).map(c, c.image)",
    },
    Rule {
        name: "no-host-access",
        kind: "InfraNoHostAccess",
        message: "pods must not use the network, processes, ports or files of their node",
        broken: "(object.spec.?hostNetwork.orValue(false) ? ['hostNetwork'] : []) \
            + (object.spec.?hostPID.orValue(false) ? ['hostPID'] : []) \
            + (object.spec.?hostIPC.orValue(false) ? ['hostIPC'] : []) \
            + variables.lasting.filter(c, c.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) != 0)).map(c, c.name) \
            + object.spec.?volumes.orValue([]).filter(v, has(v.hostPath)).map(v, v.name)",
    },
    Rule {
        name: "no-privilege-escalation",
        kind: "InfraNoPrivilegeEscalation",
        message: "containers must set allowPrivilegeEscalation to false, not be privileged and add no capability but NET_BIND_SERVICE",
        broken: "variables.all.filter(c, c.?securityContext.?privileged.orValue(false) \
            || c.?securityContext.?allowPrivilegeEscalation.orValue(true) \
            || c.?securityContext.?capabilities.?add.orValue([]).exists(a, a != 'NET_BIND_SERVICE')).map(c, c.name)",
    },
];

/// A change that leaves alone what runs is not judged again: pods from before a rule can be labelled, and can go.
pub(crate) const CHANGES: &str =
    "oldObject == null || !has(oldObject.spec) || object.spec != oldObject.spec";

/// The variables of a rule; `registries` is an expression.
pub(super) fn variables(rule: &Rule, registries: &str) -> Json {
    let mut out = vec![
        json!({ "name": "lasting", "expression": "object.spec.containers + object.spec.?initContainers.orValue([])" }),
        json!({ "name": "all", "expression": "variables.lasting + object.spec.?ephemeralContainers.orValue([])" }),
    ];
    if rule.name == REGISTRIES {
        out.push(json!({ "name": "registries", "expression": registries }));
    }
    out.push(json!({ "name": "broken", "expression": rule.broken }));
    Json::Array(out)
}

/// What must hold, and what is said when it does not.
pub(super) fn validation(rule: &Rule) -> Json {
    json!({
        "expression": "variables.broken.size() == 0",
        "message": rule.message,
        "messageExpression": format!("'{}: ' + variables.broken.join(', ')", rule.message),
    })
}

/// A list of texts as an expression.
pub(super) fn list(texts: &[String]) -> String {
    let quoted = texts
        .iter()
        .map(|t| format!("'{}'", t.replace('\\', "\\\\").replace('\'', "\\'")));
    format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
}
