//! Clusters that live on: versions that change, and what is left when they go.

use crate::support::{Folder, Ran, Server};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A stack of a cluster in the sandbox.
struct Stack {
    folder: Folder,
    server: Server,
}

impl Stack {
    fn new() -> Stack {
        Stack {
            folder: Folder::new(),
            server: Server::sandbox(&["--latency", "none"]),
        }
    }

    fn write(&self, text: &str) {
        self.folder.write("stacks/shop.toml", text);
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let flag = self.server.flag();
        self.folder.run(&[arguments, &[flag.as_str()]].concat())
    }

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

#[test]
fn the_control_plane_goes_before_its_pools_and_budgets_are_named() {
    for (cloud, region, control_plane, pool) in [
        (
            "aws",
            "region = \"eu-west-1\"",
            "aws_eks_cluster.this",
            Some("aws_eks_node_group."),
        ),
        // Pools follow by themselves there.
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
    ] {
        let stack = Stack::new();
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
    let stack = Stack::new();
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
    let stack = Stack::new();
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
