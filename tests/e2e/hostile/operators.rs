//! Operators that make a cluster hard to live in, as some of those that people install do: they make anew what is deleted, hold what
//! is deleted, and change what they are given. They work through the API alone, so that they run beside a real API server and in the
//! sandbox alike. A round looks at everything and does what is to be done; errors are left to the next round.

use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The label of namespaces that the operators work in.
pub const HERE: &str = "hostile.example.com/here";
/// What holds objects that are being deleted.
pub const HOLD: &str = "hostile.example.com/hold";
/// The field manager of what is made anew.
pub const REMAKER: &str = "hostile-remaker";
/// What the second of two children is called; it is held twice as long as others, so that they are never both gone.
const LATER: &str = "later-child";
/// The label and annotation of what was meddled with.
const SEEN: &str = "hostile.example.com/seen";
/// The pause between two rounds.
const PAUSE: Duration = Duration::from_millis(150);

/// Where the objects of a kind are.
pub type Kind = (&'static str, &'static str);
pub const CONFIG_MAPS: Kind = ("/api/v1", "configmaps");
pub const SECRETS: Kind = ("/api/v1", "secrets");
pub const SERVICES: Kind = ("/api/v1", "services");
pub const DEPLOYMENTS: Kind = ("/apis/apps/v1", "deployments");
pub const POLICIES: Kind = ("/apis/networking.k8s.io/v1", "networkpolicies");
pub const QUOTAS: Kind = ("/api/v1", "resourcequotas");
/// What is held and meddled with.
pub const ALL: &[Kind] = &[
    CONFIG_MAPS,
    SECRETS,
    SERVICES,
    DEPLOYMENTS,
    POLICIES,
    QUOTAS,
];

/// The API of a cluster, by an administrator's kubeconfig, and the value of the label of the namespaces that are meant; all but the
/// system's without one.
#[derive(Clone)]
pub struct Api {
    client: kube::Client,
    here: Option<&'static str>,
}

/// How often an operator has done what it does.
#[derive(Clone, Default)]
pub struct Deeds(Arc<AtomicUsize>);

