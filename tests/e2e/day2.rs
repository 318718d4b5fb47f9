//! Clusters that live on: versions that change, and what is left when they go.

use crate::support::Stack;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

impl Stack {
    /// How many things of a type there are.
    fn count(&self, type_name: &str) -> usize {
        let all = self.server.resources();
        all.iter().filter(|r| r["type"] == type_name).count()
    }
}

fn cluster(cloud: &str, region: &str, version: &str, more: &str) -> String {
    format!(
        r#"
[stack]
name = "shop"
[clouds.{cloud}]
{region}
[network.main]
cloud = "{cloud}"
[cluster.main]
network    = "main"
kubernetes = "{version}"
api        = {{ public_from = [] }}
[cluster.main.pools.general]
size = "medium"
min  = 3
max  = 6
[cluster.main.pools.batch]
size = "medium"
min  = 1
max  = 3
{more}"#
    )
}

/// The budget of one pod lets none go.
const TIGHT: &str = r#"
[resource.kubernetes_namespace.shop]
provider = "kubernetes.main"
metadata = { name = "shop" }
[resource.kubernetes_manifest.web]
provider = "kubernetes.main"
manifest = { apiVersion = "apps/v1", kind = "Deployment", metadata = { name = "web", namespace = "shop" }, spec = { replicas = 1, selector = { matchLabels = { app = "web" } }, template = { metadata = { labels = { app = "web" } }, spec = { containers = [{ name = "web", image = "registry.k8s.io/pause:3.10" }] } } } }
wait = { rollout = true }
depends_on = ["kubernetes_namespace.shop"]
[resource.kubernetes_manifest.budget]
provider = "kubernetes.main"
manifest = { apiVersion = "policy/v1", kind = "PodDisruptionBudget", metadata = { name = "web", namespace = "shop" }, spec = { minAvailable = 1, selector = { matchLabels = { app = "web" } } } }
depends_on = ["kubernetes_manifest.web"]
"#;

const OLD: &str = r#"
[resource.kubernetes_manifest.flows]
provider = "kubernetes.main"
manifest = { apiVersion = "flowcontrol.apiserver.k8s.io/v1beta3", kind = "FlowSchema", metadata = { name = "flows" }, spec = { priorityLevelConfiguration = { name = "global-default" } } }
"#;

/// What each step of a saved plan comes after, directly or by others.
fn before(dot: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in dot.lines() {
        if let Some((later, earlier)) = line.trim().trim_end_matches(';').split_once(" -> ") {
            let name = |text: &str| text.trim_matches('"').to_owned();
            needs.entry(name(later)).or_default().insert(name(earlier));
        }
    }
    let direct = needs.clone();
    loop {
        let mut more = false;
        for earlier in needs.values_mut() {
            let further: Vec<String> = earlier
                .iter()
                .filter_map(|e| direct.get(e))
                .flatten()
                .cloned()
                .collect();
            for one in further {
                more |= earlier.insert(one);
            }
        }
        if !more {
            return needs;
        }
    }
}

/// Each cloud, where it is, the control plane's address and how those of pools begin. On Google Cloud pools follow by themselves.
const CLOUDS: [(&str, &str, &str, Option<&str>); 3] = [
    (
        "aws",
        "region = \"eu-west-1\"",
        "aws_eks_cluster.this",
        Some("aws_eks_node_group."),
    ),
    (
        "google",
        "region = \"europe-west1\"",
        "google_container_cluster.this",
        None,
    ),
    (
        "azure",
        "location = \"westeurope\"",
        "azurerm_kubernetes_cluster.this",
        Some("azurerm_kubernetes_cluster_node_pool."),
    ),
];

#[test]
fn the_control_plane_goes_before_its_pools_and_budgets_are_named() {
    for (cloud, region, control_plane, pool) in CLOUDS {
        let stack = Stack::sandboxed();
        stack.write(&cluster(cloud, region, "1.33", TIGHT));
        stack.run(&["apply", "-auto-approve"]).expect(0);
        let quiet = stack.run(&["plan"]).expect(0).told();
        assert!(!quiet.contains("no pod may go"), "{cloud}: {quiet}");

        stack.write(&cluster(cloud, region, "1.34", TIGHT));
        let plan = stack.run(&["plan", "-out", "up.plan"]).expect(0).told();
        assert!(
            plan.contains("no pod may go for: shop/web"),
            "{cloud}: {plan}"
        );
        let dot = stack.folder.run(&["graph", "up.plan"]).expect(0).stdout;
        let before = before(&dot);
        let raised = |name: &str| name.ends_with("(update)") && name.contains(control_plane);
        if let Some(pool) = pool {
            let pools: Vec<_> = before
                .iter()
                .filter(|(s, _)| s.ends_with("(update)") && s.contains(pool))
                .collect();
            assert!(!pools.is_empty(), "{cloud}: {dot}");
            for (step, earlier) in pools {
                assert!(earlier.iter().any(|s| raised(s)), "{cloud}: {step}: {dot}");
            }
        }
        stack.run(&["apply", "-auto-approve"]).expect(0);
        stack.run(&["plan", "-detailed-exitcode"]).expect(0);
    }
}

