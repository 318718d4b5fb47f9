//! The way back from a repository beside a real API server: what an engine has brought, and would take away if it could, is taken
//! over in place, with the database, its volume, and a chart whose pods go on running.

use super::engine::Engine;
use super::{World, until};
use crate::kube::upstream_crds;
use crate::support::{root, say};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// What stands in both stacks: objects as the repository has them, and as the stack makes them itself.
const OBJECTS: &[(&str, &str)] = &[
    (
        "volume",
        r#"{ apiVersion = "v1", kind = "PersistentVolumeClaim", metadata = { name = "volume", namespace = "NAMESPACE-shop" }, spec = { accessModes = ["ReadWriteOnce"], resources = { requests = { storage = "1Gi" } } } }"#,
    ),
    (
        "database",
        r#"{ apiVersion = "postgresql.cnpg.io/v1", kind = "Cluster", metadata = { name = "database", namespace = "NAMESPACE-shop" }, spec = { instances = 3, storage = { size = "1Gi" } } }"#,
    ),
    (
        "web",
        r#"{ apiVersion = "apps/v1", kind = "Deployment", metadata = { name = "web", namespace = "NAMESPACE-shop" }, spec = { replicas = 1, selector = { matchLabels = { app = "web" } }, template = { metadata = { labels = { app = "web" } }, spec = { containers = [{ name = "web", image = "registry.k8s.io/pause:3.10" }] } } } }"#,
    ),
    (
        "settings",
        r#"{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "settings", namespace = "NAMESPACE-shop" }, data = { a = "1" } }"#,
    ),
];

const VALUES: &str = r#"{ greeting = "Hello", password = "hush-hush", replicas = 1 }"#;

/// The kinds that are looked at, of the shop's namespace.
const LIVES: &str = "persistentvolumeclaims,clusters.postgresql.cnpg.io,deployments,replicasets,pods,configmaps,services,secrets";

/// A world with a repository.
struct Case {
    world: World,
    bare: PathBuf,
    chart: PathBuf,
    flux: bool,
}

