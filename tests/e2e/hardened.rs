//! Clusters that are hardened in the same run that makes them, on every cloud and by either alternative of every control: applied,
//! nothing to do, no drift, destroyed with nothing left; killed in the middle, and gone on with. In the sandbox, where stand-ins take
//! the place of charts, and say so.

mod azures;
mod images;
mod rows;
mod webhooks;

use crate::hostile::{Crowd, Hostile};
use crate::support::{Folder, Ran, Server, root};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Part of everything that is secret in these stacks.
const SECRET: &str = "hush-hush";
/// The cluster of the other alternatives.
const CLUSTER: &str = "others-main";
/// What only a private key holds.
const KEY: &str = "PRIVATE KEY";

/// A stack, and what its variables are.
struct Case {
    name: &'static str,
    text: String,
    variables: Vec<String>,
}

const SLACK: &str = "slack_webhook=https://hooks.slack.com/services/T0/B0/hush-hush";

/// What production is on another cloud: the same stack, with its own names for what no component has a word for.
const CLOUDS: &[(&str, &str, &[(&str, &str)])] = &[
    (
        "google",
        // Without a load balancer of the stack, the Gateway has its own, with a certificate for each host.
        "unused",
        &[
            ("cloud = \"aws\"", "cloud = \"google\""),
            (
                "cloud              = \"aws\"",
                "cloud              = \"google\"",
            ),
            ("[clouds.aws]", "[clouds.google]"),
            ("tags   = { product", "labels = { product"),
            ("eu-west-1", "europe-west1"),
            ("m7i.xlarge", "n2-standard-4"),
            (
                "[load_balancer.web.override.aws_lb]",
                "[load_balancer.web.override.google_compute_backend_service]",
            ),
        ],
    ),
    (
        "azure",
        "https://prod.vault.azure.net/secrets/shop",
        &[
            ("cloud = \"aws\"", "cloud = \"azure\""),
            (
                "cloud              = \"aws\"",
                "cloud              = \"azure\"",
            ),
            ("[clouds.aws]\nregion =", "[clouds.azure]\nlocation ="),
            ("eu-west-1", "westeurope"),
            ("m7i.xlarge", "Standard_D4s_v5"),
            (
                "[load_balancer.web.override.aws_lb]\nidle_timeout = 120\n",
                "",
            ),
        ],
    ),
];

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a stack")
}

/// A text without the tables whose heads begin so, and the comments before them.
fn without(text: &str, head: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let mut dropping = false;
    for line in text.lines() {
        if line.starts_with('[') {
            dropping = line.starts_with(head);
        }
        if dropping {
            while out.last().is_some_and(|l| l.starts_with('#')) {
                out.pop();
            }
            // What follows may be the comment of the next table.
            if line.starts_with('#') {
                dropping = false;
            }
        }
        if !dropping {
            out.push(line);
        }
    }
    out.join("\n")
}

impl Case {
    fn prod(certificate: &str, text: String) -> Case {
        Case {
            name: "prod",
            text,
            variables: vec![SLACK.to_owned(), format!("certificate_arn={certificate}")],
        }
    }

    fn on(cloud: &str) -> Case {
        let (_, certificate, edits) = CLOUDS
            .iter()
            .find(|(name, ..)| *name == cloud)
            .expect("a cloud of the table");
        let mut text = read("stacks/prod.toml");
        for (from, to) in *edits {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        if cloud == "google" {
            text = without(&without(&text, "[load_balancer.web"), "[outputs.dns_name]");
        }
        Case::prod(certificate, text)
    }

    fn others() -> Case {
        Case {
            name: "others",
            text: read("tests/hardened/others.toml"),
            variables: vec![SLACK.to_owned()],
        }
    }
}

/// A case in a folder and against a server of its own.
struct Life {
    case: Case,
    folder: Folder,
    server: Server,
}

impl Life {
    fn new(case: Case) -> Life {
        let life = Life {
            case,
            folder: Folder::new(),
            server: Server::sandbox(&["--latency", "none"]),
        };
        life.folder
            .write(&format!("stacks/{}.toml", life.case.name), &life.case.text);
        life
    }

    fn arguments(&self, command: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = command.iter().map(|a| (*a).to_owned()).collect();
        all.push(self.server.flag());
        for variable in &self.case.variables {
            all.extend(["-var".to_owned(), variable.clone()]);
        }
        all
    }

    /// Runs a command, whose output holds nothing secret.
    fn run(&self, command: &[&str]) -> Ran {
        let all = self.arguments(command);
        let ran = self
            .folder
            .run(&all.iter().map(String::as_str).collect::<Vec<_>>());
        for text in [&ran.stdout, &ran.stderr] {
            for secret in [SECRET, KEY] {
                let line = text.lines().find(|l| l.contains(secret));
                assert_eq!(line, None, "{command:?} tells a secret");
            }
        }
        ran
    }

