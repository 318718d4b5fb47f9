//! `infra harden drill`: a copy of a hardened cluster is made beside the real one from its keys, its repository and its archives, looked
//! at, and taken away. The real one is as it was. In the sandbox, where the operator's stand-in says what is archived.

#[path = "drill/lost.rs"]
mod lost;

use crate::support::{Folder, Ran, Server};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What only a private key holds.
const KEY: &str = "PRIVATE KEY";
const SLACK: &str = "https://hooks.slack.com/services/T0/B0/hush-hush";

const STACK: &str = r#"
[stack]
name    = "shop"
protect = true

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

[bucket.backups]
cloud = "aws"
[bucket.assets]
cloud = "aws"

[resource.aws_route53_zone.shop]
name = "shop.example.com"
[resource.aws_route53_record.www]
zone_id = "${aws_route53_zone.shop.zone_id}"
name    = "www.shop.example.com"
type    = "A"
ttl     = 300
records = ["203.0.113.7"]

[hardening.main]
cluster  = "main"
profile  = ["tls", "secrets", "network", "database", "monitoring", "quotas", "gitops"]
domain   = "shop.example.com"
delivery = "gitops"
[hardening.main.tls]
issuer = "letsencrypt"
email  = "ops@example.com"
dns    = { zone = "${aws_route53_zone.shop.zone_id}" }
[hardening.main.secrets]
keys             = ["2026-10", "2026-11"]
certificate_file = "sealing.pem"
[hardening.main.monitoring]
slack_webhook = "https://hooks.slack.com/services/T0/B0/hush-hush"
[hardening.main.gitops]
engine     = "argocd"
repository = "file://REPOSITORY"
[hardening.main.apps.shop]
[hardening.main.apps.shop.services.front]
port  = 3000
route = { host = "front.shop.example.com" }
[hardening.main.apps.shop.services.back]
port = 8000
from = ["front"]
to   = ["203.0.113.0/24:443"]
[hardening.main.apps.shop.postgres]
instances = 2
from      = ["back"]
backup    = { bucket = "backups" }

[outputs.www]
value = "${aws_route53_record.www.name}"
"#;

/// A stack that was applied, with its repository and a sandbox.
struct Real {
    folder: Folder,
    server: Server,
}

impl Real {
    fn new() -> Real {
        Real::of(STACK)
    }

    fn of(stack: &str) -> Real {
        let real = Real {
            folder: Folder::new(),
            server: Server::sandbox(&["--latency", "none"]),
        };
        let bare = real.bare().display().to_string();
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main", &bare])
            .output();
        assert!(made.expect("git runs").status.success());
        real.folder
            .write("stacks/shop.toml", &stack.replace("REPOSITORY", &bare));
        real.run(&["apply", "-auto-approve"]).expect(0);
        real
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("config.git")
    }

    /// Runs a command, whose output holds nothing secret.
    #[track_caller]
    fn run(&self, command: &[&str]) -> Ran {
        let flag = self.server.flag();
        let ran = self.folder.run(&[command, &[&flag]].concat());
        for text in [&ran.stdout, &ran.stderr] {
            for secret in ["hush-hush", KEY] {
                assert!(!text.contains(secret), "{command:?} tells a secret");
            }
        }
        ran
    }

    #[track_caller]
    fn drill(&self, more: &[&str]) -> Ran {
        self.run(&[&["harden", "drill", "-auto-approve"], more].concat())
    }

