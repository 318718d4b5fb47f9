//! The inside of a cluster, by the real binary: planned in the sandbox, rendered and judged by a real API server, audited; secrets
//! sealed and opened, by us and by `kubeseal`.

mod scan;

use crate::kube::{ControlPlane, tool, upstream_crds};
use crate::support::{Folder, Server, root};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const STACK: &str = r#"
[stack]
name = "shop"

[clouds.aws]
region = "eu-west-1"

[network.main]
cloud = "aws"

[cluster.main]
network    = "main"
kubernetes = "1.34"
api        = { public_from = [] }
[cluster.main.pools.general]
size = "small"
min  = 2
max  = 4

[hardening.main]
cluster = "main"
profile = ["tls", "secrets", "network", "quotas"]
domain  = "shop.example.com"
[hardening.main.tls]
issuer = "self-signed"
[hardening.main.apps.shop]
team  = "shop"
quota = { cpu = "8", memory = "16Gi", pods = 50 }
[hardening.main.apps.shop.services.front]
port  = 3000
route = { path = "/" }
[hardening.main.apps.shop.services.back]
port   = 8000
from   = ["front"]
to     = ["203.0.113.0/24:443"]
labels = { app = "back" }

[outputs.controls]
value = "${hardening.main.controls}"
"#;

pub fn hardened() -> Folder {
    let folder = Folder::new();
    folder.write("stacks/shop.toml", STACK);
    folder
}

/// Definitions and their objects are planned in one go, before there is a cluster to ask.
#[test]
fn a_hardened_cluster_is_planned_from_nothing() {
    let server = Server::sandbox(&[]);
    let folder = hardened();
    let plan = folder
        .run(&["plan", "-detailed-exitcode", &server.flag()])
        .expect(2);
    for address in [
        "hardening.main.kubernetes_crds.cert_manager",
        "hardening.main.helm_release.cert_manager",
        "hardening.main.kubernetes_manifest.gateway_gateway_main",
        "hardening.main.kubernetes_manifest.networkpolicy_shop_default_deny",
        "hardening.main.kubernetes_secret.sealing_first",
    ] {
        assert!(plan.stdout.contains(address), "{address}: {}", plan.stdout);
    }
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let folder = Folder::new();
    folder.write(
        "stacks/shop.toml",
        &STACK.replace("from   = [\"front\"]", "from   = [\"fornt\"]"),
    );
    let told = folder.run(&["validate"]).expect(1).stderr;
    assert!(
        told.contains("there is no service `fornt`; did you mean `front`?"),
        "{told}"
    );
    assert!(told.contains("from   = [\"fornt\"]"), "{told}");
}

/// What is rendered is what a real API server takes, every field of it, twice.
#[test]
fn a_real_api_server_takes_every_object() {
    let test = "a_real_api_server_takes_every_object";
    let Some(crds) = upstream_crds(test) else {
        return;
    };
    let Some(plane) = ControlPlane::shared(test) else {
        return;
    };
    plane.install_crds(
        &crds,
        &[
            "gateway-api",
            "envoy-gateway",
            "cert-manager",
            "sealed-secrets",
        ],
    );
    let rendered = hardened().run(&["harden", "render"]).expect(0).stdout;
    for kind in [
        "Gateway",
        "HTTPRoute",
        "Certificate",
        "NetworkPolicy",
        "ResourceQuota",
        "PriorityClass",
    ] {
        assert!(rendered.contains(&format!("kind: {kind}\n")), "{kind}");
    }
    for _ in 0..2 {
        plane.apply(&rendered).done();
    }
}

/// A live cluster is asked itself.
#[test]
fn the_audit_looks_at_a_live_cluster() {
    let test = "the_audit_looks_at_a_live_cluster";
    let Some(plane) = ControlPlane::shared(test) else {
        return;
    };
    let place = "apiVersion: v1\nkind: Namespace\nmetadata: {name: audited, labels: {app.kubernetes.io/part-of: audited}}\n";
    plane.apply(place).done();
    let folder = Folder::new();
    let file = plane.kubeconfig();
    let audit = || {
        let told = folder
            .run(&["harden", "audit", "-kubeconfig", text(&file), "-json"])
            .expect(2)
            .json();
        let row = told
            .as_array()
            .expect("rows")
            .iter()
            .find(|r| r["row"] == "Resource Quotas");
        row.expect("the row")["missing"].to_string()
    };
    assert!(audit().contains("audited"), "{}", audit());
    plane.apply("{apiVersion: v1, kind: LimitRange, metadata: {name: a, namespace: audited}, spec: {limits: []}}").done();
    plane.apply("{apiVersion: v1, kind: ResourceQuota, metadata: {name: a, namespace: audited}, spec: {hard: {pods: '1'}}}").done();
    assert!(!audit().contains("audited"), "{}", audit());
}

