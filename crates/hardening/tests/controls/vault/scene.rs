//! The programs, the cluster and the files that Vault's set-up runs before.

use crate::alternatives::{objects, on, values};
use crate::fixture::{shop, with};
use crate::kube::ControlPlane;
use crate::kube::process::{Process, free_port, tool};
use serde_json::{Value as Json, json};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long Vault may take to answer on a machine that does other things besides.
const PATIENCE: Duration = Duration::from_secs(120);
/// What seals tokens of the Vault that unseals.
const UNSEALER: &str = "unsealer";

/// What a program said.
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

pub(super) fn run(command: &mut Command) -> Said {
    let output = command.output().expect("it runs");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Said {
    #[track_caller]
    pub(super) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out.trim().to_owned()
    }

    #[track_caller]
    pub(super) fn refused(self) -> String {
        assert!(
            self.code.is_some_and(|c| c != 0),
            "is not refused: {}",
            self.out
        );
        self.err
    }
}

/// A person who gets a recovery key.
pub(super) struct Recipient {
    pub(super) public: String,
    pub(super) private: String,
}

/// The programs, the cluster, and what the stack makes.
pub(super) struct Scene {
    dir: tempfile::TempDir,
    vault: PathBuf,
    pub(super) pgp: PathBuf,
    plane: Arc<ControlPlane>,
    pub(super) recipients: Vec<Recipient>,
    /// The job's script.
    pub(super) script: String,
    /// What takes a snapshot.
    pub(super) snapshot: String,
    configuration: String,
    port: u16,
    _unsealer: Process,
}