impl Deeds {
    fn done(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Operators of one cluster. They end with this.
pub struct Hostile {
    runtime: tokio::runtime::Runtime,
    api: Api,
}

/// When a finalizer is taken away from what is being deleted.
#[derive(Clone, Copy, Debug)]
pub enum Release {
    /// After so long.
    After(Duration),
    /// When the operator itself runs: a Deployment by namespace and name.
    By(&'static str, &'static str),
}

impl Hostile {
    /// In the namespaces whose label has this value; in all but the system's without one.
    pub fn against(kubeconfig: &Path, here: Option<&'static str>) -> Hostile {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let text = std::fs::read_to_string(kubeconfig).expect("a kubeconfig");
        let client = runtime.block_on(async {
            let read = kube::config::Kubeconfig::from_yaml(&text).expect("a kubeconfig");
            let config = kube::Config::from_custom_kubeconfig(read, &Default::default()).await;
            kube::Client::try_from(config.expect("a configuration")).expect("a client")
        });
        let api = Api { client, here };
        Hostile { runtime, api }
    }

    pub fn api(&self) -> &Api {
        &self.api
    }

    pub fn runtime(&self) -> &tokio::runtime::Runtime {
        &self.runtime
    }

    /// An object at its path.
    pub fn get(&self, path: &str) -> Json {
        let asked = self.api.get(path);
        self.runtime.block_on(asked).expect("an object")
    }

    /// Makes an object in a collection.
    pub fn make(&self, collection: &str, object: &Json) {
        let made = self
            .api
            .tried(http::Method::POST, collection, "application/json", object);
        let made = self.runtime.block_on(made);
        made.unwrap_or_else(|e| panic!("{collection}: {e}"));
    }

    /// Keeps two config maps for each Deployment, which owns them: deleted, they are made anew, for as long as the Deployment is there;
    /// also while that is being deleted and waits for what it owns to go, where `stubborn`.
    pub fn remakes(&self, stubborn: bool) -> Deeds {
        let (api, deeds) = (self.api.clone(), Deeds::default());
        let told = deeds.clone();
        self.runtime.spawn(async move {
            let mut known = BTreeSet::new();
            loop {
                api.remake(stubborn, &mut known, &deeds).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
        told
    }

    /// Puts a finalizer on every object of some kinds, and takes it away again when that is due.
    pub fn holds(&self, kinds: &'static [Kind], release: Release) -> Deeds {
        let (api, deeds) = (self.api.clone(), Deeds::default());
        let told = deeds.clone();
        self.runtime.spawn(async move {
            let mut leaving = BTreeMap::new();
            loop {
                for kind in kinds {
                    api.hold(*kind, release, &mut leaving, &deeds).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        told
    }

    /// Labels and annotates every object, gives config maps another entry and Deployments a sidecar.
    pub fn meddles(&self) -> Deeds {
        let (api, deeds) = (self.api.clone(), Deeds::default());
        let told = deeds.clone();
        self.runtime.spawn(async move {
            loop {
                for kind in ALL {
                    api.meddle(*kind, &deeds).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        told
    }
}

fn text<'j>(object: &'j Json, pointer: &str) -> &'j str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or("")
}

fn is_leaving(object: &Json) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

impl Api {
    /// One call; none when it is refused or not answered.
    pub async fn call(
        &self,
        method: http::Method,
        path: &str,
        content: &str,
        body: &Json,
    ) -> Option<Json> {
        self.tried(method, path, content, body).await.ok()
    }

    /// One call, and why it was refused.
    pub async fn tried(
        &self,
        method: http::Method,
        path: &str,
        content: &str,
        body: &Json,
    ) -> Result<Json, String> {
        let sent = match method {
            http::Method::GET => Vec::new(),
            _ => body.to_string().into_bytes(),
        };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content)
            .body(sent)
            .expect("a request");
        let answered = self.client.request_text(request).await;
        let answered = answered.map_err(|e| e.to_string())?;
        serde_json::from_str(&answered).map_err(|e| e.to_string())
    }

    async fn get(&self, path: &str) -> Option<Json> {
        let none = Json::Null;
        self.call(http::Method::GET, path, "application/json", &none)
            .await
    }

    async fn items(&self, path: &str) -> Vec<Json> {
        let list = self.get(path).await.unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// What namespaces are meant.
    pub fn here(&self) -> Option<&'static str> {
        self.here
    }

    async fn namespaces(&self) -> Vec<String> {
        let all = self.items("/api/v1/namespaces").await;
        let mut names = Vec::new();
        for namespace in all {
            let name = text(&namespace, "/metadata/name");
            let meant = match self.here {
                Some(here) => namespace["metadata"]["labels"][HERE] == here,
                None => !name.starts_with("kube-"),
            };
            if meant {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The objects of a kind in all namespaces that are meant; not those that every namespace has by itself.
    async fn all(&self, kind: Kind) -> Vec<Json> {
        let mut found = Vec::new();
        for namespace in self.namespaces().await {
            let path = format!("{}/namespaces/{namespace}/{}", kind.0, kind.1);
            found.extend(self.items(&path).await);
        }
        found.retain(|o| text(o, "/metadata/name") != "kube-root-ca.crt");
        found
    }

    fn path(kind: Kind, object: &Json) -> String {
        let (namespace, name) = (
            text(object, "/metadata/namespace"),
            text(object, "/metadata/name"),
        );
        format!("{}/namespaces/{namespace}/{}/{name}", kind.0, kind.1)
    }

    async fn remake(&self, stubborn: bool, known: &mut BTreeSet<String>, deeds: &Deeds) {
        let maps = self.all(CONFIG_MAPS).await;
        for owner in self.all(DEPLOYMENTS).await {
            if is_leaving(&owner) && !stubborn {
                continue;
            }
            for suffix in ["child", LATER] {
                self.remake_one(&owner, suffix, &maps, known, deeds).await;
            }
        }
    }

    async fn remake_one(
        &self,
        owner: &Json,
        suffix: &str,
        maps: &[Json],
        known: &mut BTreeSet<String>,
        deeds: &Deeds,
    ) {
        let uid = text(owner, "/metadata/uid");
        let namespace = text(owner, "/metadata/namespace");
        let name = format!("{}-{suffix}", text(owner, "/metadata/name"));
        let there = maps.iter().any(|m| {
            text(m, "/metadata/name") == name && text(m, "/metadata/namespace") == namespace
        });
        if there {
            return;
        }
        let child = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name, "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "name": owner["metadata"]["name"], "uid": uid,
                "controller": true, "blockOwnerDeletion": true,
            }] },
        });
        let path = format!("/api/v1/namespaces/{namespace}/configmaps?fieldManager={REMAKER}");
        let made = self
            .call(http::Method::POST, &path, "application/json", &child)
            .await;
        if made.is_some() && !known.insert(format!("{uid}/{suffix}")) {
            deeds.done();
        }
    }

    async fn hold(
        &self,
        kind: Kind,
        release: Release,
        leaving: &mut BTreeMap<String, Instant>,
        deeds: &Deeds,
    ) {
        for object in self.all(kind).await {
            let held = object["metadata"]["finalizers"].as_array();
            let mut held = held.cloned().unwrap_or_default();
            let is_held = held.iter().any(|f| f == HOLD);
            let release = if is_leaving(&object) {
                let uid = text(&object, "/metadata/uid").to_owned();
                let since = *leaving.entry(uid).or_insert_with(Instant::now);
                is_held && self.is_due(release, since, &object).await
            } else {
                false
            };
            if release {
                held.retain(|f| f != HOLD);
            } else if !is_leaving(&object) && !is_held {
                held.push(HOLD.into());
            } else {
                continue;
            }
            // Of this version only: others may have written since.
            let patch = json!({ "metadata": {
                "finalizers": held, "resourceVersion": object["metadata"]["resourceVersion"],
            } });
            let path = format!("{}?fieldManager=hostile-holder", Self::path(kind, &object));
            let done = self
                .call(
                    http::Method::PATCH,
                    &path,
                    "application/merge-patch+json",
                    &patch,
                )
                .await;
            if done.is_some() && release {
                deeds.done();
            }
        }
    }

    async fn is_due(&self, release: Release, since: Instant, object: &Json) -> bool {
        match release {
            Release::After(time) => {
                let later = text(object, "/metadata/name").ends_with(LATER);
                since.elapsed() >= time * if later { 2 } else { 1 }
            }
            Release::By(namespace, name) => {
                let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
                let operator = self.get(&path).await.unwrap_or_default();
                operator["status"]["readyReplicas"].as_i64().unwrap_or(0) > 0
            }
        }
    }

    async fn meddle(&self, kind: Kind, deeds: &Deeds) {
        for object in self.all(kind).await {
            if is_leaving(&object) || object["metadata"]["labels"][SEEN] == "yes" {
                continue;
            }
            let (version, kind_name) = match kind {
                CONFIG_MAPS => ("v1", "ConfigMap"),
                SECRETS => ("v1", "Secret"),
                SERVICES => ("v1", "Service"),
                POLICIES => ("networking.k8s.io/v1", "NetworkPolicy"),
                QUOTAS => ("v1", "ResourceQuota"),
                _ => ("apps/v1", "Deployment"),
            };
            let mut more = json!({
                "apiVersion": version, "kind": kind_name,
                // With it, nothing is made anew that has gone since.
                "metadata": {
                    "name": object["metadata"]["name"], "uid": object["metadata"]["uid"],
                    "labels": { SEEN: "yes" }, "annotations": { SEEN: "yes" },
                },
            });
            if kind == CONFIG_MAPS {
                more["data"] = json!({ "hostile-default": "yes" });
            }
            if kind == DEPLOYMENTS {
                more["spec"] = json!({ "template": {
                    "metadata": { "labels": { SEEN: "yes" } },
                    "spec": { "containers": [sidecar("meddler")] },
                } });
            }
            let path = format!("{}?fieldManager=hostile-meddler", Self::path(kind, &object));
            let content = "application/apply-patch+yaml";
            if self
                .call(http::Method::PATCH, &path, content, &more)
                .await
                .is_some()
            {
                deeds.done();
            }
        }
    }
}

/// A container that nobody asked for, and that every policy lets through.
pub fn sidecar(name: &str) -> Json {
    json!({
        "name": name,
        "image": "registry.k8s.io/pause:3.10",
        "resources": { "requests": { "cpu": "1m", "memory": "1Mi" }, "limits": { "cpu": "10m", "memory": "8Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
    })
}