#[test]
fn nothing_is_restored_to_a_moment_that_is_still_to_come() {
    let folder = hardened();
    let command = ["harden", "restore", "-to", "2099-01-01T00:00:00Z"];
    let told = folder.run(&command).expect(1).stderr;
    assert!(
        told.contains("2099-01-01T00:00:00Z is still to come"),
        "{told}"
    );
}

/// A broken policy engine refuses everything, its own pods among it.
#[test]
fn a_cluster_whose_policy_engine_is_broken_is_unlocked() {
    let test = "a_cluster_whose_policy_engine_is_broken_is_unlocked";
    let Some(plane) = ControlPlane::start(test) else {
        return;
    };
    let folder = Folder::new();
    let file = plane.kubeconfig();
    let unlock = |more: &[&str]| {
        let command = ["harden", "unlock", "-kubeconfig", text(&file)];
        folder.run(&[&command[..], more].concat())
    };
    let told = unlock(&[]).expect(0).stderr;
    assert!(told.contains("No policy engine judges anything"), "{told}");
    let hook = |name: &str, namespace: &str| {
        format!(
            "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{name: {name}}}
webhooks:
- name: {name}.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  clientConfig: {{service: {{name: gone, namespace: {namespace}}}}}
  rules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}}]
"
        )
    };
    plane.apply(&hook("engine", "kyverno")).done();
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: judged, namespace: default}}";
    // Webhooks are heard of after a moment.
    let patience = std::time::Instant::now();
    while plane.apply(map).ok {
        plane.kubectl(&["delete", "configmap", "judged"]).done();
        assert!(patience.elapsed().as_secs() < 60, "nothing is refused");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    plane.apply(&hook("others", "elsewhere")).done();
    // Nobody is there who could be asked.
    let refused = unlock(&[]).expect(1).stderr;
    assert!(refused.contains("-auto-approve"), "{refused}");
    let done = unlock(&["-auto-approve"]).expect(0);
    assert_eq!(done.stdout.trim(), "ValidatingWebhookConfiguration engine");
    let left = plane
        .kubectl(&["get", "validatingwebhookconfigurations", "-o", "name"])
        .done();
    assert!(
        !left.contains("/engine") && left.contains("/others"),
        "{left}"
    );
}

#[test]
fn objects_are_written_into_a_folder_and_secrets_are_not() {
    let folder = hardened();
    folder
        .run(&["harden", "render", "-out", "manifests"])
        .expect(0);
    let mut names: Vec<String> = std::fs::read_dir(folder.path().join("manifests"))
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert!(names[0].starts_with("000-namespace-"), "{names:?}");
    let secret = names
        .iter()
        .find(|n| n.contains("secret-sealed-secrets"))
        .expect("a remark");
    let text =
        std::fs::read_to_string(folder.path().join("manifests").join(secret)).expect("a file");
    assert!(
        text.starts_with("# Secret sealed-secrets/sealing-key-first: not written out"),
        "{text}"
    );
}

#[test]
fn the_audit_says_which_rows_are_open() {
    let folder = hardened();
    let told = folder.run(&["harden", "audit"]).expect(2).stdout;
    assert!(told.contains("✓ HTTPS / TLS"), "{told}");
    assert!(told.contains("✓ Network Policies"), "{told}");
    assert!(told.contains("✗ Centralized Logging"), "{told}");
    assert!(told.contains("[hardening.main.logging]"), "{told}");
    let rows = folder.run(&["harden", "audit", "-json"]).expect(2).json();
    let open = |name: &str| {
        let mut rows = rows.as_array().expect("rows").iter();
        rows.find(|r| r["row"] == name).expect("the row")["open"].clone()
    };
    assert_eq!(open("Resource Quotas"), false);
    assert_eq!(open("GitOps (CD)"), true);
    let told = folder
        .run(&["harden", "audit", "-manifests", "stacks"])
        .expect(1)
        .stderr;
    assert!(told.contains("has no manifests"), "{told}");
}