impl Case {
    fn new(test: &str, name: &'static str, flux: bool) -> Option<Case> {
        let crds = upstream_crds(test)?;
        let world = World::real(test, name)?;
        let bare = world.folder.path().join("config.git");
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&bare)
            .output();
        if made.is_err() {
            say(&format!("{test} is skipped: there is no program `git`"));
            return None;
        }
        let plane = world._plane.as_ref().expect("a control plane");
        plane.install_crds(&crds, &["argo-cd", "flux", "cloudnative-pg"]);
        let chart = root().join("tests/charts/hello");
        Some(Case {
            world,
            bare,
            chart,
            flux,
        })
    }

    /// What watches the folder.
    fn watch(&self) -> &'static str {
        if self.flux {
            r#"{ apiVersion = "kustomize.toolkit.fluxcd.io/v1", kind = "Kustomization", metadata = { name = "platform", namespace = "NAMESPACE" }, spec = { interval = "10m", path = "./platform/objects", prune = true, sourceRef = { kind = "GitRepository", name = "config" } } }"#
        } else {
            r#"{ apiVersion = "argoproj.io/v1alpha1", kind = "Application", metadata = { name = "platform", namespace = "NAMESPACE" }, spec = { project = "default", source = { repoURL = "https://example.com/config", targetRevision = "main", path = "platform/objects" }, destination = { server = "https://kubernetes.default.svc", namespace = "NAMESPACE" }, syncPolicy = { automated = { prune = true, selfHeal = true } } } }"#
        }
    }

    /// The chart, as the engine gets it.
    fn release(&self) -> String {
        if self.flux {
            format!(
                r#"{{ apiVersion = "helm.toolkit.fluxcd.io/v2", kind = "HelmRelease", metadata = {{ name = "hello", namespace = "NAMESPACE" }}, spec = {{ interval = "10m", releaseName = "hello", targetNamespace = "NAMESPACE-shop", storageNamespace = "NAMESPACE-shop", chart = {{ spec = {{ chart = "hello", version = "0.1.0", sourceRef = {{ kind = "HelmRepository", name = "hello" }} }} }}, values = {VALUES} }} }}"#
            )
        } else {
            format!(
                r#"{{ apiVersion = "argoproj.io/v1alpha1", kind = "Application", metadata = {{ name = "hello", namespace = "NAMESPACE", finalizers = ["resources-finalizer.argocd.argoproj.io"] }}, spec = {{ project = "default", source = {{ repoURL = "https://charts.example.com", chart = "hello", targetRevision = "0.1.0", helm = {{ releaseName = "hello", valuesObject = {VALUES} }} }}, destination = {{ server = "https://kubernetes.default.svc", namespace = "NAMESPACE-shop" }}, syncPolicy = {{ automated = {{ prune = true, selfHeal = true }} }} }} }}"#
            )
        }
    }

    fn is_from_the_repository(&self) {
        let files: Vec<String> = OBJECTS
            .iter()
            .map(|(name, object)| format!("\"objects/b-{name}.yaml\" = {object}"))
            .collect();
        let kind = if self.flux { "flux" } else { "argocd" };
        let text = format!(
            r#"
[resource.kubernetes_manifest.root]
manifest   = {}
depends_on = ["kubernetes_namespace.n"]

[resource.kubernetes_config_repository.platform]
repository = "file://{}"
path       = "platform"
owner      = "t/main"
engine     = {{ kind = "{kind}", namespace = "NAMESPACE", root = "platform" }}
depends_on = ["kubernetes_manifest.root"]
timeouts   = {{ create = "2m" }}
[resource.kubernetes_config_repository.platform.files]
"objects/a-namespace.yaml" = {{ apiVersion = "v1", kind = "Namespace", metadata = {{ name = "NAMESPACE-shop" }} }}
"objects/c-hello.yaml" = {}
{}
"#,
            self.watch(),
            self.bare.display(),
            self.release(),
            files.join("\n")
        );
        self.world.write(&text);
    }

    fn directly(&self) {
        let objects: Vec<String> = OBJECTS
            .iter()
            .map(|(name, object)| {
                format!(
                    "[resource.kubernetes_manifest.{name}]\nmanifest = {object}\ndepends_on = [\"kubernetes_namespace.shop\"]\n"
                )
            })
            .collect();
        let chart = self.chart.display().to_string();
        let text = format!(
            r#"
[resource.kubernetes_namespace.shop]
metadata = {{ name = "NAMESPACE-shop" }}
[resource.helm_release.hello]
name       = "hello"
namespace  = "${{kubernetes_namespace.shop.id}}"
chart      = {chart:?}
values     = {VALUES}
{}
"#,
            objects.join("")
        );
        self.world.write(&text);
    }

    fn get(&self, arguments: &[&str]) -> Vec<Json> {
        let told = self
            .world
            .kubectl(&[&["get", "-o", "json", "--show-managed-fields"], arguments].concat());
        let read: Json = serde_json::from_str(&told.stdout).unwrap_or_default();
        match read["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![read],
        }
    }

    /// What lives through it, by kind and name.
    fn lives(&self) -> BTreeMap<String, Json> {
        let shop = format!("{}-shop", self.world.name);
        let mut all = self.get(&["namespace", &shop]);
        all.extend(self.get(&[LIVES, "-n", &shop]));
        let named = all.into_iter().map(|object| {
            let text = |pointer: &str| {
                object
                    .pointer(pointer)
                    .and_then(Json::as_str)
                    .unwrap_or_default()
            };
            (
                format!("{} {}", text("/kind"), text("/metadata/name")),
                object,
            )
        });
        named
            // What `helm` keeps of a release becomes more.
            .filter(|(name, _)| !name.contains("sh.helm.release") && !name.contains("kube-root-ca"))
            .collect()
    }

    /// Parts of the engine that are left.
    fn parts(&self) -> String {
        let kinds = "applications.argoproj.io,kustomizations.kustomize.toolkit.fluxcd.io,helmreleases.helm.toolkit.fluxcd.io";
        self.world
            .kubectl(&["get", kinds, "-n", self.world.name, "-o", "name"])
            .stdout
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let ran = Command::new("git")
            .current_dir(&self.bare)
            .args(arguments)
            .output()
            .expect("git runs");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }
}

