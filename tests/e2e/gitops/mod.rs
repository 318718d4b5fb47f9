//! `delivery = "gitops"`: what hardens a cluster is committed to a repository. In the sandbox, where infra reads the commit back and
//! applies it in the engine's place, and says so; the repository is a bare one in the test's own folder.

mod back;
mod flux;
mod serve;

use crate::support::{Folder, Ran, Server, say};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Part of everything that is secret here.
const SECRETS: [&str; 2] = ["hush-hush", "PRIVATE KEY"];

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
size = "medium"
min  = 3
max  = 6

[hardening.main]
cluster  = "main"
profile  = ["tls", "secrets", "network", "quotas", "monitoring", "gitops"]
domain   = "shop.example.com"
delivery = "DELIVERY"
[hardening.main.tls]
issuer = "self-signed"
[hardening.main.monitoring]
slack_webhook = "https://hooks.slack.com/services/T0/B0/hush-hush"
[hardening.main.gitops]
engine     = "ENGINE"
repository = "REPOSITORY"
[hardening.main.apps.shop]
team  = "shop"
quota = { cpu = "8", memory = "16Gi", pods = 50 }
[hardening.main.apps.shop.services.front]
port  = 3000
route = { path = "/" }
[hardening.main.apps.shop.services.back]
port = 8000
from = ["front"]

[outputs.address]
value = "${hardening.main.address}"
"#;

/// A stack, its repository and a sandbox.
struct Life {
    folder: Folder,
    server: Server,
    engine: &'static str,
}

impl Life {
    /// None where there is no `git`.
    fn new(test: &str, engine: &'static str) -> Option<Life> {
        let folder = Folder::new();
        let life = Life {
            server: Server::sandbox(&["--latency", "none"]),
            engine,
            folder,
        };
        let bare = life.bare();
        let path = bare.display().to_string();
        let arguments = ["init", "--quiet", "--bare", "--initial-branch=main", &path];
        let Ok(made) = Command::new("git").args(arguments).output() else {
            say(&format!("{test} is skipped: there is no program `git`"));
            return None;
        };
        assert!(made.status.success(), "{made:?}");
        Some(life)
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("config.git")
    }

    fn write(&self, delivery: &str, change: impl Fn(String) -> String) {
        let repository = if delivery == "direct" {
            // What the cluster watches for the apps alone is no folder of this machine.
            "https://github.com/acme/config".to_owned()
        } else {
            format!("file://{}", self.bare().display())
        };
        let text = STACK
            .replace("DELIVERY", delivery)
            .replace("ENGINE", self.engine)
            .replace("REPOSITORY", &repository);
        self.folder.write("stacks/shop.toml", &change(text));
    }

