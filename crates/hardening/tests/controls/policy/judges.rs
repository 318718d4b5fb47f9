//! Pods, good and bad, before the programs that judge in the cluster.

use crate::alternatives::{objects, on};
use crate::fixture::{shop, with};
use crate::kube::tool;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// A pod that breaks nothing.
fn good() -> Json {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "", "namespace": "shop", "labels": { "app": "x" } },
        "spec": {
            "securityContext": { "runAsNonRoot": true },
            "containers": [container("main")],
        },
    })
}

fn container(name: &str) -> Json {
    json!({
        "name": name,
        "image": "ghcr.io/acme/app:1.2.3",
        "resources": { "limits": { "cpu": "1", "memory": "256Mi" } },
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
    })
}

type Change = fn(&mut Json);

/// Pods by name, with the rules that they break.
const PODS: &[(&str, &[&str], Change)] = &[
    ("good", &[], |_| {}),
    ("user", &[], |p| {
        p["spec"]["securityContext"] = json!({ "runAsUser": 1000 });
    }),
    ("user-of-container", &[], |p| {
        p["spec"]["securityContext"] = json!({});
        p["spec"]["containers"][0]["securityContext"]["runAsUser"] = json!(1000);
    }),
    ("says-nothing-of-users", &["no-root"], |p| {
        p["spec"]["securityContext"] = json!({});
    }),
    ("no-security-context", &["no-root"], |p| {
        p["spec"]
            .as_object_mut()
            .expect("a pod")
            .shift_remove("securityContext");
    }),
    ("root", &["no-root"], |p| {
        p["spec"]["securityContext"] = json!({ "runAsUser": 0 });
    }),
    ("root-that-says-it-is-not", &["no-root"], |p| {
        p["spec"]["securityContext"]["runAsUser"] = json!(0);
    }),
    ("root-in-one-container", &["no-root"], |p| {
        p["spec"]["containers"][0]["securityContext"]["runAsUser"] = json!(0);
    }),
    ("root-in-the-second", &["no-root"], |p| {
        let mut second = container("second");
        second["securityContext"]["runAsNonRoot"] = json!(false);
        p["spec"]["containers"]
            .as_array_mut()
            .expect("containers")
            .push(second);
    }),
    ("root-at-the-start", &["no-root"], |p| {
        let mut first = container("init");
        first["securityContext"]["runAsUser"] = json!(0);
        p["spec"]["initContainers"] = json!([first]);
    }),
    ("init-that-is-good", &[], |p| {
        p["spec"]["initContainers"] = json!([container("init")]);
    }),
    ("no-limits", &["limits-required"], |p| {
        p["spec"]["containers"][0]["resources"] = json!({});
    }),
    ("no-resources", &["limits-required"], |p| {
        p["spec"]["containers"][0]
            .as_object_mut()
            .expect("a container")
            .shift_remove("resources");
    }),
    ("only-requests", &["limits-required"], |p| {
        p["spec"]["containers"][0]["resources"] =
            json!({ "requests": { "cpu": "1", "memory": "1Gi" } });
    }),
    ("no-cpu-limit", &["limits-required"], |p| {
        p["spec"]["containers"][0]["resources"] = json!({ "limits": { "memory": "1Gi" } });
    }),
    ("no-memory-limit", &["limits-required"], |p| {
        p["spec"]["containers"][0]["resources"] = json!({ "limits": { "cpu": "1" } });
    }),
    ("init-without-limits", &["limits-required"], |p| {
        let mut first = container("init");
        first["resources"] = json!({});
        p["spec"]["initContainers"] = json!([first]);
    }),
    ("limits-of-the-pod", &[], |p| {
        p["spec"]["containers"][0]["resources"] = json!({});
        p["spec"]["resources"] = json!({ "limits": { "cpu": "1", "memory": "1Gi" } });
    }),
    ("docker-hub", &["trusted-registries"], |p| {
        p["spec"]["containers"][0]["image"] = json!("nginx:1.27");
    }),
    ("docker-hub-of-somebody", &["trusted-registries"], |p| {
        p["spec"]["containers"][0]["image"] = json!("acme/app:1.0");
    }),
    ("other-registry", &["trusted-registries"], |p| {
        p["spec"]["containers"][0]["image"] = json!("quay.io/acme/app:1.0");
    }),
    ("nearly-ours", &["trusted-registries"], |p| {
        p["spec"]["containers"][0]["image"] = json!("ghcr.io/acme-evil/app:1.0");
    }),
    ("ours-inside-theirs", &["trusted-registries"], |p| {
        p["spec"]["containers"][0]["image"] = json!("evil.example.com/ghcr.io/acme/app:1.0");
    }),
    ("init-from-elsewhere", &["trusted-registries"], |p| {
        let mut first = container("init");
        first["image"] = json!("busybox:1.36");
        p["spec"]["initContainers"] = json!([first]);
    }),
    ("latest", &["pinned-images"], |p| {
        p["spec"]["containers"][0]["image"] = json!("ghcr.io/acme/app:latest");
    }),
    ("no-tag", &["pinned-images"], |p| {
        p["spec"]["containers"][0]["image"] = json!("ghcr.io/acme/app");
    }),
    ("digest", &[], |p| {
        p["spec"]["containers"][0]["image"] = json!(format!(
            "ghcr.io/acme/app@sha256:{}",
            "0123456789abcdef".repeat(4)
        ));
    }),
    ("latest-with-a-digest", &[], |p| {
        p["spec"]["containers"][0]["image"] = json!(format!(
            "ghcr.io/acme/app:latest@sha256:{}",
            "0123456789abcdef".repeat(4)
        ));
    }),
    ("short-digest", &["pinned-images"], |p| {
        p["spec"]["containers"][0]["image"] = json!("ghcr.io/acme/app@sha256:abcd");
    }),
    ("host-network", &["no-host-access"], |p| {
        p["spec"]["hostNetwork"] = json!(true);
    }),
    ("host-processes", &["no-host-access"], |p| {
        p["spec"]["hostPID"] = json!(true);
    }),
    ("host-memory", &["no-host-access"], |p| {
        p["spec"]["hostIPC"] = json!(true);
    }),
    ("host-port", &["no-host-access"], |p| {
        p["spec"]["containers"][0]["ports"] = json!([{ "containerPort": 80, "hostPort": 80 }]);
    }),
    ("port", &[], |p| {
        p["spec"]["containers"][0]["ports"] = json!([{ "containerPort": 8080 }]);
    }),
    ("host-files", &["no-host-access"], |p| {
        p["spec"]["volumes"] = json!([{ "name": "v", "hostPath": { "path": "/" } }]);
    }),
    ("own-files", &[], |p| {
        p["spec"]["volumes"] = json!([{ "name": "v", "emptyDir": {} }]);
    }),
    ("privileged", &["no-privilege-escalation"], |p| {
        p["spec"]["containers"][0]["securityContext"]["privileged"] = json!(true);
    }),
    ("may-escalate", &["no-privilege-escalation"], |p| {
        p["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    }),
    (
        "says-nothing-of-escalation",
        &["no-privilege-escalation"],
        |p| {
            p["spec"]["containers"][0]["securityContext"] = json!({});
        },
    ),
    ("more-capabilities", &["no-privilege-escalation"], |p| {
        p["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = json!(["SYS_ADMIN"]);
    }),
    ("low-ports", &[], |p| {
        p["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] =
            json!(["NET_BIND_SERVICE"]);
    }),
    (
        "debugged",
        &["no-root", "no-privilege-escalation", "trusted-registries"],
        |p| {
            p["spec"]["ephemeralContainers"] = json!([{
                "name": "debugger", "image": "busybox:1.36", "securityContext": { "runAsUser": 0 },
            }]);
        },
    ),
    (
        "everything",
        &[
            "no-root",
            "limits-required",
            "trusted-registries",
            "pinned-images",
            "no-host-access",
            "no-privilege-escalation",
        ],
        |p| {
            p["spec"] = json!({ "hostNetwork": true, "containers": [{ "name": "main", "image": "nginx" }] });
        },
    ),
];

fn pods() -> Vec<Json> {
    let one = |(name, _, change): &(&str, &[&str], Change)| {
        let mut pod = good();
        pod["metadata"]["name"] = json!(name);
        change(&mut pod);
        pod
    };
    PODS.iter().map(one).collect()
}

/// What each pod breaks, as the table has it.
fn expected() -> BTreeMap<String, Vec<String>> {
    PODS.iter()
        .map(|(name, rules, _)| {
            let mut rules: Vec<String> = rules.iter().map(|r| (*r).to_owned()).collect();
            rules.sort();
            ((*name).to_owned(), rules)
        })
        .collect()
}

pub(super) fn namespace(name: &str) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
    })
}

pub(super) fn write(dir: &Path, name: &str, documents: &[Json]) {
    let text: Vec<String> = documents.iter().map(ToString::to_string).collect();
    std::fs::write(dir.join(name), text.join("\n---\n")).expect("written");
}

/// The policies of an engine for the shop.
fn policies(engine: &str) -> Vec<Json> {
    let policy = json!({ "engine": engine, "registries": ["ghcr.io/acme/"] });
    let expansion = on("aws").harden(&["policy"], with(shop(), json!({ "policy": policy })));
    let groups = [
        "policies.kyverno.io/v1",
        "templates.gatekeeper.sh/v1",
        "constraints.gatekeeper.sh/v1beta1",
    ];
    objects(&expansion)
        .into_iter()
        .filter(|o| groups.iter().any(|g| o["apiVersion"] == *g))
        .collect()
}

#[test]
fn there_are_enough_pods_good_and_bad() {
    let good = PODS.iter().filter(|(_, rules, _)| rules.is_empty()).count();
    assert!(PODS.len() >= 30 && good >= 10 && PODS.len() - good >= 20);
}

#[test]
fn gatekeeper_judges_pods() {
    let Some(gator) = tool("gator", "gatekeeper_judges_pods") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a scratch folder");
    write(dir.path(), "policies.yaml", &policies("gatekeeper"));
    let mut resources = vec![namespace("shop")];
    resources.extend(pods());
    write(dir.path(), "pods.yaml", &resources);
    let mut found: BTreeMap<String, Vec<String>> = PODS
        .iter()
        .map(|(n, ..)| ((*n).to_owned(), Vec::new()))
        .collect();
    found.extend(gator_finds(&gator, dir.path()));
    assert_eq!(found, expected());
}

/// The rules that the pods in a folder break by the constraints there, by the pods' names.
pub(super) fn gator_finds(gator: &Path, dir: &Path) -> BTreeMap<String, Vec<String>> {
    let output = Command::new(gator)
        .args(["test", "--output=json", "--filename"])
        .arg(dir)
        .output()
        .expect("gator runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let results: Json = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for result in results.as_array().into_iter().flatten() {
        let kind = result["constraint"]["kind"].as_str();
        let pod = result["violatingObject"]["metadata"]["name"].as_str();
        let rules = found.entry(pod.expect("a pod").to_owned()).or_default();
        rules.push(rule(kind.expect("a constraint")));
    }
    found.values_mut().for_each(|rules| rules.sort());
    found
}

/// `InfraNoRoot` is `no-root`.
fn rule(kind: &str) -> String {
    let mut out = String::new();
    for c in kind.trim_start_matches("Infra").chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[test]
fn kyverno_judges_pods() {
    let Some(kyverno) = tool("kyverno", "kyverno_judges_pods") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a scratch folder");
    write(dir.path(), "policies.yaml", &policies("kyverno"));
    write(dir.path(), "pods.yaml", &pods());
    write_values(dir.path(), &[namespace("shop")]);
    let found = kyverno_finds(&kyverno, dir.path(), "apps-");
    let mut all: BTreeMap<String, Vec<String>> = PODS
        .iter()
        .map(|(n, ..)| ((*n).to_owned(), Vec::new()))
        .collect();
    all.extend(found);
    assert_eq!(all, expected());
}

/// The rules that resources break, by their names.
pub(super) fn kyverno_finds(
    kyverno: &Path,
    dir: &Path,
    tier: &str,
) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for result in kyverno_judges(kyverno, dir) {
        assert_ne!(result["result"], "error", "{result}");
        if result["result"] != "fail" {
            continue;
        }
        let policy = result["policy"].as_str().expect("a policy");
        let Some(rule) = policy.strip_prefix(tier) else {
            continue;
        };
        for resource in result["resources"].as_array().into_iter().flatten() {
            let name = resource["name"].as_str().expect("a name");
            found
                .entry(name.to_owned())
                .or_default()
                .push(rule.to_owned());
        }
    }
    found.values_mut().for_each(|rules| rules.sort());
    found
}

/// What Kyverno says of the pods in a folder, by the policies, exceptions and values there.
pub(super) fn kyverno_judges(kyverno: &Path, dir: &Path) -> Vec<Json> {
    let exceptions = dir.join("exceptions.yaml");
    let output = Command::new(kyverno)
        .arg("apply")
        .arg(dir.join("policies.yaml"))
        .arg("--resource")
        .arg(dir.join("pods.yaml"))
        .arg("--values-file")
        .arg(dir.join("values.yaml"))
        .args(
            exceptions
                .exists()
                .then(|| [OsStr::new("--exception"), exceptions.as_os_str()])
                .into_iter()
                .flatten(),
        )
        .args(["--policy-report", "--output-format", "json"])
        .env("HOME", dir)
        .output()
        .expect("kyverno runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let start = text.find('{').unwrap_or_else(|| {
        panic!(
            "no report: {text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let report: Json =
        serde_json::from_str(&text[start..]).unwrap_or_else(|e| panic!("{e}: {text}"));
    report["results"].as_array().cloned().unwrap_or_default()
}

/// What Kyverno's program is told of namespaces, which it cannot ask for.
pub(super) fn write_values(dir: &Path, namespaces: &[Json]) {
    let selector: Vec<Json> = namespaces
        .iter()
        .map(|n| json!({ "name": n["metadata"]["name"], "labels": n["metadata"]["labels"] }))
        .collect();
    let values = json!({
        "apiVersion": "cli.kyverno.io/v1alpha1",
        "kind": "Values",
        "metadata": { "name": "values" },
        "namespaceSelector": selector,
    });
    write(dir, "values.yaml", &[values]);
}