#[test]
fn objects_that_the_version_does_not_serve_are_refused_before_anything_is_begun() {
    let stack = Stack::sandboxed();
    stack.write(&cluster("aws", "region = \"eu-west-1\"", "1.34", OLD));
    let told = stack.run(&["apply", "-auto-approve"]).expect(1).told();
    for words in [
        "Kubernetes serves no FlowSchema of flowcontrol.apiserver.k8s.io/v1beta3 since 1.32",
        "the cluster is to have 1.34",
        "`apiVersion = \"flowcontrol.apiserver.k8s.io/v1\"`",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(stack.count("aws_vpc"), 0);
}

const HARDENED: &str = r#"
[bucket.backups]
cloud = "aws"
[bucket.assets]
cloud = "aws"
[hardening.main]
cluster = "main"
profile = ["tls", "database"]
domain  = "shop.example.com"
[hardening.main.tls]
issuer = "self-signed"
[hardening.main.apps.shop]
team = "shop"
[hardening.main.apps.shop.services.back]
port = 8000
[hardening.main.apps.shop.postgres]
from   = ["back"]
backup = { bucket = "backups" }
"#;

#[test]
fn buckets_with_backups_outlive_a_destroy_and_are_taken_up_again() {
    let stack = Stack::sandboxed();
    let text = cluster("aws", "region = \"eu-west-1\"", "1.34", HARDENED);
    stack.write(&text);
    stack.run(&["apply", "-auto-approve"]).expect(0);
    let buckets = stack.count("aws_s3_bucket");
    assert!(buckets >= 2, "{buckets}");

    // All that the database is may be lost, but not what it is restored from.
    let all = ["destroy", "-auto-approve", "--allow-data-loss"];
    let told = stack
        .run(&[&all[..], &["hardening.main"]].concat())
        .expect(0)
        .told();
    assert!(
        told.contains("Kept, because backups are in it: bucket.backups.")
            && told.contains("--allow-data-loss 'bucket.backups'"),
        "{told}"
    );
    assert_eq!(stack.count("aws_s3_bucket"), 1);
    // What it is encrypted with is there too, and nothing else of the stack.
    assert_eq!(stack.count("aws_kms_key"), 1);
    for gone in ["aws_vpc", "aws_eks_cluster", "aws_iam_role"] {
        assert_eq!(stack.count(gone), 0, "{gone}");
    }
    let kept = kept(&stack);
    let again = stack.run(&["plan", "-destroy"]).expect(0).told();
    assert!(
        again.contains("Backups outlive the stack: bucket.backups"),
        "{again}"
    );

    stack.run(&["apply", "-auto-approve"]).expect(0);
    assert_eq!(stack.count("aws_s3_bucket"), buckets);
    assert!(kept.is_subset(&self::kept(&stack)), "{kept:?}");
    let told = stack.run(&[&all[..], &["**"]].concat()).expect(0).told();
    assert!(!told.contains("Kept"), "{told}");
    assert_eq!(stack.count("aws_s3_bucket"), 0);

    // A stack that is there for a while only leaves nothing.
    stack.write(&text.replace("name = \"shop\"", "name = \"shop\"\nttl = \"4h\""));
    stack.run(&["apply", "-auto-approve"]).expect(0);
    stack.run(&["destroy", "-auto-approve"]).expect(0);
    assert_eq!(stack.count("aws_s3_bucket"), 0);
}

/// The buckets there are.
fn kept(stack: &Stack) -> BTreeSet<String> {
    let all = stack.server.resources();
    let buckets = all.iter().filter(|r| r["type"] == "aws_s3_bucket");
    buckets.map(|r: &Json| r["id"].to_string()).collect()
}

/// A hardened stack whose charts are of an older line, or of the one that infra brings.
fn hardened(cloud: &str, region: &str, version: &str, older: bool, more: &str) -> String {
    let charts = if older {
        "[hardening.main.charts.cert-manager]\nversion = \"v1.20.2\"\n[hardening.main.charts.envoy-gateway]\nversion = \"v1.7.1\"\n"
    } else {
        ""
    };
    let hardening = format!(
        r#"
[hardening.main]
cluster = "main"
profile = ["tls"]
domain  = "shop.example.com"
[hardening.main.tls]
issuer = "self-signed"
{charts}{more}"#
    );
    cluster(cloud, region, version, &hardening)
}

fn config_map(name: &str, data: &str) -> String {
    format!(
        r#"
[resource.kubernetes_manifest.{name}]
provider = "kubernetes.main"
manifest = {{ apiVersion = "v1", kind = "ConfigMap", metadata = {{ name = "{name}", namespace = "default" }}, data = {{ text = "{data}" }} }}
"#
    )
}

/// When each resource was begun and done with, in the order of the events: address and `apply_start` or `apply_complete`.
fn events(stdout: &str) -> Vec<(String, String)> {
    let lines = stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let event = |line: Json| {
        let address = line["hook"]["resource"]["addr"].as_str()?.to_owned();
        Some((address, line["type"].as_str()?.to_owned()))
    };
    lines.filter_map(event).collect()
}

/// Fails unless everything whose address has one of these in it was done before anything was begun whose address has another.
#[track_caller]
fn in_order(events: &[(String, String)], first: &str, then: &str) {
    let at = |what: &str, kind: &str| -> Vec<usize> {
        let all = events.iter().enumerate();
        all.filter(|(_, (address, event))| address.contains(what) && event == kind)
            .map(|(i, _)| i)
            .collect()
    };
    let (done, begun) = (at(first, "apply_complete"), at(then, "apply_start"));
    let (Some(last), Some(start)) = (done.last(), begun.first()) else {
        panic!("{first} or {then} did not happen: {events:?}");
    };
    assert!(
        last < start,
        "{then} was begun before {first} was done: {events:?}"
    );
}

#[test]
fn charts_are_raised_before_the_control_plane_and_add_ons_before_pools() {
    for (cloud, region, control_plane, pools) in CLOUDS {
        let stack = Stack::sandboxed();
        let more = [config_map("told", "one"), config_map("old", "one")].concat();
        stack.write(&hardened(cloud, region, "1.33", true, &more));
        stack.run(&["apply", "-auto-approve"]).expect(0);

        let more = [
            config_map("told", "two"),
            config_map("late", "Kubernetes ${cluster.main.version}"),
        ]
        .concat();
        stack.write(&hardened(cloud, region, "1.34", false, &more));
        let ran = stack.run(&["apply", "-auto-approve", "-json"]).expect(0);
        let events = events(&ran.stdout);
        for inside in [
            "helm_release.cert_manager",
            "helm_release.envoy_gateway",
            "kubernetes_manifest.told",
            "kubernetes_manifest.old",
        ] {
            in_order(&events, inside, control_plane);
        }
        in_order(&events, control_plane, "kubernetes_manifest.late");
        if let Some(pools) = pools {
            in_order(&events, control_plane, pools);
        }
        if cloud == "aws" {
            in_order(&events, control_plane, "aws_eks_addon.");
            in_order(&events, "aws_eks_addon.", "aws_eks_node_group.");
            let state = stack.folder.run(&["state", "pull"]).expect(0).stdout;
            assert!(state.contains("v1.34.0-eksbuild.4"), "kube-proxy: {state}");
        }
        // A release that is as it was is not installed again for another version.
        stack.run(&["plan", "-detailed-exitcode"]).expect(0);
        stack.run(&["drift"]).expect(0);
    }
}

/// Applies, and is killed as soon as an event of a kind tells of an address.
fn killed_at(stack: &Stack, address: &str, kind: &str) {
    let flag = stack.server.flag();
    let mut child = stack
        .folder
        .command(&["apply", "-auto-approve", "-json", &flag])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let told = lines
        .map_while(Result::ok)
        .any(|line| events(&line).contains(&(address.to_owned(), kind.to_owned())));
    child.kill().expect("is there to be killed");
    child.wait().expect("ends");
    assert!(told, "{address} did not come to {kind}");
}

#[test]
fn a_run_that_is_killed_between_charts_and_control_plane_goes_on() {
    let (stack, region) = (Stack::sandboxed(), "region = \"eu-west-1\"");
    stack.write(&hardened("aws", region, "1.34", true, ""));
    stack.run(&["apply", "-auto-approve"]).expect(0);
    stack.write(&hardened("aws", region, "1.35", false, ""));
    let (chart, control_plane) = (
        "hardening.main.helm_release.cert_manager",
        "cluster.main.aws_eks_cluster.this",
    );
    killed_at(&stack, chart, "apply_complete");
    // The control plane is raised, and nobody hears of it.
    stack
        .server
        .post("/_sandbox/faults", "delay:UpdateClusterVersion=30000");
    killed_at(&stack, control_plane, "apply_start");
    stack.server.post("/_sandbox/faults", "");
    let ran = stack.run(&["apply", "-auto-approve", "-json"]).expect(0);
    let events = events(&ran.stdout);
    assert!(!events.iter().any(|(a, _)| a == chart), "{events:?}");
    in_order(&events, "aws_eks_addon.", "aws_eks_node_group.");
    stack.run(&["plan", "-detailed-exitcode"]).expect(0);
}

#[test]
fn a_chart_that_does_not_suit_both_versions_is_refused_before_anything_is_begun() {
    let stack = Stack::sandboxed();
    let region = "region = \"eu-west-1\"";
    stack.write(&hardened("aws", region, "1.32", true, ""));
    stack.run(&["apply", "-auto-approve"]).expect(0);
    // What is installed does for both, and what comes does not for the version that runs.
    stack.write(&hardened("aws", region, "1.33", false, ""));
    let told = stack.run(&["plan"]).expect(1).told();
    for words in [
        "cert-manager v1.21.1 is supported on Kubernetes 1.33 to 1.36, and charts are raised while the cluster still has 1.32",
        "cert-manager v1.20.2, which is installed, is supported on 1.33 too: keep it, apply the cluster's version first",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // In two steps, as it says.
    stack.write(&hardened("aws", region, "1.33", true, ""));
    stack.run(&["apply", "-auto-approve"]).expect(0);
    stack.write(&hardened("aws", region, "1.33", false, ""));
    stack.run(&["apply", "-auto-approve"]).expect(0);
    stack.run(&["plan", "-detailed-exitcode"]).expect(0);
    // One that is installed and not raised is refused with the version that it lacks.
    stack.write(&hardened("aws", region, "1.34", true, "").replace("v1.20.2", "v1.18.2"));
    let told = stack.run(&["plan"]).expect(1).told();
    assert!(
        told.contains("cert-manager v1.18.2 is supported on Kubernetes 1.29 to 1.33"),
        "{told}"
    );
}

/// The state, with what the clouds say of their own versions as it was before they moved them.
fn moved_back(stack: &Stack, edit: impl Fn(&str) -> Option<String>) -> usize {
    fn walk(json: &mut Json, edit: &dyn Fn(&str) -> Option<String>, count: &mut usize) {
        const MOVED: [&str; 5] = [
            "platform_version",
            "master_version",
            "current_kubernetes_version",
            "orchestrator_version",
            "version",
        ];
        match json {
            Json::Object(entries) => {
                for (name, value) in entries {
                    let old = value.as_str().and_then(edit);
                    if let Some(old) = old.filter(|_| MOVED.contains(&name.as_str())) {
                        *value = old.into();
                        *count += 1;
                    } else {
                        walk(value, edit, count);
                    }
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|i| walk(i, edit, count)),
            _ => {}
        }
    }
    let mut state = stack.folder.run(&["state", "pull"]).expect(0).json();
    let mut count = 0;
    walk(&mut state, &edit, &mut count);
    stack.folder.write("edited.json", &state.to_string());
    stack
        .folder
        .run(&["state", "push", "-force", "edited.json"])
        .expect(0);
    count
}

#[test]
fn versions_that_the_cloud_has_moved_are_no_drift() {
    for (cloud, region, patch, older, other_minor) in [
        ("aws", "region = \"eu-west-1\"", "eks.", "eks.0", None),
        (
            "google",
            "region = \"europe-west1\"",
            "1.34.",
            "1.34.0-gke.1",
            Some("1.33.9-gke.1"),
        ),
        (
            "azure",
            "location = \"westeurope\"",
            "1.34.",
            "1.34.0",
            Some("1.33.5"),
        ),
    ] {
        let stack = Stack::sandboxed();
        stack.write(&cluster(cloud, region, "1.34", ""));
        stack.run(&["apply", "-auto-approve"]).expect(0);
        let back = |to: &'static str| move |v: &str| v.starts_with(patch).then(|| to.to_owned());
        assert!(moved_back(&stack, back(older)) > 0, "{cloud}");
        stack.run(&["drift"]).expect(0);
        stack.run(&["plan", "-detailed-exitcode"]).expect(0);
        // Another minor is what somebody has done.
        if let Some(other) = other_minor {
            assert!(moved_back(&stack, back(other)) > 0, "{cloud}");
            stack.run(&["drift"]).expect(2);
        }
    }
}
