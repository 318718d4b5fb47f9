//! `quotas`: how much may be used, and what pods may do. A LimitRange comes before the ResourceQuota of its namespace, for under a
//! quota a pod without limits is refused.

use crate::app::{App, Quota};
use crate::control::Control;
use crate::inside::Inside;
use crate::objects::object;
use infra_draft::draft::Draft;
use infra_draft::input::escape;
use infra_model::Record;
use serde_json::{Value as Json, json};

/// Limits per namespace: what a container gets that asks for nothing, what an app may use altogether, which work goes first
/// when room is short, and which Pod Security Standard holds.
#[derive(Record)]
pub(crate) struct Config {
    /// Processors that a container asks for when it does not say.
    #[record(optional, default = "50m")]
    pub(crate) request_cpu: String,
    /// Memory that a container asks for when it does not say.
    #[record(optional, default = "64Mi")]
    pub(crate) request_memory: String,
    /// Processors that a container may use at most when it does not say.
    #[record(optional, default = "500m")]
    pub(crate) limit_cpu: String,
    /// Memory that a container may use at most when it does not say.
    #[record(optional, default = "512Mi")]
    pub(crate) limit_memory: String,
    /// The largest volume that an app may ask for.
    #[record(optional, default = "100Gi")]
    pub(crate) largest_volume: String,
    /// What an app without a `quota` of its own may use.
    #[record(block, max = 1)]
    pub(crate) quota: Vec<Quota>,
}

/// What an app may use when nothing is said.
const USUAL: (&str, &str, i64, &str) = ("4", "8Gi", 50, "100Gi");

/// Priorities, what they are for, and whether pods that wait may push others out.
const PRIORITIES: [(&str, i64, &str, &str); 4] = [
    (
        "platform",
        1_000_000,
        "PreemptLowerPriority",
        "What the cluster's own services need",
    ),
    (
        "app-critical",
        100_000,
        "PreemptLowerPriority",
        "Apps that people wait for",
    ),
    (
        "app-default",
        1_000,
        "PreemptLowerPriority",
        "Apps that say nothing",
    ),
    ("batch", -1_000, "Never", "Work that can wait"),
];

/// The control.
pub(crate) struct Quotas;

impl Control for Quotas {
    const NAME: &'static str = "quotas";
    const BASELINE: bool = true;
    type Config = Config;

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        for app in &inside.apps {
            let quota = app.inputs.quota.first();
            let path = format!("{}.quota", app.path());
            check(quota, &path, &mut inside.draft);
        }
        check(config.quota.first(), "quotas.quota", &mut inside.draft);
        for (path, text) in config.amounts() {
            amount(text, &format!("quotas.{path}"), &mut inside.draft);
        }
        for (name, value, preemption, about) in PRIORITIES {
            let rest = json!({
                "value": value,
                "globalDefault": name == "app-default",
                "preemptionPolicy": preemption,
                "description": about,
            });
            inside.object(object(
                "scheduling.k8s.io/v1",
                "PriorityClass",
                "",
                name,
                rest,
            ));
        }
    }

    fn finish(config: &Config, inside: &mut Inside<'_>) {
        let apps: Vec<App> = inside.apps.clone();
        let names: Vec<String> = inside.namespaces.keys().cloned().collect();
        for name in names {
            let app = apps.iter().find(|a| a.namespace() == name);
            let mut gates = vec![inside.object(limits(config, &name, app.is_some()))];
            let quota = match app {
                Some(app) => app_quota(app.inputs.quota.first().or(config.quota.first()), &name),
                None => critical_pods(&name),
            };
            let quota = inside.object(quota);
            inside.after(&quota, gates.clone());
            gates.push(quota);
            if let Some(namespace) = inside.namespaces.get_mut(&name) {
                namespace.gates.extend(gates);
                for (mode, standard) in [
                    ("enforce", namespace.pod_security.as_str()),
                    ("audit", "restricted"),
                    ("warn", "restricted"),
                ] {
                    let key = format!("pod-security.kubernetes.io/{mode}");
                    namespace.labels.insert(key, standard.to_owned());
                }
            }
        }
    }
}

