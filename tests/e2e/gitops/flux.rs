//! Flux itself reads what is committed: its own source-controller and kustomize-controller, beside a real API server. No
//! helm-controller runs, and no chart is to be had without the internet: releases are said to be ready by this test.

use super::back::Look;
use super::{Life, serve};
use crate::kube::process::{Process, free_port};
use crate::kube::{ControlPlane, tool, upstream_crds};
use crate::support::Folder;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const HOME: &str = "flux-system";
/// Its source-controller looks only at what has this label: repositories of charts are on the internet.
const MINE: (&str, &str) = ("infra.example.com/test", "flux");
const KUSTOMIZATIONS: &str = "kustomizations.kustomize.toolkit.fluxcd.io";
/// What has controllers that do not run here, or reach nothing.
const CHARTS: [&str; 2] = [
    "helmreleases.helm.toolkit.fluxcd.io",
    "helmrepositories.source.toolkit.fluxcd.io",
];

/// The controllers, for as long as this is there.
struct Flux {
    source: Process,
    kustomize: Process,
    _logs: [tempfile::TempDir; 2],
}

impl Flux {
    fn start(plane: &ControlPlane, test: &str) -> Option<Flux> {
        let programs = ["source-controller", "kustomize-controller"].map(|name| tool(name, test));
        let [Some(source), Some(kustomize)] = programs else {
            return None;
        };
        let logs = [(); 2].map(|()| tempfile::tempdir().expect("a scratch folder"));
        let start = |program: &Path, logs: &Path, more: &[String]| {
            // As nothing but this tells them where the cluster is.
            let mut arguments = vec![
                format!("KUBECONFIG={}", plane.kubeconfig().display()),
                format!("RUNTIME_NAMESPACE={HOME}"),
                program.display().to_string(),
                "--metrics-addr=0".to_owned(),
                format!("--health-addr=127.0.0.1:{}", free_port()),
                "--log-level=info".to_owned(),
                "--requeue-dependency=1s".to_owned(),
            ];
            arguments.extend_from_slice(more);
            Process::start(Path::new("env"), &arguments, logs)
        };
        let storage = format!("127.0.0.1:{}", free_port());
        let kept = logs[0].path().join("storage");
        std::fs::create_dir(&kept).expect("a folder");
        let more = [
            format!("--storage-path={}", kept.display()),
            format!("--storage-addr={storage}"),
            format!("--storage-adv-addr={storage}"),
            format!("--watch-label-selector={}={}", MINE.0, MINE.1),
        ];
        Some(Flux {
            source: start(&source, logs[0].path(), &more),
            kustomize: start(&kustomize, logs[1].path(), &[]),
            _logs: logs,
        })
    }

    fn told(&self) -> String {
        format!("{}\n{}", self.source.told(), self.kustomize.told())
    }
}