    fn apply(&self) -> Ran {
        self.run(&["apply", "-auto-approve"]).expect(0)
    }

    /// Begins an apply and kills it when the server has so many things. Whether it was still alive then.
    fn kill_at(&self, things: usize) -> bool {
        let arguments = self.arguments(&["apply", "-auto-approve"]);
        let mut child = self
            .folder
            .command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let patience = Instant::now();
        while self.server.resources().len() < things && child.try_wait().expect("waits").is_none() {
            assert!(
                patience.elapsed().as_secs() < 120,
                "{things} are never made"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        // Of a process that has ended by itself nothing is killed.
        let _ = child.kill();
        child.wait().expect("waits").signal() == Some(9)
    }

    /// Nothing is left to do, nothing is otherwise than it was left, and the state keeps secrets to itself.
    fn settled(&self) {
        self.run(&["plan", "-detailed-exitcode"]).expect(0);
        self.run(&["drift"]).expect(0);
        let path = format!("state/{}.json", self.case.name);
        let state = std::fs::read_to_string(self.folder.path().join(path)).expect("a state");
        for secret in [SECRET, KEY] {
            assert!(!state.contains(secret), "`{secret}` stands in the state");
        }
    }

    /// What the server has, by type.
    fn census(&self) -> BTreeMap<String, usize> {
        let mut census = BTreeMap::new();
        for resource in self.server.resources() {
            let kind = resource["type"].as_str().unwrap_or_default().to_owned();
            *census.entry(kind).or_default() += 1;
        }
        census
    }

    /// Everything goes; what is left but the snapshot that a protected database leaves.
    fn destroy(&self) -> Vec<Json> {
        let all = [
            "destroy",
            "-auto-approve",
            "--unprotect",
            "--allow-data-loss",
            "**",
        ];
        self.run(&all).expect(0);
        let mut left = self.server.resources();
        left.retain(|r| r["type"] != "aws_db_snapshot");
        left
    }

    /// The whole life.
    fn live(&self) {
        self.settle();
        let left = self.destroy();
        assert!(left.is_empty(), "left on the server: {left:#?}");
    }

    /// The same, and what was made is looked at meanwhile.
    fn live_and_tell(&self) {
        self.settle();
        self.audited();
        let left = self.destroy();
        assert!(left.is_empty(), "left on the server: {left:#?}");
    }

    /// Applies, and there is nothing left to do.
    fn settle(&self) {
        let applied = self.apply();
        let told = format!("{}{}", applied.stdout, applied.stderr);
        for words in [
            "definitions that accept every field stand in for the real ones",
            "stand-ins take the place of what the chart installs",
        ] {
            assert!(told.contains(words), "{words}");
        }
        self.settled();
    }

    /// Whoever may do everything in the cluster.
    fn inside(&self) -> Hostile {
        let config = self.server.kubeconfig(CLUSTER);
        self.folder.write("kubeconfig", &config);
        Hostile::against(&self.folder.path().join("kubeconfig"), None)
    }
}

#[test]
fn production_on_google_is_hardened_in_one_run() {
    Life::new(Case::on("google")).live_and_tell();
}

#[test]
fn production_on_azure_is_hardened_in_one_run() {
    Life::new(Case::on("azure")).live_and_tell();
}

/// With the recovery keys of Vault in the cloud's secret manager, as they came out of the cluster.
#[test]
fn the_other_alternatives_are_applied_whole() {
    let life = Life::new(Case::others());
    life.settle();
    life.audited();
    let all = life.server.secrets_manager("ListSecrets", &json!({}));
    let all = all["SecretList"].as_array().expect("secrets");
    let name = "others-main-vault-recovery-keys-";
    let made = all
        .iter()
        .filter(|s| s["Name"].as_str().is_some_and(|n| n.starts_with(name)));
    let made: Vec<&Json> = made.collect();
    assert_eq!(made.len(), 1, "{all:#?}");
    let asked = json!({ "SecretId": made[0]["ARN"] });
    let kept = life.server.secrets_manager("GetSecretValue", &asked);
    let path = "/api/v1/namespaces/vault/secrets/vault-recovery-keys";
    let held = life.inside().get(path)["data"]["keys"].clone();
    let held = STANDARD
        .decode(held.as_str().expect("keys"))
        .expect("base64");
    assert_eq!(
        kept["SecretString"].as_str().map(str::as_bytes),
        Some(&held[..])
    );
    let state = std::fs::read_to_string(life.folder.path().join("state/others.json"));
    let held = String::from_utf8_lossy(&held).into_owned();
    assert!(
        !state.expect("a state").contains(&held),
        "the state has the recovery keys"
    );
    let left = life.destroy();
    assert!(left.is_empty(), "left on the server: {left:#?}");
}

/// What people have put into a cluster besides goes with it, in the order in which it can go: nobody deploys it anew, no webhook
/// without a server holds it up, operators let go of what they hold while they run, and the cluster goes last.
#[test]
fn what_a_cluster_would_leave_behind_goes_before_it() {
    let life = Life::new(Case::others());
    life.settle();
    let inside = life.inside();
    let web = json!({ "metadata": { "name": "web" }, "spec": { "type": "LoadBalancer", "ports": [{ "port": 80 }] } });
    inside.make("/api/v1/namespaces/default/services", &web);
    let labels = json!({ "app": "data" });
    let data = json!({ "metadata": { "name": "data" }, "spec": {
        "serviceName": "data",
        "selector": { "matchLabels": labels },
        "template": { "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "data", "image": "registry.k8s.io/pause:3.10" }] } },
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {
            "storageClassName": "gp2", "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } },
        } }],
    } });
    inside.make("/apis/apps/v1/namespaces/default/statefulsets", &data);
    // The last: nothing is let through any more.
    let dead = json!({ "metadata": { "name": "dead" }, "webhooks": [{
        "name": "dead.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
        "clientConfig": { "service": { "name": "gone", "namespace": "default" } },
        "rules": [{ "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"] }],
    }] });
    let kind = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    inside.make(kind, &dead);
    life.server.post("/_sandbox/counts/reset", "");
    let left = life.destroy();
    assert!(left.is_empty(), "left on the server: {left:#?}");

