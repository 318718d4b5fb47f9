//! Starting a control plane, and asking it.

use super::process::{Process, free_port, tool};
use serde_json::Value as Json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

const STAGES: &str = include_str!("stages.yaml");
const NODES: &str = include_str!("nodes.yaml");

/// How long something may take to become ready on a machine that does other things besides.
const PATIENCE: Duration = Duration::from_secs(120);

/// A control plane that ends with the last test that uses it.
pub struct ControlPlane {
    // In the order in which they end: who asks ends before who answers.
    _kwok: Process,
    _scheduler: Process,
    _controllers: Process,
    _api: Process,
    _etcd: Process,
    dir: tempfile::TempDir,
    kubectl: PathBuf,
}

/// What `kubectl` gave.
#[derive(Debug)]
pub struct Answer {
    pub ok: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// The output of a call that has to succeed.
    #[track_caller]
    pub fn done(self) -> String {
        assert!(self.ok, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What is said by a call that has to be refused.
    #[track_caller]
    pub fn refused(self) -> String {
        assert!(!self.ok, "was not refused: {}", self.stdout);
        self.stderr
    }
}

impl ControlPlane {
    /// The control plane that tests which run at the same time share. Each keeps to namespaces of its own.
    pub fn shared(test: &str) -> Option<Arc<ControlPlane>> {
        static RUNNING: Mutex<Weak<ControlPlane>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(|broken| {
            RUNNING.clear_poison();
            broken.into_inner()
        });
        if let Some(plane) = running.upgrade() {
            return Some(plane);
        }
        let plane = Arc::new(ControlPlane::start(test)?);
        *running = Arc::downgrade(&plane);
        Some(plane)
    }

    /// A control plane for one test that changes what all would share.
    pub fn start(test: &str) -> Option<ControlPlane> {
        let kubectl = tool("kubectl", test)?;
        let etcd = tool("etcd", test)?;
        let api = tool("kube-apiserver", test)?;
        let controllers = tool("kube-controller-manager", test)?;
        let scheduler = tool("kube-scheduler", test)?;
        let kwok = tool("kwok", test)?;

        let dir = tempfile::tempdir().expect("a scratch folder");
        let at = |name: &str| dir.path().join(name).display().to_string();
        let token = keys(dir.path());
        let [client, peer, port] = std::array::from_fn(|_| free_port());
        let url = format!("https://127.0.0.1:{port}");
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": at("ca.crt")}}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        });
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("written");
        };
        write("kubeconfig", &kubeconfig.to_string());
        write("stages.yaml", STAGES);

        let store = format!("http://127.0.0.1:{client}");
        let members = format!("http://127.0.0.1:{peer}");
        let etcd = Process::start(
            &etcd,
            &[
                format!("--data-dir={}", at("etcd")),
                format!("--listen-client-urls={store}"),
                format!("--advertise-client-urls={store}"),
                format!("--listen-peer-urls={members}"),
                format!("--initial-advertise-peer-urls={members}"),
                format!("--initial-cluster=default={members}"),
                "--unsafe-no-fsync".to_owned(),
                "--log-level=warn".to_owned(),
            ],
            dir.path(),
        );
        let api = Process::start(
            &api,
            &[
                format!("--etcd-servers={store}"),
                "--bind-address=127.0.0.1".to_owned(),
                "--advertise-address=127.0.0.1".to_owned(),
                format!("--secure-port={port}"),
                format!("--tls-cert-file={}", at("server.crt")),
                format!("--tls-private-key-file={}", at("server.key")),
                "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                format!("--service-account-key-file={}", at("accounts.pub")),
                format!("--service-account-signing-key-file={}", at("accounts.key")),
                format!("--token-auth-file={}", at("tokens.csv")),
                "--authorization-mode=RBAC".to_owned(),
                "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
                "--allow-privileged".to_owned(),
                "--endpoint-reconciler-type=none".to_owned(),
                // Tests ask as fast as they can.
                "--enable-priority-and-fairness=false".to_owned(),
            ],
            dir.path(),
        );
        let component = |program: &Path, more: &[String]| {
            let mut arguments = vec![
                format!("--kubeconfig={}", at("kubeconfig")),
                format!("--authentication-kubeconfig={}", at("kubeconfig")),
                format!("--authorization-kubeconfig={}", at("kubeconfig")),
                // Nobody asks them anything.
                "--secure-port=0".to_owned(),
                "--leader-elect=false".to_owned(),
                "--kube-api-qps=500".to_owned(),
                "--kube-api-burst=1000".to_owned(),
            ];
            arguments.extend_from_slice(more);
            Process::start(program, &arguments, dir.path())
        };
        let asks = Kubectl {
            program: &kubectl,
            dir: dir.path(),
        };
        wait("the API server", &[&etcd, &api], || {
            asks.run(&["get", "--raw", "/readyz"], "").stdout == "ok"
        });
        let controllers = component(
            &controllers,
            &[
                "--use-service-account-credentials=false".to_owned(),
                format!("--service-account-private-key-file={}", at("accounts.key")),
                format!("--root-ca-file={}", at("ca.crt")),
            ],
        );
        let scheduler = component(&scheduler, &[]);
        let kwok = Process::start(
            &kwok,
            &[
                format!("--kubeconfig={}", at("kubeconfig")),
                format!("--config={}", at("stages.yaml")),
                "--manage-all-nodes=true".to_owned(),
                "--node-ip=127.0.0.1".to_owned(),
                "--cidr=10.244.0.0/16".to_owned(),
                "--node-lease-duration-seconds=40".to_owned(),
            ],
            dir.path(),
        );
        let made = asks.run(&["apply", "--server-side", "-f", "-"], NODES);
        assert!(made.ok, "{}", made.stderr);
        wait("the cluster", &[&kwok, &scheduler, &controllers], || {
            let ready = asks.run(
                &[
                    "wait",
                    "node",
                    "--all",
                    "--for=condition=Ready",
                    "--timeout=1s",
                ],
                "",
            );
            // Pods are refused before there is an account for them to run as.
            ready.ok && asks.run(&["get", "serviceaccount", "default"], "").ok
        });
        Some(ControlPlane {
            _kwok: kwok,
            _scheduler: scheduler,
            _controllers: controllers,
            _api: api,
            _etcd: etcd,
            dir,
            kubectl,
        })
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    /// Runs `kubectl`.
    pub fn kubectl(&self, arguments: &[&str]) -> Answer {
        self.kubectl_with(arguments, "")
    }

    /// Runs `kubectl` with something to read.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> Answer {
        Kubectl {
            program: &self.kubectl,
            dir: self.dir.path(),
        }
        .run(arguments, input)
    }

    /// Server-side apply of documents in YAML or JSON; a field that the server does not know is an error.
    pub fn apply(&self, documents: &str) -> Answer {
        self.kubectl_with(
            &["apply", "--server-side", "--validate=strict", "-f", "-"],
            documents,
        )
    }

    /// An object, or objects, as JSON.
    #[track_caller]
    pub fn get(&self, arguments: &[&str]) -> Json {
        let text = self.kubectl(&[&["get", "-o", "json"], arguments].concat());
        serde_json::from_str(&text.done()).expect("JSON")
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn until(&self, what: &str, so: impl FnMut() -> bool) {
        wait(what, &[], so);
    }

    /// Installs the CRDs in these folders of another project's, and waits until they are served.
    pub fn install_crds(&self, from: &Path, projects: &[&str]) {
        let mut arguments = vec!["apply", "--server-side", "--force-conflicts"];
        let folders: Vec<String> = projects
            .iter()
            .map(|p| format!("--filename={}", from.join(p).display()))
            .collect();
        arguments.extend(folders.iter().map(String::as_str));
        self.kubectl(&arguments).done();
        self.kubectl(&[
            "wait",
            "crd",
            "--all",
            "--for=condition=Established",
            "--timeout=60s",
        ])
        .done();
    }
}

struct Kubectl<'a> {
    program: &'a Path,
    dir: &'a Path,
}

impl Kubectl<'_> {
    fn run(&self, arguments: &[&str], input: &str) -> Answer {
        let mut child = Command::new(self.program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.dir)
            .env("KUBECONFIG", self.dir.join("kubeconfig"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_owned();
        // It may end without reading all.
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().expect("kubectl ends");
        writer.join().expect("written");
        Answer {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

#[track_caller]
fn wait(what: &str, of: &[&Process], mut so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !so() {
        let told = || of.iter().map(|p| p.told()).collect::<Vec<_>>().join("\n");
        assert!(!of.iter().any(|p| p.ended()), "{what} ended\n{}", told());
        assert!(
            since.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}\n{}",
            told()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// An authority, the API server's certificate, the key of service accounts and the administrator's token.
fn keys(dir: &Path) -> String {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let key = || KeyPair::generate().expect("a key");
    let write = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).expect("written");
    };
    let named = |names: &[&str], common: &str| {
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        let mut parameters = CertificateParams::new(names).expect("names");
        parameters
            .distinguished_name
            .push(DnType::CommonName, common);
        parameters
    };
    let (authority_key, server_key) = (key(), key());
    let mut authority = named(&[], "test-ca");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).expect("signed");
    write("ca.crt", &certificate.pem());
    let issuer = Issuer::new(authority, authority_key);
    let names = [
        "127.0.0.1",
        "10.96.0.1",
        "localhost",
        "kubernetes.default.svc",
    ];
    let server = named(&names, "kube-apiserver")
        .signed_by(&server_key, &issuer)
        .expect("signed");
    write("server.crt", &server.pem());
    write("server.key", &server_key.serialize_pem());
    let accounts = key();
    write("accounts.key", &accounts.serialize_pem());
    write("accounts.pub", &accounts.public_key_pem());
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).expect("randomness");
    let token: String = random.iter().map(|b| format!("{b:02x}")).collect();
    write(
        "tokens.csv",
        &format!("{token},admin,admin,\"system:masters\"\n"),
    );
    token
}
