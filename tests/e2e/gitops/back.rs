//! The way back from `delivery = "gitops"` to `"direct"`: everything that the repository brought is taken over where it is.

use super::Life;
use crate::hostile::Hostile;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A database besides, whose data are archived.
const DATABASE: &str = r#"
[bucket.backups]
cloud = "aws"
[hardening.main.apps.shop.postgres]
from   = ["back"]
backup = { bucket = "backups" }
"#;

/// Collections of what lives through it, namespaces and what holds data first.
const LIVES: &[&str] = &[
    "/api/v1/namespaces",
    "/api/v1/persistentvolumeclaims",
    "/apis/postgresql.cnpg.io/v1/clusters",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/api/v1/secrets",
    "/api/v1/services",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/cert-manager.io/v1/certificates",
    "/apis/gateway.networking.k8s.io/v1/gateways",
    "/apis/networking.k8s.io/v1/networkpolicies",
];

/// By what an object could still be an engine's.
const MARKS: [&str; 3] = [
    "gitops-stand-in",
    "argocd.argoproj.io/tracking-id",
    "kustomize.toolkit.fluxcd.io/name",
];

/// With a database, delivered one way or the other.
fn write(life: &Life, delivery: &str) {
    life.write(delivery, |text| {
        let text = text.replace("\"tls\", ", "\"tls\", \"database\", ");
        let (stack, outputs) = text.split_once("[outputs.address]").expect("outputs");
        format!("{stack}{DATABASE}[outputs.address]{outputs}")
    });
}

/// The cluster, looked at by its API.
pub(super) struct Look(Hostile);

impl Look {
    pub(super) fn at(life: &Life) -> Look {
        life.folder
            .write("kubeconfig", &life.server.kubeconfig("shop-main"));
        Look(Hostile::against(
            &life.folder.path().join("kubeconfig"),
            None,
        ))
    }

    pub(super) fn get(&self, path: &str) -> Option<Json> {
        let (api, none) = (self.0.api(), Json::Null);
        let call = api.call(http::Method::GET, path, "application/json", &none);
        self.0.runtime().block_on(call)
    }

    /// Objects by collection, namespace and name.
    fn objects(&self) -> BTreeMap<String, Json> {
        let mut all = BTreeMap::new();
        for path in LIVES {
            let list = self.get(path).unwrap_or_default();
            for object in list["items"].as_array().into_iter().flatten() {
                let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
                let key = format!("{path} {}/{}", text("namespace"), text("name"));
                all.insert(key, object.clone());
            }
        }
        all
    }

    /// What watches the folder.
    fn root(&self, engine: &str) -> Option<Json> {
        self.get(match engine {
            "argocd" => {
                "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/platform"
            }
            _ => "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/platform",
        })
    }

    /// How many objects are infra's by now, of those that it looks at.
    fn ours(&self) -> usize {
        let ours = |object: &&Json| managers(object).contains(&"infra");
        self.objects().values().filter(ours).count()
    }
}

fn managers(object: &Json) -> Vec<&str> {
    let entries = object["metadata"]["managedFields"].as_array();
    let names = entries.into_iter().flatten();
    names.filter_map(|e| e["manager"].as_str()).collect()
}

fn uid(object: &Json) -> &str {
    object["metadata"]["uid"].as_str().expect("a uid")
}

/// Everything that was there is there, the same one, and no engine's any more.
#[track_caller]
fn lived(before: &BTreeMap<String, Json>, after: &BTreeMap<String, Json>) {
    for path in &LIVES[..4] {
        let some = before.keys().any(|k| k.starts_with(path));
        assert!(some, "there is none of {path}: {:#?}", before.keys());
    }
    for (key, object) in before {
        let now = after.get(key).unwrap_or_else(|| panic!("{key} is gone"));
        assert_eq!(uid(now), uid(object), "{key} is another one");
    }
    for (key, object) in after {
        let text = object.to_string();
        for mark in MARKS {
            assert!(!text.contains(mark), "{key} has {mark}: {object:#}");
        }
    }
}

fn back(test: &str, engine: &'static str) {
    let Some(life) = Life::new(test, engine) else {
        return;
    };
    write(&life, "gitops");
    life.apply();
    let look = Look::at(&life);
    let before = look.objects();
    assert!(look.root(engine).is_some());
    assert!(before.values().any(|o| o.to_string().contains(MARKS[0])));

    write(&life, "direct");
    let plan = life.run(&["plan"]).expect(0).stdout;
    for part in [
        "hardening.main.kubernetes_namespace.shop will be taken over",
        "hardening.main.kubernetes_config_repository.platform has brought it; it is not made anew",
        "what it has brought is taken over before; none of that is deleted",
        " to take over",
    ] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    // What goes is the engine's way to the folder, and what was sealed for it.
    for line in plan.lines().filter(|l| l.ends_with("will be destroyed")) {
        let of = |part: &str| line.contains(part);
        assert!(of("platform") || of(".sealed_secret."), "{line}");
    }
    let told = life.apply();
    assert!(told.contains(" taken over"), "{told}");
    lived(&before, &look.objects());
    assert!(look.root(engine).is_none());
    // The folder goes by a commit of its own.
    assert_eq!(life.commits(), 2);
    assert!(!life.files().iter().any(|f| f.starts_with("platform/")));
    let message = life.git(&["log", "-1", "--format=%B", "main"]);
    assert!(message.contains("applied directly"), "{message}");
    let state = life.state();
    assert!(state.contains("hardening.main.kubernetes_namespace.shop"));
    assert!(!state.iter().any(|a| a.contains("config_repository")));
    life.settled();
    life.destroy();
}

#[test]
fn what_argo_cd_brought_is_taken_over() {
    back("what_argo_cd_brought_is_taken_over", "argocd");
}

#[test]
fn what_flux_brought_is_taken_over() {
    back("what_flux_brought_is_taken_over", "flux");
}

/// Begins the way back, and kills it when so many objects are taken over, if it is not done by then.
fn killed(life: &Life, look: &Look, taken: usize) {
    let flag = life.server.flag();
    let mut child = life
        .folder
        .command(&["apply", "-auto-approve", &flag])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let since = Instant::now();
    while look.ours() < taken && child.try_wait().expect("waits").is_none() {
        assert!(since.elapsed().as_secs() < 240, "nothing is taken over");
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    child.wait().expect("waits");
}

/// Killed wherever it is, it is gone on with: one way or the other.
#[test]
fn killed_on_the_way_back_a_run_is_gone_on_with() {
    let test = "killed_on_the_way_back_a_run_is_gone_on_with";
    let Some(life) = Life::new(test, "flux") else {
        return;
    };
    write(&life, "gitops");
    life.apply();
    let look = Look::at(&life);
    let before = look.objects();
    let first = look.ours();
    write(&life, "direct");
    killed(&life, &look, first + 3);
    assert_eq!(life.commits(), 1, "the folder goes last");

    // Whoever thinks better of it has the engine again.
    write(&life, "gitops");
    life.apply();
    assert!(look.root("flux").is_some());
    life.settled();
    let again = look.objects();
    for (key, object) in &before {
        assert_eq!(again.get(key).map(uid), Some(uid(object)), "{key}");
    }

    write(&life, "direct");
    for taken in [20, 60] {
        killed(&life, &look, first + taken);
    }
    life.apply();
    lived(&before, &look.objects());
    life.settled();
    life.destroy();
}
