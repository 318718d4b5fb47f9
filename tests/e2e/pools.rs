//! Pools of nodes that cannot become what they are to be: the new nodes are there first, and pods move to them as far as budgets
//! let them.

use crate::support::Stack;
use serde_json::Value as Json;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

impl Stack {
    /// What the clouds were asked to do, by operation and status.
    fn asked(&self) -> Vec<(String, u64)> {
        let requests = self.server.get("/_sandbox/requests");
        let of = |r: &Json| Some((r["operation"].as_str()?.to_owned(), r["status"].as_u64()?));
        let all = requests.as_array().expect("a list");
        all.iter().filter_map(of).collect()
    }
}

/// Each cloud, where it is, what can only be in new nodes, how the pool's nodes are called and the operations on pools.
const CLOUDS: [(&str, &str, &str, &str, [&str; 2]); 3] = [
    (
        "aws",
        "region = \"eu-west-1\"",
        "spot = true",
        "aws_eks_node_group.web[\"a\"]",
        ["CreateNodegroup", "DeleteNodegroup"],
    ),
    (
        "google",
        "region = \"europe-west1\"",
        "spot = true",
        "google_container_node_pool.web",
        ["clusters.nodePools.create", "clusters.nodePools.delete"],
    ),
    (
        "azure",
        "location = \"westeurope\"",
        "disk_gb = 80",
        "azurerm_kubernetes_cluster_node_pool.web",
        ["AgentPools_CreateOrUpdate", "AgentPools_Delete"],
    ),
];

/// Two pools, and on one of them pods of which one must always be there.
fn stack(cloud: &str, region: &str, pool: &str, replicas: u32) -> String {
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
kubernetes = "1.34"
api        = {{ public_from = [] }}
[cluster.main.pools.general]
size = "medium"
min  = 1
[cluster.main.pools.web]
size   = "medium"
min    = 3
labels = {{ tier = "web" }}
{pool}
[resource.kubernetes_manifest.web]
provider = "kubernetes.main"
manifest = {{ apiVersion = "apps/v1", kind = "Deployment", metadata = {{ name = "web", namespace = "default" }}, spec = {{ replicas = {replicas}, selector = {{ matchLabels = {{ app = "web" }} }}, template = {{ metadata = {{ labels = {{ app = "web" }} }}, spec = {{ nodeSelector = {{ tier = "web" }}, containers = [{{ name = "web", image = "registry.k8s.io/pause:3.10" }}] }} }} }} }}
wait = {{ rollout = true }}
[resource.kubernetes_manifest.budget]
provider = "kubernetes.main"
manifest = {{ apiVersion = "policy/v1", kind = "PodDisruptionBudget", metadata = {{ name = "web", namespace = "default" }}, spec = {{ minAvailable = 1, selector = {{ matchLabels = {{ app = "web" }} }} }} }}
depends_on = ["kubernetes_manifest.web"]
"#
    )
}

#[test]
fn new_nodes_are_there_before_pods_move_and_old_ones_go() {
    for (cloud, region, change, pool, [create, delete]) in CLOUDS {
        let life = Stack::sandboxed();
        let write = |pool: &str| {
            life.write(&stack(cloud, region, pool, 2));
        };
        write("");
        life.run(&["apply", "-auto-approve"]).expect(0);

        write(change);
        let plan = life.run(&["plan"]).expect(0).told();
        let line = format!("cluster.main.{pool} must be replaced");
        assert!(plan.contains(&line), "{cloud}: {plan}");
        assert!(
            plan.contains("create replacement and then destroy"),
            "{cloud}: {plan}"
        );
        life.server.post("/_sandbox/counts/reset", "");
        let told = life.run(&["apply", "-auto-approve"]).expect(0).told();
        assert!(told.contains("moving 2 pods off"), "{cloud}: {told}");
        let asked = life.asked();
        let at = |what: &str| {
            asked
                .iter()
                .position(|(name, status)| name.ends_with(what) && *status < 300)
        };
        let (made, moved, gone) = (at(create), at("eviction"), at(delete));
        assert!(
            made.is_some() && made < moved && moved < gone,
            "{cloud}: {made:?} {moved:?} {gone:?} {asked:?}"
        );
        // One of the two waits for the other's successor.
        life.run(&["plan", "-detailed-exitcode"]).expect(0);
        life.run(&["destroy", "-auto-approve"]).expect(0);
        assert_eq!(life.server.resources(), Vec::<Json>::new(), "{cloud}");
    }
}

#[test]
fn a_run_that_is_killed_while_a_budget_holds_it_up_goes_on_once_that_allows_it() {
    let life = Stack::sandboxed();
    let (cloud, region, change, ..) = CLOUDS[0];
    let write = |pool: &str, replicas: u32| {
        life.write(&stack(cloud, region, pool, replicas));
    };
    write("", 1);
    life.run(&["apply", "-auto-approve"]).expect(0);
    let groups = |life: &Stack| -> Vec<String> {
        let all = life.server.resources();
        let of = |r: &Json| (r["type"] == "aws_eks_node_group").then(|| r["id"].to_string());
        all.iter().filter_map(of).collect()
    };
    let old = groups(&life);

    write(change, 1);
    let flag = life.server.flag();
    let mut child = (life.folder.command(&["apply", "-auto-approve", &flag]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let held = "default/web-";
    let told = lines
        .map_while(Result::ok)
        .any(|line| line.contains(held) && line.contains("needs 1 healthy pods and has 1"));
    child.kill().expect("is there to be killed");
    child.wait().expect("ends");
    assert!(told, "nothing was held up");

    write(change, 2);
    life.run(&["apply", "-auto-approve"]).expect(0);
    let new = groups(&life);
    let of = |pool: &str| new.iter().filter(|id| id.contains(pool)).count();
    assert_eq!((of("general-a"), of("web-a"), of("web-b")), (1, 1, 1));
    assert!(
        old.iter()
            .all(|id| id.contains("general-a") || !new.contains(id)),
        "{old:?} {new:?}"
    );
    life.run(&["plan", "-detailed-exitcode"]).expect(0);
}