fn uid(object: &Json) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn is_taken_over(case: &Case, test: &str) {
    let world = &case.world;
    case.is_from_the_repository();
    let Some(engine) = Engine::start(world, case.flux, &case.bare, &case.chart, test) else {
        return;
    };
    world.apply();
    world.settled();
    until("the pods run", || {
        let pods = case.lives();
        let mut running = pods.iter().filter(|(k, _)| k.starts_with("Pod "));
        running.clone().count() >= 2 && running.all(|(_, p)| p["status"]["phase"] == "Running")
    });
    let before = case.lives();
    for part in [
        "Cluster database",
        "PersistentVolumeClaim volume",
        "Deployment hello",
        "Secret hello",
    ] {
        assert!(before.contains_key(part), "{part}: {:?}", before.keys());
    }

    case.directly();
    let plan = world.run(&["plan"]).expect(0).stdout;
    for part in [
        "kubernetes_namespace.shop will be taken over",
        "kubernetes_manifest.database will be taken over",
        "helm_release.hello will be taken over",
        "0 to add, 0 to change, 2 to destroy, 6 to take over",
    ] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    assert!(!plan.contains("it changes in"), "{plan}");
    world.apply();
    // It runs on, and has nothing to do any more.
    let rounds = engine.rounds();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(engine.rounds(), rounds);
    assert_eq!(case.parts(), "");
    assert_eq!(case.git(&["ls-tree", "-r", "--name-only", "main"]), "");

    let after = case.lives();
    for (name, object) in &before {
        let now = after.get(name).unwrap_or_else(|| panic!("{name} is gone"));
        assert_eq!(uid(now), uid(object), "{name} is another one");
        // What the Deployment's own controller has copied stays as it was; nothing was rolled out anew, as the pods tell.
        if name.starts_with("ReplicaSet ") {
            continue;
        }
        let text = now.to_string();
        for mark in [
            "argocd-controller",
            "argocd.argoproj.io",
            "kustomize-controller",
            "kustomize.toolkit.fluxcd.io",
            "\"helm-controller\"",
        ] {
            assert!(!text.contains(mark), "{name} has {mark}: {now:#}");
        }
    }
    world.settled();
    let shop = format!("{}-shop", world.name);
    let mut history = Command::new(&world.helm);
    history
        .args(["history", "hello", "-n", &shop, "-o", "json"])
        .env("KUBECONFIG", world.kubeconfig());
    let told = history.output().expect("helm runs").stdout;
    let told: Json = serde_json::from_slice(&told).expect("a history");
    let revisions = told.as_array().map(Vec::len);
    // The release that Flux made goes on; under Argo CD there was none.
    assert_eq!(revisions, Some(if case.flux { 2 } else { 1 }), "{told}");
    // From now on it is one like any other.
    case.world
        .run(&["destroy", "-auto-approve", "--allow-data-loss", "**"])
        .expect(0);
    assert!(world.is_gone());
    let told = world.kubectl(&["get", "namespace", &shop]);
    assert!(told.stderr.contains("not found"), "{told:?}");
}

#[test]
fn what_argo_cd_would_take_away_is_taken_over() {
    let test = "what_argo_cd_would_take_away_is_taken_over";
    if let Some(case) = Case::new(test, "back-argocd", false) {
        is_taken_over(&case, test);
    }
}

#[test]
fn what_flux_would_take_away_is_taken_over() {
    let test = "what_flux_would_take_away_is_taken_over";
    if let Some(case) = Case::new(test, "back-flux", true) {
        is_taken_over(&case, test);
    }
}