    /// Runs a command, whose output holds nothing secret.
    #[track_caller]
    fn run(&self, command: &[&str]) -> Ran {
        let flag = self.server.flag();
        let ran = self.folder.run(&[command, &[&flag]].concat());
        for text in [&ran.stdout, &ran.stderr] {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{command:?} tells a secret");
            }
        }
        ran
    }

    #[track_caller]
    fn apply(&self) -> String {
        let ran = self.run(&["apply", "-auto-approve"]).expect(0);
        format!("{}{}", ran.stdout, ran.stderr)
    }

    /// Nothing is left to do, and nothing is otherwise.
    #[track_caller]
    fn settled(&self) {
        self.run(&["plan", "-detailed-exitcode"]).expect(0);
        self.run(&["drift"]).expect(0);
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let ran = Command::new("git")
            .current_dir(self.bare())
            .args(arguments)
            .output()
            .expect("git runs");
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).expect("text")
    }

    fn commits(&self) -> usize {
        self.git(&["log", "--format=%H", "main"]).lines().count()
    }

    fn files(&self) -> Vec<String> {
        let listed = self.git(&["ls-tree", "-r", "--name-only", "main"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// Commits a file as somebody else would.
    fn put(&self, path: &str, text: &str) {
        let work = self.folder.path().join("work");
        let _ = std::fs::remove_dir_all(&work);
        let url = self.bare().display().to_string();
        let place = work.display().to_string();
        let run = |at: &std::path::Path, arguments: &[&str]| {
            let ran = Command::new("git")
                .current_dir(at)
                .args(["-c", "user.name=ci", "-c", "user.email=ci@example.com"])
                .args(arguments)
                .output()
                .expect("git runs");
            assert!(ran.status.success(), "{ran:?}");
        };
        run(self.folder.path(), &["clone", "--quiet", &url, &place]);
        let file = work.join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, text).expect("written");
        run(&work, &["add", "."]);
        run(&work, &["commit", "--quiet", "-m", "somebody else"]);
        run(&work, &["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// Resources of the state by address.
    fn state(&self) -> BTreeSet<String> {
        let listed = self.folder.run(&["state", "list"]).expect(0).stdout;
        listed.lines().map(str::to_owned).collect()
    }

    /// The kinds and names of what the sandbox's cluster has.
    fn objects(&self) -> BTreeSet<String> {
        let all = self.server.resources();
        let one = |r: &Json| {
            let kind = r["type"].as_str().unwrap_or_default();
            let id = r["id"].as_str().unwrap_or_default();
            format!("{kind} {id}")
        };
        all.iter().map(one).collect()
    }

    #[track_caller]
    fn no_secret_anywhere(&self) {
        for secret in SECRETS {
            let found = Command::new("git")
                .current_dir(self.bare())
                .args(["grep", "-l", secret, "main"])
                .output()
                .expect("git runs");
            assert_eq!(String::from_utf8_lossy(&found.stdout), "", "{secret}");
        }
        // Nor in the form in which Secrets have it.
        let plain = self.git(&["grep", "-h", "^kind: ", "main", "--", "platform"]);
        assert!(!plain.lines().any(|l| l == "kind: Secret"), "{plain}");
        let state = self.folder.path().join("state/shop.json");
        let state = std::fs::read_to_string(state).expect("a state");
        for secret in SECRETS {
            assert!(!state.contains(secret), "`{secret}` stands in the state");
        }
    }

    #[track_caller]
    fn destroy(&self) {
        let all = ["destroy", "-auto-approve", "--allow-data-loss", "**"];
        self.run(&all).expect(0);
        let left = self.server.resources();
        assert!(left.is_empty(), "left on the server: {left:#?}");
    }
}

/// A life under an engine: committed once, nothing to do then; a change is one commit more; CI's files are never touched, and what
/// others change in the platform's folder is seen, shown and put right.
fn live(test: &str, engine: &'static str) {
    let Some(life) = Life::new(test, engine) else {
        return;
    };
    life.write("gitops", |t| t);
    let told = life.apply();
    assert!(
        told.contains("no GitOps engine runs in the sandbox"),
        "{told}"
    );
    assert_eq!(life.commits(), 1);
    let files = life.files();
    for part in [
        "platform/README.md",
        "platform/objects/namespaces/shop.yaml",
        "platform/objects/network-shop/back.yaml",
        "platform/definitions/definitions-cert-manager/certificate-cert-manager-io.yaml",
        "platform/objects/monitoring-alertmanager-slack/sealedsecret-alertmanager-slack.yaml",
    ] {
        assert!(files.iter().any(|f| f == part), "{part}: {files:#?}");
    }
    life.no_secret_anywhere();
    let message = life.git(&["log", "-1", "--format=%B", "main"]);
    assert!(message.contains("\nInfra-Operation: "), "{message}");
    let objects = life.objects();
    for part in [
        "v1/Namespace shop",
        "NetworkPolicy shop/default-deny",
        "Certificate gateway/",
        "SealedSecret monitoring/alertmanager-slack",
    ] {
        assert!(
            objects.iter().any(|o| o.contains(part)),
            "{part}: {objects:#?}"
        );
    }
    // Of what is committed the state has nothing but that it is.
    let state = life.state();
    assert!(state.contains("hardening.main.kubernetes_config_repository.platform"));
    assert!(
        !state.iter().any(|a| a.contains("networkpolicy_shop")),
        "{state:#?}"
    );
    life.settled();

    life.write("gitops", |t| t.replace("port = 8000", "port = 8001"));
    let plan = life.run(&["plan"]).expect(0).stdout;
    assert!(
        plan.contains("\"objects/network-shop/back.yaml\""),
        "{plan}"
    );
    assert!(plan.contains("8000 -> 8001"), "{plan}");
    life.apply();
    assert_eq!(life.commits(), 2);
    let changed = life.git(&["diff", "--name-only", "main~1", "main"]);
    let changed: Vec<&str> = changed.lines().collect();
    assert!(
        changed
            .iter()
            .all(|f| f.starts_with("platform/objects/network-shop/")),
        "{changed:?}"
    );
    life.settled();

    // What a pipeline commits is none of its business.
    life.put("apps/shop/image.yaml", "tag: 1.2.3\n");
    life.settled();
    assert_eq!(life.commits(), 3);

    // What somebody changes in the folder is drift, and put right; the pipeline's file stays.
    life.put(
        "platform/objects/namespaces/shop.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    mine: \"yes\"\n",
    );
    life.put(
        "platform/objects/extra.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra\n  namespace: shop\n",
    );
    life.run(&["drift"]).expect(2);
    let plan = life.run(&["plan", "-detailed-exitcode"]).expect(2).stdout;
    for part in ["mine", "objects/extra.yaml"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    life.apply();
    assert_eq!(life.commits(), 6);
    let files = life.files();
    assert!(files.iter().any(|f| f == "apps/shop/image.yaml"));
    assert!(!files.iter().any(|f| f == "platform/objects/extra.yaml"));
    life.settled();
    life.no_secret_anywhere();
    life.destroy();
}

#[test]
fn a_cluster_is_brought_up_from_a_repository_by_argo_cd() {
    live(
        "a_cluster_is_brought_up_from_a_repository_by_argo_cd",
        "argocd",
    );
}

#[test]
fn a_cluster_is_brought_up_from_a_repository_by_flux() {
    live("a_cluster_is_brought_up_from_a_repository_by_flux", "flux");
}

/// What was applied directly is committed, waited for, and then forgotten: never deleted.
#[test]
fn objects_that_were_applied_directly_are_handed_over() {
    let test = "objects_that_were_applied_directly_are_handed_over";
    let Some(life) = Life::new(test, "argocd") else {
        return;
    };
    life.write("direct", |t| t);
    life.apply();
    let before = life.objects();
    assert!(!before.is_empty());
    assert!(
        life.state()
            .contains("hardening.main.kubernetes_namespace.shop")
    );

    life.write("gitops", |t| t);
    let plan = life.run(&["plan"]).expect(0).stdout;
    let heading = "hardening.main.kubernetes_namespace.shop";
    assert!(plan.contains(heading), "{plan}");
    assert!(
        plan.contains(
            "hardening.main.kubernetes_config_repository.platform brings it now; it is not touched"
        ),
        "{plan}"
    );
    assert!(plan.contains(" 0 to destroy"), "{plan}");
    let told = life.apply();
    assert!(!told.contains("Destroying"), "{told}");
    let after = life.objects();
    let gone: Vec<&String> = before.difference(&after).collect();
    assert!(gone.is_empty(), "{gone:?}");
    assert!(
        !life
            .state()
            .contains("hardening.main.kubernetes_namespace.shop")
    );
    assert_eq!(life.commits(), 1);
    life.settled();

    // Without the hardening the engine would take away what it has brought: that is refused, with what to do.
    life.write("gitops", |text| {
        let (stack, _) = text.split_once("[hardening.main]").expect("hardening");
        stack.to_owned()
    });
    let told = life.run(&["plan"]).expect(1).stderr;
    assert!(
        told.contains("kubernetes_config_repository.platform"),
        "{told}"
    );
    assert!(told.contains("--allow-data-loss"), "{told}");
    life.write("gitops", |t| t);
    life.destroy();
}

/// A folder of somebody else's is not written over, and nothing of the run is lost by that.
#[test]
fn a_folder_that_is_somebody_elses_is_left_alone() {
    let test = "a_folder_that_is_somebody_elses_is_left_alone";
    let Some(life) = Life::new(test, "argocd") else {
        return;
    };
    life.write("gitops", |t| t);
    // `git` clones an empty repository too.
    life.put("platform/README.md", "# Ours\n");
    let ran = life.run(&["apply", "-auto-approve"]).expect(1);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("is not written over"), "{told}");
    assert_eq!(life.commits(), 1);
    life.write("gitops", |t| {
        t.replace(
            "repository = ",
            "platform   = \"clusters/shop\"\nrepository = ",
        )
    });
    life.apply();
    assert!(life.files().iter().any(|f| f == "clusters/shop/README.md"));
    assert!(life.files().iter().any(|f| f == "platform/README.md"));
    life.settled();
    life.destroy();
}

/// A repository of the internet has one of the sandbox's own in its place.
#[test]
fn the_sandbox_pushes_nothing_to_the_internet() {
    let test = "the_sandbox_pushes_nothing_to_the_internet";
    let Some(life) = Life::new(test, "flux") else {
        return;
    };
    let url = format!("file://{}", life.bare().display());
    life.write("gitops", |t| {
        t.replace(&url, "https://github.com/acme/config")
    });
    life.apply();
    life.settled();
    assert_eq!(life.git(&["branch", "--list"]), "");
    life.destroy();
}

/// Killed when its commit has arrived, at whatever it was doing then, an apply is gone on with: the same commit, and nothing twice.
#[test]
fn killed_after_the_push_a_run_is_gone_on_with() {
    let test = "killed_after_the_push_a_run_is_gone_on_with";
    let Some(life) = Life::new(test, "argocd") else {
        return;
    };
    life.write("gitops", |t| t);
    let flag = life.server.flag();
    let mut child = life
        .folder
        .command(&["apply", "-auto-approve", &flag])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("starts");
    let arrived = || life.bare().join("refs/heads/main").exists();
    let patience = std::time::Instant::now();
    while !arrived() && child.try_wait().expect("waits").is_none() {
        assert!(patience.elapsed().as_secs() < 120, "nothing is ever pushed");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // Of a process that has ended by itself nothing is killed.
    let _ = child.kill();
    child.wait().expect("waits");
    assert_eq!(life.commits(), 1);
    life.apply();
    assert_eq!(life.commits(), 1);
    life.settled();
    life.destroy();
}

/// What is committed is raised before the control plane, as what is applied is: a chart must do for both versions.
#[test]
fn a_committed_chart_that_does_not_suit_both_versions_is_refused() {
    let test = "a_committed_chart_that_does_not_suit_both_versions_is_refused";
    let Some(life) = Life::new(test, "flux") else {
        return;
    };
    let older = "[hardening.main.charts.cert-manager]\nversion = \"v1.20.2\"\n[hardening.main.charts.envoy-gateway]\nversion = \"v1.7.1\"\n[hardening.main.tls]";
    let write = |version: &str, charts: &str| {
        life.write("gitops", |text| {
            text.replace("\"1.34\"", &format!("\"{version}\""))
                .replace("[hardening.main.tls]", charts)
        });
    };
    write("1.32", older);
    life.apply();
    write("1.33", "[hardening.main.tls]");
    let told = life.run(&["plan"]).expect(1).told();
    assert!(
        told.contains("cert-manager v1.21.1 is supported on Kubernetes 1.33 to 1.36, and charts are raised while the cluster still has 1.32"),
        "{told}"
    );
    // In two steps.
    write("1.33", older);
    life.apply();
    write("1.33", "[hardening.main.tls]");
    life.apply();
    life.settled();
}