/// Says that releases are ready, until it is dropped.
struct Releases {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Releases {
    fn ready(plane: &Arc<ControlPlane>) -> Releases {
        let (stop, plane) = (Arc::new(AtomicBool::new(false)), plane.clone());
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for kind in CHARTS {
                    let all = plane.kubectl(&["get", kind, "-n", HOME, "-o", "json"]);
                    let all: Json = serde_json::from_str(&all.stdout).unwrap_or_default();
                    for one in all["items"].as_array().into_iter().flatten() {
                        ready(&plane, kind, one);
                    }
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        Releases {
            stop,
            thread: Some(thread),
        }
    }
}

fn ready(plane: &ControlPlane, kind: &str, release: &Json) {
    let generation = &release["metadata"]["generation"];
    if release["status"]["observedGeneration"] == *generation {
        return;
    }
    let status = json!({ "status": { "observedGeneration": generation, "conditions": [{
        "type": "Ready", "status": "True", "reason": "Succeeded", "message": "by the test",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": generation,
    }] } });
    let name = release["metadata"]["name"].as_str().unwrap_or_default();
    let text = status.to_string();
    let base = ["patch", kind, name, "-n", HOME, "--subresource=status"];
    plane.kubectl(&[&base[..], &["--type=merge", "-p", &text]].concat());
}

impl Drop for Releases {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a hardened stack commits, by path in the folder.
fn committed(life: &Life) -> Map<String, Json> {
    let listed = life.git(&["ls-tree", "-r", "--name-only", "main", "platform"]);
    let paths = listed.lines().filter(|p| p.ends_with(".yaml"));
    let read = paths.map(|path| {
        let text = life.git(&["show", &format!("main:{path}")]);
        let object: Json = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let path = path.strip_prefix("platform/").unwrap_or(path);
        (path.to_owned(), object)
    });
    read.collect()
}

/// What the stack makes itself for the engine, as the sandbox's cluster has it: the repository for another place.
fn bootstrap(life: &Life, url: &str) -> Map<String, Json> {
    let look = Look::at(life);
    let flux =
        "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/platform";
    let source = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/config";
    let account = "/api/v1/namespaces/flux-system/serviceaccounts/platform";
    let binding = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/flux-platform";
    let mut all = Map::new();
    for path in [account, binding, source, flux] {
        let live = look.get(path).unwrap_or_else(|| panic!("no {path}"));
        let mut object = json!({
            "apiVersion": live["apiVersion"], "kind": live["kind"],
            "metadata": { "name": live["metadata"]["name"], "namespace": live["metadata"]["namespace"] },
        });
        for part in ["spec", "roleRef", "subjects"] {
            if let Some(value) = live.get(part) {
                object[part] = value.clone();
            }
        }
        if object["kind"] == "GitRepository" {
            object["metadata"]["labels"] = json!({ MINE.0: MINE.1 });
            object["spec"]["url"] = json!(url);
        }
        let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
        all.insert(kind, object);
    }
    all
}

/// Namespaces of files that no file makes: what is sealed with needs one before anything is committed.
fn outer(files: &Map<String, Json>) -> Map<String, Json> {
    let text = |object: &Json, field: &str| object["metadata"][field].as_str().map(str::to_owned);
    let namespaces = files.values().filter(|o| o["kind"] == "Namespace");
    let made: BTreeSet<String> = namespaces.filter_map(|o| text(o, "name")).collect();
    let all = files.values().filter_map(|o| text(o, "namespace"));
    let missing: BTreeSet<String> = all.filter(|n| n != HOME && !made.contains(n)).collect();
    let object = |name: &String| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    missing
        .iter()
        .map(|name| (name.clone(), object(name)))
        .collect()
}

/// The stack beside the real API server, with its own repository.
struct Real {
    folder: Folder,
    plane: Arc<ControlPlane>,
    bare: PathBuf,
}

impl Real {
    fn new(plane: &Arc<ControlPlane>) -> Real {
        let folder = Folder::new();
        let bare = folder.path().join("config.git");
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&bare)
            .status();
        assert!(made.is_ok_and(|m| m.success()));
        Real {
            folder,
            plane: plane.clone(),
            bare,
        }
    }

    fn write(&self, resources: &str) {
        let text = format!(
            r#"[stack]
name = "t"
[clouds.kubernetes]
config_path = {:?}
[resource.kubernetes_namespace.flux]
metadata = {{ name = "{HOME}" }}
[resource.kubernetes_manifest.outer]
for_each = '${{jsondecode(file("outer.json"))}}'
manifest = "${{each.value}}"
{resources}"#,
            self.plane.kubeconfig().display().to_string()
        );
        self.folder.write("stacks/t.toml", &text);
    }

    fn is_from_the_repository(&self) {
        self.write(&format!(
            r#"
[resource.kubernetes_manifest.bootstrap]
for_each   = '${{jsondecode(file("bootstrap.json"))}}'
manifest   = "${{each.value}}"
depends_on = ["kubernetes_namespace.flux"]
[resource.kubernetes_config_repository.platform]
repository = "file://{}"
path       = "platform"
owner      = "t/main"
files      = '${{jsondecode(file("files.json"))}}'
engine     = {{ kind = "flux", namespace = "{HOME}", root = "platform" }}
timeouts   = {{ create = "9m" }}
depends_on = ["kubernetes_manifest.bootstrap", "kubernetes_manifest.outer"]
"#,
            self.bare.display()
        ));
    }

    /// Those of the folder: an app's is an object like any other, and waits for the app's own files.
    fn kustomizations(&self) -> BTreeMap<String, Json> {
        let all = self.plane.get(&[KUSTOMIZATIONS, "-n", HOME]);
        let items = all["items"].as_array().cloned().unwrap_or_default();
        let named = items.into_iter().map(|one| {
            let name = one["metadata"]["name"].as_str().unwrap_or_default();
            (name.to_owned(), one)
        });
        named
            .filter(|(name, _)| name.starts_with("platform"))
            .collect()
    }

    /// The objects of files, as the server has them.
    fn live(&self, objects: &Map<String, Json>) -> BTreeMap<String, Json> {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects.values().collect::<Vec<_>>() });
        let get = ["get", "-f", "-", "-o", "json", "--show-managed-fields"];
        let told = self.plane.kubectl_with(&get, &list.to_string()).done();
        let told: Json = serde_json::from_str(&told).expect("JSON");
        let items = told["items"].as_array().cloned().unwrap_or_default();
        assert_eq!(items.len(), objects.len());
        let named = items.into_iter().map(|one| {
            let metadata = &one["metadata"];
            let key = format!(
                "{} {} {}",
                one["kind"], metadata["namespace"], metadata["name"]
            );
            (key, one)
        });
        named.collect()
    }
}

