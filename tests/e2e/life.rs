//! The happy life of every example stack: apply, nothing to do, drift, destroy, nothing left on the server.

use crate::support::{Folder, Server, root};

fn life(name: &str) {
    let text = std::fs::read_to_string(root().join("stacks").join(name)).expect("an example");
    life_of(name, &text);
}

fn life_of(name: &str, text: &str) {
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    folder.write(&format!("stacks/{name}"), text);
    let file = format!("stacks/{name}");
    let flag = server.flag();
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = arguments
            .iter()
            .copied()
            .chain([file.as_str(), flag.as_str()])
            .collect();
        folder.run(&all)
    };
    run(&["plan", "-detailed-exitcode"]).expect(2);
    let applied = run(&["apply", "-auto-approve"]).expect(0);
    assert!(
        applied.stdout.contains("Apply complete!") || applied.stderr.contains("Apply complete!"),
        "{applied:?}"
    );
    run(&["plan", "-detailed-exitcode"]).expect(0);
    run(&["drift"]).expect(0);
    assert!(!server.resources().is_empty());
    run(&["destroy", "-auto-approve"]).expect(0);
    let left = server.resources();
    assert!(left.is_empty(), "left on the server: {left:#?}");
    run(&["plan", "-detailed-exitcode"]).expect(2);
}

#[test]
fn quickstart_lives_and_leaves_nothing() {
    life("quickstart.toml");
}

/// EKS makes the group of its logs where there is none, and leaves it: an ephemeral copy has one of its own before.
#[test]
fn an_ephemeral_cluster_leaves_no_log_group() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::new();
    let text = std::fs::read_to_string(root().join("stacks/quickstart.toml")).expect("an example");
    folder.write("stacks/quickstart.toml", &text);
    let flag = server.flag();
    let run = |command: &str| {
        folder.run(&[
            command,
            "stacks/quickstart.toml",
            "--instance=pr-7",
            "-auto-approve",
            flag.as_str(),
        ])
    };
    let log_groups = || -> Vec<serde_json::Value> {
        let mut all = server.resources();
        all.retain(|r| r["type"] == "aws_cloudwatch_log_group");
        all
    };
    run("apply").expect(0);
    let made = log_groups();
    assert_eq!(made.len(), 1, "{made:#?}");
    let name = made[0]["id"].as_str().unwrap_or_default();
    assert!(
        name.starts_with("/aws/eks/") && name.contains("pr-7") && name.ends_with("/cluster"),
        "{name}"
    );
    assert!(made[0]["tags"]["infra:stack"].is_string(), "{made:#?}");
    run("destroy").expect(0);
    let left = log_groups();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn google_lives_and_leaves_nothing() {
    life("google.toml");
}

#[test]
fn azure_lives_and_leaves_nothing() {
    life("azure.toml");
}

#[test]
fn three_clouds_live_and_leave_nothing() {
    life("three-clouds.toml");
}

/// The same registry on three clouds; on Azure the nodes of a cluster are let in.
#[test]
fn registries_live_on_three_clouds_and_leave_nothing() {
    let text = r#"[stack]
name = "images"

[clouds.aws]
region = "eu-west-1"

[clouds.google]
region = "europe-west1"

[clouds.azure]
location = "westeurope"

[registry.web]
cloud = "aws"

[registry.reports]
cloud              = "google"
keep_untagged_days = 30

[network.main]
cloud = "azure"

[cluster.main]
network    = "main"
kubernetes = "1.34"
pools      = { general = { size = "small", min = 1, max = 2 } }
api        = { public_from = [] }

[registry.backups]
cloud    = "azure"
clusters = ["main"]

[outputs]
web     = { value = "${registry.web.url}:1" }
reports = { value = "${registry.reports.url}:1" }
backups = { value = "${registry.backups.url}:1" }
"#;
    life_of("images.toml", text);
}

fn quickstart_on(cloud: &str) {
    let text = std::fs::read_to_string(root().join("stacks/quickstart.toml")).expect("an example");
    let there = format!("cloud = \"{cloud}\"");
    life_of("quickstart.toml", &text.replace("cloud = \"aws\"", &there));
}

#[test]
fn the_quickstart_lives_on_google_with_no_other_edit() {
    quickstart_on("google");
}

#[test]
fn the_quickstart_lives_on_azure_with_no_other_edit() {
    quickstart_on("azure");
}

#[test]
fn staging_lives_and_leaves_nothing() {
    life("staging.toml");
}

const CERTIFICATE: &str = "certificate_arn=arn:aws:iam::123456789012:server-certificate/shop";

const SLACK: &str = "slack_webhook=https://hooks.slack.com/services/T0/B0/hush-hush";