impl Config {
    fn amounts(&self) -> [(&'static str, &str); 5] {
        [
            ("request_cpu", &self.request_cpu),
            ("request_memory", &self.request_memory),
            ("limit_cpu", &self.limit_cpu),
            ("limit_memory", &self.limit_memory),
            ("largest_volume", &self.largest_volume),
        ]
    }
}

fn limits(config: &Config, namespace: &str, app: bool) -> Json {
    let mut limits = vec![json!({
        "type": "Container",
        "defaultRequest": { "cpu": escape(&config.request_cpu), "memory": escape(&config.request_memory) },
        "default": { "cpu": escape(&config.limit_cpu), "memory": escape(&config.limit_memory) },
    })];
    if app {
        limits.push(json!({
            "type": "PersistentVolumeClaim",
            "max": { "storage": escape(&config.largest_volume) },
        }));
    }
    object(
        "v1",
        "LimitRange",
        namespace,
        "defaults",
        json!({ "spec": { "limits": limits } }),
    )
}

fn app_quota(quota: Option<&Quota>, namespace: &str) -> Json {
    let (cpu, memory, pods, storage) = USUAL;
    let given = |f: fn(&Quota) -> &Option<String>, usual: &str| {
        escape(quota.and_then(|q| f(q).as_deref()).unwrap_or(usual))
    };
    let cpu = given(|q| &q.cpu, cpu);
    let memory = given(|q| &q.memory, memory);
    let storage = given(|q| &q.storage, storage);
    let pods = quota.and_then(|q| q.pods).unwrap_or(pods);
    // What an app is reached by is the gateway: it opens no way of its own.
    let hard = json!({
        "requests.cpu": cpu, "limits.cpu": cpu,
        "requests.memory": memory, "limits.memory": memory,
        "requests.storage": storage,
        "pods": pods.to_string(),
        "services.loadbalancers": "0", "services.nodeports": "0",
    });
    object(
        "v1",
        "ResourceQuota",
        namespace,
        "quota",
        json!({ "spec": { "hard": hard } }),
    )
}

/// GKE admits critical pods only where a quota speaks of them.
/// <https://cloud.google.com/kubernetes-engine/docs/concepts/planning-large-workloads>, and the `ResourceQuota` admission
/// plug-in's `limitedResources`.
fn critical_pods(namespace: &str) -> Json {
    let scope = json!({
        "scopeName": "PriorityClass",
        "operator": "In",
        "values": ["system-node-critical", "system-cluster-critical"],
    });
    let spec =
        json!({ "hard": { "pods": "1000" }, "scopeSelector": { "matchExpressions": [scope] } });
    object(
        "v1",
        "ResourceQuota",
        namespace,
        "critical-pods",
        json!({ "spec": spec }),
    )
}

fn check(quota: Option<&Quota>, path: &str, draft: &mut Draft<'_>) {
    let Some(quota) = quota else { return };
    for (name, text) in [
        ("cpu", &quota.cpu),
        ("memory", &quota.memory),
        ("storage", &quota.storage),
    ] {
        if let Some(text) = text {
            amount(text, &format!("{path}.{name}"), draft);
        }
    }
    if quota.pods.is_some_and(|p| p < 1) {
        draft.refuse(
            &format!("{path}.pods"),
            "an app needs at least one pod",
            "write `pods = 50`, or leave the app out",
        );
    }
}

/// Quantities of Kubernetes: a number, and a suffix of ten or of two.
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>
fn amount(text: &str, path: &str, draft: &mut Draft<'_>) {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let suffixes = [
        "", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    if number.parse::<f64>().is_ok_and(|n| n > 0.0) && suffixes.contains(&suffix) {
        return;
    }
    draft.refuse(
        path,
        format!("`{text}` is no amount"),
        "write processors as \"2\" or \"500m\", memory and storage as \"512Mi\" or \"16Gi\"",
    );
}