/// When something became ready, in the server's words.
fn since(unit: &Json) -> Option<&str> {
    let conditions = unit["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|c| c["type"] == "Ready")?;
    (ready["status"] == "True").then(|| ready["lastTransitionTime"].as_str())?
}

/// What is a part of Flux, or brought by one that does not run here.
fn is_flux(path: &str, object: &Json) -> bool {
    let kind = object["kind"].as_str().unwrap_or_default();
    path.starts_with("sync/") || ["HelmRelease", "HelmRepository", "SealedSecret"].contains(&kind)
}

/// Whether an object is one of kustomize-controller's.
fn is_brought(object: &Json) -> bool {
    let metadata = &object["metadata"];
    let entries = metadata["managedFields"].as_array();
    let owned = |e: &Json| e["manager"] == "kustomize-controller";
    let labelled = metadata["labels"].get("kustomize.toolkit.fluxcd.io/name");
    labelled.is_some() || entries.is_some_and(|all| all.iter().any(owned))
}

#[test]
fn flux_itself_brings_what_is_committed_and_lets_go_of_it() {
    let test = "flux_itself_brings_what_is_committed_and_lets_go_of_it";
    let Some(crds) = upstream_crds(test) else {
        return;
    };
    let Some(life) = Life::new(test, "flux") else {
        return;
    };
    // One of its own: the definitions that it brings are the sandbox's.
    let Some(plane) = ControlPlane::start(test).map(Arc::new) else {
        return;
    };
    plane.install_crds(&crds, &["flux"]);
    let Some(flux) = Flux::start(&plane, test) else {
        return;
    };
    life.write("gitops", |t| t);
    life.apply();
    let files = committed(&life);
    let real = Real::new(&plane);
    let served = serve::Repositories::below(real.folder.path());
    let url = format!("{}/config.git", served.url());
    real.folder.write(
        "stacks/files.json",
        &Json::Object(files.clone()).to_string(),
    );
    let outer = Json::Object(outer(&files)).to_string();
    real.folder.write("stacks/outer.json", &outer);
    let bootstrap = Json::Object(bootstrap(&life, &url));
    real.folder
        .write("stacks/bootstrap.json", &bootstrap.to_string());

    // An apply ends when Flux says that all of it is there.
    real.is_from_the_repository();
    let releases = Releases::ready(&plane);
    let ran = real.folder.run(&["apply", "-auto-approve"]);
    assert!(
        ran.code == Some(0),
        "{}\n{}\n{:#?}\n{}",
        ran.stdout,
        ran.stderr,
        real.kustomizations(),
        flux.told()
    );
    // Kustomization by Kustomization, each after those that it depends on.
    let units = real.kustomizations();
    let synced = files.keys().filter(|p| p.starts_with("sync/")).count();
    assert!(synced > 10, "{synced}");
    assert_eq!(units.len(), synced + 1);
    let mut edges = 0;
    for (name, unit) in &units {
        let own = since(unit).unwrap_or_else(|| panic!("{name} is not ready: {unit:#}"));
        for before in unit["spec"]["dependsOn"].as_array().into_iter().flatten() {
            let before = before["name"].as_str().expect("a name");
            assert!(since(&units[before]) <= Some(own), "{name} before {before}");
            edges += 1;
        }
    }
    assert!(edges > 10, "{edges}");
    real.folder.run(&["plan", "-detailed-exitcode"]).expect(0);

    // And back.
    let plain: Map<String, Json> = files
        .iter()
        .filter(|(path, object)| !is_flux(path, object))
        .map(|(path, object)| (path.clone(), object.clone()))
        .collect();
    let before = real.live(&plain);
    assert!(before.values().all(is_brought));
    real.folder.write(
        "stacks/plain.json",
        &Json::Object(plain.clone()).to_string(),
    );
    real.write(
        r#"
[resource.kubernetes_manifest.all]
for_each = '${jsondecode(file("plain.json"))}'
manifest = "${each.value}"
"#,
    );
    let plan = real.folder.run(&["plan"]).expect(0);
    let all = format!("{} to take over", plain.len());
    assert!(plan.stdout.contains(&all), "{}", plan.stdout);
    real.folder.run(&["apply", "-auto-approve"]).expect(0);
    assert!(real.kustomizations().is_empty());
    // Whatever Flux would still do it has done by then.
    std::thread::sleep(Duration::from_secs(3));
    let after = real.live(&plain);
    for (name, object) in &before {
        let now = &after[name];
        assert_eq!(now["metadata"]["uid"], object["metadata"]["uid"], "{name}");
        assert!(!is_brought(now), "{name} is Flux's: {now:#}");
    }
    real.folder.run(&["plan", "-detailed-exitcode"]).expect(0);
    drop(releases);
    life.destroy();
}
