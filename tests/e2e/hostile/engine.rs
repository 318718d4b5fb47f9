//! A GitOps engine as far as it can do harm: it brings what stands in a repository under its own name and marks, puts right what
//! others change, takes away what is gone from there, and, when it is deleted and not stopped before, all that it has brought. It
//! works as Argo CD and Flux document it, through `kubectl`, `helm` and `git`.

use super::World;
use crate::kube::tool;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// By this an Application takes what it has brought with it.
const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";
/// The same of Flux's objects.
const FLUX: &str = "finalizers.fluxcd.io";
/// The part that brings the others.
const ROOT: &str = "platform";
const PAUSE: Duration = Duration::from_millis(200);

/// What a round needs.
#[derive(Clone)]
struct Desk {
    flux: bool,
    namespace: String,
    kubectl: PathBuf,
    /// `helm`, by the name of the controller whose place it takes.
    helm: PathBuf,
    kubeconfig: PathBuf,
    bare: PathBuf,
    chart: PathBuf,
    rounds: Arc<AtomicUsize>,
}

/// An engine that runs until this is dropped.
pub struct Engine {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Engine {
    /// In the namespace of a world, for a repository; releases are of one chart.
    pub fn start(
        world: &World,
        flux: bool,
        bare: &Path,
        chart: &Path,
        test: &str,
    ) -> Option<Engine> {
        let helm = world.folder.path().join("helm-controller");
        std::os::unix::fs::symlink(tool("helm", test)?, &helm).expect("a link");
        let desk = Desk {
            flux,
            namespace: world.name.to_owned(),
            kubectl: world.kubectl.clone(),
            helm,
            kubeconfig: world.kubeconfig(),
            bare: bare.to_owned(),
            chart: chart.to_owned(),
            rounds: Arc::default(),
        };
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), desk.rounds.clone());
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut brought = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                desk.round(&mut brought);
                std::thread::sleep(PAUSE);
            }
        });
        Some(Engine {
            stop,
            rounds,
            thread: Some(thread),
        })
    }

    /// How often it has brought everything.
    pub fn rounds(&self) -> usize {
        self.rounds.load(Ordering::Relaxed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An object that was brought: its kind with the group, its namespace and its name, and the part that brought it.
type Brought = [String; 4];

fn brought(object: &Json, part: &str) -> Brought {
    let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str);
    let version = text("/apiVersion").unwrap_or_default();
    let group = version
        .split_once('/')
        .map(|(group, _)| format!(".{group}"));
    [
        format!(
            "{}{}",
            text("/kind").unwrap_or_default(),
            group.unwrap_or_default()
        ),
        text("/metadata/namespace").unwrap_or_default().to_owned(),
        text("/metadata/name").unwrap_or_default().to_owned(),
        part.to_owned(),
    ]
}

impl Desk {
    fn run(&self, program: &Path, arguments: &[&str], input: &str) -> Option<String> {
        let mut child = Command::new(program)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(input.as_bytes()).ok()?;
        let ran = child.wait_with_output().ok()?;
        let told = String::from_utf8(ran.stdout).ok()?;
        ran.status.success().then_some(told)
    }

    fn kubectl(&self, arguments: &[&str], input: &str) -> Option<String> {
        self.run(&self.kubectl, arguments, input)
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        let bare = self.bare.display().to_string();
        let all = [&["--git-dir", &bare], arguments].concat();
        self.run(Path::new("git"), &all, "")
    }

    fn kind(&self) -> &'static str {
        if self.flux {
            "kustomizations.kustomize.toolkit.fluxcd.io"
        } else {
            "applications.argoproj.io"
        }
    }

    fn get(&self, kind: &str, name: &str) -> Option<Json> {
        let told = self.kubectl(
            &["get", kind, name, "-n", &self.namespace, "-o", "json"],
            "",
        )?;
        serde_json::from_str(&told).ok()
    }

    fn patch(&self, kind: &str, name: &str, change: &Json, more: &[&str]) {
        let text = change.to_string();
        let base = [
            "patch",
            kind,
            name,
            "-n",
            &self.namespace,
            "--type=merge",
            "-p",
            &text,
        ];
        self.kubectl(&[&base[..], more].concat(), "");
    }

    /// Whether a part may do something by itself.
    fn runs(&self, unit: &Json) -> bool {
        if self.flux {
            unit["spec"]["suspend"] != true
        } else {
            unit["spec"]["syncPolicy"]["automated"].is_object()
        }
    }

    /// Whether a part takes what it has brought with it.
    fn cascades(&self, unit: &Json) -> bool {
        let finalizers = unit["metadata"]["finalizers"].as_array();
        let has = |name: &str| finalizers.is_some_and(|f| f.iter().any(|f| f == name));
        match self.flux {
            true => has(FLUX) && unit["spec"]["suspend"] != true,
            false => has(CASCADE),
        }
    }

    fn take_away(&self, objects: &[Brought]) {
        for [kind, namespace, name, _] in objects.iter().rev() {
            let base = ["delete", kind, name, "--wait=false", "--ignore-not-found"];
            let place = ["-n", namespace.as_str()];
            let place = if namespace.is_empty() {
                &[][..]
            } else {
                &place
            };
            self.kubectl(&[&base[..], place].concat(), "");
        }
    }

    /// One look at the root, and all that follows from it.
    fn round(&self, inventory: &mut Vec<Brought>) {
        let Some(root) = self.get(self.kind(), ROOT) else {
            return;
        };
        if root["metadata"]["deletionTimestamp"].is_string() {
            if self.cascades(&root) {
                self.take_away(inventory);
                inventory.clear();
            }
            let free = json!({ "metadata": { "finalizers": null } });
            self.patch(self.kind(), ROOT, &free, &[]);
            return;
        }
        if self.flux && root["metadata"]["finalizers"].is_null() {
            let held = json!({ "metadata": { "finalizers": [FLUX] } });
            self.patch(self.kind(), ROOT, &held, &[]);
        }
        if !self.runs(&root) {
            return;
        }
        let Some((revision, objects)) = self.files() else {
            return;
        };
        self.begins(&root);
        // Who stops it sees from now on that it works; who has done so by now shall find it stopped.
        if !self.get(self.kind(), ROOT).is_some_and(|r| self.runs(&r)) {
            return self.leaves(&root);
        }
        let mut now = Vec::new();
        for object in &objects {
            if !self.bring(object.clone(), ROOT, inventory, &mut now) {
                return;
            }
        }
        let gone: Vec<Brought> = inventory
            .iter()
            .filter(|o| !now.contains(o))
            .cloned()
            .collect();
        self.take_away(&gone);
        *inventory = now;
        self.told(&root, ROOT, &revision);
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }

    /// The newest commit, and the objects in it.
    fn files(&self) -> Option<(String, Vec<Json>)> {
        let revision = self.git(&["rev-parse", "main"])?.trim().to_owned();
        let listed = self.git(&[
            "ls-tree",
            "-r",
            "--name-only",
            &revision,
            "platform/objects",
        ])?;
        let mut files = BTreeMap::new();
        for path in listed.lines() {
            let text = self.git(&["show", &format!("{revision}:{path}")])?;
            files.insert(path.to_owned(), text);
        }
        // `kubectl` reads YAML.
        let mut objects = Vec::new();
        for text in files.values() {
            let read = self.kubectl(
                &[
                    "create",
                    "--dry-run=client",
                    "--validate=false",
                    "-o",
                    "json",
                    "-f",
                    "-",
                ],
                text,
            )?;
            objects.push(serde_json::from_str(&read).ok()?);
        }
        Some((revision, objects))
    }

    /// Applies an object; whether that was done. A release brings its chart.
    fn bring(
        &self,
        mut object: Json,
        part: &str,
        inventory: &[Brought],
        now: &mut Vec<Brought>,
    ) -> bool {
        let metadata = &mut object["metadata"];
        if self.flux {
            metadata["labels"]["kustomize.toolkit.fluxcd.io/name"] = json!(ROOT);
            metadata["labels"]["kustomize.toolkit.fluxcd.io/namespace"] = json!(self.namespace);
        } else {
            let name = metadata["name"].as_str().unwrap_or_default().to_owned();
            metadata["annotations"]["argocd.argoproj.io/tracking-id"] =
                json!(format!("{ROOT}:{name}"));
        }
        let manager = match self.flux {
            true => "--field-manager=kustomize-controller",
            false => "--field-manager=argocd-controller",
        };
        let apply = [
            "apply",
            "--server-side",
            "--force-conflicts",
            manager,
            "-f",
            "-",
        ];
        if self.kubectl(&apply, &object.to_string()).is_none() {
            return false;
        }
        now.push(brought(&object, part));
        match object["kind"].as_str() {
            Some("Application") => self.application(&object, inventory, now),
            Some("HelmRelease") => self.release(&object),
            _ => true,
        }
    }

    /// A chart's Application: what it renders is applied, and no release is made. One that is stopped keeps what it has brought.
    fn application(&self, object: &Json, inventory: &[Brought], now: &mut Vec<Brought>) -> bool {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let Some(live) = self.get(self.kind(), name).filter(|live| self.runs(live)) else {
            now.extend(inventory.iter().filter(|b| b[3] == name).cloned());
            return true;
        };
        let helm = &live["spec"]["source"]["helm"];
        let place = live["spec"]["destination"]["namespace"]
            .as_str()
            .unwrap_or_default();
        let chart = self.chart.display().to_string();
        let release = helm["releaseName"].as_str().unwrap_or_default();
        let render = [
            "template",
            release,
            &chart,
            "-n",
            place,
            "--no-hooks",
            "--values",
            "-",
        ];
        let Some(text) = self.run(&self.helm, &render, &helm["valuesObject"].to_string()) else {
            return false;
        };
        let read = [
            "create",
            "--dry-run=client",
            "--validate=false",
            "-o",
            "json",
            "-f",
            "-",
        ];
        let Some(list) = self.kubectl(&read, &text) else {
            return false;
        };
        for one in serde_json::Deserializer::from_str(&list).into_iter::<Json>() {
            let Ok(one) = one else { return false };
            let items = one["items"]
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![one.clone()]);
            if !items
                .into_iter()
                .all(|item| self.bring(item, name, inventory, now))
            {
                return false;
            }
        }
        self.told(&live, name, "0.1.0");
        true
    }

    /// A HelmRelease: a release, made by its controller's name.
    fn release(&self, object: &Json) -> bool {
        let kind = "helmreleases.helm.toolkit.fluxcd.io";
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let Some(live) = self.get(kind, name) else {
            return true;
        };
        let spec = &live["spec"];
        let text = |name: &str| spec[name].as_str().unwrap_or_default();
        if live["metadata"]["deletionTimestamp"].is_string() {
            if self.cascades(&live) {
                let gone = [
                    "uninstall",
                    text("releaseName"),
                    "-n",
                    text("targetNamespace"),
                ];
                self.run(&self.helm, &gone, "");
            }
            let free = json!({ "metadata": { "finalizers": null } });
            self.patch(kind, name, &free, &[]);
            return true;
        }
        if spec["suspend"] == true {
            return true;
        }
        let held = json!({ "metadata": { "finalizers": [FLUX] } });
        self.patch(kind, name, &held, &[]);
        let there = ["status", text("releaseName"), "-n", text("targetNamespace")];
        if self.run(&self.helm, &there, "").is_some() {
            return true;
        }
        let chart = self.chart.display().to_string();
        let (release, place) = (text("releaseName"), text("targetNamespace"));
        let install = ["install", release, &chart, "-n", place, "--values", "-"];
        self.run(&self.helm, &install, &spec["values"].to_string())
            .is_some()
    }

    /// Says that it works on the root.
    fn begins(&self, root: &Json) {
        if self.flux {
            let mut conditions = root["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            conditions.push(condition("Reconciling", "Progressing", root));
            let status = json!({ "status": { "conditions": conditions } });
            return self.patch(self.kind(), ROOT, &status, &["--subresource=status"]);
        }
        self.operation(ROOT, "Running");
    }

    /// Says that it works no longer on the root, and has done nothing.
    fn leaves(&self, root: &Json) {
        if self.flux {
            let status = json!({ "status": { "conditions": root["status"]["conditions"] } });
            return self.patch(self.kind(), ROOT, &status, &["--subresource=status"]);
        }
        self.operation(ROOT, "Succeeded");
    }

    fn operation(&self, name: &str, phase: &str) {
        let state = json!({ "operation": {}, "phase": phase, "startedAt": "2026-01-01T00:00:00Z" });
        self.patch(
            self.kind(),
            name,
            &json!({ "status": { "operationState": state } }),
            &[],
        );
    }

    /// What it says of a part when it is done.
    fn told(&self, live: &Json, name: &str, revision: &str) {
        if self.flux {
            let status = json!({ "status": {
                "lastAppliedRevision": format!("main@sha1:{revision}"),
                "conditions": [condition("Ready", "ReconciliationSucceeded", live)],
            } });
            return self.patch(self.kind(), name, &status, &["--subresource=status"]);
        }
        let compared =
            json!({ "source": live["spec"]["source"], "destination": live["spec"]["destination"] });
        let status = json!({ "status": {
            "sync": { "status": "Synced", "revision": revision, "comparedTo": compared },
            "health": { "status": "Healthy" },
        } });
        self.patch(self.kind(), name, &status, &[]);
        self.operation(name, "Succeeded");
    }
}

fn condition(name: &str, reason: &str, of: &Json) -> Json {
    json!({
        "type": name, "status": "True", "reason": reason, "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": of["metadata"]["generation"],
    })
}