    /// Commits a file beside the platform's folder, as somebody else would.
    fn commit(&self, path: &str, text: &str) {
        let work = self.folder.path().join("work");
        let run = |arguments: &[&str]| {
            let ran = Command::new("git")
                .args(["-c", "user.name=ci", "-c", "user.email=ci@example.com"])
                .args(arguments)
                .output()
                .expect("git runs");
            assert!(ran.status.success(), "{ran:?}");
        };
        let place = work.display().to_string();
        let bare = self.bare().display().to_string();
        run(&["clone", "--quiet", &bare, &place]);
        let file = work.join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, text).expect("written");
        run(&["-C", &place, "add", "."]);
        run(&["-C", &place, "commit", "--quiet", "-m", "somebody else"]);
        run(&["-C", &place, "push", "--quiet", "origin", "HEAD:main"]);
    }

    /// A secret that is sealed for the cluster stands in the repository.
    fn seal(&self) {
        let secret = "{apiVersion: v1, kind: Secret, metadata: {name: api, namespace: shop}, stringData: {token: t}}";
        self.folder.write("secret.yaml", secret);
        let sealed = self
            .folder
            .run(&[
                "secrets",
                "seal",
                "-cert",
                "stacks/sealing.pem",
                "secret.yaml",
            ])
            .expect(0);
        self.commit("apps/shop/api.yaml", &sealed.stdout);
    }

    /// All that is on the server.
    fn things(&self) -> BTreeSet<String> {
        let all = self.server.resources();
        all.iter().map(Json::to_string).collect()
    }

    /// What must be as it was, whatever a drill does.
    fn all(&self) -> (BTreeSet<String>, Vec<u8>, Vec<u8>, String) {
        let read = |path: &str| std::fs::read(self.folder.path().join(path)).expect("a file");
        let tip = Command::new("git")
            .args([
                "-C",
                &self.bare().display().to_string(),
                "rev-parse",
                "main",
            ])
            .output()
            .expect("git runs");
        (
            self.things(),
            read("state/shop.json"),
            read("stacks/sealing.pem"),
            String::from_utf8_lossy(&tip.stdout).into_owned(),
        )
    }

    /// Nothing is to be done to the real stack, and nothing of a copy is left.
    #[track_caller]
    fn unharmed(&self, before: &(BTreeSet<String>, Vec<u8>, Vec<u8>, String)) {
        let after = self.all();
        let new: Vec<&String> = after.0.difference(&before.0).collect();
        assert!(new.is_empty(), "left of the copy: {new:#?}");
        let gone: Vec<&String> = before.0.difference(&after.0).collect();
        assert!(gone.is_empty(), "gone with the copy: {gone:#?}");
        assert!(before.1 == after.1, "the state was written");
        assert!(before.2 == after.2, "the certificate was written");
        assert_eq!(before.3, after.3, "something was committed");
        self.run(&["plan", "-detailed-exitcode"]).expect(0);
    }

    /// The id of a resource of the real stack's.
    fn id(&self, address: &str) -> String {
        let state = self.folder.run(&["state", "pull"]).expect(0).json();
        let id = state["resources"][address]["id"].as_str();
        id.unwrap_or_else(|| panic!("{address} is not in {state}"))
            .to_owned()
    }

    /// Deletes a resource behind the back of its state: by another stack, which takes it over and is destroyed.
    fn lose(&self, address: &str, attribute: &str) {
        let kind = address.rsplit('.').nth(1).expect("a type");
        let (id, other) = (self.id(address), Folder::new());
        other.write(
            "stacks/other.toml",
            &format!("[clouds.aws]\nregion = \"eu-west-1\"\n[resource.{kind}.it]\n{attribute}\n"),
        );
        let flag = self.server.flag();
        let it = format!("{kind}.it");
        other.run(&["import", &it, &id, &flag]).expect(0);
        let all = ["destroy", "-auto-approve", "--allow-data-loss", "**", &flag];
        other.run(&all).expect(0);
    }

    /// Begins a drill and kills it when there is so much more on the server.
    fn kill_after(&self, more: usize) {
        let wanted = self.server.resources().len() + more;
        let flag = self.server.flag();
        let mut child = self
            .folder
            .command(&["harden", "drill", "-auto-approve", &flag])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let patience = Instant::now();
        while self.server.resources().len() < wanted {
            assert!(child.try_wait().expect("waits").is_none(), "it has ended");
            assert!(
                patience.elapsed().as_secs() < 120,
                "{wanted} are never there"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().expect("killed");
        child.wait().expect("waits");
    }
}

#[test]
fn a_copy_is_made_looked_at_and_taken_away() {
    let real = Real::new();
    real.seal();
    let before = real.all();
    real.drill(&[]).expect(0).says(&[
        "✓ keys 2026-10: from AWS Secrets Manager",
        "✓ keys 2026-11: from AWS Secrets Manager",
        "3 sealed secrets open",
        "✓ archive shop/postgres: s3://shop-backups-",
        "; last whole backup ",
        // The sandbox's operator writes nothing into it.
        "! archive shop/postgres: no change is archived",
        "(recovery time)",
        "✓ database shop/postgres is ready, recovered to its last archived change",
        "rows of the roadmap are in place",
        "not asked for by the stack: ",
        "Centralized Logging",
        "aws_route53_record.www",
        "bucket.backups: made empty",
        "✓ gone nothing of the copy is left",
        "All that was looked at can be made again.",
    ]);
    real.unharmed(&before);
    // Whoever keeps it may look at it, and takes it away as any other copy.
    let refused = real.drill(&["-to", "2099-01-31T12:00:00Z"]).expect(1);
    refused.says(&["is still to come", "leave `-to` out"]);
    real.unharmed(&before);
    let now = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])
        .output();
    let now = String::from_utf8(now.expect("date runs").stdout).expect("text");
    let moment = now.trim();
    let kept = real.drill(&["-keep", "-to", moment]).expect(0);
    kept.says(&[
        &format!("recovered to what it was at {moment}"),
        "--instance drill stacks/shop.toml",
    ]);
    let state = std::fs::read_to_string(real.folder.path().join("state/shop@drill.json"));
    let state = state.expect("a state");
    for secret in [KEY, SLACK] {
        assert!(!state.contains(secret), "`{secret}` stands in the state");
    }
    real.run(&["destroy", "-auto-approve", "--instance", "drill"])
        .expect(0);
    real.unharmed(&before);
}