impl Scene {
    /// None, with a word about it, where a program is missing.
    pub(super) fn new(test: &str) -> Option<Scene> {
        let (vault, pgp) = (tool("vault", test)?, tool("pgp", test)?);
        let plane = ControlPlane::shared(test)?;
        let dir = tempfile::tempdir().expect("a scratch folder");
        let recipients: Vec<Recipient> = (0..3).map(|i| recipient(&pgp, i)).collect();
        let keys: Vec<&str> = recipients.iter().map(|r| r.public.as_str()).collect();
        let inputs = json!({ "secrets": {
            "engine": "vault",
            "vault": { "recovery_recipients": keys, "recovery_threshold": 2, "bucket": "backups" },
        } });
        let expansion = on("aws").harden(&["secrets"], with(shop(), inputs));
        let objects = objects(&expansion);
        let api = files(dir.path(), &vault, &plane, &objects);
        let text = |kind: &str, place: &str| {
            let object = objects.iter().find(|o| o["kind"] == kind);
            let text = object.and_then(|o| o.pointer(place)?.as_str());
            text.expect("a script").to_owned()
        };
        let script = text("Job", "/spec/template/spec/containers/0/command/2");
        let script = local(&script, dir.path(), &api);
        let place = "/spec/jobTemplate/spec/template/spec/initContainers/0/command/2";
        let at = |name: &str| dir.path().join(name).display().to_string();
        let places = [
            ("@/token/vault", format!("@{}", at("snapshot-token"))),
            ("/work/snapshot", at("snapshot")),
        ];
        let snapshot = replaced(&text("CronJob", place), &places);
        let release = values(&expansion, "vault");
        let configuration = &release["server"]["ha"]["raft"]["config"];
        let [port, peers, unsealing] = std::array::from_fn(|_| free_port());
        let configuration = configuration.as_str().expect("a configuration");
        let configuration = configured(configuration, dir.path(), [port, peers, unsealing]);
        let unsealer = unsealer(&vault, unsealing, dir.path());
        Some(Scene {
            dir,
            vault,
            pgp,
            plane,
            recipients,
            script,
            snapshot,
            configuration,
            port,
            _unsealer: unsealer,
        })
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    /// A Vault that holds nothing, and a pod that has not begun.
    pub(super) fn fresh(&self) -> Process {
        for folder in ["data", "work"] {
            let _ = std::fs::remove_dir_all(self.at(folder));
            std::fs::create_dir(self.at(folder)).expect("a folder");
        }
        std::fs::write(self.at("vault.hcl"), &self.configuration).expect("written");
        let arguments = [
            "server".to_owned(),
            format!("-config={}", self.at("vault.hcl").display()),
        ];
        let server = Process::start(&self.vault, &arguments, &self.at("logs"));
        let began = Instant::now();
        while self.ask("", &["status"]).code == Some(1) {
            assert!(began.elapsed() < PATIENCE, "{}", server.told());
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// The pod's end with all that is in its memory.
    pub(super) fn pod_is_lost(&self) {
        std::fs::remove_dir_all(self.at("work")).expect("removed");
        std::fs::create_dir(self.at("work")).expect("a folder");
    }

    /// Runs the script, or as much of it as comes before the end of a call that is not told apart by more than a part of it; `each` is the
    /// first call that no run has been stopped after.
    pub(super) fn set_up(&self, stop_after: &str) -> Said {
        let _ = std::fs::remove_file(self.at("calls"));
        self.shell(&self.script, stop_after)
    }

    pub(super) fn shell(&self, script: &str, stop_after: &str) -> Said {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .env_clear()
            .env("PATH", format!("{}:{path}", self.at("bin").display()))
            .env("HOME", self.at("work"))
            .env("VAULT_ADDR", self.address())
            .env("VAULT_CACERT", self.at("tls/ca.crt"))
            .env("STOP_AFTER", stop_after)
            // What ends it ends all of it, as a container's end does.
            .process_group(0);
        run(&mut command)
    }

    pub(super) fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Asks Vault by its own program.
    pub(super) fn ask(&self, token: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new(&self.vault);
        command
            .args(arguments)
            .env("HOME", self.at("home"))
            .env("VAULT_ADDR", self.address())
            .env("VAULT_CACERT", self.at("tls/ca.crt"))
            .env("VAULT_TOKEN", token);
        run(&mut command)
    }

    /// A service account's token, for an audience.
    pub(super) fn account(&self, namespace: &str, name: &str, audience: &str) -> String {
        token(&self.plane, namespace, name, audience)
    }

    pub(super) fn log_in(&self, role: &str, jwt: &str) -> Said {
        let (role, jwt) = (format!("role={role}"), format!("jwt={jwt}"));
        self.ask(
            "",
            &[
                "write",
                "-field=token",
                "auth/kubernetes/login",
                &role,
                &jwt,
            ],
        )
    }

    pub(super) fn root_token(&self) -> String {
        let init: Json = serde_json::from_str(&self.read("work/init")).expect("an answer");
        init["root_token"].as_str().expect("a token").to_owned()
    }
}

fn recipient(pgp: &Path, index: usize) -> Recipient {
    let made = run(Command::new(pgp).args(["make", &format!("p{index}")])).done();
    let (public, private) = made.split_once('\n').expect("two keys");
    Recipient {
        public: public.to_owned(),
        private: private.trim().to_owned(),
    }
}

fn token(plane: &ControlPlane, namespace: &str, name: &str, audience: &str) -> String {
    let audience = format!("--audience={audience}");
    let mut arguments = vec!["create", "token", name, "-n", namespace, "--duration=2h"];
    if audience.len() > "--audience=".len() {
        arguments.push(&audience);
    }
    plane.kubectl(&arguments).done().trim().to_owned()
}

/// What the job's pod finds, and what Vault's has: certificate, tokens, recipients, and a `vault` on the path; the API's address.
fn files(dir: &Path, vault: &Path, plane: &ControlPlane, objects: &[Json]) -> String {
    for folder in ["tls", "token", "recipients", "bin", "logs", "home", "audit"] {
        std::fs::create_dir(dir.join(folder)).expect("a folder");
    }
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("written");
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    write("tls/tls.crt", &made.cert.pem());
    write("tls/ca.crt", &made.cert.pem());
    write("tls/tls.key", &made.signing_key.serialize_pem());

    let mut wanted: Vec<Json> = ["shop", "blog", "vault"]
        .map(
            |name| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }),
        )
        .to_vec();
    // The chart's: Vault asks whose a token is.
    let account = |namespace: &str, name: &str| {
        let metadata = json!({ "name": name, "namespace": namespace });
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata })
    };
    wanted.extend([
        account("vault", "vault"),
        account("blog", "external-secrets"),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "vault-server-binding" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator" },
            "subjects": [{ "kind": "ServiceAccount", "name": "vault", "namespace": "vault" }],
        }),
    ]);
    let ours = objects.iter().filter(|o| o["kind"] == "ServiceAccount");
    wanted.extend(
        ours.filter(|o| o["metadata"]["namespace"] != "external-secrets")
            .cloned(),
    );
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": wanted });
    plane.apply(&list.to_string()).done();
    write("token/vault", &token(plane, "vault", "vault-init", "vault"));
    write("stopped", "");
    write("reviewer", &token(plane, "vault", "vault", ""));

    let people = objects
        .iter()
        .find(|o| o["metadata"]["name"] == "recovery-recipients");
    for (name, key) in people.expect("keys")["data"].as_object().expect("keys") {
        write(&format!("recipients/{name}"), key.as_str().expect("a key"));
    }

    let config = std::fs::read_to_string(plane.kubeconfig()).expect("a kubeconfig");
    let config: Json = serde_json::from_str(&config).expect("JSON");
    let cluster = &config["clusters"][0]["cluster"];
    let text = |field: &str| cluster[field].as_str().expect("a cluster");
    write(
        "bin/vault",
        &wrapper(dir, vault, text("certificate-authority")),
    );
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.join("bin/vault"), executable).expect("executable");
    text("server").to_owned()
}