    let requests = life.server.get("/_sandbox/requests");
    let requests = requests.as_array().expect("requests");
    let all: Vec<&str> = requests
        .iter()
        .filter(|r| r["status"].as_u64().is_some_and(|s| s < 300))
        .filter_map(|r| r["operation"].as_str())
        .collect();
    let places: Vec<Option<usize>> = [
        // Of those that answer, which go later, there are none here.
        "delete/validatingwebhookconfigurations",
        "patch/kustomizations",
        "delete/postgresqls",
        "delete/services",
        "delete/statefulsets",
        "delete/persistentvolumeclaims",
        "DeleteCluster",
    ]
    .iter()
    .map(|operation| all.iter().position(|o| o == operation))
    .collect();
    assert!(places.iter().all(Option::is_some), "{places:?}");
    assert!(places.is_sorted(), "{places:?}");
}

/// The same among operators that make anew what is deleted, hold it and change what they are given, from the moment that there is a
/// cluster: everything is there once, nothing is to be done, and everything goes.
#[test]
fn a_hardened_cluster_lives_among_hostile_operators() {
    let life = Life::new(Case::others());
    let hostile = life.inside();
    let crowd = Crowd::of(&hostile);
    life.live();
    let done = (crowd.held.count(), crowd.meddled.count());
    assert!(done.0 > 0 && done.1 > 20, "{done:?}");
}

/// What a database is restored by is known once it archives, and taken by the cluster beside the database that is.
#[test]
fn a_database_is_restored_beside_itself() {
    let life = Life::new(Case::others());
    let restore = |more: &[&str]| {
        let command = ["harden", "restore", "-var", SLACK];
        life.folder.run(&[&command[..], more].concat())
    };
    let moment = ["-to", "2026-01-31T12:00:00Z"];
    for (wrong, words) in [
        (&["-to", "yesterday"][..], "a moment is written as"),
        (
            &["-name", "postgres", moment[0], moment[1]],
            "must not have the name",
        ),
        (&["-namespace", "nowhere"], "there is no such database"),
    ] {
        let told = restore(wrong).expect(1).stderr;
        assert!(told.contains(words), "{told}");
    }
    life.apply();
    let printed = restore(&moment).expect(0).stdout;
    for part in [
        "kind: NetworkPolicy\n",
        "kind: postgresql\n",
        "name: postgres-restored\n",
        "timestamp: \"2026-01-31T12:00:00+00:00\"",
        // Archives of this operator's stand under it.
        "    uid: ",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

/// Stopped at several moments of its apply, which is then begun again: what is there in the end is what a run that nobody disturbed
/// makes, each thing once, and nothing is left to do.
#[test]
fn killed_in_the_middle_a_hardened_cluster_is_gone_on_with() {
    let expected = {
        let life = Life::new(Case::others());
        life.apply();
        life.census()
    };
    let all: usize = expected.values().sum();
    let life = Life::new(Case::others());
    let mut killed = 0;
    // Where the cloud's part is made, definitions, charts, and the objects that need them.
    for tenths in [1, 3, 5, 7, 9] {
        killed += usize::from(life.kill_at(all * tenths / 10));
    }
    assert!(killed >= 3, "only {killed} of 5 runs were caught alive");
    life.apply();
    life.settled();
    assert_eq!(life.census(), expected);
    let left = life.destroy();
    assert!(left.is_empty(), "left on the server: {left:#?}");
}