/// The keys of the unit tests.
fn key(name: &str) -> PathBuf {
    root().join("crates/hardening/tests/controls").join(name)
}

const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: database, namespace: shop}
stringData: {password: 'hunter2: really'}
";

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn sealed_and_opened_again() {
    let folder = Folder::new();
    folder.write("secret.yaml", SECRET);
    let (certificate, secret, other) = (key("sealing.crt"), key("sealing.key"), key("other.key"));
    let sealed = folder
        .run(&[
            "secrets",
            "seal",
            "-cert",
            text(&certificate),
            "secret.yaml",
        ])
        .expect(0);
    assert!(
        sealed.stdout.contains("kind: SealedSecret"),
        "{}",
        sealed.stdout
    );
    assert!(!sealed.stdout.contains("hunter2"), "{}", sealed.stdout);
    folder.write("sealed.yaml", &sealed.stdout);
    let opened = folder
        .run(&[
            "secrets",
            "open",
            "-key",
            text(&secret),
            "-json",
            "sealed.yaml",
        ])
        .expect(0);
    assert_eq!(opened.json()["data"]["password"], "aHVudGVyMjogcmVhbGx5");
    let refused = folder
        .run(&["secrets", "open", "-key", text(&other), "sealed.yaml"])
        .expect(1);
    assert!(
        refused.stderr.contains("none of the keys opens"),
        "{}",
        refused.stderr
    );
    // What no cluster takes is refused before it is sealed.
    for (name, namespace) in [("Bad_Name", "shop"), ("a", "Shop")] {
        let of = ["-name", name, "-namespace", namespace];
        let command = ["secrets", "seal", "-cert", text(&certificate)];
        let told = folder
            .run(&[&command[..], &of[..]].concat())
            .expect(1)
            .stderr;
        assert!(told.contains("cannot be the name of a"), "{told}");
    }
    let made = folder
        .command(&[
            "secrets",
            "seal",
            "-cert",
            text(&certificate),
            "-name",
            "a",
            "-namespace",
            "shop",
            "-from-env",
            "p=P",
        ])
        .env("P", "hunter2")
        .output()
        .expect("the binary runs");
    assert!(made.status.success(), "{made:?}");
    assert!(!String::from_utf8_lossy(&made.stdout).contains("hunter2"));
}

#[test]
fn kubeseal_reads_ours_and_we_read_its() {
    let Some(kubeseal) = tool("kubeseal", "kubeseal_reads_ours_and_we_read_its") else {
        return;
    };
    let (certificate, secret) = (key("sealing.crt"), key("sealing.key"));
    let folder = Folder::new();
    folder.write("secret.yaml", SECRET);
    let run = |arguments: &[&str], input: &str| {
        let mut child = Command::new(&kubeseal)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubeseal runs");
        let mut stdin = child.stdin.take().expect("its input");
        std::io::Write::write_all(&mut stdin, input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("kubeseal ends");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (ours, its) in [
        ("strict", "strict"),
        ("namespace-wide", "namespace-wide"),
        ("cluster-wide", "cluster-wide"),
    ] {
        let sealed = folder
            .run(&[
                "secrets",
                "seal",
                "-cert",
                text(&certificate),
                "-scope",
                ours,
                "secret.yaml",
            ])
            .expect(0)
            .stdout;
        let opened = run(
            &["--recovery-unseal", "--recovery-private-key", text(&secret)],
            &sealed,
        );
        assert!(opened.contains("aHVudGVyMjogcmVhbGx5"), "{opened}");
        let sealed = run(
            &[
                "--cert",
                text(&certificate),
                "--scope",
                its,
                "--format",
                "yaml",
            ],
            SECRET,
        );
        folder.write("its.yaml", &sealed);
        let opened = folder
            .run(&["secrets", "open", "-key", text(&secret), "its.yaml"])
            .expect(0)
            .stdout;
        assert!(
            opened.contains("password: aHVudGVyMjogcmVhbGx5"),
            "{opened}"
        );
    }
}