#[test]
fn what_cannot_be_made_again_is_said_and_nothing_is_made() {
    let real = Real::new();
    let told = real.drill(&["-to", "2001-01-31T12:00:00Z"]).expect(2);
    told.says(&[
        "✗ archive shop/postgres",
        "after what -to asks for",
        "One thing could not",
    ]);
    real.drill(&["-to", "yesterday"])
        .expect(1)
        .says(&["is no moment"]);
    real.lose(
        "hardening.main.aws_secretsmanager_secret.sealing_2026_10",
        "recovery_window_in_days = 7",
    );
    let before = real.things();
    let told = real.drill(&[]).expect(2);
    told.says(&[
        "✗ keys 2026-10: only the state has it",
        "✓ keys 2026-11: from AWS Secrets Manager",
        "copy none was made",
    ]);
    // A backup stands for the cloud.
    let backup = ["secrets", "rotate-backup", "-keep", "-out", "keys.yaml"];
    real.folder.run(&backup).expect(0);
    real.drill(&["-key", "keys.yaml"])
        .expect(0)
        .says(&["✓ keys 2026-10: from the backup"]);
    real.lose("bucket.backups.aws_s3_bucket.this", "force_destroy = true");
    let told = real.drill(&["-key", "keys.yaml"]).expect(2);
    told.says(&[
        "✗ archive shop/postgres: the bucket shop-backups-",
        "is gone",
    ]);
    let new: Vec<String> = real.things().difference(&before).cloned().collect();
    assert!(new.is_empty(), "{new:#?}");
}

#[test]
fn a_drill_that_is_killed_is_gone_on_with_or_taken_away() {
    let real = Real::new();
    let before = real.all();
    for (more, destroy) in [(25, true), (60, false)] {
        real.kill_after(more);
        if destroy {
            real.run(&["destroy", "-auto-approve", "--instance", "drill"])
                .expect(0);
        } else {
            let told = real.drill(&[]).expect(0);
            told.says(&[
                "beside those that an earlier drill had made",
                "nothing of the copy is left",
            ]);
        }
        real.unharmed(&before);
    }
}