/// Some of what holds data inside its cluster.
const LOST: [&str; 3] = [
    "hardening.main.kubernetes_manifest.cluster_reviews_postgres",
    "hardening.main.kubernetes_namespace.shop",
    "hardening.main.kubernetes_secret.sealing_2026_11",
];

/// What the clouds themselves refuse to delete in it.
const PROTECTED: [&str; 3] = [
    "cluster.main.aws_eks_cluster.this (deletion_protection)",
    "database.shop.aws_db_instance.this (deletion_protection)",
    "load_balancer.web.aws_lb.this (enable_deletion_protection)",
];

#[test]
fn prod_lives_and_goes_only_when_it_really_must() {
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    folder.example("prod.toml");
    let flag = server.flag();
    let run = |arguments: &[&str]| {
        let stack = [
            "stacks/prod.toml",
            flag.as_str(),
            "-var",
            CERTIFICATE,
            "-var",
            SLACK,
        ];
        folder.run(&[arguments, &stack].concat())
    };
    let lose = ["--allow-data-loss", "**"];
    run(&["plan", "-detailed-exitcode"]).expect(2);
    run(&["apply", "-auto-approve"]).expect(0);
    run(&["plan", "-detailed-exitcode"]).expect(0);
    run(&["drift"]).expect(0);

    // Refused by name, and nothing is touched: what is protected, and what would be lost.
    let before = server.resources();
    for command in [&["destroy", "-auto-approve"][..], &["plan", "-destroy"]] {
        let refused = run(command).expect(1);
        assert!(refused.stderr.contains("--unprotect"), "{}", refused.stderr);
        for name in PROTECTED {
            assert!(refused.stderr.contains(name), "{}", refused.stderr);
        }
        let refused = run(&[command, &["--unprotect"]].concat()).expect(1);
        // Told in lines of a terminal's width.
        let words: Vec<&str> = refused.stderr.split_whitespace().collect();
        for name in LOST {
            let told = format!("--allow-data-loss '{name}'");
            assert!(words.join(" ").contains(&told), "{}", refused.stderr);
        }
    }
    assert_eq!(server.resources(), before);

    // The plan says what is lifted; then everything goes, but the last snapshot of the database.
    let plan = run(&[&["plan", "-destroy", "--unprotect"][..], &lose].concat()).expect(0);
    let lifted = plan.stdout.matches("is lifted first").count();
    assert_eq!(lifted, PROTECTED.len(), "{}", plan.stdout);
    let destroy = ["destroy", "-auto-approve", "--unprotect"];
    let destroyed = run(&[&destroy[..], &lose].concat()).expect(0);
    assert!(
        destroyed.stdout.contains("Destroy complete!"),
        "{destroyed:?}"
    );
    let left = server.resources();
    let kinds: Vec<_> = left.iter().map(|r| (&r["type"], &r["id"])).collect();
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!(kinds[0].0, "aws_db_snapshot", "{left:#?}");
    assert_eq!(kinds[0].1, "prod-shop-final", "{left:#?}");
    run(&["plan", "-detailed-exitcode"]).expect(2);
}

#[test]
fn native_lives_and_leaves_nothing() {
    life("native.toml");
}

#[test]
fn a_protected_stack_is_not_destroyed() {
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    folder.write(
        "stacks/p.toml",
        "[stack]\nname = \"p\"\nprotect = true\n[resource.terraform_data.x]\n",
    );
    folder
        .run(&["apply", "-auto-approve", "stacks/p.toml", &server.flag()])
        .expect(0);
    let refused = folder
        .run(&["destroy", "-auto-approve", "stacks/p.toml", &server.flag()])
        .expect(1);
    assert!(refused.stderr.contains("--unprotect"), "{}", refused.stderr);
}

/// Two resources whose names only one of each can have.
const NAMED: &str = r#"
[clouds.aws]
region = "eu-west-1"

[resource.aws_iam_role.app]
name = "renamed"
assume_role_policy = '${jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }] })}'

[resource.aws_s3_bucket.BLOCK]
bucket = "renamed-bucket"

[resource.aws_iam_role_policy_attachment.BLOCK]
role = "renamed"
policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
depends_on = ["aws_iam_role.app"]
"#;

#[test]
fn a_block_under_another_name_is_made_after_the_old_one_has_gone() {
    let server = Server::sandbox(&[]);
    let folder = Folder::against(&server);
    for block in ["old", "new"] {
        folder.write("stacks/renamed.toml", &NAMED.replace("BLOCK", block));
        folder.run(&["apply", "-auto-approve"]).expect(0);
        folder.run(&["plan", "-detailed-exitcode"]).expect(0);
    }
    folder.run(&["destroy", "-auto-approve"]).expect(0);
    assert!(server.resources().is_empty());
}