/// The program `vault`, which writes down its calls, dies with the script after one of them, and says what Vault in a pod finds by itself: the API's
/// authority and a token of its own.
fn wrapper(dir: &Path, vault: &Path, authority: &str) -> String {
    let (dir, vault) = (dir.display(), vault.display());
    format!(
        r#"#!/bin/sh
echo "$*" >> {dir}/calls
case "$*" in
  "write auth/kubernetes/config "*)
    set -- "$@" kubernetes_ca_cert=@{authority} token_reviewer_jwt=@{dir}/reviewer disable_local_ca_jwt=true ;;
esac
{vault} "$@"
said=$?
case "$STOP_AFTER" in
  "") ;;
  each) if ! grep -qxF -- "$*" {dir}/stopped; then echo "$*" >> {dir}/stopped; kill -9 0; fi ;;
  *) case "$*" in *"$STOP_AFTER"*) kill -9 0 ;; esac ;;
esac
exit $said
"#
    )
}

/// A text with places of a container's replaced by those of here; each must be in it.
fn replaced(text: &str, places: &[(&str, String)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in places {
        assert!(text.contains(from), "{from} is not in {text}");
        text = text.replace(from, to);
    }
    text
}

fn local(script: &str, dir: &Path, api: &str) -> String {
    let dir = dir.display();
    replaced(
        script,
        &[
            ("/work/", format!("{dir}/work/")),
            ("/recipients/", format!("{dir}/recipients/")),
            ("@/token/", format!("@{dir}/token/")),
            ("/dev/termination-log", format!("{dir}/termination")),
            ("/vault/audit/", format!("{dir}/audit/")),
            ("https://kubernetes.default.svc", api.to_owned()),
            ("sleep 3", "sleep 0.1".to_owned()),
        ],
    )
}

/// Vault's configuration, but for what only a pod or a cloud has.
fn configured(text: &str, dir: &Path, [port, peers, unsealing]: [u16; 3]) -> String {
    let place = dir.display();
    let (before, seal) = text.split_once("seal \"").expect("a seal");
    let (_, after) = seal.split_once("\n}\n").expect("its end");
    let transit = format!(
        "seal \"transit\" {{\n  address = \"http://127.0.0.1:{unsealing}\"\n  token = \"{UNSEALER}\"\n  key_name = \"unseal\"\n  mount_path = \"transit/\"\n}}\n"
    );
    let nowhere = format!("https://127.0.0.1:{}", free_port());
    let text = replaced(
        &format!("{before}{transit}{after}"),
        &[
            ("[::]:8200", format!("127.0.0.1:{port}")),
            ("[::]:8201", format!("127.0.0.1:{peers}")),
            ("/vault/userconfig/vault-tls/", format!("{place}/tls/")),
            (
                "path = \"/vault/data\"",
                format!("path = \"{place}/data\"\n  node_id = \"vault-0\""),
            ),
            (
                "https://vault-0.vault-internal:8200",
                format!("https://127.0.0.1:{port}"),
            ),
            ("https://vault-1.vault-internal:8200", nowhere.clone()),
            ("https://vault-2.vault-internal:8200", nowhere),
            ("service_registration \"kubernetes\" {}\n", String::new()),
        ],
    );
    // The chart's part.
    format!(
        "disable_mlock = true\napi_addr = \"https://127.0.0.1:{port}\"\ncluster_addr = \"https://127.0.0.1:{peers}\"\n{text}"
    )
}

/// The Vault whose key unseals.
fn unsealer(vault: &Path, port: u16, dir: &Path) -> Process {
    let logs = dir.join("unsealer");
    std::fs::create_dir(&logs).expect("a folder");
    let arguments = [
        "server".to_owned(),
        "-dev".to_owned(),
        "-dev-no-store-token".to_owned(),
        format!("-dev-root-token-id={UNSEALER}"),
        format!("-dev-listen-address=127.0.0.1:{port}"),
    ];
    let server = Process::start(vault, &arguments, &logs);
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(vault);
        command
            .args(arguments)
            .env("HOME", dir)
            .env("VAULT_ADDR", format!("http://127.0.0.1:{port}"))
            .env("VAULT_TOKEN", UNSEALER);
        run(&mut command)
    };
    let began = Instant::now();
    while ask(&["secrets", "enable", "transit"]).code != Some(0) {
        assert!(began.elapsed() < PATIENCE, "{}", server.told());
        std::thread::sleep(Duration::from_millis(100));
    }
    ask(&["write", "-f", "transit/keys/unseal"]).done();
    server
}
